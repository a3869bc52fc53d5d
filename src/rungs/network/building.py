"""From a recipe's network to a live ``nn.Module``, and what it costs.

Described networks follow Keras where it and torch differ: see `rungs.ops.networks.initialise`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rungs.foundation.errors import RecipeError, RungsError
from rungs.foundation.weight_files import weights_called
from rungs.foundation.wording import what_happened
from rungs.ops.layers import MaxMeanPool, Standardise
from rungs.ops.networks import ScaledNetwork, StagedNetwork
from rungs.ops.weights import Taken, fit_weights, freeze
from rungs.ops.zoo import published_name, published_scaling
from rungs.recipe import Recipe, Scaling, Trained
from rungs.recipe.components import (
    FileWeights,
    ImageShape,
    Network,
    PublishedWeights,
    Timm,
    is_ours,
    own_kinds,
)

T = TypeVar("T")

# Mean and standard deviation of ImageNet's training images, of red, green and blue from 0 to 1, as
# its pretrained networks take them.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _scaling(scaling: Scaling, channels: int) -> nn.Module:
    if scaling == "unit":
        return nn.Identity()
    if scaling == "standard":  # until the training images are known
        return Standardise([0.0] * channels, [1.0] * channels)
    if scaling == "symmetric":
        return Standardise([0.5] * channels, [0.5] * channels)
    if channels != len(_IMAGENET[0]):
        raise RecipeError(
            f"scaling 'imagenet' is for images of 3 channels, found {channels}: take 'standard'"
        )
    return Standardise(*_IMAGENET)


def build(
    network: Network, image_shape: ImageShape, classes: int, scaling: Scaling = "unit"
) -> nn.Module:
    """The network of a recipe, with fresh weights from torch's global generator.

    Args:
        network: the recipe's network.
        image_shape: channels, height, width of the images.
        classes: number of outputs (logits).
        scaling: of the recipe; for ``standard`` the mean is 0 and the deviation 1 until
            `rungs.ops.layers.set_standard` is given the training images.

    Returns:
        A module [N, C, H, W] float, from 0 to 1 -> [N, classes] logits, with a part ``scaling``.

    Raises:
        RecipeError: the images are too small for the stages, components do not fit together, or a
            user's network cannot be built.
    """
    module = _scaling(scaling, image_shape[0])
    model = _built(network, image_shape, classes)
    if isinstance(model, StagedNetwork):
        model.scaling = module
        return model
    return ScaledNetwork(module, model)


def _built(network: Network, image_shape: ImageShape, classes: int) -> nn.Module:
    if is_ours(network):
        return network.build(image_shape, classes)
    model: object = _answer(network, "be built", lambda: network.build(image_shape, classes))
    if not isinstance(model, nn.Module):
        raise RecipeError(
            f"network '{network.kind}': expected a torch.nn.Module, found {type(model).__name__}"
        )
    return model


def _answer(network: Network, what: str, ask: Callable[[], T]) -> T:
    """What code that is not ours gives; all that it raises is an error of the recipe."""
    try:
        return ask()
    except RungsError:
        raise
    except Exception as error:
        raise RecipeError(
            f"network '{network.kind}' cannot {what}: {blame(network, error)}"
        ) from error


def blame(network: Network, error: Exception) -> str:
    """What happened in the code of a network that is not ours, and the line of the user's file."""
    kind = next(iter(own_kinds(network)), network.kind)
    return what_happened(error, f"{kind.partition(':')[0]}.py")


def start(recipe: Recipe, model: nn.Module, image_shape: ImageShape, classes: int) -> None:
    """Gives a network the weights that its training begins with, and freezes what is not trained.

    Args:
        recipe: of the network.
        model: made by `build`.
        image_shape: channels, height, width.
        classes: number of outputs.

    Raises:
        RungsError: the weights are not there or do not fit; or there is no classifier to train.
    """
    inner = _inside(model)
    inner.load_state_dict(_taken(recipe, inner, image_shape, classes).state, strict=False)
    if recipe.trained == "head":
        freeze(inner, classes)


def _inside(model: nn.Module) -> nn.Module:
    """The network as it was made, by whose names weights are known elsewhere."""
    return model.network if isinstance(model, ScaledNetwork) else model


def _taken(recipe: Recipe, inner: nn.Module, image_shape: ImageShape, classes: int) -> Taken:
    start = recipe.start
    weights = start.weights(recipe.network, image_shape)
    if weights is None:
        return Taken({}, ())
    if not isinstance(start, FileWeights):
        return fit_weights(inner, weights, classes)
    return fit_weights(inner, weights, classes, weights_called(start.name, start.sha256))


def describe_start(recipe: Recipe, image_shape: ImageShape, classes: int) -> str:
    """What a network takes over from the weights that it starts from, found without training.

    Raises:
        RungsError: as `start`.
    """
    with torch.device("meta"):
        model = build(recipe.network, image_shape, classes)
    taken = _taken(recipe, _inside(model), image_shape, classes)
    left_out = f"; left out: {'; '.join(taken.left_out)}" if taken.left_out else ""
    name = f" '{recipe.start.name}'" if isinstance(recipe.start, FileWeights) else ""
    said = f"starts from {recipe.start.kind}{name} weights, {len(taken.state)} tensors{left_out}"
    return said + _untagged(recipe) + _other_scaling(recipe)


def _untagged(recipe: Recipe) -> str:
    """Where timm chooses among the weights that it publishes: how to keep its choice."""
    network = recipe.network
    if not isinstance(recipe.start, PublishedWeights) or not isinstance(network, Timm):
        return ""
    full = published_name(network.model)
    if full == network.model:
        return ""
    return f'; another version of timm may take others: write network = "timm:{full}" to keep these'


def _other_scaling(recipe: Recipe) -> str:
    """Where published weights were trained on other pixels than they are given: what to do."""
    network = recipe.network
    if not isinstance(recipe.start, PublishedWeights) or not isinstance(network, Timm):
        return ""
    expected = published_scaling(network.model)
    # A set's own mean and deviation are near those of any other set of photographs.
    if expected is None or recipe.scaling in (expected, "standard"):
        return ""
    return (
        f"; they were trained on pixels with scaling '{expected}', and get '{recipe.scaling}': "
        f'add {{ name = "scaling", to = "{expected}" }}'
    )


# --- what it costs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        parameters: Keras's count: BatchNorm's moving mean and variance included.
        trainable_parameters: those that the optimiser changes.
        flops: of one image's forward pass through convolutions, dense layers and attention, 2 per
            multiply-add, as torch counts them; None for a network that torch cannot count.
    """

    parameters: int
    trainable_parameters: int
    flops: int | None


def cost(network: Network, image_shape: ImageShape, classes: int, trained: Trained = "all") -> Cost:
    """The cost of a network, found on the meta device: nothing is computed or allocated.

    A network that is not ours and cannot be there is looked at on the CPU.

    Args:
        network: a recipe's.
        image_shape: channels, height, width of the images.
        classes: number of outputs.
        trained: what of it is trained.

    Raises:
        RecipeError: it cannot be built, or does not give [N, classes] for [N, *image_shape].
    """

    def measure(model: nn.Module, image: torch.Tensor) -> Cost:
        output, flops = _counted(model, image)
        _check_logits(network, output, image_shape, classes)
        if trained == "head":
            freeze(model, classes)
        trainable = sum(item.numel() for item in model.parameters() if item.requires_grad)
        return Cost(_keras_count(model), trainable, flops)

    return _look(network, image_shape, classes, measure)


def _counted(model: nn.Module, image: torch.Tensor) -> tuple[object, int | None]:
    """What a network answers, and its FLOPs; None where torch's counter fails on a sound network.

    Raises:
        Exception: whatever the network itself raises.
    """
    try:
        # The counter hangs hooks on what asks for gradients: without a graph, a view of a weight
        # that is handed to a module asks for them and has no function that they go to.
        with torch.enable_grad(), FlopCounterMode(display=False) as counter:
            return model(image), counter.get_total_flops()
    except Exception:  # the counter's fault, or the network's, which it raises again
        return model(image), None


def _check_logits(network: Network, output: object, image_shape: ImageShape, classes: int) -> None:
    shape = getattr(output, "shape", None)
    if shape is None or tuple(shape) != (1, classes):
        found = type(output).__name__ if shape is None else f"{[*shape]}"
        raise RecipeError(
            f"network '{network.kind}': expected logits [1, {classes}] for one image "
            f"{[*image_shape]}, found {found}"
        )


def check_size(
    network: Network, image_shape: ImageShape, classes: int, size: tuple[int, int]
) -> None:
    """Makes sure that a network takes images of a size, be it another than it is built for.

    Args:
        network: a recipe's.
        image_shape: that it is built for.
        classes: number of outputs.
        size: height and width of the images that it is to take, in pixels.

    Raises:
        RecipeError: it does not, or gives something else than [N, classes].
    """
    given = (image_shape[0], *size)

    def other(model: nn.Module, image: torch.Tensor) -> None:
        _check_logits(network, model(image.new_zeros(1, *given)), given, classes)

    _look(network, image_shape, classes, other, f"take images of {size[0]}x{size[1]}")


def _look(
    network: Network,
    image_shape: ImageShape,
    classes: int,
    look: Callable[[nn.Module, torch.Tensor], T],
    what: str = "answer",
) -> T:
    """What a look at a network and one image of noise finds, on the meta device if that goes."""

    def on(device: str) -> T:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            with torch.device(device):
                model = build(network, image_shape, classes).eval()
                image = torch.zeros(1, *image_shape)
            return look(model, image)

    if is_ours(network):
        return on("meta")
    try:
        return on("meta")
    except RungsError:
        raise
    except Exception:  # code that is not ours may ask for values, which are not there
        built = f"{what}, built for images {[*image_shape]}"
        return _answer(network, built, lambda: on("cpu"))


# Place in the network, operation, output shape without the batch, parameters by Keras's count.
LayerEntry = tuple[str, str, tuple[int, ...], int]


def layer_table(network: Network, image_shape: ImageShape, classes: int) -> tuple[LayerEntry, ...]:
    """Every operation of a network with what it puts out, in the order in which one image passes.

    Found as `cost` is: the parameters add up to its count. Of a network that is not ours, only
    operations that are modules are seen.
    """

    def record(model: nn.Module, image: torch.Tensor) -> tuple[LayerEntry, ...]:
        entries: dict[str, LayerEntry] = {}
        for name, module in model.named_modules():
            whole = next(module.children(), None) is None or _own_count(module) > 0
            if whole and not isinstance(module, nn.Identity):
                module.register_forward_hook(partial(_record, entries, name))
        model(image)
        return tuple(entries.values())

    return _look(network, image_shape, classes, record)


def _record(
    entries: dict[str, LayerEntry], name: str, module: nn.Module, _: object, output: object
) -> None:
    if name not in entries:  # used twice, it is there once
        shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
        entries[name] = (_position(name), _operation(module), shape, _own_count(module))


def _position(name: str) -> str:
    """Where a module stands, by its name such as ``layers.0.block.shortcut.0``."""
    part, *inner = name.split(".")
    if part == "network":
        return ".".join(inner) or part
    if part != "layers":
        return part
    return f"stage {int(inner[0]) + 1}" + (", shortcut" if "shortcut" in inner else "")


def _operation(module: nn.Module) -> str:
    """An operation in the field's words; its class's name where there is none."""
    match module:
        case nn.Conv2d():
            height, width = module.kernel_size
            kind = "convolution"
            if module.groups > 1:
                kind = f"{'depthwise' if module.groups == module.in_channels else 'grouped'} {kind}"
            return f"{height}×{width} {kind}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch normalisation"
        case nn.MaxPool2d(kernel_size=int(size)):
            return f"{size}×{size} max pooling"
        case nn.AdaptiveAvgPool2d():
            return "global average pooling"
        case MaxMeanPool():
            return "global max and mean pooling"
        case nn.Flatten():
            return "flatten"
        case nn.Dropout():
            return f"dropout {module.p:g}"
        case nn.Linear():
            return "dense"
        case _:
            return type(module).__name__


def _keras_count(module: nn.Module) -> int:
    """Parameters and moving statistics: what a state holds, but for counters."""
    return sum(map(_own_count, module.modules()))


def _own_count(module: nn.Module) -> int:
    """The same of a module without those inside it."""
    inside = {f"{name}." for name, _ in module.named_children()}
    return sum(
        item.numel()
        for name, item in module.state_dict().items()
        if item.is_floating_point() and not any(name.startswith(part) for part in inside)
    )
