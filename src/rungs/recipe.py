"""A recipe: everything that determines one training, as a frozen tree of component specs.

A component is a frozen dataclass at one of a few typed seams (block, activation, head, transform,
optimiser, schedule, ...). Each has a ``kind`` by which study files and keys name it, and a
``version`` that is raised when its arithmetic changes. The field is the only place of a default.

Nothing here needs torch: the torch half looks up how to build a component by its type.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from rungs.checking import findings
from rungs.errors import RecipeError
from rungs.values import Count, Flag, Fraction, Layers, NotNegative, Positive, Rate, Several
from rungs.wording import did_you_mean, shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")

_FROZEN = ConfigDict(extra="forbid")

# Radians, to a whole turn.
Angle = Annotated[float, Field(strict=True, ge=0, le=6.2832)]


class Component:
    """Base of all component specs."""

    kind: str
    version: ClassVar[int] = 1
    # Fields younger than the component, with the value that means "as before": they are left out
    # of keys while they have it, so that old keys live on.
    introduced: ClassVar[Mapping[str, object]] = {}


# --- activations ---------------------------------------------------------------------------------


@dataclass(frozen=True, config=_FROZEN)
class Relu(Component):
    """max(x, 0)."""

    kind: Literal["relu"] = "relu"


@dataclass(frozen=True, config=_FROZEN)
class Elu(Component):
    """x for x > 0, else alpha * (exp(x) - 1) (Clevert et al., ICLR 2016).

    Attributes:
        alpha: minus the value that it falls to.
    """

    kind: Literal["elu"] = "elu"
    alpha: Positive = 1.0


Activation = Annotated[Relu | Elu, Field(discriminator="kind")]


# --- network -------------------------------------------------------------------------------------

Width = Annotated[int, Field(strict=True, ge=1, le=16_384)]
Depth = Annotated[int, Field(strict=True, ge=1, le=100)]


@dataclass(frozen=True, config=_FROZEN)
class BatchNorm(Component):
    """Batch normalisation (Ioffe and Szegedy, 2015), with Keras's defaults.

    Attributes:
        momentum: Keras's: the share of the old moving statistic that is kept at each update.
        epsilon: added to the variance.
    """

    kind: Literal["batch_norm"] = "batch_norm"
    momentum: Rate = 0.99
    epsilon: Positive = 1e-3


Normalisation = Annotated[BatchNorm, Field()]


@dataclass(frozen=True, config=_FROZEN)
class Stack(Component):
    """One layer's block: ``depth`` times (3x3 convolution, normalisation, activation).

    Attributes:
        depth: number of convolutions.
        residual: a 1x1 convolution with normalisation carries the layer's input past the block
            and is added before the last activation (He et al., 2016, projection shortcut).
        separable: every 3x3 convolution is a depthwise 3x3 followed by a pointwise 1x1
            convolution, as in Keras's ``SeparableConv2D``: one bias, at the pointwise one.
    """

    kind: Literal["stack"] = "stack"
    depth: Depth = 1
    residual: Flag = False
    separable: Flag = False


Block = Annotated[Stack, Field()]


@dataclass(frozen=True, config=_FROZEN)
class DenseHead(Component):
    """Flatten, dense layer with normalisation, ReLU and dropout, then the classifier.

    Attributes:
        units: width of the dense layer.
        dropout: rate at which its outputs are dropped.
    """

    kind: Literal["dense"] = "dense"
    units: Width = 512
    dropout: Rate = 0.5


@dataclass(frozen=True, config=_FROZEN)
class PoolingHead(Component):
    """Global average pooling (Lin et al., 2014), then the classifier."""

    kind: Literal["global_average_pooling"] = "global_average_pooling"


Head = Annotated[DenseHead | PoolingHead, Field(discriminator="kind")]


@dataclass(frozen=True, config=_FROZEN)
class Network(Component):
    """A plain convolutional network: one layer per width, 2x2 max pooling after each, a head.

    Weights start from Glorot's uniform distribution, biases from zero, and all convolutions have
    biases, as in Keras.

    Attributes:
        widths: output channels of each layer.
        padding: ``same`` keeps the size of the map in a convolution, ``valid`` loses its border.
        block: the convolutions of a layer.
        normalisation: after each convolution.
        activation: of the convolutions.
        head: from the last map to the classes.
        dropout: one rate per layer, applied after the layer's pooling; empty for none.
    """

    kind: Literal["convolutional"] = "convolutional"
    widths: Annotated[Layers[Width], Field(min_length=1)] = (32, 64)
    padding: Literal["same", "valid"] = "same"
    block: Block = Stack()
    normalisation: Normalisation = BatchNorm()
    activation: Activation = Relu()
    head: Head = DenseHead()
    dropout: Layers[Rate] = ()

    def __post_init__(self) -> None:
        if self.dropout and len(self.dropout) != len(self.widths):
            raise ValueError(
                f"expected one rate of dropout for each of {len(self.widths)} layers, "
                f"found {len(self.dropout)}"
            )


# --- batch transforms ----------------------------------------------------------------------------


@dataclass(frozen=True, config=_FROZEN)
class Affine(Component):
    """Random horizontal flip, rotation and zoom of each image, composed into one resampling.

    Bilinear, edges reflected. Keras resamples twice (rotation, then zoom), which blurs a little
    more.

    Attributes:
        flip: probability of a flip.
        rotation: the angle is uniform in +- this, in radians.
        zoom: one factor for both axes is uniform in 1 +- this; above 1 zooms out.
    """

    kind: Literal["affine"] = "affine"
    flip: Fraction = 0.5
    rotation: Angle = 0.0
    zoom: Rate = 0.0


Transform = Annotated[Affine, Field()]


# --- loss, optimiser, schedule -------------------------------------------------------------------


@dataclass(frozen=True, config=_FROZEN)
class CrossEntropy(Component):
    """Categorical cross-entropy, optionally with label smoothing (Szegedy et al., 2016).

    Attributes:
        label_smoothing: share of the target's probability that goes to all classes evenly.
    """

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Rate = 0.0


Loss = Annotated[CrossEntropy, Field()]


@dataclass(frozen=True, config=_FROZEN)
class Adam(Component):
    """Adam (Kingma and Ba, 2015) as Keras computes it.

    Attributes:
        learning_rate: from which the schedule starts.
        beta1: decay of the gradient's moving mean, per update.
        beta2: decay of the squared gradient's moving mean, per update.
        epsilon: added before bias correction ("epsilon-hat" of the paper's section 2).
    """

    kind: Literal["adam"] = "adam"
    learning_rate: Positive = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    epsilon: Positive = 1e-7


Optimiser = Annotated[Adam, Field()]


@dataclass(frozen=True, config=_FROZEN)
class InverseTimeDecay(Component):
    """rate(t) = learning_rate / (1 + decay * t), t in updates done: Keras's legacy ``decay``.

    Attributes:
        decay: per update; 0 keeps the rate as it is.
    """

    kind: Literal["inverse_time"] = "inverse_time"
    decay: NotNegative = 0.0


@dataclass(frozen=True, config=_FROZEN)
class CosineCycles(Component):
    """Cosine annealing with warm restarts per update, for snapshot ensembles.

    rate(t) = alpha0 / 2 * (cos(pi * mod(t - 1, ceil(T / M)) / ceil(T / M)) + 1), with t = 1 ... T
    updates, M = ``cycles``, and alpha0 the optimiser's learning rate (Huang et al., ICLR 2017,
    equation 2). A snapshot is taken at the end of each cycle.

    Attributes:
        cycles: number of cycles, which must divide the epochs.
    """

    kind: Literal["cosine_cycles"] = "cosine_cycles"
    cycles: Count = 5


Schedule = Annotated[InverseTimeDecay | CosineCycles, Field(discriminator="kind")]


# --- the recipe ----------------------------------------------------------------------------------


@dataclass(frozen=True, config=_FROZEN)
class Recipe:
    """Everything that determines one training but its data, number of epochs and seed.

    Attributes:
        network: from images to classes.
        transforms: random changes of the training images, in order; empty for none.
        loss: what is minimised.
        optimiser: how it is minimised.
        schedule: the learning rate's course.
        batch_size: images of one update; the last batch of an epoch may be smaller.
        scaling: ``unit``: pixels / 255.
        precision: of weights and arithmetic.
    """

    network: Network = Network()
    transforms: Several[Transform] = ()
    loss: Loss = CrossEntropy()
    optimiser: Optimiser = Adam()
    schedule: Schedule = InverseTimeDecay()
    batch_size: Count = 128
    scaling: Literal["unit"] = "unit"
    precision: Literal["float32"] = "float32"


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


# --- keys ----------------------------------------------------------------------------------------


def _canonical(value: Any) -> Any:
    """The form that is hashed: component versions in it, young fields out, 0 and 0.0 one form."""
    if isinstance(value, Component):
        fields = {
            field.name: _canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)  # type: ignore[arg-type]
            if not (
                field.name in value.introduced
                and getattr(value, field.name) == value.introduced[field.name]
            )
        }
        return {**fields, "version": value.version}
    if isinstance(value, Recipe):
        return {
            field.name: _canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def key_of(recipe: Recipe, *, epochs: int, data: str, seed: int) -> str:
    """The name of one run: 16 hex digits of the sha256 over all that determines its result.

    Args:
        recipe: resolved, so that nothing in it depends on the machine.
        epochs: length of the run; a schedule may depend on it.
        data: fingerprint of data and split.
        seed: of initial weights, order, dropout and augmentation.
    """
    identity = {
        "recipe": _canonical(recipe),
        "epochs": epochs,
        "data": data,
        "seed": seed,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recipe_key(recipe: Recipe) -> str:
    """The name of a recipe alone: 16 hex digits of the sha256 of its canonical form."""
    text = json.dumps(_canonical(recipe), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- differences ---------------------------------------------------------------------------------


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
        if self.before is None:
            return f"{self.place} = {show(self.after)}"
        if self.after is None:
            return f"{self.place} removed"
        return f"{self.place} {show(self.before)} -> {show(self.after)}"


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
            if part not in known:
                message = f"{passed} has no field {shown(part)}{did_you_mean(part, known)}"
                raise RecipeError(message)
            here = getattr(here, part)
        passed = part if passed == "a recipe" else f"{passed}.{part}"
    return here
