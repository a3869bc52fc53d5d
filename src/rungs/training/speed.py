"""How fast a recipe trains on this machine, by a short measurement."""

import time

import torch
import torch.nn.functional as F
from torch import nn

from rungs.dataspec import DataSpec
from rungs.network import build
from rungs.recipe import Recipe
from rungs.training.record import ExecutionRecord, place, use

_SECONDS = 1.0


def measure(recipe: Recipe, data: DataSpec, record: ExecutionRecord) -> float:
    """Images per second of forward and backward passes over noise, after one that is not counted.

    Augmentation and updates, which cost little, are left out.
    """
    use(record)
    shape = data.image_shape
    with torch.random.fork_rng(devices=[]):
        model: nn.Module = build(recipe.network, shape, data.classes)
        images = torch.rand(recipe.batch_size, *shape)
        labels = torch.randint(data.classes, (recipe.batch_size,))
    model = place(model, record).train()
    images = images.to(device=record.device, memory_format=record.memory_format)
    labels = labels.to(record.device)

    def step() -> float:
        model.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())  # waits for a GPU

    step()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < _SECONDS:
        step()
        steps += 1
    return steps * recipe.batch_size / (time.perf_counter() - began)
