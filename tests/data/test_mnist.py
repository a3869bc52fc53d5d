"""MNIST and Fashion-MNIST from idx files, packed or not, and downloaded; others are refused."""

import gzip
import hashlib
import os
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rungs.data.drawn.drawing import draw_part
from rungs.data.idx import official, reading
from rungs.data.idx.official import FASHION_MNIST, MNIST, IdxSet
from rungs.data.images import DataSet
from rungs.data.kinds import FORMS, fashion_mnist, kind_of, mnist
from rungs.data.kinds.core import Access
from rungs.data.kinds.fashion_mnist import FashionMnistSpec
from rungs.data.kinds.mnist import MnistSpec
from rungs.data.loading import load
from rungs.foundation.errors import DataError
from tests.served import Answer, served

SPEC = MnistSpec(train=((0, 50),), validation=((50, 60),))
NAMES = [file.name for file in MNIST.files]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNGS_DATA", raising=False)


def idx(array: Any) -> bytes:
    """A file of the array, written from the form's description."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + bytes(array.tobytes())


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    train, train_labels = draw_part(10, 60, 28, 0, 0)
    test, test_labels = draw_part(10, 30, 28, 0, 2)
    return dict(
        zip(
            NAMES,
            (train[:, 0], train_labels.astype(np.uint8), test[:, 0], test_labels.astype(np.uint8)),
            strict=True,
        )
    )


@pytest.fixture(scope="module")
def contents(arrays: dict[str, Any]) -> dict[str, bytes]:
    return {name: idx(array) for name, array in arrays.items()}


@pytest.fixture
def folder(contents: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def drawn(contents: dict[str, bytes]) -> IdxSet:
    """MNIST as if the drawn files were the official ones."""
    files = [
        replace(
            file,
            md5=hashlib.md5(contents[file.name]).hexdigest(),
            packed_md5=hashlib.md5(packed(contents[file.name])).hexdigest(),
        )
        for file in MNIST.files
    ]
    first, second, third, fourth = files
    return replace(MNIST, files=(first, second, third, fourth))


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def read(place: Path | None, cache: Path, *, official: bool = False) -> DataSet:
    return mnist.read(SPEC, Access(place, cache, lambda _: None, False), official=official)


def assert_drawn(data: DataSet, arrays: dict[str, Any]) -> None:
    train, train_labels, test, test_labels = (arrays[name] for name in NAMES)
    assert np.array_equal(data.exploration.train.pixels[:].numpy()[:, 0], train[:50])
    assert np.array_equal(data.exploration.validation.pixels[:].numpy()[:, 0], train[50:])
    assert np.array_equal(data.exploration.train.labels.numpy(), train_labels[:50])
    assert np.array_equal(data.test.pixels[:].numpy()[:, 0], test)
    assert np.array_equal(data.test.labels.numpy(), test_labels)
    assert data.test.pixels.shape == (30, 1, 28, 28)
    assert data.class_names == tuple("0123456789")
    assert data.fingerprint == SPEC.fingerprint


# ---------------------------------------------------------------- what they are


@pytest.mark.parametrize(
    ("kind", "spec", "module", "known"),
    [
        ("mnist", MnistSpec(), mnist, MNIST),
        ("fashion_mnist", FashionMnistSpec(), fashion_mnist, FASHION_MNIST),
    ],
)
def test_what_a_study_says_of_them(kind: str, spec: Any, module: Any, known: IdxSet) -> None:
    assert FORMS.validate_python({"kind": kind}) == spec
    assert kind_of(spec) is module.KIND
    assert (spec.image_shape, spec.classes, known.kind) == ((1, 28, 28), 10, kind)
    assert spec.sizes == {"train": 55_000, "validation": 5_000, "test": 10_000}
    beyond = type(spec)(validation=((55_000, 60_001),))
    (mistake,) = module.KIND.mistakes(beyond)
    assert "goes beyond the 60,000 training images" in str(mistake)
    # Every file of every set is another, packed and not.
    every = [md5 for one in official.SETS for f in one.files for md5 in (f.md5, f.packed_md5)]
    assert len({*every}) == 16
    assert {len(md5) for md5 in every} == {32}
    assert MnistSpec().fingerprint != FashionMnistSpec().fingerprint


# ---------------------------------------------------------------- where they are found


@pytest.mark.parametrize("form", ["plain", "packed", "dotted", "mixed"])
@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_files_are_read(
    form: str, below: str, contents: dict[str, bytes], arrays: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / below
    folder.mkdir(parents=True)
    for number, (name, content) in enumerate(contents.items()):
        if form == "packed" or (form == "mixed" and number % 2):
            (folder / f"{name}.gz").write_bytes(packed(content))
        else:
            dotted = name.replace("-idx", ".idx") if form == "dotted" else name
            (folder / dotted).write_bytes(content)
    assert_drawn(read(tmp_path / "data", tmp_path / "cache"), arrays)


def test_the_environment_names_a_place(
    folder: Path, arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNGS_DATA", str(folder))
    assert_drawn(read(None, tmp_path / "cache"), arrays)


def test_two_sets_in_one_place_do_not_mix(
    folder: Path, arrays: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(folder, folder / "FashionMNIST" / "raw")
    (folder / "FashionMNIST" / "raw" / NAMES[3]).write_bytes(idx(np.zeros(30, np.uint8)))
    spec = FashionMnistSpec(train=((0, 50),), validation=((50, 60),))
    access = Access(folder, tmp_path, lambda _: None, False)
    assert not fashion_mnist.read(spec, access, official=False).test.labels.any()
    assert_drawn(read(folder, tmp_path), arrays)


@pytest.mark.parametrize("what", ["empty", "missing", "one lacks"])
def test_a_named_place_without_it_is_an_error(what: str, folder: Path, tmp_path: Path) -> None:
    place = folder
    if what == "one lacks":
        (folder / NAMES[2]).unlink()
    else:
        place = tmp_path / "place"
    if what == "empty":
        place.mkdir()
    with pytest.raises(DataError, match=f"does not hold MNIST; expected there {NAMES[0]}"):
        read(place, tmp_path / "cache")


# ---------------------------------------------------------------- other files, and damage


def test_other_files_are_not_official(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is not the official MNIST: not the official files"):
        load(SPEC, data_dir=folder, cache_dir=tmp_path)


def test_official_files_are_told_by_what_is_in_them(
    folder: Path, drawn: IdxSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a known other set it is said which it is; one changed bit is another set."""
    access = Access(folder, tmp_path, lambda _: None, False)
    reading.read_parts(drawn, access)
    monkeypatch.setattr(reading, "SETS", (replace(drawn, title="Digits", kind="digits"),))
    with pytest.raises(DataError, match=r'it is Digits: kind = "digits"$'):
        reading.read_parts(MNIST, access)
    content = bytearray((folder / NAMES[0]).read_bytes())
    content[1000] ^= 1
    (folder / NAMES[0]).write_bytes(content)
    with pytest.raises(DataError, match=f"not the official files: {NAMES[0]}$"):
        reading.read_parts(drawn, access)


@pytest.mark.parametrize("name", [NAMES[0], NAMES[3]])
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999999])
@pytest.mark.parametrize("form", ["plain", "packed"])
def test_a_truncated_file_is_refused(
    name: str, share: float, form: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / name
    if form == "packed":
        content = packed(path.read_bytes())
        path.unlink()
        path = folder / f"{name}.gz"
    else:
        content = path.read_bytes()
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    with pytest.raises(DataError) as caught:
        read(folder, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("at", [0, 3, 200, -6])
def test_a_damaged_packed_file_is_refused(at: int, folder: Path, tmp_path: Path) -> None:
    content = bytearray(packed((folder / NAMES[0]).read_bytes()))
    (folder / NAMES[0]).unlink()
    content[at] ^= 0xFF
    (folder / f"{NAMES[0]}.gz").write_bytes(content)
    with pytest.raises(DataError, match="truncated or damaged"):
        read(folder, tmp_path)


def test_a_packed_file_that_unpacks_to_too_much_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / NAMES[1]).unlink()
    squeezer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeezer.compress(bytes(10_000_000)) for _ in range(20)) + squeezer.flush()
    assert len(bomb) < 300_000
    (folder / f"{NAMES[1]}.gz").write_bytes(bomb)
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        read(folder, tmp_path)


@pytest.mark.parametrize("how", ["folder", "pipe", "huge"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_path(
    how: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / NAMES[2]
    path.unlink()
    match how:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(10_000_000_000)
    with pytest.raises(DataError) as caught:
        read(folder, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[0], idx(np.zeros((60, 784), np.uint8)), "bytes in 3 dimensions, found 00 00 08 02"),
        (NAMES[0], b"\0\0\x0d" + idx(np.zeros((60, 28, 28), np.uint8))[3:], "found 00 00 0d 03"),
        (NAMES[0], b"<html>please log in</html>", "expected an idx file"),
        (NAMES[0], idx(np.zeros((60, 14, 56), np.uint8)), "14x56 pixels, expected 28x28"),
        (NAMES[0], idx(np.zeros((59, 28, 28), np.uint8)), "60 labels, expected one for each of 59"),
        (NAMES[1], idx(np.full(60, 10, np.uint8)), "labels from 10 to 10, expected 0 to 9"),
        (NAMES[1], b"\0\0\x08\x01" + b"\xff" * 4 + bytes(60), "which speaks of 4,294,967,295"),
        (NAMES[0], b"\0\0\x08\x03" + b"\xff" * 12, "0 bytes after its head"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused(
    name: str, content: bytes, message: str, folder: Path, tmp_path: Path
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(folder, tmp_path)


def test_a_part_without_images_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / NAMES[2]).write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    (folder / NAMES[3]).write_bytes(idx(np.zeros(0, np.uint8)))
    with pytest.raises(DataError, match="no images"):
        read(folder, tmp_path)


# ---------------------------------------------------------------- the download


def test_a_download_goes_on_where_it_stopped_and_asks_mirrors(
    contents: dict[str, bytes], drawn: IdxSet, tmp_path: Path
) -> None:
    good = {f"/good/{name}.gz": Answer(packed(content)) for name, content in contents.items()}
    bad = {f"/bad/{NAMES[1]}.gz": Answer(b"<html>no more</html>")}
    stopped = f"/good/{NAMES[3]}.gz"
    with served({**good, **bad}) as server:
        wanted = replace(drawn, urls=(f"{server.url}/bad", f"{server.url}/good"))
        last = server.answers.pop(stopped)
        access = Access(None, tmp_path, lambda _: None, True)
        with pytest.raises(DataError, match=r"the download failed.*404.*404") as caught:
            reading.read_parts(wanted, access)
        assert f"{server.url}/bad/{NAMES[0]}.gz" in str(caught.value)
        assert sorted(path.name for path in (tmp_path / "mnist").iterdir()) == sorted(
            f"{name}.gz" for name in NAMES[:3]
        )
        server.answers[stopped] = last
        server.asked.clear()
        train, test = reading.read_parts(wanted, access)
        assert [path for _, path in server.asked] == [f"/bad/{NAMES[3]}.gz", stopped]
        assert (train.pixels.shape, test.pixels.shape) == ((60, 1, 28, 28), (30, 1, 28, 28))
        server.asked.clear()
        reading.read_parts(wanted, access)
        assert server.asked == []


def test_without_data_and_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(FashionMnistSpec(), cache_dir=tmp_path / "cache", allow_download=False)
    told = (
        f"{FASHION_MNIST.urls[0]}/{NAMES[0]}.gz",
        str(tmp_path / "cache" / "fashion_mnist"),
        "RUNGS_DATA",
        NAMES[3],
    )
    assert all(part in str(caught.value) for part in told)
