"""Names that a study file gives, and the places that use them."""

from collections.abc import Mapping
from dataclasses import dataclass

from rungs.foundation.errors import Mistake
from rungs.foundation.wording import did_you_mean, nearest, shown
from rungs.study.forms import StudyForm
from rungs.study.view import View


@dataclass(frozen=True)
class Names:
    """What may be referred to.

    Attributes:
        what: they name, for messages.
        known: in the file's order; also those that a name may not look like, as who uses one of
            these has made no second mistake.
        complete: False if one could not be read, or hides behind another's.
    """

    what: str
    known: tuple[str, ...]
    complete: bool

    def problem(self, name: str) -> str | None:
        """What is wrong with using a name; None if nothing, or if that cannot be told."""
        if name in self.known or not (self.complete or nearest(name, self.known)):
            return None
        return f"there is no {self.what} {shown(name)}{did_you_mean(name, self.known)}"


def names_of_rungs(top: View) -> Names:
    """Names of the rungs."""
    return _names(top, "rungs", "rung")


def names_of_ensembles(top: View) -> Names:
    """Names of the ensembles."""
    return _names(top, "ensembles", "ensemble")


def names_of_budgets(top: View) -> Names:
    """Names of the budgets."""
    budgets = top.get("budgets")
    known = () if budgets is None else tuple(budgets.plain)
    return Names("budget", known, budgets is not None)


def _names(top: View, key: str, what: str) -> Names:
    found = [name_of(item) for item in top.items(key)]
    given = top.get(key) is not None or not top.has(key)
    complete = given and None not in found and len(set(found)) == len(found)
    return Names(what, tuple(name for name in dict.fromkeys(found) if name is not None), complete)


def name_of(item: View) -> str | None:
    """The name that a table gives itself, though it may not be a good one."""
    name = item.plain.get("name") if isinstance(item.plain, Mapping) else None
    return name if isinstance(name, str) else None


def check_names(
    top: View, rungs: Names, ensembles: Names, budgets: Names, mistakes: list[Mistake]
) -> None:
    """Looks for names given twice, and for uses of names that nothing has."""
    _check_duplicates(top, rungs, mistakes)
    quantities = [
        quantity
        for claim in top.items("claims")
        for key in ("quantity", "than")
        if (quantity := claim.get(key)) is not None
    ]
    _check_uses([top], ("base", "final"), rungs, mistakes)
    _check_uses(
        [*top.items("ensembles"), *top.items("assumptions"), *quantities],
        ("rung",),
        rungs,
        mistakes,
    )
    _check_uses(quantities, ("ensemble",), ensembles, mistakes)
    _check_rivals(top, rungs, mistakes)
    _check_uses([*top.items("claims")], ("budget",), budgets, mistakes)
    budget = top.text("budget") if top.has("budget") else StudyForm.model_fields["budget"].default
    problem = None if budget is None else budgets.problem(budget)
    if problem:
        mistakes.append(Mistake(("budget",), problem))


def _check_uses(
    users: list[View], keys: tuple[str, ...], names: Names, mistakes: list[Mistake]
) -> None:
    for user in users:
        for key in keys:
            name = user.text(key)
            problem = None if name is None else names.problem(name)
            if problem:
                mistakes.append(Mistake((*user.path, key), problem))


def _check_rivals(top: View, rungs: Names, mistakes: list[Mistake]) -> None:
    for ensemble in top.items("ensembles"):
        for rival in ensemble.items("rivals"):
            problem = rungs.problem(rival.plain) if isinstance(rival.plain, str) else None
            if problem is None and rival.plain == ensemble.text("rung"):
                problem = f"{shown(rival.plain)} is the ensemble's own rung, which is there anyway"
            if problem:
                mistakes.append(Mistake(rival.path, problem))


def _check_duplicates(top: View, rungs: Names, mistakes: list[Mistake]) -> None:
    seen: set[str] = set()
    # Plots are files of that name, and not every file system tells cases apart.
    without_case: dict[str, str] = {}
    for rung in top.items("rungs"):
        name = name_of(rung)
        if name is None:
            continue
        twin = without_case.setdefault(name.lower(), name)
        if name in seen:
            message = f"another rung is called {shown(name)} already"
            mistakes.append(Mistake((*rung.path, "name"), message))
        elif twin != name:
            message = f"another rung is called {shown(twin)}, which differs in its case alone"
            mistakes.append(Mistake((*rung.path, "name"), message))
        seen.add(name)
    # Rungs and ensembles are chosen by one option, and stand in one table.
    seen = set()
    for ensemble in top.items("ensembles"):
        name = name_of(ensemble)
        if name in rungs.known or name in seen:
            kind = "a rung" if name in rungs.known else "another ensemble"
            message = f"{kind} is called {shown(name)} already"
            mistakes.append(Mistake((*ensemble.path, "name"), message))
        elif name is not None:
            seen.add(name)
