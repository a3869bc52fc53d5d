"""The batched affine against Keras's two passes and against single images."""

import math

import pytest
import torch
import torch.nn.functional as F

from rungs.data.scaling import scale
from rungs.ops.transforms import affine, sample_affine


def smooth_images(n: int, height: int = 32, width: int = 32) -> torch.Tensor:
    """Low-frequency pictures [n, 3, height, width]: bilinear resampling hardly blurs them."""
    coarse = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)


def keras_pass(image: torch.Tensor, a: float, b: float, c: float, d: float) -> torch.Tensor:
    """Keras's transform of one image [C, H, W]: output (x, y) shows input M (x, y), centred.

    Bilinear, edges by reflection (d c b a | a b c d | d c b a), one pixel at a time.
    """
    channels, height, width = image.shape
    out = torch.empty_like(image)
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2

    def reflect(index: int, size: int) -> int:
        index %= 2 * size
        return index if index < size else 2 * size - 1 - index

    for y in range(height):
        for x in range(width):
            u, v = x - centre_x, y - centre_y
            source_x, source_y = a * u + b * v + centre_x, c * u + d * v + centre_y
            x0, y0 = math.floor(source_x), math.floor(source_y)
            fx, fy = source_x - x0, source_y - y0
            value = torch.zeros(channels)
            for dy, wy in ((0, 1 - fy), (1, fy)):
                for dx, wx in ((0, 1 - fx), (1, fx)):
                    value += wy * wx * image[:, reflect(y0 + dy, height), reflect(x0 + dx, width)]
            out[:, y, x] = value
    return out


@pytest.mark.parametrize(
    ("sign", "angle", "zoom"),
    [(1.0, 0.2, 1.0), (1.0, 0.0, 1.1), (-1.0, -0.17, 0.9), (1.0, 1.2, 1.05), (-1.0, 0.0, 1.0)],
)
def test_one_resampling_is_kerass_in_one_matrix(sign: float, angle: float, zoom: float) -> None:
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(2))
    ours = affine(image[None], torch.tensor([[sign, angle, zoom]]))[0]
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    reference = keras_pass(image, sign * cos, -sign * sin, sin, cos)
    torch.testing.assert_close(ours, reference, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("angle", "zoom"), [(0.2, 1.1), (-0.15, 0.92)])
def test_composed_form_is_near_kerass_two_passes(angle: float, zoom: float) -> None:
    """Rotation, then zoom: inside, where no edge is seen twice, only the extra blur differs."""
    image = smooth_images(1)[0]
    ours = affine(image[None], torch.tensor([[1.0, angle, zoom]]))[0]
    cos, sin = math.cos(angle), math.sin(angle)
    rotated = keras_pass(image, cos, -sin, sin, cos)
    two_passes = keras_pass(rotated, zoom, 0, 0, zoom)
    inside = (..., slice(6, -6), slice(6, -6))
    difference = (ours - two_passes).abs()
    assert difference[inside].max().item() < 0.03
    assert difference.mean().item() < 0.02
    assert (ours - image).abs()[inside].max().item() > 0.05  # the change itself is far larger


def test_flip_alone_is_exact() -> None:
    images = torch.rand(3, 3, 8, 8)
    flipped = affine(images, torch.tensor([[-1.0, 0.0, 1.0]] * 3))
    torch.testing.assert_close(flipped, images.flip(-1), atol=1e-6, rtol=0)


def test_rotation_keeps_angles_on_oblong_images() -> None:
    """A quarter turn of a wide image shows the same pixels as turning a square cut from it."""
    wide = smooth_images(1, height=16, width=32)
    turned = affine(wide, torch.tensor([[1.0, math.pi / 2, 1.0]]))
    square = wide[..., 8:24]
    expected = affine(square, torch.tensor([[1.0, math.pi / 2, 1.0]]))
    torch.testing.assert_close(turned[..., 8:24], expected, atol=1e-5, rtol=0)


def test_each_image_has_its_own_parameters() -> None:
    images = torch.rand(1, 3, 8, 8).expand(6, -1, -1, -1)
    generator = torch.Generator().manual_seed(0)
    out = affine(images, sample_affine(6, 0.5, 0.5, 0.1, generator))
    assert len({tuple(image.flatten().tolist()) for image in out}) == 6


def test_parameters_fill_their_ranges() -> None:
    drawn = sample_affine(20_000, 0.25, 0.2, 0.1, torch.Generator().manual_seed(0))
    sign, angle, zoom = drawn.unbind(1)
    assert (sign == -1).double().mean().item() == pytest.approx(0.25, abs=0.015)
    assert angle.min().item() == pytest.approx(-0.2, abs=1e-3)
    assert angle.max().item() == pytest.approx(0.2, abs=1e-3)
    assert zoom.min().item() == pytest.approx(0.9, abs=1e-3)
    assert zoom.max().item() == pytest.approx(1.1, abs=1e-3)
    assert abs(torch.corrcoef(torch.stack([sign, angle, zoom]))[0, 1].item()) < 0.03


def test_pixels_are_divided_by_255() -> None:
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    torch.testing.assert_close(scale(pixels).flatten(), torch.tensor([0.0, 0.2, 1.0]))
