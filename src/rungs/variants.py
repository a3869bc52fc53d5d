"""Rungs that a ladder itself asks for: the parts of a bundle, and the end without each step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rungs.errors import RecipeError, RungsError
from rungs.modifications import apply
from rungs.recipe import Recipe, diff
from rungs.study import Reported, Rung, Step, Study
from rungs.wording import did_you_mean, shown


@dataclass(frozen=True)
class Variants:
    """A study with more rungs that are only tried.

    Attributes:
        study: the longer study.
        names: of the rungs to look at: those that were added, and what they stand on.
        left_out: a line for each that cannot be, and why.
    """

    study: Study
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def split(study: Study, name: str) -> Variants:
    """Each change of a rung alone on the rung that it stands on.

    Raises:
        RungsError: no such rung, or one that changes fewer than two things.
    """
    rung = _find(study, name)
    if rung.after is None or len(rung.steps) < 2:
        raise RungsError(f"rung {shown(name)} is no bundle of several changes")
    parent = study.rung(rung.after)
    added, left_out = [], []
    for step, words in zip(rung.steps, rung.changes, strict=True):
        try:
            recipe = apply(parent.recipe, *step)
        except RecipeError as error:
            left_out.append(f"{words} cannot stand alone on {parent.name}: {error}")
        else:
            title = f"{name}: {words} alone"
            added.append(_rung(f"{name}-only-{step[0]}", title, parent, recipe, (step,), (words,)))
    return _with(study, added, (parent.name, name), left_out)


def leave_one_out(study: Study) -> Variants:
    """The final rung without each of the changes that led to it.

    A change without which the final recipe is the same is absorbed by a later one; a change without
    which a later one cannot be made is needed by it.
    """
    final = study.rung(study.final)
    trunk = _trunk(study, final)
    root = trunk[0].recipe
    steps = [(step, words) for rung in trunk[1:] for step, words in _steps(rung)]
    added, left_out = [], []
    names: list[str] = []
    for left, (step, words) in enumerate(steps):
        recipe = root
        others = steps[:left] + steps[left + 1 :]
        try:
            while others:
                recipe = apply(recipe, *others[0][0])
                others.pop(0)
        except RecipeError as error:
            left_out.append(f"{words} is needed by {others[0][1]}: {error}")
            continue
        if not diff(final.recipe, recipe):
            left_out.append(f"{words} is absorbed: without it the final recipe is the same")
            continue
        name = f"{final.name}-without-{step[0]}"
        name += f"-{names.count(name) + 1}" if name in names else ""
        names.append(name)
        title = f"{final.name} without {words}"
        added.append(_rung(name, title, final, recipe, (), (f"without {words}",)))
    return _with(study, added, (final.name,), left_out)


def _steps(rung: Rung) -> list[tuple[Step, str]]:
    return list(zip(rung.steps, rung.changes, strict=True))


def _trunk(study: Study, rung: Rung) -> list[Rung]:
    """From the root up to a rung."""
    trunk = [rung]
    while trunk[0].after is not None:
        trunk.insert(0, study.rung(trunk[0].after))
    return trunk


def _find(study: Study, name: str) -> Rung:
    known = [rung.name for rung in study.rungs]
    if name not in known:
        raise RungsError(
            f"study '{study.name}' has no rung {shown(name)}{did_you_mean(name, known)}"
        )
    return study.rung(name)


def _rung(
    name: str,
    title: str,
    parent: Rung,
    recipe: Recipe,
    steps: tuple[Step, ...],
    changes: tuple[str, ...],
) -> Rung:
    return Rung(
        name=name,
        title=title,
        after=parent.name,
        kept=False,
        steps=steps,
        changes=changes,
        recipe=recipe,
        difference=diff(parent.recipe, recipe),
        reported=Reported(),
    )


def _with(
    study: Study, added: Sequence[Rung], beside: tuple[str, ...], left_out: Sequence[str]
) -> Variants:
    budgets = {
        budget: {**lengths, **{rung.name: lengths[str(rung.after)] for rung in added}}
        for budget, lengths in study.budgets.items()
    }
    longer = replace(study, rungs=(*study.rungs, *added), budgets=budgets)
    return Variants(longer, (*beside, *(rung.name for rung in added)), tuple(left_out))
