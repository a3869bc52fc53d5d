"""Messages between processes: they say what was said, or that it is not understood."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from rungs.execution import messages
from rungs.execution.engine import (
    Cancelled,
    EpochEnded,
    Faulty,
    Finished,
    Lost,
    Refused,
    Started,
    Stepped,
)
from rungs.execution.messages import (
    Again,
    Go,
    Measured,
    Message,
    NoGraphs,
    Prepare,
    Question,
    Ready,
    Train,
    TryGraphs,
    parse,
    spell,
)
from rungs.foundation.errors import MessageError, OwnModuleError
from rungs.recipe.own_modules import Source, forget_module
from rungs.store.results import Epoch
from rungs.study.jobs import Job
from rungs.training.record import Setting
from tests.conftest import RECORD, SETTING
from tests.runs import RECIPE, SPEC, ordered

QUESTION = Question(SPEC.to_dict(), SETTING.request, (Source("mine.py", "x = '\u00e4\udcff'\n"),))
EVERY: list[Message] = [
    Started("k", 3, exact=True, anew=False),
    Stepped("k", 0.25),
    EpochEnded("k", Epoch(1, 2.0, 0.2, 1.9, 0.25, 0.001, 8.0, 0.5)),
    Finished("k", None),
    Finished("k", "the loss is no longer finite", read_off="other"),
    Lost("k", "its process\nwas killed", memory=None),
    Cancelled("k"),
    Refused("k", "no data"),
    Faulty("k", "Traceback ..."),
    Again("k"),
    Train(
        ordered(Job(SPEC, (SPEC.lasting(1),))),
        *("runs", None),
        cores=(0, 2),
        all_cores=(0, 1, 2),
        workers=2,
    ),
    Prepare(QUESTION, cores=(), seconds=2.0),
    Ready(),
    Go(),
    TryGraphs(QUESTION),
    Measured(1234.5),
    NoGraphs("operation not permitted"),
]


@pytest.mark.parametrize("message", EVERY, ids=lambda message: type(message).__name__)
def test_what_is_said_is_understood(message: Message) -> None:
    line = spell(message)
    assert "\n" not in line
    assert parse(line) == message
    assert json.loads(line)["version"] == messages.VERSION


def test_every_message_has_an_example_above_and_a_kind_of_its_own() -> None:
    assert {type(message) for message in EVERY} == set(get_args(Message))
    kinds = [item.kind for item in get_args(Message)]
    assert len(set(kinds)) == len(kinds)
    for item in get_args(Message):
        assert not {"version", "kind"} & {field.name for field in fields(item)}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "it is no JSON object with a version"),
        ("[1]", "it is no JSON object with a version"),
        ('{"kind": "go"}', "it is no JSON object with a version"),
        ('{"version": 3, "kind": "go"', "it is no JSON object with a version"),
        ('{"version": 1, "kind": "go"}', r"its version is '1', expected 3: its sender is another"),
        ('{"version": 3, "kind": "went"}', "its kind is 'went'"),
        ('{"version": 3, "kind": ["go"]}', "its kind is"),
        ('{"version": 3, "kind": "go", "where": 1}', "it has no field 'where'"),
        ('{"version": 3, "kind": "step", "key": "k"}', "done: Field required"),
        ('{"version": 3, "kind": "step", "key": 5, "done": 1}', "key: Input should be a valid str"),
    ],
)
def test_what_is_no_message_is_one_error_that_shows_it(line: str, why: str) -> None:
    with pytest.raises(MessageError, match=why) as caught:
        parse(line)
    assert repr(line) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_message_that_is_not_understood_is_shown_in_part() -> None:
    with pytest.raises(MessageError) as caught:
        parse("x" * 100_000)
    assert len(str(caught.value)) < 500


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "odd.py"
    path.write_bytes(b"# coding: latin-1\nname = '\xe4'\n")
    yield path
    forget_module("odd")


def test_a_module_travels_as_its_text(module: Path) -> None:
    source = Source.read(module)
    before = source.load()
    module.unlink()
    question = parse(spell(TryGraphs(Question({}, SETTING.request, (source,)))))
    assert isinstance(question, TryGraphs)
    forget_module("odd")
    assert question.question.modules[0].load() == before


def test_a_module_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OwnModuleError, match=r"gone\.py cannot be read"):
        Source.read(tmp_path / "gone.py")


def test_what_travels_is_what_was_chosen_and_the_rest_is_found_where_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = Setting(RECORD, ceiling=50.0)
    asked: Any = parse(spell(Train(ordered(Job(SPEC), (), setting), "", None, (), (), 1)))
    request = asked.order.request
    assert Setting.here(request) == setting
    # Elsewhere the same request is done by another processor, whose ceiling nobody measured.
    monkeypatch.setattr("rungs.training.record.processor_name", lambda _: "another processor")
    monkeypatch.setattr("torch.__version__", "9.9")
    there = Setting.here(request)
    assert there.record.processor == "another processor"
    assert there.record.torch == "9.9"
    assert there.record.layout == RECORD.layout
    assert there.ceiling is None


def test_an_order_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    order = ordered(Job(SPEC))
    assert order.key == SPEC.key
    assert order.resources.cores == 1
    assert order.read() == Job(SPEC)
    assert order.read().spec.recipe == RECIPE
