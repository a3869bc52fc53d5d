"""A rung's recipe: what changed, its layers and all its settings."""

from dataclasses import dataclass

from rungs.recipe import leaves, recipe_to_dict, show
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.study.costs import LayerRow


@dataclass(frozen=True)
class ShownRecipe:
    """One recipe as the page shows it."""

    rung: RungReport
    changed: tuple[tuple[str, str, str], ...]  # field, before, after
    layers: tuple[LayerRow, ...]
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
        data.layers.get(rung.name, ()),
        tuple((place, show(value)) for place, value in leaves(recipe_to_dict(planned.recipe))),
    )
