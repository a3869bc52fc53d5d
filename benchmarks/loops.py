"""Training loops as good users of PyTorch and of Keras write them, to be timed against ours.

All train the same network on the same number of images, in float32 unless another precision is
asked for. Each loop is a function that trains one epoch and returns its seconds.
"""

import importlib
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from rungs.data.images import ImageSet
from rungs.data.scaling import training_batch
from rungs.foundation.environment import available_cores
from rungs.network.building import build
from rungs.ops.blocks import EndedBlock
from rungs.recipe import Recipe
from rungs.recipe.components import (
    Adam,
    Affine,
    Batch,
    BatchNorm,
    Component,
    Convolutional,
    DenseHead,
    Elu,
    Stack,
)

Loop = Callable[[], float]
C = TypeVar("C", bound=Component)


def only(kind: type[C], component: Component) -> C:
    """A component of the one kind that these loops know at its seam."""
    if not isinstance(component, kind):
        raise SystemExit(f"these loops know only {kind.kind} here, not {component.kind}")
    return component


class PerImage(Dataset[tuple[torch.Tensor, int]]):
    """Images that are augmented one by one, with Pillow, when they are asked for."""

    def __init__(self, images: ImageSet, recipe: Recipe) -> None:
        self._pixels = images.pixels[:].permute(0, 2, 3, 1).numpy()
        self._labels = images.labels.tolist()
        self._transforms = [only(Affine, spec) for spec in recipe.transforms]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self._pixels[index])
        for spec in self._transforms:
            image = _affine(image, spec)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return pixels.float().div_(255), self._labels[index]


def _affine(image: Image.Image, spec: Affine) -> Image.Image:
    """A random flip, rotation and zoom of one image about its centre."""
    sign, turn, size = torch.rand(3).tolist()
    if sign < spec.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle, zoom = (2 * turn - 1) * spec.rotation, 1 + (2 * size - 1) * spec.zoom
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    x, y = image.width / 2, image.height / 2
    matrix = (cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )


def as_written(model: nn.Module) -> nn.Module:
    """A network with each activation before the pooling, as papers and users write it."""
    for block in model.modules():
        if isinstance(block, EndedBlock):
            block.pools_first = False
    return model


def _trainer(
    recipe: Recipe, images: ImageSet, classes: int, device: str, precision: str = "float32"
) -> Callable[[Any, Any], None]:
    """One step of a network in torch's own layout with torch's own convolutions."""
    channels, height, width = images.pixels.shape[1:]
    model = as_written(build(recipe.network, (channels, height, width), classes)).train()
    model.to(device)
    spec = only(Adam, recipe.optimiser)
    optimiser = torch.optim.Adam(
        model.parameters(), lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), eps=spec.epsilon
    )

    def step(batch: torch.Tensor, labels: torch.Tensor) -> None:
        batch, labels = (part.to(device, non_blocking=True) for part in (batch, labels))
        optimiser.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = F.cross_entropy(model(batch), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def with_loader(
    recipe: Recipe, images: ImageSet, classes: int, *, device: str = "cpu", workers: int = 2
) -> Loop:
    """A `DataLoader` with so many workers, each image augmented by itself."""
    step = _trainer(recipe, images, classes, device)
    loader = DataLoader(
        PerImage(images, recipe),
        batch_size=recipe.batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        pin_memory=device == "cuda",
    )

    def epoch() -> float:
        _as_torch_is()
        began = time.perf_counter()
        for batch, labels in loader:
            step(batch, labels)
        return _gone(began, device)

    return epoch


def in_memory(
    recipe: Recipe,
    images: ImageSet,
    classes: int,
    *,
    device: str = "cpu",
    precision: str = "float32",
) -> Loop:
    """The whole set as one tensor on the device, augmented batch by batch."""
    step = _trainer(recipe, images, classes, device, precision)
    images = images.to(device)
    generator = torch.Generator().manual_seed(0)

    def epoch() -> float:
        _as_torch_is()
        began = time.perf_counter()
        # On the device: indices from memory would make each update wait for it.
        order = torch.randperm(len(images), device=device)
        for indices in torch.split(order, recipe.batch_size):
            step(*changed(recipe, images, indices, generator, classes))
        return _gone(began, device)

    return epoch


def _gone(began: float, device: str) -> float:
    """Seconds since then, once the device has done all that it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def changed(
    recipe: Recipe,
    images: ImageSet,
    indices: torch.Tensor,
    generator: torch.Generator,
    classes: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [N, C, H, W] as a network sees them in the first epoch, and their labels [N]."""
    height, width = images.pixels.shape[2:]
    return training_batch(
        images.pixels[indices],
        images.labels[indices],
        recipe,
        Batch(indices, 1, generator),
        size=(height, width),
        classes=classes,
    )


def _as_torch_is() -> None:
    """Without what our own runs set in the process; they leave it all cores."""
    torch.set_deterministic_debug_mode("default")
    torch.backends.cudnn.allow_tf32 = True
    torch.set_num_threads(available_cores())


def keras_name() -> str | None:
    """Keras 3 with version and backend; None where it is not installed."""
    try:
        keras = importlib.import_module("keras")
    except ImportError:
        return None
    return f"Keras {keras.__version__} on {keras.backend.backend()}"


def with_keras(recipe: Recipe, images: ImageSet, classes: int) -> Loop:
    """Keras's ``fit`` on arrays in memory, augmentation as layers of the model."""
    keras: Any = importlib.import_module("keras")
    layers = keras.layers
    channels, height, width = images.pixels.shape[1:]
    inputs = keras.Input((height, width, channels))
    features = layers.Rescaling(1 / 255)(inputs)
    for spec in (only(Affine, item) for item in recipe.transforms):
        features = layers.RandomFlip("horizontal")(features)
        features = layers.RandomRotation(spec.rotation / (2 * math.pi))(features)
        features = layers.RandomZoom(spec.zoom)(features)
    outputs = layers.Dense(classes)(
        _keras_network(layers, only(Convolutional, recipe.network), features)
    )
    model = keras.Model(inputs, outputs)
    adam = only(Adam, recipe.optimiser)
    model.compile(
        optimizer=keras.optimizers.Adam(
            adam.learning_rate, beta_1=adam.beta1, beta_2=adam.beta2, epsilon=adam.epsilon
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x = images.pixels[:].permute(0, 2, 3, 1).float().numpy()
    y = images.labels.numpy()

    def epoch() -> float:
        _as_torch_is()
        began = time.perf_counter()
        model.fit(x, y, batch_size=recipe.batch_size, epochs=1, verbose=0)
        return time.perf_counter() - began

    return epoch


def _keras_network(layers: Any, network: Convolutional, features: Any) -> Any:
    """All of a network but its classifier."""
    activation = "elu" if isinstance(network.activation, Elu) else "relu"
    norm = only(BatchNorm, network.normalisation)
    block = only(Stack, network.block)
    convolution = layers.SeparableConv2D if block.separable else layers.Conv2D

    def normalised(features: Any) -> Any:
        return layers.BatchNormalization(momentum=norm.keep, epsilon=norm.epsilon)(features)

    rates = network.dropout or (0.0,) * len(network.widths)
    for width, rate in zip(network.widths, rates, strict=True):
        entered = features
        for position in range(block.depth):
            if position:
                features = layers.Activation(activation)(features)
            features = normalised(convolution(width, 3, padding=network.padding)(features))
        if block.residual:
            features = layers.Add()([features, normalised(layers.Conv2D(width, 1)(entered))])
        features = layers.MaxPooling2D()(layers.Activation(activation)(features))
        if rate:
            features = layers.Dropout(rate)(features)
    head = network.head
    if not isinstance(head, DenseHead):
        return layers.GlobalAveragePooling2D()(features)
    features = normalised(layers.Dense(head.units)(layers.Flatten()(features)))
    return layers.Dropout(head.dropout)(layers.Activation("relu")(features))
