"""The convolution with its own weight gradient against torch's."""

import itertools

import pytest
import torch

from rungs.convolution import Convolution, _ProductGradient


def pair(
    inputs: int, outputs: int, *, padding: str = "same", bias: bool = True
) -> tuple[torch.nn.Conv2d, Convolution]:
    torch.manual_seed(0)
    reference = torch.nn.Conv2d(inputs, outputs, 3, padding=padding, bias=bias)
    ours = Convolution(inputs, outputs, 3, padding=padding, bias=bias)
    ours.load_state_dict(reference.state_dict())
    ours.product_gradient = True
    return reference, ours


@pytest.mark.parametrize(
    ("size", "bias", "images_need_it"),
    list(itertools.product([(1, 1), (2, 2), (4, 4), (2, 3)], [True, False], [True, False])),
)
def test_same_output_and_same_gradients(
    size: tuple[int, int], bias: bool, images_need_it: bool
) -> None:
    reference, ours = pair(5, 7, bias=bias)
    reference.double()
    ours.double()
    images = torch.randn(6, 5, *size, dtype=torch.double).to(memory_format=torch.channels_last)
    outward = torch.randn(6, 7, *size, dtype=torch.double)
    outputs, gradients = [], []
    for module in (reference, ours):
        leaf = images.clone().requires_grad_(images_need_it)
        output = module(leaf)
        asked = [*module.parameters(), *([leaf] if images_need_it else [])]
        outputs.append(output.detach())
        gradients.append(torch.autograd.grad(output, asked, outward))
    assert torch.equal(*outputs)
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def taken(ours: Convolution, images: torch.Tensor) -> bool:
    """Whether the product is what the gradient would come from."""
    return _ProductGradient.__name__ in type(ours(images).grad_fn).__name__


def test_where_the_product_is_taken() -> None:
    _, ours = pair(3, 4)
    small = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert taken(ours, small)
    assert not taken(ours, torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last))
    assert not taken(ours, small.contiguous())
    assert not taken(pair(3, 4, padding="valid")[1], small)
    ours.product_gradient = False
    assert not taken(ours, small)


def test_evaluation_takes_the_common_path() -> None:
    reference, ours = pair(3, 4)
    small = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert not taken(ours.eval(), small)
    assert torch.equal(ours(small), reference(small))
