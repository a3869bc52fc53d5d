"""The curve of a training that was done elsewhere: what each epoch measured, as far as it is told.

Columns are called as Rungs calls them, or as timm's ``summary.csv``, Lightning's ``metrics.csv``
and Keras's history do. Test figures that a file may hold are not read.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rungs.foundation.errors import DataError
from rungs.foundation.reading import read_whole
from rungs.foundation.wording import counted, listed, shown
from rungs.store.results import Epoch

# Field of an epoch -> names that it may have, the best first, and what a value is to be divided by.
_NAMES: Mapping[str, Sequence[tuple[str, float]]] = {
    "train_loss": (("train_loss", 1), ("train_loss_epoch", 1), ("loss", 1)),
    "train_accuracy": (
        ("train_accuracy", 1),
        ("train_accuracy_epoch", 1),
        ("train_acc", 1),
        ("train_acc_epoch", 1),
        ("train_top1", 100),
        ("accuracy", 1),
        ("acc", 1),
    ),
    "val_loss": (("val_loss", 1), ("val_loss_epoch", 1), ("valid_loss", 1), ("eval_loss", 1)),
    "val_accuracy": (
        ("val_accuracy", 1),
        ("val_accuracy_epoch", 1),
        ("val_acc", 1),
        ("val_acc_epoch", 1),
        ("valid_acc", 1),
        ("eval_top1", 100),
    ),
    "learning_rate": (("learning_rate", 1), ("lr", 1)),
    "train_seconds": (("train_seconds", 1), ("seconds", 1)),
    "val_seconds": (("val_seconds", 1),),
}
_EPOCH = "epoch"
_FRACTIONS = ("train_accuracy", "val_accuracy")
_TIMES = ("train_seconds", "val_seconds")
_MOST_BYTES = 50_000_000
# Below it, a value is nearer to 0 than any that was measured.
_ROUNDING = 1e-6


def curve_of(given: object, place: str, most: int) -> tuple[Epoch, ...]:
    """What each epoch measured; what nobody told is NaN.

    Args:
        given: a table of epochs: a list of dicts, a dict of lists, a data frame, or the path of a
            CSV file; None for nothing. Epochs count from 0 or 1, or not at all; of several rows of
            one epoch the means count.
        place: where it stands, for messages.
        most: epochs that the study gives the run.

    Raises:
        DataError: it is no such table, or has values that cannot be.
    """
    if given is None:
        return ()
    if isinstance(given, str | Path):
        return curve_in(Path(given), most)
    return _curve(_rows(given, place), place, most)


def curve_in(path: Path, most: int) -> tuple[Epoch, ...]:
    """The curve in a CSV file; arguments and errors as `curve_of`."""
    content = bytes(read_whole(path, _MOST_BYTES, "this is no curve of epochs"))
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a table of epochs as CSV: {error}") from error
    return _curve(rows, str(path), most)


def _rows(given: Any, place: str) -> Sequence[Mapping[str, Any]]:
    """A dict for each row."""
    if hasattr(given, "columns") and hasattr(given, "to_dict"):  # a data frame
        given = given.to_dict(orient="list")
    if isinstance(given, Mapping):
        columns = {str(name): values for name, values in given.items()}
        if all(_is_listed(values) for values in columns.values()):
            lengths = {len(values) for values in columns.values()}
            if len(lengths) > 1:
                raise DataError(
                    f"{place}: expected lists of one length, a value for each epoch, found "
                    f"{listed([str(length) for length in sorted(lengths)])} values"
                )
            names = [*columns]
            return [
                dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
    elif isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given):
        return given
    raise DataError(
        f"{place}: expected a list with a dict for each epoch, a dict of lists, a data frame or "
        f"the path of a CSV file, found {shown(given)}"
    )


def _is_listed(values: object) -> bool:
    scalar = isinstance(values, str | bytes | Mapping) or getattr(values, "shape", None) == ()
    return hasattr(values, "__len__") and not scalar


def _curve(rows: Sequence[Mapping[str, Any]], place: str, most: int) -> tuple[Epoch, ...]:
    names = dict.fromkeys(str(name) for row in rows for name in row)
    known = {field: found for field in _NAMES if (found := _names_of(field, names))}
    if not known:
        raise DataError(
            f"{place}: expected columns such as {listed([*_NAMES])}, found {listed([*names])}"
        )
    epochs: list[dict[str, float]] = []
    for number, group in enumerate(_by_epoch(rows, place), start=1):
        entry = {
            field: _first(group, found, f"{place}, epoch {number}")
            for field, found in known.items()
        }
        _check(entry, f"{place}, epoch {number}")
        epochs.append(entry)
    # Lightning writes test figures, which are not read, as if they were of one epoch more.
    while epochs and all(map(math.isnan, epochs[-1].values())):
        epochs.pop()
    if len(epochs) > most:
        raise DataError(
            f"{place}: expected {counted(most, 'epoch')} at most, as the study's budget gives this "
            f"rung, found {len(epochs):,}; say in the budget how long it trains"
        )
    return tuple(
        Epoch(number, *(entry.get(field, math.nan) for field in _ORDER))
        for number, entry in enumerate(epochs, start=1)
    )


# Of an epoch's fields behind its number.
_ORDER = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "train_seconds",
    "val_seconds",
)


def _names_of(field: str, names: Iterable[str]) -> list[tuple[str, float]]:
    """The columns that a field may be found in, the best first."""
    plain = {name.strip(): name for name in names}
    found = [(plain[name], part) for name, part in _NAMES[field] if name in plain]
    if field == "learning_rate":  # as Lightning's monitor names them, with the optimiser
        found += [(name, 1) for short, name in plain.items() if short.startswith("lr-")]
    return found


def _by_epoch(rows: Sequence[Mapping[str, Any]], place: str) -> list[list[Mapping[str, Any]]]:
    """The rows of each epoch, in order."""
    if not any(_EPOCH in row for row in rows):
        return [[row] for row in rows]
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        number = _number(row.get(_EPOCH), f"{place}, column {_EPOCH}")
        if math.isnan(number):  # of no epoch, as Lightning's monitors have rows
            continue
        if number != int(number):
            raise DataError(f"{place}: expected whole numbers as epochs, found {number:g}")
        groups.setdefault(int(number), []).append(row)
    numbers = [*groups]
    first = numbers[0] if numbers else 1
    if first not in (0, 1) or numbers != [*range(first, first + len(numbers))]:
        wrong = next((b for a, b in pairwise(numbers) if b != a + 1), first)
        raise DataError(
            f"{place}: expected all epochs in order, counted from 0 or 1, found {wrong} "
            + (f"after {numbers[numbers.index(wrong) - 1]}" if numbers.index(wrong) else "first")
        )
    return list(groups.values())


def _first(
    rows: Sequence[Mapping[str, Any]], names: Sequence[tuple[str, float]], place: str
) -> float:
    """The mean of the first column that has a value in any row; NaN where none has."""
    for name, part in names:
        values = [_number(row.get(name), f"{place}, column {name}") for row in rows]
        told = [value for value in values if not math.isnan(value)]
        if told:
            return math.fsum(told) / len(told) / part
    return math.nan


def _number(value: Any, place: str) -> float:
    """A cell's number; NaN where it is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise DataError(f"{place}: expected a number, found {shown(value)}") from error
    if math.isinf(number):
        raise DataError(f"{place}: expected a number, found {number}; leave out what diverged")
    return number


def _check(entry: Mapping[str, float], place: str) -> None:
    """Refuses values that cannot be."""
    for name in _FRACTIONS:
        value = entry.get(name, math.nan)
        if not (math.isnan(value) or -_ROUNDING <= value <= 1 + _ROUNDING):
            raise DataError(
                f"{place}: expected {name} as a fraction from 0 to 1, found {value:g}; divide "
                "percentages by 100"
            )
    for name in _TIMES:
        if entry.get(name, 0.0) < 0:
            raise DataError(f"{place}: expected {name} from 0 up, found {entry[name]:g}")
