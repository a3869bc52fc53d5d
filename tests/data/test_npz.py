"""Images in arrays of an .npz file: what their names say, and what is refused."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rungs.data.drawn.drawing import draw_part
from rungs.data.images import DataSet
from rungs.data.kinds import FORMS, kind_of, npz
from rungs.data.kinds.npz import NpzSpec
from rungs.data.loading import load
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DataError
from rungs.study import parse

COLOURED, LABELS = draw_part(4, 48, 16, 0, 0)  # [48, 3, 16, 16]
LAST = np.ascontiguousarray(COLOURED.transpose(0, 2, 3, 1))
GREY = np.ascontiguousarray(COLOURED[:, 0])
NAMES = np.array(["ant", "bee", "cow", "dog"])


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def read(path: Path, **keys: Any) -> DataSet:
    form = FORMS.validate_python({"kind": "npz", "path": path.name, "size": 16, **keys})
    resolved = kind_of(form).resolve(form, path.parent, lambda _: None)
    return load(resolved.spec, allow_download=False)


def everything(data: DataSet) -> dict[bytes, str]:
    """The class of each image, by its pixels."""
    parts = (data.exploration.train, data.exploration.validation, data.test)
    return {
        pixels.tobytes(): data.class_names[label]
        for part in parts
        for pixels, label in zip(part.pixels[:].numpy(), part.labels.tolist(), strict=True)
    }


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(find_source(path, FolderSpec(path="x", size=16)).candidates())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("layout", ["last", "first"])
def test_every_image_comes_with_its_class(squeezed: bool, layout: str, tmp_path: Path) -> None:
    images = LAST if layout == "last" else COLOURED
    write = np.savez_compressed if squeezed else np.savez
    write(tmp_path / "a.npz", images=images, labels=LABELS, class_names=NAMES)
    data = read(tmp_path / "a.npz")
    assert data.class_names == ("ant", "bee", "cow", "dog")
    expected = zip(COLOURED, NAMES[LABELS].tolist(), strict=True)
    assert everything(data) == {pixels.tobytes(): name for pixels, name in expected}
    assert sum(data.sizes.values()) == 48
    assert min(data.sizes.values()) >= 4  # of each class one


@pytest.mark.parametrize("shape", [(48, 16, 16), (48, 16, 16, 1), (48, 1, 16, 16)])
def test_grey_images_stay_grey_or_become_colour(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=GREY.reshape(shape), y=LABELS)
    grey = read(path, channels=1)
    assert {*everything(grey)} == {pixels.tobytes() for pixels in GREY}
    assert grey.class_names == ("0", "1", "2", "3")
    colour = read(path)
    assert {*everything(colour)} == {np.stack([one] * 3).tobytes() for one in GREY}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("x_train", "y_train", "x_test", "y_test"), {"test"}),
        (("train_images", "train_labels", "val_images", "val_labels"), {"validation"}),
        (("images", "labels", "test_images", "test_labels"), {"test"}),
        (("X-Train", "Targets-Train", "X-Valid", "Targets-Valid"), {"validation"}),
    ],
)
def test_parts_are_those_of_the_names(
    names: tuple[str, str, str, str], parts: set[str], tmp_path: Path
) -> None:
    labels = LABELS.reshape(-1, 1) if "train_labels" in names else LABELS
    arrays = (LAST[:40], labels[:40], LAST[40:], labels[40:])
    path = save(tmp_path / "a.npz", **dict(zip(names, arrays, strict=True)))
    found = find_source(path, FolderSpec(path="x", size=16))
    assert found.parts == {"train", *parts}
    data = read(path)
    there = data.test if "test" in parts else data.exploration.validation
    assert {one.tobytes() for one in there.pixels[:].numpy()} == {
        one.tobytes() for one in COLOURED[40:]
    }


def test_a_split_says_of_each_image_what_it_is_for(tmp_path: Path) -> None:
    split = np.array(["train"] * 30 + ["valid"] * 8 + ["test"] * 10)
    data = read(save(tmp_path / "a.npz", images=LAST, labels=NAMES[LABELS], split=split))
    assert data.sizes == {"train": 30, "validation": 8, "test": 10}
    assert {one.tobytes() for one in data.test.pixels[:].numpy()} == {
        one.tobytes() for one in COLOURED[38:]
    }


def test_classes_are_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    labels = np.arange(48) % 12
    data = read(save(tmp_path / "a.npz", images=LAST, labels=labels))
    assert data.class_names == tuple(map(str, range(12)))


def test_an_image_without_label_is_left_out_and_told(tmp_path: Path) -> None:
    labels = np.where(np.arange(48) == 7, -1, LABELS)
    path = save(tmp_path / "a.npz", images=LAST, labels=labels, class_names=NAMES)
    assert find_source(path, FolderSpec(path="x", size=16)).left_out == (("images[7]", "no label"),)
    assert sum(read(path).sizes.values()) == 47


def test_the_fingerprint_is_that_of_the_images_not_of_the_file(tmp_path: Path) -> None:
    first = read(save(tmp_path / "a.npz", images=LAST, labels=LABELS))
    same = read(save(tmp_path / "b.npz", x=COLOURED[::-1].copy(), y=LABELS[::-1].copy()))
    assert first.fingerprint == same.fingerprint
    changed = LAST.copy()
    changed[5, 3, 3, 0] ^= 1
    assert read(save(tmp_path / "c.npz", images=changed, labels=LABELS)).fingerprint != (
        first.fingerprint
    )


def test_a_study_of_it_can_be_parsed(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", images=LAST, labels=LABELS)
    plain: dict[str, Any] = {
        "name": "arrays",
        "base": "base",
        "final": "base",
        "data": {"kind": "npz", "path": "a.npz", "size": 16},
        "budgets": {"equal": 1},
        "rungs": [{"name": "base"}],
    }
    study = parse(plain, str(tmp_path / "arrays.toml"))
    assert study.data.classes == 4
    assert study.pictures is not None
    assert study.pictures.kind == "images in arrays"
    form = NpzSpec(path="a.csv", size=16)
    assert [str(one) for one in npz.KIND.mistakes(form)] == [
        "data.path: expected an .npz file, found 'a.csv'"
    ]


# --- what is refused -----------------------------------------------------------------------------


class Touch:
    """Whoever unpickles it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_python_objects_are_refused_unread(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    objects = np.array([Touch(marker)] * 48, dtype=object)
    path = save(tmp_path / "a.npz", images=LAST, labels=objects)
    assert "labels holds Python objects, which could run code" in refusal(path)
    assert not marker.exists()
    np.load(path, allow_pickle=True)["labels"]
    assert marker.exists()  # the payload is live


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": LAST}, "expected arrays `images` and `labels`, perhaps"),
        ({"features": LAST, "labels": LABELS}, "; found 'features', 'labels'"),
        ({}, "found none"),
        ({"images": LAST, "x": LAST, "labels": LABELS}, "images and x could be the same"),
        ({"x_test": LAST, "y_test": LABELS, "x_val": LAST, "y_val": LABELS}, "no images to train"),
        ({"images": LAST, "labels": LABELS[:40]}, "expected a label for each of 48 images"),
        ({"images": LAST, "labels": np.eye(4)[LABELS]}, "save labels.argmax(1)"),
        ({"images": LAST, "labels": LABELS / 2}, "labels is float64, expected whole numbers"),
        ({"images": LAST / 255, "labels": LABELS}, "float64, expected uint8; of values from 0"),
        ({"images": LAST.astype(np.int16), "labels": LABELS}, "images is int16, expected uint8"),
        ({"images": LAST[..., :2].copy(), "labels": LABELS}, "[48, 16, 16, 2], expected [N, H, W]"),
        ({"images": LAST[0, 0, 0], "labels": LABELS[:3]}, "has the shape [3], expected [N, H, W]"),
        ({"images": LAST[:, :0], "labels": LABELS}, "images of 0 values"),
        ({"images": np.asfortranarray(LAST), "labels": LABELS}, "numpy.ascontiguousarray(images)"),
        ({"images": LAST, "labels": LABELS, "names": NAMES[:3]}, "labels has 3, expected 0 to 2"),
        ({"images": LAST, "labels": LABELS, "names": NAMES[[0, 0, 1, 2]]}, "has a name twice"),
        ({"images": LAST, "labels": LABELS, "names": LABELS}, "names is int64, expected texts"),
        (
            {"images": LAST, "labels": LABELS, "split": NAMES[LABELS]},
            "expected train, validation or test",
        ),
        ({"images": LAST, "labels": LABELS, "split": NAMES}, "4 parts of 48 images"),
        ({"images": LAST, "labels": np.array([b"\xff"] * 48)}, "labels is not text in UTF-8"),
        ({"images": LAST, "labels": np.full(48, "")}, "none of its 48 images has a label"),
        ({"images": LAST, "labels": np.int64(3)}, "expected a label for each of 48 images"),
    ],
)
def test_arrays_of_other_kinds_are_refused(
    arrays: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert message in refusal(save(tmp_path / "a.npz", **arrays))


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", images=LAST, labels=LABELS)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged or no .npz file" in refusal(path)


@pytest.mark.parametrize("squeezed", [False, True])
def test_one_changed_byte_is_refused(squeezed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    (np.savez_compressed if squeezed else np.savez)(path, images=LAST, labels=LABELS)
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.8):
        damaged = bytearray(content)
        damaged[int(len(content) * share)] ^= 1
        path.write_bytes(damaged)
        assert "damaged" in refusal(path)


@pytest.mark.parametrize("how", ["folder in it", "text in it", "many", "no zip"])
def test_other_files_are_refused(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    match how:
        case "no zip":
            path.write_bytes(b"no zip at all")
        case _:
            with zipfile.ZipFile(path, "w") as archive:
                for number in range(200 if how == "many" else 1):
                    name = "images/" if how == "folder in it" else f"images{number}.npy"
                    archive.writestr(name, "text")
    expected = {"no zip": "damaged or no .npz file", "many": "200 arrays, expected at most 100"}
    assert expected.get(how, "is no array") in refusal(path)


def head(shape: str, kind: str = "|u1") -> bytes:
    """An array's head that says what it likes."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (head("(1000000000, 1000, 1000, 3)"), "its size is not what its head says"),
        (head("(48, 16, 16, 3)") + bytes(10), "its size is not what its head says"),
        (head("(-48, 16, 16, 3)") + bytes(10), "size is not what its head says"),
        (head("__import__('os').getpid()"), "is no array"),
        (head("(" * 4000 + ")" * 4000), "is no array"),
        (head("(1,)" + " " * 20_000), "is no array"),
        (head("(1,)", "|O"), "holds Python objects"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "is of version (9, 0)"),
    ],
)
def test_a_head_that_lies_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", labels=LABELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images.npy", content)
    assert message in refusal(path)


def test_a_zip_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    """Images are read one by one, and a head's size is compared before any is read."""
    path = save(tmp_path / "a.npz", labels=LABELS)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", head("(48, 16, 16, 3)") + bytes(100_000_000))
    assert path.stat().st_size < 200_000
    assert "its size is not what its head says" in refusal(path)
