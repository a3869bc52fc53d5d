"""The ladder as a table for a paper, in LaTeX."""

from collections.abc import Sequence

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import percent, point_range, points
from rungs.report.show.tex import escaped, foreign
from rungs.statistics.levels import ALPHA
from rungs.statistics.verdicts import Outcome, Verdict

# The verdict's mark, and what the caption says of it.
_MARKS: dict[Outcome, tuple[str, str]] = {
    "helps": (r"$\uparrow$", "helps"),
    "hurts": (r"$\downarrow$", "hurts"),
    "no difference": ("$=$", "no difference"),
    "undecided": ("?", "undecided"),
    "one seed": ("1", "one seed, no verdict"),
}
# Where there would be a figure, and no run is finished.
_NOTHING = "--"
_TRIED = r"$^\dagger$"

_HEAD = """\
% Into the preamble:   \\usepackage{booktabs,array}
% Into the text:       \\input{FILE}, with the name that you gave this file
"""
_FOREIGN = "% Some characters need a font that has them: compile with lualatex or xelatex.\n"


def to_latex(data: ReportData) -> str:
    """One ``table`` of the packages booktabs and array: a row for each rung."""
    rows = [_cells(rung, data) for rung in data.rungs]
    # A column in which there is nothing to say, such as marks of one seed's runs, is left out.
    names = [name for name in _COLUMNS if any(name in row for row in rows)]
    lines = [
        r"\begin{table}[tb]",
        r"\centering",
        rf"\caption{{{_caption(data)}}}",
        rf"\label{{tab:{_label(data)}}}",
        r"\smallskip",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}{''.join(_COLUMNS[name] for name in names)}@{{}}}}",
        r"\toprule",
        _row([_title(name, data) for name in names]),
        r"\midrule",
        *(_row([row.get(name, "") for name in names]) for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    table = "\n".join(lines) + "\n"
    return _HEAD + (_FOREIGN if foreign(table) else "") + table


# Columns in reading order, and how they are set.
_COLUMNS = {
    "rung": r">{\raggedright\arraybackslash}p{0.26\linewidth}",
    "on": "l",
    "epochs": "r",
    "accuracy": "r",
    "difference": "r",
    "interval": "r",
    "verdict": "c",
}


def _title(column: str, data: ReportData) -> str:
    titles = {
        "rung": "Rung",
        "on": "On",
        "epochs": "Epochs",
        "accuracy": rf"{_part(data).capitalize()} (\%)",
        "difference": r"$\Delta$",
        "interval": r"95\,\% interval",
        "verdict": "",
    }
    return titles[column]


def _row(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _cells(rung: RungReport, data: ReportData) -> dict[str, str]:
    """What is there to say of a rung, by column."""
    name = escaped(rung.title)
    if rung.title != rung.name:
        name += f" ({escaped(rung.name)})"
    cells = {"rung": name if rung.kept else name + _TRIED}
    if len({one.epochs for one in data.rungs}) > 1:
        cells["epochs"] = str(rung.epochs)
    cells["accuracy"] = _accuracy(_shown(rung, data)) or _NOTHING
    if rung.after is not None:
        cells["on"] = escaped(rung.after)
    verdict = data.effect(rung)
    if verdict is not None and verdict.delta is not None:
        cells["difference"] = f"${points(verdict.delta)}$"
        if (ends := _ends(verdict)) is not None:
            cells["interval"] = f"${point_range(*ends)}$".replace(" to ", r"$ to $")
        if data.has_words and verdict.outcome in _MARKS:
            cells["verdict"] = _MARKS[verdict.outcome][0]
    return cells


def _shown(rung: RungReport, data: ReportData) -> Spread:
    """The accuracy that differences are of."""
    return data.accuracy(rung) if data.study.folds is None else rung.judged_accuracy


def _part(data: ReportData) -> str:
    return data.part if data.study.folds is None else "held out"


def _accuracy(spread: Spread) -> str:
    mean = percent(spread.mean)
    return mean if spread.deviation is None else rf"${mean} \pm {percent(spread.deviation)}$"


def _ends(verdict: Verdict) -> tuple[float, float] | None:
    """The interval's ends: simultaneous, or with one seed those of the two trained models."""
    if verdict.low is None or verdict.high is None:
        return verdict.images_only
    return verdict.low, verdict.high


def _caption(data: ReportData) -> str:
    """What the table is of, and how it is read."""
    found = [
        verdict
        for rung in data.rungs
        if (verdict := data.effect(rung)) is not None and verdict.delta is not None
    ]
    sentences = [
        f"{escaped(data.study.title)}: each rung against the one that it stands on",
        _measured(data),
        *_differences(found),
    ]
    if not data.has_words:
        why = "The test set is sealed" if data.sealed else "Test figures are left unread"
        sentences.append(f"{why}: these are figures of validation, to choose by")
    legend = _legend(data, found)
    return " ".join(f"{text}." for text in [*sentences, *legend])


def _measured(data: ReportData) -> str:
    folds = data.study.folds
    seeds = sorted({len(rung.seeds) for rung in data.rungs if rung.seeds})
    epochs = {rung.epochs for rung in data.rungs}
    if not seeds or seeds[-1] == 1:
        how = "one seed" if seeds else "no seed yet"
    else:
        spans = "--".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
        how = rf"mean $\pm$ standard deviation of {spans} seeds"
    length = f"{epochs.pop()} epochs each" if len(epochs) == 1 else f"budget {data.budget}"
    if folds is not None:
        return (
            f"Accuracy in percent on {data.study.judged_images:,} images outside the test part, "
            f"each answered by the model that did not see it, of {folds} models a seed, {how}, "
            f"{escaped(length)}, after the last epoch"
        )
    images = data.study.data.sizes[data.part]
    return (
        rf"Accuracy in percent on {images:,} {data.part} images, {how}, {escaped(length)}, at the "
        "epoch of the lowest validation loss"
    )


def _differences(found: Sequence[Verdict]) -> list[str]:
    sentences = []
    judged = [item for item in found if item.low is not None]
    if judged:
        families = sorted({item.family for item in judged})
        sizes = " and of ".join(map(str, families))
        comparisons = "comparison" if families == [1] else "comparisons"
        sentences.append(
            r"$\Delta$: difference in percentage points, for new seeds and new images, with "
            rf"95\,\% intervals that are simultaneous over the family of {sizes} {comparisons}"
        )
    alone = [item for item in found if item.images_only is not None]
    if alone:
        begin = (
            "With one seed, the" if judged else r"$\Delta$: difference in percentage points; the"
        )
        sentences.append(
            rf"{begin} interval is that of two trained models on new images, not of the change"
        )
    return sentences


def _legend(data: ReportData, found: Sequence[Verdict]) -> list[str]:
    """The marks that occur in the table."""
    words = []
    if data.has_words:
        outcomes = {item.outcome for item in found}
        words = [
            f"{mark} {word}" for word_of, (mark, word) in _MARKS.items() if word_of in outcomes
        ]
        if outcomes - {"one seed"}:
            margins = " or ".join(sorted({percent(item.margin) for item in found}))
            words.append(
                rf"helps and hurts: Holm's adjusted $p \leq {ALPHA:g}$; no difference: the "
                rf"interval lies within $\pm {margins}$ points"
            )
    if any(not data.accuracy(rung).values for rung in data.rungs):
        words.append(f"{_NOTHING} no run is finished")
    if any(not rung.kept for rung in data.rungs):
        words.append(f"{_TRIED} tried, not kept")
    return ["; ".join(words)] if words else []


def _label(data: ReportData) -> str:
    """A name for references; those of studies and budgets may hold anything."""
    plain = f"{data.study.name}-{data.budget}".lower()
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in plain)
