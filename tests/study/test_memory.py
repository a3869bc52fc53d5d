"""Large pictures: memory is said before a training, and they train."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation.errors import RungsError
from rungs.network.building import build
from rungs.study import load
from rungs.study.cautions import cautions
from rungs.study.costs import layer_tables
from rungs.study.memory import gigabytes, training_bytes
from tests.pictures import drawn, encoded

STUDY = """
name = "large"
base = "base"
final = "wider"
budgets = {{ equal = 1 }}
seeds = 1
data = {{ kind = "folder", path = "photos", size = {size} }}
[recipe]
batch_size = {batch}
network = {{ widths = [4, 4, 8], head = {{ kind = "global_average_pooling" }} }}
[[rungs]]
name = "base"
[[rungs]]
name = "wider"
after = "base"
apply = ["widths([8, 8, 8])"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            picture = encoded(drawn(100 * number + index, 300, 270))
            (tmp_path / "photos" / name / f"{index}.png").write_bytes(picture)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def written(size: int, batch: int = 4) -> str:
    Path("large.toml").write_text(STUDY.format(size=size, batch=batch), encoding="utf-8")
    return "large.toml"


def asked(*words: str) -> Any:
    return CliRunner().invoke(app, [*words], catch_exceptions=False, env={"COLUMNS": "200"})


def test_pictures_of_256_pixels_train(folder: Path) -> None:
    done = asked("run", written(256), "--workers", "1", "--quiet", "--no-pictures")
    assert done.exit_code == 0, done.output
    assert load("large.toml").data.image_shape == (3, 256, 256)
    assert "2 of 2" not in asked("plan", "large.toml").stdout
    assert asked("plan", "large.toml").stdout.count("1 of 1") == 2


def test_init_takes_sizes_up_to_1024_and_deepens_the_network(folder: Path) -> None:
    said = asked("init", "mine", "--data", "photos", "--size", "256")
    assert said.exit_code == 0, said.output
    study = load("mine.toml")
    assert study.data.image_shape == (3, 256, 256)
    assert "from 8 to 1,024" in Path("mine.toml").read_text(encoding="utf-8")
    assert asked("init", "other", "--data", "photos", "--size", "1025").exit_code == 2
    with pytest.raises(RungsError, match="size"):
        load(written(1025))
    assert load(written(1024)).data.image_shape == (3, 1024, 1024)


def test_memory_is_said_of_the_largest_rung_before_it_is_trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rungs.study.cautions.free_memory", lambda: 10**15)
    (line,) = (
        one for one in cautions(load(written(256, 40)), None, strict=False) if "trains" in one
    )
    assert re.match(
        r"Memory: wider takes roughly \d+ MB .* batches of 12 pictures of 256x256", line
    )
    monkeypatch.setattr("rungs.study.cautions.free_memory", lambda: 10**6)
    (warned,) = [one for one in cautions(load("large.toml"), None, strict=False) if "1 MB" in one]
    assert warned.startswith("Warning: wider takes roughly")
    assert "1 MB are free" in warned
    monkeypatch.setattr("rungs.study.cautions.free_memory", lambda: None)
    said = cautions(load("large.toml"), None, strict=False)
    assert [one for one in said if "trains" in one] == [line]
    # Small batches and small images are not spoken of, nor looked at.
    monkeypatch.setattr("rungs.study.cautions.layer_tables", lambda *_: pytest.fail("looked at"))
    cautions(load("quickstart"), None, strict=False)


@pytest.mark.parametrize("name", ["quickstart", "cifar100", "modern"])
def test_what_is_said_is_near_what_torch_keeps(name: str) -> None:
    study = load(name)
    rung = study.rung(study.final)
    (rows,) = layer_tables(study, None, [rung.name]).values()
    shape = study.data.image_shape
    model = build(rung.recipe.network, shape, study.data.classes).train()
    sizes: dict[int, int] = {}
    kept: list[torch.Tensor] = []  # so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    own = {item.untyped_storage().data_ptr() for item in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.rand(8, *shape)).sum()
    saved = sum(size for place, size in sizes.items() if place not in own)
    weights = 4 * 4 * sum(item.numel() for item in model.parameters())
    assert 0.8 < training_bytes(rows, 8) / (saved + weights) < 2.5


def test_layers_of_ours_are_kept_for_plans_without_a_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load(written(256, 40))
    first = layer_tables(study, None)
    with monkeypatch.context() as patch:
        patch.setattr("rungs.study.costs._layers", lambda *_: pytest.fail("looked at again"))
        assert layer_tables(study, None) == first
    (path,) = (folder / "cache" / "rungs" / "layers").iterdir()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[[", "[["[:1]), encoding="utf-8")
    assert layer_tables(study, None) == first


def test_units() -> None:
    assert (gigabytes(3_240_000_000), gigabytes(320_000_000)) == ("3.2 GB", "320 MB")
