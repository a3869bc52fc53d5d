"""Two readings of the final recipe: the ladder as climbed, and each change left out alone."""

from rungs.report.figures.readings import Effect, Reading
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import Section, filled, point_range, points


def readings_section(data: ReportData) -> Section:
    """Both readings as a table."""
    rows = [_row(row) for row in data.readings]
    lines = (
        "What a change gained when its rung was added to the ladder, and what the final rung loses "
        "without it, in percentage points of test accuracy with intervals. A gain is positive in "
        "both, and both outcomes are the change's: it helps where leaving it out hurts. A rung of "
        "several changes is added as a whole.",
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
