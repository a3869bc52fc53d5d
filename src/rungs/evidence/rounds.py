"""Seeds where they decide: after each round, which comparisons are still open on validation.

A round is over when all its runs are. Then every comparison of the study's that is still open is
looked at on validation: what is shown there, or cannot be expected to come to the margin, is
closed and stays so; both rungs of what is open get the seeds of the next round. The test set has
no part in it.

What is decided follows from the finished runs alone, round after round, and is written down at
once: killed at any moment and started again, a study goes on with the same plan.
"""

import time
from collections.abc import Mapping, Sequence

import filelock

from rungs.evidence.on_validation import answered, pooled
from rungs.statistics.looks import Look, open_pairs
from rungs.statistics.verdicts import Evidence
from rungs.store import Store
from rungs.study import Rung
from rungs.study.plan import Plan
from rungs.study.rounds import (
    Decision,
    Round,
    following,
    read_rounds,
    staged,
    write_rounds,
)


def decide(plan: Plan, store: Store) -> tuple[Round, ...]:
    """Looks as often as the finished runs allow, and writes down what was decided.

    Args:
        plan: of the whole study, adaptive.
        store: where its runs are, and the labels of the validation images.

    Returns:
        All rounds that are over.

    Raises:
        StoreError: the store has no such labels, or what it keeps is damaged.
    """
    with filelock.FileLock(store.root / "rounds.lock"):
        rounds = read_rounds(store.root, plan)
        while (over := _next(plan, store, rounds)) is not None:
            rounds = (*rounds, over)
            write_rounds(store.root, plan, rounds)
    return rounds


def _next(plan: Plan, store: Store, rounds: tuple[Round, ...]) -> Round | None:
    """The round that is over though nobody has looked yet; None if there is none."""
    if plan.adaptive is None or following(plan.adaptive, rounds) is None:
        return None
    now = staged(plan, rounds)
    runs = {spec.key: spec for item in now.rungs for spec in item.runs}
    if not runs or not all(map(store.is_finished, runs)):
        return None
    before = rounds[-1].seeds if rounds else {}
    known = {
        spec.key
        for item in now.rungs
        for group in item.groups[: before.get(item.rung.name, 0)]
        for spec in group
    }
    new = [key for key in runs if key not in known]
    return Round(
        seeds={item.rung.name: item.seeds for item in now.rungs},
        decisions=_decided(now, store, rounds[-1].decisions if rounds else ()),
        runs=len(new),
        seconds=sum(store.result(key).train_seconds for key in new),
        decided=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _decided(plan: Plan, store: Store, before: Sequence[Decision]) -> tuple[Decision, ...]:
    """What is decided of every comparison; what was closed before stays as it is."""
    study = plan.study
    known = {(item.rung, item.against): item for item in before}
    answers = answered(plan, store)
    found: dict[str, Decision] = {}
    for source in dict.fromkeys(rung.asked_by for rung in study.rungs):
        asked = [rung for rung in study.rungs if rung.asked_by == source and rung.after]
        everyone = [rung for rung in study.rungs if source != "study" or rung.asked_by == source]
        pool = pooled(plan, {rung.name: answers[rung.name] for rung in everyone})
        looks = _looks(asked, answers, pool, study.margin)
        for rung in asked:
            now = known.get((rung.name, rung.after or ""))
            if now is None or now.state == "open":
                sides = (answers[rung.name], answers[rung.after or ""])
                now = _decision(sides, looks.get(rung.name))
            found[rung.name] = now
    return tuple(found[rung.name] for rung in study.rungs if rung.name in found)


def _decision(sides: tuple[Evidence, Evidence], look: Look | None) -> Decision:
    one, other = sides
    if look is not None:
        return Decision(one.name, other.name, look.state, look.delta, look.error, look.p)
    # A recipe of which every seed failed is not better known by more of them.
    hopeless = any(not len(side.correct) for side in sides)
    return Decision(one.name, other.name, "failed" if hopeless else "open", None, None, None)


def _looks(
    asked: Sequence[Rung],
    answers: Mapping[str, Evidence],
    pool: Sequence[Evidence],
    margin: float,
) -> dict[str, Look]:
    """Rung -> what validation says of it; of none where a side lacks a second seed."""
    pairs = {rung.name: (answers[rung.name], answers[rung.after or ""]) for rung in asked}
    told = {name: pair for name, pair in pairs.items() if min(len(e.correct) for e in pair) > 1}
    if not told:
        return {}
    looks = open_pairs([*told.values()], pool, family=len(asked), margin=margin)
    return dict(zip(told, looks, strict=True))
