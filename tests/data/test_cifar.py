"""CIFAR-100 from a folder, an archive, a download and the cache; damage and malice are refused."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import urllib.error
from email.message import Message
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch

from rungs.data import array_cache as cache
from rungs.data import published
from rungs.data.cifar import reading as cifar
from rungs.data.cifar import tarball as archive
from rungs.data.cifar.official import COARSE_NAMES, CONTENT, FINE_NAMES
from rungs.data.cifar.pickles import ByteArray, read_pickle, write_pickle
from rungs.data.cifar.reading import content_digest, find_source, read_source
from rungs.data.cifar.writing import write_cifar100_form
from rungs.data.images import DataSet
from rungs.data.kinds.cifar100 import Cifar100Spec
from rungs.data.loading import load
from rungs.foundation.errors import DataError
from tests.data.cifar import load_cifar100

# The official set, if this machine has it: the folder or its parent, as a user names it.
OFFICIAL = os.environ.get("RUNGS_DATA")
needs_official = pytest.mark.skipif(
    not OFFICIAL, reason="the official CIFAR-100 is not here: set RUNGS_DATA to its folder"
)

SPEC = Cifar100Spec(train=((0, 150),), validation=((150, 200),))
GENERATED = "75cbfff9bf56f2cbab88e2cc7b932ee3a502febb1e95ccae327337b302ff4a9c"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data from the environment, and no network."""
    monkeypatch.delenv("RUNGS_DATA", raising=False)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cifar-100-python/ of 200 training and 100 test pictures."""
    folder = tmp_path_factory.mktemp("generated")
    write_cifar100_form(folder / "cifar-100-python", train=200, test=100, seed=0)
    return folder


@pytest.fixture
def folder(generated: Path, tmp_path: Path) -> Path:
    """A copy of the generated set to damage."""
    return Path(shutil.copytree(generated, tmp_path / "data"))


@pytest.fixture(scope="module")
def packed(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as cifar-100-python.tar.gz, with more in it, as in the official one."""
    path = tmp_path_factory.mktemp("packed") / "cifar-100-python.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(generated / "cifar-100-python", "cifar-100-python", recursive=False)
        note = tarfile.TarInfo("cifar-100-python/file.txt~")
        file.addfile(note)
        for name in ("test", "train", "meta"):
            file.add(generated / "cifar-100-python" / name, f"cifar-100-python/{name}")
    return path


def read(place: Path, cache_dir: Path, **options: object) -> DataSet:
    settings: dict[str, object] = {"allow_download": False, "expected_digest": GENERATED, **options}
    return load_cifar100(SPEC, data_dir=place, cache_dir=cache_dir, **settings)  # type: ignore[arg-type]


def assert_generated(data: DataSet, generated: Path) -> None:
    train = np.fromfile(generated / "cifar-100-python" / "train", dtype=np.uint8)
    pixels = train[-4 - 200 * 3072 : -4].reshape(200, 3, 32, 32)
    assert np.array_equal(data.exploration.train.pixels.numpy(), pixels[:150])
    assert np.array_equal(data.exploration.validation.pixels.numpy(), pixels[150:])
    assert data.sizes == {"train": 150, "validation": 50, "test": 100}
    assert data.test.pixels.shape == (100, 3, 32, 32)
    assert data.class_names == data.exploration.class_names == FINE_NAMES
    assert data.group_names == COARSE_NAMES
    assert data.groups == tuple(index // 5 for index in range(100))
    assert data.fingerprint == SPEC.fingerprint


# ---------------------------------------------------------------- the official set


@needs_official
def test_the_official_set_is_split_by_stored_order(tmp_path: Path) -> None:
    assert OFFICIAL is not None
    data = load(Cifar100Spec(), data_dir=Path(OFFICIAL), cache_dir=tmp_path, allow_download=False)
    assert data.sizes == {"train": 45_000, "validation": 5_000, "test": 10_000}
    source = find_source(Path(OFFICIAL))
    assert source is not None
    content = read_source(source)
    assert content_digest(content) == CONTENT
    pixels, fine = content.train.pixels, content.train.fine
    if source.form == "folder":  # the pixels are the file's end but for four opcodes
        raw = np.fromfile(source.path / "train", dtype=np.uint8)[-4 - pixels.size : -4]
        assert np.array_equal(pixels.reshape(-1), raw)
    assert np.array_equal(data.exploration.train.pixels.numpy(), pixels[:45_000])
    assert np.array_equal(data.exploration.validation.pixels.numpy(), pixels[45_000:])
    assert np.array_equal(data.exploration.train.labels.numpy(), fine[:45_000])
    assert np.array_equal(data.exploration.validation.labels.numpy(), fine[45_000:])
    assert np.bincount(fine).tolist() == [500] * 100
    assert torch.bincount(data.test.labels).tolist() == [100] * 100
    groups = {name: data.group_names[data.groups[i]] for i, name in enumerate(data.class_names)}
    assert groups["apple"] == "fruit_and_vegetables"
    assert groups["worm"] == "non-insect_invertebrates"
    assert sorted(np.bincount(data.groups).tolist()) == [5] * 20


@needs_official
def test_the_official_bytes_are_what_the_form_of_the_tests_is_made_of(tmp_path: Path) -> None:
    """`write_pickle`, which the other tests rest on, writes the official files byte for byte."""
    assert OFFICIAL is not None
    source = find_source(Path(OFFICIAL))
    if source is None or source.form != "folder":
        pytest.skip("the official set is not here as a folder")
    for name in ("meta", "test"):
        value = read_pickle((source.path / name).read_bytes(), name)
        assert isinstance(value, dict)
        written = write_pickle({key.decode(): as_text(part) for key, part in value.items()})
        assert hashlib.md5(written).hexdigest() == cifar.FILE_MD5[name]


def as_text(part: object) -> object:
    if isinstance(part, list):
        return [as_text(item) for item in part]
    return part.decode() if isinstance(part, bytes) else part


# ---------------------------------------------------------------- where it is found


def test_the_generated_set_has_the_digest_pinned_here(generated: Path) -> None:
    source = find_source(generated)
    assert source is not None
    assert content_digest(read_source(source, None)) == GENERATED


@pytest.mark.parametrize("below", ["", "cifar-100-python"])
def test_a_folder_is_read(below: str, generated: Path, tmp_path: Path) -> None:
    assert_generated(read(generated / below, tmp_path), generated)


@pytest.mark.parametrize("place", ["file", "its folder"])
def test_an_archive_is_read(place: str, packed: Path, generated: Path, tmp_path: Path) -> None:
    data = read(packed if place == "file" else packed.parent, tmp_path)
    assert_generated(data, generated)


def test_the_environment_names_a_place(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNGS_DATA", str(generated))
    data = load_cifar100(
        SPEC, data_dir=None, cache_dir=tmp_path, allow_download=False, expected_digest=GENERATED
    )
    assert_generated(data, generated)


def test_the_cache_folder_is_a_place(generated: Path) -> None:
    data = load_cifar100(
        SPEC, data_dir=None, cache_dir=generated, allow_download=False, expected_digest=GENERATED
    )
    assert_generated(data, generated)


@pytest.mark.parametrize("how", ["argument", "environment"])
@pytest.mark.parametrize("what", ["empty", "missing", "other file"])
def test_a_named_place_without_data_is_an_error_although_others_have_it(
    how: str, what: str, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    if what == "empty":
        place.mkdir()
    elif what == "other file":
        place.write_bytes(b"x")
    monkeypatch.setenv("RUNGS_DATA", str(generated if how == "argument" else place))
    with pytest.raises(DataError, match="does not hold CIFAR-100") as caught:
        load_cifar100(SPEC, data_dir=place if how == "argument" else None, cache_dir=generated)
    assert str(place) in str(caught.value)


def test_without_data_and_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(Cifar100Spec(), cache_dir=tmp_path / "cache", allow_download=False)
    message = str(caught.value)
    for part in (
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        str(tmp_path / "cache"),
        "RUNGS_DATA",
        "folder cifar-100-python",
        "train-*.parquet",
    ):
        assert part in message


# ---------------------------------------------------------------- content


def test_other_content_is_not_official(generated: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the official CIFAR-100") as caught:
        load(Cifar100Spec(), data_dir=generated, cache_dir=tmp_path)
    assert "not the official files: train, test" in str(caught.value)


def test_one_changed_pixel_or_label_is_noticed(folder: Path, tmp_path: Path) -> None:
    path = folder / "cifar-100-python" / "test"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="not the official CIFAR-100"):
        read(folder, tmp_path)


def test_the_digest_sees_every_part() -> None:
    def content(**changes: object) -> cifar.Content:
        pixels = np.zeros((2, 3, 32, 32), dtype=np.uint8)
        parts = {
            name: np.array(values) for name, values in {"fine": [1, 2], "coarse": [3, 4]}.items()
        }
        train = cifar.Part(**{"pixels": pixels, **parts, **changes})  # type: ignore[arg-type]
        return cifar.Content(train, cifar.Part(pixels, parts["fine"], parts["coarse"]))

    changed = np.zeros((2, 3, 32, 32), dtype=np.uint8)
    changed[1, 2, 31, 31] = 1
    plain = content()
    digests = {
        content_digest(plain),
        content_digest(cifar.Content(plain.test, content(fine=np.array([2, 1])).train)),
        content_digest(content(pixels=changed)),
        content_digest(content(fine=np.array([1, 3]))),
        content_digest(content(coarse=np.array([3, 3]))),
    }
    assert len(digests) == 5
    # The form of the arrays is no part of it.
    fortran = np.asfortranarray(np.zeros((2, 3, 32, 32), dtype=np.uint8))
    narrow = np.array([1, 2], dtype=np.int32)
    assert content_digest(content(pixels=fortran, fine=narrow)) == content_digest(plain)


def rewritten(**changes: object) -> bytes:
    """A training file of 100 images with some entries replaced, or left out if None."""
    value: dict[str, object] = {
        "fine_labels": list(range(100)),
        "coarse_labels": [index // 5 for index in range(100)],
        "data": ByteArray((100, 3072), memoryview(bytes(307_200))),
    }
    value.update(changes)
    return write_pickle({key: part for key, part in value.items() if part is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fine_labels": None}, "fine_labels: expected a list of 100 labels"),
        ({"coarse_labels": [0] * 99}, "coarse_labels: expected a list of 100 labels"),
        ({"fine_labels": "text"}, "fine_labels: expected a list"),
        ({"fine_labels": [str(i) for i in range(100)]}, "a label is not an integer"),
        ({"fine_labels": [*range(99), 100]}, "fine labels from 0 to 100, expected 0 to 99"),
        ({"coarse_labels": [20] * 100}, "coarse labels from 20 to 20, expected 0 to 19"),
        ({"data": None}, r"expected data as an array of uint8 \[N, 3072\]"),
        ({"data": "text"}, r"expected data as an array of uint8 \[N, 3072\]"),
        (
            {"data": ByteArray((3072, 100), memoryview(bytes(307_200)))},
            r"expected data as an array of uint8 \[N, 3072\]",
        ),
        (
            {
                "data": ByteArray((0, 3072), memoryview(b"")),
                "fine_labels": [],
                "coarse_labels": [],
            },
            "no images",
        ),
        ({"coarse_labels": [0] * 50 + [1] * 50}, "several coarse classes"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused(
    changes: dict[str, object], message: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "cifar-100-python" / "train").write_bytes(rewritten(**changes))
    with pytest.raises(DataError, match=message):
        load_cifar100(
            Cifar100Spec(train=((0, 50),), validation=((50, 100),)),
            data_dir=folder,
            cache_dir=tmp_path,
            expected_digest=None,
        )


def test_a_class_without_images_is_refused(tmp_path: Path) -> None:
    write_cifar100_form(tmp_path / "cifar-100-python", train=60, test=40)
    with pytest.raises(DataError, match="no image of the class"):
        load_cifar100(
            Cifar100Spec(train=((0, 50),), validation=((50, 60),)),
            data_dir=tmp_path,
            cache_dir=tmp_path,
            expected_digest=None,
        )


@pytest.mark.parametrize(
    "meta",
    [
        write_pickle({"fine_label_names": ["apple"], "coarse_label_names": list(COARSE_NAMES)}),
        write_pickle({"fine_label_names": list(FINE_NAMES)}),
        b"\x80\x02K\x01.",
    ],
)
def test_other_class_names_are_refused(meta: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / "cifar-100-python" / "meta").write_bytes(meta)
    with pytest.raises(DataError, match=r"meta: .*_label_names are not those of CIFAR-100"):
        read(folder, tmp_path)


# ---------------------------------------------------------------- the split


def test_several_ranges_keep_their_order(generated: Path, tmp_path: Path) -> None:
    spec = Cifar100Spec(train=((100, 110), (0, 5), (199, 200)), validation=((50, 60), (110, 112)))
    data = load_cifar100(spec, data_dir=generated, cache_dir=tmp_path, expected_digest=GENERATED)
    source = find_source(generated)
    assert source is not None
    part = read_source(source, None).train
    train = [*range(100, 110), *range(5), 199]
    validation = [*range(50, 60), 110, 111]
    assert np.array_equal(data.exploration.train.pixels.numpy(), part.pixels[train])
    assert np.array_equal(data.exploration.train.labels.numpy(), part.fine[train])
    assert np.array_equal(data.exploration.validation.pixels.numpy(), part.pixels[validation])
    assert np.array_equal(data.exploration.validation.labels.numpy(), part.fine[validation])


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (((0, 150),), ((149, 200),), "overlap"),
        (((0, 50), (40, 60)), ((150, 200),), "overlap"),
        (((0, 50),), ((60, 80), (60, 80)), "overlap"),
        (((50, 100),), ((0, 200),), "overlap"),
        (((0, 150),), ((150, 201),), "beyond the 200 training images"),
        (((0, 45_000),), ((45_000, 50_000),), "beyond the 200 training images"),
        (((150, 0),), ((150, 200),), "reversed"),
        (((0, 150),), ((170, 170),), "empty"),
        ((), ((150, 200),), "data.train: no images"),
        (((0, 150),), (), "data.validation: no images"),
    ],
)
def test_a_wrong_split_is_refused(
    train: tuple[tuple[int, int], ...],
    validation: tuple[tuple[int, int], ...],
    message: str,
    generated: Path,
    tmp_path: Path,
) -> None:
    spec = Cifar100Spec(train=train, validation=validation)
    with pytest.raises(DataError, match=message):
        load_cifar100(spec, data_dir=generated, cache_dir=tmp_path, expected_digest=GENERATED)


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize("name", ["train", "test", "meta"])
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999999])
def test_a_truncated_file_is_refused(name: str, share: float, folder: Path, tmp_path: Path) -> None:
    path = folder / "cifar-100-python" / name
    content = path.read_bytes()
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    with pytest.raises(DataError) as caught:
        read(folder, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["train", "test", "meta"])
@pytest.mark.parametrize("how", ["missing", "folder", "pipe", "dangling link", "huge"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_path(
    name: str, how: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / "cifar-100-python" / name
    path.unlink()
    match how:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling link":
            path.symlink_to(tmp_path / "nowhere")
        case "huge":
            with path.open("wb") as file:
                file.truncate(10_000_000_000)
    with pytest.raises(DataError) as caught:
        read(folder, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind here")
@pytest.mark.parametrize("below", ["cifar-100-python/train", "cifar-100-python", "."])
def test_what_may_not_be_read_is_an_error_with_its_path(
    below: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / below
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with pytest.raises(DataError, match=r"cannot be read|does not hold"):
            read(folder, tmp_path)
    finally:
        path.chmod(mode)


def test_a_place_that_cannot_be_looked_into_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read|does not hold"):
        read(tmp_path / ("x" * 5000), tmp_path)


def test_a_malicious_file_does_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    command = f"touch '{marker}'".encode()
    payload = b"\x80\x02cos\nsystem\nU" + bytes([len(command)]) + command + b"\x85R."
    for name in ("meta", "train", "test"):
        path = folder / "cifar-100-python" / name
        original = path.read_bytes()
        path.write_bytes(payload)
        with pytest.raises(DataError, match=r"names 'os\.system'"):
            read(folder, tmp_path)
        path.write_bytes(original)
    assert not marker.exists()


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize("share", [0, 0.0005, 0.02, 0.3, 0.5, 0.8, 0.99, 0.9999, 0.999999])
def test_a_truncated_archive_is_refused(share: float, packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 1)])
    with pytest.raises(DataError, match="truncated") as caught:
        read(path, tmp_path / "cache")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.1, 0.4, 0.7, 0.9, 0.99999])
def test_a_damaged_archive_is_refused(share: float, packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path, tmp_path / "cache")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no archive at all", gzip.compress(b"no tar", mtime=0)])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="archive"):
        read(path, tmp_path / "cache")


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def pack(path: Path, generated: Path, *extra: tuple[tarfile.TarInfo, bytes]) -> None:
    """An archive with ``extra`` members first, then the files they do not replace."""
    names = {info.name for info, _ in extra}
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for info, content in extra:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for name in ("train", "test", "meta"):
            if f"cifar-100-python/{name}" not in names:
                file.add(generated / "cifar-100-python" / name, f"cifar-100-python/{name}")


def tree(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in folder.rglob("*")}


HARMLESS = {
    "parent": member("../escaped"),
    "deep parent": member("cifar-100-python/../../escaped"),
    "absolute": member("/tmp/rungs-test-escaped"),
    "link out": member("cifar-100-python/link", tarfile.SYMTYPE, linkname="/etc/passwd"),
    "link as the folder": member("cifar-100-python", tarfile.SYMTYPE, linkname="/tmp"),
    "hard link": member("cifar-100-python/hard", tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device": member("cifar-100-python/null", tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": member("cifar-100-python/disk", tarfile.BLKTYPE, devmajor=8),
    "pipe": member("cifar-100-python/pipe", tarfile.FIFOTYPE),
    "long name": member("x" * 3000),
    "setuid": member("run-me", mode=0o4777),
}


@pytest.mark.parametrize("name", list(HARMLESS))
def test_other_members_do_nothing(name: str, generated: Path, tmp_path: Path) -> None:
    info = HARMLESS[name]
    path = tmp_path / "in" / "cifar-100-python.tar.gz"
    path.parent.mkdir()
    content = b"escaped" if info.type == tarfile.REGTYPE else b""
    pack(path, generated, (info, content))
    before = tree(tmp_path)
    data = read(path, tmp_path / "cache")
    assert_generated(data, generated)
    new = {place for place in tree(tmp_path) if place not in before}
    assert {Path(place).parent.name for place in new} <= {"cache", tmp_path.name}
    assert not Path("/tmp/rungs-test-escaped").exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, b"S"],
)
def test_a_wanted_name_that_is_no_file_is_refused(
    kind: bytes, generated: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    link = str(generated / "cifar-100-python" / "train")
    pack(path, generated, (member("cifar-100-python/train", kind, linkname=link), b""))
    with pytest.raises(DataError, match=r"not a regular file|no file cifar-100-python/train"):
        read(path, tmp_path / "cache")


def test_a_doubled_member_is_refused(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    meta = (generated / "cifar-100-python" / "meta").read_bytes()
    twice = [(member("cifar-100-python/meta"), meta) for _ in range(2)]
    pack(path, generated, *twice)
    with pytest.raises(DataError, match="twice"):
        read(path, tmp_path / "cache")


def test_a_missing_member_is_refused(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name in ("train", "meta"):
            file.add(generated / "cifar-100-python" / name, f"cifar-100-python/{name}")
    with pytest.raises(DataError, match="no file cifar-100-python/test"):
        read(path, tmp_path / "cache")


def test_a_member_that_is_too_large_is_refused_unread(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    info = member("cifar-100-python/train", size=8_000_000_000)
    path.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096)))
    with pytest.raises(DataError, match=r"8,000,000,000 bytes, expected at most"):
        read(path, tmp_path / "cache")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, b"g"])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    kind: bytes, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "UNPACKED_LIMIT_BYTES", 5_000_000)
    path = tmp_path / "cifar-100-python.tar.gz"
    info = member("bomb", kind, size=8_000_000_000)
    path.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(20_000_000)))
    assert path.stat().st_size < 50_000
    with pytest.raises(DataError, match="unpacks to more than 5,000,000 bytes"):
        read(path, tmp_path / "cache")


def test_zeros_after_the_end_are_bounded(
    generated: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "UNPACKED_LIMIT_BYTES", 9_000_000)
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(packed.read_bytes() + gzip.compress(bytes(20_000_000)))
    with pytest.raises(DataError, match="unpacks to more than 9,000,000 bytes"):
        read(path, tmp_path / "cache")


def test_a_long_chain_of_headers_is_passed_over(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "cifar-100-python.tar.gz"
    header = member("chain", tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.USTAR_FORMAT)
    path.write_bytes(gzip.compress(header * 20_000))
    with pytest.raises(DataError, match="truncated archive"):
        read(path, tmp_path / "cache")


# ---------------------------------------------------------------- the cache


@pytest.fixture
def kept(packed: Path, tmp_path: Path) -> Path:
    """A cache folder after an archive was read."""
    folder = tmp_path / "cache"
    read(packed, folder)
    return folder


def test_the_second_load_does_not_read_the_source(
    kept: Path, packed: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("the archive was read again")

    monkeypatch.setattr(cifar, "read_source", refuse)
    assert_generated(read(packed, kept), generated)
    # It also serves when nothing was named, and the archive is gone.
    data = load_cifar100(
        SPEC, data_dir=None, cache_dir=kept, allow_download=False, expected_digest=GENERATED
    )
    assert_generated(data, generated)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "garbage", "folder", "other arrays"])
def test_a_damaged_cache_is_read_again(
    damage: str, kept: Path, packed: Path, generated: Path
) -> None:
    (path,) = kept.iterdir()
    content = bytearray(path.read_bytes())
    path.unlink()
    match damage:
        case "flip":
            content[len(content) // 3] ^= 1
        case "cut":
            del content[-100:]
        case "empty":
            content.clear()
        case "garbage":
            content[:] = b"PK" + b"garbage" * 100
    if damage == "folder":
        path.mkdir()
    elif damage == "other arrays":
        cache.store(path, {"something": np.zeros(3)})
    else:
        path.write_bytes(content)
    lines: list[str] = []
    assert_generated(read(packed, kept, progress=lines.append), generated)
    assert lines == [f"reading CIFAR-100 from {packed}"]
    if damage != "folder":
        assert_generated(read(packed, kept, progress=lines.append), generated)
        assert len(lines) == 1


def test_a_cache_does_not_excuse_a_missing_source(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not hold"):
        read(tmp_path / "elsewhere", kept)


# ---------------------------------------------------------------- the download


class Response(io.BytesIO):
    """What `urllib.request.urlopen` returns, as far as it is used."""

    def __init__(self, content: bytes, announced: str | None = None) -> None:
        super().__init__(content)
        self.headers = Message()
        self.headers["Content-Length"] = announced or str(len(content))


def serve(monkeypatch: pytest.MonkeyPatch, response: IO[bytes] | Exception) -> list[str]:
    """Let the download answer with ``response``; returns the list of addresses asked for."""
    asked: list[str] = []

    def answer(url: str, timeout: float) -> IO[bytes]:
        asked.append(url)
        if isinstance(response, Exception):
            raise response
        return response

    monkeypatch.setattr("urllib.request.urlopen", answer)
    return asked


def test_a_download_is_kept(
    packed: Path, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed.read_bytes()
    monkeypatch.setattr(cifar, "ARCHIVE_MD5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(published, "PROGRESS_SECONDS", 0)
    asked = serve(monkeypatch, Response(content))
    folder = tmp_path / "new" / "cache"
    lines: list[str] = []
    for _ in range(2):
        data = load_cifar100(
            SPEC, data_dir=None, cache_dir=folder, progress=lines.append, expected_digest=GENERATED
        )
        assert_generated(data, generated)
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"]
    assert lines[0] == f"downloading {asked[0]}"
    assert lines[1].startswith("downloading CIFAR-100: ")
    assert lines[1].endswith(" MB")
    assert (folder / "cifar-100-python.tar.gz").read_bytes() == content


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(b"<html>please log in</html>"), "md5"),
        (urllib.error.URLError("no route to host"), "the download failed"),
        (TimeoutError("timed out"), "the download failed"),
        (Response(b"x", announced="many"), "the download failed"),
    ],
)
def test_a_failed_download_leaves_nothing(
    response: IO[bytes] | Exception,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(monkeypatch, response)
    with pytest.raises(DataError, match=message) as caught:
        load(Cifar100Spec(), cache_dir=tmp_path / "cache")
    assert cifar.URL in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_download_without_an_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "ARCHIVE_LIMIT_BYTES", 2_000_000)
    serve(monkeypatch, Response(bytes(5_000_000)))
    with pytest.raises(DataError, match="more than 2,000,000 bytes came"):
        load(Cifar100Spec(), cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
