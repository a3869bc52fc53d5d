"""Measuring how the training loss answers to a rising learning rate. Nothing is kept of it."""

import itertools
import math
from collections.abc import Iterator, Sequence

import torch

from rungs.data.images import Exploration
from rungs.ops.weights import train_mode
from rungs.recipe import Recipe
from rungs.statistics.range_test import RangeTest, Trial, is_over, next_candidate, rising
from rungs.training.chance import own_chance
from rungs.training.epoch import Training, drawn_batches, steps_per_epoch
from rungs.training.evaluation import losses_of_each, settle
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
    rates = rising(updates)
    losses: list[float] = []
    with own_chance(record):
        for loss in _losses(_begun(recipe, data, seed, updates, record), rates):
            losses.append(loss)
            if is_over(losses):
                break
    return RangeTest(rates[: len(losses)], tuple(losses))


def measure_trials(
    recipe: Recipe,
    data: Exploration,
    test: RangeTest,
    *,
    seed: int,
    updates: int,
    record: ExecutionRecord,
) -> tuple[Trial, ...]:
    """Trains so many updates at each of the constant rates that a range test calls for.

    Batch normalisation's statistics are taken anew at the end of each, whatever the recipe says: a
    rate is tried, not how soon moving statistics follow.

    Args:
        recipe: as in `measure_range`.
        data: of validation images the loss after each training is taken.
        test: of the same recipe and data.
        seed: of each training.
        updates: of each training.
        record: how to compute.
    """
    constant = _losses_of_shares(data.validation.labels)
    trials: list[Trial] = []
    while (rate := next_candidate(test, trials)) is not None:
        with own_chance(record):
            training = _begun(recipe, data, seed, updates, record)
            # All of them, or up to the first that is no number.
            whole = all(math.isfinite(loss) for loss in _losses(training, (rate,) * updates))
            trial = Trial(rate, math.inf, math.inf)
            if whole:
                model = training.averaging.model()
                settle(model, recipe, data.train, seed=seed, record=record)
                losses = losses_of_each(model, data.validation, record, recipe.precision)
                if math.isfinite(loss := float(losses.mean())):
                    error = (losses - constant).std() / math.sqrt(len(losses))
                    trial = Trial(rate, loss, float(error) if len(losses) > 1 else math.inf)
        trials.append(trial)
    return tuple(trials)


def _losses_of_shares(labels: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each image when all are answered with the shares of the classes."""
    counts = torch.bincount(labels).double()
    return -(counts / len(labels))[labels].log()


def _begun(
    recipe: Recipe, data: Exploration, seed: int, updates: int, record: ExecutionRecord
) -> Training:
    use(record)
    epochs = math.ceil(updates / steps_per_epoch(len(data.train), recipe.batch_size))
    return Training.begin(recipe, data, seed, epochs, record)


def _losses(training: Training, rates: Sequence[float]) -> Iterator[float]:
    """Updates at these rates; the loss of each one's batch before it."""
    train_mode(training.model, frozen=training.recipe.trained == "head")
    batches = itertools.chain.from_iterable(
        drawn_batches(training, number) for number in range(1, training.epochs + 1)
    )
    for number, (rate, batch) in enumerate(zip(rates, batches, strict=False), start=1):
        loss, _ = training.step(batch.images, batch.targets, rate=rate, number=number)
        training.averaging.update(number / len(rates), epoch_ends=False)
        yield float(loss)
