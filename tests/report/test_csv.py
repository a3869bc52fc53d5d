"""CSV: every figure is that of the JSON, and any reader has it back."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.report.figures.whole import ReportData
from rungs.report.show.csv_form import to_csv
from rungs.report.show.json_form import to_json
from rungs.store import Store
from rungs.study import Study
from tests.fake import report

TITLE = 'Wide, "very"\nwide; größer'


def read(data: ReportData, rows: str) -> list[dict[str, str]]:
    text = to_csv(data, rows)
    assert text.endswith("\r\n")
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert all(None not in row and None not in row.values() for row in found)
    return found


def at(plain: Any, name: str) -> Any:
    """What a column's name says of an object: a dot for each level."""
    for key in name.split("."):
        plain = None if plain is None else plain[key]
    return plain


def same(cell: str, value: Any) -> bool:
    """Whether a cell holds a value of JSON, to the last digit."""
    if value is None:
        return cell == ""
    if isinstance(value, bool):
        return cell == str(value).lower()
    return float(cell) == value if isinstance(value, int | float) else cell == value


# Columns that say in one cell what JSON has as a list.
TOLD = {
    "study": None,
    "changes": lambda rung: "; ".join(rung["changes"]),
    "notes": lambda rung: "; ".join(rung["notes"]),
    "seeds": lambda rung: str(len(rung["seeds"])),
    "failed": lambda rung: str(len(rung["failed"])),
}


def test_a_row_a_rung_holds_the_figures_of_the_json(filled: Store, study: Study) -> None:
    data = report(filled, study)
    named = replace(data, rungs=tuple(replace(rung, title=TITLE) for rung in data.rungs))
    plain = to_json(named)["rungs"]
    rows = read(named, "rungs")
    assert [row["name"] for row in rows] == [rung["name"] for rung in plain]
    assert {row["title"] for row in rows} == {TITLE}
    compared = 0
    for row, rung in zip(rows, plain, strict=True):
        for name, cell in row.items():
            if name == "study":
                assert cell == "fake"
            elif (told := TOLD.get(name)) is not None:
                assert cell == told(rung)
            else:
                assert same(cell, at(rung, name)), name
                compared += cell != ""
    assert compared > 60
    # No number of one value is left out.
    numbers = {name for name, value in plain[2].items() if isinstance(value, int | float)}
    assert len(numbers) > 5
    assert numbers <= set(rows[0])
    assert {"verdict.delta", "val_verdict.delta", "reported.test_accuracy"} <= set(rows[0])


def test_a_row_a_run_holds_the_values_of_its_seed(filled: Store, study: Study) -> None:
    data = report(filled, study)
    plain = {rung["name"]: rung for rung in to_json(data)["rungs"]}
    rows = read(data, "runs")
    found = [(row["name"], row["seed"], row["state"]) for row in rows]
    assert found == [
        ("base", "0", "finished"),
        ("base", "1", "finished"),
        ("tried", "0", "to do"),
        ("tried", "1", "to do"),
        ("top", "0", "finished"),
        ("top", "1", "to do"),
        ("broken", "0", "failed"),
        ("broken", "1", "to do"),
    ]
    spreads = ("val_accuracy", "val_loss", "test_accuracy", "balanced_accuracy", "top5_accuracy")
    for row in rows:
        rung = plain[row["name"]]
        finished = row["state"] == "finished"
        place = rung["seeds"].index(int(row["seed"])) if finished else None
        for name in spreads:
            assert same(row[name], None if place is None else rung[name]["values"][place]), name
        for name in ("nll", "ece", "temperature"):
            value = None if place is None else rung["calibration"][place][name]
            assert same(row[f"calibration.{name}"], value)
        if place is not None:
            assert int(row["best_epoch"]) == rung["best_epochs"][place]
            seconds = [entry["train_seconds"] for entry in rung["history"][place]]
            assert float(row["train_seconds"]) == sum(seconds)
    assert [row["reason"] for row in rows if row["reason"]] == [
        failed["reason"] for failed in plain["broken"]["failed"]
    ]


def test_a_row_an_epoch_holds_the_history(filled: Store, study: Study) -> None:
    data = report(filled, study)
    rows = read(data, "epochs")
    expected = [
        {"name": rung["name"], "seed": seed, **entry}
        for rung in to_json(data)["rungs"]
        for seed, history in zip(rung["seeds"], rung["history"], strict=True)
        for entry in history
    ]
    assert len(rows) == len(expected) == 9
    for row, entry in zip(rows, expected, strict=True):
        assert set(row) - set(entry) == {"study", "budget"}
        assert all(same(row[name], value) for name, value in entry.items())


@pytest.mark.parametrize("rows", ["rungs", "runs"])
def test_what_is_sealed_is_empty(filled: Store, study: Study, rows: str) -> None:
    found = read(report(filled, study, with_test=False), rows)
    told = {name for row in found for name, cell in row.items() if cell}
    assert not {name for name in told if name.startswith(("test_", "top5", "verdict", "calib"))}
    assert any(name.startswith("val_accuracy") for name in told)


def test_the_command_prints_it(filled: Store, study: Study) -> None:
    asked = ["report", "quickstart", "--store", str(filled.root)]
    done = CliRunner().invoke(app, [*asked, "--format", "csv", "--rows", "runs"])
    assert done.exit_code == 0
    assert b"\r\n" in done.stdout_bytes
    assert b"\r\r" not in done.stdout_bytes
    names = {row["name"] for row in csv.DictReader(io.StringIO(done.stdout_bytes.decode()))}
    plain = json.loads(CliRunner().invoke(app, [*asked, "--format", "json"]).stdout)
    assert names == {rung["name"] for rung in plain["rungs"]}
    refused = CliRunner().invoke(app, [*asked, "--rows", "runs"])
    assert refused.exit_code == 2
    assert "--rows is of --format csv alone" in refused.stderr
