"""What a study would train, and how far it is, as text."""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from rungs.costs import Cost
from rungs.plan import Plan, PlannedEnsemble, PlannedRung
from rungs.report.runs import run_name, run_states
from rungs.results import RunSpec
from rungs.store import Store
from rungs.study import value_at


def show(tables: Sequence[Table | str], width: int) -> str:
    """Tables and lines as plain text of at most ``width`` columns."""
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, markup=False)
    for table in tables:
        console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def planned(plan: Plan, store: Store | None, costs: Mapping[str, Cost], *, width: int) -> str:
    """Per rung: what changes, what it costs, how long it trains, and what is finished."""
    table = Table(box=SIMPLE_HEAD, title=f"{plan.study.title}: budget {plan.budget}")
    for column in ("rung", "", "what changes"):
        table.add_column(column, overflow="fold")
    for column in ("parameters", "trainable", "MFLOPs/image", "epochs", "seeds", "finished"):
        table.add_column(column, justify="right")
    for item in plan.rungs:
        rung = item.rung
        parameters, trainable, flops = costs[rung.name]
        table.add_row(
            rung.name,
            "kept" if rung.kept else "tried",
            f"after {rung.after}: " + "; ".join(str(change) for change in rung.difference)
            if rung.after
            else "the base recipe",
            f"{parameters:,}",
            f"{trainable:,}",
            f"{flops / 1e6:.1f}",
            str(item.epochs),
            str(plan.seeds),
            _finished(item, store),
        )
    for ensemble in plan.ensembles:
        parameters, trainable, flops = costs[ensemble.ensemble.rung]
        table.add_row(
            ensemble.ensemble.name,
            "ensemble",
            f"{ensemble.ensemble.cycles} snapshots of {ensemble.ensemble.rung}, one run",
            f"{parameters:,}",
            f"{trainable:,}",
            f"{flops / 1e6:.1f}",
            str(ensemble.epochs),
            str(plan.seeds),
            _finished(ensemble, store),
        )
    lines: list[Table | str] = [table]
    lines.append("Parameters by Keras's count (BatchNorm's moving statistics included);")
    lines.append("FLOPs of one image's forward pass, 2 per multiply-add.")
    lines += plan.left_out
    lines += _assumptions(plan)
    return show(lines, width)


def _assumptions(plan: Plan) -> list[str]:
    lines = ["", "Assumptions:"] if plan.study.assumptions else []
    for item in plan.study.assumptions:
        rung = item.rung or plan.study.base
        value = value_at(plan.study.rung(rung).recipe, item.field)
        lines.append(f"  {rung}: {item.field} = {value}. {item.text}")
    return lines


def _finished(item: PlannedRung | PlannedEnsemble, store: Store | None) -> str:
    done = 0 if store is None else sum(store.is_finished(spec.key) for spec in item.runs)
    return f"{done} of {len(item.runs)}"


def progress(plan: Plan, store: Store | None, *, width: int) -> str:
    """Per run: finished, failed, or the epochs that are done."""
    table = Table(box=SIMPLE_HEAD, title=f"{plan.study.title}: budget {plan.budget}")
    for column in ("run", "key", "state"):
        table.add_column(column)
    table.add_column("epochs", justify="right")
    for run in run_states(plan, store):
        state = f"failed: {run.reason}" if run.state == "failed" else run.state
        state += f", {run.origin}" if run.origin else ""
        name = f"{run.name}, seed {run.seed}"
        table.add_row(name, run.key, state, f"{run.epochs_done} of {run.epochs}")
    return show([table], width)


def describe(kind: str, spec: RunSpec, values: Mapping[str, Any], plan: Plan) -> str:
    """One line for an event of a run."""
    name = run_name(spec, plan)
    match kind:
        case "start" if values["done"]:
            inexact = (
                "" if values["exact"] else ", not bit-exact: not all is as it was when it began"
            )
            return f"{name}: goes on after epoch {values['done']} of {spec.epochs}{inexact}"
        case "start":
            return f"{name}: begins, {spec.epochs} epochs"
        case "epoch":
            return (
                f"{name}: epoch {values['epoch']} of {spec.epochs}, "
                f"train loss {values['train_loss']:.3f}, val loss {values['val_loss']:.3f}, "
                f"val accuracy {100 * values['val_accuracy']:.1f} %, "
                f"{values['train_seconds'] + values['val_seconds']:.1f} s"
            )
        case "done" if values["read_off"]:
            return f"{name}: finished, as the first {spec.epochs} epochs of a longer run"
        case "done":
            return f"{name}: finished"
        case "lost":
            size = spec.recipe.batch_size
            hint = f"if memory was short, try batch_size = {max(1, size // 2)} instead of {size}"
            return f"{name}: not finished, {values['reason']}; {hint}"
        case _:
            raise ValueError(f"{kind} is no kind of event")
