"""Optimisers, schedules and weight averages against short references."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter
from torch import nn

from rungs.data.images import DataSet
from rungs.foundation.errors import TrainingError
from rungs.foundation.values import Flag
from rungs.ops.losses import WithLoss
from rungs.ops.optimisers import hidden_matrices, orthogonalised
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    AdamW,
    Average,
    Cosine,
    Ema,
    Lookahead,
    Loss,
    Muon,
    ProgressiveResolution,
    Schedule,
    Sgd,
    SharpnessAware,
    Steps,
    Swa,
    Triangular,
    component,
    kinds,
)
from rungs.recipe.components.core import forget_components, module_components
from rungs.recipe.modifications import apply
from rungs.testing import check_recipe
from rungs.training import checkpoint
from rungs.training.chance import derive
from rungs.training.epoch import Training, fresh_model
from rungs.training.evaluation import renew_statistics
from tests.parts import RECORD, TINY, generator, train

# --- optimisers -----------------------------------------------------------------------------------


def moved(
    optimiser: Any, reference: torch.optim.Optimizer, mine: nn.Module, theirs: nn.Module
) -> None:
    """Ten updates of both from the same gradients end at the same weights."""
    for update in range(1, 11):
        for first, second in zip(mine.parameters(), theirs.parameters(), strict=True):
            first.grad = torch.randn(first.shape, generator=generator(update))
            second.grad = first.grad.clone()
        optimiser.step(reference.param_groups[0]["lr"], update)
        reference.step()
    for first, second in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(first, second)


def pair() -> tuple[nn.Module, nn.Module]:
    mine = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    theirs = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    theirs.load_state_dict(mine.state_dict())
    return mine, theirs


def groups(model: nn.Module, decay: float, bias_factor: float, rate: float) -> list[dict[str, Any]]:
    items = list(model.parameters())
    return [
        {"params": [p for p in items if p.ndim > 1], "weight_decay": decay, "lr": rate},
        {"params": [p for p in items if p.ndim < 2], "weight_decay": 0.0, "lr": rate * bias_factor},
    ]


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.8, True), (0.8, False), (0.0, False)])
def test_sgd_is_torchs(momentum: float, nesterov: bool) -> None:
    mine, theirs = pair()
    spec = Sgd(momentum=momentum, nesterov=nesterov, weight_decay=0.01, bias_factor=3.0)
    reference = torch.optim.SGD(
        groups(theirs, 0.01, 3.0, 0.1), momentum=momentum, nesterov=nesterov
    )
    moved(spec.build(mine), reference, mine, theirs)


def test_adamw_is_torchs() -> None:
    mine, theirs = pair()
    reference = torch.optim.AdamW(groups(theirs, 0.1, 1.0, 0.01), betas=(0.8, 0.95), eps=1e-6)
    spec = AdamW(beta1=0.8, beta2=0.95, epsilon=1e-6, weight_decay=0.1)
    moved(spec.build(mine), reference, mine, theirs)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_orthogonalised_keeps_directions_and_evens_lengths(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=generator())
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    lengths = torch.diag(u.T @ orthogonalised(matrix) @ v.T)
    assert 0.6 < lengths.min() < lengths.max() < 1.3


class Hidden(nn.Module):
    """Pixels, hidden layers of many kinds, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3)
        self.beside = nn.Conv2d(3, 8, 1)  # a shortcut that sees the pixels too
        self.kernel = nn.Conv2d(8, 16, 3)
        self.depthwise = nn.Conv2d(16, 16, 3, groups=16)
        self.grouped = nn.Conv2d(16, 8, 1, groups=2)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2)
        self.qkv = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Linear(8, 32)
        self.head = nn.Linear(32, 5)


def test_a_loss_with_weights_changes_nothing_of_what_is_a_hidden_matrix() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8, 3))
    alone = [item.weight for item in hidden_matrices(network)]
    together = [item.weight for item in hidden_matrices(WithLoss(network, nn.Linear(3, 3)))]
    assert len(alone) == 1
    assert [id(weight) for weight in together] == [id(weight) for weight in alone]


def test_muon_makes_steps_of_hidden_matrices_orthogonal_and_leaves_the_rest_to_sgd() -> None:
    torch.manual_seed(1)
    model = Hidden()
    blocks = {
        "kernel.weight": 1,
        "grouped.weight": 2,
        "attention.in_proj_weight": 3,
        "attention.out_proj.weight": 1,
        "qkv.weight": 3,
        "mlp.weight": 1,
    }
    assert [item.blocks for item in hidden_matrices(model)] == [*blocks.values()]
    updates = Muon(momentum=0.0, sgd_factor=2.0).build(model)
    before = {name: item.detach().clone() for name, item in model.named_parameters()}
    gradients = {name: torch.randn(item.shape) for name, item in before.items()}
    for name, item in model.named_parameters():
        item.grad = gradients[name].clone()
    updates.step(0.1, 1)
    for name, item in model.named_parameters():
        step = before[name] - item.detach()
        if name not in blocks:
            torch.testing.assert_close(step, 0.2 * gradients[name], msg=name)
            continue
        parts = gradients[name].reshape(len(step), -1).chunk(blocks[name])
        rows, columns = parts[0].shape
        length = 0.1 * max(1.0, rows / columns) ** 0.5
        expected = torch.cat([length * orthogonalised(part) for part in parts])
        torch.testing.assert_close(step, expected.view_as(step), msg=name)


@pytest.mark.parametrize("outputs", [4, 40], ids=["wide", "tall"])
def test_muon_is_its_authors(outputs: int) -> None:
    """Against the lines of github.com/KellerJordan/Muon, with momentum, decay and tall kernels."""
    hidden = nn.Conv2d(2, outputs, 3, bias=False)
    model = nn.Sequential(nn.Conv2d(3, 2, 1), hidden, nn.Conv2d(outputs, 5, 1))
    updates = Muon(momentum=0.9, weight_decay=0.1).build(model)
    weight, buffer = hidden.weight.detach().clone(), torch.zeros_like(hidden.weight)
    for number in range(1, 4):
        for item in model.parameters():
            item.grad = torch.zeros_like(item)
        gradient = torch.randn(weight.shape, generator=generator(number))
        hidden.weight.grad = gradient.clone()
        updates.step(0.02, number)
        buffer.lerp_(gradient, 1 - 0.9)
        update = gradient.lerp(buffer, 0.9).view(outputs, -1)
        update = orthogonalised(update) * max(1, outputs / 18) ** 0.5
        weight.mul_(1 - 0.02 * 0.1).add_(update.view_as(weight), alpha=-0.02)
        torch.testing.assert_close(hidden.weight.detach(), weight)


class Tokens(nn.Module):
    """What weight decay leaves alone, and one matrix that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.ones(1, 1, 4))
        self.pos_embed = nn.Parameter(torch.ones(1, 3, 4))
        self.scores = nn.Parameter(torch.ones(2, 2))
        self.attention_bias = nn.Parameter(torch.ones(2, 3))
        self.norm = nn.LayerNorm((2, 4))
        self.dense = nn.Linear(4, 2)

    def no_weight_decay(self) -> set[str]:
        return {"scores"}


def test_adamw_decays_what_timm_decays() -> None:
    model = nn.Sequential(Tokens())  # as behind a scaling
    updates = AdamW(weight_decay=0.5).build(model)
    with torch.no_grad():
        for item in model.parameters():
            item.fill_(1.0)
    for item in model.parameters():
        item.grad = torch.zeros_like(item)
    updates.step(0.1, 1)
    shrunk = {name for name, item in model.named_parameters() if not bool((item == 1).all())}
    assert shrunk == {"0.dense.weight"}
    assert model.get_parameter("0.dense.weight")[0, 0].item() == pytest.approx(1 - 0.1 * 0.5)


def test_sharpness_aware_gradients_are_those_at_the_worst_place_nearby() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    images = torch.randn(8, 3, generator=generator())
    weights = [item.detach().clone() for item in model.parameters()]
    calls = []

    def loss() -> torch.Tensor:
        calls.append([item.detach().clone() for item in model.parameters()])
        value: torch.Tensor = model(images).square().mean()
        return value

    SharpnessAware(radius=0.5).take(model, loss)
    found = [item.grad.clone() for item in model.parameters() if item.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    torch.testing.assert_close(model[1].running_mean, 0.1 * model[0](images).mean(0))

    first = torch.autograd.grad(loss(), list(model.parameters()))
    length = torch.cat([item.flatten() for item in first]).norm()
    assert len(calls) == 3
    for moved, weight, slope in zip(calls[1], weights, first, strict=True):
        torch.testing.assert_close(moved, weight + 0.5 * slope / length)
    with torch.no_grad():
        for parameter, place in zip(model.parameters(), calls[1], strict=True):
            parameter.copy_(place)
    expected = torch.autograd.grad(loss(), list(model.parameters()))
    torch.testing.assert_close(found, list(expected))


class Chancy(nn.Module):
    """Draws in every way that layers do, and in one more the second time, as a user's may."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.factors: list[torch.Tensor] = []

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        ones = torch.ones_like(values)
        drawn = [
            F.dropout(ones, 0.5),
            torch.rand(len(values), 1).expand_as(values),
            torch.bernoulli(ones / 2),
            torch.empty_like(values).normal_(),
        ]
        if self.factors:
            torch.rand(3)
        self.factors.append(torch.stack(drawn))
        result: torch.Tensor = self.inner(values * self.factors[-1].sum(0))
        return result


def test_both_passes_of_sharpness_aware_are_of_one_function() -> None:
    model = Chancy()
    images = torch.randn(8, 6, generator=generator())
    SharpnessAware(radius=0.5).take(model, lambda: model(images).square().mean())
    found = [item.grad.clone() for item in model.parameters() if item.grad is not None]
    first, second = model.factors
    assert torch.equal(first, second)
    assert 0 < (first[0] == 0).sum() < first[0].numel()

    def loss() -> torch.Tensor:
        return F.linear(images * first.sum(0), *model.inner.parameters()).square().mean()

    slopes = torch.autograd.grad(loss(), list(model.parameters()))
    length = torch.cat([item.flatten() for item in slopes]).norm()
    with torch.no_grad():
        for parameter, slope in zip(model.parameters(), slopes, strict=True):
            parameter.add_(0.5 * slope / length)
    expected = torch.autograd.grad(loss(), list(model.parameters()))
    torch.testing.assert_close(found, list(expected))
    # The next update draws anew.
    SharpnessAware().take(model, lambda: model(images).square().mean())
    assert not torch.equal(model.factors[2], first)


def test_dropout_of_a_gpu_is_used_again_with_its_slope() -> None:
    """Which is one operation there; the CPU knows it too."""
    layer = nn.Linear(6, 6)
    seen: list[torch.Tensor] = []
    images = torch.randn(8, 6, generator=generator())

    def loss() -> torch.Tensor:
        left, mask = torch.native_dropout(layer(images), 0.25, True)
        seen.append(mask.clone())
        return left.square().mean()

    SharpnessAware(radius=1e-6).take(layer, loss)
    assert torch.equal(*seen)
    expected = torch.autograd.grad(
        (layer(images) * seen[0] / 0.75).square().mean(), list(layer.parameters())
    )
    found = [item.grad for item in layer.parameters()]
    torch.testing.assert_close(found, list(expected), rtol=1e-4, atol=1e-6)


def test_a_weight_that_takes_no_part_is_named_as_the_reason() -> None:
    model = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])
    updates = Sgd().build(model)
    model[0](torch.ones(1, 2)).sum().backward()
    with pytest.raises(TrainingError, match=r"weights of shape \[1, 2\] took no part in the loss"):
        updates.step(0.1, 1)


# --- losses ---------------------------------------------------------------------------------------


class Sharpened(nn.Module):
    """Cross-entropy of logits times a weight that is trained, plus what it has counted."""

    seen: torch.Tensor

    def __init__(self, *, trained: bool) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.rand(()) + 0.5, requires_grad=trained)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return F.cross_entropy(self.factor * logits, targets) / self.seen.clone().sqrt()


@pytest.fixture
def sharpened() -> Iterator[list[Sharpened]]:
    """A loss of a user's own, and those that were made of it."""
    made: list[Sharpened] = []
    with module_components("mine", "0"):

        @component
        class Own(Loss):
            """A loss with a weight."""

            trained: Flag = True

            def build(self, counts: torch.Tensor) -> Any:
                made.append(Sharpened(trained=self.trained))
                return made[-1]

    yield made
    forget_components("mine")


def own_loss(**fields: Any) -> Recipe:
    return replace(TINY, loss=kinds(Loss)["mine:own"](**fields), optimiser=Sgd(learning_rate=0.1))


def test_weights_of_a_loss_are_trained_as_the_networks_are(
    tiny: DataSet, tmp_path: Path, sharpened: list[Sharpened]
) -> None:
    """One update of plain gradient descent, against its definition."""
    sgd = Sgd(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    recipe = replace(own_loss(), optimiser=sgd, batch_size=150)
    model = Training.begin(recipe, tiny.exploration, 3, 1, RECORD).model
    train(tiny, tmp_path / "run", recipe, epochs=1)
    before, after = sharpened
    order = torch.Generator().manual_seed(derive(3, "order", 1))
    chosen = torch.randperm(150, generator=order)
    images = tiny.exploration.train.pixels[chosen].float() / 255
    torch.manual_seed(derive(3, "dropout", 1))
    value = before(model.train()(images), tiny.exploration.train.labels[chosen])
    (slope,) = torch.autograd.grad(value, [before.factor])
    torch.testing.assert_close(after.factor, before.factor - 0.1 * slope)
    assert not torch.equal(after.factor, before.factor)


@pytest.mark.parametrize("change", [None, "clip_gradients", "sharpness_aware", "muon"])
def test_a_loss_goes_on_from_where_it_was(
    tiny: DataSet, tmp_path: Path, sharpened: list[Sharpened], change: str | None
) -> None:
    recipe = own_loss() if change is None else apply(own_loss(), change, {})
    whole = train(tiny, tmp_path / "whole", recipe, epochs=3)
    state = sharpened[-1].state_dict()
    parts = None
    while parts is None:
        parts = train(tiny, tmp_path / "parts", recipe, epochs=3, should_stop=lambda: True)
    assert {n: p.read_bytes() for n, p in parts.weights.items()} == {
        n: p.read_bytes() for n, p in whole.weights.items()
    }
    assert [e.train_loss for e in parts.history] == [e.train_loss for e in whole.history]
    assert all(
        torch.equal(value, state[name]) for name, value in sharpened[-1].state_dict().items()
    )


def test_a_weight_of_a_loss_that_is_not_to_be_trained_is_not(
    tiny: DataSet, tmp_path: Path, sharpened: list[Sharpened]
) -> None:
    train(tiny, tmp_path / "run", own_loss(trained=False))
    Training.begin(own_loss(trained=False), tiny.exploration, 3, 2, RECORD)
    trained, fresh = sharpened
    assert torch.equal(trained.factor, fresh.factor)


@pytest.fixture
def weighed() -> Iterator[Recipe]:
    """A recipe with a loss of a user's own, whose state never changes."""
    with module_components("mine", "0"):

        @component
        class Weighed(Loss):
            """Cross-entropy with weights of classes."""

            def build(self, counts: torch.Tensor) -> Any:
                return nn.CrossEntropyLoss(weight=1.0 / counts)

    yield replace(TINY, loss=Weighed())
    forget_components("mine")


def test_checkpoints_without_a_state_of_the_loss_are_gone_on_from(
    tiny: DataSet, tmp_path: Path, weighed: Recipe
) -> None:
    whole = train(tiny, tmp_path / "whole", weighed)
    train(tiny, tmp_path / "old", weighed, should_stop=lambda: True)
    path = tmp_path / "old" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    assert state.pop("loss")
    torch.save(state, path)
    assert checkpoint.load(tmp_path / "old") is not None
    resumed = train(tiny, tmp_path / "old", weighed)
    assert resumed.weights["best"].read_bytes() == whole.weights["best"].read_bytes()


# --- schedules and resolutions --------------------------------------------------------------------


def rates(schedule: Schedule, total: int = 100) -> list[float]:
    return [schedule.rate(2.0, step, total) for step in range(total)]


def test_one_cycle_is_two_straight_lines() -> None:
    found = rates(Triangular(start=0.5, peak=0.25, end=0.1))
    assert found[0] == 1.0
    assert found[25] == 2.0 == max(found)
    assert found[12] - found[11] == pytest.approx(found[2] - found[1])
    assert found[-1] == pytest.approx(2.0 * (0.1 + 0.9 / 75))


def test_cosine_warms_up_and_anneals() -> None:
    found = rates(Cosine(warm_up=0.1, end=0.2))
    assert found[0] == pytest.approx(2.0 / 11)
    assert max(found) == found[10] == 2.0
    assert found[55] == pytest.approx(2.0 * (0.2 + 0.8 * 0.5))
    assert found[-1] == pytest.approx(0.4, abs=0.01)


def test_steps_fall_at_their_milestones() -> None:
    found = rates(Steps(milestones=(0.5, 0.75), factor=0.1))
    assert found[49] == 2.0
    assert found[50] == found[74] == pytest.approx(0.2)
    assert found[75] == pytest.approx(0.02)
    # 0.55 times 100 is a little more than 55 in floating point.
    assert rates(Steps(milestones=(0.55,), factor=0.1))[55] == pytest.approx(0.2)


def test_only_a_schedule_without_an_end_says_that_longer_runs_contain_shorter_ones() -> None:
    schedules = TypeAdapter(Schedule)
    free = {
        kind
        for kind in kinds(Schedule)
        if not schedules.validate_python({"kind": kind}).depends_on_length
    }
    assert free == {"inverse_time"}


def test_images_grow_to_their_full_size() -> None:
    spec = ProgressiveResolution(start=0.5, until=0.5, multiple=4)
    assert [spec.size(epoch, 8, 32) for epoch in range(1, 9)] == [16, 20, 24, 28, 32, 32, 32, 32]
    assert spec.smallest(32) == 16
    assert spec.sizes(8, (32, 16)) == ((16, 8), (20, 8), (24, 12), (28, 16), (32, 16))
    at_once = ProgressiveResolution(start=0.5, until=0.0)
    assert at_once.smallest(32) == at_once.size(1, 8, 32) == 32


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 7, 15])
@pytest.mark.parametrize(
    "spec", [ProgressiveResolution(), ProgressiveResolution(until=1.0, multiple=32)]
)
def test_images_have_their_full_size_at_the_end_whatever_it_is(
    spec: ProgressiveResolution, epochs: int
) -> None:
    for full in (*range(5, 70), 224, 225):
        sizes = [spec.size(epoch, epochs, full) for epoch in range(1, epochs + 1)]
        assert sizes == sorted(sizes)
        assert sizes[-1] == full
        assert spec.smallest(full) <= sizes[0]
        assert set(spec.sizes(epochs, (full, full))) == {(size, size) for size in sizes}


# --- averages -------------------------------------------------------------------------------------


def test_ema_is_the_recursion() -> None:
    model = nn.Linear(2, 1, bias=False)
    averaging = Ema(decay=0.5).build(model)
    assert averaging.model() is model
    average = model.weight.detach().clone()
    for t, value in enumerate([1.0, 5.0, -2.0, 8.0, 4.0, 4.0, 4.0, 4.0, 4.0, 0.0]):
        with torch.no_grad():
            model.weight.fill_(value)
        averaging.update(0.1 * t, epoch_ends=False)
        kept = min(0.5, (1 + t) / (10 + t))
        average = kept * average + (1 - kept) * value
        torch.testing.assert_close(averaging.model().weight, average)
    assert model.weight.requires_grad


def test_what_a_network_uses_twice_is_averaged_once_and_kept(tmp_path: Path) -> None:
    def shared(value: float) -> nn.Sequential:
        layer = nn.Linear(2, 2, bias=False)
        nn.init.constant_(layer.weight, value)
        return nn.Sequential(layer, nn.ReLU(), layer)

    model = shared(0.0)
    averaging = Ema(decay=0.9).build(model)
    nn.init.constant_(model.get_parameter("0.weight"), 1.0)
    averaging.update(0.5, epoch_ends=False)
    averaged = averaging.model()
    # Of the first update a tenth is kept.
    torch.testing.assert_close(averaged.get_submodule("2").weight, torch.full((2, 2), 0.9))
    checkpoint.save_weights(averaged, tmp_path / "weights.safetensors")
    loaded = shared(5.0)
    checkpoint.load_weights(loaded, tmp_path / "weights.safetensors")
    assert loaded[0] is loaded[2]
    torch.testing.assert_close(loaded[0].weight, averaged.get_submodule("0").weight)


def test_lookahead_moves_slow_weights_and_sets_the_fast_ones_back() -> None:
    model = nn.Linear(2, 1, bias=False)
    averaging = Lookahead(updates=3, keep=0.8, power=2.0).build(model)
    slow = model.weight.detach().clone()
    for t in range(1, 9):
        with torch.no_grad():
            model.weight.add_(float(t))
        fast = model.weight.detach().clone()
        averaging.update(t / 8, epoch_ends=False)
        if t in (3, 6):
            kept = 0.8 * (t / 8) ** 2
            slow = kept * slow + (1 - kept) * fast
            torch.testing.assert_close(model.weight.detach(), slow)
        else:
            assert torch.equal(model.weight, fast)
        if t >= 3:
            torch.testing.assert_close(averaging.model().weight, slow)


def test_swa_is_the_mean_of_the_late_ends_of_epochs() -> None:
    model = nn.Linear(2, 1, bias=False)
    averaging = Swa(start=0.5).build(model)
    for t in range(1, 11):
        with torch.no_grad():
            model.weight.fill_(float(t))
        averaging.update(t / 10, epoch_ends=t % 2 == 0)
        assert (averaging.model() is model) == (t < 6)
    torch.testing.assert_close(averaging.model().weight, torch.full((1, 2), 8.0))


def test_swa_evaluates_with_statistics_of_the_averaged_weights(
    tiny: DataSet, tmp_path: Path
) -> None:
    recipe = replace(TINY, average=Swa(start=0.0))
    fitted = train(tiny, tmp_path / "run", recipe, epochs=3, kept_epochs=(3,))
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(model, fitted.weights["snapshot-1"])
    seen: list[torch.Tensor] = []
    norm = model.get_submodule("layers.0.block.body.1")
    norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        model.eval()(tiny.exploration.train.pixels[:].float() / 255)
    torch.testing.assert_close(norm.running_mean, seen[0].mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert len(fitted.history) == 3


def test_swa_takes_no_statistics_of_a_rest_of_a_single_image(tiny: DataSet, tmp_path: Path) -> None:
    """The dense head normalises over the batch alone, and one image has no variance."""
    recipe = replace(TINY, average=Swa(start=0.0), batch_size=len(tiny.exploration.train) - 1)
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    assert math.isfinite(fitted.history[-1].val_loss)


def test_renewed_statistics_are_means_over_images_whatever_the_batches() -> None:
    """A last batch of two images out of 52 once made half of them."""
    pixels = torch.randint(0, 256, (52, 3, 8, 8), dtype=torch.uint8, generator=generator())
    pixels[-2:] = 255
    model = nn.Sequential(nn.BatchNorm2d(3))
    renew_statistics(model, torch.split(pixels, 50), "float32", RECORD)
    scaled = pixels.float() / 255
    variance = 50 / 52 * scaled[:50].var(dim=(0, 2, 3))  # the last two do not vary
    torch.testing.assert_close(model[0].running_mean, scaled.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(model[0].running_var, variance)
    assert model[0].momentum == 0.1


def test_an_average_that_forgets_where_it_was_is_found_out() -> None:
    """Though its first epoch is its best: nothing that is asked of a run differs."""
    with module_components("mine", "0"):

        @component
        class Forgetful(Average):
            """Weights of the third update, if it remembers which that was."""

            def build(self, model: nn.Module) -> Any:
                return _Forgetful(model)

    try:
        recipe = replace(TINY, average=Forgetful(), optimiser=Sgd(learning_rate=1e-3))
        with pytest.MonkeyPatch.context() as patch:
            losses = iter(range(1000))  # ever higher: the first epoch is the best
            patch.setattr("rungs.training.epoch.evaluate", lambda *_: (float(next(losses)), 0.5))
            problems = check_recipe(recipe)
    finally:
        forget_components("mine")
    assert problems == ("interrupted and resumed, it ends with other weights than without",)


class _Forgetful:
    def __init__(self, model: nn.Module) -> None:
        self.trained, self.kept, self.seen = model, copy.deepcopy(model), 0

    def update(self, done: float, *, epoch_ends: bool) -> None:
        self.seen += 1
        if self.seen < 4:
            self.kept.load_state_dict(self.trained.state_dict())

    def model(self) -> nn.Module:
        return self.kept

    def state_dict(self) -> dict[str, Any]:
        return {"kept": self.kept.state_dict()}

    def load_state_dict(self, state: Any) -> None:
        self.kept.load_state_dict(state["kept"])
