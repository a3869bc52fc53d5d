"""The door for Python."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import rungs
from rungs.cli import app
from rungs.execution.watching import EpochDone
from rungs.foundation.errors import RungsError, StudyError, UsageError
from rungs.foundation.extras import EXTRAS
from rungs.recipe import Recipe
from rungs.recipe.modifications import registry
from rungs.report import reported


@pytest.fixture(autouse=True)
def inside(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder as `finished`, of one's own."""
    shutil.copytree(finished, tmp_path / "inside")
    monkeypatch.chdir(tmp_path / "inside")


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
    assert dir(rungs) == sorted(rungs.__all__)
    assert all(getattr(rungs, name) for name in rungs.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rungs.nothing  # type: ignore[attr-defined, unused-ignore]  # noqa: B018


FUNCTIONS = sorted(set(rungs.__all__) - {"__version__"})


def example(name: str) -> str:
    """The example that the help for a function ends with."""
    doc = inspect.getdoc(getattr(rungs, name)) or ""
    _, found, code = doc.partition("\nExample:\n")
    assert found, name
    return textwrap.dedent(code)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_of_the_help_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_CATALOGUE", dict(registry._CATALOGUE))
    if name == "compare":  # which is about test figures
        rungs.unseal("first.toml", yes=True)
    # The built-in study takes two minutes; the test's has rungs of the same names.
    code = example(name).replace('"quickstart', '"first.toml')
    assert f"rungs.{name}" in code
    exec(compile(code, f"the example of {name}", "exec"), {"rungs": rungs})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_help_tells_of_every_argument(name: str) -> None:
    function = reported.report if name == "report" else getattr(rungs, name)
    doc = inspect.getdoc(function) or ""
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"^ {{4}}{argument}: ", doc, re.MULTILINE) or argument == "folder"


# Options of the command that are about its printing, and such as Python calls otherwise.
OF_THE_COMMAND = {"full"}
IN_PYTHON = {
    "json": "as_json",
    "override": "overrides",
    "leave_one_out": "ablate",
    "split": "unbundle",
    "results": "archive",
}


def test_python_has_the_options_of_the_command() -> None:
    command = get_command(app).commands["run"]  # type: ignore[attr-defined]
    known = set(inspect.signature(rungs.run).parameters)
    for parameter in command.params:
        names = {option.strip("-").replace("-", "_") for option in parameter.opts}
        names |= {IN_PYTHON[name] for name in names & set(IN_PYTHON)}
        assert names & (known | OF_THE_COMMAND), parameter.opts


def test_a_room_that_is_a_function_keeps_its_modules() -> None:
    assert callable(rungs.report)
    assert inspect.signature(rungs.report) == inspect.signature(reported.report)
    assert sys.modules["rungs.report"].reported is reported
    from rungs.report.gather import gathering

    assert gathering.gather.__module__ == "rungs.report.gather.gathering"


def test_a_study_is_run_and_shown() -> None:
    study = rungs.load_study("first.toml")
    assert "<td" in study._repr_html_()
    assert str(study).splitlines()[:2] == ["A first ladder: 2 rungs", "  base"]
    assert "  stacked: after base, kept; stack_convolutions(" in str(study)
    report = rungs.run(study, quiet=True)
    assert [rung["name"] for rung in report.to_dict()["rungs"]] == ["base", "stacked"]
    assert "A first ladder" in str(report)
    assert "stacked" in report._repr_html_()
    assert report.page == Path("runs/reports/first/equal/report.html")
    assert "A first ladder" in report.page.read_text(encoding="utf-8")
    part = rungs.run("first.toml", only=["base"], quiet=True)
    assert [rung.name for rung in part.data.rungs] == ["base"]
    assert len(list(rungs.open_store("runs").keys())) == 3


def as_a_dict(**changes: Any) -> dict[str, Any]:
    return {**tomllib.loads(Path("first.toml").read_text(encoding="utf-8")), **changes}


def test_a_study_from_a_dict_is_that_of_a_file() -> None:
    """With what Python's tables have and a file has not: tuples, numpy's numbers, paths."""
    study = rungs.load_study("first.toml")
    content = as_a_dict()
    content["rungs"] = tuple(content["rungs"])
    content["budgets"] = {"equal": np.int64(2)}
    content["recipe"]["network"]["widths"] = np.array([4, 8])[:].tolist()
    content["recipe"]["optimiser"]["learning_rate"] = np.float64(0.002)
    before = json.dumps(as_a_dict(), default=str)
    found = rungs.load_study(content)
    assert [rung.recipe for rung in found.rungs] == [rung.recipe for rung in study.rungs]
    assert [rung.difference for rung in found.rungs] == [rung.difference for rung in study.rungs]
    assert found.source == "first.toml"
    assert json.dumps(as_a_dict(), default=str) == before
    report = rungs.run(content, quiet=True)  # every run is finished under the same keys
    assert len(list(rungs.open_store("runs").keys())) == 3
    assert str(rungs.report(content)) == str(report)
    assert rungs.plan(content).to_dict() == rungs.plan("first.toml").to_dict()


def test_mistakes_of_a_dict_are_those_of_a_file() -> None:
    with pytest.raises(StudyError) as caught:
        rungs.run(as_a_dict(final="stakced", seeds="two", data=None))
    assert str(caught.value).startswith("the study's dict has 3 mistakes:")
    assert [item.place for item in caught.value.mistakes] == ["final", "seeds", "data"]
    circle: dict[str, Any] = as_a_dict()
    circle["recipe"] = circle
    with pytest.raises(StudyError, match="unknown key"):
        rungs.load_study(circle)


def test_a_plan_is_shown() -> None:
    planned = rungs.plan("first.toml", seeds=2)
    assert "stacked  kept" in str(planned)
    assert "<td" in planned._repr_html_()
    plain = planned.to_dict()
    assert [len(rung["runs"]) for rung in plain["rungs"]] == [2, 2]
    assert [len(rung["finished"]) for rung in plain["rungs"]] == [1, 1]
    ablated = rungs.plan("first.toml", ablate=True, store="nowhere").plan
    assert [item.rung.name for item in ablated.rungs] == [
        "stacked",
        "stacked-without-stack_convolutions",
    ]
    assert not Path("nowhere").exists()
    with pytest.raises(UsageError, match="different questions"):
        rungs.plan("first.toml", ablate=True, unbundle="stacked")


def test_what_is_found_is_reported_without_training() -> None:
    found = rungs.report("first.toml", no_test=True)
    assert found.page is None
    assert found.data.sealed
    assert not Path("runs/reports").exists()
    rungs.unseal("first.toml", yes=True)
    assert not rungs.report("first.toml").data.sealed
    assert [rung.name for rung in rungs.report("first.toml", only="base").data.rungs] == ["base"]
    with pytest.raises(RungsError, match="rnus"):
        rungs.report("first.toml", store="rnus")
    page = rungs.report("first.toml").write("out")[0].read_text(encoding="utf-8")
    bare = rungs.report("first.toml", no_pictures=True).write("out")[0].read_text(encoding="utf-8")
    assert page.count("data:image") > bare.count("data:image")


def test_an_archive_is_taken_from_and_kept() -> None:
    rungs.run("first.toml", archive="archive", quiet=True)
    assert Path("archive/equal/report.html").is_file()
    again = rungs.run("first.toml", store="other", archive="archive", quiet=True)
    assert len(list(rungs.open_store("other").keys())) == 3
    assert rungs.report("first.toml", store="third", archive="archive").to_dict()["rungs"] == [
        *again.to_dict()["rungs"]
    ]


def test_no_test_leaves_the_seal() -> None:
    report = rungs.run("first.toml", no_test=True, quiet=True)
    assert report.data.sealed
    assert "The test set is sealed" in str(report)
    with pytest.raises(RungsError, match="with 1 finished seed of some rung"):
        rungs.unseal("first.toml")
    opened = rungs.unseal("first.toml", yes=True)
    assert str(opened).startswith("the test set of study 'first' is open from now on")
    assert rungs.unseal("first.toml").before


def test_epochs_are_told_of_as_they_end() -> None:
    told: list[EpochDone] = []
    rungs.run("first.toml", epochs=1, only="base", quiet=True, on_epoch=told.append)
    (one,) = told
    assert (one.run, one.rungs, one.seed, one.epochs) == ("base, seed 0", ("base",), 0, 1)
    key = rungs.plan("first.toml", epochs=1).plan.runs[0].key
    assert rungs.open_store("runs").result(key).history == (one.figures,)


def test_what_a_callback_raises_ends_the_study_and_the_same_call_resumes() -> None:
    seen = []

    def stop(done: EpochDone) -> None:
        seen.append(done.figures.epoch)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        rungs.run("first.toml", epochs=3, only="base", quiet=True, on_epoch=stop)
    assert seen == [1]
    key = rungs.plan("first.toml", epochs=3).plan.runs[0].key
    assert rungs.open_store("runs").epochs_done(key) >= 1
    with pytest.raises(LookupError):
        rungs.run("first.toml", epochs=3, only="base", quiet=True, on_epoch=stop)
    assert seen[1] >= 2


def test_results_are_tables_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    report = rungs.run("first.toml", quiet=True)
    frame = report.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["name"]) == ["base", "stacked"]
    assert frame["val_accuracy.mean"][0] == report.data.rungs[0].val_accuracy.mean
    assert list(report.to_dataframe("epochs")["epoch"]) == [1, 2, 1, 2]
    assert len(report.to_dataframe("runs")) == 2
    assert list(rungs.plan("first.toml").to_dataframe()["finished"]) == [1, 1]
    compared = rungs.compare("first.toml", "stacked", "base")
    assert compared.to_dataframe()["outcome"][0] == "one seed"
    answers = {"base": [[0, 1, 1, 0]], "other": [[0, 1, 1, 1]]}
    assert list(rungs.judge(answers, [0, 1, 1, 1]).to_dataframe()["name"]) == ["other"]
    said = rungs.load_model("first.toml:base").predict("photos", top=2).to_dataframe()
    assert list(said.columns[:3]) == ["picture", "error", "class_1"]
    assert said["probability_1"].between(0, 1).all()


def test_rows_that_there_are_not_are_refused() -> None:
    with pytest.raises(UsageError, match="rows are one of 'rungs', 'runs', 'epochs', not 'seeds'"):
        rungs.report("first.toml", no_test=True).to_dataframe("seeds")  # type: ignore[arg-type]


def test_without_pandas_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "pandas", ("pandas_of_nobody",))
    with pytest.raises(RungsError, match=r"needs pandas_of_nobody.*pip install 'rungs-study\[pand"):
        rungs.plan("first.toml").to_dataframe()


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
