"""The command that looks for what may be wrong."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli.options import (
    BudgetOption,
    DataOption,
    EpochsOption,
    OverrideOption,
    SeedsOption,
    StoreOption,
    answering,
    as_finished,
    planned_by,
)
from rungs.foundation.errors import DataError, RungsError
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.store import Store
    from rungs.study.doctor import Finding
    from rungs.study.plan import Plan


@answering
def doctor(
    study: Annotated[
        str | None,
        typer.Argument(help="A study to look at too: its file, or a built-in study's name."),
    ] = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the machine, the store and a study for problems, and say what to do about them.

    Exit code 1 if there is a problem; warnings and notes do not change it.
    """
    from rungs.store import Store, is_store
    from rungs.study.doctor import Finding, look_at_machine, look_at_store, look_at_study

    asked, unusable = None, None
    if study is not None:
        try:
            asked = planned_by(study, budget, seeds, epochs, None, overrides=overrides)[0]
        except DataError as error:  # machine and store may be why, or matter all the same
            advice = "the rest of the study is checked once this is fixed"
            unusable = Finding("problem", "data", str(error), advice)
    if asked is not None and is_store(store):
        asked = as_finished(asked, Store(store), seeds)
    parts = {"machine": [*look_at_machine()], "store": [*look_at_store(store)]}
    if asked is not None:
        parts["study"] = [
            *look_at_study(asked, Store(store), data_dir),
            *_time(asked, Store(store) if is_store(store) else None),
        ]
    if unusable is not None:
        parts["study"] = [unusable]
    if as_json:
        plain = {part: [item.to_dict() for item in found] for part, found in parts.items()}
        typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))
    else:
        for part, found in parts.items():
            typer.echo(part)
            for item in found:
                typer.echo(f"  {item.level:<8} {item.what}: {item.found}")
                if item.advice:
                    typer.echo(f"           -> {item.advice}")
    levels = [item.level for found in parts.values() for item in found]
    if "problem" in levels:
        count = levels.count("problem")
        raise RungsError(f"{count} problem{'s'[: count > 1]}: see above")


def _time(asked: "Plan", store: "Store | None") -> "Iterator[Finding]":
    """How long the study still takes."""
    from rungs.execution.first_look import time_left_or_looked_at
    from rungs.study.costs import costs
    from rungs.study.doctor import Finding

    try:
        left = time_left_or_looked_at(asked, store, costs(asked.study, store))
    except RungsError:  # of a network that cannot be built: that is a finding of its own
        return
    if left is not None:
        yield Finding("note", "time", str(left).removeprefix("Time left: "))
