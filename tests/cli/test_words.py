"""Former names of options are read and told nowhere, and near words know the right command."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rungs.cli import app
from rungs.cli.words import NEAR
from rungs.store import Store
from rungs.study import Study, parse
from rungs.study.plan import plan
from rungs.study.rounds import Round, read_rounds, write_rounds
from tests.rounds import TOML
from tests.studies import FIRST


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (["--results", "kept"], ["--archive", "kept"]),
        (["--results=kept"], ["--archive=kept"]),
        (["--leave-one-out"], ["--ablate"]),
        (["--split", "both"], ["--unbundle", "both"]),
    ],
)
def test_former_names_of_options_do_what_todays_do(
    former: list[str], now: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (
        '\n[[rungs]]\nname = "both"\nafter = "base"\napply = ["residual", "stack_convolutions"]\n'
    )
    (tmp_path / "first.toml").write_text(FIRST.replace("[[ensembles]]", both + "[[ensembles]]"))
    monkeypatch.chdir(tmp_path)
    answers = [CliRunner().invoke(app, ["plan", "first.toml", *words]) for words in (former, now)]
    assert answers[0].exit_code == 0
    assert answers[0].stdout == answers[1].stdout
    plain = CliRunner().invoke(app, ["plan", "first.toml"])
    assert "archive" in now[0] or plain.stdout != answers[0].stdout


def test_a_word_after_two_dashes_is_an_argument() -> None:
    answer = CliRunner().invoke(app, ["plan", "--", "--results"])
    assert "--results has 1 mistake" in answer.stderr


@pytest.mark.parametrize("name", ["run", "plan", "report", "compare", "open", "audit"])
def test_help_tells_only_todays_names(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "160"}).stdout
    assert "--archive" in shown
    assert all(word not in shown for word in ("--results", "--split", "--leave-one-out"))


@pytest.mark.parametrize(
    ("word", "meant"),
    [("train", "run"), ("show", "report"), ("state", "status"), ("prune", "store prune")],
)
def test_near_words_are_hinted_to_the_command(word: str, meant: str) -> None:
    answer = CliRunner().invoke(app, [word, "quickstart"], env={"COLUMNS": "160"})
    assert answer.exit_code == 2
    assert f"No such command '{word}'. Did you mean {meant}?" in answer.stderr


def test_near_words_lead_to_commands_and_are_none() -> None:
    group = get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    for word, meant in NEAR.items():
        assert word not in commands
        first, *rest = meant.split()
        assert first in commands or first in ("--help", "--version")
        assert first != "store" or rest[0] in commands["store"].commands


@pytest.mark.parametrize(
    ("former", "now"), [("--split large", "--unbundle large"), ("--leave-one-out", "--ablate")]
)
def test_what_was_decided_under_a_former_name_holds(former: str, now: str, store: Store) -> None:
    def asked(by: str) -> Study:
        study = parse(tomllib.loads(TOML), "rounds.toml")
        rungs = (*study.rungs[:-1], replace(study.rungs[-1], asked_by=by))
        return replace(study, rungs=rungs)

    over = Round({"base": 2}, (), 2, 1.0, "2026-01-01T00:00:00+00:00")
    write_rounds(store.root, plan(asked(former)), (over,))
    assert read_rounds(store.root, plan(asked(now))) == (over,)
    assert read_rounds(store.root, plan(asked("study"))) == ()
