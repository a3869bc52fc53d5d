"""The levels that verdicts are held to."""

# Probability of any false "helps" or "hurts" in a family of verdicts.
ALPHA = 0.05
# With which a difference counts as one that would have been found.
POWER = 0.8
# The largest difference that counts as none, where nobody names another: one point.
MARGIN = 0.01
