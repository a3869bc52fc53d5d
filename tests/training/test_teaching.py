"""Learning from another network's answers: what is minimised, and on which images."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rungs.data.images import DataSet
from rungs.foundation.errors import TrainingError
from rungs.ops.losses import softened_divergence
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Convolutional,
    CutMix,
    Distillation,
    Flip,
    PoolingHead,
    ProgressiveResolution,
    SharpnessAware,
)
from rungs.recipe.modifications import apply
from rungs.training import epoch, noise, throughput
from rungs.training.epoch import Training, drawn_batches
from rungs.training.fit import fit
from rungs.training.record import use
from rungs.training.teaching import fresh_teacher
from tests.conftest import RECORD, TINY
from tests.parts import train
from tests.recorded import Recorded

RECIPE = Recipe(
    network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.0, 0.3)), batch_size=32
)
BIG = replace(RECIPE, network=replace(RECIPE.network, widths=(8, 16)))


def taught(recipe: Recipe = RECIPE, **values: Any) -> Recipe:
    return replace(recipe, teaching=Distillation(teacher="big", **values))


def teacher() -> nn.Module:
    return fresh_teacher(BIG, TINY.image_shape, TINY.classes, RECORD)


# --- the formula ---------------------------------------------------------------------------------


def test_the_divergence_is_the_published_one() -> None:
    """T^2 * sum_i p_i ln(p_i / q_i), where q_i = exp(z_i / T) / sum_j exp(z_j / T)."""
    logits, answers = torch.randn(5, 3).double(), torch.randn(5, 3).double()
    for temperature in (1.0, 4.0):
        total = 0.0
        for learnt, told in zip(logits.tolist(), answers.tolist(), strict=True):
            q, p = (
                [value / sum(exps) for value in exps]
                for exps in (
                    [torch.tensor(z / temperature).double().exp().item() for z in row]
                    for row in (learnt, told)
                )
            )
            total += sum(
                one * torch.tensor(one / other).log().item()
                for one, other in zip(p, q, strict=True)
            )
        found = softened_divergence(logits, answers, temperature)
        assert float(found) == pytest.approx(temperature**2 * total / 5, rel=1e-6)


def test_labels_and_teacher_share_the_loss() -> None:
    logits, answers, alone = torch.randn(5, 3), torch.randn(5, 3), torch.tensor(1.5)
    found = Distillation(temperature=3.0, weight=0.25).loss(alone, logits, answers)
    told = softened_divergence(logits, answers, 3.0)
    torch.testing.assert_close(found, 0.25 * told + 0.75 * alone)


def test_a_teacher_that_knows_nothing_asks_for_even_answers() -> None:
    """Its divergence is the cross-entropy against even targets, less their entropy."""
    logits = torch.randn(6, 4)
    found = softened_divergence(logits, torch.zeros(6, 4), 2.0)
    even = F.cross_entropy(logits / 2, torch.full((6, 4), 0.25))
    torch.testing.assert_close(found, 4 * (even - torch.log(torch.tensor(4.0))))


def test_at_high_temperatures_logits_are_matched() -> None:
    """Equation 4 of the paper: with means of zero the slope is (z_i - v_i) / (K T^2); times T^2."""
    logits = torch.randn(1, 4).double()
    logits = (logits - logits.mean()).requires_grad_()
    answers = torch.randn(1, 4).double()
    answers = answers - answers.mean()
    softened_divergence(logits, answers, 1e4).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(logits.grad, (logits.detach() - answers) / 4, rtol=1e-3, atol=1e-4)


# --- training ------------------------------------------------------------------------------------


def contents(fitted: Any) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in fitted.weights.items()}


def test_without_weight_it_is_plain_training_bit_for_bit(tiny: DataSet, tmp_path: Path) -> None:
    plain = train(tiny, tmp_path / "plain", RECIPE)
    beside = train(tiny, tmp_path / "taught", taught(weight=0.0), teacher=teacher())
    assert contents(beside) == contents(plain)
    assert [e.train_loss for e in beside.history] == [e.train_loss for e in plain.history]
    other = train(tiny, tmp_path / "other", taught(), teacher=teacher())
    assert contents(other) != contents(plain)


def test_one_that_learns_from_labels_alone_needs_no_teacher_and_the_other_does(
    tiny: DataSet, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="teaching 'distillation' needs a teacher"):
        train(tiny, tmp_path, taught())


def test_the_teacher_answers_to_the_very_images_and_stays_as_it_is(tiny: DataSet) -> None:
    """Changed, resized and mixed; in evaluation mode, and without gradients."""
    recipe = taught(
        replace(
            RECIPE,
            transforms=(Flip(),),
            mixing=CutMix(probability=1.0),
            resolution=ProgressiveResolution(start=0.5, until=1.0, multiple=4),
        )
    )
    lecturer = teacher()
    before = {name: value.clone() for name, value in lecturer.state_dict().items()}
    seen: list[torch.Tensor] = []

    def look(_: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        seen.append(given[0].clone())
        assert not out.requires_grad

    lecturer.register_forward_hook(look)
    use(RECORD)
    training = Training.begin(recipe, tiny.exploration, 3, 3, RECORD, lecturer)
    given = []
    for number, batch in enumerate(drawn_batches(training, 1), start=1):
        given.append(batch.images.clone())
        training.step(batch.images, batch.targets, rate=0.01, number=number)
    assert {tuple(images.shape[2:]) for images in seen} == {(4, 4)}
    assert len(seen) == len(given) == 5
    assert all(torch.equal(a, b) for a, b in zip(seen, given, strict=True))
    assert not lecturer.training
    assert all(torch.equal(before[name], v) for name, v in lecturer.state_dict().items())


def test_it_answers_once_a_batch_however_often_the_loss_is_asked_for(tiny: DataSet) -> None:
    recipe = taught(replace(RECIPE, gradient=SharpnessAware()))
    lecturer = teacher()
    answered: list[int] = []
    lecturer.register_forward_hook(lambda *_: answered.append(1))
    training = Training.begin(recipe, tiny.exploration, 3, 1, RECORD, lecturer)
    batch = next(drawn_batches(training, 1))
    training.step(batch.images, batch.targets, rate=0.01, number=1)
    assert len(answered) == 1


def test_interrupted_it_ends_the_same(tiny: DataSet, tmp_path: Path) -> None:
    recipe = taught(apply(RECIPE, "ema", {}))
    whole = train(tiny, tmp_path / "whole", recipe, teacher=teacher())
    parts = None
    while parts is None:
        parts = train(tiny, tmp_path / "parts", recipe, teacher=teacher(), should_stop=lambda: True)
    assert contents(parts) == contents(whole)


@pytest.mark.parametrize("change", ["plain", "sharpness_aware"])
def test_updates_with_a_teacher_can_be_replayed(
    tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    made = Recorded()
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: made)
    changed = RECIPE if change == "plain" else apply(RECIPE, change, {})
    histories = []
    for record in (RECORD, dataclasses.replace(RECORD, graphs="yes")):
        folder = tmp_path / record.graphs
        folder.mkdir()
        fitted = fit(
            taught(changed),
            tiny.exploration,
            seed=3,
            epochs=2,
            record=record,
            folder=folder,
            teacher=teacher(),
        )
        assert fitted is not None
        histories.append(torch.tensor([entry.train_loss for entry in fitted.history]))
    assert (made.captured, made.replayed) == (1, 5)
    torch.testing.assert_close(histories[1], histories[0], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("change", ["plain", "sharpness_aware"])
def test_its_answers_count_where_speed_is_measured(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    recipe = taught(RECIPE if change == "plain" else apply(RECIPE, change, {}))
    answered: list[tuple[int, ...]] = []

    def made(*asked: Any) -> nn.Module:
        lecturer = fresh_teacher(*asked)
        lecturer.register_forward_hook(lambda _, given, out: answered.append(tuple(out.shape)))
        return lecturer

    monkeypatch.setattr(throughput, "fresh_teacher", made)
    step = throughput.training_step(recipe, TINY.image_shape, TINY.classes, RECORD, BIG)
    step()
    step()
    assert answered == [(32, 4)] * 2


def test_a_gpu_is_tried_with_a_teacher_that_is_the_same_each_time() -> None:
    asked = (taught(), TINY.image_shape, TINY.classes, RECORD, BIG)
    first, second = (noise.first_losses(*asked) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, noise.first_losses(*asked[:-1], RECIPE))
