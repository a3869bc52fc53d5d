"""Reports of a store whose figures are known."""

import dataclasses
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from rungs.archive import export_runs, import_runs
from rungs.audits import (
    Audit,
    LabelError,
    LabelSearch,
    Place,
    Twin,
    TwinSearch,
    read_audit,
    write_audit,
)
from rungs.costs import Cost, costs, layer_tables
from rungs.errors import RungsError, StoreError
from rungs.files import read_json, write_json, write_text
from rungs.modifications import apply
from rungs.plan import plan
from rungs.predictions import Labels, write_array
from rungs.publishing import gather, publish, take
from rungs.report.compare import OUTSIDE, compare
from rungs.report.data import ReportData
from rungs.report.ensembleform import ensemble_section
from rungs.report.evidence import verdict_trace
from rungs.report.figures import draw
from rungs.report.forms import render, write
from rungs.report.gathering import build
from rungs.report.judging import judged, marks_of, pool_of
from rungs.report.planned import planned, progress
from rungs.report.section import Section
from rungs.report.speed import rung_speed, speed
from rungs.report.text import to_text
from rungs.report.verdictform import verdict_section
from rungs.results import Epoch, RunSpec
from rungs.seal import unseal
from rungs.store import Store, open_store
from rungs.study import Study, parse
from rungs.variants import leave_one_out

PLAIN: dict[str, Any] = {
    "name": "fake",
    "title": "A <fake> | study",
    "base": "base",
    "final": "top",
    "seeds": 2,
    "data": {"kind": "synthetic", "classes": 3, "validation": 6, "test": 9, "size": 8},
    "budgets": {"equal": 3, "own": {"base": 3, "tried": 3, "top": 6, "broken": 3}},
    "recipe": {"network": {"widths": [4]}},
    "rungs": [
        {"name": "base", "reported": {"test_accuracy": 0.5, "epochs": 3}},
        {"name": "tried", "after": "base", "keep": False, "apply": ["residual"]},
        {"name": "top", "after": "base", "apply": ["stack_convolutions"]},
        {"name": "broken", "after": "top", "apply": ["global_average_pooling"]},
    ],
    "ensembles": [{"name": "shots", "rung": "top", "cycles": 3, "alpha0": 0.001}],
    "assumptions": [{"field": "batch_size", "text": "A reading with a | bar."}],
    "errata": [{"said": "All is well.", "found": "One of four fails."}],
    "claims": [
        {
            "text": "The top is above the base.",
            "quantity": {"measure": "test_accuracy", "rung": "top"},
            "than": {"measure": "test_accuracy", "rung": "base"},
            "relation": "above",
        },
        {
            "text": "At its own budget the top reaches 90 %.",
            "quantity": {"measure": "test_accuracy", "rung": "top"},
            "relation": "about",
            "value": 0.9,
            "budget": "own",
        },
    ],
}
TEST = np.arange(9) % 3
VALIDATION = np.arange(6) % 3


def put(
    store: Store,
    spec: RunSpec,
    *,
    right: int = 0,
    snapshots: tuple[int, ...] = (),
    failed: str | None = None,
) -> None:
    """A finished run whose best epoch is right on the first ``right`` test images."""
    folder = store.work_folder(spec.key)
    (folder / "predictions").mkdir()
    history = [
        Epoch(number, 1.0, 0.6, loss, 0.5 + number / 100, 0.001, 10.0, 1.0)
        for number, loss in enumerate([2.0, 1.5, *[1.9] * (spec.epochs - 2)], start=1)
    ]
    models = {"best": right} | {f"snapshot-{i}": n for i, n in enumerate(snapshots, start=1)}
    for name, count in models.items():
        for part, labels in (("test", TEST), ("validation", VALIDATION)):
            answers = np.where(np.arange(len(labels)) < count, labels, (labels + 1) % 3)
            write_array(
                folder / "predictions" / f"{name}-{part}.npy",
                np.eye(3, dtype=np.float32)[answers],
            )
    write_text(folder / "epochs.jsonl", "".join(json.dumps(e.to_dict()) + "\n" for e in history))
    write_json(
        folder / "run.json",
        {
            "spec": spec.to_dict(),
            "best_epoch": 0 if failed else 2,
            "snapshots": len(snapshots),
            "execution": {
                "device": "cpu",
                "processor": "abacus",
                "threads": 1,
                "layout": "contiguous",
                "torch": "2",
            },
            "exact": True,
            "failed": failed,
        },
    )
    store.complete(spec.key)
    store.index.add(spec.key, store.result(spec.key))


@pytest.fixture(scope="module")
def study() -> Study:
    return parse(PLAIN, "fake.toml")


@cache
def measured_costs() -> dict[str, Cost]:
    return costs(parse(PLAIN, "fake.toml"), None)


@pytest.fixture
def filled(tmp_path: Path, template: Path) -> Store:
    """A store of one's own; made once and copied, since every write waits for the disk."""
    shutil.copytree(template, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, study: Study) -> Path:
    store = open_store(tmp_path_factory.mktemp("template"))
    names = ("a", "b<script>", "c")
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        store.write_labels(study.data.fingerprint, part, Labels(labels, names))
    wanted = plan(study)
    rungs = {item.rung.name: item.runs for item in wanted.rungs}
    put(store, rungs["base"][0], right=3)
    put(store, rungs["base"][1], right=6)
    put(store, rungs["top"][0], right=9)
    put(store, rungs["broken"][0], failed="the loss is no longer finite at epoch 1, step 2")
    put(store, wanted.ensembles[0].runs[0], right=5, snapshots=(2, 4, 6))
    return store.root


def report(store: Store, study: Study, *, with_test: bool = True, **limits: Any) -> ReportData:
    return build(
        plan(study, **limits),
        store,
        with_test=with_test,
        environment={"rungs": "1"},
        costs=measured_costs(),
    )


def test_figures_are_those_of_the_runs(filled: Store, study: Study) -> None:
    plain = json.loads(render(report(filled, study), "json"))
    base, tried, top, broken = plain["rungs"]
    assert base["test_accuracy"] == {"mean": pytest.approx(0.5), "values": [3 / 9, 6 / 9]}
    assert base["val_accuracy"]["values"] == [0.52, 0.52]
    assert base["val_loss"]["mean"] == 1.5
    assert base["seeds"] == [0, 1]
    assert base["delta_previous"] is None
    assert base["train_seconds"] == 30.0
    assert [len(run) for run in base["history"]] == [3, 3]
    assert base["notes"] == ["overfits from epoch 2"]
    assert tried["seeds"] == []
    assert tried["test_accuracy"] == {"mean": None, "values": []}
    assert top["test_accuracy"]["values"] == [1.0]
    assert top["delta_previous"] == top["delta_base"] == pytest.approx(0.5)
    assert broken["failed"] == [
        {"seed": 0, "reason": "the loss is no longer finite at epoch 1, step 2"}
    ]
    assert broken["best_class"] is None
    assert plain["best_on_validation"] == "base"


def test_a_rung_is_judged_against_the_one_that_it_stands_on(filled: Store, study: Study) -> None:
    """Seeds 0 of base and top differ on six images, all of them won by the top."""
    put(filled, plan(study).rungs[2].runs[1], right=9)
    data = report(filled, study)
    base, tried, top, broken = data.rungs
    assert base.verdict is None
    assert tried.verdict is not None
    assert top.verdict is not None
    assert broken.verdict is not None
    assert (tried.verdict.outcome, broken.verdict.outcome) == ("not run", "not run")
    assert top.verdict.against == "base"
    assert top.verdict.family == 3
    assert top.verdict.n_seeds == (2, 2)
    assert (top.verdict.p or 0) <= (top.verdict.p_adjusted or 0) <= 3 * (top.verdict.p or 0)
    assert top.verdict.outcome == "not shown"  # nine images and a base that varies so much
    assert broken.verdict.marks == ("1 failed of broken",)
    text = render(data, "text", width=160)
    assert "not shown" in text
    assert "for new seeds and new images" in text
    # Nine images and two seeds could not even have shown a difference of 100 points.
    assert (top.verdict.detectable or 0) > 1
    assert "none" in text
    could = dict(verdict_trace(data, top.verdict).lines)["Could have shown"]
    assert could == "no difference that there can be, with power 0.8"


def test_a_bundle_and_an_unequal_budget_are_marked(filled: Store, study: Study) -> None:
    bundle = parse(
        {**PLAIN, "rungs": [*PLAIN["rungs"][:3], {**PLAIN["rungs"][3], "apply": BUNDLE}]}, "x.toml"
    )
    marks = [
        rung.verdict.marks
        for rung in report(filled, bundle, budget="own").rungs
        if rung.verdict is not None
    ]
    assert marks[1] == ("unequal budget: 6 epochs against 3",)
    assert marks[2] == ("bundle of 2 changes", "unequal budget: 3 epochs against 6")


BUNDLE = ["global_average_pooling", "residual"]


def test_a_mark_stands_on_the_right_side_whichever_is_named_first(
    filled: Store, study: Study
) -> None:
    data = report(filled, study, budget="own")
    base, _, top, _ = data.rungs
    assert "unequal budget: 6 epochs against 3" in marks_of(study, top, base)
    assert "unequal budget: 3 epochs against 6" in marks_of(study, base, top)


def test_rungs_given_up_after_the_test_was_seen_stay_in_the_family(
    filled: Store, study: Study
) -> None:
    put(filled, plan(study).rungs[2].runs[1], right=9)
    rungs = report(filled, study).rungs
    (now,), (then,) = (
        [rung.verdict for rung in judged(study, rungs, (), least) if rung.name == "top"]
        for least in (0, 8)
    )
    assert now is not None
    assert then is not None
    assert (now.family, then.family) == (3, 8)
    assert (then.p_adjusted or 0) > (now.p_adjusted or 0)
    assert (then.detectable or 0) > (now.detectable or 0)


def test_what_was_added_late_has_no_say_in_the_words_of_others(filled: Store, study: Study) -> None:
    put(filled, plan(study).rungs[2].runs[1], right=9)
    for seed in (0, 1):
        put(filled, plan(study).rungs[1].runs[seed], right=4)
    rungs = report(filled, study).rungs
    alone = judged(study, tuple(rung for rung in rungs if rung.name != "tried"), ("tried",))
    among = judged(study, rungs, ("tried",))
    assert [rung.verdict for rung in among if rung.name == "top"] == [
        rung.verdict for rung in alone if rung.name == "top"
    ]


def test_rungs_of_one_recipe_count_once_in_the_pooled_variance(filled: Store, study: Study) -> None:
    rungs = report(filled, study).rungs
    twin = replace(rungs[0], name="twin")
    longer = replace(study, rungs=(*study.rungs, replace(study.rungs[0], name="twin")))
    assert len(pool_of(longer, (*rungs, twin))) == len(pool_of(study, rungs)) == 4
    other = replace(twin, epochs=twin.epochs + 1)
    assert len(pool_of(longer, (*rungs, other))) == 5


def test_what_two_rungs_differ_in_undeclared_is_marked(filled: Store, study: Study) -> None:
    base, tried, top, _ = report(filled, study).rungs
    recipe = replace(study.rung("top").recipe, batch_size=64)
    rungs = [replace(one, recipe=recipe) if one.name == "top" else one for one in study.rungs]
    other = replace(study, rungs=tuple(rungs))
    assert "batch size differs: 128 against 64" in marks_of(other, tried, top)
    # What a rung changes on the one that it stands on is what the study asks about.
    assert not any("batch size" in mark for mark in marks_of(other, top, base))
    gone_on = replace(top, inexact=(0,), records=({**top.records[0], "torch": "3"},))
    marks = marks_of(study, gone_on, base)
    assert marks == (
        "torch differs: 3 against 2",
        "1 of 2 seeds of top missing",
        "1 of top went on under another record",
    )


def test_calibration_is_computed_once_and_travels_with_an_archive(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    base = report(filled, study).rungs[0]
    assert len(base.calibrations) == 2
    # Logits 1 for the class that is taken, 0 for the two others.
    taken = np.e / (np.e + 2)
    right, wrong = -np.log(taken), -np.log(1 / (np.e + 2))
    assert [item.nll for item in base.calibrations] == pytest.approx(
        [(3 * right + 6 * wrong) / 9, (6 * right + 3 * wrong) / 9]
    )
    assert base.calibrations[0].ece == pytest.approx(abs(taken - 3 / 9))
    assert base.top5.values == (1.0, 1.0)  # of three classes, so it says nothing
    for form in ("text", "html"):
        shown = render(report(filled, study), form, width=160)
        assert "top-5" not in shown
        assert "five guesses" not in shown
    key = plan(study).rungs[0].runs[0].key
    cached = filled.root / "measures" / f"{key}.json"
    write_json(cached, {**read_json(cached), "ece": 0.25})
    assert report(filled, study).rungs[0].calibrations[0].ece == 0.25
    cached.write_text("{", encoding="utf-8")  # damaged: computed anew
    assert report(filled, study).rungs[0].calibrations == base.calibrations

    export_runs(filled, [key], tmp_path / "archive")
    elsewhere = open_store(tmp_path / "elsewhere")
    import_runs(elsewhere, tmp_path / "archive")
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        elsewhere.write_labels(study.data.fingerprint, part, Labels(labels, ("a", "b", "c")))
    assert report(elsewhere, study).rungs[0].calibrations == base.calibrations[:1]
    # An archive from before there was such a file.
    (elsewhere.run_folder(key) / "predictions" / "calibration.json").unlink()
    assert report(elsewhere, study).rungs[0].calibrations == ()
    assert report(elsewhere, study).rungs[0].top5.values


def test_shares_of_classes_are_drawn_once(filled: Store, study: Study) -> None:
    classes = report(filled, study).rungs[0].classes
    kept = filled.root / "measures" / "classes"
    before = {path.name: read_json(path) for path in kept.iterdir()}
    assert tuple(item.best_share for item in classes) in {
        tuple(plain["best"]) for plain in before.values()
    }
    for path in kept.iterdir():
        write_json(path, {"best": [0.25, 0.5, 0.25], "worst": [1.0, 0.0, 0.0]})
    assert [item.best_share for item in report(filled, study).rungs[0].classes] == [0.25, 0.5, 0.25]
    for damage in ("{", "[]", '{"best": [1.0], "worst": [1.0]}', '{"best": "abc", "worst": "abc"}'):
        for path in kept.iterdir():
            path.write_text(damage, encoding="utf-8")
        assert report(filled, study).rungs[0].classes == classes
        assert {path.name: read_json(path) for path in kept.iterdir()} == before


def test_what_claims_show_of_another_budget_is_counted_too(filled: Store, study: Study) -> None:
    put(filled, plan(study, budget="own").rungs[2].runs[0], right=8)
    unseal(filled, study)
    data = gather(plan(study, only=("base",)), filled, with_test=True)
    assert data.claims[1].measured == pytest.approx(8 / 9)  # of the top
    assert data.revealed == 2


def test_any_two_can_be_compared(filled: Store, study: Study) -> None:
    data = report(filled, study)
    asked = compare(data, "top", "base")
    assert asked == data.rungs[2].verdict
    other = compare(data, "base", "top")
    # The same question whichever is named first: the same family, and no word that it denies.
    assert other == replace(asked.turned(), marks=other.marks)
    assert (other.family, other.marks) == (3, ("1 of 2 seeds of top missing",))
    stranger = compare(data, "shots", "base")
    assert stranger.family == 1
    assert stranger.marks == ("1 of 2 seeds of shots missing", OUTSIDE)
    one = compare(data, "base@1", "base@0")
    assert (one.outcome, one.marks) == ("one seed", (OUTSIDE,))
    assert one.delta == pytest.approx(3 / 9)
    assert one.p == pytest.approx(2 / 2**3)  # three images, all won by seed 1
    (told,) = verdict_section("", [one]).lines
    assert told.startswith("One seed: p is McNemar's")
    (told,) = verdict_section("", [compare(data, "base", "top@0")]).lines  # two against one
    assert told == "One seed: what the change does with another seed is not known."
    ensemble = compare(data, "shots", "top@0")
    assert ensemble.n_seeds == (1, 1)
    assert ensemble.delta == pytest.approx(float(data.ensembles[0].correct.mean()) - 1)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("top", "top", "both are 'top'"),
        ("tpo", "base", "did you mean 'top'"),
        ("tried", "base", "'tried' has no finished run"),
        ("base@7", "top", "no finished seed '7'; finished seeds: 0, 1"),
        ("broken@0", "top", "finished seeds: none"),
    ],
)
def test_what_cannot_be_compared(
    filled: Store, study: Study, one: str, other: str, message: str
) -> None:
    with pytest.raises(RungsError, match=message):
        compare(report(filled, study), one, other)
    with pytest.raises(RungsError, match="no finished run with test figures"):
        compare(report(filled, study, with_test=False), "top", "base")


def test_a_report_can_be_limited_to_some_rungs(filled: Store, study: Study) -> None:
    whole = report(filled, study)
    part = whole.limited_to(("top",))
    assert [rung.name for rung in part.rungs] == ["top"]
    assert part.ensembles == ()
    assert part.rungs[0].delta_previous == whole.rungs[2].delta_previous is not None
    said = [" ".join(render(one, "text").split()) for one in (whole, part)]
    assert "Best on validation: base" in said[0]
    assert "Best on validation of these: top" in said[1]


@pytest.mark.parametrize("width", [50, 90, 200])
def test_a_report_of_an_ensemble_alone(filled: Store, study: Study, width: int) -> None:
    whole = report(filled, study)
    alone = whole.limited_to([item.name for item in whole.ensembles])
    shown = render(alone, "text", width=width)
    assert "Snapshot ensemble" in shown
    assert "Parameters" not in shown
    assert "Costs" not in shown


def test_best_and_worst_class(filled: Store, study: Study) -> None:
    """Seed 0 is right on images 0 to 2, seed 1 on 0 to 5: each class 1.5 of 3; ties: the lowest."""
    plain = json.loads(render(report(filled, study), "json"))
    base = plain["rungs"][0]
    assert base["best_class"]["index"] == base["worst_class"]["index"] == 0
    assert base["best_class"]["accuracy"] == 0.5
    assert base["best_class"]["low"] < 0.5 < base["best_class"]["high"]


def test_ensemble_figures(filled: Store, study: Study) -> None:
    (shots,) = json.loads(render(report(filled, study), "json"))["ensembles"]
    assert shots["members"] == 3
    assert shots["member_test_accuracy"]["values"] == [2 / 9, 4 / 9, 6 / 9]
    # Equal softmax outputs: the last two agree on 4 right ones; of the 2 that only the last has
    # right there is a tie, which goes to the lower class.
    reference = []
    for last in (1, 2, 3):
        outputs = [np.eye(3)[np.where(np.arange(9) < n, TEST, (TEST + 1) % 3)] for n in (2, 4, 6)]
        weights = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
        mean = weights[3 - last :].mean(0)
        reference.append(float((mean.argmax(1) == TEST).mean()))
    assert [s["values"][0] for s in shots["growing_test_accuracy"]] == pytest.approx(reference)
    assert shots["test_accuracy"]["values"] == [pytest.approx(reference[-1])]
    assert shots["gain_over_last_snapshot"] == pytest.approx(reference[-1] - 6 / 9)
    assert shots["single_test_accuracy"] == 1.0
    # The first 2, 4 and all 6 of 6 validation images; the last three together find 4.
    assert shots["member_val_accuracy"]["values"] == pytest.approx([2 / 6, 4 / 6, 1.0])
    together = [s["mean"] for s in shots["growing_val_accuracy"]]
    assert shots["val_gain_over_last_snapshot"] == pytest.approx(together[-1] - together[0])
    assert together[0] == 1.0


def test_an_ensemble_that_failed_was_run(filled: Store, study: Study) -> None:
    (shots,) = report(filled, study).ensembles
    failed = dataclasses.replace(shots, seeds=(), failed=((0, "the loss is infinite"),))
    assert "Seed 0 failed: the loss is infinite." in ensemble_section(failed).lines
    assert "Not run yet." not in ensemble_section(failed).lines
    assert "Not run yet." in ensemble_section(dataclasses.replace(failed, failed=())).lines


def test_json_has_every_key(filled: Store, study: Study) -> None:
    plain = json.loads(render(report(filled, study), "json"))
    assert plain["schema_version"] == 1
    assert set(plain) >= {
        "study",
        "data",
        "environment",
        "rungs",
        "claims",
        "ensembles",
        "assumptions",
    }
    assert set(plain["data"]) == {"name", "fingerprint", "train", "val", "test", "classes"}
    expected = """
        name after kept changes budget epochs seeds parameters trainable_parameters flops
        val_accuracy val_loss test_accuracy delta_previous delta_base train_seconds best_class
        worst_class history failed notes
    """
    assert set(plain["rungs"][0]) >= set(expected.split())
    assert set(plain["claims"][0]) >= {"text", "status", "reported", "measured"}
    assert plain["errata"] == PLAIN["errata"]
    assert plain["assumptions"] == [
        {"field": "batch_size", "value": 128, "rung": "base", "text": "A reading with a | bar."}
    ]


def test_claims_say_that_they_are_no_test(filled: Store, study: Study) -> None:
    for limit, words in ((None, "means over the finished seeds"), (1, "the figures of one seed")):
        data = report(filled, study, seeds=limit)
        for form in ("text", "html"):
            said = " ".join(render(data, form, width=160).split())
            assert f"Claims are held against {words}, without a test" in said


def test_claims_of_another_budget_need_its_runs(filled: Store, study: Study) -> None:
    claims = report(filled, study).claims
    assert [claim.status for claim in claims] == ["confirmed", "not run"]
    put(filled, plan(study, budget="own", only=("top",)).runs[0], right=8)
    sealed = report(filled, study, with_test=False)
    assert [claim.status for claim in sealed.claims] == ["unread", "unread"]
    assert "0 confirmed, 0 refuted, 2 unread, 0 not run." in render(sealed, "text", width=160)
    claims = report(filled, study).claims
    assert [claim.status for claim in claims] == ["confirmed", "refuted"]
    assert claims[1].measured == pytest.approx(8 / 9)


def test_a_claim_of_a_budget_sees_rungs_that_the_report_leaves_out(
    filled: Store, study: Study
) -> None:
    plain = {
        **PLAIN,
        "claims": [
            {
                "text": "The base is right half of the time.",
                "quantity": {"measure": "test_accuracy", "rung": "base"},
                "relation": "about",
                "value": 0.5,
                "budget": "equal",
            }
        ],
    }
    data = report(filled, parse(plain, "fake.toml"), only=("top",))
    assert [rung.name for rung in data.rungs] == ["top"]
    assert [claim.status for claim in data.claims] == ["confirmed"]


def test_a_store_without_labels_says_why_there_are_no_test_figures(
    filled: Store, study: Study
) -> None:
    shutil.rmtree(filled.root / "data")
    data = report(filled, study)
    assert data.rungs[0].test_accuracy.values == ()
    assert data.rungs[0].val_accuracy.mean == 0.52
    assert "No test figures: the store has no test labels" in render(data, "markdown")


def test_a_folder_shows_no_more_than_its_report(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    plots = tmp_path / "plots"
    plots.mkdir()
    for name in ("classes.svg", "notes.txt"):
        (plots / name).write_text("of an earlier report, or of somebody else")
    write(report(filled, study, with_test=False), tmp_path)
    left = {path.name for path in plots.iterdir()}
    drawn = {f"{name}.svg" for name in ("base", "base-final", "ladder", "tradeoffs", "growth")}
    assert left == drawn | {"notes.txt"}


def test_plots_can_be_pictures(filled: Store, study: Study, tmp_path: Path) -> None:
    drawn = draw(report(filled, study, only=("top",)), tmp_path, form="png")
    assert [path.name for _, path in drawn] == ["ladder.png", "classes.png", "reliability.png"]
    for _, path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_sealed_report_reads_no_test_label(filled: Store, study: Study) -> None:
    (filled.root / "data" / study.data.fingerprint / "test.npy").write_bytes(b"not to be opened")
    with pytest.raises(StoreError):
        report(filled, study)
    sealed = report(filled, study, with_test=False)
    plain = json.loads(render(sealed, "json"))
    assert all(rung["test_accuracy"]["values"] == [] for rung in plain["rungs"])
    assert plain["rungs"][0]["val_accuracy"]["mean"] == 0.52
    assert "sealed" in render(sealed, "text")


@pytest.mark.parametrize("width", [80, 119, 120, 160])
def test_text_fits_the_width_and_holds_the_figures(filled: Store, study: Study, width: int) -> None:
    text = render(report(filled, study), "text", width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    for word in ("tried", "confirmed", "not run", "+50.0", "batch_size", "abacus", "All is well"):
        assert word in text
    for note in ("overfits", "1 failed", "stack_convolutions()", "residual()"):
        assert note.replace(" ", "") in "".join(text.split()), note
    assert "\x1b" not in text


def test_the_ladder_is_drawn_as_a_tree(filled: Store, study: Study) -> None:
    lines = render(report(filled, study), "text", width=160).splitlines()
    named = [line[1:] for line in lines if " kept " in line]
    assert [len(line) - len(line.lstrip()) for line in named] == [0, 1, 2]
    for column in ("parameters", "MFLOPs", "seconds", "reported %"):
        assert column in lines[2] + lines[3]
    markdown = render(report(filled, study), "markdown")
    assert "| &nbsp;&nbsp;top | kept |" in markdown


def test_a_column_without_a_letter_is_a_column() -> None:
    section = Section("A table", ("a", ""), rows=(("x", ""),))
    assert to_text((section,), width=20).splitlines()[-2].split() == ["x"]


@pytest.mark.parametrize("width", [20, 45, 60, 90, 200])
def test_a_table_never_drops_a_cells_end(width: int) -> None:
    """Left to itself, rich cuts what does not fit."""
    columns = ("name", "words", "n")
    rows = (("a_name", "one inverse_time_decay(decay=0.5); two_words(a=1)", "12.5 (1, 2)"),) * 2
    text = to_text((Section("title", columns, frozenset("n"), rows),), width=width)
    shown = Counter("".join(text.split()))
    for cell in (*columns, *rows[0], *rows[1]):
        shown.subtract("".join(cell.split()))
    assert not {letter for letter, left in shown.items() if left < 0}
    assert max(len(line) for line in text.splitlines()) <= width


def test_markdown_tables_are_whole_and_names_do_nothing(filled: Store, study: Study) -> None:
    text = render(report(filled, study), "markdown")
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            bars = {line.replace("\\|", "").count("|") for line in lines}
            assert len(bars) == 1, block
    assert "<script>" not in text
    assert "overfits from epoch 2; one seed |" in text  # the top's, of two planned
    assert "b\\<script\\>" in text or "\\<fake\\>" in text


def test_files_are_written_and_the_same_again(filled: Store, study: Study, tmp_path: Path) -> None:
    first = write(report(filled, study), tmp_path / "one")
    names = {path.name for path in first}
    assert names == {
        "report.html",
        "report.json",
        "report.md",
        "report.txt",
        "ladder.svg",
        "base.svg",
        "base-final.svg",
        "classes.svg",
        "tradeoffs.svg",
        "reliability.svg",
        "growth.svg",
    }
    second = write(report(filled, study), tmp_path / "two")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    for path in first:
        if path.suffix == ".svg":
            ElementTree.fromstring(path.read_text(encoding="utf-8"))
    for name in ("ladder", "base", "base-final", "classes", "tradeoffs", "reliability", "growth"):
        assert f"(plots/{name}.svg)" in (tmp_path / "one" / "report.md").read_text()


def test_an_empty_store_gives_a_report_without_figures(tmp_path: Path, study: Study) -> None:
    store = open_store(tmp_path / "empty")
    data = report(store, study)
    assert all(not rung.seeds for rung in data.rungs)
    assert data.best_on_validation is None
    text = render(data, "text")
    assert "Not run yet." in text
    assert [path.suffix for path in write(data, tmp_path / "out")] == [
        ".html",
        ".json",
        ".md",
        ".txt",
    ]


def test_plan_and_status_tell_what_is_finished(filled: Store, study: Study) -> None:
    shown = planned(plan(study), filled, costs(study, filled), width=160)
    assert "2 of 2" in shown
    assert "0 of 2" in shown
    assert "0 of 2, 1 failed" in shown
    state = progress(plan(study), filled, width=160)
    assert "failed: the loss is no longer finite" in state
    assert "base, seed 1" in state


def test_costs_are_measured_once(filled: Store, study: Study) -> None:
    measured = costs(study, filled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rungs.costs._measure", lambda *_: pytest.fail("measured again"))
        assert costs(study, filled) == measured


def test_layers_are_looked_at_once(filled: Store, study: Study) -> None:
    found = layer_tables(study, filled)
    for name, rows in found.items():
        assert sum(row.parameters for row in rows) == measured_costs()[name][0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rungs.costs._layers", lambda *_: pytest.fail("looked at again"))
        assert layer_tables(study, filled) == found


def test_an_archives_figures_are_not_replaced_by_none(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    from rungs.publishing import gather, publish
    from rungs.seal import unseal

    unseal(filled, study)
    results = tmp_path / "results"

    def written_again(*, with_test: bool) -> None:
        data = gather(plan(study), filled, with_test=with_test)
        publish(data, filled, [], results, plan=plan(study))

    written_again(with_test=True)
    written = (results / "equal" / "report.json").read_bytes()
    (filled.root / "data" / study.data.fingerprint / "test.npy").unlink()
    written_again(with_test=True)
    written_again(with_test=False)
    assert (results / "equal" / "report.json").read_bytes() == written


def test_an_archives_report_is_not_replaced_by_one_of_fewer_seeds(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    from rungs.publishing import finished_runs, gather, publish, unwritten
    from rungs.seal import unseal

    unseal(filled, study)
    results = tmp_path / "results"
    report = results / "equal"
    assert finished_runs(report) == 0

    def written_by(seeds: int) -> list[Path]:
        wanted = plan(study, seeds=seeds)
        return publish(gather(wanted, filled, with_test=True), filled, [], results, plan=wanted)

    assert written_by(1) == [report]
    fewer = finished_runs(report)
    assert written_by(2) == [report]
    assert finished_runs(report) > fewer > 0
    before = (report / "report.json").read_bytes()
    assert written_by(1) == []
    assert (report / "report.json").read_bytes() == before
    said = unwritten(gather(plan(study, seeds=1), filled, with_test=True), results)
    assert f"{report} is left as it is: it is of {finished_runs(report)} finished runs" in said


def fields(value: Any, place: str = "") -> Iterator[tuple[str, bool]]:
    """Every field of plain JSON as its path, and whether it may hold more than it does here."""
    # Kinds of value that the docs describe once, and a table of versions.
    if isinstance(value, dict) and place != "environment" and "values" not in value:
        if "low" in value:
            yield place.removesuffix("[]"), False
            return
        for key, item in value.items():
            yield from fields(item, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict | list):
        for item in value:
            yield from fields(item, f"{place}[]")
    else:
        yield place, value == []


def test_every_field_of_the_json_is_in_the_docs(filled: Store) -> None:
    page = Path(__file__).parent.parent / "docs" / "results.md"
    told = set(re.findall(r"^\| `([\w.\[\]]+)` \|", section(page, "## report.json"), re.MULTILINE))
    errata = [{"said": "The sky is green.", "found": "It is blue."}]
    wanted = parse({**PLAIN, "errata": errata}, "fake.toml")
    put(filled, plan(wanted).ensembles[0].runs[1], failed="the loss is no longer finite")
    write_audit(filled.root, looked_through(wanted))
    data = report(filled, wanted)
    found = dict(fields(json.loads(render(data, "json"))))
    option = leave_one_out(wanted).study
    changed = build(
        plan(option),
        filled,
        with_test=True,
        environment={},
        costs=dict.fromkeys((rung.name for rung in option.rungs), (1, 1, 1)),
    )
    found |= dict(fields({"readings": json.loads(render(changed, "json"))["readings"]}))
    there = {place for place, empty in found.items() if not empty}
    assert there - told == set(), "not in the docs"
    assert {place for place in told - there if place not in found} == set(), "not in the report"


def looked_through(study: Study) -> Audit:
    """An audit by which test image 0 has a twin in training, and 1 and 2 a doubtful label."""
    return Audit(
        data="drawn",
        fingerprint=study.data.fingerprint,
        twins=(Twin("near", Place("train", 5), Place("test", 0), 0.1, False, True),),
        upright_search=TwinSearch(0.8, 0.0),
        mirrored_search=TwinSearch(0.8, 0.0),
        balance={},
        label_errors=tuple(LabelError("test", index, "a", "b", 0.9) for index in (1, 2)),
        labels=LabelSearch(0.5, 5),
    )


def test_figures_without_doubtful_images_stand_beside_the_official(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    before = report(filled, study)
    assert before.audit is None
    assert json.loads(render(before, "json"))["audit"] is None
    assert "doubtful" not in render(before, "text") + render(before, "html")
    write_audit(filled.root, looked_through(study))
    data = report(filled, study)
    plain = json.loads(render(data, "json"))["audit"]
    assert (plain["test_twins"], plain["test_label_errors"]) == (1, 2)
    base, top, shots = plain["accuracies"]  # what was not run has no figures
    # Right on the first 3 and 6 of 9 images.
    assert base["test_accuracy"]["values"] == [3 / 9, 6 / 9]
    assert base["without_twins"]["values"] == [2 / 8, 5 / 8]
    assert base["without_label_errors"]["values"] == [1 / 7, 4 / 7]
    assert (top["name"], shots["name"]) == ("top", "shots")
    # Nothing of it comes into a verdict.
    assert [rung.verdict for rung in data.rungs] == [rung.verdict for rung in before.rungs]
    for form in ("text", "markdown", "html"):
        text = re.sub(r"\s+", " ", render(data, form))
        assert "1 of 9 test images have a twin among the training images" in text
        assert "part of no verdict" in text or "no verdict stands on them" in text
        assert "optimistic" in text
    shown = render(data.limited_to(["top"]), "json")
    assert [item["name"] for item in json.loads(shown)["audit"]["accuracies"]] == ["top"]
    assert report(filled, study, with_test=False).audit is None


def test_an_archive_takes_the_audit_along(filled: Store, study: Study, tmp_path: Path) -> None:
    wanted = plan(study)
    write_audit(filled.root, looked_through(study))
    publish(report(filled, study), filled, [], tmp_path / "kept", plan=wanted)
    elsewhere = open_store(tmp_path / "elsewhere")
    take(tmp_path / "kept", elsewhere, wanted)
    assert read_audit(elsewhere.root, study.data.fingerprint) == looked_through(study)


def section(page: Path, heading: str) -> str:
    """A page's text from a heading on."""
    return page.read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]


# --- speed ---------------------------------------------------------------------------------------


@pytest.fixture
def data(filled: Store, study: Study) -> ReportData:
    return report(filled, study)


def test_speed_is_that_of_the_median_epoch(data: ReportData) -> None:
    """Epochs of 10 s, 1,000 images; the ceiling is known for none."""
    base = data.rung("base")
    assert base is not None
    images = data.study.data.sizes["train"]
    found = rung_speed(base, data.study)
    assert found is not None
    assert found.seconds_per_epoch == 10.0
    assert found.images_per_second == images / 10
    assert found.gflops == pytest.approx(3 * base.cost[2] * images / 10 / 1e9)
    assert found.gflops is not None
    assert found.ceiling_share is None
    assert rung_speed(replace(base, history=()), data.study) is None
    slow_start = (*base.history[0], replace(base.history[0][0], train_seconds=500.0))
    late = replace(base, history=(slow_start,), ceilings=(2 * found.gflops,))
    again = rung_speed(late, data.study)
    assert again is not None
    assert again.seconds_per_epoch == 10.0
    assert again.ceiling_share == pytest.approx(0.5)


def test_epochs_of_smaller_images_tell_no_flops(data: ReportData) -> None:
    """Two quick epochs of small images, and one of 10 s of full size."""
    base = data.rung("base")
    assert base is not None
    plain = rung_speed(base, data.study)
    assert plain is not None
    *early, last = base.history[0]
    history = (*(replace(entry, train_seconds=4.0) for entry in early), last)
    rung = data.study.rung("base")
    pooled = apply(rung.recipe, "global_average_pooling", {})
    growing = apply(pooled, "progressive_resolution", {"start": 0.5, "until": 0.9})
    study = replace(data.study, rungs=(replace(rung, recipe=growing),))
    found = rung_speed(replace(base, history=(history,), ceilings=(None,)), study)
    assert found is not None
    assert found.seconds_per_epoch == 4.0
    assert found.gflops == plain.gflops


def test_the_share_of_the_ceiling_is_shown_where_it_is_known(data: ReportData) -> None:
    plain = speed(data)
    assert plain.columns == ("rung", "images/s", "seconds an epoch", "GFLOP/s")
    assert {row[0] for row in plain.rows} == {rung.name for rung in data.rungs if rung.history}
    assert any("abacus" in line for line in plain.lines)
    base = data.rungs[0]
    one = rung_speed(base, data.study)
    assert one is not None
    assert one.gflops is not None
    known = replace(base, ceilings=(4 * one.gflops,) * len(base.history))
    shown = speed(replace(data, rungs=(known, *data.rungs[1:])))
    assert shown.columns[-1] == "% of ceiling"
    assert shown.rows[0][-1] == "25.0"
    assert shown.rows[1][-1] == ""


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_form_shows_the_speed(data: ReportData, form: str) -> None:
    assert "seconds an epoch" in render(data, form)
    nothing = replace(data, rungs=tuple(replace(rung, history=()) for rung in data.rungs))
    assert "seconds an epoch" not in render(nothing, form)
