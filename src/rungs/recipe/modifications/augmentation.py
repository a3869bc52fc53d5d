"""Random changes of the training images."""

from rungs.foundation.values import Flag, Fraction, Positive, Rate
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Affine,
    Angle,
    AutoAugment,
    ColourJitter,
    CutMix,
    Cutout,
    Flip,
    Mixup,
    Operations,
    Pixels,
    RandAugment,
    RandomErasing,
    ResizedCrop,
    Share,
    Shift,
    Transform,
    TrivialAugment,
    VerticalFlip,
)
from rungs.recipe.modifications.registry import modification


def _with_transform(recipe: Recipe, step: Transform) -> Recipe:
    """The recipe with a transform at the end, in place of one of its kind."""
    others = tuple(old for old in recipe.transforms if old.kind != step.kind)
    return replace(recipe, transforms=(*others, step))


@modification(
    family="augmentation",
    source="Krizhevsky et al., ImageNet Classification with Deep CNNs, NeurIPS 2012",
    rotation=0.2,
    zoom=0.1,
)
def affine(
    recipe: Recipe,
    *,
    flip: Fraction = Affine.flip,
    rotation: Angle = Affine.rotation,
    zoom: Rate = Affine.zoom,
) -> Recipe:
    """Flips, rotates (radians) and zooms (fraction) every training image at random."""
    return _with_transform(recipe, Affine(flip=flip, rotation=rotation, zoom=zoom))


@modification(
    family="augmentation",
    source="the study of what a change was worth, backwards",
    needs=("affine",),
)
def plain_images(recipe: Recipe) -> Recipe:
    """Takes all random changes of the training images away."""
    return replace(recipe, transforms=())


@modification(
    family="augmentation",
    source="Krizhevsky et al., NeurIPS 2012; alternating: Jordan, arXiv:2404.00498",
)
def flip(
    recipe: Recipe, *, alternating: Flag = Flip.alternating, by_run: Flag = Flip.by_run
) -> Recipe:
    """Mirrors training images left to right, at random or in every second epoch."""
    return _with_transform(recipe, Flip(alternating=alternating, by_run=by_run))


@modification(
    family="augmentation",
    source="Dieleman et al., Rotation-Invariant CNNs for Galaxy Morphology Prediction, MNRAS 2015",
)
def vertical_flip(recipe: Recipe, *, probability: Fraction = VerticalFlip.probability) -> Recipe:
    """Mirrors training images upside down at random, where pictures have no up."""
    return _with_transform(recipe, VerticalFlip(probability=probability))


@modification(
    family="augmentation",
    source="Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
    former={"least_area": "least", "most_area": "most"},
    least_area=0.5,
)
def resized_crop(
    recipe: Recipe,
    *,
    least_area: Share = ResizedCrop.least,
    most_area: Share = ResizedCrop.most,
    aspect: Share = ResizedCrop.aspect,
) -> Recipe:
    """Trains on random parts of the images, resized to the whole."""
    return _with_transform(recipe, ResizedCrop(least=least_area, most=most_area, aspect=aspect))


@modification(
    family="augmentation",
    source="Zhong et al., Random Erasing Data Augmentation, AAAI 2020",
    former={"least_area": "least", "most_area": "most"},
)
def random_erasing(
    recipe: Recipe,
    *,
    probability: Fraction = RandomErasing.probability,
    least_area: Share = RandomErasing.least,
    most_area: Share = RandomErasing.most,
    aspect: Share = RandomErasing.aspect,
) -> Recipe:
    """Fills a random rectangle of training images with noise."""
    step = RandomErasing(probability=probability, least=least_area, most=most_area, aspect=aspect)
    return _with_transform(recipe, step)


@modification(
    family="augmentation", source="He et al., Deep Residual Learning, CVPR 2016", pixels=4
)
def shift(recipe: Recipe, *, pixels: Pixels = Shift.pixels) -> Recipe:
    """Moves training images by some pixels, edges reflected: "random crop with padding"."""
    return _with_transform(recipe, Shift(pixels=pixels))


@modification(
    family="augmentation",
    source="DeVries and Taylor, Improved Regularization with Cutout, arXiv:1708.04552",
    pixels=8,
)
def cutout(recipe: Recipe, *, pixels: Pixels = Cutout.pixels) -> Recipe:
    """Covers a square of every training image at a random place."""
    return _with_transform(recipe, Cutout(pixels=pixels))


@modification(
    family="augmentation",
    source="Krizhevsky et al., ImageNet Classification with Deep CNNs, NeurIPS 2012",
    brightness=0.2,
)
def colour_jitter(
    recipe: Recipe,
    *,
    brightness: Rate = ColourJitter.brightness,
    contrast: Rate = ColourJitter.contrast,
    saturation: Rate = ColourJitter.saturation,
) -> Recipe:
    """Changes brightness, contrast and saturation of every training image at random."""
    step = ColourJitter(brightness=brightness, contrast=contrast, saturation=saturation)
    return _with_transform(recipe, step)


@modification(
    family="augmentation",
    source="Cubuk et al., RandAugment: Practical Automated Data Augmentation, NeurIPS 2020",
    magnitude=0.3,
)
def rand_augment(
    recipe: Recipe,
    *,
    operations: Operations = RandAugment.operations,
    magnitude: Fraction = RandAugment.magnitude,
) -> Recipe:
    """Does some random operations of one strength to every training image."""
    return _with_transform(recipe, RandAugment(operations=operations, magnitude=magnitude))


@modification(
    family="augmentation",
    source="Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art, ICCV 2021",
)
def trivial_augment(recipe: Recipe) -> Recipe:
    """Does one random operation of random strength to every training image."""
    return _with_transform(recipe, TrivialAugment())


@modification(
    family="augmentation",
    source="Cubuk et al., AutoAugment: Learning Augmentation Policies from Data, CVPR 2019",
)
def auto_augment(recipe: Recipe) -> Recipe:
    """Does one of 25 pairs of operations, found by search on CIFAR-10, to every training image."""
    return _with_transform(recipe, AutoAugment())


@modification(
    family="augmentation",
    source="Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018",
    alpha=0.2,
)
def mixup(recipe: Recipe, *, alpha: Positive = Mixup.alpha) -> Recipe:
    """Trains on blends of two images and of their labels."""
    return replace(recipe, mixing=Mixup(alpha=alpha))


@modification(
    family="augmentation",
    source="Yun et al., CutMix: Regularization Strategy with Localizable Features, ICCV 2019",
    alpha=1.0,
)
def cutmix(
    recipe: Recipe, *, alpha: Positive = CutMix.alpha, probability: Fraction = CutMix.probability
) -> Recipe:
    """Puts a rectangle of one training image into another and mixes their labels by area."""
    return replace(recipe, mixing=CutMix(alpha=alpha, probability=probability))
