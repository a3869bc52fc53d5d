"""Convolution by Winograd convolution against torch's."""

import itertools

import pytest
import torch

from rungs.ops.convolution import Convolution
from rungs.ops.winograd import WinogradConvolution

# One tile, several, maps that tiles do not divide, and axes of different kinds.
SIZES = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 7), (8, 8), (2, 3), (1, 4), (2, 8), (9, 4)]


def pair(
    inputs: int, outputs: int, *, padding: str = "same", bias: bool = True
) -> tuple[torch.nn.Conv2d, Convolution]:
    torch.manual_seed(0)
    reference = torch.nn.Conv2d(inputs, outputs, 3, padding=padding, bias=bias)
    ours = Convolution(inputs, outputs, 3, padding=padding, bias=bias)
    ours.load_state_dict(reference.state_dict())
    ours.minimal = True
    return reference, ours


def channels_last(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("size", "bias", "images_need_it"),
    list(itertools.product(SIZES, [True, False], [True, False])),
)
def test_same_output_and_same_gradients(
    size: tuple[int, int], bias: bool, images_need_it: bool
) -> None:
    reference, ours = pair(64, 7, bias=bias)
    reference.double()
    ours.double()
    images = channels_last(6, 64, *size, dtype=torch.double)
    outward = torch.randn(6, 7, *size, dtype=torch.double)
    outputs, gradients = [], []
    for module in (reference, ours):
        leaf = images.clone().requires_grad_(images_need_it)
        output = module(leaf)
        asked = [*module.parameters(), *([leaf] if images_need_it else [])]
        outputs.append(output.detach())
        gradients.append(torch.autograd.grad(output, asked, outward))
    assert taken(ours, images)
    assert ours(images).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [2, 4, 8, 16])
def test_rounding_in_single_precision(size: int) -> None:
    """The largest error, in standard deviations of an output."""
    reference, ours = pair(64, 64)
    images = channels_last(16, 64, size, size)
    exact = reference.double()(images.double()).detach()
    error = (ours(images).detach() - exact).abs().max() / exact.std()
    assert taken(ours, images)
    assert 0 < float(error) < 1e-4


def taken(ours: Convolution, images: torch.Tensor) -> bool:
    """Whether Winograd convolution is what the output comes from."""
    return WinogradConvolution.__name__ in type(ours(images).grad_fn).__name__


def test_where_it_is_taken() -> None:
    _, few = pair(3, 4)
    small = channels_last(2, 3, 4, 4)
    assert taken(few, small)
    assert not taken(few, channels_last(2, 3, 8, 8))
    assert not taken(few, small.contiguous())
    assert not taken(pair(3, 4, padding="valid")[1], small)
    _, many = pair(64, 4)
    assert taken(many, channels_last(2, 64, 16, 16))
    assert not taken(many, channels_last(2, 64, 32, 32))
    few.minimal = False
    assert not taken(few, small)


def test_evaluation_takes_the_common_path() -> None:
    reference, ours = pair(3, 4)
    small = channels_last(2, 3, 4, 4)
    assert not taken(ours.eval(), small)
    assert torch.equal(ours(small), reference(small))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_one_product_in_bfloat16(size: tuple[int, int], bias: bool) -> None:
    """Against double precision: no further off than torch's own convolution in bfloat16."""
    reference, ours = pair(64, 7, bias=bias)
    images = channels_last(16, 64, *size)
    outward = torch.randn(16, 7, *size)
    exact = outcome(reference.double(), images.double(), outward.double())
    reference.float()
    with torch.autocast("cpu", torch.bfloat16):
        theirs = outcome(reference, images, outward)
        found = outcome(ours, images, outward)
        assert products(ours, images)
        assert ours(images).is_contiguous(memory_format=torch.channels_last)
    for expected, common, one in zip(exact, theirs, found, strict=True):
        error = (one - expected).abs().max()
        assert error <= 2 * (common - expected).abs().max() + 1e-3 * expected.abs().max()
        assert error > 0


def outcome(
    module: torch.nn.Conv2d, images: torch.Tensor, outward: torch.Tensor
) -> list[torch.Tensor]:
    """Output and all gradients."""
    leaf = images.clone().requires_grad_()
    output = module(leaf)
    found = torch.autograd.grad(output, [*module.parameters(), leaf], outward.to(output.dtype))
    return [output.detach(), *found]


def products(ours: Convolution, images: torch.Tensor) -> bool:
    """Whether the output comes from a product: anything but a convolution."""
    names, todo = set(), [ours(images).grad_fn]
    while todo:
        step = todo.pop()
        if step is not None:
            names.add(type(step).__name__)
            todo += [previous for previous, _ in step.next_functions]
    return not any("Convolution" in name for name in names)


def test_where_one_product_is_taken() -> None:
    _, ours = pair(64, 4)
    small = channels_last(2, 64, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert products(ours, small)
        assert not products(ours, channels_last(2, 64, 2, 3))
        assert not products(ours, small.contiguous())
        assert not products(pair(64, 4, padding="valid")[1], channels_last(2, 64, 3, 3))
        assert not products(ours.eval(), small)
        ours.train().minimal = False
        assert not products(ours, small)
