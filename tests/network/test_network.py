"""Networks: shapes, counts and Keras's start."""

import math
from typing import Literal

import pytest
import torch
from torch import nn

from rungs.foundation.errors import RecipeError
from rungs.network.building import build, cost, layer_table
from rungs.ops.blocks import EndedBlock
from rungs.ops.networks import Stage, StagedNetwork
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Activation,
    AveragePooling,
    Bottleneck,
    Convolutional,
    Elu,
    Gelu,
    LeakyRelu,
    PoolingHead,
    PreActivation,
    Relu,
    Stack,
    Whitening,
)
from rungs.recipe.modifications import apply

SHAPE = (3, 32, 32)


@pytest.mark.parametrize(("padding", "parameters"), [("same", 2_170_788), ("valid", 1_253_284)])
def test_base_has_the_known_number_of_parameters(
    padding: Literal["same", "valid"], parameters: int
) -> None:
    assert cost(Convolutional(padding=padding), SHAPE, 100).parameters == parameters


def test_pooling_has_the_known_number_of_parameters() -> None:
    measured = cost(apply(Recipe(), "global_average_pooling", {}).network, SHAPE, 100)
    assert measured.parameters == 26_276
    # BatchNorm's moving mean and variance of 32 + 64 channels are not trained.
    assert measured.trainable_parameters == 26_276 - 2 * (32 + 64)


def test_flops_are_two_per_multiply_add() -> None:
    network = Convolutional(widths=(8,), head=PoolingHead())
    convolution = 2 * (3 * 9) * 8 * 32 * 32
    classifier = 2 * 8 * 10
    assert cost(network, SHAPE, 10).flops == convolution + classifier


def test_cost_is_that_of_the_live_network() -> None:
    network = Convolutional(widths=(8, 16), block=Stack(depth=2, residual=True), head=PoolingHead())
    model = build(network, SHAPE, 7)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert cost(network, SHAPE, 7).trainable_parameters == trainable


@pytest.mark.parametrize(
    "network",
    [
        Convolutional(),
        Convolutional(padding="valid"),
        Convolutional(block=Stack(depth=2, residual=True, separable=True), head=PoolingHead()),
        Convolutional(widths=(4, 8), dropout=(0.0, 0.25), activation=Elu()),
    ],
)
def test_layer_table_adds_up_to_the_cost(network: Convolutional) -> None:
    rows = layer_table(network, SHAPE, 10)
    assert sum(parameters for *_, parameters in rows) == cost(network, SHAPE, 10).parameters


def test_layer_table_names_every_operation() -> None:
    network = Convolutional(
        widths=(4,), block=Stack(residual=True), dropout=(0.2,), head=PoolingHead()
    )
    assert layer_table(network, (3, 8, 8), 10) == (
        ("stage 1", "3×3 convolution", (4, 8, 8), 3 * 9 * 4 + 4),
        ("stage 1", "batch normalisation", (4, 8, 8), 4 * 4),
        ("stage 1, shortcut", "1×1 convolution", (4, 8, 8), 3 * 4 + 4),
        ("stage 1, shortcut", "batch normalisation", (4, 8, 8), 4 * 4),
        ("stage 1", "2×2 max pooling", (4, 4, 4), 0),
        ("stage 1", "ReLU", (4, 4, 4), 0),
        ("stage 1", "dropout 0.2", (4, 4, 4), 0),
        ("head", "global average pooling", (4, 1, 1), 0),
        ("head", "flatten", (4,), 0),
        ("head", "dense", (10,), 4 * 10 + 10),
    )


def test_convolutions_and_dense_layers_start_as_in_keras() -> None:
    model = build(Convolutional(widths=(64, 64)), SHAPE, 100)
    convolution = model.get_submodule("layers.1.block.body.0")
    assert isinstance(convolution, nn.Conv2d)
    limit = math.sqrt(6 / (9 * 64 + 9 * 64))
    assert convolution.weight.abs().max().item() == pytest.approx(limit, rel=1e-3)
    assert convolution.weight.abs().max().item() <= limit
    assert convolution.bias is not None
    assert not convolution.bias.any()
    norm = model.get_submodule("layers.1.block.body.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == pytest.approx(0.01)
    assert norm.eps == 1e-3


def test_separable_convolution_is_keras_layer() -> None:
    """Depthwise without bias, limits from the fans of a kernel [3, 3, channels, 1]."""
    model = build(Convolutional(widths=(8, 16), block=Stack(separable=True)), SHAPE, 10)
    depthwise, pointwise = model.get_submodule("layers.1.block.body.0").children()
    assert isinstance(depthwise, nn.Conv2d)
    assert depthwise.groups == 8
    assert depthwise.bias is None
    assert pointwise.bias is not None
    limit = math.sqrt(6 / (9 * 8 + 9))
    assert 0.8 * limit < depthwise.weight.abs().max().item() <= limit


def test_shortcut_is_added_before_the_last_activation() -> None:
    network = Convolutional(widths=(4,), block=Stack(depth=2, residual=True), activation=Elu())
    layer = build(network, SHAPE, 10).get_submodule("layers.0.block").eval()
    images = torch.rand(2, 3, 32, 32)
    body, shortcut = layer.get_submodule("body"), layer.get_submodule("shortcut")
    expected = torch.nn.functional.max_pool2d(
        torch.nn.functional.elu(body(images) + shortcut(images)),
        2,
    )
    torch.testing.assert_close(layer(images), expected)


@pytest.mark.parametrize("activation", [Relu(), Elu(), LeakyRelu()])
@pytest.mark.parametrize("block", [Stack(depth=2, residual=True), Bottleneck()])
def test_pooling_comes_before_an_activation_that_rises(
    activation: Activation, block: Stack | Bottleneck
) -> None:
    """Max pooling and such an activation give the same in either order."""
    network = Convolutional(widths=(8,), block=block, activation=activation)
    layer = build(network, SHAPE, 10).get_submodule("layers.0.block")
    assert isinstance(layer, EndedBlock)
    assert layer.pools_first
    images = torch.randn(4, 3, 32, 32)
    outcomes = []
    for pools_first in (True, False):
        layer.pools_first = pools_first
        layer.zero_grad()
        ended = layer(images)
        ended.square().sum().backward()
        outcomes.append((ended.detach(), [item.grad for item in layer.parameters()]))
    (first, gradients), (expected, expected_gradients) = outcomes
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(gradients, expected_gradients)


@pytest.mark.parametrize(
    "network",
    [
        Convolutional(widths=(8,), activation=Gelu()),
        Convolutional(widths=(8,), pooling=AveragePooling()),
    ],
)
def test_pooling_comes_last_where_the_order_makes_a_difference(network: Convolutional) -> None:
    layer = build(network, SHAPE, 10).get_submodule("layers.0.block")
    assert isinstance(layer, EndedBlock)
    assert not layer.pools_first
    order = []
    for name in ("activation", "pool"):
        part = layer.get_submodule(name)
        part.register_forward_hook(lambda *_, name=name: order.append(name))
    layer(torch.rand(2, 3, 8, 8))
    assert order == ["activation", "pool"]


def test_dropout_stands_after_the_pooling_of_its_layer_only() -> None:
    model = build(Convolutional(widths=(4, 8), dropout=(0.0, 0.5)), SHAPE, 10)
    first, second = model.get_submodule("layers").children()
    assert isinstance(first, Stage)
    assert isinstance(second, Stage)
    assert first.dropout is None
    assert second.dropout is not None
    second.train()
    out = second(torch.rand(4, 4, 16, 16))
    assert (out == 0).float().mean().item() > 0.3
    assert second.dropout.p == 0.5


def test_what_no_block_has_activated_is_activated_before_the_head() -> None:
    network = Convolutional(widths=(4, 6), block=PreActivation(), head=PoolingHead())
    model = build(network, (3, 16, 16), 5).eval()
    assert isinstance(model, StagedNetwork)
    norm, activation, *_, classifier = model.head.children()
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_features == 6
    images = torch.rand(2, 3, 16, 16)
    features = model.layers(model.stem(images))
    assert features.min() < 0
    expected = nn.Linear(6, 5)
    expected.load_state_dict(classifier.state_dict())
    logits = expected(activation(norm(features)).mean(dim=(2, 3)))
    torch.testing.assert_close(model(images), logits)


def test_pixels_meet_a_convolution_before_a_block_that_normalises_first() -> None:
    network = Convolutional(widths=(4, 6), block=PreActivation(), head=PoolingHead())
    model = build(network, (3, 16, 16), 5)
    first, second = [item for item in model.modules() if next(item.children(), None) is None][:2]
    assert isinstance(model.get_submodule("scaling"), nn.Identity)
    assert first is model.get_submodule("scaling")
    assert isinstance(second, nn.Conv2d)
    assert second.weight.shape == (4, 3, 3, 3)
    # The first shortcut carries that convolution's output unchanged.
    assert isinstance(model.get_submodule("layers.0.block.shortcut"), nn.Identity)
    whitened = build(replace(network, stem=Whitening()), (3, 16, 16), 5)
    shortcut = whitened.get_submodule("layers.0.block.shortcut")
    assert isinstance(shortcut, nn.Conv2d)
    assert shortcut.in_channels == 24


def test_too_many_layers_for_the_images_are_refused() -> None:
    with pytest.raises(RecipeError, match="stage 4 of 4 would have no pixels left"):
        build(Convolutional(widths=(4, 4, 4, 4)), (3, 8, 8), 2)


def test_residual_without_padding_is_refused() -> None:
    with pytest.raises(RecipeError, match="residual needs padding"):
        build(Convolutional(padding="valid", block=Stack(residual=True)), SHAPE, 2)


def test_one_width_per_dropout_rate() -> None:
    with pytest.raises(
        RecipeError, match="expected one rate of dropout for each of 2 stages, found 1"
    ):
        apply(Recipe(), "dropout", {"rates": [0.1]})
