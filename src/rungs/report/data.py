"""All that a report shows, as data; every output is made from this."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from rungs.evidence.claims import ClaimOutcome
from rungs.evidence.metrics import ClassAccuracy, Confused
from rungs.report.gather.audited import AuditReport
from rungs.report.gather.equal_cost import RivalTable
from rungs.report.gather.runs import RunState
from rungs.statistics.calibration import Calibration
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Verdict
from rungs.store.results import Epoch
from rungs.study import EnsembleKind, Reported, Study
from rungs.study.costs import Cost, LayerRow

# The answers of no seeds.
NO_ANSWERS: BoolArray = np.zeros((0, 1), dtype=np.bool_)


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of no values."""
    return sum(values) / len(values) if values else None


@dataclass(frozen=True)
class Spread:
    """One value per finished seed."""

    values: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """The mean; None while there is no value."""
        return mean(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"mean": self.mean, "values": list(self.values)}


@dataclass(frozen=True)
class RungReport:
    """One rung. Accuracies are fractions; validation figures are those of the best epoch.

    Attributes:
        seeds: the finished seeds, in the order of all values.
        planned_seeds: number of seeds of the plan.
        delta_previous: mean test accuracy minus that of ``after``.
        delta_base: mean test accuracy minus that of the study's base.
        train_seconds: mean over seeds.
        classes: accuracy of every class, over all seeds.
        confusion: share of each group's test images taken for each group, [true, predicted], mean
            over seeds; empty where classes have no groups or the test labels are not read.
        confused: the pairs of classes that are confused most often on test.
        history: per seed, one entry per epoch.
        failed: seed and reason of each run that failed.
        records: execution record of each finished seed.
        ceilings: what the machine did at best for each finished seed, GFLOP/s; None if unknown.
        correct: whether each test answer is right, [seeds, images]; no rows without test labels.
        top5: share of test images whose class is among the five most probable.
        calibrations: per seed; empty where only compact predictions without them are there.
        verdict: on what the rung changed; None where it stands on no other.
        late: seeds of it that were trained, unplanned, after the test set was seen.
        balanced: mean over classes of the accuracy on their test images.
        uneven: whether classes have so unequal numbers of test images that it should be shown.
        untested: index and name of each class without test images, once there are figures.
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
    learning_rate: float
    best_epochs: tuple[int, ...]
    val_accuracy: Spread
    val_loss: Spread
    test_accuracy: Spread
    delta_previous: float | None
    delta_base: float | None
    train_seconds: float | None
    classes: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[float, ...], ...]
    confused: tuple[Confused, ...]
    history: tuple[tuple[Epoch, ...], ...]
    failed: tuple[tuple[int, str], ...]
    inexact: tuple[int, ...]
    notes: tuple[str, ...]
    reported: Reported
    executions: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    ceilings: tuple[float | None, ...]
    correct: BoolArray = field(compare=False, repr=False)
    top5: Spread
    calibrations: tuple[Calibration, ...]
    verdict: Verdict | None = None
    late: tuple[int, ...] = ()
    balanced: Spread = Spread()
    uneven: bool = False
    untested: tuple[tuple[int, str], ...] = ()

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


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble: snapshots of one run, or runs of several seeds.

    Attributes:
        members: number of models M.
        alpha0: learning rate at the start of each cycle; None where there are no cycles.
        seeds: those of which all runs are finished.
        member_test: test accuracy of members 1 ... M, means over seeds.
        member_val: the same on validation.
        growing_test: test accuracy of the last 1, 2 ... M members together, per seed.
        growing_val: the same on validation.
        gain: mean test accuracy of all M together minus that of the last member alone.
        gain_interval: 95 % interval of that, not corrected: for new seeds and new images, with one
            seed for new images alone; None without test figures.
        gain_p: of the same test, not corrected; with one seed McNemar's.
        gain_val: the same as ``gain`` on validation.
        single_test: the rung's own run of the same length, its best epoch.
        train_seconds: of all runs of a seed, mean over seeds.
        inexact: seeds whose run went on under another record than it began with.
        planned_seeds: number of seeds of the plan.
        records: execution record of each finished run.
        correct: whether each test answer of all M together is right, [seeds, images].
        late: seeds of it that were trained, unplanned, after the test set was seen.
    """

    name: str
    kind: EnsembleKind
    rung: str
    epochs: int
    members: int
    alpha0: float | None
    seeds: tuple[int, ...]
    member_test: Spread
    member_val: Spread
    growing_test: tuple[Spread, ...]
    growing_val: tuple[Spread, ...]
    gain: float | None
    gain_interval: tuple[float, float] | None
    gain_p: float | None
    gain_val: float | None
    single_test: float | None
    train_seconds: float | None
    failed: tuple[tuple[int, str], ...]
    inexact: tuple[int, ...]
    planned_seeds: int
    records: tuple[Mapping[str, Any], ...]
    correct: BoolArray = field(compare=False, repr=False)
    late: tuple[int, ...] = ()

    @property
    def epochs_of_all(self) -> int:
        """Of all runs of a seed together."""
        return self.epochs * self._runs

    @property
    def failed_seeds(self) -> tuple[int, ...]:
        """The seeds of the plan that lack a run, since it failed."""
        return tuple(dict.fromkeys(seed // self._runs for seed, _ in self.failed))

    @property
    def _runs(self) -> int:
        """Of a seed: seed s of a deep ensemble of M stands for the seeds s M to s M + M - 1."""
        return self.members if self.kind == "seeds" else 1


# What answers to images: two of these can be compared.
Answering = RungReport | EnsembleReport


@dataclass(frozen=True)
class AssumptionReport:
    """A reading of what the study's source leaves open, with the value it has."""

    field: str
    value: Any
    rung: str
    text: str


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows.

    Attributes:
        budget: name of the plan's budget.
        with_test: False if test figures are sealed or were asked to stay unread.
        sealed: whether the test set is sealed.
        added: names of what the study asks since its test set was seen.
        revealed: number of recipes whose figures on this test set were shown, in all studies of
            the store.
        test_labels: whether the test labels were read: without them there are no test figures.
        seeds: number of seeds of the plan.
        runs: how far every run of the plan is.
        left_out: for each ensemble that the plan leaves out, why.
        rivals: every rung with ensembles, beside what they are to be held against.
        layers: per rung, the operations of its network; empty if nobody looked.
        groups: class index -> group index; empty where classes have no groups.
        group_names: index -> name.
        audit: what an audit of the data says of the test figures; None without one, or where test
            figures are not shown.
        elsewhere: the rungs and ensembles at other budgets, by budget, that claims are about.
        archive: in which the report stands, as a command names it; empty for none.
        unlimited: the report that this one is a part of; None if it is whole.
    """

    study: Study
    budget: str
    seeds: int
    with_test: bool
    sealed: bool
    revealed: int
    test_labels: bool
    environment: Mapping[str, Any]
    rungs: tuple[RungReport, ...]
    ensembles: tuple[EnsembleReport, ...]
    claims: tuple[ClaimOutcome, ...]
    assumptions: tuple[AssumptionReport, ...]
    runs: tuple[RunState, ...]
    left_out: tuple[str, ...]
    rivals: tuple[RivalTable, ...]
    layers: Mapping[str, tuple[LayerRow, ...]]
    groups: tuple[int, ...]
    group_names: tuple[str, ...]
    audit: AuditReport | None = None
    added: frozenset[str] = frozenset()
    elsewhere: Mapping[str, tuple[Answering, ...]] = field(default_factory=dict)
    archive: str = ""
    unlimited: "ReportData | None" = field(default=None, compare=False, repr=False)

    @property
    def whole(self) -> "ReportData":
        """With all rungs and ensembles, also those that this report does not show."""
        return self.unlimited or self

    def rung(self, name: str) -> RungReport | None:
        """The rung of that name, if the report has it."""
        return next((item for item in self.rungs if item.name == name), None)

    def limited_to(self, names: Collection[str]) -> "ReportData":
        """The same report with only the rungs and ensembles of these names."""
        return replace(
            self,
            rungs=tuple(item for item in self.rungs if item.name in names),
            ensembles=tuple(item for item in self.ensembles if item.name in names),
            rivals=tuple(table for table in self.rivals if table.ensembles & set(names)),
            audit=None if self.audit is None else self.audit.limited_to(names),
            unlimited=self.whole,
        )

    def find(self, name: str) -> Answering | None:
        """The rung or ensemble of that name, if the report has it."""
        return next((item for item in self.answering if item.name == name), None)

    @property
    def rival_verdicts(self) -> tuple[Verdict, ...]:
        """On every ensemble and rival that was judged."""
        rows = (row for table in self.rivals for row in table.rivals)
        return tuple(row.verdict for row in rows if row.verdict is not None)

    @property
    def answering(self) -> tuple[Answering, ...]:
        """All rungs and ensembles."""
        return (*self.rungs, *self.ensembles)

    @property
    def part(self) -> Literal["test", "validation"]:
        """Whose figures stand in front: test, or validation where test is not to be had."""
        return "test" if self.with_test and self.test_labels else "validation"

    def accuracy(self, rung: RungReport) -> Spread:
        """A rung's accuracy on `part`."""
        return rung.test_accuracy if self.part == "test" else rung.val_accuracy

    @property
    def executions(self) -> tuple[str, ...]:
        """On what the rungs were trained: execution records in words, each once."""
        return tuple(dict.fromkeys(line for rung in self.rungs for line in rung.executions))

    @property
    def chosen(self) -> RungReport | None:
        """The rung that is shown first: the final one, or while it is not done the best so far."""
        final = self.rung(self.study.final)
        return final if final is not None and final.seeds else self.best_on_validation

    @property
    def best_on_validation(self) -> RungReport | None:
        """The rung of the highest mean validation accuracy: what validation alone would choose."""
        measured = [item for item in self.rungs if item.val_accuracy.values]
        return max(measured, key=lambda item: item.val_accuracy.mean or 0.0, default=None)
