"""From where pictures are to what a study is made of: what is there, and which is for what."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock

from rungs.data.pictures import cache, looks
from rungs.data.pictures.describing import Survey
from rungs.data.pictures.folders import folder_source
from rungs.data.pictures.parquet import parquet_files, parquet_source
from rungs.data.pictures.source import ARRAYS, LeftOut, Source, natural_order, printable
from rungs.data.pictures.spelling import spelling_notes
from rungs.data.pictures.splitting import Cuts, split
from rungs.data.pictures.tables import (
    TABLE_SUFFIXES,
    part_tables,
    table_source,
    tables_source,
)
from rungs.data.pictures_spec import FolderSpec, PicturesSpec
from rungs.data.spec import PARTS, Part
from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted, did_you_mean, shown


def place_of(spec: FolderSpec, beside: Path) -> Path:
    """Where the pictures are, absolute; a relative path counts from ``beside``."""
    return (beside / Path(spec.path).expanduser()).absolute()


def find_source(place: Path, spec: FolderSpec) -> Source:
    """The pictures of a place, before any is read; ``DataError`` if there are none."""
    suffix = place.suffix.casefold()
    if place.is_file() and suffix in TABLE_SUFFIXES:
        return table_source(place, spec)
    if place.is_file() and suffix == ARRAYS:
        from rungs.data.pictures.arrays import array_source  # numpy: not for folders

        return array_source(place)
    if place.is_file() and suffix != ".parquet":
        raise DataError(
            f"{place}: expected a folder, a CSV, a parquet or an {ARRAYS} file, found another file"
        )
    if place.is_file() or (place.is_dir() and parquet_files(place)):
        return parquet_source(place, spec)
    if not place.is_dir():
        raise DataError(f"{place}: there is no such folder or file; expected pictures")
    try:
        return folder_source(place, spec.layout)
    except DataError:
        tables = part_tables(place, spec) if spec.layout is None else []
        if not tables:
            raise
    return tables_source(place, tables, spec)


def resolve(
    spec: FolderSpec,
    beside: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    cache_dir: Path | None = None,
    title: str | None = None,
) -> Survey:
    """Looks at a place, reads its pictures if that was not done before, and splits them.

    Whether a file is another than before is told by its size and its time of change. Where the
    place is not there at present, what was found last holds.

    Args:
        spec: where and how to look.
        beside: from where a relative path counts.
        say: receives lines for the user; nothing is said of what is known already.
        cache_dir: keeps what was read; the user's cache if None.
        title: of the pictures, for people; the name of the place if None.

    Raises:
        DataError: there are no pictures, classes have too few, or the cache cannot be written.
    """
    place = place_of(spec, beside)
    pictures = cache.pictures_folder(cache_dir)
    name = looks.name_of(place, _reading(spec))
    with cache.writing(pictures):
        survey = _survey(spec, place, pictures, name, say)
    if title is None:
        return survey
    return replace(survey, spec=survey.spec.model_copy(update={"title": title}))


def names_of(survey: Survey, cache_dir: Path | None = None) -> dict[Part, tuple[str, ...]]:
    """The names of each part's pictures, in the order in which `rungs.data.loading.load` has them.

    ``DataError`` if they are no longer in the cache.
    """
    spec = survey.spec
    index = _index(cache.pictures_folder(cache_dir), spec.content)
    parts = split(index.members, Cuts(spec.cut_validation, spec.cut_test, spec.seed))
    return {
        part: tuple(survey.names[position] for position in positions)
        for part, positions in parts.items()
    }


def _reading(spec: FolderSpec) -> dict[str, Any]:
    """What decides how pictures are read; younger keys only where they are set.

    So what was found before there were such keys is found again.
    """
    fields = FolderSpec.model_fields
    young = {name for name in _YOUNG_FIELDS if getattr(spec, name) == fields[name].default}
    return spec.model_dump(mode="json", exclude={*_SPLIT_FIELDS, *young})


_YOUNG_FIELDS = ("layout", "class_order", "bits", "ground")
# What changes neither which pictures are read nor what is made of them.
_SPLIT_FIELDS = ("validation", "test", "seed")


def _survey(
    spec: FolderSpec, place: Path, pictures: Path, name: str, say: Callable[[str], None]
) -> Survey:
    look = looks.read(pictures, name)
    passed_over: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = (
        f"warning: {place} is not there any more; these are its pictures as they were read last, "
        "which only the cache still has",
    )
    if look is None or place.exists():
        source = find_source(place, spec)
        passed_over = (*source.left_out, *_by_wish(source, spec))
        notes = (*source.notes, *_odd(source, spec))
        if look is None or not _holds(look, source, pictures):
            look = _look_again(source, spec, place, pictures, name, say)
    cuts = Cuts(
        validation=0.0 if "validation" in look.parts else spec.validation,
        test=0.0 if "test" in look.parts else spec.test,
        seed=spec.seed,
    )
    sizes, counts = look.splits.get(repr(cuts)), look.counts.get(repr(cuts))
    if sizes is None or counts is None:
        sizes, counts = _sizes(look, cuts, pictures)
        look = replace(
            look,
            splits={**look.splits, repr(cuts): sizes},
            counts={**look.counts, repr(cuts): counts},
        )
        looks.write(pictures, name, look)
    found = PicturesSpec(
        size=spec.size,
        channels=spec.channels,
        fit=spec.fit,
        seed=spec.seed,
        title=printable(place.name) or "pictures",
        content=look.content,
        classes=len(look.pictures),
        train=sizes["train"],
        validation=sizes["validation"],
        test=sizes["test"],
        cut_validation=cuts.validation,
        cut_test=cuts.test,
        bits=spec.bits,
        ground=spec.ground,
    )
    left_out = sorted((*passed_over, *look.refused), key=lambda one: (natural_order(one.name), one))
    return Survey(
        spec=found,
        place=place,
        kind=look.kind,
        parts=look.parts,
        pictures=look.pictures,
        names=look.names,
        left_out=tuple(left_out),
        notes=(*notes, *look.notes),
        counts=counts,
        largest=look.largest,
    )


def _by_wish(source: Source, spec: FolderSpec) -> list[LeftOut]:
    """The classes that are there and that the study leaves out."""
    return [
        LeftOut(label, f"{counted(source.labels[label], 'picture')} of a class in leave_out")
        for label in dict.fromkeys(spec.leave_out)
        if label in source.labels
    ]


def _odd(source: Source, spec: FolderSpec) -> tuple[str, ...]:
    """What looks like a slip in the names of classes."""
    used = {label: count for label, count in source.labels.items() if label not in spec.leave_out}
    strange = [label for label in spec.leave_out if label not in source.labels]
    return (
        *spelling_notes(used),
        *(
            f"warning: leave_out names {shown(label)}, and there is no such class"
            + did_you_mean(label, source.labels)
            for label in strange
        ),
    )


def _holds(look: looks.Look, source: Source, pictures: Path) -> bool:
    """Whether nothing changed since the look, and what was read is still there."""
    there = (pictures / look.content / "index.json").exists()
    return there and look.signature == source.signature


def _look_again(
    source: Source,
    spec: FolderSpec,
    place: Path,
    pictures: Path,
    name: str,
    say: Callable[[str], None],
) -> looks.Look:
    # Numpy and Pillow take their time: only where there is something to read.
    from rungs.data.pictures.building import build

    lock = looks.file_of(pictures, name).with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(lock):
        before = looks.read(pictures, name)
        if before is not None and _holds(before, source, pictures):
            return before  # another process was quicker
        look = build(source, spec, place, pictures, say)
        looks.write(pictures, name, look)
        # A training may be under way on what the files were before.
        cache.sweep(pictures, held=looks.contents(pictures))
    return look


def _sizes(
    look: looks.Look, cuts: Cuts, pictures: Path
) -> tuple[dict[Part, int], dict[str, list[int]]]:
    """Images of each part, and of each class in each of the parts."""
    index = _index(pictures, look.content)
    parts = split(index.members, cuts)
    counts = {label: [0] * len(PARTS) for label in index.class_names}
    for number, part in enumerate(PARTS):
        for position in parts[part]:
            counts[index.class_names[index.members[position].label]][number] += 1
    return {part: len(members) for part, members in parts.items()}, counts


def _index(pictures: Path, content: str) -> cache.Index:
    index = cache.read_index(pictures, content)
    if index is None:
        cache.remove(pictures, content)
        raise DataError(
            f"{pictures / content}: what was kept of these pictures was damaged and is "
            "removed; the same command reads them again"
        )
    return index
