"""What a caller is told of while a study runs: each epoch as it ends."""

from collections.abc import Callable
from dataclasses import dataclass

from rungs.execution.engine import EpochEnded, Event
from rungs.report.figures.runs import run_name
from rungs.store.results import Epoch, RunSpec
from rungs.study.plan import Plan


@dataclass(frozen=True)
class EpochDone:
    """An epoch of a run that has just ended.

    Attributes:
        run: the run as lines about it name it, such as ``stacked, seed 0``.
        rungs: the rungs and ensembles that it is for; equal recipes share one run.
        seed: of the run.
        epochs: those that it will have.
        figures: what the epoch measured; ``figures.epoch`` is its number, from 1.
    """

    run: str
    rungs: tuple[str, ...]
    seed: int
    epochs: int
    figures: Epoch


# What is called with each epoch that ends.
OnEpoch = Callable[[EpochDone], object]


def tell(on_epoch: OnEpoch | None, spec: RunSpec, event: Event, plan: Plan) -> None:
    """Calls a callback if an event is one that it is to be told of; what it raises is raised."""
    if on_epoch is not None and isinstance(event, EpochEnded):
        on_epoch(
            EpochDone(
                run=run_name(spec, plan),
                rungs=plan.names_of_runs.get(spec.key, ()),
                seed=spec.seed,
                epochs=spec.epochs,
                figures=event.entry,
            )
        )
