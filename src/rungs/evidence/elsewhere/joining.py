"""Runs of several files brought into one order of images, with one label for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rungs.evidence.elsewhere.answers import Classes, Run, all_of
from rungs.evidence.elsewhere.columns import Column, in_one_way
from rungs.evidence.elsewhere.reading import Answered, Truth, run_named
from rungs.foundation.errors import DataError
from rungs.foundation.wording import shown
from rungs.statistics.predictions import IntArray


@dataclass(frozen=True)
class Joined:
    """Answers and labels of the same images in the same order.

    Attributes:
        runs: as they came.
        labels: of the images.
        place: of the labels, for messages.
    """

    runs: tuple[Run, ...]
    labels: Classes
    place: str


def joined(found: Sequence[Answered], truth: Truth | None = None) -> Joined:
    """Brings the answers of files together.

    Args:
        found: the runs of all files.
        truth: labels of a file of their own; None where the files of answers have them.

    Raises:
        DataError: a run twice, other images, no labels, or labels that differ.
    """
    _check_once(found)
    found, truth = _in_one_way(found, truth)
    order = _Order(truth, found)
    ordered = all_of(partial(order.brought, run) for run in found)
    labels, place = _labels(ordered, order, truth)
    runs = tuple(Run(run.name, run.place, run.answers) for run in ordered)
    return Joined(runs, labels, place)


def _in_one_way(
    found: Sequence[Answered], truth: Truth | None
) -> tuple[list[Answered], Truth | None]:
    """The same with all classes as texts where some of them can be nothing else."""
    given = [run.answers for run in found]
    given += [run.labels for run in found if run.labels is not None]
    given += [] if truth is None else [truth.labels]
    said = iter(in_one_way(given))
    runs = [replace(run, answers=next(said)) for run in found]
    runs = [run if run.labels is None else replace(run, labels=next(said)) for run in runs]
    return runs, None if truth is None else replace(truth, labels=next(said))


def _check_once(found: Sequence[Answered]) -> None:
    places: dict[tuple[str, str], str] = {}
    for run in found:
        key = (run.name, run.seed)
        if key in places:
            raise DataError(
                f"{run.place}: expected each run once, found {run_named(*key)} in {places[key]} "
                "too; leave one out, or give its seed in a column seed or as NAME@SEED in the name"
            )
        places[key] = run.place


class _Order:
    """The order of images that all runs are brought into: the labels', or the first run's."""

    def __init__(self, truth: Truth | None, found: Sequence[Answered]) -> None:
        first: Truth | Answered = found[0] if truth is None else truth
        self.place = first.place
        self.names: tuple[str, ...] | None = None
        # Columns of one table share their texts: they are looked up once.
        self._looked_up: dict[int, IntArray] = {}
        if first.images is None:
            return
        used = first.images.codes
        self.names = tuple(first.images.values[code] for code in used)
        self._places = {name: place for place, name in enumerate(self.names)}
        if len(self._places) < len(self.names):
            twice = next(
                name for place, name in enumerate(self.names) if self._places[name] != place
            )
            raise DataError(
                f"{self.place}: expected each image once, found {shown(twice)} again; leave one of "
                "them, or give runs their own seeds"
            )

    def brought(self, run: Answered) -> Answered:
        """The run in this order.

        Raises:
            DataError: of other images, or of one twice.
        """
        if run.images is None and self.names is None:
            return run
        if run.images is None or self.names is None:
            with_names, without = (
                (self.place, run.place) if run.images is None else (run.place, self.place)
            )
            raise DataError(
                f"{without}: expected the images' names, as in {with_names}, found none; name them "
                "in a column image (an array images) everywhere or nowhere"
            )
        places = self._places_of(run.images, run.place)
        return replace(
            run,
            answers=_moved(run.answers, places),
            images=None,
            labels=None if run.labels is None else _moved(run.labels, places),
        )

    def _places_of(self, images: Column, place: str) -> IntArray:
        """The place of each row's image in the order."""
        assert self.names is not None
        key = id(images.values)
        if key not in self._looked_up:
            found = (self._places.get(name, -1) for name in images.values)
            self._looked_up[key] = np.fromiter(found, np.int64, len(images.values))
        places = self._looked_up[key][images.codes]
        if (unknown := np.flatnonzero(places < 0)).size:
            raise DataError(
                f"{place}: expected the images of {self.place}, found another one, "
                f"{shown(images.values[images.codes[unknown[0]]])}; give answers to the same images"
            )
        counts = np.bincount(places, minlength=len(self.names))
        if (twice := np.flatnonzero(counts > 1)).size:
            raise DataError(
                f"{place}: expected one answer to each image, found {counts[twice[0]]} to "
                f"{shown(self.names[twice[0]])}; leave one of them, or give runs their own seeds"
            )
        if (missing := np.flatnonzero(counts == 0)).size:
            rest = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
            raise DataError(
                f"{place}: expected an answer to each image of {self.place}, found none to "
                f"{shown(self.names[missing[0]])}{rest}; answer them, or leave them out everywhere"
            )
        return places


def _moved(classes: Classes, places: IntArray) -> Classes:
    moved: npt.NDArray[Any] = np.empty_like(classes.values)
    moved[places] = classes.values
    return replace(classes, values=moved)


def _labels(runs: Sequence[Answered], order: _Order, truth: Truth | None) -> tuple[Classes, str]:
    """The labels of all images, and where they stand."""
    told = [(run.labels, run.place) for run in runs if run.labels is not None]
    if truth is not None:
        told.insert(0, (truth.labels, truth.place))
    if not told:
        raise DataError(
            f"{runs[0].place}: expected the true classes, found none in any file; write them into "
            "a column label (an array labels), or name their file with --labels"
        )
    first, place = told[0]
    all_of(partial(_check_same, one, where, first, place, order) for one, where in told[1:])
    return first, place


def _check_same(
    labels: Classes, place: str, first: Classes, first_place: str, order: _Order
) -> None:
    if labels is first:
        return
    ours, theirs = labels.values, first.values
    if len(ours) != len(theirs):
        raise DataError(
            f"{place}: expected labels of {len(theirs):,} images, as {first_place} has, found "
            f"{len(ours):,}; give answers to the same images"
        )
    if labels.are_text != first.are_text:
        raise DataError(
            f"{place}: expected labels such as {shown(theirs[0].item())}, as {first_place} has, "
            f"found such as {shown(ours[0].item())}; write classes in one way"
        )
    if (other := np.flatnonzero(ours != theirs)).size:
        image = int(other[0])
        name = f"{image:,}" if order.names is None else shown(order.names[image])
        rest = f" and {other.size - 1:,} more" if other.size > 1 else ""
        raise DataError(
            f"{place}: expected label {shown(theirs[image].item())} of image {name}, as in "
            f"{first_place}, found {shown(ours[image].item())}{rest}; see whether both are of the "
            "same images in the same order"
        )
