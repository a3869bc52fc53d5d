"""One ensemble: what its members measured alone and together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.statistics.predictions import BoolArray
from rungs.study import EnsembleKind


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
        over_single: mean test accuracy of all M together minus ``single_test``.
        train_seconds: of all runs of a seed, mean over seeds.
        inexact: seeds whose run went on under another execution record than it began with.
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
    over_single: float | None
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


@dataclass(frozen=True)
class Growing:
    """Accuracies by number of members on one part, fractions, means over seeds.

    Attributes:
        item: the ensemble.
        part: of the data.
        alone: members 1 ... M, each alone.
        first: the first 1, 2 ... M together; empty where that is not known.
        last: the last 1, 2 ... M together.
        gain: all together minus the last member alone; None if there is no figure.
    """

    item: EnsembleReport
    part: Literal["test", "validation"]
    alone: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]
    gain: float | None

    @property
    def accuracy(self) -> float | None:
        """Of all members together."""
        return self.last[-1] if self.last else None


# What answers to images: two of these can be compared.
Answering = RungReport | EnsembleReport
