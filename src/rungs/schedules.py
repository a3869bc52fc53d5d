"""Learning rates per update, as pure functions of the number of updates done."""

import math

from rungs.errors import RecipeError
from rungs.recipe import CosineCycles, InverseTimeDecay, Recipe


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The rate of the next update.

    Args:
        recipe: its optimiser gives the base rate, its schedule the course.
        step: updates done so far, 0 ... total_steps - 1.
        total_steps: updates of the whole run.
    """
    base = recipe.optimiser.learning_rate
    schedule = recipe.schedule
    match schedule:
        case InverseTimeDecay():
            return base / (1 + schedule.decay * step)
        case CosineCycles():
            length = math.ceil(total_steps / schedule.cycles)
            return base / 2 * (math.cos(math.pi * (step % length) / length) + 1)


def snapshot_epochs(recipe: Recipe, epochs: int) -> tuple[int, ...]:
    """The epochs (from 1) after which a snapshot is taken: the end of every cycle.

    Raises:
        RecipeError: the cycles do not divide the epochs, so that a cycle would end inside one.
    """
    if not isinstance(recipe.schedule, CosineCycles):
        return ()
    length, rest = divmod(epochs, recipe.schedule.cycles)
    if rest or not length:
        raise RecipeError(
            f"{epochs} epochs cannot be split into {recipe.schedule.cycles} cycles of whole epochs"
        )
    return tuple(length * (cycle + 1) for cycle in range(recipe.schedule.cycles))
