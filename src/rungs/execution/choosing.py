"""How this machine trains a plan soonest: by short measurements, which the index remembers.

Chosen once per machine, so that all seeds of a rung compute alike: layout and kernels for whatever
is as quick, and, on a GPU, graphs for each recipe. Chosen for the plan: one run over all cores, or
several side by side with fewer each; on a GPU, one run or several.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil

from rungs.execution.gpus import gpus
from rungs.execution.graph_trial import GraphTrials
from rungs.execution.probe import side_by_side
from rungs.foundation.environment import available_cores, multiplies_bfloat16
from rungs.foundation.errors import RecipeError, StoreError
from rungs.recipe import recipe_key
from rungs.recipe.own_modules import not_ours
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.costs import Cost
from rungs.study.estimate import Machine, Rates, identity, rates, seconds_left, share_cores
from rungs.study.jobs import Job, jobs
from rungs.study.plan import Plan
from rungs.training import memory
from rungs.training.record import (
    ExecutionRecord,
    Setting,
    candidates,
    processor_name,
    resolve_device,
)
from rungs.training.throughput import ceiling, measure, quickest, usable, with_real_batches

# Seconds of work from which on it is measured how many runs side by side are best.
_WORTH_MEASURING = 600.0
# Processes that share a GPU: more would find it busy.
_MOST_ON_GPU = 8
# Of a GPU's free memory: the rest is for the data, evaluation and whoever else computes there.
_MOST_OF_FREE = 0.6

Costs = Mapping[str, Cost]


def choose_machine(
    plan: Plan,
    store: Store,
    costs: Costs,
    *,
    device: str,
    workers: int | None,
    say: Callable[[str], None] = lambda _: None,
) -> Machine:
    """What a plan's missing runs are done with here.

    Args:
        plan: what is wanted.
        store: its index remembers what is measured.
        costs: of the plan's rungs, see `rungs.study.costs.costs`.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: processes side by side; None to choose.
        say: receives a line before a measurement that takes long.

    Raises:
        RungsError: no such device.
    """
    device = resolve_device(device)
    todo = jobs(plan, store)
    there = max(1, len(gpus(device)))
    shared, threads = share_cores(device, len(todo), workers, there)
    usual = Machine(device, processor_name(device), shared, threads, min(there, shared))
    if not todo:
        return usual
    # The dearest network stands for all: where it is quick, the study is.
    dearest = max(todo, key=lambda job: job.spec.epochs * _flops(job, plan, costs)).spec
    with GraphTrials(plan.study.modules, warn=say) as trials:
        _settle(plan, store, usual, dearest, trials, say)
    at = [(job.spec, float(store.epochs_done(job.spec.key))) for job in todo]
    seconds = seconds_left(at, rates(plan, store, usual, costs), usual.workers)
    choices = _choices(usual, len(todo))
    if workers is not None or len(choices) < 2 or (seconds or 0.0) < _WORTH_MEASURING:
        return usual
    flops = rates(plan, store, usual, costs).flops
    expected = {
        machine: seconds_left(at, Rates(rate, flops), machine.workers)
        for machine, rate in _probed(dearest, plan, store, choices, say).items()
    }
    known = {machine: seconds for machine, seconds in expected.items() if seconds is not None}
    return min(known, key=lambda machine: known[machine], default=usual)


def _choices(usual: Machine, runs: int) -> tuple[Machine, ...]:
    """One run over all cores, then twice as many each time, up to one for each core or run.

    On GPUs one for each of them, then as many more.
    """
    cores = available_cores()
    most = min(cores, runs, _MOST_ON_GPU * usual.gpus if usual.device == "cuda" else runs)
    least = min(usual.gpus, most)
    counts = {least, most}
    counts |= {count for power in range(most.bit_length()) if (count := least * 2**power) <= most}
    return tuple(
        replace(usual, workers=count, threads=max(1, cores // count)) for count in sorted(counts)
    )


def _probed(
    spec: RunSpec,
    plan: Plan,
    store: Store,
    choices: Sequence[Machine],
    say: Callable[[str], None],
) -> dict[Machine, dict[str, float]]:
    """Images per second of one of the runs side by side, for each choice that could be measured."""
    network = identity(spec.recipe, spec.data)
    found = {}
    taken = 0  # bytes of its GPU that one process was seen to take
    for machine in choices:
        name = json.dumps([machine.name, network])
        rate = store.index.note("side by side", name)
        if rate is None:
            sharing = ceil(machine.workers / machine.gpus)
            if taken and sharing * taken > _MOST_OF_FREE * memory.free(machine.device):
                break
            say(f"measuring how fast {machine} train")
            modules = plan.study.modules
            with GraphTrials(modules, warn=say) as trials:
                record = _settle(plan, store, machine, spec, trials)
            together = side_by_side(spec, record, machine.workers, modules, warn=say)
            rate = together.rate if together else 0.0
            taken = together.device_bytes if together else taken
            store.index.keep_note("side by side", name, rate)
        if rate:
            found[machine] = {network: float(rate)}
    return found


def choose_settings(
    plan: Plan,
    store: Store,
    todo: Sequence[Job],
    machine: Machine,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Setting]:
    """How each of a plan's jobs is to compute, by its run's key.

    Args:
        plan: what is wanted.
        store: its index remembers what is measured.
        todo: jobs of the plan.
        machine: what they are done with.
        say: receives a line before a measurement that takes long.
    """
    settled: dict[
        tuple[str, str], Setting
    ] = {}  # once for all seeds: a user's network is tried for it
    found = {}
    with GraphTrials(plan.study.modules, warn=say) as trials:
        for spec in (job.spec for job in todo):
            alike = (_by_speed(spec), _by_recipe(spec) if machine.device == "cuda" else "")
            if alike not in settled:
                record = _settle(plan, store, machine, spec, trials, say)
                settled[alike] = Setting(record, _ceiling(store, machine, spec))
            found[spec.key] = settled[alike]
    return found


def _settle(
    plan: Plan,
    store: Store,
    machine: Machine,
    spec: RunSpec,
    trials: GraphTrials,
    say: Callable[[str], None] = lambda _: None,
) -> ExecutionRecord:
    """The record of a run on this machine: that of before, or the quickest.

    Layout and kernels are a matter of speed, and those of whatever is as quick. Whether graphs
    compute the same is asked of each recipe by itself: they freeze what is decided in Python.
    """
    every = candidates(machine.device, machine.threads)
    try:
        shape, classes = spec.data.image_shape, spec.data.classes
        possible = usable(spec.recipe, shape, classes, every, spec.teacher_recipe)
    except RecipeError:  # the run itself will say so; the others are done all the same
        return every[0]
    layout = _layout(plan, store, machine, spec, possible)
    if machine.device != "cuda":
        # Where memory does not suffice, the run itself will say so, and the others are done.
        return layout or possible[0]
    before = _trained_with(plan, store, spec, possible, _by_recipe)
    if layout is None:
        return before or possible[0]
    name = json.dumps(
        [_by_recipe(spec), spec.data.image_shape, spec.data.classes, layout.to_dict()]
    )
    graphs = store.index.note("graphs", name)
    if graphs is None and before is not None and replace(before, graphs="no") == layout:
        graphs = before.graphs
    elif graphs is None:
        rungs = (rung.name for rung in plan.study.rungs if rung.recipe == spec.recipe)
        say(f"trying CUDA graphs for {next(rungs, 'a network')}")
        graphs = trials.with_graphs_if_quicker(spec, layout).graphs
    store.index.keep_note("graphs", name, graphs)
    return replace(layout, graphs=str(graphs))


def _layout(
    plan: Plan,
    store: Store,
    machine: Machine,
    spec: RunSpec,
    possible: Sequence[ExecutionRecord],
) -> ExecutionRecord | None:
    """The record, without graphs, of all that is as quick; None if memory lets none be measured."""
    network = _by_speed(spec)
    name = json.dumps([network, possible[0].to_dict()])
    kept = store.index.note("record", name)
    if kept is not None:
        return ExecutionRecord(**kept)
    before = _trained_with(plan, store, spec, possible, _by_speed)
    speeds: list[float] | None
    try:
        speeds = measure(spec.recipe, spec.data, possible, spec.teacher_recipe)
    except Exception as error:
        if not memory.ran_out(error) and not_ours(error) is None:
            raise
        speeds = None
    memory.give_back(machine.device)  # to the processes that train
    if speeds is None:
        return None if before is None else replace(before, graphs="no")
    record = replace(before, graphs="no") if before else quickest(possible, speeds)
    store.index.keep_note("record", name, record.to_dict())
    if network not in store.index.rates(machine.name):
        store.index.keep_rate(network, machine.name, speeds[possible.index(record)])
    return record


def _by_speed(spec: RunSpec) -> str:
    """What runs have in common that are as quick."""
    return identity(spec.recipe, spec.data)


def _by_recipe(spec: RunSpec) -> str:
    """What runs have in common that compute the same, the user's modules in them included."""
    return recipe_key(with_real_batches(spec.recipe, spec.data))


def _trained_with(
    plan: Plan,
    store: Store,
    spec: RunSpec,
    possible: Sequence[ExecutionRecord],
    alike: Callable[[RunSpec], str],
) -> ExecutionRecord | None:
    """The record of a finished run that is alike, if it is one of those possible here.

    So an index that was lost does not make the next seed compute differently.
    """
    wanted = alike(spec)
    for other in plan.runs:
        if alike(other) == wanted and store.is_finished(other.key):
            try:
                execution = store.result(other.key).execution
            except StoreError:  # said where that run is asked for
                continue
            for record in possible:
                graphs = execution.get("graphs", "no") if record.device == "cuda" else "no"
                with_these = replace(record, graphs=str(graphs))
                # Older runs did not note their instructions.
                noted = {"instructions": record.instructions, **execution}
                if with_these.to_dict() in (execution, noted):
                    return with_these
    return None


def _ceiling(store: Store, machine: Machine, spec: RunSpec) -> float | None:
    precision = spec.recipe.precision
    if precision == "bfloat16" and machine.device == "cpu" and not multiplies_bfloat16():
        return None  # without the instructions, its products alone would take minutes
    name = json.dumps([machine.device, machine.processor, machine.threads, precision])
    found = store.index.note("ceiling", name)
    if found is None:
        found = ceiling(candidates(machine.device, machine.threads)[0], precision)
        memory.give_back(machine.device)
        store.index.keep_note("ceiling", name, found)
    return float(found)


def _flops(job: Job, plan: Plan, costs: Costs) -> int:
    """Of one image through a job's network; 0 where none are known."""
    return next(
        (
            costs[rung.name][2] or 0
            for rung in plan.study.rungs
            if rung.recipe.network == job.spec.recipe.network
        ),
        0,
    )
