"""A study done in rounds of seeds: what every rung gets, then what is open on validation."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from rungs.evidence.rounds import decide
from rungs.execution.engines import LOCAL, check_engine
from rungs.execution.session import train
from rungs.execution.watching import OnEpoch
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import counted
from rungs.store import Store
from rungs.study.costs import costs
from rungs.study.estimate import duration, time_left
from rungs.study.jobs import missing, unrecorded
from rungs.study.known import note_study
from rungs.study.plan import Plan
from rungs.study.rounds import STATES, Decision, Round, following, staged
from rungs.study.seeds import AUTO


@dataclass(frozen=True)
class Trained:
    """What came of doing a study.

    Attributes:
        plan: what was asked for, with the seeds that were decided on.
        lost: a line for each run that was lost.
        left_open: lines on the comparisons that are open still, and what it would cost to go on.
    """

    plan: Plan
    lost: list[str]
    left_open: tuple[str, ...] = ()


def train_study(
    wanted: Plan,
    whole: Plan,
    opened: Store,
    *,
    within: float | None,
    device: str,
    workers: int | None,
    data_dir: Path | None,
    quiet: bool,
    as_json: bool,
    on_done: Callable[[], object],
    on_epoch: OnEpoch | None = None,
    engine: str = LOCAL,
    address: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Does what a plan lacks, round after round where its seeds go where they decide.

    Args:
        wanted: what is asked for.
        whole: the plan that it is a part of: its comparisons decide.
        opened: the store.
        within: seconds after which no round is to end that comes after the start; None for no
            limit. What a round needs is estimated, and a round that was begun is done.
        device: as `rungs.execution.session.train`, as are those that follow.
        workers: processes side by side; None to share the cores.
        data_dir: where the user has the data.
        quiet: show nothing.
        as_json: show events as JSON lines.
        on_done: called now and then after a run was finished.
        on_epoch: called with each epoch that ends.
        engine: name of what does the runs, see `rungs.execution.engines`.
        address: where its cluster is; None for its usual place.
        clock: seconds.

    Raises:
        UsageError: a time is given for a plan without rounds, or there is no such engine.
    """
    check_engine(engine, address)
    began = clock()

    def tell(line: str) -> None:
        if not quiet:
            typer.echo(json.dumps({"event": "say", "text": line}) if as_json else line)

    def do(plan: Plan, *, again: bool = False) -> list[str]:
        note_study(opened, whole, trains=True)
        return train(
            plan,
            opened,
            device=device,
            workers=workers,
            data_dir=data_dir,
            quiet=quiet,
            as_json=as_json,
            on_done=on_done,
            on_epoch=on_epoch,
            engine=engine,
            address=address,
            warned_before=again,
        )

    if whole.adaptive is None:
        if within is not None and whole.study.folds is not None:
            raise UsageError(
                "--within ends the rounds of a study whose seeds go where they decide, which they "
                "do not with folds: give a number of --seeds for which there is time"
            )
        if within is not None:
            raise UsageError(
                "--within ends the rounds of a study whose seeds go where they decide: ask for "
                f"these by --seeds {AUTO}, or by seeds = {{ start = 2, most = 8 }} in its file"
            )
        return Trained(wanted, do(wanted))

    again = False
    rounds = decide(whole, opened)
    if not rounds and within is not None:
        tell(_promise(wanted, opened, within))
    while True:
        now = staged(wanted, rounds)
        if rounds and within is not None and missing(now, opened):
            needed = _seconds(now, opened)
            if needed is not None and clock() - began + needed > within:
                tell(_too_long(rounds[-1], needed, within))
                break
        lost = do(now, again=again)
        again = True
        if lost:
            return Trained(now, lost)
        done, rounds = len(rounds), decide(whole, opened)
        for over in rounds[done:]:
            if as_json and not quiet:
                typer.echo(json.dumps({"event": "round", **over.to_dict()}))
            else:
                tell(_told(over))
        if following(whole.adaptive, rounds) is None:
            break
        if len(rounds) == done:
            tell(_others(whole, now, rounds, opened))
            break
    return Trained(staged(wanted, rounds), [], _left_open(whole, opened, rounds))


def _seconds(plan: Plan, store: Store) -> float | None:
    """How long a plan still takes on the machine that trained last; None if nobody knows."""
    left = time_left(plan, store, costs(plan.study, store))
    return None if left is None else left[0]


def _promise(plan: Plan, store: Store, within: float) -> str:
    seconds = _seconds(plan, store)
    known = "how long is not known yet" if seconds is None else f"about {duration(seconds)}"
    return (
        f"the first {counted(plan.seeds, 'seed')} of every rung are trained in any case ({known}); "
        f"more only as far as they fit into {duration(within)}"
    )


def _too_long(last: Round, needed: float, within: float) -> str:
    return (
        f"no more seeds: the next round takes about {duration(needed)} and would not end within "
        f"{duration(within)}; {counted(len(last.of('open')), 'comparison')} left open"
    )


def _others(whole: Plan, now: Plan, rounds: tuple[Round, ...], store: Store) -> str:
    """Why nothing is decided though all that was asked for is done."""
    known = {spec.key for spec in now.runs}
    at = staged(whole, rounds)
    unfinished = (*missing(at, store), *unrecorded(at, store))
    left = [spec for spec in unfinished if spec.key not in known or spec.recorded]
    return (
        "where more seeds go is decided when every rung of the study has those of the round: "
        f"{counted(len(left), 'run')} of others {'is' if len(left) == 1 else 'are'} missing"
    )


def _told(over: Round) -> str:
    """What a round came to, in a line."""
    found = (
        f"{len(items)} {state} ({', '.join(item.rung for item in items)})"
        for state in STATES
        if (items := over.of(state))
    )
    return (
        f"after {counted(over.number, 'seed')}, on validation: {'; '.join(found)}"
        f" [{counted(over.runs, 'run')}, {duration(over.seconds)} of training]"
    )


def _left_open(whole: Plan, store: Store, rounds: tuple[Round, ...]) -> tuple[str, ...]:
    """A line for each comparison that is open, with the time that going on with it takes."""
    if not rounds or whole.adaptive is None:
        return ()
    last = rounds[-1]
    more = following(whole.adaptive, rounds)

    def cost(item: Decision, seeds: int) -> str:
        pair = dict.fromkeys((item.rung, item.against), seeds)
        seconds = _seconds(whole.with_seeds({**last.seeds, **pair}), store)
        return "" if seconds is None else f", about {duration(seconds)}"

    lines = []
    for item in last.of("open"):
        said = f"open on validation: {item.rung} against {item.against}"
        if item.delta is not None and item.error is not None:
            said += f", {100 * item.delta:+.1f} +- {100 * item.error:.1f} points"
        if more is None:
            lines.append(f"{said} with {last.number} seeds, the most that were asked for")
            continue
        said += f"; {more} seeds of both take {counted(_runs(whole, store, item, more), 'run')}"
        said += cost(item, more)
        if more < whole.adaptive.most:
            said += f"; {whole.adaptive.most} seeds{cost(item, whole.adaptive.most)}"
        lines.append(said)
    return tuple(lines)


def _runs(whole: Plan, store: Store, item: Decision, seeds: int) -> int:
    pair = whole.with_seeds(dict.fromkeys((item.rung, item.against), seeds))
    sides = [pair.rung(name) for name in (item.rung, item.against)]
    keys = {spec.key for side in sides if side is not None for spec in side.runs}
    return sum(not store.is_finished(key) for key in keys)
