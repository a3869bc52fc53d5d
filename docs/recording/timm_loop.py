"""Two recipes for a network of timm, two seeds each, recorded as the rungs of a study.

Pictures are drawn by the study, so that the whole takes seconds. Run as ``python
docs/recording/timm_loop.py``; runs are kept in the folder ``runs``.
"""

import time
from typing import Any

import timm
import torch
from timm.loss import LabelSmoothingCrossEntropy
from torch import Tensor, nn

import rungs

STUDY: dict[str, Any] = {
    "name": "timm-loop",
    "base": "base",
    "final": "smoothed",
    "seeds": 2,
    "data": {"kind": "synthetic", "classes": 4, "train": 400, "validation": 200, "test": 400},
    "budgets": {"equal": 3},
    "rungs": [
        {"name": "base", "title": "test_resnet", "recorded": True},
        {"name": "smoothed", "title": "label smoothing", "after": "base", "recorded": True},
    ],
}
LOSSES: dict[str, nn.Module] = {
    "base": nn.CrossEntropyLoss(),
    "smoothed": LabelSmoothingCrossEntropy(0.1),
}
IMAGES = rungs.load_data(STUDY)  # of the test images the pixels alone


def floats(pixels: Tensor) -> Tensor:
    """What the network is given for pixels."""
    return pixels.float() / 127.5 - 1


@torch.inference_mode()
def probabilities(model: nn.Module, pixels: Any) -> Tensor:
    """Of each image, in their order, [N, classes]."""
    parts = [model(floats(batch)).softmax(dim=1) for batch in torch.split(pixels[:], 200)]
    return torch.cat(parts)


def train(rung: str, seed: int, epochs: int) -> None:
    """Trains, and records the epoch that validation chose."""
    torch.manual_seed(seed)
    loss, known = LOSSES[rung], IMAGES.validation
    model = timm.create_model("test_resnet", num_classes=len(IMAGES.class_names))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    curve: list[dict[str, float]] = []
    best: dict[str, Any] = {}
    for epoch in range(1, epochs + 1):
        began, losses, right = time.perf_counter(), [], 0
        model.train()
        for batch in torch.randperm(len(IMAGES.train)).split(50):
            images = IMAGES.train.subset(batch)
            logits = model(floats(images.pixels[:]))
            missed = loss(logits, images.labels)
            losses.append(missed.detach())
            right += int((logits.argmax(dim=1) == images.labels).sum())
            optimiser.zero_grad()
            missed.backward()
            optimiser.step()
        seconds = time.perf_counter() - began
        model.eval()
        likely = probabilities(model, known.pixels)
        entry = {
            "epoch": epoch,
            "train_loss": float(torch.stack(losses).mean()),
            "train_accuracy": right / len(IMAGES.train),
            "val_loss": float(nn.functional.nll_loss(likely.log(), known.labels)),
            "val_accuracy": float((likely.argmax(dim=1) == known.labels).float().mean()),
            "train_seconds": seconds,
        }
        curve.append(entry)
        if entry["val_loss"] <= min(one["val_loss"] for one in curve):
            test = probabilities(model, IMAGES.test)
            best = {"epoch": epoch, "validation": likely, "predictions": test}
    found = rungs.record(
        STUDY, rung, seed=seed, curve=curve, environment={"timm": timm.__version__}, **best
    )
    print(found)


if __name__ == "__main__":
    for seed in range(STUDY["seeds"]):
        for rung in LOSSES:
            train(rung, seed, STUDY["budgets"]["equal"])
    print(rungs.report(STUDY))
