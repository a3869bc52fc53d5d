"""The rungs' recipes, each from its parent's, changed by its modifications in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rungs.foundation.errors import Mistake, ParameterError, RecipeError, UnchangedError
from rungs.foundation.wording import nearest, shown
from rungs.recipe import Difference, Recipe, diff, recipe_from_dict
from rungs.recipe.calls import parse_change
from rungs.recipe.components import Convolutional, Recorded, is_recorded
from rungs.recipe.modifications import apply, find
from rungs.study.model import Step
from rungs.study.names import Names, name_of
from rungs.study.view import View


@dataclass(frozen=True)
class Folded:
    """What came of a rung.

    Attributes:
        steps: the modifications.
        changes: the same as calls, e.g. ``dropout(rates=[0.1, 0.2])``.
        recipe: what is trained.
        difference: what changed against the parent, field by field; empty for a root.
    """

    steps: tuple[Step, ...]
    changes: tuple[str, ...]
    recipe: Recipe
    difference: tuple[Difference, ...]


def fold(
    top: View, names: Names, image_size: tuple[int, int] | None, mistakes: list[Mistake]
) -> dict[str, Folded]:
    """The rungs by name, without those whose recipe hangs on a mistake.

    Parameters of modifications are checked in any case; what needs the recipe, such as whether a
    step changes anything, only where the recipe is known.

    Args:
        top: the file.
        names: of its rungs.
        image_size: height and width of the images, if known.
        mistakes: where what is found is added.
    """
    root = _root(top)
    rungs = [rung for rung in top.items("rungs") if rung.known]
    circling = _check_circles(rungs, mistakes)
    folded: dict[str, Folded] = {}
    passed: set[str | None] = set()
    for rung in rungs:
        name = name_of(rung)
        if _says_recorded(rung):
            _check_recorded(rung, None if name in circling else name, names, passed, mistakes)
            if name is not None and name not in passed:
                folded[name] = _recorded(top, rung, name)
            passed.add(name)
            continue
        if rung.has("after"):
            after = None if name in circling else _after(rung, names, passed, mistakes)
            parent = folded[after].recipe if after in folded else None
            if parent is not None and is_recorded(parent):
                message = (
                    f"{shown(after)} is trained elsewhere, so that nothing is known that "
                    f"{shown(name)} could change; expected a rung that is trained here, or "
                    f"recorded = true for {shown(name)} too"
                )
                mistakes.append(Mistake((*rung.path, "after"), message))
                parent = None
        else:
            parent = root
        result = _changed(rung, parent, image_size, mistakes)
        if result is not None and name is not None and name not in passed:
            folded[name] = result
        passed.add(name)
    return folded


def _says_recorded(rung: View) -> bool:
    """Whether a rung of the file is trained elsewhere."""
    recorded = rung.get("recorded")
    return recorded is not None and recorded.plain is True


def _check_recorded(
    rung: View,
    name: str | None,
    names: Names,
    passed: set[str | None],
    mistakes: list[Mistake],
) -> None:
    """What a rung that is trained elsewhere may stand on, and that it applies nothing."""
    if rung.has("after") and name is not None:
        _after(rung, names, passed, mistakes)
    if rung.has("apply"):
        message = (
            "a rung that is recorded is trained elsewhere, where nothing can be applied; leave it "
            "out, and say in 'title' what changes"
        )
        mistakes.append(Mistake((*rung.path, "apply"), message))


def _recorded(top: View, rung: View, name: str) -> Folded:
    recipe = Recipe(network=Recorded(study=(name_of(top) or "")[:100], rung=name[:100]))
    title = rung.text("title")
    return Folded((), (f"recorded: {title}" if title else "recorded",), recipe, ())


def _root(top: View) -> Recipe | None:
    """The recipe on which roots stand, if the file has it right."""
    if not top.has("recipe"):
        return Recipe()
    recipe = top.get("recipe")
    return recipe_from_dict(recipe.plain) if recipe is not None and recipe.sound else None


def _check_circles(rungs: list[View], mistakes: list[Mistake]) -> set[str | None]:
    """Names of rungs that stand, by way of others, on themselves."""
    after = {name_of(rung): rung.text("after") for rung in reversed(rungs)}  # of two, the first
    circling: set[str | None] = set()
    for rung in rungs:
        name = name_of(rung)
        way = [name]
        while (following := after.get(way[-1])) is not None and following not in way:
            way.append(following)
        if following is None or following != name or name in circling:
            continue
        circling.update(way)
        shape = " after ".join(shown(each) for each in [*way, name])
        mistakes.append(Mistake((*rung.path, "after"), f"rungs stand in a circle: {shape}"))
    return circling


def _after(
    rung: View, names: Names, passed: set[str | None], mistakes: list[Mistake]
) -> str | None:
    """The parent, if it stands before its child."""
    after = rung.text("after")
    if after is None or after in passed:
        return after
    problem = names.problem(after)
    if after in names.known:
        problem = f"{shown(after)} must stand before {shown(name_of(rung))}"
    if problem:
        mistakes.append(Mistake((*rung.path, "after"), problem))
    return None


def _changed(
    rung: View,
    parent: Recipe | None,
    image_size: tuple[int, int] | None,
    mistakes: list[Mistake],
) -> Folded | None:
    before = len(mistakes)
    if rung.has("after") and (
        not rung.has("apply") or ((steps := rung.get("apply")) is not None and not steps.plain)
    ):
        message = f"rung {shown(name_of(rung))} changes nothing: apply is empty"
        mistakes.append(Mistake(rung.path, message))
    recipe = None if rung.has("apply") and rung.get("apply") is None else parent
    recipe, applied = _apply(rung, recipe, mistakes)
    if recipe is None or parent is None:
        return None
    difference = diff(parent, recipe) if rung.has("after") else ()
    if rung.has("after") and not difference and len(mistakes) == before:
        message = f"rung {shown(name_of(rung))} changes nothing: its changes cancel out"
        mistakes.append(Mistake(rung.path, message))
    if image_size is not None and isinstance(recipe.network, Convolutional):
        try:
            smallest = [recipe.resolution.smallest(length) for length in image_size]
            recipe.network.sizes((smallest[0], smallest[1]))
        except RecipeError as error:
            mistakes.append(Mistake(rung.path, str(error)))
            return None
    return Folded(applied, tuple(_shown_call(*step) for step in applied), recipe, difference)


def _apply(
    rung: View, recipe: Recipe | None, mistakes: list[Mistake]
) -> tuple[Recipe | None, tuple[Step, ...]]:
    """The recipe after all steps, or None from the first that is wrong; the steps."""
    calls: list[Step] = []
    for step in rung.items("apply"):
        call = _call(step, mistakes)
        if call is None:
            recipe = None
            continue
        if call in calls:
            message = f"the same change as apply[{calls.index(call)}]"
            mistakes.append(Mistake(step.path, message))
            continue
        calls.append(call)
        if recipe is None:
            continue
        try:
            recipe = apply(recipe, *call)
        except UnchangedError as error:
            mistakes.append(Mistake(step.path, str(error)))
        except RecipeError as error:
            mistakes.append(Mistake(step.path, str(error)))
            recipe = None
    return recipe, tuple(calls)


def _call(step: View, mistakes: list[Mistake]) -> tuple[str, dict[str, Any]] | None:
    """A step's modification and parameters, if these are right by themselves."""
    if not step.known:
        return None
    values: dict[str, Any] = {} if isinstance(step.plain, str) else dict(step.plain)
    name = step.plain if isinstance(step.plain, str) else values.pop("name", None)
    path = step.path if isinstance(step.plain, str) else (*step.path, "name")
    if name is None:
        near = nearest("name", tuple(values))
        if near is not None:
            mistakes.append(Mistake((*step.path, near), "unknown key; did you mean 'name'?"))
        else:
            message = "is needed, but missing; expected a modification's name"
            mistakes.append(Mistake(path, message))
        return None
    if not isinstance(name, str):
        message = f"expected a modification's name, found {shown(name)}"
        mistakes.append(Mistake(path, message))
        return None
    try:
        if isinstance(step.plain, str):
            name, values = parse_change(name)
        entry = find(name)
        entry.parse(values)
    except ParameterError as error:
        mistakes += [Mistake((*step.path, *item.path), item.message) for item in error.mistakes]
        return None
    except RecipeError as error:
        mistakes.append(Mistake(path, _as_text(step.plain, name) or str(error)))
        return None
    return entry.name, entry.in_our_words(values)


def _as_text(step: object, name: str) -> str | None:
    """How a call is written that stands as the name in a table; None of another name."""
    try:
        if isinstance(step, str) or not parse_change(name)[1]:
            return None
    except RecipeError:
        return None
    return f"a table's name is no call; write {shown(name)} without the table"


def _shown_call(name: str, values: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={_shown_value(value)}' for key, value in values.items())})"


def _shown_value(value: Any) -> str:
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key}={item}" for key, item in value.items() if key != "kind")
        kind = value.get("kind", "")
        return f"{kind}({rest})" if rest else str(kind)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
