"""Components against short references, and a user's own through the same door."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rungs.data.images import DataSet
from rungs.foundation.errors import RecipeError
from rungs.network.building import build
from rungs.ops.blocks import StackBlock
from rungs.ops.layers import BlurPool, DropPath
from rungs.recipe import Recipe, key_of, recipe_from_dict, recipe_to_dict, replace, value_at
from rungs.recipe.components import (
    Activation,
    Batch,
    ColourJitter,
    Component,
    CrossEntropy,
    CutMix,
    Cutout,
    FileWeights,
    Flip,
    Focal,
    Loss,
    Mixup,
    PublishedWeights,
    Recorded,
    Relu,
    Sgd,
    Shift,
    StridedStem,
    Timm,
    Whitening,
    component,
    kinds,
)
from rungs.recipe.components.core import module_components, seams
from rungs.recipe.modifications import apply
from rungs.testing import check_component
from rungs.training import checkpoint
from rungs.training.chance import derive
from rungs.training.epoch import Training, drawn_batches, fresh_model
from tests.parts import RECORD, TINY, generator, train


def batch(n: int, epoch: int = 1) -> Batch:
    return Batch(torch.arange(n), epoch, generator())


# --- every component keeps the promises of its seam -----------------------------------------------

# What needs a library, the network or a file is tested in test_own_network; what nobody here can
# build, in test_recording.
ELSEWHERE = (Timm, PublishedWeights, FileWeights, Recorded)
EVERY = [m for seam in seams() for m in kinds(seam).values() if m not in ELSEWHERE]


@pytest.mark.parametrize("member", EVERY, ids=lambda member: f"{member.__name__}")
def test_every_component_keeps_its_promises(member: type[Component]) -> None:
    assert check_component(member) == ()


# --- transforms and mixing ------------------------------------------------------------------------


def test_shift_is_a_crop_of_the_reflected_image() -> None:
    images = torch.rand(40, 3, 8, 9)
    shifted = Shift(pixels=2).apply(images, batch(40))
    padded = torch.cat([images[..., :2].flip(3), images, images[..., -2:].flip(3)], dim=3)
    padded = torch.cat([padded[:, :, :2].flip(2), padded, padded[:, :, -2:].flip(2)], dim=2)
    found = set()
    for n in range(40):
        places = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(shifted[n], padded[n, :, y : y + 8, x : x + 9])
        ]
        assert places
        found.add(places[0])
    assert len(found) > 10


def test_random_flip_mirrors_its_share() -> None:
    images = torch.rand(2000, 1, 2, 2)
    flipped = Flip(probability=0.3).apply(images, batch(2000))
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    assert (mirrored | (flipped == images).flatten(1).all(1)).all()
    assert mirrored.float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_alternating_flip_shows_both_sides_in_two_epochs() -> None:
    images = torch.rand(1000, 1, 2, 2)
    spec = Flip(alternating=True)
    first, second, third = (spec.apply(images, batch(1000, epoch)) for epoch in (1, 2, 3))
    mirrored = (first == images.flip(3)).flatten(1).all(1)
    assert 0.4 < mirrored.float().mean() < 0.6
    assert torch.equal(second, first.flip(3))
    assert torch.equal(third, first)


def test_which_image_an_alternating_flip_mirrors_first_is_drawn_for_each_run() -> None:
    n, runs = 4000, 40
    images = torch.tensor([0.0, 1.0]).expand(n, 1, 1, 2)

    def mirrored(seed: int) -> torch.Tensor:
        drawn = Batch(torch.arange(n), 1, generator(), seed)
        return Flip(alternating=True).apply(images, drawn)[:, 0, 0, 0]

    # Seeds that are neighbours, and of all bits.
    sides = torch.stack([mirrored(seed * step) for seed in range(runs) for step in (1, 1 << 57)])
    # Of fair coins: each image and each run, each pair of neighbours, and each pair of runs.
    assert ((sides.mean(1) - 0.5).abs() < 5 / 2 / n**0.5).all()
    assert ((sides.mean(0) - 0.5).abs() < 5 / 2 / (2 * runs) ** 0.5).all()
    assert abs((sides[:, 1:] == sides[:, :-1]).float().mean() - 0.5) < 0.01
    distinct = sides[torch.arange(2 * runs) != 1]  # seed 0 is there twice
    both = (2 * distinct - 1) @ (2 * distinct - 1).T / n
    assert (both - torch.eye(len(both))).abs().max() < 5.5 / n**0.5


def test_an_alternating_flip_of_a_training_depends_on_its_seed(tiny: DataSet) -> None:
    recipe = replace(Recipe(), transforms=(Flip(alternating=True),), batch_size=200)
    images = tiny.exploration.train.pixels[:].float() / 255

    def first(seed: int, epoch: int) -> torch.Tensor:
        training = Training.begin(recipe, tiny.exploration, seed, 2, RECORD)
        order = torch.Generator().manual_seed(derive(seed, "order", epoch))
        (drawn,) = drawn_batches(training, epoch)
        chosen = torch.randperm(len(images), generator=order)
        found = torch.empty(len(images), dtype=torch.bool)
        found[chosen] = (drawn.images == images[chosen].flip(3)).flatten(1).all(1)
        return found

    assert torch.equal(first(1, 1), first(1, 1))
    assert torch.equal(first(1, 1), ~first(1, 2))
    assert 0.3 < (first(1, 1) == first(2, 1)).float().mean() < 0.7


def test_cutout_covers_a_square_with_the_mean() -> None:
    images = torch.rand(200, 3, 16, 16)
    cut = Cutout(pixels=5).apply(images, batch(200))
    changed = (cut != images).any(1)
    assert changed.sum((1, 2)).max() == 25
    hole = cut[changed.sum((1, 2)).argmax()][:, changed[changed.sum((1, 2)).argmax()]]
    torch.testing.assert_close(hole, images.mean((0, 2, 3))[:, None].expand(-1, 25))


def test_colour_jitter_scales_brightness_alone_where_nothing_else_is_asked() -> None:
    images = torch.rand(50, 3, 4, 4) * 0.5 + 0.1
    images[0, :, 0, 0] = torch.tensor([0.0, 0.5, 1.0])  # the range is kept
    changed = ColourJitter(brightness=0.3, contrast=0.0, saturation=0.0).apply(images, batch(50))
    ratio = (changed / images)[1:]
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))
    assert 0.7 <= ratio.min() < 0.8 < 1.2 < ratio.max() <= 1.3


def test_mixup_blends_images_as_it_blends_labels() -> None:
    images = torch.eye(6).reshape(6, 1, 2, 3)
    mixed, targets = Mixup(alpha=1.0).apply(images, torch.arange(6), 6, generator(1))
    torch.testing.assert_close(mixed.reshape(6, 6), targets)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    assert ((targets > 0) & (targets < 1)).any()


def test_cutmix_mixes_labels_by_area() -> None:
    labels = torch.arange(8)
    images = labels.float()[:, None, None, None].expand(-1, 1, 10, 10)
    mixed, targets = CutMix(probability=1.0).apply(images, labels, 8, generator(3))
    share = torch.stack([(mixed == label).float().mean((1, 2, 3)) for label in labels], dim=1)
    torch.testing.assert_close(targets, share)
    assert ((targets > 0) & (targets < 1)).any()
    unmixed = CutMix(probability=0.0).apply(images, labels, 8, generator(3))
    assert unmixed[1] is labels


@pytest.mark.parametrize("alpha", [0.2, 1.0, 1.5, 32.0, 1e6])
def test_shares_of_mixup_follow_their_distribution(alpha: float) -> None:
    from scipy.stats import kstest

    from rungs.ops.mixing import _beta

    chance = generator(5)
    drawn = [_beta(alpha, chance) for _ in range(2000)]
    assert kstest(drawn, "beta", args=(alpha, alpha)).pvalue > 0.01


def test_focal_loss_is_its_formula() -> None:
    logits, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    p = logits.softmax(1)[torch.arange(5), labels]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    torch.testing.assert_close(Focal(gamma=2.0).build(COUNTS)(logits, labels), expected)
    torch.testing.assert_close(
        Focal(gamma=0.0).build(COUNTS)(logits, labels), F.cross_entropy(logits, labels)
    )
    one_hot = F.one_hot(labels, 4).float()
    torch.testing.assert_close(Focal(gamma=2.0).build(COUNTS)(logits, one_hot), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_loss_has_gradients_where_it_is_sure(gamma: float) -> None:
    logits = torch.tensor([[100.0, 0.0, 0.0, 0.0], [0.0, 100.0, 0.0, 0.0]], requires_grad=True)
    loss = Focal(gamma=gamma).build(COUNTS)(logits, torch.tensor([0, 0]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(50)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[0.0] * 4, [-0.5, 0.5, 0.0, 0.0]]))


# Images of four classes; of the last there are none.
COUNTS = torch.tensor([60, 30, 10, 0])


@pytest.mark.parametrize(
    "loss", [CrossEntropy(class_weights="balanced"), Focal(gamma=0.0, class_weights="balanced")]
)
def test_balanced_classes_count_alike(loss: Loss) -> None:
    logits, labels = torch.randn(6, 4), torch.tensor([0, 0, 0, 1, 2, 0])
    weights = torch.tensor([100 / (3 * 60), 100 / (3 * 30), 100 / (3 * 10)])[labels]
    alone = F.cross_entropy(logits, labels, reduction="none")
    criterion = loss.build(COUNTS)
    torch.testing.assert_close(criterion(logits, labels), (weights * alone).mean())
    one_hot = F.one_hot(labels, 4).float()
    torch.testing.assert_close(criterion(logits, one_hot), (weights * alone).mean())
    blend = 0.3 * one_hot + 0.7 * one_hot.flip(0)
    mixture = 0.3 * weights + 0.7 * weights.flip(0)
    alone = -(blend * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(criterion(logits, blend), (mixture * alone).mean())
    every = torch.repeat_interleave(torch.arange(4), COUNTS)
    unsure = torch.zeros(len(every), 4)  # each image's loss is log 4: the mean weight is 1
    torch.testing.assert_close(criterion(unsure, every), torch.tensor(math.log(4.0)))


def test_a_balanced_image_has_the_weight_of_its_own_class_whatever_smoothing_gives_others() -> None:
    logits, labels = torch.randn(5, 4), torch.tensor([0, 0, 1, 2, 2])
    weights = torch.tensor([100 / (3 * 60), 100 / (3 * 30), 100 / (3 * 10)])[labels]
    spec = CrossEntropy(class_weights="balanced", label_smoothing=0.2)
    soft = 0.8 * F.one_hot(labels, 4) + 0.2 / 4
    expected = (weights * -(soft * logits.log_softmax(1)).sum(1)).mean()
    torch.testing.assert_close(spec.build(COUNTS)(logits, labels), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_balanced_classes_are_told_apart_with_smoothing_too(smoothing: float) -> None:
    """Two separable classes, 980 and 20 images, by gradient descent."""
    labels = torch.tensor([0] * 980 + [1] * 20)
    points = torch.randn(1000, 2, generator=generator()) * 0.3 + 2.0 * labels[:, None] - 1.0
    layer = nn.Linear(2, 2)
    spec = CrossEntropy(class_weights="balanced", label_smoothing=smoothing)
    criterion = spec.build(torch.bincount(labels))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(300):
        optimiser.zero_grad()
        criterion(layer(points), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    right = layer(points).argmax(1) == labels
    assert right[:980].float().mean() > 0.98
    assert right[980:].float().mean() > 0.9


@pytest.mark.parametrize("mixed", [False, True])
def test_a_rare_class_has_half_of_the_gradient_mixed_or_not(mixed: bool) -> None:
    """Of an undecided classifier, over batches of which most lack the rare class."""
    chance, counts = generator(), torch.tensor([98, 2])
    criterion = CrossEntropy(class_weights="balanced").build(counts)
    pulls = torch.zeros(2)
    for _ in range(3000):
        labels = (torch.rand(10, generator=chance) < 0.02).long()
        targets = labels
        if mixed:
            _, targets = Mixup(alpha=0.2).apply(torch.zeros(10, 1, 1, 1), labels, 2, chance)
        logits = torch.zeros(10, 2, requires_grad=True)
        criterion(logits, targets).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        pulls += -logits.grad.clamp(max=0).sum(0)
    assert float(pulls[1] / pulls.sum()) == pytest.approx(0.5, abs=0.06 if not mixed else 0.12)


def test_balanced_classes_are_those_of_the_training_images(tiny: DataSet, tmp_path: Path) -> None:
    """Two thirds of the images are of one class here: weights change the loss."""
    labels = tiny.exploration.train.labels.clone()
    labels[:100] = 0
    train_set = dataclasses.replace(tiny.exploration.train, labels=labels)
    uneven = dataclasses.replace(
        tiny, exploration=dataclasses.replace(tiny.exploration, train=train_set)
    )
    balanced = apply(TINY, "balanced_classes", {})
    plain = train(uneven, tmp_path / "plain", TINY, epochs=1).history[0].train_loss
    assert train(uneven, tmp_path / "run", balanced, epochs=1).history[0].train_loss != plain


# --- scaling -------------------------------------------------------------------------------------


def test_standard_scaling_gives_mean_0_and_deviation_1(tiny: DataSet, tmp_path: Path) -> None:
    recipe = apply(TINY, "scaling", {"to": "standard"})
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    images = tiny.exploration.train.pixels[:].float() / 255
    scaled = model.get_submodule("scaling")(images).transpose(0, 1).flatten(1)
    torch.testing.assert_close(scaled.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(1, correction=0), torch.ones(3))
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    plain = build(recipe.network, (3, 8, 8), 4, recipe.scaling)
    checkpoint.load_weights(plain, fitted.weights["best"])  # they hold the scaling
    torch.testing.assert_close(
        plain.get_submodule("scaling")(images), model.get_submodule("scaling")(images)
    )


def test_imagenet_scaling_is_for_three_channels() -> None:
    network = build(TINY.network, (3, 8, 8), 4, "imagenet")
    grey = network.get_submodule("scaling")(torch.full((1, 3, 1, 1), 0.5)).flatten()
    torch.testing.assert_close(grey, torch.tensor([0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225]))
    with pytest.raises(RecipeError, match="of 3 channels, found 1: take 'standard'"):
        build(TINY.network, (1, 8, 8), 4, "imagenet")


def test_symmetric_scaling_is_for_any_channels() -> None:
    scaling = build(TINY.network, (1, 8, 8), 4, "symmetric").get_submodule("scaling")
    ends = scaling(torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1))
    assert ends.flatten().tolist() == [-1.0, 0.0, 1.0]


def test_whitening_is_a_scaling_itself() -> None:
    whitened = apply(TINY, "stem", {"to": Whitening()})
    with pytest.raises(RecipeError, match="'whitening' needs scaling 'unit'"):
        apply(whitened, "scaling", {"to": "standard"})


# --- network --------------------------------------------------------------------------------------


def test_whitened_patches_are_uncorrelated_with_unit_variance() -> None:
    pixels = (F.avg_pool2d(torch.rand(200, 3, 18, 18), 3, 1) * 255).to(torch.uint8)
    spec = Whitening(patch=2, epsilon=1e-7, images=200)
    module = spec.build(3, kinds(Activation)["relu"]())  # type: ignore[arg-type]
    spec.prepare(module, pixels)
    images = pixels.float() / 255
    with torch.no_grad():
        features = module.get_submodule("0")(images - images.mean((0, 2, 3), keepdim=True))
    half = features.transpose(0, 1).flatten(1)[:12]
    torch.testing.assert_close(torch.cov(half), torch.eye(12), atol=0.05, rtol=0)
    assert spec.channels(3) == 24
    assert features.shape[2:] == (spec.size(16), spec.size(16))


def test_whitening_is_as_exact_in_bfloat16() -> None:
    """Smooth pictures, whose neighbouring pixels differ little: their filters are long."""
    torch.manual_seed(0)
    waves = F.interpolate(torch.rand(200, 3, 6, 6), 32, mode="bicubic")
    pixels = ((waves + 0.004 * torch.rand(200, 3, 32, 32)).clamp(0, 1) * 255).to(torch.uint8)
    spec = Whitening(patch=2, epsilon=1e-7, images=200)
    module = spec.build(3, Relu())
    spec.prepare(module, pixels)
    convolution: Any = module.get_submodule("0")
    images = pixels.float() / 255
    with torch.no_grad():
        exact = convolution(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = convolution(images)
            rounded = F.conv2d(images, convolution.weight, convolution.bias).float()
    assert torch.equal(found, exact)
    half = found.transpose(0, 1).flatten(1)[:12]
    torch.testing.assert_close(torch.cov(half), torch.eye(12), atol=0.01, rtol=0)
    # Outputs have a deviation of 1: what it is worth; kernels of processors round differently.
    assert (rounded - exact).square().mean().sqrt() > 0.02


def test_whitening_alone_has_another_version_and_in_bfloat16_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes = [
        replace(TINY, network=replace(TINY.network, stem=stem), precision=precision)
        for stem in (Whitening(), StridedStem())
        for precision in ("float32", "bfloat16")
    ]

    def keys() -> list[str]:
        return [key_of(recipe, epochs=1, data="d", seed=0) for recipe in recipes]

    after = keys()
    monkeypatch.setattr(Whitening, "version", 1)
    monkeypatch.setattr(Whitening, "revised", lambda one, recipe: True)
    monkeypatch.setattr("rungs.recipe.keys._remembered", {})  # of the version before
    assert [a != b for a, b in zip(keys(), after, strict=True)] == [False, True, False, False]


def test_whitening_looks_at_no_more_patches_at_a_time_than_memory_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = (F.avg_pool2d(torch.rand(50, 3, 11, 11), 3, 1) * 255).to(torch.uint8)
    spec = Whitening(patch=2, images=47)
    whole, parts = (spec.build(3, Relu()) for _ in range(2))
    spec.prepare(whole, pixels[:47])
    images_seen: list[int] = []

    class Counted:
        def __getitem__(self, index: slice) -> torch.Tensor:
            images_seen.append(len(pixels[index]))
            return pixels[index]

    monkeypatch.setattr("rungs.recipe.components.stems._MOST_NUMBERS", 10 * 12 * 8 * 8)
    spec.prepare(parts, Counted())
    assert images_seen == [1, 10, 10, 10, 10, 7]
    one, other = (module.state_dict()["0.weight"] for module in (whole, parts))
    # Of an eigenvector and its negative either is as good.
    torch.testing.assert_close(one.abs(), other.abs(), rtol=1e-4, atol=1e-4)


def test_whitening_is_not_trained(tiny: DataSet, tmp_path: Path) -> None:
    recipe = replace(TINY, network=replace(TINY.network, stem=Whitening()))
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    before = fresh_model(recipe, tiny.exploration, 3, RECORD)
    after = fresh_model(recipe, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(after, fitted.weights["best"])
    name = "stem.0.weight"
    assert torch.equal(before.state_dict()[name], after.state_dict()[name])
    assert not torch.equal(before.state_dict()["stem.0.bias"], after.state_dict()["stem.0.bias"])


def test_dropped_paths_keep_the_mean() -> None:
    module = DropPath(0.25)
    images = torch.ones(4000, 1, 2, 2)
    out = module(images)
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)
    assert module.eval()(images) is images


@pytest.mark.parametrize("size", [7, 8])
def test_blur_pooling_is_smooth_and_halves(size: int) -> None:
    pool = BlurPool(2)
    images = torch.rand(1, 2, size, size)
    assert pool(images).shape == (1, 2, size // 2, size // 2)
    torch.testing.assert_close(
        pool(torch.ones(1, 2, size, size)), torch.ones(1, 2, size // 2, size // 2)
    )


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_strided_stem_is_as_large_as_it_says(kernel: int, stride: int) -> None:
    stem = StridedStem(width=4, kernel=kernel, stride=stride)
    found = stem.build(3, Relu())(torch.rand(2, 3, 9, 12)).shape
    assert found[2:] == (stem.size(9), stem.size(12))


def test_a_strided_stem_is_normalised_as_the_network() -> None:
    recipe = apply(apply(Recipe(), "stem", {"to": StridedStem(width=16)}), "group_norm", {})
    stem = build(recipe.network, (3, 16, 16), 4).get_submodule("stem")
    assert [type(part) for part in stem.children()] == [nn.Conv2d, nn.GroupNorm, nn.ReLU]
    plain = build(replace(Recipe().network, stem=StridedStem()), (3, 16, 16), 4)
    norm = plain.get_submodule("stem.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.eps == 1e-3
    assert norm.momentum == pytest.approx(0.01)


def test_groups_must_divide_the_channels() -> None:
    recipe = apply(Recipe(), "group_norm", {"groups": 5})
    with pytest.raises(RecipeError, match="5 groups do not divide a stage of 32 channels"):
        build(recipe.network, (3, 16, 16), 4)


def test_a_modification_of_another_block_says_so() -> None:
    recipe = apply(Recipe(), "pooled_first", {})
    with pytest.raises(RecipeError, match="residual changes a block of kind 'stack', found"):
        apply(recipe, "residual", {})
    with pytest.raises(RecipeError, match="needs optimiser 'sgd', 'adamw' or 'muon', found 'adam'"):
        apply(Recipe(), "weight_decay", {"amount": 0.1})


def test_bfloat16_computes_in_it_and_keeps_float32_weights(tiny: DataSet, tmp_path: Path) -> None:
    recipe = replace(TINY, precision="bfloat16")
    fitted = train(tiny, tmp_path / "run", recipe, epochs=2)
    plain = train(tiny, tmp_path / "plain", TINY, epochs=2)
    difference = abs(fitted.history[-1].train_loss - plain.history[-1].train_loss)
    assert 0 < difference < 0.05
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_long_gradients_are_clipped(tiny: DataSet, tmp_path: Path) -> None:
    """With plain SGD and one batch, a step is as long as the clipped gradient times the rate."""
    recipe = replace(
        TINY,
        optimiser=Sgd(learning_rate=1.0, momentum=0.0, nesterov=False, weight_decay=0.0),
        clipping=0.01,
        batch_size=150,
    )
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    before = fresh_model(recipe, tiny.exploration, 3, RECORD)
    after = fresh_model(recipe, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(after, fitted.weights["best"])
    with torch.no_grad():
        moves = [a - b for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    length = math.sqrt(sum(float((move**2).sum()) for move in moves))
    assert length == pytest.approx(0.01, rel=1e-3)


# --- a user's own ---------------------------------------------------------------------------------


@pytest.fixture
def squareplus() -> Iterator[type[Activation]]:
    """A user's activation, as a module named ``mine`` would bring it."""
    with module_components("mine", "0123abcd"):

        @component
        class Squareplus(Activation):
            """(x + sqrt(x^2 + b)) / 2 (Barron, 2021)."""

            b: float = 4.0

            def build(self) -> nn.Module:
                return _Squareplus(self.b)

    yield Squareplus
    kinds(Activation).pop("mine:squareplus")  # type: ignore[attr-defined]


class _Squareplus(nn.Module):
    def __init__(self, b: float) -> None:
        super().__init__()
        self.b = b

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + (x * x + self.b).sqrt()) / 2


def test_a_users_component_goes_where_ours_go(
    squareplus: type[Activation], tiny: DataSet, tmp_path: Path
) -> None:
    to = {"kind": "mine:squareplus", "b": 2.0}
    recipe = apply(TINY, "activation", {"to": to})
    assert value_at(recipe, "network.activation") == squareplus(b=2.0)  # type: ignore[call-arg]
    assert recipe_to_dict(recipe)["network"]["activation"] == to
    assert recipe_from_dict(recipe_to_dict(recipe)) == recipe
    with pytest.raises(FrozenInstanceError):
        recipe.network.activation.b = 3.0  # type: ignore[attr-defined]
    assert len(train(tiny, tmp_path / "run", recipe, epochs=1).history) == 1


def test_the_source_of_a_users_component_enters_the_key(
    squareplus: type[Activation], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = apply(TINY, "activation", {"to": {"kind": "mine:squareplus"}})
    before = key_of(recipe, epochs=1, data="d", seed=0)
    squareplus.version = "another"
    monkeypatch.setattr("rungs.recipe.keys._remembered", {})  # of the version before
    assert key_of(recipe, epochs=1, data="d", seed=0) != before


def test_a_kind_is_taken_once_and_needs_a_seam() -> None:
    with pytest.raises(RecipeError, match="two components at Activation have the kind 'relu'"):

        @component
        class Relu(Activation):
            """Again."""

            def build(self) -> nn.Module:
                return nn.ReLU()

    with pytest.raises(RecipeError, match="Lonely derives from no seam"):

        @component
        class Lonely(Component):
            """Of nothing."""


def test_a_block_is_built_from_parts_alone() -> None:
    class Parts:
        padding = "same"
        norm = staticmethod(nn.BatchNorm2d)
        act = staticmethod(nn.Tanh)
        pool = staticmethod(lambda _: nn.MaxPool2d(2))
        pools_first = False

    block = StackBlock(
        3, 8, Parts(), depth=2, residual=True, separable=False, squeeze=4, drop_path=0.1
    )
    assert block(torch.rand(2, 3, 8, 8)).shape == (2, 8, 4, 4)
