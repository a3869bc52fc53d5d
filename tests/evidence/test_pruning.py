"""What of a store can go, and what never does."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from rungs.evidence.pruning import Pruning, prunable, prune
from rungs.evidence.seal import unseal
from rungs.foundation.errors import StoreError, UsageError
from rungs.store import Store
from rungs.study import Study, parse
from rungs.study.known import known_studies, note_study
from rungs.study.plan import Plan, plan
from tests.studies import GOOD, edited


def ended(store: Store, key: str, size: int = 100) -> None:
    """A folder that counts as a finished run."""
    folder = store.run_folder(key)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    (folder / "weights").write_bytes(bytes(size))


def begun(store: Store, key: str, size: int = 100) -> None:
    (store.work_folder(key) / "checkpoint.pt").write_bytes(bytes(size))


def going(found: Pruning) -> dict[str, str]:
    return {item.name: item.why for item in found.going}


@pytest.fixture
def study() -> Study:
    return parse(GOOD, "mine.toml")


@pytest.fixture
def asked(study: Study) -> Plan:
    return plan(study)


def finish(store: Store, wanted: Plan) -> None:
    for spec in wanted.runs:
        if not store.is_finished(spec.key):
            ended(store, spec.key)


def test_an_unfinished_study_loses_nothing(store: Store, study: Study, asked: Plan) -> None:
    note_study(store, asked, trains=True)
    first, second, *_ = asked.runs
    ended(store, first.key)
    begun(store, second.key)
    ended(store, "0" * 16)
    assert going(prunable(store)) == {"0" * 16: "no study asks for it"}
    # Not even by name, unless the study itself is given up.
    with pytest.raises(UsageError, match=r"needed by study 'mine', which is not finished; name"):
        prunable(store, [first.key])
    given_up = prunable(store, ["mine"])
    assert set(going(given_up)) == {first.key, second.key, "0" * 16}
    assert given_up.studies == ("mine",)


def test_finished_runs_of_any_budget_stay_unless_they_are_named(
    store: Store, study: Study, asked: Plan
) -> None:
    note_study(store, asked, trains=True)
    finish(store, asked)
    own = plan(study, budget="own", seeds=1)
    finish(store, own)  # such as those that were read off on the way of longer ones
    assert going(prunable(store)) == {}
    key = own.runs[0].key
    assert going(prunable(store, [key])) == {key: "asked for by name"}


def test_more_seeds_than_a_plan_asks_for_stay(store: Store, study: Study) -> None:
    note_study(store, plan(study, seeds=3), trains=True)
    finish(store, plan(study, seeds=3))
    note_study(store, plan(study, seeds=1), trains=True)
    assert going(prunable(store)) == {}


def test_what_is_left_for_a_longer_run_goes_when_the_study_is_finished(
    store: Store, study: Study, asked: Plan
) -> None:
    note_study(store, asked, trains=True)
    finish(store, asked)
    longer = plan(study, budget="own").runs[0]
    assert longer.key not in {spec.key for spec in asked.runs}
    begun(store, longer.key)
    why = "left for a budget of 'mine' that is not being trained"
    assert going(prunable(store)) == {longer.key: why}
    note_study(store, plan(study, budget="own"), trains=True)
    assert going(prunable(store)) == {}


def test_tried_runs_go(store: Store, asked: Plan) -> None:
    words = "dropout(0.1) on first"
    note_study(store, asked, trains=True, tried={"a" * 16: words})
    finish(store, asked)
    ended(store, "a" * 16)
    assert going(prunable(store)) == {"a" * 16: f"only tried: {words}"}


@pytest.mark.parametrize("opened", [False, True])
def test_runs_from_before_a_file_was_changed_stay_once_the_test_set_is_open(
    store: Store, study: Study, asked: Plan, opened: bool
) -> None:
    note_study(store, asked, trains=True)
    finish(store, asked)
    if opened:
        unseal(store, study)
    changed = plan(parse(edited(("rungs/1/apply/1/rates", [0.3, 0.3])), "mine.toml"))
    note_study(store, changed, trains=True)
    finish(store, changed)
    before = {spec.key for spec in asked.runs} - {spec.key for spec in changed.runs}
    assert before
    why = "of 'mine' before its file was changed"
    assert going(prunable(store)) == ({} if opened else dict.fromkeys(before, why))


def test_runs_that_two_studies_share_stay_with_the_other(store: Store, study: Study) -> None:
    other = replace(study, name="other")
    for one in (study, other):
        note_study(store, plan(one), trains=True)
    finish(store, plan(study))
    assert going(prunable(store, ["mine"])) == {}


def test_a_store_from_before_studies_were_noted_keeps_all(store: Store, asked: Plan) -> None:
    finish(store, asked)
    begun(store, "b" * 16)
    ended(store, "c" * 16)
    for _ in range(2):
        found = prunable(store)
        assert going(found) == {}
        assert "there before this store noted which study asks for which" in found.staying[0]
        note_study(store, asked, trains=False)
    assert going(prunable(store, ["c" * 16])) == {"c" * 16: "asked for by name"}
    assert going(prunable(store, ["b" * 16])) == {"b" * 16: "asked for by name"}
    ended(store, "d" * 16)  # since then
    assert set(going(prunable(store))) == {"d" * 16}


def test_a_study_that_was_interrupted_before_it_was_noted_keeps_its_checkpoints(
    store: Store, asked: Plan
) -> None:
    first, second, *_ = asked.runs
    ended(store, first.key)
    begun(store, second.key)
    note_study(store, asked, trains=False)
    assert going(prunable(store)) == {}
    assert set(going(prunable(store, ["mine"]))) == {first.key, second.key}


def test_leftovers_of_killed_processes_go_once_they_are_old(store: Store) -> None:
    (store.root / "damaged" / ("e" * 16)).mkdir(parents=True)
    (store.root / "runs" / ".x.tmp").mkdir(parents=True)
    (store.root / "runs" / ("f" * 16)).mkdir()
    assert set(going(prunable(store))) == {"e" * 16}
    later = time.time() + 2 * 24 * 3600
    assert set(going(prunable(store, now=later))) == {"e" * 16, ".x.tmp", "f" * 16}


def test_a_name_of_nothing_is_refused(store: Store, asked: Plan) -> None:
    note_study(store, asked, trains=True)
    with pytest.raises(UsageError, match=r"no study and no run 'mines'; did you mean 'mine'\?"):
        prunable(store, ["mines"])
    path = store.root / "studies" / "mine.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError, match=r"mine\.json is damaged"):
        prunable(store)


def test_deleting_frees_what_was_said_and_leaves_the_rest(
    store: Store, study: Study, asked: Plan
) -> None:
    note_study(store, asked, trains=True)
    finish(store, asked)
    unseal(store, study)
    ended(store, "a" * 16, size=5000)
    begun(store, "b" * 16, size=7000)
    measured = store.measures / f"{'a' * 16}.json"
    measured.parent.mkdir()
    measured.write_text("{}", encoding="utf-8")
    found = prunable(store)
    assert found.bytes == 5000 + len("{}") + 7000
    assert prune(store).bytes == found.bytes
    assert not store.run_folder("a" * 16).exists()
    assert not (store.root / "work" / ("b" * 16)).exists()
    assert not measured.exists()
    assert all(store.is_finished(spec.key) for spec in asked.runs)
    assert prune(store).going == ()
    prune(store, ["mine"])
    assert [*store.keys()] == []
    assert known_studies(store) == ()
    assert (store.root / "seals").is_dir()


def test_nothing_is_deleted_while_something_trains(store: Store) -> None:
    ended(store, "a" * 16)
    (store.root / "studies").mkdir()
    before: dict[str, list[str]] = {"runs": [], "work": []}
    (store.root / "studies" / ".before.json").write_text(json.dumps(before), encoding="utf-8")
    with store.sole("a training"), pytest.raises(StoreError, match="in use by process"):
        prune(store)
    assert store.is_finished("a" * 16)
    begun(store, "b" * 16)
    # Of a command that was killed, a worker may go on for a moment.
    with filelock.FileLock(store.root / "work" / f"{'b' * 16}.lock"):
        assert set(going(prune(store))) == {"a" * 16}
    assert (store.root / "work" / ("b" * 16)).is_dir()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is read-only to root")
def test_who_only_reads_notes_nothing_where_nothing_can_be_written(
    store: Store, asked: Plan, tmp_path: Path
) -> None:
    finish(store, asked)
    store.root.chmod(0o555)
    try:
        note_study(store, asked, trains=False)
    finally:
        store.root.chmod(0o755)
    assert not (store.root / "studies").exists()
