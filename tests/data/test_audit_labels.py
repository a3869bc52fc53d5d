"""Labels that are turned into others are found, by models that have not seen them."""

import numpy as np
import pytest
import torch

from rungs.data.audit import features, folds, labels
from rungs.data.audit.auditing import audit
from rungs.data.audit.findings import Duplicate, Place
from rungs.data.audit.mislabelling import fit_mislabelling
from rungs.data.drawn.drawing import draw
from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.statistics.predictions import softmax

CLASSES = 4
NAMES = ("a", "b", "c", "d")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the filters and patches: quick, and enough for four classes."""
    monkeypatch.setattr(features, "_FILTERS", 48)
    monkeypatch.setattr(features, "_SAMPLED", 3000)


def mislabelled(images: ImageSet, count: int, seed: int) -> tuple[ImageSet, set[int]]:
    """The images with ``count`` labels turned into others, and where."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images), generator=generator)[:count]
    turned = images.labels.clone()
    turned[chosen] = (turned[chosen] + 1) % CLASSES
    return ImageSet(images.pixels, turned), set(chosen.tolist())


def data_set(*parts: ImageSet) -> DataSet:
    train, validation, test = parts
    return DataSet("drawn", Exploration(train, validation, NAMES), test, NAMES, (), (), "f" * 16)


def test_planted_label_errors_are_found() -> None:
    drawn = draw(4, 800, 120, 200, 32, 0)
    pairs = [mislabelled(drawn[part], count, part) for part, count in enumerate((24, 5, 8))]
    errors, search = labels.find_label_errors(data_set(*(images for images, _ in pairs)), ())
    assert search.accuracy > 0.4
    scores = [error.score for error in errors]
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 < score <= 1 for score in scores)
    right = 0
    for split, (images, planted) in zip(("train", "validation", "test"), pairs, strict=True):
        listed = [error for error in errors if error.split == split]
        assert all(NAMES[int(images.labels[item.index])] == item.given for item in listed)
        assert all(item.given != item.suggested for item in listed)
        right += sum(item.index in planted for item in listed)
    # Of 1,120 images 37 have a wrong label: a list drawn at random would have one in thirty.
    assert right >= len(scores) / 2
    assert right >= 3


def test_label_errors_can_be_left_out() -> None:
    data = data_set(*draw(4, 20, 8, 8, 8, 0))
    steps: set[str] = set()
    said = audit(data, label_errors=False, progress=lambda what, _: steps.add(what))
    assert steps
    assert all(step.startswith("duplicates") for step in steps)
    assert said.label_errors is None
    assert said.balance["test"] == {"a": 2, "b": 2, "c": 2, "d": 2}
    # What is known is not looked for again.
    assert audit(data, label_errors=False, known=said) is said


def test_scores_are_probabilities_of_a_wrong_label() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=3, size=(20_000, 10))
    truth = (softmax(scores).cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    given = np.where(rng.random(20_000) < 0.05, rng.integers(10, size=20_000), truth)
    fitted = fit_mislabelling(0.3 * scores, given)
    assert fitted.temperature == pytest.approx(0.3, rel=0.05)
    wrong = fitted.wrong(0.3 * scores, given)
    assert wrong.sum() == pytest.approx((given != truth).sum(), rel=0.1)
    for low, high in ((0.1, 0.5), (0.5, 0.8), (0.8, 1.0)):
        among = (wrong > low) & (wrong <= high)
        assert (given != truth)[among].mean() == pytest.approx(wrong[among].mean(), abs=0.1)


def test_models_that_know_nothing_list_nothing() -> None:
    rng = np.random.default_rng(1)
    scores, given = rng.normal(size=(2000, 10)), rng.integers(10, size=2000)
    assert (fit_mislabelling(scores, given).wrong(scores, given) > 0.5).sum() == 0


def test_duplicates_are_in_one_fold() -> None:
    duplicates = (
        Duplicate("near", Place("train", 0), Place("validation", 1), 0.1, False, True),
        Duplicate("near", Place("train", 5), Place("validation", 1), 0.1, False, True),
        Duplicate("near", Place("train", 2), Place("test", 0), 0.1, False, True),
    )
    groups = labels._groups(duplicates, train=10, count=14)
    assert groups[0] == groups[5] == groups[11]
    assert len(set(groups.tolist())) == 12
    dealt = folds.deal(groups, torch.Generator().manual_seed(0))
    assert dealt[0] == dealt[5] == dealt[11]
    assert set(dealt.tolist()) == set(range(folds.FOLDS))


def test_no_model_has_seen_the_images_that_it_tells() -> None:
    """Features that are noise tell nothing of images that were left out, whatever their labels."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(300, 200, generator=generator)
    truth = torch.randint(2, (300,), generator=generator)
    dealt = folds.deal(torch.arange(300), generator)
    said = folds.out_of_fold(noise, truth, dealt, noise[:10], 2)
    assert said.accuracy < 0.6
    assert said.known.shape == (300, 2)
    assert said.unseen.shape == (10, 2)


def test_models_are_those_of_ridge_regression() -> None:
    """Each fold's model equals the normal equations on all other folds, written out."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(60, 3, generator=generator)
    truth = (rows[:, 0] > 0).long()
    dealt = torch.arange(60) % folds.FOLDS

    def prepared(chunk: torch.Tensor) -> torch.Tensor:
        return torch.cat([chunk, torch.ones(len(chunk), 1)], dim=1)

    models = folds._models(rows, truth, dealt, 2, prepared)[1]
    others = prepared(rows[dealt != 2])
    penalty = folds._PENALTIES[1] * len(others) + 1e-3
    expected = torch.linalg.inv(others.T @ others + penalty * torch.eye(4)) @ (
        others.T @ torch.eye(2)[truth[dealt != 2]]
    )
    torch.testing.assert_close(models[2], expected, rtol=1e-4, atol=1e-5)


def test_features_are_the_same_for_the_same_images() -> None:
    pixels = draw(4, 40, 1, 1, 16, 0)[0].pixels[:]
    found = [
        features.describe(pixels, features.draw_filters(pixels, torch.Generator().manual_seed(0)))
        for _ in range(2)
    ]
    assert torch.equal(*found)
    assert torch.isfinite(found[0]).all()
    flat = torch.full((3, 3, 16, 16), 7, dtype=torch.uint8)
    filters = features.draw_filters(pixels, torch.Generator().manual_seed(0))
    assert torch.isfinite(features.describe(flat, filters)).all()
