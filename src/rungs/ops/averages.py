"""Weight averages at work beside a model."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Last:
    """No average: the model as it is."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def update(self, done: float, *, epoch_ends: bool) -> None:
        """Nothing is kept."""

    def model(self) -> nn.Module:
        """The trained one."""
        return self._model

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """There is nothing to go on from."""


class _Copy:
    """A second model that holds averages, and how often it was given weights."""

    def __init__(self, model: nn.Module) -> None:
        self._trained = model
        self._averaged = copy.deepcopy(model).requires_grad_(False)
        self._count = 0
        # Average and present value of each tensor, which stay where they are: one operation for
        # all of them costs a GPU's host a fraction of one each.
        states = [each.state_dict(keep_vars=True).values() for each in (self._averaged, model)]
        # What a network uses under several names is one tensor, and is averaged once.
        pairs = list({id(pair[0]): pair for pair in zip(*states, strict=True)}.values())
        numbers = [pair for pair in pairs if pair[0].is_floating_point()]
        self._averages = [average for average, _ in numbers]
        self._values = [value for _, value in numbers]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def _blend(self, share: float) -> None:
        """Moves every average by ``share`` of the way to the model's present value."""
        torch._foreach_lerp_(self._averages, self._values, share)
        for counter, value in self._counters:
            counter.copy_(value)
        self._count += 1

    def model(self) -> nn.Module:
        """With averaged weights; the trained one before any were taken in."""
        return self._averaged if self._count else self._trained

    def state_dict(self) -> dict[str, Any]:
        """Averages and their number."""
        return {"count": self._count, "model": self._averaged.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        self._count = state["count"]
        self._averaged.load_state_dict(state["model"])


class ExponentialAverage(_Copy):
    """Exponential moving average of weights and normalisation statistics."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model)
        self._decay = decay

    def update(self, done: float, *, epoch_ends: bool) -> None:
        """Keeps (1 + t) / (10 + t) of the average after t updates, at most the decay."""
        self._blend(1 - min(self._decay, (1 + self._count) / (10 + self._count)))


class SlowWeights(_Copy):
    """Lookahead: slow weights that follow the trained ones, which are set back to them."""

    def __init__(self, model: nn.Module, updates: int, keep: float, power: float) -> None:
        super().__init__(model)
        self._every, self._keep, self._power = updates, keep, power
        self._updates = 0

    @torch.no_grad()
    def update(self, done: float, *, epoch_ends: bool) -> None:
        """Moves the slow weights after every so many updates."""
        self._updates += 1
        if self._updates % self._every:
            return
        self._blend(1 - self._keep * done**self._power)
        slow = self._averaged.state_dict()
        for name, value in self._trained.state_dict().items():
            value.copy_(slow[name])

    def state_dict(self) -> dict[str, Any]:
        """Slow weights, and how many updates were counted."""
        return {**super().state_dict(), "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        super().load_state_dict(state)
        self._updates = state["updates"]


class StochasticWeightAverage(_Copy):
    """Mean of the weights at the end of each epoch, from a share of the run on."""

    def __init__(self, model: nn.Module, start: float) -> None:
        super().__init__(model)
        self._start = start

    def update(self, done: float, *, epoch_ends: bool) -> None:
        """Takes the weights in at the end of an epoch."""
        if epoch_ends and done > self._start:
            self._blend(1 / (self._count + 1))
