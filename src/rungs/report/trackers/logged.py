"""A study as trackers have it: runs with parameters, curves and figures, no tracker's own words.

A seed is a run. A rung is a run as well, the *aggregate* of its seeds, since no tracker takes means
over runs that can be trusted: they change with what happens to be selected on the screen.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rungs.recipe import Recipe, recipe_to_dict
from rungs.recipe.components import is_recorded
from rungs.recipe.differences import leaves
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.statistics.verdicts import Verdict
from rungs.store import Store
from rungs.store.notes import read_notes
from rungs.store.results import Epoch, Result, RunSpec, elapsed
from rungs.store.run_folder import read_epochs
from rungs.study.plan import Plan, PlannedRung

State = Literal["finished", "failed", "running"]
Curves = Mapping[str, tuple[tuple[int, float], ...]]

# Name in a tracker -> field of an epoch.
CURVES = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "validation/loss": "val_loss",
    "validation/accuracy": "val_accuracy",
    "learning_rate": "learning_rate",
    "seconds/train": "train_seconds",
    "seconds/validation": "val_seconds",
}
# Of these the aggregate has means and intervals.
AVERAGED = ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy")
_LEVEL = 0.95
# What the report is called among the rungs; no name of a rung has brackets.
REPORT = "(report)"


@dataclass(frozen=True)
class LoggedRun:
    """A run in a tracker.

    Attributes:
        id: the same whenever the study is logged, and no other run's.
        group: name of the rung or ensemble that it belongs to.
        name: for people.
        seed: None for the aggregate of a rung.
        parameters: the recipe, field by field; a list is written as text.
        changes: in words, against the rung that it stands on.
        curves: name -> (epoch, value); losses in nats, accuracies as fractions, times in seconds.
        seconds: of training until the end of each epoch; empty for an aggregate.
        summary: name -> value.
        tags: name -> text.
        state: how far it is.
    """

    id: str
    group: str
    name: str
    seed: int | None
    parameters: Mapping[str, str | int | float | bool]
    changes: str
    curves: Curves
    summary: Mapping[str, float]
    tags: Mapping[str, str]
    state: State = "finished"
    seconds: tuple[float, ...] = ()

    @property
    def content(self) -> str:
        """A hash of everything that is logged: equal for equal runs alone."""
        plain = [
            *(self.id, self.group, self.name, self.seed, self.parameters, self.changes),
            *(self.curves, self.summary, self.tags, self.state, self.seconds),
        ]
        text = json.dumps(plain, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class LoggedStudy:
    """A study at one budget, for a tracker.

    Attributes:
        project: by which trackers keep it apart from others.
        title: for people.
        runs: each rung's aggregate, followed by its seeds.
        text: the report in Markdown.
        finished: whether all that was planned is trained.
    """

    project: str
    budget: str
    title: str
    runs: tuple[LoggedRun, ...]
    text: str = field(repr=False)
    finished: bool

    @property
    def text_id(self) -> str:
        """As a run's id, of the report: no rung is called so."""
        return f"{self.project}/{self.budget}/{REPORT}"

    @property
    def text_content(self) -> str:
        """A hash of the report."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def logged(plan: Plan, data: ReportData, store: Store, text: str) -> LoggedStudy:
    """A study as trackers have it; figures on test only where the report shows them.

    Args:
        plan: with every run that is wanted or finished.
        data: its report.
        store: where its runs are.
        text: the report in Markdown.
    """
    runs: list[LoggedRun] = []
    for item in plan.rungs:
        report = data.rung(item.rung.name)
        seeds = [
            _run(item, spec, report, data, store)
            for spec in item.runs
            if store.is_finished(spec.key) or store.epochs_done(spec.key)
        ]
        if report is not None and seeds:
            runs += [_aggregate(report, item.rung.recipe, data, seeds), *seeds]
    runs += [_ensemble(item, data) for item in data.ensembles if item.seeds]
    finished = all(store.is_finished(spec.key) for spec in plan.runs)
    return LoggedStudy(plan.study.name, plan.budget, plan.study.title, tuple(runs), text, finished)


def _run(
    item: PlannedRung, spec: RunSpec, report: RungReport | None, data: ReportData, store: Store
) -> LoggedRun:
    rung = item.rung
    summary: dict[str, float] = {}
    tags = {**_tags(data, rung.name, rung.title, rung.after), "rungs.key": spec.key}
    state: State = "running"
    if store.is_finished(spec.key):
        result = store.result(spec.key)
        history: Sequence[Epoch] = result.history
        state = "finished" if result.failed is None else "failed"
        tags |= _execution(result)
        if result.failed is not None:
            tags["rungs.failed"] = result.failed
        elif report is not None:
            summary = {
                **_chosen(result, report),
                **_tested(report, spec, item, data),
            }
    else:
        history = read_epochs(store.work_folder(spec.key))
    noted = read_notes(store.root, spec.key)
    if noted.tags:
        tags["rungs.tags"] = ", ".join(noted.tags)
    if noted.notes:
        tags["rungs.notes"] = "; ".join(note.text for note in noted.notes)
    fold = (item.runs.index(spec) % item.folds) if item.folds > 1 else None
    suffix = "" if fold is None else f", fold {fold}"
    return LoggedRun(
        id=f"{data.study.name}/{data.budget}/{rung.name}/{spec.key}",
        group=rung.name,
        name=f"{rung.name}, seed {spec.seed}{suffix}",
        seed=spec.seed,
        parameters={**_parameters(rung.recipe), "epochs": spec.epochs, "seed": spec.seed},
        changes=", ".join(report.changes) if report is not None else "",
        curves={name: points for name, of in CURVES.items() if (points := _curve(history, of))},
        summary=summary,
        tags={**tags, "rungs.seed": str(spec.seed)},
        state=state,
        seconds=elapsed(history),
    )


def _execution(result: Result) -> dict[str, str]:
    """On what it was trained; of a run that was recorded as it was told."""
    elsewhere = result.spec.recorded
    record = result.execution["recorded"] if elsewhere else result.execution
    tags = {f"rungs.execution.{name}": str(value) for name, value in record.items()}
    return {**tags, "rungs.recorded": "yes"} if elsewhere else tags


def _curve(history: Sequence[Epoch], field: str) -> tuple[tuple[int, float], ...]:
    """Epochs with their values; without those of a run that was recorded that nobody told."""
    values = ((one.epoch, float(getattr(one, field))) for one in history)
    return tuple((epoch, value) for epoch, value in values if not math.isnan(value))


def _chosen(result: Result, report: RungReport) -> dict[str, float]:
    """The epoch that is tested, and what it reached on validation, as far as that is known."""
    if not result.spec.recorded:
        best = result.history[result.best_epoch - 1]
        return {
            "best/epoch": result.best_epoch,
            "best/validation/loss": best.val_loss,
            "best/validation/accuracy": best.val_accuracy,
        }
    place = report.seeds.index(result.spec.seed)
    of = {"best/validation/loss": report.val_loss, "best/validation/accuracy": report.val_accuracy}
    found = {name: one.values[place] for name, one in of.items() if len(one.values) > place}
    return found | ({"best/epoch": result.best_epoch} if result.best_epoch else {})


def _tested(
    report: RungReport, spec: RunSpec, item: PlannedRung, data: ReportData
) -> dict[str, float]:
    """What a seed reached on test; nothing where that is sealed, or with folds not one run's."""
    if data.part != "test" or item.folds > 1 or spec.seed not in report.seeds:
        return {}
    place = report.seeds.index(spec.seed)
    of = {"test/accuracy": report.test_accuracy, "test/top5_accuracy": report.top5}
    return {name: one.values[place] for name, one in of.items() if len(one.values) > place}


def _aggregate(
    report: RungReport, recipe: Recipe, data: ReportData, seeds: Sequence[LoggedRun]
) -> LoggedRun:
    """A rung over its seeds: means, intervals, and the verdict on its change."""
    whole = [one for one in seeds if one.state == "finished"]
    summary = {
        "seeds": float(len(report.seeds)),
        **_figures("best/validation/accuracy", report.val_accuracy),
        **_figures("best/validation/loss", report.val_loss),
        **(_figures("test/accuracy", report.test_accuracy) if data.part == "test" else {}),
    }
    parameters = report.cost[0]
    if parameters is not None:
        summary["parameters"] = float(parameters)
    tags = _tags(data, report.name, report.title, report.after)
    effect = data.effect(report)
    if effect is not None:
        on = data.effects_on if data.study.folds is None else "folds"
        summary |= _effect(effect, on)
        tags |= {"rungs.against": effect.against, "rungs.effect_on": on}
        if data.has_words:
            tags["rungs.verdict"] = effect.outcome
        if effect.caveats:
            tags["rungs.caveats"] = "; ".join(effect.caveats)
    return LoggedRun(
        id=f"{data.study.name}/{data.budget}/{report.name}",
        group=report.name,
        name=report.name,
        seed=None,
        parameters={**_parameters(recipe), "epochs": report.epochs},
        changes=", ".join(report.changes),
        curves=_averaged(whole),
        summary=summary,
        tags=tags,
        state="finished" if len(report.seeds) >= report.planned_seeds else "running",
    )


def _ensemble(item: EnsembleReport, data: ReportData) -> LoggedRun:
    """Models that answer together, over the seeds: no curves, since it is not trained itself."""
    part = data.part
    growing = item.growing_test if part == "test" else item.growing_val
    summary = {"models": float(item.members), "seeds": float(len(item.seeds))}
    if growing:
        summary |= _figures(f"{part}/accuracy", growing[-1])
    gain = item.gain if part == "test" else item.gain_val
    if gain is not None:
        summary[f"gain/{part}/delta"] = gain
    if part == "test" and item.gain_interval is not None:
        summary |= dict(zip(("gain/test/low", "gain/test/high"), item.gain_interval, strict=True))
    return LoggedRun(
        id=f"{data.study.name}/{data.budget}/{item.name}",
        group=item.name,
        name=item.name,
        seed=None,
        parameters={"of": item.rung, "models": item.members, "epochs": item.epochs},
        changes="",
        curves={},
        summary=summary,
        tags=_tags(data, item.name, item.name, item.rung),
        state="finished" if len(item.seeds) >= item.planned_seeds else "running",
    )


def _averaged(seeds: Sequence[LoggedRun]) -> Curves:
    """Means over finished seeds, and from two on their 95 % intervals by Student's t."""
    from scipy.special import stdtrit

    curves: dict[str, tuple[tuple[int, float], ...]] = {}
    for name in AVERAGED if seeds else ():
        epochs: dict[int, list[float]] = {}
        for one in seeds:
            for epoch, value in one.curves.get(name, ()):
                epochs.setdefault(epoch, []).append(value)
        spreads = {epoch: Spread(tuple(values)) for epoch, values in sorted(epochs.items())}
        means = tuple((epoch, of.mean) for epoch, of in spreads.items() if of.mean is not None)
        if means:
            curves[f"{name}/mean"] = means
        for side, sign in (("low", -1), ("high", 1)):
            ends = []
            for epoch, of in spreads.items():
                if of.mean is not None and of.deviation is not None:
                    n = len(of.values)
                    wide = float(stdtrit(n - 1, (1 + _LEVEL) / 2)) * of.deviation / n**0.5
                    ends.append((epoch, of.mean + sign * wide))
            if ends:
                curves[f"{name}/{side}"] = tuple(ends)
    return curves


def _figures(name: str, spread: Spread) -> dict[str, float]:
    of = {"mean": spread.mean, "sd": spread.deviation}
    return {f"{name}/{what}": value for what, value in of.items() if value is not None}


def _effect(effect: Verdict, on: str) -> dict[str, float]:
    """The difference to the rung below, a fraction, with its interval and p as they decide."""
    of = {"delta": effect.delta, "low": effect.low, "high": effect.high, "p": effect.p_adjusted}
    return {f"effect/{on}/{what}": float(v) for what, v in of.items() if v is not None}


def _tags(data: ReportData, name: str, title: str, after: str | None) -> dict[str, str]:
    return {
        "rungs.study": data.study.name,
        "rungs.budget": data.budget,
        "rungs.rung": name,
        "rungs.title": title,
        "rungs.after": after or "",
    }


def _parameters(recipe: Recipe) -> dict[str, str | int | float | bool]:
    if is_recorded(recipe):  # of the rest nothing is known
        return {"network.kind": recipe.network.kind}
    return {place: _parameter(value) for place, value in leaves(recipe_to_dict(recipe))}


def _parameter(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)
