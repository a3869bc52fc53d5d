"""Random changes of the training images."""

from rungs.modifications.registry import modification
from rungs.recipe import Affine, Angle, Recipe, replace
from rungs.values import Fraction, Rate


@modification(
    family="augmentation",
    source="Krizhevsky et al., ImageNet Classification with Deep CNNs, NeurIPS 2012",
    rotation=0.2,
    zoom=0.1,
)
def affine(
    recipe: Recipe,
    *,
    flip: Fraction = 0.5,
    rotation: Angle = 0.0,
    zoom: Rate = 0.0,
) -> Recipe:
    """Flips, rotates (radians) and zooms (fraction) every training image at random."""
    step = Affine(flip=flip, rotation=rotation, zoom=zoom)
    others = tuple(old for old in recipe.transforms if not isinstance(old, Affine))
    return replace(recipe, transforms=(*others, step))
