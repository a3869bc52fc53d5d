"""Learning rates and snapshots of a recipe, as pure functions."""

from rungs.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The rate of the next update.

    Args:
        recipe: its optimiser gives the base rate, its schedule the course.
        step: updates done so far, 0 ... total_steps - 1.
        total_steps: updates of the whole run.
    """
    return recipe.schedule.rate(recipe.optimiser.learning_rate, step, total_steps)


def snapshot_epochs(recipe: Recipe, epochs: int) -> tuple[int, ...]:
    """The epochs (from 1) after which a snapshot is taken.

    Raises:
        RecipeError: the schedule does not fit into so many epochs.
    """
    return recipe.schedule.snapshot_epochs(epochs)
