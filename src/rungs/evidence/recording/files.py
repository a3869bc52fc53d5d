"""Files that a training elsewhere left: which run each is of, and what of the run it holds.

A file's own name says what it holds: ``validation`` and ``test`` are answers in the forms that
`rungs judge` reads, ``summary`` (timm), ``metrics`` (Lightning) and ``curve`` a table of epochs,
``environment`` where it was trained. Which run it is of, ``NAME@SEED``, stands before that in the
file's name, or is the name of a folder above it, or is told by what is in it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rungs.evidence.elsewhere.answers import all_of, labels_of
from rungs.evidence.elsewhere.arrays import NPZ_SUFFIX, arrays_in
from rungs.evidence.elsewhere.columns import Column
from rungs.evidence.elsewhere.reading import parted, read_answers
from rungs.evidence.elsewhere.tables import CSV_SUFFIXES, PARQUET_SUFFIX
from rungs.evidence.recording.recording import Given
from rungs.foundation.errors import DataError
from rungs.foundation.reading import read_whole
from rungs.foundation.wording import counted, shown
from rungs.statistics.predictions import Labels
from rungs.store import PARTS

_TABLES = (*CSV_SUFFIXES, PARQUET_SUFFIX, NPZ_SUFFIX)
_CURVES = ("summary", "metrics", "curve")
_ENVIRONMENT = "environment"
_NAME = re.compile(
    rf"(?:(?P<run>.+?)[._-])?(?P<what>{'|'.join((*PARTS, *_CURVES, _ENVIRONMENT))})", re.IGNORECASE
)
_AT = "@"
# Other folders may have the sign in their name too.
_FOLDER = re.compile(r"(?P<rung>.+)@(?P<seed>\d{1,6})")
_LABELS, _IMAGES = "labels", "images"
_ONE = ("predicted", "probabilities")
_MOST_FILES = 10_000
_MOST_JSON_BYTES = 100_000
_FORMS = (
    "a run's files are NAME@SEED/validation.npz, NAME@SEED/test.npz and, where there is a curve, "
    "NAME@SEED/summary.csv or metrics.csv"
)


@dataclass
class _Run:
    """What was found of one run so far."""

    rung: str
    seed: int
    answers: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    labels: dict[str, object] = field(default_factory=dict)
    curve: Path | None = None
    environment: dict[str, object] | None = None


def runs_in(
    paths: Iterable[Path], labels: Mapping[str, Labels | None] | None = None
) -> tuple[Given, ...]:
    """The runs that files hold.

    Args:
        paths: files, or folders with such files at any depth; what else is in a folder is passed
            over.
        labels: part -> the study's labels, as far as they are at hand. Labels that stand beside
            answers must be these: they tell whether images are in the study's order.

    Raises:
        DataError: there is nothing, or something that cannot be told apart or does not fit.
    """
    runs: dict[tuple[str, int], _Run] = {}
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise DataError(f"expected files of runs, found none; {_FORMS}")
    all_of(_reader(file, runs) for file in files)
    all_of(_checked(run, part, labels or {}) for run in runs.values() for part in run.labels)
    return tuple(
        Given(
            rung=run.rung,
            seed=run.seed,
            answers=run.answers,
            places=run.places,
            curve=run.curve,
            environment=run.environment,
        )
        for run in runs.values()
    )


def _files(path: Path) -> list[Path]:
    """The file itself, or those of a folder that are any of ours."""
    if not path.is_dir():
        return [path]
    found = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_ours(file)]
    if len(found) > _MOST_FILES:
        raise DataError(f"{path}: {len(found):,} files, expected at most {_MOST_FILES:,}")
    return found


def _is_ours(path: Path) -> bool:
    named = _NAME.fullmatch(path.stem) is not None
    return (named or _AT in path.stem) and path.suffix.casefold() in (*_TABLES, ".json")


def _reader(path: Path, runs: dict[tuple[str, int], _Run]) -> Any:
    def read() -> None:
        match = _NAME.fullmatch(path.stem)
        what = match["what"].casefold() if match else ""
        run = _run_of(path, match["run"] if match else path.stem)
        if what in _CURVES:
            one = _needed(path, run, runs)
            if one.curve is not None:
                raise DataError(f"{path}: expected one curve of a run, found {one.curve} too")
            one.curve = path
        elif what == _ENVIRONMENT:
            _needed(path, run, runs).environment = _environment(path)
        elif path.suffix.casefold() == NPZ_SUFFIX:
            _arrays(path, what, run, runs)
        elif what:
            _table(path, what, run, runs)
        else:
            raise DataError(
                f"{path}: the file's name tells neither validation nor test, nor a curve; {_FORMS}"
            )

    return read


def _run_of(path: Path, text: str | None) -> tuple[str, str] | None:
    """Rung and seed by the names of a file and of the folders above it; None if none tells."""
    if text and _AT in text:
        return parted(text)
    folders = (_FOLDER.fullmatch(parent.name) for parent in path.absolute().parents)
    return next(((found["rung"], found["seed"]) for found in folders if found), None)


def _needed(path: Path, run: tuple[str, str] | None, runs: dict[tuple[str, int], _Run]) -> _Run:
    """The run that a file is of.

    Raises:
        DataError: nothing tells it, or its seed is no number.
    """
    if run is None:
        raise DataError(
            f"{path}: expected the run that this is of in a name, as in NAME@SEED/{path.name}, "
            "found none"
        )
    rung, seed = run
    if not re.fullmatch(r"\d{1,6}", seed):
        raise DataError(f"{path}: expected a number as seed of {shown(rung)}, found {shown(seed)}")
    return runs.setdefault((rung, int(seed)), _Run(rung, int(seed)))


def _enter(one: _Run, part: str, place: str, answers: object) -> None:
    if part in one.answers:
        raise DataError(
            f"{place}: expected the answers on {part} of {shown(one.rung)}, seed {one.seed}, once, "
            f"found them in {one.places[part]} too"
        )
    one.answers[part], one.places[part] = answers, place


def _table(
    path: Path, part: str, run: tuple[str, str] | None, runs: dict[tuple[str, int], _Run]
) -> None:
    """Answers of one run or several, a row each."""
    for found in read_answers(path):
        # Without columns that tell it, the reader takes the file's name for the run's.
        by_name = found.name == path.stem.partition(_AT)[0]
        named = run if by_name else (found.name, found.seed)
        one = _needed(path, named, runs)
        order = _order(found.images, found.place)
        _enter(one, part, found.place, found.answers.values[order])
        if found.labels is not None:
            one.labels[part] = found.labels.values[order]


def _arrays(
    path: Path, part: str, run: tuple[str, str] | None, runs: dict[tuple[str, int], _Run]
) -> None:
    """Answers in arrays of one run or several, or of both parts of one run."""
    arrays = dict(arrays_in(path))
    beside = {name: arrays.pop(name) for name in (_LABELS, _IMAGES) if name in arrays}
    if not arrays:
        raise DataError(f"{path}: expected arrays of answers, found none")
    for name, array in arrays.items():
        place = f"{path}, array {shown(name)}"
        if not part and name in PARTS:
            _enter(_needed(path, run, runs), name, place, array)
            continue
        if not part:
            raise DataError(
                f"{place}: nothing tells whether this is of validation or test; {_FORMS}, or "
                "NAME@SEED.npz with arrays validation and test"
            )
        one = _needed(path, run if name in _ONE else parted(name) or run, runs)
        order = _order(_column(beside.get(_IMAGES)), place)
        if array.ndim and len(array) and isinstance(order, np.ndarray):
            if len(array) != len(order):
                raise DataError(
                    f"{place}: expected an answer for each of {counted(len(order), 'image')} of "
                    f"the array {_IMAGES}, found {len(array):,}"
                )
            array = array[order]
        _enter(one, part, place, array)
        if _LABELS in beside:
            given = labels_of(beside[_LABELS], f"{path}, array {_LABELS}").values
            one.labels[part] = given[order] if len(given) == len(array) else given


def _column(images: np.ndarray | None) -> Column | None:
    if images is None:
        return None
    texts = [str(one) for one in images.tolist()]
    known = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    return Column(tuple(known), np.array([known[text] for text in texts], dtype=np.int64))


def _order(images: Column | None, place: str) -> Any:
    """By what rows are brought into the order of images: those are numbered from 0 in their part.

    Raises:
        DataError: they are named otherwise, or one is there twice or not at all.
    """
    if images is None:
        return slice(None)
    if not all(re.fullmatch(r"\d{1,9}", text) for text in images.values):
        strange = next(t for t in images.values if not re.fullmatch(r"\d{1,9}", t))
        raise DataError(
            f"{place}: expected as image its number in the study's part, from 0, found "
            f"{shown(strange)}; leave images out where answers stand in this order"
        )
    numbers = np.array([int(text) for text in images.values], dtype=np.int64)[images.codes]
    order = np.argsort(numbers, kind="stable")
    if not np.array_equal(numbers[order], np.arange(len(numbers))):
        raise DataError(
            f"{place}: expected each image from 0 to {len(numbers) - 1:,} once, found others"
        )
    return order


def _environment(path: Path) -> dict[str, object]:
    try:
        found = json.loads(bytes(read_whole(path, _MOST_JSON_BYTES)).decode())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, {{name: text or number}}: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a JSON object, {{name: text or number}}")
    return {str(name): value for name, value in found.items()}


def _checked(run: _Run, part: str, known: Mapping[str, Labels | None]) -> Any:
    """A check that labels beside answers are the study's, in its order."""

    def check() -> None:
        labels = known.get(part)
        if labels is None:
            return
        theirs: Any = run.labels[part]
        ours: Any = labels.labels
        if theirs.dtype.kind == "U":
            ours = np.array(labels.class_names)[ours]
        place = run.places[part]
        if len(theirs) != len(ours):
            raise DataError(
                f"{place}: expected labels of the study's {counted(len(ours), 'image')} of {part}, "
                f"found {len(theirs):,}"
            )
        if (other := np.flatnonzero(theirs != ours)).size:
            raise DataError(
                f"{place}: expected the labels of the study's images of {part}, found another at "
                f"image {int(other[0]):,}{_more(other)}; see that images are in the study's order"
            )

    return check


def _more(other: Sequence[int] | np.ndarray) -> str:
    return f" and {len(other) - 1:,} more" if len(other) > 1 else ""
