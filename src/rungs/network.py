"""From a recipe's network to a live ``nn.Module``, and what it costs.

Layers follow Keras where the two differ: see `build` and `initialise`.
"""

from dataclasses import dataclass
from functools import partial, singledispatch

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rungs.convolution import Convolution
from rungs.errors import RecipeError
from rungs.recipe import (
    BatchNorm,
    DenseHead,
    Elu,
    Network,
    PoolingHead,
    Relu,
    Stack,
)
from rungs.shapes import feature_sizes

ImageShape = tuple[int, int, int]


@singledispatch
def _activation(spec: object) -> nn.Module:
    raise RecipeError(f"no activation is known for {spec!r}")


@_activation.register
def _(spec: Relu) -> nn.Module:  # noqa: ARG001 - dispatch is by type alone
    return nn.ReLU(inplace=True)


@_activation.register
def _(spec: Elu) -> nn.Module:
    # In place, the gradient comes from the result: no second exponential.
    return nn.ELU(spec.alpha, inplace=True)


def _normalisation(spec: BatchNorm, channels: int) -> nn.BatchNorm2d:
    # Keras's momentum is the share that is kept, PyTorch's the share that is new.
    return nn.BatchNorm2d(channels, eps=spec.epsilon, momentum=1 - spec.momentum)


def _convolution(inputs: int, outputs: int, *, padding: str, separable: bool) -> nn.Module:
    if not separable:
        return Convolution(inputs, outputs, 3, padding=padding)
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=padding, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
    )


class Layer(nn.Module):
    """One layer: block, 2x2 max pooling, dropout. [N, C, H, W] -> [N, width, H // 2, W // 2]."""

    def __init__(self, network: Network, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        block: Stack = network.block
        self.body = nn.Sequential()
        for step in range(block.depth):
            self.body.append(
                _convolution(
                    inputs if step == 0 else width,
                    width,
                    padding=network.padding,
                    separable=block.separable,
                )
            )
            self.body.append(_normalisation(network.normalisation, width))
            if step < block.depth - 1:
                self.body.append(_activation(network.activation))
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inputs, width, 1), _normalisation(network.normalisation, width))
            if block.residual
            else None
        )
        self.activation = _activation(network.activation)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, width, H // 2, W // 2]."""
        features: torch.Tensor = self.body(images)
        if self.shortcut is not None:
            features = features + self.shortcut(images)
        features = self.pool(self.activation(features))
        return features if self.dropout is None else self.dropout(features)


def _head(
    spec: DenseHead | PoolingHead, network: Network, shape: ImageShape, classes: int
) -> nn.Sequential:
    channels, height, width = shape
    if isinstance(spec, PoolingHead):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
    norm = network.normalisation
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * height * width, spec.units),
        nn.BatchNorm1d(spec.units, eps=norm.epsilon, momentum=1 - norm.momentum),
        nn.ReLU(inplace=True),
        nn.Dropout(spec.dropout),
        nn.Linear(spec.units, classes),
    )


def build(network: Network, image_shape: ImageShape, classes: int) -> nn.Sequential:
    """The network of a recipe, with fresh weights from torch's global generator.

    Args:
        network: the recipe's network.
        image_shape: channels, height, width of the images.
        classes: number of outputs (logits).

    Returns:
        A module [N, C, H, W] float -> [N, classes] logits.

    Raises:
        RecipeError: the images are too small for the layers.
    """
    channels, height, width = image_shape
    height, width = feature_sizes(network, (height, width))[-1]
    dropout = network.dropout or (0.0,) * len(network.widths)
    model = nn.Sequential()
    for outputs, rate in zip(network.widths, dropout, strict=True):
        model.append(Layer(network, channels, outputs, rate))
        channels = outputs
    model.append(_head(network.head, network, (channels, height, width), classes))
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
    trainable = sum(parameter.numel() for parameter in model.parameters())
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
        if next(module.children(), None) is None:
            module.register_forward_hook(partial(_record, entries, _position(name, model)))
    model(image)
    return tuple(entries)


def _record(
    entries: list[LayerEntry], position: str, module: nn.Module, _: object, output: torch.Tensor
) -> None:
    entries.append((position, _operation(module), tuple(output.shape[1:]), _keras_count(module)))


def _position(name: str, model: nn.Sequential) -> str:
    first, *inner = name.split(".")
    if not isinstance(model[int(first)], Layer):
        return "head"
    return f"layer {int(first) + 1}" + (", shortcut" if "shortcut" in inner else "")


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
    moving = (buffer for buffer in module.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in (*module.parameters(), *moving))
