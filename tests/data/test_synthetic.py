"""The drawn pictures: the same everywhere, balanced, mirrored without harm, kept in a cache."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from rungs.data.drawn.drawing import class_name, draw, draw_part
from rungs.data.drawn.painting import SHAPES, TEXTURES, Stream, paint
from rungs.data.images import DataSet, ImageSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load

TINY = SyntheticSpec(classes=7, train=40, validation=14, test=21, size=16, seed=3)
# These change only together with SYNTHETIC_VERSION in rungs.data.kinds.synthetic.
TINY_DIGEST = "c666c7b0abc57aa525942c46b3b442718b1f2e18de1f71c54f8a63339b027000"
MANY_DIGEST = "595aa5b5b9d76e2e24999a591d4641b017c1bbe09a4ae93b44534026cec16c1a"


def digest(*sets: ImageSet) -> str:
    total = hashlib.sha256()
    for images in sets:
        total.update(images.pixels.numpy().tobytes())
        total.update(images.labels.numpy().astype("<i8").tobytes())
    return total.hexdigest()


def all_sets(data: DataSet) -> tuple[ImageSet, ImageSet, ImageSet]:
    return data.exploration.train, data.exploration.validation, data.test


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return load(TINY, cache_dir=tmp_path)


def test_the_pixels_are_pinned() -> None:
    assert digest(*draw(7, 40, 14, 21, 16, 3)) == TINY_DIGEST


def test_the_pixels_of_every_shape_texture_and_style_are_pinned() -> None:
    pixels, labels = draw_part(1000, 1000, 12, 0, 0)
    assert digest(ImageSet(torch.from_numpy(pixels), torch.from_numpy(labels))) == MANY_DIGEST


def test_what_a_spec_says_is_what_is_loaded(data: DataSet) -> None:
    assert data.sizes == TINY.sizes
    assert data.fingerprint == TINY.fingerprint
    assert data.name == TINY.name
    assert len(data.class_names) == len(set(data.class_names)) == 7
    assert data.exploration.class_names == data.class_names
    for images in all_sets(data):
        assert images.pixels.shape[1:] == TINY.image_shape
        assert images.pixels.dtype == torch.uint8
        assert images.labels.dtype == torch.int64
        counts = Counter(images.labels.tolist())
        assert set(counts) == set(range(7))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_group_is_a_shape(data: DataSet) -> None:
    assert len(data.groups) == 7
    for name, group in zip(data.class_names, data.groups, strict=True):
        assert name.startswith(data.group_names[group] + ",")


def test_labels_are_not_in_order(data: DataSet) -> None:
    labels = data.exploration.train.labels
    assert labels.tolist() != [i % 7 for i in range(40)]
    assert labels.tolist() != sorted(labels.tolist())


def test_no_image_is_there_twice() -> None:
    pixels = torch.cat([images.pixels[:] for images in draw(4, 300, 100, 100, 8, 0)])
    assert len(torch.unique(pixels.flatten(1), dim=0)) == 500


def test_the_test_images_do_not_depend_on_the_number_to_train_on() -> None:
    assert digest(draw(5, 10, 5, 30, 8, 1)[2]) == digest(draw(5, 200, 7, 30, 8, 1)[2])


def test_another_seed_draws_other_images() -> None:
    assert digest(*draw(5, 10, 5, 5, 8, 1)) != digest(*draw(5, 10, 5, 5, 8, 2))


def test_a_thousand_classes_have_a_thousand_names() -> None:
    names = {class_name(index) for index in range(1000)}
    assert len(names) == 1000
    assert {name.split(", ")[0] for name in names} == set(SHAPES)
    assert {name.split(", ")[1] for name in names} == set(TEXTURES)


@pytest.mark.parametrize("index", [*range(12), 20, 63, 64, 128, 256, 512])
def test_a_class_is_mirrored_into_itself(index: int) -> None:
    """The mean picture of a class is nearly its own mirror image: no class leans to one side."""
    pixels, _ = draw_class(index, 600)
    # In the lightness relative to the border, taken positive: light and dark objects add up.
    light = pixels.astype(np.float64).mean(axis=1)
    border = np.median(np.concatenate([light[:, 0], light[:, -1]], axis=1), axis=1)
    shown = np.abs(light - border[:, None, None]).mean(axis=0)
    lean = np.abs(shown - shown[:, ::-1]).mean()
    assert shown[6:10, 6:10].mean() > shown[0].mean()
    assert lean < 0.12 * shown.mean()


def draw_class(index: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.full(count, index)
    return paint(labels, 16, Stream(0, 0)), labels


def test_classes_differ_and_colours_do_not_tell_them() -> None:
    """A linear look at the mean colour is near chance, while the pictures themselves differ."""
    pixels, labels = draw_part(4, 1200, 16, 0, 0)
    colours = pixels.mean(axis=(2, 3))
    means = np.stack([colours[labels == label][:150].mean(axis=0) for label in range(4)])
    rest = np.concatenate([np.flatnonzero(labels == label)[150:] for label in range(4)])
    nearest = ((colours[rest, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels[rest]).mean() < 0.40


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "garbage", "folder"])
def test_a_damaged_cache_is_drawn_again(damage: str, tmp_path: Path) -> None:
    expected = digest(*all_sets(load(TINY, cache_dir=tmp_path)))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    match damage:
        case "flip":
            content[len(content) // 2] ^= 1
        case "cut":
            del content[len(content) // 2 :]
        case "empty":
            content.clear()
        case "garbage":
            content[:] = b"garbage" * 100
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    lines: list[str] = []
    again = load(TINY, cache_dir=tmp_path, progress=lines.append)
    assert lines == ["drawing 75 synthetic images"]
    assert digest(*all_sets(again)) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_cache_is_used_and_holds_the_same(tmp_path: Path) -> None:
    lines: list[str] = []
    first = load(TINY, cache_dir=tmp_path / "new" / "folder", progress=lines.append)
    second = load(TINY, cache_dir=tmp_path / "new" / "folder", progress=lines.append)
    assert len(lines) == 1
    assert digest(*all_sets(first)) == digest(*all_sets(second)) == TINY_DIGEST


def test_a_cache_of_another_spec_is_not_taken(tmp_path: Path) -> None:
    load(TINY, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    other = TINY.model_copy(update={"train": 41})
    path.rename(path.with_name(path.name.replace(TINY.fingerprint, other.fingerprint)))
    assert load(other, cache_dir=tmp_path).sizes["train"] == 41


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    data = load(TINY, cache_dir=tmp_path / "file")
    assert digest(*all_sets(data)) == TINY_DIGEST


def test_a_cached_pickle_is_not_run(tmp_path: Path) -> None:
    load(TINY, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    arrays = dict(np.load(path))
    arrays["train_pixels"] = np.array([print], dtype=object)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    assert digest(*all_sets(load(TINY, cache_dir=tmp_path))) == TINY_DIGEST


def test_image_sets_refuse_what_they_are_not() -> None:
    pixels, labels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"uint8 \[N, C, H, W\], got float32"):
        ImageSet(pixels.float(), labels)
    with pytest.raises(ValueError, match=r"int64 \[4\], got int64 \[3\]"):
        ImageSet(pixels, labels[:3])


def test_a_subset_has_the_images_asked_for_in_that_order(data: DataSet) -> None:
    train = data.exploration.train
    part = train.subset(torch.tensor([5, 0, 5]))
    assert len(part) == 3
    assert torch.equal(part.labels, train.labels[[5, 0, 5]])
    assert torch.equal(part.pixels[1:2], train.pixels[:1])
    assert train.to("cpu").pixels is train.pixels
    assert data.exploration.to("cpu").validation.labels is data.exploration.validation.labels
