"""A learning-rate range test as text: a table with a curve, and the rate to try."""

import math
from collections.abc import Sequence

from rungs.statistics.range_test import RangeTest, Trial, smoothed, suggest

_ROWS = 24
_WIDTH = 40


def show_range_test(
    test: RangeTest,
    trials: Sequence[Trial],
    *,
    title: str,
    present: float,
    warned: str | None = None,
) -> str:
    """Rates, smoothed losses with bars, and the suggestion with its reason.

    Args:
        test: what was measured.
        trials: short trainings at constant rates, as `suggest` takes them.
        title: the first line.
        present: the recipe's learning rate.
        warned: what to think of it.
    """
    means = smoothed(test.losses)
    finite = [value for value in means if math.isfinite(value)] or [0.0]
    low, span = min(finite), max(max(finite) - min(finite), 1e-12)
    lines = [title, "", "    rate  loss, smoothed (nats)"]
    count = min(_ROWS, len(means))
    for row in range(count):
        at = round(row * (len(means) - 1) / max(count - 1, 1))
        value = means[at]
        bar = "#" * round(_WIDTH * (value - low) / span) if math.isfinite(value) else "not finite"
        lines.append(f" {test.rates[at]:.1e}  {value:7.3f} |{bar}")
    suggestion = suggest(trials)
    lines.append("")
    if suggestion.rate is None:
        lines.append(f"no learning rate to suggest: {suggestion.reason}")
    else:
        lines.append(f"learning rate to try: {suggestion.rate:g} ({suggestion.reason})")
    if warned is not None:
        lines.append(f"Warning: {warned}")
    lines.append(f"the recipe has {present:g}; nothing was changed or kept")
    return "\n".join(lines) + "\n"
