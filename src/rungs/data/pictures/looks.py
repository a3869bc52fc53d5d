"""What was found at a place, kept in the user's cache so that nothing is read twice.

CACHE/pictures/looks/LOOK.json
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rungs.data.pictures.source import LeftOut
from rungs.data.spec import Part
from rungs.foundation.files import read_json, write_json

_FORMAT = 2


@dataclass(frozen=True)
class Look:
    """What was found at a place.

    Attributes:
        signature: of the place's files then.
        kind: of the source, for people.
        content: under which the pictures are kept.
        parts: that the source tells apart.
        pictures: number of those used, by class.
        names: of those used, in the order in which they are kept.
        refused: pictures of these classes that are not used.
        notes: on what was read, a line each.
        largest: of all values of grey pictures with more than 8 bits; None if there are none.
        splits: cuts as text -> images of each part.
        counts: cuts as text -> class -> images of it in training, validation and test.
    """

    signature: str
    kind: str
    content: str
    parts: tuple[Part, ...]
    pictures: dict[str, int]
    names: tuple[str, ...]
    refused: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    largest: int | None = None
    splits: dict[str, dict[Part, int]] = field(default_factory=dict)
    counts: dict[str, dict[str, list[int]]] = field(default_factory=dict)


def name_of(place: Path, reading: object) -> str:
    """The name of a look: a hash of where and how was looked, 32 hex digits."""
    plain = json.dumps([str(place), reading], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


def file_of(pictures: Path, name: str) -> Path:
    """The file of a look."""
    return pictures / "looks" / f"{name}.json"


def contents(pictures: Path) -> set[str]:
    """The contents that all looks lead to."""
    found = (read(pictures, path.stem) for path in (pictures / "looks").glob("*.json"))
    return {look.content for look in found if look is not None}


def read(pictures: Path, name: str) -> Look | None:
    """What was found; None if nobody looked, or the file is damaged."""
    try:
        plain = read_json(file_of(pictures, name))
        if plain.pop("format") != _FORMAT:
            return None
        plain["refused"] = tuple(LeftOut(*one) for one in plain["refused"])
        plain["names"] = tuple(plain["names"])
        plain["notes"] = tuple(plain.get("notes", ()))
        plain["parts"] = tuple(plain["parts"])
        return Look(**plain)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write(pictures: Path, name: str, look: Look) -> None:
    """Keeps what was found."""
    path = file_of(pictures, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"format": _FORMAT, **asdict(look)})
