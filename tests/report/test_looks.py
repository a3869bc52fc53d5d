"""Seeds that are added after the test set was seen, where the study asked for looks beforehand."""

from dataclasses import replace
from typing import Any

import pytest

from rungs.evidence.seal import read_seal, unseal
from rungs.foundation.errors import StudyError
from rungs.report.figures.whole import ReportData
from rungs.report.gather.gathering import build
from rungs.statistics.in_looks import judge_in_looks, shares
from rungs.statistics.verdicts import Evidence
from rungs.store import Store
from rungs.study import Study, parse
from rungs.study.plan import plan
from tests.fake import PLAIN, measured_costs, put


def asked(**changes: Any) -> Study:
    return parse({**PLAIN, **changes}, source="fake.toml")


def shown(store: Store, study: Study, seeds: int) -> ReportData:
    seal = read_seal(store.root, study)
    return build(
        plan(study, seeds=seeds),
        store,
        with_test=True,
        environment={"rungs": "1"},
        costs=measured_costs(),
        hindsight=None if seal is None else seal.hindsight(study),
    )


def test_seeds_for_a_look_that_was_asked_for_are_not_late(filled: Store) -> None:
    study = asked(looks=[2, 3])
    for rung in plan(study).rungs[:3]:
        for spec in rung.runs:
            if not filled.is_finished(spec.key):
                put(filled, spec, right=5)
    unseal(filled, study)
    for rung in plan(study, seeds=3).rungs[:3]:
        put(filled, rung.runs[2], right=6)
    data = shown(filled, study, 3)
    top = next(rung for rung in data.rungs if rung.name == "top")
    base = next(rung for rung in data.rungs if rung.name == "base")
    assert top.late == ()
    assert top.verdict is not None
    pair = Evidence("top", top.correct), Evidence("base", base.correct)
    (alone,) = judge_in_looks([pair], pair, (2, 3), family=3)
    assert top.verdict.n_seeds == alone.n_seeds == (3, 3)
    # The seal has kept them, whatever the file says now.
    plain = shown(filled, replace(study, looks=()), 3)
    assert next(rung for rung in plain.rungs if rung.name == "top").late == ()


def test_looks_that_are_written_after_the_test_was_seen_count_for_nothing(filled: Store) -> None:
    study = asked()
    for rung in plan(study).rungs[:3]:
        for spec in rung.runs:
            if not filled.is_finished(spec.key):
                put(filled, spec, right=5)
    unseal(filled, study)
    for rung in plan(study, seeds=3).rungs[:3]:
        put(filled, rung.runs[2], right=6)
    data = shown(filled, asked(looks=[2, 3]), 3)
    top = next(rung for rung in data.rungs if rung.name == "top")
    assert top.late == (2,)


def test_each_look_spends_its_share(filled: Store) -> None:
    once, often = asked(), asked(looks=[2, 3, 5])
    for rung in plan(once).rungs[:3]:
        for number, spec in enumerate(rung.runs):
            if not filled.is_finished(spec.key):
                put(filled, spec, right=4 + number)
    one, other = (
        next(rung for rung in shown(filled, study, 2).rungs if rung.name == "tried").verdict
        for study in (once, often)
    )
    assert one is not None
    assert other is not None
    assert one.p_adjusted is not None
    assert other.p_adjusted == pytest.approx(min(1, one.p_adjusted / shares(3)[0]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"looks": [3, 2]}, "rise"),
        ({"looks": [1, 2]}, "2"),
        ({"looks": [2, 3], "seeds": {"start": 2, "most": 8}}, "as many seeds of every rung"),
    ],
)
def test_looks_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        asked(**changes)
