"""The docs show what the program wrote, and their commands exist."""

import importlib.util
import json
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from rungs.archive import import_runs
from rungs.cli import app
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


def commands() -> list[str]:
    """Every line of a shell block in the docs that starts with our program."""
    found = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
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
