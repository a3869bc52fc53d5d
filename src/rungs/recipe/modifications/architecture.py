"""Changes of the network's architecture."""

from typing import Annotated, Any

from pydantic import Field

from rungs.foundation.errors import RecipeError, UnchangedError
from rungs.foundation.values import Flag, Positive, Rate, Stages
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Activation,
    BatchNorm,
    Block,
    BlurPooling,
    Bottleneck,
    Depth,
    Elu,
    GhostSize,
    GroupNorm,
    Groups,
    MaxMeanPoolingHead,
    MaxPoolingHead,
    PooledFirst,
    Pooling,
    PoolingHead,
    PreActivation,
    Reduction,
    Stack,
    Stem,
    Whitening,
    Width,
)
from rungs.recipe.modifications.networks import described
from rungs.recipe.modifications.registry import modification

Widths = Annotated[Stages[Width], Field(min_length=1)]


def _with_network(recipe: Recipe, **changes: Any) -> Recipe:
    return replace(recipe, network=replace(described(recipe), **changes))


def _with_stack(recipe: Recipe, name: str, **changes: Any) -> Recipe:
    """The recipe with a changed block of kind ``stack``, which alone has these parameters."""
    block = described(recipe).block
    if not isinstance(block, Stack):
        raise RecipeError(f"{name} changes a block of kind 'stack', found '{block.kind}'")
    return _with_network(recipe, block=replace(block, **changes))


@modification(family="architecture", source="Lin et al., Network In Network, ICLR 2014")
def global_average_pooling(recipe: Recipe) -> Recipe:
    """Replaces flatten and dense layer by the mean of each feature map."""
    return _with_network(recipe, head=PoolingHead())


@modification(
    family="architecture",
    source="Page, How to Train Your ResNet, 2019; Jordan, 94 % on CIFAR-10, arXiv:2404.00498",
    scale=0.125,
)
def global_max_pooling(recipe: Recipe, *, scale: Positive = MaxPoolingHead.scale) -> Recipe:
    """Replaces the head by the largest value of each map and a classifier with scaled logits."""
    return _with_network(recipe, head=MaxPoolingHead(scale=scale))


@modification(
    family="architecture",
    source="Howard and Gugger, fastai: A Layered API for Deep Learning, Information, 2020",
    scale=0.125,
)
def global_max_mean_pooling(
    recipe: Recipe, *, scale: Positive = MaxMeanPoolingHead.scale
) -> Recipe:
    """Replaces the head by largest value and mean of each map, and scales the logits."""
    return _with_network(recipe, head=MaxMeanPoolingHead(scale=scale))


@modification(
    family="architecture",
    source="Zagoruyko and Komodakis, DiracNets, arXiv:1706.00388; Jordan, arXiv:2404.00498",
)
def identity_start(recipe: Recipe) -> Recipe:
    """Starts 3x3 convolutions so that their first outputs hand the inputs on."""
    return _with_network(recipe, kernels="identity")


@modification(
    family="architecture",
    source="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
    depth=2,
)
def stack_convolutions(recipe: Recipe, *, depth: Depth = 2) -> Recipe:
    """Puts ``depth`` convolutions into every stage, each with normalisation and activation."""
    block = described(recipe).block
    if isinstance(block, Bottleneck):
        raise RecipeError("stack_convolutions cannot change a bottleneck: it has one depth")
    return _with_network(recipe, block=replace(block, depth=depth))


@modification(
    family="architecture",
    source="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
    widths=(128,),
)
def add_layers(recipe: Recipe, *, widths: Widths) -> Recipe:
    """Adds a stage at the deep end for each of ``widths``, without dropout of its own."""
    network = described(recipe)
    dropout = network.dropout and (*network.dropout, *(0.0 for _ in widths))
    return _with_network(recipe, widths=(*network.widths, *widths), dropout=dropout)


@modification(
    family="architecture",
    source="Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016",
    former={"channels": "values"},
    channels=(48, 96),
)
def widths(recipe: Recipe, *, channels: Widths) -> Recipe:
    """Sets the output channels of every stage; their number may change too."""
    network = described(recipe)
    dropout = network.dropout if len(channels) == len(network.widths) else ()
    return _with_network(recipe, widths=channels, dropout=dropout)


@modification(family="architecture", source="He et al., Deep Residual Learning, CVPR 2016")
def residual(recipe: Recipe) -> Recipe:
    """Adds a 1x1 convolution as a shortcut around the convolutions of every stage."""
    return _with_stack(recipe, "residual", residual=True)


@modification(
    family="architecture",
    source="Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017",
)
def depthwise_separable(recipe: Recipe) -> Recipe:
    """Splits every 3x3 convolution into a depthwise 3x3 and a pointwise 1x1 convolution."""
    return _with_stack(recipe, "depthwise_separable", separable=True)


@modification(
    family="architecture",
    source="Hu et al., Squeeze-and-Excitation Networks, CVPR 2018",
    reduction=8,
)
def squeeze_excitation(recipe: Recipe, *, reduction: Reduction = 8) -> Recipe:
    """Weighs each stage's channels by a small network of their means."""
    return _with_stack(recipe, "squeeze_excitation", squeeze=reduction)


@modification(
    family="architecture",
    source="He et al., Identity Mappings in Deep Residual Networks, ECCV 2016",
    depth=2,
)
def pre_activation(recipe: Recipe, *, depth: Depth = PreActivation.depth) -> Recipe:
    """Turns each stage into a residual block with normalisation and activation before it."""
    return _with_block(recipe, PreActivation(depth=depth))


@modification(
    family="architecture",
    source="He et al., Deep Residual Learning, CVPR 2016",
    reduction=4,
)
def bottleneck(
    recipe: Recipe,
    *,
    reduction: Annotated[int, Field(strict=True, ge=1, le=64)] = Bottleneck.reduction,
) -> Recipe:
    """Turns each stage into 1x1, 3x3, 1x1 with fewer channels inside, and a shortcut."""
    return _with_block(recipe, Bottleneck(reduction=reduction))


@modification(
    family="architecture",
    source="Jordan, 94 % on CIFAR-10 in 3.29 Seconds, arXiv:2404.00498",
    depth=2,
)
def pooled_first(
    recipe: Recipe, *, depth: Depth = PooledFirst.depth, residual: Flag = PooledFirst.residual
) -> Recipe:
    """Pools right after the first convolution of a stage, so that the others cost a quarter."""
    return _with_block(recipe, PooledFirst(depth=depth, residual=residual))


def _with_block(recipe: Recipe, block: Block) -> Recipe:
    return _with_network(recipe, block=block)


@modification(
    family="architecture",
    source="Page, How to Train Your ResNet 8, 2019; Jordan, arXiv:2404.00498",
    to=Whitening(),
)
def stem(recipe: Recipe, *, to: Stem) -> Recipe:
    """Swaps what stands before the first stage."""
    if to == described(recipe).stem:
        raise UnchangedError(f"the stem is {to.kind} already")
    return _with_network(recipe, stem=to)


@modification(
    family="architecture",
    source="Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019 (blur)",
    to=BlurPooling(),
)
def pooling(recipe: Recipe, *, to: Pooling) -> Recipe:
    """Swaps the pooling that halves the map after each stage."""
    if to == described(recipe).pooling:
        raise UnchangedError(f"the pooling is {to.kind} already")
    return _with_network(recipe, pooling=to)


def _with_batch_norm(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with changed batch normalisation, in place of any other."""
    old = described(recipe).normalisation
    norm = old if isinstance(old, BatchNorm) else BatchNorm()
    return _with_network(recipe, normalisation=replace(norm, **changes))


@modification(
    family="architecture",
    source="Ioffe and Szegedy, Batch Normalization, ICML 2015; 0.6 without scale: Jordan, "
    "arXiv:2404.00498",
    keep=0.6,
)
def batch_norm(recipe: Recipe, *, keep: Rate, scale: Flag = BatchNorm.scale) -> Recipe:
    """Sets the share of moving statistics that each update keeps, and whether there is a scale."""
    return _with_batch_norm(recipe, keep=keep, scale=scale)


@modification(
    family="architecture",
    source="Hoffer et al., Train Longer, Generalize Better, NeurIPS 2017",
    images=32,
)
def ghost_batch_norm(recipe: Recipe, *, images: GhostSize = 32) -> Recipe:
    """Normalises parts of so many images of a batch each by their own statistics."""
    return _with_batch_norm(recipe, ghost=images)


@modification(family="architecture", source="Wu and He, Group Normalization, ECCV 2018", groups=8)
def group_norm(recipe: Recipe, *, groups: Groups = GroupNorm.groups) -> Recipe:
    """Normalises groups of channels of each image on its own instead of whole batches."""
    return _with_network(recipe, normalisation=GroupNorm(groups=groups))


@modification(
    family="architecture",
    source="Clevert et al., Exponential Linear Units (ELUs), ICLR 2016",
    to=Elu(),
)
def activation(recipe: Recipe, *, to: Activation) -> Recipe:
    """Swaps the activation of the convolutional layers."""
    if to == described(recipe).activation:
        raise UnchangedError(f"the activation is {to.kind} already")
    return _with_network(recipe, activation=to)
