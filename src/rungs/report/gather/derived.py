"""Figures that follow from others of the same report, and so from which rungs it shows."""

from collections.abc import Collection
from dataclasses import replace

from rungs.report.figures.whole import ReportData
from rungs.report.gather.growing import growing
from rungs.report.gather.readings import readings
from rungs.report.gather.reliability import diagrams
from rungs.report.gather.tradeoffs import tradeoffs, untimed


def with_derived(data: ReportData) -> ReportData:
    """The same report with what follows from its rungs and ensembles."""
    return replace(
        data,
        readings=readings(data),
        tradeoffs=tradeoffs(data),
        untimed=untimed(data),
        diagrams=diagrams(data),
        growing=tuple(growing(item, data) for item in data.ensembles),
    )


def limited_to(data: ReportData, names: Collection[str]) -> ReportData:
    """The same report with only the rungs and ensembles of these names."""
    return with_derived(
        replace(
            data,
            rungs=tuple(item for item in data.rungs if item.name in names),
            ensembles=tuple(item for item in data.ensembles if item.name in names),
            baselines=tuple(table for table in data.baselines if table.ensembles & set(names)),
            audit=None if data.audit is None else data.audit.limited_to(names),
            unlimited=data.whole,
        )
    )
