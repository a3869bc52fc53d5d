"""Learning rates and snapshots of a recipe, as pure functions."""

from rungs.recipe import Recipe
from rungs.recipe.components import Schedule


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The rate of the next update.

    Args:
        recipe: its optimiser gives the base rate, its schedule the course.
        step: updates done so far, 0 ... total_steps - 1.
        total_steps: updates of the whole run.
    """
    return recipe.schedule.rate(recipe.optimiser.learning_rate, step, total_steps)


def depends_on_length(recipe: Recipe) -> bool:
    """Whether a run's first epochs depend on how many follow.

    Where they do not, a run of 50 epochs contains that of 15. No other component knows the length;
    a schedule with snapshots divides it.
    """
    parts = (recipe.schedule, recipe.average, recipe.resolution)
    snapshots = type(recipe.schedule).snapshot_epochs is not Schedule.snapshot_epochs
    return snapshots or any(part.depends_on_length for part in parts)


def snapshot_epochs(recipe: Recipe, epochs: int) -> tuple[int, ...]:
    """The epochs (from 1) after which a snapshot is taken.

    Raises:
        RecipeError: the schedule does not fit into so many epochs.
    """
    return recipe.schedule.snapshot_epochs(epochs)
