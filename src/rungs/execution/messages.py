"""What processes of ours say to each other: every message, how it is spelled, and how it is read.

A message is one line of JSON: its version, its kind, and its fields. Both ends are this program, of
one version; what is of another, or is no message at all, is an error that shows it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, ClassVar, get_args

from pydantic import TypeAdapter, ValidationError

from rungs.execution.engine import EpochEnded, Event, Order
from rungs.foundation.errors import MessageError
from rungs.foundation.wording import shown
from rungs.recipe.own_modules import Source
from rungs.training.request import Request

# Raised with any change of what is said.
VERSION = 3
# Characters of a message that is not understood which are shown.
_MOST_SHOWN = 200

# --- a worker ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Train:
    """To a worker on this machine: an order, and what it finds where. It tells events of it.

    Attributes:
        store: folder of the store.
        data_dir: where the user has the data; None for the usual places.
        cores: that are its own; none to be moved about by the system.
        all_cores: for a run that began with more threads than these.
        workers: processes that train side by side here, this one included.
    """

    kind: ClassVar[str] = "train"
    order: Order
    store: str
    data_dir: str | None
    cores: tuple[int, ...]
    all_cores: tuple[int, ...]
    workers: int


@dataclass(frozen=True)
class Again:
    """Of a worker: the order is to be given to a fresh one, for which it has left word."""

    kind: ClassVar[str] = "again"
    key: str


# --- a measurement -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What a process has to know of a training that it tries.

    Attributes:
        spec: of the run, as `rungs.store.results.RunSpec.to_dict` writes it.
        request: how it computes.
        modules: of the user's own, that the recipe may name.
    """

    spec: Mapping[str, Any]
    request: Request
    modules: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Prepare:
    """To a probe: to get ready on some cores, and to train for so many seconds once all are."""

    kind: ClassVar[str] = "prepare"
    question: Question
    cores: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Ready:
    """Of a probe: it is."""

    kind: ClassVar[str] = "ready"


@dataclass(frozen=True)
class Go:
    """To a probe: all are ready."""

    kind: ClassVar[str] = "go"


@dataclass(frozen=True)
class TryGraphs:
    """To a trial of CUDA graphs: it answers with the rate without, then with them."""

    kind: ClassVar[str] = "try graphs"
    question: Question


@dataclass(frozen=True)
class Measured:
    """Of a measurement: images per second."""

    kind: ClassVar[str] = "measured"
    rate: float


@dataclass(frozen=True)
class NoGraphs:
    """Of a trial: why there are none."""

    kind: ClassVar[str] = "no graphs"
    reason: str


Message = Event | Train | Again | Prepare | Ready | Go | TryGraphs | Measured | NoGraphs
_KINDS = {item.kind: item for item in get_args(Message)}


def plain(event: Event) -> dict[str, Any]:
    """The fields of an event in plain JSON types; those of an epoch stand among them."""
    if isinstance(event, EpochEnded):
        return {"key": event.key, **event.entry.to_dict()}
    return asdict(event)


def spell(message: Message) -> str:
    """A message as one line, without its end."""
    return json.dumps({"version": VERSION, "kind": message.kind, **asdict(message)})


def parse(line: str) -> Message:
    """The inverse of `spell`.

    Raises:
        MessageError: it is no message, or one of another version.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or "version" not in values:
        raise _unknown(line, "it is no JSON object with a version")
    version, kind = values.pop("version"), values.pop("kind", None)
    if version != VERSION:
        raise _unknown(
            line,
            f"its version is {shown(str(version))}, expected {VERSION}: its sender is another "
            "version of Rungs; start the command again when one alone is installed",
        )
    wanted = _KINDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise _unknown(line, f"its kind is {shown(str(kind))}")
    if strange := set(values) - {field.name for field in fields(wanted)}:
        raise _unknown(line, f"it has no field {shown(min(strange))}")
    try:
        read: Message = _reader(wanted).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unknown(line, f"{place}: {first['msg']}") from None
    return read


@cache
def _reader(wanted: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(wanted)


def _unknown(line: str, why: str) -> MessageError:
    said = repr(line[:_MOST_SHOWN]) + ("..." if len(line) > _MOST_SHOWN else "")
    return MessageError(f"a message between processes is not understood: {why}: {said}")
