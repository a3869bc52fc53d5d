"""Which recipes are known beforehand to vary unlike between seeds."""

from rungs.recipe import Recipe
from rungs.recipe.components import MovingStatistics, NoAverage, is_recorded

PLAIN = "plain"
STEADY = "steady"
ENSEMBLE = "ensemble"
RECORDED = "recorded"


def kind_of(recipe: Recipe, models: int = 1) -> str:
    """The kind of a recipe, for `rungs.statistics.verdicts.Evidence`.

    What is evaluated of a *plain* one are its last weights with statistics that moved along with
    training; of a *steady* one either is a mean over more, and its accuracy moves far less from
    seed to seed. An ensemble's answer is a mean itself. How much one of a recipe that is trained
    elsewhere moves is not known beforehand.

    Args:
        recipe: of the models.
        models: that answer together.
    """
    if models > 1:
        return ENSEMBLE
    if is_recorded(recipe):
        return RECORDED
    moves = isinstance(recipe.average, NoAverage) and isinstance(
        recipe.statistics, MovingStatistics
    )
    return PLAIN if moves and recipe.trained != "head" else STEADY
