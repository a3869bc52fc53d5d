"""The door for Python."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rungs
from rungs.foundation.errors import RungsError, UsageError
from rungs.recipe import Recipe
from rungs.recipe.modifications import registry


@pytest.fixture(autouse=True)
def inside(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)


def test_importing_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import rungs; "
        "print(sorted(set(sys.modules) - before - {'rungs', 'typing'}))"
    )
    # Without site, which imports a lot; so the way to the package must be given.
    way = {**os.environ, "PYTHONPATH": str(Path(rungs.__file__).parent.parent)}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=way
    )
    assert ran.returncode == 0, ran.stderr
    assert all(
        name.split(".")[0] in sys.stdlib_module_names for name in ast.literal_eval(ran.stdout)
    ), ran.stdout


def test_types_are_told_for_all_that_is_there() -> None:
    """What type checkers are told of is what the module gives when it is asked."""
    told = set()
    for node in ast.walk(ast.parse(Path(rungs.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    told |= {alias.name for alias in inner.names}
                elif isinstance(inner, ast.AnnAssign):
                    told.add(ast.unparse(inner.target))
    assert told == set(rungs.__all__)
    assert set(rungs.__all__) <= set(dir(rungs))
    assert all(getattr(rungs, name) for name in rungs.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rungs.nothing  # type: ignore[attr-defined, unused-ignore]  # noqa: B018


def test_a_study_is_run_and_shown() -> None:
    study = rungs.load_study("first.toml")
    assert "<td" in study._repr_html_()
    assert str(study).splitlines()[:2] == ["A first ladder: 2 rungs", "  base"]
    assert "  stacked: after base, kept; stack_convolutions(" in str(study)
    report = rungs.run(study, quiet=True)
    assert [rung["name"] for rung in report.to_dict()["rungs"]] == ["base", "stacked"]
    assert "A first ladder" in str(report)
    assert "stacked" in report._repr_html_()
    part = rungs.run("first.toml", only=["base"], quiet=True)
    assert [rung.name for rung in part.data.rungs] == ["base"]
    assert len(list(rungs.open_store("runs").keys())) == 3


def test_two_rungs_are_compared() -> None:
    rungs.run("first.toml", quiet=True)  # at its end the test set is opened
    found = rungs.compare("first.toml", "stacked", "base", store=rungs.open_store("runs"))
    assert (found.verdict.name, found.verdict.against) == ("stacked", "base")
    assert found.verdict.outcome == "one seed"
    assert "one seed" in str(found)
    assert "one seed" in found._repr_html_()


def test_a_sealed_test_set_stays_so(tmp_path: Path) -> None:
    text = Path("first.toml").read_text(encoding="utf-8")
    sealed = tmp_path / "sealed.toml"
    sealed.write_text(
        text.replace('"at end"', '"by command"').replace('"first"', '"sealed"'), encoding="utf-8"
    )
    with pytest.raises(RungsError, match="`rungs report` says of validation; `rungs unseal`"):
        rungs.compare(sealed, "stacked", "base")


def test_a_model_is_asked() -> None:
    model = rungs.load_model("first.toml:base")
    assert "first:base, seed 0" in model._repr_html_()
    assert str(model).startswith("first:base, seed 0")
    assert "classes, trained on" in str(model)
    answers = model.predict("photos", Path("photos/0.png").read_bytes(), "<none>.png", top=2)
    assert [item.picture for item in answers[:3]] == [f"photos/{n}.png" for n in range(3)]
    assert answers[3].top == answers[0].top
    assert answers[4].error is not None
    page = answers._repr_html_()
    assert "&lt;none&gt;.png" in page
    assert "<none>" not in page


def test_pixels_of_another_type_or_shape_are_refused() -> None:
    model = rungs.load_model("first.toml:base")
    shape = model.card.image_shape
    pixels = np.zeros((2, *shape), np.uint8)
    assert model.probabilities(pixels).shape == (2, len(model.card.class_names))
    wrongs: tuple[Any, ...] = (
        pixels.astype(np.float32),
        pixels[0],
        pixels.transpose(0, 2, 3, 1)[:, 1:],
    )
    for wrong in wrongs:
        with pytest.raises(UsageError, match=r"pixels are uint8 \[N, "):
            model.probabilities(wrong)


@pytest.mark.parametrize("number", ["seeds", "epochs", "workers"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    for wrong in (0, -1):
        asked: dict[str, Any] = {number: wrong}
        with pytest.raises(UsageError, match=f"{number} are 1 .*, not {wrong}"):
            rungs.run("first.toml", quiet=True, **asked)


def test_one_rung_is_named_by_a_word() -> None:
    report = rungs.run("first.toml", only="base", quiet=True)
    assert [rung["name"] for rung in report.to_dict()["rungs"]] == ["base"]


def test_a_list_of_pictures_is_no_pattern() -> None:
    model = rungs.load_model("first.toml:base")
    with pytest.raises(UsageError, match=r"not a list; several are predict\(\*pictures\)"):
        model.predict(["photos/0.png"])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="top is a number of classes, 1 at least, not 0"):
        model.predict("photos/0.png", top=0)


def test_a_store_that_is_mistyped_is_not_made() -> None:
    with pytest.raises(RungsError, match="not trained yet in rnus"):
        rungs.load_model("first.toml", store="rnus")
    assert not Path("rnus").exists()


def test_a_modification_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_CATALOGUE", dict(registry._CATALOGUE))

    @rungs.modification(family="architecture", source="nobody")
    def narrower(recipe: Recipe) -> Recipe:
        """Does nothing."""
        return recipe

    assert registry.find("narrower").function is narrower
