"""The form of a study file: its tables, their keys and the types of their values."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rungs.data.kinds import DataForm
from rungs.foundation.limits import MAX_SEEDS
from rungs.foundation.values import (
    Epochs,
    Flag,
    Folds,
    Fraction,
    Name,
    NotNegative,
    Number,
    Seeds,
    Several,
    Text,
)
from rungs.recipe import Recipe
from rungs.statistics.levels import MARGIN
from rungs.study.ensemble_forms import EnsembleForm
from rungs.study.seeds import Adaptive


def _rising(looks: tuple[int, ...]) -> tuple[int, ...]:
    if list(looks) != sorted(set(looks)):
        raise PydanticCustomError("expected", "expected numbers of seeds that rise")
    return looks


# A difference of accuracies: beyond half of it all, nothing would be one.
Margin = Annotated[float, Field(gt=0, le=0.5)]

# Beyond a handful of looks hardly anything of the level is left for the first.
Looks = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=2, le=MAX_SEEDS)], ...],
    Field(max_length=10),
    AfterValidator(_rising),
]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Reported(_Form):
    """What the study's source reports for a rung, shown beside ours.

    Attributes:
        test_accuracy: top-1 accuracy on test, a fraction.
        parameters: number of parameters of the network.
        epochs: length of the training that gave these figures.
        notes: what else it says.
    """

    test_accuracy: Fraction | None = None
    parameters: Annotated[int, Field(strict=True, ge=1, le=10**12)] | None = None
    epochs: Epochs | None = None
    notes: Text = ""


class Assumption(_Form):
    """A reading of what the source leaves open: a field of a rung's recipe, and why it is so.

    Attributes:
        field: path of the field in the recipe, such as ``network.widths``; it must be there.
        text: what is open, and why it was read like this.
        rung: whose recipe the value is shown from; the study's base if left out.
    """

    field: Text
    text: Text
    rung: str | None = None


class Erratum(_Form):
    """Something that the study's source says and that is not so; shown, not copied.

    Attributes:
        said: by the source.
        found: to be so instead.
    """

    said: Text
    found: Text


class Quantity(_Form):
    """A measured number, of several seeds their mean.

    ``images`` is that of a ``part``, ensemble measures of an ``ensemble``, all others of a
    ``rung``: exactly that one is named.

    Attributes:
        measure: what is measured.
        rung: the rung that it is measured of.
        part: the part of the data that it is measured of.
        ensemble: the ensemble that it is measured of.

    Values of measure:
        images: number of images of a part.
        learning_rate: of the recipe's optimiser.
        parameters: of the network by Keras's count, BatchNorm's moving statistics included.
        test_accuracy: top-1 accuracy on test, a fraction, at the epoch that is tested.
        val_accuracy: the same on validation.
        val_loss: mean cross-entropy on validation at that epoch, in nats.
        best_epoch: the epoch of the lowest validation loss, found in the curve.
        tested_epoch: the epoch whose weights were tested.
        gap: training minus validation accuracy after the last epoch, a fraction.
        roughness: mean absolute second difference of the validation loss, in nats.
        late_gain: by how many nats the last tenth of the epochs lowered the best validation loss.
        best_class_accuracy: test accuracy of the class that has the highest, a fraction.
        worst_class_accuracy: test accuracy of the class that has the lowest, a fraction.
        ensemble_test_accuracy: test accuracy of all snapshots together, a fraction.
        ensemble_gain: that accuracy minus that of the last snapshot alone.
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

    Attributes:
        text: the statement, for people.
        quantity: what is measured.
        relation: in which it has to stand.
        value: the figure, or the difference from ``than``; a fraction where the measure is one.
        than: another quantity, to compare with.
        tolerance: how far off the figure may be.
        budget: in which the claim is made; that of the report at hand if left out.
        reported: what the source says, for people.

    Values of relation:
        above: greater than ``value`` minus ``tolerance``.
        below: less than ``value`` plus ``tolerance``.
        about: within ``tolerance`` either way.
        equal: exactly.
        measured: whenever there is a figure.
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
    """Which member of `Lengths` or `NumberOfSeeds` a value is meant as."""
    return "table" if isinstance(value, dict) else None if isinstance(value, list) else "number"


# A modification's name, a call of it, or a table with its name and parameters, which the catalogue
# checks.
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


class SeedsForm(_Form):
    """Seeds where they decide: every rung gets some, then what is open on validation gets more.

    Attributes:
        start: seeds that every rung gets.
        most: seeds that no rung goes beyond; rounds go up to 3, 5, 8, 13 ... on the way there.
    """

    start: Annotated[int, Field(strict=True, ge=2, le=MAX_SEEDS)] = Adaptive.start
    most: Annotated[int, Field(strict=True, ge=2, le=MAX_SEEDS)] = Field(
        Adaptive.most, validate_default=True
    )

    @field_validator("most")
    @classmethod
    def _no_less_than_the_start(cls, value: int, info: ValidationInfo) -> int:
        start = info.data.get("start")
        if start is not None and value < start:
            raise ValueError(f"at most {value} seeds are less than the {start} of the start")
        return value


# Of every rung, or of each as many as it takes.
NumberOfSeeds = Annotated[
    Annotated[Seeds, Tag("number")] | Annotated[SeedsForm, Tag("table")],
    Discriminator(
        _lengths,
        custom_error_type="expected",
        custom_error_message="expected a number of seeds or a table with start and most",
    ),
]


class RungForm(_Form):
    """One rung: what is changed, on which other rung.

    Attributes:
        name: not used by another rung or an ensemble.
        title: for people; the name if left out.
        after: the rung that it stands on, which comes before it in the file; a rung without is a
            root, and starts from the recipe of the file.
        keep: whether it is part of the ladder's trunk; ``false`` if only tried.
        apply: modifications in order: the name of one, a call of it such as ``"mixup(0.2)"``, or a
            table of its ``name`` and parameters; together they must change something.
        recorded: whether it is trained elsewhere, by a training loop of one's own, and its runs are
            recorded (`rungs.record`, ``rungs import``): then nothing is applied, and ``title`` says
            what it is.
        reported: what the study's source reports.
    """

    name: Name
    title: Text = ""
    after: str | None = None
    keep: Flag = True
    apply: Annotated[tuple[Step, ...], Field(max_length=50)] = ()
    recorded: Flag = False
    reported: Reported = Reported()


class StudyForm(_Form):
    """The whole file.

    Attributes:
        name: of the study, which names the folder of its reports.
        title: for people; the name if left out.
        base: the rung that all are compared with.
        final: the rung that the ladder leads to.
        seeds: number of seeds, counted from 0; each rung is trained once per seed. A table such
            as ``{ start = 2, most = 8 }`` has more seeds trained only where they decide.
        folds: in how many folds the pictures outside the test part are dealt: each seed trains a
            model for every fold, on all others, and what the models say of the pictures that they
            did not see is what changes are judged by; for some thousand pictures and fewer. The
            last epoch answers. Left out, the validation part chooses epochs, and the test part
            judges.
        budget: the budget that holds where no other is asked for.
        unseal: when test figures may be read: ``by command`` keeps them sealed until
            ``rungs unseal``, so that they cannot be chosen by; ``at end`` breaks the seal when
            all that the file asks for in its budget is finished.
        margin: the largest difference in accuracy, a fraction, that counts as none: a change whose
            interval lies within makes *no difference*.
        looks: numbers of seeds of every rung after which the test set is looked at, rising, such as
            ``[2, 3, 5, 8]``: the level is shared out among them, so that seeds may be added after
            the test set was seen. Left out, it is looked at once.
        modules: Python files with components and modifications of your own, by paths from the
            study's file; reading the study runs them. What ``mine.py`` defines is ``mine:name``.
        weights: files of weights that were trained before, by paths from the study's file; what
            ``body.safetensors`` holds is ``pretrained(weights="body")``. Nothing in them is run.
        data: the images and their split.
        budgets: by name: the epochs of every rung, or a table with those of each rung.
        recipe: what the roots of the ladder start from.
        rungs: the ladder.
        ensembles: of a rung's snapshots or seeds.
        assumptions: what the source leaves open.
        errata: what the source has wrong.
        claims: what the results are compared with.
    """

    name: Name
    title: Text = ""
    base: str
    final: str
    seeds: NumberOfSeeds = 1
    folds: Folds | None = None
    budget: str = "equal"
    unseal: Literal["by command", "at end"] = "by command"
    margin: Margin = MARGIN
    looks: Looks = ()
    modules: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    weights: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    data: DataForm
    budgets: Annotated[dict[Name, Lengths], Field(min_length=1, max_length=50)]
    recipe: Recipe = Recipe()
    rungs: Annotated[tuple[RungForm, ...], Field(min_length=1, max_length=100)]
    ensembles: Annotated[tuple[EnsembleForm, ...], Field(max_length=50)] = ()
    assumptions: Several[Assumption] = ()
    errata: Several[Erratum] = ()
    claims: Several[Claim] = ()
