"""Ensembles and what they are held against, on stores whose figures are known."""

import copy
import html
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rungs.data.images import DataSet
from rungs.evidence.baselines import contests, mixtures_of
from rungs.evidence.seal import Hindsight
from rungs.execution.inference_probe import measure_inference
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.errors import StoreError, StudyError
from rungs.foundation.files import write_json, write_text
from rungs.recipe import recipe_key
from rungs.report.figures.baselines import BaselineRow, BaselineTable
from rungs.report.figures.caveats import AFTER_THE_TEST, NO_PROBABILITIES, OUTSIDE
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.report.gather.baselines import baseline_tables
from rungs.report.gather.comparison import compare
from rungs.report.gather.derived import limited_to
from rungs.report.gather.gathering import build
from rungs.report.gather.judging import caveats_of
from rungs.report.gather.runs import ended_by_name
from rungs.report.show.grounds import baseline_traces, claim_traces, gain_trace, verdict_trace
from rungs.report.show.planned import planned
from rungs.report.show.rendering import render
from rungs.report.show.section import p_value, percent, point_range
from rungs.report.show.tables.baselines import baseline_sections, best_words
from rungs.statistics.difference import difference_within
from rungs.statistics.predictions import Labels, softmax, write_array
from rungs.statistics.significance import mcnemar, paired_interval
from rungs.store import Store, open_store
from rungs.store.archive import export_runs, import_runs
from rungs.store.inference_costs import Inference, copy_inference, keep_inference, read_inference
from rungs.store.mixtures import export_mixtures, growing, import_mixtures, mixture
from rungs.store.results import Epoch, RunSpec
from rungs.study import load, parse
from rungs.study.cautions import lost_ensembles
from rungs.study.jobs import Job
from rungs.study.plan import Plan, plan
from rungs.training.record import choose_record
from tests.conftest import SETTING, TINY

PLAIN: dict[str, Any] = {
    "name": "fake",
    "base": "top",
    "final": "top",
    "data": {"kind": "synthetic", "classes": 3, "validation": 6, "test": 9, "size": 8},
    "budgets": {"equal": 4},
    "recipe": {"network": {"widths": [4]}, "batch_size": 32},
    "rungs": [
        {"name": "top"},
        {"name": "ema", "after": "top", "keep": False, "apply": ["ema"]},
        {"name": "other", "after": "top", "keep": False, "apply": ["stack_convolutions"]},
    ],
    "ensembles": [
        {"name": "shots", "rung": "top", "cycles": 2, "alpha0": 0.001},
        {"name": "even", "kind": "no_cycle", "rung": "top", "members": 2},
        {"name": "deep", "kind": "seeds", "rung": "top", "members": 3, "rivals": ["other"]},
    ],
}
TEST = np.arange(9) % 3
VALIDATION = np.arange(6) % 3
COSTS = {"top": (10, 10, 100), "ema": (10, 10, 100), "other": (20, 20, 250)}


def edited(place: int, **changes: Any) -> dict[str, Any]:
    """PLAIN with keys of an ensemble set; None deletes one."""
    plain = copy.deepcopy(PLAIN)
    ensemble = {**plain["ensembles"][place], **changes}
    plain["ensembles"][place] = {k: v for k, v in ensemble.items() if v is not None}
    return plain


def logits(right: set[int], labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sure of the true class on some images, and less sure of the next one on the others."""
    there = np.isin(np.arange(len(labels)), list(right))
    sure = np.where(there, 3.0, 1.0).astype(np.float32)
    answers = np.where(there, labels, (labels + 1) % 3)
    return np.eye(3, dtype=np.float32)[answers] * sure[:, None]


def put(store: Store, spec: RunSpec, failed: str | None = None, **right: set[int]) -> None:
    """A finished run, its best epoch and snapshots right on these images of each part."""
    folder = store.work_folder(spec.key)
    (folder / "predictions").mkdir()
    for name, images in right.items():
        for part, labels in (("test", TEST), ("validation", VALIDATION)):
            path = folder / "predictions" / f"{name.replace('_', '-')}-{part}.npy"
            write_array(path, logits(images, labels))
    history = [
        Epoch(number, 1.0, 0.6, 2.0, 0.5, 0.001, 10.0 / spec.epochs, 1.0)
        for number in range(1, spec.epochs + 1)
    ]
    write_text(folder / "epochs.jsonl", "".join(json.dumps(e.to_dict()) + "\n" for e in history))
    result = {
        "spec": spec.to_dict(),
        "best_epoch": 1,
        "snapshots": len(right) - 1,
        "execution": choose_record("cpu", 1).to_dict(),
        "exact": True,
        "failed": failed,
    }
    write_json(folder / "run.json", result)
    store.complete(spec.key)
    store.index.add(spec.key, store.result(spec.key))


def fill(store: Store, wanted: Plan) -> None:
    """All runs: of the first seed those that the tests below know, of others nearly the same."""
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        store.write_labels(wanted.study.data.fingerprint, part, Labels(labels, ("a", "b", "c")))
    shots, even, deep = wanted.ensembles
    for seed in range(wanted.seeds):
        more = {8} if seed else set()
        if not store.is_finished(wanted.rungs[0].runs[seed].key):
            put(store, wanted.rungs[0].runs[seed], best={0, 1, 2, 3} | more)
        put(store, wanted.rungs[1].runs[seed], best={0, 1, 2, 3, 4} | more)
        put(store, wanted.rungs[2].runs[seed], best={0})
        first, last = {0, 1, 2, 3, 4}, {3, 4, 5, 6}
        put(store, shots.runs[seed], best=set(), snapshot_1=first, snapshot_2=last | more)
        put(store, even.runs[seed], best=set(), snapshot_1={0, 1, 2}, snapshot_2={0, 1, 2, 3})
    for place, spec in enumerate(deep.runs):
        if not store.is_finished(spec.key):
            put(store, spec, best={0, 1, 2, place + 3})


def tables(store: Store, wanted: Plan, *, with_test: bool = True) -> tuple[BaselineTable, ...]:
    return baseline_tables(wanted, store, COSTS, with_test=with_test)


def row(table: BaselineTable, name: str) -> BaselineRow:
    return next(item for item in table.rows if item.name == name)


@pytest.fixture
def wanted() -> Plan:
    return plan(parse(PLAIN, "fake.toml"))


@pytest.fixture
def filled(store: Store, wanted: Plan) -> Store:
    fill(store, wanted)
    return store


# --- the study and its plan ----------------------------------------------------------------------


def test_kinds_and_their_runs() -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    shots, even, deep = wanted.ensembles
    assert [item.ensemble.kind for item in wanted.ensembles] == ["snapshots", "no_cycle", "seeds"]
    assert [len(item.runs) for item in wanted.ensembles] == [2, 2, 6]
    top = wanted.rungs[0].runs
    assert [spec.seed for spec in deep.runs] == [0, 1, 2, 3, 4, 5]
    assert {top[0].key, top[1].key} <= {spec.key for spec in deep.groups[0]}
    assert deep.members(1) == tuple((spec.key, "best") for spec in deep.runs[3:])
    assert even.runs[1].kept_epochs == (2, 4)
    assert even.runs[1].recipe == top[1].recipe
    assert even.runs[1].key != top[1].key
    assert shots.runs[0].kept_epochs == ()
    assert even.members(1) == ((even.runs[1].key, "snapshot-1"), (even.runs[1].key, "snapshot-2"))
    assert len(wanted.runs) == 3 * 2 + 2 + 2 + 6 - 2
    assert RunSpec.from_dict(even.runs[0].to_dict()) == even.runs[0]
    assert "kept_epochs" not in top[0].to_dict()
    text = planned(wanted, ended_by_name(wanted, None), COSTS, width=160)
    assert "2 snapshots of top without cycles, one run" in text
    assert "3 seeds of top, 3 runs" in text


def test_kept_epochs_are_evenly_spaced_and_end_with_the_run() -> None:
    study = parse(edited(1, members=3), "fake.toml")
    assert study.ensembles[1].kept_epochs(7) == (2, 4, 7)
    assert plan(study, epochs=2).left_out == (
        "even is left out: 2 epochs have no 3 ends for snapshots",
    )


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (
            edited(1, members=5),
            "ensembles[1].members: in budget 'equal': 4 epochs have no 5 ends for snapshots",
        ),
        (
            edited(1, kind="no_cycles"),
            "ensembles[1].kind: expected one of 'snapshots', 'no_cycle', 'seeds', "
            "found 'no_cycles'; did you mean 'no_cycle'?",
        ),
        (
            edited(2, alpha0=0.1),
            "ensembles[2].alpha0: unknown key; known are 'kind', 'name', 'rung', 'rivals', "
            "'members'",
        ),
        (
            edited(0, cycles=None, members=2),
            "ensembles[0].members: unknown key; known are 'kind', 'name', 'rung', 'rivals', "
            "'cycles', 'alpha0'",
        ),
        (edited(0, alpha0=None), "ensembles[0].alpha0: is needed, but missing"),
        (
            edited(2, rivals=["othr"]),
            "ensembles[2].rivals[0]: there is no rung 'othr'; did you mean 'other'?",
        ),
        (
            edited(2, rivals=["top"]),
            "ensembles[2].rivals[0]: 'top' is the ensemble's own rung, which is there anyway",
        ),
    ],
)
def test_mistakes(plain: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse(plain, "fake.toml")
    assert [str(mistake) for mistake in caught.value.mistakes] == [message]


def test_a_contest_has_averages_and_named_rungs_but_no_others(wanted: Plan) -> None:
    (contest,) = contests(wanted)
    assert contest.single.name == "top"
    assert [(item.name, item.models) for item in contest.others] == [
        ("ema", 1),
        ("other", 1),
        ("shots, last alone", 1),
        ("shots", 2),
        ("even", 2),
        ("deep", 3),
    ]
    unnamed = plan(parse(edited(2, rivals=None), "fake.toml"))
    assert "other" not in [item.name for item in contests(unnamed)[0].others]


# --- training ------------------------------------------------------------------------------------


def test_keeping_snapshots_changes_nothing_of_a_training(store: Store, tiny: DataSet) -> None:
    recipe = parse(PLAIN, "fake.toml").rung("top").recipe
    usual, keeping = (RunSpec(recipe, 3, TINY, 0, kept) for kept in ((), (2, 3)))
    keep_labels(store, tiny)
    for spec in (usual, keeping):
        assert run_one(store, Job(spec), tiny, setting=SETTING)
    result = store.result(keeping.key)
    assert result.spec == keeping
    assert result.snapshots == 2
    losses = [[e.val_loss for e in store.result(s.key).history] for s in (usual, keeping)]
    assert losses[0] == losses[1]
    labels = store.labels(TINY.fingerprint, "validation")
    assert labels is not None
    for number, epoch in ((1, 2), (2, 3)):
        answers = store.answers(keeping.key, f"snapshot-{number}", "validation", labels)
        right = float((answers == labels.labels).mean())
        assert right == pytest.approx(result.history[epoch - 1].val_accuracy)


# --- mixtures ------------------------------------------------------------------------------------


def test_a_mixture_is_the_mean_of_softmax_outputs_of_several_runs(
    filled: Store, wanted: Plan
) -> None:
    members = wanted.ensembles[2].members(0)
    labels = filled.labels(wanted.study.data.fingerprint, "test")
    assert labels is not None
    each = [
        softmax(np.load(filled.run_folder(key) / "predictions" / f"{name}-test.npy"))
        for key, name in members
    ]
    expected = np.mean(each, axis=0)
    for _ in range(2):  # computed, then read again
        found = mixture(filled, members, "test", labels)
        assert found is not None
        assert (found == expected.argmax(axis=1)).all()
    (cached,) = (filled.root / "measures" / "mixtures").iterdir()
    cached.write_bytes(b"no archive")
    assert mixture(filled, members, "test", labels) is not None
    with pytest.raises(StoreError, match="another data set"):
        mixture(filled, members, "test", Labels(TEST[:5], labels.class_names))


def test_an_ensemble_of_an_archived_member_says_why_it_cannot_be(
    filled: Store, wanted: Plan, tmp_path: Path
) -> None:
    assert lost_ensembles(wanted, filled) == []
    lone = wanted.ensembles[2].runs[0]
    export_runs(filled, [lone.key], tmp_path / "archive")
    shutil.rmtree(filled.run_folder(lone.key))
    shutil.rmtree(filled.measures, ignore_errors=True)
    other = open_store(filled.root)
    import_runs(other, tmp_path / "archive")
    # Said before anything is trained for it, too.
    shutil.rmtree(other.run_folder(wanted.ensembles[2].runs[1].key))
    (said,) = lost_ensembles(wanted, other)
    assert said.startswith("Warning: deep: top, seed 0, came from an archive")
    assert f"delete {other.run_folder(lone.key)} and run without" in said
    fill(other, wanted)
    verdict = row(tables(other, wanted)[0], "deep").verdict
    assert verdict is not None
    assert NO_PROBABILITIES in verdict.caveats
    # What was kept of it is enough.
    archive = tmp_path / "whole"
    shutil.rmtree(other.run_folder(lone.key))
    put(other, lone, best={0, 1, 2, 3})
    export_runs(other, [spec.key for spec in wanted.runs], archive)
    export_mixtures(other, mixtures_of(wanted), archive)
    third = open_store(tmp_path / "third")
    import_runs(third, archive)
    assert lost_ensembles(wanted, third)
    import_mixtures(third, archive)
    assert lost_ensembles(wanted, third) == []


def test_an_archive_gives_the_same_tables(filled: Store, wanted: Plan, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    export_runs(filled, [spec.key for spec in wanted.runs], archive)
    labels = filled.labels(wanted.study.data.fingerprint, "test")
    assert labels is not None

    def elsewhere(name: str) -> Store:
        other = open_store(tmp_path / name)
        import_runs(other, archive)
        for part, which in (("test", TEST), ("validation", VALIDATION)):
            other.write_labels(
                wanted.study.data.fingerprint, part, Labels(which, labels.class_names)
            )
        return other

    # From before mixtures were kept: the last snapshots of one run are there, all else is not.
    old = elsewhere("old")
    (table,) = tables(old, wanted)
    assert row(table, "deep").test_accuracy.values == ()
    assert row(table, "deep").growth["test"].backward == ()
    assert (
        row(table, "shots").test_accuracy == row(tables(filled, wanted)[0], "shots").test_accuracy
    )
    assert row(table, "deep").disagreement is not None

    export_mixtures(filled, mixtures_of(wanted), archive)
    kept = {path.name for path in (archive / "mixtures").iterdir()}
    # Two parts of: the first two and the last two seeds, all three. No snapshots: their run's.
    assert len(kept) == 6
    new = elsewhere("new")
    import_mixtures(new, archive)
    assert tables(new, wanted) == tables(filled, wanted)

    (archive / "mixtures" / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(StoreError, match=r"notes\.txt is not a mixture"):
        import_mixtures(new, archive)


# --- figures -------------------------------------------------------------------------------------


def test_what_costs_nobody_knows_how_much_stands_last(filled: Store, wanted: Plan) -> None:
    for unknown, names in (("other", {"other"}), ("top", {"ema", "other"}), ("ema", {"ema"})):
        costs = COSTS | {unknown: (30, 30, None)}
        (table,) = baseline_tables(wanted, filled, costs, with_test=True)
        assert {item.name for item in table.rows if item.times_cost is None} == names
        first, *_, last = table.by_cost
        assert table.single in first
        assert {item.name for item in last} == names
        titles = [section.title for section in baseline_sections([table])]
        assert "Ensembles on top: at a cost that is not known" in titles


def test_figures_with_one_seed(filled: Store, wanted: Plan) -> None:
    (table,) = tables(filled, wanted)
    assert {item.name: item.times_cost for item in table.rows} == {
        "top": 1.0,
        "ema": 1.0,
        "other": 2.5,
        "shots, last alone": 1.0,
        "shots": 1.0,
        "even": 1.0,
        "deep": 3.0,
    }
    top, shots, deep = (row(table, name) for name in ("top", "shots", "deep"))
    assert top.verdict is None
    assert top.test_accuracy.values == (4 / 9,)
    # Where one snapshot is right it is surer than the other is of a wrong class.
    assert shots.test_accuracy.values == (7 / 9,)
    assert shots.verdict is not None
    assert shots.verdict.outcome == "one seed"
    assert shots.verdict.delta == pytest.approx(3 / 9)
    single, both = (np.isin(np.arange(9), range(n)) for n in (4, 7))
    assert shots.verdict.p == pytest.approx(mcnemar(both, single))
    assert shots.images_only == paired_interval(both, single)
    assert shots.verdict.family == 6
    assert shots.growth["test"].forward == (5 / 9, 7 / 9)
    assert shots.growth["test"].backward == (4 / 9, 7 / 9)
    assert shots.disagreement == pytest.approx(5 / 9)  # on 0, 1, 2, 5 and 6
    assert deep.growth["test"].forward == pytest.approx((4 / 9, 5 / 9, 6 / 9))
    assert deep.train_seconds == 30.0
    assert (deep.models, deep.seeds) == (3, (0,))
    assert shots.inference is None


def test_figures_with_two_seeds_are_judged_together(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    fill(store, wanted)
    (table,) = tables(store, wanted)
    for item in table.others:
        assert item.verdict is not None
        assert item.verdict.n_seeds == (2, 2)
        assert item.verdict.family == 6
        assert item.verdict.low is not None
        assert item.images_only is None
    assert len(row(table, "deep").test_accuracy.values) == 2


def test_a_baseline_has_caveats_that_its_figures_are_to_be_read_with(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    deep = wanted.ensembles[2]
    for spec in deep.groups[1][1:]:
        put(store, spec, failed="the loss is no longer finite", best={0})
    fill(store, wanted)
    (table,) = baseline_tables(
        wanted, store, COSTS, with_test=True, hindsight=Hindsight(frozenset(("ema", "deep")))
    )
    caveats = {item.name: item.verdict.caveats for item in table.others if item.verdict is not None}
    assert caveats["shots"] == ()
    assert caveats["ema"] == (AFTER_THE_TEST,)
    assert caveats["deep"] == (
        AFTER_THE_TEST,
        "unequal budget: 12 epochs against 4",
        "2 failed of deep",
    )
    families = {item.name: item.verdict.family for item in table.others if item.verdict is not None}
    assert families == {
        "ema": 1,
        "other": 4,
        "shots, last alone": 4,
        "shots": 4,
        "even": 4,
        "deep": 1,
    }
    late = baseline_tables(
        wanted, store, COSTS, with_test=True, hindsight=Hindsight(frozenset(("top",)))
    )[0]
    assert all(AFTER_THE_TEST in item.verdict.caveats for item in late.others if item.verdict)


def test_baselines_are_held_against_what_was_asked_when_the_test_was_seen(store: Store) -> None:
    """`other` was no baseline then, two more were, and the second seed was not planned."""
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    fill(store, wanted)
    (contest,) = contests(wanted)
    key = recipe_key(contest.single.recipe)
    then = frozenset(one.asks for one in contest.others if one.name != "other")
    planned = {spec.key for spec in plan(wanted.study, seeds=1).runs}
    gone = {key: then | {"0", "1"}}
    hindsight = Hindsight(contenders=gone, given_up={key: 2}, runs=frozenset(planned))
    (table,) = baseline_tables(wanted, store, COSTS, with_test=True, hindsight=hindsight)
    found = {item.name: item.verdict for item in table.others if item.verdict is not None}
    assert {name: verdict.family for name, verdict in found.items()} == {
        "ema": 7,
        "other": 1,
        "shots, last alone": 7,
        "shots": 7,
        "even": 7,
        "deep": 7,
    }
    # The single model's second seed was planned: it is a member of the deep ensemble's first.
    assert found["shots"].caveats == (f"1 of 2 seeds of shots {AFTER_THE_TEST}",)
    assert found["other"].caveats[0] == AFTER_THE_TEST  # as a whole: nothing is said of its seeds
    assert not any(" of 2 " in caveat for caveat in found["other"].caveats)


def test_what_came_late_has_no_say_in_the_variance_of_the_others(tmp_path: Path) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    found = []
    for name, right in (("quiet", {0, 1, 2}), ("loud", set(range(9)))):
        store = open_store(tmp_path / name)
        for spec in wanted.ensembles[2].groups[1]:
            put(store, spec, best=right)
        fill(store, wanted)
        (table,) = baseline_tables(
            wanted, store, COSTS, with_test=True, hindsight=Hindsight(frozenset(("deep",)))
        )
        assert len(row(table, "deep").seeds) == 2
        found.append({item.name: item.verdict for item in table.others if item.name != "deep"})
    assert found[0] == found[1]


def test_the_gain_over_the_last_member_is_taken_seed_by_seed(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    fill(store, wanted)
    data = report(store, wanted)
    shots = data.ensembles[0]
    last = np.array([np.isin(np.arange(9), right) for right in ([3, 4, 5, 6], [3, 4, 5, 6, 8])])
    found = difference_within(shots.correct, last)
    low, high = found.interval(0.05)
    assert shots.gain_interval == (max(low, -1.0), min(high, 1.0))
    assert shots.gain_p == found.p
    assert "for new seeds and new images)" in " ".join(render(data, "text").split())
    trace = gain_trace(data, shots)
    assert trace is not None
    assert dict(trace.lines) == {
        "n": "9 test images; 2 seeds",
        "Seeds": "0, 1 of shots",
        "Interval": f"{point_range(*shots.gain_interval)} points, 95 %, seed by seed, "
        "for new seeds and new images",
        "p": p_value(found.p),
        "Family": "1: this comparison alone, not corrected for others",
    }
    assert trace.title in html.unescape(render(data, "html"))


def test_the_gain_of_one_seed_is_of_these_models(filled: Store, wanted: Plan) -> None:
    data = report(filled, wanted)
    shots = data.ensembles[0]
    whole, last = (np.isin(np.arange(9), right) for right in (range(7), [3, 4, 5, 6]))
    assert shots.gain_p == mcnemar(whole, last)
    trace = gain_trace(data, shots)
    assert trace is not None
    assert dict(trace.lines)["p"].endswith(
        ", McNemar, exact, these two trained models on new images"
    )
    unread = build(wanted, filled, with_test=False, environment={}, costs=COSTS)
    assert gain_trace(unread, unread.ensembles[0]) is None


CLAIMS = [
    {
        "text": "Two snapshots are better than one run.",
        "quantity": {"measure": "ensemble_test_accuracy", "ensemble": "shots"},
        "than": {"measure": "test_accuracy", "rung": "top"},
        "relation": "above",
    },
    {
        "text": "Cycles are better than none.",
        "quantity": {"measure": "ensemble_test_accuracy", "ensemble": "shots"},
        "than": {"measure": "ensemble_test_accuracy", "ensemble": "even"},
        "relation": "above",
    },
    {
        "text": "Together they are better than the last.",
        "quantity": {"measure": "ensemble_gain", "ensemble": "shots"},
        "relation": "above",
    },
]


@pytest.mark.parametrize("seeds", [1, 2])
def test_claims_of_ensembles_open_to_what_they_stand_on(store: Store, seeds: int) -> None:
    wanted = plan(parse({**PLAIN, "claims": CLAIMS}, "fake.toml"), seeds=seeds)
    fill(store, wanted)
    data = report(store, wanted)
    against_single, against_even, gain = (dict(item.lines) for item in claim_traces(data))
    for lines in (against_single, against_even, gain):
        assert {"n", "Seeds", "Interval", "p", "Family"} <= set(lines)
    shots = data.ensembles[0]
    assert shots.gain_interval is not None
    assert gain["Interval"].startswith(point_range(*shots.gain_interval))
    verdict = row(data.baselines[0], "shots").verdict
    assert verdict is not None
    single = dict(verdict_trace(data, verdict).lines)
    assert against_single["Interval"] == single["Interval"]
    assert against_single["p"] == single["p"]
    assert "0 of even" in against_even["Seeds"] or "0, 1 of even" in against_even["Seeds"]


def test_what_came_after_the_test_was_seen_is_marked_in_every_comparison(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    fill(store, wanted)
    late = Hindsight(frozenset(("ema", "deep")))
    data = build(wanted, store, with_test=True, environment={}, costs=COSTS, hindsight=late)
    caveats = [f"{name} {AFTER_THE_TEST}" for name in ("deep", "ema")]
    assert [*compare(data, "deep", "ema").caveats[:2]] == caveats
    assert caveats[0] in compare(data, "shots", "deep").caveats
    assert caveats[1] in compare(data, "ema@0", "shots@0").caveats
    assert {rung.name: rung.notes[:1] for rung in data.rungs}["ema"] == (AFTER_THE_TEST,)


def test_a_comparison_with_the_single_model_is_that_of_the_table(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=2)
    fill(store, wanted)
    data = report(store, wanted)
    (table,) = data.baselines
    for name in ("shots", "deep", "shots, last alone"):
        assert compare(data, name, "top") == row(table, name).verdict
    alone = compare(data, "shots, last alone", "top")
    assert compare(data, "top", "shots, last alone") == alone.turned()
    turned = compare(data, "top", "deep")
    assert turned.family == 6
    assert turned.caveats == ("unequal budget: 4 epochs against 12",)
    assert turned.turned().p_adjusted == compare(data, "deep", "top").p_adjusted
    # A rung that stands on another is the ladder's question.
    assert compare(data, "ema", "top") == data.rungs[1].verdict
    outside = compare(data, "deep", "shots")
    assert outside.family == 1
    assert outside.caveats == ("unequal budget: 12 epochs against 4", OUTSIDE)
    traces = {
        trace.title.split(" against")[0]: dict(trace.lines) for trace in baseline_traces(data)
    }
    assert set(traces) == {item.name for item in table.others}
    # `ema` stands in both families: this is the table's.
    for name in ("deep", "ema"):
        assert (
            traces[name]["Family"]
            == "6: every ensemble and baseline, each against the single model"
        )
    ladders = dict(verdict_trace(data, compare(data, "ema", "top")).lines)
    assert ladders["Family"] == "2: every rung of the study that stands on another"
    commands = {trace.title.split(" against")[0]: trace.command for trace in baseline_traces(data)}
    assert commands["deep"].startswith("rungs compare fake.toml deep top")
    assert commands["ema"].startswith("rungs report fake.toml")
    assert traces["shots, last alone"]["Seeds"] == "0, 1 of shots, last alone; 0, 1 of top"
    assert "What each difference from the single model stands on" in render(data, "html")


def test_failed_runs_of_a_deep_ensemble_are_counted_by_seed(store: Store) -> None:
    wanted = plan(parse(PLAIN, "fake.toml"), seeds=3)
    deep = wanted.ensembles[2]
    for spec in deep.groups[1]:
        put(store, spec, failed="the loss is no longer finite", best={0})
    for spec in deep.groups[0]:
        put(store, spec, best={0, 1})
    data = report(store, wanted)
    found = data.ensembles[2]
    assert (found.failed_seeds, found.epochs_of_all) == ((1,), 12)
    caveats = caveats_of(wanted.study, found, data.rungs[0])
    assert "3 failed of deep" in caveats
    assert "1 of 3 seeds of deep missing" in caveats


def test_without_test_labels_validation_alone_is_shown(filled: Store, wanted: Plan) -> None:
    (table,) = tables(filled, wanted, with_test=False)
    for item in table.rows:
        assert item.test_accuracy.values == ()
        assert item.verdict is None
        assert "test" not in item.growth
    assert table.members_on == "validation"
    assert row(table, "shots").disagreement == pytest.approx(4 / 6)  # on 0, 1, 2 and 5


def test_nothing_finished_is_no_figure(store: Store, wanted: Plan) -> None:
    (table,) = tables(store, wanted)
    assert all(item.seeds == () and item.val_accuracy.values == () for item in table.rows)


# --- forms ---------------------------------------------------------------------------------------


def report(store: Store, wanted: Plan) -> ReportData:
    return build(wanted, store, with_test=True, environment={}, costs=COSTS)


def test_reports_show_the_tables(filled: Store, wanted: Plan) -> None:
    found = Inference(2, 100, 1.5, 2_000_000, 3_000_000, "abacus <fast>")
    keep_inference(filled, wanted.ensembles[0].ensemble.recipe, wanted.study.data, found)
    data = report(filled, wanted)
    text = render(data, "text")
    for title in (
        "Ensembles on top: at equal training cost",
        "Ensembles on top: at 2.5 times the cost",
        "Ensembles on top: at 3 times the cost",
        "Growing ensemble deep: deep ensemble of 3 seeds",
        "Members of the ensembles on top",
        "Inference of the ensembles on top",
        "Snapshots without cycles even: 2 of top, 4 epochs",
    ):
        assert title in text
    assert "these two models" in text
    assert text.index("at equal") < text.index("at 2.5 times") < text.index("at 3 times")
    page = render(data, "html")
    assert ">× 3</td>" in page
    assert "abacus &lt;fast&gt;" in page
    assert "<fast>" not in page
    (plain,) = json.loads(render(data, "json"))["rivals"]
    assert [item["name"] for item in plain["rows"]][-1] == "deep"
    assert plain["rows"][4]["inference"]["milliseconds"] == 1.5
    assert plain["rows"][4]["growth"]["test"]["forward"] == pytest.approx([5 / 9, 7 / 9])
    assert limited_to(data, ("top",)).baselines == ()
    assert limited_to(data, ("deep",)).baselines == data.baselines


def test_an_ensemble_of_each_kind_has_its_own_figures(filled: Store, wanted: Plan) -> None:
    shots, even, deep = report(filled, wanted).ensembles
    assert (shots.alpha0, even.alpha0, deep.alpha0) == (0.001, None, None)
    assert deep.gain == pytest.approx(6 / 9 - 4 / 9)
    assert deep.train_seconds == 30.0
    whole, last = (np.isin(np.arange(9), list(right)) for right in (range(7), {3, 4, 5, 6}))
    assert shots.gain_interval == paired_interval(whole, last)
    assert even.correct.shape == deep.correct.shape == (1, 9)


# --- measures ------------------------------------------------------------------------------------


def test_growing_ensembles() -> None:
    members = (("run", "snapshot-1"), ("run", "snapshot-2"))
    forward, backward = growing(members)
    assert forward == (members[:1], members)
    assert backward == (members[1:], members)


def test_inference_that_was_measured_before_fields_were_added_or_renamed_is_found(
    tmp_path: Path,
) -> None:
    """By the names that two committed measurements were given."""
    archive = Path(__file__).parents[2] / "results" / "ensembles"
    store = open_store(tmp_path)
    copy_inference(archive, store.measures)
    study = load("cifar100")
    found = [
        read_inference(store, study.rung("final").recipe, study.data, models) for models in (1, 5)
    ]
    assert [item and item.models for item in found] == [1, 5]


def test_inference_is_measured_and_kept(store: Store, wanted: Plan, tmp_path: Path) -> None:
    recipe, data = wanted.rungs[0].rung.recipe, wanted.study.data
    record = choose_record("cpu", 1)
    one, three = (measure_inference(recipe, data, record, models) for models in (1, 3))
    assert three.weights_bytes == 3 * one.weights_bytes
    # Members answer one after the other: tensors alive at once hardly grow with their number.
    alive = one.peak_bytes - one.weights_bytes
    assert alive > 100 * 4 * 8 * 8 * 4  # the first layer's output, float32
    assert three.peak_bytes - three.weights_bytes < 2 * alive
    assert one.milliseconds > 0
    assert "1 thread, torch" in one.hardware
    keep_inference(store, recipe, data, three)
    assert read_inference(store, recipe, data, 3) == three
    assert read_inference(store, recipe, data, 1) is None
    copy_inference(store.root / "measures", tmp_path)
    (path,) = (tmp_path / "inference").iterdir()
    path.write_text('{"models": "many"}', encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        copy_inference(tmp_path, tmp_path / "other")


# --- best for its cost ---------------------------------------------------------------------------


def priced(name: str, accuracy: float, cost: float, models: int) -> BaselineRow:
    return BaselineRow(
        name=name,
        what=f"{name} it is",
        ensemble=name if models > 1 else None,
        times_cost=cost,
        cost_class=cost,
        models=models,
        seeds=(0,),
        train_seconds=1.0,
        val_accuracy=Spread((accuracy,)),
        test_accuracy=Spread((1 - accuracy,)),  # the other way round: it has no say
        verdict=None,
        disagreement=None,
        error_correlation=None,
        growth={},
        inference=None,
    )


@pytest.mark.parametrize(
    ("others", "best", "beaten"),
    [
        ([("shots", 0.6, 1, 3)], ["shots"], []),
        ([("shots", 0.5, 1, 3)], [], [("shots", "single")]),  # as good as one model: for nothing
        ([("swa", 0.7, 1, 1), ("shots", 0.6, 1, 3)], [], [("shots", "swa")]),
        (
            [("swa", 0.7, 1, 1), ("shots", 0.6, 1, 3), ("deep", 0.8, 3, 3)],
            ["deep"],
            [("shots", "swa")],
        ),
        ([("deep", 0.8, 3, 3), ("shots", 0.6, 1, 3)], ["shots", "deep"], []),
        ([("one", 0.6, 1, 3), ("other", 0.6, 1, 3)], ["one", "other"], []),  # level
    ],
)
def test_an_ensemble_is_best_for_its_cost_where_validation_knows_none_as_good_for_less(
    others: list[tuple[str, float, float, int]],
    best: list[str],
    beaten: list[tuple[str, str]],
) -> None:
    single = priced("single", 0.5, 1, 1)
    table = BaselineTable("single", 4, "test", single, tuple(priced(*one) for one in others))
    assert [row.name for row in table.best_for_cost] == best
    assert [(row.name, by.name) for row, by in table.beaten] == beaten


def test_the_page_begins_with_the_ensemble_that_is_best_for_its_cost(
    filled: Store, wanted: Plan
) -> None:
    data = report(filled, wanted)
    (table,) = data.baselines
    told = best_words(data)
    for one in table.best_for_cost:
        assert f"{one.name} ({one.what}), {percent(one.test_accuracy.mean)} % test" in told
        assert f"an answer asks {one.models} models" in told
    for one, by in table.beaten:
        assert one.name in told
        assert by.name in told
    assert told
    assert html.escape(told, quote=False) in html.unescape(render(data, "html"))
    assert json.loads(render(data, "json"))["rivals"][0]["best_for_cost"] == [
        one.name for one in table.best_for_cost
    ]
