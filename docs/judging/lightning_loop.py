"""Three recipes trained by Lightning, three seeds each, and whether each helps on the one before.

Pictures are drawn here, so that the whole takes seconds. Run as ``python
docs/judging/lightning_loop.py``.
"""

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import rungs

CLASSES, SEEDS = 5, 3


def pictures(number: int, seed: int) -> TensorDataset:
    """Patterns under noise, [N, 3, 16, 16], and their classes, [N]."""
    patterns = np.random.default_rng(0).normal(size=(CLASSES, 3, 16, 16))
    rng = np.random.default_rng(seed)
    classes = rng.integers(CLASSES, size=number)
    pixels = patterns[classes] + rng.normal(0, 6, (number, 3, 16, 16))
    return TensorDataset(torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(classes))


class Classifier(lightning.LightningModule):
    """Two convolutions and a linear layer."""

    def __init__(self, normalised: bool) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for before, width in ((3, 16), (16, 32)):
            parts.append(nn.Conv2d(before, width, 3, stride=2))
            parts += [nn.BatchNorm2d(width)] if normalised else []
            parts.append(nn.ReLU())
        self.network = nn.Sequential(*parts, nn.Flatten(), nn.Linear(32 * 9, CLASSES))

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch."""
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def predict_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The class that each picture of a batch is given."""
        return self.network(batch[0]).argmax(dim=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One for all weights."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def train_and_answer(seed: int, epochs: int, normalised: bool) -> npt.NDArray[np.int64]:
    """The class that a trained model gives each test picture, always in the same order."""
    lightning.seed_everything(seed, verbose=False)
    model = Classifier(normalised)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(pictures(400, seed=1), batch_size=50, shuffle=True))
    return torch.cat(trainer.predict(model, DataLoader(pictures(1000, seed=2), 250))).numpy()


# What each recipe changes. It stands on the one before it.
RECIPES = {
    "base": {"epochs": 2, "normalised": False},
    "normalised": {"epochs": 2, "normalised": True},
    "longer": {"epochs": 8, "normalised": True},
}

if __name__ == "__main__":
    found = rungs.judge(
        {
            name: [train_and_answer(seed, **recipe) for seed in range(SEEDS)]
            for name, recipe in RECIPES.items()
        },
        labels=pictures(1000, seed=2).tensors[1],
    )
    print(found)
