"""Kinds of data: one file and one entry each, and nothing else of the program knows them."""

import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import rungs
from rungs.data import kinds
from rungs.data.kinds import (
    FORMS,
    KINDS,
    SPECS,
    cifar10,
    cifar100,
    fashion_mnist,
    folder,
    kind_of,
    mnist,
    synthetic,
)
from rungs.data.pictures_spec import PicturesSpec

# The one file of a new kind: pictures that are dark or bright.
SHADES = '''
"""Dark and bright pictures."""

from typing import TYPE_CHECKING, Literal

from rungs.data.kinds.core import Access, Kind
from rungs.data.spec import Fit, Ground, Spec, fingerprint
from rungs.foundation.errors import Mistake

if TYPE_CHECKING:
    from rungs.data.images import DataSet, ImageSet


class ShadesSpec(Spec):
    """Pictures that are dark or bright.

    Attributes:
        images: of each part.
    """

    kind: Literal["shades"] = "shades"
    images: int = 20

    @property
    def name(self) -> str:
        return "shades of grey"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3, 16, 16)

    @property
    def classes(self) -> int:
        return 2

    @property
    def sizes(self) -> dict[str, int]:
        return {"train": 2 * self.images, "validation": self.images, "test": self.images}

    @property
    def fit(self) -> Fit:
        return "stretch"

    @property
    def bits(self) -> int:
        return 16

    @property
    def ground(self) -> Ground:
        return "white"

    @property
    def fingerprint(self) -> str:
        return fingerprint([self.kind, self.images])

    @property
    def test_fingerprint(self) -> str:
        return fingerprint([self.kind, self.images, "test"])


def mistakes(spec: ShadesSpec) -> list[Mistake]:
    odd = spec.images % 2
    return [Mistake(("data", "images"), "expected an even number of shades")] if odd else []


def read(spec: ShadesSpec, access: Access) -> "DataSet":
    import torch

    from rungs.data.images import DataSet, Exploration, ImageSet

    def part(count: int) -> ImageSet:
        labels = torch.arange(count) % 2
        grain = torch.randint(0, 60, (count, *spec.image_shape), generator=chance)
        return ImageSet((grain + 180 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels)

    chance = torch.Generator().manual_seed(0)
    access.say("shading")
    train, validation, test = map(part, spec.sizes.values())
    names = ("dark", "bright")
    exploration = Exploration(train, validation, names)
    return DataSet(spec.name, exploration, test, names, (), (), spec.fingerprint)


KIND = Kind(form=ShadesSpec, spec=ShadesSpec, read=read, mistakes=mistakes)
'''
# Its one entry.
ENTRY = (
    "KINDS: tuple[Kind[Any, Any], ...] = (",
    "from rungs.data.kinds import shades\n\nKINDS: tuple[Kind[Any, Any], ...] = (shades.KIND, ",
)
STUDY = """
name = "grey"
base = "base"
final = "wide"
unseal = "at end"
data = { kind = "shades", images = 20 }
budgets = { equal = 1 }
[recipe]
batch_size = 8
network = { widths = [8], head = { kind = "global_average_pooling" } }
[[rungs]]
name = "base"
[[rungs]]
name = "wide"
after = "base"
apply = ["flip"]
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program with another kind of data: a file and an entry more, nothing else."""
    copy = tmp_path / "program" / "rungs"
    shutil.copytree(Path(rungs.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "data" / "kinds" / "shades.py").write_text(SHADES)
    registry = copy / "data" / "kinds" / "__init__.py"
    text = registry.read_text()
    assert text.count(ENTRY[0]) == 1
    registry.write_text(text.replace(*ENTRY))
    return copy.parent


def test_a_new_kind_is_a_file_and_an_entry(program: Path, tmp_path: Path) -> None:
    """From the study file to what a model says of a picture."""

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rungs", *words]
        variables = {**os.environ, "PYTHONPATH": str(program), "COLUMNS": "150"}
        return subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )

    def said(*words: str) -> str:
        done = asked(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "odd.toml").write_text(STUDY.replace("images = 20", "images = 7"))
    (tmp_path / "none.toml").write_text(STUDY.replace('"shades"', '"shade"'))
    (tmp_path / "grey.toml").write_text(STUDY)
    bright = np.full((16, 40, 3), 230, dtype=np.uint8)
    Image.fromarray(bright).save(tmp_path / "bright.png")
    refused = asked("plan", "odd.toml")
    assert "data.images: expected an even number of shades" in refused.stderr
    assert "'shades'" in asked("plan", "none.toml").stderr
    assert "flip" in said("plan", "grey.toml")
    assert "shades of grey: 40 train, 20 validation, 20 test" in said("data", "grey.toml")
    assert "shades of grey" in asked("doctor", "grey.toml").stdout
    said("run", "grey.toml", "--workers", "1")
    assert "shades of grey" in said("report", "grey.toml", "--format", "markdown")
    answer = said("predict", "grey.toml:base", "bright.png", "--format", "jsonl")
    assert '"class": "bright"' in answer
    # What a run is named by is read again as what it was.
    (run, *_) = (tmp_path / "runs").glob("**/run.json")
    assert '"kind": "shades"' in run.read_text()


def test_every_kind_is_listed_once() -> None:
    modules = {item.name for item in pkgutil.iter_modules(kinds.__path__)} - {"core"}
    found: dict[str, ModuleType] = {name: vars(kinds)[name] for name in modules}
    assert {id(module.KIND) for module in found.values()} == {id(kind) for kind in KINDS}
    names = [kind.form.model_fields["kind"].default for kind in KINDS]
    assert len({*names}) == len(names) == len(KINDS)
    # Kinds that lead to one spec read it alike.
    specs = {kind.spec for kind in KINDS}
    assert len({spec.model_fields["kind"].default for spec in specs}) == len(specs)
    for kind in KINDS:
        assert kind_of(kind.form.model_construct()) is kind
        assert kind_of(kind.spec.model_construct()).read is kind.read


def test_every_form_and_spec_is_of_its_kind() -> None:
    pictures = {
        "size": 8,
        "title": "photos",
        "content": "0" * 32,
        "classes": 2,
        "train": 8,
        "validation": 2,
        "test": 2,
        "cut_validation": 0.0,
        "cut_test": 0.0,
    }
    for spec, kind in (
        (cifar10.Cifar10Spec(), cifar10.KIND),
        (cifar100.Cifar100Spec(), cifar100.KIND),
        (mnist.MnistSpec(), mnist.KIND),
        (fashion_mnist.FashionMnistSpec(), fashion_mnist.KIND),
        (synthetic.SyntheticSpec(classes=3), synthetic.KIND),
        (PicturesSpec.model_validate({**pictures, "fit": "stretch"}), folder.KIND),
    ):
        assert kind_of(spec) is kind
        assert SPECS.validate_python(SPECS.dump_python(spec, mode="json")) == spec
        assert spec.fit == ("stretch" if kind is folder.KIND else "crop")
    form = FORMS.validate_python({"kind": "folder", "path": "photos", "size": 8})
    assert kind_of(form) is folder.KIND
