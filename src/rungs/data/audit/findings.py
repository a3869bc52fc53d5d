"""What an audit of a data set found, as data and as a file.

FOLDER/audit/FINGERPRINT.json     of a store or an archive
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_text

# Raised when a file would mean something else. What an earlier release found stays what it found:
# `rungs audit --again` looks anew.
VERSION = 1
# An audit may come from anybody; that of a million images has some hundred thousand entries.
_MOST_BYTES = 200_000_000
# Keys of files stay as they were first written.
_IN_FILES = {"duplicates": "twins"}
_IN_MEMORY = {there: here for here, there in _IN_FILES.items()}

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, order=True)
class Place:
    """An image: its part of the data, and its index in that part, from 0.

    ``picture`` is the path of its file, or its row of a parquet file, in data of the user's own;
    otherwise empty.
    """

    split: Split
    index: int
    picture: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.split} {self.picture or self.index}"


@dataclass(frozen=True)
class Duplicate:
    """A pair: two images that show the same picture.

    Attributes:
        kind: ``exact``, every pixel is the same; ``near``, one is a changed copy of the other.
        a: the one that comes first.
        b: the other one.
        distance: 0 for the same, up to 1: one minus their likeness.
        mirrored: whether one is the mirror image of the other.
        same_label: whether they have the same label.
    """

    kind: Literal["exact", "near"]
    a: Place
    b: Place
    distance: float
    mirrored: bool
    same_label: bool


@dataclass(frozen=True)
class LabelError:
    """An image whose label is probably wrong.

    Attributes:
        split: its part of the data.
        index: in that part, from 0.
        given: name of the class that it is labelled with.
        suggested: name of the class that it probably shows.
        score: probability that the label is wrong, by what the models say.
        picture: as that of a `Place`.
    """

    split: Split
    index: int
    given: str
    suggested: str
    score: float
    picture: str = ""


@dataclass(frozen=True)
class DuplicateSearch:
    """How duplicates were told from pictures that are merely alike.

    Attributes:
        threshold: the likeness, one minus distance, from which on a pair is taken for duplicates.
        by_chance: share of the near-duplicates that are alike by chance, as pictures that are
            turned upside down tell.
    """

    threshold: float
    by_chance: float


@dataclass(frozen=True)
class LabelSearch:
    """What the list of probable label errors stands on.

    Attributes:
        accuracy: share of training and validation images whose label the out-of-fold models name.
        folds: number of models.
    """

    accuracy: float
    folds: int


@dataclass(frozen=True)
class Audit:
    """What was found in one data set with its split.

    Attributes:
        data: the data set's name.
        fingerprint: of its content and split.
        duplicates: exact ones first, then near ones by rising distance.
        upright_search: how near-duplicates that are not mirrored were told.
        mirrored_search: how near-duplicates that are mirrored were told.
        label_errors: by falling score; None where nobody looked.
        labels: what they stand on; None where nobody looked.
        balance: part -> class name -> number of images.
        unreadable: files that the reader left out, each with the reason.
        environment: versions and machine.
        seconds: what each step took on that machine.
    """

    data: str
    fingerprint: str
    duplicates: tuple[Duplicate, ...]
    upright_search: DuplicateSearch
    mirrored_search: DuplicateSearch
    balance: Mapping[str, Mapping[str, int]]
    label_errors: tuple[LabelError, ...] | None = None
    labels: LabelSearch | None = None
    unreadable: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def duplicates_between(self, one: Split, other: Split) -> tuple[Duplicate, ...]:
        """The duplicates of which one image lies in one part, and one in the other."""
        asked = {(one, other), (other, one)}
        return tuple(pair for pair in self.duplicates if (pair.a.split, pair.b.split) in asked)

    def with_duplicate_in(self, split: Split, other: Split) -> frozenset[int]:
        """Indices of the images of one part that have a duplicate in another part."""
        return frozenset(
            place.index
            for pair in self.duplicates_between(split, other)
            for place in (pair.a, pair.b)
            if place.split == split
        )

    def errors_in(self, split: Split) -> frozenset[int] | None:
        """Indices of the images of one part with a probable label error; None if not looked for."""
        if self.label_errors is None:
            return None
        return frozenset(error.index for error in self.label_errors if error.split == split)

    def with_pictures(self, names: Mapping[Split, Sequence[str]]) -> "Audit":
        """The same with the images' names, ``names[part][index]``."""

        def name(split: Split, index: int) -> str:
            # An audit may come from anybody, and name images that are not there.
            return names[split][index] if index < len(names[split]) else ""

        def placed(place: Place) -> Place:
            return replace(place, picture=name(place.split, place.index))

        return replace(
            self,
            duplicates=tuple(
                replace(pair, a=placed(pair.a), b=placed(pair.b)) for pair in self.duplicates
            ),
            label_errors=None
            if self.label_errors is None
            else tuple(
                replace(error, picture=name(error.split, error.index))
                for error in self.label_errors
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; without the paths of pictures that have none."""
        plain = asdict(self, dict_factory=_without_empty_pictures)
        plain["seconds"] = _renamed(self.seconds, _IN_FILES)
        return {"version": VERSION, **_renamed(plain, _IN_FILES)}


def _renamed(plain: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in plain.items()}


def _without_empty_pictures(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value or name != "picture"}


def from_dict(plain: Any) -> Audit:
    """The inverse of `Audit.to_dict`, of a file that anybody may have written.

    Raises:
        ValueError: it is no audit, or not of this version.
    """
    try:
        if plain["version"] != VERSION:
            raise ValueError(f"version {plain['version']!r} instead of {VERSION}")
        errors, labels = plain["label_errors"], plain["labels"]
        return Audit(
            data=str(plain["data"]),
            fingerprint=str(plain["fingerprint"]),
            duplicates=tuple(_duplicate(item) for item in plain["twins"]),
            upright_search=_search(plain["upright_search"]),
            mirrored_search=_search(plain["mirrored_search"]),
            label_errors=None if errors is None else tuple(_error(item) for item in errors),
            labels=None
            if labels is None
            else LabelSearch(float(labels["accuracy"]), int(labels["folds"])),
            balance={
                str(part): {str(name): int(count) for name, count in classes.items()}
                for part, classes in plain["balance"].items()
            },
            unreadable=tuple(str(item) for item in plain["unreadable"]),
            environment=dict(plain["environment"]),
            seconds=_renamed(
                {str(name): float(value) for name, value in plain["seconds"].items()}, _IN_MEMORY
            ),
        )
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no audit: {error!r}") from error


def _search(plain: Any) -> DuplicateSearch:
    return DuplicateSearch(float(plain["threshold"]), float(plain["by_chance"]))


def _duplicate(plain: Any) -> Duplicate:
    kind = plain["kind"]
    if kind not in ("exact", "near"):
        raise ValueError(f"no kind of duplicates: {kind!r}")
    a, b = (Place(*_split_and_index(plain[name]), _picture(plain[name])) for name in ("a", "b"))
    return Duplicate(
        kind, a, b, float(plain["distance"]), bool(plain["mirrored"]), bool(plain["same_label"])
    )


def _error(plain: Any) -> LabelError:
    names = (str(plain["given"]), str(plain["suggested"]))
    return LabelError(*_split_and_index(plain), *names, float(plain["score"]), _picture(plain))


def _picture(plain: Any) -> str:
    name = plain.get("picture", "")
    # It is shown as it is, and an audit may come from anybody.
    return name if isinstance(name, str) and name.isprintable() else ""


def _split_and_index(plain: Any) -> tuple[Split, int]:
    split, index = plain["split"], plain["index"]
    if split not in SPLITS or not isinstance(index, int) or index < 0:
        raise ValueError(f"no image of the data: {split!r}, {index!r}")
    return split, index


def audit_path(folder: Path, fingerprint: str) -> Path:
    """Where the audit of a data set lies in a store or an archive."""
    return folder / "audit" / f"{fingerprint}.json"


def write_audit(folder: Path, audit: Audit) -> Path:
    """Keeps an audit in a store or an archive, in the place of an older one."""
    path = audit_path(folder, audit.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without line breaks: thousands of entries, which no one reads here.
    write_text(path, json.dumps(audit.to_dict(), separators=(",", ":"), allow_nan=False) + "\n")
    return path


def read_audit(folder: Path, fingerprint: str) -> Audit | None:
    """The audit of a data set in a store or an archive; None if there is none of this version.

    Raises:
        StoreError: it is damaged, or of other data than its name says.
    """
    path = audit_path(folder, fingerprint)
    again = "; delete it, and `rungs audit` makes it again"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{path} is larger than an audit can be{again}")
        plain = read_json(path)
        if isinstance(plain, dict) and plain.get("version") != VERSION:
            return None
        audit = from_dict(plain)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}{again}") from error
    if audit.fingerprint != fingerprint:
        raise StoreError(f"{path} is the audit of other data, {audit.fingerprint}{again}")
    return audit


def copy_audit(source: Path, target: Path, fingerprint: str) -> None:
    """Takes an audit along with results, where the target has none that tells as much."""
    found = read_audit(source, fingerprint)
    if found is None:
        return
    known = read_audit(target, fingerprint)
    if known is None or (known.label_errors is None and found.label_errors is not None):
        write_audit(target, found)
