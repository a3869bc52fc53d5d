"""A rung's recipe: what changed, its stages and all its settings."""

from collections.abc import Iterator
from dataclasses import dataclass

from rungs.recipe import leaves, recipe_to_dict, show
from rungs.recipe.differences import TEACHER
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.page.stages import Stage, stages
from rungs.study import Rung


@dataclass(frozen=True)
class ShownRecipe:
    """One recipe as the page shows it."""

    rung: RungReport
    changed: tuple[tuple[str, str, str], ...]  # field, before, after
    stages: tuple[Stage, ...]
    taught_by: str  # title of its teacher; empty without
    same_as: str  # rung below it that has this network, whose table is not shown again
    settings: tuple[tuple[str, str], ...]


def shown_recipe(rung: RungReport, data: ReportData) -> ShownRecipe:
    """The recipe of one rung."""
    planned = data.study.rung(rung.name)
    return ShownRecipe(
        rung,
        tuple(
            (
                item.place,
                "" if item.before is None else show(item.before),
                "" if item.after is None else show(item.after),
            )
            for item in planned.difference
        ),
        stages(data.layers.get(rung.name, ()), planned.recipe.network),
        _teacher(planned, data) or "",
        _same_as(rung, data),
        () if planned.recorded else tuple(_settings(planned, data)),
    )


def _settings(planned: Rung, data: ReportData) -> Iterator[tuple[str, str]]:
    """Every field of a recipe and its value; of a teacher the title, where the recipe has a key."""
    title = _teacher(planned, data)
    for place, value in leaves(recipe_to_dict(planned.recipe)):
        yield place, title if place == TEACHER and title is not None else show(value)


def _teacher(planned: Rung, data: ReportData) -> str | None:
    """The title of the rung that teaches one."""
    return None if planned.teacher is None else data.study.rung(planned.teacher).title


def _same_as(rung: RungReport, data: ReportData) -> str:
    """The lowest rung below this one from which on the network has not changed; empty if none."""
    found, below = "", rung.after
    network = data.study.rung(rung.name).recipe.network
    shown = {item.name for item in data.rungs}
    while below is not None and data.study.rung(below).recipe.network == network:
        found = below if below in shown else found
        below = data.study.rung(below).after
    return found
