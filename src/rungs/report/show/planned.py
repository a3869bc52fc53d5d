"""What a study would train, and how far it is, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rungs.report.figures.reach import Reaches
from rungs.report.figures.rounds import SeedRounds
from rungs.report.figures.runs import Ended, RunState
from rungs.report.show.section import Section, count, megaflops
from rungs.report.show.tables.reach import reach_section
from rungs.report.show.tables.rounds import rounds_section
from rungs.report.show.text import to_text
from rungs.study import Ensemble, value_at
from rungs.study.costs import Cost
from rungs.study.estimate import TimeLeft
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung

_NUMBERS = ("parameters", "trainable", "MFLOPs/image", "epochs", "seeds", "finished")


def planned(
    plan: Plan,
    ended: Mapping[str, Ended],
    costs: Mapping[str, Cost],
    *,
    width: int,
    rounds: SeedRounds | None = None,
    reach: Reaches | None = None,
) -> str:
    """Per rung: what changes, what it costs, how long it trains, and what is finished.

    Args:
        plan: what is wanted.
        ended: the runs of each of its rungs and ensembles that are over.
        costs: of its rungs, see `rungs.study.costs.costs`.
        width: columns.
        rounds: how far it is with seeds that go where they decide; None for other plans.
        reach: what its seeds can show; None to go without.
    """
    return to_text(planned_sections(plan, ended, costs, rounds, reach), width=width)


def planned_sections(
    plan: Plan,
    ended: Mapping[str, Ended],
    costs: Mapping[str, Cost],
    rounds: SeedRounds | None = None,
    reach: Reaches | None = None,
) -> tuple[Section, ...]:
    """The tables of `planned`."""
    rows = []
    for item in plan.rungs:
        rung = item.rung
        changes = "the base recipe"
        if rung.recorded:
            changes = "; ".join(rung.changes)
        elif rung.after:
            changes = "; ".join(map(str, rung.difference))
        if rung.after:
            changes = f"after {rung.after}: {changes}"
        state = "kept" if rung.kept else "tried"
        rows.append(
            (rung.name, state, changes, *_numbers(item, ended[rung.name], costs[rung.name]))
        )
    for pooled in plan.ensembles:
        name, rung_name = pooled.ensemble.name, pooled.ensemble.rung
        what = _members(pooled.ensemble)
        rows.append((name, "ensemble", what, *_numbers(pooled, ended[name], costs[rung_name])))
    table = Section(
        f"{plan.study.title}: budget {plan.budget}",
        ("rung", "", "what changes", *_NUMBERS),
        frozenset(_NUMBERS),
        tuple(rows),
        (
            "Parameters by Keras's count (BatchNorm's moving statistics included);",
            "FLOPs of one image's forward pass, 2 per multiply-add.",
            *_folds(plan),
            *plan.left_out,
            *_assumptions(plan),
        ),
    )
    shown = (table, *_rounds(rounds), reach_section(reach))
    return tuple(item for item in shown if item.rows or item.lines)


def _rounds(found: SeedRounds | None) -> tuple[Section, ...]:
    return () if found is None else (rounds_section(found),)


def planned_json(
    plan: Plan,
    ended: Mapping[str, Ended],
    costs: Mapping[str, Cost],
    left: TimeLeft | None,
    rounds: SeedRounds | None = None,
    reach: Reaches | None = None,
) -> dict[str, Any]:
    """What `planned` shows, in plain JSON types, with the full values of what changes.

    Args:
        plan: what is wanted.
        ended: the runs of each rung and ensemble that are over.
        costs: of the plan's rungs, see `rungs.study.costs.costs`.
        left: what it still takes, and where; None if that is not known.
        rounds: how far it is with seeds that go where they decide; None for other plans.
        reach: what its seeds can show; None where nothing was ever trained.
    """
    rungs = [
        {
            "name": item.rung.name,
            "after": item.rung.after,
            "kept": item.rung.kept,
            "changes": [asdict(change) for change in item.rung.difference],
            "teacher": item.rung.teacher,
            **_counts(item, ended[item.rung.name], costs[item.rung.name]),
        }
        for item in plan.rungs
    ]
    ensembles = [
        {
            "name": item.ensemble.name,
            "kind": item.ensemble.kind,
            "rung": item.ensemble.rung,
            "members": item.ensemble.members,
            **_counts(item, ended[item.ensemble.name], costs[item.ensemble.rung]),
        }
        for item in plan.ensembles
    ]
    return {
        "study": plan.study.name,
        "overrides": {item.key: item.value for item in plan.study.overrides},
        "budget": plan.budget,
        "seeds": plan.seeds,
        "rounds": None if rounds is None else rounds.to_dict(),
        "reach": None if reach is None else reach.to_dict(),
        "rungs": rungs,
        "ensembles": ensembles,
        "left_out": list(plan.left_out),
        "seconds_left": None if left is None else left.seconds,
        "seconds_left_are_rough": None if left is None else left.rough,
        "machine": None if left is None else asdict(left.machine),
    }


def _counts(item: PlannedRung | PlannedEnsemble, ended: Ended, cost: Cost) -> dict[str, object]:
    """The numbers of `planned_json` that rungs and ensembles share."""
    parameters, trainable, flops = cost
    return {
        "parameters": parameters,
        "trainable_parameters": trainable,
        "flops": flops,
        "epochs": item.epochs,
        "runs": [run.key for run in item.runs],
        "finished": list(ended.finished),
        "failed": list(ended.failed),
    }


def _numbers(item: PlannedRung | PlannedEnsemble, ended: Ended, cost: Cost) -> tuple[str, ...]:
    """The cells under `_NUMBERS`."""
    parameters, trainable, flops = cost
    return (
        count(parameters),
        count(trainable),
        megaflops(flops),
        str(item.epochs),
        str(len(item.groups)),
        _finished(ended, len(item.runs)),
    )


def _members(ensemble: Ensemble) -> str:
    count, rung = ensemble.members, ensemble.rung
    match ensemble.kind:
        case "snapshots":
            return f"{count} snapshots of {rung}, one run"
        case "no_cycle":
            return f"{count} snapshots of {rung} without cycles, one run"
        case "seeds":
            return f"{count} seeds of {rung}, {count} runs"


def _folds(plan: Plan) -> list[str]:
    folds, images = plan.study.folds, plan.study.judged_images
    if folds is None:
        return []
    return [
        f"Each seed is {folds} runs: one a fold of the {images:,} images outside the test part, "
        "which judge."
    ]


def _assumptions(plan: Plan) -> list[str]:
    lines = ["", "Assumptions:"] if plan.study.assumptions else []
    for item in plan.study.assumptions:
        rung = item.rung or plan.study.base
        value = value_at(plan.study.rung(rung).recipe, item.field)
        lines.append(f"  {rung}: {item.field} = {value}. {item.text}")
    return lines


def _finished(ended: Ended, runs: int) -> str:
    said = f"{len(ended.finished)} of {runs}"
    return f"{said}, {len(ended.failed)} failed" if ended.failed else said


def progress(
    plan: Plan, runs: Sequence[RunState], *, width: int, rounds: SeedRounds | None = None
) -> str:
    """Per run of a plan: finished, failed, or the epochs that are done; and its rounds of seeds."""
    rows = [
        (
            f"{run.name}, {run.seed_name}",
            run.key,
            _state(run),
            f"{run.epochs_done} of {run.epochs}",
        )
        for run in runs
    ]
    title = f"{plan.study.title}: budget {plan.budget}"
    columns = ("run", "key", "state", "epochs")
    table = Section(title, columns, frozenset(("epochs",)), tuple(rows))
    return to_text((table, *_rounds(rounds)), width=width)


def _state(run: RunState) -> str:
    state = f"failed: {run.reason}" if run.state == "failed" else run.state
    return f"{state}, {run.origin}" if run.origin else state
