"""Answers and labels as arrays: what each of them may be, and which answers are right.

A class is a whole number from 0 up, or a text; all arrays of one question have it in one way.
Scores that are no probabilities are refused: of logits the largest is meant, of distances the
smallest, and the numbers alone do not say which they are.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted, shown
from rungs.statistics.predictions import BoolArray

T = TypeVar("T")

# How far the probabilities of one image may add up to another number than 1: rounding in float16
# moves the sum by less.
_ROUNDING = 0.01
# By so many standard errors a model must be better than one that names the commonest class.
_CLEAR = 3
# So many errors on the same images are no chance.
_ALIKE = 10
_MOST_LINES = 20  # of mistakes in one message


@dataclass(frozen=True)
class Classes:
    """A class for each image.

    Attributes:
        values: int64 or text, [N].
        known: number of classes, where probabilities have told it.
        two: whether they were truth values.
    """

    values: npt.NDArray[Any]
    known: int | None = None
    two: bool = False

    @property
    def are_text(self) -> bool:
        """Whether classes are named, not counted."""
        return self.values.dtype.kind == "U"


@dataclass(frozen=True)
class Run:
    """The answers of one trained model.

    Attributes:
        name: of its recipe.
        place: where they stand, for messages.
        answers: one for each image.
    """

    name: str
    place: str
    answers: Classes


def all_of(checks: Iterable[Callable[[], T]]) -> list[T]:
    """What each check gives.

    Raises:
        DataError: one or more have failed, with what each of them says.
    """
    done: list[T] = []
    failed: list[str] = []
    for check in checks:
        try:
            done.append(check())
        except DataError as error:
            failed.append(str(error))
    if len(failed) == 1:
        raise DataError(failed[0])
    if failed:
        rest = len(failed) - _MOST_LINES
        lines = [*failed[:_MOST_LINES], *([f"and {rest:,} more"] if rest > 0 else [])]
        raise DataError("\n  ".join([f"{len(failed):,} mistakes:", *lines]))
    return done


def labels_of(given: object, place: str) -> Classes:
    """The true classes.

    Args:
        given: whole numbers, truth values or texts, [N].
        place: for messages.

    Raises:
        DataError: anything else, or no image.
    """
    array = array_of(given, place)
    if array.ndim == 2 and array.shape[1] > 1:
        raise DataError(
            f"{place}: expected a class for each image, [N], found {shape_of(array)}; of one-hot "
            "labels give `labels.argmax(axis=1)`"
        )
    if array.ndim != 1 or not len(array):
        raise DataError(
            f"{place}: expected a class for each image, [N] with N from 1 up, found "
            f"{shape_of(array)}"
        )
    return _single(array, place, "class")


def classes_of(given: object, place: str, images: int | None = None) -> Classes:
    """The class that a model gives each image.

    Args:
        given: predicted classes [N], or probabilities [N, classes]; of equal probabilities the
            first class is taken.
        place: for messages.
        images: N, where it is known.

    Raises:
        DataError: anything else.
    """
    if given is None:
        raise DataError(
            f"{place}: expected an array, found None; leave a seed that did not finish out of the "
            "list"
        )
    array = array_of(given, place)
    many = "N" if images is None else f"{images:,}"
    form = f"expected predicted classes [{many}] or probabilities [{many}, classes]"
    if array.ndim not in (1, 2):
        raise DataError(f"{place}: {form}, found {shape_of(array)}")
    if images is not None and len(array) != images:
        turned = array.ndim == 2 and array.shape[1] == images
        hint = "; turned round, `array.T`, it would fit" if turned else ""
        raise DataError(f"{place}: {form} as there are labels, found {shape_of(array)}{hint}")
    if not len(array):
        raise DataError(f"{place}: {form}, found no image")
    return _single(array, place, "predicted class") if array.ndim == 1 else _likely(array, place)


def array_of(given: object, place: str) -> npt.NDArray[Any]:
    """What is given as an array of numpy's, texts as such.

    Raises:
        DataError: numpy cannot read it.
    """
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{place}: this cannot be read as an array: {line}; of a tensor give "
            "`tensor.detach().cpu().numpy()`"
        ) from error
    if array.dtype.kind == "O" and array.size and all(isinstance(one, str) for one in array.flat):
        return array.astype(np.str_)
    if array.dtype.kind == "T":  # numpy's texts of any length
        return array.astype(np.str_)
    return array


def shape_of(array: npt.NDArray[Any]) -> str:
    """Shape and type of an array for messages."""
    if not array.ndim:
        return f"a single {array.dtype}"
    return f"[{', '.join(f'{size:,}' for size in array.shape)}] of {array.dtype}"


def _single(array: npt.NDArray[Any], place: str, what: str) -> Classes:
    """A class for each image, from numbers or texts [N]."""
    kind = array.dtype.kind
    if kind == "U":
        return Classes(array)
    if kind == "b":
        return Classes(array.astype(np.int64), two=True)
    if kind not in "iuf":
        raise DataError(
            f"{place}: expected whole numbers or texts as classes, found {array.dtype}; give their "
            "indices or their names"
        )
    if kind == "f":
        _check(np.isfinite(array), array, place, f"expected a {what}", "mend or leave out the run")
        _check(
            array == np.floor(array),
            array,
            place,
            f"expected a {what}, a whole number",
            "of one probability an image, for two classes, give `(array > 0.5).astype(int)`",
        )
    # Compared as they are: beyond int64 a number would turn round.
    fits = (array >= 0) & (array < 2**53)
    _check(fits, array, place, f"expected a {what} from 0 up", "count classes from 0")
    return Classes(array.astype(np.int64))


def _likely(array: npt.NDArray[Any], place: str) -> Classes:
    """The most probable class of each image, from probabilities [N, classes]."""
    remedy = "of logits or other scores whose largest is meant give `scores.argmax(axis=1)`"
    if array.dtype.kind not in "iuf":
        raise DataError(f"{place}: expected probabilities, found {shape_of(array)}; {remedy}")
    classes = array.shape[1]
    if classes < 2:
        raise DataError(
            f"{place}: expected probabilities of two classes or more, found {shape_of(array)}; of "
            "one probability an image give `(array[:, 0] > 0.5).astype(int)`"
        )
    # A sum is finite where all its parts are; so is what few passes over many numbers see.
    with np.errstate(invalid="ignore", over="ignore"):
        sums = array.sum(axis=1, dtype=np.float64)
        lows = array.min(axis=1)
    wrong = ~np.isfinite(sums) | (lows < -_ROUNDING) | (np.abs(sums - 1) > _ROUNDING)
    if wrong.any():
        first = int(wrong.argmax())
        found = (
            f"{shown(float(lows[first]))} among them"
            if np.isfinite(sums[first]) and lows[first] < -_ROUNDING
            else f"a sum of {float(sums[first]):.4g}"
        )
        raise DataError(
            f"{place}: expected probabilities, each from 0 to 1 and of each image 1 together, "
            f"found {found} at image {first:,}{_others(wrong)}; {remedy}"
        )
    return Classes(array.argmax(axis=1), known=classes)


def _check(right: BoolArray, array: npt.NDArray[Any], place: str, form: str, remedy: str) -> None:
    if not right.all():
        first = int(right.argmin())
        found = array[first].item()
        raise DataError(
            f"{place}: {form}, found {shown(found)} at image {first:,}{_others(~right)}; {remedy}"
        )


def _others(wrong: BoolArray) -> str:
    """How many images are wrong beside the first."""
    rest = int(wrong.sum()) - 1
    return f" and the like at {counted(rest, 'image')} more" if rest else ""


def correct(
    runs: Sequence[Run], labels: Classes, place: str
) -> dict[str, tuple[BoolArray, tuple[str, ...]]]:
    """Which answers are right.

    Args:
        runs: of all recipes, those of one recipe in the order of their seeds.
        labels: the true classes, [N].
        place: of the labels, for messages.

    Returns:
        For each recipe, in the order of their first runs, [seeds, N], and what is odd about it.

    Raises:
        DataError: of other images, classes that cannot be those of the labels, or one model twice.
    """
    tellers = [run for run in runs if run.answers.known is not None]
    all_of(_fitting(run, labels, tellers[0] if tellers else None) for run in runs)
    if tellers:
        _check(
            labels.values < tellers[0].answers.known,
            labels.values,
            place,
            f"expected classes from 0 to {(tellers[0].answers.known or 0) - 1:,}, as "
            f"{tellers[0].place} has probabilities",
            "count classes from 0, and give the probabilities of all",
        )
    all_of(_own(run, earlier, labels) for run, earlier in _copies(runs))
    found: dict[str, list[BoolArray]] = {}
    for run in runs:
        found.setdefault(run.name, []).append(run.answers.values == labels.values)
    most = max(map(len, found.values()))
    share = float(np.unique(labels.values, return_counts=True)[1].max()) / len(labels.values)
    guessed = share + _CLEAR * math.sqrt(share * (1 - share) / len(labels.values))
    return {
        name: (np.stack(rows), (*_missing(name, len(rows), most), *_guesses(name, rows, guessed)))
        for name, rows in found.items()
    }


def _fitting(run: Run, labels: Classes, teller: Run | None) -> Callable[[], None]:
    """A check that a run's answers can be those to the images of the labels.

    Args:
        run: whose answers they are.
        labels: the true classes.
        teller: a run with probabilities, which tells how many classes there are.
    """
    values, images = run.answers.values, len(labels.values)

    def check() -> None:
        if len(values) != images:
            raise DataError(
                f"{run.place}: expected answers to {counted(images, 'image')}, as there are "
                f"labels, found {len(values):,}"
            )
        if run.answers.are_text != labels.are_text:
            kinds = ("whole numbers", "texts")
            ours, theirs = kinds[run.answers.are_text], kinds[labels.are_text]
            raise DataError(
                f"{run.place}: expected classes as the labels have them, {theirs} such as "
                f"{shown(labels.values[0].item())}, found {ours} such as "
                f"{shown(values[0].item())}; give both in one way"
            )
        if run.answers.two and not labels.two:
            raise DataError(
                f"{run.place}: expected predicted classes, found truth values; if they say whether "
                "an answer is right, give the answers themselves"
            )
        if teller is None or labels.are_text:
            return
        known = teller.answers.known
        assert known is not None
        if run.answers.known not in (None, known):
            raise DataError(
                f"{run.place}: expected probabilities of {known:,} classes, as in {teller.place}, "
                f"found {run.answers.known:,}"
            )
        _check(
            values < known,
            values,
            run.place,
            f"expected classes from 0 to {known - 1:,}, as {teller.place} has probabilities",
            "count classes from 0",
        )

    return check


def _copies(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Runs that answer all images as an earlier one of their recipe does, each with that."""
    first: dict[tuple[str, bytes], Run] = {}
    return [
        (run, earlier)
        for run in runs
        if (earlier := first.setdefault((run.name, run.answers.values.tobytes()), run)) is not run
    ]


def _own(run: Run, earlier: Run, labels: Classes) -> Callable[[], None]:
    """A check that a run's answers are those of a model of its own."""

    def check() -> None:
        # Good models of few images may well answer alike; but err alike, so often, they do not.
        if int((run.answers.values != labels.values).sum()) >= _ALIKE:
            raise DataError(
                f"{run.place}: expected a model of another seed, found the answers of "
                f"{earlier.place} to all images; give each trained model once, and let its seed "
                "decide all that is drawn in training"
            )

    return check


def _missing(name: str, seeds: int, most: int) -> tuple[str, ...]:
    return (f"{most - seeds} of {most} seeds of {name} missing",) if seeds < most else ()


def _guesses(name: str, rows: Sequence[BoolArray], guessed: float) -> tuple[str, ...]:
    """Says so where a model is not clearly better than naming the commonest class each time.

    Answers that stand in another order than the labels look like that.
    """
    count = sum(bool(row.mean() <= guessed) for row in rows)
    if not count:
        return ()
    return (
        f"{count} of {counted(len(rows), 'seed')} of {name} not clearly better than naming the "
        "commonest class: are images in the order of the labels?",
    )
