"""Answers of models that were trained elsewhere, judged and shown: `rungs.judge`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from rungs.evidence.elsewhere.answers import Run, all_of, classes_of, labels_of
from rungs.evidence.elsewhere.joining import joined
from rungs.evidence.elsewhere.judging import Found, judged
from rungs.evidence.elsewhere.reading import read_answers, read_truth
from rungs.foundation.errors import DataError, UsageError
from rungs.foundation.frames import dataframe
from rungs.foundation.notebook import fragment
from rungs.foundation.wording import counted, shown
from rungs.report.show.section import Section
from rungs.report.show.tables.accuracies import accuracy_section
from rungs.report.show.tables.verdicts import verdict_section
from rungs.report.show.text import to_text
from rungs.statistics.levels import MARGIN
from rungs.statistics.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 160


@dataclass(frozen=True)
class Judgement:
    """Verdicts on recipes; shows itself in a notebook, and as text with ``print``.

    Attributes:
        found: accuracies and verdicts.
    """

    found: Found

    def __len__(self) -> int:
        return len(self.found.verdicts)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.found.verdicts)

    def __getitem__(self, name: str) -> Verdict:
        """The verdict on the recipe of this name."""
        for verdict in self:
            if verdict.name == name:
                return verdict
        raise KeyError(name)

    def to_dict(self) -> list[dict[str, Any]]:
        """The verdicts as plain JSON types."""
        return [verdict.to_dict() for verdict in self]

    def to_dataframe(self) -> "pd.DataFrame":
        """A pandas table with a row for each verdict, with the columns of `to_dict`.

        Raises:
            RungsError: pandas is not installed.
        """
        return dataframe(self.to_dict())

    def text(self, width: int = _WIDTH) -> str:
        """Tables of at most so many columns."""
        return to_text(self._sections, width=width)

    @property
    def _sections(self) -> tuple[Section, ...]:
        images = counted(self.found.images, "image")
        return (
            accuracy_section(f"Accuracy on {images}", self.found.accuracies),
            verdict_section("Verdicts: each against the one that it stands on", [*self]),
        )

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return "\n".join(
            fragment(item.title, item.columns, item.rows, right=item.right, lines=item.lines)
            for item in self._sections
        )


def judge(
    answers: Mapping[str, Sequence[npt.ArrayLike] | npt.NDArray[Any]],
    labels: npt.ArrayLike,
    *,
    after: Mapping[str, str | None] | None = None,
    margin: float = MARGIN,
    kinds: Mapping[str, str] | None = None,
) -> Judgement:
    """Whether each recipe is better than the one that it stands on, from what its models answer.

    For models of any origin: nothing is trained, and torch is not needed. All models must have
    answered the same images in the same order, and none may have been chosen by these labels.

    Args:
        answers: name of a recipe -> the answers of its models, an array for each seed: predicted
            classes [N], or probabilities [N, classes]. Classes are whole numbers from 0 up, or
            texts. Of logits give ``logits.argmax(axis=1)``.
        labels: the true classes, [N].
        after: name -> the one that it stands on, None for none; a recipe that is not named here
            stands on the one before it, the first on none.
        margin: the largest difference in accuracy, a fraction, that counts as none.
        kinds: name -> a word, for recipes that are known beforehand to vary unlike between seeds:
            ``steady`` where weights are averaged or statistics of batch normalisation renewed,
            ``ensemble``, or one of your own. Only those of one word are taken to vary alike; what
            is not named is ``plain``.

    Raises:
        RungsError: arrays that do not fit together, or arguments that are none.

    Example:
        answers = {"base": [[0, 1, 1, 0], [0, 1, 0, 0]], "warmer": [[0, 1, 1, 1], [0, 1, 1, 1]]}
        print(rungs.judge(answers, labels=[0, 1, 1, 1]))
    """
    place = "labels"
    truth = labels_of(labels, place)
    if not isinstance(answers, Mapping):
        raise UsageError(
            f"answers: expected a dict, {{name: [an array for each seed]}}, found {shown(answers)}"
        )
    images = len(truth.values)
    places = [
        (name, f"answers[{name!r}][{seed}]", array)
        for name, arrays in answers.items()
        for seed, array in enumerate(_seeds(name, arrays, images))
    ]
    runs = all_of(partial(_run, name, where, array, images) for name, where, array in places)
    return Judgement(judged(runs, truth, place, after=after, margin=margin, kinds=kinds))


def judge_files(
    files: Sequence[Path],
    *,
    labels: Path | None = None,
    after: Mapping[str, str | None] | None = None,
    margin: float = MARGIN,
    kinds: Mapping[str, str] | None = None,
) -> Judgement:
    """`judge` of answers in files: CSV, ``.npz`` or parquet.

    Args:
        files: each of one run or of several.
        labels: a file of the true classes; None where the others have them.
        after: as in `judge`.
        margin: as in `judge`.
        kinds: as in `judge`.

    Raises:
        RungsError: files that are damaged, hold something else or do not fit together.
    """
    truth = None if labels is None else read_truth(labels)
    found = [run for runs in all_of(partial(read_answers, path) for path in files) for run in runs]
    both = joined(found, truth)
    return Judgement(
        judged(both.runs, both.labels, both.place, after=after, margin=margin, kinds=kinds)
    )


def _seeds(name: object, arrays: object, images: int) -> Sequence[object]:
    """The arrays of one recipe."""
    place = f"answers[{name!r}]"
    if not isinstance(name, str):
        raise UsageError(
            f"{place}: expected a text as name, found {shown(name)}; call it otherwise"
        )
    shape = getattr(arrays, "shape", None)
    # A list of arrays has no shape; an array of two or three dimensions may be one of seeds.
    if shape is not None and (len(shape) < 2 or (shape[0] == images != shape[1])):
        raise DataError(
            f"{place}: expected a list with an array for each seed, found one array "
            f"[{', '.join(map(str, shape))}]; of a single seed give [array]"
        )
    if shape is None and not isinstance(arrays, (list, tuple)):
        raise DataError(
            f"{place}: expected a list with an array for each seed, found {shown(arrays)}"
        )
    seeds: list[object] = list(arrays)  # type: ignore[call-overload]
    if not seeds:
        raise DataError(
            f"{place}: expected an array for each seed, found none; leave the recipe out until one "
            "is trained"
        )
    if isinstance(seeds[0], (int, float, str)):
        raise DataError(
            f"{place}: expected a list with an array for each seed, found a list of "
            f"{type(seeds[0]).__name__}; of a single seed give [array]"
        )
    return seeds


def _run(name: str, place: str, array: object, images: int) -> Run:
    return Run(name, place, classes_of(array, place, images))
