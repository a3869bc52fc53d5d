"""The decorator that makes a function a modification, and the catalogue it enters."""

import inspect
import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from rungs.foundation.errors import ParameterError, RecipeError, RungsError, UnchangedError
from rungs.foundation.values import OtherRung
from rungs.foundation.wording import did_you_mean, shown, what_happened
from rungs.recipe import Recipe, diff
from rungs.recipe.components.core import current_module, in_our_words, kinds
from rungs.recipe.mistakes import findings
from rungs.recipe.synonyms import change_of, field_of, why_absent

FAMILIES = ("architecture", "augmentation", "optimisation", "regularisation")

_CATALOGUE: dict[str, "Modification"] = {}


@dataclass(frozen=True)
class Modification:
    """A catalogue entry.

    Attributes:
        name: as study files write it.
        function: ``(recipe, **parameters) -> recipe``, pure.
        family: architecture, augmentation, regularisation or optimisation.
        source: the paper or report it comes from.
        example: parameters with which it changes the default recipe, for tests and docs.
        needs: modifications without which it has nothing to change, by name.
        former: parameters that were called otherwise before, with that name, which is still read.
    """

    name: str
    function: Callable[..., Recipe]
    family: str
    source: str
    example: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    former: Mapping[str, str] = field(default_factory=dict)

    @property
    def doc(self) -> str:
        """The first sentence of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The keyword parameters by the names that study files have for them, in order."""
        return {written(item.name): item for item in _parameters(self.function)}

    @property
    def rungs(self) -> tuple[str, ...]:
        """The parameters that name another rung of the study: see `RungName`."""
        marks = {
            name: getattr(parameter.annotation, "__metadata__", ())
            for name, parameter in self.parameters.items()
        }
        return tuple(
            name
            for name, of_type in marks.items()
            if any(isinstance(mark, OtherRung) for mark in of_type)
        )

    @property
    def signature(self) -> str:
        """The call as the catalogue shows it, e.g. ``dropout(rates)``."""
        shown = [
            name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
            for name, parameter in self.parameters.items()
        ]
        return f"{self.name}({', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """What the catalogue says of it, in plain JSON types; needed parameters have no default."""
        return {
            "name": self.name,
            "family": self.family,
            "call": self.signature,
            "parameters": [
                {"name": name}
                if parameter.default is parameter.empty
                else {"name": name, "default": repr(parameter.default)}
                for name, parameter in self.parameters.items()
            ],
            "doc": self.doc,
            "source": self.source,
            "needs": list(self.needs),
        }

    def parse(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values checked against the function's annotations.

        Raises:
            ParameterError: with every mistake and its place below the modification.
        """
        model = _model(self.function)
        plain = self.in_our_words(values)
        try:
            checked = model.model_validate(dict(plain))
        except ValidationError as error:
            found = findings(error, model, plain, unknown="parameter")
            written: dict[object, str] = {
                self._name_of_today(name): name for name in values if name not in plain
            }
            mistakes = [
                replace(
                    item,
                    path=(*(written.get(part, part) for part in item.path[:1]), *item.path[1:]),
                )
                for item in found.mistakes
            ]
            raise ParameterError(mistakes) from error
        return {name: getattr(checked, name) for name in self.parameters}

    def in_our_words(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values under the names that parameters have today, and components by our words."""
        found = {}
        parameters = self.parameters
        for name, value in values.items():
            # A dict of Python's may have keys that are no text, which the form refuses.
            today = self._name_of_today(str(name)) if name not in parameters else name
            # Of two that mean one, both stay: that is for the form to refuse.
            own = name if today in values or today in found else today
            seam: Any = parameters[own].annotation if own in parameters else None
            found[own] = in_our_words(seam, value) if kinds(seam) else value
        return found

    def _name_of_today(self, name: str) -> str:
        before = {former: today for today, former in self.former.items()}
        return before.get(name) or field_of(name, self.parameters)


@cache
def _model(function: Callable[..., Recipe]) -> type[BaseModel]:
    """The form of a modification's parameters, from its annotations."""
    fields: dict[str, Any] = {
        written(parameter.name): (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in _parameters(function)
    }
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def written(name: str) -> str:
    """A parameter as study files have it: of ``from_``, which Python needs, ``from``."""
    plain = name.removesuffix("_")
    return plain if keyword.iskeyword(plain) else name


def _parameters(function: Callable[..., Recipe]) -> list[inspect.Parameter]:
    """The keyword parameters, in order."""
    return [
        parameter
        # In a module with `from __future__ import annotations` these are texts.
        for parameter in inspect.signature(function, eval_str=True).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def modification(
    *,
    family: str,
    source: str,
    needs: tuple[str, ...] = (),
    former: Mapping[str, str] | None = None,
    **example: Any,
) -> Callable[[Callable[..., Recipe]], Callable[..., Recipe]]:
    """Enters a function ``(recipe, *, ...) -> recipe`` into the catalogue under its own name.

    In a module that a study names, ``module:`` stands before the name.

    Args:
        family: architecture, augmentation, regularisation or optimisation.
        source: the paper or report that it comes from.
        needs: modifications without which it has nothing to change, by name.
        former: parameters that were called otherwise before, with that name, which is still read.
        example: parameters with which it changes the default recipe; one that is a word of
            Python's, such as ``from``, ends in ``_`` here and in the function alone.

    Raises:
        RecipeError: two have one name, or a user's has a parameter without a type.

    Example:
        from rungs.extend import Count, Recipe, replace

        @rungs.modification(family="optimisation", source="my notes, 2026", size=256)
        def larger_batches(recipe: Recipe, *, size: Count) -> Recipe:
            '''Sets the images of an update.'''
            return replace(recipe, batch_size=size)
    """

    def enter(function: Callable[..., Recipe]) -> Callable[..., Recipe]:
        module = current_module()
        name = function.__name__ if module is None else f"{module}:{function.__name__}"
        if name in _CATALOGUE:
            raise RecipeError(f"two modifications are called '{name}'")
        if module is not None:
            _check_parameters(name, function)
        before = dict(former or {})
        shown_by = {written(parameter): value for parameter, value in example.items()}
        _CATALOGUE[name] = Modification(name, function, family, source, shown_by, needs, before)
        return function

    return enter


def _check_parameters(name: str, function: Callable[..., Recipe]) -> None:
    """Finds a user's slip where it is read, not where a study first uses it."""
    slips = [
        f"'{item.name}' has none" for item in _parameters(function) if item.annotation is item.empty
    ]
    if not inspect.signature(function).parameters:
        slips = ["there is no recipe"]
    if slips:
        raise RecipeError(
            f"modification {name}: expected (recipe, *, ...), every parameter after * with a type "
            f"such as rungs.extend.Positive; {slips[0]}"
        )
    _model(function)  # a type that cannot be checked is refused here


def catalogue() -> tuple[Modification, ...]:
    """All modifications, by family and name."""
    return tuple(sorted(_CATALOGUE.values(), key=lambda entry: (entry.family, entry.name)))


def owned_modifications(module: str) -> tuple[Modification, ...]:
    """The modifications of a user's module, by name."""
    return tuple(entry for entry in catalogue() if entry.name.startswith(f"{module}:"))


def forget_modifications(module: str) -> None:
    """Takes the modifications of a user's module out of the catalogue."""
    for entry in owned_modifications(module):
        del _CATALOGUE[entry.name]


def find(name: str) -> Modification:
    """The modification of that name, which may be another's word for it.

    Raises:
        RecipeError: there is none; the message says why, or proposes the nearest name.
    """
    name = change_of(name, _CATALOGUE)
    if name not in _CATALOGUE:
        why = why_absent(name)
        if why is not None:
            raise RecipeError(f"there is no modification {shown(name)}: {why}")
        known = did_you_mean(name, sorted(_CATALOGUE))
        if ":" in name:
            known += (
                "; one of your own needs its module: `modules` in a study, `--module` elsewhere"
            )
        raise RecipeError(f"there is no modification {shown(name)}{known}")
    return _CATALOGUE[name]


def apply(recipe: Recipe, name: str, values: Mapping[str, Any]) -> Recipe:
    """The recipe after a modification.

    Raises:
        UnchangedError: it changes nothing here.
        ParameterError: wrong parameters: every mistake.
        RecipeError: unknown name, or the changed recipe is not valid; also whatever goes wrong in a
            function that is not ours.
    """
    entry = find(name)
    changed = _changed(entry, recipe, entry.parse(values))
    if not diff(recipe, changed):
        raise UnchangedError(f"{name} changes nothing here")
    return changed


def _changed(entry: Modification, recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """What an entry's function gives, which need not be ours.

    Raises:
        RecipeError: it says so, or a user's function failed, or gives something else.
    """
    try:
        named = {entry.parameters[name].name: value for name, value in values.items()}
        changed: object = entry.function(recipe, **named)
    except RungsError:
        raise
    except ValidationError as error:  # of a component, whose fields do not go together
        raise RecipeError(f"{entry.name}: {'; '.join(map(_said, error.errors()))}") from error
    except Exception as error:
        if entry.function.__module__.startswith("rungs."):
            raise
        file = f"{entry.name.partition(':')[0]}.py"
        raise RecipeError(f"{entry.name} fails here: {what_happened(error, file)}") from error
    if not isinstance(changed, Recipe):
        found = type(changed).__name__
        raise RecipeError(f"{entry.name} must give back a recipe, found {found}: return it")
    return changed


def _said(detail: Any) -> str:
    """What a component found wrong with its fields, and with which if it names one."""
    place = ".".join(map(str, detail["loc"]))
    said = str(detail["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def example_recipe(entry: Modification) -> Recipe:
    """The recipe that an example changes: the default one after what the modification needs."""
    recipe = Recipe()
    for name in entry.needs:
        needed = find(name)
        recipe = apply(recipe, needed.name, needed.example)
    return recipe
