"""What a run is asked to do and what it measured. Needs no torch."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, TypeVar

from rungs.data.kinds import SPECS
from rungs.data.spec import DataSpec
from rungs.recipe import (
    Recipe,
    key_of,
    keys_of_all_versions,
    recipe_from_dict,
    recipe_to_dict,
)
from rungs.recipe.components import is_recorded

T = TypeVar("T")

# In a recipe's JSON: the kind of a component that a module defines, such as ``mine:rounded``.
_OWN_PART = re.compile(r'"kind": "[^"]*:')


def _recipe(plain: Mapping[str, Any]) -> Recipe:
    """`recipe_from_dict`, which takes long, once for all runs of the same recipe.

    Of parts of a user's own it may come out otherwise next time: their modules can be changed.
    """
    text = json.dumps(plain, sort_keys=True)
    own = _OWN_PART.search(text)
    return recipe_from_dict(plain, written=True) if own else _known_recipe(text)


@lru_cache(maxsize=1000)
def _known_recipe(text: str) -> Recipe:
    return recipe_from_dict(json.loads(text), written=True)


@dataclass(frozen=True)
class Teacher:
    """What teaches a run: a run of its own data and seed, so that only these are said.

    Attributes:
        recipe: of the teacher.
        epochs: length of its training.
        teacher: what teaches it in turn, if anything does.
    """

    recipe: Recipe
    epochs: int
    teacher: "Teacher | None" = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        plain = {"recipe": recipe_to_dict(self.recipe), "epochs": self.epochs}
        return plain | ({} if self.teacher is None else {"teacher": self.teacher.to_dict()})

    @staticmethod
    def from_dict(plain: Mapping[str, Any] | None) -> "Teacher | None":
        """The inverse of `to_dict`; None of nothing."""
        if plain is None:
            return None
        taught_by = Teacher.from_dict(plain.get("teacher"))
        return Teacher(_recipe(plain["recipe"]), plain["epochs"], taught_by)


@dataclass(frozen=True)
class RunSpec:
    """One training: recipe x epochs x data x seed, and where one is taught, its teacher.

    Attributes:
        recipe: what is trained.
        epochs: length of the training.
        data: with its split.
        seed: of weights, order, dropout and augmentation.
        kept_epochs: epochs (from 1) after which a snapshot is kept; empty for those that the
            schedule asks for. Training is the same; a finished run that kept none cannot serve.
        teacher: whose answers it learns from; None without.
    """

    recipe: Recipe
    epochs: int
    data: DataSpec
    seed: int
    kept_epochs: tuple[int, ...] = ()
    teacher: Teacher | None = None

    @cached_property
    def teacher_run(self) -> "RunSpec | None":
        """The run that teaches this one, of the same data and seed: it is finished before."""
        taught_by = self.teacher
        if taught_by is None:
            return None
        return RunSpec(
            taught_by.recipe, taught_by.epochs, self.data, self.seed, teacher=taught_by.teacher
        )

    @property
    def teacher_recipe(self) -> Recipe | None:
        """Of what teaches it; None without."""
        return None if self.teacher is None else self.teacher.recipe

    @property
    def with_teachers(self) -> "tuple[RunSpec, ...]":
        """All runs that it takes, in the order of doing: its teacher's teachers, it, and itself."""
        before = () if self.teacher_run is None else self.teacher_run.with_teachers
        return (*before, self)

    @cached_property
    def key(self) -> str:
        """The run's name: a hash of all that determines its result."""
        run = self.teacher_run
        return self._named(key_of, teacher=None if run is None else run.key)

    def all_keys(self) -> Iterator[str]:
        """Every key that it has, or had under former versions of its components; today's first."""
        run = self.teacher_run
        return self._named(keys_of_all_versions, teachers=() if run is None else (*run.all_keys(),))

    def _named(self, name: Callable[..., T], **taught: object) -> T:
        """What a function of `rungs.recipe.keys` makes of all that determines its result."""
        return name(
            self.recipe,
            epochs=self.epochs,
            data=self.data.fingerprint,
            seed=self.seed,
            kept_epochs=self.kept_epochs,
            image_size=self.data.image_shape[1:],
            **taught,
        )

    @property
    def recorded(self) -> bool:
        """Whether it is trained elsewhere and recorded, not trained here."""
        return is_recorded(self.recipe)

    def lasting(self, epochs: int) -> "RunSpec":
        """The same training with another number of epochs."""
        return replace(self, epochs=epochs)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        plain = {
            "recipe": recipe_to_dict(self.recipe),
            "epochs": self.epochs,
            "data": SPECS.dump_python(self.data, mode="json"),
            "seed": self.seed,
        }
        plain |= {"kept_epochs": list(self.kept_epochs)} if self.kept_epochs else {}
        return plain | ({} if self.teacher is None else {"teacher": self.teacher.to_dict()})

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "RunSpec":
        """The inverse of `to_dict`."""
        return RunSpec(
            _recipe(plain["recipe"]),
            plain["epochs"],
            SPECS.validate_python(plain["data"]),
            plain["seed"],
            tuple(plain.get("kept_epochs", ())),
            Teacher.from_dict(plain.get("teacher")),
        )


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training measured.

    Losses are mean cross-entropies in nats (the training loss is what was minimised, smoothing and
    a teacher's part included, over the batches as they were trained); accuracies are fractions; the
    learning rate is that of the epoch's last update. Of a run that was trained elsewhere and
    recorded, what nobody told is NaN.
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
        """Plain JSON types; None for what nobody told."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Epoch":
        """The inverse of `to_dict`."""
        told: dict[str, Any] = {
            name: math.nan if value is None else value for name, value in plain.items()
        }
        return Epoch(**told)


def elapsed(history: Iterable[Epoch]) -> tuple[float, ...]:
    """Seconds of training, without evaluation, from a run's beginning to the end of each epoch.

    Empty where those of an epoch were not told.
    """
    seconds = tuple(accumulate(entry.train_seconds for entry in history))
    return () if any(map(math.isnan, seconds)) else seconds


@dataclass(frozen=True)
class Result:
    """What a finished run left behind.

    Attributes:
        spec: what was asked.
        history: one entry per epoch; of a run that was recorded as far as there is a curve.
        best_epoch: the epoch whose weights are tested, from 1; 0 of a run that failed, or was
            recorded without it.
        snapshots: number of snapshots.
        execution: the execution record; of a run that was recorded, under ``recorded``, what was
            told of where it was trained.
        exact: False where the run went on under another record than it began with.
        failed: what ended the run before its time; then there are no predictions.
        read_off: key of the longer run whose first epochs this one is; None if it was trained.
        extends: key of the shorter run from whose end this one went on, if it did.
        ceiling: what the machine does at best with the run's threads and precision, in GFLOP/s of
            a large matrix product; None where nobody measured.
        workers: runs that were trained side by side on the machine, this one included, the most
            that its command had in any of its epochs; None where nobody noted.
    """

    spec: RunSpec
    history: tuple[Epoch, ...]
    best_epoch: int
    snapshots: int
    execution: Mapping[str, Any]
    exact: bool = True
    failed: str | None = None
    read_off: str | None = None
    extends: str | None = None
    ceiling: float | None = None
    workers: int | None = None

    @property
    def train_seconds(self) -> float:
        """Seconds from first to last update, without evaluation; 0 where it is not `timed`."""
        return sum(entry.train_seconds for entry in self.history) if self.timed else 0.0

    @property
    def timed(self) -> bool:
        """Whether it is known how long it took; of a run that was recorded it may not be."""
        times = [entry.train_seconds for entry in self.history]
        return not self.spec.recorded or (bool(times) and not any(map(math.isnan, times)))
