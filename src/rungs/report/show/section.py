"""A section of a report, and how its figures are written."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # verdicts need numpy, which plans and states do without
    from rungs.statistics.verdicts import Verdict

# The column of minimum detectable differences.
MIN_DETECTABLE = "min. detectable"


@dataclass(frozen=True)
class Section:
    """A titled table, lines below it, or both. ``right`` are the columns of numbers."""

    title: str
    columns: tuple[str, ...] = ()
    right: frozenset[str] = frozenset()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


def filled(
    title: str,
    rows: Sequence[Mapping[str, str]],
    right: Collection[str],
    lines: Sequence[str] = (),
) -> Section:
    """A table of rows of the same columns, without the columns in which every cell is empty."""
    columns = tuple(name for name in (rows[0] if rows else ()) if any(row[name] for row in rows))
    return Section(
        title,
        columns,
        frozenset(right),
        tuple(tuple(row[name] for name in columns) for row in rows),
        tuple(lines),
    )


def is_told(value: float | None) -> bool:
    """Whether a figure is known: of what was trained elsewhere and recorded some are NaN."""
    return value is not None and not math.isnan(value)


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; empty for None and NaN, which are not known."""
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def nats(value: float | None) -> str:
    """A loss with three decimals; empty for None and NaN, which are not known."""
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def count(value: int | None) -> str:
    """A number of parameters; a dash where nobody knows it."""
    return "-" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """A time in whole seconds, which is never none; empty for None."""
    return "" if value is None else "<1" if value < 0.5 else f"{value:,.0f}"


def megaflops(flops: int | None) -> str:
    """FLOPs in millions; a dash where they cannot be counted."""
    return "-" if flops is None else f"{flops / 1e6:.1f}"


def million_macs(flops: int | None) -> str:
    """Multiply-adds in millions, 2 FLOPs each; a dash where they cannot be counted."""
    return megaflops(None if flops is None else flops // 2)


def points(value: float | None) -> str:
    """A difference of fractions in percentage points, signed; empty for None.

    What rounds to zero is ``+0.0``: no side is told by a sign that only rounding has left.
    """
    return "" if value is None else f"{100 * value:+z.1f}"


def point_range(low: float, high: float) -> str:
    """An interval of differences in percentage points, signed.

    An end near zero has the digits that tell on which side of it it lies.
    """
    return f"{_end(low)} to {_end(high)}"


def _end(value: float) -> str:
    for digits in (1, 2, 3):
        text = f"{100 * value:+z.{digits}f}"
        if float(text):
            return text
    return points(value)


def interval(item: "Verdict") -> str:
    """A verdict's interval in percentage points; with one seed that of the two trained models."""
    if item.images_only is not None:
        return f"{point_range(*item.images_only)}, these two models"
    if item.low is None or item.high is None:
        return ""
    return point_range(item.low, item.high)


def min_detectable(value: float) -> str:
    """A minimum detectable difference in percentage points; ``none`` where no difference is."""
    return percent(value) if value <= 1 else "none"


def p_value(value: float | None) -> str:
    """A p-value with two significant digits, or a bound."""
    if value is None:
        return ""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def sureness(value: float | None) -> str:
    """A probability near 1 in percent, never rounded up to certainty; empty for None."""
    if value is None:
        return ""
    return "> 99.9 %" if value > 0.999 else f"{100 * value:.3g} %"


def shown_value(value: object) -> str:
    """A recipe's value for people."""
    if isinstance(value, tuple):
        return ", ".join(shown_value(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
