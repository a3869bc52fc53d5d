"""Starting a process of ours that is spoken to in lines over its pipes.

What the lines are, `rungs.execution.messages` says. Those of the process begin with a mark:
whatever else prints while its Python starts, such as a ``sitecustomize`` of the user's, is not
taken for them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from rungs.execution.gpus import seeing
from rungs.foundation.environment import WAITING
from rungs.foundation.startup import child_environment, open_streams

# As texts in a sequence of JSON texts begin (RFC 7464).
_MARK = "\x1e"

# For a process that has been asked to end, or has closed its pipe.
_SECONDS_TO_END = 30

# A terminal sends Ctrl-C to every process: the others leave it to the one that started them, which
# ends them by closing their stdin. It is ignored before torch's import, which takes seconds.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from rungs.execution.{} import main; main()"
)

# A step frees and takes the same few hundred megabytes. By default glibc gives them back to the
# system in between, and tens of thousands of page faults a step cost a tenth of the time.
_ALLOCATOR = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (
        ("hugetlb", 1),
        ("mmap_threshold", 2**32),
        ("trim_threshold", 2**34),
    )
)


def settings() -> dict[str, str]:
    """Environment variables with which a process keeps its memory, and threads wait in peace."""
    return {"GLIBC_TUNABLES": _ALLOCATOR, **WAITING}


def start(module: str, *, gpu: str | None = None, quiet: bool = False) -> "subprocess.Popen[str]":
    """A process that runs ``main`` of a module of this package.

    Args:
        module: its name.
        gpu: the only one that it sees, see `rungs.execution.gpus`; None for all.
        quiet: nothing that it says on stderr is shown.
    """
    return subprocess.Popen(
        # -P: nothing is imported from the current folder, such as a random.py of the user's.
        [sys.executable, "-P", "-c", _START.format(module)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        encoding="utf-8",
        errors="replace",  # what others print may be anything
        # The user's own come first.
        env={**settings(), **child_environment(os.environ), **seeing(gpu)},
    )


def take_stdout() -> TextIO:
    """The pipe to the process that started this one, kept for our own lines.

    Whatever else is printed from now on, by a user's module or a library, goes to stderr: between
    our lines it would be taken for one of them. In processes that are forked the pipe leads
    nowhere: it would stay open as long as they do, whatever has become of this one.
    """
    open_streams()
    number = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(after_in_child=lambda: _lead_nowhere(number))
    return os.fdopen(number, "w", encoding="utf-8")


def _lead_nowhere(number: int) -> None:
    """Not closed: the next file that is opened would take its number."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number, inheritable=False)
    os.close(nowhere)


def say(process: "subprocess.Popen[str]", message: str) -> None:
    """Sends a line to a process; nothing happens if it has ended."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # noticed where its answer is missing
        process.stdin.write(message + "\n")
        process.stdin.flush()


def tell(pipe: TextIO, message: str) -> None:
    """Sends a line to the process that started this one."""
    pipe.write(f"{_MARK}{message}\n")
    pipe.flush()


def heard(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The lines that a process tells, until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        _, mark, message = line.partition(_MARK)
        # Half a line is that of a process that was killed.
        if mark and message.endswith("\n"):
            yield message.removesuffix("\n")


def hear(process: "subprocess.Popen[str]") -> str | None:
    """What a process tells next; None if it has ended."""
    return next(heard(process), None)


def end_of(process: "subprocess.Popen[str]") -> str:
    """How a process that nobody asked to end came to its end."""
    code = ended(process)
    if code is None:
        return "its process could not be heard any more, and was ended"
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    if -code == getattr(signal, "SIGKILL", None):
        return f"its process was killed ({name}), as systems do when memory runs out"
    return f"its process was ended by {name}"


def ended(process: "subprocess.Popen[str]") -> int | None:
    """The code with which a process ends; None if it had to be killed for that."""
    try:
        return process.wait(timeout=_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


@contextlib.contextmanager
def patience(
    processes: "Sequence[subprocess.Popen[str]]", seconds: float
) -> "Iterator[threading.Event]":
    """Kills processes that are still wanted after so long, so that waiting for them has an end.

    Yields:
        Set if that was done.
    """
    given_up = threading.Event()

    def give_up() -> None:
        given_up.set()
        for process in processes:
            process.kill()

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield given_up
    finally:
        timer.cancel()


def end(process: "subprocess.Popen[str]") -> None:
    """Kills a process, and closes its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
