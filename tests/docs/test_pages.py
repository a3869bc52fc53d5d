"""The docs show what the program wrote, and their commands exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typer.main import get_command

import generate
import reference
from rungs.cli import app
from rungs.store import open_store
from rungs.store.archive import import_runs
from rungs.store.run_folder import check_manifest
from rungs.study import builtin_names, load

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "cifar100"
ENDINGS = {"", ".html", ".json", ".jsonl", ".md", ".txt", ".svg", ".npz", ".toml"}


def documents() -> list[Path]:
    """Every Markdown file that is ours, not a tool's."""
    below = (path for name in ("docs", "results") for path in (ROOT / name).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *below])


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Targets of a file's headings; of equal ones, the second and later get a number."""
    names = [
        reference.anchor(heading)
        for heading in re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    ]
    return {
        f"{name}-{count}" if (count := names[:position].count(name)) else name
        for position, name in enumerate(names)
    }


@pytest.mark.parametrize("page", generate.PAGES)
def test_pages_show_what_is_made_for_them(page: str) -> None:
    written = (ROOT / page).read_text(encoding="utf-8")
    assert generate.filled(page) == written, "run `make docs`"


@pytest.mark.parametrize("name", generate.FILES)
def test_files_are_what_is_made_for_them(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert generate.FILES[name]() == written, "run `make docs`"


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_/]+(?:/|\.py))`", text)
    assert len(named) > 40
    places = [ROOT / "src" / "rungs", ROOT]
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    # After a folder, files of it are named alone.
    assert all("/" not in name for name in missing), missing
    assert all(any((ROOT / "src").rglob(name)) for name in missing)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{link}: no such file"
        if heading:
            assert heading in anchors(target.read_text(encoding="utf-8")), f"{link}: no heading"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in index, path.name


def test_anchors_are_those_of_github() -> None:
    text = "# A `[recipe.network]`, kind `x_y`\n## Two\n## Two\n```sh\n# no heading\n```\n"
    assert anchors(text) == {"a-recipenetwork-kind-x_y", "two", "two-1"}


def test_a_key_without_description_is_found() -> None:
    class Form(BaseModel):
        """A form.

        Attributes:
            one: described, on
                two lines.
        """

        one: int = 1
        two: int = 2

    parts = reference.sections(Form.model_json_schema()["description"])
    assert parts[""] == "A form."
    assert reference.described(parts["Attributes"]) == {"one": "described, on two lines."}
    table = reference.Table("form", Form.model_json_schema(), chosen=False)
    with pytest.raises(ValueError, match="form: the docstring does not describe the key 'two'"):
        list(reference.described_table(table, {}))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Annotated[int, Field(ge=1, le=1000)], "whole number, 1 ≤ x ≤ 1,000"),
        (Annotated[float, Field(gt=0, lt=1)], "number, 0 < x < 1"),
        (float, "number"),
        (tuple[bool, ...], "list: `true` or `false`"),
        (tuple[int, str], "[whole number, text]"),
        (Annotated[str, Field(max_length=2000)] | None, "text of at most 2,000 characters"),
        (Literal["a"], '`"a"`'),
        (Literal["a", "b"], '`"a"`, `"b"`'),
        (dict[str, int], "table: name = whole number"),
    ],
)
def test_values_have_words(kind: Any, expected: str) -> None:
    assert reference.words(TypeAdapter(kind).json_schema(), {}) == expected


def test_every_option_of_every_command_is_told() -> None:
    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        for word, inner in command.commands.items():
            if hasattr(inner, "commands"):
                yield from below(f"{name} {word}", inner)
            else:
                yield f"{name} {word}", inner

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") + "\n## "
    for name, command in below("rungs", get_command(app)):
        told = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or f"| `{option}" in told, f"{name} {option}"


def test_values_are_written_as_toml() -> None:
    plain = {"name": "x", "rates": [0.1, 1e-06], "keep": False, "to": {"kind": "elu"}}
    assert tomllib.loads(f"value = {reference.toml(plain)}") == {"value": plain}


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
    for path in documents():
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("rungs ")]
    return found


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_docs_parse(line: str) -> None:
    words = shlex.split(line.split(">")[0], comments=True)[1:]  # not where its output goes
    group = get_command(app)
    command = group.commands[words[0]]  # type: ignore[attr-defined]
    context = command.make_context(words[0], words[1:])
    study = context.params.get("study")
    assert study is None or study in builtin_names() or study.endswith(".toml")
