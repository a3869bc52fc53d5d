"""The door for modules of one's own: complete, and the one way in that is told of."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from rungs import extend
from rungs.recipe import components
from rungs.recipe.components import core
from rungs.recipe.components.core import Component
from rungs.recipe.own_modules import forget_module, load_module

ROOT = Path(__file__).parents[2]
# Of the components: what reads the table of kinds, for the program alone, and what stands for a
# network that is elsewhere.
INSIDE = {"Recorded", "is_ours", "is_recorded", "kinds", "own_kinds", "spelled_out"}


def test_all_that_is_imported_is_on_the_list() -> None:
    there = {name for name in vars(extend) if not name.startswith("_")}
    assert there == set(extend.__all__)
    assert len(extend.__all__) == len(set(extend.__all__))


def test_every_component_and_seam_is_there() -> None:
    assert set(components.__all__) - INSIDE <= set(extend.__all__)


def seams() -> list[type[Component]]:
    there = (getattr(extend, name) for name in extend.__all__)
    return [item for item in there if inspect.isclass(item) and item in core._KINDS]


def test_there_are_seams() -> None:
    assert set(core._KINDS) == set(seams())
    assert {"Activation", "Network", "Optimiser", "Loss"} <= {seam.__name__ for seam in seams()}


def ours(module: ModuleType) -> set[str]:
    """The names of a module's file that are classes or types of ours."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rungs."):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("seam", seams(), ids=lambda seam: seam.__name__)
def test_what_a_seam_asks_for_can_be_written_with_the_door_alone(seam: type[Component]) -> None:
    module = inspect.getmodule(seam)
    assert module is not None
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(seam))).body
    asked = {
        part.id
        for node in ast.walk(written)
        if isinstance(node, ast.arg | ast.FunctionDef)
        for hint in [node.annotation if isinstance(node, ast.arg) else node.returns]
        if hint is not None
        for whole in [ast.parse(str(hint.value)) if isinstance(hint, ast.Constant) else hint]
        for part in ast.walk(whole)
        if isinstance(part, ast.Name)
    }
    assert (asked & ours(module)) - set(extend.__all__) == set()


def test_a_component_can_be_told_by_what_it_is() -> None:
    assert issubclass(extend.Activation, Component)
    assert extend.Component is Component


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_pages_tell_of_no_other_way_in(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    told = set(re.findall(r"^\s*from (rungs[\w.]*) import", text, re.MULTILINE))
    if page.stem != "architecture":
        assert told <= {"rungs", "rungs.extend", "rungs.testing"}


def test_modules_written_before_the_door_are_read_as_they_are(tmp_path: Path) -> None:
    """Their source is part of their runs' keys, so it must not have to change."""
    (tmp_path / "old.py").write_text(
        "from torch import nn\n"
        "from rungs.components import Activation, component\n"
        "from rungs.modifications import modification\n"
        "from rungs.recipe import Recipe, replace\n"
        "from rungs.values import Positive\n\n"
        "@component\nclass Bent(Activation):\n    by: Positive = 1.0\n\n"
        "    def build(self):\n        return nn.Tanh()\n"
    )
    code = (
        "import sys; from pathlib import Path; from rungs.recipe.own_modules import load_module; "
        "print([c.kind for c in load_module(Path(sys.argv[1])).components])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "old.py")], capture_output=True, text=True
    )
    assert ran.stdout == "['old:bent']\n", ran.stderr
    load_module(tmp_path / "old.py")
    forget_module("old")
