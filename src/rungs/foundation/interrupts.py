"""Ctrl-C that cannot get lost.

Python drops a `KeyboardInterrupt` that is raised inside a finaliser or a callback of its garbage
collector. Here the wish is remembered, so that a loop can ask for it again.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_wished = threading.Event()


def _remember(_number: int, _frame: object) -> None:
    _wished.set()
    raise KeyboardInterrupt


@contextmanager
def remembered() -> Iterator[None]:
    """While it lasts, Ctrl-C is remembered; nothing changes where it is not Python's own."""
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not ours:
        yield
        return
    _wished.clear()
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _wished.clear()


def check() -> None:
    """Raises a `KeyboardInterrupt` if one was wished for and got lost."""
    if _wished.is_set():
        raise KeyboardInterrupt
