"""`rungs judge`: options, forms of the answer, and exit codes."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import rungs
from rungs.cli import app

LABELS = np.arange(200) % 5
NAMES = ("base", "wider", "last")


def answers(right: int, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(200)
    predicted = (LABELS + 1) % 5
    predicted[order[:right]] = LABELS[order[:right]]
    return predicted


GIVEN = {
    name: [answers(right + seed, 10 * number + seed) for seed in range(3)]
    for number, (name, right) in enumerate(zip(NAMES, (100, 150, 151), strict=True))
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file for each recipe, without labels, and the labels."""
    for name, runs in GIVEN.items():
        lines = [
            f"{seed},{image},{predicted[image]}"
            for seed, predicted in enumerate(runs)
            for image in range(200)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["seed,image,predicted", *lines]))
    lines = [f"{image},{label}" for image, label in enumerate(LABELS)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *lines]))
    return tmp_path


def judge(folder: Path, *options: str) -> Result:
    files = [f"{name}.csv" for name in NAMES]
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, ["judge", *files, "--labels", "labels.csv", *options])


def test_tables_are_shown(folder: Path) -> None:
    done = judge(folder)
    assert done.exit_code == 0, done.stderr
    assert "Accuracy on 200 images" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:3] == ["wider", "base", "+25.0"] and "helps" in row for row in rows)
    assert any(row[:3] == ["last", "wider", "+0.5"] and "undecided" in row for row in rows)


def test_json_is_what_python_gives(folder: Path) -> None:
    options = ("--after", "last = base", "--margin", "0.2", "--kind", "last=averaged", "--json")
    done = judge(folder, *options)
    assert done.exit_code == 0, done.stderr
    expected = rungs.judge(
        GIVEN, LABELS, after={"last": "base"}, margin=0.2, kinds={"last": "averaged"}
    )
    assert json.loads(done.stdout) == expected.to_dict()
    assert [(item["name"], item["against"]) for item in expected.to_dict()] == [
        ("wider", "base"),
        ("last", "base"),
    ]


def test_a_recipe_may_stand_on_nothing(folder: Path) -> None:
    found = json.loads(judge(folder, "--after", "last=", "--json").stdout)
    assert [item["name"] for item in found] == ["wider"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--after", "last"), 2, "--after: expected NAME=..., such as `--after warmer=base`"),
        (("--after", "=base"), 2, "--after: expected NAME=..., such as"),
        (("--after", "last=base", "--after", "last="), 2, "expected 'last' once, found it twice"),
        (("--after", "last=bass"), 2, "there are no answers of 'bass'; did you mean 'base'?"),
        (("--kind", "last"), 2, "--kind: expected NAME=..."),
        (("--margin", "1"), 2, "margin: expected a fraction"),
        (("none.csv",), 1, "none.csv: cannot be read: No such file"),
        (("base.csv",), 1, "base.csv, 'base', seed '0': expected each run once"),
    ],
)
def test_mistakes_are_one_message(
    folder: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    done = judge(folder, *options)
    assert done.exit_code == code
    assert done.stderr.startswith("rungs: ")
    assert said in done.stderr
    assert done.stdout == ""


def test_the_program_judges_without_torch(folder: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from rungs.cli import main; sys.argv[1:] = ['judge', 'base.csv', 'wider.csv', '--labels', "
        "'labels.csv']; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "helps" in ran.stdout
