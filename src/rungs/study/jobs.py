"""Jobs: the trainings that a plan still needs.

A long run whose course does not depend on its length contains the shorter ones, which are then no
trainings of their own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Any, TypeVar

from rungs.foundation.limits import MAX_SEEDS
from rungs.recipe.learning_rates import depends_on_length
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.plan import Plan
from rungs.study.rounds import read_rounds, staged

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A training to be done.

    Attributes:
        spec: the run that it ends with.
        contained: shorter runs that are its first epochs, whose folders are completed on its way.
        kin: every other length of this run that the study asks for. Where one of them is half done
            already, the job goes on with it; what it leaves, the next longer one can go on with.
        teacher: what messages call the run that teaches this one, such as ``big, seed 0``.
    """

    spec: RunSpec
    contained: tuple[RunSpec, ...] = ()
    kin: tuple[RunSpec, ...] = ()
    teacher: str = ""

    @property
    def needs(self) -> str | None:
        """Key of the run whose finished folder, weights included, it needs; None of no teacher."""
        run = self.spec.teacher_run
        return None if run is None else run.key

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: the spec, and the lengths of the others."""
        return {
            "spec": self.spec.to_dict(),
            "contained": [run.epochs for run in self.contained],
            "kin": [run.epochs for run in self.kin],
            "teacher": self.teacher,
        }

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Job":
        """The inverse of `to_dict`."""
        spec = RunSpec.from_dict(plain["spec"])
        contained, kin = (
            tuple(spec.lasting(epochs) for epochs in plain[name]) for name in ("contained", "kin")
        )
        return Job(spec, contained, kin, plain.get("teacher", ""))


def missing(plan: Plan, store: Store) -> tuple[RunSpec, ...]:
    """The plan's runs that are to be trained and not finished, in the plan's order."""
    return tuple(spec for spec in plan.runs if not (spec.recorded or store.is_finished(spec.key)))


def unrecorded(plan: Plan, store: Store) -> tuple[RunSpec, ...]:
    """The plan's runs that are trained elsewhere and not recorded yet, in the plan's order."""
    return tuple(spec for spec in plan.runs if spec.recorded and not store.is_finished(spec.key))


def with_finished_seeds(plan: Plan, store: Store) -> Plan:
    """A plan for reading: of as many seeds as are finished, where these are more than it has.

    Where seeds go where they decide, now or when it was run, each rung has its own number of them:
    those of its rounds and what is finished beyond. Otherwise all have that of the longest.

    A seed counts if any rung or ensemble has finished it for its own sake: the members of a deep
    ensemble are runs of its rung under other seeds, which say nothing of how often the study asked.
    """
    rounds = read_rounds(store.root, plan)
    if plan.adaptive is not None or rounds:
        return _each_with_its_own(staged(plan, rounds), store)
    while plan.seeds < MAX_SEEDS:
        longer = plan.of_seeds(plan.seeds + 1)
        members = _members(plan)
        news = [spec for rung in longer.rungs for spec in rung.groups[-1]]
        news += [spec for item in longer.ensembles for spec in item.groups[-1]]
        if not any(store.is_finished(spec.key) for spec in news if spec.key not in members):
            break
        plan = longer
    return plan


def _members(plan: Plan) -> set[str]:
    """Keys of the runs that are of ensembles, and of those that teach them."""
    return {run.key for item in plan.ensembles for spec in item.runs for run in spec.with_teachers}


def _each_with_its_own(plan: Plan, store: Store) -> Plan:
    members = _members(plan)
    counts = {}
    for item in plan.rungs:
        more = (item.of_seed(seed) for seed in range(item.seeds, MAX_SEEDS))
        finished = takewhile(
            lambda specs: all(
                spec.key not in members and store.is_finished(spec.key) for spec in specs
            ),
            more,
        )
        counts[item.rung.name] = item.seeds + sum(1 for _ in finished)
    return plan.with_seeds(counts)


def jobs(plan: Plan, store: Store) -> tuple[Job, ...]:
    """What there is to train until every run of a plan is finished, in the plan's order.

    Shorter lengths that only other budgets of the study ask for are contained as well: they cost
    no training.
    """
    found = [_job(spec, plan, store) for spec in missing(plan, store)]
    contained: set[str] = set()
    # The longest first: one that is contained itself is no training that could contain others.
    for job in sorted(found, key=lambda job: job.spec.epochs, reverse=True):
        if job.spec.key not in contained:
            contained.update(run.key for run in job.contained)
    return tuple(job for job in found if job.spec.key not in contained)


def _job(spec: RunSpec, plan: Plan, store: Store) -> Job:
    if spec.teacher is not None:  # who may be of another length where this run is
        return Job(spec, teacher=_name_of_teacher(spec, plan))
    # Where snapshots are kept hangs on the length as well.
    if spec.kept_epochs or depends_on_length(spec.recipe):
        return Job(spec)
    lengths = sorted(plan.lengths(spec.recipe) - {spec.epochs})
    kin = tuple(spec.lasting(epochs) for epochs in lengths)
    begun = store.epochs_done(spec.key)
    contained = (
        run
        for run in kin
        # Past its last epoch, the state in which it ended is gone.
        if begun <= run.epochs < spec.epochs and not store.is_finished(run.key)
    )
    return Job(spec, tuple(contained), kin)


def _name_of_teacher(spec: RunSpec, plan: Plan) -> str:
    run = spec.teacher_run
    assert run is not None
    names = " = ".join(plan.names_of_runs.get(run.key, (run.key,)))
    return f"{names}, seed {run.seed}"


def in_order(
    found: Iterable[T], seed: Callable[[T], int], work: Callable[[T], float]
) -> tuple[T, ...]:
    """Runs for several workers: the longest first, but every run's first seed before its second.

    Begun in this order, each by the worker that is first free, the last one ends at most a third
    later than in the best order (Graham, 1969, for one seed).

    Args:
        found: what is to be done.
        seed: of one of them.
        work: how much one of them is, in any unit.
    """
    by_seed = groupby(sorted(found, key=seed), seed)
    return tuple(one for _, group in by_seed for one in sorted(group, key=work, reverse=True))
