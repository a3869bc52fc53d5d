"""A second engine, small and without processes: what an engine promises is tested on it too.

It stands for one that trains elsewhere: what it is given goes through text, and its runs are done
in a folder of its own, from which finished ones are brought into the store.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from tempfile import mkdtemp
from threading import Thread
from typing import Self

from rungs.data.loading import load
from rungs.execution.engine import (
    ENDS,
    Cancelled,
    EpochEnded,
    Event,
    Finished,
    Lost,
    Order,
    Refused,
    Site,
    Started,
)
from rungs.execution.messages import Train, parse, spell
from rungs.execution.run_one import run_one
from rungs.foundation.errors import MessageError, RungsError
from rungs.store import Store, open_store
from rungs.training.record import Setting


class _StoppedError(Exception):
    pass


class Elsewhere:
    """Trains one run at a time in a thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._there = open_store(Path(mkdtemp()))
        self._waiting: list[Order] = []
        self._open: set[str] = set()
        self._stopped: dict[str, Event] = {}
        self._events: Queue[Event] = Queue()
        self._doing: str | None = None
        self._thread: Thread | None = None

    def submit(self, order: Order) -> None:
        self._open.add(order.key)
        try:
            travelled = parse(spell(Train(order, "", None, (), (), 1)))
        except MessageError as error:
            self._events.put(Refused(order.key, str(error)))
            return
        assert isinstance(travelled, Train)
        self._waiting.append(travelled.order)
        self._begin()

    def cancel(self, key: str) -> None:
        if key not in self._open:
            return
        for order in [order for order in self._waiting if order.key == key]:
            self._waiting.remove(order)
            self._events.put(Cancelled(key))
        self._stopped.setdefault(key, Cancelled(key))

    def kill(self, key: str) -> None:
        """As a machine that is switched off does."""
        self._stopped[key] = Lost(key, "its machine was killed", memory=None)

    def events(self) -> Iterator[Event]:
        while self._open:
            event = self._events.get()
            if isinstance(event, ENDS) and event.key in self._open:
                self._open.remove(event.key)
                self._stopped.pop(event.key, None)
                if event.key == self._doing and self._thread is not None:
                    self._thread.join()
                    self._doing = None
                self._begin()
            yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()
        for key in self._open:
            self.cancel(key)
        if self._thread is not None:
            self._thread.join()
        shutil.rmtree(self._there.root)

    def _begin(self) -> None:
        if self._waiting and self._doing is None:
            order = self._waiting.pop(0)
            self._doing = order.key
            self._thread = Thread(target=self._do, args=(order,))
            self._thread.start()

    def _do(self, order: Order) -> None:
        self._events.put(self._end_of(order))

    def _end_of(self, order: Order) -> Event:
        key = order.key

        def look(_: float) -> None:
            if key in self._stopped:
                raise _StoppedError

        def bring(run: str) -> str | None:
            source, target = self._there.run_folder(run), self._site.store.run_folder(run)
            shutil.copytree(source, target)
            return Store(self._site.store.root).result(run).failed

        try:
            job = order.read()
            if job.needs is not None and not self._there.is_finished(job.needs):
                taught = self._site.store.run_folder(job.needs)
                shutil.copytree(taught, self._there.run_folder(job.needs))
            run_one(
                self._there,
                job,
                load(job.spec.data),
                setting=Setting.here(order.request),
                on_start=lambda done, how: self._events.put(
                    Started(key, done, how.exact, how.anew)
                ),
                on_epoch=lambda entry: self._events.put(EpochEnded(key, entry)),
                on_step=look,
                on_read_off=lambda run, _: self._events.put(
                    Finished(run.key, bring(run.key), read_off=key)
                ),
            )
        except _StoppedError:
            return self._stopped[key]
        except RungsError as error:
            return Lost(key, str(error), memory=False)
        return Finished(key, bring(key))
