"""A report as titled tables and lines: the one content of its text and Markdown forms."""

from collections.abc import Sequence
from typing import Literal

from rungs.metrics import RESAMPLES, ClassAccuracy
from rungs.report.data import EnsembleReport, ReportData, RungReport, Spread
from rungs.report.rivalform import rival_sections
from rungs.report.section import Section, interval, p_value, percent, points
from rungs.study import EnsembleKind
from rungs.verdicts import Verdict

# Every seed's value is listed up to this many seeds.
LISTED_SEEDS = 5

# How the ladder is laid out: `whole` is one table of everything, `medium` leaves the costs to a
# table of their own, `split` sets words apart from figures as well.
Layout = Literal["whole", "medium", "split"]


def sections(
    data: ReportData, layout: Layout = "whole", after_verdicts: Sequence[Section] = ()
) -> tuple[Section, ...]:
    """The report's sections in reading order; empty ones are left out.

    Args:
        data: what is known.
        layout: how the ladder is laid out; ``split`` also puts claims and assumptions into
            tables of two columns.
        after_verdicts: sections of other modules that follow the verdicts.
    """
    narrow = layout == "split"
    found = (
        *(_split(ladder(data, "medium")) if layout == "split" else (ladder(data, layout),)),
        costs(data, whole=layout != "whole"),
        verdicts(data),
        *after_verdicts,
        beyond_accuracy(data),
        without_doubtful(data),
        _failures(data),
        _claims(data, narrow=narrow),
        _classes(data),
        _confused(data),
        *(ensemble_section(item) for item in data.ensembles),
        *rival_sections(data.rivals),
        _assumptions(data, narrow=narrow),
        _errata(data),
        _environment(data),
    )
    return tuple(section for section in found if section.rows or section.lines)


def with_values(spread: Spread) -> str:
    """The mean in percent and, of several seeds, every value."""
    if len(spread.values) < 2:
        return percent(spread.mean)
    if len(spread.values) <= LISTED_SEEDS:
        return f"{percent(spread.mean)} ({', '.join(percent(value) for value in spread.values)})"
    return (
        f"{percent(spread.mean)} ({percent(min(spread.values))} to {percent(max(spread.values))})"
    )


def _tree(data: ReportData) -> dict[str, str]:
    """Each rung's name, one step further right than the rung that it stands on."""
    depths: dict[str, int] = {}
    for rung in data.rungs:
        depths[rung.name] = depths.get(rung.after, 0) + 1 if rung.after in depths else 0
    return {name: " " * depth + name for name, depth in depths.items()}


# The ladder's columns in reading order, and what a table of less width leaves to others.
_RIGHT = (
    "parameters",
    "MFLOPs",
    "epochs",
    "seeds",
    "val %",
    "test %",
    "vs previous",
    "vs base",
    "seconds",
)
_COSTS = ("parameters", "MFLOPs", "seconds")
_WORDS = ("changes", "reported %", "notes")


def ladder(data: ReportData, layout: Literal["whole", "medium"] = "whole") -> Section:
    """What each rung changed, what it costs (if ``whole``) and what came of it."""
    names = _tree(data)
    rows = []
    for rung in data.rungs:
        reported = rung.reported
        figure = percent(reported.test_accuracy)
        if figure and reported.epochs not in (None, rung.epochs):
            figure += f" in {reported.epochs} ep"
        parameters, _, flops = rung.cost
        cells = {
            "rung": names[rung.name],
            "": "kept" if rung.kept else "tried",
            "changes": "; ".join(rung.changes) or "the base recipe",
            "parameters": f"{parameters:,}",
            "MFLOPs": f"{flops / 1e6:.1f}",
            "epochs": str(rung.epochs),
            "seeds": f"{len(rung.seeds)}/{rung.planned_seeds}",
            "val %": with_values(rung.val_accuracy),
            "test %": with_values(rung.test_accuracy) if data.with_test else "sealed",
            "vs previous": points(rung.delta_previous),
            "verdict": _outcome(rung, data),
            "vs base": points(rung.delta_base),
            "seconds": _seconds(rung.train_seconds),
            "reported %": figure,
            "notes": "; ".join(_notes(rung)),
        }
        rows.append(cells)
    # Where no rung has two seeds, the line below the table says it of all.
    if all(item.outcome == "one seed" for item in judged(data)):
        for cells in rows:
            del cells["verdict"]
    columns = tuple(rows[0]) if rows else ()
    section = Section(
        f"{data.study.title}: budget {data.budget}",
        columns,
        frozenset(_RIGHT),
        tuple(tuple(cells.values()) for cells in rows),
        tuple(_reading(data)),
    )
    if layout == "whole":
        return section
    return _only(section, [name for name in columns if name not in _COSTS])


def _only(section: Section, names: Sequence[str], *, title: str = "") -> Section:
    """Some columns of a table; under a title of its own without the lines below."""
    places = [section.columns.index(name) for name in names if name in section.columns]
    return Section(
        title or section.title,
        tuple(section.columns[place] for place in places),
        section.right,
        tuple(tuple(row[place] for place in places) for row in section.rows),
        () if title else section.lines,
    )


def _split(section: Section) -> tuple[Section, Section]:
    """The ladder as two tables: figures, and words."""
    figures = [name for name in section.columns if name not in _WORDS]
    return (
        _only(section, figures),
        _only(section, ("rung", *_WORDS), title="Changes and notes"),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _notes(rung: RungReport) -> list[str]:
    notes = list(rung.notes)
    # Said of the whole table, below it, where every rung has just one.
    if len(rung.seeds) == 1 < rung.planned_seeds:
        notes.append("one seed")
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
        lines.append("One seed: how far another would differ is not known.")
    if data.sealed:
        lines.append(
            "The test set is sealed: choose on validation. `rungs unseal` opens it, once and for "
            "good; rungs that are added later are marked."
        )
    elif data.revealed:
        recipes = "1 recipe" if data.revealed == 1 else f"{data.revealed} recipes"
        lines.append(f"Figures of {recipes} on this test set have been shown from this store.")
    if data.with_test and not data.test_labels:
        lines.append(
            "No test figures: the store has no test labels; `rungs run` takes them from the data."
        )
    best = data.best_on_validation
    if best is not None:
        lines.append(
            f"Best on validation: {best.name} ({percent(best.val_accuracy.mean)} %); "
            f"the study's final rung: {data.study.final}."
        )
    return lines


def _outcome(rung: RungReport, data: ReportData) -> str:
    if rung.verdict is None or not data.with_test:
        return ""
    return "" if rung.verdict.outcome == "not run" else rung.verdict.outcome


def verdicts(data: ReportData) -> Section:
    """What the evidence says of every change, with all that the word stands on."""
    return verdict_section(
        "Verdicts: each rung against the one that it stands on, on test", judged(data)
    )


def judged(data: ReportData) -> list[Verdict]:
    """The verdicts that are there."""
    found = [rung.verdict for rung in data.rungs if rung.verdict is not None]
    return [item for item in found if item.outcome != "not run"]


def verdict_section(title: str, found: Sequence[Verdict]) -> Section:
    """Verdicts as a table, without columns that say nothing, and how to read it."""
    rows = [
        {
            "rung": item.name,
            "against": item.against,
            "difference": points(item.delta),
            "95 % interval": interval(item),
            "p": p_value(item.p),
            "p adjusted": p_value(item.p_adjusted),
            "seeds": " and ".join(map(str, dict.fromkeys(item.n_seeds))),
            "could show": percent(item.detectable),
            "outcome": item.outcome,
            "marks": "; ".join(item.marks),
        }
        for item in found
    ]
    columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    return Section(
        title,
        tuple(columns),
        frozenset(("difference", "p", "p adjusted", "could show")),
        tuple(tuple(row[name] for name in columns) for row in rows),
        tuple(_verdict_lines(found)),
    )


def _verdict_lines(found: Sequence[Verdict]) -> list[str]:
    lines = []
    if any(item.p_adjusted is not None for item in found):
        lines.append(
            "Differences, intervals and what these seeds could show (with power 0.8) are in "
            "percentage points of test accuracy, for new seeds and new images. p is adjusted by "
            f"Holm's method over {found[0].family} comparison{'s' * (found[0].family != 1)}, whose "
            "intervals cover together. A change helps or hurts if its adjusted p is at most 0.05."
        )
    if any(item.outcome == "one seed" for item in found):
        lines.append(
            "One seed: p is McNemar's and says whether these two trained models differ on images "
            "like these; what the change does with another seed is not known."
        )
    return lines


def beyond_accuracy(data: ReportData) -> Section:
    """What the probabilities are worth, not only the class that they name."""

    def mean(values: Sequence[float], digits: int = 3) -> str:
        return f"{sum(values) / len(values):.{digits}f}" if values else ""

    rows = tuple(
        (
            rung.name,
            percent(rung.top5.mean),
            mean([item.nll for item in rung.calibrations]),
            mean([item.brier for item in rung.calibrations]),
            percent(Spread(tuple(item.ece for item in rung.calibrations)).mean),
            mean([item.temperature for item in rung.calibrations], 2),
            mean([item.nll_after for item in rung.calibrations]),
            percent(Spread(tuple(item.ece_after for item in rung.calibrations)).mean),
        )
        for rung in data.rungs
        if rung.top5.values
    )
    columns = (
        "rung",
        "top-5 %",
        "NLL",
        "Brier",
        "ECE %",
        "temperature",
        "NLL after",
        "ECE % after",
    )
    return Section(
        "Beyond top-1, on test",
        columns,
        frozenset(columns[1:]),
        rows,
        (
            "NLL: mean negative log-likelihood in nats; Brier: squared distance of the "
            "probabilities from the truth, 0 to 2; ECE: expected calibration error over 15 bins. "
            "The temperature is fitted on validation; above 1, the model was too sure.",
        )
        if rows
        else (),
    )


def without_doubtful(data: ReportData) -> Section:
    """Test accuracy without the images that an audit found doubtful, beside the official one."""
    columns: tuple[str, ...] = ("rung", "test %", "without twins %", "without label errors %")
    title = "Without doubtful test images: descriptive, part of no verdict"
    if data.audit is None or not data.audit.accuracies:
        return Section(title)
    rows = [
        (
            item.name,
            *(
                percent(Spread(values).mean)
                for values in (item.official, item.without_twins, item.without_label_errors)
            ),
        )
        for item in data.audit.accuracies
    ]
    images = data.study.data.sizes["test"]
    lines = [
        f"By `rungs audit`, {data.audit.twins:,} of {images:,} test images have a twin among the "
        "training images."
    ]
    if data.audit.label_errors is None:
        columns, rows = columns[:3], [row[:3] for row in rows]
    else:
        lines.append(
            f"{data.audit.label_errors:,} have a probable label error. Accuracy without these is "
            "optimistic: that models contradict a label is how they were found, so hard pictures "
            "are among them."
        )
    return Section(title, columns, frozenset(columns[1:]), tuple(rows), tuple(lines))


def costs(data: ReportData, *, whole: bool = True) -> Section:
    """What each rung costs; without ``whole``, only what the whole ladder does not show."""
    columns = ("rung", "parameters", "trainable", "reported", "MFLOPs", "seconds")
    names = _tree(data)
    rows = []
    for rung in data.rungs:
        parameters, trainable, flops = rung.cost
        reported = rung.reported.parameters
        rows.append(
            (
                names[rung.name],
                f"{parameters:,}",
                f"{trainable:,}",
                "" if reported is None else f"{reported:,}",
                f"{flops / 1e6:.1f}",
                _seconds(rung.train_seconds),
            )
        )
    section = Section(
        "Costs" if whole else "Parameters",
        columns,
        frozenset(columns[1:]),
        tuple(rows),
        (
            "Parameters by Keras's count, BatchNorm's moving statistics included. FLOPs of one "
            "image's forward pass, 2 per multiply-add. Seconds of training per run, without "
            "evaluation; runs side by side share the processor.",
        ),
    )
    return section if whole else _only(section, columns[:4])


def _failures(data: ReportData) -> Section:
    runs = [(rung.name, rung.failed) for rung in data.rungs]
    runs += [(item.name, item.failed) for item in data.ensembles]
    rows = tuple((name, str(seed), reason) for name, failed in runs for seed, reason in failed)
    return Section("Failed runs", ("run", "seed", "reason"), frozenset(("seed",)), rows)


def _claims(data: ReportData, *, narrow: bool) -> Section:
    columns: tuple[str, ...] = ("status", "claim", "expected", "measured", "reported")
    rows: list[tuple[str, ...]] = [
        (claim.status, claim.text, claim.expected, claim.shown, claim.reported)
        for claim in data.claims
    ]
    if narrow:
        columns = ("status", "claim")
        rows = [(status, f"{text}\n{_figures(*rest)}") for status, text, *rest in rows]
    counts = ", ".join(
        f"{sum(claim.status == status for claim in data.claims)} {status}"
        for status in ("confirmed", "refuted", "not run")
    )
    return Section("Claims", columns, frozenset(), tuple(rows), (f"{counts}.",) if rows else ())


def _figures(expected: str, measured: str, reported: str) -> str:
    """A claim's figures in one line."""
    parts = {"expected": expected, "measured": measured, "reported": reported}
    return "; ".join(f"{name}: {value}" for name, value in parts.items() if value)


def _extreme(rung: RungReport, item: ClassAccuracy, share: float) -> tuple[str, ...]:
    return (
        ", ".join((item.name, *rung.level_with(item))),
        str(item.index),
        percent(item.accuracy),
        f"{percent(item.low)} to {percent(item.high)}",
        percent(share),
    )


def _classes(data: ReportData) -> Section:
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
            "again %",
        ),
        frozenset(("index", "test %", "again %")),
        tuple(rows),
        (
            "The interval is that of a class picked beforehand; these were picked for being "
            "extreme, so it is too narrow.",
            f"Again: in how many of {RESAMPLES:,} bootstrap samples of the test images the "
            "same class is the best, or the worst; the index is the first of level ones.",
        )
        if rows
        else (),
    )


def _confused(data: ReportData) -> Section:
    """Those of the base and the final rung; JSON has those of all."""
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


_MEMBER: dict[EnsembleKind, str] = {
    "snapshots": "snapshot",
    "no_cycle": "snapshot",
    "seeds": "seed",
}


def _title(item: EnsembleReport) -> str:
    match item.kind:
        case "snapshots":
            return (
                f"Snapshot ensemble {item.name}: {item.members} cycles on {item.rung}, "
                f"{item.epochs} epochs, alpha0 {item.alpha0:g}"
            )
        case "no_cycle":
            return (
                f"Snapshots without cycles {item.name}: {item.members} of {item.rung}, "
                f"{item.epochs} epochs"
            )
        case "seeds":
            return (
                f"Deep ensemble {item.name}: {item.members} seeds of {item.rung}, "
                f"{item.epochs} epochs each"
            )


def ensemble_section(item: EnsembleReport) -> Section:
    """Each member alone and the last ones together."""
    title, member = _title(item), _MEMBER[item.kind]
    rows = []
    for position in range(item.members):
        cells = []
        for alone, together in (
            (item.member_test, item.growing_test),
            (item.member_val, item.growing_val),
        ):
            cells += [percent(alone.values[position]) if alone.values else ""]
            cells += [with_values(together[position]) if together else ""]
        rows.append((str(position + 1), *cells))
    lines = []
    gains = {"test": item.gain, "validation": item.gain_val}
    shown = [f"{points(gain)} points on {part}" for part, gain in gains.items() if gain is not None]
    if shown:
        lines.append(f"Gain over the last {member}: {', '.join(shown)}.")
    if item.single_test is not None and item.growing_test:
        mean = item.growing_test[-1].mean
        difference = None if mean is None else mean - item.single_test
        lines.append(
            f"Against {item.rung} trained once for as many epochs "
            f"({percent(item.single_test)} %): {points(difference)} points."
        )
    lines += [f"Seed {seed} failed: {reason}." for seed, reason in item.failed]
    if not item.seeds and not item.failed:
        lines.append("Not run yet.")
    return Section(
        title,
        (
            "n",
            f"{member} n alone, test %",
            "last n together, test %",
            f"{member} n alone, val %",
            "last n together, val %",
        ),
        frozenset(("n",)),
        tuple(rows) if item.seeds else (),
        tuple(lines),
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


def shown_value(value: object) -> str:
    """A recipe's value for people."""
    if isinstance(value, tuple):
        return ", ".join(shown_value(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def plain_lines(data: ReportData) -> tuple[str, ...]:
    """Data, execution records and this machine, a sentence each."""
    sizes = data.study.data.sizes
    executions = dict.fromkeys(line for rung in data.rungs for line in rung.executions)
    return (
        f"Data: {data.study.data.name}, {sizes['train']:,} training, {sizes['validation']:,} "
        f"validation and {sizes['test']:,} test images, {data.study.data.classes} classes, "
        f"fingerprint {data.study.data.fingerprint}.",
        *(f"Trained on: {line}." for line in executions),
        "Report made with: " + ", ".join(f"{k} {v}" for k, v in data.environment.items()) + ".",
    )


def _environment(data: ReportData) -> Section:
    return Section("Data and environment", lines=plain_lines(data))
