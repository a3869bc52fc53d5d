"""The shape of the code: a module imports only from rows above its own, and no cycles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rungs

ROOT = Path(rungs.__file__).parent

# From the top: what a module may import stands in a row above it, or in its own package.
ROWS = [
    {"rungs", "interrupts", "limits", "notebook", "wording"},
    {"errors", "values"},
    {"extras", "files", "reading"},
    {"weights"},
    # What components are built from, imported only by what builds them: torch.
    {"minimal_filtering"},
    {"convolution"},
    {"ops"},
    # Without torch again.
    {"components"},
    {"checking", "dataspec", "environment"},
    {"recipe", "pictures"},
    {
        "modifications",
        "range_test",
        "schedules",
        "results",
        "predictions",
        "card",
        "audits",
    },
    {"index", "calibration", "own", "answers", "diversity", "run_folder"},
    {"study", "store", "metrics"},
    {
        "plan",
        "claims",
        "archive",
        "statistics",
        "trial",
        "variants",
        "proposal",
        "mixtures",
        "inference",
    },
    {"jobs", "verdicts", "selection", "rivals"},
    {"estimate", "seal"},
    # torch begins here
    {"data"},
    {"network", "prediction", "classifier"},
    {"training", "audit", "typical_cost"},
    {"execution", "models", "testing"},
    {"exporting"},
    # torch ends here
    {"costs"},
    {"cautions"},
    {"report"},
    {"display", "doctor", "publishing"},
    {"session"},
    {"cli"},
    {"api"},
    {"__main__"},
]
TORCH = {
    "minimal_filtering",
    "convolution",
    "ops",
    "data",
    "network",
    "prediction",
    "training",
    "audit",
    "execution",
    "testing",
    "classifier",
    "models",
    "exporting",
    "typical_cost",
}


def unit(module: str) -> str:
    """``rungs.data.cifar`` -> ``data``: packages count as one."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "rungs"


def imports() -> list[tuple[str, str, bool]]:
    """(module, imported module, whether at the module's top) for every import of our own."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = ["rungs", *path.relative_to(ROOT).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rungs":
                assert node.module
                for alias in node.names:
                    target = node.module
                    if (ROOT / Path(*target.split(".")[1:]) / f"{alias.name}.py").exists():
                        target = f"{target}.{alias.name}"
                    found.append((name, target, id(node) in top))
            elif isinstance(node, ast.Import):
                found += [
                    (name, alias.name, id(node) in top)
                    for alias in node.names
                    if alias.name.split(".")[0] == "rungs"
                ]
    return found


def row(name: str) -> int:
    return next(number for number, units in enumerate(ROWS) if name in units)


def test_every_module_has_a_row() -> None:
    units = {unit(f"rungs.{path.stem}") for path in ROOT.glob("*.py") if path.stem != "__init__"}
    units |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert units <= set().union(*ROWS)


@pytest.mark.parametrize("edge", imports(), ids=lambda edge: f"{edge[0]}->{edge[1]}")
def test_imports_come_from_above(edge: tuple[str, str, bool]) -> None:
    importer, imported, _ = edge
    if unit(importer) != unit(imported):
        assert row(unit(imported)) < row(unit(importer))


def test_no_cycle_inside_a_package() -> None:
    graph: dict[str, set[str]] = {}
    for importer, imported, _ in imports():
        # A module of a package imports its siblings; the package's own file gathers them.
        graph.setdefault(importer, set()).add(imported)

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


@pytest.mark.parametrize(
    "module", ["study", "plan", "store", "report", "cli", "archive", "audits", "claims"]
)
def test_half_without_torch_imports_none(module: str) -> None:
    code = f"import rungs.{module}, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plan_and_status_start_without_heavy_libraries(tmp_path: Path) -> None:
    """What plans and states do not need would take most of their time."""
    heavy = ("torch", "numpy", "scipy", "matplotlib", "jinja2", "filelock", "rungs.pictures")
    code = f"""
import sys
from pathlib import Path
from rungs.costs import costs
from rungs.estimate import describe_left
from rungs.plan import plan
from rungs.report.planned import planned, progress
from rungs.store import open_store
from rungs.study import load

wanted, store = plan(load("quickstart")), open_store(Path({str(tmp_path)!r}))
known = dict.fromkeys((item.rung.name for item in wanted.rungs), (1, 1, 1))
planned(wanted, store, known, width=160), progress(wanted, store, width=160)
describe_left(wanted, store, known)
loaded = [name for name in {heavy} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_import_of_torchvision() -> None:
    for path in ROOT.rglob("*.py"):
        assert "torchvision" not in path.read_text(encoding="utf-8"), path
