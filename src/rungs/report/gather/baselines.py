"""Ensembles beside their baselines, with figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rungs.data.spec import DataSpec
from rungs.evidence.baselines import Contender, contests
from rungs.evidence.kinds import kind_of
from rungs.evidence.seal import Hindsight
from rungs.recipe import recipe_key
from rungs.report.figures.baselines import BaselineRow, BaselineTable, Growth
from rungs.report.figures.caveats import AFTER_THE_TEST, NO_PROBABILITIES
from rungs.report.figures.spread import NO_ANSWERS, Spread
from rungs.report.gather.caveats import Side, caveats_between
from rungs.statistics.diversity import disagreement, error_correlation
from rungs.statistics.levels import MARGIN
from rungs.statistics.predictions import BoolArray, Labels
from rungs.statistics.verdicts import Evidence, Verdict, judge
from rungs.store import PARTS, Store
from rungs.store.inference_costs import read_inference
from rungs.store.mixtures import Members, growing, mixture
from rungs.store.results import Result
from rungs.study.costs import Cost
from rungs.study.plan import Plan

# Costs that differ by less are called equal.
_EQUAL = 0.05


def baseline_tables(
    plan: Plan,
    store: Store,
    costs: Mapping[str, Cost],
    *,
    with_test: bool,
    hindsight: Hindsight | None = None,
    margin: float = MARGIN,
) -> tuple[BaselineTable, ...]:
    """One for each rung of a plan that has ensembles.

    Args:
        plan: its unfinished runs appear without figures.
        store: where results are.
        costs: per rung: parameters, trainable parameters, FLOPs.
        with_test: False leaves the test labels unread.
        hindsight: what came after the test set was seen; None for nothing.
        margin: the largest difference that counts as none.
    """
    hindsight = hindsight or Hindsight()
    data = plan.study.data
    # What is sealed is not even read.
    labels = {
        part: store.labels(data.fingerprint, part) if with_test or part != "test" else None
        for part in PARTS
    }
    reader = _Reader(store, labels, "validation" if labels["test"] is None else "test")
    found = []
    for contest in contests(plan):
        everyone = [reader.read(item) for item in (contest.single, *contest.others)]
        verdicts = (
            _judged(everyone, hindsight, margin)
            if labels["test"] is not None
            else [None] * len(everyone)
        )
        single, *others = (
            _row(answers, verdict, _times(answers.contender, contest.single, costs), store, data)
            for answers, verdict in zip(everyone, verdicts, strict=True)
        )
        found.append(
            BaselineTable(
                contest.single.name,
                contest.single.epochs,
                reader.members_on,
                single,
                tuple(others),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class _Answers:
    """What is known of a contender: for each finished seed, by part."""

    contender: Contender
    results: Mapping[int, tuple[Result, ...]]  # by seed
    failed: tuple[int, ...]  # number of runs, for each seed of the plan
    accuracy: Mapping[str, tuple[float, ...]]  # by part
    correct: BoolArray  # on test, [seeds, images]
    disagreement: float | None
    error_correlation: float | None
    growth: Mapping[str, Growth]


@dataclass(frozen=True)
class _Reader:
    """Reads predictions and holds them against the labels that may be read.

    Attributes:
        store: where they are.
        labels: by part; None where they may not be read, or are not there.
        members_on: the part on which members are compared with each other.
    """

    store: Store
    labels: Mapping[str, Labels | None]
    members_on: str

    def read(self, contender: Contender) -> _Answers:
        results, failed = {}, []
        for seed, specs in enumerate(contender.runs):
            ended = [self.store.result(s.key) for s in specs if self.store.is_finished(s.key)]
            good = tuple(result for result in ended if result.failed is None)
            failed.append(len(ended) - len(good))
            if len(good) == len(specs):
                results[seed] = good
        groups = [contender.members[seed] for seed in results]
        right = {part: self._all_right(groups, part) for part in PARTS}
        several = groups if contender.models > 1 else []
        apart, alike = self._compared(several)
        growth = {part: self._growth(several, part) for part in PARTS if self.labels[part]}
        return _Answers(
            contender,
            results,
            tuple(failed),
            {part: tuple(found.mean(axis=1).tolist()) for part, found in right.items()},
            right["test"],
            apart,
            alike,
            growth if several else {},
        )

    def _right(self, members: Members, part: str) -> BoolArray | None:
        """Whether each answer of all members together is right, [images]."""
        labels = self.labels[part]
        answers = None if labels is None else mixture(self.store, members, part, labels)
        if labels is None or answers is None:
            return None
        right: BoolArray = answers == labels.labels
        return right

    def _all_right(self, groups: Sequence[Members], part: str) -> BoolArray:
        """The same of several seeds, [seeds, images]; no seeds where one is not known."""
        found = [self._right(members, part) for members in groups]
        known = [one for one in found if one is not None]
        if not known or len(known) < len(found):
            return NO_ANSWERS
        return np.stack(known)

    def _compared(self, groups: Sequence[Members]) -> tuple[float | None, float | None]:
        """Disagreement and correlation of errors of the members, means over seeds."""
        part = self.members_on
        labels = self.labels[part]
        if labels is None or not groups:
            return None, None
        apart, alike = [], []
        for members in groups:
            each = [self.store.answers(*one, part, labels) for one in members]
            apart.append(disagreement(each))
            correlation = error_correlation(np.stack([one == labels.labels for one in each]))
            alike += [] if correlation is None else [correlation]
        return float(np.mean(apart)), float(np.mean(alike)) if alike else None

    def _growth(self, groups: Sequence[Members], part: str) -> Growth:
        ways: list[tuple[float, ...]] = []
        for way in (0, 1):  # forward, backward
            steps = zip(*(growing(members)[way] for members in groups), strict=True)
            means = [self._all_right(step, part) for step in steps]
            whole = all(len(step) for step in means)
            ways.append(tuple(float(step.mean()) for step in means) if whole else ())
        return Growth(*ways)


def _judged(
    everyone: Sequence[_Answers], hindsight: Hindsight, margin: float
) -> list[Verdict | None]:
    """The verdict on each contender but the first against that.

    The family is all of them, finished or not, and what was given up after the test set was seen;
    the variance between seeds is pooled over them.
    What was added after the test set was seen is marked, and each a family of its own; it has no
    say in the pooled variance of the others.
    """
    single, *others = everyone
    key = recipe_key(single.contender.recipe)

    def is_late(one: _Answers) -> bool:
        known = None if hindsight.contenders is None else hindsight.contenders.get(key, frozenset())
        asked = known is None or one.contender.asks in known
        return not asked or one.contender.asked_by in hindsight.added

    settled = [one for one in others if not is_late(one)]
    late = [one for one in others if is_late(one)]
    caveats = (AFTER_THE_TEST,) if single.contender.asked_by in hindsight.added else ()

    def family(
        members: Sequence[_Answers], trained: Sequence[_Answers], *more: str, gone: int = 0
    ) -> list[Verdict]:
        pool = [_evidence(item) for item in trained]
        against = _evidence(single)
        pairs = []
        for one in members:
            # What is marked as a whole needs no caveat for its runs.
            sides = (
                _side(one, None if more else hindsight),
                _side(single, None if caveats else hindsight),
            )
            lost = (NO_PROBABILITIES,) if one.results and not len(one.correct) else ()
            both = (*caveats, *more, *lost, *caveats_between(*sides, declared=False))
            pairs.append((_evidence(one, both), against))
        return list(judge(pairs, pool, family=len(members) + gone, margin=margin))

    found = family(settled, [single, *settled], gone=hindsight.given_up.get(key, 0))
    for one in late:
        found += family([one], everyone, AFTER_THE_TEST)
    by_name = {verdict.name: verdict for verdict in found}
    return [None, *(by_name[one.contender.name] for one in others)]


def _evidence(answers: _Answers, caveats: tuple[str, ...] = ()) -> Evidence:
    contender = answers.contender
    kind = kind_of(contender.recipe, contender.models)
    return Evidence(contender.name, answers.correct, caveats, kind)


def _side(answers: _Answers, hindsight: Hindsight | None) -> Side:
    contender, done = answers.contender, list(answers.results.values())
    return Side(
        name=contender.name,
        recipe=contender.recipe,
        epochs=contender.epochs,
        records=[result.execution for results in done for result in results],
        seeds=len(done),
        planned_seeds=len(contender.runs),
        failed=sum(answers.failed),
        failed_seeds=sum(runs > 0 for runs in answers.failed),
        inexact=sum(not all(result.exact for result in results) for results in done),
        late=sum(
            hindsight is not None and hindsight.is_late(contender.runs[seed])
            for seed in answers.results
        ),
    )


def _times(one: Contender, single: Contender, costs: Mapping[str, Cost]) -> float | None:
    """Training cost of one in multiples of the single model's."""
    if costs[one.rung] == costs[single.rung]:
        return one.epochs / single.epochs
    flops, whole = costs[one.rung][2], costs[single.rung][2]
    return one.epochs * flops / (single.epochs * whole) if flops and whole else None


def _row(
    answers: _Answers,
    verdict: Verdict | None,
    times: float | None,
    store: Store,
    data: DataSpec,
) -> BaselineRow:
    contender = answers.contender
    seconds = [sum(r.train_seconds for r in done) for done in answers.results.values()]
    return BaselineRow(
        name=contender.name,
        what=contender.what,
        ensemble=contender.ensemble,
        times_cost=times,
        cost_class=None
        if times is None
        else 1.0
        if abs(times - 1) <= _EQUAL
        else float(f"{times:.3g}"),
        models=contender.models,
        seeds=tuple(answers.results),
        train_seconds=float(np.mean(seconds)) if seconds else None,
        val_accuracy=Spread(answers.accuracy["validation"]),
        test_accuracy=Spread(answers.accuracy["test"]),
        verdict=verdict,
        disagreement=answers.disagreement,
        error_correlation=answers.error_correlation,
        growth=answers.growth,
        inference=read_inference(store, contender.recipe, data, contender.models),
    )
