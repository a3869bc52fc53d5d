"""What is seen while a study runs."""

import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from rungs.execution.display import Bars, Display, JsonLines, Lines, choose, describe
from rungs.execution.engine import (
    EpochEnded,
    Event,
    Finished,
    LeftOut,
    Lost,
    Started,
    Stepped,
)
from rungs.store.results import Epoch, RunSpec
from rungs.study import load
from rungs.study.plan import plan

PLAN = plan(load("quickstart"), epochs=2, seeds=1)
FIRST, SECOND = PLAN.runs[:2]
EPOCH = Epoch(1, 2.0, 0.2, 1.9, 0.25, 0.001, 8.0, 0.5)


EVENTS: list[tuple[RunSpec, Event]] = [
    (FIRST, Started(FIRST.key, 0, exact=True, anew=False)),
    (FIRST, Stepped(FIRST.key, 0.5)),
    (FIRST, EpochEnded(FIRST.key, EPOCH)),
    (SECOND, Started(SECOND.key, 1, exact=True, anew=False)),
    (FIRST, Finished(FIRST.key, None)),
    (SECOND, Finished(SECOND.key, "the loss is no longer finite at epoch 2, step 3")),
    (SECOND, Lost(SECOND.key, "its memory was not enough", memory=True)),
]


def left(done: Mapping[str, float]) -> float:
    """100 s for each epoch."""
    return 100 * (4 - sum(done.values()))


def show(display: Display) -> None:
    with display:
        display.say("a line")
        for event in EVENTS:
            display.show(*event)


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(Lines(PLAN, left))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a line"
    assert lines[1] == "base, seed 0: begins, 2 epochs"
    assert lines[2].startswith("base, seed 0: epoch 1 of 2, train loss 2.000")
    assert lines[2].endswith("8.5 s, 5 min left in all")
    assert "resumes after epoch 1 of 2" in lines[3]
    assert lines[4] == "base, seed 0: finished"
    assert lines[5].endswith("failed, the loss is no longer finite at epoch 2, step 3")
    assert "its memory was not enough; if memory was short, try batch_size = 32" in lines[6]
    assert len(lines) == 7


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(JsonLines(PLAN))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        "say",
        "start",
        "epoch",
        "start",
        "done",
        "done",
        "lost",
    ]
    assert [event["failed"] is None for event in events if event["event"] == "done"] == [
        True,
        False,
    ]
    assert events[2]["run"] == "base, seed 0"
    assert events[2]["key"] == FIRST.key
    assert events[2]["val_accuracy"] == 0.25


def test_a_lost_run_is_told_with_the_batch_size_tried_and_one_to_try() -> None:
    lost = Lost(FIRST.key, "its process was killed", memory=None)

    def told(batch_size: int) -> str:
        recipe = replace(FIRST.recipe, batch_size=batch_size)
        return describe(replace(FIRST, recipe=recipe), lost, PLAN)

    assert told(48).endswith("try batch_size = 24 instead of 48")
    assert told(1).endswith("only a smaller network helps: batch_size is 1")
    lost = Lost(FIRST.key, "mine.py, line 2: no", memory=False)
    assert told(48).endswith(": not finished, mine.py, line 2: no")


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    show(choose(PLAN, PLAN.runs, left, quiet=True, as_json=False))
    assert capsys.readouterr().out == ""


def test_bars_in_a_terminal() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    now = [0.0]
    bars = Bars(PLAN, [FIRST, SECOND], left, console, clock=lambda: now[0])
    with bars:
        bars.show(*EVENTS[0])
        now[0] = 40.0
        bars.show(*EVENTS[1])
        bars._progress.refresh()
        assert "base, seed 0, epoch 1 of 2" in out.getvalue()
        # 400 s at the start, of which 40 are over.
        assert "0 of 2 runs, about 6 min left" in out.getvalue()
        bars.show(*EVENTS[2])
        bars._progress.refresh()
        assert "epoch 2 of 2" in out.getvalue()
        assert "val 25.0 %" in out.getvalue()
        bars.show(*EVENTS[4])
        bars._progress.refresh()
        assert "base, seed 0: finished" in out.getvalue()
        assert "1 of 2 runs" in out.getvalue()


def test_what_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(**options: bool) -> type:
        return type(choose(PLAN, PLAN.runs, left, **({"quiet": False, "as_json": False} | options)))

    assert chosen() is Lines  # the tests' output is no terminal
    assert chosen(as_json=True) is JsonLines
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert chosen() is Bars
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    assert chosen() is Lines


def test_a_node_that_is_left_out_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    event = LeftOut(FIRST.key, "3fa2", "node-a: its torch is 2.12.0, expected 2.13.0")
    for display in (Lines(PLAN, left), JsonLines(PLAN)):
        display.show(FIRST, event)
    line, plain = capsys.readouterr().out.splitlines()
    assert line == (
        "node-a: its torch is 2.12.0, expected 2.13.0; no run is given to it from now on"
    )
    assert json.loads(plain)["event"] == "left out"
    assert json.loads(plain)["node"] == "3fa2"
