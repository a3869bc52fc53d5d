"""The model that is evaluated and kept: made beside training, which notices nothing."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rungs.data.images import DataSet
from rungs.foundation.errors import RecipeError, TrainingError
from rungs.ops.averages import StochasticWeightAverage
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Average,
    Convolutional,
    GroupNorm,
    ImageShape,
    PoolingHead,
    PublishedWeights,
    RenewedStatistics,
    StridedStem,
    Swa,
    component,
    network,
)
from rungs.recipe.components.core import forget_components, module_components
from rungs.recipe.modifications import apply
from rungs.training import checkpoint
from rungs.training.epoch import fresh_model
from rungs.training.evaluation import evaluate
from rungs.training.fit import Fitted
from tests.parts import RECORD, train

SMALL = Recipe(
    network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.3, 0.3)), batch_size=32
)
AUGMENTED = apply(SMALL, "affine", {"rotation": 0.2, "zoom": 0.1})
RENEWED = replace(AUGMENTED, statistics=RenewedStatistics(images=100))
NORM = "layers.1.block.body.1"
AVERAGES = [None, "ema", "swa", "lookahead"]


def averaged(recipe: Recipe, average: str | None) -> Recipe:
    return apply(recipe, average, {}) if average else recipe


def contents(fitted: Fitted) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in fitted.weights.items()}


def same(first: Any, second: Any) -> bool:
    """Whether two states are equal, bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


@pytest.mark.parametrize("average", AVERAGES)
def test_training_is_the_same_whatever_statistics_are_evaluated(
    tiny: DataSet, tmp_path: Path, average: str | None
) -> None:
    found = []
    for name, recipe in (("moving", AUGMENTED), ("renewed", RENEWED)):
        fitted = train(tiny, tmp_path / name, averaged(recipe, average), epochs=3)
        found.append((fitted, checkpoint.load(tmp_path / name)))
    (moving, first), (renewed, second) = found
    assert first is not None
    assert second is not None
    assert same(first.model, second.model)
    assert same(first.optimiser, second.optimiser)
    assert same(first.average, second.average)
    assert [e.train_loss for e in moving.history] == [e.train_loss for e in renewed.history]
    # It is what is evaluated that differs.
    assert [e.val_loss for e in moving.history] != [e.val_loss for e in renewed.history]


@pytest.mark.parametrize("average", AVERAGES)
def test_what_is_kept_is_what_was_evaluated(
    tiny: DataSet, tmp_path: Path, average: str | None
) -> None:
    recipe = averaged(RENEWED, average)
    fitted = train(tiny, tmp_path / "run", recipe, epochs=3, kept_epochs=(2, 3))
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    for name, epoch in (("snapshot-1", 2), ("snapshot-2", 3), ("best", fitted.best_epoch)):
        checkpoint.load_weights(model, fitted.weights[name])
        loss, _ = evaluate(model, tiny.exploration.validation, RECORD, recipe.precision)
        assert loss == fitted.history[epoch - 1].val_loss


def test_renewed_statistics_are_those_of_evaluations_own_values(
    tiny: DataSet, tmp_path: Path
) -> None:
    """Of all training images, without dropout before the layer and with the weights kept."""
    recipe = replace(AUGMENTED, statistics=RenewedStatistics(), batch_size=75)
    fitted = train(tiny, tmp_path / "run", recipe, epochs=2)
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(model, fitted.weights["best"])
    seen: list[torch.Tensor] = []
    norm: Any = model.get_submodule("layers.0.block.body.1")
    norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        model.eval()(tiny.exploration.train.pixels[:].float() / 255)
    torch.testing.assert_close(norm.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    variance = seen[0].var((0, 2, 3))
    torch.testing.assert_close(norm.running_var, variance, rtol=0.05, atol=1e-5)
    # Behind the first layer's dropout, which would make them larger.
    after: list[torch.Tensor] = []
    model.get_submodule(NORM).register_forward_hook(lambda _, given, __: after.append(given[0]))
    with torch.no_grad():
        model(tiny.exploration.train.pixels[:].float() / 255)
    second: Any = model.get_submodule(NORM)
    torch.testing.assert_close(second.running_var, after[0].var((0, 2, 3)), rtol=0.1, atol=1e-4)


@pytest.mark.parametrize("average", AVERAGES)
def test_resumed_is_uninterrupted(tiny: DataSet, tmp_path: Path, average: str | None) -> None:
    recipe = averaged(RENEWED, average)
    more: dict[str, Any] = {"epochs": 4, "kept_epochs": (2, 4)}
    whole = train(tiny, tmp_path / "whole", recipe, **more)
    parts = None
    while parts is None:
        parts = train(tiny, tmp_path / "parts", recipe, should_stop=lambda: True, **more)
    assert contents(parts) == contents(whole)
    assert [e.val_loss for e in parts.history] == [e.val_loss for e in whole.history]


def test_the_images_are_drawn_by_the_runs_seed(tiny: DataSet, tmp_path: Path) -> None:
    few = replace(RENEWED, statistics=RenewedStatistics(images=10))
    losses = []
    for name, recipe in (("few", few), ("again", few), ("more", RENEWED)):
        fitted = train(tiny, tmp_path / name, recipe, epochs=1)
        losses.append(fitted.history[0].val_loss)
    assert losses[0] == losses[1] != losses[2]


def test_there_must_be_statistics_to_renew() -> None:
    with pytest.raises(RecipeError, match="needs batch normalisation, found 'group_norm'"):
        apply(apply(SMALL, "group_norm", {"groups": 2}), "renewed_statistics", {})
    with pytest.raises(RecipeError, match="needs batch normalisation, found 'group_norm'"):
        apply(RENEWED, "group_norm", {"groups": 2})
    strided = replace(SMALL.network, normalisation=GroupNorm(groups=2), stem=StridedStem())
    apply(replace(SMALL, network=strided), "renewed_statistics", {})  # the stem has some
    with pytest.raises(RecipeError, match="statistics 'renewed' needs trained 'all'"):
        replace(RENEWED, start=PublishedWeights(), trained="head")


def test_a_network_of_ones_own_without_statistics_is_refused(tiny: DataSet, tmp_path: Path) -> None:
    with module_components("mine", "0"):

        @network
        def plain(image_shape: ImageShape, classes: int) -> nn.Module:
            """One layer."""
            return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), classes))

    try:
        own = replace(RENEWED, network=plain())
        with pytest.raises(TrainingError, match="this network has none that keeps statistics"):
            train(tiny, tmp_path / "run", own)
    finally:
        forget_components("mine")


class _Hoarder(nn.Module):
    """Keeps what it computed, which torch does not copy."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.BatchNorm2d(3), nn.Linear(3, classes)
        self.last: torch.Tensor | None = None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.last = self.layer(self.norm(images).mean((2, 3)))
        return self.last


def test_a_network_may_take_up_what_cannot_be_copied(tiny: DataSet, tmp_path: Path) -> None:
    with module_components("mine", "0"):

        @network
        def hoarder(image_shape: ImageShape, classes: int) -> nn.Module:
            """One that keeps its outputs."""
            return _Hoarder(classes)

    try:
        fitted = train(tiny, tmp_path / "run", replace(RENEWED, network=hoarder()), epochs=2)
    finally:
        forget_components("mine")
    assert len(fitted.history) == 2


class _OldAverage(StochasticWeightAverage):
    """As a user may have written it."""

    @property
    def stale_statistics(self) -> bool:
        return True


def test_an_average_of_ones_own_that_says_it_as_before_is_heard(
    tiny: DataSet, tmp_path: Path
) -> None:
    with module_components("mine", "0"):

        @component
        class Old(Average):
            """A mean, with its own word for what it lacks."""

            def build(self, model: nn.Module) -> Any:
                return _OldAverage(model, 0.0)

    try:
        losses = [
            [e.val_loss for e in train(tiny, tmp_path / name, recipe, epochs=3).history]
            for name, recipe in (
                ("old", replace(AUGMENTED, average=Old())),
                ("swa", replace(AUGMENTED, average=Swa(start=0.0))),
            )
        ]
    finally:
        forget_components("mine")
    assert losses[0] == losses[1]
