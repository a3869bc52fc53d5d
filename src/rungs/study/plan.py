"""The runs that a study needs: recipe x budget x seed x data. Pure: nothing is read or done."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rungs.foundation.errors import RecipeError, RungsError, UsageError
from rungs.foundation.limits import MAX_EPOCHS, MAX_SEEDS
from rungs.foundation.wording import counted, did_you_mean, shown
from rungs.recipe import Recipe
from rungs.store.results import RunSpec, Teacher
from rungs.study import Ensemble, Rung, Study
from rungs.study.seeds import AUTO, Adaptive, SeedsAsked


@dataclass(frozen=True)
class PlannedRung:
    """A rung and its runs: one per seed, or with folds one per seed and fold, seed after seed."""

    rung: Rung
    epochs: int
    runs: tuple[RunSpec, ...]
    folds: int = 1

    @cached_property
    def groups(self) -> tuple[tuple[RunSpec, ...], ...]:
        """For each seed its runs: as ensembles have theirs."""
        starts = range(0, len(self.runs), self.folds)
        return tuple(self.runs[start : start + self.folds] for start in starts)

    @property
    def seeds(self) -> int:
        """Number of its seeds."""
        return len(self.runs) // self.folds

    def of_seed(self, seed: int) -> tuple[RunSpec, ...]:
        """The runs of a seed, which it may have or not."""
        return tuple(replace(spec, seed=seed) for spec in self.groups[0])

    def of_seeds(self, seeds: int) -> "PlannedRung":
        """The same with another number of seeds."""
        return replace(
            self, runs=tuple(spec for seed in range(seeds) for spec in self.of_seed(seed))
        )

    def members(self, seed: int) -> tuple[tuple[str, str], ...]:
        """The one model of a seed that is put to use: key of the run, name of the prediction.

        With folds that of the first, since what it is calibrated by the others have seen.
        """
        return ((self.groups[seed][0].key, "best"),)


@dataclass(frozen=True)
class PlannedEnsemble:
    """An ensemble and, for each seed, the runs that its members come from.

    Attributes:
        ensemble: what is averaged.
        epochs: length of every run.
        groups: for each seed: one run, or one for every member of a deep ensemble.
    """

    ensemble: Ensemble
    epochs: int
    groups: tuple[tuple[RunSpec, ...], ...]

    @property
    def runs(self) -> tuple[RunSpec, ...]:
        """All runs, seed after seed."""
        return tuple(spec for group in self.groups for spec in group)

    def members(self, seed: int) -> tuple[tuple[str, str], ...]:
        """The models of a seed's ensemble, oldest first: key of the run, name of the prediction."""
        group = self.groups[seed]
        if self.ensemble.kind == "seeds":
            return tuple((spec.key, "best") for spec in group)
        numbers = range(1, self.ensemble.members + 1)
        return tuple((group[0].key, f"snapshot-{number}") for number in numbers)


@dataclass(frozen=True)
class Plan:
    """All runs of a study in one budget.

    Attributes:
        study: the question.
        budget: its name, or "N epochs".
        seeds: number of seeds that every rung and ensemble has; rungs of an adaptive plan may
            have more.
        rungs: in the study's order.
        ensembles: those that fit into the epochs.
        left_out: for each other ensemble, why.
        adaptive: how seeds go where they decide; None where every rung has the same number.
    """

    study: Study
    budget: str
    seeds: int
    rungs: tuple[PlannedRung, ...]
    ensembles: tuple[PlannedEnsemble, ...]
    left_out: tuple[str, ...] = ()
    adaptive: Adaptive | None = None

    @cached_property
    def runs(self) -> tuple[RunSpec, ...]:
        """Every run once, in the order of doing: the ladder's first seed, ensembles, next seeds.

        Before each that is taught stands the run that teaches it, whoever asks for that.
        """
        items: tuple[PlannedRung | PlannedEnsemble, ...] = (*self.rungs, *self.ensembles)
        ordered = [
            spec
            for seed in range(self.most_seeds)
            for item in items
            for group in item.groups[seed : seed + 1]  # some rungs may have fewer
            for taught in group
            for spec in taught.with_teachers
        ]
        return tuple({spec.key: spec for spec in ordered}.values())

    def lengths(self, recipe: Recipe) -> frozenset[int]:
        """In how many epochs a recipe is trained, by this plan and in the study's budgets."""
        study = self.study
        rungs = [rung.name for rung in study.rungs if rung.recipe == recipe]
        return frozenset(
            (
                *(epochs for other, epochs in self._trained if other == recipe),
                *(study.epochs(name, budget) for budget in study.budgets for name in rungs),
            )
        )

    @property
    def budget_with_epochs(self) -> str:
        """The budget as messages name it: ``budget equal (30 epochs)``, ``7 epochs``."""
        if epochs_named(self.budget) is not None:
            return self.budget
        lengths = sorted({spec.epochs for spec in self.runs})
        fewest = f"{lengths[0]} to " if len(lengths) > 1 else ""
        return f"budget {self.budget} ({fewest}{counted(lengths[-1], 'epoch')})"

    @cached_property
    def _trained(self) -> tuple[tuple[Recipe, int], ...]:
        """Each recipe with its length once, however many seeds there are."""
        items: tuple[PlannedRung | PlannedEnsemble, ...] = (*self.rungs, *self.ensembles)
        found = {
            (id(spec.recipe), spec.epochs): (spec.recipe, spec.epochs)
            for item in items
            for spec in item.runs
        }
        return tuple(found.values())

    @cached_property
    def names_of_runs(self) -> Mapping[str, tuple[str, ...]]:
        """The rungs and ensembles that each run is for, by its key; equal recipes share one.

        A run that only teaches others, such as one of a seed that they alone have, is its rung's.
        """
        found: dict[str, dict[str, None]] = {}
        named = [(item.rung.name, item.runs) for item in self.rungs]
        named += [(item.ensemble.name, item.runs) for item in self.ensembles]
        for name, runs in named:
            for spec in runs:
                found.setdefault(spec.key, {})[name] = None
        study = self.study
        taught = [(item.rung.teacher, item.runs) for item in self.rungs]
        taught += [(study.rung(one.ensemble.rung).teacher, one.runs) for one in self.ensembles]
        for teacher, runs in taught:
            for spec in runs:
                called, run = teacher, spec.teacher_run
                while called is not None and run is not None:
                    found.setdefault(run.key, {called: None})
                    called, run = study.rung(called).teacher, run.teacher_run
        return {key: tuple(names) for key, names in found.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all rungs and ensembles."""
        rungs = (item.rung.name for item in self.rungs)
        return (*rungs, *(item.ensemble.name for item in self.ensembles))

    @property
    def most_seeds(self) -> int:
        """Number of seeds of the rung that has most."""
        return max((item.seeds for item in self.rungs), default=self.seeds)

    def with_seeds(self, counts: Mapping[str, int]) -> "Plan":
        """The same with a number of seeds for each rung, by name; none has less than `seeds`.

        Ensembles are as they were.
        """
        return replace(
            self,
            rungs=tuple(
                item.of_seeds(max(self.seeds, counts.get(item.rung.name, 0))) for item in self.rungs
            ),
        )

    def of_seeds(self, seeds: int) -> "Plan":
        """The same with another number of seeds, alike for every rung."""
        rungs = (item.of_seeds(seeds) for item in self.rungs)
        ensembles = (
            replace(
                item,
                groups=tuple(
                    tuple(replace(item.groups[0][0], seed=one) for one in item.ensemble.seeds(seed))
                    for seed in range(seeds)
                ),
            )
            for item in self.ensembles
        )
        return replace(self, seeds=seeds, rungs=tuple(rungs), ensembles=tuple(ensembles))

    def rung(self, name: str) -> PlannedRung | None:
        """The rung of that name, if the plan has it."""
        return next((item for item in self.rungs if item.rung.name == name), None)


def plan(
    study: Study,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: tuple[str, ...] = (),
) -> Plan:
    """The runs that answer a study.

    Args:
        study: the question.
        budget: one of the study's; None for its own choice.
        seeds: number of seeds, 0 ... seeds - 1; ``auto`` for seeds where they decide, from the
            first round on; None for the study's.
        epochs: for every rung, in place of a budget's.
        only: names of rungs and ensembles to which the plan is limited; empty for all.

    Raises:
        UsageError: both a budget and epochs, a number that is none of seeds or epochs, or
            ``auto`` with folds.
        RungsError: an unknown budget or name.
    """
    if budget is not None and epochs is not None:
        raise UsageError(
            f"a budget ({shown(budget)}) and a number of epochs ({epochs}) are both given: either "
            "says how long rungs train, so give one of them"
        )
    asked = None if seeds == AUTO else seeds
    for what, number, most in (("seeds", asked, MAX_SEEDS), ("epochs", epochs, MAX_EPOCHS)):
        if number is not None and not 1 <= number <= most:
            raise UsageError(f"{what} are 1 to {most:,}, not {number}")
    budget = study.budget if budget is None else budget
    if seeds == AUTO and study.folds is not None:
        raise UsageError(
            f"with folds = {study.folds} seeds cannot go where they decide: the images that would "
            f"be looked at after each round are those that judge; give a number, not {AUTO}"
        )
    if seeds == AUTO and study.adaptive is None:
        study = replace(study, seeds=Adaptive.start, adaptive=Adaptive())
    adaptive = study.adaptive if asked is None else None
    seeds = study.seeds if asked is None else asked
    if budget not in study.budgets:
        hint = did_you_mean(budget, list(study.budgets))
        raise RungsError(f"study '{study.name}' has no budget {shown(budget)}{hint}")
    known = [rung.name for rung in study.rungs] + [item.name for item in study.ensembles]
    for name in only:
        if name not in known:
            hint = did_you_mean(name, known)
            raise RungsError(f"study '{study.name}' has no rung or ensemble {shown(name)}{hint}")

    def length(rung: str) -> int:
        return study.epochs(rung, budget) if epochs is None else epochs

    def teacher(rung: str) -> Teacher | None:
        name = study.rung(rung).teacher
        if name is None:
            return None
        return Teacher(study.rung(name).recipe, length(name), teacher(name))

    def runs(rung: Rung) -> tuple[RunSpec, ...]:
        epochs, taught_by = length(rung.name), teacher(rung.name)
        return tuple(
            RunSpec(rung.recipe, epochs, data, seed, teacher=taught_by)
            for seed in range(seeds)
            for data in study.splits
        )

    def groups(item: Ensemble, kept: tuple[int, ...]) -> tuple[tuple[RunSpec, ...], ...]:
        epochs, taught_by = length(item.rung), teacher(item.rung)
        return tuple(
            tuple(
                RunSpec(item.recipe, epochs, study.data, one, kept, taught_by)
                for one in item.seeds(seed)
            )
            for seed in range(seeds)
        )

    ensembles = []
    left_out = []
    for item in study.ensembles:
        if only and item.name not in only:
            continue
        try:
            kept = item.kept_epochs(length(item.rung))
        except RecipeError as error:
            left_out.append(f"{item.name} is left out: {error}")
        else:
            ensembles.append(PlannedEnsemble(item, length(item.rung), groups(item, kept)))
    return Plan(
        study=study,
        budget=budget if epochs is None else name_of_epochs(epochs),
        seeds=seeds,
        rungs=tuple(
            PlannedRung(rung, length(rung.name), runs(rung), len(study.splits))
            for rung in study.rungs
            if not only or rung.name in only
        ),
        ensembles=tuple(ensembles),
        left_out=tuple(left_out),
        adaptive=adaptive,
    )


def name_of_epochs(epochs: int) -> str:
    """What stands in the place of a budget's name where every rung has so many epochs."""
    return f"{epochs} epoch{'' if epochs == 1 else 's'}"


def epochs_named(budget: str) -> int | None:
    """The inverse of `name_of_epochs`; None for the name of a budget, which has no space."""
    match = re.fullmatch(r"(\d+) epochs?", budget)
    return None if match is None else int(match[1])


def slug(budget: str) -> str:
    """A budget's name as a folder's."""
    return budget.replace(" ", "-")
