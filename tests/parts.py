"""What the tests of components and of training's parts share: a small recipe, and its training."""

from pathlib import Path
from typing import Any

import torch

from rungs.data.images import DataSet
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional
from rungs.training.fit import fit
from rungs.training.record import choose_record

RECORD = choose_record("cpu", 1)
TINY = replace(Recipe(), network=replace(Convolutional(), widths=(4, 8)), batch_size=50)


def train(data: DataSet, folder: Path, recipe: Recipe, epochs: int = 2, **more: Any) -> Any:
    folder.mkdir(exist_ok=True)
    return fit(
        recipe, data.exploration, seed=3, epochs=epochs, record=RECORD, folder=folder, **more
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
