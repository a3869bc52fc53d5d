"""Measures against short references and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from rungs.evidence import metrics
from rungs.statistics.predictions import compact, softmax
from rungs.store.results import Epoch


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
    found = metrics.class_accuracies((predicted == labels)[None], labels, "abcd")
    assert [(item.name, item.accuracy) for item in found] == [("a", 0.5), ("b", 2 / 3), ("d", 1.0)]
    assert [(item.low, item.high) for item in found] == [
        metrics.wilson(correct, images) for correct, images in ((1, 2), (2, 3), (1, 1))
    ]
    seeds = np.stack([predicted == labels, np.ones(6, dtype=bool)])
    both = metrics.class_accuracies(seeds, labels, "abcd")
    assert [item.accuracy for item in both] == [0.75, 5 / 6, 1.0]
    assert metrics.accuracy(predicted, labels) == pytest.approx(4 / 6)


def test_balanced_accuracy_counts_each_class_alike() -> None:
    labels = np.array([0] * 8 + [2, 2])
    assert metrics.balanced_accuracy(labels == 0, labels) == 0.5
    correct = np.array([True, False] * 4 + [True, True])
    assert metrics.balanced_accuracy(correct, labels) == 0.75
    assert metrics.balanced_accuracy(correct[:8], labels[:8]) == 0.5  # of one class alone


def test_classes_of_unlike_sizes_that_are_level_are_exactly_equal() -> None:
    """5/3 right of 5 images and 1/3 of 1: rounded twice, the two differ in the last bit."""
    labels = np.array([0] * 5 + [1])
    correct = np.array([[1, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]], dtype=np.bool_)
    first, second = metrics.class_accuracies(correct, labels, ("a", "b"))
    assert first.accuracy == second.accuracy == 1 / 3


def test_share_of_samples_in_which_a_class_is_extreme() -> None:
    """Two classes of two images, one image of the first is right and both of the second.

    A sample of the first class is right 0, 1, 2 times with 1/4, 1/2, 1/4; only with 2 it is level.
    """
    correct = np.array([[True, False, True, True]])
    first, second = metrics.class_accuracies(correct, np.array([0, 0, 1, 1]), "ab")
    error = 4 * np.sqrt(0.125 * 0.875 / metrics.RESAMPLES)
    assert first.best_share == pytest.approx(0.125, abs=error)
    assert second.best_share == pytest.approx(0.875, abs=error)
    assert first.worst_share == pytest.approx(0.875, abs=error)
    assert first.best_share + second.best_share == pytest.approx(1)


def test_shares_equal_those_of_images_that_are_drawn_one_by_one() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], 20)
    correct = random.random((3, 60)) < np.repeat([0.5, 0.55, 0.6], 20)
    found = metrics.class_accuracies(correct, labels, "abc")
    rights = correct.sum(axis=0).reshape(3, 20)
    shares = np.zeros(3)
    for _ in range(4000):
        drawn = [row[random.integers(0, 20, 20)].sum() for row in rights]
        level = np.asarray(drawn) == max(drawn)
        shares += level / level.sum() / 4000
    assert [item.best_share for item in found] == pytest.approx(shares.tolist(), abs=0.06)


def test_classes_without_any_right_answer_are_level() -> None:
    found = metrics.class_accuracies(np.zeros((2, 4), dtype=bool), np.array([0, 0, 1, 1]), "ab")
    assert [(item.best_share, item.worst_share) for item in found] == [(0.5, 0.5)] * 2


def test_most_confused_pairs_of_classes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    predicted = [np.array([1, 1, 2, 0, 1, 2]), np.array([1, 0, 0, 0, 1, 1])]
    found = metrics.confused_pairs(predicted, labels, "abc")
    assert [(one.true, one.taken, one.share) for one in found] == [
        ("a", "b", 3 / 8),
        ("b", "c", 1 / 4),
        ("a", "c", 1 / 8),
    ]
    assert metrics.confused_pairs(predicted, labels, "abc", most=1) == found[:1]
    assert metrics.confused_pairs([labels], labels, "abc") == ()


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
