"""A report as titled tables and lines: the one content of its text and Markdown forms."""

from dataclasses import dataclass

from rungs.metrics import ClassAccuracy
from rungs.report.data import EnsembleReport, ReportData, RungReport, Spread

# Every seed's value is listed up to this many seeds.
LISTED_SEEDS = 5


@dataclass(frozen=True)
class Section:
    """A titled table, lines below it, or both. ``right`` are the columns of numbers."""

    title: str
    columns: tuple[str, ...] = ()
    right: frozenset[str] = frozenset()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


def sections(data: ReportData, *, narrow: bool = False) -> tuple[Section, ...]:
    """The report's sections in reading order; empty ones are left out.

    Args:
        data: what is known.
        narrow: split the ladder's words from its figures, for fewer than 120 columns.
    """
    found = (
        *(_split(ladder(data)) if narrow else (ladder(data),)),
        costs(data),
        _failures(data),
        _claims(data),
        _classes(data),
        *(_ensemble(item) for item in data.ensembles),
        _assumptions(data),
        _environment(data),
    )
    return tuple(section for section in found if section.rows or section.lines)


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; empty for None."""
    return "" if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of fractions in percentage points, signed; empty for None."""
    return "" if value is None else f"{100 * value:+.1f}"


def with_values(spread: Spread) -> str:
    """The mean in percent and, of several seeds, every value."""
    if len(spread.values) < 2:
        return percent(spread.mean)
    if len(spread.values) <= LISTED_SEEDS:
        return f"{percent(spread.mean)} ({', '.join(percent(value) for value in spread.values)})"
    return (
        f"{percent(spread.mean)} ({percent(min(spread.values))} to {percent(max(spread.values))})"
    )


def _depths(data: ReportData) -> dict[str, int]:
    depths: dict[str, int] = {}
    for rung in data.rungs:
        depths[rung.name] = depths.get(rung.after, 0) + 1 if rung.after in depths else 0
    return depths


def ladder(data: ReportData) -> Section:
    """What each rung changed and what came of it."""
    columns = (
        "rung",
        "",
        "changes",
        "epochs",
        "seeds",
        "val %",
        "test %",
        "vs previous",
        "vs base",
        "reported %",
        "notes",
    )
    rows = []
    for rung in data.rungs:
        reported = rung.reported
        figure = percent(reported.test_accuracy)
        if figure and reported.epochs not in (None, rung.epochs):
            figure += f" in {reported.epochs} ep"
        rows.append(
            (
                rung.name,
                "kept" if rung.kept else "tried",
                "; ".join(rung.changes) or "the base recipe",
                str(rung.epochs),
                f"{len(rung.seeds)} of {rung.planned_seeds}",
                with_values(rung.val_accuracy),
                with_values(rung.test_accuracy) if data.with_test else "sealed",
                points(rung.delta_previous),
                points(rung.delta_base),
                figure,
                "; ".join(_notes(rung)),
            )
        )
    right = frozenset(("epochs", "seeds", "val %", "test %", "vs previous", "vs base"))
    return Section(
        f"{data.study.title}: budget {data.budget}",
        columns,
        right,
        tuple(rows),
        tuple(_reading(data)),
    )


def _split(section: Section) -> tuple[Section, Section]:
    """The ladder as two tables: figures, and words."""
    words = ("changes", "notes", "reported %")

    def part(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        places = [section.columns.index(name) for name in names]
        return tuple(tuple(row[place] for place in places) for row in section.rows)

    figures = tuple(name for name in section.columns if name not in words)
    said = ("rung", *words)
    return (
        Section(section.title, figures, section.right, part(figures), section.lines),
        Section("Changes and notes", said, frozenset(), part(said)),
    )


def _notes(rung: RungReport) -> list[str]:
    notes = list(rung.notes)
    if rung.failed:
        notes.append(f"{len(rung.failed)} failed")
    if rung.inexact:
        notes.append("not bit-exact: went on under another execution record")
    return notes


def _reading(data: ReportData) -> list[str]:
    lines = [
        "Accuracies are those of the epoch with the lowest validation loss; several seeds: mean "
        "(values). Differences are in percentage points of test accuracy, previous is the rung "
        "that a rung stands on."
    ]
    if data.rungs and data.rungs[0].planned_seeds == 1:
        lines.append("One seed: differences of a point or so may be chance.")
    best = data.best_on_validation
    if best is not None:
        lines.append(
            f"Best on validation: {best.name} ({percent(best.val_accuracy.mean)} %); "
            f"the study's final rung: {data.study.final}."
        )
    return lines


def costs(data: ReportData) -> Section:
    """What each rung costs."""
    columns = ("rung", "parameters", "trainable", "reported", "MFLOPs", "seconds")
    rows = []
    depths = _depths(data)
    for rung in data.rungs:
        parameters, trainable, flops = rung.cost
        reported = rung.reported.parameters
        seconds = rung.train_seconds
        rows.append(
            (
                " " * depths[rung.name] + rung.name,
                f"{parameters:,}",
                f"{trainable:,}",
                "" if reported is None else f"{reported:,}",
                f"{flops / 1e6:.1f}",
                "" if seconds is None else f"{seconds:,.0f}",
            )
        )
    return Section(
        "Costs",
        columns,
        frozenset(columns[1:]),
        tuple(rows),
        (
            "Parameters by Keras's count, BatchNorm's moving statistics included. FLOPs of one "
            "image's forward pass, 2 per multiply-add. Seconds of training per run, without "
            "evaluation; runs side by side share the processor.",
        ),
    )


def _failures(data: ReportData) -> Section:
    runs = [(rung.name, rung.failed) for rung in data.rungs]
    runs += [(item.name, item.failed) for item in data.ensembles]
    rows = tuple((name, str(seed), reason) for name, failed in runs for seed, reason in failed)
    return Section("Failed runs", ("run", "seed", "reason"), frozenset(("seed",)), rows)


def _claims(data: ReportData) -> Section:
    rows = tuple(
        (claim.status, claim.text, claim.expected, claim.shown, claim.reported)
        for claim in data.claims
    )
    counts = ", ".join(
        f"{sum(claim.status == status for claim in data.claims)} {status}"
        for status in ("confirmed", "refuted", "not run")
    )
    return Section(
        "Claims",
        ("status", "claim", "expected", "measured", "reported"),
        frozenset(),
        rows,
        (f"{counts}.",) if rows else (),
    )


def _class(item: ClassAccuracy) -> tuple[str, ...]:
    return (
        item.name,
        str(item.index),
        percent(item.accuracy),
        f"{percent(item.low)} to {percent(item.high)}",
    )


def _classes(data: ReportData) -> Section:
    rows = [
        (rung.name, which, *_class(item))
        for rung in data.rungs
        for which, item in (("best", rung.best_class), ("worst", rung.worst_class))
        if item is not None
    ]
    return Section(
        "Best and worst class",
        ("rung", "", "class", "index", "test %", "95 % interval (Wilson, before selection)"),
        frozenset(("index", "test %")),
        tuple(rows),
        (
            "The interval is that of a class picked beforehand; these were picked for being "
            "extreme, so it is too narrow.",
        )
        if rows
        else (),
    )


def _ensemble(item: EnsembleReport) -> Section:
    title = (
        f"Snapshot ensemble {item.name}: {item.members} cycles on {item.rung}, "
        f"{item.epochs} epochs, alpha0 {item.alpha0:g}"
    )
    rows = []
    for position in range(item.members):
        rows.append(
            (
                str(position + 1),
                percent(item.member_test.values[position]) if item.member_test.values else "",
                with_values(item.growing_test[position]) if item.growing_test else "",
                with_values(item.growing_val[position]) if item.growing_val else "",
            )
        )
    lines = []
    if item.gain is not None:
        lines.append(f"Gain over the last snapshot: {points(item.gain)} points on test.")
    if item.single_test is not None and item.growing_test:
        together = item.growing_test[-1].mean
        difference = None if together is None else together - item.single_test
        lines.append(
            f"Against {item.rung} trained once for as many epochs "
            f"({percent(item.single_test)} %): {points(difference)} points."
        )
    if not item.seeds:
        lines.append("Not run yet.")
    return Section(
        title,
        ("n", "snapshot n alone, test %", "last n together, test %", "last n together, val %"),
        frozenset(("n",)),
        tuple(rows) if item.seeds else (),
        tuple(lines),
    )


def _assumptions(data: ReportData) -> Section:
    rows = tuple(
        (item.field, shown_value(item.value), item.rung, item.text) for item in data.assumptions
    )
    return Section(
        "Assumptions: what the source leaves open", ("field", "value", "rung", "reading"), rows=rows
    )


def shown_value(value: object) -> str:
    """A recipe's value for people."""
    if isinstance(value, tuple):
        return ", ".join(shown_value(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _environment(data: ReportData) -> Section:
    sizes = data.study.data.sizes
    executions = dict.fromkeys(line for rung in data.rungs for line in rung.executions)
    lines = [
        f"Data: {data.study.data.name}, {sizes['train']:,} training, {sizes['validation']:,} "
        f"validation and {sizes['test']:,} test images, {data.study.data.classes} classes, "
        f"fingerprint {data.study.data.fingerprint}.",
        *(f"Trained on: {line}." for line in executions),
        "Report made with: " + ", ".join(f"{k} {v}" for k, v in data.environment.items()) + ".",
    ]
    return Section("Data and environment", lines=tuple(lines))
