"""How fast a machine is on which nothing was trained yet: a network's gradients of noise, once."""

from collections.abc import Mapping

from rungs.foundation.errors import RungsError
from rungs.recipe import replace
from rungs.recipe.own_modules import not_ours
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.costs import PASSES, Cost
from rungs.study.estimate import (
    Machine,
    Rates,
    TimeLeft,
    identity,
    keep_speeds,
    share_cores,
    unfinished,
    whole_time_left,
)
from rungs.study.plan import Plan

# FLOPs of one look's step, forward and back: about a second of a slow core.
_STEP_FLOPS = 20e9
# And of the smallest step that is still tried, for networks on large pictures.
_MOST_STEP_FLOPS = 200e9
_LEAST_BATCH = 2  # images: batch normalisation takes no fewer


def time_left_or_looked_at(
    plan: Plan, store: Store | None, costs: Mapping[str, Cost]
) -> TimeLeft | None:
    """How long a plan still takes; where nothing tells, this machine is tried for some seconds.

    What is found is kept for all plans (`rungs.study.estimate.keep_speeds`), so that no other one
    waits for it, or imports torch.

    Args:
        plan: what is wanted.
        store: where its runs are; None if there is none yet.
        costs: of its rungs, see `rungs.study.costs.costs`.

    Returns:
        None if nothing is left, or if no network could be tried: it fails, nobody knows its FLOPs,
        or it is too large for a moment.
    """
    left = whole_time_left(plan, store, costs)
    if left is not None or not unfinished(plan, store):
        return left
    flops = {item.rung.name: costs[item.rung.name][2] for item in plan.rungs}
    tried = min(
        (item for item in plan.rungs if flops[item.rung.name]),
        key=lambda item: flops[item.rung.name] or 0,
        default=None,
    )
    if tried is None:
        return None
    spec, each = tried.runs[0], PASSES * (flops[tried.rung.name] or 0)
    if _LEAST_BATCH * each > _MOST_STEP_FLOPS:
        return None
    batch = max(_LEAST_BATCH, min(spec.recipe.batch_size, int(_STEP_FLOPS / each)))
    found = _look(spec, batch, len(unfinished(plan, store)))
    if found is None:
        return None
    machine, rate = found
    name = identity(spec.recipe, spec.data)
    keep_speeds(machine, Rates({name: rate}, {name: flops[tried.rung.name]}))
    return whole_time_left(plan, store, costs)


def _look(spec: RunSpec, batch: int, runs: int) -> tuple[Machine, float] | None:
    """Images per second of one of the workers that a plan of so many runs would have."""
    from rungs.training import memory  # torch: only where nothing is known
    from rungs.training.record import choose_record, processor_name, resolve_device
    from rungs.training.throughput import measure

    device = resolve_device("auto")
    workers, threads = share_cores(device, runs, None)
    machine = Machine(device, processor_name(device), workers, threads)
    recipe = replace(spec.recipe, batch_size=batch)
    try:
        (rate,) = measure(recipe, spec.data, [choose_record(device, threads)])
    except Exception as error:  # training will say what is wrong with it
        if not (isinstance(error, RungsError) or memory.ran_out(error) or not_ours(error)):
            raise
        return None
    return machine, rate
