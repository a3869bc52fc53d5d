"""Schedules: the learning rate per update, as pure functions of the number of updates done."""

import math
from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Count, Fraction, NotNegative, Rate, Stages
from rungs.recipe.components.core import Component, component


class Schedule(Component, seam=True):
    """The course of the learning rate.

    Attributes:
        depends_on_length: whether a run's first epochs depend on how many follow: where they do
            not, a longer run contains the shorter ones.
    """

    depends_on_length: ClassVar[bool] = True

    @abstractmethod
    def rate(self, base: float, step: int, total_steps: int) -> float:
        """The rate of the next update.

        Args:
            base: the optimiser's learning rate.
            step: updates done so far, 0 ... total_steps - 1.
            total_steps: updates of the whole run.
        """

    def snapshot_epochs(self, epochs: int) -> tuple[int, ...]:
        """The epochs (from 1) after which a snapshot is taken, of a run of ``epochs``.

        Raises:
            RecipeError: the schedule does not fit into so many epochs.
        """
        return ()


@component
class InverseTimeDecay(Schedule):
    """rate(t) = learning_rate / (1 + decay * t), t in updates done: Keras's legacy ``decay``.

    Attributes:
        decay: per update; 0 keeps the rate as it is.
    """

    kind = "inverse_time"
    depends_on_length: ClassVar[bool] = False

    decay: NotNegative = 0.0

    def rate(self, base: float, step: int, total_steps: int) -> float:
        """Whatever the length of the run."""
        return base / (1 + self.decay * step)


@component
class CosineCycles(Schedule):
    """Cosine annealing with warm restarts per update, for snapshot ensembles.

    rate(t) = alpha0 / 2 * (cos(pi * mod(t - 1, ceil(T / M)) / ceil(T / M)) + 1), with t = 1 ... T
    updates, M = ``cycles``, and alpha0 the optimiser's learning rate (Huang et al., ICLR 2017,
    equation 2). A snapshot is taken at the end of each cycle.

    Attributes:
        cycles: number of cycles, which must divide the epochs.
    """

    cycles: Count = 5

    def rate(self, base: float, step: int, total_steps: int) -> float:
        """From ``base`` to almost zero in each cycle."""
        length = math.ceil(total_steps / self.cycles)
        return base / 2 * (math.cos(math.pi * (step % length) / length) + 1)

    def snapshot_epochs(self, epochs: int) -> tuple[int, ...]:
        """The end of every cycle.

        Raises:
            RecipeError: the cycles do not divide the epochs, so that one would end inside an epoch.
        """
        length, rest = divmod(epochs, self.cycles)
        if rest or not length:
            raise RecipeError(
                f"{epochs} epochs cannot be split into {self.cycles} cycles of whole epochs"
            )
        return tuple(length * (cycle + 1) for cycle in range(self.cycles))


@component
class Cosine(Schedule):
    """A linear warm-up, then half a cosine down (Loshchilov and Hutter, ICLR 2017).

    Attributes:
        warm_up: share of the updates in which the rate rises from zero.
        end: share of the learning rate that is left at the end.
    """

    warm_up: Rate = 0.0
    end: Fraction = 0.0

    def rate(self, base: float, step: int, total_steps: int) -> float:
        """The peak is ``base``."""
        rising = self.warm_up * total_steps
        if step < rising:
            return base * (step + 1) / (math.floor(rising) + 1)
        done = (step - rising) / max(total_steps - rising, 1)
        return base * (self.end + (1 - self.end) * (math.cos(math.pi * done) + 1) / 2)


@component
class Triangular(Schedule):
    """Linear up to the learning rate, then linear down (Smith, one cycle, 2018; Page, 2019).

    Attributes:
        start: share of the learning rate at the first update.
        peak: share of the updates after which the rate is highest.
        end: share of the learning rate towards which the last update goes.
    """

    start: Fraction = 0.2
    peak: Fraction = 0.25
    end: Fraction = 0.0

    def rate(self, base: float, step: int, total_steps: int) -> float:
        """Two straight lines that meet at ``base``."""
        done = step / total_steps
        if done < self.peak:
            return base * (self.start + (1 - self.start) * done / self.peak)
        fallen = (done - self.peak) / (1 - self.peak) if self.peak < 1 else 1.0
        return base * (1 + (self.end - 1) * fallen)


@component
class Steps(Schedule):
    """The rate is multiplied by ``factor`` at each milestone (He et al., CVPR 2016).

    Attributes:
        milestones: shares of the updates, rising.
        factor: that the rate is multiplied with.
    """

    # 1 was one update late where a product such as 0.55 times 100 is rounded up.
    version: ClassVar[int | str] = 2

    milestones: Annotated[Stages[Fraction], Field(min_length=1)] = (0.5, 0.75)
    factor: Fraction = 0.1

    def rate(self, base: float, step: int, total_steps: int) -> float:
        """Constant in between."""
        passed = sum(step >= round(share * total_steps, 6) for share in self.milestones)
        rate: float = base * self.factor**passed
        return rate
