"""Two readings of the final recipe: the ladder as climbed, and each change left out alone."""

from rungs.report.figures.readings import Effect, Reading
from rungs.report.figures.whole import ReportData
from rungs.statistics.verdicts import Verdict
from rungs.study.variants import is_without, removals


def readings(data: ReportData) -> tuple[Reading, ...]:
    """Both readings; none where no rung without a change, or no test figure, may be shown."""
    if not data.judged or not any(is_without(data.study, rung.name) for rung in data.rungs):
        return ()
    found = removals(data.study)
    if not any(item.variant is not None and data.rung(item.variant) for item in found):
        return ()
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
    return tuple(rows)


def _effect(verdict: Verdict | None) -> Effect | None:
    if verdict is None or verdict.delta is None:
        return None
    return Effect(verdict.delta, verdict.low, verdict.high, verdict.outcome)


def _turned(verdict: Verdict | None) -> Verdict | None:
    """A variant is judged against the final rung: what it lost is what the change gave."""
    return None if verdict is None else verdict.turned()
