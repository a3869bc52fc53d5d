"""What is read as a study file, and what is said of the rest."""

import os
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation.errors import StudyError
from rungs.study import load

GOOD = """name = "mine"
base = "first"
final = "first"
[data]
kind = "synthetic"
[budgets]
equal = 4
[[rungs]]
name = "first"
"""


def refusal(source: Path | str) -> str:
    with pytest.raises(StudyError) as caught:
        load(source)
    (mistake,) = caught.value.mistakes
    return str(mistake)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "name: is needed, but missing"),
        (b"name = [", "line 1, column 9: this is not TOML: Invalid value"),
        (b"name = 'a'\n\nbase 3\n", "line 3, column 6: this is not TOML: Expected '=' after a key"),
        (b"a = 1\r\na = 2\r\n", "line 2, column 6: this is not TOML: Cannot overwrite a value"),
        (b"a = 'x\n'", "line 1, column 7: this is not TOML: "),
        (b'a = "\x00"', "line 1, column 6: this is not TOML: Illegal character"),
        (
            b"name = 'gr\xf6\xdfe'",
            "line 1, column 11: this is not text, expected UTF-8, found byte 0xf6",
        ),
        (b"\xff\xfea\x00", "line 1, column 1: this is not text, expected UTF-8, found byte 0xff"),
        (
            b"a = 1\nb = '\xc3\xbc\xe4'",
            "line 2, column 7: this is not text, expected UTF-8, found byte 0xe4",
        ),
        (b"a = " + b"[" * 100_000, "tables or lists are nested too deeply"),
        (b"a = " + b"{a=" * 100_000, "tables or lists are nested too deeply"),
        (b"a = 1\nseeds = " + b"9" * 5000, "line 2, column 9: a number has too many digits"),
        (
            b"x = 1\n" + b"a." * 300_000 + b"a = 1",
            "line 2, column 1: expected a key of at most 20 parts",
        ),
        (b"[" + b"'a' . " * 20 + b"a]", "line 1, column 2: expected a key of at most 20 parts"),
        (b"#" * 1_000_001, "more than 1 MB, expected a study file of some kB"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        load(path)
    assert str(caught.value.mistakes[0]).startswith(expected)
    assert len(str(caught.value.mistakes[0])) < 400


def test_a_byte_order_mark_and_other_line_ends_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).name == "mine"
    assert load(path).source == str(path)


def test_a_file_of_50_mb_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert refusal(path) == "more than 1 MB, expected a study file of some kB"


def test_a_folder_is_not_a_study(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "this is a folder, expected a study file"


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    assert refusal(tmp_path / "pipe.toml") == "this is a pipe, expected a study file"


@pytest.mark.skipif(sys.platform == "win32", reason="has other paths")
@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "mine.toml/x"])
def test_an_impossible_path_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(GOOD, encoding="utf-8")
    assert refusal(name).startswith("cannot be read: ")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="there everybody may read it"
)
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    path.chmod(0)
    assert refusal(path) == "cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("cifar10", "did you mean 'cifar100'?"),
        ("quikstart", "did you mean 'quickstart'?"),
        ("quikstart.toml", "did you mean 'quickstart'?"),
        ("mine", "those are 'cifar100', "),
        ("", "those are 'cifar100', "),
    ],
)
def test_what_is_not_there_may_be_a_misspelt_builtin_study(source: str, hint: str) -> None:
    start = "there is no such file, nor a built-in study of that name; "
    assert refusal(source).startswith(start + hint)


def test_a_folder_does_not_hide_a_builtin_study_but_a_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quickstart").mkdir()
    assert load("quickstart").name == "quickstart"
    Path("quickstart").rmdir()
    Path("quickstart").write_text(GOOD, encoding="utf-8")
    assert load("quickstart").name == "mine"


@pytest.mark.parametrize("command", ["plan", "run", "status", "report", "data"])
def test_every_command_prints_all_mistakes_and_exits_1(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = GOOD.replace("equal = 4", "equal = true").replace('final = "first"', 'final = "frst"')
    Path("mine.toml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, [command, "mine.toml"])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        "rungs: mine.toml has 2 mistakes:\n"
        "  final: there is no rung 'frst'; did you mean 'first'?\n"
        "  budgets.equal: expected a whole number, found true\n"
    )
    assert not Path("runs").exists()
    usage = CliRunner().invoke(app, [command, "mine.toml", "--sides", "3"])
    assert usage.exit_code == 2
    assert re.search("No such option.*--sides", usage.stderr)
