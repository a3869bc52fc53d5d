"""Two readings of the final recipe: the ladder as climbed, and each change left out alone."""

from dataclasses import dataclass

from rungs.report.data import ReportData
from rungs.report.show.scales import Scale, linear
from rungs.report.show.section import Section, filled, point_range, points
from rungs.statistics.verdicts import Verdict
from rungs.study.variants import is_without, removals


@dataclass(frozen=True)
class Effect:
    """What a change did in one reading, fractions of test accuracy; a gain is positive.

    Attributes:
        delta: the difference.
        low: of its interval; None with one seed.
        high: the interval's other end.
        outcome: the verdict's word, said of the change.
    """

    delta: float
    low: float | None
    high: float | None
    outcome: str


@dataclass(frozen=True)
class Reading:
    """One change of the trunk in both readings.

    Attributes:
        rung: whose change it is.
        change: the change as a call.
        first: whether it is the first of its rung, which carries the rung's own effect.
        bundle: number of changes of the rung.
        climbed: the rung against the one that it stands on; None if not run, or not the first.
        left_out: the final rung against the final rung without the change; None if not run.
        why: why leaving it out has no meaning; empty where it has.
    """

    rung: str
    change: str
    first: bool
    bundle: int
    climbed: Effect | None
    left_out: Effect | None
    why: str


@dataclass(frozen=True)
class Readings:
    """Both readings of every change, and a scale in points that holds them."""

    rows: tuple[Reading, ...]
    scale: Scale


def readings(data: ReportData) -> Readings | None:
    """Both readings; None where no rung without a change, or no test figure, may be shown."""
    if not data.with_test or not any(is_without(data.study, rung.name) for rung in data.rungs):
        return None
    found = removals(data.study)
    if not any(item.variant is not None and data.rung(item.variant) for item in found):
        return None
    # Rungs that are not shown were climbed all the same.
    whole = data.whole
    rows: list[Reading] = []
    for item in found:
        first = not rows or rows[-1].rung != item.rung
        rung = whole.rung(item.rung)
        variant = None if item.variant is None else whole.rung(item.variant)
        rows.append(
            Reading(
                rung=item.rung,
                change=item.change,
                first=first,
                bundle=sum(other.rung == item.rung for other in found),
                climbed=_effect(rung.verdict) if rung is not None and first else None,
                left_out=None if variant is None else _effect(_turned(variant.verdict)),
                why=item.why.split(":")[0],
            )
        )
    effects = [one for row in rows for one in (row.climbed, row.left_out) if one is not None]
    ends = [100 * end for one in effects for end in (one.delta, one.low, one.high) if end]
    return Readings(tuple(rows), linear(min([*ends, 0.0]), max([*ends, 1.0])))


def _effect(verdict: Verdict | None) -> Effect | None:
    if verdict is None or verdict.delta is None:
        return None
    return Effect(verdict.delta, verdict.low, verdict.high, verdict.outcome)


def _turned(verdict: Verdict | None) -> Verdict | None:
    """A variant is judged against the final rung: what it lost is what the change gave."""
    return None if verdict is None else verdict.turned()


def readings_section(data: ReportData) -> Section:
    """Both readings as a table."""
    found = readings(data)
    rows = [] if found is None else [_row(row) for row in found.rows]
    lines = (
        "What a change gave when its rung was climbed, and what the final rung loses without "
        "it, in percentage points of test accuracy with intervals; a gain is positive in both, and "
        "both words are of the change: it helps where leaving it out hurts. A rung of several "
        "changes is climbed at once.",
    )
    return filled(
        "Two readings of the final recipe",
        rows,
        ("as climbed", "left out of the final"),
        lines if rows else (),
    )


def _row(row: Reading) -> dict[str, str]:
    climbed, climbed_word = _figures(row.climbed) if row.first else ("with the above", "")
    left_out, left_out_word = (row.why, "") if row.why else _figures(row.left_out)
    return {
        "rung": row.rung if row.first else "",
        "change": row.change,
        "as climbed": climbed,
        "outcome": climbed_word,
        "left out of the final": left_out,
        "outcome there": left_out_word,
    }


def _figures(effect: Effect | None) -> tuple[str, str]:
    if effect is None:
        return "not run", ""
    interval = ""
    if effect.low is not None and effect.high is not None:
        interval = f" ({point_range(effect.low, effect.high)})"
    return points(effect.delta) + interval, effect.outcome
