"""Networks and published weights of the library timm, which is imported only here."""

import difflib
from typing import Any

import torch
from torch import nn

from rungs.foundation.errors import DataError, RecipeError, RungsError
from rungs.foundation.extras import require
from rungs.foundation.weight_files import weights_folder

ImageShape = tuple[int, int, int]


def _library() -> Any:
    """timm.

    Raises:
        RungsError: it is not installed, or what it stands on does not fit this torch.
    """
    require("timm", "a network of kind 'timm'")
    try:
        import timm
    except Exception as error:  # of libraries that are built for another torch, of any type
        raise RungsError(
            f"timm is installed but cannot be imported: {error}; the torchvision that it needs "
            f"must be built for torch {torch.__version__}: `{_reinstall(torch.__version__)}`"
        ) from error
    return timm


def _reinstall(version: str) -> str:
    """The command that fetches the torchvision that was built for a version of torch.

    Such as ``2.8.0+cpu`` and ``2.8.0+cu128`` name the index of their wheels; PyPI has those for one
    version of CUDA alone.
    """
    build = version.partition("+")[2]
    source = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return f"pip install --force-reinstall --no-deps torchvision{source}"


def _published(name: str) -> Any:
    """What timm knows of a model's published weights.

    Raises:
        RecipeError: it has no such model.
    """
    timm = _library()
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise RecipeError(f"timm has no network '{name}'{hint}")
    return timm.get_pretrained_cfg(name)


def create(name: str, image_shape: ImageShape, classes: int, **more: Any) -> nn.Module:
    """A network of timm's: [N, *image_shape] -> [N, classes].

    Raises:
        RungsError: timm is not there, or has no such network.
    """
    config = _published(name)
    channels, *size = image_shape
    if config is not None and config.fixed_input_size:
        more["img_size"] = tuple(size)
    model: nn.Module = _library().create_model(name, num_classes=classes, in_chans=channels, **more)
    return model


def published(name: str, image_shape: ImageShape) -> dict[str, torch.Tensor]:
    """The published weights of a network, adapted to the number of channels.

    They are taken from ``weights_folder()/NAME.TAG.safetensors`` if that is there, else as timm
    gets them: from its own cache or the network.

    Raises:
        RecipeError: timm publishes none for it.
        DataError: they are not here and cannot be fetched; says which file to put where.
    """
    config = _published(name)
    if config is None or not (config.hf_hub_id or config.url):
        raise RecipeError(f"timm publishes no weights for '{name}'")
    path = weights_folder() / f"{published_name(name)}.safetensors"
    more = {"pretrained_cfg_overlay": {"file": str(path)}} if path.exists() else {}
    try:
        model = create(name, image_shape, config.num_classes, pretrained=True, **more)
    except RungsError:
        raise
    except Exception as error:  # of whatever library fetches them, or of a damaged file
        source = f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors"
        where = source if config.hf_hub_id else config.url
        problem = "cannot be read" if path.exists() else "are not here and cannot be fetched"
        raise DataError(
            f"the published weights of timm:{name} {problem} ({_first_line(error)}); put the file "
            f"{where} at {path}"
        ) from error
    return model.state_dict()


def published_name(name: str) -> str:
    """The full name of a network's published weights: as given, or with the tag that timm takes.

    Raises:
        RecipeError: timm has no such network.
    """
    config = _published(name)
    return f"{config.architecture}.{config.tag}" if config is not None and config.tag else name


# Means of pixels that published weights of timm's were trained on, and the scaling nearest to each.
_SCALINGS: dict[str, float] = {"unit": 0.0, "imagenet": 0.449, "symmetric": 0.5}
# Sets of photographs differ by less; what is further away is like none of these.
_NEAR = 0.025


def published_scaling(name: str) -> str | None:
    """The scaling that a network's published weights were trained with, as a recipe names it.

    It is told by the mean of the pixels over all channels; None if that is like no other's.

    Raises:
        RecipeError: timm has no such network.
    """
    config = _published(name)
    if config is None:
        return None
    mean = sum(config.mean) / len(config.mean)
    return next((one for one, theirs in _SCALINGS.items() if abs(mean - theirs) <= _NEAR), None)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def layers_by_timm(model: nn.Module) -> dict[str, int]:
    """The layer of each parameter, from 0, as timm numbers them for layer-wise rates.

    As in its ``param_groups_layer_decay`` (Wightman, PyTorch Image Models, 2019).

    Args:
        model: a network of timm's with a ``group_matcher``.
    """
    _library()
    from timm.models import group_parameters

    matcher = model.group_matcher(coarse=False)  # type: ignore[operator]
    found: dict[str, int] = group_parameters(model, matcher, reverse=True)
    return found


def shrink_stem(model: nn.Module, name: str) -> None:
    """Makes a stem for photographs one for small images.

    The first convolution becomes 3x3 with stride 1 and fresh weights, and a max pooling between it
    and the first stage is left out.

    Args:
        model: made by `create`; changed.
        name: of it, for messages.

    Raises:
        RecipeError: it has no such stem.
    """
    first = getattr(model, "pretrained_cfg", {}).get("first_conv")
    old = model.get_submodule(first) if isinstance(first, str) and first else None
    if not isinstance(old, nn.Conv2d) or min(old.stride) < 2 or hasattr(model, "pos_embed"):
        raise RecipeError(
            f"timm:{name} has no stem of a convolution with stride, which stem = 'small' changes"
        )
    assert isinstance(first, str)
    new = nn.Conv2d(old.in_channels, old.out_channels, 3, 1, 1, bias=old.bias is not None)
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    model.set_submodule(first, new)
    for pooling in _poolings_after(model, first):
        model.set_submodule(pooling, nn.Identity())


def _poolings_after(model: nn.Module, first: str) -> list[str]:
    """Max poolings between the first convolution's stem and the first convolution of a stage."""
    stem = first.rpartition(".")[0]
    found = []
    passed = False
    for name, module in model.named_modules():
        passed = passed or name == first
        if passed and isinstance(module, nn.Conv2d) and name.rpartition(".")[0] != stem:
            break
        if passed and isinstance(module, nn.MaxPool2d):
            found.append(name)
    return found
