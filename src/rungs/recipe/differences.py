"""What differs between two recipes, and the values of a recipe's fields by their paths."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rungs.foundation.errors import RecipeError
from rungs.foundation.wording import did_you_mean, shown
from rungs.recipe.components.core import name_of_today
from rungs.recipe.tree import Recipe, recipe_to_dict

# The field that holds the key of another rung's recipe.
TEACHER = "teaching.teacher"


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a recipe's plain form with its path, such as ``network.block.depth``."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for position, item in enumerate(value):
            yield from leaves(item, f"{place}[{position}]")
    else:
        yield place, value


@dataclasses.dataclass(frozen=True)
class Difference:
    """One field in which two recipes differ; ``None`` stands for a field that is not there."""

    place: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.place == TEACHER:
            return self._taught
        if self.before is None:
            return f"{self.place} = {show(self.after)}"
        if self.after is None:
            return f"{self.place} removed"
        return f"{self.place} {show(self.before)} -> {show(self.after)}"

    @property
    def _taught(self) -> str:
        """Of the teacher: a study puts its title where a recipe has a key."""
        if self.after is None:
            return f"no longer taught by {self.before}"
        instead = "" if self.before is None else f" instead of {self.before}"
        return f"taught by {self.after}{instead}"


def show(value: Any) -> str:
    """A field's plain value for people."""
    if isinstance(value, list):
        return "-".join(show(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def diff(before: Recipe, after: Recipe) -> tuple[Difference, ...]:
    """What changed from one recipe to another, field by field."""
    old = dict(leaves(recipe_to_dict(before)))
    new = dict(leaves(recipe_to_dict(after)))
    return tuple(
        Difference(place, old.get(place), new.get(place))
        for place in dict.fromkeys([*old, *new])
        if old.get(place) != new.get(place)
        and not (old.get(place) in (None, []) and new.get(place) in (None, []))
    )


def _fields(value: Any) -> Sequence[dataclasses.Field[Any]]:
    return dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()


def value_at(recipe: Recipe, place: str) -> Any:
    """The value of a recipe's field by its path, such as ``transforms[0].rotation``.

    Raises:
        RecipeError: there is no such field; the message proposes a near one.
    """
    here: Any = recipe
    passed = "a recipe"
    for part in place.replace("[", ".[").split("."):
        position = re.fullmatch(r"\[([0-9]{1,3})\]", part)
        if position and isinstance(here, tuple):
            if int(position[1]) >= len(here):
                raise RecipeError(f"{passed} has {len(here)} items, counted from 0")
            here = here[int(position[1])]
        else:
            known = [field.name for field in _fields(here)]
            part = name_of_today(here, part)
            if part not in known:
                message = f"{passed} has no field {shown(part)}{did_you_mean(part, known)}"
                raise RecipeError(message)
            here = getattr(here, part)
        passed = part if passed == "a recipe" else f"{passed}.{part}"
    return here
