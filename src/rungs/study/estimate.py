"""How long a plan still takes, from the rates at which this machine has trained before."""

import hashlib
import heapq
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from math import prod
from operator import attrgetter
from statistics import median

from rungs.data.spec import DataSpec
from rungs.foundation.environment import available_cores, processor
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import shown
from rungs.recipe import Recipe, speed_key
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.costs import PASSES, Cost, answering_flops
from rungs.study.jobs import in_order, jobs
from rungs.study.kept import keep, read_kept
from rungs.study.model import Rung
from rungs.study.plan import Plan

# Networks whose speeds are kept of each machine, the newest.
_MOST_KEPT = 100


@dataclass(frozen=True)
class Machine:
    """What a rate holds for: a device, its processor, and how its cores are shared out.

    Attributes:
        device: ``cpu`` or ``cuda``.
        processor: model name of the processor or GPU.
        workers: processes side by side.
        threads: of torch's operators, per worker.
        gpus: that the workers share out among them; 1 on a CPU too.
    """

    device: str
    processor: str
    workers: int
    threads: int
    gpus: int = 1

    @property
    def name(self) -> str:
        """What the index knows it by."""
        values = astuple(self)
        return json.dumps(values if self.gpus > 1 else values[:-1])

    @staticmethod
    def parse(name: str) -> "Machine":
        """The inverse of `name`."""
        return Machine(*json.loads(name))

    def __str__(self) -> str:
        threads = f" of {self.threads} thread{'s'[: self.threads > 1]}"
        several = f"{self.gpus} x " if self.gpus > 1 else ""
        return (
            f"{several}{self.processor}, {self.workers} worker{'s'[: self.workers > 1]}"
            f"{threads if self.device == 'cpu' else ''}"
        )


def share_cores(device: str, runs: int, workers: int | None, gpus: int = 1) -> tuple[int, int]:
    """Worker processes, and threads for each.

    On a CPU, several runs side by side on their own cores finish sooner than one after the other
    on all cores; a GPU has one worker unless it was measured that several are sooner.
    """
    cores = available_cores()
    if workers is None:
        workers = min(gpus if device == "cuda" else cores, max(1, runs))
    return workers, max(1, cores // workers)


def identity(recipe: Recipe, data: DataSpec) -> str:
    """The name of all that the speed of a training depends on, apart from the machine."""
    text = json.dumps([speed_key(recipe), data.image_shape, data.classes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Rates:
    """Images of full size per second in training, on one machine.

    Attributes:
        measured: by `identity`.
        flops: of one image's forward pass, by `identity`, as far as anybody asked; None where they
            cannot be counted.
    """

    measured: Mapping[str, float]
    flops: Mapping[str, int | None]

    def of(self, spec: RunSpec) -> float | None:
        """The measured rate, or one in proportion to the network's FLOPs; None if none is known."""
        name = identity(spec.recipe, spec.data)
        if name in self.measured:
            return self.measured[name]
        # What torch counts no FLOPs of, such as a user's own arithmetic, is in no proportion.
        known = [
            rate * flops
            for other, rate in self.measured.items()
            if (flops := self.flops.get(other))
        ]
        own = self.flops.get(name)
        return median(known) / own if known and own else None

    def seconds(self, spec: RunSpec, epochs: float) -> float | None:
        """What the last so many epochs of a run take; None if it cannot be said."""
        rate = self.of(spec)
        if rate is None:
            return None
        done = int(spec.epochs - epochs)
        work = [relative_work(spec, epoch) for epoch in range(done + 1, spec.epochs + 1)]
        begun = spec.epochs - epochs - done  # of the first of them
        whole = sum(work) - (begun * work[0] if work else 0.0)
        return whole * spec.data.sizes["train"] / rate


def relative_work(spec: RunSpec, epoch: int) -> float:
    """Of an epoch, from 1, against one of images of full size: about as their areas are."""
    _, *sides = spec.data.image_shape
    resolution = spec.recipe.resolution
    return prod(resolution.size(epoch, spec.epochs, side) / side for side in sides)


def rates(plan: Plan, store: Store, machine: Machine, costs: Mapping[str, Cost]) -> Rates:
    """What is known of the speed of a plan's runs."""
    study = plan.study
    flops = {identity(rung.recipe, study.data): _flops(rung, costs) for rung in study.rungs}
    return Rates(store.index.rates(machine.name), flops)


def _flops(rung: Rung, costs: Mapping[str, Cost]) -> int | None:
    """Of the forward pass of one image, a teacher's answers counted as a share of training's."""
    own, answers = costs[rung.name][2], answering_flops(rung, costs)
    return None if own is None or answers is None else own + answers // PASSES


def seconds_left(todo: Sequence[tuple[RunSpec, float]], known: Rates, workers: int) -> float | None:
    """How long runs take, each begun by the worker that is first free, as a study is conducted.

    Args:
        todo: runs, and how many epochs of each are done.
        known: the rates.
        workers: processes side by side.

    Returns:
        Seconds until the last is finished; None if a rate is not known.
    """
    left: list[_Left] = []
    for spec, done in todo:
        seconds = known.seconds(spec, spec.epochs - done)
        if seconds is None:
            return None
        run = spec.teacher_run
        left.append(_Left(spec.key, spec.seed, seconds, None if run is None else run.key))
    free = [0.0] * workers
    ended: dict[str, float] = {}
    waiting = [*in_order(left, attrgetter("seed"), attrgetter("seconds"))]
    not_begun = {run.key for run in waiting}
    while waiting:
        following = next(one for one in waiting if one.teacher not in not_begun)
        waiting.remove(following)
        not_begun.discard(following.key)
        begun = max(heapq.heappop(free), ended.get(following.teacher or "", 0.0))
        ended[following.key] = begun + following.seconds
        heapq.heappush(free, ended[following.key])
    return max(free)


@dataclass(frozen=True)
class _Left:
    """A run that is still to be done, and the key of the one that teaches it."""

    key: str
    seed: int
    seconds: float
    teacher: str | None


def time_left(plan: Plan, store: Store, costs: Mapping[str, Cost]) -> tuple[float, Machine] | None:
    """Seconds that a plan still takes, and the machine that trained last, on which it does.

    Returns:
        None if nothing is left, or no rate is known.
    """
    name = store.index.last_machine()
    todo = [(job.spec, float(store.epochs_done(job.spec.key))) for job in jobs(plan, store)]
    if name is None or not todo:
        return None
    machine = Machine.parse(name)
    seconds = seconds_left(todo, rates(plan, store, machine, costs), machine.workers)
    return None if seconds is None else (seconds, machine)


@dataclass(frozen=True)
class TimeLeft:
    """How long a plan still takes.

    Attributes:
        seconds: until its last run is finished.
        machine: on which it does.
        rough: whether it is in proportion to what this machine did elsewhere, be it noise for a
            moment. Networks differ by about two in the FLOPs per second that they are trained with
            (results/benchmarks/throughput.md), so that it may be half of it, or twice as long.
    """

    seconds: float
    machine: Machine
    rough: bool = False

    def __str__(self) -> str:
        if not self.rough:
            return f"Time left: about {duration(self.seconds)} on {self.machine}."
        if 2 * self.seconds < 1:
            return f"Time left: roughly a second of training or less on {self.machine}."
        low, high = duration(self.seconds / 2), duration(2 * self.seconds)
        return (
            f"Time left: roughly {low} to {high} on {self.machine}, from the networks' FLOPs and "
            "the speed of other networks on this machine; training measures it."
        )


def whole_time_left(plan: Plan, store: Store | None, costs: Mapping[str, Cost]) -> TimeLeft | None:
    """How long a plan still takes, by its store's own rates, or else by this machine's.

    Args:
        plan: what is wanted.
        store: where its runs are; None if there is none yet.
        costs: of its rungs, see `rungs.study.costs.costs`.

    Returns:
        None if nothing is left, or nothing is known.
    """
    left = None if store is None else time_left(plan, store, costs)
    if left is not None:
        return TimeLeft(*left)
    todo = [(spec, float(done)) for spec, done in unfinished(plan, store)]
    kept = _speeds_here()
    if not todo or not kept:
        return None
    name, speeds = list(kept.items())[-1]  # kept last
    machine = Machine.parse(name)
    known = {
        identity(rung.recipe, plan.study.data): costs[rung.name][2] for rung in plan.study.rungs
    }
    known.update({network: flops for network, (_, flops) in speeds.items()})
    measured = {network: rate for network, (rate, _) in speeds.items()}
    seconds = seconds_left(todo, Rates(measured, known), machine.workers)
    return None if seconds is None else TimeLeft(seconds, machine, rough=True)


def unfinished(plan: Plan, store: Store | None) -> tuple[tuple[RunSpec, int], ...]:
    """The trainings that a plan still takes, with the epochs of each that are done."""
    if store is None:
        return tuple((spec, 0) for spec in plan.runs)
    return tuple((job.spec, store.epochs_done(job.spec.key)) for job in jobs(plan, store))


def keep_speeds(machine: Machine, known: Rates) -> None:
    """Has this machine's speeds known to plans of every store, in the user's cache.

    Args:
        machine: that they were measured on.
        known: its rates; those of networks without FLOPs tell nothing of others.
    """
    found = {
        name: (rate, flops)
        for name, rate in known.measured.items()
        if (flops := known.flops.get(name))
    }
    if not found:
        return
    everywhere = read_kept("speeds")
    here = _speeds_here()
    speeds = {**here.pop(machine.name, {}), **found}
    here[machine.name] = dict(list(speeds.items())[-_MOST_KEPT:])
    keep("speeds", {**everywhere, _host(): here})


def _speeds_here() -> dict[str, dict[str, tuple[float, int]]]:
    """`Machine.name` -> `identity` -> rate and FLOPs, the newest last; none if that is damaged."""
    found: dict[str, dict[str, tuple[float, int]]] = {}
    try:
        for name, speeds in read_kept("speeds").get(_host(), {}).items():
            Machine.parse(name)
            found[name] = {
                network: (float(rate), int(flops)) for network, (rate, flops) in speeds.items()
            }
            if not all(min(pair) > 0 for pair in found[name].values()):
                raise ValueError(name)
    except (AttributeError, TypeError, ValueError):
        return {}
    return found


def _host() -> str:
    """This machine, which may share the user's folder with others."""
    return f"{processor()}, {available_cores()} cores"


def describe_left(plan: Plan, store: Store | None, costs: Mapping[str, Cost]) -> str | None:
    """How long a plan still takes, and where; None if nothing is left, or nothing is known."""
    left = whole_time_left(plan, store, costs)
    return None if left is None else str(left)


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``12 min`` or ``40 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def seconds_of(text: str) -> float:
    """The inverse, as it is typed: ``3h``, ``90m``, ``2h30m``, ``40s``.

    Raises:
        UsageError: the text is no such time, or no time at all.
    """
    parts = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text.strip())
    numbers = [int(part or 0) for part in parts.groups()] if parts else []
    if not any(numbers):
        raise UsageError(f"expected a time such as 3h, 90m or 2h30m, found {shown(text)}")
    hours, minutes, seconds = numbers
    return 3600.0 * hours + 60.0 * minutes + seconds
