"""How many seeds a difference takes, from a store whose answers are drawn by chance."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from rungs.foundation.errors import RungsError
from rungs.report.gather.detection import seeds_needed
from rungs.report.show.detection import show_detection
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.power import components, seeds_for
from rungs.statistics.predictions import Labels, write_array
from rungs.store import Store, open_store
from rungs.study import Study, parse
from rungs.study.plan import plan
from tests.fake import put
from tests.studies import edited

IMAGES = 400
LABELS = np.zeros(IMAGES, dtype=np.int64)


@pytest.fixture
def study() -> Study:
    return parse(edited(("data/validation", IMAGES), ("budgets/own", None)), "mine.toml")


def answers(rung: int, seed: int) -> np.ndarray:
    """Right where an image is easy, give or take."""
    rng = np.random.default_rng([rung, seed])
    hardness = np.linspace(-1, 1, IMAGES) + 0.1 * rung
    return rng.normal(0, 0.3, IMAGES) + hardness + rng.normal(0, 0.05) > 0


def fill(store: Store, study: Study, seeds: int) -> None:
    store.write_labels(study.data.fingerprint, "validation", Labels(LABELS, ("right", "wrong")))
    for number, item in enumerate(plan(study, seeds=seeds).rungs):
        for seed, spec in enumerate(item.runs):
            put(store, spec)
            logits = np.stack([answers(number, seed), ~answers(number, seed)], axis=1)
            file = store.run_folder(spec.key) / "predictions" / "best-validation.npy"
            write_array(file, logits.astype(np.float32))


def test_seeds_are_planned_from_validation(tmp_path: Path, study: Study) -> None:
    store = open_store(tmp_path / "store")
    fill(store, study, seeds=3)
    first, second = (np.stack([answers(rung, seed) for seed in range(3)]) for rung in (0, 1))
    found = components([(second, first)])
    assert found is not None
    images = study.data.sizes["test"]
    expected = seeds_for(0.1, found, images=images, recipes=2, family=1, alpha=ALPHA, wanted=POWER)
    told = show_detection(seeds_needed(plan(study, seeds=20), store, 10))
    assert f"{expected} seeds of every rung find it" in told
    assert "power 0.8" in told
    assert seeds_needed(plan(study, seeds=20), store, 10).to_dict()["seeds"] == expected
    few = seeds_needed(plan(study, seeds=20), store, 20).seeds
    assert few is not None
    assert few <= (expected or 0)
    assert "the test set is too small" in show_detection(
        seeds_needed(plan(study, seeds=20), store, 0.1)
    )


def test_answers_without_labels_are_no_lack_of_seeds(tmp_path: Path, study: Study) -> None:
    store = open_store(tmp_path / "store")
    fill(store, study, seeds=2)
    shutil.rmtree(store.root / "data")
    with pytest.raises(RungsError, match="no labels of the validation images"):
        seeds_needed(plan(study, seeds=20), store, 1)


def test_one_seed_says_nothing_of_seeds(tmp_path: Path, study: Study) -> None:
    store = open_store(tmp_path / "store")
    with pytest.raises(RungsError, match="not known yet"):
        seeds_needed(plan(study), store, 1)
    fill(store, study, seeds=1)
    with pytest.raises(RungsError, match="two finished seeds"):
        seeds_needed(plan(study), store, 1)
