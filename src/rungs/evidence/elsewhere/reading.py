"""Files of answers: which run each answer is of, and to which image."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rungs.evidence.elsewhere.answers import Classes, classes_of, labels_of
from rungs.evidence.elsewhere.arrays import NPY_SUFFIX, NPZ_SUFFIX, array_in, arrays_in
from rungs.evidence.elsewhere.columns import Column, classes_in, column_of
from rungs.evidence.elsewhere.tables import CSV_SUFFIXES, PARQUET_SUFFIX, read_table
from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted, listed, shown

_TABLES = (*CSV_SUFFIXES, PARQUET_SUFFIX)
# Columns of a table, and arrays of an .npz file beside those of runs.
_PREDICTED, _LABEL, _IMAGE, _NAME, _SEED = "predicted", "label", "image", "name", "seed"
_LABELS, _IMAGES = "labels", "images"
_ANSWERS = ("predicted", "probabilities")
# Between a recipe's name and a seed, as in `rungs compare`.
_AT = "@"


@dataclass(frozen=True)
class Truth:
    """The true classes of images.

    Attributes:
        place: where they stand, for messages.
        labels: in the order of the file.
        images: which image each is of; None where the order tells.
    """

    place: str
    labels: Classes
    images: Column | None


@dataclass(frozen=True)
class Answered:
    """The answers of one trained model as a file has them.

    Attributes:
        name: of the recipe.
        seed: as it is written; empty where nothing tells it.
        place: where they stand, for messages.
        answers: in the order of the file.
        images: which image each is of; None where the order tells.
        labels: the true class of each; None where the file has none.
    """

    name: str
    seed: str
    place: str
    answers: Classes
    images: Column | None
    labels: Classes | None


def read_answers(path: Path) -> list[Answered]:
    """The runs whose answers a file holds.

    Raises:
        DataError: it holds none, or something else.
    """
    match path.suffix.casefold():
        case suffix if suffix in _TABLES:
            return list(_of_table(path))
        case suffix if suffix == NPZ_SUFFIX:
            return list(_of_arrays(path))
    raise DataError(
        f"{path}: expected a file of answers, {', '.join((*_TABLES, NPZ_SUFFIX))}, found the "
        f"suffix {shown(path.suffix)}; write one of these"
    )


def read_truth(path: Path) -> Truth:
    """The true classes of a file of labels.

    Raises:
        DataError: it holds none, or something else.
    """
    match path.suffix.casefold():
        case suffix if suffix in _TABLES:
            columns = read_table(path, _LABEL, (_IMAGE,))
            labels = classes_in(columns[_LABEL], str(path), _LABEL)
            return Truth(str(path), labels, columns.get(_IMAGE))
        case suffix if suffix == NPY_SUFFIX:
            return Truth(str(path), labels_of(array_in(path), str(path)), None)
        case suffix if suffix == NPZ_SUFFIX:
            arrays = {name: array for name, array in arrays_in(path) if name in (_LABELS, _IMAGES)}
            if _LABELS not in arrays:
                raise DataError(f"{path}: expected an array {_LABELS}, found none of this name")
            place = f"{path}, array {_LABELS}"
            return Truth(place, labels_of(arrays[_LABELS], place), _images(path, arrays))
    raise DataError(
        f"{path}: expected a file of labels, {', '.join((*_TABLES, NPZ_SUFFIX, NPY_SUFFIX))}, "
        f"found the suffix {shown(path.suffix)}; write one of these"
    )


def _named(path: Path) -> tuple[str, str]:
    """Recipe and seed as a file's name has them: ``NAME@SEED.csv``, or ``NAME.csv``."""
    name, _, seed = path.stem.partition(_AT)
    return name, seed


def _of_table(path: Path) -> Iterator[Answered]:
    columns = read_table(path, _PREDICTED, (_NAME, _SEED, _IMAGE, _LABEL))
    rows = len(columns[_PREDICTED].codes)
    name, seed = _named(path)
    names = columns.get(_NAME) or column_of([name] * rows)
    seeds = columns.get(_SEED) or column_of([seed] * rows)
    runs = names.codes * len(seeds.values) + seeds.codes
    order = np.argsort(runs, kind="stable")
    starts = np.flatnonzero(np.diff(runs[order], prepend=-1))
    # The runs as they come in the file: the rows of each keep their order, its first row tells.
    pieces = sorted(np.split(order, starts[1:]), key=lambda piece: int(piece[0]))
    if len(pieces) > 1 and _IMAGE not in columns:
        raise DataError(
            f"{path}: expected a column {_IMAGE} in a table of {counted(len(pieces), 'run')}, "
            "found none; say in it which image each row is of, or write a file for each run"
        )
    answers = classes_in(columns[_PREDICTED], str(path), _PREDICTED)
    labels = classes_in(columns[_LABEL], str(path), _LABEL) if _LABEL in columns else None
    for piece in pieces:
        first = int(piece[0])
        name, seed = names.values[names.codes[first]], seeds.values[seeds.codes[first]]
        yield Answered(
            name=name,
            seed=seed,
            place=f"{path}, {run_named(name, seed)}",
            answers=Classes(answers.values[piece]),
            images=columns[_IMAGE].at(piece) if _IMAGE in columns else None,
            labels=None if labels is None else Classes(labels.values[piece]),
        )


def _of_arrays(path: Path) -> Iterator[Answered]:
    beside = {}
    runs: list[tuple[str, str, str, Classes]] = []
    others = []
    for array_name, array in arrays_in(path):
        place = f"{path}, array {shown(array_name)}"
        if array_name in (_LABELS, _IMAGES):
            beside[array_name] = array
        elif array_name in _ANSWERS:
            name, seed = _named(path)
            runs.append((name, seed, place, classes_of(array, place)))
        elif (parts := parted(array_name)) is not None:
            runs.append((*parts, place, classes_of(array, place)))
        else:
            others.append(array_name)
    if others or not runs:
        found = f"others, {listed(others)}" if others else "none of these"
        raise DataError(
            f"{path}: expected arrays NAME{_AT}SEED or NAME/SEED for each run, or one of them "
            f"called {' or '.join(_ANSWERS)}, and beside them {_LABELS} and {_IMAGES} at most, "
            f"found {found}; call them so"
        )
    images = _images(path, beside)
    place = f"{path}, array {_LABELS}"
    labels = labels_of(beside[_LABELS], place) if _LABELS in beside else None
    for name, seed, place, answers in runs:
        yield Answered(name, seed, place, answers, images, labels)


def parted(array_name: str) -> tuple[str, str] | None:
    """Recipe and seed as an array's name has them, ``NAME@SEED`` or ``NAME/SEED``."""
    for separator in (_AT, "/"):
        name, found, seed = array_name.rpartition(separator)
        if found and name and seed:
            return name, seed
    return None


def _images(path: Path, arrays: dict[str, np.ndarray]) -> Column | None:
    """Which image each answer of an ``.npz`` file is to."""
    if _IMAGES not in arrays:
        return None
    array = arrays[_IMAGES]
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise DataError(
            f"{path}, array {_IMAGES}: expected whole numbers or texts that name images, [N], "
            f"found {array.ndim} dimensions of {array.dtype}; leave it out where the order tells"
        )
    return column_of([str(one) for one in array.tolist()])


def run_named(name: str, seed: str) -> str:
    """A run for messages."""
    return f"{shown(name)}, seed {shown(seed)}" if seed else shown(name)
