"""Components: what a recipe is made of, seam by seam; ours and a user's through one door."""

from rungs.recipe.components.activations import Activation, Elu, Gelu, LeakyRelu, Mish, Relu, Silu
from rungs.recipe.components.averages import Average, Averaging, Ema, Lookahead, NoAverage, Swa
from rungs.recipe.components.blocks import (
    Block,
    Bottleneck,
    Padding,
    Parts,
    PooledFirst,
    PreActivation,
    Reduction,
    Stack,
)
from rungs.recipe.components.core import Component, component, kinds, own_kinds, spelled_out
from rungs.recipe.components.evaluation import (
    MovingStatistics,
    RenewedStatistics,
    Statistics,
    StatisticsImages,
)
from rungs.recipe.components.gradients import Gradient, PlainGradient, SharpnessAware
from rungs.recipe.components.heads import DenseHead, Head, ImageShape, MaxPoolingHead, PoolingHead
from rungs.recipe.components.initial_weights import (
    FileWeights,
    FreshWeights,
    InitialWeights,
    PublishedWeights,
)
from rungs.recipe.components.losses import ClassWeights, CrossEntropy, Focal, Loss
from rungs.recipe.components.mixing import CutMix, Mixing, Mixup, NoMixing
from rungs.recipe.components.networks import Convolutional, Network, Timm, is_ours, network
from rungs.recipe.components.normalisations import BatchNorm, GroupNorm, Groups, Normalisation
from rungs.recipe.components.optimisers import (
    Adam,
    AdamW,
    CapturableUpdates,
    Muon,
    Optimiser,
    Sgd,
    Updates,
)
from rungs.recipe.components.policies import AutoAugment, Operations, RandAugment, TrivialAugment
from rungs.recipe.components.poolings import AveragePooling, BlurPooling, MaxPooling, Pooling
from rungs.recipe.components.resolutions import FullResolution, ProgressiveResolution, Resolution
from rungs.recipe.components.schedules import (
    Cosine,
    CosineCycles,
    InverseTimeDecay,
    Schedule,
    Steps,
    Triangular,
)
from rungs.recipe.components.sizes import Depth, Width
from rungs.recipe.components.stems import NoStem, Sliced, Stem, StridedStem, Whitening
from rungs.recipe.components.transforms import (
    Affine,
    Angle,
    Batch,
    ColourJitter,
    Cutout,
    Flip,
    Pixels,
    Shift,
    Transform,
)

__all__ = [
    "Activation",
    "Adam",
    "AdamW",
    "Affine",
    "Angle",
    "AutoAugment",
    "Average",
    "AveragePooling",
    "Averaging",
    "Batch",
    "BatchNorm",
    "Block",
    "BlurPooling",
    "Bottleneck",
    "CapturableUpdates",
    "ClassWeights",
    "ColourJitter",
    "Component",
    "Convolutional",
    "Cosine",
    "CosineCycles",
    "CrossEntropy",
    "CutMix",
    "Cutout",
    "DenseHead",
    "Depth",
    "Elu",
    "Ema",
    "FileWeights",
    "Flip",
    "Focal",
    "FreshWeights",
    "FullResolution",
    "Gelu",
    "Gradient",
    "GroupNorm",
    "Groups",
    "Head",
    "ImageShape",
    "InitialWeights",
    "InverseTimeDecay",
    "LeakyRelu",
    "Lookahead",
    "Loss",
    "MaxPooling",
    "MaxPoolingHead",
    "Mish",
    "Mixing",
    "Mixup",
    "MovingStatistics",
    "Muon",
    "Network",
    "NoAverage",
    "NoMixing",
    "NoStem",
    "Normalisation",
    "Operations",
    "Optimiser",
    "Padding",
    "Parts",
    "Pixels",
    "PlainGradient",
    "PooledFirst",
    "Pooling",
    "PoolingHead",
    "PreActivation",
    "ProgressiveResolution",
    "PublishedWeights",
    "RandAugment",
    "Reduction",
    "Relu",
    "RenewedStatistics",
    "Resolution",
    "Schedule",
    "Sgd",
    "SharpnessAware",
    "Shift",
    "Silu",
    "Sliced",
    "Stack",
    "Statistics",
    "StatisticsImages",
    "Stem",
    "Steps",
    "StridedStem",
    "Swa",
    "Timm",
    "Transform",
    "Triangular",
    "TrivialAugment",
    "Updates",
    "Whitening",
    "Width",
    "component",
    "is_ours",
    "kinds",
    "network",
    "own_kinds",
    "spelled_out",
]

# What modules of one's own, whose source is part of their runs' keys, may have imported before.
Start, FreshStart, FileStart, PublishedStart = (
    InitialWeights,
    FreshWeights,
    FileWeights,
    PublishedWeights,
)
