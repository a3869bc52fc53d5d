"""A report as one HTML page that needs nothing else: no file, no network, no script to be read.

The templates hold words and form; here stands what they show. Everything that comes from a study
file or a run is escaped by the template engine, and the page's own content policy lets no script
run but the one that it is written with.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from rungs.claims import ClaimOutcome
from rungs.costs import LayerRow
from rungs.metrics import RESAMPLES, ClassAccuracy
from rungs.recipe import leaves, recipe_to_dict, show
from rungs.report.charts import SIDE, Axis, axis, epoch_axis, points
from rungs.report.data import EnsembleReport, ReportData, RungReport
from rungs.report.evidence import claim_traces, options, source_of, verdict_trace
from rungs.report.gallery import Gallery
from rungs.report.readings import readings, readings_section
from rungs.report.reliability import diagrams
from rungs.report.rivalform import rival_sections
from rungs.report.runs import RunState
from rungs.report.section import Section, interval, p_value, percent
from rungs.report.section import points as signed_points
from rungs.report.sections import (
    beyond_accuracy,
    costs,
    ensemble_section,
    judged,
    ladder,
    plain_lines,
    shown_value,
    verdicts,
    without_doubtful,
)
from rungs.report.speed import speed
from rungs.report.tradeoffs import labels_at, tradeoff_section, tradeoffs
from rungs.results import Epoch

# So that the page stays small whatever the study: what goes beyond is left out, and said so.
MOST_SEEDS_DRAWN = 5
MOST_TABLE_EPOCHS = 40
MOST_CLASSES = 200
MOST_GROUPS = 30

COLOURS = 7
DASHES = ("", "8 4", "2 4", "10 3 2 3", "5 2")


def to_html(data: ReportData, gallery: Gallery | None = None) -> str:
    """The page, as one string.

    Args:
        data: what is known.
        gallery: pictures to show; None for a page without any.
    """
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    chosen = chosen_rung(data)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            data=data,
            style=Markup(_source("page.css")),
            script=Markup(script),
            script_digest=digest,
            side=SIDE,
            state=_counts(data.runs),
            part=_part(data),
            epochs=_epochs(data),
            chosen=chosen,
            strip=_strip(data),
            ladder=_figures_first(ladder(data)),
            costs=costs(data),
            verdicts=verdicts(data),
            beyond=beyond_accuracy(data),
            doubtful=without_doubtful(data),
            traces=[verdict_trace(data, item) for item in judged(data)],
            claim_traces=claim_traces(data),
            readings=readings(data),
            readings_table=readings_section(data),
            tradeoffs=[(plot, labels_at(plot)) for plot in tradeoffs(data)],
            tradeoff_table=tradeoff_section(data),
            diagrams=diagrams(data),
            claims=_claims(data.claims),
            resamples=RESAMPLES,
            ensembles=[_ensemble(item, data) for item in data.ensembles],
            rivals=rival_sections(data.rivals),
            curves=_curves(data),
            pair=_pair(data),
            classes=[_classes(rung, data) for rung in data.rungs if rung.classes],
            confusions=[_confusion(rung, data) for rung in data.rungs if rung.confusion],
            many_groups=len(data.group_names) > MOST_GROUPS,
            gallery=gallery,
            recipes=[_recipe(rung, data) for rung in data.rungs],
            speed=speed(data),
            environment=plain_lines(data),
            commands=_commands(data),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rungs.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": signed_points,
        "value": shown_value,
        "interval": interval,
        "p_value": p_value,
    }
    return environment


@cache
def _source(name: str) -> str:
    """A file beside the templates; our own words, so nothing in it is escaped."""
    text = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    return "\n" + text


# --- the first screen ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """Which figures stand in front: those on test, or on validation where test is not to be had."""

    name: str
    test: bool

    def values(self, rung: RungReport) -> tuple[float, ...]:
        return (rung.test_accuracy if self.test else rung.val_accuracy).values

    def mean(self, rung: RungReport) -> float | None:
        return (rung.test_accuracy if self.test else rung.val_accuracy).mean


# Columns of the ladder that a narrow screen shows without being moved.
_FIRST = ("rung", "", "val %", "test %", "vs previous", "vs base")


def _figures_first(section: Section) -> Section:
    """The ladder's table with its accuracies at the front."""
    order = sorted(
        range(len(section.columns)),
        key=lambda i: (
            _FIRST.index(section.columns[i]) if section.columns[i] in _FIRST else len(_FIRST)
        ),
    )
    return replace(
        section,
        columns=tuple(section.columns[i] for i in order),
        rows=tuple(tuple(row[i] for i in order) for row in section.rows),
    )


def _part(data: ReportData) -> _Part:
    test = data.with_test and data.test_labels
    return _Part("test" if test else "validation", test)


def _counts(runs: Sequence[RunState]) -> dict[str, int]:
    states = [run.state for run in runs]
    return {name: states.count(name) for name in ("finished", "failed", "begun", "to do")} | {
        "all": len(states)
    }


def _epochs(data: ReportData) -> str:
    """The budget's epochs in words."""
    found = sorted({rung.epochs for rung in data.rungs} | {item.epochs for item in data.ensembles})
    if not found:
        return ""
    return f"{found[0]} epochs each" if len(found) == 1 else f"{found[0]} to {found[-1]} epochs"


def chosen_rung(data: ReportData) -> RungReport | None:
    """The rung that is shown first: the final one, or while it is not done the best so far."""
    final = data.rung(data.study.final)
    return final if final is not None and final.seeds else data.best_on_validation


@dataclass(frozen=True)
class _Row:
    """A rung's row of the ladder's plot; places in percent of the width."""

    rung: RungReport
    depth: int
    dots: tuple[float, ...]
    mean: float | None
    label: str
    state: str
    reported: float | None
    same_budget: bool
    after: int | None  # row of the rung that it stands on


@dataclass(frozen=True)
class _Strip:
    axis: Axis
    rows: tuple[_Row, ...]
    sentences: tuple[str, ...]


def _strip(data: ReportData) -> _Strip:
    part = _part(data)
    trunk = _trunk(data)
    values = [value for rung in data.rungs for value in part.values(rung)]
    if part.test:
        values += [r.reported.test_accuracy for r in data.rungs if r.reported.test_accuracy]
    across = axis(100 * max(values, default=1.0), marks=6, most=100)
    numbers = {rung.name: number for number, rung in enumerate(data.rungs)}
    depths: dict[str, int] = {}
    rows = []
    for rung in data.rungs:
        on_trunk = rung.name in trunk or rung.after is None
        depths[rung.name] = 0 if on_trunk else min(3, depths.get(str(rung.after), 0) + 1)
        mean = part.mean(rung)
        reported = rung.reported.test_accuracy if part.test else None
        rows.append(
            _Row(
                rung,
                depths[rung.name],
                tuple(across.place(100 * value) for value in part.values(rung)),
                None if mean is None else across.place(100 * mean),
                percent(mean),
                _rung_state(rung, data),
                None if reported is None else across.place(100 * reported),
                rung.reported.epochs in (None, rung.epochs),
                numbers.get(rung.after or ""),
            )
        )
    return _Strip(across, tuple(rows), tuple(_sentence(rung, data) for rung in data.rungs))


def _trunk(data: ReportData) -> set[str]:
    """From the final rung down to its root."""
    trunk: set[str] = set()
    name: str | None = data.study.final
    while name is not None and name not in trunk:
        trunk.add(name)
        name = data.study.rung(name).after
    return trunk


def _rung_state(rung: RungReport, data: ReportData) -> str:
    """What stands in place of a figure."""
    if rung.seeds:
        return ""
    if rung.failed:
        return "failed"
    names = [run.name.split(" = ") for run in data.runs if run.state == "begun"]
    return "running" if any(rung.name in found for found in names) else "to do"


def _sentence(rung: RungReport, data: ReportData) -> str:
    part = _part(data)
    mean = part.mean(rung)
    figure = _rung_state(rung, data) if mean is None else f"{percent(mean)} %"
    reported = ""
    if part.test and rung.reported.test_accuracy is not None:
        at = rung.reported.epochs
        epochs = "" if at in (None, rung.epochs) else f" in {at} epochs"
        reported = f", reported {percent(rung.reported.test_accuracy)} %{epochs}"
    return f"{rung.name} ({'kept' if rung.kept else 'tried'}): {figure}{reported}"


# --- claims, classes, ensembles ------------------------------------------------------------------

_STATUSES = ("confirmed", "refuted", "not run")


def _claims(claims: Sequence[ClaimOutcome]) -> list[tuple[str, str, list[ClaimOutcome]]]:
    """Status, its word for names in the page, and its claims."""
    return [
        (status, status.replace(" ", "-"), [claim for claim in claims if claim.status == status])
        for status in _STATUSES
    ]


@dataclass(frozen=True)
class _Ensemble:
    """An ensemble's plot and table; per number of members, single and together, in percent.

    Attributes:
        accuracy: of all members together on ``part``, a fraction; None if there is none.
        gain: that minus the accuracy of the last member alone.
    """

    item: EnsembleReport
    section: Section
    part: str
    accuracy: float | None
    gain: float | None
    up: Axis
    across: tuple[float, ...]
    alone: tuple[float | None, ...]
    together: tuple[float | None, ...]
    line: str


def _ensemble(item: EnsembleReport, data: ReportData) -> _Ensemble:
    test = _part(data).test and bool(item.growing_test)
    growing, member = (
        (item.growing_test, item.member_test) if test else (item.growing_val, item.member_val)
    )
    together = [spread.mean for spread in growing]
    known = [100 * value for value in (*together, *member.values) if value is not None]
    up = axis(max(known, default=1.0), marks=4, most=100)
    across = [100 * (n - 0.5) / item.members for n in range(1, item.members + 1)]

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 - up.place(100 * value), 2)

    return _Ensemble(
        item,
        ensemble_section(item),
        "test" if test else "validation",
        together[-1] if together else None,
        item.gain if test else item.gain_val,
        up,
        tuple(round(at, 2) for at in across),
        tuple(map(place, member.values)),
        tuple(map(place, together)),
        " ".join(
            f"{SIDE * x / 100:.0f},{SIDE * (1 - value / (up.top / 100)):.0f}"
            for x, value in zip(across, together, strict=False)
            if value is not None
        ),
    )


@dataclass(frozen=True)
class _ClassTable:
    rung: RungReport
    rows: tuple[tuple[int, ClassAccuracy, str], ...]  # rank, class, group
    left_out: int


def _classes(rung: RungReport, data: ReportData) -> _ClassTable:
    ordered = sorted(rung.classes, key=lambda item: (-item.accuracy, item.index))
    ranks: dict[float, int] = {}
    for rank, item in enumerate(ordered, start=1):
        ranks.setdefault(item.accuracy, rank)
    rows = [
        (
            ranks[item.accuracy],
            item,
            data.group_names[data.groups[item.index]] if data.groups else "",
        )
        for item in ordered
    ]
    if len(rows) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        rows = [*rows[:half], *rows[-half:]]
    return _ClassTable(rung, tuple(rows), len(ordered) - len(rows))


@dataclass(frozen=True)
class _Confusion:
    rung: RungReport
    rows: tuple[tuple[int, ...], ...]  # whole percent
    right: float
    pairs: tuple[tuple[str, str, float], ...]  # the most frequent mistakes


def _confusion(rung: RungReport, data: ReportData) -> _Confusion:
    names = data.group_names
    wrong = sorted(
        (-share, true, taken)
        for true, row in enumerate(rung.confusion)
        for taken, share in enumerate(row)
        if true != taken and share > 0
    )
    kept = [row[true] for true, row in enumerate(rung.confusion)]
    return _Confusion(
        rung,
        tuple(tuple(round(100 * share) for share in row) for row in rung.confusion),
        sum(kept) / len(kept),
        tuple((names[true], names[taken], -share) for share, true, taken in wrong[:5]),
    )


# --- curves --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """A polyline: what it is for, and how it looks."""

    rung: int
    words: str
    points: str


@dataclass(frozen=True)
class _Mark:
    """A dot at a tested epoch, in percent of width and height."""

    rung: int
    x: float
    y: float


@dataclass(frozen=True)
class _Plot:
    """One plot of curves. ``name`` makes its ids."""

    name: str
    title: str
    unit: str
    describe: str
    across: Axis
    up: Axis
    lines: tuple[_Line, ...]
    marks: tuple[_Mark, ...]


@dataclass(frozen=True)
class _Card:
    """A rung's own curves: both plots and the table."""

    rung: RungReport
    number: int
    plots: tuple[_Plot, ...]
    rows: tuple[tuple[int, Epoch, bool], ...]  # seed, epoch, whether it is the tested one
    every: int
    drawn: int


@dataclass(frozen=True)
class _Curves:
    cards: tuple[_Card, ...]
    overlay: tuple[_Plot, ...]
    colours: int
    dashes: tuple[str, ...]
    first: frozenset[str]  # names of the rungs that are laid over each other at first


# Field of an epoch, its words, whether it is an accuracy.
_QUANTITIES = (
    ("train_loss", "training loss", False),
    ("val_loss", "validation loss", False),
    ("train_accuracy", "training accuracy", True),
    ("val_accuracy", "validation accuracy", True),
)


def _quantity(history: Sequence[Epoch], field: str) -> list[float]:
    """In nats, or in percent."""
    factor = 100 if field.endswith("accuracy") else 1
    return [factor * float(getattr(entry, field)) for entry in history]


def _up(rungs: Sequence[RungReport], *, accuracy: bool) -> Axis:
    """One axis for all plots of a quantity, so that they can be compared by eye."""
    fields = [field for field, _, kind in _QUANTITIES if kind == accuracy]
    highest = max(
        value
        for rung in rungs
        for history in rung.history[:MOST_SEEDS_DRAWN]
        for field in fields
        for value in _quantity(history, field)
    )
    return axis(highest, marks=4, most=100 if accuracy else None)


def _curves(data: ReportData) -> _Curves | None:
    rungs = [rung for rung in data.rungs if rung.history]
    if not rungs:
        return None
    numbers = {rung.name: number for number, rung in enumerate(rungs)}
    pair = (data.rung(data.study.base), chosen_rung(data))
    shown = rungs if len(rungs) <= 3 else [rung for rung in rungs if rung in pair]
    longest = max(len(history) for rung in rungs for history in rung.history)
    overlay = tuple(
        _plot(
            f"over-{field.replace('_', '-')}",
            rungs,
            ((field, words),),
            numbers,
            longest,
            _up(rungs, accuracy=accuracy),
            marks=field == "val_loss",
        )
        for field, words, accuracy in _QUANTITIES
    )
    cards = tuple(
        _card(rung, number, {kind: _up(rungs, accuracy=kind) for kind in (False, True)})
        for number, rung in enumerate(rungs)
    )
    return _Curves(cards, overlay, COLOURS, DASHES, frozenset(rung.name for rung in shown))


def _plot(
    name: str,
    rungs: Sequence[RungReport],
    fields: Sequence[tuple[str, str]],
    numbers: dict[str, int],
    epochs: int,
    up: Axis,
    *,
    marks: bool,
) -> _Plot:
    across = epoch_axis(epochs)
    lines, dots, sentences = [], [], []
    for rung in rungs:
        number = numbers[rung.name]
        for field, words in fields:
            for seed, history in enumerate(rung.history[:MOST_SEEDS_DRAWN]):
                values = _quantity(history, field)
                lines.append(_Line(number, words.split()[0], points(values, across, up)))
                best = rung.best_epochs[seed]
                if marks and field.startswith("val"):
                    place = up.place(values[best - 1])
                    dots.append(_Mark(number, across.place(best), round(100 - place, 2)))
            first = _quantity(rung.history[0], field)
            unit = "%" if field.endswith("accuracy") else "nats"
            sentences.append(
                f"{rung.name}, {words}: {first[0]:.2f} after epoch 1, "
                f"{first[-1]:.2f} {unit} after epoch {len(first)}"
            )
    accuracy = fields[0][0].endswith("accuracy")
    title = fields[0][1] if len(fields) == 1 else ("accuracy" if accuracy else "loss")
    unit = "%" if accuracy else "nats"
    return _Plot(name, title, unit, ". ".join(sentences), across, up, tuple(lines), tuple(dots))


def _card(rung: RungReport, number: int, ups: dict[bool, Axis]) -> _Card:
    longest = max(len(history) for history in rung.history)
    plots = tuple(
        _plot(
            f"run-{rung.name}-{word}",
            [rung],
            [(field, words) for field, words, kind in _QUANTITIES if kind == accuracy],
            {rung.name: number},
            longest,
            ups[accuracy],
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    every = -(-longest // MOST_TABLE_EPOCHS)
    rows = [
        (seed, entry, entry.epoch == best)
        for seed, best, history in zip(rung.seeds, rung.best_epochs, rung.history, strict=True)
        for entry in history
        if entry.epoch % every == 0 or entry.epoch in (1, best, len(history))
    ]
    kept = set(rung.seeds[:MOST_SEEDS_DRAWN])
    return _Card(
        rung,
        number,
        plots,
        tuple(row for row in rows if row[0] in kept),
        every,
        min(len(rung.seeds), MOST_SEEDS_DRAWN),
    )


@dataclass(frozen=True)
class _Pair:
    """Base against final."""

    base: RungReport
    final: RungReport
    plots: tuple[_Plot, ...]


def _pair(data: ReportData) -> _Pair | None:
    base, final = data.rung(data.study.base), data.rung(data.study.final)
    if base is None or final is None or base is final or not (base.history and final.history):
        return None
    rungs = [base, final]
    longest = max(len(history) for rung in rungs for history in rung.history)
    plots = tuple(
        _plot(
            f"pair-{word}",
            rungs,
            [(field, words) for field, words, kind in _QUANTITIES if kind == accuracy],
            {base.name: 0, final.name: 1},
            longest,
            _up(rungs, accuracy=accuracy),
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    return _Pair(base, final, plots)


# --- recipes and commands ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recipe:
    rung: RungReport
    changed: tuple[tuple[str, str, str], ...]  # field, before, after
    layers: tuple[LayerRow, ...]
    settings: tuple[tuple[str, str], ...]


def _recipe(rung: RungReport, data: ReportData) -> _Recipe:
    planned = data.study.rung(rung.name)
    return _Recipe(
        rung,
        tuple(
            (
                item.place,
                "" if item.before is None else show(item.before),
                "" if item.after is None else show(item.after),
            )
            for item in planned.difference
        ),
        data.layers.get(rung.name, ()),
        tuple((place, show(value)) for place, value in leaves(recipe_to_dict(planned.recipe))),
    )


def _commands(data: ReportData) -> list[tuple[str, str]]:
    """What makes the same again, with the words for it."""
    no_test = [] if data.with_test else ["--no-test"]
    rest = " ".join([source_of(data), *options(data), *no_test])
    return [
        ("Train what is missing and report", f"rungs run {rest}"),
        ("Make this page again from what is finished", f"rungs report {rest} --format html"),
        ("See how far each run is", f"rungs status {rest.removesuffix(' --no-test')}"),
    ]
