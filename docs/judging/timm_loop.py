"""Three recipes for a network of timm, three seeds each, and whether each helps on the one before.

Pictures are drawn here, so that the whole takes seconds. Run as ``python
docs/judging/timm_loop.py``.
"""

import numpy as np
import numpy.typing as npt
import timm
import torch
from timm.loss import LabelSmoothingCrossEntropy
from torch import Tensor, nn

import rungs

CLASSES, SEEDS = 5, 3


def pictures(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Stripes of a slant for each class under noise, [N, 3, 32, 32], and their classes, [N]."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(CLASSES, size=number)
    slants, shifts = np.pi * classes / CLASSES, rng.uniform(0, 2 * np.pi, number)
    across, along = np.mgrid[:32, :32]
    turned = np.multiply.outer(np.cos(slants), across) + np.multiply.outer(np.sin(slants), along)
    stripes = np.sin(turned + shifts[:, None, None])
    pixels = stripes[:, None] + rng.normal(0, 3, (number, 3, 32, 32))
    return torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(classes)


def train(seed: int, epochs: int, loss: nn.Module) -> nn.Module:
    """A model that learnt from training pictures alone."""
    torch.manual_seed(seed)
    pixels, classes = pictures(400, seed=1)
    model = timm.create_model("test_resnet", num_classes=CLASSES)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(pixels)).split(50):
            optimiser.zero_grad()
            loss(model(pixels[batch]), classes[batch]).backward()
            optimiser.step()
    return model.eval()


@torch.inference_mode()
def answers(model: nn.Module) -> npt.NDArray[np.int64]:
    """The class that a model gives each test picture, always in the same order."""
    pixels, _ = pictures(1000, seed=2)
    return np.concatenate([model(batch).argmax(dim=1).numpy() for batch in pixels.split(250)])


# What each recipe changes. It stands on the one before it.
RECIPES = {
    "base": {"epochs": 2, "loss": nn.CrossEntropyLoss()},
    "smoothed": {"epochs": 2, "loss": LabelSmoothingCrossEntropy(0.1)},
    "longer": {"epochs": 6, "loss": LabelSmoothingCrossEntropy(0.1)},
}

if __name__ == "__main__":
    found = rungs.judge(
        {
            name: [answers(train(seed, **recipe)) for seed in range(SEEDS)]
            for name, recipe in RECIPES.items()
        },
        labels=pictures(1000, seed=2)[1],
    )
    print(found)
