"""From a recipe's network to a live ``nn.Module``, and what it costs.

Layers follow Keras where the two differ: see `build` and `initialise`.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rungs.components import ImageShape, Parts
from rungs.errors import RecipeError
from rungs.ops.layers import Standardise
from rungs.recipe import Network, Scaling
from rungs.shapes import feature_sizes


class Layer(nn.Module):
    """One layer: a block, which pools, and dropout. [N, C, H, W] -> [N, width, H // 2, W // 2]."""

    def __init__(self, block: nn.Module, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, width, H // 2, W // 2]."""
        features: torch.Tensor = self.block(images)
        return features if self.dropout is None else self.dropout(features)


class Convolutional(nn.Module):
    """A network from its scaling to its head: [N, C, H, W] float -> [N, classes] logits."""

    def __init__(
        self, scaling: nn.Module, stem: nn.Module, layers: nn.Sequential, head: nn.Sequential
    ) -> None:
        super().__init__()
        self.scaling, self.stem, self.layers, self.head = scaling, stem, layers, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, classes]."""
        logits: torch.Tensor = self.head(self.layers(self.stem(self.scaling(images))))
        return logits


# Mean and standard deviation of ImageNet's training images, of red, green and blue from 0 to 1, as
# its pretrained networks take them.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _scaling(scaling: Scaling, channels: int) -> nn.Module:
    if scaling == "unit":
        return nn.Identity()
    if scaling == "standard":  # until the training images are known
        return Standardise([0.0] * channels, [1.0] * channels)
    if channels != len(_IMAGENET[0]):
        raise RecipeError(
            f"scaling 'imagenet' is for images of 3 channels, found {channels}: take 'standard'"
        )
    return Standardise(*_IMAGENET)


def build(
    network: Network, image_shape: ImageShape, classes: int, scaling: Scaling = "unit"
) -> Convolutional:
    """The network of a recipe, with fresh weights from torch's global generator.

    Args:
        network: the recipe's network.
        image_shape: channels, height, width of the images.
        classes: number of outputs (logits).
        scaling: of the recipe; for ``standard`` the mean is 0 and the deviation 1 until
            `rungs.ops.layers.set_standard` is given the training images.

    Returns:
        A module [N, C, H, W] float, from 0 to 1 -> [N, classes] logits.

    Raises:
        RecipeError: the images are too small for the layers, or components do not fit together.
    """
    inputs, height, width = image_shape
    height, width = feature_sizes(network, (height, width))[-1]
    dropout = network.dropout or (0.0,) * len(network.widths)
    parts = Parts(network.normalisation, network.activation, network.pooling, network.padding)
    stem = network.stem.build(inputs, network.activation)
    channels = network.stem.channels(inputs)
    layers = nn.Sequential()
    for outputs, rate in zip(network.widths, dropout, strict=True):
        layers.append(Layer(network.block.build(channels, outputs, parts), rate))
        channels = outputs
    head = network.head.build((channels, height, width), classes, network.normalisation)
    model = Convolutional(_scaling(scaling, inputs), stem, layers, head)
    initialise(model)
    return model


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Keras's default start: Glorot uniform weights (Glorot and Bengio, 2010), zero biases.

    A depthwise kernel's fans are those of Keras's kernel [3, 3, channels, 1]: 9 x channels in,
    9 out.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            area = module.weight[0, 0].numel()
            bound = (6 / (area * module.groups + area)) ** 0.5
            nn.init.uniform_(module.weight, -bound, bound)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        parameters: Keras's count: BatchNorm's moving mean and variance included.
        trainable_parameters: those that the optimiser changes.
        flops: of one image's forward pass through convolutions and dense layers, 2 per
            multiply-add.
    """

    parameters: int
    trainable_parameters: int
    flops: int


def cost(network: Network, image_shape: ImageShape, classes: int) -> Cost:
    """The cost of a network, found on the meta device: nothing is computed or allocated."""
    with torch.device("meta"):
        model = build(network, image_shape, classes).eval()
        image = torch.empty(1, *image_shape)
    with FlopCounterMode(display=False) as counter:
        model(image)
    trainable = sum(item.numel() for item in model.parameters() if item.requires_grad)
    return Cost(_keras_count(model), trainable, counter.get_total_flops())


# Place in the network, operation, output shape without the batch, parameters by Keras's count.
LayerEntry = tuple[str, str, tuple[int, ...], int]


def layer_table(network: Network, image_shape: ImageShape, classes: int) -> tuple[LayerEntry, ...]:
    """Every operation of a network with what it puts out, in the order in which one image passes.

    Found on the meta device, as `cost` is: the parameters add up to its count.
    """
    with torch.device("meta"):
        model = build(network, image_shape, classes).eval()
        image = torch.empty(1, *image_shape)
    entries: list[LayerEntry] = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None and not isinstance(module, nn.Identity):
            module.register_forward_hook(partial(_record, entries, _position(name)))
    model(image)
    return tuple(entries)


def _record(
    entries: list[LayerEntry], position: str, module: nn.Module, _: object, output: torch.Tensor
) -> None:
    entries.append((position, _operation(module), tuple(output.shape[1:]), _keras_count(module)))


def _position(name: str) -> str:
    """Where a module stands, by its name such as ``layers.0.block.shortcut.0``."""
    part, *inner = name.split(".")
    if part != "layers":
        return part
    return f"layer {int(inner[0]) + 1}" + (", shortcut" if "shortcut" in inner else "")


def _operation(module: nn.Module) -> str:
    """An operation in the field's words; its class's name where there is none."""
    match module:
        case nn.Conv2d():
            height, width = module.kernel_size
            kind = "depthwise convolution" if module.groups > 1 else "convolution"
            return f"{height}×{width} {kind}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch normalisation"
        case nn.MaxPool2d():
            return f"{module.kernel_size}×{module.kernel_size} max pooling"
        case nn.AdaptiveAvgPool2d():
            return "global average pooling"
        case nn.Dropout():
            return f"dropout {module.p:g}"
        case nn.Linear():
            return "dense"
        case _:
            return type(module).__name__


def _keras_count(module: nn.Module) -> int:
    """Parameters and moving statistics: what a state holds, but for counters."""
    return sum(item.numel() for item in module.state_dict().values() if item.is_floating_point())
