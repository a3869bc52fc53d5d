"""The docs show what the program wrote, and their commands exist."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from rungs.archive import import_runs
from rungs.cli import app
from rungs.errors import ParameterError
from rungs.store import check_manifest, open_store
from rungs.study import builtin_names, load

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "cifar100"
ENDINGS = {"", ".html", ".json", ".jsonl", ".md", ".txt", ".svg", ".npz", ".toml"}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_shows_the_committed_results() -> None:
    report = json.loads((RESULTS / "equal" / "report.json").read_text(encoding="utf-8"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert generator().readme(text, report) == text, "run `make docs`"


def test_committed_runs_are_whole_and_of_the_study(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    keys = import_runs(store, RESULTS)
    assert keys
    study = load("cifar100")
    recipes = [rung.recipe for rung in study.rungs] + [item.recipe for item in study.ensembles]
    for key in keys:
        check_manifest(store.run_folder(key))
        spec = store.result(key).spec
        assert spec.key == key
        assert spec.data.fingerprint == study.data.fingerprint
        assert spec.recipe in recipes


def test_results_hold_no_pictures_and_no_paths_of_a_machine() -> None:
    for path in (ROOT / "results").rglob("*"):
        assert path.suffix in ENDINGS, path
        if path.suffix == ".svg":
            assert "<image" not in path.read_text(encoding="utf-8")


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", sorted(generator().PAGES))
def test_generated_pages_are_what_the_program_says(name: str) -> None:
    page = generator().PAGES[name]()
    assert (ROOT / name).read_text(encoding="utf-8") == page, "run `make docs`"


def anchors(path: Path) -> set[str]:
    """Those of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in index, path.name


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and text of every block of code."""
    return re.findall(r"```(\w+)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def test_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    """Files are written, commands run, and every line that is shown is in what they print."""
    study = tmp_path / "ladder.toml"
    said = ""
    kinds = []
    environment = {**os.environ, "COLUMNS": "200"}
    for kind, text in blocks(ROOT / "docs" / "tutorial.md"):
        kinds.append(kind)
        if kind == "toml":
            with study.open("a", encoding="utf-8") as file:
                file.write("\n" + text)
        elif kind == "sh":
            for line in text.splitlines():
                words, _, target = line.partition(" > ")
                program, *arguments = shlex.split(words)
                assert program == "rungs"
                done = subprocess.run(
                    [sys.executable, "-m", "rungs", *arguments],
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, done.stderr
                if target:
                    (tmp_path / target).write_text(done.stdout, encoding="utf-8")
                said = done.stdout
        else:
            for line in text.splitlines():
                assert line in said
    assert kinds.count("sh") >= 5
    report = json.loads((tmp_path / "ladder.json").read_text(encoding="utf-8"))
    assert [rung["name"] for rung in report["rungs"]] == ["base", "deeper", "smoothed"]
    for table in re.findall(
        r"\| key \| what it is \|\n\|---\|---\|\n(.*?)\n\n",
        (ROOT / "docs" / "results.md").read_text(encoding="utf-8") + "\n\n",
        re.DOTALL,
    ):
        keys = {
            key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])
        }
        assert keys <= set(report) or keys <= set(report["rungs"][0])


def test_the_example_of_a_modification_works() -> None:
    """It passes what every modification passes, and then is forgotten again."""
    from rungs.modifications import apply, registry
    from rungs.recipe import Recipe

    (text,) = [
        text for kind, text in blocks(ROOT / "docs" / "modifications.md") if kind == "python"
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_CATALOGUE", dict(registry._CATALOGUE))
        exec(text, {"__name__": "example"})
        entry = registry.find("larger_batches")
        changed = apply(Recipe(), entry.name, entry.example)
        assert changed.batch_size == 2 * Recipe().batch_size
        assert changed.optimiser.learning_rate == 2 * Recipe().optimiser.learning_rate
        assert entry.doc
        with pytest.raises(ParameterError, match="at least 2"):
            apply(Recipe(), entry.name, {"factor": 1})


def commands() -> list[str]:
    """Every line of a shell block in the docs that starts with our program."""
    found = []
    for path in PAGES:
        if path.name == "tutorial.md":  # run as a whole
            continue
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("rungs ")]
    return found


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_docs_parse(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    group = get_command(app)
    command = group.commands[words[0]]  # type: ignore[attr-defined]
    context = command.make_context(words[0], words[1:])
    study = context.params.get("study")
    assert study is None or study in builtin_names() or study.endswith(".toml")
