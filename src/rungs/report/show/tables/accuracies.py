"""How often the models of each recipe are right."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rungs.report.show.section import Section, filled, percent

if TYPE_CHECKING:
    from rungs.evidence.elsewhere.judging import Accuracies
# More of them would fill the line.
_MOST_SEEDS = 12


def accuracy_section(title: str, recipes: "Sequence[Accuracies]") -> Section:
    """The accuracies of recipes as a table."""
    rows = [
        {
            "recipe": one.name,
            "accuracy %": percent(one.mean),
            "seeds": str(len(one.of_seeds)),
            "of each seed": ", ".join(map(percent, one.of_seeds[:_MOST_SEEDS]))
            + (", ..." if len(one.of_seeds) > _MOST_SEEDS else ""),
        }
        for one in recipes
    ]
    return filled(title, rows, ("accuracy %", "seeds"))
