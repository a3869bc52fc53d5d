"""Everything that a report shows, as one whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rungs.evidence.claims import ClaimOutcome
from rungs.report.figures.audited import AuditReport
from rungs.report.figures.baselines import BaselineTable
from rungs.report.figures.ensembles import Answering, EnsembleReport, Growing
from rungs.report.figures.readings import Reading
from rungs.report.figures.reliability import Diagram
from rungs.report.figures.rounds import SeedRounds
from rungs.report.figures.rungs import RungReport, answering_epoch
from rungs.report.figures.runs import RunState
from rungs.report.figures.spread import Spread
from rungs.report.figures.tradeoffs import Tradeoff, Untimed
from rungs.report.figures.under_way import UnderWay
from rungs.statistics.levels import MARGIN
from rungs.statistics.verdicts import Verdict
from rungs.study import Study
from rungs.study.costs import LayerRow


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
        seeds: number of seeds that every rung of the plan has.
        rounds: where seeds go where they decide, how far that has come; None where every rung has
            the same number.
        runs: how far every run of the plan is.
        under_way: what is going on with those that are not finished.
        left_out: for each ensemble that the plan leaves out, why.
        baselines: every rung with ensembles, beside the baselines that they are held against.
        layers: per rung, the operations of its network; empty if nobody looked.
        groups: class index -> group index; empty where classes have no groups.
        group_names: index -> name.
        audit: what an audit of the data says of the test figures; None without one, or where test
            figures are not shown.
        elsewhere: the rungs and ensembles at other budgets, by budget, that claims are about.
        claim_verdicts: for each claim the verdict that it stands on; None where that is no
            comparison of two recipes at the report's budget.
        climb: the final rung against the base, of that comparison alone; None without test figures
            of both.
        readings: every change of the trunk in both readings; empty where no rung without a change,
            or no test figure, may be shown.
        tradeoffs: accuracy per parameter, per FLOP and, of rungs that were trained alone and
            alike, per second; none with fewer than two rungs measured.
        untimed: the measured rungs whose seconds are left out of them.
        constant_answer: accuracy on `part` of always answering its most frequent class, where its
            classes have very unequal numbers of images; else None.
        diagrams: one for each rung whose probabilities are known.
        growing: one for each ensemble.
        margin: the largest difference that counts as none: the study's, or where its test set was
            seen, what it was then.
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
    baselines: tuple[BaselineTable, ...]
    layers: Mapping[str, tuple[LayerRow, ...]]
    groups: tuple[int, ...]
    group_names: tuple[str, ...]
    audit: AuditReport | None = None
    added: frozenset[str] = frozenset()
    elsewhere: Mapping[str, tuple[Answering, ...]] = field(default_factory=dict)
    claim_verdicts: tuple[Verdict | None, ...] = ()
    climb: Verdict | None = None
    readings: tuple[Reading, ...] = ()
    tradeoffs: tuple[Tradeoff, ...] = ()
    untimed: Untimed = field(default_factory=Untimed)
    constant_answer: float | None = None
    diagrams: tuple[Diagram, ...] = ()
    growing: tuple[Growing, ...] = ()
    archive: str = ""
    margin: float = MARGIN
    rounds: SeedRounds | None = None
    under_way: UnderWay = field(default_factory=UnderWay)
    unlimited: "ReportData | None" = field(default=None, compare=False, repr=False)

    @property
    def whole(self) -> "ReportData":
        """With all rungs and ensembles, also those that this report does not show."""
        return self.unlimited or self

    def rung(self, name: str) -> RungReport | None:
        """The rung of that name, if the report has it."""
        return next((item for item in self.rungs if item.name == name), None)

    def find(self, name: str) -> Answering | None:
        """The rung or ensemble of that name, if the report has it."""
        return next((item for item in self.answering if item.name == name), None)

    @property
    def baseline_verdicts(self) -> tuple[Verdict, ...]:
        """On every ensemble and baseline that was judged."""
        rows = (row for table in self.baselines for row in table.others)
        return tuple(row.verdict for row in rows if row.verdict is not None)

    @property
    def answering(self) -> tuple[Answering, ...]:
        """All rungs and ensembles."""
        return (*self.rungs, *self.ensembles)

    @property
    def most_seeds(self) -> int:
        """Number of seeds of the rung that has most in the plan."""
        return max((item.planned_seeds for item in self.rungs), default=self.seeds)

    @property
    def part(self) -> Literal["test", "validation"]:
        """Whose figures stand in front: test, or validation where test is not to be had."""
        return "test" if self.with_test and self.test_labels else "validation"

    @property
    def judged(self) -> bool:
        """Whether verdicts may be shown: with test figures, and with folds always."""
        return self.with_test or self.study.folds is not None

    @property
    def judged_on(self) -> str:
        """What verdicts are of, in words."""
        if self.study.folds is None:
            return "test"
        return f"images that models did not see, in {self.study.folds} folds"

    @property
    def has_words(self) -> bool:
        """Whether rungs have a verdict's word: where test figures are, and with folds always."""
        return self.part == "test" or self.study.folds is not None

    @property
    def effects_on(self) -> str:
        """What the differences that `effect` gives are of, in words."""
        return self.part if self.study.folds is None else self.judged_on

    def effect(self, rung: RungReport) -> Verdict | None:
        """What is known of a rung's change: its verdict, or without words what validation says."""
        return rung.verdict if self.has_words else rung.val_verdict

    @property
    def answering_epoch(self) -> str:
        """Which epoch of a run is tested, in words."""
        return answering_epoch(held_out=self.study.folds is not None)

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
