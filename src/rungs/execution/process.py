"""Starting a process of ours that speaks JSON lines over its pipes.

What it says begins with a mark: whatever else prints while its Python starts, such as a
``sitecustomize`` of the user's, is not taken for it.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rungs.execution.gpus import seeing
from rungs.foundation.environment import WAITING

# As texts in a sequence of JSON texts begin (RFC 7464).
_MARK = "\x1e"

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
        [sys.executable, "-c", _START.format(module)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        encoding="utf-8",
        errors="replace",  # what others print may be anything
        env={**settings(), **os.environ, **seeing(gpu)},  # the user's own come first
    )


def take_stdout() -> TextIO:
    """The pipe to the process that started this one, kept for our own lines.

    Whatever else is printed from now on, by a user's module or a library, goes to stderr: between
    our lines it would be taken for one of them.
    """
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def say(process: "subprocess.Popen[str]", message: object) -> None:
    """Sends a line to a process; nothing happens if it has ended."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # noticed where its answer is missing
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def tell(pipe: TextIO, message: object) -> None:
    """Sends a line to the process that started this one."""
    pipe.write(f"{_MARK}{json.dumps(message)}\n")
    pipe.flush()


def heard(process: "subprocess.Popen[str]") -> Iterator[Any]:
    """What a process tells, until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        _, mark, message = line.partition(_MARK)
        if mark:
            try:
                told = json.loads(message)
            except ValueError:  # half a line, of a process that was killed
                continue
            yield told


def hear(process: "subprocess.Popen[str]") -> Any:
    """What a process tells next; None if it has ended."""
    return next(heard(process), None)


def end(process: "subprocess.Popen[str]") -> None:
    """Kills a process, and closes its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
