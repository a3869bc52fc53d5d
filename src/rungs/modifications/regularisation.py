"""Changes that fight overfitting."""

from typing import Annotated

from pydantic import Field

from rungs.modifications.registry import modification
from rungs.recipe import Recipe, replace
from rungs.values import Layers, Rate


@modification(
    family="regularisation",
    source="Srivastava et al., Dropout, JMLR 2014",
    rates=(0.1, 0.2),
)
def dropout(recipe: Recipe, *, rates: Annotated[Layers[Rate], Field(min_length=1)]) -> Recipe:
    """Drops single values after each layer's pooling, with one rate per layer."""
    return replace(recipe, network=replace(recipe.network, dropout=rates))


@modification(
    family="regularisation",
    source="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
    amount=0.1,
)
def label_smoothing(recipe: Recipe, *, amount: Rate) -> Recipe:
    """Trains towards targets that give ``amount`` of the probability to all classes evenly."""
    return replace(recipe, loss=replace(recipe.loss, label_smoothing=amount))
