"""An engine for any cluster, which says where things are begun; what becomes of them is said here.

A cluster begins errands and gives back frames (see `rungs.execution.node`). Whatever it is, a run
that a node lost goes on from its last epoch on another, a node that is not fit is told of once and
left out, and data is sent where it is lacking.
"""

import threading
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from rungs.data.carried import pack
from rungs.data.loading import load
from rungs.execution.engine import (
    ENDS,
    Cancelled,
    EpochEnded,
    Event,
    Finished,
    LeftOut,
    Lost,
    Order,
    Refused,
    Resources,
    Site,
)
from rungs.execution.likeness import Likeness
from rungs.execution.messages import Brought, Lacking, Message, Train, Unfit, parse, spell
from rungs.execution.node import Errand, unframe
from rungs.execution.parcels import enter_progress, enter_run, packed_progress, packed_run
from rungs.foundation.errors import DataError, MessageError, StoreError
from rungs.study.estimate import Rates
from rungs.study.jobs import Job

# Of an order, in a row, without an epoch that ended in between.
MOST_TRIES = 3


@dataclass(frozen=True)
class Needs:
    """What a cluster is to know of an errand.

    Attributes:
        resources: that it is to have.
        seconds: that it takes, as far as anybody knows.
        shunned: nodes that it is not to be begun on.
    """

    resources: Resources
    seconds: float | None = None
    shunned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Gone:
    """An errand has ended; nothing is heard of it any more.

    Attributes:
        reason: why, in words that follow "because"; "" if by itself.
    """

    reason: str = ""


class Cluster(Protocol):
    """Where errands are done. An errand goes by a number, its ticket."""

    @property
    def most(self) -> int:
        """Errands that are worth having begun at a time, those that wait for a node included."""

    def begin(self, ticket: int, errand: Errand, needs: Needs) -> None:
        """Has an errand done when a node is free; returns at once."""

    def carry(self, fingerprint: str, data: bytes) -> None:
        """Has data at hand for errands that ask for it."""

    def stop(self, ticket: int) -> None:
        """Ends an errand, begun or not; any thread may ask, more than once and too late."""

    def heard(self) -> Collection[tuple[int, bytes | Gone]]:
        """What came of errands since, in its order for each; waits up to a second for something."""

    def has_node(self, needs: Needs) -> bool:
        """Whether there is any node on which an errand could be begun, now or later."""

    def close(self) -> None:
        """Ends all errands."""


@dataclass
class _Doing:
    """An order that is not ended.

    Attributes:
        order: it.
        run: what it is to train.
        ticket: of its errand; None while it waits.
        tries: errands that ended without an end of the order, since an epoch ended.
        carried: whether its data is sent with it.
        cancelled: whether that was asked for.
        excused: whether its errand could not do it where it was, and is no try.
        ended: the end of the order, of which its errand has told.
    """

    order: Order
    run: Job
    ticket: int | None = None
    tries: int = 0
    carried: bool = False
    cancelled: bool = False
    excused: bool = False
    ended: Event | None = None


class ClusterEngine:
    """See `rungs.execution.engine.Engine`."""

    def __init__(self, site: Site, cluster: Cluster) -> None:
        """Begins nothing yet.

        Args:
            site: its store is where what nodes bring comes to lie.
            cluster: is closed with the engine.
        """
        self._site = site
        self._cluster = cluster
        self._likeness = Likeness.here(site.machine.device)
        self._rates: Rates | None = None
        self._open: dict[str, _Doing] = {}
        self._waiting: deque[_Doing] = deque()
        self._by_ticket: dict[int, _Doing] = {}
        self._tickets = 0
        self._shunned: dict[str, str] = {}  # node -> why
        self._carried: set[str] = set()  # fingerprints
        self._ready: deque[Event] = deque()  # of our own
        self._lock = threading.RLock()

    def submit(self, order: Order) -> None:
        """Takes an order; it is begun with the next look at events."""
        # Modules of the user's that it names were loaded here with the study.
        doing = _Doing(order, Job.from_dict(order.job))
        with self._lock:
            self._open[order.key] = doing
            try:
                parse(self._spelled(order))
            except MessageError as error:
                self._ready.append(Refused(order.key, str(error)))
            else:
                self._waiting.append(doing)

    def cancel(self, key: str) -> None:
        """Stops its errand if it has been begun."""
        with self._lock:
            doing = self._open.get(key)
            if doing is None or doing.cancelled:
                return
            doing.cancelled = True
            if doing in self._waiting:
                self._waiting.remove(doing)
                self._ready.append(Cancelled(key))
            elif doing.ticket is not None:
                self._cluster.stop(doing.ticket)

    def events(self) -> Iterator[Event]:
        """From the nodes, in the order in which they come."""
        while self._open:
            with self._lock:
                self._hand_out()
            yield from self._own()
            if not self._open:
                return
            for ticket, heard in self._cluster.heard():
                with self._lock:
                    events = [*self._understood(ticket, heard)]
                yield from self._told(events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all errands: what they had brought by then is in the store."""
        with self._lock:
            self._open.clear()
            self._waiting.clear()
            self._by_ticket.clear()
        self._cluster.close()

    # --- out -------------------------------------------------------------------------------------

    def _spelled(self, order: Order) -> str:
        where = self._site.data_dir
        return spell(
            Train(
                order,
                store="",
                data_dir=None if where is None else str(where.absolute()),
                cores=(),
                all_cores=(),
                workers=None,
                likeness=self._likeness,
            )
        )

    def _hand_out(self) -> None:
        """Begins what waits, as much as the cluster has a use for."""
        while self._waiting and len(self._by_ticket) < self._cluster.most:
            doing = self._waiting.popleft()
            key, store = doing.order.key, self._site.store
            if store.is_finished(key):  # it came with another, or from a conductor that was killed
                self._ready.append(Finished(key, store.result(key).failed))
                continue
            needs = Needs(doing.order.resources, self._seconds(doing), frozenset(self._shunned))
            if not self._cluster.has_node(needs):
                said = "; ".join(self._shunned.values()) or (
                    "the cluster has none with "
                    f"{needs.resources.cores} cores and {needs.resources.gpus:g} GPUs"
                )
                self._ready.append(Lost(key, f"no node can do it: {said}", memory=False))
                continue
            self._tickets += 1
            doing.ticket = self._tickets
            self._by_ticket[doing.ticket] = doing
            self._cluster.begin(doing.ticket, self._errand(doing), needs)

    def _errand(self, doing: _Doing) -> Errand:
        store, job = self._site.store, doing.run
        furthest = max(
            (job.spec, *job.kin),
            key=lambda run: (store.epochs_done(run.key), run == job.spec),
        )
        most = min(run.epochs for run in (job.spec, *job.contained))
        if store.epochs_done(furthest.key) > most:
            furthest = job.spec
        # What lengths are finished is known here alone; to those nothing is handed on.
        left = tuple(run for run in job.kin if not store.is_finished(run.key))
        order = Order(
            key=doing.order.key,
            job=Job(job.spec, job.contained, left, job.teacher).to_dict(),
            request=doing.order.request,
            resources=doing.order.resources,
            modules=doing.order.modules,
        )
        return Errand(
            self._spelled(order),
            packed_progress(store, furthest.key) or b"",
            job.spec.data.fingerprint if doing.carried else "",
            job.needs or "",
            b"" if job.needs is None else packed_run(store, job.needs),
        )

    def _seconds(self, doing: _Doing) -> float | None:
        if self._rates is None:
            self._rates = Rates(self._site.store.index.rates(self._site.machine.name), {})
        spec = doing.run.spec
        return self._rates.seconds(spec, spec.epochs - self._site.store.epochs_done(spec.key))

    # --- in --------------------------------------------------------------------------------------

    def _own(self) -> Iterator[Event]:
        with self._lock:
            events, self._ready = [*self._ready], deque()
        yield from self._told(events)

    def _told(self, events: list[Event]) -> Iterator[Event]:
        """The events, of which ends close their orders."""
        for event in events:
            if isinstance(event, ENDS):
                with self._lock:
                    self._open.pop(event.key, None)
            yield event

    def _understood(self, ticket: int, heard: bytes | Gone) -> Iterator[Event]:
        doing = self._by_ticket.get(ticket)
        if doing is None:
            return
        if isinstance(heard, Gone):
            del self._by_ticket[ticket]
            doing.ticket = None
            yield from self._after(doing, heard)
            return
        message, parcel = unframe(heard)
        try:
            yield from self._taken(doing, message, parcel)
        except StoreError as error:  # what came is not whole, or not what it was to be
            self._cluster.stop(ticket)
            del self._by_ticket[ticket]
            doing.ticket = None
            yield from self._after(doing, Gone(str(error)))

    def _taken(self, doing: _Doing, message: Message, parcel: bytes) -> Iterator[Event]:
        """The event that a message is, if it is one to be told now."""
        store = self._site.store
        match message:
            case Brought(key=run, where="runs"):
                enter_run(store, run, parcel)
            case Brought(key=run):
                if not store.is_finished(run):
                    enter_progress(store, run, parcel)
            case Lacking(node=node, reason=reason) if not doing.carried:
                doing.excused = doing.carried = True
                try:
                    self._carry(doing.run)
                except DataError as error:
                    doing.carried = False
                    yield from self._leave_out(doing, node, f"{reason}; {error}")
            case Unfit(node=node, reason=reason) | Lacking(node=node, reason=reason):
                doing.excused = True
                yield from self._leave_out(doing, node, reason)
            case _ if isinstance(message, ENDS) and message.key == doing.order.key:
                doing.ended = message
            case _ if isinstance(message, Event):
                doing.tries = 0 if isinstance(message, EpochEnded) else doing.tries
                yield message

    def _leave_out(self, doing: _Doing, node: str, reason: str) -> Iterator[Event]:
        if node not in self._shunned:
            self._shunned[node] = reason
            yield LeftOut(doing.order.key, node, reason)

    def _after(self, doing: _Doing, gone: Gone) -> Iterator[Event]:
        """What becomes of an order whose errand has ended."""
        key, ended, excused = doing.order.key, doing.ended, doing.excused
        doing.ended, doing.excused = None, False
        if ended is not None and not isinstance(ended, Cancelled):
            yield ended
        elif doing.cancelled:
            yield Cancelled(key)
        else:
            doing.tries += not excused
            if doing.tries < MOST_TRIES:
                self._waiting.appendleft(doing)
                return
            why = gone.reason or "it was ended there"
            yield Lost(key, f"given up after {MOST_TRIES} nodes in a row: {why}", memory=None)

    def _carry(self, job: Job) -> None:
        """Sends the data of a job, once for all of its orders."""
        spec = job.spec.data
        if spec.fingerprint not in self._carried:
            data = load(spec, data_dir=self._site.data_dir, allow_download=False)
            self._cluster.carry(spec.fingerprint, pack(data))
            self._carried.add(spec.fingerprint)
