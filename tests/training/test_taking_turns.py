"""Trainings that take turns in one process: each is what it is alone, bit for bit."""

from dataclasses import replace as with_
from pathlib import Path
from typing import Any

import pytest
import torch

from rungs.data.images import DataSet
from rungs.foundation.errors import TrainingError
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.modifications import apply
from rungs.store.results import Epoch
from rungs.training.chance import own_chance
from rungs.training.fit import Fitted, Fitting, fit
from rungs.training.rate_sweep import measure_range
from rungs.training.record import ExecutionRecord
from tests.conftest import RECORD

NETWORK = Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.2, 0.3))
TURNED = apply(Recipe(network=NETWORK, batch_size=32), "affine", {"rotation": 0.2, "zoom": 0.1})
MIXED = apply(
    apply(apply(replace(TURNED, batch_size=50), "trivial_augment", {}), "mixup", {}),
    *("swa", {"start": 0.3}),
)
LIBRARY = with_(RECORD, convolutions="library", layout="contiguous")

# What two trainings differ in: recipe, seed, how they compute.
Asked = tuple[Recipe, int, ExecutionRecord]
FIRST: Asked = (TURNED, 3, RECORD)
SECOND: Asked = (MIXED, 4, LIBRARY)


def begun(asked: Asked, data: DataSet, folder: Path) -> Fitting:
    recipe, seed, record = asked
    folder.mkdir(exist_ok=True)
    given: dict[str, Any] = {"seed": seed, "record": record, "kept_epochs": (2, 3)}
    return Fitting(recipe, data.exploration, epochs=3, folder=folder, **given)


def whole(fitting: Fitting) -> Fitted:
    while not fitting.is_over:
        fitting.epoch()
    return fitting.result()


def measured(history: tuple[Epoch, ...]) -> list[Any]:
    return [with_(entry, train_seconds=0.0, val_seconds=0.0) for entry in history]


def assert_same(first: Fitted, second: Fitted) -> None:
    assert measured(first.history) == measured(second.history)
    assert first.weights.keys() == second.weights.keys() == {"best", "snapshot-1", "snapshot-2"}
    for name, path in first.weights.items():
        assert path.read_bytes() == second.weights[name].read_bytes(), name


@pytest.fixture
def alone(tiny: DataSet, tmp_path: Path) -> tuple[Fitted, Fitted]:
    first, second = (
        whole(begun(asked, tiny, tmp_path / f"alone-{number}"))
        for number, asked in enumerate((FIRST, SECOND))
    )
    return first, second


def test_each_is_what_it_is_alone(
    tiny: DataSet, tmp_path: Path, alone: tuple[Fitted, Fitted]
) -> None:
    first, second = begun(FIRST, tiny, tmp_path / "a"), begun(SECOND, tiny, tmp_path / "b")
    for _ in range(3):
        assert first.epoch().epoch == second.epoch().epoch
        torch.rand(7)  # whoever else draws in this process
    assert_same(first.result(), alone[0])
    assert_same(second.result(), alone[1])


def test_one_may_be_begun_again_from_its_checkpoint_in_between(
    tiny: DataSet, tmp_path: Path, alone: tuple[Fitted, Fitted]
) -> None:
    first, second = begun(FIRST, tiny, tmp_path / "a"), begun(SECOND, tiny, tmp_path / "b")
    second.epoch()
    first.epoch()
    second = begun(SECOND, tiny, tmp_path / "b")
    assert len(second.history) == 1
    first.epoch()
    assert_same(whole(second), alone[1])
    first = begun(FIRST, tiny, tmp_path / "a")
    assert_same(whole(first), alone[0])


def test_who_calls_keeps_the_state_of_torchs_generator(tiny: DataSet, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    whole(begun(SECOND, tiny, tmp_path / "a"))
    measure_range(TURNED, tiny.exploration, seed=0, updates=3, record=RECORD)
    assert torch.equal(torch.get_rng_state(), before)
    with own_chance(RECORD):
        torch.rand(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_computes_with_its_own_threads(tiny: DataSet, tmp_path: Path) -> None:
    fitting = begun(FIRST, tiny, tmp_path / "a")
    torch.set_num_threads(2)
    fitting.epoch()
    assert torch.get_num_threads() == 1


def test_fit_is_the_plain_loop(tiny: DataSet, tmp_path: Path, alone: tuple[Fitted, Fitted]) -> None:
    recipe, seed, record = FIRST
    folder = tmp_path / "fit"
    folder.mkdir()
    steps: list[float] = []
    fitted = fit(
        recipe,
        tiny.exploration,
        seed=seed,
        epochs=3,
        kept_epochs=(2, 3),
        record=record,
        folder=folder,
        on_step=steps.append,
    )
    assert fitted is not None
    assert_same(fitted, alone[0])
    assert steps == pytest.approx([number / 5 for number in range(1, 16)])


def test_there_is_a_result_after_the_last_epoch_and_no_epoch_after_it(
    tiny: DataSet, tmp_path: Path
) -> None:
    fitting = begun(FIRST, tiny, tmp_path / "a")
    fitting.epoch()
    with pytest.raises(TrainingError, match="1 of 3 epochs of this training are done"):
        fitting.result()
    whole(fitting)
    with pytest.raises(TrainingError, match="all 3 epochs of this training are done"):
        fitting.epoch()
