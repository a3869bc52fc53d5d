"""What gathers figures knows no table, and what shows them computes none."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import layout
from rungs.report import judged

ROOT = Path(judged.__file__).parent
# Where figures are computed. What shows may have types and constants of these, no function.
COMPUTING = ("rungs.statistics", "rungs.evidence")
# Arithmetic on many values. Scales, which are no figures, need `math`; tables and page do not.
ARITHMETIC = {"numpy", "scipy", "statistics", "math"}


def sides(side: str) -> set[str]:
    """What the modules of one part of the room import of the room."""
    found = (item for item in layout.imports() if item.importer.startswith(f"rungs.report.{side}"))
    return {item.imported for item in found if item.imported.startswith("rungs.report.")}


@pytest.mark.parametrize(
    ("side", "others"),
    [("figures", ["figures"]), ("gather", ["figures", "gather"]), ("show", ["figures", "show"])],
)
def test_each_part_imports_only(side: str, others: list[str]) -> None:
    allowed = tuple(f"rungs.report.{name}" for name in others)
    assert [name for name in sorted(sides(side)) if not name.startswith(allowed)] == []


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def functions(path: Path, modules: tuple[str, ...]) -> list[str]:
    """The functions of some rooms that a file imports."""
    found = [(module, name) for module, name in imported(path) if module.startswith(modules)]
    return [
        f"{path.name}: {module}.{name}"
        for module, name in found
        if inspect.isfunction(getattr(importlib.import_module(module), name, None))
    ]


def test_what_shows_calls_nothing_that_computes() -> None:
    files = sorted((ROOT / "show").rglob("*.py"))
    assert [line for path in files for line in functions(path, COMPUTING)] == []


@pytest.mark.parametrize("part", ["tables", "page"])
def test_tables_and_page_do_no_arithmetic_on_many_values(part: str) -> None:
    used = [
        f"{path.name}: {module}"
        for path in sorted((ROOT / "show" / part).rglob("*.py"))
        for module, _ in imported(path)
        if module.split(".")[0] in ARITHMETIC
    ]
    assert used == []


def test_the_check_sees_functions_and_lets_types_pass(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(
        "def f():\n    from rungs.statistics.verdicts import ALPHA, Verdict, judge\n",
        encoding="utf-8",
    )
    assert functions(path, COMPUTING) == ["one.py: rungs.statistics.verdicts.judge"]
