"""`rungs init` of arrays, of a function, of a set of the hub, and of a set by its name."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data import hub as hubs
from rungs.data.hub import AtHand
from rungs.study import load
from tests.pictures import drawn, encoded

LABELS = np.arange(60) % 2
IMAGES = np.random.default_rng(0).integers(0, 90, (60, 20, 20), dtype=np.uint8)
IMAGES[LABELS == 1] += 120

MODULE = """
import numpy as np
from pathlib import Path

def dataset():
    with np.load(Path(__file__).with_name("shades.npz")) as arrays:
        return arrays["images"], arrays["labels"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    return tmp_path


def init(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["init", *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_arrays(folder: Path) -> None:
    np.savez(folder / "shades.npz", images=IMAGES, labels=LABELS)
    said = init("below/mine", "--data", "shades.npz")
    assert "shades.npz: 44 training, 8 validation and 8 test pictures in 2 classes" in said
    assert "found: images in arrays in " in said
    text = (folder / "below" / "mine.toml").read_text()
    assert 'kind = "npz"\n# From the folder of this file.\npath = "../shades.npz"\n' in text
    study = load(folder / "below" / "mine.toml")
    assert (study.data.image_shape, study.data.classes) == ((1, 20, 20), 2)
    refused = init("other", "--data", "shades.npz", "--layout", "class", code=1)
    assert "shades.npz: layout is of folders and tables" in refused
    assert not (folder / "other.toml").exists()


def test_a_function(folder: Path) -> None:
    np.savez(folder / "shades.npz", images=IMAGES, labels=LABELS)
    (folder / "below" / "mine.py").write_text(MODULE.replace("shades", "../shades"))
    (folder / "mine.py").write_text(MODULE)
    said = init("study", "--data", "mine.py:dataset")
    assert "mine:dataset: 44 training, 8 validation and 8 test pictures" in said
    text = (folder / "study.toml").read_text()
    assert 'modules = ["mine.py"]' in text
    assert 'kind = "module"\nmodule = "mine:dataset"\n' in text
    assert load(folder / "study.toml").data.image_shape == (1, 20, 20)
    assert "defines no function 'data'" in init("x", "--data", "mine.py:data", code=1)


@pytest.mark.parametrize(
    ("name", "title", "shape"),
    [
        ("cifar10", "CIFAR-10", (3, 32, 32)),
        ("cifar100", "CIFAR-100", (3, 32, 32)),
        ("mnist", "MNIST", (1, 28, 28)),
        ("fashion-mnist", "Fashion-MNIST", (1, 28, 28)),
    ],
)
def test_a_published_set(name: str, title: str, shape: tuple[int, int, int], folder: Path) -> None:
    """Nothing is fetched yet: `rungs data` and `rungs run` do that."""
    said = init("study", "--data", name)
    assert f"{title}: " in said.splitlines()[0]
    study = load(folder / "study.toml")
    assert (study.data.name, study.data.image_shape) == (title, shape)
    assert study.final == "augmented"
    assert study.title == title
    # A folder of this name is meant before the set.
    (folder / name).mkdir()
    assert "expected" in init("other", "--data", name, code=1)


def test_a_set_of_the_hub_is_named_by_its_commit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    images = [encoded(drawn(number)) for number in range(60)]
    labels = ["cat" if number % 2 else "dog" for number in range(60)]
    pq.write_table(pa.table({"image": images, "label": labels}), folder / "train.parquet")
    asked: list[str] = []

    def at_hand(name: str, revision: str, subset: str | None, say: object) -> AtHand:
        asked.append(json.dumps([name, revision, subset]))
        return AtHand("c" * 40, folder)

    monkeypatch.setattr(hubs, "at_hand", at_hand)
    said = init("study", "--data", "hub:some/pets@v1", "--label-column", "label")
    assert f"some/pets@{'c' * 12}: 44 training" in said
    text = (folder / "study.toml").read_text()
    assert f'kind = "hub"\nname = "some/pets"\nrevision = "{"c" * 40}"\n' in text
    assert 'label_column = "label"' in text
    assert asked[0] == '["some/pets", "v1", null]'
    assert set(asked[1:]) == {f'["some/pets", "{"c" * 40}", null]'}
    assert "expected a name such as" in init("x", "--data", "hub:../pets", code=1)
