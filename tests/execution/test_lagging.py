"""What follows a study at a distance costs little, however many runs there are."""

import threading
import time

import pytest

from rungs.execution.lagging import Lagging, now_and_then


def test_much_that_is_asked_for_is_done_once_and_never_twice_at_a_time() -> None:
    at_once, done, most = 0, 0, 0
    first = threading.Event()

    def work() -> None:
        nonlocal at_once, done, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.02)
        at_once -= 1
        done += 1
        first.set()

    with Lagging(work, seconds=0.05) as following:
        for _ in range(100):
            following.ask()
        assert first.wait(10)
        asked = time.monotonic()
        while done < 2 and time.monotonic() - asked < 10:  # what was asked for meanwhile
            following.ask()
            time.sleep(0.001)
        gone = time.monotonic() - asked
    assert done <= 4
    assert most == 1
    # Of a tenth of all time, 0.02 s are a pause of 0.18 s.
    assert gone > 0.1


def test_work_that_fails_is_asked_for_again() -> None:
    tried = threading.Semaphore(0)

    def work() -> None:
        tried.release()
        raise OSError("disk full")

    with Lagging(work, seconds=0.0) as following:
        for _ in range(2):
            following.ask()
            assert tried.acquire(timeout=10)


def test_at_its_end_work_under_way_is_waited_for_and_none_is_begun() -> None:
    begun, ended = threading.Event(), []

    def work() -> None:
        begun.set()
        time.sleep(0.1)
        ended.append(1)

    with Lagging(work) as following:
        following.ask()
        assert begun.wait(10)
        following.ask()
    assert ended == [1]


@pytest.mark.parametrize("patience", [0.1, 20.0])
def test_what_is_raised_waits_only_so_long_for_work_under_way(patience: float) -> None:
    """A thread inside a library when the process ends can take it down with another exit code."""
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(1.0 if patience > 1 else 30)
        done.set()

    def stopped() -> None:
        with Lagging(work, patience=patience) as following:
            following.ask()
            assert begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert done.is_set() == (patience > 1)
    may_end.set()


def test_an_estimate_is_made_anew_only_as_often_as_it_costs_little() -> None:
    now, asked = 100.0, 0
    answers: list[float | None] = [None, 50.0, 20.0]

    def estimate() -> float | None:
        nonlocal now, asked
        asked += 1
        now += 1.0  # what it costs
        return answers[min(asked, len(answers)) - 1]

    left = now_and_then(estimate, clock=lambda: now)
    assert left() is None
    assert left() == 50.0  # what nobody knew may be known now
    now += 4.0
    assert left() == 46.0
    assert asked == 2
    now += 6.0
    assert left() == 20.0
    assert asked == 3
