"""Layer-wise learning rates: the further a layer is from the classifier, the lower is its rate.

The rate of a layer is ``rate * decay ** (top - depth)``: layers next to the pixels have depth 0,
the classifier has the top one and the whole rate (Clark et al., ELECTRA, ICLR 2020; Bao et al.,
BEiT, ICLR 2022).
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from rungs.ops.losses import WithLoss
from rungs.ops.networks import ScaledNetwork

# Modules that only hold others, one after another: each of those is a layer.
_HOLDERS = (nn.Sequential, nn.ModuleList)
# Updates at which it is tried that the captured number goes with the rate.
_TRIED = (1, 1000)


def depths(model: nn.Module) -> dict[str, int]:
    """The depth of each parameter's layer by the parameter's name, 0 next to the pixels.

    Layers are what the network is made of, in its order, with what stands in a ``Sequential`` or
    ``ModuleList`` for itself: a stem, each stage or block, the classifier. What has no matrix or
    kernel, such as a normalisation, belongs to the layer before it, and parameters of the network
    itself, such as position embeddings, to the first one. Networks of timm's say it themselves, by
    ``group_matcher()``. A loss's own weights are as far as the classifier.

    Args:
        model: a network, behind its scaling or not, be it with its loss.
    """
    network, before = _bare(model)
    inner = _by_timm(network) if _is_timms(network) else _by_order(network)
    top = max(inner.values(), default=0)
    found = {before + name: depth for name, depth in inner.items()}
    return {name: found.get(name, top) for name, _ in model.named_parameters()}


def _bare(model: nn.Module) -> tuple[nn.Module, str]:
    """The network without what stands around it, and what its parameters' names begin with."""
    before = ""
    while isinstance(model, WithLoss | ScaledNetwork):
        model, before = model.network, f"{before}network."
    return model, before


def _is_timms(network: nn.Module) -> bool:
    made = (cls.__module__.partition(".")[0] for cls in type(network).__mro__)
    return "timm" in made and hasattr(network, "group_matcher")


def _by_timm(network: nn.Module) -> dict[str, int]:
    from rungs.ops.zoo import layers_by_timm  # timm: only where it is used

    return layers_by_timm(network)


def _by_order(network: nn.Module) -> dict[str, int]:
    found = {name: 0 for name, _ in network.named_parameters(recurse=False)}
    depth, begun = 0, False
    for path, layer in _layers(network):
        weights = {f"{path}.{name}": item for name, item in layer.named_parameters()}
        weighted = any(item.ndim > 1 for item in weights.values())
        depth += weighted and begun
        begun = begun or weighted
        for name in weights:
            found.setdefault(name, depth)
    return found


def _layers(module: nn.Module, before: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if isinstance(child, _HOLDERS):
            yield from _layers(child, f"{before}{name}.")
        else:
            yield f"{before}{name}", child


class LayerWise:
    """An optimiser at work on each layer for itself, at a rate of its own."""

    def __init__(self, layers: Mapping[str, tuple[float, Any]]) -> None:
        """Puts layers together.

        Args:
            layers: of each its share of the rate, and the optimiser of its parameters.
        """
        self._layers = dict(layers)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        for share, updates in self._layers.values():
            updates.step(rate * share, update)

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {name: updates.state_dict() for name, (_, updates) in self._layers.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        for name, (_, updates) in self._layers.items():
            updates.load_state_dict(state[name])


class CapturableLayerWise(LayerWise):
    """The same of optimisers whose updates hang on one number, which goes with the rate."""

    def captured_rate(self, rate: float, update: int) -> float:
        """The number for the whole rate: a layer's is its share of that."""
        _, updates = next(iter(self._layers.values()))
        number: float = updates.captured_rate(rate, update)
        return number

    def captured_step(self, rate: torch.Tensor) -> None:
        """What `step` does, with the number on the device."""
        for share, updates in self._layers.values():
            updates.captured_step(rate * share)


def layer_wise(model: nn.Module, decay: float, build: Callable[[nn.Module], Any]) -> LayerWise:
    """An optimiser with layer-wise rates, which can be captured where those of its layers can.

    Args:
        model: whose trainable parameters are trained.
        decay: the rate of a layer is this share of that of the next one.
        build: makes an optimiser of the trainable parameters of a model.
    """
    found = depths(model)
    top = max(found.values(), default=0)
    trained = {name for name, item in model.named_parameters() if item.requires_grad}
    layers = {}
    for depth in sorted({found[name] for name in trained}):
        with _only(model, {name for name in trained if found[name] == depth}):
            layers[f"layer {depth}"] = (decay ** (top - depth), build(model))
    if layers and all(_goes_with_rate(updates) for _, updates in layers.values()):
        return CapturableLayerWise(layers)
    return LayerWise(layers)


@contextmanager
def _only(model: nn.Module, names: Collection[str]) -> Iterator[None]:
    """While it lasts, no other parameters can be trained."""
    others = [
        item for name, item in model.named_parameters() if item.requires_grad and name not in names
    ]
    try:
        for item in others:
            item.requires_grad_(False)
        yield
    finally:
        for item in others:
            item.requires_grad_(True)


def _goes_with_rate(updates: Any) -> bool:
    """Whether updates can be captured, and half the rate is half the captured number."""
    if not (hasattr(updates, "captured_rate") and hasattr(updates, "captured_step")):
        return False
    return all(
        math.isclose(updates.captured_rate(0.5, number), 0.5 * updates.captured_rate(1.0, number))
        for number in _TRIED
    )
