"""Operations on batches of pictures against Pillow's, and the policies that use them."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance, ImageOps

from rungs.ops.pictures import OPERATIONS
from rungs.ops.policies import Span, changed
from rungs.recipe.components import AutoAugment, Batch, RandAugment, Transform, TrivialAugment

GREY = (128, 128, 128)


def pictures(n: int = 4, height: int = 24, width: int = 32) -> torch.Tensor:
    """Smooth pictures with some noise, as uint8 [n, 3, height, width]; the last is of one level."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(n, 3, 4, 4, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    noisy = smooth * 180 + 30 + 10 * torch.rand(n, 3, height, width, generator=generator)
    noisy[-1] = 77
    return noisy.clamp(0, 255).to(torch.uint8)


def by_pillow(picture: Image.Image, name: str, strength: float) -> Image.Image:
    def place(*matrix: float) -> Image.Image:
        return picture.transform(
            picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=GREY
        )

    match name:
        case "shear_x":
            return place(1, strength, 0, 0, 1, 0)
        case "shear_y":
            return place(1, 0, 0, strength, 1, 0)
        case "translate_x":
            return place(1, 0, strength, 0, 1, 0)
        case "translate_y":
            return place(1, 0, 0, 0, 1, strength)
        case "rotate":
            return picture.rotate(strength, Image.Resampling.BILINEAR, fillcolor=GREY)
        case "brightness":
            return ImageEnhance.Brightness(picture).enhance(strength)
        case "colour":
            return ImageEnhance.Color(picture).enhance(strength)
        case "contrast":
            return ImageEnhance.Contrast(picture).enhance(strength)
        case "sharpness":
            return ImageEnhance.Sharpness(picture).enhance(strength)
        case "posterise":
            return ImageOps.posterize(picture, int(strength))
        case "solarise":
            return ImageOps.solarize(picture, math.ceil(strength * 255))
        case "auto_contrast":
            return ImageOps.autocontrast(picture)
        case "equalise":
            return ImageOps.equalize(picture)
        case "invert":
            return ImageOps.invert(picture)
    return picture


GEOMETRIC = {
    "shear_x": (-0.27, 0.3),
    "shear_y": (-0.1, 0.21),
    "translate_x": (-3.0, 11.0),
    "translate_y": (5.0, -7.0),
    "rotate": (30.0, -13.0),
}
STRENGTHS = {
    "identity": (0.0, 0.0),
    "brightness": (0.1, 1.9),
    "colour": (0.0, 1.8),
    "contrast": (0.4, 1.9),
    "sharpness": (0.1, 1.9),
    "posterise": (4.0, 7.0),
    "solarise": (0.3, 0.7),
    "auto_contrast": (0.0, 0.0),
    "equalise": (0.0, 0.0),
    "invert": (0.0, 0.0),
}


def compared(name: str, strengths: tuple[float, float]) -> torch.Tensor:
    """Levels of 256 by which ours and Pillow's differ, [n, 3, height, width]."""
    pixels = pictures()
    strength = torch.tensor([strengths[n % 2] for n in range(len(pixels))])
    ours = OPERATIONS[name](pixels.float() / 255, strength) * 255
    theirs = [
        np.asarray(by_pillow(Image.fromarray(picture.permute(1, 2, 0).numpy()), name, float(value)))
        for picture, value in zip(pixels, strength, strict=True)
    ]
    reference = torch.from_numpy(np.stack(theirs)).permute(0, 3, 1, 2)
    assert name == "identity" or not torch.equal(reference, pixels)
    assert ours.min() >= -1e-3
    assert ours.max() <= 255.001
    return (ours - reference).abs()


@pytest.mark.parametrize("name", STRENGTHS)
def test_operations_are_pillows(name: str) -> None:
    # Pillow rounds the grey, the blurred and the stretched before it goes on.
    assert compared(name, STRENGTHS[name]).max() < 2.01


@pytest.mark.parametrize("name", GEOMETRIC)
def test_geometric_operations_are_pillows(name: str) -> None:
    """Up to the last pixel at the edge, where Pillow takes the fill or the picture, ours both."""
    difference = compared(name, GEOMETRIC[name])
    assert (difference > 1.01).float().mean() < 0.06
    assert difference.median() < 0.51


def test_every_operation_was_compared() -> None:
    assert {*STRENGTHS, *GEOMETRIC} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_grey_and_tiny_pictures_are_taken(name: str) -> None:
    strength = torch.full((2,), 2.0)
    for shape in ((2, 1, 9, 7), (2, 3, 2, 2)):
        assert OPERATIONS[name](torch.rand(shape), strength).shape == shape


def test_each_image_is_changed_by_its_own_operation_to_either_side() -> None:
    images = torch.full((400, 1, 2, 2), 0.4)
    spans = [Span("identity"), Span("invert"), Span("brightness", start=1, end=1.5, signed=True)]
    choice = torch.arange(400) % 3
    magnitude = torch.full((400,), 0.5)
    result = changed(images, spans, choice, magnitude, torch.Generator().manual_seed(0))
    found = [set(result[choice == which].flatten().tolist()) for which in range(3)]
    assert sorted(found[0]) == pytest.approx([0.4])
    assert sorted(found[1]) == pytest.approx([0.6])
    assert sorted(found[2]) == pytest.approx([0.4 * 0.75, 0.4 * 1.25])


@pytest.mark.parametrize("spec", [RandAugment(), TrivialAugment(), AutoAugment()])
def test_policies_change_most_images_and_depend_on_the_generator_alone(spec: Transform) -> None:
    images = pictures(300, 16, 16)[:299].float() / 255
    before = images.clone()

    def once(seed: int) -> torch.Tensor:
        chance = torch.Generator().manual_seed(seed)
        return spec.apply(images, Batch(torch.arange(len(images)), 1, chance))

    first = once(1)
    assert torch.equal(images, before)
    assert torch.equal(first, once(1))
    assert not torch.equal(first, once(2))
    assert first.min() >= -1e-6
    assert first.max() <= 1 + 1e-6
    assert 0.6 < (first != images).flatten(1).any(1).float().mean() < 1.0


def test_magnitude_nothing_leaves_the_enhanced_images_alone() -> None:
    """At magnitude 0 only contrast stretching and equalising are left to RandAugment."""
    images = pictures(200)[:199].float() / 255
    spec = RandAugment(operations=1, magnitude=0.0)
    chance = torch.Generator().manual_seed(0)
    after = spec.apply(images, Batch(torch.arange(len(images)), 1, chance))
    moved = ((after - images).abs() > 1e-4).flatten(1).any(1).float().mean().item()
    expected = 2 / 14
    assert moved == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 199))


def test_magnitude_nothing_leaves_white_pictures_white() -> None:
    """Solarise inverts from 256 down to 0 (Cubuk et al., CVPR 2019, table 6): at first nothing."""
    images = torch.ones(200, 3, 4, 4)
    chance = torch.Generator().manual_seed(0)
    after = RandAugment(magnitude=0.0).apply(images, Batch(torch.arange(200), 1, chance))
    torch.testing.assert_close(after, images)
