"""The recipe: a frozen tree of components that determines one training."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from rungs.checking import findings
from rungs.components import (
    Activation,
    Adam,
    Average,
    BatchNorm,
    Block,
    Component,
    CrossEntropy,
    DenseHead,
    FullResolution,
    Gradient,
    Head,
    InverseTimeDecay,
    Loss,
    MaxPooling,
    Mixing,
    NoAverage,
    NoMixing,
    Normalisation,
    NoStem,
    Optimiser,
    Padding,
    PlainGradient,
    Pooling,
    Relu,
    Resolution,
    Schedule,
    Stack,
    Stem,
    Transform,
    Whitening,
    Width,
)
from rungs.errors import RecipeError
from rungs.values import Count, Layers, NotNegative, Rate, Several

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")

_FROZEN = ConfigDict(extra="forbid", defer_build=True)

Scaling = Literal["unit", "standard", "imagenet"]


@dataclass(frozen=True, config=_FROZEN)
class Network(Component):
    """A convolutional network: a stem, one layer per width, each ended by 2x2 pooling, and a head.

    Weights start from Glorot's uniform distribution and biases from zero, as in Keras.

    Attributes:
        stem: what stands before the first layer.
        widths: output channels of each layer.
        padding: ``same`` keeps the size of the map in a convolution, ``valid`` loses its border.
        block: the convolutions of a layer.
        normalisation: after each convolution.
        activation: of the convolutions.
        pooling: what halves the map.
        head: from the last map to the classes.
        dropout: one rate per layer, applied after the layer's pooling; empty for none.
    """

    introduced: ClassVar[Mapping[str, object]] = {"stem": NoStem(), "pooling": MaxPooling()}

    kind: Literal["convolutional"] = "convolutional"
    widths: Annotated[Layers[Width], Field(min_length=1)] = (32, 64)
    padding: Padding = "same"
    block: Block = Stack()
    normalisation: Normalisation = BatchNorm()
    activation: Activation = Relu()
    head: Head = DenseHead()
    dropout: Layers[Rate] = ()
    stem: Stem = NoStem()
    pooling: Pooling = MaxPooling()

    def __post_init__(self) -> None:
        if self.dropout and len(self.dropout) != len(self.widths):
            raise ValueError(
                f"expected one rate of dropout for each of {len(self.widths)} layers, "
                f"found {len(self.dropout)}"
            )


@dataclass(frozen=True, config=_FROZEN)
class Recipe:
    """Everything that determines one training but its data, number of epochs and seed.

    Attributes:
        network: from images to classes.
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

    Values of scaling:
        unit: pixels / 255.
        standard: the same, less the mean of all training images and divided by their standard
            deviation, channel by channel.
        imagenet: the same with ImageNet's mean and standard deviation, as networks expect that were
            trained on it; for three channels.

    Values of precision:
        float32: all of it.
        bfloat16: convolutions and matrix products, as torch's autocast chooses them.
    """

    # Fields younger than the recipe, with the value that means "as before": left out of keys.
    introduced: ClassVar[Mapping[str, object]] = {
        "mixing": NoMixing(),
        "average": NoAverage(),
        "resolution": FullResolution(),
        "clipping": 0.0,
        "gradient": PlainGradient(),
    }

    network: Network = Network()
    transforms: Several[Transform] = ()
    loss: Loss = CrossEntropy()
    optimiser: Optimiser = Adam()
    schedule: Schedule = InverseTimeDecay()
    batch_size: Count = 128
    scaling: Scaling = "unit"
    precision: Literal["float32", "bfloat16"] = "float32"
    mixing: Mixing = NoMixing()
    average: Average = NoAverage()
    resolution: Resolution = FullResolution()
    clipping: NotNegative = 0.0
    gradient: Gradient = PlainGradient()

    def __post_init__(self) -> None:
        if self.scaling != "unit" and isinstance(self.network.stem, Whitening):
            raise ValueError("stem 'whitening' needs scaling 'unit': it scales the images itself")
        head = self.network.head
        if not head.any_size and not isinstance(self.resolution, FullResolution):
            raise ValueError(
                f"resolution '{self.resolution.kind}' needs a head that takes maps of any size, "
                f"such as 'global_average_pooling', found '{head.kind}'"
            )


_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


def recipe_from_dict(data: Mapping[str, Any]) -> Recipe:
    """A recipe from its plain form.

    Raises:
        pydantic.ValidationError: with every mistake and its place.
    """
    return _RECIPE.validate_python(data)


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON types, defaults included; `recipe_from_dict` is its inverse."""
    plain: dict[str, Any] = _RECIPE.dump_python(recipe, mode="json")
    return plain


def replace(component: C, **changes: Any) -> C:
    """`dataclasses.replace` that validates: a changed copy of a component or recipe.

    Raises:
        RecipeError: the changed component is not valid.
    """
    try:
        return dataclasses.replace(component, **changes)
    except ValidationError as error:
        mistakes = findings(error, type(component), changes).mistakes
        raise RecipeError("; ".join(str(mistake) for mistake in mistakes)) from error
