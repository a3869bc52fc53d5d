"""Types of single values, taken as they are written: no text or truth value becomes a number."""

import re
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from rungs.foundation.limits import MAX_EPOCHS, MAX_FOLDS, MAX_SEEDS, MAX_TEXT

T = TypeVar("T")

Flag = Annotated[bool, Field(strict=True)]

Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Epochs = Annotated[int, Field(strict=True, ge=1, le=MAX_EPOCHS)]
Seeds = Annotated[int, Field(strict=True, ge=1, le=MAX_SEEDS)]
Folds = Annotated[int, Field(strict=True, ge=2, le=MAX_FOLDS)]

# A number that is printed in full; the bounds also keep out infinity.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e30)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1e30)]
Rate = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, lt=1)]
Fraction = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]

# Lists that are held in memory and read by people.
Several = Annotated[tuple[T, ...], Field(max_length=200)]
Stages = Annotated[tuple[T, ...], Field(max_length=64)]

# Windows keeps these for devices, whatever stands after a dot.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{name}{n}" for name in ("com", "lpt") for n in "123456789"
}


def expected(what: str) -> PydanticCustomError:
    """An error of a validator; the message goes on with what was found."""
    return PydanticCustomError("expected", "{what}", {"what": f"expected {what}"})


NAME_FORM = "1 to 64 letters, digits, '_', '-' and '.', first a letter or digit, last no '.'"


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?", value):
        raise expected(NAME_FORM)
    if value.lower().split(".")[0] in _DEVICES:
        raise expected("a name that is not kept for devices on Windows")
    return value


def _printable(value: str) -> str:
    if not all(character.isprintable() or character in "\n\t" for character in value):
        raise expected("text without control characters")
    return value


# A name is safe as that of a folder on every system.
Name = Annotated[str, AfterValidator(_name), Field(description=NAME_FORM)]


@dataclass(frozen=True)
class OtherRung:
    """Marks the type of a modification's parameter that names another rung of the study."""


# As a study writes it, a rung's name; the modification is given the key of that rung's recipe.
RungName = Annotated[Name, OtherRung()]
Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_printable)]
