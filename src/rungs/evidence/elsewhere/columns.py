"""Columns of tables: what stands in each row, with each text kept once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rungs.evidence.elsewhere.answers import Classes
from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted
from rungs.statistics.predictions import IntArray

# Data frames write whole numbers of which some are missing as 3.0. With a zero in front, or more
# digits, it is a name.
_NUMBER = re.compile(r"(-?(?:0|[1-9]\d{0,14}))(?:\.0*)?")
# How programs write that there is nothing.
_NOTHING = frozenset({"", "nan", "null", "none", "na", "n/a"})


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        values: the texts that occur, in the order of their first rows.
        codes: index of each row's text, [rows].
    """

    values: tuple[str, ...]
    codes: IntArray

    def at(self, rows: npt.NDArray[np.intp]) -> "Column":
        """Some rows of it."""
        return Column(self.values, self.codes[rows])


def column_of(texts: Sequence[str]) -> Column:
    """A column from the text of each row; spaces around it do not count."""
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    rows = np.fromiter(map(codes.__getitem__, texts), np.int64, len(texts))
    return merged(codes, rows)


def merged(texts: Iterable[str], codes: IntArray) -> Column:
    """A column of texts as they are written, of which two may be one, and of rows' indices."""
    plain = [plainly(text) for text in texts]
    places = {text: place for place, text in enumerate(dict.fromkeys(plain))}
    if len(places) == len(plain):
        return Column(tuple(places), codes)
    moved = np.array([places[text] for text in plain], dtype=np.int64)
    return Column(tuple(places), moved[codes])


def plainly(text: str) -> str:
    """A text as it is compared: without spaces around it, a whole number without a point."""
    text = text.strip()
    number = _NUMBER.fullmatch(text) if text.endswith(("0", ".")) else None
    return number[1] if number else text


def check_filled(column: Column, place: str, what: str) -> None:
    """That something stands in every row.

    Args:
        column: of a table.
        place: of the table.
        what: the column's name.

    Raises:
        DataError: names the first row in which nothing does.
    """
    empty = [code for code, text in enumerate(column.values) if text.casefold() in _NOTHING]
    rows = np.flatnonzero(np.isin(column.codes, empty)) if empty else np.empty(0, np.int64)
    if len(rows):
        found = column.values[int(column.codes[rows[0]])] or "nothing"
        rest = f" and the like in {counted(len(rows) - 1, 'row')} more" if len(rows) > 1 else ""
        raise DataError(
            f"{place}: expected something in the column {what} of every row, found {found} in row "
            f"{int(rows[0]) + 1:,}{rest}; leave out the whole run, or fill it in"
        )


def classes_in(column: Column, place: str, what: str) -> Classes:
    """The classes that stand in a column: whole numbers where all are, else texts.

    Raises:
        DataError: a number below 0, or with a fraction.
    """
    used = np.unique(column.codes)
    numbers = {int(code): _NUMBER.fullmatch(column.values[code]) for code in used}
    for code, number in numbers.items():
        text = column.values[code]
        if (number and text.startswith("-")) or (number is None and _is_fraction(text)):
            row = int((column.codes == code).argmax()) + 1
            raise DataError(
                f"{place}: expected classes in the column {what}, whole numbers from 0 up or "
                f"names, found {text} in row {row:,}; count classes from 0, and of probabilities "
                "give the most probable class"
            )
    whole = [int(number[1]) for number in numbers.values() if number]
    if len(whole) < len(used):
        return Classes(np.array(column.values, dtype=np.str_)[column.codes])
    table = np.zeros(len(column.values), dtype=np.int64)
    table[used] = whole
    return Classes(table[column.codes])


def _is_fraction(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d*\.?\d+(e[+-]?\d+)?", text.casefold()) is not None and (
        "." in text or "e" in text.casefold()
    )


def in_one_way(found: Sequence[Classes]) -> list[Classes]:
    """Classes as texts where numerals are the names of some, as ``3`` beside ``other``.

    A column in which no other name happens to occur looks like one of numbers.
    """
    names = [one for one in found if one.are_text]
    if len(names) in (0, len(found)):
        return [*found]
    if not any(_NUMBER.fullmatch(text) for one in names for text in np.unique(one.values)):
        return [*found]
    return [one if one.are_text else Classes(one.values.astype(np.str_)) for one in found]
