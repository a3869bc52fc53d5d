"""The form of a study file: its tables, their keys and the types of their values."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rungs.dataspec import DataSpec
from rungs.recipe import Recipe
from rungs.values import (
    Epochs,
    Flag,
    Fraction,
    Name,
    NotNegative,
    Number,
    Positive,
    Seeds,
    Several,
    Text,
)


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reported(_Form):
    """What the study's source reports for a rung, shown beside ours."""

    test_accuracy: Fraction | None = None
    parameters: Annotated[int, Field(strict=True, ge=1, le=10**12)] | None = None
    epochs: Epochs | None = None
    notes: Text = ""


class Assumption(_Form):
    """A reading of what the source leaves open: a field of a rung's recipe, and why it is so."""

    field: Text
    text: Text
    rung: str | None = None


class Erratum(_Form):
    """Something that the study's source says and that is not so; shown, not copied."""

    said: Text
    found: Text


class Quantity(_Form):
    """A measured number: see `rungs.claims` for the measures.

    ``images`` is that of a ``part``, ensemble measures of an ``ensemble``, all others of a
    ``rung``: exactly that one is named.
    """

    measure: Literal[
        "images",
        "learning_rate",
        "parameters",
        "test_accuracy",
        "val_accuracy",
        "val_loss",
        "best_epoch",
        "tested_epoch",
        "gap",
        "roughness",
        "late_gain",
        "best_class_accuracy",
        "worst_class_accuracy",
        "ensemble_test_accuracy",
        "ensemble_gain",
    ]
    rung: str | None = Field(None, validate_default=True)
    part: Literal["train", "validation", "test"] | None = Field(None, validate_default=True)
    ensemble: str | None = Field(None, validate_default=True)

    @field_validator("rung", "part", "ensemble")
    @classmethod
    def _names_what_is_measured(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Without its subject a claim could never be held against anything, and nobody would know.
        measure = info.data.get("measure")
        if measure is None:
            return value
        if measure == "images":
            needed = "part"
        else:
            needed = "ensemble" if measure.startswith("ensemble_") else "rung"
        if info.field_name == needed and value is None:
            raise PydanticCustomError(
                "needed", "is needed for measure '{measure}', but missing", {"measure": measure}
            )
        if info.field_name != needed and value is not None:
            raise ValueError(f"measure '{measure}' has no '{info.field_name}', only '{needed}'")
        return value


class Claim(_Form):
    """A statement that a run can confirm or refute.

    ``quantity`` stands in ``relation`` to ``value``, or to the quantity ``than`` plus ``value``.
    ``about`` holds within ``tolerance`` either way, ``equal`` exactly, ``measured`` whenever there
    is a figure.
    """

    text: Text
    quantity: Quantity
    relation: Literal["above", "below", "about", "equal", "measured"]
    value: Number = 0.0
    than: Quantity | None = None
    tolerance: NotNegative = 0.0
    budget: str | None = None
    reported: Text = ""


def _step(value: object) -> str | None:
    """Which member of `Step` a value is meant as."""
    return "table" if isinstance(value, dict) else "name" if isinstance(value, str) else None


def _lengths(value: object) -> str | None:
    """Which member of `Lengths` a value is meant as."""
    return "table" if isinstance(value, dict) else None if isinstance(value, list) else "number"


# A modification's name, or a table with its name and parameters, which the catalogue checks.
Step = Annotated[
    Annotated[str, Tag("name")] | Annotated[dict[str, Any], Tag("table")],
    Discriminator(
        _step,
        custom_error_type="expected",
        custom_error_message="expected a modification's name or a table with it",
    ),
]

# Of every rung, or per rung.
Lengths = Annotated[
    Annotated[Epochs, Tag("number")] | Annotated[dict[str, Epochs], Tag("table")],
    Discriminator(
        _lengths,
        custom_error_type="expected",
        custom_error_message="expected a number of epochs or a table of rungs",
    ),
]


class RungForm(_Form):
    """One rung as the file has it."""

    name: Name
    title: Text = ""
    after: str | None = None
    keep: Flag = True
    apply: Annotated[tuple[Step, ...], Field(max_length=50)] = ()
    reported: Reported = Reported()


class EnsembleForm(_Form):
    """A snapshot ensemble on a rung's recipe: ``cycles`` snapshots from one run."""

    name: Name
    rung: str
    cycles: Annotated[int, Field(strict=True, ge=2, le=1000)] = 5
    alpha0: Positive


class StudyForm(_Form):
    """The whole file.

    Attributes:
        name: of the study, and of its folder of reports.
        title: for people.
        base: name of the rung that all are compared with.
        final: name of the rung that the ladder leads to.
        seeds: how many times every rung is trained.
        budget: which of ``budgets`` holds unless another is asked for.
        data: the images.
        budgets: name -> epochs of every rung, or a table with those of each.
        recipe: what the rungs without ``after`` change.
        rungs: in the order of climbing.
        ensembles: snapshot ensembles.
        assumptions: readings of what the study's source leaves open, shown in every output.
        errata: what the source says and is not so.
        claims: what a run can confirm or refute.
    """

    name: Name
    title: Text = ""
    base: str
    final: str
    seeds: Seeds = 1
    budget: str = "equal"
    data: DataSpec
    budgets: Annotated[dict[Name, Lengths], Field(min_length=1, max_length=50)]
    recipe: Recipe = Recipe()
    rungs: Annotated[tuple[RungForm, ...], Field(min_length=1, max_length=100)]
    ensembles: Annotated[tuple[EnsembleForm, ...], Field(max_length=50)] = ()
    assumptions: Several[Assumption] = ()
    errata: Several[Erratum] = ()
    claims: Several[Claim] = ()
