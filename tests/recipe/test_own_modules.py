"""Modules of a user's own: the documented example for real, and what can be wrong with one."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.execution import worker
from rungs.execution.engine import Lost
from rungs.execution.messages import Told
from rungs.foundation.errors import OwnModuleError, ParameterError, RecipeError, StudyError
from rungs.recipe import value_at
from rungs.recipe.calls import parse_change
from rungs.recipe.modifications import find
from rungs.recipe.own_modules import forget_module, load_module
from rungs.study import asking, load
from rungs.study.plan import plan
from rungs.testing import check_module
from tests.runs import ASKED

PAGE = Path(__file__).parents[2] / "docs" / "own-modules.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the files of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, language in (("mine.py", "python"), ("round.toml", "toml")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        (tmp_path / name).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNGS_WORKERS", "1")
    yield tmp_path
    forget_module("mine")


def answer(*words: str) -> str:
    result = CliRunner().invoke(app, [*words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_page_does_what_it_says(folder: Path) -> None:
    checked = answer("check", "mine.py").splitlines()
    assert checked == [
        "mine:squareplus: keeps its promises",
        "mine:round_corners: keeps its promises",
    ]
    commands = re.findall(r"^rungs (run|try) (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [command for command, _ in commands] == ["run", "try"]
    assert "round" in answer("run", "round.toml", "--no-pictures", "--json")
    tried = answer("try", "round.toml", "mine:round_corners(0.5)", "--on", "plain", "--quiet")
    assert "Traceback" not in tried
    rounder = load("round.toml").rung("rounder").recipe
    assert value_at(rounder, "network.activation.kind") == "mine:squareplus"


def test_a_changed_module_gives_its_recipes_other_keys(folder: Path) -> None:
    before = [run.key for run in plan(load("round.toml")).runs]
    module = folder / "mine.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    after = [run.key for run in plan(load("round.toml")).runs]
    assert before[0] == after[0]  # plain uses nothing of it
    assert before[1] != after[1]
    assert before[2] != after[2]


def test_what_is_taken_out_of_a_module_is_gone(folder: Path) -> None:
    load_module(folder / "mine.py")
    assert find("mine:round_corners").family == "architecture"
    (folder / "mine.py").write_text("", encoding="utf-8")
    with pytest.raises(StudyError, match="there is no modification 'mine:round_corners'"):
        load("round.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "mine.py, line 1: ModuleNotFoundError: No module named"),
        ("x = 1\ndef f(:\n    pass\n", "mine.py, line 2: invalid syntax"),
        ("\n\nraise ValueError('no')", "mine.py, line 3: ValueError: no"),
        (
            "from rungs.extend import component\n@component\nclass A:\n    pass\n",
            "component A derives from no seam",
        ),
        (
            "from rungs.extend import Stem, component\n@component\nclass A(Stem):\n"
            "    def channels(self, inputs): pass\n    def size(self, size): pass\n",
            r"component A lacks what rungs\.extend\.Stem asks for: 'build', 'prepare'$",
        ),
        (
            "from rungs.extend import modification\n"
            "@modification(family='x', source='y')\ndef f(recipe): pass\n"
            "@modification(family='x', source='y')\ndef f(recipe): pass\n",
            "two modifications are called 'mine:f'",
        ),
        ("import sys\nsys.exit()\n", "mine.py, line 2: SystemExit"),
        (
            "from rungs.extend import modification\n"
            "@modification(family='x', source='y')\ndef f(recipe, *, depth=2): pass\n",
            "modification mine:f: expected .* with a type .*; 'depth' has none",
        ),
        (
            "from rungs.extend import modification\n"
            "@modification(family='x', source='y')\ndef f(): pass\n",
            "modification mine:f: expected .*; there is no recipe",
        ),
    ],
)
def test_what_goes_wrong_in_a_module_is_one_mistake(folder: Path, text: str, message: str) -> None:
    (folder / "mine.py").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load("round.toml")
    (mistake,) = caught.value.mistakes
    assert mistake.place == "modules[0]"
    assert re.search(message, mistake.message)
    with pytest.raises(OwnModuleError):
        load_module(folder / "mine.py")


def test_a_module_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "mine.py").unlink()
    with pytest.raises(StudyError, match=r"modules\[0\].*mine.py cannot be read: No such file"):
        load("round.toml")
    with pytest.raises(OwnModuleError, match="expected a Python file with a name such as"):
        load_module(folder / "not-a-name.py")


def test_what_a_module_prints_is_not_the_answer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loud.py").write_text('print("hello")\n')
    load_module(folder / "loud.py")
    forget_module("loud")
    assert capsys.readouterr() == ("", "hello\n")


def test_two_modules_of_one_name_are_a_mistake(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "mine.py").write_text("", encoding="utf-8")
    text = (folder / "round.toml").read_text(encoding="utf-8")
    twice = text.replace('["mine.py"]', '["mine.py", "other/mine.py"]')
    (folder / "round.toml").write_text(twice, encoding="utf-8")
    with pytest.raises(StudyError, match="another module is called 'mine' already"):
        load("round.toml")


def test_broken_promises_of_a_module_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(
        '''
import torch
from torch import nn
from rungs.extend import Activation, Batch, Transform, component

@component
class Halved(Activation):
    """Gives half the channels."""
    def build(self):
        return nn.MaxPool2d(2)

@component
class Noise(Transform):
    """Adds noise."""
    def apply(self, images, batch):
        return images + torch.rand(images.shape)

@component
class Bump(Activation):
    """Says that it rises."""
    rises = True
    def build(self):
        return nn.GELU()

@component
class Empty(Transform):
    def apply(self, images, batch):
        return images.mul_(0.5)

@component
class Small(Transform):
    """Leaves every other pixel out."""
    def apply(self, images, batch):
        return images[:, :, ::2, ::2]
''',
        encoding="utf-8",
    )
    found = check_module(load_module(folder / "mine.py"))
    halved, noise, bump, empty, small = (
        " ".join(found[f"mine:{kind}"]) for kind in ("halved", "noise", "bump", "empty", "small")
    )
    assert "it turns [2, 3, 4, 4] into [2, 3, 2, 2], expected the same shape" in halved
    assert "it cannot be repeated" in noise
    assert "it says that it rises, but gives a smaller value for a larger one" in bump
    assert "it has no docstring" in empty
    assert "it overwrites the images that it is given" in empty
    assert "it turns [8, 3, 16, 16] into [8, 3, 8, 8], expected the same shape" in small
    assert "it does not train: transform 'mine:small' turns [40, 3, 16, 16] into" in small
    result = CliRunner().invoke(app, ["check", "mine.py"])
    assert result.exit_code == 1
    assert "5 of 5 break promises: mine:halved, mine:bump, mine:noise, mine:empty, mine:small" in (
        result.output
    )


def test_problems_of_a_component_and_a_modification_of_one_name_stand_together(
    folder: Path,
) -> None:
    (folder / "mine.py").write_text(
        '''
from torch import nn
from rungs.extend import Activation, component, modification, replace
from tests.runs import ASKED

@component
class Bent(Activation):
    def build(self):
        return nn.Tanh()

@modification(family="strange", source="our own idea")
def bent(recipe):
    """Swaps the activation."""
    return replace(recipe, network=replace(recipe.network, activation=Bent()))
''',
        encoding="utf-8",
    )
    (problems,) = check_module(load_module(folder / "mine.py")).values()
    first, second = problems
    assert first == "it has no docstring"
    assert second.startswith("its family is 'strange'")


def test_changes_of_a_module_are_written_as_calls(folder: Path) -> None:
    load_module(folder / "mine.py")
    assert parse_change("mine:round_corners(2.0)") == ("mine:round_corners", {"bend": 2.0})
    assert parse_change("activation(mine:squareplus(bend=3.0))") == (
        "activation",
        {"to": {"kind": "mine:squareplus", "bend": 3.0}},
    )
    assert parse_change("mine:round_corners") == ("mine:round_corners", {})


BROKEN = '''

@modification(family="architecture", source="our own idea")
def broken(recipe: Recipe) -> Recipe:
    """Reads what is not there."""
    return recipe.network.nothing


@modification(family="architecture", source="our own idea")
def forgetful(recipe: Recipe) -> Recipe:
    """Gives nothing back."""


@component
class Unsteady(Activation):
    """Fails where it is used."""

    def build(self) -> nn.Module:
        return nn.Hardswish(nothing=1)
'''


def with_rung(folder: Path, step: str) -> None:
    """Adds what is broken to the module, and a rung that applies it to the study."""
    for name, more in (
        ("mine.py", BROKEN),
        ("round.toml", f'\n[[rungs]]\nname = "odd"\nafter = "plain"\napply = [{step}]\n'),
    ):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(more)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", r"fails here: mine\.py, line \d+: AttributeError: .*'nothing'"),
        ("forgetful", r"must give back a recipe, found NoneType"),
    ],
)
def test_a_change_that_fails_is_a_mistake_with_its_place(
    folder: Path, name: str, message: str
) -> None:
    with_rung(folder, f'"mine:{name}"')
    with pytest.raises(StudyError) as caught:
        load("round.toml")
    (mistake,) = caught.value.mistakes
    assert mistake.place == "rungs[3].apply[0]"
    assert re.fullmatch(f"mine:{name} {message}.*", mistake.message)


def test_a_part_of_a_network_that_fails_is_a_sentence(folder: Path) -> None:
    with_rung(folder, '{ name = "activation", to = { kind = "mine:unsteady" } }')
    done = CliRunner().invoke(app, ["plan", "round.toml"])
    # Its rung's runs would be lost; the others can be trained.
    assert done.exit_code == 0
    said = " ".join(done.output.split())
    assert re.search(r"network 'convolutional' cannot [^:]*: mine\.py, line \d+: ", said)
    assert "Traceback" not in done.output


def test_what_fails_in_the_middle_of_a_training_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine.py").write_text("def f():\n    return 1 / 0\n", encoding="utf-8")
    load_module(folder / "mine.py")
    fails = vars(sys.modules["rungs_own_mine"])["f"]
    monkeypatch.setattr(worker, "_do", lambda *_: fails())

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    said: list[Told] = []
    with pytest.raises(SystemExit):
        worker._serve(ASKED, {}, said.append)
    failed = "a module of your own failed: mine.py, line 2: ZeroDivisionError: division by zero"
    assert said == [Lost("k", failed, memory=False)]
    monkeypatch.setattr(asking, "plan", lambda *_, **__: fails())
    done = CliRunner().invoke(app, ["plan", "quickstart"])
    assert (done.exit_code, done.stderr) == (1, f"rungs: {failed}\n")


def test_a_recipe_that_fails_late_loses_its_own_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RecipeError("another shape")

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(worker, "_do", fails)
    monkeypatch.setattr(os, "_exit", leave)
    said: list[Told] = []
    with pytest.raises(SystemExit):
        worker._serve(ASKED, {}, said.append)
    assert said == [Lost("k", "another shape", memory=False)]


def test_a_traceback_that_a_module_may_have_brought_about_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")

    monkeypatch.setattr(asking, "plan", fails)
    done = CliRunner().invoke(app, ["plan", "round.toml"])
    assert isinstance(done.exception, RuntimeError)
    (note,) = done.exception.__notes__
    assert note.startswith("mine.py of your own takes part: `rungs check mine.py` says whether")


def test_types_may_be_written_as_texts(folder: Path) -> None:
    text = (folder / "mine.py").read_text(encoding="utf-8")
    (folder / "mine.py").write_text(f"from __future__ import annotations\n{text}", encoding="utf-8")
    rounder = load("round.toml").rung("rounder").recipe
    assert value_at(rounder, "network.activation.bend") == 8.0
    with pytest.raises(ParameterError, match="bend: expected a number above 0, found -1"):
        find("mine:round_corners").parse({"bend": -1.0})
