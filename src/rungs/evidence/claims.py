"""Claims: statements of a study that its runs confirm or refute."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from rungs.study import Claim, Quantity

Measure = Callable[[Quantity, str | None], float | None]
Unread = Callable[[Quantity, str | None], bool]
Status = Literal["confirmed", "refuted", "unread", "not run"]
STATUSES: tuple[Status, ...] = get_args(Status)

# Quantities that are counts or seconds, not fractions.
_PLAIN = {"images", "parameters", "best_epoch", "tested_epoch"}
_NATS = {"val_loss", "roughness", "late_gain"}


@dataclass(frozen=True)
class ClaimOutcome:
    """What came of a claim.

    Attributes:
        text: the claim.
        status: ``unread`` while what it needs is trained, but its test figures stay unread;
            ``not run`` while a run that it needs is missing.
        reported: what the study's source says, for people.
        measured: our figure; of a comparison the difference; None if unread or not run.
        expected: the relation in words, e.g. ``39.0 % +- 2.0``.
        shown: our figure with its unit.
    """

    text: str
    status: Status
    reported: str
    measured: float | None
    expected: str
    shown: str


def evaluate(claim: Claim, measure: Measure, unread: Unread = lambda *_: False) -> ClaimOutcome:
    """Holds a claim against what was measured.

    Args:
        claim: a statement of the study.
        measure: the value of a quantity at a budget (None: that of the report), as a mean over
            seeds, or None where a run is missing.
        unread: whether a quantity has no value only because test labels are not read.
    """
    quantities = [item for item in (claim.quantity, claim.than) if item is not None]
    values = [measure(item, claim.budget) for item in quantities]
    measured = None
    status: Status
    if None not in values:
        first, *others = (value for value in values if value is not None)
        measured = first - sum(others)
        status = "confirmed" if _holds(claim, measured) else "refuted"
    elif all(
        value is not None or unread(item, claim.budget)
        for item, value in zip(quantities, values, strict=True)
    ):
        status = "unread"
    else:
        status = "not run"
    kind = claim.quantity.measure
    difference = claim.than is not None
    return ClaimOutcome(
        claim.text,
        status,
        claim.reported,
        measured,
        _expected(claim),
        "" if measured is None else show(kind, measured, signed=difference),
    )


def _holds(claim: Claim, measured: float) -> bool:
    match claim.relation:
        case "above":
            return measured > claim.value - claim.tolerance
        case "below":
            return measured < claim.value + claim.tolerance
        case "about":
            # A hair of room: 0.41 - 0.39 is a little more than 0.02 in binary.
            return abs(measured - claim.value) <= claim.tolerance + 1e-12
        case "equal":
            return measured == claim.value
        case "measured":
            return True


def _expected(claim: Claim) -> str:
    if claim.relation == "measured":
        return "a figure"
    value = show(claim.quantity.measure, claim.value, signed=claim.than is not None)
    if claim.relation in ("above", "below"):
        return f"{claim.relation} {value}"
    if claim.relation == "equal":
        return value
    return f"{value} +- {show(claim.quantity.measure, claim.tolerance)}"


def show(measure: str, value: float, *, signed: bool = False) -> str:
    """A quantity's value with its unit."""
    sign = "+" if signed else ""
    if measure in _PLAIN:
        return f"{value:{sign},.0f}" if float(value).is_integer() else f"{value:{sign},.1f}"
    if measure in _NATS:
        return f"{value:{sign}.3f} nats"
    if measure == "learning_rate":
        return f"{value:{sign}g}"
    points = signed or measure in ("gap", "ensemble_gain")
    return f"{100 * value:{'+' if points else ''}.1f} {'points' if points else '%'}"
