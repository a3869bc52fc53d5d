"""Seeds where they decide: which rungs get more, when that ends, and that it is always the same."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from rungs.evidence import rounds as module
from rungs.evidence.archives import keep, take
from rungs.evidence.rounds import decide
from rungs.evidence.seal import least_seeds, open_at_end, read_seal, unseal
from rungs.evidence.selection import select
from rungs.foundation.errors import StoreError
from rungs.statistics.looks import Look
from rungs.statistics.verdicts import Evidence
from rungs.store import Store, open_store
from rungs.study.jobs import missing, with_finished_seeds
from rungs.study.plan import plan
from rungs.study.rounds import Round, read_rounds, staged
from rungs.study.seeds import Adaptive
from tests.rounds import adaptive, counts, go_on, train, whole

State = Literal["open", "settled", "futile"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, int]]]:
    """Has looks say what they are told to, rung by rung; returns the seeds that they saw."""

    def scripted(**told: Sequence[State]) -> list[dict[str, int]]:
        seen: list[dict[str, int]] = []

        def look(
            pairs: Sequence[tuple[Evidence, Evidence]],
            pool: Sequence[Evidence],
            *,
            family: int,
            margin: float,
        ) -> tuple[Look, ...]:
            assert (family, margin) == (3, 0.01)
            seen.append({one.name: len(one.correct) for pair in pairs for one in pair})
            number = len(seen)
            return tuple(Look(told[one.name][:number][-1], 0.1, 0.01, 0.5) for one, _ in pairs)

        monkeypatch.setattr(module, "open_pairs", look)
        return seen

    return scripted


def states(rounds: Sequence[Round]) -> list[list[str]]:
    return [[item.state for item in one.decisions] for one in rounds]


def test_only_both_rungs_of_what_is_open_get_more(
    store: Store, script: Callable[..., list[dict[str, int]]]
) -> None:
    seen = script(
        large=["settled", "open", "open", "open"],
        small=["open", "futile", "open", "open"],
        none=["open", "open", "open", "settled"],
    )
    rounds = go_on(store, whole())
    # What was closed stays so, whatever is said of it later.
    assert states(rounds) == [
        ["settled", "open", "open"],
        ["settled", "futile", "open"],
        ["settled", "futile", "open"],
        ["settled", "futile", "settled"],
    ]
    assert seen == [
        {"base": 2, "large": 2, "small": 2, "none": 2},
        {"base": 3, "large": 2, "small": 3, "none": 3},
        {"base": 3, "large": 2, "small": 5, "none": 5},
        {"base": 3, "large": 2, "small": 8, "none": 8},
    ]
    assert [one.runs for one in rounds] == [8, 3, 4, 6]
    assert [one.seconds for one in rounds] == [30.0 * n for n in (8, 3, 4, 6)]
    assert not missing(staged(whole(), rounds), store)


def test_it_ends_with_the_most_seeds(
    store: Store, script: Callable[..., list[dict[str, int]]]
) -> None:
    script(**{name: ["open"] * 9 for name in ("large", "small", "none")})
    rounds = go_on(store, whole(adaptive(seeds={"start": 2, "most": 6})))
    assert [one.number for one in rounds] == [2, 3, 5, 6]
    assert states(rounds)[-1] == ["open"] * 3
    # More may be asked for afterwards: what was decided is gone on from.
    more = go_on(store, whole(adaptive(seeds={"start": 2, "most": 8})))
    assert more[:4] == rounds
    assert [one.number for one in more] == [2, 3, 5, 6, 8]


def test_rounds_go_up_as_fibonaccis_numbers_do() -> None:
    def steps(adaptive: Adaptive) -> list[int]:
        found = [adaptive.start]
        while (following := adaptive.after(found[-1])) is not None:
            found.append(following)
        return found

    assert steps(Adaptive()) == [2, 3, 5, 8]
    assert steps(Adaptive(2, 30)) == [2, 3, 5, 8, 13, 21, 30]
    assert steps(Adaptive(4, 9)) == [4, 5, 8, 9]
    assert steps(Adaptive(3, 3)) == [3]


def test_looks_at_real_answers_find_what_is_large_at_once(store: Store) -> None:
    rounds = go_on(store, whole())
    first = {item.rung: item for item in rounds[0].decisions}
    assert first["large"].state == "settled"
    assert first["large"].delta == pytest.approx(0.4, abs=0.06)
    assert first["small"].state == "open"
    assert rounds[-1].seeds["large"] == 2 < rounds[-1].seeds["small"]


def test_a_rung_whose_runs_all_fail_gets_no_more(store: Store) -> None:
    rounds = go_on(store, whole(), fail={"small": "loss is nan"})
    found = {item.rung: (item.state, item.delta) for item in rounds[0].decisions}
    assert found["small"] == found["none"] == ("failed", None)
    assert (rounds[-1].seeds["small"], rounds[-1].seeds["none"]) == (2, 2)


def test_what_was_decided_is_not_decided_again(
    store: Store, script: Callable[..., list[dict[str, int]]]
) -> None:
    seen = script(large=["settled"], small=["futile"], none=["open", "futile"])
    train(store, whole())
    first = decide(whole(), store)
    # Other seeds are finished meanwhile, and the runs of the round come from elsewhere.
    train(store, plan(adaptive(), seeds=5))
    assert decide(whole(), store)[:1] == first
    assert seen[1] == {"base": 2, "large": 2, "small": 3, "none": 3}
    assert decide(whole(), store) == read_rounds(store.root, whole())
    assert len(seen) == 2


def test_another_question_is_decided_for_itself(store: Store) -> None:
    rounds = go_on(store, whole())
    other = adaptive(title="Another title", final="small")
    assert read_rounds(store.root, plan(other)) == rounds
    changed = adaptive(budgets={"equal": 4})
    assert read_rounds(store.root, plan(changed)) == ()
    assert read_rounds(store.root, plan(adaptive(), epochs=4)) == ()
    # Asked for on the command line or in the file, it is the same.
    assert read_rounds(store.root, plan(adaptive(seeds=1), seeds="auto")) == rounds


def test_a_damaged_file_is_named(store: Store) -> None:
    go_on(store, whole())
    (path,) = (store.root / "rounds").iterdir()
    path.write_text(json.dumps({"rounds": [{"seeds": 3}]}), encoding="utf-8")
    with pytest.raises(StoreError, match=r"rounds-equal-.* is damaged"):
        decide(whole(), store)


def test_the_test_set_is_opened_once_nothing_is_open_or_the_most_is_reached(
    store: Store, script: Callable[..., list[dict[str, int]]]
) -> None:
    study = adaptive()
    script(large=["settled"], small=["futile"], none=["open", "settled"])
    assert open_at_end(store, study) == 8
    train(store, whole())
    # With so many seeds as the first round has, something is open: two runs are to come.
    assert open_at_end(store, study) == 2
    assert read_seal(store.root, study) is None
    assert least_seeds(store, study) == 2
    rounds = go_on(store, whole())
    assert len(rounds) == 2
    assert open_at_end(store, study) == 0
    seal = read_seal(store.root, study)
    assert seal is not None
    assert not seal.hindsight(study).is_late(staged(whole(), rounds).runs)
    assert seal.hindsight(study).is_late(plan(study, seeds=3).runs)


def test_seeds_that_were_decided_on_when_the_seal_was_broken_are_not_late(store: Store) -> None:
    study = adaptive()
    train(store, whole())
    now = staged(whole(), decide(whole(), store))
    assert len(now.runs) > 8
    seal = unseal(store, study)
    assert not seal.hindsight(study).is_late(now.runs)


def test_a_seal_is_the_same_however_many_seeds_are_asked_for(tmp_path: Path) -> None:
    stores = [open_store(tmp_path / name) for name in "ab"]
    hashes = [
        unseal(store, study).hash
        for store, study in zip(stores, (adaptive(), adaptive(seeds=2)), strict=True)
    ]
    assert hashes[0] == hashes[1]


def test_an_archive_takes_the_rounds_along(store: Store, tmp_path: Path) -> None:
    rounds = go_on(store, whole())
    now = staged(whole(), rounds)
    unseal(store, adaptive())
    keep(store, tmp_path / "archive", now)
    other = open_store(tmp_path / "other")
    take(tmp_path / "archive", other, whole())
    assert read_rounds(other.root, whole()) == rounds
    assert counts(with_finished_seeds(whole(), other)) == rounds[-1].seeds
    assert not missing(staged(whole(), decide(whole(), other)), other)


def _work(root: Path) -> None:
    store = open_store(root)
    go_on(store, whole())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed by a signal")
def test_killed_at_any_moment_it_goes_on_with_the_same_plan(store: Store, tmp_path: Path) -> None:
    began = time.monotonic()
    undisturbed = go_on(store, whole())
    took = time.monotonic() - began
    rng = random.Random(0)
    context = multiprocessing.get_context("fork")
    root = tmp_path / "disturbed"
    kills = 0
    seen: tuple[Round, ...] = ()
    while True:
        child = context.Process(target=_work, args=(root,))
        child.start()
        child.join(rng.uniform(0.1, 0.5) * took if kills < 12 else None)
        if not child.is_alive():
            break
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += 1
        # What was decided by then stays as it was.
        now = read_rounds(root, whole())
        assert now[: len(seen)] == seen
        seen = now
    assert child.exitcode == 0
    assert kills

    def plain(rounds: tuple[Round, ...]) -> list[Round]:
        return [replace(one, decided="") for one in rounds]

    assert plain(read_rounds(root, whole())) == plain(undisturbed)


def test_a_model_is_found_by_every_seed_of_its_own_rung(store: Store) -> None:
    rounds = go_on(store, whole())
    for item in staged(whole(), rounds).rungs:
        for spec in item.runs:
            weights = store.run_folder(spec.key) / "weights" / "best.safetensors"
            weights.parent.mkdir()
            weights.touch()
    found = {name: len(select(adaptive(), name, store).seeds) for name in rounds[-1].seeds}
    assert found == rounds[-1].seeds
