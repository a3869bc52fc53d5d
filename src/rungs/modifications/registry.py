"""The decorator that makes a function a modification, and the catalogue it enters."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from rungs.errors import Mistake, ParameterError, RecipeError
from rungs.recipe import Recipe, diff

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
    """

    name: str
    function: Callable[..., Recipe]
    family: str
    source: str
    example: Mapping[str, Any]

    @property
    def doc(self) -> str:
        """The first sentence of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The keyword parameters, in order."""
        signature = inspect.signature(self.function)
        return {
            name: parameter
            for name, parameter in signature.parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @property
    def signature(self) -> str:
        """The call as the catalogue shows it, e.g. ``dropout(rates)``."""
        shown = [
            name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
            for name, parameter in self.parameters.items()
        ]
        return f"{self.name}({', '.join(shown)})"

    def parse(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values checked against the function's annotations.

        Raises:
            ParameterError: with every mistake and its place below the modification.
        """
        fields: dict[str, Any] = {
            name: (
                parameter.annotation,
                ... if parameter.default is parameter.empty else parameter.default,
            )
            for name, parameter in self.parameters.items()
        }
        model = create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)
        try:
            checked = TypeAdapter(model).validate_python(dict(values))
        except ValidationError as error:
            raise ParameterError(
                [
                    Mistake(
                        ".".join(str(part) for part in detail["loc"]),
                        _explain(detail, list(fields)),
                    )
                    for detail in error.errors()
                ]
            ) from error
        return {name: getattr(checked, name) for name in fields}


def _explain(detail: Any, known: list[str]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return f"unknown parameter{did_you_mean(name, known)}"
    if detail["type"] == "missing":
        return "is needed, but missing"
    return f"{detail['msg'].removeprefix('Value error, ')}, found {detail['input']!r}"


def did_you_mean(name: str, known: list[str]) -> str:
    """``", did you mean 'x'?"`` where a known name is close, else the list of known names."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(known)}" if known else ""


def modification(
    *, family: str, source: str, **example: Any
) -> Callable[[Callable[..., Recipe]], Callable[..., Recipe]]:
    """Enters a function ``(recipe, *, ...) -> recipe`` into the catalogue under its own name.

    Args:
        family: architecture, augmentation, regularisation or optimisation.
        source: the paper or report that it comes from.
        example: parameters with which it changes the default recipe.
    """

    def enter(function: Callable[..., Recipe]) -> Callable[..., Recipe]:
        name = function.__name__
        if name in _CATALOGUE:
            raise RecipeError(f"two modifications are called '{name}'")
        _CATALOGUE[name] = Modification(name, function, family, source, example)
        return function

    return enter


def catalogue() -> tuple[Modification, ...]:
    """All modifications, by family and name."""
    return tuple(sorted(_CATALOGUE.values(), key=lambda entry: (entry.family, entry.name)))


def find(name: str) -> Modification:
    """The modification of that name.

    Raises:
        RecipeError: there is none; the message proposes the nearest name.
    """
    if name not in _CATALOGUE:
        raise RecipeError(f"unknown modification '{name}'{did_you_mean(name, sorted(_CATALOGUE))}")
    return _CATALOGUE[name]


def apply(recipe: Recipe, name: str, values: Mapping[str, Any]) -> Recipe:
    """The recipe after a modification.

    Raises:
        RecipeError: unknown name, wrong parameters, or a change that changes nothing.
    """
    entry = find(name)
    changed = entry.function(recipe, **entry.parse(values))
    if not diff(recipe, changed):
        raise RecipeError(f"{name} changes nothing here")
    return changed
