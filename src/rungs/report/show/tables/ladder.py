"""The ladder as a table, in three layouts, and what its rungs cost."""

from collections.abc import Sequence
from typing import Literal

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import (
    Section,
    count,
    megaflops,
    million_macs,
    percent,
    points,
    seconds,
)
from rungs.report.show.tables.verdicts import verdicts_of

# Every seed's value is listed up to this many seeds.
LISTED_SEEDS = 5

# How the ladder is laid out: `whole` is one table of everything, `medium` leaves the costs to a
# table of their own, `split` sets words apart from figures as well.
Layout = Literal["whole", "medium", "split"]


def with_values(spread: Spread) -> str:
    """The mean in percent and, of several seeds, every value."""
    if len(spread.values) < 2:
        return percent(spread.mean)
    if len(spread.values) <= LISTED_SEEDS:
        return f"{percent(spread.mean)} ({', '.join(percent(value) for value in spread.values)})"
    return f"{percent(spread.mean)} ({percent(spread.low)} to {percent(spread.high)})"


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
COSTS = ("parameters", "MFLOPs", "seconds")
_WORDS = ("changes", "reported %", "notes")


def ladder(data: ReportData, layout: Literal["whole", "medium"] = "whole") -> Section:
    """What each rung changed, what it costs (if ``whole``) and what came of it."""
    names, words = _tree(data), outcomes(data)
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
            "parameters": count(parameters),
            "MFLOPs": megaflops(flops),
            "epochs": str(rung.epochs),
            "seeds": f"{len(rung.seeds)}/{rung.planned_seeds}",
            "val %": with_values(rung.val_accuracy),
            "test %": with_values(rung.test_accuracy) if data.with_test else "sealed",
            "vs previous": points(rung.delta_previous),
            "verdict": words.get(rung.name, ""),
            "vs base": points(rung.delta_base),
            "seconds": seconds(rung.train_seconds),
            "reported %": figure,
            "notes": "; ".join(_notes(rung)),
        }
        rows.append(cells)
    if not words:
        for cells in rows:
            del cells["verdict"]
    if not any(cells["reported %"] for cells in rows):  # the study has no source that reports
        for cells in rows:
            del cells["reported %"]
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
    return _only(section, [name for name in columns if name not in COSTS])


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


def split_ladder(data: ReportData) -> tuple[Section, Section]:
    """The ladder as two tables: figures, and words."""
    section = ladder(data, "medium")
    figures = [name for name in section.columns if name not in _WORDS]
    return (
        _only(section, figures),
        _only(section, ("rung", *_WORDS), title="Changes and notes"),
    )


def _notes(rung: RungReport) -> list[str]:
    notes = list(rung.notes)
    # Said of the whole table, below it, where every rung has just one.
    if len(rung.seeds) == 1 < rung.planned_seeds:
        notes.append("one seed")
    if rung.failed:
        notes.append(f"{len(rung.failed)} failed")
    if rung.inexact:
        notes.append("not bit-exact: resumed under another execution record")
    return notes


def _reading(data: ReportData) -> list[str]:
    lines = [
        "Accuracies are those of the epoch with the lowest validation loss; several seeds: mean "
        "(values). Differences are in percentage points of test accuracy, previous is the rung "
        "that a rung stands on."
        if data.study.folds is None
        else _with_folds(data)
    ]
    if data.study.folds is None and data.rungs and data.rungs[0].planned_seeds == 1:
        lines.append("One seed: how much another would differ is not known.")
    elsewhere = [rung.name for rung in data.rungs if rung.recorded]
    if elsewhere:
        lines.append(
            f"Trained elsewhere and recorded: {', '.join(elsewhere)}; which epoch answers was "
            "chosen there."
        )
    if data.sealed:
        lines.append(
            f"The test set is sealed: {_choose(data)} `rungs unseal` opens it, once and for "
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
        # Of some rungs alone it need not be the study's.
        here = "" if len(data.rungs) == len(data.study.rungs) else " of these"
        lines.append(
            f"Best on validation{here}: {best.name} ({percent(best.val_accuracy.mean)} %); "
            f"the study's final rung: {data.study.final}."
        )
    return lines


def _choose(data: ReportData) -> str:
    if data.study.folds is None:
        return "choose on validation."
    return "verdicts do without it, and it confirms what they chose."


def _with_folds(data: ReportData) -> str:
    images = f"{data.study.judged_images:,} images outside the test part"
    return (
        f"Each seed has {data.study.folds} models, each trained without one fold of the {images}. "
        "val is the accuracy on these images, each answered by the model that did not see it, "
        "after the last epoch; test the mean of a seed's models. Differences and verdicts are of "
        "val, in percentage points, previous is the rung that a rung stands on."
    )


def outcomes(data: ReportData) -> dict[str, str]:
    """Rung -> the verdict's word; of no rung where none has two seeds: one line says it of all."""
    found = verdicts_of(data) if data.judged else []
    if all(item.outcome == "one seed" for item in found):
        return {}
    return {item.name: item.outcome for item in found}


def costs(data: ReportData, *, whole: bool = True) -> Section:
    """What each rung costs; without ``whole``, only what the whole ladder does not show."""
    columns = ("rung", "parameters", "trainable", "reported", "MMACs", "MFLOPs", "seconds")
    names = _tree(data)
    rows = []
    for rung in data.rungs:
        parameters, trainable, flops = rung.cost
        reported = rung.reported.parameters
        rows.append(
            (
                names[rung.name],
                count(parameters),
                count(trainable),
                "" if reported is None else f"{reported:,}",
                million_macs(flops),
                megaflops(flops),
                seconds(rung.train_seconds),
            )
        )
    reported = any(rung.reported.parameters is not None for rung in data.rungs)
    section = Section(
        "Costs" if whole else "Parameters",
        columns,
        frozenset(columns[1:]),
        tuple(rows),
        (
            "Parameters by Keras's count, BatchNorm's moving statistics included; trainable are "
            "those that training changes. MMACs: million multiply-adds of one image's forward "
            "pass; MFLOPs: 2 for each. Seconds of training per "
            f"{'run' if data.study.folds is None else 'seed'}, without "
            "evaluation; runs side by side share the processor.",
        )
        if rows
        else (),
    )
    shown = columns if whole else columns[:4]
    kept = [name for name in shown if name != "reported" or reported]
    return section if len(kept) == len(columns) else _only(section, kept)
