"""Changes of the network's architecture."""

from typing import Annotated

from pydantic import Field

from rungs.errors import UnchangedError
from rungs.modifications.registry import modification
from rungs.recipe import Activation, Depth, Elu, PoolingHead, Recipe, Width, replace
from rungs.values import Layers


@modification(family="architecture", source="Lin et al., Network In Network, ICLR 2014")
def global_average_pooling(recipe: Recipe) -> Recipe:
    """Replaces flatten and dense layer by the mean of each feature map."""
    return replace(recipe, network=replace(recipe.network, head=PoolingHead()))


@modification(
    family="architecture",
    source="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
    depth=2,
)
def stack_convolutions(recipe: Recipe, *, depth: Depth = 2) -> Recipe:
    """Puts ``depth`` convolutions into every layer, each with normalisation and activation."""
    block = replace(recipe.network.block, depth=depth)
    return replace(recipe, network=replace(recipe.network, block=block))


@modification(
    family="architecture",
    source="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
    widths=(128,),
)
def add_layers(recipe: Recipe, *, widths: Annotated[Layers[Width], Field(min_length=1)]) -> Recipe:
    """Adds a layer at the deep end for each of ``widths``, without dropout of its own."""
    network = recipe.network
    dropout = network.dropout and (*network.dropout, *(0.0 for _ in widths))
    return replace(
        recipe,
        network=replace(network, widths=(*network.widths, *widths), dropout=dropout),
    )


@modification(family="architecture", source="He et al., Deep Residual Learning, CVPR 2016")
def residual(recipe: Recipe) -> Recipe:
    """Adds a 1x1 convolution as a shortcut around the convolutions of every layer."""
    block = replace(recipe.network.block, residual=True)
    return replace(recipe, network=replace(recipe.network, block=block))


@modification(
    family="architecture",
    source="Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017",
)
def depthwise_separable(recipe: Recipe) -> Recipe:
    """Splits every 3x3 convolution into a depthwise 3x3 and a pointwise 1x1 convolution."""
    block = replace(recipe.network.block, separable=True)
    return replace(recipe, network=replace(recipe.network, block=block))


@modification(
    family="architecture",
    source="Clevert et al., Exponential Linear Units (ELUs), ICLR 2016",
    to=Elu(),
)
def activation(recipe: Recipe, *, to: Activation) -> Recipe:
    """Swaps the activation of the convolutional layers."""
    if to == recipe.network.activation:
        raise UnchangedError(f"the activation is {to.kind} already")
    return replace(recipe, network=replace(recipe.network, activation=to))
