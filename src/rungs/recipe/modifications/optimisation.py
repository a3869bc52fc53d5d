"""Changes of how the weights are found."""

import math
from typing import Annotated, Literal

from pydantic import Field

from rungs.foundation.values import Count, Flag, Fraction, NotNegative, Positive, Rate, Stages
from rungs.recipe import LayerDecay, Recipe, Scaling, replace
from rungs.recipe.components import (
    AdamW,
    Cosine,
    CosineCycles,
    Ema,
    InverseTimeDecay,
    Iterations,
    Lookahead,
    Muon,
    ProgressiveResolution,
    RenewedStatistics,
    Sgd,
    SharpnessAware,
    StatisticsImages,
    Steps,
    Swa,
    Triangular,
)
from rungs.recipe.modifications.registry import modification


@modification(
    family="optimisation",
    source="Kingma and Ba, Adam, ICLR 2015",
    former={"rate": "value"},
    rate=0.0004,
)
def learning_rate(recipe: Recipe, *, rate: Positive) -> Recipe:
    """Sets the optimiser's learning rate; a schedule starts from it."""
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=rate))


@modification(
    family="optimisation",
    source="Clark et al., ELECTRA, ICLR 2020; Bao et al., BEiT, ICLR 2022; for networks of kind "
    "timm by the layers of its param_groups_layer_decay",
    decay=0.75,
)
def layer_wise_rates(recipe: Recipe, *, decay: LayerDecay = 0.75) -> Recipe:
    """Lowers the rate from layer to layer towards the pixels: a pretrained body changes little."""
    return replace(recipe, layer_decay=decay)


@modification(
    family="optimisation",
    source="Sutskever et al., On the Importance of Initialization and Momentum, ICML 2013",
    former={"learning_rate": "value"},
    learning_rate=0.05,
)
def sgd(
    recipe: Recipe,
    *,
    learning_rate: Positive = Sgd.learning_rate,
    momentum: Rate = Sgd.momentum,
    nesterov: Flag = Sgd.nesterov,
    weight_decay: NotNegative = Sgd.weight_decay,
    bias_factor: Positive = Sgd.bias_factor,
) -> Recipe:
    """Minimises by stochastic gradient descent with momentum."""
    optimiser = Sgd(
        learning_rate=learning_rate,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        bias_factor=bias_factor,
    )
    return replace(recipe, optimiser=optimiser)


@modification(
    family="optimisation",
    source="Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019",
    former={"learning_rate": "value"},
    learning_rate=0.001,
)
def adamw(
    recipe: Recipe,
    *,
    learning_rate: Positive = AdamW.learning_rate,
    weight_decay: NotNegative = AdamW.weight_decay,
) -> Recipe:
    """Minimises by Adam with decoupled weight decay."""
    return replace(recipe, optimiser=AdamW(learning_rate=learning_rate, weight_decay=weight_decay))


@modification(
    family="optimisation",
    source="Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks, 2024",
    former={"learning_rate": "value"},
    learning_rate=0.02,
)
def muon(
    recipe: Recipe,
    *,
    learning_rate: Positive = Muon.learning_rate,
    momentum: Rate = Muon.momentum,
    weight_decay: NotNegative = Muon.weight_decay,
    sgd_factor: Positive = Muon.sgd_factor,
    bias_factor: Positive = Muon.bias_factor,
) -> Recipe:
    """Makes the steps of hidden matrices and kernels orthogonal; all else goes by SGD."""
    optimiser = Muon(
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        sgd_factor=sgd_factor,
        bias_factor=bias_factor,
    )
    return replace(recipe, optimiser=optimiser)


@modification(
    family="optimisation",
    source="Jordan, airbench94_muon.py of github.com/KellerJordan/cifar10-airbench, 2024: there "
    "at a rate of 0.24 for batches of 2000",
    former={"learning_rate": "value"},
    learning_rate=0.2,
)
def normalised_muon(
    recipe: Recipe,
    *,
    learning_rate: Positive = 0.2,
    momentum: Rate = 0.6,
    sgd_factor: Positive = 2.5,
    bias_factor: Positive = 0.1,
    iterations: Iterations = 3,
) -> Recipe:
    """Minimises by Muon with matrices and kernels that are scaled to one norm before each step."""
    optimiser = Muon(
        learning_rate=learning_rate,
        momentum=momentum,
        sgd_factor=sgd_factor,
        normalise=True,
        iterations=iterations,
        bias_factor=bias_factor,
    )
    return replace(recipe, optimiser=optimiser)


@modification(
    family="optimisation",
    source="Foret et al., Sharpness-Aware Minimization, ICLR 2021",
    radius=0.05,
)
def sharpness_aware(recipe: Recipe, *, radius: Positive = SharpnessAware.radius) -> Recipe:
    """Takes the slope at the worst place nearby, so that flat minima are found; costs twice."""
    return replace(recipe, gradient=SharpnessAware(radius=radius))


@modification(
    family="optimisation",
    source="Huang et al., Snapshot Ensembles, ICLR 2017",
    former={"learning_rate": "alpha0"},
    cycles=5,
    learning_rate=0.001,
)
def cosine_cycles(recipe: Recipe, *, cycles: Count, learning_rate: Positive) -> Recipe:
    """Anneals from ``learning_rate`` to almost zero ``cycles`` times, per update."""
    return replace(
        recipe,
        optimiser=replace(recipe.optimiser, learning_rate=learning_rate),
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


@modification(
    family="optimisation",
    source="Loshchilov and Hutter, SGDR, ICLR 2017; warm-up: Goyal et al., arXiv:1706.02677",
)
def cosine(recipe: Recipe, *, warm_up: Rate = Cosine.warm_up, end: Fraction = Cosine.end) -> Recipe:
    """Warms the learning rate up in a share of the updates, then anneals it along a cosine."""
    return replace(recipe, schedule=Cosine(warm_up=warm_up, end=end))


@modification(
    family="optimisation",
    source="Smith, A Disciplined Approach to Neural Network Hyper-Parameters, arXiv:1803.09820",
    former={"peak_at": "peak"},
)
def one_cycle(
    recipe: Recipe,
    *,
    start: Fraction = Triangular.start,
    peak_at: Fraction = Triangular.peak,
    end: Fraction = Triangular.end,
) -> Recipe:
    """Raises the learning rate to its peak, after a share of the updates, and lowers it again."""
    return replace(recipe, schedule=Triangular(start=start, peak=peak_at, end=end))


@modification(
    family="optimisation",
    source="He et al., Deep Residual Learning, CVPR 2016",
    milestones=(0.5, 0.75),
)
def step_decay(
    recipe: Recipe,
    *,
    milestones: Annotated[Stages[Fraction], Field(min_length=1)] = Steps.milestones,
    factor: Fraction = Steps.factor,
) -> Recipe:
    """Multiplies the learning rate by ``factor`` after each of these shares of the updates."""
    return replace(recipe, schedule=Steps(milestones=milestones, factor=factor))


@modification(
    family="optimisation",
    source="Polyak and Juditsky, 1992; Tarvainen and Valpola, Mean Teachers, NeurIPS 2017",
    decay=0.998,
)
def ema(recipe: Recipe, *, decay: Rate = Ema.decay) -> Recipe:
    """Evaluates an exponential moving average of the weights."""
    return replace(recipe, average=Ema(decay=decay))


@modification(
    family="optimisation",
    source="Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018",
    start=0.75,
)
def swa(recipe: Recipe, *, start: Fraction = Swa.start) -> Recipe:
    """Evaluates the mean of the weights after each epoch from a share of the run on."""
    return replace(recipe, average=Swa(start=start))


@modification(
    family="optimisation",
    source="Zhang et al., Lookahead Optimizer, NeurIPS 2019; power: Jordan, arXiv:2404.00498",
    updates=5,
)
def lookahead(
    recipe: Recipe,
    *,
    updates: Count = Lookahead.updates,
    keep: Rate = Lookahead.keep,
    power: NotNegative = Lookahead.power,
) -> Recipe:
    """Lets slow weights follow the trained ones, which restart from them after some updates."""
    return replace(recipe, average=Lookahead(updates=updates, keep=keep, power=power))


@modification(
    family="optimisation",
    source="Wu and Johnson, Rethinking 'Batch' in BatchNorm, arXiv:2105.07576",
)
def renewed_statistics(
    recipe: Recipe, *, images: StatisticsImages = RenewedStatistics.images
) -> Recipe:
    """Evaluates with batch normalisation's statistics recomputed from some training images."""
    return replace(recipe, statistics=RenewedStatistics(images=images))


@modification(
    family="optimisation",
    source="Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, ICML 2013",
    former={"norm": "length"},
    norm=1.0,
)
def clip_gradients(recipe: Recipe, *, norm: Positive = 1.0) -> Recipe:
    """Shortens gradients whose norm over all weights together is above ``norm``."""
    return replace(recipe, clipping=norm)


@modification(
    family="optimisation",
    source="Goyal et al., Accurate, Large Minibatch SGD, arXiv:1706.02677; for Adam and the like "
    "Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, NeurIPS 2022",
    size=256,
)
def batch_size(recipe: Recipe, *, size: Count, scale_rate: Flag = True) -> Recipe:
    """Sets the images of an update and scales the rate: by their ratio, for Adam by its root."""
    optimiser = recipe.optimiser
    if scale_rate:
        ratio = size / recipe.batch_size
        rate = optimiser.learning_rate * (math.sqrt(ratio) if optimiser.adaptive else ratio)
        optimiser = replace(optimiser, learning_rate=rate)
    return replace(recipe, batch_size=size, optimiser=optimiser)


@modification(
    family="optimisation",
    source="Howard et al., DAWNBench, 2018; Tan and Le, EfficientNetV2, ICML 2021",
    needs=("global_average_pooling",),
    start=0.5,
)
def progressive_resolution(
    recipe: Recipe,
    *,
    start: Annotated[float, Field(strict=True, gt=0, le=1)] = ProgressiveResolution.start,
    until: Fraction = ProgressiveResolution.until,
) -> Recipe:
    """Trains on small images first and on whole ones at the end."""
    return replace(recipe, resolution=ProgressiveResolution(start=start, until=until))


@modification(
    family="optimisation",
    source="LeCun et al., Efficient BackProp, in Neural Networks: Tricks of the Trade, 1998",
    to="standard",
)
def scaling(recipe: Recipe, *, to: Scaling = "standard") -> Recipe:
    """Sets what the network is given for a pixel, such as one with mean 0 and deviation 1."""
    return replace(recipe, scaling=to)


@modification(
    family="optimisation",
    source="Micikevicius et al., Mixed Precision Training, ICLR 2018; Kalamkar et al., 2019",
    to="bfloat16",
)
def precision(recipe: Recipe, *, to: Literal["float32", "bfloat16"] = "bfloat16") -> Recipe:
    """Sets the precision of convolutions and matrix products; weights stay float32."""
    return replace(recipe, precision=to)
