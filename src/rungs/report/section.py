"""A section of a report, and how its figures are written."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # verdicts need numpy, which plans and states do without
    from rungs.verdicts import Verdict


@dataclass(frozen=True)
class Section:
    """A titled table, lines below it, or both. ``right`` are the columns of numbers."""

    title: str
    columns: tuple[str, ...] = ()
    right: frozenset[str] = frozenset()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; empty for None."""
    return "" if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of fractions in percentage points, signed; empty for None."""
    return "" if value is None else f"{100 * value:+.1f}"


def interval(item: "Verdict") -> str:
    """A verdict's interval in percentage points."""
    if item.low is None or item.high is None:
        return ""
    return f"{points(item.low)} to {points(item.high)}"


def p_value(value: float | None) -> str:
    """A p-value with two significant digits, or a bound."""
    if value is None:
        return ""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"
