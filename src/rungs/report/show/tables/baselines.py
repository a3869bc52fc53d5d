"""Ensembles and their baselines as tables: what they gain, how they grow, what they cost."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rungs.foundation.wording import counted
from rungs.report.figures.baselines import BaselineRow, BaselineTable
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.report.show.section import (
    Section,
    filled,
    interval,
    p_value,
    percent,
    points,
    seconds,
)

if TYPE_CHECKING:
    from rungs.report.figures.whole import ReportData

_MEGABYTE = 1e6


def baseline_sections(tables: Sequence[BaselineTable]) -> tuple[Section, ...]:
    """For every rung with ensembles: equal cost, each higher cost, growth, members, inference."""
    return tuple(
        section
        for table in tables
        for section in (*_by_cost(table), *_growths(table), _members(table), _inference(table))
        if section.rows
    )


def compared(table: BaselineTable) -> Section:
    """All ensembles and baselines of a rung in one table, by rising training cost."""
    rows = [
        {
            "ensemble": row.name,
            "what it is": row.what,
            "training cost": "" if row.cost_class is None else f"× {row.cost_class:.3g}",
            "models": str(row.models),
            "ms an image": "" if row.inference is None else f"{row.inference.milliseconds:.3g}",
            "seeds": str(len(row.seeds)),
            "val %": percent(row.val_accuracy.mean),
            "test %": percent(row.test_accuracy.mean),
            "difference": "" if row.verdict is None else points(row.verdict.delta),
            "95 % interval": "" if row.verdict is None else interval(row.verdict),
            "outcome": _outcome(row),
        }
        for rows in table.by_cost
        for row in rows
    ]
    right = ("training cost", "models", "ms an image", "seeds", "val %", "test %", "difference")
    lines = _explained(table, table.others)
    return filled(f"Ensembles on {table.rung}", rows, right, lines)


def member_sections(tables: Sequence[BaselineTable]) -> tuple[Section, ...]:
    """Of every rung with ensembles: how alike members are, and what answering takes."""
    found = (section for table in tables for section in (_members(table), _inference(table)))
    return tuple(section for section in found if section.rows)


def best_words(data: "ReportData") -> str:
    """Which ensembles are best for their cost, in sentences; empty while that is not known.

    Chosen on validation: test figures are told of what was chosen.
    """
    return " ".join(words for table in data.baselines for words in _best_of(table, data))


def _best_of(table: BaselineTable, data: "ReportData") -> Iterator[str]:
    best = table.best_for_cost
    for number, row in enumerate(best):
        start = "Best ensemble for its cost, by validation" if not number else "At a higher cost"
        yield f"{start}: {row.name} ({row.what}), {_figures(row, table, data)}."
    beaten = table.beaten
    if beaten and not best:
        what = "No ensemble is best" if len(beaten) > 1 else "The ensemble is not the best"
        yield f"{what} for its cost, by validation."
    for row, by in beaten if not best else ():
        yield f"{row.name} ({row.what}): {_figures(row, table, data)}; {_ahead(by, data)}."
    ahead = dict.fromkeys(by.name for _, by in beaten)
    for name in ahead if best else ():
        told = " and ".join(row.name for row, by in beaten if by.name == name)
        yield f"At no higher cost {name} is ahead of {told}."


def _ahead(by: BaselineRow, data: "ReportData") -> str:
    models = counted(by.models, "model")
    return f"{by.name} ({by.what}, {_accuracy_of(by, data)}) is ahead of it with {models}"


def _accuracy_of(row: BaselineRow, data: "ReportData") -> str:
    spread = row.test_accuracy if data.part == "test" else row.val_accuracy
    return f"{percent(spread.mean)} % {data.part}"


def _figures(row: BaselineRow, table: BaselineTable, data: "ReportData") -> str:
    """Accuracy with its gain, and what training and answering take beside one model."""
    parts = [_accuracy_of(row, data)]
    verdict = row.verdict
    if verdict is not None and verdict.delta is not None:
        shown = interval(verdict)
        sure = f"95 % interval {shown}" if shown else "no interval: one seed"
        parts.append(f"{points(verdict.delta)} points against {table.rung} alone ({sure})")
    item = next((one for one in data.whole.ensembles if one.name == row.ensemble), None)
    if item is not None:
        alone = item.member_test if data.part == "test" else item.member_val
        if alone.values:
            parts.append(f"its members alone {percent(alone.low)} to {percent(alone.high)} %")
        parts.append(f"{counted(item.epochs_of_all, 'epoch')} of training against {table.epochs}")
    passes = f"an answer asks {counted(row.models, 'model')}"
    one = table.single.inference
    if row.inference is not None and one is not None:
        mine, single = row.inference.milliseconds, one.milliseconds
        passes += f" and takes {mine:.3g} ms an image, of one model {single:.3g} ms"
    return ", ".join([*parts, passes])


def _by_cost(table: BaselineTable) -> list[Section]:
    return [_accuracies(table, _cost(rows[0].cost_class), rows) for rows in table.by_cost]


def _cost(times: float | None) -> str:
    if times is None:
        return "at a cost that is not known"
    return "at equal training cost" if times == 1 else f"at {times:.3g} times the cost"


def _accuracies(table: BaselineTable, cost: str, rows: Sequence[BaselineRow]) -> Section:
    columns = (
        "",
        "what it is",
        "models",
        "seeds",
        "val %",
        "test %",
        "vs single",
        "interval",
        "p",
        "outcome",
        "train s",
    )
    return Section(
        f"Ensembles on {table.rung}: {cost}",
        columns,
        frozenset(columns[2:7]) | {"p", "train s"},
        tuple(_accuracy(row) for row in rows),
        _explained(table, rows),
    )


def _accuracy(row: BaselineRow) -> tuple[str, ...]:
    verdict = row.verdict
    shown = "" if verdict is None else interval(verdict)
    p = None if verdict is None else verdict.p if verdict.p_adjusted is None else verdict.p_adjusted
    return (
        row.name,
        row.what,
        str(row.models),
        str(len(row.seeds)),
        percent(row.val_accuracy.mean),
        percent(row.test_accuracy.mean),
        points(None if verdict is None else verdict.delta),
        shown,
        p_value(p),
        _outcome(row),
        seconds(row.train_seconds),
    )


def _outcome(row: BaselineRow) -> str:
    if not row.seeds:
        return "not run"
    return "" if row.verdict is None else "; ".join((row.verdict.outcome, *row.verdict.caveats))


def _explained(table: BaselineTable, rows: Sequence[BaselineRow]) -> tuple[str, ...]:
    verdicts = [row.verdict for row in rows if row.verdict is not None]
    lines = [
        f"The single model is {table.rung}, trained once for {counted(table.epochs, 'epoch')}. "
        "Cost: epochs of all runs times FLOPs of a forward pass."
    ]
    every = [row.verdict for row in table.others if row.verdict is not None]
    if any(verdict.p_adjusted is not None for verdict in verdicts):
        late = any(AFTER_THE_TEST in verdict.caveats for verdict in every)
        alone = f"; what was {AFTER_THE_TEST} stands alone" if late else ""
        lines.append(
            "Differences are on test, for new seeds and new images; interval (95 %) and p are "
            f"corrected for the {table.family} comparisons with {table.rung}{alone}."
        )
    if any(row.images_only is not None for row in rows):
        lines.append(
            "With one seed, interval (95 %, Agresti and Min) and p (McNemar, exact) are of these "
            "two trained models alone, not corrected: another seed may do otherwise."
        )
    return tuple(lines)


def _growths(table: BaselineTable) -> list[Section]:
    """A table for every ensemble: the first n and the last n members together."""
    found = []
    for row in table.others:
        parts = [part for part in ("validation", "test") if part in row.growth]
        if not parts or not any(row.growth[part].backward for part in parts):
            continue
        columns = ["n"]
        cells: list[list[str]] = [[str(n)] for n in range(1, row.models + 1)]
        for part in parts:
            for way in ("first", "last"):
                columns.append(f"{way} n, {part} %")
                growth = row.growth[part]
                values = growth.forward if way == "first" else growth.backward
                for n in range(row.models):
                    cells[n].append(percent(values[n]) if values else "")
        found.append(
            Section(
                f"Growing ensemble {row.name}: {row.what}",
                tuple(columns),
                frozenset(columns),
                tuple(tuple(line) for line in cells),
            )
        )
    return found


def _members(table: BaselineTable) -> Section:
    rows = tuple(
        (row.name, str(row.models), percent(row.disagreement), _two(row.error_correlation))
        for row in table.others
        if row.disagreement is not None
    )
    columns = ("ensemble", "models", "disagreement %", "error correlation")
    return Section(
        f"Members of the ensembles on {table.rung}",
        columns,
        frozenset(columns[1:]),
        rows,
        (
            f"On {table.members_on}. Disagreement: share of images on which two members take "
            "different classes. Error correlation: 1 where they err on the same images, 0 where "
            "their errors are independent. Means over pairs of members and over seeds.",
        ),
    )


def _inference(table: BaselineTable) -> Section:
    measured = [(row, row.inference) for row in table.rows if row.inference is not None]
    rows = tuple(
        (
            row.name,
            str(found.models),
            f"{found.milliseconds:.3g}",
            f"{found.weights_bytes / _MEGABYTE:.3g}",
            f"{found.peak_bytes / _MEGABYTE:.3g}",
            found.hardware,
        )
        for row, found in measured
    )
    columns = ("", "models", "ms an image", "weights, MB", "peak, MB", "measured on")
    batches = sorted({found.batch_size for _, found in measured})
    return Section(
        f"Inference of the ensembles on {table.rung}",
        columns,
        frozenset(columns[1:5]),
        rows,
        (
            f"{' or '.join(map(str, batches))} images at a time, the models one after the other; "
            "shortest of several passes. Peak: weights and the largest set of tensors alive; on a "
            "CPU without what kernels take for themselves.",
        ),
    )


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
