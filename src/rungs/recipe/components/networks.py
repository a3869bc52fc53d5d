"""Networks: from images to classes. What is described part by part, a user's own, and timm's."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, overload

from pydantic import AfterValidator, Field

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Rate, Stages, expected
from rungs.foundation.wording import shown
from rungs.recipe.components.activations import Activation, Relu
from rungs.recipe.components.blocks import Block, Padding, Parts, Stack
from rungs.recipe.components.core import Component, Surroundings, component, own_kinds
from rungs.recipe.components.heads import DenseHead, Head, ImageShape
from rungs.recipe.components.normalisations import BatchNorm, Normalisation
from rungs.recipe.components.poolings import MaxPooling, Pooling
from rungs.recipe.components.sizes import Width
from rungs.recipe.components.stems import NormalisedStem, NoStem, Stem

if TYPE_CHECKING:
    from torch import nn


Kernels = Literal["glorot", "identity"]


class Network(Component, seam=True):
    """The whole way from images to classes. A user's function is made one by `network`."""

    assumed: ClassVar[str | None] = "convolutional"

    @property
    @abstractmethod
    def any_size(self) -> bool:
        """Whether it takes images of other sizes than it was built for."""

    @abstractmethod
    def build(self, image_shape: ImageShape, classes: int) -> "nn.Module":
        """A module [N, *image_shape] float -> [N, classes] logits, with fresh weights.

        All chance comes from torch's global generator.

        Args:
            image_shape: channels (1 or 3), height, width.
            classes: number of outputs.
        """


@component
class Convolutional(Network):
    """A convolutional network: a stem, one stage per width, each ended by 2x2 pooling, and a head.

    Weights start from Glorot's uniform distribution and biases from zero, as in Keras; see kernels.

    Attributes:
        stem: what stands before the first stage.
        widths: output channels of each stage.
        padding: ``same`` keeps the size of the map in a convolution, ``valid`` loses its border.
        block: the convolutions of a stage.
        normalisation: after each convolution.
        activation: of the convolutions.
        pooling: what halves the map.
        head: from the last map to the classes.
        dropout: one rate per stage, applied after the stage's pooling; empty for none.
        kernels: how the 3x3 convolutions of the stages start.

    Values of kernels:
        glorot: as all else.
        identity: the first outputs, as many as there are inputs, hand the inputs on: 1 in the
            middle of the kernel between outputs and inputs of one number, 0 elsewhere (Zagoruyko
            and Komodakis, DiracNets, arXiv:1706.00388; so used by Jordan, arXiv:2404.00498). Other
            outputs start as all else, and so do depthwise kernels.
    """

    version: ClassVar[int | str] = 2  # 1 normalised pixels where blocks begin with it
    introduced: ClassVar[Mapping[str, object]] = {
        "stem": NoStem(),
        "pooling": MaxPooling(),
        "kernels": "glorot",
    }
    costless: ClassVar[frozenset[str]] = frozenset({"kernels"})

    widths: Annotated[Stages[Width], Field(min_length=1)] = (32, 64)
    padding: Padding = "same"
    block: Block = Stack()
    normalisation: Normalisation = BatchNorm()
    activation: Activation = Relu()
    head: Head = DenseHead()
    dropout: Stages[Rate] = ()
    stem: Stem = NoStem()
    pooling: Pooling = MaxPooling()
    kernels: Kernels = "glorot"

    def __post_init__(self) -> None:
        if self.dropout and len(self.dropout) != len(self.widths):
            raise ValueError(
                f"expected one rate of dropout for each of {len(self.widths)} stages, "
                f"found {len(self.dropout)}"
            )

    @property
    def any_size(self) -> bool:
        """As its head says."""
        return self.head.any_size

    @property
    def _begins_with_convolution(self) -> bool:
        """Whether a convolution stands where the recipe has no stem."""
        return self.block.open_start and isinstance(self.stem, NoStem)

    def revised(self, recipe: Surroundings) -> bool:
        """See `rungs.recipe.components.core.PartlyRevised`."""
        return self._begins_with_convolution

    def sizes(self, image_size: tuple[int, int]) -> list[tuple[int, int]]:
        """Height and width in pixels after each stage, without building it.

        Args:
            image_size: height and width of the images.

        Raises:
            RecipeError: nothing would be left, or a block does not fit the padding.
        """
        sizes = []
        height, width = (self.stem.size(length) for length in image_size)
        for position in range(len(self.widths)):
            height, width = (self.block.size(length, self.padding) for length in (height, width))
            if min(height, width) < 1:
                raise RecipeError(
                    f"stage {position + 1} of {len(self.widths)} would have no pixels left: "
                    f"images of {image_size[0]}x{image_size[1]} are too small for this network"
                )
            sizes.append((height, width))
        return sizes

    def build(self, image_shape: ImageShape, classes: int) -> "nn.Module":
        """Its parts in the order in which images pass them.

        Raises:
            RecipeError: the images are too small for the stages, or parts do not fit together.
        """
        from torch import nn

        from rungs.ops.convolution import Convolution
        from rungs.ops.networks import Stage, StagedNetwork, initialise, start_as_identity

        inputs, height, width = image_shape
        height, width = self.sizes((height, width))[-1]
        parts = Parts(self.normalisation, self.activation, self.pooling, self.padding)
        channels = self.stem.channels(inputs)
        if self._begins_with_convolution:  # He et al., ECCV 2016: conv1
            stem: nn.Module = Convolution(inputs, self.widths[0], 3, padding="same")
            channels = self.widths[0]
        elif isinstance(self.stem, NormalisedStem):
            stem = self.stem.build_normalised(inputs, self.activation, self.normalisation)
        else:
            stem = self.stem.build(inputs, self.activation)
        stages = nn.Sequential()
        dropout = self.dropout or (0.0,) * len(self.widths)
        for outputs, rate in zip(self.widths, dropout, strict=True):
            stages.append(Stage(self.block.build(channels, outputs, parts), rate))
            channels = outputs
        head = self.head.build((channels, height, width), classes, self.normalisation)
        if self.block.open_end:
            head = nn.Sequential(parts.norm(channels), parts.act(), *head)
        model = StagedNetwork(stem, stages, head)
        initialise(model)
        if self.kernels == "identity":
            start_as_identity(stages)
        return model


def is_ours(network: Network) -> bool:
    """Whether all of a network is described by Rungs itself: no part is a user's or a library's."""
    return isinstance(network, Convolutional) and not own_kinds(network)


def _model_name(value: str) -> str:
    # Not what makes timm look elsewhere, such as ``hf-hub:``.
    if not value.replace(".", "").replace("_", "").replace("-", "").isalnum():
        raise expected("a name of timm's, such as 'resnet18' or 'resnet18.a1_in1k'")
    return value


ModelName = Annotated[str, Field(max_length=100), AfterValidator(_model_name)]


@component
class Timm(Network):
    """A network of the library timm (Wightman, PyTorch Image Models, 2019); needs the extra `timm`.

    ``timm:resnet18`` is short for its table. It starts as timm starts it.

    Attributes:
        model: its name in timm; with a tag, such as ``resnet18.a1_in1k``, it also says which of the
            published weights are meant.
        stem: what images meet first.

    Values of stem:
        own: as timm has it: for most, made for photographs of 224 pixels.
        small: for small images: the first convolution is 3x3 with stride 1, and the max pooling
            before the first stage is left out.
    """

    named_by: ClassVar[str | None] = "model"

    model: ModelName = "resnet18"
    stem: Literal["own", "small"] = "own"

    @property
    def any_size(self) -> bool:
        """Those that do not are refused when they are measured."""
        return True

    def build(self, image_shape: ImageShape, classes: int) -> "nn.Module":
        """Without published weights.

        Raises:
            RungsError: timm is not installed or has no such network, or it has no such stem.
        """
        from rungs.ops.zoo import create, shrink_stem

        model = create(self.model, image_shape, classes)
        if self.stem == "small":
            shrink_stem(model, self.model)
        return model


@component
class Recorded(Network):
    """A network that is trained elsewhere, and that nobody here can build: its runs are recorded.

    A rung has it by ``recorded = true``; of the rest of such a rung's recipe nothing is known.

    Attributes:
        study: whose rung it is.
        rung: by which its runs are recorded.
    """

    by_hand: ClassVar[bool] = False

    study: Annotated[str, Field(max_length=100)] = ""
    rung: Annotated[str, Field(max_length=100)] = ""

    @property
    def any_size(self) -> bool:
        """Nobody is going to ask it."""
        return True

    def build(self, image_shape: ImageShape, classes: int) -> "nn.Module":
        """Refuses.

        Raises:
            RecipeError: always.
        """
        raise RecipeError(
            f"rung {shown(self.rung)} is trained elsewhere and recorded: there is no network of it "
            "here"
        )


def is_recorded(recipe: "Surroundings") -> bool:
    """Whether a recipe says only that its runs are trained elsewhere and recorded."""
    return isinstance(recipe.network, Recorded)


Builder = Callable[..., Any]


@overload
def network(function: Builder) -> type[Network]: ...
@overload
def network(*, any_size: bool) -> Callable[[Builder], type[Network]]: ...
def network(
    function: Builder | None = None, *, any_size: bool = False
) -> type[Network] | Callable[[Builder], type[Network]]:
    """Makes a function ``(image_shape, classes, *, ...) -> nn.Module`` a network of its name.

    Its keyword parameters, each with an annotation and a default, become those of the network:
    study files set them, and modifications change them by `rungs.recipe.replace`. Afterwards the
    name stands for the spec: ``build(width=32)``.

    Args:
        function: given ``image_shape`` (channels, height, width) and the number of classes.
        any_size: whether its module takes images of other sizes than it was built for.

    Raises:
        RecipeError: parameters are not as above.
    """
    takes_any = any_size

    def make(function: Builder) -> type[Network]:
        parameters = [*inspect.signature(function, eval_str=True).parameters.values()]
        for parameter in parameters[2:]:
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.empty in (
                parameter.annotation,
                parameter.default,
            ):
                raise RecipeError(
                    f"network {function.__name__}: expected (image_shape, classes, *, ...), every "
                    f"parameter after * with a type and a default; '{parameter.name}' is not so"
                )
        if len(parameters) < 2:
            raise RecipeError(f"network {function.__name__}: expected (image_shape, classes)")
        fields = parameters[2:]

        def build(self: Network, image_shape: ImageShape, classes: int) -> Any:
            values = {field.name: getattr(self, field.name) for field in fields}
            return function(image_shape, classes, **values)

        members: dict[str, Any] = {
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            "__doc__": function.__doc__,
            "__annotations__": {field.name: field.annotation for field in fields},
            **{field.name: field.default for field in fields},
            "kind": function.__name__,
            "any_size": property(lambda _: takes_any),
            "build": build,
        }
        return component(type(function.__name__, (Network,), members))

    return make if function is None else make(function)
