"""Pictures of one's own as an image set whose pixels stay in their file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rungs.data.images import DataSet, ImageSet
from rungs.data.loading import load
from rungs.data.mapped import MappedPixels, open_pixels
from rungs.data.pictures import names_of, resolve
from rungs.data.pictures.cache import pictures_folder, pixels_file
from rungs.data.pictures.decoding import Form, decode
from rungs.data.pictures_spec import FolderSpec, PicturesSpec
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.network.outputs import EVALUATION_BATCH, predict
from rungs.recipe import Recipe
from rungs.store.results import RunSpec
from tests.pictures import write_class_folders

SPEC = FolderSpec(path="photos", size=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_class_folders(tmp_path / "photos", {"cats": 12, "dogs": 8})
    return tmp_path


def found(folder: Path) -> PicturesSpec:
    return resolve(SPEC, folder, cache_dir=folder / "cache").spec


def loaded(folder: Path, *, check: bool = True) -> tuple[DataSet, list[str]]:
    said: list[str] = []
    data = load(
        found(folder), cache_dir=folder / "cache", progress=said.append, allow_download=check
    )
    return data, said


def test_every_image_has_the_name_of_its_file(folder: Path) -> None:
    data, _ = loaded(folder)
    names = names_of(resolve(SPEC, folder, cache_dir=folder / "cache"), folder / "cache")
    parts: dict[Part, ImageSet] = {
        "train": data.exploration.train,
        "validation": data.exploration.validation,
        "test": data.test,
    }
    assert set(names) == set(parts)
    for part, images in parts.items():
        assert len(names[part]) == len(images)
        for index, name in enumerate(names[part]):
            pixels = decode((folder / "photos" / name).read_bytes(), Form(8, 3, SPEC.fit))
            assert torch.equal(images.pixels[index : index + 1][0], torch.from_numpy(pixels))


def test_every_picture_is_in_one_part_with_its_label(folder: Path) -> None:
    data, said = loaded(folder)
    assert said == []
    assert data.sizes == found(folder).sizes
    assert data.fingerprint == found(folder).fingerprint
    assert data.class_names == data.exploration.class_names == ("cats", "dogs")
    expected = {}
    for path in (folder / "photos").rglob("*.png"):
        pixels = decode(path.read_bytes(), Form(8, 3, "crop"))
        expected[pixels.tobytes()] = data.class_names.index(path.parent.name)
    seen: dict[bytes, int] = {}
    for images in (data.exploration.train, data.exploration.validation, data.test):
        pairs = zip(images.pixels.numpy(), images.labels.tolist(), strict=True)
        seen |= {pixels.tobytes(): label for pixels, label in pairs}
    assert seen == expected


def test_a_set_is_the_same_from_its_name_alone(folder: Path) -> None:
    """As a worker gets it, or an archive keeps it."""
    run = RunSpec(Recipe(), 1, found(folder), 0)
    assert RunSpec.from_dict(run.to_dict()) == run
    assert str(folder) not in str(run.to_dict())


@pytest.mark.parametrize("how", ["missing", "short", "flipped bit"])
def test_damaged_pixels_are_read_again_by_who_may(how: str, folder: Path) -> None:
    before, _ = loaded(folder)
    expected = before.test.pixels.numpy()
    path = pixels_file(pictures_folder(folder / "cache"), found(folder).content)
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.unlink()
    if how != "missing":
        path.write_bytes(content if how == "flipped bit" else content[:-1])
    if how != "flipped bit":
        with pytest.raises(DataError, match="`rungs data STUDY` reads the pictures again"):
            loaded(folder, check=False)
    data, said = loaded(folder)
    assert said[0].endswith("what was kept of these pictures is damaged; they are read again")
    assert np.array_equal(data.test.pixels.numpy(), expected)


def test_pictures_that_are_gone_from_the_cache_are_an_error(folder: Path) -> None:
    spec = found(folder)
    with pytest.raises(DataError, match=r"its decoded pictures are not in .*`rungs data STUDY`"):
        load(spec, cache_dir=folder / "other")


def test_pictures_that_became_others_are_not_taken_for_those_of_a_run(folder: Path) -> None:
    spec = found(folder)
    pixels_file(pictures_folder(folder / "cache"), spec.content).unlink()
    (folder / "photos" / "cats" / "000.png").unlink()
    with pytest.raises(DataError, match="the pictures are others than those of the study's runs"):
        load(spec, cache_dir=folder / "cache")


def mapped(tmp_path: Path, rows: list[int]) -> tuple[MappedPixels, torch.Tensor]:
    """Rows of five images as they are mapped, and the same in memory."""
    pixels = torch.arange(5 * 3 * 4 * 4, dtype=torch.uint8).view(5, 3, 4, 4)
    path = tmp_path / "pixels"
    path.write_bytes(pixels.numpy().tobytes())
    return MappedPixels(open_pixels(path, (5, 3, 4, 4)), torch.tensor(rows)), pixels[rows]


def test_mapped_pixels_stand_where_a_tensor_does(tmp_path: Path) -> None:
    ours, plain = mapped(tmp_path, [4, 0, 2])
    assert ours.shape == plain.shape
    assert (len(ours), ours.ndim, ours.dtype) == (3, 4, torch.uint8)
    for index in (slice(None), slice(1, 3), torch.tensor([2, 2, 0])):
        assert torch.equal(ours[index], plain[index])
    assert ours.to("cpu") is ours
    assert np.array_equal(ours.numpy(), plain.numpy())


def test_what_is_done_to_mapped_pixels_does_not_reach_the_file(tmp_path: Path) -> None:
    stored = open_pixels(tmp_path / "pixels", (5, 3, 4, 4)) if mapped(tmp_path, [0]) else None
    assert stored is not None
    before = (tmp_path / "pixels").read_bytes()
    stored.fill_(7)
    assert (tmp_path / "pixels").read_bytes() == before


@pytest.mark.parametrize("size", [8, 64])
def test_predictions_are_made_in_batches_that_memory_can_hold(size: int) -> None:
    seen: list[int] = []

    class Model(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(len(images))
            return images.mean(dim=(2, 3))

    most = EVALUATION_BATCH["cpu"]
    count = most + 10
    pixels = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    logits = predict(Model(), pixels, memory_format=torch.contiguous_format, precision="float32")
    assert logits.shape == (count, 3)
    assert torch.allclose(logits[-1], pixels[-1].float().mean(dim=(1, 2)) / 255, atol=1e-5)
    assert max(seen) == (most if size == 8 else most // 4)


_MEASURE = """
import sys, torch
from pathlib import Path
from rungs.data.mapped import MappedPixels, open_pixels
path, rows = Path(sys.argv[1]), int(sys.argv[2])

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

images = MappedPixels(open_pixels(path, (rows, 3, 200, 200)), torch.arange(rows))
images[:10].sum()
before = anonymous()
for batch in torch.split(torch.randperm(rows), 50):
    images[batch].sum()
print(anonymous() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of memory")
def test_memory_does_not_grow_with_the_set(tmp_path: Path) -> None:
    rows = 2500
    path = tmp_path / "pixels"
    with path.open("wb") as file:
        file.truncate(rows * 3 * 200 * 200)  # 300 MB, which take no room on the disk
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path), str(rows)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < rows * 3 * 200 * 200 / 4
