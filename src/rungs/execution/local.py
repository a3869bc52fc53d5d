"""The engine of this machine: worker processes that take the next run as soon as they are free."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from queue import Queue
from typing import Self

from rungs.execution.cores import all_cores, slots
from rungs.execution.engine import ENDS, Cancelled, Event, Lost, Order, Site
from rungs.execution.gpus import gpus, shared_out
from rungs.execution.messages import Again, Message, Train, parse, spell
from rungs.execution.process import end_of, ended, heard, say, start
from rungs.foundation.errors import MessageError, RungsError

# For what a process that has ended said last. Its pipe need not end with it: whatever it started
# may have the pipe too.
_SECONDS_OF_LAST_LINES = 2

# Of a worker: a message, that it has ended, or what cannot be understood; of none: an event of the
# engine's own.
_Heard = tuple["_Worker | None", "Message | RungsError | None"]


class _Worker:
    """A worker process, a thread that reads its messages into a queue, and one that awaits its end.

    That it has ended is told once or twice: by its pipe, and by the process itself.
    """

    def __init__(self, queue: "Queue[_Heard]", cores: tuple[int, ...], gpu: str | None) -> None:
        self.process = start("worker", gpu=gpu)
        self.cores = cores
        self.gpu = gpu
        self.order: Order | None = None
        self.usable = True  # False once it is to end, or has
        self._listener = threading.Thread(target=self._listen, args=(queue,), daemon=True)
        self._watcher = threading.Thread(target=self._watch, args=(queue,), daemon=True)
        self._listener.start()
        self._watcher.start()

    def _listen(self, queue: "Queue[_Heard]") -> None:
        try:
            for line in heard(self.process):
                queue.put((self, parse(line)))
        except MessageError as error:
            queue.put((self, error))
        queue.put((self, None))
        self.process.wait()
        # Here alone: a file cannot be closed while another thread reads it.
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _watch(self, queue: "Queue[_Heard]") -> None:
        self.process.wait()
        self._listener.join(_SECONDS_OF_LAST_LINES)
        queue.put((self, None))

    def stop(self) -> None:
        """Asks it to end, which it does at once."""
        self.usable = False
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self) -> None:
        """Waits for its end; a pipe that goes on is left to its thread."""
        ended(self.process)
        self._watcher.join()


class LocalEngine:
    """See `rungs.execution.engine.Engine`.

    A run whose CUDA graphs cannot be captured goes on in a fresh worker, as does the next one after
    a run that was lost.
    """

    def __init__(self, site: Site) -> None:
        """Starts nothing yet.

        Args:
            site: its store is where workers do their runs, each on cores of its own if they fill
                the machine; they share out its GPUs among them.
        """
        machine = site.machine
        self._site = site
        places = zip(
            slots(machine.workers, machine.threads),
            shared_out(gpus(machine.device), machine.workers),
            strict=True,
        )
        self._places = deque(places)  # where no worker is
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._waiting: deque[Order] = deque()
        self._open: set[str] = set()
        self._queue: Queue[_Heard] = Queue()
        self._lock = threading.RLock()

    def submit(self, order: Order) -> None:
        """Begins it if a worker is free."""
        with self._lock:
            self._open.add(order.key)
            before = sum(other.place <= order.place for other in self._waiting)
            self._waiting.insert(before, order)
            self._hand_out()

    def cancel(self, key: str) -> None:
        """Ends its worker if it has been begun."""
        with self._lock:
            waiting = next((order for order in self._waiting if order.key == key), None)
            if waiting is not None:
                self._waiting.remove(waiting)
                self._queue.put((None, Cancelled(key)))
            for worker in self._busy:
                if worker.order is not None and worker.order.key == key:
                    worker.usable = False
                    # A checkpoint is whole or not there; to be asked, it might be too busy.
                    worker.process.kill()

    def events(self) -> Iterator[Event]:
        """From the workers, in the order in which they come."""
        while self._open:
            worker, message = self._queue.get()
            with self._lock:
                event = self._understood(worker, message)
                if event is not None and isinstance(event, ENDS):
                    self._open.discard(event.key)
            if event is not None:
                yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all workers: the checkpoint of a run's last whole epoch is on disk."""
        with self._lock:
            self._waiting.clear()
            self._open.clear()
            workers = [*self._idle, *self._busy]
            self._idle, self._busy = [], []
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.end()

    def _understood(
        self, worker: _Worker | None, message: Message | RungsError | None
    ) -> Event | None:
        """The event that a message is, if it is one; the next order is handed out where due."""
        if isinstance(message, RungsError):
            raise message
        if worker is None:
            assert isinstance(message, Cancelled)
            return message
        if worker.order is None or worker not in self._busy:
            if message is None and worker in self._idle:  # gone between two orders
                self._idle.remove(worker)
                self._give_up(worker)
            return None
        order = worker.order
        if isinstance(message, Again) and worker.usable:
            self._waiting.appendleft(order)
            self._release(worker, usable=False)
            return None
        if message is None:
            lost = Lost(order.key, end_of(worker.process), memory=None)
            message = lost if worker.usable else Cancelled(order.key)
        if not isinstance(message, Event):  # the end of a process that said so comes yet
            return None
        if message.key == "":  # of an order that it did not understand, and so not its key either
            message = replace(message, key=order.key)
        if isinstance(message, ENDS) and message.key == order.key:
            self._release(worker, usable=not isinstance(message, Lost | Cancelled))
        return message

    def _release(self, worker: _Worker, *, usable: bool) -> None:
        """Takes a worker from its order, and hands out the next."""
        self._busy.remove(worker)
        worker.order = None
        if usable and worker.usable:
            self._idle.append(worker)
        else:
            self._give_up(worker)
        self._hand_out()

    def _give_up(self, worker: _Worker) -> None:
        worker.stop()
        worker.end()
        self._places.appendleft((worker.cores, worker.gpu))

    def _hand_out(self) -> None:
        """Gives waiting orders to workers that are free; where there may be more, they begin."""
        while self._waiting and (self._idle or self._places):
            worker = (
                self._idle.pop() if self._idle else _Worker(self._queue, *self._places.popleft())
            )
            worker.order = order = self._waiting.popleft()
            self._busy.append(worker)
            data_dir = self._site.data_dir
            asked = Train(
                order=order,
                store=str(self._site.store.root),
                data_dir=None if data_dir is None else str(data_dir),
                cores=worker.cores,
                all_cores=all_cores(),
                workers=self._site.machine.workers,
            )
            say(worker.process, spell(asked))  # one that is gone is noticed where its lines end
