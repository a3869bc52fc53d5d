"""What planned seeds can show, as a table."""

from collections.abc import Iterator

from rungs.report.figures.reach import Reach, Reaches, Step
from rungs.report.show.section import Section, filled, min_detectable, percent
from rungs.study.estimate import duration

_NONE = "none"


def reach_section(found: Reaches | None) -> Section:
    """Of each comparison: what its seeds can show and take, and what the margin would take."""
    title = "What these seeds can show"
    if found is None or not any(
        item.known or item.planned.seconds is not None for item in found.comparisons
    ):
        return Section(title)
    rows = [_row(item, found) for item in found.comparisons]
    numbers = [name for name in rows[0] if name not in ("rung", "against")]
    return filled(title, rows, numbers, tuple(_lines(found)))


def _row(item: Reach, found: Reaches) -> dict[str, str]:
    margin = f"{percent(found.margin)} points"
    return {
        "rung": item.rung,
        "against": item.against,
        **_cells("", item.planned),
        **(_cells(" at most", item.most) if item.most is not None else {}),
        f"seeds for {margin}": _needed(item),
        f"time for {margin}": _time(item.margin),
    }


def _cells(suffix: str, step: Step) -> dict[str, str]:
    return {
        f"seeds{suffix}": str(step.seeds),
        f"min. detectable{suffix}": "" if step.shows is None else min_detectable(step.shows),
        f"time{suffix}": _time(step),
    }


def _needed(item: Reach) -> str:
    if item.margin.seeds is not None:
        return str(item.margin.seeds)
    return _NONE if item.known else ""


def _time(step: Step) -> str:
    return "" if step.seconds is None else duration(step.seconds)


def _lines(found: Reaches) -> Iterator[str]:
    if any(item.known for item in found.comparisons):
        yield (
            "Can show: the true difference, in percentage points of test accuracy, that is found "
            "in 8 of 10 repeats; from how much the finished runs vary on validation."
        )
    else:
        yield (
            "How much seeds differ is not known yet: it takes two finished seeds of a rung and of "
            "the one that it stands on."
        )
    if any(_needed(item) == _NONE for item in found.comparisons):
        yield f"{_NONE}: with {found.images:,} test images, no number of seeds shows that."
    if found.machine:
        yield f"Time of both rungs, as if none of their runs were finished, on {found.machine}."
    if found.start is not None and found.all_of_most is not None:
        yield (
            f"All rungs together take {duration(found.start)} for the start, and "
            f"{duration(found.all_of_most)} if everything stayed open to the end."
        )
