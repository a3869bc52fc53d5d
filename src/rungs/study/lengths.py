"""How long rungs train, and whether ensembles fit into that."""

import re
from collections.abc import Mapping

from pydantic import TypeAdapter

from rungs.foundation.errors import Mistake, RecipeError
from rungs.foundation.wording import nearest, shown
from rungs.recipe import Recipe, replace
from rungs.recipe.components import CosineCycles
from rungs.study.ensemble_forms import EnsembleForm, SnapshotsForm
from rungs.study.forms import StudyForm
from rungs.study.model import Ensemble
from rungs.study.names import Names
from rungs.study.view import View

_ENSEMBLE: TypeAdapter[EnsembleForm] = TypeAdapter(EnsembleForm)


def check_budgets(top: View, rungs: Names, mistakes: list[Mistake]) -> None:
    """Looks for rungs without epochs, and for epochs of rungs that are not there."""
    budgets = top.get("budgets")
    for name in () if budgets is None else budgets.plain:
        if budgets is not None and re.fullmatch(r"\d+-epochs?", str(name)):
            taken = f"{shown(name)} is how `--epochs` names the folder of its report"
            mistakes.append(Mistake((*budgets.path, name), taken))
        lengths = budgets.get(name) if budgets is not None else None
        if lengths is None or not isinstance(lengths.plain, Mapping):
            continue
        meant = set()
        for rung in lengths.plain:
            problem = rungs.problem(rung)
            if problem:
                mistakes.append(Mistake((*lengths.path, rung), problem))
                meant.add(nearest(rung, rungs.known))
        mistakes += [
            Mistake(lengths.path, f"no epochs for rung {shown(rung)}")
            for rung in rungs.known
            if rung not in lengths.plain and rung not in meant
        ]


def epochs_of(form: StudyForm) -> dict[str, dict[str, int]]:
    """Budget -> rung -> epochs."""
    return {
        name: dict(lengths)
        if isinstance(lengths, dict)
        else {rung.name: lengths for rung in form.rungs}
        for name, lengths in form.budgets.items()
    }


def ensembles(
    top: View, recipes: Mapping[str, Recipe], mistakes: list[Mistake]
) -> tuple[Ensemble, ...]:
    """The ensembles, without those that hang on a mistake."""
    found = []
    for item in top.items("ensembles"):
        parent = recipes.get(item.text("rung") or "") if item.known else None
        if parent is None or not item.sound:
            continue
        form = _ENSEMBLE.validate_python(item.plain)
        ensemble = _ensemble(form, parent)
        key = "cycles" if isinstance(form, SnapshotsForm) else "members"
        for name, epochs in _lengths(top, form.rung).items():
            try:
                ensemble.kept_epochs(epochs)
            except RecipeError as error:
                mistakes.append(Mistake((*item.path, key), f"in budget {shown(name)}: {error}"))
        found.append(ensemble)
    return tuple(found)


def _ensemble(form: EnsembleForm, parent: Recipe) -> Ensemble:
    if isinstance(form, SnapshotsForm):
        recipe = replace(
            parent,
            optimiser=replace(parent.optimiser, learning_rate=form.alpha0),
            schedule=CosineCycles(cycles=form.cycles),
        )
        return Ensemble(form.name, form.kind, form.rung, form.cycles, recipe, form.rivals)
    return Ensemble(form.name, form.kind, form.rung, form.members, parent, form.rivals)


def _lengths(top: View, rung: str) -> dict[str, int]:
    """Budget -> epochs of a rung, where these are known."""
    budgets = top.get("budgets")
    lengths = {}
    for name in () if budgets is None else budgets.plain:
        budget = budgets.get(name) if budgets is not None else None
        if budget is not None and isinstance(budget.plain, Mapping):
            budget = budget.get(rung)
        if budget is not None:
            lengths[name] = int(budget.plain)
    return lengths
