"""What a model that was trained elsewhere answered for one part of a study's images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rungs.data.spec import DataSpec
from rungs.evidence.elsewhere.answers import Classes, array_of, classes_of, shape_of
from rungs.foundation.errors import DataError
from rungs.foundation.wording import listed, shown
from rungs.statistics.predictions import (
    BEST,
    FloatArray,
    IntArray,
    classes_alone,
    write_array,
    write_compact,
)

# How far the probabilities of one image may add up to another number than 1: rounding in float16
# moves the sum by less.
_ROUNDING = 0.01
# The logarithm of nothing is no number that a file of logits should hold.
_LEAST = 1e-38
_SOFTMAX = "of logits give `logits.softmax(dim=1)`, or the classes, `logits.argmax(dim=1)`"


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one model for one part of the data.

    Attributes:
        predicted: the class of each image, [N].
        logits: logarithms of the probabilities, float32 [N, classes]; None where classes alone are
            known.
    """

    predicted: IntArray
    logits: FloatArray | None = None

    def write(self, folder: Path, part: str) -> None:
        """Writes them as those of a run's best epoch.

        Args:
            folder: the predictions of the run.
            part: ``validation`` or ``test``.
        """
        if self.logits is not None:
            write_array(folder / f"{BEST}-{part}.npy", self.logits)
        else:
            write_compact(folder / f"{BEST}-{part}.npz", classes_alone(self.predicted))


def answers_of(
    given: object, place: str, part: str, data: DataSpec, class_names: tuple[str, ...] = ()
) -> Answers:
    """Answers that fit the images of a part; whether they are right is not asked.

    Args:
        given: predicted classes [N], as whole numbers or names, or probabilities [N, classes].
        place: where they stand, for messages.
        part: ``validation`` or ``test``.
        data: the study's.
        class_names: index -> name; empty where they are not known here.

    Raises:
        DataError: another shape, number of images or of classes, or no such numbers.
    """
    images, classes = data.sizes[part], data.classes
    form = (
        f"expected the answers to the study's {images:,} images of {part}, classes [{images:,}] or "
        f"probabilities [{images:,}, {classes:,}]"
    )
    if given is None:
        raise DataError(f"{place}: {form}, found none; a run is recorded with both parts")
    array = array_of(given, place)
    if array.ndim not in (1, 2) or len(array) != images:
        turned = array.shape == (classes, images) and classes != images
        hint = "; turned round, `array.T`, it would fit" if turned else ""
        raise DataError(f"{place}: {form}, found {shape_of(array)}{hint}")
    if array.ndim == 1:
        return Answers(_indices(classes_of(array, place, images), place, classes, class_names))
    if array.shape[1] != classes:
        raise DataError(f"{place}: {form}, found those of {array.shape[1]:,} classes")
    return _likely(array, place)


def _likely(array: npt.NDArray[Any], place: str) -> Answers:
    """From probabilities [N, classes]."""
    if array.dtype.kind not in "iuf":
        raise DataError(f"{place}: expected probabilities, found {shape_of(array)}; {_SOFTMAX}")
    likely = array.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        sums, lows = likely.sum(axis=1), likely.min(axis=1)
    wrong = ~np.isfinite(sums) | (lows < 0) | (np.abs(sums - 1) > _ROUNDING)
    if wrong.any():
        first = int(wrong.argmax())
        found = (
            f"{shown(float(lows[first]))} among them"
            if np.isfinite(sums[first]) and lows[first] < 0
            else f"a sum of {float(sums[first]):.4g}"
        )
        raise DataError(
            f"{place}: expected probabilities, each from 0 to 1 and of each image 1 together, "
            f"found {found} at image {first:,}; {_SOFTMAX}"
        )
    logits = np.log(np.maximum(likely, _LEAST)).astype(np.float32)
    return Answers(logits.argmax(axis=1), logits)


def _indices(found: Classes, place: str, classes: int, class_names: tuple[str, ...]) -> IntArray:
    """Classes as their indices."""
    if not found.are_text:
        values: IntArray = found.values
        if (wrong := np.flatnonzero(values >= classes)).size:
            first = int(wrong[0])
            raise DataError(
                f"{place}: expected classes from 0 to {classes - 1:,}, found {values[first]:,} at "
                f"image {first:,}; count classes from 0, as the study's data has them"
            )
        return values
    if not class_names:
        raise DataError(
            f"{place}: found names of classes, such as {shown(found.values[0].item())}, and the "
            "study's data, which would tell their numbers, is not at hand; give whole numbers from "
            f"0 to {classes - 1:,}, or say with --data-dir where the data is"
        )
    index = {name: number for number, name in enumerate(class_names)}
    names, places = np.unique(found.values, return_inverse=True)
    unknown = [str(name) for name in names if str(name) not in index]
    if unknown:
        raise DataError(
            f"{place}: expected names of the study's classes, {listed(class_names)}, found "
            f"{listed(unknown)}"
        )
    return np.array([index[str(name)] for name in names], dtype=np.int64)[places]
