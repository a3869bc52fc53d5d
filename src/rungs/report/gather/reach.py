"""What planned seeds can show: from the validation answers of what is finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rungs.evidence.kinds import kind_of
from rungs.evidence.on_validation import answered
from rungs.report.figures.reach import Reach, Reaches, Step
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.power import Components, components, detectable, planned, seeds_for
from rungs.statistics.predictions import BoolArray
from rungs.store import Store
from rungs.study import Rung, Study
from rungs.study.costs import Cost
from rungs.study.estimate import Machine, Rates, rates, seconds_left
from rungs.study.plan import Plan, PlannedRung


def reaches(asked: Plan, finished: Plan, store: Store, costs: Mapping[str, Cost]) -> Reaches | None:
    """What each comparison of a plan can show with its seeds, and what it costs.

    How much recipes vary is taken from all pairs that vary alike: for two plain recipes from pairs
    of such, for steady ones from theirs; from all pairs where none of its own is finished.

    Args:
        asked: the seeds that are asked for.
        finished: the same plan with every seed that is finished.
        store: where runs are.
        costs: of its rungs, see `rungs.study.costs.costs`.

    Returns:
        None with folds, of which more seeds make little: images and training sets stay the same.

    Raises:
        RungsError: the store has finished runs, but no labels.
    """
    if asked.study.folds is not None:
        return None
    name = store.index.last_machine()
    machine = None if name is None else Machine.parse(name)
    known = _Known(
        asked.study,
        {name: item.correct for name, item in answered(finished, store).items()},
        None if machine is None else rates(asked, store, machine, costs),
        machine,
    )
    adaptive = asked.adaptive
    return Reaches(
        tuple(
            known.reach(item, other, None if adaptive is None else adaptive.most)
            for item in asked.rungs
            if (other := asked.rung(item.rung.after or "")) is not None
        ),
        asked.study.margin,
        asked.study.data.sizes["test"],
        "" if machine is None else str(machine),
        None if adaptive is None else known.seconds(asked.rungs, adaptive.start),
        None if adaptive is None else known.seconds(asked.rungs, adaptive.most),
    )


@dataclass(frozen=True)
class _Known:
    """What is known of a study's variances and speed.

    Attributes:
        study: the question.
        answers: rung -> whether each validation answer is right, [seeds, images].
        rates: of its trainings; None where nothing was trained.
        machine: that they hold for.
    """

    study: Study
    answers: Mapping[str, BoolArray]
    rates: Rates | None
    machine: Machine | None

    def reach(self, item: PlannedRung, other: PlannedRung, most: int | None) -> Reach:
        """What one comparison can show.

        Args:
            item: the rung that is judged.
            other: the rung that it stands on.
            most: seeds that they may come to; None for those that they have.
        """
        variance = self._variance(item.rung)
        needed = None if variance is None else self._needed(item.rung, variance)
        return Reach(
            item.rung.name,
            other.rung.name,
            self._step(item, other, min(item.seeds, other.seeds), variance),
            None if most is None else self._step(item, other, most, variance),
            Step(
                needed,
                None if needed is None else self.study.margin,
                None if needed is None else self.seconds((item, other), needed),
            ),
            known=variance is not None,
        )

    def seconds(self, items: Sequence[PlannedRung], seeds: int) -> float | None:
        """What training rungs with so many seeds takes; None if it is not known."""
        if self.rates is None or self.machine is None:
            return None
        runs = {run.key: run for item in items for run in item.of_seeds(seeds).runs}
        return seconds_left([(run, 0.0) for run in runs.values()], self.rates, self.machine.workers)

    def _step(
        self, item: PlannedRung, other: PlannedRung, seeds: int, variance: Components | None
    ) -> Step:
        shows = None
        if variance is not None and seeds > 1:
            recipes, family = self._family(item.rung)
            images = self.study.data.sizes["test"]
            truth = planned(0.0, variance, seeds=seeds, images=images, recipes=recipes)
            shows = detectable(truth, ALPHA / family, ALPHA, POWER)
        return Step(seeds, shows, self.seconds((item, other), seeds))

    def _needed(self, rung: Rung, variance: Components) -> int | None:
        recipes, family = self._family(rung)
        return seeds_for(
            self.study.margin,
            variance,
            images=self.study.data.sizes["test"],
            recipes=recipes,
            family=family,
            alpha=ALPHA,
            wanted=POWER,
        )

    def _family(self, rung: Rung) -> tuple[int, int]:
        """Over how many recipes the variance is pooled, and for how many pairs p is corrected."""
        kinds = self._kinds(rung)
        alike = sum(kind_of(other.recipe) in kinds for other in self.study.rungs)
        family = [one for one in self.study.rungs if one.asked_by == rung.asked_by and one.after]
        return alike, len(family)

    def _kinds(self, rung: Rung) -> frozenset[str]:
        return frozenset(kind_of(one.recipe) for one in (rung, self.study.rung(rung.after or "")))

    def _variance(self, rung: Rung) -> Components | None:
        """Means over the pairs of the same kinds, or over all; None where no pair is finished."""
        pairs = [
            (one, self.answers[one.name], self.answers[after])
            for one in self.study.rungs
            if one.name in self.answers and (after := one.after or "") in self.answers
        ]
        alike = [(a, b) for one, a, b in pairs if self._kinds(one) == self._kinds(rung)]
        return components(alike) or components([(a, b) for _, a, b in pairs])
