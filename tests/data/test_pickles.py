"""The pickle reader: what it reads, and that nothing a file holds can run or fill the memory."""

import os
import pickle
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from rungs.data.cifar.pickles import OPERATIONS_LIMIT, ByteArray, read_pickle, write_pickle
from rungs.foundation.errors import DataError

HEAD = b"\x80\x02"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
DTYPE = (
    b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)


def array_state(rows: bytes, columns: bytes, data: bytes, dtype: bytes = DTYPE) -> bytes:
    return b"(K\x01" + rows + columns + b"\x86" + dtype + b"\x89" + data + b"tb"


def string(data: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(data)) + data


def small_file() -> bytes:
    data = bytes(range(256)) * 3
    return write_pickle(
        {
            "filenames": [f"picture_{i}.png" for i in range(300)],
            "batch_label": "testing batch 1 of 1",
            "fine_labels": [i % 100 for i in range(1200)],
            "one": [7],
            "none": [],
            "data": ByteArray((3, 256), memoryview(data)),
        }
    )


def test_what_is_written_is_read() -> None:
    value = read_pickle(small_file(), "file")
    assert isinstance(value, dict)
    assert list(value) == [
        b"filenames",
        b"batch_label",
        b"fine_labels",
        b"one",
        b"none",
        b"data",
    ]
    assert value[b"filenames"] == [f"picture_{i}.png".encode() for i in range(300)]
    assert value[b"fine_labels"] == [i % 100 for i in range(1200)]
    assert value[b"one"] == [7]
    assert value[b"none"] == []
    assert value[b"data"].shape == (3, 256)
    assert value[b"data"].data == bytes(range(256)) * 3


def test_python_reads_what_is_written_as_the_same() -> None:
    value = pickle.loads(small_file(), encoding="bytes")  # noqa: S301  # our own bytes
    assert value[b"data"].dtype == "uint8"
    assert value[b"data"].tolist() == [list(range(256))] * 3
    assert value[b"fine_labels"] == [i % 100 for i in range(1200)]


def test_protocol_2_of_python_3_is_read() -> None:
    value = {"a": 1}
    with pytest.raises(DataError, match="opcode 0x58"):  # unicode, which CIFAR's files lack
        read_pickle(pickle.dumps(value, protocol=2), "file")


class Touch:
    """A payload: whoever unpickles it in the ordinary way creates the marker."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def payloads(marker: Path) -> dict[str, bytes]:
    command = f"touch '{marker}'"
    source = f"open({str(marker)!r}, 'w').close()"
    quoted = string(command.encode())
    code = string(source.encode())
    arguments = code + b"\x85"
    return {
        "os.system": pickle.dumps(Touch(os.system, command), protocol=2),
        "eval": pickle.dumps(Touch(eval, source), protocol=2),
        "exec": pickle.dumps(Touch(exec, source), protocol=2),
        "protocol 0": f"cos\nsystem\n(S{command!r}\ntR.".encode(),
        "protocol 4": pickle.dumps(Touch(os.system, command), protocol=4),
        "protocol 5": pickle.dumps(Touch(os.system, command), protocol=5),
        "posix.system": HEAD + b"cposix\nsystem\n" + quoted + b"\x85R.",
        "python 2 eval": HEAD + b"c__builtin__\neval\n" + arguments + b"R.",
        "inst": HEAD + b"(" + quoted + b"ios\nsystem\n.",
        "obj": HEAD + b"(cos\nsystem\n" + quoted + b"o.",
        "newobj": HEAD + b"cos\nsystem\n" + quoted + b"\x85\x81.",
        "inside a list": HEAD + b"](c__builtin__\neval\n" + arguments + b"Re.",
        "as the state of an array": HEAD + ARRAY + b"c__builtin__\neval\n" + arguments + b"Rb.",
        "numpy's runstring": HEAD
        + b"cnumpy.testing._private.utils\nrunstring\n"
        + code
        + b"}\x86R.",
        "numpy.load": HEAD + b"cnumpy\nload\n" + string(os.fsencode(marker)) + b"\x85R.",
        "reconstruct of a function": HEAD
        + b"cnumpy.core.multiarray\n_reconstruct\nc__builtin__\neval\n"
        + arguments
        + b"U\x01b\x87R.",
        "array called": HEAD + b"cnumpy\nndarray\n" + arguments + b"R.",
        "dotted name": HEAD + b"cnumpy\ndtype.__class__\n" + arguments + b"R.",
        "persistent": HEAD + quoted + b"Q.",
        "extension": HEAD + b"\x82\x01" + quoted + b"\x85R.",
    }


NAMES = list(payloads(Path("/marker")))


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_is_refused_and_does_not_run(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with pytest.raises(DataError, match="file"):
        read_pickle(payloads(marker)[name], "file")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["os.system", "eval", "protocol 0", "obj", "inside a list"])
def test_the_payloads_are_live(name: str, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    marker = tmp_path / "marker"
    pickle.loads(payloads(marker)[name])  # noqa: S301  # harmless, and the point
    assert marker.exists()


LAUGHS = 60

BOMBS = {
    # Each list holds the one before ten times: 10^60 values, all the same few.
    "billion laughs": HEAD
    + b"](K\x01eq\x01"
    + b"".join(b"](" + b"h\x01" * 10 + b"eq\x01" for _ in range(LAUGHS))
    + b"K\x01.",
    "nested tuples as a key": HEAD + b"}()q\x01" + b"h\x01h\x01\x86q\x01" * 60 + b"K\x01u.",
    "lists in lists": HEAD + b"](" * 400_000 + b"e" * 400_000 + b"K\x00.",
    "tuples in tuples": HEAD + b")" + b"\x85" * 900_000 + b"K\x00.",
    "marks": HEAD + b"(" * 2_000_000,
    "operations": HEAD + b"N" * (OPERATIONS_LIMIT + 10) + b".",
    "huge integer": HEAD + b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\xff" * 100,
    "long integer in text": HEAD + b"L" + b"9" * 2_000_000 + b"L\n.",
    "huge string": HEAD + b"T" + struct.pack("<i", 2**31 - 1) + b"abc.",
    "negative string": HEAD + b"T" + struct.pack("<i", -5) + b"abcdefgh.",
    "list in itself": HEAD + b"]q\x01h\x01aK\x00.",
    "huge shape": HEAD
    + ARRAY
    + array_state(b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\x7f", string(b"x" * 300))
    + b".",
    "negative shape": HEAD
    + ARRAY
    + array_state(b"J\xff\xff\xff\xff", b"J\xd4\xfe\xff\xff", string(b"x" * 300))
    + b".",
    "shape of booleans": HEAD + ARRAY + array_state(b"\x88", b"\x88", b"U\x01x") + b".",
    "array of objects": HEAD
    + ARRAY
    + array_state(b"K\x01", b"K\x01", b"](K\x01e", DTYPE.replace(b"u1", b"O8"))
    + b".",
    "array filled twice": HEAD + ARRAY + array_state(b"K\x01", b"K\x01", b"U\x01x") * 2 + b".",
    "memo that is not there": HEAD + b"h\x07.",
    "empty stack": HEAD + b"R.",
    "pop beyond a mark": HEAD + b"]K\x01(a.",
    "append to a dict": HEAD + b"}K\x01a.",
    "set in a list": HEAD + b"]U\x01aK\x01s.",
    "odd items": HEAD + b"}(U\x01au.",
    "build of a list": HEAD + b"]K\x01b.",
    "arguments no tuple": HEAD + b"cnumpy\ndtype\nK\x01R.",
    "endless global": HEAD + b"c" + b"a" * 100_000,
    "two values": HEAD + b"K\x01K\x02.",
    "bytes after the end": HEAD + b"K\x01.K\x01.",
    "no protocol": b"K\x01.",
    "empty": b"",
    "one byte": b"\x80",
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused_in_little_time(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(DataError, match="file"):
        read_pickle(BOMBS[name], "file")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    "name", ["billion laughs", "huge integer", "huge string", "huge shape", "list in itself"]
)
def test_a_bomb_takes_little_memory(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="file"):
            read_pickle(BOMBS[name], "file")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_array_shares_the_memory_of_the_file() -> None:
    content = bytearray(small_file())
    value = read_pickle(content, "file")
    assert isinstance(value, dict)
    before = value[b"data"].data[0]
    content[content.index(bytes(range(256)))] = 99
    assert (before, value[b"data"].data[0]) == (0, 99)


def test_every_truncation_is_refused() -> None:
    content = small_file()
    for end in [*range(400), *range(400, len(content), 61), len(content) - 1]:
        with pytest.raises(DataError, match="file"):
            read_pickle(content[:end], "file")


def test_damage_never_raises_anything_else() -> None:
    content = small_file()
    generator = random.Random(3)
    refused = 0
    for _ in range(600):
        damaged = bytearray(content)
        for _ in range(generator.choice([1, 1, 4])):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            read_pickle(damaged, "file")
        except DataError:
            refused += 1
    assert 50 < refused < 600
