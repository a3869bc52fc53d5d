"""What recipes for few epochs are made of, each against its published definition written out."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rungs.foundation.errors import RecipeError
from rungs.network.building import build, layer_table
from rungs.ops.layers import GhostBatchNorm2d
from rungs.ops.transforms import resized_crop, sample_crops
from rungs.recipe import Recipe, recipe_key, replace, speed_key
from rungs.recipe.components import (
    Batch,
    BatchNorm,
    CapturableUpdates,
    Convolutional,
    MaxMeanPoolingHead,
    Muon,
    PooledFirst,
    RandomErasing,
    ResizedCrop,
    VerticalFlip,
)
from rungs.recipe.modifications import apply
from rungs.training.evaluation import renew_statistics
from tests.parts import RECORD, generator

# --- Muon with the norm reset ---------------------------------------------------------------------


def zeropower(gradient: torch.Tensor, steps: int) -> torch.Tensor:
    """``zeropower_via_newtonschulz5`` of airbench94_muon.py, in float32."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient / (gradient.norm() + 1e-7)
    if x.size(0) > x.size(1):
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: torch.Tensor = x.T if gradient.size(0) > gradient.size(1) else x
    return found


def three_layers(outputs: int = 8) -> nn.Sequential:
    hidden = nn.Conv2d(4, outputs, 3)
    return nn.Sequential(nn.Conv2d(3, 4, 1), hidden, nn.BatchNorm2d(outputs), nn.Linear(outputs, 5))


def test_normalised_muon_is_airbenchs() -> None:
    """Its loop: the sum of gradients as momentum, the kernel's norm set before each step."""
    recipe = apply(Recipe(), "normalised_muon", {})
    assert isinstance(recipe.optimiser, Muon)
    model = three_layers()
    kernel = model[1]
    assert isinstance(kernel, nn.Conv2d)
    updates = recipe.optimiser.build(model)
    weight, total = kernel.weight.detach().clone(), torch.zeros_like(kernel.weight)
    for number in range(1, 5):
        for item in model.parameters():
            item.grad = torch.zeros_like(item)
        gradient = torch.randn(weight.shape, generator=generator(number))
        kernel.weight.grad = gradient.clone()
        updates.step(0.24, number)
        total.mul_(0.6).add_(gradient)
        ahead = gradient.add(total, alpha=0.6)
        weight.mul_(len(weight) ** 0.5 / weight.norm())
        weight.add_(zeropower(ahead.reshape(len(ahead), -1), 3).view_as(ahead), alpha=-0.24)
        torch.testing.assert_close(kernel.weight.detach(), weight)


def test_a_captured_step_of_normalised_muon_is_its_step() -> None:
    models = [three_layers() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    updates = [Muon(normalise=True, bias_factor=0.1).build(model) for model in models]
    for model in models:
        for number, item in enumerate(model.parameters()):
            item.grad = torch.randn(item.shape, generator=generator(number))
    updates[0].step(0.1, 1)
    assert isinstance(updates[1], CapturableUpdates)
    updates[1].captured_step(torch.tensor(updates[1].captured_rate(0.1, 1)))
    for ours, captured in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(captured, ours)


def test_a_kernel_of_zeros_stays_finite_where_norms_are_reset() -> None:
    model = three_layers()
    nn.init.zeros_(model[1].weight)  # type: ignore[arg-type]
    updates = Muon(normalise=True).build(model)
    for item in model.parameters():
        item.grad = torch.ones_like(item)
    updates.step(0.1, 1)
    assert all(item.isfinite().all() for item in model.parameters())


def test_biases_and_normalisations_beside_muon_have_a_rate_of_their_own() -> None:
    model = three_layers()
    before = {name: item.detach().clone() for name, item in model.named_parameters()}
    updates = Muon(momentum=0.0, sgd_factor=2.0, bias_factor=0.25).build(model)
    for item in model.parameters():
        item.grad = torch.ones_like(item)
    updates.step(0.1, 1)
    steps = {name: before[name] - item.detach() for name, item in model.named_parameters()}
    for name in ("0.weight", "3.weight"):
        torch.testing.assert_close(steps[name], torch.full_like(steps[name], 0.2))
    for name in ("0.bias", "1.bias", "2.weight", "2.bias", "3.bias"):
        torch.testing.assert_close(steps[name], torch.full_like(steps[name], 0.05))


def test_muon_of_before_is_what_it_was() -> None:
    """Its key, and the groups of its checkpoints."""
    plain = replace(Recipe(), optimiser=Muon())
    assert recipe_key(plain) == "9af2a9d1276932ba"
    assert [*Muon().build(three_layers()).state_dict()] == ["matrices", "rest"]
    apart = Muon(bias_factor=0.5).build(three_layers()).state_dict()
    assert [*apart] == ["matrices", "rest", "vectors"]


# --- how kernels start ----------------------------------------------------------------------------


def started(kernels: str) -> nn.Module:
    recipe = Recipe(network=Convolutional(widths=(4, 6), block=PooledFirst(depth=2)))
    if kernels == "identity":
        recipe = apply(recipe, "identity_start", {})
    torch.manual_seed(3)
    return build(recipe.network, (3, 16, 16), 5)


def test_identity_start_is_airbenchs() -> None:
    """``torch.nn.init.dirac_(w[:w.size(1)])`` of a kernel that had started as any other."""
    plain, changed = started("glorot"), started("identity")
    found = dict(changed.named_parameters())
    kernels = [name for name, item in found.items() if item.ndim == 4]
    assert [found[name].shape[:2] for name in kernels] == [(4, 3), (4, 4), (6, 4), (6, 6)]
    for name, item in plain.named_parameters():
        expected = item.detach().clone()
        if name in kernels:
            nn.init.dirac_(expected[: expected.size(1)])
        assert torch.equal(found[name].detach(), expected)


def test_what_starts_as_the_identity_hands_its_inputs_on() -> None:
    kernel = started("identity").get_submodule("layers.1.block.first.0")
    images = torch.rand(2, 4, 5, 7)
    assert torch.equal(kernel(images)[:, :4], images)


def test_how_kernels_start_has_no_influence_on_speed_and_other_keys_stay() -> None:
    changed = apply(Recipe(), "identity_start", {})
    assert recipe_key(changed) != recipe_key(Recipe())
    assert speed_key(changed) == speed_key(Recipe())


# --- groups of convolution, pooling and a pair with shortcut --------------------------------------


def test_pooled_first_of_three_is_the_group_of_airbench96() -> None:
    network = Convolutional(widths=(6,), block=PooledFirst(depth=3, residual=True))
    block = build(network, (3, 12, 12), 5).get_submodule("layers.0.block").train()
    conv1, norm1 = block.get_submodule("first.0"), block.get_submodule("first.2")
    conv2, norm2, conv3, norm3 = (block.get_submodule(f"rest.{n}") for n in (0, 1, 3, 4))
    images = torch.randn(4, 3, 12, 12, generator=generator())
    features = F.relu(norm1(F.max_pool2d(conv1(images), 2)))
    pooled = features
    features = F.relu(norm2(conv2(features)))
    features = F.relu(norm3(conv3(features)) + pooled)
    torch.testing.assert_close(block(images), features)


def test_max_and_mean_stand_side_by_side_before_the_classifier() -> None:
    head = MaxMeanPoolingHead(scale=0.2).build((3, 4, 5), 7, BatchNorm())
    maps = torch.randn(2, 3, 4, 5, generator=generator())
    weight = next(head.parameters())
    assert weight.shape == (7, 6)
    flat = maps.flatten(2)
    expected = 0.2 * torch.cat([flat.max(dim=2).values, flat.mean(dim=2)], dim=1) @ weight.T
    torch.testing.assert_close(head(maps), expected)
    network = Convolutional(widths=(4,), head=MaxMeanPoolingHead())
    assert ("head", "global max and mean pooling", (8,), 0) in layer_table(network, (3, 8, 8), 7)


# --- batch normalisation --------------------------------------------------------------------------


def ghost(**values: float) -> GhostBatchNorm2d:
    module = BatchNorm(ghost=4, keep=0.75, epsilon=1e-3, **values).build(3)  # type: ignore[arg-type]
    assert isinstance(module, GhostBatchNorm2d)
    return module


@pytest.mark.parametrize(("images", "parts"), [(8, (4, 4)), (11, (6, 5)), (3, (3,))])
def test_ghost_batches_are_normalised_each_by_itself(images: int, parts: tuple[int, ...]) -> None:
    """Algorithm 1 of Hoffer et al. (2017), for a batch that 4 divides, does not, and is below."""
    module = ghost()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        module.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
    values = torch.randn(images, 3, 5, 6, generator=generator()) * 3 + 1
    expected, means, variances = [], [], []
    for part in torch.split(values, [*parts]):
        mean, variance = part.mean((0, 2, 3)), part.var((0, 2, 3), unbiased=False)
        scaled = (part - mean[:, None, None]) / (variance[:, None, None] + 1e-3).sqrt()
        expected.append(scaled * module.weight[:, None, None] + module.bias[:, None, None])
        means.append(len(part) / images * mean)
        variances.append(len(part) / images * part.var((0, 2, 3), unbiased=True))
    torch.testing.assert_close(module(values), torch.cat(expected))
    torch.testing.assert_close(module.running_mean, 0.25 * sum(means))
    torch.testing.assert_close(module.running_var, 0.75 + 0.25 * sum(variances))
    module.eval()
    moving = module.running_mean, module.running_var, module.weight, module.bias
    torch.testing.assert_close(module(values), F.batch_norm(values, *moving, eps=1e-3))


def test_ghost_batches_of_a_dense_layer_are_those_of_a_map_of_one_pixel() -> None:
    flat, maps = BatchNorm(ghost=4).build_dense(3), BatchNorm(ghost=4).build(3)
    values = torch.randn(8, 3, generator=generator())
    torch.testing.assert_close(flat(values), maps(values[:, :, None, None]).flatten(1))


def test_statistics_of_ghost_batches_are_renewed_as_their_mean() -> None:
    module = ghost()
    pixels = torch.randint(0, 256, (16, 3, 4, 4), dtype=torch.uint8, generator=generator())
    renew_statistics(nn.Sequential(module), torch.split(pixels, 8), "float32", RECORD)
    parts = torch.split(pixels.float() / 255, 4)
    torch.testing.assert_close(module.running_mean, sum(part.mean((0, 2, 3)) for part in parts) / 4)
    torch.testing.assert_close(
        module.running_var, sum(part.var((0, 2, 3), unbiased=True) for part in parts) / 4
    )


def test_batch_norm_is_changed_where_it_is_and_put_where_it_is_not() -> None:
    changed = apply(Recipe(), "batch_norm", {"keep": 0.6, "scale": False})
    changed = apply(changed, "ghost_batch_norm", {"images": 16})
    assert changed.network == replace(
        Convolutional(), normalisation=BatchNorm(keep=0.6, scale=False, ghost=16)
    )
    grouped = apply(Recipe(), "group_norm", {})
    assert apply(grouped, "batch_norm", {"keep": 0.6}).network == replace(
        Convolutional(), normalisation=BatchNorm(keep=0.6)
    )
    with pytest.raises(RecipeError, match="ghost needs 2 images at least"):
        apply(Recipe(), "ghost_batch_norm", {"images": 1})


# --- changes of the images ------------------------------------------------------------------------


def batch(n: int) -> Batch:
    return Batch(torch.arange(n), 1, generator())


def test_vertical_flip_turns_its_share_upside_down() -> None:
    images = torch.rand(400, 1, 6, 4, generator=generator(1))
    found = VerticalFlip(probability=0.25).apply(images, batch(400))
    turned = (found == images.flip(2)).flatten(1).all(dim=1)
    assert torch.equal(found[~turned], images[~turned])
    assert 70 < int(turned.sum()) < 130


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40)])
def test_random_erasing_fills_rectangles_with_noise(height: int, width: int) -> None:
    """The rectangles of Zhong et al. (2020): area from 2 to 40 %, aspect from 0.3 to 1 / 0.3."""
    n = 600
    images = torch.full((n, 3, height, width), 2.0)
    found = RandomErasing().apply(images, batch(n))
    hole = found != 2
    assert torch.equal(hole.all(dim=1), hole.any(dim=1))  # all channels alike
    noise = found[hole]
    assert noise.min() >= 0
    assert noise.max() < 1
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.var() == pytest.approx(1 / 12, abs=0.003)
    erased = hole[:, 0].flatten(1).any(dim=1)
    assert 0.44 < erased.double().mean() < 0.56
    boxes = hole[erased, 0]
    high, wide = boxes.any(dim=2).sum(dim=1).double(), boxes.any(dim=1).sum(dim=1).double()
    assert torch.equal(boxes.flatten(1).sum(dim=1).double(), high * wide)  # whole rectangles
    # Sides are rounded to pixels, by half a pixel at most.
    share = high * wide / (height * width)
    slack = (high + wide) / 2 / (height * width) + 1e-3
    assert (share >= 0.02 - slack).all()
    assert (share <= 0.4 + slack).all()
    assert share.max() > 0.33
    assert share.min() < 0.05
    assert ((high - 0.5) / (wide + 0.5) <= 1 / 0.3).all()
    assert ((high + 0.5) / (wide - 0.5) >= 0.3).all()


def test_a_resized_crop_is_the_part_interpolated() -> None:
    images = torch.rand(5, 3, 12, 16, generator=generator())
    boxes = sample_crops(5, (12, 16), (0.1, 0.9), 0.75, generator(2))
    found = resized_crop(images, boxes)
    for image, (top, left, high, wide), ours in zip(images, boxes.tolist(), found, strict=True):
        part = image[None, :, top : top + high, left : left + wide]
        expected = F.interpolate(part, size=(12, 16), mode="bilinear", align_corners=False)
        torch.testing.assert_close(ours, expected[0], atol=1e-5, rtol=0)


def test_a_whole_crop_is_the_image() -> None:
    images = torch.rand(4, 3, 12, 16, generator=generator())
    whole = torch.tensor([[0, 0, 12, 16]] * 4)
    torch.testing.assert_close(resized_crop(images, whole), images, atol=1e-5, rtol=0)
    assert ResizedCrop().apply(images, batch(4)).shape == images.shape


def test_crops_are_drawn_as_torchvision_draws_them() -> None:
    """Area uniform, the logarithm of the aspect uniform, place uniform over where it fits."""
    n, size = 4000, 200
    top, left, high, wide = sample_crops(n, (size, size), (0.1, 0.5), 0.75, generator()).unbind(1)
    share = (high * wide).double() / size**2
    assert share.min() > 0.095
    assert share.max() < 0.505
    shares = torch.linspace(0.1, 0.5, 9)[1:-1]
    for number, bound in enumerate(shares.tolist(), 1):
        assert (share < bound).double().mean() == pytest.approx(number / 8, abs=0.03)
    aspect = (wide.double() / high).log() / math.log(4 / 3)
    for bound in (-0.5, 0.0, 0.5):
        assert (aspect < bound).double().mean() == pytest.approx((bound + 1) / 2, abs=0.03)
    for start, length in ((top, high), (left, wide)):
        place = start.double() / (size - length)
        assert place.min() >= 0
        assert place.max() <= 1
        assert place.mean() == pytest.approx(0.5, abs=0.02)


def test_where_no_crop_fits_the_middle_is_taken() -> None:
    """An image four times as wide as high, of which nearly all is asked for."""
    boxes = sample_crops(50, (12, 48), (0.99, 1.0), 0.75, generator())
    assert (boxes == torch.tensor([0, 16, 12, 16])).all()


def test_shares_stand_in_order() -> None:
    for name in ("random_erasing", "resized_crop"):
        with pytest.raises(RecipeError, match=r"expected least <= most, found 0\.5 and 0\.2"):
            apply(Recipe(), name, {"least": 0.5, "most": 0.2})
