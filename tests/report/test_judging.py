"""Rungs of a report against one another."""

from dataclasses import replace

import numpy as np
import pytest

from rungs.foundation.errors import RungsError
from rungs.report.figures.caveats import OUTSIDE
from rungs.report.gather.comparison import compare
from rungs.report.gather.judging import caveats_of, judged, pool_of
from rungs.report.show.grounds import verdict_trace
from rungs.report.show.rendering import render
from rungs.report.show.section import point_range
from rungs.report.show.tables.verdicts import verdict_section
from rungs.statistics.significance import paired_interval
from rungs.statistics.verdicts import Evidence, judge
from rungs.store import Store
from rungs.study import Study, parse
from rungs.study.plan import plan
from tests.fake import PLAIN, put, report

BUNDLE = ["global_average_pooling", "residual"]


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
    assert top.verdict.outcome == "undecided"  # nine images and a base that varies so much
    assert broken.verdict.caveats == ("1 failed of broken",)
    text = render(data, "text", width=160)
    assert "undecided" in text
    assert "for new seeds and new images" in text
    # Nine images and two seeds could not even have shown a difference of 100 points.
    assert (top.verdict.detectable or 0) > 1
    assert "none" in text
    could = dict(verdict_trace(data, top.verdict).lines)["Minimum detectable difference"]
    assert could == "none, with power 0.8"


def test_a_bundle_and_an_unequal_budget_are_marked(filled: Store, study: Study) -> None:
    bundle = parse(
        {**PLAIN, "rungs": [*PLAIN["rungs"][:3], {**PLAIN["rungs"][3], "apply": BUNDLE}]}, "x.toml"
    )
    caveats = [
        rung.verdict.caveats
        for rung in report(filled, bundle, budget="own").rungs
        if rung.verdict is not None
    ]
    assert caveats[1] == ("unequal budget: 6 epochs against 3",)
    assert caveats[2] == ("bundle of 2 changes", "unequal budget: 3 epochs against 6")


def test_a_mark_stands_on_the_right_side_whichever_is_named_first(
    filled: Store, study: Study
) -> None:
    data = report(filled, study, budget="own")
    base, _, top, _ = data.rungs
    assert "unequal budget: 6 epochs against 3" in caveats_of(study, top, base)
    assert "unequal budget: 3 epochs against 6" in caveats_of(study, base, top)


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
    assert "batch size differs: 128 against 64" in caveats_of(other, tried, top)
    # What a rung changes on the one that it stands on is what the study asks about.
    assert not any("batch size" in caveat for caveat in caveats_of(other, top, base))
    gone_on = replace(top, inexact=(0,), records=({**top.records[0], "torch": "3"},))
    caveats = caveats_of(study, gone_on, base)
    assert caveats == (
        "torch differs: 3 against 2",
        "1 of 2 seeds of top missing",
        "1 of top resumed under another execution record",
    )


def test_how_to_read_the_p_that_decides_says_what_was_not_corrected() -> None:
    chance = np.random.default_rng(0)
    plain, better = (Evidence(name, chance.random((3, 400)) < 0.5) for name in ("a", "b"))
    (three,) = judge([(better, plain)], [plain, better], family=9)
    (told,) = verdict_section("", [three]).lines
    assert three.p_pair is not None
    assert "which is not corrected" in told
    fewer = replace(better, correct=better.correct[:2])
    (two,) = judge([(fewer, plain)], [plain, fewer], family=9)
    (told,) = verdict_section("", [two]).lines
    assert two.p_pair is None
    assert "over 9 comparisons" in told
    assert "not corrected. A change" not in told


def test_any_two_can_be_compared(filled: Store, study: Study) -> None:
    data = report(filled, study)
    asked = compare(data, "top", "base")
    assert asked == data.rungs[2].verdict
    other = compare(data, "base", "top")
    # The same question whichever is named first: the same family, and no word that it denies.
    assert other == replace(asked.turned(), caveats=other.caveats)
    assert (other.family, other.caveats) == (3, ("1 of 2 seeds of top missing",))
    stranger = compare(data, "shots", "base")
    assert stranger.family == 1
    assert stranger.caveats == ("1 of 2 seeds of shots missing", OUTSIDE)
    one = compare(data, "base@1", "base@0")
    assert (one.outcome, one.caveats) == ("one seed", (OUTSIDE,))
    assert one.delta == pytest.approx(3 / 9)
    assert one.p == pytest.approx(2 / 2**3)  # three images, all won by seed 1
    (told,) = verdict_section("", [one]).lines
    assert told.startswith("One seed: p (McNemar, exact) and the interval")
    first, second = (np.asarray(data.rungs[0].correct[seed]) for seed in (1, 0))
    assert one.images_only == paired_interval(first, second)
    assert one.to_dict()["images_only"] == list(paired_interval(first, second))
    assert one.turned().images_only == pytest.approx(paired_interval(second, first))
    (row,) = verdict_section("", [one]).rows
    assert row[3] == f"{point_range(*paired_interval(first, second))}, these two models"
    lines = dict(verdict_trace(data, one).lines)
    assert lines["Interval"].endswith("these two trained models on new images")
    assert lines["Family"].startswith("none")
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
        ("base@", "top", "no finished seed ''"),
    ],
)
def test_what_cannot_be_compared(
    filled: Store, study: Study, one: str, other: str, message: str
) -> None:
    with pytest.raises(RungsError, match=message):
        compare(report(filled, study), one, other)
    with pytest.raises(RungsError, match="no finished run with test figures"):
        compare(report(filled, study, with_test=False), "top", "base")
