"""What the folders above pictures stand for: classes, parts of the set, or neither."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rungs.data.pictures.source import part_named, printable
from rungs.data.pictures_spec import Layout
from rungs.data.spec import Part
from rungs.foundation.wording import listed

# Words that names of parts are made longer by: ``training_set``, ``test images``.
_BESIDES = r"(?:set|sets|data|dataset|images?|imgs?|pictures?|photos?|folder|dir)"
# Folders that cut one set into pieces of all its classes.
_PIECE = re.compile(r"(?:k?folds?|cv|splits?|shards?|chunks?|batch|pieces?|subsets?)[ _.-]*\d+")
# How to have a folder's first folders for classes, whatever they look like.
AS_CLASSES = (
    '`--layout class` of `rungs init`, or layout = "class" in [data], takes all first folders for '
    "classes"
)
_NUMBERED = re.compile(r"([^\W\d]*)[ _.-]*\d+")


@dataclass
class Top:
    """A folder at the top.

    Attributes:
        name: of the folder.
        inner: names of the folders in it that hold pictures, however deep.
        flat: whether it holds pictures itself.
        inside: the same of each folder in it.
        around: how many folders of one, such as ``train/train``, are passed through first.
    """

    name: str
    inner: set[str] = field(default_factory=set)
    flat: bool = False
    inside: dict[str, "Top"] = field(default_factory=dict)
    around: int = 0

    def add(self, folders: Sequence[str]) -> None:
        """Notes a picture in these folders below this one."""
        if not folders:
            self.flat = True
            return
        self.inner.add(folders[0])
        self.inside.setdefault(folders[0], Top(folders[0])).add(folders[1:])


@dataclass(frozen=True)
class Reading:
    """What the first folders are.

    Attributes:
        layout: what the first and the second folder of a picture stand for.
        parts: of the folders that stand for them, by name; of the first or the second.
        around: per first folder: how many folders in it are passed through.
        note: for people, where names alone did not say it; empty otherwise.
    """

    layout: Layout
    parts: Mapping[str, Part]
    around: Mapping[str, int]
    note: str = ""


@dataclass(frozen=True)
class Doubt:
    """Several readings fit.

    Attributes:
        said: which they are, and how one of them is picked; one sentence.
    """

    said: str


def _between(why: str, plain: Iterable[str], layout: Layout, names: Iterable[str]) -> Doubt:
    """Whether the classes are the first folders, ``plain``, or by a layout those of other names."""
    ours, theirs = (listed([printable(name) for name in each]) for each in (plain, names))
    return Doubt(
        f"{why}: are the classes {ours}, or {theirs}? `--layout class` of `rungs init`, or "
        f'layout = "class" in [data], reads the former, "{layout}" the latter'
    )


def part_meant(name: str) -> Part | None:
    """The part that a folder's name speaks of, also among other words: ``seg_train``, ``valset``.

    None where it speaks of none, or of several.
    """
    found = set(map(_part_of, _words(name))) - {None}
    return found.pop() if len(found) == 1 else None


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.casefold())


def _part_of(word: str) -> Part | None:
    """Also of ``trainset``."""
    return part_named(word) or part_named(re.sub(rf"{_BESIDES}$", "", word))


def tops_of(pictures: Iterable[Sequence[str]]) -> dict[str, Top]:
    """The folders at the top, by name, from the folders of each picture."""
    root = Top("")
    for folders in pictures:
        root.add(folders)
    return dict(sorted(root.inside.items()))


def read_folders(tops: Mapping[str, Top], layout: Layout | None) -> Reading | Doubt:
    """What the folders at the top stand for.

    A folder that is a part's is never taken for a class, unless that is asked for.

    Args:
        tops: see `tops_of`.
        layout: what they stand for, if that is said.
    """
    if layout is not None:
        return _as_told(tops, layout)
    meant = {name: part for name in tops if (part := part_meant(name)) is not None}
    trains = [tops[name] for name, part in meant.items() if part == "train" and tops[name].inner]
    if any(part_named(top.name) == "train" for top in trains):
        return _parted(tops, meant)
    return (
        _loosely_parted(tops, meant, trains)
        or _class_first(tops)
        or _alike(tops)
        or _bare_parts(tops)
        or Reading("class", {}, {})
    )


def _as_told(tops: Mapping[str, Top], layout: Layout) -> Reading:
    match layout:
        case "part/class":
            return _parted(tops, _parts(tops))
        case "class/part":
            return Reading(layout, _parts(name for top in tops.values() for name in top.inner), {})
        case _:
            return Reading(layout, {}, {})


def _parts(names: Iterable[str]) -> dict[str, Part]:
    return {name: part for name in sorted(set(names)) if (part := part_meant(name)) is not None}


# --- parts first ---------------------------------------------------------------------------------


def _parted(tops: Mapping[str, Top], meant: Mapping[str, Part]) -> Reading:
    """Folders of parts that hold those of classes."""
    train: set[str] = set()
    around = {}
    for name in sorted(meant, key=lambda name: meant[name] != "train"):
        around[name], inner = _passed_through(tops[name], train)
        if meant[name] == "train":
            train |= inner
    odd = {name: part for name, part in meant.items() if part_named(name) is None}
    note = ""
    if odd:
        said = ", ".join(f"{printable(name)} as {part}" for name, part in odd.items())
        note = f"folders that are parts: {said}"
    return Reading("part/class", meant, around, note)


def _passed_through(top: Top, known: set[str]) -> tuple[int, set[str]]:
    """How many folders around all classes of a part there are, and the classes.

    Args:
        top: the part.
        known: classes of the training part, which are no such folders.
    """
    depth = 0
    while len(top.inner) == 1 and not top.flat:
        (only,) = top.inside.values()
        again = only.name.casefold() == top.name.casefold()
        if only.name in known or not (again or (not only.flat and len(only.inner) > 1)):
            break
        top, depth = only, depth + 1
    return depth, top.inner


def _loosely_parted(
    tops: Mapping[str, Top], meant: Mapping[str, Part], trains: Sequence[Top]
) -> Reading | Doubt | None:
    """Parts by names such as ``training_set``, if what is in them says so too."""
    if not meant or not any(part == "train" for part in meant.values()):
        return None
    others = [tops[name] for name, part in meant.items() if part != "train"]
    inner: set[str] = set()
    for top in trains:
        inner |= _passed_through(top, set())[1]
    if len(inner) < 2:
        return None
    found = {top.name: _passed_through(top, inner)[1] for top in tops.values()}
    strangers = [name for name in tops if name not in meant and found[name] & inner]
    fits = all(found[top.name] & inner or not found[top.name] for top in others)
    if others and fits and not strangers and not any(top.flat for top in trains):
        return _parted(tops, meant)
    if any(top.flat for top in trains) and not any(found[top.name] & inner for top in others):
        return None
    return _between(f"{_named(meant)} could be parts", tops, "part/class", sorted(inner))


def _bare_parts(tops: Mapping[str, Top]) -> Doubt | None:
    """Folders with names such as ``train_images`` that hold pictures and no classes."""
    bare = [name for name in tops if _speaks_only_of_parts(name)]
    # ``my_train`` and ``my_test``, but not ``train_station`` and ``test_tube``.
    rests = {frozenset(_rest(name)) for name in tops}
    every = len(tops) > 1 and len(rests) == 1 and all(map(part_meant, tops))
    if not bare and not every:
        return None
    return Doubt(
        f"found folders that are named like parts of a set and hold no folders of classes "
        f"({_named(bare or tops)}): name the table that has the labels, if there is one, or move "
        f"them elsewhere; {AS_CLASSES}"
    )


def _speaks_only_of_parts(name: str) -> bool:
    """Whether a name says that it is a part and nothing else, in more than the one word."""
    if part_named(name) is not None or part_meant(name) is None:
        return False
    return not _rest(name)


def _rest(name: str) -> list[str]:
    """The words of a name that speak neither of parts nor of pictures."""
    return [
        word for word in _words(name) if not re.fullmatch(_BESIDES, word) and not _part_of(word)
    ]


def _named(names: Iterable[str]) -> str:
    return listed([printable(name) for name in names])


# --- classes first -------------------------------------------------------------------------------


def _class_first(tops: Mapping[str, Top]) -> Reading | Doubt | None:
    """Folders of classes that hold those of parts, such as ``cat/train`` and ``cat/val``."""
    cut = [top for top in tops.values() if _is_cut(top)]
    if not cut:
        return None
    parts = _parts(name for top in tops.values() for name in top.inner)
    whole = all(not top.flat and top.inner <= parts.keys() for top in tops.values())
    deeper = [inside.inner for top in tops.values() for inside in top.inside.values()]
    shared = set.intersection(*deeper)
    if whole and len(shared) < 2 and not all(_PIECE.fullmatch(name.casefold()) for name in tops):
        said = ", ".join(
            printable(name) if part_named(name) else f"{printable(name)} as {part}"
            for name, part in parts.items()
        )
        return Reading("class/part", parts, {}, f"each class has folders for parts: {said}")
    if whole:  # a whole set, parts and all, in each
        return Doubt(
            f"each of {_named(tops)} holds parts, and these folders of the same names: name one of "
            "them in place of the folder around them; `--layout class/part` of `rungs init`, or "
            f'layout = "class/part" in [data], takes {_named(tops)} for the classes'
        )
    return _between(
        f"{_named(top.name for top in cut)} hold folders that are named like parts, others not",
        tops,
        "class/part",
        (top.name for top in cut),
    )


def _is_cut(top: Top) -> bool:
    """Whether a folder holds one for training and one for another part."""
    found = set(_parts(top.inner).values())
    return not top.flat and "train" in found and len(found) > 1


def _alike(tops: Mapping[str, Top]) -> Reading | Doubt | None:
    """Folders that all hold folders of the same names: either the ones are the classes or these."""
    deep = {name: top for name, top in tops.items() if not top.flat}
    if len(deep) < 2:
        return None
    shared = set.intersection(*(top.inner for top in deep.values()))
    every = set.union(*(top.inner for top in deep.values()))
    if len(shared) < 2 or 2 * len(shared) < len(every):
        return None
    if len(deep) == len(tops) and all(_PIECE.fullmatch(name.casefold()) for name in tops):
        note = f"{_named(tops)} are pieces of the set, not classes: each holds the same folders"
        return Reading("group/class", {}, {}, note)
    if _are_numbered(every) and not _are_numbered(tops):
        return None  # sessions, say, of each class
    why = f"all of {_named(deep)} hold folders of the same names"
    return _between(why, tops, "group/class", sorted(every))


def _are_numbered(names: Iterable[str]) -> bool:
    """Whether names are one word with a number each: ``session 1``, ``session 2``."""
    found = [_NUMBERED.fullmatch(name.casefold()) for name in names]
    return all(found) and len({one.group(1) for one in found if one} - {""}) == 1
