"""Classes as tables: the best and the worst, and which are taken for which."""

from rungs.evidence.metrics import RESAMPLES, ClassAccuracy
from rungs.foundation.wording import listed
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import Section, percent


def _extreme(rung: RungReport, item: ClassAccuracy, share: float) -> tuple[str, ...]:
    return (
        ", ".join((item.name, *rung.level_with(item))),
        str(item.index),
        percent(item.accuracy),
        f"{percent(item.low)} to {percent(item.high)}",
        percent(share),
    )


def _untested(data: ReportData) -> list[str]:
    names = dict.fromkeys(name for rung in data.rungs for _, name in rung.untested)
    return [f"No test image, and so no figure, of {listed(names)}."] if names else []


def extremes(data: ReportData) -> Section:
    """Best and worst class of every rung."""
    rows = [
        (rung.name, which, *_extreme(rung, item, share))
        for rung in data.rungs
        for which, item, share in rung.extremes
    ]
    return Section(
        "Best and worst class",
        (
            "rung",
            "",
            "class",
            "index",
            "test %",
            "95 % interval (Wilson, before selection)",
            "bootstrap %",
        ),
        frozenset(("index", "test %", "bootstrap %")),
        tuple(rows),
        (
            "The interval is that of a class picked beforehand; these were picked for being "
            "extreme, so it is too narrow.",
            f"Bootstrap: the share of {RESAMPLES:,} bootstrap samples of the test images in which "
            "the same class is best, or worst. Of tied classes the index is the first one's.",
            *_untested(data),
        )
        if rows
        else (),
    )


def confused(data: ReportData) -> Section:
    """The most confused classes of the base and the final rung; JSON has those of all."""
    wanted = dict.fromkeys((data.study.base, data.study.final))
    rows = tuple(
        (rung.name, pair.true, pair.taken, percent(pair.share))
        for rung in data.rungs
        if rung.name in wanted
        for pair in rung.confused[:5]
    )
    return Section(
        "Most confused classes",
        ("rung", "class", "taken for", "of its images %"),
        frozenset(("of its images %",)),
        rows,
    )
