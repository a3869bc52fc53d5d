"""What is asked for of a study: a plan, and the whole that its comparisons are corrected for."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rungs.foundation.errors import UsageError
from rungs.study import variants
from rungs.study.model import Study
from rungs.study.overrides import Overrides
from rungs.study.parsing import Source
from rungs.study.plan import Plan, plan
from rungs.study.seeds import SeedsAsked


def study_of(study: Study | Source, overrides: Overrides, read: Callable[[Source], Study]) -> Study:
    """A study as functions for Python take one: as it is, or read from its source.

    Args:
        study: the study, or its source.
        overrides: of keys of the source.
        read: makes a study from a source, with these overrides.

    Raises:
        UsageError: a study that was made already, and overrides.
        RungsError: what ``read`` raises.
    """
    if not isinstance(study, Study):
        return read(study)
    if overrides:
        raise UsageError(
            "overrides are of keys of a study file, and this study was read already; give its "
            "file, name or dict, or `rungs.load_study(..., overrides=...)`"
        )
    return study


def planned(
    study: Study,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: Sequence[str] = (),
    unbundle: str | None = None,
    ablate: bool = False,
) -> tuple[Plan, Plan]:
    """The plan that is asked for, and the whole that it is a part of.

    Args:
        study: the study.
        budget: of the study; its own if None.
        seeds: number of seeds, or ``auto``; the study's own if None.
        epochs: of every rung, instead of a budget.
        only: names of rungs and ensembles; all if empty.
        unbundle: a rung: each of its changes alone, in place of the ladder.
        ablate: the final rung without each of its changes, in place of the ladder.

    Raises:
        RungsError: a name that there is not, or two that ask different questions.
    """
    names, left_out = tuple(only), tuple[str, ...]()
    if unbundle is not None and ablate:
        raise UsageError(
            "each change of one rung alone, and the final rung without each change, are different "
            "questions: ask for one of them"
        )
    if unbundle is not None or ablate:
        found = (
            variants.leave_one_out(study) if unbundle is None else variants.split(study, unbundle)
        )
        study, left_out = found.study, found.left_out
        names = names or found.names

    def of(names: tuple[str, ...]) -> Plan:
        made = plan(study, budget=budget, seeds=seeds, epochs=epochs, only=names)
        return replace(made, left_out=(*made.left_out, *left_out))

    whole = of(())
    return (of(names), whole) if names else (whole, whole)
