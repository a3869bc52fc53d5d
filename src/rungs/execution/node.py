"""An order done on a machine that shares no disk with the one that asked.

This is what an engine of a cluster starts there. It starts our worker, hands on what that tells,
and with it the folders that the worker leaves: a run in progress after each epoch, a finished one
before it is told that it is. Needs no torch.
"""

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from rungs.execution.engine import (
    ENDS,
    Cancelled,
    EpochEnded,
    Event,
    Faulty,
    Finished,
    Lost,
    Refused,
)
from rungs.execution.messages import (
    Again,
    Brought,
    Lacking,
    Message,
    Train,
    Unfit,
    parse,
    spell,
)
from rungs.execution.parcels import (
    enter_progress,
    own_folder,
    packed_progress,
    packed_run,
    unpack_into,
)
from rungs.execution.process import end, end_of, heard, say, start
from rungs.foundation.errors import DISK_ERRORS, MessageError, disk_message
from rungs.foundation.files import write_atomically
from rungs.store import Store

# How often it is looked whether the order is to be stopped.
_LOOK_SECONDS = 0.2
# For what a worker that has ended said last.
_SECONDS_OF_LAST_LINES = 2.0
# Of the folder below the system's temporary one.
_FOLDER = "rungs-node"


@dataclass(frozen=True)
class Errand:
    """What travels to a node.

    Attributes:
        text: a `rungs.execution.messages.Train`, as it is spelled; its store and its file of data
            are the node's to fill in.
        progress: what is done of the run, see `rungs.execution.parcels`; b"" if nothing is.
        data: fingerprint of the data, where that is to be fetched; "" where it is to be found.
        teacher: key of the finished run that this one learns from; "" where there is none.
        taught_by: the folder of that run.
    """

    text: str
    progress: bytes = b""
    data: str = ""
    teacher: str = ""
    taught_by: bytes = b""


def frame(message: Message, parcel: bytes = b"") -> bytes:
    """A message and the folder that comes with it, as bytes."""
    return spell(message).encode() + b"\n" + parcel


def unframe(content: bytes) -> tuple[Message, bytes]:
    """The inverse of `frame`.

    Raises:
        MessageError: it is no message.
    """
    line, _, parcel = content.partition(b"\n")
    return parse(line.decode("utf-8", "replace")), parcel


def attend(
    errand: Errand,
    *,
    node: str = "",
    called: str = "",
    fetch: Callable[[], bytes] = lambda: b"",
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[bytes]:
    """Does an order, and gives frames of what happens; the last is how it ended here.

    Args:
        errand: what to do.
        node: by which the cluster knows this machine.
        called: as messages to people name it; its name in the network if "".
        fetch: gives the data as `rungs.data.carried` packs it, if the errand says so.
        should_stop: asked several times a second; then it ends with `Cancelled`.
    """
    called = called or platform.node()
    try:
        asked = parse(errand.text)
    except MessageError as error:
        yield frame(Unfit("", node, f"{called}: {error}"))
        return
    assert isinstance(asked, Train)
    key = asked.order.key
    try:
        folder = own_folder(_FOLDER)
        try:
            prepared = _prepared(asked, errand, folder, fetch)
            for message, parcel in _trained(prepared, should_stop):
                if isinstance(message, Lacking) and prepared.sent is not None:
                    Path(prepared.sent).unlink(missing_ok=True)
                if isinstance(message, Unfit | Lacking):
                    message = replace(message, node=node, reason=f"{called}: {message.reason}")
                elif isinstance(message, Lost):
                    message = replace(message, reason=f"{message.reason}, on {called}")
                yield frame(message, parcel)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        yield frame(Unfit(key, node, f"{called}: {disk_message(error)}"))


def _prepared(asked: Train, errand: Errand, folder: Path, fetch: Callable[[], bytes]) -> Train:
    """The order with all places in it being of this machine."""
    store = Store(folder / "store")
    store.root.mkdir()
    if errand.progress:
        enter_progress(store, asked.order.key, errand.progress)
    if errand.teacher:
        unpack_into(store.run_folder(errand.teacher), errand.taught_by)
    data_dir = asked.data_dir
    if data_dir is not None and not Path(data_dir).is_dir():
        data_dir = None  # where the user has the data elsewhere
    sent = str(_kept(errand.data, folder.parent, fetch)) if errand.data else None
    return replace(asked, store=str(store.root), data_dir=data_dir, sent=sent)


def _kept(fingerprint: str, top: Path, fetch: Callable[[], bytes]) -> Path:
    """The file of data that was sent: one for all orders of this machine."""
    path = top / "data" / f"{fingerprint}.npz"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        content = fetch()
        write_atomically(path, lambda file: file.write(content))
    return path


def _trained(asked: Train, should_stop: Callable[[], bool]) -> Iterator[tuple[Message, bytes]]:
    """What a worker tells, and what is to be brought with it; the last is an end."""
    store, key = Store(Path(asked.store)), asked.order.key
    again = True
    while again:
        again = False
        process = start("worker")
        lines: Queue[str | None] = Queue()
        listener = Thread(target=_listen, args=(process, lines), daemon=True)
        listener.start()
        say(process, spell(asked))
        ended: list[EpochEnded] = []  # that are not told: what they left is brought before
        try:
            while True:
                if should_stop():
                    yield from _told(ended, store, key)
                    yield Cancelled(key), b""
                    return
                try:
                    line = lines.get(timeout=_LOOK_SECONDS)
                except Empty:
                    if process.poll() is None:
                        continue
                    # Something that it started may have its pipe still.
                    listener.join(_SECONDS_OF_LAST_LINES)
                    if not lines.empty():
                        continue
                    line = None
                if line is None:
                    yield from _told(ended, store, key)
                    yield Lost(key, end_of(process), memory=None), b""
                    return
                message = parse(line)
                if isinstance(message, Again):
                    again = True
                    break
                if isinstance(message, Refused):
                    message = Unfit(key, "", message.message)
                last = isinstance(message, (*ENDS, Unfit, Lacking)) and message.key == key
                if isinstance(message, EpochEnded):
                    ended.append(message)
                # The last of them, where epochs end more quickly than they are brought.
                if last or lines.empty():
                    yield from _told(ended, store, key)
                if isinstance(message, Finished):
                    yield Brought(message.key, "runs"), packed_run(store, message.key)
                    if last:
                        yield from _handed_on(store)
                if isinstance(message, Event | Unfit | Lacking) and not isinstance(
                    message, EpochEnded
                ):
                    yield message, b""
                if last:
                    return
        except MessageError as error:
            yield Faulty(key, str(error)), b""
            return
        finally:
            # At once, in the middle of an epoch too.
            process.kill()
            process.wait()
            listener.join(_LOOK_SECONDS)
            if not listener.is_alive():  # a file cannot be closed while another thread reads it
                end(process)


def _told(ended: list[EpochEnded], store: Store, key: str) -> Iterator[tuple[Message, bytes]]:
    """Epochs that have ended, after what they left; none of them is left in the list."""
    parcel = packed_progress(store, key) if ended else None
    if parcel is not None:
        yield Brought(key, "work"), parcel
    yield from ((entry, b"") for entry in ended)
    ended.clear()


def _handed_on(store: Store) -> Iterator[tuple[Message, bytes]]:
    """What a finished run left for longer ones to go on with."""
    for folder in sorted((store.root / "work").iterdir()):
        if folder.is_dir():
            parcel = packed_progress(store, folder.name)
            if parcel is not None:
                yield Brought(folder.name, "work"), parcel


def _listen(process: "subprocess.Popen[str]", lines: "Queue[str | None]") -> None:
    for line in heard(process):
        lines.put(line)
    lines.put(None)
