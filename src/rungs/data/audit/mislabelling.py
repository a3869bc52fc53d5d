"""How likely it is that a label is wrong, given what models say of the image."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from rungs.statistics.predictions import FloatArray, IntArray, softmax

# Of labels that are as if drawn at random: within what careful looks at public sets found, about
# 3 % on average and up to 10 % (Northcutt, Athalye and Mueller, NeurIPS Datasets, 2021). It is
# taken as known: weak models cannot tell wrong labels from images that they do not understand.
_SHARE = 0.05


@dataclass(frozen=True)
class Mislabelling:
    """How labels come about: most from what the image shows, some at random.

    A label has the probability (1 - share) * softmax(scores / temperature) + share / classes.

    Attributes:
        temperature: that the models' scores are divided by.
    """

    temperature: float

    def wrong(self, scores: FloatArray, labels: IntArray) -> FloatArray:
        """The probability that each label [N] was drawn at random and is not the right one.

        Args:
            scores: of models that have not seen these images, [N, classes].
            labels: [N].
        """
        shown = self._shown(scores, labels)
        at_random = _SHARE / scores.shape[1]
        wrong: FloatArray = at_random * (1 - shown) / ((1 - _SHARE) * shown + at_random)
        return wrong

    def unlikeliness(self, scores: FloatArray, labels: IntArray) -> float:
        """Mean negative log-likelihood of the labels, nats."""
        likelihood = (1 - _SHARE) * self._shown(scores, labels) + _SHARE / scores.shape[1]
        return float(-np.log(likelihood).mean())

    def _shown(self, scores: FloatArray, labels: IntArray) -> FloatArray:
        """The probability that the image shows what its label says, [N]."""
        probabilities = softmax(scores / np.float32(self.temperature))
        shown: FloatArray = probabilities[np.arange(len(labels)), labels]
        return shown


def fit_mislabelling(scores: FloatArray, labels: IntArray) -> Mislabelling:
    """The temperature that makes the labels most likely.

    Args:
        scores: of models that have not seen these images, [N, classes].
        labels: [N].
    """
    best = minimize_scalar(
        lambda logarithm: Mislabelling(np.exp(logarithm)).unlikeliness(scores, labels),
        bounds=(np.log(1e-2), np.log(1e2)),
        method="bounded",
        options={"xatol": 1e-2},
    )
    return Mislabelling(float(np.exp(best.x)))
