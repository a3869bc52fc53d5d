"""Claims: statements of a study that its runs confirm or refute."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from rungs.statistics.verdicts import Verdict
from rungs.study import Claim, Quantity

Measure = Callable[[Quantity, str | None], float | None]
Unread = Callable[[Quantity, str | None], bool]
# Of a claim that one recipe is better than another, where the figures say so and the verdict does
# not: another set of seeds might say the reverse.
NOT_SHOWN: Literal["agrees, not shown"] = "agrees, not shown"
Status = Literal["confirmed", "agrees, not shown", "refuted", "unread", "not run"]
STATUSES: tuple[Status, ...] = get_args(Status)
# Those that are counted only where there are any.
RARE = (NOT_SHOWN, "unread")

# Quantities that are counts or seconds, not fractions.
_PLAIN = {"images", "parameters", "best_epoch", "tested_epoch"}
_NATS = {"val_loss", "roughness", "late_gain"}


@dataclass(frozen=True)
class ClaimOutcome:
    """What came of a claim.

    Attributes:
        text: the claim.
        status: ``agrees, not shown`` where the figures agree with a claim that compares, and the
            verdict on the two does not say so; ``unread`` while what it needs is trained, but its
            test figures stay unread; ``not run`` while a run that it needs is missing.
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
    return ClaimOutcome(
        claim.text,
        status,
        claim.reported,
        measured,
        _expected(claim),
        "" if measured is None else _shown(claim, measured),
    )


def weighed(outcome: ClaimOutcome, claim: Claim, verdict: Verdict | None) -> ClaimOutcome:
    """What came of a claim that compares, in the light of the verdict on what it compares.

    Two means differ by chance alone: that one is above the other is confirmed only where the
    verdict says it, or, of a claim that names a distance, where its interval lies beyond.

    Args:
        outcome: by the figures alone.
        claim: the statement.
        verdict: on the two sides of it; None where it compares no two recipes on the test set.
    """
    if outcome.status != "confirmed" or verdict is None:
        return outcome
    if claim.relation not in ("above", "below"):
        return outcome
    above = claim.relation == "above"
    bound = claim.value - claim.tolerance if above else claim.value + claim.tolerance
    if bound == 0:
        shown = verdict.outcome == ("helps" if above else "hurts")
    else:
        end = verdict.low if above else verdict.high
        shown = end is not None and (end > bound if above else end < bound)
    return outcome if shown else replace(outcome, status=NOT_SHOWN)


def _bounds(claim: Claim) -> tuple[float, ...]:
    """The values at which a claim turns."""
    low, high = claim.value - claim.tolerance, claim.value + claim.tolerance
    return {"above": (low,), "below": (high,), "about": (low, high)}.get(claim.relation, ())


# Digits beyond the usual ones that may be needed to see on which side of a bound a figure lies.
_MOST_DIGITS = 4


def _shown(claim: Claim, measured: float) -> str:
    """Our figure, with as many digits as tell it from a bound that it does not lie on."""
    kind, signed = claim.quantity.measure, claim.than is not None

    def written(value: float, more: int) -> str:
        return show(kind, value, signed=signed, more=more)

    others = [bound for bound in _bounds(claim) if not math.isclose(bound, measured, abs_tol=1e-9)]
    for more in range(_MOST_DIGITS):
        if all(written(bound, more) != written(measured, more) for bound in others):
            return written(measured, more)
    return written(measured, _MOST_DIGITS)


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
    value = value if claim.value else value.removeprefix("+")
    if claim.relation in ("above", "below"):
        return f"{claim.relation} {value}"
    if claim.relation == "equal":
        return value
    return f"{value} +- {show(claim.quantity.measure, claim.tolerance)}"


def show(measure: str, value: float, *, signed: bool = False, more: int = 0) -> str:
    """A quantity's value with its unit; what rounds to zero has no minus.

    Args:
        measure: of the quantity.
        value: in plain units, fractions or nats.
        signed: with a plus where it is positive, as differences are.
        more: digits beyond the usual ones.
    """
    sign = "+" if signed else ""
    if measure in _PLAIN:
        whole = float(value).is_integer()
        return f"{value:{sign}z,.0f}" if whole else f"{value:{sign}z,.{1 + more}f}"
    if measure in _NATS:
        return f"{value:{sign}z.{3 + more}f} nats"
    if measure == "learning_rate":
        return f"{value:{sign}g}"
    points = signed or measure in ("gap", "ensemble_gain")
    return f"{100 * value:{'+' if points else ''}z.{1 + more}f} {'points' if points else '%'}"
