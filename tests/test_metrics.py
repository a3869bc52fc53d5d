"""Measures against short references and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from rungs import metrics
from rungs.predictions import compact, softmax
from rungs.results import Epoch


def history(losses: list[float], train: float = 0.5, val: float = 0.4) -> list[Epoch]:
    return [
        Epoch(number, 1.0, train, loss, val, 0.1, 1.0, 1.0)
        for number, loss in enumerate(losses, start=1)
    ]


@pytest.mark.parametrize(("correct", "n"), [(0, 100), (24, 100), (93, 100), (100, 100), (1, 3)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_is_scipys(correct: int, n: int, level: float) -> None:
    expected = binomtest(correct, n).proportion_ci(level, method="wilson")
    found = metrics.wilson(correct, n, level)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 100, 10_000])
def test_wilson_holds_the_share_itself(n: int) -> None:
    for correct in (0, 1, n - 1, n):
        low, high = metrics.wilson(correct, n)
        assert 0 <= low <= correct / n <= high <= 1


def test_wilson_of_the_reports_classes() -> None:
    """93 % means 86 to 97 %, 24 % means 17 to 33 %, of 100 images."""
    assert [round(100 * end) for end in metrics.wilson(93, 100)] == [86, 97]
    assert [round(100 * end) for end in metrics.wilson(24, 100)] == [17, 33]


def test_per_class_counts() -> None:
    labels = np.array([0, 0, 1, 1, 1, 3])
    predicted = np.array([0, 1, 1, 1, 0, 3])
    correct, images = metrics.per_class(predicted, labels, 4)
    assert correct.tolist() == [1, 2, 0, 1]
    assert images.tolist() == [2, 3, 0, 1]
    found = metrics.class_accuracies(correct, images, "abcd")
    assert [(item.name, item.accuracy) for item in found] == [("a", 0.5), ("b", 2 / 3), ("d", 1.0)]
    assert metrics.accuracy(predicted, labels) == pytest.approx(4 / 6)


def test_group_confusion_counts_pairs_of_groups() -> None:
    """Classes 0 and 1 are group 0, class 2 is group 2; group 1 has no class."""
    labels = np.array([0, 0, 1, 1, 2])
    predicted = np.array([0, 1, 2, 0, 1])
    shares = metrics.group_confusion(predicted, labels, (0, 0, 2), 3)
    assert shares.tolist() == [[0.75, 0, 0.25], [0, 0, 0], [1, 0, 0]]


def test_best_epoch_is_the_earliest_lowest() -> None:
    assert metrics.best_epoch(history([3.0, 2.0, 2.5, 2.0])) == 2


def test_gap_is_that_of_the_last_epoch() -> None:
    assert metrics.gap(history([1.0, 1.0], train=0.7, val=0.45)) == pytest.approx(0.25)


def test_roughness_is_zero_for_lines_and_measures_zigzag() -> None:
    assert metrics.roughness(history([3.0, 2.5, 2.0, 1.5])) == pytest.approx(0)
    assert metrics.roughness(history([1.0, 2.0, 1.0, 2.0])) == pytest.approx(2.0)
    assert metrics.roughness(history([1.0, 2.0])) == 0


def test_late_gain_looks_at_the_last_tenth() -> None:
    losses = [3.0, 2.0, 1.5, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.3]
    assert metrics.late_gain(history(losses)) == pytest.approx(0.1)
    assert metrics.late_gain(history([*losses[:-1], 1.6])) == pytest.approx(-0.2)
    assert metrics.late_gain(history([1.0])) == 0.0


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3.0, 2.0, 2.3, 2.6], ("overfits from epoch 2",)),
        ([3.0, 2.0, 2.01, 2.02], ()),  # flat within the noise, not improving
        ([3.0, 2.5, 2.2, 2.0], ("still improving",)),
        ([3.0], ()),
    ],
)
def test_notes_of_one_run(losses: list[float], expected: tuple[str, ...]) -> None:
    assert metrics.notes([history(losses)]) == expected


def test_notes_compare_roughness_at_equal_length_only() -> None:
    zigzag, line = history([3.0, 2.0, 3.0, 1.9]), history([3.0, 2.6, 2.3, 1.9])
    assert "calmer" in metrics.notes([line], [zigzag])
    assert "rougher" in metrics.notes([zigzag], [line])
    assert metrics.notes([line], [zigzag[:3]]) == ("still improving",)
    assert metrics.notes([]) == ()


def test_notes_of_several_seeds_name_the_range() -> None:
    early, late = history([2.0, 2.5, 2.5, 2.5]), history([3.0, 2.9, 2.5, 3.0])
    assert metrics.notes([early, late]) == ("overfits from epochs 1 to 3",)


def test_compact_predictions_keep_top5_and_the_true_probability() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    labels = np.arange(50) % 8
    probabilities = softmax(logits)
    exponentials = np.exp(logits.astype(np.float64))
    reference = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, reference)
    made = compact(probabilities, labels)
    assert (made.predicted == logits.argmax(1)).all()
    np.testing.assert_allclose(made.true_probability, reference[np.arange(50), labels])
    assert (made.top5 == np.argsort(-logits, axis=1)[:, :5]).all()


def test_softmax_of_huge_logits_is_finite() -> None:
    assert softmax(np.array([[1e4, -1e4]])).tolist() == [[1.0, 0.0]]
