"""Components: what a recipe is made of, seam by seam; ours and a user's through one door."""

from rungs.components.activations import Activation, Elu, Gelu, LeakyRelu, Mish, Relu, Silu
from rungs.components.averages import Average, Averaging, Ema, Lookahead, NoAverage, Swa
from rungs.components.blocks import (
    Block,
    Bottleneck,
    Padding,
    Parts,
    PooledFirst,
    PreActivation,
    Reduction,
    Stack,
)
from rungs.components.core import Component, component, kinds
from rungs.components.gradients import Gradient, PlainGradient, SharpnessAware
from rungs.components.heads import DenseHead, Head, ImageShape, MaxPoolingHead, PoolingHead
from rungs.components.losses import CrossEntropy, Focal, Loss
from rungs.components.mixing import CutMix, Mixing, Mixup, NoMixing
from rungs.components.normalisations import BatchNorm, GroupNorm, Groups, Normalisation
from rungs.components.optimisers import Adam, AdamW, Muon, Optimiser, Sgd, Updates
from rungs.components.policies import AutoAugment, Operations, RandAugment, TrivialAugment
from rungs.components.poolings import AveragePooling, BlurPooling, MaxPooling, Pooling
from rungs.components.resolutions import FullResolution, ProgressiveResolution, Resolution
from rungs.components.schedules import (
    Cosine,
    CosineCycles,
    InverseTimeDecay,
    Schedule,
    Steps,
    Triangular,
)
from rungs.components.sizes import Depth, Width
from rungs.components.stems import NoStem, Stem, StridedStem, Whitening
from rungs.components.transforms import (
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
    "ColourJitter",
    "Component",
    "Cosine",
    "CosineCycles",
    "CrossEntropy",
    "CutMix",
    "Cutout",
    "DenseHead",
    "Depth",
    "Elu",
    "Ema",
    "Flip",
    "Focal",
    "FullResolution",
    "Gelu",
    "Gradient",
    "GroupNorm",
    "Groups",
    "Head",
    "ImageShape",
    "InverseTimeDecay",
    "LeakyRelu",
    "Lookahead",
    "Loss",
    "MaxPooling",
    "MaxPoolingHead",
    "Mish",
    "Mixing",
    "Mixup",
    "Muon",
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
    "RandAugment",
    "Reduction",
    "Relu",
    "Resolution",
    "Schedule",
    "Sgd",
    "SharpnessAware",
    "Shift",
    "Silu",
    "Stack",
    "Stem",
    "Steps",
    "StridedStem",
    "Swa",
    "Transform",
    "Triangular",
    "TrivialAugment",
    "Updates",
    "Whitening",
    "Width",
    "component",
    "kinds",
]
