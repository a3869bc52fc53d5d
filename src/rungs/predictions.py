"""A model's answers and the true ones, as arrays and as files."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rungs.errors import StoreError
from rungs.files import read_json, write_atomically, write_json

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

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
        true_probability: probability given to the true class, [N].
        top5: the most probable classes in falling order, [N, min(5, classes)].
    """

    predicted: IntArray
    true_probability: FloatArray
    top5: IntArray


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


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities [N, classes] of logits [N, classes], in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Writes a ``.npy`` file atomically; objects, which would need pickle, are refused."""
    write_atomically(path, lambda file: np.save(file, array, allow_pickle=False))


def read_predictions(
    folder: Path, name: str, part: str, labels: Labels, snapshots: int
) -> Predictions:
    """What a run predicted, from its folder of predictions: compact, or made from the logits.

    Args:
        folder: of one run.
        name: ``best``, ``snapshot-I``, or ``ensemble-M``: the mean of the softmax outputs of the
            last M of the run's ``snapshots``.
        part: ``validation`` or ``test``.
        labels: of that part.
        snapshots: number of the run's snapshots; only needed for an ensemble.

    Raises:
        StoreError: there are none, or they are damaged.
    """
    archived = folder / f"{name}-{part}.npz"
    if archived.exists():
        return read_compact(archived)
    names = [name]
    if name.startswith("ensemble-"):
        members = int(name.removeprefix("ensemble-"))
        names = [f"snapshot-{index}" for index in range(snapshots - members + 1, snapshots + 1)]
    probabilities: FloatArray = np.mean(
        [softmax(read_logits(folder / f"{one}-{part}.npy")) for one in names], axis=0
    )
    return compact(probabilities, labels.labels)


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
            "makes it anew from the data"
        ) from error


def write_compact(path: Path, predictions: Predictions) -> None:
    """Writes compact predictions: 8 bytes an image or fewer, compressed."""
    write_atomically(
        path,
        lambda file: np.savez_compressed(
            file,
            true_probability=predictions.true_probability.astype(np.float16),
            top5=predictions.top5.astype(np.uint8 if predictions.top5.max() < 256 else np.uint16),
        ),
    )


def read_compact(path: Path) -> Predictions:
    """Reads what `write_compact` wrote; the file may come from anybody.

    Raises:
        StoreError: missing, damaged, or larger than predictions can be.
    """
    try:
        with path.open("rb") as opened:
            # Asked before anything is unpacked: a few kilobytes can hold terabytes of zeros.
            with zipfile.ZipFile(opened) as packed:
                total = sum(member.file_size for member in packed.infolist())
            if total > _MOST_UNPACKED:
                raise StoreError(f"{path} would unpack to {total:,} bytes")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as arrays:
                top5 = arrays["top5"].astype(np.int64)
                true_probability = arrays["true_probability"].astype(np.float64)
    except _UNREADABLE as error:
        raise StoreError(f"{path}: these predictions cannot be read: {error}") from error
    if top5.ndim != 2 or not top5.shape[1] or true_probability.shape != top5.shape[:1]:
        raise StoreError(f"{path} holds arrays of other shapes than predictions have")
    return Predictions(predicted=top5[:, 0], true_probability=true_probability, top5=top5)
