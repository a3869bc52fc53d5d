"""What a run is asked to do and what it measured. Needs no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from rungs.dataspec import DataSpec
from rungs.recipe import Recipe, key_of, recipe_from_dict, recipe_to_dict

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_DATA: TypeAdapter[DataSpec] = TypeAdapter(DataSpec)


@dataclass(frozen=True)
class RunSpec:
    """One training: recipe x epochs x data x seed."""

    recipe: Recipe
    epochs: int
    data: DataSpec
    seed: int

    @cached_property
    def key(self) -> str:
        """The run's name: a hash of all that determines its result."""
        return key_of(self.recipe, epochs=self.epochs, data=self.data.fingerprint, seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "recipe": recipe_to_dict(self.recipe),
            "epochs": self.epochs,
            "data": _DATA.dump_python(self.data, mode="json"),
            "seed": self.seed,
        }

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "RunSpec":
        """The inverse of `to_dict`."""
        return RunSpec(
            recipe_from_dict(plain["recipe"]),
            plain["epochs"],
            _DATA.validate_python(plain["data"]),
            plain["seed"],
        )


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training measured.

    Losses are mean cross-entropies in nats (the training loss with its smoothing, over the
    batches as they were trained); accuracies are fractions; the learning rate is that of the
    epoch's last update.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    train_seconds: float
    val_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Epoch":
        """The inverse of `to_dict`."""
        return Epoch(**plain)


@dataclass(frozen=True)
class Labels:
    """The true classes of one part of the data.

    Attributes:
        labels: int64 [N].
        class_names: index -> name.
        groups: class index -> group index; empty where classes have no groups.
        group_names: index -> name.
    """

    labels: IntArray
    class_names: tuple[str, ...]
    groups: tuple[int, ...] = ()
    group_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """One model's answers for one part of the data, in compact form.

    Attributes:
        predicted: the most probable class, [N].
        true_probability: probability given to the true class, [N].
        top5: the most probable classes in falling order, [N, min(5, classes)].
    """

    predicted: IntArray
    true_probability: FloatArray
    top5: IntArray


@dataclass(frozen=True)
class Result:
    """What a finished run left behind.

    Attributes:
        spec: what was asked.
        history: one entry per epoch.
        best_epoch: the epoch whose weights are tested, from 1.
        snapshots: number of snapshots.
        execution: the execution record.
        exact: False where the run went on under another record than it began with.
        failed: what ended the run before its time; then there are no predictions.
    """

    spec: RunSpec
    history: tuple[Epoch, ...]
    best_epoch: int
    snapshots: int
    execution: Mapping[str, Any]
    exact: bool = True
    failed: str | None = None

    @property
    def train_seconds(self) -> float:
        """Seconds from first to last update, without evaluation."""
        return sum(entry.train_seconds for entry in self.history)


def compact(probabilities: FloatArray, labels: IntArray) -> Predictions:
    """Compact form of a model's probabilities [N, classes] for images with these labels [N]."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
    return Predictions(
        predicted=order[:, 0],
        true_probability=probabilities[np.arange(len(labels)), labels],
        top5=order,
    )


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities [N, classes] of logits [N, classes], in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
