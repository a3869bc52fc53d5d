"""Changes that fight overfitting."""

from typing import Annotated

from pydantic import Field

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Fraction, NotNegative, Positive, Rate, RungName, Stages
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    AdamW,
    CrossEntropy,
    Distillation,
    Focal,
    Muon,
    PreActivation,
    Sgd,
    Stack,
)
from rungs.recipe.modifications.networks import described
from rungs.recipe.modifications.registry import modification


@modification(
    family="regularisation",
    source="Srivastava et al., Dropout, JMLR 2014",
    rates=(0.1, 0.2),
)
def dropout(recipe: Recipe, *, rates: Annotated[Stages[Rate], Field(min_length=1)]) -> Recipe:
    """Drops single values after each stage's pooling, with one rate per stage."""
    # Rates of zero drop nothing: the recipe, and so its run, is the one without dropout.
    network = described(recipe)
    given = rates if any(rates) or len(rates) != len(network.widths) else ()
    return replace(recipe, network=replace(network, dropout=given))


@modification(
    family="regularisation",
    source="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
    amount=0.1,
)
def label_smoothing(recipe: Recipe, *, amount: Rate) -> Recipe:
    """Trains towards targets that give ``amount`` of the probability to all classes evenly."""
    if not isinstance(recipe.loss, CrossEntropy):
        raise RecipeError(f"label_smoothing needs loss 'cross_entropy', found '{recipe.loss.kind}'")
    return replace(recipe, loss=replace(recipe.loss, label_smoothing=amount))


@modification(
    family="regularisation",
    source="Huang et al., Deep Networks with Stochastic Depth, ECCV 2016",
    needs=("residual",),
    rate=0.1,
)
def stochastic_depth(recipe: Recipe, *, rate: Rate) -> Recipe:
    """Lets images skip a stage's convolutions at random; its shortcut carries them past."""
    network = described(recipe)
    block = network.block
    if not isinstance(block, Stack | PreActivation):
        raise RecipeError(
            f"stochastic_depth needs a block of kind 'stack' or 'pre_activation', "
            f"found '{block.kind}'"
        )
    return replace(recipe, network=replace(network, block=replace(block, drop_path=rate)))


@modification(
    family="regularisation",
    source="Krogh and Hertz, A Simple Weight Decay Can Improve Generalization, NeurIPS 1991",
    needs=("sgd",),
    amount=0.001,
)
def weight_decay(recipe: Recipe, *, amount: NotNegative) -> Recipe:
    """Sets how strongly the optimiser pulls weights towards zero."""
    optimiser = recipe.optimiser
    if not isinstance(optimiser, AdamW | Muon | Sgd):
        raise RecipeError(
            f"weight_decay needs optimiser 'sgd', 'adamw' or 'muon', found '{optimiser.kind}'"
        )
    return replace(recipe, optimiser=replace(optimiser, weight_decay=amount))


@modification(
    family="regularisation",
    source="Lin et al., Focal Loss for Dense Object Detection, ICCV 2017",
    gamma=2.0,
)
def focal_loss(recipe: Recipe, *, gamma: Positive = Focal.gamma) -> Recipe:
    """Weighs images less the better they are answered already."""
    return replace(recipe, loss=Focal(gamma=gamma))


@modification(
    family="regularisation",
    source="King and Zeng, Logistic Regression in Rare Events Data, Political Analysis 2001",
)
def balanced_classes(recipe: Recipe) -> Recipe:
    """Weighs images by the inverse of their class's share, so that every class counts alike."""
    if not isinstance(recipe.loss, CrossEntropy | Focal):
        raise RecipeError(
            f"balanced_classes needs loss 'cross_entropy' or 'focal', found '{recipe.loss.kind}'"
        )
    return replace(recipe, loss=replace(recipe.loss, class_weights="balanced"))


@modification(
    family="regularisation",
    source="Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015; Beyer et "
    "al., Knowledge Distillation: A Good Teacher is Patient and Consistent, CVPR 2022",
    from_="big",
)
def distil(
    recipe: Recipe,
    *,
    from_: RungName,
    temperature: Positive = Distillation.temperature,
    weight: Fraction = Distillation.weight,
) -> Recipe:
    """Learns from another rung's softened answers to the same images, beside their labels."""
    taught = Distillation(teacher=from_, temperature=temperature, weight=weight)
    return replace(recipe, teaching=taught)
