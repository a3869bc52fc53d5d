"""The baselines of ensembles: what costs as much to train, and what costs more.

For every rung of a plan that has ensembles: the rung itself, trained once for as long (the single
model), weight averages of that training, the last snapshot alone, and all its ensembles. Pure:
nothing is read or done.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rungs.recipe import Recipe, recipe_key, replace
from rungs.store.mixtures import Members, growing
from rungs.store.results import RunSpec
from rungs.study import Ensemble, Rung, Study
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung, plan

# After an ensemble's name: its last snapshot, without the others.
LAST_ALONE = ", last alone"


@dataclass(frozen=True)
class Contender:
    """Something that answers for images, trained once for each seed of the plan.

    Attributes:
        name: as tables show it.
        what: it is, in words.
        recipe: of every run.
        rung: whose network it is.
        runs: for each seed, all that have to be trained.
        members: for each seed, the models whose softmax outputs are averaged.
        asked_by: name of the rung or ensemble of the study that it is there for.
        ensemble: the name of the ensemble that it is; None for single models.
    """

    name: str
    what: str
    recipe: Recipe
    rung: str
    runs: tuple[tuple[RunSpec, ...], ...]
    members: tuple[Members, ...]
    asked_by: str
    ensemble: str | None = None

    @property
    def asks(self) -> str:
        """A hash of what it is, whatever its name and length."""
        parts = [recipe_key(self.recipe), str(self.models), str(len(self.runs[0]))]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]

    @property
    def models(self) -> int:
        """Number of models that answer together."""
        return len(self.members[0])

    @property
    def epochs(self) -> int:
        """Of all its runs together, for one seed."""
        return sum(spec.epochs for spec in self.runs[0])


@dataclass(frozen=True)
class Contest:
    """A rung and all that is held against it.

    Attributes:
        single: the rung itself.
        others: baselines that are single models, then the ensembles.
    """

    single: Contender
    others: tuple[Contender, ...]


def contests(wanted: Plan) -> tuple[Contest, ...]:
    """One for each rung that has ensembles, as far as the plan has them."""
    found = []
    for rung in wanted.rungs:
        ensembles = [item for item in wanted.ensembles if item.ensemble.rung == rung.rung.name]
        if not ensembles:
            continue
        named = {name for item in ensembles for name in item.ensemble.rivals}
        others = [
            _single(other, _averaging(other.rung) if averages else "single model")
            for other in wanted.rungs
            if (averages := _averages(other.rung, rung.rung)) or other.rung.name in named
        ]
        lasts = [_last(item) for item in ensembles if item.ensemble.kind == "snapshots"]
        together = [_together(item) for item in ensembles]
        single = _single(rung, "single model")
        found.append(Contest(single, (*others, *lasts, *together)))
    return tuple(found)


def all_asked(study: Study) -> Mapping[str, frozenset[str]]:
    """What a study holds against its single models in any of its budgets.

    Returns:
        Key of a rung's recipe -> `Contender.asks` of each.
    """
    found: dict[str, frozenset[str]] = {}
    for budget in study.budgets:
        for contest in contests(plan(study, budget=budget, seeds=1)):
            key = recipe_key(contest.single.recipe)
            found[key] = found.get(key, frozenset()) | {one.asks for one in contest.others}
    return found


def mixtures_of(wanted: Plan) -> tuple[Members, ...]:
    """All that reports of a plan ask of its ensembles: growing from the first and from the last."""
    return tuple(
        dict.fromkeys(
            members
            for item in wanted.ensembles
            for seed in range(len(item.groups))
            for way in growing(item.members(seed))
            for members in way
        )
    )


def _averages(rung: Rung, of: Rung) -> bool:
    """Whether a rung that was only tried averages the weights of another, and no more."""
    if rung.kept or rung.after != of.name:
        return False
    return replace(rung.recipe, average=of.recipe.average) == of.recipe


def _averaging(rung: Rung) -> str:
    return f"weight average {rung.recipe.average.kind}"


def _single(item: PlannedRung, what: str) -> Contender:
    return Contender(
        name=item.rung.name,
        what=what,
        recipe=item.rung.recipe,
        rung=item.rung.name,
        runs=item.groups,
        members=tuple(item.members(seed) for seed in range(len(item.groups))),
        asked_by=item.rung.name,
    )


def _last(item: PlannedEnsemble) -> Contender:
    ensemble = item.ensemble
    return Contender(
        name=f"{ensemble.name}{LAST_ALONE}",
        what="last snapshot",
        recipe=ensemble.recipe,
        rung=ensemble.rung,
        runs=item.groups,
        members=tuple(item.members(seed)[-1:] for seed in range(len(item.groups))),
        asked_by=ensemble.name,
    )


def _together(item: PlannedEnsemble) -> Contender:
    ensemble = item.ensemble
    return Contender(
        name=ensemble.name,
        what=_words(ensemble),
        recipe=ensemble.recipe,
        rung=ensemble.rung,
        runs=item.groups,
        members=tuple(item.members(seed) for seed in range(len(item.groups))),
        asked_by=ensemble.name,
        ensemble=ensemble.name,
    )


def _words(ensemble: Ensemble) -> str:
    match ensemble.kind:
        case "snapshots":
            return f"{ensemble.members} snapshots, one a cycle"
        case "no_cycle":
            return f"{ensemble.members} snapshots without cycles"
        case "seeds":
            return f"deep ensemble of {ensemble.members} seeds"
