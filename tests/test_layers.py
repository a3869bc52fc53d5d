"""The shape of the code: a room imports only from rooms above its own, and nothing in a circle."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import layout
import rungs

ROOT = Path(rungs.__file__).parent

# From the ground up: what a room imports from stands above it.
ROOMS = (
    "foundation",
    "ops",
    "statistics",
    "recipe",
    "extend",
    "data",
    "network",
    "store",
    "study",
    "training",
    "evidence",
    "models",
    "report",
    "execution",
    "testing",
    "api",
    "cli",
    "rungs",
    "__main__",
)
# What the top of the package may hold beside rooms: its marker of types.
MARKERS = {"py.typed"}


def test_the_top_is_small_and_every_room_has_a_row() -> None:
    there = {path.stem if path.suffix == ".py" else path.name for path in ROOT.iterdir()}
    there -= {"__pycache__"}
    assert there - {"__init__"} - MARKERS == set(ROOMS) - {"rungs"}
    assert len(there) <= 20


def test_every_room_says_in_a_sentence_what_it_is_for() -> None:
    for line in layout.table().splitlines()[2:]:
        _, _, _, doc, *_ = (cell.strip() for cell in line.split("|"))
        assert doc.endswith("."), line
        assert len(doc) <= 100


@pytest.mark.parametrize("name", ROOMS)
def test_imports_come_from_above(name: str) -> None:
    order = {room: number for number, room in enumerate(ROOMS)}
    up = [
        f"{item.importer} imports {item.imported}"
        for item in layout.imports()
        if layout.room(item.importer) == name and order[layout.room(item.imported)] > order[name]
    ]
    assert up == []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for item in layout.imports():
        graph.setdefault(item.importer, set()).add(item.imported)

    def reaches(start: str, here: str, seen: set[str]) -> bool:
        for following in graph.get(here, ()):
            if following == start:
                return True
            if following not in seen:
                seen.add(following)
                if reaches(start, following, seen):
                    return True
        return False

    assert [name for name in graph if reaches(name, name, set())] == []


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """The checks above are worth something: an import in a function counts, and so does one up."""
    (tmp_path / "low").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "low" / "__init__.py").write_text("")
    (tmp_path / "low" / "one.py").write_text("def f():\n    from rungs.high import two\n")
    (tmp_path / "high.py").write_text("import torch\nimport rungs.low.one\n")
    found = {(item.importer, item.imported, item.at_top) for item in layout.imports(tmp_path)}
    assert found == {
        ("rungs.low.one", "rungs.high", False),
        ("rungs.high", "rungs.low.one", True),
    }
    counts = layout.between(layout.imports(tmp_path))
    assert counts == {("low", "high"): 1, ("high", "low"): 1}
    assert ", 1 up" in layout.picture(counts, ["low", "high"])
    assert layout.needs_torch(tmp_path) == {"rungs.high"}


@pytest.mark.parametrize(
    "module",
    [
        "study",
        "study.plan",
        "store",
        "store.archive",
        "report.show.rendering",
        "report.gather.gathering",
        "cli",
        "api",
        "extend",
        "data.kinds",
        "data.pictures_spec",
        "data.spec",
        "data.audit.findings",
        "evidence.archives",
        "evidence.claims",
        "evidence.elsewhere.reading",
        "report.judged",
        "report.serving",
        "report.watched",
        "statistics.verdicts",
    ],
)
def test_half_without_torch_imports_none(module: str) -> None:
    assert f"rungs.{module}" not in layout.needs_torch()
    code = f"import rungs.{module}, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# What plans and states do not need would take most of their time.
HEAVY = ("torch", "numpy", "scipy", "matplotlib", "jinja2", "filelock", "rungs.data.pictures")


def test_plan_and_status_start_without_heavy_libraries(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from rungs.study.costs import costs
from rungs.study.estimate import describe_left
from rungs.study.plan import plan
from rungs.report.gather.runs import ended_by_name, run_states
from rungs.report.show.planned import planned, progress
from rungs.store import open_store
from rungs.study import load

wanted, store = plan(load("quickstart")), open_store(Path({str(tmp_path)!r}))
known = dict.fromkeys((item.rung.name for item in wanted.rungs), (1, 1, 1))
planned(wanted, ended_by_name(wanted, store), known, width=160)
progress(wanted, run_states(wanted, store), width=160)
describe_left(wanted, store, known)
loaded = [name for name in {HEAVY} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("study", ["quickstart", "cifar100"])
def test_the_second_plan_without_a_store_loads_nothing_heavy(study: str, tmp_path: Path) -> None:
    """All that a plan of a built-in study asks of torch and scipy is in the user's cache."""
    code = f"""
import sys
from rungs.cli import app

app(["plan", {study!r}, "--store", {str(tmp_path / "runs")!r}], standalone_mode=False)
loaded = [name for name in {HEAVY} if name in sys.modules]
sys.exit(str(loaded) if loaded else 0)
"""
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, second = (
        subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True)
        for _ in range(2)
    )
    assert b"'torch'" in first.stderr  # that it can be seen
    assert second.returncode == 0, second.stderr
    assert first.stdout == second.stdout
    assert b"what changes" in second.stdout


def test_no_import_of_torchvision() -> None:
    for path in ROOT.rglob("*.py"):
        found = re.findall(
            r"^\s*(?:import|from) torchvision", path.read_text(encoding="utf-8"), re.M
        )
        assert found == [], path
