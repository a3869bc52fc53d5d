"""CIFAR-100 from the parquet files of its hub version."""

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rungs.data.cifar.parquet import IMAGE_LIMIT_BYTES, read_parquet
from rungs.data.cifar.reading import (
    Content,
    content_digest,
    find_source,
    read_source,
)
from rungs.data.cifar.writing import write_cifar100_form
from rungs.data.kinds.cifar100 import Cifar100Spec
from rungs.foundation.errors import DataError
from tests.data.cifar import load_cifar100

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

Values = list[dict[str, bytes | str | None] | None]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNGS_DATA", raising=False)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp("generated")
    write_cifar100_form(folder, train=120, test=100, seed=5)
    source = find_source(folder)
    assert source is not None
    return read_source(source, None)


def png(pixels: NDArray[np.uint8], form: str = "PNG", mode: str = "RGB") -> bytes:
    """The image file of ``pixels`` [3, H, W]."""
    out = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).convert(mode).save(out, form)
    return out.getvalue()


def pngs(pixels: NDArray[np.uint8]) -> Values:
    return [{"bytes": png(image), "path": None} for image in pixels]


def write(path: Path, images: Values, fine: Any, coarse: Any, **options: Any) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            "img": pa.array(images, kind),
            "fine_label": pa.array(fine, pa.int64()),
            "coarse_label": pa.array(coarse, pa.int64()),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)


@pytest.fixture(scope="module")
def template(content: Content, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a correct file of each part."""
    folder = tmp_path_factory.mktemp("parquet")
    for name, part in (("train", content.train), ("test", content.test)):
        write(folder / name, pngs(part.pixels), part.fine, part.coarse, row_group_size=50)
    return {name: (folder / name).read_bytes() for name in ("train", "test")}


@pytest.fixture
def folder(template: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    folder.mkdir()
    for name, data in template.items():
        (folder / f"{name}-00000-of-00001.parquet").write_bytes(data)
    return folder


def read(place: Path) -> Content:
    source = find_source(place)
    assert source is not None
    assert source.form == "parquet"
    return read_source(source, None)


@pytest.mark.parametrize("below", ["", "cifar100"])
def test_the_files_of_the_hub_are_read(
    below: str, folder: Path, content: Content, tmp_path: Path
) -> None:
    if below:
        folder.rename(tmp_path / "moved")
        (tmp_path / "hub").mkdir()
        (tmp_path / "moved").rename(folder / below)
    found = read(folder)
    for part, expected in ((found.train, content.train), (found.test, content.test)):
        assert np.array_equal(part.pixels, expected.pixels)
        assert np.array_equal(part.fine, expected.fine)
        assert np.array_equal(part.coarse, expected.coarse)
    assert content_digest(found) == content_digest(content)


def test_parts_are_put_together_in_the_order_of_their_numbers(
    folder: Path, content: Content
) -> None:
    (folder / "train-00000-of-00001.parquet").unlink()
    train = content.train
    for number, rows in enumerate([slice(0, 30), slice(30, 110), slice(110, 120)]):
        path = folder / f"train-{number:05d}-of-00003.parquet"
        write(path, pngs(train.pixels[rows]), train.fine[rows], train.coarse[rows])
    assert content_digest(read(folder)) == content_digest(content)


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002"],
        ["train-00001-of-00002"],
        ["train-00000-of-00001", "train-00001-of-00002"],
        ["train-00000-of-00001", "train-00000-of-00001-0123abcd"],
        ["train-first"],
    ],
)
def test_a_missing_or_odd_part_is_refused(
    names: list[str], folder: Path, template: dict[str, bytes]
) -> None:
    (folder / "train-00000-of-00001.parquet").unlink()
    for name in names:
        (folder / f"{name}.parquet").write_bytes(template["train"])
    with pytest.raises(DataError, match=str(folder)):
        read(folder)


def test_without_test_files_it_is_refused(folder: Path) -> None:
    (folder / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="found none"):
        read(folder)


def test_a_set_is_loaded_and_kept(folder: Path, content: Content, tmp_path: Path) -> None:
    spec = Cifar100Spec(train=((0, 100),), validation=((100, 120),))
    for _ in range(2):
        data = load_cifar100(
            spec,
            data_dir=folder,
            cache_dir=tmp_path / "cache",
            expected_digest=content_digest(content),
        )
        assert np.array_equal(data.exploration.train.pixels.numpy(), content.train.pixels[:100])
    with pytest.raises(DataError, match="not the official CIFAR-100"):
        load_cifar100(spec, data_dir=folder, cache_dir=tmp_path / "cache")


def test_without_pyarrow_the_error_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'rungs-study\[parquet\]'"):
        read(folder)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_zeros(width: int, height: int, rows: int) -> bytes:
    """A PNG that claims a size and holds ``rows`` rows of it, tiny as a file."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes((1 + 3 * width) * rows), 9))
        + chunk(b"IEND", b"")
    )


def plain(size: int = 32) -> NDArray[np.uint8]:
    return np.full((3, size, size), 77, dtype=np.uint8)


BAD_IMAGES: dict[str, tuple[Callable[[], bytes | None], str]] = {
    "huge": (lambda: png_of_zeros(60_000, 60_000, 1), "no usable PNG.*decompression bomb"),
    "large": (lambda: png_of_zeros(12_000, 8_000, 1), "no usable PNG.*decompression bomb"),
    "one more row": (lambda: png(np.zeros((3, 33, 32), dtype=np.uint8)), "has 32x33 pixels"),
    "grey": (lambda: png(plain(), mode="L"), "in mode L, expected 32x32 in mode RGB"),
    "palette": (lambda: png(plain(), mode="P"), "in mode P"),
    "alpha": (lambda: png(plain(), mode="RGBA"), "in mode RGBA"),
    "gif": (lambda: png(plain(), form="GIF"), "no usable PNG"),
    "bmp": (lambda: png(plain(), form="BMP"), "no usable PNG"),
    "jpeg": (lambda: png(plain(), form="JPEG"), "no usable PNG"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch x) (w) file", "no usable PNG"),
    "text": (lambda: b"hello", "no usable PNG"),
    "empty": (lambda: b"", "no usable PNG"),
    "cut header": (lambda: png(plain())[:20], "no usable PNG"),
    "cut file": (lambda: png_of_zeros(32, 32, 32)[:-30], "no usable PNG"),
    "wrong checksum": (lambda: png(plain()).replace(b"IDAT", b"IDAU"), "no usable PNG"),
    "long": (lambda: png(plain()) + bytes(IMAGE_LIMIT_BYTES), "expected at most 20,000"),
    "none": (lambda: None, "an image is missing"),
}


@pytest.mark.parametrize("name", list(BAD_IMAGES))
def test_what_is_no_picture_of_32x32_is_refused(name: str, folder: Path, content: Content) -> None:
    make, message = BAD_IMAGES[name]
    images = pngs(content.test.pixels)
    images[17] = {"bytes": make(), "path": "/etc/passwd"}
    path = folder / "test-00000-of-00001.parquet"
    write(path, images, content.test.fine, content.test.coarse)
    with pytest.raises(DataError, match=message) as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_a_missing_struct_is_refused(folder: Path, content: Content) -> None:
    images = pngs(content.test.pixels)
    images[3] = None
    path = folder / "test-00000-of-00001.parquet"
    write(path, images, content.test.fine, content.test.coarse)
    with pytest.raises(DataError, match="an image is missing"):
        read(folder)


def test_a_missing_label_is_refused(folder: Path, content: Content) -> None:
    path = folder / "test-00000-of-00001.parquet"
    fine = [None, *content.test.fine[1:].tolist()]
    write(path, pngs(content.test.pixels), fine, content.test.coarse)
    with pytest.raises(DataError, match="a label is missing"):
        read(folder)


def test_a_value_that_many_rows_share_does_not_fill_the_memory(folder: Path) -> None:
    """200,000 rows of one value of 3 MB are 600 GB, in a file of a few kB."""
    rows = 200_000
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    indices = pa.array(np.zeros(rows, dtype=np.int32))
    value = pa.DictionaryArray.from_arrays(indices, pa.array([bytes(3_000_000)], pa.binary()))
    image = pa.StructArray.from_arrays([value, pa.nulls(rows, pa.string())], ["bytes", "path"])
    assert image.type.num_fields == kind.num_fields
    labels = pa.array(np.zeros(rows, dtype=np.int64))
    table = pa.table({"img": image, "fine_label": labels, "coarse_label": labels})
    path = folder / "train-00000-of-00001.parquet"
    pq.write_table(
        table,
        path,
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
        row_group_size=rows,
        store_schema=False,  # so that it claims plain bytes
    )
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="3,000,000 bytes, expected at most"):
        read_parquet(folder, "train")
    assert pa.default_memory_pool().max_memory() < 500_000_000  # a batch of rows would be 3 GB


@pytest.mark.parametrize(
    "table",
    [
        {"img": [1], "fine_label": [1], "coarse_label": [1]},
        {"img": [{"path": "x"}], "fine_label": [1], "coarse_label": [1]},
        {"img": [{"bytes": "text"}], "fine_label": [1], "coarse_label": [1]},
        {"img": [{"bytes": b"x"}], "fine_label": ["a"], "coarse_label": [1]},
        {"img": [{"bytes": b"x"}], "fine_label": [1.5], "coarse_label": [1]},
        {"img": [{"bytes": b"x"}], "fine_label": [1]},
        {"image": [{"bytes": b"x"}], "fine_label": [1], "coarse_label": [1]},
    ],
)
def test_other_columns_are_refused(table: dict[str, Any], folder: Path) -> None:
    path = folder / "train-00000-of-00001.parquet"
    pq.write_table(pa.table(table), path)
    with pytest.raises(DataError, match="expected a column") as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_a_file_without_rows_is_refused(folder: Path) -> None:
    write(folder / "train-00000-of-00001.parquet", [], [], [])
    with pytest.raises(DataError, match="hold no images"):
        read(folder)


@pytest.mark.parametrize("share", [0, 0.0001, 0.1, 0.5, 0.9, 0.9999])
def test_a_truncated_file_is_refused(
    share: float, folder: Path, template: dict[str, bytes]
) -> None:
    path = folder / "test-00000-of-00001.parquet"
    path.write_bytes(template["test"][: int(len(template["test"]) * share)])
    with pytest.raises(DataError) as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_damage_raises_nothing_else(
    folder: Path, template: dict[str, bytes], content: Content
) -> None:
    generator = np.random.default_rng(2)
    path = folder / "test-00000-of-00001.parquet"
    for _ in range(40):
        data = bytearray(template["test"])
        # Half of the damage to the footer, where the structure is.
        first = generator.choice([0, max(0, len(data) - 1500)])
        for place in generator.integers(first, len(data), 3):
            data[place] ^= int(generator.integers(1, 256))
        path.write_bytes(data)
        try:
            read_parquet(folder, "test")
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017  # other damage may go unnoticed here


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    path = folder / "test-00000-of-00001.parquet"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="expected a file, found a folder"):
        read(folder)
