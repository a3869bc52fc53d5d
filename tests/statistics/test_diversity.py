"""How differently members of an ensemble answer."""

import numpy as np
import pytest

from rungs.statistics.diversity import disagreement, error_correlation


def test_disagreement_and_correlation() -> None:
    a, b, c = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), np.array([1, 1, 2, 2])
    assert disagreement([a, b, c]) == pytest.approx((1 / 4 + 2 / 4 + 1 / 4) / 3)
    rng = np.random.default_rng(0)
    correct = rng.random((2, 50)) < 0.7
    expected = np.corrcoef(~correct[0], ~correct[1])[0, 1]
    assert error_correlation(correct) == pytest.approx(expected)
    assert error_correlation(np.stack([correct[0], correct[0]])) == pytest.approx(1.0)
    assert error_correlation(np.ones((3, 5), dtype=np.bool_)) is None
