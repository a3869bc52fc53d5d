"""A study in folds from its file to its report: what is trained, what answers, what is sealed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rungs.data.kinds import fold_of
from rungs.data.loading import load as load_data
from rungs.evidence.archives import keep, take
from rungs.evidence.seal import least_seeds, open_at_end, read_seal
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.errors import RungsError, StudyError, UsageError
from rungs.report.figures.runs import Ended
from rungs.report.figures.whole import ReportData
from rungs.report.gather.comparison import compare
from rungs.report.gather.detection import seeds_needed
from rungs.report.gather.gathering import gather
from rungs.report.gather.model_card import model_figures
from rungs.report.gather.quantities import in_budget
from rungs.report.gather.reach import reaches
from rungs.report.gather.runs import run_states
from rungs.report.gather.trial import trial_of
from rungs.report.gather.writeup import ends
from rungs.report.show.planned import planned, progress
from rungs.report.show.rendering import document, render
from rungs.report.show.section import points
from rungs.report.show.trial import show_trial
from rungs.store import Store, open_store
from rungs.study import Study, load, parse
from rungs.study.cautions import few_images
from rungs.study.costs import costs
from rungs.study.jobs import Job, jobs, missing, with_finished_seeds
from rungs.study.plan import Plan, plan
from rungs.study.rounds import Decision, Round, read_rounds, staged, write_rounds
from rungs.study.seeds import AUTO
from rungs.study.trained import at_other_lengths
from rungs.study.trial import with_trial
from tests.conftest import SETTING
from tests.studies import FIRST, edited, mistakes

FOLDS = 3
LADDER = FIRST[: FIRST.index("[[ensembles]]")]
FOLDED = LADDER.replace('unseal = "at end"', f'unseal = "at end"\nfolds = {FOLDS}\nseeds = 2')


def study_in(folder: Path, text: str = FOLDED) -> Study:
    (folder / "first.toml").write_text(text, encoding="utf-8")
    return load(folder / "first.toml")


def train(study: Study, store: Store) -> None:
    """Everything that is missing, as workers do it."""
    for spec in dict.fromkeys((study.data, *study.splits)):
        keep_labels(store, load_data(spec))
    train_plan(plan(study), store)


def train_plan(wanted: Plan, store: Store) -> None:
    for job in jobs(wanted, store):
        assert run_one(store, job, load_data(job.spec.data), setting=SETTING)
        store.index.add(job.spec.key, store.result(job.spec.key))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, own_cache: None) -> tuple[Study, Path]:
    """The study, and a store in which it is finished and its test set sealed."""
    folder = tmp_path_factory.mktemp("folded")
    study = study_in(folder)
    train(study, open_store(folder / "runs"))
    return study, folder / "runs"


@pytest.fixture
def finished(trained: tuple[Study, Path], tmp_path: Path) -> tuple[Study, Store]:
    """The same in a store that a test may change."""
    study, runs = trained
    shutil.copytree(runs, tmp_path / "runs")
    return study, open_store(tmp_path / "runs")


def report(study: Study, store: Store) -> ReportData:
    return gather(plan(study), store, with_test=True)


# --- plan ----------------------------------------------------------------------------------------


def test_a_seed_of_a_rung_is_a_run_for_every_fold(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    wanted = plan(study)
    base = wanted.rungs[0]
    assert [len(group) for group in base.groups] == [FOLDS, FOLDS]
    held_out = [fold_of(spec.data) for spec in base.runs]
    assert [one.fold for one in held_out if one is not None] == [0, 1, 2, 0, 1, 2]
    assert [spec.seed for spec in base.runs] == [0, 0, 0, 1, 1, 1]
    assert len({spec.key for spec in wanted.runs}) == 2 * 2 * FOLDS
    assert wanted.of_seeds(1) == plan(study, seeds=1)
    assert wanted.of_seeds(3) == plan(study, seeds=3)
    assert base.members(1) == ((base.groups[1][0].key, "best"),)


def test_without_folds_runs_are_named_as_they_were(tmp_path: Path) -> None:
    plain = study_in(tmp_path, LADDER)
    assert plain.splits == (plain.data,)
    assert plan(plain).rungs[0].runs[0].data == plain.data
    assert plain.judged_images == 40


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([("folds", 1)], "folds: "),
        ([("folds", 21)], "folds: "),
        ([("folds", 2.0)], "folds: "),
    ],
)
def test_numbers_that_are_none_of_folds(edits: list[tuple[str, object]], said: str) -> None:
    assert any(one.startswith(said) for one in mistakes(edited(*edits)))


def test_folds_that_pictures_are_too_few_for_and_ensembles_are_refused_together() -> None:
    few = {"kind": "synthetic", "classes": 10, "train": 30, "validation": 10, "test": 10}
    with pytest.raises(StudyError) as caught:
        parse(edited(("folds", 5), ("data", few)), "mine.toml")
    said = [str(one) for one in caught.value.mistakes]
    assert len(said) == 2
    assert "expected 50 pictures at least" in said[0]
    assert said[1].startswith("ensembles: with folds = 5")


def test_seeds_do_not_go_where_they_decide(tmp_path: Path) -> None:
    """Rounds would look at the very images that judge, and stop where chance is kind."""
    with pytest.raises(StudyError, match="with folds = 3 seeds cannot go where they decide"):
        study_in(tmp_path, FOLDED.replace("seeds = 2", "seeds = { start = 2, most = 8 }"))
    with pytest.raises(UsageError, match="give a number, not auto"):
        plan(study_in(tmp_path), seeds=AUTO)


def test_rungs_may_have_unequal_numbers_of_seeds(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    wanted = plan(study).with_seeds({"base": 4, "stacked": 1})
    base, stacked = wanted.rungs
    assert (base.seeds, stacked.seeds, wanted.most_seeds) == (4, 2, 4)
    assert base == plan(study, seeds=4).rungs[0]
    assert stacked == plan(study).rungs[1]
    seeds = [spec.seed for spec in wanted.runs]
    assert seeds == sorted(seeds)
    assert len(seeds) == (4 + 2) * FOLDS
    opened = (Decision("stacked", "base", "open", None, None, None),)
    over = Round({"base": 3, "stacked": 2}, opened, 15, 1.0, "2026-01-01T00:00:00Z")
    assert [item.seeds for item in staged(plan(study), (over,)).rungs] == [3, 2]
    # Where seeds went without folds says nothing of where they would with them.
    write_rounds(tmp_path, plan(replace(study, folds=None)), (over,))
    assert read_rounds(tmp_path, plan(replace(study, folds=None))) == (over,)
    assert read_rounds(tmp_path, plan(study)) == ()


def test_few_test_images_are_no_matter(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    assert few_images(study) == []
    assert len(few_images(replace(study, folds=None))) == 1


def test_a_plan_says_what_a_seed_is(tmp_path: Path) -> None:
    wanted = plan(study_in(tmp_path))
    names = [item.rung.name for item in wanted.rungs]
    shown = planned(
        wanted, dict.fromkeys(names, Ended()), dict.fromkeys(names, (1, 1, 1)), width=150
    )
    assert "0 of 6" in shown
    assert "Each seed is 3 runs: one a fold of the 180 images outside the test part" in shown
    shown = progress(wanted, run_states(wanted, None), width=150)
    assert "base, seed 1, fold 2 of 3" in shown


# --- runs ----------------------------------------------------------------------------------------


def test_the_last_epoch_answers(finished: tuple[Study, Store]) -> None:
    """Whatever validation says: it is the evidence, and chooses nothing."""
    study, store = finished
    results = [store.result(spec.key) for spec in plan(study).runs]
    assert {result.best_epoch for result in results} == {2}
    # The weights that are kept are those of that epoch, and what they say is what it measured.
    for spec, result in zip(plan(study).runs, results, strict=True):
        labels = store.labels(spec.data.fingerprint, "validation")
        assert labels is not None
        predicted = store.predictions(spec.key, "validation", labels).predicted
        assert (predicted == labels.labels).mean() == pytest.approx(result.history[-1].val_accuracy)


def test_a_worse_last_epoch_answers_all_the_same(tmp_path: Path) -> None:
    """At a rate that ruins what was learnt the last epoch is not the best."""
    text = FOLDED.replace("learning_rate = 0.002", "learning_rate = 0.3").replace("seeds = 2", "")
    study = study_in(tmp_path, text)
    store = open_store(tmp_path / "runs")
    spec = plan(study).rungs[0].runs[0]
    data = load_data(spec.data)
    keep_labels(store, data)
    assert run_one(store, Job(spec), data, setting=SETTING)
    result = store.result(spec.key)
    losses = [entry.val_loss for entry in result.history]
    assert losses[0] < losses[1]
    assert result.best_epoch == 2


def test_a_shorter_run_within_a_longer_one_answers_with_its_own_last_epoch(tmp_path: Path) -> None:
    study = study_in(tmp_path, FOLDED.replace("equal = 2", "equal = 2\nlong = 3"))
    store = open_store(tmp_path / "runs")
    job = jobs(plan(study, budget="long", seeds=1), store)[1]
    data = load_data(job.spec.data)
    keep_labels(store, data)
    assert run_one(store, job, data, setting=SETTING)
    (shorter,) = job.contained
    for spec in (shorter, job.spec):
        result = store.result(spec.key)
        labels = store.labels(spec.data.fingerprint, "validation")
        assert labels is not None
        predicted = store.predictions(spec.key, "validation", labels).predicted
        assert result.best_epoch == spec.epochs
        assert (predicted == labels.labels).mean() == pytest.approx(result.history[-1].val_accuracy)


def test_stopped_in_a_fold_it_goes_on_to_the_same_end(
    finished: tuple[Study, Store], tmp_path: Path
) -> None:
    study, store = finished
    spec = plan(study).rungs[1].runs[4]
    data = load_data(spec.data)
    other = open_store(tmp_path / "stopped")
    keep_labels(other, data)
    assert not run_one(other, Job(spec), data, setting=SETTING, should_stop=lambda: True)
    assert other.epochs_done(spec.key) == 1
    assert run_one(other, Job(spec), data, setting=SETTING)
    for part in ("validation", "test"):
        name = f"predictions/best-{part}.npy"
        ours, theirs = (np.load(one.run_folder(spec.key) / name) for one in (store, other))
        assert np.array_equal(ours, theirs)


def test_a_seed_counts_when_all_its_folds_are_there(
    finished: tuple[Study, Store], tmp_path: Path
) -> None:
    study, store = finished
    assert least_seeds(store, study) == 2
    last = plan(study).rungs[1].runs[-1]
    shutil.rmtree(store.run_folder(last.key))
    store = open_store(store.root)
    assert missing(plan(study), store) == (last,)
    assert least_seeds(store, study) == 1
    rungs = report(study, store).rungs
    assert [rung.seeds for rung in rungs] == [(0, 1), (0,)]
    assert open_at_end(store, study) == 1
    train(study, store)
    assert open_at_end(store, study) == 0
    assert read_seal(store.root, study) is not None


def test_finished_seeds_beyond_those_asked_are_read(finished: tuple[Study, Store]) -> None:
    study, store = finished
    assert with_finished_seeds(plan(study, seeds=1), store).seeds == 2
    assert in_budget(plan(study), "equal", store) == plan(study)


def test_rungs_that_are_finished_with_other_epochs_are_named(
    finished: tuple[Study, Store],
) -> None:
    study, store = finished
    assert at_other_lengths(plan(study), store) == []
    (said,) = at_other_lengths(plan(study, epochs=5), store)
    assert said.startswith("'base', 'stacked': finished with 2 epochs, not 5 epochs")


# --- report --------------------------------------------------------------------------------------


def test_a_rung_is_judged_by_all_images_outside_the_test_part(
    finished: tuple[Study, Store],
) -> None:
    study, store = finished
    data = report(study, store)
    assert data.sealed
    base, stacked = data.rungs
    assert base.correct.shape == (2, 180)
    for rung in (base, stacked):
        assert rung.val_accuracy.values == pytest.approx(rung.correct.mean(axis=1).tolist())
        assert not rung.tested.size
        assert not rung.test_accuracy.values
    verdict = stacked.verdict
    assert verdict is not None
    assert verdict.n_images == 180
    assert verdict.n_seeds == (2, 2)
    assert verdict.delta == pytest.approx(stacked.correct.mean() - base.correct.mean())
    assert stacked.delta_previous == pytest.approx(verdict.delta)
    # It is what validation says, too: that is not said twice.
    assert stacked.val_verdict is None
    assert verdict.margin == study.margin
    assert verdict.p is not None
    assert verdict.sign == pytest.approx(1 - verdict.p / 2)
    assert compare(data, "base", "stacked") == replace(
        verdict.turned(), caveats=compare(data, "base", "stacked").caveats
    )


def test_test_figures_are_means_over_the_models_of_a_seed(finished: tuple[Study, Store]) -> None:
    study, store = finished
    open_at_end(store, study)
    data = report(study, store)
    base = data.rungs[0]
    labels = store.labels(study.data.fingerprint, "test")
    assert labels is not None
    each = [
        (store.predictions(spec.key, "test", labels).predicted == labels.labels).mean()
        for spec in plan(study).rungs[0].runs
    ]
    assert base.test_accuracy.values == pytest.approx([np.mean(each[:3]), np.mean(each[3:])])
    assert base.tested.shape == (6, 40)
    assert base.correct.shape == (2, 180)
    assert len(base.calibrations) == 6


@pytest.mark.parametrize("opened", [False, True])
def test_every_form_says_by_what_is_judged(finished: tuple[Study, Store], *, opened: bool) -> None:
    study, store = finished
    if opened:
        open_at_end(store, study)
    data = report(study, store)
    for form in ("text", "markdown", "html"):
        shown = " ".join(render(data, form, width=200).split())
        assert "180 images outside the test part" in shown
        assert "lowest validation loss" not in shown
        assert "Seconds of training per seed" in shown or form == "html"
        assert "images that models did not see" in shown or form == "html"
    plain = json.loads(render(data, "json", width=160))
    assert plain["folds"] == FOLDS
    assert plain["test_sealed"] is not opened
    stacked = plain["rungs"][1]
    assert stacked["verdict"]["n_images"] == 180
    assert (stacked["test_accuracy"]["mean"] is not None) is opened


@pytest.mark.parametrize("opened", [False, True])
def test_what_is_handed_in_says_by_what_is_judged(
    finished: tuple[Study, Store], *, opened: bool
) -> None:
    study, store = finished
    if opened:
        open_at_end(store, study)
    data = report(study, store)
    word = data.rungs[1].verdict
    assert word is not None
    table = render(data, "latex", width=160)
    assert "on 180 images outside the test part" in table
    assert "lowest validation loss" not in table
    assert "to choose by" not in table
    assert f"${points(word.delta)}$" in table
    written = document(data, ends(data))
    assert f"{points(word.delta)} points on images that models did not see, in 3 folds" in written
    assert "the last epoch answers" in written
    assert "choosing the epoch" not in written
    assert "--detect" not in written


@pytest.mark.parametrize("opened", [False, True])
def test_a_model_card_is_of_the_first_folds_model(
    finished: tuple[Study, Store], *, opened: bool
) -> None:
    study, store = finished
    if opened:
        open_at_end(store, study)
    part = "test" if opened else "validation"
    spec = plan(study).rungs[1].groups[1][0]
    labels = store.labels(spec.data.fingerprint, part)
    assert labels is not None
    right = store.predictions(spec.key, part, labels).predicted == labels.labels
    figures = model_figures(report(study, store), "stacked", 1)
    assert (figures.part, figures.images) == (part, len(right))
    assert figures.accuracy == pytest.approx(right.mean())


def test_an_archive_holds_all_that_a_report_takes(
    finished: tuple[Study, Store], tmp_path: Path
) -> None:
    study, store = finished
    open_at_end(store, study)
    before = report(study, store)
    keep(store, tmp_path / "archive", plan(study))
    elsewhere = open_store(tmp_path / "elsewhere")
    take(tmp_path / "archive", elsewhere, plan(study))
    for spec in (study.data, *study.splits):
        keep_labels(elsewhere, load_data(spec))
    after = report(study, elsewhere)
    assert [rung.verdict for rung in after.rungs] == [rung.verdict for rung in before.rungs]
    assert [rung.test_accuracy for rung in after.rungs] == [
        rung.test_accuracy for rung in before.rungs
    ]


def test_uneven_classes_are_balanced_over_all_folds(
    finished: tuple[Study, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, store = finished
    assert not report(study, store).rungs[0].balanced_validation.values
    monkeypatch.setattr("rungs.report.gather.measured.UNEVEN", 1.0)
    data = report(study, store)
    labels = [store.labels(spec.fingerprint, "validation") for spec in study.splits]
    true = np.concatenate([part.labels for part in labels if part is not None])
    assert len(true) == 180
    assert data.constant_answer == np.bincount(true).max() / 180
    for rung in data.rungs:
        of_classes = [rung.correct[:, true == label].mean(axis=1) for label in range(4)]
        expected = np.mean(of_classes, axis=0).tolist()
        assert rung.balanced_validation.values == pytest.approx(expected)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_change_is_tried_in_folds(finished: tuple[Study, Store], seeds: int) -> None:
    study, store = finished
    tried, name = with_trial(study, "base", ["label_smoothing(0.1)"])
    wanted = plan(tried, seeds=seeds, only=("base", name))
    assert len(jobs(wanted, store)) == FOLDS * seeds
    train_plan(wanted, store)
    data = gather(wanted, store, with_test=False)
    found = trial_of(data, "base", name, plan(tried, seeds=seeds), store)
    assert found.verdict.n_images == 180
    assert found.verdict.n_seeds == (seeds, seeds)
    assert found.verdict.delta == pytest.approx(
        found.after.correct.mean() - found.before.correct.mean()
    )
    shown = show_trial(found, width=400)
    seed = "1 seed" if seeds == 1 else "2 seeds"
    assert f"sure ({seed}, 180 images that models did not see)" in shown
    assert "difference in folds: " in shown


def test_more_seeds_are_no_answer_to_few_pictures(finished: tuple[Study, Store]) -> None:
    study, store = finished
    asked = plan(study)
    assert reaches(asked, asked, store, costs(study, store)) is None
    with pytest.raises(RungsError, match="has folds"):
        seeds_needed(plan(study), store, 1.0)
