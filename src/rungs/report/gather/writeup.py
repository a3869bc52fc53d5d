"""What a study written up needs beside the report's figures."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from rungs.foundation.errors import RungsError
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.figures.writeup import Ends
from rungs.report.gather.comparison import compare


def ends(data: ReportData) -> Ends | None:
    """Base and final rung at equal epochs, at the report's budget or another that it knows.

    Args:
        data: a report.

    Returns:
        None where they are one rung, or no budget has both of them with a finished seed.
    """
    study = data.study
    if study.base == study.final:
        return None
    for found in _budgets(data):
        base, final = found.rung(study.base), found.rung(study.final)
        if base is None or final is None or base.epochs != final.epochs:
            continue
        if base.seeds and final.seeds:
            verdict = None
            if data.has_words:
                with suppress(RungsError):  # test figures of another budget may not be at hand
                    verdict = compare(found, final.name, base.name)
            return Ends(found.budget, base, final, verdict)
    return None


def _budgets(data: ReportData) -> Iterator[ReportData]:
    """The report, and what it knows of other budgets as reports."""
    yield data
    for budget, items in data.elsewhere.items():
        rungs = tuple(item for item in items if isinstance(item, RungReport))
        yield replace(data, budget=budget, rungs=rungs, ensembles=(), baselines=())
