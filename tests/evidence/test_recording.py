"""Runs of anybody's own training loop, entered into a store as finished runs of a study."""

import copy
import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import rungs
from rungs.cli import app
from rungs.evidence.recording.curves import curve_of
from rungs.evidence.seal import read_seal, unseal
from rungs.evidence.selection import select
from rungs.foundation.errors import RungsError, StudyError
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.report.gather.gathering import gather
from rungs.report.show.json_form import to_json
from rungs.report.show.rendering import render
from rungs.report.trackers.logged import logged
from rungs.store import Store, open_store
from rungs.store.archive import export_runs, import_runs
from rungs.store.run_folder import check_manifest
from rungs.study import Study, parse
from rungs.study.jobs import jobs, missing, unrecorded
from rungs.study.overrides import Override
from rungs.study.plan import Plan, plan
from rungs.study.trial import with_trial
from tests.studies import RECORDED

PLAIN: dict[str, Any] = tomllib.loads(RECORDED)


def study(*edits: Callable[[dict[str, Any]], object]) -> Study:
    plain = copy.deepcopy(PLAIN)
    for edit in edits:
        edit(plain)
    return parse(plain, "mine.toml")


def mistakes(*edits: Callable[[dict[str, Any]], object]) -> str:
    with pytest.raises(StudyError) as caught:
        study(*edits)
    return str(caught.value)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture(scope="module")
def labels() -> dict[str, Any]:
    """The true classes, which only the tests know."""
    from rungs.data.loading import load

    data = load(study().data)
    return {
        "validation": data.exploration.validation.labels.numpy(),
        "test": data.test.labels.numpy(),
    }


def answered(labels: Any, share: float, seed: int) -> Any:
    """Probabilities of which about a share has the right class in front."""
    rng = np.random.default_rng(seed)
    right = rng.random(len(labels)) < share
    classes = np.where(right, labels, (labels + 1 + rng.integers(3, size=len(labels))) % 4)
    likely = rng.uniform(0.01, 0.1, (len(labels), 4))
    likely[np.arange(len(labels)), classes] = rng.uniform(0.6, 1.0, len(labels))
    return likely / likely.sum(axis=1, keepdims=True)


CURVE = [
    {"epoch": n, "train_loss": 2.0 / (n + 1), "eval_loss": 1.5 / (n + 1), "eval_top1": 50.0 + n}
    for n in range(3)
]


def fill(store: Store, labels: dict[str, Any], of: Any = None, **more: Any) -> None:
    for rung, share in (("base", 0.5), ("larger", 0.9)):
        for seed in (0, 1):
            number = 10 * seed + (rung == "larger")
            rungs.record(
                of or study(),
                rung,
                seed=seed,
                predictions=answered(labels["test"], share, number),
                validation=answered(labels["validation"], share, 100 + number),
                store=store,
                **more,
            )


def report_of(wanted: Plan, store: Store) -> Any:
    return gather(wanted, store, with_test=True)


# --- the study ------------------------------------------------------------------------------------


def test_a_rung_that_is_recorded_needs_no_recipe_and_is_never_trained(store: Store) -> None:
    wanted = plan(study())
    assert missing(wanted, store) == ()
    assert jobs(wanted, store) == ()
    assert len(unrecorded(wanted, store)) == 4
    assert wanted.study.rung("base").changes == ("recorded: ResNet-18 by timm",)


def test_a_key_stands_for_what_was_asked() -> None:
    keys = {spec.key for spec in plan(study()).runs}
    assert len(keys) == 4
    other = {spec.key for spec in plan(study(lambda p: p["budgets"].update(equal=4))).runs}
    renamed = {spec.key for spec in plan(study(lambda p: p.update(name="other"))).runs}
    assert not keys & other
    assert not keys & renamed
    titled = study(lambda p: p["rungs"][0].update(title="Another"))
    # What stands in the file's recipe has no part in what is trained elsewhere.
    with_recipe = study(lambda p: p.update(recipe={"batch_size": 64}))
    for same in (titled, with_recipe):
        assert {spec.key for spec in plan(same).runs} == keys


def test_some_rungs_may_be_trained_here_and_others_elsewhere() -> None:
    mixed = study(lambda p: p["rungs"][0].pop("recorded"))
    assert [rung.recorded for rung in mixed.rungs] == [False, True]
    assert "trained elsewhere, so that nothing is known" in mistakes(
        lambda p: p["rungs"][1].pop("recorded"),
        lambda p: p["rungs"][1].update(apply=["label_smoothing(0.1)"]),
    )


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda p: p["rungs"][1].update(apply=["label_smoothing(0.1)"]), "nothing can be applied"),
        (lambda p: p["rungs"][1].update(after="nobody"), "there is no rung 'nobody'"),
        (lambda p: p.update(folds=2), "recorded without folds"),
        (
            lambda p: p.update(
                ensembles=[{"name": "all", "kind": "seeds", "rung": "base", "members": 2}]
            ),
            "expected a rung that is trained here",
        ),
        (
            lambda p: p.update(assumptions=[{"field": "batch_size", "text": "so"}]),
            "there is no recipe of it here",
        ),
        (
            lambda p: p.update(recipe={"network": "recorded"}),
            "expected one of 'convolutional', 'timm', found 'recorded'",
        ),
    ],
)
def test_what_a_rung_trained_elsewhere_has_no_part_in_is_a_mistake(edit: Any, said: str) -> None:
    assert said in mistakes(edit)


# --- recording ------------------------------------------------------------------------------------


def test_recorded_runs_stand_in_every_form(store: Store, labels: dict[str, Any]) -> None:
    fill(store, labels, curve=CURVE, environment={"gpu": "A100", "timm": "1.0"})
    wanted = plan(study())
    unseal(store, study())
    data = report_of(wanted, store)
    base, larger = data.rungs
    assert base.recorded
    assert larger.verdict is not None
    assert larger.verdict.delta > 0.2
    expected = np.mean(
        [
            (answered(labels["test"], 0.5, 10 * seed).argmax(1) == labels["test"]).mean()
            for seed in (0, 1)
        ]
    )
    assert base.test_accuracy.mean == pytest.approx(expected)
    # Not of the curve: of what was answered.
    right = answered(labels["validation"], 0.5, 100).argmax(1) == labels["validation"]
    assert base.val_accuracy.values[0] == pytest.approx(right.mean())
    assert base.executions == ("elsewhere, as was recorded: gpu A100, timm 1.0",)
    assert base.speed is None
    assert base.train_seconds is None
    assert base.learning_rate is None
    plain = json.loads(json.dumps(to_json(data), allow_nan=False))
    assert plain["rungs"][0]["recorded"] is True
    assert plain["rungs"][0]["history"][0][0]["train_accuracy"] is None
    assert plain["rungs"][0]["history"][0][0]["val_accuracy"] == 0.5
    for form in ("text", "markdown", "html", "csv", "latex"):
        # LaTeX's table has room for names alone.
        assert "recorded: ResNet-18" in render(data, form) or form == "latex", form
        assert "nan" not in render(data, form).split(), form
    study_of_trackers = logged(wanted, data, store, "")
    one = next(run for run in study_of_trackers.runs if run.seed == 0)
    assert one.tags["rungs.recorded"] == "yes"
    assert one.tags["rungs.execution.gpu"] == "A100"
    assert set(one.curves) == {"train/loss", "validation/loss", "validation/accuracy"}
    assert one.summary["test/accuracy"] == base.test_accuracy.values[0]


def test_a_run_needs_neither_curve_nor_probabilities(store: Store, labels: dict[str, Any]) -> None:
    for rung, share in (("base", 0.5), ("larger", 0.9)):
        for seed in (0, 1):
            number = 10 * seed + (rung == "larger")
            rungs.record(
                study(),
                rung,
                seed=seed,
                predictions=answered(labels["test"], share, number).argmax(1),
                validation=answered(labels["validation"], share, 100 + number).argmax(1),
                store=store,
            )
    unseal(store, study())
    data = report_of(plan(study()), store)
    base = data.rungs[0]
    assert base.test_accuracy.values
    assert base.val_accuracy.values
    # Nothing is made up of what only probabilities could tell.
    assert not base.top5.values
    assert not base.val_loss.values
    assert base.calibration is None
    assert base.best_epochs == (0, 0)
    assert base.history == ((), ())
    json.dumps(to_json(data), allow_nan=False)
    assert "elsewhere, on what is not told" in render(data, "html")


def test_answers_on_test_stay_sealed(store: Store, labels: dict[str, Any]) -> None:
    fill(store, labels)
    data = report_of(plan(study()), store)
    assert data.sealed
    assert not any(rung.test_accuracy.values for rung in data.rungs)
    assert data.rungs[1].val_verdict is not None
    assert data.best_on_validation is data.rungs[1]
    with pytest.raises(RungsError, match="sealed"):
        rungs.compare(study(), "larger", "base", store=store)


def test_what_is_recorded_after_the_test_set_was_seen_is_marked(
    store: Store, labels: dict[str, Any]
) -> None:
    """Asked for before or not: only of a training it is certain that the test set had no part."""
    fill(store, labels)
    more = study(lambda p: p.update(seeds=3))
    unseal(store, more)
    for rung in ("base", "larger"):
        rungs.record(
            more,
            rung,
            seed=2,
            predictions=answered(labels["test"], 0.9, 7),
            validation=answered(labels["validation"], 0.9, 8),
            store=store,
        )
    data = report_of(plan(more), store)
    assert [rung.late for rung in data.rungs] == [(2,), (2,)]
    assert any(AFTER_THE_TEST in line for line in data.rungs[1].verdict.caveats)


def test_recorded_twice_is_the_same_or_refused(store: Store, labels: dict[str, Any]) -> None:
    first = answered(labels["test"], 0.5, 0), answered(labels["validation"], 0.5, 1)
    other = answered(labels["test"], 0.7, 2), answered(labels["validation"], 0.7, 3)

    def record(given: tuple[Any, Any], **more: Any) -> str:
        test, validation = given
        found = rungs.record(
            study(), "base", seed=0, predictions=test, validation=validation, store=store, **more
        )
        check_manifest(store.run_folder(found.key))
        return found.state

    assert [record(first), record(first)] == ["recorded", "as before"]
    before = report_of(plan(study()), store).rungs[0].val_accuracy
    with pytest.raises(RungsError, match="with other content"):
        record(other)
    assert report_of(plan(study()), store).rungs[0].val_accuracy == before
    assert record(other, replace=True) == "replaced"
    assert report_of(plan(study()), store).rungs[0].val_accuracy != before
    # Under whichever name of the file it is opened.
    unseal(store, parse(PLAIN, "mine.toml", overrides=[Override(("margin",), 0.02)]))
    assert read_seal(store.root, study()) is None
    with pytest.raises(RungsError, match="test set is open"):
        record(first, replace=True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"curve": {"train_loss": np.array(3.0)}}, "curve"),
        ({"curve": [{"train_loss": 10**400}]}, "expected a number"),
        ({"environment": {"a": 10**5000}}, "expected short names and values, found 'a'"),
    ],
)
def test_odd_values_are_refused_in_a_sentence(
    store: Store, labels: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    given = {part: answered(labels[part], 0.5, 0) for part in labels}
    with pytest.raises(RungsError, match=message):
        rungs.record(
            study(), "base", seed=0, predictions=given["test"], validation=given["validation"],
            store=store, **more,
        )  # fmt: skip


def test_an_epoch_may_be_a_number_of_numpy(store: Store, labels: dict[str, Any]) -> None:
    given = {part: answered(labels[part], 0.5, 0) for part in labels}
    epoch: Any = np.argmin([2.0, 1.0]) + 1  # as loops find it
    found = rungs.record(
        study(), "base", seed=0, predictions=given["test"], validation=given["validation"],
        curve={"val_loss": [2.0, 1.0]}, epoch=epoch, store=store,
    )  # fmt: skip
    assert store.result(found.key).best_epoch == 2


def test_one_model_is_not_two_seeds(store: Store, labels: dict[str, Any]) -> None:
    likely = answered(labels["test"], 0.5, 0), answered(labels["validation"], 0.5, 1)
    classes = tuple(one.argmax(1) for one in likely)
    for given in (likely, classes):
        rungs.record(
            study(), "base", seed=0, predictions=given[0], validation=given[1], store=store,
            replace=True,
        )  # fmt: skip
        with pytest.raises(RungsError, match="found the answers of seed 0 to all images"):
            rungs.record(
                study(), "base", seed=1, predictions=given[0], validation=given[1], store=store
            )


def test_answers_in_another_order_are_pointed_out(store: Store, labels: dict[str, Any]) -> None:
    shuffled = np.random.default_rng(0).permutation(60)
    found = rungs.record(
        study(),
        "base",
        seed=0,
        predictions=answered(labels["test"], 0.9, 0),
        validation=answered(labels["validation"], 0.9, 1)[shuffled],
        store=store,
    )
    assert "in the order of the study's images?" in str(found)


def _with(array: np.ndarray, at: Any, value: float) -> np.ndarray:
    changed = array.copy()
    changed[at] = value
    return changed


GOOD = {"test": np.full((80, 4), 0.25), "validation": np.full((60, 4), 0.25)}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"rung": "larg"}, "no rung 'larg'; did you mean 'larger'"),
        ({"seed": 2}, "expected one of the seeds 0 to 1"),
        ({"seed": "0"}, "found '0'"),
        ({"validation": None}, "found none on validation"),
        ({"predictions": np.zeros((79, 4))}, "study's 80 images of test"),
        ({"predictions": np.full((4, 80), 0.25)}, "`array.T`, it would fit"),
        ({"predictions": np.full((80, 5), 0.2)}, "found those of 5 classes"),
        ({"predictions": _with(GOOD["test"], (3, 0), np.nan)}, "a sum of nan at image 3"),
        ({"predictions": 40 * GOOD["test"]}, "of logits give `logits.softmax"),
        ({"validation": np.full(60, 4)}, "expected classes from 0 to 3, found 4"),
        ({"validation": ["cat"] * 60}, "expected names of the study's classes"),
        ({"curve": [{"speed": 1}]}, "expected columns such as"),
        ({"curve": [{"val_loss": 1}] * 4}, "expected 3 epochs at most"),
        ({"curve": [{"val_acc": 55.0}]}, "divide percentages by 100"),
        ({"curve": [{"val_loss": "low"}]}, "expected a number, found 'low'"),
        ({"curve": {"epoch": [0, 2], "loss": [1, 1]}}, "found 2 after 0"),
        ({"epoch": 2}, "expected a curve that reaches epoch 2"),
        ({"environment": "A100"}, "expected a dict"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    store: Store, edit: dict[str, Any], said: str
) -> None:
    given = {
        "rung": "base", "seed": 0, "predictions": GOOD["test"], "validation": GOOD["validation"],
        **edit,
    }  # fmt: skip
    with pytest.raises(RungsError) as caught:
        rungs.record(study(), store=store, **given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [*store.keys()] == []


def test_a_rung_with_a_recipe_is_trained_here(store: Store) -> None:
    mixed = study(lambda p: p["rungs"][0].pop("recorded"))
    with pytest.raises(RungsError, match="trained here, by its recipe"):
        rungs.record(
            mixed, "base", seed=0, predictions=GOOD["test"], validation=GOOD["validation"],
            store=store,
        )  # fmt: skip


def test_names_of_classes_are_answers_too(store: Store, labels: dict[str, Any]) -> None:
    names = np.array(rungs.load_data(study()).class_names)
    test, validation = (answered(labels[part], 0.8, 3).argmax(1) for part in ("test", "validation"))
    rungs.record(
        study(), "base", seed=0, predictions=names[test], validation=names[validation].tolist(),
        store=store,
    )  # fmt: skip
    accuracy = report_of(plan(study()), store).rungs[0].val_accuracy.mean
    assert accuracy == pytest.approx((validation == labels["validation"]).mean())


def test_a_loop_of_ones_own_gets_the_images_but_no_label_of_test() -> None:
    images = rungs.load_data(study())
    assert len(images.train) == 40
    assert len(images.validation) == 60
    assert tuple(images.test.shape) == (80, 3, 8, 8)
    assert not hasattr(images.test, "labels")


def test_recorded_runs_travel_in_archives(
    store: Store, labels: dict[str, Any], tmp_path: Path
) -> None:
    fill(store, labels, curve=CURVE)
    wanted = plan(study())
    keys = [spec.key for spec in wanted.runs]
    assert export_runs(store, keys, tmp_path / "archive") == keys
    other = open_store(tmp_path / "other")
    assert sorted(import_runs(other, tmp_path / "archive")) == sorted(keys)
    for part in ("validation", "test"):
        found = store.labels(study().data.fingerprint, part)
        assert found is not None
        other.write_labels(study().data.fingerprint, part, found)
    ours, theirs = report_of(wanted, store), report_of(wanted, other)
    assert [r.val_accuracy for r in ours.rungs] == [r.val_accuracy for r in theirs.rungs]


def test_a_study_that_opens_its_test_set_at_the_end_does_so_with_its_last_run(
    store: Store, labels: dict[str, Any]
) -> None:
    at_end = study(lambda p: p.update(unseal="at end"))
    fill(store, labels, at_end)
    assert read_seal(store.root, at_end) is not None
    assert not report_of(plan(at_end), store).sealed


# --- curves ---------------------------------------------------------------------------------------


def test_curves_are_read_as_others_write_them(tmp_path: Path) -> None:
    timm = tmp_path / "summary.csv"
    timm.write_text("epoch,train_loss,eval_loss,eval_top1,lr\n0,2.5,2.0,40,0.1\n1,2.0,1.5,50.5,0\n")
    first, second = curve_of(timm, "", 5)
    assert (first.epoch, first.val_accuracy, first.learning_rate) == (1, 0.4, 0.1)
    assert second.val_loss == 1.5
    assert math.isnan(second.train_accuracy)
    lightning = tmp_path / "metrics.csv"
    lightning.write_text(
        "epoch,step,train_loss,val_acc,val_loss,test_acc,lr-SGD\n"
        ",0,,,,,0.1\n0,5,3.0,,,,\n0,9,2.0,,,,\n0,9,,0.25,1.5,,\n1,19,1.0,,,,\n1,19,,0.5,1.0,,\n"
        "2,19,,,,0.99,\n"
    )
    first, second = curve_of(lightning, "", 2)
    assert (first.train_loss, first.val_accuracy) == (2.5, 0.25)
    assert (second.val_loss, second.val_accuracy) == (1.0, 0.5)
    keras = curve_of({"loss": [1.0, 0.5], "accuracy": [0.5, 0.6], "val_loss": [1, 2]}, "", 2)
    assert [one.train_accuracy for one in keras] == [0.5, 0.6]


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with the study's file."""
    monkeypatch.chdir(tmp_path)
    text = (
        'name = "mine"\nbase = "base"\nfinal = "larger"\nseeds = 2\n[data]\nkind = "synthetic"\n'
        "classes = 4\ntrain = 40\nvalidation = 60\ntest = 80\nsize = 8\n[budgets]\nequal = 3\n"
        '[[rungs]]\nname = "base"\nrecorded = true\n'
        '[[rungs]]\nname = "larger"\nafter = "base"\nrecorded = true\n'
    )
    (tmp_path / "mine.toml").write_text(text)
    return tmp_path


def imported(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["import", "mine.toml", *arguments])
    return found.exit_code, found.output


def test_files_of_every_form_are_imported(folder: Path, labels: dict[str, Any]) -> None:
    likely = {
        (part, number): answered(labels[part], 0.7, 10 * number + len(part))
        for part in labels
        for number in range(4)
    }
    # A folder for each run, with what else a loop leaves there.
    (folder / "out" / "base@0").mkdir(parents=True)
    for part in labels:
        np.savez(folder / "out" / "base@0" / f"{part}.npz", probabilities=likely[part, 0])
    curve = "epoch,train_loss,eval_loss,eval_top1\n0,2,1,50\n"
    (folder / "out" / "base@0" / "summary.csv").write_text(curve)
    (folder / "out" / "base@0" / "environment.json").write_text('{"gpu": "A100"}')
    (folder / "out" / "base@0" / "args.yaml").write_text("x: 1")
    # Both parts of a run in one file.
    arrays = {part: likely[part, 1] for part in labels}
    np.savez(folder / "base@1.npz", **arrays)
    # Several runs in one file for each part.
    for part in labels:
        rows = ["name,seed,image,predicted,label"]
        for seed in (0, 1):
            order = np.random.default_rng(seed).permutation(len(labels[part]))
            classes = likely[part, 2 + seed].argmax(1)
            rows += [f"larger,{seed},{i},{classes[i]},{labels[part][i]}" for i in order]
        (folder / f"{part}.csv").write_text("\n".join(rows))
    status, output = imported("--from", "out", "base@1.npz", "validation.csv", "test.csv")
    assert status == 0, output
    assert output.count(": recorded (") == 4
    store = open_store(Path("runs"))
    wanted = plan(rungs.load_study("mine.toml"))
    for number, spec in enumerate([spec for item in wanted.rungs for spec in item.runs]):
        known = store.labels(spec.data.fingerprint, "test")
        assert known is not None
        found = store.predictions(spec.key, "test", known)
        assert np.array_equal(found.predicted, likely["test", number].argmax(1))
    first = store.result(wanted.rungs[0].runs[0].key)
    assert first.execution == {"recorded": {"gpu": "A100"}}
    assert [entry.val_accuracy for entry in first.history] == [0.5]
    # The same once more changes nothing.
    status, output = imported("--from", "out", "base@1.npz", "validation.csv", "test.csv")
    assert (status, output.count(": as before (")) == (0, 4)
    answer = CliRunner().invoke(
        app,
        [
            "import",
            "mine.toml",
            "--json",
            "--from",
            "out",
            "base@1.npz",
            "validation.csv",
            "test.csv",
        ],
    )
    plain = json.loads(answer.stdout)
    assert plain["left"] == 0
    assert [(one["rung"], one["seed"], one["state"]) for one in plain["entered"]] == [
        (rung, seed, "as before") for rung in ("base", "larger") for seed in (0, 1)
    ]


def test_what_files_lack_is_said_and_nothing_is_entered(
    folder: Path, labels: dict[str, Any]
) -> None:
    good = {part: answered(labels[part], 0.7, 1) for part in labels}
    np.savez("base@0.npz", **good)
    Path("larger@1").mkdir()
    Path("larger@1/summary.csv").write_text("epoch,eval_loss\n0,1\n")
    status, output = imported("--from", "base@0.npz", "larger@1")
    assert status == 1
    assert "larger, seed 1: expected answers on validation and on test, found a curve" in output
    assert not [*open_store(Path("runs")).keys()]
    assert imported("--from", "larger@1/summary.csv")[0] == 1


@pytest.mark.parametrize(
    ("name", "arrays", "said"),
    [
        ("base@0.npz", {"other": np.zeros(3)}, "tells whether this is of validation or test"),
        ("validation.npz", {"predicted": np.zeros(60, int)}, "expected the run that this is of"),
        ("base@x.validation.npz", {"predicted": np.zeros(60, int)}, "expected a number as seed"),
        (
            "base@0.validation.npz",
            {"predicted": np.zeros(60, int), "labels": np.zeros(60, int)},
            "see that images are in the study's order",
        ),
        (
            "base@0.validation.npz",
            {"predicted": np.zeros(60, int), "images": np.zeros(60, int)},
            "once, found others",
        ),
        (
            "base@0.validation.npz",
            {"predicted": np.zeros(60, int), "images": np.array(["a.png"] * 60)},
            "found 'a.png'",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    folder: Path, name: str, arrays: dict[str, Any], said: str
) -> None:
    np.savez(name, **arrays)
    status, output = imported("--from", name)
    assert status == 1
    assert said in " ".join(output.split()), output


def test_the_program_says_what_is_to_be_recorded(
    folder: Path, labels: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("base@0.npz", **{part: answered(labels[part], 0.7, 1) for part in labels})
    assert "3 runs of the study still to be recorded" in imported("--from", "base@0.npz")[1]
    ran = CliRunner().invoke(app, ["run", "mine.toml", "--no-pictures"])
    assert ran.exit_code == 0, ran.output
    told = "not recorded yet: base, seed 1; larger, seeds 0, 1."
    assert told in " ".join(ran.output.split())
    status = CliRunner().invoke(app, ["status", "mine.toml"]).output
    assert status.count("to do, to be recorded") == 3
    assert status.count("finished, recorded") == 1
    # Weights that were never here are not missed.
    doctor = CliRunner().invoke(app, ["doctor", "mine.toml"]).output
    assert "runs without weights" not in doctor
    assert "learning rate" not in doctor
    planned = CliRunner().invoke(app, ["plan", "mine.toml"]).output
    assert "after base: recorded" in planned


def test_a_rung_that_is_trained_here_is_held_against_one_that_is_not(
    store: Store, labels: dict[str, Any]
) -> None:
    mixed = study(
        lambda p: p["rungs"][0].pop("recorded"),
        lambda p: p.update(recipe={"network": {"widths": [4]}, "batch_size": 20}),
    )
    report = rungs.run(mixed, store=store, quiet=True, no_pictures=True, workers=1)
    assert [rung.seeds for rung in report.data.rungs] == [(0, 1), ()]
    for seed in (0, 1):
        rungs.record(
            mixed,
            "larger",
            seed=seed,
            predictions=answered(labels["test"], 0.9, seed),
            validation=answered(labels["validation"], 0.9, 9 + seed),
            curve=CURVE,
            store=store,
        )
    rungs.unseal(mixed, store=store)
    compared = rungs.compare(mixed, "larger", "base", store=store).verdict
    said = "larger was trained elsewhere and recorded, base here"
    assert said in compared.caveats
    assert not any("differs" in line for line in compared.caveats)
    page = rungs.run(mixed, store=store, quiet=True, no_pictures=True).page
    assert page is not None
    assert said in page.read_text(encoding="utf-8")
    with pytest.raises(RungsError, match="trained elsewhere and recorded"):
        rungs.plan(mixed, ablate=True, store=store)
    with pytest.raises(RungsError, match="no recipe of it to change"):
        with_trial(mixed, "larger", ["label_smoothing(0.1)"])
    with pytest.raises(RungsError, match="no weights"):
        select(mixed, "larger", store)
