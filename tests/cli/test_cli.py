"""The commands as a user types them: those that train in processes of their own."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rungs.cli import app
from rungs.store.run_folder import write_manifest

STUDY = """
name = "small"
base = "base"
final = "stacked"
unseal = "at end"
[data]
kind = "synthetic"
classes = 4
train = 200
validation = 60
test = 80
size = 16
[budgets]
equal = 2
long = 5000  # no machine is through with it before it is interrupted
[recipe]
batch_size = 32
[recipe.network]
widths = [4, 4]
head = { kind = "global_average_pooling" }
[[rungs]]
name = "base"
[[rungs]]
name = "stacked"
after = "base"
apply = ["stack_convolutions"]
[[ensembles]]
name = "two"
rung = "stacked"
cycles = 2
alpha0 = 0.002
[[claims]]
text = "There are 200 training images."
quantity = { measure = "images", part = "train" }
relation = "equal"
value = 200
"""


@pytest.mark.parametrize(
    "contradiction",
    [
        ["--budget", "long", "--epochs", "3"],
        ["--unbundle", "stacked", "--ablate"],
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(
    folder: Path, contradiction: list[str]
) -> None:
    for command in ("plan", "run", "status", "report"):
        if command == "status" and "--unbundle" in contradiction:
            continue
        arguments = [command, str(folder / "small.toml"), "--store", str(folder / "runs")]
        answer = CliRunner().invoke(app, [*arguments, *contradiction])
        assert answer.exit_code == 2
        assert "give one of them" in answer.stderr
    assert not (folder / "runs").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def rungs(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "rungs", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize(
    ("name", "encoding", "said"),
    [
        (os.fsdecode(b"caf\xe9"), "utf-8:strict", "caf\\udce9: 0 runs"),
        ("5 €", "latin-1", "5 \\u20ac: 0 runs"),
    ],
)
def test_names_that_the_terminal_cannot_show_are_escaped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, said: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    (folder / name / "runs").mkdir(parents=True)
    done = rungs(folder, "store", "check", "--store", name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(said)


def asked(folder: Path, *arguments: str) -> Result:
    """A command that trains nothing, in this process: a second sooner than in one of its own."""
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})


def test_study_runs_whole_and_is_not_run_again(folder: Path) -> None:
    first = rungs(folder, "run", "small.toml", "--archive", "kept")
    assert first.returncode == 0, first.stderr
    assert "3 runs, 0 finished, 3 to do" in first.stdout
    # The ladder and its verdicts; all else is on the page, and printed when that is asked for.
    assert "small: budget equal" in first.stdout
    assert "Verdicts: each rung against" in first.stdout
    assert "Data and environment" not in first.stdout
    page = "runs/reports/small/equal/report.html"
    assert first.stdout.endswith(f"\nalso written: kept/equal\nthe page: {page}\n")
    written = folder / "runs" / "reports" / "small" / "equal"
    assert (written / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert {path.name for path in written.iterdir()} >= {"report.json", "report.md", "report.txt"}
    assert list((written / "plots").glob("*.svg"))

    again = rungs(folder, "run", "small.toml", "--full")
    assert "3 runs, 3 finished, 0 to do" in again.stdout
    assert "epoch 1" not in again.stdout
    assert "confirmed" in again.stdout
    assert asked(folder, "report", "small.toml").stdout in again.stdout

    elsewhere = rungs(folder, "run", "small.toml", "--store", "other", "--archive", "kept")
    assert "3 runs, 3 finished, 0 to do" in elsewhere.stdout
    ours, theirs = (
        json.loads(
            asked(folder, "report", "small.toml", "--store", store, "--format", "json").stdout
        )
        for store in ("runs", "other")
    )
    assert ours["rungs"] == theirs["rungs"]
    assert ours["ensembles"] == theirs["ensembles"]
    assert ours["schema_version"] == 1
    assert ours["ensembles"][0]["members"] == 2
    # An archive has no labels: to look at its answers, seeds are planned with those of the data.
    options = ("--detect", "1", "--store", "third", "--archive", "kept")
    assert "two finished seeds" in asked(folder, "plan", "small.toml", *options).stderr
    page = (folder / "kept" / "equal" / "report.html").read_text(encoding="utf-8")
    assert "<span>--archive</span> <span>kept</span> <span>--format</span>" in page
    assert (folder / "third" / "data").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="processes are killed by a signal")
def test_killed_between_rounds_of_seeds_a_study_goes_on_with_the_same_plan(folder: Path) -> None:
    rounds = STUDY.replace('unseal = "at end"', 'unseal = "at end"\nseeds = {start = 2, most = 3}')
    (folder / "rounds.toml").write_text(rounds, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "rungs", "run", "rounds.toml", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        told = next(line for line in process.stdout if '"event": "round"' in line)
        os.killpg(process.pid, signal.SIGKILL)
    first = json.loads(told)
    assert first["seeds"] == {"base": 2, "stacked": 2}
    (kept,) = (folder / "runs" / "rounds").iterdir()
    decided = json.loads(kept.read_text(encoding="utf-8"))["rounds"]
    assert decided == [{name: first[name] for name in first if name != "event"}]

    state = json.loads(asked(folder, "status", "rounds.toml", "--json").stdout)
    assert (state["rounds"]["following"], state["rounds"]["rounds"][0]["runs"]) == (3, 4)
    again = rungs(folder, "run", "rounds.toml")
    assert again.returncode == 0, again.stderr
    assert "8 runs, 6 finished" in again.stdout or "8 runs, 7 finished" in again.stdout
    assert "after 3 seeds, on validation: " in again.stdout
    after = json.loads(kept.read_text(encoding="utf-8"))["rounds"]
    assert after[:1] == decided
    assert after[1]["seeds"] == {"base": 3, "stacked": 3}
    assert "Figures of" in again.stdout  # the test set is open, now that it is over
    report = asked(folder, "report", "rounds.toml", "--format", "json")
    (*_, verdict) = json.loads(report.stdout)["rungs"]
    assert verdict["verdict"]["n_seeds"] == [3, 3]


def test_a_study_stays_sealed_until_it_is_opened(folder: Path) -> None:
    (folder / "mine.toml").write_text(STUDY.replace('unseal = "at end"\n', ""), encoding="utf-8")
    ran = rungs(folder, "run", "mine.toml", "--only", "base", "--archive", "kept")
    assert ran.returncode == 0, ran.stderr
    assert "The test set is sealed" in ran.stdout
    # An archive needs the test labels.
    assert "nothing is written to kept" in ran.stderr
    assert "`rungs unseal` opens it" in ran.stderr
    assert "kept" not in ran.stdout.splitlines()[-1]
    assert not (folder / "kept").exists()

    def shown() -> dict[str, Any]:
        printed = asked(folder, "report", "mine.toml", "--format", "json")
        plain: dict[str, Any] = json.loads(printed.stdout)
        return plain

    assert shown()["test_sealed"]
    assert shown()["rungs"][0]["test_accuracy"]["values"] == []
    refused = asked(folder, "compare", "mine.toml", "base", "stacked")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "rungs unseal" in refused.stderr
    assert (
        "did you mean 'stacked'" in asked(folder, "compare", "mine.toml", "stakced", "base").stderr
    )
    early = asked(folder, "unseal", "mine.toml")
    assert early.exit_code == 1
    assert "with 0 finished seeds of some rung at budget equal (2 epochs), no" in early.stderr
    assert shown()["test_sealed"]
    opened = asked(folder, "unseal", "mine.toml", "--yes").stdout
    assert "is open from now on, with 2 rungs" in opened
    assert "was open already" in asked(folder, "unseal", "mine.toml").stdout
    assert not shown()["test_sealed"]
    assert shown()["recipes_revealed"] == 1
    assert len(shown()["rungs"][0]["test_accuracy"]["values"]) == 1
    later = 'name = "late"\nafter = "base"\napply = ["residual"]\n'
    with (folder / "mine.toml").open("a", encoding="utf-8") as file:
        file.write("[[rungs]]\n" + later)
    assert shown()["rungs"][2]["verdict"]["marks"] == ["added after the test was seen"]
    assert shown()["rungs"][1]["verdict"]["family"] == 1


def test_sealed_run_shows_nothing_of_test(folder: Path) -> None:
    done = rungs(folder, "run", "small.toml", "--no-test", "--only", "base")
    assert done.returncode == 0, done.stderr
    report = asked(folder, "report", "small.toml", "--no-test", "--format", "json")
    base = json.loads(report.stdout)["rungs"][0]
    assert base["test_accuracy"]["values"] == []
    assert base["test_accuracy"]["mean"] is None
    assert base["val_accuracy"]["values"]
    assert base["best_class"] is None


def test_only_limits_what_is_trained_but_files_show_the_whole_ladder(folder: Path) -> None:
    done = rungs(folder, "run", "small.toml", "--only", "stacked", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "1 run, 0 finished, 1 to do" in done.stdout
    path = folder / "runs" / "reports" / "small" / "1-epoch" / "report.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert [rung["name"] for rung in written["rungs"]] == ["base", "stacked"]
    assert [rung["seeds"] for rung in written["rungs"]] == [[], [0]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "small.toml"),
        ("compare", "small.toml", "base", "stacked"),
        ("unseal", "small.toml"),
        ("plan", "small.toml", "--detect", "1"),
        ("store", "check"),
        ("store", "rebuild"),
    ],
)
@pytest.mark.parametrize("name", ["nowhere", "docs"])
def test_who_only_looks_makes_no_store(folder: Path, arguments: tuple[str, ...], name: str) -> None:
    (folder / "docs").mkdir()  # a folder of something else
    looked = asked(folder, *arguments, "--store", name)
    assert looked.exit_code == 1
    assert f"{name}: there is no store; `rungs run STUDY` makes one" in looked.stderr
    assert not (folder / "nowhere").exists()
    assert list((folder / "docs").iterdir()) == []


def test_nothing_is_unsealed_before_something_is_trained_on_its_data(folder: Path) -> None:
    done = rungs(folder, "run", "small.toml", "--only", "base", "--epochs", "1", "--no-test")
    assert done.returncode == 0, done.stderr
    other = STUDY.replace('name = "small"', 'name = "other"').replace("classes = 4", "classes = 5")
    assert "classes = 5" in other
    (folder / "other.toml").write_text(other, encoding="utf-8")
    refused = asked(folder, "unseal", "other.toml")
    assert refused.exit_code == 1
    assert "nothing is trained on this study's data" in refused.stderr
    assert not (folder / "runs" / "seals").exists()
    opened = asked(folder, "unseal", "small.toml", "--yes").stdout
    assert "is open from now on" in opened
    assert "under other studies" not in opened
    shown = asked(folder, "report", "small.toml", "--only", "base", "--epochs", "1")
    assert shown.exit_code == 0
    # A new name is a whole seal; that the images are known by now is said.
    (folder / "again.toml").write_text(STUDY.replace('"small"', '"again"'), encoding="utf-8")
    again = asked(folder, "unseal", "again.toml", "--yes").stdout
    assert "test figures of 1 recipe on the same images were shown before" in again


def test_seeds_epochs_and_only(folder: Path) -> None:
    done = rungs(folder, "run", "small.toml", "--seeds", "2", "--epochs", "1", "--only", "base")
    assert "2 runs, 0 finished, 2 to do" in done.stdout
    assert "two is left out" not in done.stdout
    status = asked(folder, "status", "small.toml", "--seeds", "2", "--epochs", "1")
    assert status.stdout.count("finished") == 2
    assert status.stdout.count("to do") == 2
    plain = asked(folder, "status", "small.toml", "--seeds", "2", "--epochs", "1", "--json").stdout
    states = [(run["name"], run["seed"], run["state"]) for run in json.loads(plain)["runs"]]
    ended = [("base", 0, "finished"), ("base", 1, "finished")]
    assert sorted(states) == [*ended, ("stacked", 0, "to do"), ("stacked", 1, "to do")]
    plan = json.loads(
        asked(folder, "plan", "small.toml", "--seeds", "2", "--epochs", "1", "--json").stdout
    )
    base, stacked = plan["rungs"]
    assert (base["name"], base["after"], base["epochs"], base["changes"]) == ("base", None, 1, [])
    assert base["finished"] == base["runs"]
    assert (len(stacked["runs"]), stacked["finished"], stacked["failed"]) == (2, [], [])
    assert stacked["after"] == "base"
    assert {"place", "before", "after"} == set(stacked["changes"][0])
    assert stacked["flops"] > base["flops"] > 0
    assert plan["seconds_left"] > 0
    assert plan["machine"]["device"] == "cpu"


def test_a_part_of_a_study_opens_no_test_set(folder: Path) -> None:
    for part in (["--only", "base"], ["--epochs", "1"]):
        ran = rungs(folder, "run", "small.toml", *part)
        assert ran.returncode == 0, ran.stderr
        assert "The test set is sealed" in ran.stdout
        assert "stays sealed until all runs that the study asks for are finished" in ran.stdout
        assert not (folder / "runs" / "seals").exists()
    whole = rungs(folder, "run", "small.toml", "--json")
    events = [json.loads(line) for line in whole.stdout.splitlines()]
    (seal,) = (event for event in events if event["event"] == "seal")
    assert seal == {"event": "seal", "open": True, "runs_missing": 0}
    assert len(list((folder / "runs" / "seals").iterdir())) == 1


def test_every_finished_seed_is_read_unless_fewer_are_asked_for(folder: Path) -> None:
    assert rungs(folder, "run", "small.toml", "--seeds", "2").returncode == 0
    assert "2 of 2" in asked(folder, "plan", "small.toml").stdout
    assert asked(folder, "status", "small.toml").stdout.count("seed 1") == 3
    verdict = json.loads(asked(folder, "compare", "small.toml", "stacked", "base", "--json").stdout)
    assert verdict["n_seeds"] == [2, 2]

    def seeds(*options: str) -> list[int]:
        printed = asked(folder, "report", "small.toml", "--format", "json", *options).stdout
        found: list[int] = json.loads(printed)["rungs"][0]["seeds"]
        return found

    assert seeds("--output", "page") == [0, 1]
    written = (folder / "page" / "report.json").read_bytes()
    assert seeds("--seeds", "1") == [0]
    fewer = asked(folder, "report", "small.toml", "--seeds", "1", "--output", "page")
    assert "page is left as it is: it is of more finished runs than these" in fewer.stderr
    assert (folder / "page" / "report.json").read_bytes() == written
    # The page in the store, too, keeps what it had.
    assert rungs(folder, "run", "small.toml", "--seeds", "1").returncode == 0
    page = folder / "runs" / "reports" / "small" / "equal" / "report.json"
    assert json.loads(page.read_text(encoding="utf-8"))["rungs"][0]["seeds"] == [0, 1]


def test_a_change_is_tried_without_editing_a_file(folder: Path) -> None:
    before = (folder / "small.toml").read_bytes()
    tried = rungs(folder, "try", "small.toml", "label_smoothing(0.1)", "--on", "base", "--json")
    assert tried.returncode == 0, tried.stderr
    events = [json.loads(line) for line in tried.stdout.splitlines()]
    assert {event["run"] for event in events if event["event"] == "done"} == {
        "base, seed 0",
        "trial, seed 0",
    }
    again = rungs(folder, "try", "small.toml", "label_smoothing(0.1)", "--on", "base")
    assert "2 runs, 2 finished, 0 to do" in again.stdout
    assert "loss.label_smoothing 0 -> 0.1" in again.stdout
    said = " ".join(again.stdout.split())
    assert re.search(r"difference on validation: [+-]\d+\.\d points; .* \(95 %\)\. 1 seed: ", said)
    assert "test" not in again.stdout
    assert (folder / "small.toml").read_bytes() == before
    wrong = rungs(folder, "try", "small.toml", "residul", "--on", "base")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "did you mean 'residual'" in wrong.stderr


def test_a_run_of_components_that_are_not_here_is_not_called_damaged(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    run = min((tmp_path / "runs" / "runs").iterdir())
    text = (run / "run.json").read_text(encoding="utf-8")
    (run / "run.json").write_text(text.replace('"relu"', '"mine:bent"'), encoding="utf-8")
    write_manifest(run, run.name)
    found = asked(tmp_path, "store", "check")
    assert found.exit_code == 0
    assert "made with a component that is not here: mine:bent" in found.stderr
    assert "3 runs, 0 damaged, 1 made with components that are not here" in found.stdout
    asked(tmp_path, "store", "check", "--set-aside")
    assert run.exists()
    rebuilt = asked(tmp_path, "store", "rebuild")
    assert rebuilt.exit_code == 0
    assert f"left out, made with components that are not here: {run.name}" in rebuilt.stdout


def test_a_damaged_run_is_found_and_set_aside(folder: Path) -> None:
    quiet = rungs(folder, "run", "small.toml", "--only", "base", "--quiet")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    silent = rungs(folder, "run", "small.toml", "--only", "base", "--quiet", "--json")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert "1 run, 0 damaged" in asked(folder, "store", "check").stdout
    run = next((folder / "runs" / "runs").iterdir())
    (run / "epochs.jsonl").write_text("{}\n")
    found = asked(folder, "store", "check")
    assert found.exit_code == 1
    assert "its checksum differs" in found.stderr
    assert "--set-aside" in found.stderr
    (folder / "runs" / "index.sqlite").unlink()
    shown = asked(folder, "report", "small.toml")
    assert shown.exit_code == 1
    assert "rungs store check" in shown.stderr
    rebuilt = asked(folder, "store", "rebuild")
    assert rebuilt.exit_code == 1
    assert run.name in rebuilt.stderr
    moved = asked(folder, "store", "check", "--set-aside")
    assert moved.exit_code == 0
    assert not run.exists()
    assert (folder / "runs" / "damaged" / run.name / "run.json").exists()
    assert asked(folder, "store", "rebuild").stdout.endswith("index.sqlite: 0 runs\n")
    assert "1 to do" in rungs(folder, "run", "small.toml", "--only", "base").stdout


def test_settings_and_their_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNGS_WORKERS", "3")
    monkeypatch.setenv("RUNGS_STORE", "elsewhere")
    arguments = ["plan", "small.toml", "--show-config", "--store", "here", "--budget", "long"]
    shown = {
        line.split()[0]: " ".join(line.split()[1:])
        for line in asked(folder, *arguments).stdout.splitlines()
    }
    assert shown["--store"] == "here (flag)"
    assert shown["--workers"] == "3 (environment RUNGS_WORKERS)"
    assert shown["--seeds"] == "1 (study file)"
    assert shown["--budget"] == "long (flag)"
    assert shown["--device"] == "auto (default)"


def test_interrupt_stops_cleanly_and_the_next_run_goes_on(folder: Path) -> None:
    command = ["run", "small.toml", "--budget", "long", "--only", "base"]
    reached, process = run_until(folder, command, r"epoch (\d+) of 5000")
    assert reached is not None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "resumes from the last finished epoch" in errors
    assert "Traceback" not in errors
    resumed, process = run_until(
        folder, command, r"base, seed 0: resumes after epoch (\d+) of 5000"
    )
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert resumed is not None
    assert int(resumed[1]) >= int(reached[1])


def run_until(
    folder: Path, command: list[str], pattern: str
) -> "tuple[re.Match[str] | None, subprocess.Popen[str]]":
    """Starts a command in a process group of its own and reads until a line matches."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "rungs", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    found = (re.search(pattern, line) for line in process.stdout)
    return next((match for match in found if match), None), process


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nothing"], 1, "rungs: nothing has 1 mistake:"),
        (["plan", "small.toml", "--budget", "lng"], 1, "did you mean 'long'?"),
        (["run", "small.toml", "--only", "bas"], 1, "did you mean 'base'?"),
        (["run", "small.toml", "--seeds", "0"], 2, "--seeds"),
        (["run", "small.toml", "--device", "gpu"], 2, "--device"),
        (["jump"], 2, "jump"),
        (["catalogue", "residal"], 1, "did you mean 'residual'?"),
        (["run", "small.toml", "--store", "small.toml/x"], 1, "no store can be made here"),
        (["run", "small.toml", "--store", "small.toml"], 1, "this is a file, expected a folder"),
        (["run", "small.toml", "--archive", "small.toml"], 1, "expected the folder of an archive"),
        (
            ["report", "small.toml", "--store", "kept", "--output", "small.toml"],
            1,
            "no report can be written here",
        ),
        (["data", "cifar100", "--data-dir", "missing"], 1, "missing"),
    ],
)
def test_bad_input_is_one_message(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    (folder / "kept" / "runs").mkdir(parents=True)
    done = asked(folder, *arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert isinstance(done.exception, SystemExit)  # anything else would be a traceback


@pytest.mark.parametrize("command", [["run", "small.toml"], ["try", "small.toml", "residual()"]])
def test_an_interrupt_before_anything_is_trained_says_how_to_go_on(
    folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rungs.store.open_store", interrupted)
    done = asked(folder, *command)
    assert done.exit_code == 130
    assert "the same command resumes" in done.stderr


def test_a_network_that_cannot_be_built_is_found_before_training(folder: Path) -> None:
    deep = STUDY.replace('"stack_convolutions"', '{ name = "add_layers", widths = [4, 4, 4] }')
    (folder / "deep.toml").write_text(deep, encoding="utf-8")
    done = rungs(folder, "run", "deep.toml")
    assert done.returncode == 1
    assert "stage 5 of 5 would have no pixels left" in done.stderr
    assert "begins" not in done.stdout


def test_plan_trains_nothing_and_leaves_no_store(folder: Path) -> None:
    done = asked(folder, "plan", "small.toml")
    assert done.exit_code == 0, done.stderr
    assert "network.block.depth 1 -> 2" in done.stdout
    assert "0 of 1" in done.stdout
    assert not (folder / "runs").exists()


def test_plan_of_cifar100_needs_no_data(folder: Path) -> None:
    done = asked(folder, "plan", "cifar100")
    assert "2,170,788" in done.stdout
    assert "26,276" in done.stdout
    assert "batch_size = 128" in done.stdout


def test_catalogue_lists_modifications_of_ones_own(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import rungs\n"
        "from rungs.extend import replace\n"
        "@rungs.modification(family='optimisation', source='Nobody, 2026')\n"
        "def calm(recipe):\n"
        '    """Halves the batch."""\n'
        "    return replace(recipe, batch_size=recipe.batch_size // 2)\n",
        encoding="utf-8",
    )
    assert "mine:calm" not in asked(folder, "catalogue").stdout
    listed = asked(folder, "catalogue", "--module", "mine.py")
    assert "mine:calm()\n      Halves the batch.\n      Source: Nobody, 2026" in listed.stdout
    single = asked(folder, "catalogue", "mine:calm", "--module", "mine.py").stdout
    assert "Typical cost: " in single
    assert "residual(" not in single
    missing = asked(folder, "catalogue", "yours:calm")
    assert "one of your own needs its module" in missing.stderr


def test_catalogue_lists_every_modification(folder: Path) -> None:
    from rungs.recipe.modifications import catalogue

    listed = asked(folder, "catalogue").stdout
    for entry in catalogue():
        assert entry.signature in listed
        assert entry.source in listed


def test_data_describes_the_set(folder: Path) -> None:
    done = asked(folder, "data", "small.toml")
    assert "200 train, 60 validation, 80 test; 4 classes; 16x16 pixels" in done.stdout


def test_version_and_help(folder: Path) -> None:
    assert asked(folder, "--version").stdout.startswith("rungs ")
    commands = """run,try,plan,status,report,compare,unseal,catalogue,data,store,store rebuild,
        store check"""
    for command in map(str.strip, commands.split(",")):
        shown = asked(folder, *command.split(), "--help").stdout
        assert f"Example: rungs {command}" in shown
