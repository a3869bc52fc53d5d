"""What does runs, whatever it is: an engine takes orders, tells what happens, and can be stopped.

Nothing here says how a run comes to be trained. An order is plain data that reads the same on any
machine: JSON, text, numbers. The worker that trains it is our own program, there or here; what it
leaves is the finished run's folder, which the engine brings into the store before it says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from rungs.foundation.errors import OwnModuleError
from rungs.recipe.own_modules import Source
from rungs.store import Store
from rungs.store.results import Epoch
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from rungs.training.request import Request

# --- what is asked for ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Resources:
    """What one training is to have to itself.

    Attributes:
        cores: of a processor.
        gpus: a share of one where several trainings share it; 0 on a CPU.
    """

    cores: int
    gpus: float = 0.0


@dataclass(frozen=True)
class Order:
    """A training that is asked for.

    Attributes:
        key: of the run that it ends with.
        job: what to train, as `rungs.study.jobs.Job.to_dict` writes it.
        request: how to compute.
        resources: what it needs for that.
        modules: of the user's own, that the job's recipe may name.
        place: its place among the orders of a study: of those that wait, the lowest is begun first
            where an engine can choose. One that waited for another is submitted after those that
            it comes before.
    """

    key: str
    job: Mapping[str, Any]
    request: Request
    resources: Resources
    modules: tuple[Source, ...] = ()
    place: int = 0

    @staticmethod
    def of(
        job: Job,
        request: Request,
        resources: Resources,
        modules: tuple[Source, ...] = (),
        place: int = 0,
    ) -> "Order":
        """The order of a job."""
        return Order(job.spec.key, job.to_dict(), request, resources, modules, place)

    def read(self) -> Job:
        """The job, with the modules loaded that it may name.

        Raises:
            OwnModuleError: a module cannot be loaded, or is another than when the study was read.
        """
        for module in self.modules:
            module.load()
        job = Job.from_dict(self.job)
        if job.spec.key != self.key:
            raise OwnModuleError(
                "a module was changed while the study ran; start the command again"
            )
        return job


# --- what happens --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """A run begins, or goes on.

    Attributes:
        done: epochs that are done.
        exact: whether it goes on as it began.
        anew: whether a checkpoint is there that cannot be read, so that it begins once more.
    """

    kind: ClassVar[str] = "start"
    key: str
    done: int
    exact: bool
    anew: bool


@dataclass(frozen=True)
class Stepped:
    """A run is within an epoch; ``done`` are the epochs that are done, a fraction."""

    kind: ClassVar[str] = "step"
    key: str
    done: float


@dataclass(frozen=True)
class EpochEnded:
    """An epoch of a run is done, and measured."""

    kind: ClassVar[str] = "epoch"
    key: str
    entry: Epoch


@dataclass(frozen=True)
class Finished:
    """A run's folder is in the store.

    Attributes:
        failed: why the run failed, or None.
        read_off: key of the longer run, that was ordered, which contains this one; or None.
    """

    kind: ClassVar[str] = "done"
    key: str
    failed: str | None
    read_off: str | None = None


@dataclass(frozen=True)
class Lost:
    """A run could not be brought to its end; what it has done is kept where it can be.

    Attributes:
        memory: whether memory ran out; None where nobody knows.
    """

    kind: ClassVar[str] = "lost"
    key: str
    reason: str
    memory: bool | None


@dataclass(frozen=True)
class Cancelled:
    """A run was stopped because that was asked for."""

    kind: ClassVar[str] = "cancelled"
    key: str


@dataclass(frozen=True)
class Refused:
    """A run cannot be done for a reason that concerns others too, and that the user can mend.

    Attributes:
        key: of a worker, "" where it is about an order that it does not understand; an engine
            tells the order's.
    """

    kind: ClassVar[str] = "error"
    key: str
    message: str


@dataclass(frozen=True)
class Faulty:
    """A fault of Rungs itself, with its traceback."""

    kind: ClassVar[str] = "bug"
    key: str
    traceback: str


@dataclass(frozen=True)
class LeftOut:
    """A node of a cluster cannot do runs, and is given none from now on.

    Attributes:
        key: of the run by which that was seen; it is done elsewhere if it can be.
        node: by which its cluster knows it.
        reason: a sentence without its end, which names the node.
    """

    kind: ClassVar[str] = "left out"
    key: str
    node: str
    reason: str


Event = Started | Stepped | EpochEnded | Finished | Lost | Cancelled | Refused | Faulty | LeftOut
# One of these, of the run that was ordered, is the last event of an order.
ENDS = (Finished, Lost, Cancelled, Refused, Faulty)


# --- who does it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """Where an engine is opened.

    Attributes:
        store: where finished runs come to lie.
        machine: with what runs are done side by side.
        data_dir: where the user has the data; None for the usual places.
        address: where the cluster is that an engine uses; None for its usual place.
    """

    store: Store
    machine: Machine
    data_dir: Path | None = None
    address: str | None = None


class Engine(Protocol):
    """Does runs, several side by side. As a context: at its end nothing is trained any more."""

    def submit(self, order: Order) -> None:
        """Has a run done, after those that were submitted before; returns at once.

        What it learns from is finished in the store by then: `rungs.execution.teaching` says which
        run's folder that is. An engine that trains elsewhere brings it there.
        """

    def cancel(self, key: str) -> None:
        """Has a run that was submitted not be begun, or stopped; any thread may ask.

        It ends with `Cancelled` unless it has ended by then. What its last whole epoch left stays,
        for the next order of it to go on with. Of a run that is not known nothing happens.
        """

    def events(self) -> Iterator[Event]:
        """What happens, as it happens, until every order that was submitted has ended.

        The events of one run come in the order in which they happened; one of `ENDS` is the last
        that an order has. A run that is lost leaves all others as they are. More may be submitted
        meanwhile, and after the last; then there are events to be had again.

        Raises:
            MessageError: a worker says what cannot be understood.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
