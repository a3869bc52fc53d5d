"""A report as titled tables and lines: the one content of its text and Markdown forms."""

from collections.abc import Sequence

from rungs.evidence.claims import RARE, STATUSES
from rungs.report.figures.whole import ReportData
from rungs.report.show.grounds import claim_scope
from rungs.report.show.section import Section, shown_value
from rungs.report.show.tables.baselines import baseline_sections
from rungs.report.show.tables.beyond import beyond_accuracy, without_doubtful
from rungs.report.show.tables.classes import confused, extremes
from rungs.report.show.tables.ensembles import ensemble_section
from rungs.report.show.tables.ladder import Layout, costs, ladder, split_ladder
from rungs.report.show.tables.readings import readings_section
from rungs.report.show.tables.rounds import rounds_section
from rungs.report.show.tables.speed import speed
from rungs.report.show.tables.tradeoffs import tradeoff_section
from rungs.report.show.tables.verdicts import verdicts

# What is shown of each claim beside its text; n is the number of finished seeds.
_FIGURES = ("budget", "n", "expected", "measured", "reported")


def sections(data: ReportData, layout: Layout = "whole") -> tuple[Section, ...]:
    """The report's sections in reading order; empty ones are left out.

    Args:
        data: what is known.
        layout: how the ladder is laid out; ``split`` also puts claims and assumptions into
            tables of two columns.
    """
    narrow = layout == "split"
    found = (
        *(split_ladder(data) if layout == "split" else (ladder(data, layout),)),
        costs(data, whole=layout != "whole"),
        verdicts(data),
        rounds_section(data.rounds),
        readings_section(data),
        tradeoff_section(data),
        beyond_accuracy(data),
        without_doubtful(data),
        _failures(data),
        noted(data),
        _claims(data, narrow=narrow),
        extremes(data),
        confused(data),
        *(ensemble_section(item) for item in data.ensembles),
        *baseline_sections(data.baselines),
        _assumptions(data, narrow=narrow),
        _errata(data),
        speed(data),
        _environment(data),
    )
    return tuple(section for section in found if section.rows or section.lines)


def summary(data: ReportData, layout: Layout = "whole") -> tuple[Section, ...]:
    """The ladder, its verdicts and what failed: what a training ends with."""
    found = (
        *(split_ladder(data) if layout == "split" else (ladder(data, layout),)),
        verdicts(data),
        _failures(data),
    )
    return tuple(section for section in found if section.rows or section.lines)


def _failures(data: ReportData) -> Section:
    runs = [(rung.name, rung.failed) for rung in data.rungs]
    runs += [(item.name, item.failed) for item in data.ensembles]
    rows = tuple((name, str(seed), reason) for name, failed in runs for seed, reason in failed)
    return Section("Failed runs", ("run", "seed", "reason"), frozenset(("seed",)), rows)


def noted(data: ReportData) -> Section:
    """Notes and tags that people put on runs."""
    rows = tuple(
        (run.name, run.seed_name, ", ".join(run.tags), "; ".join(note.text for note in run.notes))
        for run in data.runs
        if run.notes or run.tags
    )
    return Section("Notes on runs", ("run", "seed", "tags", "notes"), frozenset(), rows)


def _claims(data: ReportData, *, narrow: bool) -> Section:
    columns: tuple[str, ...] = ("status", "claim", *_FIGURES)
    scopes = (claim_scope(data, claim) for claim in data.study.claims)
    rows: list[tuple[str, ...]] = [
        (
            claim.status,
            claim.text,
            scope.budget,
            scope.n,
            claim.expected,
            claim.shown,
            claim.reported,
        )
        for claim, scope in zip(data.claims, scopes, strict=True)
    ]
    if narrow:
        columns = ("status", "claim")
        rows = [(status, f"{text}\n{_figures(rest)}") for status, text, *rest in rows]
    counts = ", ".join(
        f"{sum(claim.status == status for claim in data.claims)} {status}"
        for status in STATUSES
        if status not in RARE or any(claim.status == status for claim in data.claims)
    )
    return Section(
        "Claims",
        columns,
        frozenset(),
        tuple(rows),
        (f"{counts}.", f"{claims_line(data)} n: finished seeds.") if rows else (),
    )


def claims_line(data: ReportData) -> str:
    """What claims are compared with, in a sentence."""
    if max((len(rung.seeds) for rung in data.rungs), default=0) > 1:
        return (
            "Claims are compared with means over the finished seeds; that one recipe is better "
            "than another on test is confirmed only where the verdict on the two says so."
        )
    return (
        "Claims are compared with the figures of one seed, without a test: with another seed they "
        "may turn out otherwise."
    )


def _figures(values: Sequence[str]) -> str:
    """What `_FIGURES` names of a claim, in one line."""
    return "; ".join(
        f"{name}: {value}" for name, value in zip(_FIGURES, values, strict=True) if value
    )


def _assumptions(data: ReportData, *, narrow: bool) -> Section:
    columns: tuple[str, ...] = ("field", "value", "rung", "reading")
    rows: list[tuple[str, ...]] = [
        (item.field, shown_value(item.value), item.rung, item.text) for item in data.assumptions
    ]
    if narrow:
        columns = ("rung", "reading")
        rows = [(rung, f"{field} = {value}\n{text}") for field, value, rung, text in rows]
    return Section("Assumptions: what the source leaves open", columns, rows=tuple(rows))


def _errata(data: ReportData) -> Section:
    rows = tuple((item.said, item.found) for item in data.study.errata)
    return Section("What the source has wrong", ("said", "found"), rows=rows)


def plain_lines(data: ReportData) -> tuple[str, ...]:
    """Data, execution records and this machine, a sentence each."""
    sizes, folds = data.study.data.sizes, data.study.folds
    parts = f"{sizes['train']:,} training, {sizes['validation']:,} validation"
    if folds is not None:
        parts = f"{data.study.judged_images:,} images in {folds} folds"
    return (
        f"Data: {data.study.data.name}, {parts} and {sizes['test']:,} test images, "
        f"{data.study.data.classes} classes, fingerprint {data.study.data.fingerprint}.",
        *_overrides(data),
        *(f"Trained on: {line}." for line in data.executions),
        "Report made with: " + ", ".join(f"{k} {v}" for k, v in data.environment.items()) + ".",
    )


def _overrides(data: ReportData) -> tuple[str, ...]:
    given = ", ".join(map(str, data.study.overrides))
    return (
        (
            f"This is study '{data.study.own_name}' with other values than its file has, given by "
            f"-o: {given}. It is called '{data.study.name}', and has a page and a seal of its own.",
        )
        if given
        else ()
    )


def _environment(data: ReportData) -> Section:
    return Section("Data and environment", lines=plain_lines(data))
