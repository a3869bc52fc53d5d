"""What an engine promises, asked of one that is installed, with all that can happen to it.

Small runs on drawn images are done by it and by the engine of this machine; then its workers, its
nodes and the process that asks are killed at random moments. What is killed on a node is killed by
a module that travels with the order, so that a cluster is asked from wherever it is used.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.engine import (
    Cancelled,
    Engine,
    EpochEnded,
    Event,
    Faulty,
    Finished,
    LeftOut,
    Lost,
    Order,
    Refused,
    Resources,
    Site,
    Started,
)
from rungs.execution.engines import LOCAL, open_engine
from rungs.foundation.startup import child_environment
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.own_modules import Source
from rungs.store import Store, open_store
from rungs.store.results import Epoch, RunSpec
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from rungs.testing.recipes import Problems
from rungs.training.record import Setting, choose_record

_DATA = SyntheticSpec(classes=4, train=2_000, validation=200, test=200, size=16)
_RECIPE = Recipe(network=Convolutional(widths=(16,), head=PoolingHead()), batch_size=32)
_EPOCHS = 8
# Times that a run is asked for again after it was lost.
_MOST_ORDERS = 5

# A module that does away with its process at a moment, unless that is over when it is loaded.
_KILLER = """
import os, signal, threading, time
left = {moment!r} - time.time()
def end():
    for process in {whom}:
        os.kill(process, signal.SIGKILL)
if left > 0:
    timer = threading.Timer(left, end)
    timer.daemon = True
    timer.start()
"""
_WORKER, _NODE = "[os.getpid()]", "[os.getppid(), os.getpid()]"


@dataclass(frozen=True)
class Worse:
    """What the one who asks can do to nodes, beyond what a process on them can.

    Attributes:
        node: takes a node out of the cluster at once, and gives it another; None if that cannot be.
        unfit: what is wrong -> adds such a node while it lasts, and gives words of the sentence
            that must be told of it.
    """

    node: Callable[[], None] | None = None
    unfit: Mapping[str, Callable[[], AbstractContextManager[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """An engine, as it is asked for.

    Attributes:
        name: of the engine.
        address: of its cluster.
        workers: runs side by side.
    """

    name: str
    address: str | None
    workers: int

    def opened(self, store: Store) -> Engine:
        return open_engine(self.name, Site(store, self._machine, None, self.address))

    @property
    def _machine(self) -> Machine:
        return Machine("cpu", "nodes", self.workers, 1)


def check_engine(
    name: str,
    address: str | None = None,
    *,
    times: int = 2,
    workers: int = 2,
    worse: Worse | None = None,
    say: Callable[[str], None] = lambda _: None,
    seed: int = 0,
) -> Problems:
    """The promises that an engine breaks, a sentence each; nothing if it keeps all.

    Args:
        name: of the engine.
        address: of its cluster; None for its usual place.
        times: that workers, nodes and the process that asks are killed, each.
        workers: runs side by side.
        worse: what more can be done to its nodes.
        say: receives a line before each promise that is asked.
        seed: of the random moments.

    Raises:
        RungsError: there is no such engine, or its library or cluster is not there.
    """
    asked = _Asked(name, address, workers)
    with tempfile.TemporaryDirectory(prefix="rungs-check-") as folder:
        check = _Check(asked, Path(folder), random.Random(seed), say)
        return tuple(dict.fromkeys(check.problems(times, worse or Worse())))


@dataclass
class _Check:
    """One engine being asked.

    Attributes:
        asked: the engine.
        top: where stores lie.
        chance: gives the moments.
        say: receives lines.
        seconds: that its runs take undisturbed.
    """

    asked: _Asked
    top: Path
    chance: random.Random
    say: Callable[[str], None]
    seconds: float = 0.0

    @property
    def specs(self) -> tuple[RunSpec, ...]:
        return _specs(self.asked.workers)

    def store(self, what: str) -> Store:
        return open_store(self.top / re.sub("[^a-z0-9]+", "-", what))

    def problems(self, times: int, worse: Worse) -> Iterator[str]:
        self.say("the same weights as the engine of this machine")
        here = self.store("expected")
        _do(_Asked(LOCAL, None, 1), here, self.specs)
        began = time.monotonic()
        events = _do(self.asked, self.store("found"), self.specs)
        self.seconds = time.monotonic() - began
        yield from (event.reason for event in events if isinstance(event, Lost | LeftOut))
        yield from self._judged("found", events)
        self.say("a run that is cancelled")
        yield from _check_cancelling(self.asked, self.store("cancelled"))
        self.say("two that ask at once")
        yield from _check_two(self.asked, self.store("one"), self.store("other"), here)
        for number in range(1, times + 1):
            of = f"{number} of {times}"
            yield from self._killed(f"worker that is killed, {of}", _WORKER)
            if self.asked.name != LOCAL:  # there the parent of workers is this process
                yield from self._killed(f"node's program that is killed, {of}", _NODE)
            if worse.node is not None:
                yield from self._taken_away(f"node that is taken away, {of}", worse.node)
            yield from self._asking(f"process that asks and is killed, {of}")
        for what, made in worse.unfit.items():
            yield from self._unfit(f"node with {what}", made)

    def _killed(self, what: str, whom: str) -> Iterator[str]:
        moment = self._moment(what, 1.0)
        text = _KILLER.format(moment=time.time() + moment, whom=whom)
        events = _do(self.asked, self.store(what), self.specs, (Source("killing.py", text),))
        yield from self._judged(what, events)

    def _taken_away(self, what: str, take: Callable[[], None]) -> Iterator[str]:
        moment = self._moment(what, 1.0)
        events = _do(self.asked, self.store(what), self.specs, after=(moment, take))
        yield from self._judged(what, events)

    def _asking(self, what: str) -> Iterator[str]:
        store = self.store(what)
        before = _killed_asking(self.asked, store, self._moment(what, 1.5))
        yield from self._judged(what, [*before, *_do(self.asked, store, self.specs)])

    def _unfit(self, what: str, made: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
        self.say(f"a {what}")
        wider = replace(self.asked, workers=self.asked.workers + 1)
        with made() as words:
            events = _do(wider, self.store(what), _specs(wider.workers))
        told = [event.reason for event in events if isinstance(event, LeftOut)]
        if len(told) != 1 or words not in told[0]:
            yield f"of a {what} was told {told}, expected one sentence with: {words}"
        yield from self._judged(what, events)

    def _moment(self, what: str, most: float) -> float:
        """A random one, in seconds, within so many times what the runs take."""
        moment = self.chance.uniform(0, most * self.seconds)
        self.say(f"a {what}, after {moment:.1f} s")
        return moment

    def _judged(self, what: str, events: Sequence[Event]) -> Iterator[str]:
        expected, found = Store(self.top / "expected"), self.store(what)
        for said in (*_lost_epochs(events), *_others(expected, found, self.specs)):
            yield f"{what}: {said}"


# --- runs ----------------------------------------------------------------------------------------


def _specs(count: int) -> tuple[RunSpec, ...]:
    return tuple(RunSpec(_RECIPE, _EPOCHS, _DATA, seed) for seed in range(count))


def _ordered(spec: RunSpec, modules: Sequence[Source] = ()) -> Order:
    request = Setting(choose_record("cpu", 1)).request
    return Order.of(Job(spec), request, Resources(cores=1), tuple(modules))


def _do(
    asked: _Asked,
    store: Store,
    specs: Sequence[RunSpec],
    modules: Sequence[Source] = (),
    *,
    after: tuple[float, Callable[[], None]] | None = None,
) -> list[Event]:
    """Has runs done, those that are lost once more, and gives what happened."""
    found: list[Event] = []
    orders = dict.fromkeys((spec.key for spec in specs), 1)
    due = None if after is None else time.monotonic() + after[0]
    by_key = {spec.key: spec for spec in specs}
    with asked.opened(store) as engine:
        for spec in specs:
            if not store.is_finished(spec.key):
                engine.submit(_ordered(spec, modules))
        for event in engine.events():
            found.append(event)
            if due is not None and after is not None and time.monotonic() >= due:
                due = None
                after[1]()
            if isinstance(event, Lost) and orders[event.key] < _MOST_ORDERS:
                orders[event.key] += 1
                engine.submit(_ordered(by_key[event.key], modules))
    return found


def _others(expected: Store, found: Store, specs: Sequence[RunSpec]) -> Iterator[str]:
    """Runs that are not there, or are not as they are to be to the last bit."""
    for spec in specs:
        name = f"the run of seed {spec.seed}"
        if not found.is_finished(spec.key):
            yield f"{name} is not finished"
            continue
        if not expected.is_finished(spec.key):
            continue
        one, other = (Store(store.root).result(spec.key) for store in (expected, found))
        names = ("processor", "instructions", "torch")
        if any(one.execution.get(item) != other.execution.get(item) for item in names):
            continue  # its bits are its own, as its record says
        if [_figures(entry) for entry in one.history] != [
            _figures(entry) for entry in other.history
        ]:
            yield f"{name} has other epochs than by the engine of this machine"
        for part in ("weights", "predictions"):
            if _files(expected, spec.key, part) != _files(found, spec.key, part):
                yield f"{name} has other {part} than by the engine of this machine"


def _figures(entry: Epoch) -> tuple[object, ...]:
    """Of an epoch, but for what it took."""
    return astuple(replace(entry, train_seconds=0.0, val_seconds=0.0))


def _files(store: Store, key: str, part: str) -> dict[str, bytes]:
    folder = store.run_folder(key) / part
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _lost_epochs(events: Sequence[Event]) -> Iterator[str]:
    """Where more than the epoch that a run was in was done again; and faults."""
    ended: dict[str, int] = {}
    for event in events:
        match event:
            case EpochEnded(key=key, entry=entry):
                ended[key] = entry.epoch
            case Started(key=key, done=done):
                if done < ended.get(key, 0) - 1:
                    yield f"a run goes on from epoch {done}, though {ended[key]} had ended"
                if not event.exact:
                    yield "a run does not go on as it began"
            case Faulty(traceback=text):
                yield f"a fault: {text}"
            case Refused(message=text):
                yield f"refused: {text}"


# --- what is asked -------------------------------------------------------------------------------


def _check_cancelling(asked: _Asked, store: Store) -> Iterator[str]:
    first, second, third = (replace(spec, epochs=500) for spec in _specs(3))
    done = 0
    with asked.opened(store) as engine:
        for spec in (first, second, third):
            engine.submit(_ordered(spec))
        engine.cancel(second.key)
        ends: dict[str, type] = {}
        for event in engine.events():
            if isinstance(event, EpochEnded):
                done = max(done, event.entry.epoch if event.key == first.key else 0)
                engine.cancel(event.key)
            if isinstance(event, Cancelled | Finished | Lost | Refused | Faulty):
                ends[event.key] = type(event)
        if set(ends.values()) != {Cancelled} or len(ends) != 3:
            yield f"runs that were cancelled ended as {[item.__name__ for item in ends.values()]}"
        engine.submit(_ordered(first))
        for event in engine.events():
            if isinstance(event, Started):
                if event.done < done - 1:
                    yield f"after {done} epochs a cancelled run goes on from {event.done}"
                engine.cancel(first.key)


def _check_two(asked: _Asked, one: Store, other: Store, expected: Store) -> Iterator[str]:
    specs = _specs(1)
    with asked.opened(one) as first, asked.opened(other) as second:
        for engine in (first, second):
            engine.submit(_ordered(specs[0]))
        for engine in (first, second):
            for event in engine.events():
                if isinstance(event, Lost | Refused | Faulty):
                    yield f"where two ask at once, a run ended as {event}"
    for store in (one, other):
        yield from _others(expected, store, specs)


def _killed_asking(asked: _Asked, store: Store, seconds: float) -> list[Event]:
    """What happened until the process that asked was killed."""
    values = json.dumps([*astuple(asked), str(store.root)])
    process = subprocess.Popen(
        [sys.executable, "-c", "from rungs.testing.engines import ask; ask()", values],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=child_environment(os.environ),
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    told, _ = process.communicate()
    lines = [line for line in told.splitlines(keepends=True) if line.endswith("\n")]
    return [EpochEnded(key, Epoch.from_dict(entry)) for key, entry in map(json.loads, lines)]


def ask() -> None:
    """Asks as the first argument of this process says, and prints each epoch that ends."""
    *values, root = json.loads(sys.argv[1])
    asked, store = _Asked(*values), open_store(Path(root))
    with asked.opened(store) as engine:
        for spec in _specs(asked.workers):
            engine.submit(_ordered(spec))
        for event in engine.events():
            if isinstance(event, EpochEnded):
                print(json.dumps([event.key, event.entry.to_dict()]), flush=True)
