"""What a command shows, a program can read: as JSON, and nothing else on stdout."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

from rungs.cli import app, tracking
from rungs.report.trackers.logged import LoggedStudy
from rungs.report.trackers.sent import Sent

# Commands without `--json`, with the reason.
WITHOUT = {
    "report": "--format json prints the report",
    "predict": "--format jsonl prints an answer a line",
    "watch": "--port is where /state.json is served",
}
OWN = '''
"""A module of one's own."""
from rungs.extend import modification, replace


@modification(family="optimisation", source="none", size=7)
def odd_batch(recipe, *, size: int):
    """Sets the images of an update."""
    return replace(recipe, batch_size=size)
'''


def commands() -> Iterator[tuple[str, Any]]:
    def below(name: str, group: Any) -> Iterator[tuple[str, Any]]:
        for word, inner in group.commands.items():
            path = f"{name} {word}".strip()
            if hasattr(inner, "commands"):
                yield from below(path, inner)
            else:
                yield path, inner

    yield from below("", get_command(app))


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_has_a_form_for_programs() -> None:
    lacking = {name for name, command in commands() if "--json" not in options(command)}
    assert lacking == set(WITHOUT)
    known = dict(commands())
    for name, reason in WITHOUT.items():
        assert reason.split()[0] in options(known[name]), name


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """As `finished`, with a module and pictures of a user's own."""
    copied = tmp_path / "inside"
    shutil.copytree(finished, copied)
    (copied / "own.py").write_text(OWN, encoding="utf-8")
    for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        (copied / "own" / name).mkdir(parents=True)
        for number in range(60):
            shade = tuple(part + number % 50 for part in colour)
            Image.new("RGB", (8, 8), shade).save(copied / "own" / name / f"{number}.png")
    return copied


def ran(folder: Path, *words: str) -> Result:
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, words)


def plain(folder: Path, *words: str) -> Any:
    answer = ran(folder, *words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_the_catalogue(folder: Path) -> None:
    every = plain(folder, "catalogue")
    assert {"mixup", "dropout"} <= {entry["name"] for entry in every}
    (one,) = plain(folder, "catalogue", "dropout")
    assert one == {
        **one,
        "family": "regularisation",
        "call": "dropout(rates)",
        "parameters": [{"name": "rates"}],
    }
    assert one["typical_cost"].startswith("no parameters")
    assert one["doc"] in ran(folder, "catalogue", "dropout").stdout


def test_data(folder: Path) -> None:
    found = plain(folder, "data", "first.toml")
    assert found["sizes"] == {"train": 120, "validation": 60, "test": 40}
    assert (found["image_shape"], len(found["class_names"])) == ([3, 8, 8], 4)
    assert found["fingerprint"] in ran(folder, "data", "first.toml").stdout


def test_a_first_study_of_own_pictures(folder: Path) -> None:
    found = plain(folder, "init", "mine", "--data", "own", "--size", "8")
    assert (found["file"], found["classes"]) == ("mine.toml", 2)
    assert sum(found["sizes"].values()) > 0
    assert (folder / "mine.toml").is_file()
    assert any("found: " in line for line in found["pictures"])


def test_the_seal(folder: Path) -> None:
    found = plain(folder, "unseal", "first.toml", "--yes")
    assert (found["study"], found["was_open"]) == ("first", False)
    assert found["rungs"] == ["base", "stacked"]
    assert plain(folder, "unseal", "first.toml")["was_open"] is True


def test_learning_rates(folder: Path) -> None:
    found = plain(folder, "lr", "first.toml", "--on", "base", "--updates", "20")
    assert (found["study"], found["rung"], found["present"]) == ("first", "base", 0.002)
    assert len(found["rates"]) == len(found["losses"]) == 20
    assert found["suggested"] is None or 0 < found["suggested"] < 100
    assert found["reason"]


def test_a_module_of_ones_own(folder: Path) -> None:
    assert plain(folder, "check", "own.py") == {"own:odd_batch": []}


def test_the_store(folder: Path) -> None:
    count = plain(folder, "store", "rebuild")["runs"]
    assert count == len(list((folder / "runs" / "runs").iterdir()))
    assert plain(folder, "store", "check") == {
        "store": "runs",
        "runs": count,
        "damaged": [],
        "strangers": [],
        "gone": [],
        "set_aside": False,
    }
    broken = sorted((folder / "runs" / "runs").iterdir())[0]
    (broken / "epochs.jsonl").write_text("", encoding="utf-8")
    told = ran(folder, "store", "check", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["damaged"] == [broken.name]
    moved = plain(folder, "store", "check", "--set-aside")
    assert (moved["damaged"], moved["set_aside"]) == ([broken.name], True)
    assert not broken.exists()


def test_an_exported_model(folder: Path) -> None:
    words = ("export", "first.toml:base", "--output", "m.safetensors", "--card")
    found = plain(folder, *words)
    assert (found["file"], found["format"]) == ("m.safetensors", "safetensors")
    assert (found["name"], found["seed"], found["replaced"]) == ("base", 0, False)
    assert (folder / found["card"]).is_file()
    assert found["difference"] < 1e-4


def test_what_was_logged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(study: LoggedStudy, destination: str, figures: object) -> Sent:
        return Sent(new=len(study.runs))

    monkeypatch.setattr(tracking, "sender", lambda _: send)
    found = plain(folder, "log", "first.toml", "logs", "--to", "tensorboard")
    assert found == {"destination": "logs", "new": found["new"], "changed": 0, "same": 0}
    assert found["new"] > 0
