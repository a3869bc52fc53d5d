"""Which of the pictures that could be read are used, and in which order."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rungs.data.pictures.source import LeftOut
from rungs.data.pictures.spelling import twin_of
from rungs.data.spec import Part
from rungs.foundation.errors import ClassesError, DataError
from rungs.foundation.limits import MAX_CLASSES, MAX_TEXT
from rungs.foundation.wording import counted, shown

_MOST_NAMED = 20
_FEWEST_CLASSES = 2


class Refused(NamedTuple):
    """A picture of a class that is not used."""

    label: str
    left_out: LeftOut


class Read(NamedTuple):
    """A picture that could be read.

    Attributes:
        name: for people.
        label: name of its class.
        part: that its source puts it into; None if it says nothing.
        row: where its pixels are in the file of all pixels.
        file_digest: of the bytes of its file, 32 hex digits.
        pixel_digest: of its pixels.
        empty: why it is of one colour, as far as that is known; None where it is not.
    """

    name: str
    label: str
    part: Part | None
    row: int
    file_digest: str
    pixel_digest: str
    empty: str | None = None


class Used(NamedTuple):
    """A picture that is used.

    Attributes:
        read: the picture.
        group: the same for equal pictures, 32 hex digits.
    """

    read: Read
    group: str


def sift(pictures: Iterable[Read]) -> tuple[list[Used], list[Refused]]:
    """Pictures that are used, in an order that no file name changes, and those that are not.

    The order is as good as one by chance: the first pictures are a sample of all classes.

    A picture that is for test is neither validated nor trained on, one for validation not trained
    on. Where equal pictures are said to be of several classes, none of them is used.
    """
    equal: dict[str, list[Read]] = {}
    for picture in pictures:
        equal.setdefault(picture.pixel_digest, []).append(picture)
    used: list[Used] = []
    refused: list[Refused] = []
    for same in equal.values():
        group = min(picture.file_digest for picture in same)
        side = max(map(_side, same))
        kept = [picture for picture in same if _side(picture) == side]
        for picture in same:
            if _side(picture) != side:
                reason = f"{_same_as(kept[0], picture)}, which is for {kept[0].part}"
                refused.append(Refused(picture.label, LeftOut(picture.name, reason)))
        other = {picture.label: picture for picture in reversed(kept)}
        if len(other) > 1:
            for picture in kept:
                contradicting = next(one for label, one in other.items() if label != picture.label)
                reason = f"{_same_as(contradicting, picture)}, of another class"
                refused.append(Refused(picture.label, LeftOut(picture.name, reason)))
        else:
            used += [Used(picture, group) for picture in kept]
    used.sort(key=lambda one: (one.read.file_digest, one.read.part or ""))
    return used, refused


def _same_as(other: Read, picture: Read) -> str:
    """That a picture is the same as another; no label is to blame where nothing is on them."""
    name = "one" if other.name == picture.name else other.name
    if picture.empty is None:
        return f"the same picture as {name}"
    cause = f" ({picture.empty})" if picture.empty else ""
    return f"all of one colour{cause}, as is {name}"


def _side(picture: Read) -> int:
    return {"test": 2, "validation": 1}.get(picture.part or "", 0)


def parts_of(used: Sequence[Used]) -> frozenset[Part]:
    """Parts that the source tells apart."""
    return frozenset(one.read.part for one in used if one.read.part is not None)


def check_classes(
    used: Sequence[Used], refused: Sequence[Refused], labels: Sequence[str], place: str
) -> None:
    """Looks for classes that could not be trained and measured.

    Args:
        used: all pictures that are used.
        refused: those that are not.
        labels: names of all classes, also of those without such.
        place: where they are, for messages.

    Raises:
        ClassesError: classes with too few pictures, all of them.
        DataError: the number of classes is none that can be trained.
    """
    for label in labels:
        if len(label) > MAX_TEXT:
            raise DataError(
                f"{place}: a class {shown(label)}; expected names of at most "
                f"{MAX_TEXT:,} characters"
            )
    lacking = dict(_lacking(used, refused, labels))
    if lacking:
        count = "1 class has" if len(lacking) == 1 else f"{len(lacking):,} classes have"
        lines = [f"  {label}: {problem}" for label, problem in [*lacking.items()][:_MOST_NAMED]]
        if len(lacking) > _MOST_NAMED:
            lines.append(f"  and {len(lacking) - _MOST_NAMED:,} more")
        names = ", ".join(json.dumps(label, ensure_ascii=False) for label in lacking)
        advice = "add pictures; two classes are the least that can be told apart"
        if len(labels) - len(lacking) >= _FEWEST_CLASSES:
            advice = f"add pictures, or do without: leave_out = [{names}] in [data]"
        raise ClassesError(
            f"{place}: {count} too few pictures:\n" + "\n".join([*lines, advice]), lacking
        )
    if not 2 <= len(labels) <= MAX_CLASSES:
        found = f"found {len(labels):,}" + (f" ({labels[0]})" if len(labels) == 1 else "")
        raise DataError(f"{place}: expected 2 to {MAX_CLASSES:,} classes with pictures, {found}")


def _lacking(
    used: Sequence[Used], refused: Sequence[Refused], labels: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Classes with what is wrong with them."""
    left_out: dict[str, list[LeftOut]] = {}
    for one in refused:
        left_out.setdefault(one.label, []).append(one.left_out)

    def files(label: str) -> str:
        if not (found := left_out.get(label)):
            return ""
        return f"; {counted(len(found), 'file')} left out, such as {found[0].name}: " + (
            found[0].reason
        )

    def spelled(label: str) -> str:
        twin = twin_of(label, labels)
        return "" if twin is None else f"; is {shown(twin)} meant?"

    cut = {"validation", "test"} - parts_of(used)
    groups: dict[str, set[str]] = {label: set() for label in labels}
    elsewhere: Counter[str] = Counter()
    for read, group in used:
        if _side(read):
            elsewhere[read.label] += 1
        else:
            groups[read.label].add(group)
    for label in labels:
        found = len(groups[label])
        if not found and elsewhere[label]:
            yield (
                label,
                f"none to train on, but {elsewhere[label]:,} for validation or test"
                + spelled(label)
                + files(label),
            )
        elif found < 1 + len(cut):
            parts = " and ".join(["training", *sorted(cut)])
            yield (
                label,
                f"{found} of at least {1 + len(cut)} different ones, for {parts}" + files(label),
            )


def content_digest(used: Sequence[Used], settings: object) -> str:
    """Stands for the files that are used, their labels and parts, and the settings; 32 hex digits.

    Neither names of files nor the place where they are enter it.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for picture, group in used:
        facts = [picture.label, picture.part, picture.file_digest, group]
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()[:32]
