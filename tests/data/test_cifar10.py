"""CIFAR-10 from a folder, an archive, a download and the cache; other files are refused."""

import gzip
import hashlib
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rungs.data.cifar import official_ten, tarball, ten
from rungs.data.cifar.official_ten import CLASS_NAMES, FILE_MD5, META
from rungs.data.cifar.pickles import ByteArray, write_pickle
from rungs.data.cifar.writing import write_cifar10_form
from rungs.data.images import DataSet
from rungs.data.kinds import FORMS, cifar10, kind_of
from rungs.data.kinds.cifar10 import Cifar10Spec
from rungs.data.kinds.core import Access
from rungs.data.loading import load
from rungs.foundation.errors import DataError
from tests.served import Answer, served

SPEC = Cifar10Spec(train=((0, 150),), validation=((150, 200),))
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = [name for name in FILE_MD5 if name != META]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNGS_DATA", raising=False)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the seven files, of 40 pictures each."""
    folder = tmp_path_factory.mktemp("generated")
    write_cifar10_form(folder / FOLDER)
    return folder


@pytest.fixture
def folder(generated: Path, tmp_path: Path) -> Path:
    """A copy of them to damage."""
    return Path(shutil.copytree(generated, tmp_path / "data"))


@pytest.fixture(scope="module")
def packed(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as an archive, with more in it, as in the official one."""
    path = tmp_path_factory.mktemp("packed") / ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        file.add(generated / FOLDER, FOLDER, recursive=False)
        file.addfile(tarfile.TarInfo(f"{FOLDER}/readme.html"))
        for name in sorted(FILE_MD5, reverse=True):
            file.add(generated / FOLDER / name, f"{FOLDER}/{name}")
    return path


@pytest.fixture(scope="module")
def drawn_md5(generated: Path) -> dict[str, str]:
    return {
        name: hashlib.md5((generated / FOLDER / name).read_bytes()).hexdigest() for name in FILE_MD5
    }


def read(
    place: Path | None,
    cache_dir: Path,
    md5: dict[str, str] | None = None,
    spec: Cifar10Spec = SPEC,
    *,
    download: bool = False,
) -> DataSet:
    return cifar10.read(spec, Access(place, cache_dir, lambda _: None, download), md5)


def assert_generated(data: DataSet, generated: Path) -> None:
    pixels = [
        np.frombuffer(bytes(ten_pixels(generated / FOLDER / name)), dtype=np.uint8)
        for name in BATCHES
    ]
    train = np.concatenate(pixels[:5]).reshape(200, 3, 32, 32)
    assert np.array_equal(data.exploration.train.pixels[:].numpy(), train[:150])
    assert np.array_equal(data.exploration.validation.pixels[:].numpy(), train[150:])
    assert np.array_equal(data.test.pixels[:].numpy().reshape(-1), pixels[5])
    assert data.sizes == {"train": 150, "validation": 50, "test": 40}
    assert torch.bincount(data.test.labels).tolist() == [4] * 10
    assert data.class_names == data.exploration.class_names == CLASS_NAMES
    assert (data.group_names, data.groups) == ((), ())
    assert data.fingerprint == SPEC.fingerprint


def ten_pixels(path: Path) -> bytes:
    """The pixels as the file holds them: after the array's head, before the file names."""
    content = path.read_bytes()
    start = content.index(b"tb\x89T") + 8
    return content[start : start + 40 * 3072]


# ---------------------------------------------------------------- what it is


def test_the_official_file_of_names_is_read_and_written_byte_for_byte(tmp_path: Path) -> None:
    """Its md5 is that of the official file: the reader reads at least this one of the seven."""
    write_cifar10_form(tmp_path, batch=10)
    content = (tmp_path / META).read_bytes()
    assert hashlib.md5(content).hexdigest() == FILE_MD5[META] == "5ff9c542aee3614f3951f8cda6e48888"


def test_what_a_study_says_of_it() -> None:
    form = FORMS.validate_python({"kind": "cifar10"})
    assert form == Cifar10Spec()
    assert kind_of(form) is cifar10.KIND
    assert (form.image_shape, Cifar10Spec().classes) == ((3, 32, 32), 10)
    assert Cifar10Spec().sizes == {"train": 45_000, "validation": 5_000, "test": 10_000}
    assert Cifar10Spec().name == "CIFAR-10"
    assert official_ten.ARCHIVE_MD5 == "c58f30108f718f92721af3b95e74349a"
    other = Cifar10Spec(train=((0, 40_000),), validation=((40_000, 50_000),))
    assert other.fingerprint != Cifar10Spec().fingerprint
    assert other.test_fingerprint == Cifar10Spec().test_fingerprint != other.fingerprint


def test_a_split_beyond_its_images_is_a_mistake() -> None:
    spec = Cifar10Spec(train=((0, 45_000),), validation=((44_000, 50_001),))
    said = [str(mistake) for mistake in cifar10.KIND.mistakes(spec)]
    assert len(said) == 1
    assert "goes beyond the 50,000 training images" in said[0]


# ---------------------------------------------------------------- where it is found


@pytest.mark.parametrize("below", ["", FOLDER])
def test_a_folder_is_read(below: str, generated: Path, tmp_path: Path) -> None:
    assert_generated(read(generated / below, tmp_path), generated)


@pytest.mark.parametrize("place", ["file", "its folder"])
def test_an_archive_is_read(place: str, packed: Path, generated: Path, tmp_path: Path) -> None:
    data = read(packed if place == "file" else packed.parent, tmp_path / "cache")
    assert_generated(data, generated)


def test_the_environment_names_a_place(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNGS_DATA", str(generated))
    assert_generated(read(None, tmp_path), generated)


@pytest.mark.parametrize("what", ["empty", "missing", "CIFAR-100"])
def test_a_named_place_without_it_is_an_error(what: str, generated: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if what != "missing":
        place.mkdir()
    if what == "CIFAR-100":
        (place / "cifar-100-python").mkdir()
    with pytest.raises(DataError, match=r"does not hold CIFAR-10; expected there the folder"):
        read(place, generated)


def test_what_was_read_from_an_archive_is_kept(
    packed: Path,
    generated: Path,
    tmp_path: Path,
    drawn_md5: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(packed, tmp_path, drawn_md5)
    (kept,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(ten, "read_source", lambda *_: pytest.fail("read again"))
        assert_generated(read(packed, tmp_path, drawn_md5), generated)
        assert_generated(read(None, tmp_path, drawn_md5), generated)  # the archive may be gone
    content = bytearray(kept.read_bytes())
    content[len(content) // 3] ^= 1
    kept.write_bytes(content)
    assert_generated(read(packed, tmp_path, drawn_md5), generated)


# ---------------------------------------------------------------- other files, and damage


def test_other_files_are_not_official(generated: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not the official CIFAR-10.*: data_batch_1, data_b") as e:
        read(generated, tmp_path, FILE_MD5)
    assert META not in str(e.value)  # that file is the official one


def test_one_changed_bit_is_noticed(
    folder: Path, tmp_path: Path, drawn_md5: dict[str, str]
) -> None:
    read(folder, tmp_path, drawn_md5)
    path = folder / FOLDER / "data_batch_3"
    content = bytearray(path.read_bytes())
    content[content.index(b"tb\x89T") + 1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not the official files: data_batch_3$"):
        read(folder, tmp_path, drawn_md5)


@pytest.mark.parametrize("name", [BATCHES[0], BATCHES[-1], META])
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999999])
def test_a_truncated_file_is_refused(name: str, share: float, folder: Path, tmp_path: Path) -> None:
    path = folder / FOLDER / name
    content = path.read_bytes()
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    with pytest.raises(DataError) as caught:
        read(folder, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [BATCHES[2], META])
@pytest.mark.parametrize("how", ["missing", "folder", "pipe", "huge"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_path(
    name: str, how: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / FOLDER / name
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


def rewritten(**changes: object) -> bytes:
    value: dict[str, object] = {
        "labels": list(range(10)) * 4,
        "data": ByteArray((40, 3072), memoryview(bytes(40 * 3072))),
        **changes,
    }
    return write_pickle({key: part for key, part in value.items() if part is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "labels: expected a list of 40 labels"),
        ({"labels": [0] * 39}, "labels: expected a list of 40 labels"),
        ({"labels": ["x"] * 40}, "a label is not an integer"),
        ({"labels": [*range(10)] * 3 + [10] * 10}, "labels from 0 to 10, expected 0 to 9"),
        ({"data": None}, r"expected data as an array of uint8 \[N, 3072\]"),
        (
            {"data": ByteArray((0, 3072), memoryview(b"")), "labels": []},
            "no images",
        ),
    ],
)
def test_a_file_of_the_wrong_form_is_refused(
    changes: dict[str, object], message: str, folder: Path, tmp_path: Path
) -> None:
    (folder / FOLDER / "data_batch_2").write_bytes(rewritten(**changes))
    with pytest.raises(DataError, match=message) as caught:
        read(folder, tmp_path)
    assert "data_batch_2" in str(caught.value)


@pytest.mark.parametrize(
    "meta", [write_pickle({"label_names": ["cat"]}), write_pickle({}), b"\x80\x02K\x01."]
)
def test_other_class_names_are_refused(meta: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / FOLDER / META).write_bytes(meta)
    with pytest.raises(DataError, match=r"batches.meta: label_names are not those of CIFAR-10"):
        read(folder, tmp_path)


def test_a_malicious_file_does_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    command = f"touch '{marker}'".encode()
    payload = b"\x80\x02cos\nsystem\nU" + bytes([len(command)]) + command + b"\x85R."
    for name in FILE_MD5:
        path = folder / FOLDER / name
        original = path.read_bytes()
        path.write_bytes(payload)
        with pytest.raises(DataError, match=r"names 'os\.system'"):
            read(folder, tmp_path)
        path.write_bytes(original)
    assert not marker.exists()


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99, 0.999999])
def test_a_truncated_archive_is_refused(share: float, packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    path = tmp_path / ARCHIVE
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    with pytest.raises(DataError, match="truncated") as caught:
        read(path, tmp_path / "cache")
    assert str(path) in str(caught.value)


def test_an_archive_without_a_file_is_refused(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        for name in BATCHES[:-1]:
            file.add(generated / FOLDER / name, f"{FOLDER}/{name}")
    with pytest.raises(DataError, match=f"no file {FOLDER}/test_batch"):
        read(path, tmp_path / "cache")


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarball, "UNPACKED_LIMIT_BYTES", 5_000_000)
    path = tmp_path / ARCHIVE
    bomb = tarfile.TarInfo("bomb")
    bomb.size = 8_000_000_000
    path.write_bytes(gzip.compress(bomb.tobuf(tarfile.USTAR_FORMAT) + bytes(20_000_000)))
    with pytest.raises(DataError, match="unpacks to more than 5,000,000 bytes"):
        read(path, tmp_path / "cache")


# ---------------------------------------------------------------- the download


def test_it_is_downloaded_once(
    packed: Path,
    generated: Path,
    tmp_path: Path,
    drawn_md5: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = packed.read_bytes()
    with served({f"/{ARCHIVE}": Answer(content)}) as server:
        monkeypatch.setattr(ten, "URL", f"{server.url}/{ARCHIVE}")
        monkeypatch.setattr(ten, "ARCHIVE_MD5", hashlib.md5(content).hexdigest())
        for _ in range(2):
            data = read(None, tmp_path / "cache", drawn_md5, download=True)
            assert_generated(data, generated)
    assert server.asked == [("GET", f"/{ARCHIVE}")]
    assert (tmp_path / "cache" / ARCHIVE).read_bytes() == content


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b"<html>please log in</html>"), "26 bytes received have md5"),
        (Answer(b"gone", 404), "404"),
        (Answer(b"busy", 503), "503"),
    ],
)
def test_a_failed_download_leaves_nothing(
    answer: Answer, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served({f"/{ARCHIVE}": answer}) as server:
        monkeypatch.setattr(ten, "URL", f"{server.url}/{ARCHIVE}")
        with pytest.raises(DataError, match=message) as caught:
            read(None, tmp_path / "cache", download=True)
    assert f"{server.url}/{ARCHIVE}" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_data_and_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(Cifar10Spec(), cache_dir=tmp_path / "cache", allow_download=False)
    for part in (ten.URL, str(tmp_path / "cache"), "RUNGS_DATA", f"folder {FOLDER}"):
        assert part in str(caught.value)
