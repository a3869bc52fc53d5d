"""A learning-rate range test as text: a table with a curve, and the rate to try."""

import math

from rungs.report.figures.rates import RateCurve

_ROWS = 24
_WIDTH = 40


def show_range_test(
    found: RateCurve, *, title: str, present: float, warned: str | None = None
) -> str:
    """Rates, smoothed losses with bars, and the suggestion with its reason.

    Args:
        found: what was measured.
        title: the first line.
        present: the recipe's learning rate.
        warned: what to think of it.
    """
    means = found.losses
    finite = [value for value in means if math.isfinite(value)] or [0.0]
    low, span = min(finite), max(max(finite) - min(finite), 1e-12)
    lines = [title, "", "    rate  loss, smoothed (nats)"]
    count = min(_ROWS, len(means))
    for row in range(count):
        at = round(row * (len(means) - 1) / max(count - 1, 1))
        value = means[at]
        bar = "#" * round(_WIDTH * (value - low) / span) if math.isfinite(value) else "not finite"
        lines.append(f" {found.rates[at]:.1e}  {value:7.3f} |{bar}")
    lines.append("")
    if found.suggestion.rate is None:
        lines.append(f"no learning rate to suggest: {found.suggestion.reason}")
    else:
        lines.append(f"learning rate to try: {found.suggestion.rate:g} ({found.suggestion.reason})")
    if warned is not None:
        lines.append(f"Warning: {warned}")
    lines.append(f"the recipe has {present:g}; nothing was changed or kept")
    return "\n".join(lines) + "\n"
