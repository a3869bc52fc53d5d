"""Layer-wise learning rates: how deep layers are, and updates those of torch's parameter groups."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rungs.data.images import DataSet
from rungs.network.building import build
from rungs.ops.layer_rates import CapturableLayerWise, LayerWise, depths, layer_wise
from rungs.ops.losses import WithLoss
from rungs.ops.weights import freeze
from rungs.recipe import Recipe, recipe_key, replace
from rungs.recipe.components import AdamW, Convolutional, Muon, Optimiser, Sgd
from rungs.recipe.modifications import apply
from rungs.training.epoch import Training
from tests.parts import RECORD, TINY

CLASSES, SHAPE = 4, (3, 8, 8)
NETWORK = Convolutional(widths=(4, 8))


class Blocks(nn.Module):
    """Somebody's: tokens of its own, a stem, blocks in a list, a norm, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(1, 4))
        self.stem = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU())
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.GELU()) for _ in range(2))
        self.norm = nn.LayerNorm(4)
        self.classifier = nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x) + self.tokens
        for block in self.blocks:
            x = x + block(x)
        out: torch.Tensor = self.classifier(self.norm(x))
        return out


def by_module(found: dict[str, int]) -> dict[str, int]:
    return {name.rpartition(".")[0] or name: depth for name, depth in found.items()}


def test_stages_are_layers() -> None:
    found = depths(build(NETWORK, SHAPE, CLASSES))
    ends = {name.split(".")[0] + "." + name.split(".")[1]: depth for name, depth in found.items()}
    assert ends["layers.0"] < ends["layers.1"]
    assert min(found.values()) == 0
    top = max(found.values())
    assert {depth for name, depth in found.items() if name.startswith("head")} <= {top, top - 1}
    assert [name for name, depth in found.items() if depth == top] == [
        name for name in found if name.startswith("head")
    ][-2:]


def test_layers_of_any_network_are_those_in_its_order() -> None:
    assert by_module(depths(Blocks())) == {
        "tokens": 0,
        "stem.0": 0,
        "stem.1": 0,
        "blocks.0.0": 1,
        "blocks.1.0": 2,
        "norm": 2,
        "classifier": 3,
    }
    loss = nn.Linear(2, 2)
    around = depths(WithLoss(Blocks(), loss))
    assert around["loss.weight"] == around["network.classifier.weight"] == 3
    assert around["network.tokens"] == 0


def torchs_sgd(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)


def torchs_adamw(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=0.1, betas=(0.9, 0.999), eps=1e-8)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Sgd(weight_decay=0.01), torchs_sgd),
        (AdamW(weight_decay=0.01), torchs_adamw),
    ],
)
def test_updates_are_those_of_groups_made_by_hand(
    ours: Optimiser, theirs: Callable[[list[dict[str, Any]]], torch.optim.Optimizer]
) -> None:
    torch.manual_seed(0)
    mine, other = Blocks(), Blocks()
    other.load_state_dict(mine.state_dict())
    shares = {"tokens": 0.125, "stem": 0.125, "blocks.0": 0.25, "blocks.1": 0.5, "norm": 0.5}
    groups = [
        {
            "params": [item],
            "share": next((s for start, s in shares.items() if name.startswith(start)), 1.0),
            "weight_decay": 0.01
            if item.ndim > 1 and (name != "tokens" or ours.kind == "sgd")
            else 0,
        }
        for name, item in other.named_parameters()
    ]
    assert sum(group["share"] == 1 for group in groups) == 2
    reference = theirs(groups)
    updates = layer_wise(mine, 0.5, ours.build)
    images, labels = torch.randn(16, 3), torch.randint(CLASSES, (16,))
    for number in range(1, 6):
        rate = 0.02 / number
        for model in (mine, other):
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
        for group in reference.param_groups:
            group["lr"] = rate * group["share"]
        updates.step(rate, number)
        reference.step()
        reference.zero_grad()
    for name, item in mine.named_parameters():
        torch.testing.assert_close(item, other.get_parameter(name), msg=name)


def _step(model: nn.Module) -> None:
    torch.manual_seed(1)
    loss = nn.functional.cross_entropy(model(torch.randn(8, *SHAPE)), torch.arange(8) % CLASSES)
    loss.backward()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("optimiser", [Recipe().optimiser, Sgd(), AdamW(), Muon()])
def test_every_optimiser_of_ours_takes_them_captured_and_goes_on(optimiser: Optimiser) -> None:
    torch.manual_seed(0)
    models = [build(NETWORK, SHAPE, CLASSES) for _ in range(3)]
    for model in models[1:]:
        model.load_state_dict(models[0].state_dict())
    updates = [layer_wise(model, 0.5, optimiser.build) for model in models]
    eager, captured = updates[:2]
    assert isinstance(captured, CapturableLayerWise)
    for number in (1, 2, 3):
        for model in models[:2]:
            _step(model)
        eager.step(0.01, number)
        captured.captured_step(torch.tensor(captured.captured_rate(0.01, number)))
    for name, item in models[0].named_parameters():
        if not name.endswith("bias"):  # whose gradient before a normalisation is rounding
            torch.testing.assert_close(
                models[1].get_parameter(name), item, rtol=2e-3, atol=2e-5, msg=name
            )
    models[2].load_state_dict(models[0].state_dict())
    updates[2].load_state_dict(eager.state_dict())
    for model, one in ((models[0], eager), (models[2], updates[2])):
        _step(model)
        one.step(0.01, 4)
    for name, item in models[0].named_parameters():
        assert torch.equal(models[2].get_parameter(name), item), name


def test_the_whole_network_is_trainable_again_and_frozen_parts_stay() -> None:
    model = build(NETWORK, SHAPE, CLASSES)
    freeze(model, CLASSES)
    before = {name: item.detach().clone() for name, item in model.named_parameters()}
    trained = {name for name, item in model.named_parameters() if item.requires_grad}
    updates = layer_wise(model, 0.5, Sgd().build)
    assert {name for name, item in model.named_parameters() if item.requires_grad} == trained
    _step(model)
    updates.step(0.1, 1)
    moved = {n for n, item in model.named_parameters() if not torch.equal(item, before[n])}
    assert moved == trained


def test_what_is_not_in_proportion_to_the_rate_is_not_captured() -> None:
    class Odd:
        def captured_rate(self, rate: float, update: int) -> float:
            return rate**2

        def captured_step(self, rate: torch.Tensor) -> None: ...

    found = layer_wise(Blocks(), 0.5, lambda _: Odd())
    assert isinstance(found, LayerWise)
    assert not isinstance(found, CapturableLayerWise)


def test_a_recipe_without_them_has_the_key_it_had(tiny: DataSet) -> None:
    changed = apply(TINY, "layer_wise_rates", {})
    assert changed.layer_decay == 0.75
    assert recipe_key(changed) != recipe_key(TINY)
    assert recipe_key(replace(changed, layer_decay=1.0)) == recipe_key(TINY)
    assert changed == apply(TINY, "llrd", {"decay": 0.75})
    training = Training.begin(changed, tiny.exploration, 0, 1, RECORD)
    assert isinstance(training.updates, LayerWise)
    assert not isinstance(Training.begin(TINY, tiny.exploration, 0, 1, RECORD).updates, LayerWise)
