"""What the finished runs of one rung measured."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from rungs.data.pictures import UNEVEN, unevenness
from rungs.evidence import metrics
from rungs.evidence.metrics import ClassAccuracy, Confused
from rungs.evidence.on_validation import right_on_validation, whole_seeds
from rungs.foundation.errors import StoreError
from rungs.report.figures.rungs import GroupConfusion, MeanCalibration, RungReport
from rungs.report.figures.spread import NO_ANSWERS, Spread, difference
from rungs.report.gather.classes import accuracies_by_class, confusion_of, ranking
from rungs.report.gather.folds import mean_history
from rungs.report.gather.runs import describe_execution, ended_runs, failures
from rungs.report.gather.speed import rung_speed
from rungs.statistics.calibration import Calibration, negative_log_likelihood
from rungs.statistics.predictions import Labels, SealedLabels, ValidationLabels
from rungs.store import Store
from rungs.store.results import Result
from rungs.study.costs import Cost
from rungs.study.plan import Plan, PlannedRung


def rung_report(
    item: PlannedRung,
    wanted: Plan,
    before: Mapping[str, RungReport],
    store: Store,
    test: SealedLabels | None,
    validation: ValidationLabels | None,
    cost: Cost,
    taught: int | None = 0,
) -> RungReport:
    """A rung's figures, means over its finished seeds; no verdict yet.

    Args:
        item: the rung with its runs.
        wanted: the whole plan.
        before: the rungs that it may stand on, by name.
        store: where results are.
        test: the test labels; None to go without test figures.
        validation: the labels of all validation images, see
            `rungs.evidence.on_validation.validation_labels`, if the store has them.
        cost: of the rung's network.
        taught: FLOPs of what its teacher answers to an image; None where they are not known.
    """
    rung = item.rung
    ended = ended_runs(item, store)
    seeds = whole_seeds(item, store)
    good = [run for group in seeds for run in group]
    correct_answers = NO_ANSWERS
    top5: list[float] = []
    calibrations: list[Calibration] = []
    classes: tuple[ClassAccuracy, ...] = ()
    confusion: GroupConfusion | None = None
    confused: tuple[Confused, ...] = ()
    balanced: list[float] = []
    untested: tuple[tuple[int, str], ...] = ()
    uneven = False
    held_out = None if wanted.study.folds is None else right_on_validation(seeds, store)
    balanced_validation: list[float] = []
    if validation is not None and is_uneven(validation):
        with suppress(StoreError):  # of an archive, which may lack them
            right = right_on_validation(seeds, store) if held_out is None else held_out
            balanced_validation = [
                metrics.balanced_accuracy(row, validation.labels) for row in right
            ]
    if test is not None and good:
        answers = [store.predictions(key, "test", test) for key, _ in good]
        predicted = [one.predicted for one in answers]
        if all(one.has_probabilities for one in answers):
            top5 = [metrics.top_accuracy(one.top5, test.labels) for one in answers]
        chosen_on = ((key, _validation(result, validation, store)) for key, result in good)
        each = (
            store.calibration(key, labels, test) for key, labels in chosen_on if labels is not None
        )
        calibrations = [one for one in each if one is not None]
        correct_answers = np.stack(predicted) == test.labels
        classes = accuracies_by_class(store, correct_answers, test)
        balanced = [metrics.balanced_accuracy(row, test.labels) for row in correct_answers]
        images = np.bincount(test.labels, minlength=len(test.class_names)).tolist()
        uneven = is_uneven(test)
        named = zip(test.class_names, images, strict=True)
        untested = tuple((index, name) for index, (name, count) in enumerate(named) if not count)
        confused = metrics.confused_pairs(predicted, test.labels, test.class_names)
        if test.groups:
            groups, count = test.groups, len(test.group_names)
            shares = [metrics.group_confusion(one, test.labels, groups, count) for one in predicted]
            confusion = confusion_of(np.mean(shares, axis=0).tolist())
    if len(calibrations) < len(good):
        calibrations = []
    history = tuple(mean_history([result for _, result in group]) for group in seeds)
    best_epochs = tuple(group[0][1].best_epoch for group in seeds)
    if rung.recorded:
        val_accuracy, val_loss = _recorded_on_validation(good, validation, store)
    else:
        best = [entries[epoch - 1] for entries, epoch in zip(history, best_epochs, strict=True)]
        val_accuracy = Spread(tuple(entry.val_accuracy for entry in best))
        val_loss = Spread(tuple(entry.val_loss for entry in best))
    accuracy = _by_seed(correct_answers.mean(axis=1).tolist(), item.folds)
    judged_accuracy = accuracy if held_out is None else val_accuracy
    previous = None if rung.after is None else before.get(rung.after)
    base = before.get(wanted.study.base)
    ceilings = tuple(result.ceiling for _, result in good)
    return RungReport(
        name=rung.name,
        title=rung.title,
        after=rung.after,
        kept=rung.kept,
        changes=rung.changes,
        difference=tuple(str(change) for change in rung.difference),
        teacher=rung.teacher,
        epochs=item.epochs,
        seeds=tuple(group[0][1].spec.seed for group in seeds),
        planned_seeds=item.seeds,
        cost=cost,
        learning_rate=None if rung.recorded else rung.recipe.optimiser.learning_rate,
        best_epochs=best_epochs,
        val_accuracy=val_accuracy,
        val_loss=val_loss,
        test_accuracy=accuracy,
        delta_previous=_minus(
            judged_accuracy, None if previous is None else previous.judged_accuracy
        ),
        delta_base=_minus(judged_accuracy, None if base is None else base.judged_accuracy),
        val_delta_previous=_minus(
            val_accuracy, None if previous is None else previous.val_accuracy
        ),
        train_seconds=Spread(
            tuple(
                sum(result.train_seconds for _, result in group)
                for group in seeds
                if all(result.timed for _, result in group)
            )
        ).mean,
        classes=classes,
        ranking=ranking(classes),
        confusion=confusion,
        confused=confused,
        history=history,
        failed=failures(ended),
        inexact=tuple(
            group[0][1].spec.seed for group in seeds if not all(result.exact for _, result in group)
        ),
        notes=metrics.notes(history, () if previous is None else previous.history),
        reported=rung.reported,
        executions=tuple(dict.fromkeys(describe_execution(result.execution) for _, result in good)),
        records=tuple(result.execution for _, result in good),
        ceilings=ceilings,
        workers=tuple(result.workers for _, result in good),
        correct=correct_answers if held_out is None else held_out,
        tested=correct_answers,
        held_out=held_out is not None,
        top5=_by_seed(top5, item.folds),
        calibrations=tuple(calibrations),
        calibration=_means(calibrations) if calibrations else None,
        speed=rung_speed(
            rung,
            item.epochs,
            [result.history for _, result in good],
            ceilings,
            cost,
            item.runs[0].data,
            taught,
        ),
        balanced=_by_seed(balanced, item.folds),
        balanced_validation=Spread(tuple(balanced_validation)),
        uneven=uneven,
        untested=untested,
        recorded=rung.recorded,
    )


def _recorded_on_validation(
    runs: Sequence[tuple[str, Result]], validation: ValidationLabels | None, store: Store
) -> tuple[Spread, Spread]:
    """Accuracy and loss on validation by what was recorded there, whatever its curve says.

    Args:
        runs: key and result of each.
        validation: without labels nothing is known; without probabilities there is no loss.
        store: where they are.
    """
    if validation is None:
        return Spread(), Spread()
    answers = [store.predictions(key, "validation", validation) for key, _ in runs]
    accuracy = [metrics.accuracy(one.predicted, validation.labels) for one in answers]
    if not all(one.has_probabilities for one in answers):
        return Spread(tuple(accuracy)), Spread()
    loss = [negative_log_likelihood(one.true_probability) for one in answers]
    return Spread(tuple(accuracy)), Spread(tuple(loss))


def is_uneven(labels: Labels) -> bool:
    """Whether classes have so unequal numbers of images that accuracy is of the frequent ones."""
    images = np.bincount(labels.labels, minlength=len(labels.class_names)).tolist()
    return unevenness(images) >= UNEVEN


def constant_answer(labels: Labels | None) -> float | None:
    """The accuracy of always answering the most frequent class; None where classes are alike."""
    if labels is None or not is_uneven(labels):
        return None
    return float(np.bincount(labels.labels).max() / len(labels.labels))


def _by_seed(models: Sequence[float], folds: int) -> Spread:
    """Each seed's mean over its models, which are beside each other."""
    starts = range(0, len(models), folds)
    return Spread(tuple(sum(models[start : start + folds]) / folds for start in starts))


def _validation(
    result: Result, validation: ValidationLabels | None, store: Store
) -> ValidationLabels | None:
    """The validation labels of a run: those of all runs, or of the fold that it holds out."""
    spec = result.spec.data
    return store.labels(spec.fingerprint, "validation") if spec.held_out else validation


def _minus(accuracy: Spread, other: Spread | None) -> float | None:
    return difference(accuracy.mean, None if other is None else other.mean)


def _means(seeds: Sequence[Calibration]) -> MeanCalibration:
    count = len(seeds)
    return MeanCalibration(
        nll=sum(item.nll for item in seeds) / count,
        brier=sum(item.brier for item in seeds) / count,
        ece=sum(item.ece for item in seeds) / count,
        temperature=sum(item.temperature for item in seeds) / count,
        nll_after=sum(item.nll_after for item in seeds) / count,
        ece_after=sum(item.ece_after for item in seeds) / count,
    )
