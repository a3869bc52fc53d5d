"""Measures of probabilities against references of a few lines."""

import json
import math

import numpy as np
import pytest
from scipy import optimize

from rungs.statistics.calibration import (
    BINS,
    Calibration,
    brier,
    calibrate,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    temperature,
)
from rungs.statistics.predictions import SealedLabels, ValidationLabels, softmax

NAMES = tuple("abcdef")


def validation(labels: np.ndarray) -> ValidationLabels:
    return ValidationLabels(labels, NAMES)


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (400, 6))


@pytest.fixture
def labels(logits: np.ndarray) -> np.ndarray:
    """Drawn from softer probabilities than the logits claim: the model is too sure."""
    rng = np.random.default_rng(1)
    return np.array([rng.choice(6, p=row) for row in softmax(logits / 2)])


def test_brier_and_likelihood_by_definition(logits: np.ndarray, labels: np.ndarray) -> None:
    probabilities = softmax(logits)
    distances = [
        sum((p - (k == label)) ** 2 for k, p in enumerate(row))
        for row, label in zip(probabilities, labels, strict=True)
    ]
    assert brier(probabilities, labels) == pytest.approx(np.mean(distances))
    true = np.array([row[label] for row, label in zip(probabilities, labels, strict=True)])
    expected = np.mean([-math.log(value) for value in true])
    assert negative_log_likelihood(true) == pytest.approx(expected)
    assert math.isfinite(negative_log_likelihood(np.zeros(3)))


def test_calibration_error_by_definition(logits: np.ndarray, labels: np.ndarray) -> None:
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    bins = reliability(probabilities, labels)
    assert expected_calibration_error(bins) == pytest.approx(error)
    assert sum(item.images for item in bins) == 400
    assert len(bins) == BINS


def test_certain_answers_are_in_the_last_bin() -> None:
    bins = reliability(np.eye(2)[[0, 1, 1]], np.array([0, 1, 0]))
    last = bins[-1]
    assert (last.low, last.high, last.images, last.confidence) == (14 / 15, 1.0, 3, 1.0)
    assert last.accuracy == pytest.approx(2 / 3)
    assert all(item.images == 0 for item in bins[:-1])


def test_temperature_is_the_likeliest(logits: np.ndarray, labels: np.ndarray) -> None:
    def loss(log_t: float) -> float:
        logs = np.log(softmax(logits / math.exp(log_t)))
        # One more image may be of any class.
        return float(-(logs[np.arange(400), labels].sum() + logs.mean()) / 401)

    reference = math.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)
    found = temperature(logits, validation(labels))
    assert found == pytest.approx(reference, rel=1e-3)
    assert 1.5 < found < 2.7  # drawn at 2
    assert temperature(10 * logits, validation(labels)) == pytest.approx(10 * found, rel=1e-4)


@pytest.mark.parametrize("images", [20, 200])
def test_few_images_that_are_all_right_do_not_make_a_model_sure_of_everything(images: int) -> None:
    logits = np.random.default_rng(3).normal(0, 4, (images, 2))
    found = temperature(logits, validation(logits.argmax(axis=1)))
    assert 0.2 < found < 2
    assert softmax(logits / found).max(axis=1).mean() < (images + 1) / (images + 2)


@pytest.mark.parametrize("factor", [0.0, 1e-6, 1e6])
def test_temperature_of_extreme_logits_is_finite(
    logits: np.ndarray, labels: np.ndarray, factor: float
) -> None:
    assert 0 < temperature(factor * logits, validation(labels)) < math.inf
    always_right = np.eye(6)[labels]
    assert 0 < temperature(always_right, validation(labels)) < 1


@pytest.mark.parametrize("factor", [1e3, 1e8, 1e30])
def test_temperature_is_found_where_softmax_is_0_and_1(
    logits: np.ndarray, labels: np.ndarray, factor: float
) -> None:
    """Logits so large that probabilities are exact: the temperature grows with them."""
    plain = temperature(logits, validation(labels))
    with np.errstate(all="raise", under="ignore"):
        huge = temperature(factor * logits, validation(labels))
        shifted = temperature(logits + 1e6, validation(labels))
    assert huge == pytest.approx(factor * plain, rel=1e-4)
    assert shifted == pytest.approx(plain, rel=1e-4)
    sealed = SealedLabels(labels, NAMES)
    found = calibrate(factor * logits, validation(labels), factor * logits, sealed)
    least = calibrate(logits, validation(labels), logits, sealed)
    assert found.nll_after == pytest.approx(least.nll_after, rel=1e-4)
    wrong = logits.max(axis=1) - logits[np.arange(400), labels]
    assert found.nll == pytest.approx(factor * wrong.mean(), rel=1e-2)


def test_labels_that_logits_say_nothing_of_have_a_finite_temperature() -> None:
    chance = np.random.default_rng(0)
    logits, labels = chance.normal(0, 1e6, (200, 4)), chance.integers(0, 4, 200)
    found = temperature(logits, validation(labels))
    assert 1e6 < found < 1e10
    assert temperature(-np.eye(4)[labels[:50]] * 1e9, validation(labels[:50])) < math.inf


def test_temperature_comes_from_validation_and_helps_on_test(
    logits: np.ndarray, labels: np.ndarray
) -> None:
    half = slice(0, 200), slice(200, 400)
    chosen_by, sealed = validation(labels[half[0]]), SealedLabels(labels[half[1]], NAMES)
    found = calibrate(logits[half[0]], chosen_by, logits[half[1]], sealed)
    assert found.temperature == temperature(logits[:200], chosen_by)
    assert found.ece_after < found.ece
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
