"""Networks that do not take a size of images are refused, whatever was measured before."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation.errors import RecipeError
from rungs.recipe.own_modules import forget_module
from rungs.store import open_store
from rungs.study import load
from rungs.study.costs import costs
from rungs.study.plan import plan
from rungs.study.sizes import check_sizes, sizes_of

# It says that it takes any size, and takes multiples of 8: 24 and 32, but not the 28 between them.
MODULE = """
from torch import nn
from rungs.extend import network

class Patches(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.embed = nn.Conv2d(channels, 8, 8, 8)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        assert x.shape[-1] % 8 == 0, f"{x.shape[-1]} is no multiple of 8"
        return self.head(self.embed(x).mean((2, 3)))

@network(any_size=True)
def patches(image_shape, classes):
    \"\"\"Patches of 8 pixels.\"\"\"
    return Patches(image_shape[0], classes)
"""
STUDY = """
name = "sizes"
base = "base"
final = "base"
modules = ["mine.py"]
budgets = {{ equal = 8 }}
data = {{ kind = "synthetic", classes = 4, train = 64, validation = 20, test = 20 }}
recipe = {{ network = "mine:patches", batch_size = 32 }}
[[rungs]]
name = "base"
{more}
"""
GROWING = """
[[rungs]]
name = "growing"
after = "base"
apply = [{{ name = "progressive_resolution", start = {start}, until = {until} }}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "mine.py").write_text(MODULE)
    for name, more in (
        ("whole", ""),
        ("bad", GROWING.format(start=0.75, until=0.5)),
        ("good", GROWING.format(start=0.75, until=0.1)),
    ):
        (tmp_path / f"{name}.toml").write_text(STUDY.format(more=more))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    forget_module("mine")


def test_every_size_of_a_run_is_known(folder: Path) -> None:
    (spec, *_) = plan(load(folder / "bad.toml"), only=("growing",)).runs
    assert sizes_of(spec) == ((32, 32), (28, 28), (24, 24))
    (spec, *_) = plan(load(folder / "whole.toml")).runs
    assert sizes_of(spec) == ((32, 32),)


@pytest.mark.parametrize("warm", [False, True])
def test_a_size_between_is_refused_though_costs_are_known(folder: Path, warm: bool) -> None:
    store = open_store(folder / "runs")
    for name in ("whole", "good") if warm else ():
        wanted = plan(load(folder / f"{name}.toml"))
        costs(wanted.study, store)
        check_sizes(wanted, store)
    wanted = plan(load(folder / "bad.toml"))
    for _ in range(2):  # nor does it get by after it was refused
        costs(wanted.study, store)
        with pytest.raises(RecipeError) as caught:
            check_sizes(wanted, store)
        assert "growing: network 'mine:patches' cannot take images of 28x28" in str(caught.value)
        assert "24x24" not in str(caught.value)
    check_sizes(plan(load(folder / "good.toml")), store)
    check_sizes(plan(wanted.study, only=("base",)), store)


def test_plan_and_run_refuse_alike(folder: Path) -> None:
    def asked(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*words])
        return result.exit_code, result.output

    assert asked("run", "whole.toml", "--epochs", "1", "--workers", "1", "--quiet")[0] == 0
    for command in (("plan", "bad.toml"), ("plan", "bad.toml", "--json"), ("run", "bad.toml")):
        code, said = asked(*command)
        assert code == 1
        assert "cannot take images of 28x28" in said
        assert "28 is no multiple of 8" in said
    assert asked("plan", "good.toml")[0] == 0


def test_what_takes_a_size_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, wanted = open_store(folder / "runs"), plan(load(folder / "good.toml"))
    check_sizes(wanted, store)

    def looked(*_: object) -> None:
        raise AssertionError("it was looked at again")

    monkeypatch.setattr("rungs.network.building.check_size", looked)
    check_sizes(wanted, store)
    # Another version of what builds networks may build another one.
    monkeypatch.setattr("rungs.study.sizes.version_of", lambda _: "another")
    with pytest.raises(AssertionError, match="looked at again"):
        check_sizes(wanted, store)


def test_all_that_do_not_fit_are_said_at_once(folder: Path) -> None:
    both = GROWING.format(start=0.6, until=0.5)
    (folder / "both.toml").write_text(STUDY.format(more=both))
    with pytest.raises(RecipeError) as caught:
        check_sizes(plan(load(folder / "both.toml")), None)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["growing"] * 2


GROWING_BUILT_IN = """
name = "ours"
base = "base"
final = "base"
budgets = { equal = 8 }
data = { kind = "synthetic", classes = 4, train = 64, validation = 20, test = 20 }
recipe = { batch_size = 32, network = { head = { kind = "global_average_pooling" } } }
[[rungs]]
name = "base"
[[rungs]]
name = "growing"
after = "base"
apply = [{ name = "progressive_resolution", start = 0.75, until = 0.5 }]
"""


def test_the_users_cache_remembers_networks_of_ours_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network of one's own may read what its module does not show."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    (folder / "ours.toml").write_text(GROWING_BUILT_IN)
    ours, own = (plan(load(folder / f"{name}.toml")) for name in ("ours", "good"))
    for wanted in (ours, own):
        check_sizes(wanted, None)

    def looked(*_: object) -> None:
        raise AssertionError("it was looked at again")

    monkeypatch.setattr("rungs.network.building.check_size", looked)
    check_sizes(ours, None)
    with pytest.raises(AssertionError, match="looked at again"):
        check_sizes(own, None)
    monkeypatch.setattr("rungs.study.sizes.version_of", lambda _: "another")
    with pytest.raises(AssertionError, match="looked at again"):
        check_sizes(ours, None)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"NAME": 1}'])
def test_a_damaged_cache_of_sizes_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    (folder / "ours.toml").write_text(GROWING_BUILT_IN)
    wanted = plan(load(folder / "ours.toml"))
    check_sizes(wanted, None)
    (path,) = (folder / "cache" / "rungs" / "sizes").iterdir()
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert len(whole) == 3
    path.write_text(content.replace("NAME", next(iter(whole))), encoding="utf-8")
    check_sizes(wanted, None)
    assert json.loads(path.read_text(encoding="utf-8")) == whole
