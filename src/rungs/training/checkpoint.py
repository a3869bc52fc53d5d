"""Half-done training on disk, so that a run that is killed loses at most the epoch it was in.

``checkpoint.pt`` is the truth: it names the epoch, the state to go on from and the files of
weights that belong to it. Weights are written before the checkpoint that names them and deleted
after the one that no longer does, so every moment has a whole checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from rungs.foundation.errors import StoreError
from rungs.foundation.files import write_atomically
from rungs.store.results import Epoch
from rungs.store.run_folder import CHECKPOINT as _NAME

_PLAIN = torch.contiguous_format


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a finished epoch.

    Attributes:
        history: one entry per finished epoch.
        best_epoch: the epoch of the lowest validation loss so far, from 1.
        model: the model's state.
        optimiser: the optimiser's state.
        average: the weight average's state.
        loss: the loss's state, if it has one.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    model: Mapping[str, torch.Tensor]
    optimiser: Mapping[str, Any]
    average: Mapping[str, Any]
    loss: Mapping[str, Any]


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes a model's state as safetensors, a format that cannot run code."""
    content = packed({name: tensor.cpu() for name, tensor in model.state_dict().items()})
    write_atomically(path, lambda file: file.write(content))


def packed(state: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors by name as the content of a safetensors file."""
    # Copies: what a network uses under several names is there once for each, as the format asks.
    own = {name: tensor.detach().clone(memory_format=_PLAIN) for name, tensor in state.items()}
    return safetensors.torch.save(own, metadata=metadata)


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads a state of `save_weights` into a model of the same recipe.

    Raises:
        StoreError: missing, damaged, or of another network.
    """
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise StoreError(f"{path}: these weights cannot be loaded: {error}") from error


def best_weights(folder: Path, epoch: int) -> Path:
    """The file of the weights that were best after ``epoch``."""
    return folder / f"best-{epoch:04d}.safetensors"


def save(folder: Path, progress: Progress) -> None:
    """Makes ``progress`` the point to go on from."""
    state = {
        "history": [entry.to_dict() for entry in progress.history],
        "best_epoch": progress.best_epoch,
        "model": dict(progress.model),
        "optimiser": dict(progress.optimiser),
        "average": dict(progress.average),
        "loss": dict(progress.loss),
    }
    # Into memory first: torch hides what the disk says behind errors of its own.
    buffer = BytesIO()
    torch.save(state, buffer)
    write_atomically(folder / _NAME, lambda file: file.write(buffer.getbuffer()))
    for path in folder.glob("best-*.safetensors"):
        if path != best_weights(folder, progress.best_epoch):
            path.unlink()


def load(folder: Path) -> Progress | None:
    """The point to go on from; ``None`` where there is none, or none that can be read whole."""
    try:
        state = torch.load(folder / _NAME, map_location="cpu", weights_only=True)
        progress = Progress(
            history=tuple(Epoch.from_dict(entry) for entry in state["history"]),
            best_epoch=state["best_epoch"],
            model=state["model"],
            optimiser=state["optimiser"],
            average=state["average"],
            loss=state.get("loss", {}),  # those written before it was kept have none
        )
    except FileNotFoundError:
        return None
    except MemoryError:  # says nothing of the file
        raise
    except Exception:  # damaged in one of the many ways torch.load reports: train anew instead
        return None
    return progress if best_weights(folder, progress.best_epoch).exists() else None


def is_there(folder: Path) -> bool:
    """Whether there is a point to go on from, though it may be damaged."""
    return (folder / _NAME).exists()


def move(source: Path, target: Path) -> None:
    """Makes the point to go on from in one folder that of another, which has its weights."""
    (source / _NAME).replace(target / _NAME)


def remove(folder: Path) -> None:
    """Deletes what only going on needs, of a training that has ended and whose weights are kept."""
    for path in (folder / _NAME, *folder.glob("*.safetensors")):
        path.unlink(missing_ok=True)
