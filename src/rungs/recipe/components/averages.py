"""Weight averages: what is evaluated and kept in place of the last weights."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rungs.foundation.values import Count, Fraction, NotNegative, Rate
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    from torch import nn


class Averaging(Protocol):
    """A weight average at work beside a model.

    It is told of every update; how a model to evaluate is made with it is one matter of training's
    alone (`rungs.training.evaluation`).
    """

    def update(self, done: float, *, epoch_ends: bool) -> None:
        """Takes in the model's weights after an update; it may set them, too.

        Args:
            done: share of the run's updates that are done, this one included.
            epoch_ends: whether this was the last of its epoch.
        """

    def model(self) -> "nn.Module":
        """The model to evaluate: with averaged weights, or the trained one while there are none."""

    def state_dict(self) -> dict[str, Any]:
        """All that the average depends on: numbers and tensors only."""

    def load_state_dict(self, state: Any) -> None:
        """Goes on from a state of `state_dict`."""


class Average(Component, seam=True):
    """An average over the weights of a run.

    Attributes:
        depends_on_length: whether its course depends on the length of the run, see
            `rungs.recipe.components.Schedule`.
        needs_statistics: whether its weights come without statistics of batch normalisation that
            suit them: these are then taken from all training images before each evaluation.
    """

    depends_on_length: ClassVar[bool] = True
    needs_statistics: ClassVar[bool] = False

    @abstractmethod
    def build(self, model: "nn.Module") -> Averaging:
        """Puts it to work beside a model that is being trained."""


@component
class NoAverage(Average):
    """The weights as they are."""

    kind = "none"
    depends_on_length: ClassVar[bool] = False

    def build(self, model: "nn.Module") -> Averaging:
        """Keeps nothing."""
        from rungs.ops.averages import Last

        return Last(model)


@component
class Ema(Average):
    """Exponential moving average of weights and normalisation statistics, after every update.

    In the first updates the decay is lower, (1 + t) / (10 + t) after t of them, so that the start
    is soon forgotten (Polyak and Juditsky, 1992; Tarvainen and Valpola, NeurIPS 2017).

    Attributes:
        decay: share of the average that is kept at each update.
    """

    depends_on_length: ClassVar[bool] = False

    decay: Rate = 0.998

    def build(self, model: "nn.Module") -> Averaging:
        """Keeps one copy of the model."""
        from rungs.ops.averages import ExponentialAverage

        return ExponentialAverage(model, self.decay)


@component
class Lookahead(Average):
    """Slow weights follow the trained ones, which every few updates are set back to them.

    Zhang et al. (NeurIPS 2019). The slow weights, with normalisation statistics, are evaluated.

    Attributes:
        updates: between two moves of the slow weights.
        keep: share of the slow weights that is kept at each move.
        power: that share is times done^power, with done from 0 to 1 over the run; 0 keeps it as it
            is. Airbench takes 0.774 and 3 (Jordan, arXiv:2404.00498).
    """

    updates: Count = 5
    keep: Rate = 0.5
    power: NotNegative = 0.0

    def build(self, model: "nn.Module") -> Averaging:
        """Keeps one copy of the model."""
        from rungs.ops.averages import SlowWeights

        return SlowWeights(model, self.updates, self.keep, self.power)


@component
class Swa(Average):
    """Mean of the weights after each epoch's last update from a share of the run on.

    Stochastic weight averaging (Izmailov et al., UAI 2018). Normalisation statistics are recomputed
    from the training images before each evaluation.

    Attributes:
        start: share of the updates after which weights are taken in.
    """

    version: ClassVar[int | str] = 2  # 1 took statistics from evaluation's batches, all alike
    needs_statistics: ClassVar[bool] = True

    start: Fraction = 0.75

    def build(self, model: "nn.Module") -> Averaging:
        """Keeps one copy of the model."""
        from rungs.ops.averages import StochasticWeightAverage

        return StochasticWeightAverage(model, self.start)
