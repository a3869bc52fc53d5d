"""A change that is tried on a rung without being written into the study's file."""

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rungs.foundation.errors import ParameterError, RecipeError, RungsError
from rungs.foundation.wording import did_you_mean, shown
from rungs.recipe import diff
from rungs.recipe.modifications import apply, find
from rungs.study import Reported, Rung, Step, Study

# Python's grammar has no ``mine:widen``: a word that nobody writes stands for the colon.
_COLON = "_rungs_colon_"
_OWN = re.compile(r"\b([A-Za-z_]\w*):([A-Za-z_]\w*)")


def parse_change(text: str) -> tuple[str, dict[str, Any]]:
    """A modification and its parameters from a call such as ``label_smoothing(0.1)``.

    Parameters without a name are taken in the modification's order; ``residual`` alone is
    ``residual()``; a component is a call too: ``activation(elu(alpha=0.5))``. Nothing of the text
    is run. What a user's module defines is written with its name: ``mine:widen(2)``.

    Raises:
        RecipeError: no such call or modification.
    """
    try:
        tree = ast.parse(_OWN.sub(rf"\1{_COLON}\2", text.strip()), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        if not isinstance(call.func, ast.Name):
            raise ValueError("no name")
        given = [_value(item) for item in call.args]
        named = _named(call)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise RecipeError(
            f"a change is a call with plain values, such as dropout(0.1), not {text!r}"
        ) from error
    entry = find(_written(call.func.id))
    names = list(entry.parameters)
    if len(given) > len(names):
        raise RecipeError(f"{entry.signature} takes {len(names)} values, found {len(given)}")
    taken = dict(zip(names, given, strict=False))
    twice = sorted(set(taken) & set(named))
    if twice:
        raise RecipeError(f"{text}: '{twice[0]}' is given twice")
    return entry.name, taken | named


def _written(name: str) -> str:
    """A name as it stood in the text."""
    return name.replace(_COLON, ":")


def _value(node: ast.expr) -> Any:
    """A plain value, or a component as the table that a study file would have."""
    if isinstance(node, ast.Name):
        return {"kind": _written(node.id)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return {"kind": _written(node.func.id), **_named(node)}
    return ast.literal_eval(node)


def _named(call: ast.Call) -> dict[str, Any]:
    named = {item.arg: _value(item.value) for item in call.keywords if item.arg is not None}
    if len(named) != len(call.keywords):
        raise ValueError("no ** here")
    return named


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
        except ParameterError as error:
            problems.append(f"{change}: {error}")
        except RecipeError as error:
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
    recipe = parent.recipe
    for step, change in zip(steps, changes, strict=True):
        try:
            recipe = apply(recipe, *step)
        except RecipeError as error:
            raise RecipeError(f"{change}: {error}") from error
    difference = diff(parent.recipe, recipe)
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
        steps=tuple(steps),
        changes=tuple(changes),
        recipe=recipe,
        difference=difference,
        reported=Reported(),
    )
    budgets = {
        budget: {**lengths, name: lengths[on]}
        for budget, lengths in study.budgets.items()
        if on in lengths
    }
    return replace(study, rungs=(*study.rungs, rung), budgets=budgets), name
