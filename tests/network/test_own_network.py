"""Networks of a user's own, and the page about them for real."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation.errors import OwnModuleError, RecipeError
from rungs.network.building import cost, layer_table
from rungs.recipe import Recipe, recipe_from_dict
from rungs.recipe.components import Convolutional, network
from rungs.recipe.components.core import module_components
from rungs.recipe.own_modules import forget_module, load_module
from rungs.study import load
from rungs.study.plan import plan
from rungs.testing import check_module
from tests.studies import mistakes

PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"
SHAPE = (3, 16, 16)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the files of the page."""
    (tmp_path / "mine.py").write_text(blocks("python")[0], encoding="utf-8")
    (tmp_path / "own.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNGS_WORKERS", "1")
    yield tmp_path
    forget_module("mine")


def asked(*words: str) -> str:
    result = CliRunner().invoke(app, [*words])
    assert result.exit_code == 0, result.output
    return result.output


def own(source: str, path: Path) -> Any:
    """The networks that a module defines, by name."""
    path.write_text(
        f"import torch\nfrom torch import nn\nfrom rungs.extend import network\n{source}"
    )
    return {member.kind: member for member in load_module(path).components}


# --- the page -------------------------------------------------------------------------------------


def test_the_page_does_what_it_says(folder: Path) -> None:
    planned = asked("plan", "own.toml")
    assert "FLOPs of mine:build are counted by torch" in planned
    assert "network.width 8 -> 16" in planned
    said = asked("run", "own.toml", "--json", "--no-pictures")
    ended = [json.loads(line) for line in said.splitlines()]
    assert sum(event["event"] == "done" and not event["failed"] for event in ended) == 4
    page = next(folder.glob("runs/reports/own/*/report.html")).read_text(encoding="utf-8")
    assert "3×3, 8" in page  # the table of stages
    Image.new("RGB", (20, 20), "red").save(folder / "red.png")
    for model in ("own.toml", "own.toml:pair"):
        assert "red.png" in asked("predict", model, "red.png", "--format", "csv")
    for form, name in (("onnx", "wide.onnx"), ("safetensors", "wide.safetensors")):
        asked("export", "own.toml:wide", "--format", form, "--output", name)
    forget_module("mine")
    alone = CliRunner().invoke(app, ["predict", "wide.safetensors", "red.png"])
    assert alone.exit_code == 1
    assert "made with a component that is not here: mine:build" in alone.output
    assert "red.png" in asked("predict", "wide.safetensors", "red.png", "--module", "mine.py")


def test_the_module_of_the_page_keeps_its_promises(folder: Path) -> None:
    assert set(check_module(load_module(folder / "mine.py")).values()) == {()}


def test_a_changed_source_is_another_run(folder: Path) -> None:
    before = {spec.key for spec in plan(load("own.toml")).runs}
    module = folder / "mine.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert not before & {spec.key for spec in plan(load("own.toml")).runs}


# --- mistakes of a study --------------------------------------------------------------------------


def test_changes_of_parts_that_are_not_described_are_mistakes_among_all_others(
    folder: Path,
) -> None:
    plain = {
        "name": "own",
        "base": "a",
        "final": "b",
        "modules": [str(folder / "mine.py")],
        "data": {"kind": "synthetic"},
        "budgets": {"equal": 0},
        "recipe": {"network": "mine:build"},
        "rungs": [
            {"name": "a"},
            {"name": "b", "after": "a", "apply": ["residual"]},
            {"name": "c", "after": "a", "apply": [{"name": "dropout", "rates": [0.1]}]},
            {"name": "d", "after": "a", "apply": ["small_stem"]},
        ],
    }
    found = mistakes(plain)
    assert [one.split(":")[0] for one in found] == [
        "budgets.equal",
        "rungs[1].apply[0]",
        "rungs[2].apply[0]",
        "rungs[3].apply[0]",
    ]
    assert "expected kind 'convolutional', found 'mine:build'" in found[1]
    assert "of kind 'timm', found 'mine:build'" in found[3]


@pytest.mark.parametrize(
    ("network", "mistake"),
    [
        ("mine:bild", "recipe.network: expected one of .*'mine:bild'; did you mean 'mine:build'"),
        (3, "recipe.network: expected a table, found 3"),
        (
            {"kind": "mine:build", "wide": 3},
            "recipe.network.wide: unknown key.*did you mean 'width'",
        ),
        (
            {"kind": "mine:build", "width": 0},
            "recipe.network.width: expected .* at least 1, found 0",
        ),
        ({"widths": [0]}, r"recipe.network.widths\[0\]: expected .* at least 1, found 0"),
        ("timm:hf-hub:x/y", "recipe.network.model: expected a name of timm's"),
    ],
)
def test_a_network_that_is_wrong_is_named(folder: Path, network: object, mistake: str) -> None:
    plain = {
        "name": "own",
        "base": "a",
        "final": "a",
        "modules": [str(folder / "mine.py")],
        "data": {"kind": "synthetic"},
        "budgets": {"equal": 1},
        "recipe": {"network": network},
        "rungs": [{"name": "a"}],
    }
    (found,) = mistakes(plain)
    assert re.search(mistake, found), found


def test_short_forms_stand_for_tables() -> None:
    assert recipe_from_dict({"network": {"widths": [8]}}).network == Convolutional(widths=(8,))
    assert recipe_from_dict({"network": "convolutional"}) == Recipe()
    gelu = recipe_from_dict({"network": {"activation": "gelu"}})
    assert gelu == recipe_from_dict({"network": {"activation": {"kind": "gelu"}}})
    short = recipe_from_dict({"network": "timm:resnet18"})
    assert short == recipe_from_dict({"network": {"kind": "timm", "model": "resnet18"}})
    assert short != recipe_from_dict({"network": {"kind": "timm:resnet18", "stem": "small"}})


# --- what a function may and may not do -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return 3", "expected a torch.nn.Module, found int"),
        ("return nn.Flatten()", r"expected logits \[1, 5\] for one image \[3, 16, 16\], found"),
        ("return nn.Linear(7, classes)", "cannot answer.*RuntimeError"),
        ("return {}['x']", "cannot be built: mine.py, line 6: KeyError: 'x'"),
    ],
)
def test_a_function_that_is_wrong_says_where(tmp_path: Path, body: str, problem: str) -> None:
    source = f"@network\ndef net(image_shape, classes):\n    {body}\n"
    made = own(source, tmp_path / "mine.py")["mine:net"]()
    with pytest.raises(RecipeError, match=problem):
        cost(made, SHAPE, 5)
    forget_module("mine")


def test_parameters_need_types_and_defaults(tmp_path: Path) -> None:
    with pytest.raises(OwnModuleError, match="a type and a default; 'width' is not so"):
        own("@network\ndef net(image_shape, classes, *, width=3): ...\n", tmp_path / "mine.py")


FREE = '''
class Free(nn.Module):
    """Asks for values, draws a buffer that is not kept, and flattens by view."""
    def __init__(self, shape, classes):
        super().__init__()
        self.conv = nn.Conv2d(shape[0], 4, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.register_buffer("table", torch.linspace(0, 1, 4)[:, None, None], persistent=False)
        self.fc = nn.Linear(4 * shape[1] * shape[2], classes)
    def forward(self, x):
        x = self.conv(x) * self.scale + self.table
        if float(x.detach().abs().sum()) < 0:
            x = -x
        return self.fc(x.view(len(x), -1))

@network
def free(image_shape, classes):
    """Free."""
    return Free(image_shape, classes)
'''


def test_a_network_with_a_mind_of_its_own(tmp_path: Path) -> None:
    made = own(FREE, tmp_path / "mine.py")["mine:free"]()
    measured = cost(made, SHAPE, 5)
    dense = 4 * 16 * 16 * 5
    assert measured.parameters == 3 * 9 * 4 + 4 + 4 + dense + 5
    assert measured.flops == 2 * (3 * 9 * 4 * 16 * 16 + dense)
    rows = layer_table(made, SHAPE, 5)
    assert rows[0] == ("conv", "3×3 convolution", (4, 16, 16), 3 * 9 * 4 + 4)
    assert sum(parameters for *_, parameters in rows) == measured.parameters
    assert check_module(load_module(tmp_path / "mine.py")) == {"mine:free": ()}
    forget_module("mine")


COUNTED = '''
class Query(nn.Module):
    """Attends to patches with a learnt token, handed to a module as a view."""
    def __init__(self, channels, classes):
        super().__init__()
        self.patch, self.norm = nn.Conv2d(channels, 8, 4, 4), nn.LayerNorm(8)
        self.head, self.query = nn.Linear(8, classes), nn.Parameter(torch.zeros(1, 1, 8))
    def forward(self, x):
        p = self.patch(x).flatten(2).transpose(1, 2)
        q = self.norm(self.query.expand(x.shape[0], -1, -1))
        return self.head(((q @ p.transpose(1, 2)).softmax(-1) @ p)[:, 0])

@network
def query(image_shape, classes):
    """A learnt query over patches."""
    return Query(image_shape[0], classes)

class Shy(nn.Module):
    """Computes, but not while somebody counts."""
    def __init__(self, channels, classes):
        super().__init__()
        self.head = nn.Linear(channels, classes)
    def forward(self, x):
        from torch.utils._python_dispatch import _get_current_dispatch_mode
        assert type(_get_current_dispatch_mode()).__name__ != "_FlopCounterMode"
        return self.head(x.mean((2, 3)))

@network
def shy(image_shape, classes):
    """Refuses to be counted."""
    return Shy(image_shape[0], classes)
'''


def test_a_learnt_token_that_is_handed_to_a_module_is_counted(tmp_path: Path) -> None:
    made = own(COUNTED, tmp_path / "mine.py")["mine:query"]()
    patches, attention = 2 * (3 * 16) * 8 * 16, 2 * 2 * 8 * 16
    assert cost(made, SHAPE, 5).flops == patches + attention + 2 * 8 * 5
    forget_module("mine")


def test_what_cannot_be_counted_is_planned_and_reported_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNGS_WORKERS", "1")
    own(COUNTED, tmp_path / "mine.py")
    forget_module("mine")
    Path("shy.toml").write_text(
        'name = "shy"\nbase = "a"\nfinal = "b"\nmodules = ["mine.py"]\n'
        '[data]\nkind = "synthetic"\nclasses = 3\nsize = 8\n'
        "train = 40\nvalidation = 20\ntest = 20\n"
        '[recipe]\nnetwork = "mine:shy"\nbatch_size = 20\n[budgets]\nequal = 1\n'
        '[[rungs]]\nname = "a"\n[[rungs]]\nname = "b"\nafter = "a"\n'
        'apply = [{ name = "learning_rate", value = 0.01 }]\n',
        encoding="utf-8",
    )
    for _ in range(2):  # measured, and from the store's cache
        planned = asked("plan", "shy.toml")
        assert "FLOPs of mine:shy are not known" in planned
        assert json.loads(asked("plan", "shy.toml", "--json"))["rungs"][0]["flops"] is None
        asked("run", "shy.toml", "--quiet", "--no-pictures")
    written = json.loads(asked("report", "shy.toml", "--format", "json"))
    assert [rung["flops"] for rung in written["rungs"]] == [None, None]
    assert [rung["speed"]["gflops"] for rung in written["rungs"]] == [None, None]
    assert [rung["parameters"] for rung in written["rungs"]] == [12, 12]


def test_broken_promises_of_networks_are_named(tmp_path: Path) -> None:
    source = '''
import random

@network
def odd(image_shape, classes):
    """Draws from elsewhere."""
    made = nn.Sequential(nn.Flatten(), nn.Linear(image_shape[0] * 256, classes))
    nn.init.constant_(made[1].weight, random.random())
    return made

class Idle(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.used, self.idle = nn.Linear(256, classes), nn.Linear(2, 2)
    def forward(self, x):
        return self.used(x.mean(1).flatten(1))

@network(any_size=True)
def idle(image_shape, classes):
    """Has a layer that nothing uses."""
    return Idle(classes)
'''
    own(source, tmp_path / "mine.py")
    found = {
        name: " ".join(p) for name, p in check_module(load_module(tmp_path / "mine.py")).items()
    }
    assert "it cannot be repeated" in found["mine:odd"]
    assert "cannot take images of 32x32" in found["mine:idle"]
    forget_module("mine")


def test_a_network_for_larger_images_is_checked_with_the_smallest_that_it_takes(
    tmp_path: Path,
) -> None:
    source = '''
@network
def deep(image_shape, classes):
    """Halves its map five times."""
    pools = [nn.Sequential(nn.Conv2d(c, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
             for c in (image_shape[0], 4, 4, 4, 4)]
    return nn.Sequential(*pools, nn.Flatten(), nn.Linear(4 * (image_shape[1] // 32) ** 2, classes))

@network
def never(image_shape, classes):
    """Takes no images at all."""
    return nn.Linear(5, classes)
'''
    own(source, tmp_path / "mine.py")
    found = check_module(load_module(tmp_path / "mine.py"))
    assert found["mine:deep"] == ()
    assert "built for images [3, 16, 16]" in " ".join(found["mine:never"])
    forget_module("mine")


def test_a_module_may_not_be_called_as_the_library(tmp_path: Path) -> None:
    (tmp_path / "timm.py").write_text("")
    with pytest.raises(OwnModuleError, match="'timm' is the name of a library"):
        load_module(tmp_path / "timm.py")


def test_the_decorator_leaves_the_seam_as_it_was() -> None:
    def net(image_shape: object, classes: int) -> None:
        """Nothing."""

    with module_components("some", "0"):
        member = network(net)
    assert member.kind == "some:net"
    assert member.version == "0"
    forget_module("some")
