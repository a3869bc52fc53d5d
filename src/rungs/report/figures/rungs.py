"""One rung: everything that its finished runs measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rungs.evidence.metrics import ClassAccuracy, Confused
from rungs.report.figures.spread import Spread
from rungs.statistics.calibration import Calibration
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Verdict
from rungs.store.results import Epoch
from rungs.study import Reported
from rungs.study.costs import Cost


def answering_epoch(*, held_out: bool) -> str:
    """Which epoch of a run is tested, in words; with folds it is not chosen."""
    if held_out:
        return "the last epoch, which answers"
    return "lowest validation loss: the epoch that is tested"


@dataclass(frozen=True)
class Speed:
    """How fast one run of a rung trains; evaluation is left out.

    Attributes:
        seconds_per_epoch: median over the epochs of all seeds.
        images_per_second: training images in that time.
        gflops: GFLOP/s of convolutions and dense layers as their definition counts them, forward
            and backward and in a teacher's answers, 2 per multiply-add, in the median epoch of
            images of full size; None where a recipe's images are smaller in every epoch.
        ceiling_share: ``gflops`` by the GFLOP/s of a large matrix product with the same threads,
            median over the seeds for which that was measured; None where it was for none.
    """

    seconds_per_epoch: float
    images_per_second: float
    gflops: float | None
    ceiling_share: float | None


@dataclass(frozen=True)
class MeanCalibration:
    """What a rung's probabilities are worth, means over seeds; see `Calibration` for each."""

    nll: float
    brier: float
    ece: float
    temperature: float
    nll_after: float
    ece_after: float


@dataclass(frozen=True)
class RankedClass:
    """A class by its accuracy; classes of one accuracy share a rank, 1 is the best."""

    rank: int
    item: ClassAccuracy


@dataclass(frozen=True)
class GroupConfusion:
    """Which groups of classes are taken for which, on test, means over seeds.

    Attributes:
        shares: of each group's images taken for each group, [true, predicted].
        right: share of images whose group is right, mean over groups.
        mistakes: true group, group that it is taken for, and share of its images; by falling
            share, ties by the groups' numbers.
    """

    shares: tuple[tuple[float, ...], ...]
    right: float
    mistakes: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class RungReport:
    """One rung. Accuracies are fractions; validation figures are those of the best epoch.

    Attributes:
        seeds: the finished seeds, in the order of all values.
        planned_seeds: number of seeds of the plan.
        delta_previous: mean of `judged_accuracy` minus that of ``after``.
        delta_base: mean of `judged_accuracy` minus that of the study's base.
        val_delta_previous: mean validation accuracy minus that of ``after``.
        train_seconds: mean over seeds.
        classes: accuracy of every class, over all seeds.
        ranking: the same classes, the best first, those of one accuracy by index.
        confusion: None where classes have no groups or the test labels are not read.
        confused: the pairs of classes that are confused most often on test.
        history: per seed, one entry per epoch.
        failed: seed and reason of each run that failed.
        records: execution record of each finished seed.
        ceilings: what the machine did at best for each finished run, GFLOP/s; None if unknown.
        workers: runs side by side on the machine while each finished run was trained, itself
            included; None where nobody noted.
        correct: whether each answer that is judged is right, [seeds, images]: test answers, or with
            folds those of the models that did not see the image, fold after fold; no rows without
            labels.
        tested: whether each test answer is right, [models, images]; with folds a seed has several
            models.
        held_out: whether verdicts go by images that models did not see, in folds, not by test.
        top5: share of test images whose class is among the five most probable.
        calibrations: per seed; empty where only compact predictions without them are there.
        calibration: their means; None where there are none.
        speed: None while no run is finished.
        verdict: on what the rung changed; None where it stands on no other.
        val_verdict: the same of the answers on validation, by which rungs are chosen; None where it
            stands on no other, or the labels are not at hand.
        late: seeds of it that were trained, unplanned, after the test set was seen.
        balanced: mean over classes of the accuracy on their test images.
        balanced_validation: the same on validation, where classes have very unequal numbers of
            images there; else empty.
        uneven: whether classes have so unequal numbers of test images that it should be shown.
        untested: index and name of each class without test images, once there are figures.
        recorded: whether its runs were trained elsewhere and recorded: then ``learning_rate``, most
            of ``cost``, a best epoch (0) and what of a curve was not told are not known.
        teacher: name of the rung whose answers it learns from; None without.
    """

    name: str
    title: str
    after: str | None
    kept: bool
    changes: tuple[str, ...]
    difference: tuple[str, ...]
    epochs: int
    seeds: tuple[int, ...]
    planned_seeds: int
    cost: Cost
    learning_rate: float | None
    best_epochs: tuple[int, ...]
    val_accuracy: Spread
    val_loss: Spread
    test_accuracy: Spread
    delta_previous: float | None
    delta_base: float | None
    val_delta_previous: float | None
    train_seconds: float | None
    classes: tuple[ClassAccuracy, ...]
    ranking: tuple[RankedClass, ...]
    confusion: GroupConfusion | None
    confused: tuple[Confused, ...]
    history: tuple[tuple[Epoch, ...], ...]
    failed: tuple[tuple[int, str], ...]
    inexact: tuple[int, ...]
    notes: tuple[str, ...]
    reported: Reported
    executions: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    ceilings: tuple[float | None, ...]
    workers: tuple[int | None, ...]
    correct: BoolArray = field(compare=False, repr=False)
    tested: BoolArray = field(compare=False, repr=False)
    top5: Spread
    calibrations: tuple[Calibration, ...]
    calibration: MeanCalibration | None
    speed: Speed | None
    verdict: Verdict | None = None
    val_verdict: Verdict | None = None
    late: tuple[int, ...] = ()
    balanced: Spread = field(default_factory=Spread)
    balanced_validation: Spread = field(default_factory=Spread)
    uneven: bool = False
    untested: tuple[tuple[int, str], ...] = ()
    teacher: str | None = None
    held_out: bool = False
    recorded: bool = False

    @property
    def judged_accuracy(self) -> Spread:
        """By which changes are judged: on test, or with folds on images that models did not see."""
        return self.val_accuracy if self.held_out else self.test_accuracy

    @property
    def extremes(self) -> tuple[tuple[str, ClassAccuracy, float], ...]:
        """Best and worst class with the share of bootstrap samples in which it is that again."""
        best, worst = self.best_class, self.worst_class
        if best is None or worst is None:
            return ()
        return (("best", best, best.best_share), ("worst", worst, worst.worst_share))

    def level_with(self, item: ClassAccuracy) -> tuple[str, ...]:
        """Names of the other classes of the very accuracy of one."""
        return tuple(
            other.name
            for other in self.classes
            if other.accuracy == item.accuracy and other.index != item.index
        )

    @property
    def best_class(self) -> ClassAccuracy | None:
        """The class of the highest accuracy; the lowest index wins a tie."""
        return max(self.classes, key=lambda item: item.accuracy, default=None)

    @property
    def worst_class(self) -> ClassAccuracy | None:
        """The class of the lowest accuracy; the lowest index wins a tie."""
        return min(self.classes, key=lambda item: item.accuracy, default=None)
