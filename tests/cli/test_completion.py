"""What the Tab key offers, asked as a shell asks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app

STUDY = """
name = "mine"
base = "plain"
final = "pooled"
[data]
kind = "synthetic"
classes = 4
train = 200
validation = 60
test = 80
size = 16
[budgets]
equal = 2
long = 8
[recipe]
[[rungs]]
name = "plain"
[[rungs]]
name = "pooled"
after = "plain"
apply = ["global_average_pooling"]
[[ensembles]]
name = "pool"
rung = "pooled"
cycles = 2
alpha0 = 0.01
"""


def offered(*words: str) -> list[str]:
    """What is offered for the last word of a line."""
    line = " ".join(("rungs", *words))
    surroundings = {"_RUNGS_COMPLETE": "complete_bash", "COMP_WORDS": line}
    surroundings["COMP_CWORD"] = str(len(words))
    answer = CliRunner().invoke(app, [], env=surroundings, prog_name="rungs")
    assert answer.exit_code == 0, answer.output
    assert not answer.stderr
    return answer.stdout.split()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("plan", "qu"), {"quickstart"}),
        (("plan", "mi"), {"mine.toml"}),
        (("plan", "deep"), {"deeper/"}),
        (("plan", "deeper/"), {"deeper/other.toml"}),
        (("plan", "nowhere/x"), set()),
        (("plan", ".h"), set()),
        (("run", "mine.toml", "--only", "poo"), {"pooled", "pool"}),
        (("run", "mine.toml", "--unbundle", "poo"), {"pooled"}),
        (("run", "mine.toml", "--budget", "l"), {"long"}),
        (("run", "--budget", "l"), set()),
        (("run", "missing.toml", "--budget", "l"), set()),
        (("try", "mine.toml", "--on", "pl"), {"plain"}),
        (("try", "mine.toml", "label"), {"label_smoothing"}),
        (("compare", "mine.toml", "plain", "pooled"), {"pooled"}),
        (("catalogue", "label"), {"label_smoothing"}),
    ],
)
def test_names_are_offered(words: tuple[str, ...], expected: set[str]) -> None:
    assert set(offered(*words)) == expected


def test_a_study_with_mistakes_offers_nothing(folder: Path) -> None:
    (folder / "mine.toml").write_text('name = "mine"\nbase = 3\n', encoding="utf-8")
    assert offered("run", "mine.toml", "--only", "p") == []
