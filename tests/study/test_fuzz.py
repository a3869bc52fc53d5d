"""Study files that are broken at random: each is a study, or refused with a message of ours."""

import copy
import datetime
import random
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from rungs.foundation.errors import StudyError
from rungs.study import builtin_names, load, parse
from rungs.study.plan import plan
from rungs.study.toml_tables import read
from tests.conftest import SUMMARY

SEED = 20_240_229
CASES = 600  # of tables, and as many of text
# A case takes about 5 ms; only one that hangs takes this long, on however busy a machine.
MOST_SECONDS = 20.0

TEXTS = {
    name: (resources.files("rungs.study") / "builtin" / f"{name}.toml").read_bytes()
    for name in builtin_names()
}

ODD: list[Any] = [
    *(None, True, False, "", "3", "../x", "con", "a\x00b", "\x1b[31m", "é" * 3000, "base", "final"),
    *(0, -1, 1, 2, 15, 10**9, 2**63, -(2**64), 10**400, 10**5000),
    *(0.0, -0.0, 0.5, 1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *([], [[]], [0.1, "x", None, True], {}, {"kind": "adam"}, {"name": "residual"}, {"": {}}),
    *(datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29), datetime.time(3)),
    *([0.1] * 1000, {str(number): number for number in range(200)}, [["a"]] * 3),
]

# What is put into a text: TOML's own signs, ends, and bytes that are no text.
SNIPPETS = [
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\n", b"\t", b'"', b"'", b'"""', b"'''"),
    *(
        b"[",
        b"]",
        b"[[",
        b"]]",
        b"{",
        b"}",
        b"=",
        b",",
        b".",
        b"#",
        b"\\",
        b"\\u0000",
        b"\\UFFFFFFFF",
    ),
    *(b"nan", b"-inf", b"1e999", b"0x" + b"f" * 5000, b"9" * 5000, b"-1", b"true", b"1979-05-27"),
    *(b"[" * 3000, b"a." * 3000 + b"a=1\n", b"[[rungs]]\n", b"[data]\n", b"[a.b.c]\n", b"x" * 3000),
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container below a value with each of its keys or positions."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        inside = list(here.items()) if isinstance(here, dict) else list(enumerate(here))
        for key, item in inside:
            yield here, key
            if isinstance(item, dict | list):
                waiting.append(item)


def break_tables(plain: dict[str, Any], chance: random.Random) -> None:
    """One change: delete, duplicate, rename, put something odd, swap."""
    holder, key = chance.choice([*places(plain)])
    match chance.choice(["delete", "duplicate", "rename", "odd", "odd", "swap", "nest"]):
        case "delete":
            del holder[key]
        case "duplicate" if isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
        case "duplicate":
            holder[f"{key}2"] = copy.deepcopy(holder[key])
        case "rename" if isinstance(holder, dict):
            at = chance.randrange(len(key) + 1)
            holder[key[:at] + chance.choice(["", "x", "_", " ", "é", "\n"]) + key[at + 1 :]] = (
                holder.pop(key)
            )
        case "swap":
            other, second = chance.choice([*places(plain)])
            holder[key], other[second] = copy.deepcopy(other[second]), copy.deepcopy(holder[key])
        case "nest":
            holder[key] = chance.choice([[holder[key]], {"name": holder[key]}, "3"])
        case _:
            holder[key] = copy.deepcopy(chance.choice(ODD))


def break_text(content: bytes, chance: random.Random) -> bytes:
    """One change: cut, delete, duplicate, insert, swap, flip a byte."""
    first, last = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    lines = content.split(b"\n")
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.choice(
        ["cut", "delete", "duplicate", "insert", "insert", "lines", "line", "flip"]
    ):
        case "cut":
            return content[:last]
        case "delete":
            return content[:first] + content[min(last, first + 40) :]
        case "duplicate":
            return content[:last] + content[first:last][:400] + content[last:]
        case "insert":
            return content[:first] + chance.choice(SNIPPETS) + content[first:]
        case "lines":
            lines[one], lines[two] = lines[two], lines[one]
        case "line":
            del lines[one]
        case _:
            return content[:first] + bytes([chance.randrange(256)]) + content[first + 1 :]
    return b"\n".join(lines)


def outcome(case: Any, seen: Counter[str]) -> None:
    """Parses and plans one case, and counts what came of it; anything but our error goes on."""
    begun = time.monotonic()
    refusal = None
    try:
        study = load(case) if isinstance(case, Path) else parse(case, "fuzz.toml")
        for budget in study.budgets:
            assert plan(study, budget=budget).rungs
    except StudyError as error:
        refusal = error
    seconds = time.monotonic() - begun
    assert seconds < MOST_SECONDS
    seen["accepted" if refusal is None else "refused"] += 1
    if refusal is not None:
        message = str(refusal)
        seen["mistakes"] += len(refusal.mistakes)
        assert refusal.mistakes
        assert len(set(refusal.mistakes)) == len(refusal.mistakes), message
        # Nothing that a terminal would act on, and no line that nobody can read.
        assert all(sign.isprintable() or sign == "\n" for sign in message)
        assert max(map(len, message.splitlines())) < 1000


def counted(what: str, seen: Counter[str]) -> str:
    return (
        f"{what}: {seen['accepted']} accepted, {seen['refused']} refused "
        f"with {seen['mistakes']} mistakes"
    )


@pytest.mark.timeout(240)
def test_broken_tables(record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(SEED)
    originals = [tomllib.loads(text.decode()) for text in TEXTS.values()]
    seen: Counter[str] = Counter()
    for _ in range(CASES):
        plain = copy.deepcopy(chance.choice(originals))
        for _ in range(chance.choice([1, 1, 1, 2, 3, 10, 50])):
            if plain:
                break_tables(plain, chance)
        outcome(plain, seen)
    record_property(SUMMARY, counted("broken tables", seen))
    assert seen["accepted"] + seen["refused"] == CASES
    assert min(seen["accepted"], seen["refused"]) > CASES // 50


@pytest.mark.timeout(240)
def test_broken_text(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(SEED)
    seen: Counter[str] = Counter()
    path = tmp_path / "fuzz.toml"
    for _ in range(CASES):
        content = chance.choice([*TEXTS.values()])
        for _ in range(chance.choice([1, 1, 1, 2, 3, 10])):
            content = break_text(content, chance)
        path.write_bytes(content)
        outcome(path, seen)
    record_property(SUMMARY, counted("broken text", seen))
    assert seen["accepted"] + seen["refused"] == CASES
    assert min(seen["accepted"], seen["refused"]) > CASES // 50


def test_bytes_of_no_kind_are_refused(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = tmp_path / "fuzz.toml"
    for size in range(200):
        path.write_bytes(chance.randbytes(size))
        with pytest.raises(StudyError):
            parse(read(path), str(path))
