"""The recipe: a frozen tree of components that determines one training."""

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from rungs.foundation.environment import multiplies_bfloat16
from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Count, NotNegative, Several
from rungs.foundation.wording import shown
from rungs.recipe.components import (
    Adam,
    Average,
    Convolutional,
    CrossEntropy,
    FreshWeights,
    FullResolution,
    Gradient,
    GroupNorm,
    InitialWeights,
    InverseTimeDecay,
    Loss,
    Mixing,
    MovingStatistics,
    Network,
    NoAverage,
    NoMixing,
    NoTeaching,
    Optimiser,
    PlainGradient,
    Resolution,
    Schedule,
    Statistics,
    StridedStem,
    Teaching,
    Transform,
    Whitening,
)
from rungs.recipe.components.core import WRITTEN, fields_in_our_words, name_of_today
from rungs.recipe.mistakes import findings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")

_FROZEN = ConfigDict(extra="forbid", defer_build=True)

Scaling = Literal["unit", "standard", "imagenet", "symmetric"]
Trained = Literal["all", "head"]


def _settled(value: object) -> object:
    """What ``auto`` is on this machine; any other value as it is."""
    if value != "auto":
        return value
    return "bfloat16" if multiplies_bfloat16() else "float32"


# Of a deep network's first layers less than a tenth from layer to layer would leave nothing.
LayerDecay = Annotated[float, Field(strict=True, ge=0.1, le=1)]

Precision = Annotated[
    Literal["float32", "bfloat16"],
    BeforeValidator(_settled, json_schema_input_type=Literal["float32", "bfloat16", "auto"]),
]


@dataclass(frozen=True, config=_FROZEN)
class Recipe:
    """Everything that determines one training but its data, number of epochs and seed.

    Attributes:
        network: from images to classes; a text names one by its kind, such as ``mine:build`` or
            ``timm:resnet18``, and a table without a kind is of kind ``convolutional``.
        transforms: random changes of the training images, in order; empty for none.
        mixing: what is done with images and their labels together, after the transforms.
        loss: what is minimised.
        gradient: where the loss is looked at before an update.
        optimiser: how it is minimised.
        schedule: the learning rate's course.
        average: what is evaluated in place of the last weights.
        resolution: the size of the training images, epoch by epoch.
        batch_size: images of one update; the last batch of an epoch may be smaller.
        clipping: longest gradient, over all weights together; 0 leaves it as it is.
        scaling: what the network is given for a pixel.
        precision: of the network's arithmetic; weights are float32 in any case.
        start: the weights that training begins with.
        trained: which weights are trained.
        statistics: of batch normalisation, with which the network is evaluated and kept.
        layer_decay: the learning rate of a layer is this share of that of the next one towards the
            classifier, which has the whole rate; 1 for one rate.
        teaching: what is learnt from another rung's answers; the change `distil` sets it.

    Values of scaling:
        unit: pixels / 255.
        standard: the same, less the mean of all training images and divided by their standard
            deviation, channel by channel.
        imagenet: the same with ImageNet's mean and standard deviation, as networks expect that were
            trained on it; for three channels.
        symmetric: from -1 to 1, as many newer networks expect it, transformers above all.

    Values of precision:
        float32: all of it.
        bfloat16: convolutions and matrix products, as torch's autocast chooses them.
        auto: bfloat16 where the processor multiplies it in hardware, else float32. It is settled
            when the study is read, and what it became is in the runs' keys: on another machine they
            may be other runs. A GPU is not asked: for one, say which.

    Values of trained:
        all: all of them.
        head: the classifier alone, which is the last dense layer; the others stay as training began
            with them, and so do the moving statistics of batch normalisation.
    """

    # Fields younger than the recipe, with the value that means "as before": left out of keys.
    introduced: ClassVar[Mapping[str, object]] = {
        "mixing": NoMixing(),
        "average": NoAverage(),
        "resolution": FullResolution(),
        "clipping": 0.0,
        "gradient": PlainGradient(),
        "start": FreshWeights(),
        "trained": "all",
        "statistics": MovingStatistics(),
        "layer_decay": 1.0,
        "teaching": NoTeaching(),
    }

    # Fields without influence on how fast a training is, as components have them: the schedule
    # gives one number for an update, and weights are there before the first one.
    costless: ClassVar[frozenset[str]] = frozenset({"schedule", "start"})

    network: Network = Convolutional()
    transforms: Several[Transform] = ()
    loss: Loss = CrossEntropy()
    optimiser: Optimiser = Adam()
    schedule: Schedule = InverseTimeDecay()
    batch_size: Count = 128
    scaling: Scaling = "unit"
    precision: Precision = "float32"
    mixing: Mixing = NoMixing()
    average: Average = NoAverage()
    resolution: Resolution = FullResolution()
    clipping: NotNegative = 0.0
    gradient: Gradient = PlainGradient()
    start: InitialWeights = FreshWeights()
    trained: Trained = "all"
    statistics: Statistics = MovingStatistics()
    layer_decay: LayerDecay = 1.0
    teaching: Teaching = NoTeaching()

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, values: Any) -> Any:
        return fields_in_our_words(cls, values) if isinstance(values, Mapping) else values

    def __post_init__(self) -> None:
        network = self.network
        described = network if isinstance(network, Convolutional) else None
        if self.scaling != "unit" and described and isinstance(described.stem, Whitening):
            raise ValueError("stem 'whitening' needs scaling 'unit': it scales the images itself")
        if not network.any_size and not isinstance(self.resolution, FullResolution):
            raise ValueError(
                f"resolution '{self.resolution.kind}' needs a head that takes maps of any size, "
                f"such as 'global_average_pooling', found '{described.head.kind}'"
                if described
                else f"resolution '{self.resolution.kind}' needs a network that takes images of "
                f"any size, and '{network.kind}' does not say that it does: @network(any_size=True)"
            )
        if self.trained == "head" and isinstance(self.start, FreshWeights):
            raise ValueError("trained 'head' needs weights that were trained before: see start")
        if not isinstance(self.statistics, MovingStatistics):
            self._check_statistics(described)

    def _check_statistics(self, described: Convolutional | None) -> None:
        """Refuses to renew what is not there, or is to stay as training began with it."""
        wanted = f"statistics '{self.statistics.kind}'"
        if self.trained == "head":
            raise ValueError(f"{wanted} needs trained 'all': with 'head' they are not to change")
        # Whether there is batch normalisation in a network that is not described, training sees.
        if (
            described
            and isinstance(described.normalisation, GroupNorm)
            and not isinstance(described.stem, StridedStem)
        ):
            raise ValueError(
                f"{wanted} needs batch normalisation, found '{described.normalisation.kind}', "
                "which has no statistics to keep"
            )


_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


def recipe_from_dict(data: Mapping[str, Any], *, written: bool = False) -> Recipe:
    """A recipe from its plain form.

    Args:
        data: tables of components.
        written: by the program, as `recipe_to_dict` makes it: what it lacks was not there yet when
            it was, and is as it was then. Otherwise a default stands for it.

    Raises:
        pydantic.ValidationError: with every mistake and its place.
    """
    return _RECIPE.validate_python(data, context=WRITTEN if written else None)


def unknown_kinds(error: BaseException) -> tuple[str, ...]:
    """The kinds of components that are not here, by what `recipe_from_dict` raised; else empty."""
    if not isinstance(error, ValidationError):
        return ()
    details = error.errors(include_url=False)
    names = [d["ctx"].get("kind", "") for d in details if d["type"] == "union_tag_invalid"]
    # They may come from anybody's file.
    return tuple(
        name if re.fullmatch(r"[\w:]{1,100}", name) else shown(name)
        for name in dict.fromkeys(names)
        if name
    )


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON types, defaults included; `recipe_from_dict` is its inverse."""
    plain: dict[str, Any] = _RECIPE.dump_python(recipe, mode="json")
    return plain


def replace(component: C, **changes: Any) -> C:
    """`dataclasses.replace` that validates: a changed copy of a component or recipe.

    Raises:
        RecipeError: the changed component is not valid.
    """
    changes = {name_of_today(component, name): value for name, value in changes.items()}
    try:
        return dataclasses.replace(component, **changes)
    except ValidationError as error:
        mistakes = findings(error, type(component), changes).mistakes
        raise RecipeError("; ".join(str(mistake) for mistake in mistakes)) from error
