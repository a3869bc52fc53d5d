"""What every recipe promises: that it trains, and that an interruption changes nothing."""

import tempfile
from pathlib import Path

import torch

from rungs.data.images import Exploration, ImageSet
from rungs.foundation.errors import RecipeError, RungsError
from rungs.recipe import Recipe, replace
from rungs.recipe.components import NoTeaching
from rungs.training.fit import fit
from rungs.training.record import candidates
from rungs.training.teaching import fresh_teacher
from rungs.training.throughput import usable

Problems = tuple[str, ...]

CLASSES = 4
# Side of an image in pixels, where nothing asks for larger ones.
SIZE = 16


def check_recipe(recipe: Recipe, side: int = SIZE) -> Problems:
    """That it trains on small images, and ends with the same weights when it was interrupted.

    Args:
        recipe: to be checked.
        side: of the images, pixels.
    """
    data = small_images(side)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, 40))
    epochs = next(n for n in range(2, 100) if _fits(recipe, n))
    try:
        whole = _trained(recipe, data, epochs, interrupted=False)
        parts = _trained(recipe, data, epochs, interrupted=True)
    except RungsError as error:
        return (f"it does not train: {error}",)
    except Exception as error:
        return (f"training ends with {type(error).__name__}: {error}",)
    if whole != parts:
        return ("interrupted and resumed, it ends with other weights than without",)
    return ()


def _fits(recipe: Recipe, epochs: int) -> bool:
    try:
        recipe.schedule.snapshot_epochs(epochs)
    except RecipeError:
        return False
    return True


def _trained(
    recipe: Recipe, data: Exploration, epochs: int, *, interrupted: bool
) -> dict[str, bytes]:
    """The weights that a training leaves, by name: of the best epoch, and of the last at least."""
    _, channels, height, width = data.train.pixels.shape
    shape = (channels, height, width)
    (record, *_) = usable(recipe, shape, CLASSES, candidates("cpu", 1))
    taught = not isinstance(recipe.teaching, NoTeaching)  # by any network, here by one of its kind
    teacher = fresh_teacher(recipe, shape, CLASSES, record) if taught else None
    with tempfile.TemporaryDirectory() as folder:
        fitted = None
        while fitted is None:
            fitted = fit(
                recipe,
                data,
                seed=1,
                epochs=epochs,
                # Were the first epoch the best, nothing else would tell of what comes after it.
                kept_epochs=recipe.schedule.snapshot_epochs(epochs) or (epochs,),
                record=record,
                folder=Path(folder),
                teacher=teacher,
                should_stop=lambda: interrupted,
            )
        return {name: path.read_bytes() for name, path in fitted.weights.items()}


def small_images(side: int = SIZE, n: int = 120) -> Exploration:
    """Noise in four classes whose brightness differs, half as many for validation."""
    chance = torch.Generator().manual_seed(5)

    def part(size: int) -> ImageSet:
        labels = torch.arange(size) % CLASSES
        noise = torch.randint(0, 180, (size, 3, side, side), generator=chance)
        pixels = (noise + 25 * labels[:, None, None, None]).to(torch.uint8)
        return ImageSet(pixels, labels)

    return Exploration(part(n), part(n // 2), ("a", "b", "c", "d"))
