"""Changes of how the weights are found."""

from rungs.modifications.registry import modification
from rungs.recipe import CosineCycles, InverseTimeDecay, Recipe, replace
from rungs.values import Count, NotNegative, Positive


@modification(
    family="optimisation",
    source="Kingma and Ba, Adam, ICLR 2015",
    value=0.0004,
)
def learning_rate(recipe: Recipe, *, value: Positive) -> Recipe:
    """Sets the optimiser's learning rate; a schedule starts from it."""
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=value))


@modification(
    family="optimisation",
    source="Huang et al., Snapshot Ensembles, ICLR 2017",
    cycles=5,
    alpha0=0.001,
)
def cosine_cycles(recipe: Recipe, *, cycles: Count, alpha0: Positive) -> Recipe:
    """Anneals the learning rate from ``alpha0`` to almost zero ``cycles`` times, per update."""
    return replace(
        recipe,
        optimiser=replace(recipe.optimiser, learning_rate=alpha0),
        schedule=CosineCycles(cycles=cycles),
    )


@modification(
    family="optimisation",
    source="Robbins and Monro, A Stochastic Approximation Method, 1951; Keras's legacy decay",
    decay=1e-6,
)
def inverse_time_decay(recipe: Recipe, *, decay: NotNegative) -> Recipe:
    """Divides the learning rate by 1 + ``decay`` times the number of updates done."""
    return replace(recipe, schedule=InverseTimeDecay(decay=decay))
