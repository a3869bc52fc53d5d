"""Rungs that teach others: how a study names them, and which runs that takes."""

import json
import re
from typing import Any

import pytest

from rungs.evidence.pruning import prunable
from rungs.foundation.errors import RecipeError, RungsError, UsageError
from rungs.recipe import recipe_key, replace
from rungs.recipe.calls import parse_change
from rungs.recipe.components import NoTeaching, Relu
from rungs.store import Store
from rungs.store.results import RunSpec, Teacher
from rungs.study import Study, parse, sizes
from rungs.study.estimate import Rates, identity, seconds_left
from rungs.study.jobs import Job, jobs
from rungs.study.known import note_study
from rungs.study.plan import plan
from rungs.study.rounds import Decision, Round, staged
from rungs.study.sizes import check_sizes
from rungs.study.trial import with_trial
from rungs.study.variants import leave_one_out, split
from tests.studies import edited, mistakes

BASE = {"name": "base"}
BIG = {"name": "big", "title": "A big one", "after": "base", "keep": False, "apply": ["residual"]}
PUPIL = {"name": "pupil", "after": "base", "apply": ['distil(from = "big")']}


def written(*rungs: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = {rung["name"]: 2 + number for number, rung in enumerate(rungs)}
    plain = edited(
        ("rungs", [*rungs]),
        ("base", rungs[0]["name"]),
        ("final", rungs[-1]["name"]),
        ("ensembles", []),
        ("budgets/own", own),
    )
    return {**plain, **more}


def taught(*rungs: dict[str, Any], **more: Any) -> Study:
    return parse(written(*(rungs or (BASE, BIG, PUPIL)), **more), "mine.toml")


def wrong(*rungs: dict[str, Any], **more: Any) -> str:
    (message,) = mistakes(written(*rungs, **more))
    return message


# --- what a study says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        'distil(from = "big")',
        "distil(from=big)",
        'distil("big")',
        'distill(teacher = "big", temperature = 4, weight = 0.9)',
        {"name": "distil", "from": "big"},
        {"name": "knowledge_distillation", "teacher": "big"},
    ],
)
def test_a_teacher_is_named_by_its_rung(change: object) -> None:
    study = taught(BASE, BIG, {**PUPIL, "apply": [change]})
    rung = study.rung("pupil")
    assert rung.teacher == "big"
    assert rung.recipe.teaching.teacher == recipe_key(study.rung("big").recipe)
    assert rung.recipe == taught().rung("pupil").recipe
    assert [str(item) for item in rung.difference] == [
        "teaching.kind none -> distillation",
        "taught by A big one",
        "teaching.temperature = 4",
        "teaching.weight = 0.9",
    ]


def test_a_text_in_quotes_stays_as_it_is() -> None:
    assert parse_change("distil('from = in', weight=0.5)") == (
        "distil",
        {"from": "from = in", "weight": 0.5},
    )


def test_those_that_stand_on_one_that_learns_learn_too_until_another_teaches() -> None:
    later = {"name": "later", "after": "pupil", "apply": ["label_smoothing(0.1)"]}
    other = {"name": "other", "after": "later", "apply": ['distil("base", temperature = 2)']}
    study = taught(BASE, BIG, PUPIL, later, other)
    assert [rung.teacher for rung in study.rungs] == [None, None, "big", "big", "base"]
    assert [str(item) for item in study.rung("other").difference] == [
        "taught by base instead of A big one",
        "teaching.temperature 4 -> 2",
    ]


@pytest.mark.parametrize(
    ("rungs", "expected"),
    [
        (
            (BASE, BIG, {**PUPIL, "apply": ['distil(from = "bgi")']}),
            "rungs[2].apply[0]: there is no rung 'bgi'; did you mean 'big'?",
        ),
        (
            (BASE, BIG, {**PUPIL, "apply": [{"name": "distil", "from": "bgi"}]}),
            "rungs[2].apply[0].from: there is no rung 'bgi'; did you mean 'big'?",
        ),
        (
            (BASE, {**PUPIL, "apply": ['distil(from = "pupil")']}),
            "rungs[1].apply[0]: 'pupil' is the rung itself; expected another that it learns from",
        ),
        (
            (BASE, PUPIL, BIG),
            "rungs[1].apply[0]: 'big' must stand before 'pupil', which learns from it",
        ),
        (
            (BASE, PUPIL, {**BIG, "after": "pupil"}),
            "rungs[1].apply[0]: 'big' stands on 'pupil' itself; expected a rung that is there "
            "without it",
        ),
        (
            (BASE, BIG, {**PUPIL, "apply": ["distil"]}),
            "rungs[2].apply[0].from: is needed, but missing",
        ),
        (
            (BASE, BIG, {**PUPIL, "apply": ["distil(from = 3)"]}),
            "rungs[2].apply[0].from: expected text, found 3",
        ),
        (
            (BASE, BIG, {**PUPIL, "apply": ['distil("big", weight = 1.5)']}),
            "rungs[2].apply[0].weight: expected a number of at most 1, found 1.5",
        ),
        (
            (BASE, BIG, {**PUPIL, "apply": ['distil("big", temperature = 0)']}),
            "rungs[2].apply[0].temperature: expected a number above 0, found 0",
        ),
        (
            (
                BASE,
                BIG,
                {
                    **PUPIL,
                    "apply": ["global_average_pooling", "progressive_resolution", 'distil("big")'],
                },
            ),
            "rungs[2].apply: 'big' cannot teach 'pupil': the images that it would answer to change "
            "their size (resolution 'progressive'), and its head 'dense' is for one size",
        ),
        (
            (BASE, {"name": "big", "after": "base", "recorded": True}, PUPIL),
            "rungs[2].apply: 'big' cannot teach 'pupil': it is trained elsewhere, so that its "
            "weights are not here",
        ),
        (
            (
                BASE,
                {"name": "long"},
                {"name": "one", "apply": ['distil("base")']},
                {"name": "two", "apply": ['distil("long")']},
            ),
            "rungs[3].apply: 'two' and 'one' have one recipe, and so have their teachers, 'long' "
            "and 'base', which differ in their length alone; expected one teacher for both",
        ),
    ],
)
def test_mistakes(rungs: tuple[dict[str, Any], ...], expected: str) -> None:
    assert wrong(*rungs) == expected


def test_a_recipe_cannot_name_a_rung() -> None:
    said = wrong(BASE, BIG, PUPIL, recipe={"teaching": {"kind": "distillation", "teacher": "big"}})
    assert said == (
        "recipe.teaching: a teacher is another rung, which a recipe cannot name; leave this out, "
        "and write 'distil(from = RUNG)' into the apply of the rung that learns"
    )


def test_a_mistake_in_the_teacher_is_said_once() -> None:
    wrong_one = {**BIG, "apply": ["residul"]}
    assert "residul" in wrong(BASE, wrong_one, PUPIL)


# --- runs ----------------------------------------------------------------------------------------


def test_a_teacher_is_of_the_same_seed_and_budget_and_comes_first() -> None:
    study = taught()
    wanted = plan(study, budget="own", seeds=2, only=("pupil",))
    assert [(run.seed, run.epochs) for run in wanted.runs] == [(0, 3), (0, 4), (1, 3), (1, 4)]
    whole = plan(study, budget="own", seeds=2)
    big, pupil = whole.rung("big"), whole.rung("pupil")
    assert big is not None
    assert pupil is not None
    assert [run.teacher_run for run in pupil.runs] == [*big.runs]
    assert [wanted.names_of_runs[run.key] for run in wanted.runs] == [("big",), ("pupil",)] * 2
    assert {run.key for run in wanted.runs} <= {run.key for run in whole.runs}


def test_one_that_is_taught_has_its_teachers_key_in_its_own() -> None:
    spec = plan(taught(), only=("pupil",)).runs[-1]
    assert spec.teacher is not None
    longer = Teacher(spec.teacher.recipe, spec.teacher.epochs + 1)
    alone = replace(spec.recipe, teaching=NoTeaching())
    keys = {
        spec.key,
        RunSpec(spec.recipe, 4, spec.data, 0, teacher=longer).key,
        RunSpec(spec.recipe, 4, spec.data, 0).key,
        RunSpec(alone, 4, spec.data, 0).key,
    }
    assert len(keys) == 4
    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert "teacher" not in plan(taught(), only=("base",)).runs[0].to_dict()
    assert next(iter(spec.all_keys())) == spec.key


def test_keys_under_former_versions_have_the_teachers_former_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = plan(taught(), only=("pupil",)).runs[-1]
    before = spec.key
    monkeypatch.setattr(Relu, "version", 2)
    now = RunSpec.from_dict(spec.to_dict())
    assert now.teacher is not None
    # Copies: what a recipe's form was is remembered.
    own, taught_by = (replace(one, batch_size=128) for one in (now.recipe, now.teacher.recipe))
    changed = RunSpec(own, 4, now.data, 0, teacher=Teacher(taught_by, 4))
    assert changed.key != before
    assert before in changed.all_keys()


def test_members_of_a_deep_ensemble_have_teachers_of_their_seeds() -> None:
    members = {"name": "three", "kind": "seeds", "rung": "pupil", "members": 3}
    wanted = plan(taught(BASE, BIG, PUPIL, ensembles=[members]), only=("three",), seeds=1)
    assert [(wanted.names_of_runs[run.key][0], run.seed) for run in wanted.runs] == [
        *(("big", 0), ("three", 0)),
        *(("big", 1), ("three", 1)),
        *(("big", 2), ("three", 2)),
    ]


def test_seeds_where_they_decide_have_their_teachers() -> None:
    """Though the teacher's own comparisons are settled."""
    study = taught(BASE, BIG, PUPIL, seeds={"start": 2, "most": 8})
    wanted = plan(study)
    over = Round(
        seeds={"base": 2, "big": 2, "pupil": 2},
        decisions=(
            Decision("big", "base", "settled", 0.1, 0.01, 0.001),
            Decision("pupil", "base", "open", 0.01, 0.01, 0.3),
        ),
        runs=6,
        seconds=1.0,
        decided="2026-01-01T00:00:00Z",
    )
    now = staged(wanted, (over,))
    third = [now.names_of_runs[run.key][0] for run in now.runs if run.seed == 2]
    assert third == ["base", "big", "pupil"]


def test_each_fold_is_taught_by_one_that_did_not_see_its_images_either() -> None:
    study = taught(BASE, BIG, PUPIL, folds=2)
    for run in plan(study, only=("pupil",)).runs:
        for one in run.with_teachers:
            assert one.data == run.data


def test_a_job_names_its_teacher_and_travels_as_plain_types(store: Store) -> None:
    base, big, pupil = jobs(plan(taught()), store)
    assert (base.needs, big.needs, pupil.needs) == (None, None, big.spec.key)
    assert pupil.teacher == "big, seed 0"
    assert (pupil.contained, pupil.kin) == ((), ())
    assert Job.from_dict(json.loads(json.dumps(pupil.to_dict()))) == pupil


def test_a_teacher_is_waited_for_in_estimates() -> None:
    study = taught()
    _, big, pupil = plan(study).runs
    rates = Rates({identity(run.recipe, run.data): 100.0 for run in (big, pupil)}, {})
    alone = seconds_left([(big, 0.0)], rates, 2)
    assert alone is not None
    assert seconds_left([(pupil, 0.0)], rates, 2) == pytest.approx(alone)
    assert seconds_left([(pupil, 0.0), (big, 0.0)], rates, 2) == pytest.approx(2 * alone)


def test_what_teaches_is_not_pruned_before_it_has_taught(store: Store) -> None:
    members = {"name": "three", "kind": "seeds", "rung": "pupil", "members": 3}
    wanted = plan(taught(BASE, BIG, PUPIL, ensembles=[members]), seeds=1)
    note_study(store, wanted, trains=True)
    for spec in wanted.runs:
        if wanted.names_of_runs[spec.key] == ("big",):
            folder = store.run_folder(spec.key)
            folder.mkdir(parents=True)
            (folder / "manifest.json").write_text("{}", encoding="utf-8")
    assert len([*store.keys()]) == 3
    assert prunable(store).going == ()
    with pytest.raises(UsageError, match="needed by study 'mine'"):
        prunable(store, [[*store.keys()][-1]])


# --- what is added to a ladder -------------------------------------------------------------------


def test_a_trial_can_be_taught() -> None:
    study, name = with_trial(taught(BASE, BIG), "base", ["distil(from = big)"])
    assert study.rung(name).teacher == "big"
    assert study.rung(name).recipe == taught().rung("pupil").recipe
    assert [run.epochs for run in plan(study, budget="own", only=(name,)).runs] == [3, 2]
    # What stands on one that learns keeps its teacher.
    later, name = with_trial(taught(), "pupil", ["label_smoothing(0.1)"])
    assert later.rung(name).teacher == "big"
    with pytest.raises(RungsError, match="has no rung 'bgi'; did you mean 'big'"):
        with_trial(taught(), "base", ["distil(from = bgi)"])
    resized = ["global_average_pooling", "progressive_resolution", "distil(big)"]
    with pytest.raises(RecipeError, match="'big' cannot teach this"):
        with_trial(taught(), "base", resized)


def test_the_end_without_each_step_keeps_the_teacher() -> None:
    later = {"name": "later", "after": "pupil", "apply": ["label_smoothing(0.1)"]}
    study = leave_one_out(taught(BASE, BIG, PUPIL, later)).study
    assert study.rung("later-without-distil").teacher is None
    assert study.rung("later-without-label_smoothing").teacher == "big"
    assert [str(d) for d in study.rung("later-without-distil").difference][1] == (
        "no longer taught by A big one"
    )
    assert plan(study, only=("later-without-label_smoothing",)).runs[0].recipe == (
        study.rung("big").recipe
    )


def test_a_bundle_with_a_teacher_is_split() -> None:
    bundle = {**PUPIL, "apply": ["label_smoothing(0.1)", "distil(big)"]}
    study = split(taught(BASE, BIG, bundle), "pupil").study
    assert study.rung("pupil-only-distil").teacher == "big"
    assert study.rung("pupil-only-label_smoothing").teacher is None


def test_a_teacher_takes_the_sizes_of_the_images_that_its_pupil_is_given() -> None:
    """Images of half the side leave its last stage no pixels, though its own never do."""
    head = {"kind": "global_average_pooling"}
    small = {"network": {"widths": [8, 16, 16], "head": head}}
    big = {"name": "big", "apply": [{"name": "add_layers", "widths": [16, 16]}]}
    resized = {"name": "progressive_resolution", "start": 0.5}
    alone = taught(BASE, big, {"name": "pupil", "apply": [resized]}, recipe=small)
    assert alone.data.image_shape == (3, 32, 32)
    expected = "'big' cannot teach 'pupil': .* would have no pixels left"
    said = wrong(BASE, big, {"name": "pupil", "apply": [resized, "distil(big)"]}, recipe=small)
    assert re.match(rf"rungs\[2\]\.apply: {expected}", said)


def test_a_teacher_that_is_not_described_is_looked_at_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody but torch knows which sizes a network of a user's own takes."""
    looked_at: list[tuple[str, sizes.Size]] = []

    def problem(spec: RunSpec, size: sizes.Size, *_: object) -> str:
        looked_at.append((spec.key, size))
        return "it does not take them"

    monkeypatch.setattr(sizes, "_problem", problem)
    pooled = {"network": {"widths": [8], "head": {"kind": "global_average_pooling"}}}
    resized = {"name": "progressive_resolution", "start": 0.5}
    pupil = {"name": "pupil", "apply": [resized, "distil(big)"]}
    wanted = plan(taught(BASE, BIG, pupil, recipe=pooled))
    with pytest.raises(RecipeError, match="the teacher of pupil: it does not take them"):
        check_sizes(wanted, store)
    key = wanted.runs[1].key
    assert wanted.names_of_runs[key] == ("big",)
    assert {size for one, size in looked_at if one == key} >= {(32, 32), (16, 16)}
    with pytest.raises(RecipeError) as caught:
        check_sizes(wanted, store, but=("big",))
    assert "the teacher of pupil" not in str(caught.value)
