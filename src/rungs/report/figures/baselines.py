"""Ensembles beside their baselines: what costs as much to train, and what costs more."""

from collections.abc import Mapping
from dataclasses import dataclass

from rungs.report.figures.spread import Spread
from rungs.statistics.verdicts import Verdict
from rungs.store.inference_costs import Inference


@dataclass(frozen=True)
class Growth:
    """Accuracy of growing ensembles on one part, fractions, means over seeds.

    Attributes:
        forward: of the first 1, 2 ... M members together; empty where an archive lacks it.
        backward: of the last 1, 2 ... M together.
    """

    forward: tuple[float, ...] = ()
    backward: tuple[float, ...] = ()


@dataclass(frozen=True)
class BaselineRow:
    """One row. Accuracies are fractions.

    Attributes:
        what: it is, in words.
        times_cost: training cost in multiples of the single model's: epochs x FLOPs of a pass; None
            where FLOPs are not known.
        cost_class: the same to three digits, and 1 where it is all but equal: rows of one class
            are compared at one cost.
        models: that answer together.
        seeds: the finished ones.
        train_seconds: of all runs of a seed, without evaluation, mean over seeds.
        verdict: on test against the single model; None for that itself, or without test figures.
        disagreement: share of images on which two members differ, mean over pairs and seeds.
        error_correlation: correlation of two members' errors, mean over pairs and seeds.
        growth: by part; empty for single models.
        inference: what answering takes; None while nobody measured it.
    """

    name: str
    what: str
    ensemble: str | None
    times_cost: float | None
    cost_class: float | None
    models: int
    seeds: tuple[int, ...]
    train_seconds: float | None
    val_accuracy: Spread
    test_accuracy: Spread
    verdict: Verdict | None
    disagreement: float | None
    error_correlation: float | None
    growth: Mapping[str, Growth]
    inference: Inference | None

    @property
    def images_only(self) -> tuple[float, float] | None:
        """With one seed: the 95 % interval of these two trained models on new images."""
        return None if self.verdict is None else self.verdict.images_only


@dataclass(frozen=True)
class BaselineTable:
    """A rung with ensembles, its baselines and the ensembles themselves.

    Attributes:
        rung: the single model.
        epochs: of its training.
        members_on: the part on which members are compared with each other: test, or validation
            while there are no test figures.
        single: its row.
        others: the other rows, baselines before ensembles.
    """

    rung: str
    epochs: int
    members_on: str
    single: BaselineRow
    others: tuple[BaselineRow, ...]

    @property
    def rows(self) -> tuple[BaselineRow, ...]:
        """All rows, the single model first."""
        return (self.single, *self.others)

    @property
    def by_cost(self) -> tuple[tuple[BaselineRow, ...], ...]:
        """The rows by class of cost: the single model's own first, the others by rising cost.

        Those whose cost is not known come last.
        """
        found: dict[float | None, list[BaselineRow]] = {}
        for row in self.rows:
            found.setdefault(row.cost_class, []).append(row)
        order = sorted(
            found, key=lambda times: (times != self.single.cost_class, times is None, times or 0.0)
        )
        return tuple(tuple(found[times]) for times in order)

    @property
    def best_for_cost(self) -> tuple[BaselineRow, ...]:
        """The ensembles that no row beats on validation, by rising training cost."""
        found = [row for row in self._measured_ensembles if self.beaten_by(row) is None]
        return tuple(sorted(found, key=lambda row: (row.times_cost or 0.0, row.models)))

    @property
    def beaten(self) -> tuple[tuple[BaselineRow, BaselineRow], ...]:
        """The other ensembles, each with the row that beats it by most."""
        pairs = [(row, self.beaten_by(row)) for row in self._measured_ensembles]
        return tuple((row, by) for row, by in pairs if by is not None)

    @property
    def _measured_ensembles(self) -> list[BaselineRow]:
        """Those of several models whose costs and validation accuracy are known."""
        return [
            row
            for row in self.others
            if row.models > 1 and row.times_cost is not None and row.val_accuracy.values
        ]

    def beaten_by(self, row: BaselineRow) -> BaselineRow | None:
        """The most accurate row on validation that is at least as accurate for no more cost.

        Cost is that of training, in classes of `cost_class`, and the number of models that answer.
        Of rows level in all of it none beats the other. None where no row does.
        """

        def place(one: BaselineRow) -> tuple[float, float, int]:
            mean, cost = one.val_accuracy.mean, one.cost_class
            return (-(mean or 0.0), float("inf") if cost is None else cost, one.models)

        mine = place(row)
        better = [
            one
            for one in self.rows
            if one.val_accuracy.values
            and place(one) != mine
            and all(theirs <= own for theirs, own in zip(place(one), mine, strict=True))
        ]
        return min(better, key=place, default=None)

    @property
    def family(self) -> int:
        """Number of comparisons that are corrected for together; 0 without test figures."""
        judged = (row.verdict for row in self.others)
        return max((verdict.family for verdict in judged if verdict is not None), default=0)

    @property
    def ensembles(self) -> frozenset[str]:
        """Names of the ensembles in it."""
        return frozenset(row.ensemble for row in self.others if row.ensemble is not None)
