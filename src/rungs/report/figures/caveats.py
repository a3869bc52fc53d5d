"""Caveats that forms look for among those of a verdict."""

AFTER_THE_TEST = "added after the test was seen"
OUTSIDE = "outside the family: not corrected for other comparisons"
# Beside an ensemble whose runs are finished, but do not tell what they answer together.
NO_PROBABILITIES = "trained, but an archive keeps no probabilities to average"
