"""Weights that were trained before: read without running code, and fitted into a network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from rungs.foundation.errors import DataError, RecipeError

# Under which files of training programs keep the weights among other things.
_HOLDERS = ("state_dict", "model_state_dict", "model")
# What wrappers put before every name, one inside another too: torch's parallel ones and its
# compiler, training programs, our runs and exported models.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "members.0.")
# Of names in a message.
_MOST = 3


def read_weights(path: Path, called: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a file by name; nothing in it is run.

    Args:
        path: of the file.
        called: what people know it by, where that is not its path.

    Raises:
        DataError: it holds something else than weights, or is damaged.
    """
    called = called or str(path)
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # in one of the many ways torch.load reports
        raise DataError(
            f"{called}: expected weights: a safetensors file, or a state_dict that torch.load "
            f"reads with weights_only=True; found {type(error).__name__}: "
            f"{str(error).splitlines()[:1]}"
        ) from error
    for holder in _HOLDERS:
        if isinstance(content, Mapping) and isinstance(content.get(holder), Mapping):
            content = content[holder]
    if not isinstance(content, Mapping) or not content:
        raise DataError(f"{called}: expected a table of tensors, found {type(content).__name__}")
    return {str(name): item for name, item in content.items() if isinstance(item, torch.Tensor)}


@dataclass(frozen=True)
class Taken:
    """Which weights of one network another takes over.

    Attributes:
        state: those, by their names in the other.
        left_out: a line for each that has no place there.
    """

    state: dict[str, torch.Tensor]
    left_out: tuple[str, ...]


def fit_weights(
    model: nn.Module,
    weights: Mapping[str, torch.Tensor],
    classes: int,
    called: str = "the weights",
) -> Taken:
    """Fits weights into a network: all of them, but for the classifier and the first convolution.

    A first convolution for three channels is summed over them where images have one.

    Args:
        model: the network; it may be on the meta device.
        weights: of a network of the same making.
        classes: of the model.
        called: what people know the weights by.

    Raises:
        RecipeError: any other tensor is missing or has another shape.
    """
    wanted = model.state_dict()
    given = _unwrapped(weights, wanted)
    first = _first_convolution(model)
    free = {first, *(f"{classifier(model, classes)}.{part}" for part in ("weight", "bias"))}
    state: dict[str, torch.Tensor] = {}
    left_out, unfit = [], []
    for name, place in wanted.items():
        tensor = given.get(name)
        if tensor is not None and name == first and _is_grey(place, tensor):
            tensor = tensor.sum(dim=1, keepdim=True)
        if tensor is not None and tensor.shape == place.shape:
            state[name] = tensor
        elif name in free or name.startswith("scaling."):  # how pixels are scaled, the recipe says
            left_out.append(f"{name} {_mismatch(tensor, place)}")
        elif not name.endswith("num_batches_tracked"):  # which nothing is computed from
            unfit.append(f"{name} {_mismatch(tensor, place)}")
    if unfit:
        raise RecipeError(
            f"{called}: they do not fit the network: {len(unfit)} of {len(wanted)} tensors are "
            f"missing or have another shape: {_some(unfit)}; they must be of a network of the same "
            "making"
        )
    unknown = [name for name in given if name not in wanted and not name.startswith("scaling.")]
    if unknown:
        left_out.append(f"{len(unknown)} tensors that the network has not: {_some(unknown)}")
    return Taken(state, tuple(left_out))


def _unwrapped(
    weights: Mapping[str, torch.Tensor], wanted: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """The weights by their names without what a wrapper put before them."""

    def without(wrapping: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(wrapping): item for name, item in weights.items()}

    wrappings = dict.fromkeys(found for name in ("", *weights) for found in _wrappings(name))
    return max(map(without, wrappings), key=lambda named: len(named.keys() & wanted.keys()))


def _wrappings(name: str) -> Iterator[str]:
    """What wrappers may have put before a name, from nothing to all that looks like it."""
    found = ""
    yield found
    while wrapper := next((one for one in _WRAPPERS if name.startswith(one, len(found))), None):
        found += wrapper
        yield found


def _first_convolution(model: nn.Module) -> str:
    """Name of the weight of the first convolution; empty if there is none."""
    return next((f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Conv2d)), "")


def _is_grey(place: torch.Tensor, tensor: torch.Tensor) -> bool:
    return tensor.ndim == 4 and tensor.shape[1] == 3 and place.shape[1] == 1


def _mismatch(tensor: torch.Tensor | None, place: torch.Tensor) -> str:
    found = "none" if tensor is None else str([*tensor.shape])
    return f"(expected {[*place.shape]}, found {found})"


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + rest


def _last_with(model: nn.Module, classes: int) -> Iterator[str]:
    for name, module in model.named_modules():
        dense = isinstance(module, nn.Linear) and module.out_features == classes
        if dense or (isinstance(module, nn.Conv2d) and module.out_channels == classes):
            yield name


def classifier(model: nn.Module, classes: int) -> str:
    """Name of the classifier: the last dense layer or convolution with one output for each class.

    Raises:
        RecipeError: there is none.
    """
    found = [*_last_with(model, classes)]
    if not found:
        raise RecipeError(f"the network has no dense layer or convolution with {classes} outputs")
    return found[-1]


def freeze(model: nn.Module, classes: int) -> None:
    """Leaves only the classifier to be trained.

    Raises:
        RecipeError: there is none.
    """
    model.requires_grad_(False)
    model.get_submodule(classifier(model, classes)).requires_grad_(True)


def train_mode(model: nn.Module, *, frozen: bool) -> None:
    """Puts a network into training mode; of a frozen one, batch normalisation stays as it is."""
    model.train()
    if frozen:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
