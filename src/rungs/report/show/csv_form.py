"""A report as CSV: a row for each rung, run or epoch, with the figures of its JSON."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rungs.foundation.errors import UsageError
from rungs.foundation.wording import listed, shown
from rungs.report.figures.runs import RunState
from rungs.report.figures.whole import ReportData
from rungs.report.show.json_form import to_json

Row = dict[str, Any]

# A rung's values that are one each. What is a figure of seeds is there as its mean.
_OF_RUNG = (
    "name",
    "title",
    "after",
    "kept",
    "recorded",
    "budget",
    "epochs",
    "planned_seeds",
    "parameters",
    "trainable_parameters",
    "flops",
    "delta_previous",
    "delta_base",
    "train_seconds",
)
_SPREADS = (
    "val_accuracy",
    "val_loss",
    "test_accuracy",
    "balanced_accuracy",
    "balanced_val_accuracy",
    "top5_accuracy",
)
_VERDICT = (
    "against",
    "outcome",
    "delta",
    "low",
    "high",
    "p",
    "p_pair",
    "p_adjusted",
    "sign",
    "n_images",
    "family",
    "margin",
    "detectable",
)
_CLASS = ("index", "name", "accuracy", "low", "high")
_CALIBRATION = ("nll", "brier", "ece", "temperature", "nll_after", "ece_after")


def to_csv(data: ReportData, rows: str = "rungs") -> str:
    """A table as RFC 4180 has it, with a line of names; what is not known is empty.

    Columns are called as in the report's JSON, a dot for each level; accuracies are fractions.

    Args:
        data: what is known.
        rows: what each row is of: ``rungs``, ``runs`` or ``epochs``.
    """
    found = table(data, rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found[0]) if found else [], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in found)
    return text.getvalue()


def table(data: ReportData, rows: str = "rungs") -> list[Row]:
    """The rows of `to_csv`, all with the same columns; what is not known is None.

    Args:
        data: what is known.
        rows: what each row is of: ``rungs``, ``runs`` or ``epochs``.

    Raises:
        UsageError: there are no such rows.
    """
    if rows not in _ROWS:
        raise UsageError(f"rows are one of {listed(_ROWS)}, not {shown(rows)}")
    plain = to_json(data)
    return [{"study": plain["study"], **row} for row in _ROWS[rows](plain["rungs"], data.runs)]


def _cell(value: object) -> object:
    """Truth as JSON writes it; numbers with all of their digits, as the writer does."""
    return str(value).lower() if isinstance(value, bool) else value


def _part(of: Mapping[str, Any] | None, name: str, keys: Iterable[str]) -> Row:
    """Some values of an object within another; empty where there is none."""
    return {f"{name}.{key}": None if of is None else of[key] for key in keys}


def _rungs(rungs: list[Row], _: Sequence[RunState]) -> Iterator[Row]:
    for rung in rungs:
        yield {
            **{name: rung[name] for name in _OF_RUNG},
            "changes": "; ".join(rung["changes"]),
            "seeds": len(rung["seeds"]),
            **{f"{name}.mean": rung[name]["mean"] for name in _SPREADS},
            **_part(rung["verdict"], "verdict", _VERDICT),
            **_part(rung["val_verdict"], "val_verdict", _VERDICT),
            **_part(rung["best_class"], "best_class", _CLASS),
            **_part(rung["worst_class"], "worst_class", _CLASS),
            **_part(rung["reported"], "reported", rung["reported"]),
            "failed": len(rung["failed"]),
            "notes": "; ".join(rung["notes"]),
        }


def _runs(rungs: list[Row], states: Sequence[RunState]) -> Iterator[Row]:
    """Those of the plan, finished or not; equal recipes share one, which has a row for each."""
    for rung in rungs:
        places = {seed: place for place, seed in enumerate(rung["seeds"])}
        for state in states:
            if rung["name"] not in state.names:
                continue
            yield {
                **{name: rung[name] for name in ("name", "title", "after", "kept", "budget")},
                "seed": state.seed,
                "key": state.key,
                "state": state.state,
                "reason": state.reason,
                "epochs": state.epochs,
                "epochs_done": state.epochs_done,
                "best_epoch": state.best_epoch,
                **_of_seed(rung, places.get(state.seed)),
                "train_seconds": state.train_seconds,
            }


def _of_seed(rung: Row, place: int | None) -> Row:
    """What a finished run measured; of any other, nothing."""

    def at(values: list[Any]) -> Any:
        # Fewer than seeds, such as none of a sealed test set: whose they are is not known.
        return values[place] if place is not None and len(values) == len(rung["seeds"]) else None

    return {
        **{name: at(rung[name]["values"]) for name in _SPREADS},
        **_part(at(rung["calibration"]), "calibration", _CALIBRATION),
        "workers": at(rung["workers"]),
    }


def _epochs(rungs: list[Row], _: Sequence[RunState]) -> Iterator[Row]:
    for rung in rungs:
        for seed, history in zip(rung["seeds"], rung["history"], strict=True):
            for entry in history:
                yield {"name": rung["name"], "budget": rung["budget"], "seed": seed, **entry}


_ROWS: dict[str, Callable[[list[Row], Sequence[RunState]], Iterator[Row]]] = {
    "rungs": _rungs,
    "runs": _runs,
    "epochs": _epochs,
}
