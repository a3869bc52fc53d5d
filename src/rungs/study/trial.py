"""A change that is tried on a rung without being written into the study's file."""

from collections.abc import Sequence
from dataclasses import replace

from rungs.foundation.errors import ParameterError, RecipeError, RungsError
from rungs.foundation.wording import did_you_mean, shown
from rungs.recipe.calls import parse_change
from rungs.recipe.modifications import apply, find
from rungs.study import Reported, Rung, Step, Study
from rungs.study.teachers import (
    by_key,
    changes_between,
    rungs_named,
    teacher_of,
    teachers_below,
    too_small_for,
)


def rung_called(study: Study, name: str) -> Rung:
    """The rung of a name that a user wrote.

    Raises:
        RungsError: there is none; the message proposes the nearest name.
    """
    known = [rung.name for rung in study.rungs]
    if name not in known:
        near = did_you_mean(name, known)
        raise RungsError(f"study '{study.name}' has no rung {shown(name)}{near}")
    return study.rung(name)


def _steps(study: Study, on: str, changes: Sequence[str]) -> list[Step]:
    """The changes as a study file has them.

    Raises:
        RecipeError: whatever is wrong with the rung's name and with each change by itself.
    """
    steps: list[Step] = []
    problems = []
    try:
        rung_called(study, on)
    except RungsError as error:
        problems.append(str(error))
    for change in changes:
        try:
            steps.append(parse_change(change))
            find(steps[-1][0]).parse(steps[-1][1])
            for rung in rungs_named(steps[-1]).values():
                rung_called(study, rung)
        except ParameterError as error:
            problems.append(f"{change}: {error}")
        except RungsError as error:
            problems.append(str(error))
    if problems:
        raise RecipeError("\n".join(problems))
    return steps


def with_trial(study: Study, on: str, changes: Sequence[str]) -> tuple[Study, str]:
    """The study with one more rung that is only tried.

    Args:
        study: the study.
        on: name of the rung to change.
        changes: modifications as calls, applied in order.

    Returns:
        The longer study and the new rung's name.

    Raises:
        RecipeError: no such rung, and every change that is unknown, wrong, or changes nothing.
    """
    steps = _steps(study, on, changes)
    parent = study.rung(on)
    if parent.recorded:
        raise RecipeError(
            f"{shown(on)} is trained elsewhere and recorded: there is no recipe of it to change; "
            "expected a rung that is trained here"
        )
    recipe = parent.recipe
    recipes = {rung.name: rung.recipe for rung in study.rungs}
    made = [by_key(step, recipes) for step in steps]
    for step, change in zip(made, changes, strict=True):
        try:
            recipe = apply(recipe, *step)
        except RecipeError as error:
            raise RecipeError(f"{change}: {error}") from error
    named = [rung for step in reversed(steps) for rung in rungs_named(step).values()]
    candidates = [*((rung, recipes[rung]) for rung in named), *teachers_below(study, parent)]
    teacher = teacher_of(recipe, candidates)
    image_size = study.data.image_shape[1:]
    why = None if teacher is None else too_small_for(recipes[teacher], recipe, image_size)
    if why is not None:
        raise RecipeError(f"{shown(teacher)} cannot teach this: {why}")
    difference = changes_between(study, parent, recipe, teacher)
    if not difference:
        raise RecipeError("these changes undo each other: together they change nothing")
    name = "trial"
    while name in [rung.name for rung in study.rungs]:
        name += "-"
    rung = Rung(
        name=name,
        title=" and ".join(changes),
        after=on,
        kept=False,
        steps=tuple(made),
        changes=tuple(changes),
        recipe=recipe,
        difference=difference,
        reported=Reported(),
        teacher=teacher,
    )
    budgets = {
        budget: {**lengths, name: lengths[on]}
        for budget, lengths in study.budgets.items()
        if on in lengths
    }
    return replace(study, rungs=(*study.rungs, rung), budgets=budgets), name
