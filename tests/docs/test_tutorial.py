"""Pages that lead by the hand do what they say: their files, commands and scripts are run."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from rungs.data.kinds import FORMS, kind_of

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Paragraph before, language and content of every fenced block of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = list(re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    return [
        (text[: fence.start()].rstrip().rsplit("\n\n", 1)[-1], fence[1], fence[2])
        for fence in fences
    ]


def shows(output: str, expected: str) -> str | None:
    """The first of the expected lines that the output lacks; they come in its order.

    Spaces count as one, and ``...`` stands for anything.
    """
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for wanted in filter(None, (" ".join(line.split()) for line in expected.splitlines())):
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("...")))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def test_lines_are_looked_for_in_order() -> None:
    output = "one  1\ntwo 2\nthree 3\n"
    assert shows(output, " one ...\n\nthree 3\n") is None
    assert shows(output, "three 3\none 1\n") == "one 1"
    assert shows(output, "tw") == "tw"


@pytest.mark.timeout(900)  # several trainings and a dozen starts of Python, on any machine
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    folder, languages = do_what_it_says("tutorial.md", tmp_path)
    assert {"toml", "sh", "python", "text"} <= languages
    assert (folder / "runs" / "reports" / "first" / "equal" / "plots").is_dir()


@pytest.mark.timeout(600)
def test_the_page_on_own_pictures_does_what_it_says(tmp_path: Path) -> None:
    folder, languages = do_what_it_says("own-pictures.md", tmp_path)
    assert languages == {"sh", "python", "text"}
    page = folder / "runs" / "reports" / "my-study" / "1-epoch" / "report.html"
    assert page.read_text(encoding="utf-8").count("<img") >= 1  # confident mistakes


@pytest.mark.timeout(600)
def test_the_page_on_data_does_what_it_says(tmp_path: Path) -> None:
    """Of the published sets, which would be downloaded, the tables are read."""

    def at_hand(block: tuple[str, str, str]) -> bool:
        return not (block[1] == "toml" and block[2].startswith("[data]"))

    _, languages = do_what_it_says("data.md", tmp_path, at_hand)
    assert languages == {"sh", "python", "text", "toml"}
    tables = [tomllib.loads(block[2])["data"] for block in blocks("data.md") if not at_hand(block)]
    assert {"cifar10", "fashion_mnist", "hub"} <= {table["kind"] for table in tables}
    for table in tables:
        form = FORMS.validate_python(table)
        assert kind_of(form).mistakes(form) == []


@pytest.mark.timeout(600)
def test_the_page_on_python_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scripts are one program, as what is typed into a notebook."""
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    output = ""
    for _, language, content in blocks("python.md"):
        if language == "text":
            lacking = shows(output, content)
            assert lacking is None, f"not shown: {lacking}\n{output}"
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(content, "python.md", language.replace("python", "exec")), names)
            output = out.getvalue()


def do_what_it_says(
    page: str,
    tmp_path: Path,
    chosen: Callable[[tuple[str, str, str]], bool] = lambda _: True,
) -> tuple[Path, set[str]]:
    """Does what a page says in an empty folder; that folder, and the languages of the blocks.

    ``chosen`` says of which blocks; of all if left out.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "rungs"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rungs "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("RUNGS_STORE", None)
    environment["RUNGS_WORKERS"] = "1"  # tests run side by side
    output = ""
    done = []
    for before, language, content in filter(chosen, blocks(page)):
        done.append(language)
        match language:
            case "toml":
                name = re.findall(r"`(\w+\.toml)`", before)[-1]
                with (folder / name).open("a", encoding="utf-8") as file:
                    file.write(content)
            case "sh" | "python":
                command = ["sh", "-e"] if language == "sh" else [sys.executable, "-"]
                ended = subprocess.run(
                    command,
                    input=content,
                    cwd=folder,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                assert ended.returncode == 0, f"{content}\n{ended.stdout}\n{ended.stderr}"
                output = ended.stdout
            case "text":
                missing = shows(output, content)
                assert missing is None, f"not shown: {missing}\n{output}"
            case _:
                pytest.fail(f"a block of {language}, which nobody runs")
    return folder, set(done)
