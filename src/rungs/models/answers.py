"""What a model says of pictures, and the forms in which that is printed."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from rungs.foundation.frames import dataframe
from rungs.foundation.notebook import fragment
from rungs.foundation.wording import counted
from rungs.statistics.predictions import FloatArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Answer:
    """What a model says of one picture.

    Attributes:
        picture: its path, or another name.
        top: the most probable classes in falling order, each with its calibrated probability;
            empty where the picture could not be read.
        error: why it could not be read.
        warning: why what is said of it may mean little, such as that it is of one colour.
    """

    picture: str
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    warning: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        if self.error is not None:
            return {"picture": self.picture, "error": self.error}
        top = [{"class": name, "probability": round(value, 6)} for name, value in self.top]
        warned = {} if self.warning is None else {"warning": self.warning}
        return {"picture": self.picture, "top": top, **warned}


@dataclass(frozen=True)
class Answers(Sequence[Answer]):
    """Answers in the order of the pictures; a notebook shows them as a table."""

    items: tuple[Answer, ...]

    @overload
    def __getitem__(self, place: int) -> Answer: ...
    @overload
    def __getitem__(self, place: slice) -> "Answers": ...
    def __getitem__(self, place: int | slice) -> "Answer | Answers":
        return Answers(self.items[place]) if isinstance(place, slice) else self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def to_dataframe(self) -> "pd.DataFrame":
        """A pandas table with a row for each picture: its name, why it was not read, its classes.

        Raises:
            RungsError: pandas is not installed.
        """
        rows = []
        for answer in self.items:
            row: dict[str, Any] = {"picture": answer.picture, "error": answer.error}
            for rank in range(self._most):
                pair = answer.top[rank] if rank < len(answer.top) else (None, None)
                row |= dict(
                    zip((f"class_{rank + 1}", f"probability_{rank + 1}"), pair, strict=True)
                )
            rows.append(row)
        return dataframe(rows)

    @property
    def _most(self) -> int:
        """Classes of the picture that has most."""
        return max((len(answer.top) for answer in self.items), default=1)

    def _repr_html_(self) -> str:
        count = self._most
        columns = ("picture", *(f"{rank}." for rank in range(1, count + 1)))
        return fragment(counted(len(self), "picture"), columns, [*table(self.items)])


def most_probable(
    probabilities: FloatArray, class_names: Sequence[str], count: int
) -> tuple[tuple[str, float], ...]:
    """The ``count`` most probable classes of one picture in falling order; [classes]."""
    order = np.argsort(-probabilities, kind="stable")[:count]
    return tuple((class_names[index], float(probabilities[index])) for index in order)


def json_line(answer: Answer) -> str:
    """One line of JSON."""
    return _encodable(json.dumps(answer.to_dict(), ensure_ascii=False))


def csv_head(count: int) -> str:
    """The first line of CSV for so many classes a picture."""
    pairs = [(f"class_{rank}", f"probability_{rank}") for rank in range(1, count + 1)]
    return _csv(["picture", "error", *(name for pair in pairs for name in pair)])


def csv_line(answer: Answer, count: int) -> str:
    """One line of CSV under `csv_head`; the cells of what could not be read are empty."""
    pairs = [(name, f"{value:.6f}") for name, value in answer.top]
    pairs += [("", "")] * (count - len(pairs))
    return _encodable(
        _csv([answer.picture, answer.error or "", *(cell for pair in pairs for cell in pair)])
    )


def _encodable(line: str) -> str:
    """The line with escapes, as JSON knows them, for names of files that are no text."""
    return line.encode("utf-8", "backslashreplace").decode()


def _csv(cells: Sequence[str]) -> str:
    # What ends a line is what is quoted in a cell: both kinds of line break.
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def table(answers: Sequence[Answer]) -> Iterator[tuple[str, ...]]:
    """Rows for people: the picture, then each class with its probability in percent."""
    for answer in answers:
        name = answer.picture if answer.picture.isprintable() else repr(answer.picture)
        cells = (f"{label} {100 * value:.1f} %" for label, value in answer.top)
        yield (name, answer.error) if answer.error is not None else (name, *cells)
