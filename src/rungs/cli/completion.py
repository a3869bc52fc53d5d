"""What the Tab key offers: studies, and the names that a study has.

A shell asks while somebody types, so nothing here complains: what cannot be read offers nothing.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rungs.foundation.errors import RungsError

if TYPE_CHECKING:
    from rungs.study import Study


def studies(incomplete: str) -> list[str]:
    """Built-in studies, study files, and folders in which there may be some."""
    from rungs.study.toml_tables import builtin_names

    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    found = list(builtin_names())
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            name = str(folder / entry.name)
            if entry.suffix == ".toml":
                found.append(name)
            elif entry.is_dir() and not entry.name.startswith("."):
                found.append(f"{name}/")
    return [name for name in found if name.startswith(incomplete)]


def stored(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Studies that the store on the line knows."""
    from rungs.store import DEFAULT_STORE, Store
    from rungs.study.known import known_studies

    store = Store(Path(context.params.get("store") or DEFAULT_STORE))
    with suppress(RungsError, OSError):
        known = known_studies(store)
        return [(one.name, one.title) for one in known if one.name.startswith(incomplete)]
    return []


def rungs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Rungs of the study that stands on the line already, with their titles."""
    study = _study(context)
    found = () if study is None else study.rungs
    return [(rung.name, rung.title) for rung in found if rung.name.startswith(incomplete)]


def answering(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The same, and its ensembles."""
    study = _study(context)
    found = () if study is None else study.ensembles
    pooled = [(one.name, f"ensemble of {one.members}") for one in found]
    return [
        *rungs(context, incomplete),
        *(offered for offered in pooled if offered[0].startswith(incomplete)),
    ]


def budgets(context: typer.Context, incomplete: str) -> list[str]:
    """Budgets of the study that stands on the line already."""
    study = _study(context)
    return [name for name in (study.budgets if study else ()) if name.startswith(incomplete)]


def modifications(incomplete: str) -> Iterator[tuple[str, str]]:
    """Modifications of the catalogue, with what they do."""
    from rungs.recipe.modifications import catalogue

    for entry in catalogue():
        if entry.name.startswith(incomplete):
            yield entry.name, entry.doc


def _study(context: typer.Context) -> "Study | None":
    from rungs.study import load

    # Before an option's value is typed the line cannot be parsed, and its arguments are left over.
    named = context.params.get("study") or next(iter(context.args), "")
    try:
        return load(str(named))
    except RungsError:
        return None
