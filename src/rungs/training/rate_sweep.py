"""Measuring how the training loss answers to a rising learning rate. Nothing is kept of it."""

import itertools
import math

from rungs.data.images import Exploration
from rungs.ops.weights import train_mode
from rungs.recipe import Recipe
from rungs.statistics.range_test import RangeTest, is_over, rising
from rungs.training.chance import own_chance
from rungs.training.epoch import Training, drawn_batches, steps_per_epoch
from rungs.training.record import ExecutionRecord, use


def measure_range(
    recipe: Recipe, data: Exploration, *, seed: int, updates: int, record: ExecutionRecord
) -> RangeTest:
    """Trains so many updates, each at a higher rate, or fewer if the loss rises too far.

    Args:
        recipe: what to train; its learning rate and schedule are not asked.
        data: only its training images are used, on the record's device.
        seed: of weights, order, dropout and augmentation.
        updates: most of them.
        record: how to compute.
    """
    use(record)
    rates = rising(updates)
    epochs = math.ceil(updates / steps_per_epoch(len(data.train), recipe.batch_size))
    training = Training.begin(recipe, data, seed, epochs, record)
    train_mode(training.model, frozen=recipe.trained == "head")
    batches = itertools.chain.from_iterable(
        drawn_batches(training, number) for number in range(1, epochs + 1)
    )
    losses: list[float] = []
    with own_chance(record):
        for number, (rate, batch) in enumerate(zip(rates, batches, strict=False), start=1):
            loss, _ = training.step(batch.images, batch.targets, rate=rate, number=number)
            training.averaging.update(number / updates, epoch_ends=False)
            losses.append(float(loss))
            if is_over(losses):
                break
    return RangeTest(rates[: len(losses)], tuple(losses))
