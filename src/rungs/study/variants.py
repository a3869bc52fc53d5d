"""Rungs that a ladder itself asks for: the parts of a bundle, and the end without each step."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from rungs.foundation.errors import RecipeError, RungsError
from rungs.foundation.wording import did_you_mean, shown
from rungs.recipe import Recipe, diff
from rungs.recipe.modifications import apply
from rungs.study import Reported, Rung, Step, Study
from rungs.study.teachers import changes_between, teacher_of, teachers_below


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
        raise RungsError(f"rung {shown(name)} is not a bundle of several changes")
    parent = study.rung(rung.after)
    taken = _names(study)
    added, left_out = [], []
    for step, words in zip(rung.steps, rung.changes, strict=True):
        try:
            recipe = apply(parent.recipe, *step)
        except RecipeError as error:
            left_out.append(f"{words} cannot stand alone on {parent.name}: {error}")
        else:
            title = f"{name}: {words} alone"
            alone = _free(f"{name}-only-{step[0]}", taken)
            rung_alone = _rung(alone, title, parent, recipe, (step,), (words,))
            added.append(_asked(study, rung_alone, rung, f"--unbundle {shlex.quote(name)}"))
    return _with(study, added, (parent.name, name), left_out)


@dataclass(frozen=True)
class Removal:
    """One change that led to the final rung, and what its removal alone is.

    Attributes:
        rung: of the trunk, whose change it is.
        change: the change as a call for people.
        variant: name of the final rung without it; None where that has no meaning.
        why: why it has none: ``absorbed by ...`` or ``needed by ...``; empty otherwise.
        recipe: the final recipe without the change; None where that has no meaning.
    """

    rung: str
    change: str
    variant: str | None
    why: str
    recipe: Recipe | None


def removals(study: Study) -> tuple[Removal, ...]:
    """Each change that led to the final rung taken away alone, in the ladder's order.

    A change without which the final recipe is the same is absorbed by a later one; a change without
    which a later one cannot be made is needed by it. Of a final rung that is trained elsewhere
    nothing can be taken away.
    """
    if study.rung(study.final).recorded:
        return ()
    trunk = _trunk(study, study.rung(study.final))
    steps = [
        (rung, step, words)
        for rung in trunk[1:]
        for step, words in zip(rung.steps, rung.changes, strict=True)
    ]
    taken = _names(study)
    found = []
    before = trunk[0].recipe
    for place, (rung, step, words) in enumerate(steps):
        after = apply(before, *step)
        left = _without(before, after, steps[place + 1 :])
        if isinstance(left, str):
            found.append(Removal(rung.name, words, None, left, None))
        else:
            name = _free(f"{_without_prefix(study)}{step[0]}", taken)
            found.append(Removal(rung.name, words, name, "", left))
        before = after
    return tuple(found)


def _names(study: Study) -> set[str]:
    """What the study itself has given a name."""
    rungs = {rung.name for rung in study.rungs if rung.asked_by == "study"}
    return rungs | {item.name for item in study.ensembles}


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken: a bundle may make one modification twice."""
    numbered = (f"{name}-{number}" for number in count(2))
    found = next(one for one in chain((name,), numbered) if one not in taken)
    taken.add(found)
    return found


def _without_prefix(study: Study) -> str:
    return f"{study.final}-without-"


def is_without(study: Study, name: str) -> bool:
    """Whether a rung has the name of a variant of `removals`, which take a while to find."""
    return name.startswith(_without_prefix(study))


def _without(
    without: Recipe, with_it: Recipe, later: Sequence[tuple[Rung, Step, str]]
) -> Recipe | str:
    """The final recipe without a change, or why there is none.

    Args:
        without: the recipe before the change.
        with_it: the recipe after it.
        later: the changes that follow, each with its rung and its words.
    """
    for rung, step, words in later:
        with_it = apply(with_it, *step)
        try:
            without = apply(without, *step)
        except RecipeError as error:
            return f"needed by {words} of {rung.name}: {error}"
        if not diff(with_it, without):
            return f"absorbed by {words} of {rung.name}"
    return without


def leave_one_out(study: Study) -> Variants:
    """The final rung without each of the changes that led to it, where that has a meaning.

    Raises:
        RungsError: it is trained elsewhere.
    """
    final = study.rung(study.final)
    if final.recorded:
        raise RungsError(
            f"the final rung {shown(final.name)} is trained elsewhere and recorded: there is no "
            "recipe of it that changes could be left out of"
        )
    added, left_out = [], []
    for item in removals(study):
        if item.variant is None or item.recipe is None:
            left_out.append(f"{item.change} of {item.rung} is {item.why}")
            continue
        title = f"{final.name} without {item.change}"
        changes = (f"without {item.change}",)
        rung = _rung(item.variant, title, final, item.recipe, (), changes)
        added.append(_asked(study, rung, final, "--ablate"))
    return _with(study, added, (final.name,), left_out)


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


def _asked(study: Study, made: Rung, source: Rung, option: str) -> Rung:
    """A rung that an option asks for, with its teacher: one of those that its source has."""
    teacher = teacher_of(made.recipe, teachers_below(study, source))
    parent = study.rung(str(made.after))
    difference = changes_between(study, parent, made.recipe, teacher)
    return replace(made, asked_by=option, teacher=teacher, difference=difference)


def _with(
    study: Study, added: Sequence[Rung], beside: tuple[str, ...], left_out: Sequence[str]
) -> Variants:
    budgets = {
        budget: {**lengths, **{rung.name: lengths[str(rung.after)] for rung in added}}
        for budget, lengths in study.budgets.items()
    }
    longer = replace(study, rungs=(*study.rungs, *added), budgets=budgets)
    return Variants(longer, (*beside, *(rung.name for rung in added)), tuple(left_out))
