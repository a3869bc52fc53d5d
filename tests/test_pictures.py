"""Pictures of all kinds, sound and broken, as networks see them."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rungs.data.finding import find_pictures
from rungs.data.pictures import decode
from rungs.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 256, (12, 8, 3), dtype=np.uint8)


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = decode(saved(Image.fromarray(NOISE)), (12, 8), 3)
    np.testing.assert_array_equal(pixels, NOISE.transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("channels", [1, 3])
def test_forms(form: str, channels: int) -> None:
    pixels = decode(saved(Image.new("RGB", (40, 30), (250, 30, 30)), form), (8, 10), channels)
    assert pixels.shape == (channels, 8, 10)
    assert pixels.dtype == np.uint8
    # Red: grey by ITU-R 601-2 is 0.299 R + 0.587 G + 0.114 B.
    expected = [250, 30, 30] if channels == 3 else [95.8]
    np.testing.assert_allclose(pixels.mean(axis=(1, 2)), expected, atol=3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_modes_keep_what_is_seen(mode: str) -> None:
    half = Image.new("L", (16, 16), 0)
    half.paste(255, (0, 0, 8, 16))
    form = "TIFF" if mode == "CMYK" else "PNG"
    pixels = decode(saved(half.convert("RGB").convert(mode), form), (16, 16), 3)
    assert pixels[:, :, :7].min() > 250
    assert pixels[:, :, 9:].max() < 5


def test_sixteen_bits_are_brought_to_eight() -> None:
    values = np.array([[0, 257 * 100], [257 * 200, 65_535]], dtype=np.uint16)
    pixels = decode(saved(Image.fromarray(values)), (2, 2), 1)
    assert pixels.tolist() == [[[0, 100], [200, 255]]]


def test_what_is_transparent_lies_on_white() -> None:
    red = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    red.paste((0, 0, 255, 255), (0, 0, 4, 8))
    pixels = decode(saved(red), (8, 8), 3)
    assert pixels[:, 0, 0].tolist() == [0, 0, 255]
    assert pixels[:, 0, 7].tolist() == [255, 255, 255]


def test_exif_turns_the_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    lying = Image.fromarray(NOISE)
    upright = decode(saved(lying, exif=exif), (8, 12), 3)
    np.testing.assert_array_equal(upright, np.rot90(NOISE, -1).transpose(2, 0, 1))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pixels = decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), (8, 8), 3)
    assert pixels[:, 0, 0].tolist() == [255, 0, 0]


def test_proportions_are_kept_and_the_middle_is_taken() -> None:
    wide = Image.new("RGB", (40, 10), "blue")
    wide.paste("red", (15, 0, 25, 10))
    pixels = decode(saved(wide), (10, 10), 3)
    assert (pixels[0] == 255).all()


def test_shrinking_smooths() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    pixels = decode(saved(Image.fromarray(stripes)), (8, 8), 1)
    assert 110 < pixels.min() <= pixels.max() < 145


def bomb(side: int) -> bytes:
    """A PNG of 60 bytes that claims to be a square of many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


BROKEN = {
    "empty": (b"", "found an empty file"),
    "text": (b"this is no picture", "expected a picture .* found something else"),
    "half a PNG": (saved(Image.fromarray(NOISE))[:150], "this picture is damaged"),
    "half a JPEG": (saved(Image.fromarray(NOISE), "JPEG")[:400], "this picture is damaged"),
    "a head": (b"\xff\xd8\xff\xe0junk", "this picture is damaged|found something else"),
    "a bomb": (bomb(120_000), "too many pixels: expected at most 150,000,000"),
    # Pillow by itself would begin with this one.
    "a large one": (bomb(12_500), "at most 150,000,000 pixels, found 12,500 x 12,500"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "found something else"),
    "fractions": (saved(Image.new("F", (4, 4)), "TIFF"), "fractions of an unknown range"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_ones_are_one_sentence(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    with pytest.raises(DataError, match=message):
        decode(content, (8, 8), 3)
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"picture.png: .*({message})"):
        decode(path, (8, 8), 3)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.png: cannot be read: No such file"):
        decode(tmp_path / "none.png", (8, 8), 3)
    with pytest.raises(DataError, match=r"expected a file, found a folder"):
        decode(tmp_path, (8, 8), 3)


def test_flipped_bits_never_crash() -> None:
    """Every byte of a small file, changed: a picture of the right size or a sentence."""
    for form in ("PNG", "JPEG", "GIF", "WEBP"):
        whole = saved(Image.fromarray(NOISE), form)
        for place in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            with contextlib.suppress(DataError):
                assert decode(bytes(damaged), (4, 4), 3).shape == (3, 4, 4)


def test_names_stand_for_files_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "sub/c.webp", "notes.txt", "._a.jpg", "odd[1].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "none").mkdir()

    def found(*names: str) -> tuple[list[str], list[tuple[str, str]]]:
        sources, problems = find_pictures([str(tmp_path / name) for name in names])
        return [str(Path(name).relative_to(tmp_path)) for name, _ in sources], problems

    assert found("") == (["a.JPG", "b.png", "odd[1].png", "sub/c.webp"], [])
    assert found("notes.txt", "odd[1].png") == (["notes.txt", "odd[1].png"], [])
    assert found("*.png") == (["b.png", "odd[1].png"], [])
    names, problems = found("none", "x*.png", "gone.png")
    assert names == ["gone.png"]  # whether it can be read is seen when it is read
    assert [reason for _, reason in problems] == [
        "there are no pictures in this folder",
        "no file matches this pattern",
    ]


def test_a_dash_is_the_piped_picture() -> None:
    piped = saved(Image.fromarray(NOISE))
    assert find_pictures(["-"], io.BytesIO(piped)) == ([("stdin", piped)], [])
