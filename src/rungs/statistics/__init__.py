"""Tests and intervals for the difference of two recipes' accuracies, and their power."""

from rungs.statistics.difference import (
    Difference,
    SeedVariance,
    difference,
    difference_within,
    seed_variance,
)
from rungs.statistics.power import Components, components, detectable, power, seeds_for
from rungs.statistics.tests import holm, mcnemar, paired_interval

__all__ = [
    "Components",
    "Difference",
    "SeedVariance",
    "components",
    "detectable",
    "difference",
    "difference_within",
    "holm",
    "mcnemar",
    "paired_interval",
    "power",
    "seed_variance",
    "seeds_for",
]
