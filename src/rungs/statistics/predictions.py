"""A model's answers and the true ones, as arrays and as files."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_atomically, write_json

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

# The weights of the epoch with the lowest validation loss, among the names of a run's models.
BEST = "best"
# Of one model and part: ten million images.
_MOST_UNPACKED = 200_000_000
# What numpy and its archives say of a file that is not what it should be.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


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
class ValidationLabels(Labels):
    """Those of validation images: all that a choice may be made by.

    Whatever chooses asks for this type, so that labels of the test set cannot be handed to it.
    """


@dataclass(frozen=True)
class SealedLabels(Labels):
    """Those of test images: for judging what was chosen, never for choosing."""


@dataclass(frozen=True)
class Predictions:
    """One model's answers for one part of the data, in compact form.

    Attributes:
        predicted: the most probable class, [N].
        true_probability: probability given to the true class, [N]; NaN where classes alone are
            known, as of some models that were trained elsewhere.
        top5: the most probable classes in falling order, [N, min(5, classes)]; where classes alone
            are known that one, [N, 1].
    """

    predicted: IntArray
    true_probability: FloatArray
    top5: IntArray

    @property
    def has_probabilities(self) -> bool:
        """Whether more than the classes is known."""
        return not bool(np.isnan(self.true_probability).any())


def compact(probabilities: FloatArray, labels: IntArray) -> Predictions:
    """Compact form of a model's probabilities [N, classes] for images with these labels [N]."""
    rows = np.arange(len(labels))
    rest = probabilities.copy()
    top = []
    # Several times the maximum is far quicker than sorting; the lowest class wins a tie.
    for _ in range(min(5, probabilities.shape[1])):
        top.append(rest.argmax(axis=1))
        rest[rows, top[-1]] = -1
    return Predictions(
        predicted=top[0],
        true_probability=probabilities[rows, labels],
        top5=np.stack(top, axis=1),
    )


def classes_alone(predicted: IntArray) -> Predictions:
    """Compact form of classes [N] of which no probabilities are known."""
    return Predictions(predicted, np.full(len(predicted), np.nan), predicted[:, None])


def fits(classes: IntArray, labels: Labels) -> bool:
    """Whether classes, an image a row, can be answers for the images of these labels [N]."""
    known = len(labels.class_names)
    return len(classes) == len(labels.labels) and bool(((classes >= 0) & (classes < known)).all())


def log_softmax(logits: FloatArray) -> FloatArray:
    """Logarithms of `softmax`, finite also where a probability is too small for a number."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logs: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities [N, classes] of logits [N, classes], in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Writes a ``.npy`` file atomically; objects, which would need pickle, are refused."""
    write_atomically(path, lambda file: np.save(file, array, allow_pickle=False))


def read_predictions(folder: Path, part: str, labels: Labels) -> Predictions:
    """What a run's best epoch predicted: compact as archived, or made from the logits.

    Args:
        folder: the predictions of one run.
        part: ``validation`` or ``test``.
        labels: of that part.

    Raises:
        StoreError: there are none, or they are damaged.
    """
    archived = folder / f"{BEST}-{part}.npz"
    if archived.exists():
        return read_compact(archived)
    return compact(softmax(read_logits(folder / f"{BEST}-{part}.npy")), labels.labels)


def read_answers(folder: Path, name: str, part: str, snapshots: int) -> IntArray:
    """The classes [N] that a model of a run predicted, as archived or from the logits.

    Args:
        folder: the predictions of one run.
        name: ``best``, ``snapshot-I``, or ``ensemble-M``: the mean of the softmax outputs of the
            last M of the run's ``snapshots``.
        part: ``validation`` or ``test``.
        snapshots: number of the run's snapshots; only needed for an ensemble.

    Raises:
        StoreError: there are none, or they are damaged.
    """
    archived = folder / f"{BEST}-{part}.npz"
    if archived.exists():
        best = read_compact(archived).predicted
        if name == BEST:
            return best
        answers = read_members(members_file(folder, part), best)
        if name not in answers:
            raise StoreError(f"{folder} holds no answers of {name}")
        return answers[name]
    names = [name]
    if name.startswith("ensemble-"):
        members = int(name.removeprefix("ensemble-"))
        names = [f"snapshot-{index}" for index in range(snapshots - members + 1, snapshots + 1)]
    logits = [read_logits(folder / f"{one}-{part}.npy") for one in names]
    return together(logits)


def together(logits: Sequence[FloatArray]) -> IntArray:
    """The classes [N] that models predict whose softmax outputs are averaged.

    Args:
        logits: of each model, [N, classes].
    """
    # Of one model alone the highest logit tells the class without its softmax.
    mean = logits[0] if len(logits) == 1 else np.mean([softmax(one) for one in logits], axis=0)
    predicted: IntArray = mean.argmax(axis=1)
    return predicted


def read_logits(path: Path) -> FloatArray:
    """A model's outputs before softmax, [N, classes].

    Raises:
        StoreError: missing or damaged.
    """
    try:
        logits: FloatArray = np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        raise StoreError(f"{path}: these predictions cannot be read: {error}") from error
    return logits


def write_labels(folder: Path, part: str, labels: Labels) -> None:
    """Keeps the labels of one part of a data set in a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "class_names": labels.class_names,
        "groups": labels.groups,
        "group_names": labels.group_names,
    }
    write_json(folder / "classes.json", names)
    # Written last: labels that are there have their names.
    write_array(folder / f"{part}.npy", labels.labels)


def read_labels(folder: Path, part: str) -> Labels | None:
    """What `write_labels` wrote; ``None`` if there is nothing.

    Raises:
        StoreError: damaged.
    """
    kind = {"validation": ValidationLabels, "test": SealedLabels}.get(part, Labels)
    try:
        names = read_json(folder / "classes.json")
        return kind(
            labels=np.load(folder / f"{part}.npy", allow_pickle=False),
            class_names=tuple(names["class_names"]),
            groups=tuple(names["groups"]),
            group_names=tuple(names["group_names"]),
        )
    except FileNotFoundError:
        return None
    except _UNREADABLE as error:
        raise StoreError(
            f"{folder}: these labels cannot be read: {error}; without this folder, `rungs run` "
            "makes it again from the data"
        ) from error


def write_compact(path: Path, predictions: Predictions) -> None:
    """Writes compact predictions: 8 bytes an image or fewer, compressed."""
    true_probability = predictions.true_probability.astype(np.float16)
    _write_arrays(path, true_probability=true_probability, top5=_narrow(predictions.top5))


def read_compact(path: Path) -> Predictions:
    """Reads what `write_compact` wrote; the file may come from anybody.

    Raises:
        StoreError: missing, damaged, or larger than predictions can be.
    """
    found, true_probability = _read_arrays(path, top5=np.int64, true_probability=np.float64)
    top5: IntArray = found
    if top5.ndim != 2 or not top5.shape[1] or true_probability.shape != top5.shape[:1]:
        raise _misshapen(path)
    return Predictions(predicted=top5[:, 0], true_probability=true_probability, top5=top5)


def members_file(folder: Path, part: str) -> Path:
    """Where an archived run keeps the answers of its snapshots and of their ensembles."""
    return folder / f"members-{part}.npz"


def write_members(path: Path, members: Mapping[str, IntArray], best: IntArray) -> None:
    """Writes the classes that a run's snapshots and their ensembles predicted.

    Models of one run mostly agree. So each class is written as 0 where it is that of the best
    epoch, otherwise as 1 + its index, an image a row: half the size of the plain classes.

    Args:
        path: of the file.
        members: name -> predicted classes, [N].
        best: classes that the best epoch predicted, [N].
    """
    classes = np.stack(list(members.values()), axis=1)
    apart = np.where(classes == best[:, None], 0, classes + 1)
    _write_arrays(path, names=np.array(list(members)), apart=_narrow(apart))


def read_members(path: Path, best: IntArray) -> dict[str, IntArray]:
    """Reads what `write_members` wrote; the file may come from anybody.

    Raises:
        StoreError: missing, damaged, larger than predictions can be, or of other images.
    """
    names, apart = _read_arrays(path, names=np.str_, apart=np.int64)
    if names.ndim != 1 or apart.shape != (len(best), len(names)):
        raise _misshapen(path)
    classes = np.where(apart == 0, best[:, None], apart - 1)
    return dict(zip(names.tolist(), classes.T, strict=True))


def write_classes(path: Path, predicted: IntArray) -> None:
    """Writes the classes [N] that one model or mixture predicted."""
    _write_arrays(path, predicted=_narrow(predicted))


def read_classes(path: Path) -> IntArray:
    """Reads what `write_classes` wrote, [N]; the file may come from anybody.

    Raises:
        StoreError: missing, damaged, or larger than predictions can be.
    """
    (predicted,) = _read_arrays(path, predicted=np.int64)
    if predicted.ndim != 1:
        raise _misshapen(path)
    return predicted


def _narrow(classes: IntArray) -> IntArray:
    """The same numbers in as few bytes as hold them."""
    return classes.astype(np.min_scalar_type(classes.max(initial=0)))


def _write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    write_atomically(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def _read_arrays(path: Path, **kinds: type[np.generic]) -> tuple[npt.NDArray[Any], ...]:
    """Arrays of an ``.npz`` file by name, each as the kind of number that is given."""
    try:
        with path.open("rb") as opened:
            # Asked before anything is unpacked: a few kilobytes can hold terabytes of zeros.
            with zipfile.ZipFile(opened) as packed:
                total = sum(member.file_size for member in packed.infolist())
            if total > _MOST_UNPACKED:
                raise StoreError(f"{path} would unpack to {total:,} bytes")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as arrays:
                return tuple(arrays[name].astype(kind) for name, kind in kinds.items())
    except _UNREADABLE as error:
        raise StoreError(f"{path}: these predictions cannot be read: {error}") from error


def _misshapen(path: Path) -> StoreError:
    return StoreError(f"{path} holds arrays of other shapes than predictions have")
