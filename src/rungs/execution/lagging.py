"""Work that follows events at a distance, so that however many there are, it costs little."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, Self

P = ParamSpec("P")

# Between the end of one time and the beginning of the next.
_SECONDS = 5.0
# Of all time, the share that may go into it: what takes long is done seldom.
_SHARE = 0.1
# How long an end with an error waits for work that is under way: a thread that is still inside a
# library when the process ends can take it down with another exit code.
_PATIENCE = 10.0


class Lagging:
    """Does some work in a thread of its own a few seconds after it was asked for, once for all.

    As a context: at its end no more is begun. What is asked for last may be left undone; errors are
    nobody's here. Whoever needs the work does it then.
    """

    def __init__(
        self,
        work: Callable[[], object],
        *,
        seconds: float = _SECONDS,
        patience: float = _PATIENCE,
    ) -> None:
        """Begins nothing yet.

        Args:
            work: what is done; never twice at a time.
            seconds: for which it is left alone after it was done, at least.
            patience: seconds that an end with an error waits for work that is under way.
        """
        self._patience = patience
        self._work = work
        self._seconds = seconds
        self._asked = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def ask(self) -> None:
        """Has it done soon; returns at once."""
        self._asked.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits for work that is under way; not for ever, if something was raised."""
        self._over.set()
        self._asked.set()
        self._thread.join(None if kind is None else self._patience)

    def _follow(self) -> None:
        while self._asked.wait() and not self._over.is_set():
            self._asked.clear()
            began = time.monotonic()
            with contextlib.suppress(Exception):
                self._work()
            took = time.monotonic() - began
            self._over.wait(max(self._seconds, took * (1 / _SHARE - 1)))


def now_and_then(
    estimate: Callable[P, float | None], *, clock: Callable[[], float] = time.monotonic
) -> Callable[P, float | None]:
    """Seconds that are left, estimated anew only as often as costs a small share of the time.

    In between, the estimate before, less the time that has gone since; where that knew nothing,
    it is asked again.
    """
    found: float | None = None
    at = again = 0.0

    def left(*args: P.args, **kwargs: P.kwargs) -> float | None:
        nonlocal found, at, again
        began = clock()
        if found is not None and began < again:
            return max(0.0, found - (began - at))
        found = estimate(*args, **kwargs)
        at = clock()
        again = at + (at - began) * (1 / _SHARE - 1)
        return found

    return left
