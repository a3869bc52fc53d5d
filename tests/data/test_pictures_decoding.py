"""Every kind of picture becomes pixels of one size, or is refused with a reason."""

import random
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from rungs.data.pictures.decoding import (
    Form,
    Header,
    bits_of,
    careful,
    decode,
    examine,
    header,
)
from rungs.foundation.errors import DataError
from tests.pictures import drawn, encoded, plain, png_of, png_with_header

COLOUR = Form(8, 3, "crop")
GREY = Form(8, 1, "crop")
ORANGE = (250, 120, 10)


def square(mode: str = "RGB", size: int = 8) -> Image.Image:
    colour = Image.new("RGB", (size, size), ORANGE)
    return colour.quantize(4) if mode == "P" else colour.convert(mode)


@pytest.mark.parametrize(
    ("image", "form", "options"),
    [
        (square(), "PNG", {}),
        (square(size=40), "BMP", {}),
        (square("P"), "PNG", {}),
        (square("P"), "GIF", {}),
        (square("RGBA"), "PNG", {}),
        (square("RGBA"), "WEBP", {"lossless": True}),
        (square("CMYK"), "TIFF", {}),
        (square(), "TIFF", {"compression": "tiff_lzw"}),
        (square(size=64), "JPEG", {"quality": 95}),
        (square("CMYK"), "JPEG", {"quality": 95}),
        (square(), "JPEG2000", {}),
    ],
    ids=lambda value: getattr(value, "mode", None) or str(value),
)
def test_a_plain_picture_keeps_its_colour(
    image: Image.Image, form: str, options: dict[str, object]
) -> None:
    pixels = decode(encoded(image, form, **options), COLOUR)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    tolerance = 12 if form == "JPEG" else 1  # which is lossy
    assert np.abs(pixels.astype(int) - plain(ORANGE, 8)).max() <= tolerance


def test_sixteen_bits_keep_their_upper_eight() -> None:
    values = np.array([[0, 255, 256, 65_535], [1000, 40_000, 511, 512]] * 2, np.uint16)
    picture = encoded(Image.fromarray(np.kron(values, np.ones((2, 2), np.uint16))))
    pixels = decode(picture, GREY)
    assert np.array_equal(pixels[0, ::2, ::2], values >> 8)
    assert np.array_equal(decode(picture, COLOUR)[1], pixels[0])


def test_of_fewer_bits_the_upper_eight_are_kept() -> None:
    values = np.array([[0, 16, 4_095, 2_048], [1_000, 5_000, 65_535, 15]] * 2, np.uint16)
    form = Form(4, 1, "crop", bits=12)
    for image in (Image.fromarray(values), Image.fromarray(values.astype(np.int32))):
        pixels = decode(encoded(image, "TIFF"), form)[0]
        assert np.array_equal(pixels, values.clip(0, 4_095) >> 4)
    eight = values.clip(0, 255)
    small = decode(encoded(Image.fromarray(eight)), Form(4, 1, "crop", bits=8))[0]
    assert np.array_equal(small, eight)
    assert [bits_of(n) for n in (0, 255, 256, 4_095, 65_535, 10**9)] == [8, 8, 9, 12, 16, 16]


def test_what_is_transparent_shows_the_ground() -> None:
    half = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    half.paste((255, 255, 255, 255), (0, 0, 4, 8))
    assert decode(encoded(half), COLOUR).min() == 255
    dark = decode(encoded(half), Form(8, 3, "crop", ground="black"))
    assert (dark[:, :, :4].min(), dark[:, :, 4:].max()) == (255, 0)


@pytest.mark.parametrize(
    ("image", "cause"),
    [
        (Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)), "none is above 63;"),
        (Image.new("RGBA", (8, 8), (255, 255, 255, 9)), "the ground that shows through"),
        (Image.new("RGB", (8, 8), "red"), ""),
        (drawn(1), None),
        (Image.fromarray((1000 * np.arange(64, dtype=np.uint16)).reshape(8, 8)), None),
    ],
)
def test_pictures_of_one_colour_are_seen_with_the_cause(
    image: Image.Image, cause: str | None
) -> None:
    _, sight = examine(encoded(image), COLOUR)
    assert sight.one_colour == (cause is not None)
    assert (cause or "") in sight.cause
    assert bool(sight.cause) == bool(cause)


def test_colours_of_sixteen_bits_that_lose_all_are_told() -> None:
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    # Of each of three values the upper byte is 0.
    row = b"".join(bytes((0, value)) for value in range(0, 240, 10))
    rows = (b"\0" + row) * 8
    _, sight = examine(png_of(header, rows), COLOUR)
    assert (sight.one_colour, "16 bits a colour" in sight.cause) == (True, True)


def test_grey_bilevel_and_transparent_pictures() -> None:
    black = Image.new("1", (8, 8), 0)
    assert decode(encoded(black), COLOUR).max() == 0
    clear = Image.new("RGBA", (8, 8), (*ORANGE, 0))
    assert decode(encoded(clear), COLOUR).min() == 255  # what is transparent shows white
    half = Image.new("LA", (8, 8), (0, 128))
    assert abs(int(decode(encoded(half), GREY)[0, 0, 0]) - 127) <= 1
    keyed = square("P")
    keyed_file = encoded(keyed, transparency=keyed.getpixel((0, 0)))
    assert decode(keyed_file, COLOUR).min() == 255
    assert decode(encoded(square()), GREY).shape == (1, 8, 8)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_as_its_exif_says(form: str) -> None:
    lying = Image.new("RGB", (16, 8), "white")
    lying.paste((0, 0, 0), (0, 0, 8, 8))  # its left half is black
    turned = Image.Exif()
    turned[0x0112] = 6  # to be seen turned clockwise by a quarter: the left comes to the top
    pixels = decode(encoded(lying, form, exif=turned), Form(8, 1, "stretch"))[0].astype(int)
    assert pixels[:3].max() < 40
    assert pixels[5:].min() > 215


def test_of_several_frames_the_first_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if form == "WEBP" else {}
        file = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
        assert decode(file, COLOUR)[:, 4, 4].tolist() == [255, 0, 0], form


def test_crop_takes_the_middle_and_stretch_takes_all() -> None:
    wide = Image.new("RGB", (32, 8), "white")
    wide.paste((0, 0, 0), (12, 0, 20, 8))
    assert decode(encoded(wide), Form(8, 1, "crop"))[0, :, 1:-1].max() < 30
    stretched = decode(encoded(wide), Form(8, 1, "stretch"))[0]
    assert stretched[:, 0].min() == 255
    assert stretched[:, -1].min() == 255


def test_a_large_jpeg_is_read_small_and_looks_the_same() -> None:
    picture = drawn(3, 800, 800)
    small = decode(encoded(picture, "JPEG", quality=95), Form(16, 3, "crop")).astype(int)
    assert np.abs(small - decode(encoded(picture), Form(16, 3, "crop"))).mean() < 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "no picture of a known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture of a known kind"),
        (encoded(drawn(0, 64, 64), "JPEG")[:500], "damaged: "),
        (encoded(drawn(0, 64, 64))[:80], "damaged: "),
        (encoded(Image.new("F", (8, 8)), "TIFF"), "pixels are fractions"),
        (png_with_header(60_000, 60_000), "more than 89,478,485 pixels"),
        (png_with_header(10_000, 10_000), "more than 89,478,485 pixels"),
        (png_with_header(100, 100), "damaged: "),
        (b"\x89PNG\r\n\x1a\n" + b"no chunk", "damaged: "),
        (encoded(drawn(0)).replace(b"IHDR", b"IHDX"), "damaged: it begins like a picture"),
    ],
)
def test_what_is_no_whole_picture_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with careful(), pytest.raises(DataError) as caught:
        decode(data, COLOUR)
    assert str(caught.value).startswith(reason)
    assert "0x" not in str(caught.value)  # no addresses of objects


def test_damaged_files_are_pictures_or_refused_and_nothing_else() -> None:
    chance = random.Random(5)
    whole = [
        encoded(drawn(1, 24, 20), form) for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
    ]
    refused = 0
    with careful():
        for _ in range(300):
            data = bytearray(chance.choice(whole))
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                assert decode(data[: chance.randrange(1, len(data) + 400)], COLOUR).shape == (
                    3,
                    8,
                    8,
                )
            except DataError:
                refused += 1
    assert 50 < refused < 300


def test_a_header_tells_size_and_colours() -> None:
    assert header(encoded(drawn(0, 30, 20))) == Header(30, 20, grey=False)
    assert header(encoded(square("L"))).grey
    assert header(encoded(square("1"))).grey
    with pytest.raises(DataError):
        header(b"no")


def test_warnings_of_the_decoder_are_not_shown() -> None:
    odd = square("P")
    file = encoded(odd, transparency=b"\x00\x80")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with careful():
            assert decode(file, COLOUR).shape == (3, 8, 8)
    assert caught == []


def test_shrinking_smooths() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8), (64, 32)))
    pixels = decode(encoded(stripes), GREY)
    assert 110 < pixels.min() <= pixels.max() < 145
