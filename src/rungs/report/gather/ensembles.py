"""What the finished runs of one ensemble measured, its members alone and together."""

from collections.abc import Mapping, Sequence

import numpy as np

from rungs.evidence import metrics
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import NO_ANSWERS, Spread, difference
from rungs.report.gather.runs import ended_runs, failures
from rungs.statistics.difference import difference_within
from rungs.statistics.levels import ALPHA
from rungs.statistics.predictions import BoolArray, Labels
from rungs.statistics.significance import mcnemar, paired_interval
from rungs.store import Store
from rungs.store.mixtures import Members, mixture
from rungs.study.plan import PlannedEnsemble


def ensemble_report(
    item: PlannedEnsemble,
    rungs: Mapping[str, RungReport],
    store: Store,
    test: Labels | None,
    validation: Labels | None,
) -> EnsembleReport:
    """An ensemble's figures, of the seeds of which all runs are finished.

    Args:
        item: the ensemble with its runs.
        rungs: the rungs of the report, by name.
        store: where results are.
        test: the test labels; None to go without test figures.
        validation: the validation labels, if the store has them.
    """
    ensemble = item.ensemble
    ended = ended_runs(item, store)
    finished = {key for key, result in ended if result.failed is None}
    seconds = {key: result.train_seconds for key, result in ended}
    exact = {key: result.exact for key, result in ended}
    good = {
        seed: item.members(seed)
        for seed, group in enumerate(item.groups)
        if all(spec.key in finished for spec in group)
    }

    def accuracy(members: Members, part: str, labels: Labels) -> float | None:
        answers = mixture(store, members, part, labels)
        return None if answers is None else metrics.accuracy(answers, labels.labels)

    def measured(groups: Sequence[Members], part: str, labels: Labels) -> Spread:
        found = [accuracy(members, part, labels) for members in groups]
        # An archive may lack a mixture: of some seeds alone the mean would be another figure.
        known = tuple(value for value in found if value is not None)
        return Spread(known if len(known) == len(found) else ())

    def together(part: str, labels: Labels | None) -> tuple[Spread, ...]:
        if labels is None or not good:
            return ()
        counts = range(1, ensemble.members + 1)
        spreads = [measured([all_[-k:] for all_ in good.values()], part, labels) for k in counts]
        return tuple(spreads) if all(spread.values for spread in spreads) else ()

    def alone(part: str, labels: Labels | None) -> Spread:
        if labels is None or not good:
            return Spread()
        return Spread(
            tuple(
                measured([(all_[m],) for all_ in good.values()], part, labels).mean or 0.0
                for m in range(ensemble.members)
            )
        )

    def gain(spreads: Sequence[Spread]) -> float | None:
        return difference(spreads[-1].mean, spreads[0].mean) if spreads else None

    def right(groups: Sequence[Members]) -> BoolArray:
        found = [mixture(store, members, "test", test) for members in groups] if test else []
        known = [answers == test.labels for answers in found if test and answers is not None]
        return np.stack(known) if known and len(known) == len(groups) else NO_ANSWERS

    correct = right(list(good.values()))
    gain_interval, gain_p = _tested(correct, right([members[-1:] for members in good.values()]))
    single = rungs.get(ensemble.rung)
    single_test = None if single is None else single.test_accuracy.mean
    growing_test = together("test", test)
    whole_test = growing_test[-1].mean if growing_test else None
    growing_val = together("validation", validation)
    return EnsembleReport(
        name=ensemble.name,
        kind=ensemble.kind,
        rung=ensemble.rung,
        epochs=item.epochs,
        members=ensemble.members,
        alpha0=ensemble.recipe.optimiser.learning_rate if ensemble.kind == "snapshots" else None,
        seeds=tuple(good),
        member_test=alone("test", test),
        member_val=alone("validation", validation),
        growing_test=growing_test,
        growing_val=growing_val,
        gain=gain(growing_test),
        gain_interval=gain_interval,
        gain_p=gain_p,
        gain_val=gain(growing_val),
        single_test=single_test,
        over_single=difference(whole_test, single_test),
        train_seconds=Spread(
            tuple(sum(seconds[spec.key] for spec in item.groups[seed]) for seed in good)
        ).mean,
        failed=failures(ended),
        inexact=tuple(
            seed for seed in good if not all(exact[spec.key] for spec in item.groups[seed])
        ),
        planned_seeds=len(item.groups),
        records=tuple(result.execution for _, result in ended if result.failed is None),
        correct=correct,
    )


def _tested(
    whole: BoolArray, last: BoolArray
) -> tuple[tuple[float, float], float] | tuple[None, None]:
    """95 % interval and p of the gain; of one seed for these models, on new images alone."""
    if not len(whole) or len(whole) != len(last):
        return None, None
    if len(whole) == 1:
        return paired_interval(whole[0], last[0]), mcnemar(whole[0], last[0])
    found = difference_within(whole, last)
    low, high = found.interval(ALPHA)
    return (max(low, -1.0), min(high, 1.0)), found.p
