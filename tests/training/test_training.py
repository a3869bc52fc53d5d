"""Training semantics against short references; interrupted and resumed equals uninterrupted."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch
from torch import nn

from rungs.data.images import DataSet, Exploration
from rungs.foundation import files
from rungs.foundation.errors import RecipeError, TrainingError
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Adam, Convolutional, CosineCycles, InverseTimeDecay, PoolingHead
from rungs.recipe.learning_rates import learning_rate, snapshot_epochs
from rungs.recipe.modifications import apply
from rungs.store.results import Epoch
from rungs.training import checkpoint
from rungs.training.chance import derive
from rungs.training.epoch import batches, fresh_model, steps_per_epoch
from rungs.training.evaluation import evaluate
from rungs.training.fit import Fitted, fit
from rungs.training.record import ExecutionRecord, choose_record
from rungs.training.throughput import training_step
from tests.conftest import TINY

RECORD = choose_record("cpu", 1)
SMALL = Recipe(
    network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.0, 0.3)), batch_size=32
)
AUGMENTED = apply(SMALL, "affine", {"rotation": 0.2, "zoom": 0.1})


def train(
    data: DataSet, folder: Path, recipe: Recipe = AUGMENTED, epochs: int = 4, **more: object
) -> Fitted | None:
    folder.mkdir(exist_ok=True)
    return fit(
        recipe,
        data.exploration,
        epochs=epochs,
        folder=folder,
        **{"seed": 3, "record": RECORD, **more},  # type: ignore[arg-type]
    )


def weights_of(fitted: Fitted | None) -> dict[str, bytes]:
    assert fitted is not None
    return {name: path.read_bytes() for name, path in fitted.weights.items()}


def measured(history: tuple[Epoch, ...]) -> list[tuple[float, ...]]:
    """All that is measured but seconds."""
    return [
        (e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy, e.learning_rate)
        for e in history
    ]


# --- optimiser and schedules ---------------------------------------------------------------------


def test_adam_is_kerass() -> None:
    """Against the five lines of tf-keras's legacy Adam, epsilon before bias correction."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 2, bias=False).double()
    reference = layer.weight.detach().clone()
    spec = Adam(learning_rate=0.01, epsilon=1e-3)  # large, so that its place can be seen
    optimiser = spec.build(layer)
    m = v = torch.zeros_like(reference)
    for t in range(1, 30):
        gradient = torch.randn(2, 3, dtype=torch.float64) * 0.01
        layer.weight.grad = gradient.clone()
        rate = 0.01 / (1 + 0.1 * t)
        optimiser.step(rate, t)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        alpha = rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        reference = reference - alpha * m / (v.sqrt() + 1e-3)
        torch.testing.assert_close(layer.weight.detach(), reference, rtol=1e-9, atol=1e-12)


def test_adam_goes_on_from_a_state_of_torchs_class() -> None:
    """Checkpoints hold what torch.optim.Adam names; its own are understood too."""
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    torchs = torch.optim.Adam(theirs.parameters(), lr=0.01, fused=True)
    optimiser = Adam(learning_rate=0.01, epsilon=1e-3).build(ours)
    for t in range(1, 8):
        if t == 4:
            ours.load_state_dict(theirs.state_dict())
            optimiser.load_state_dict(torchs.state_dict())
        for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
            first.grad = torch.randn_like(first)
            second.grad = first.grad.clone()
        torchs.param_groups[0]["eps"] = 1e-3 / math.sqrt(1 - 0.999**t)
        torchs.step()
        optimiser.step(0.01, t)
    for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(first, second)
    state = optimiser.state_dict()["state"]
    assert {name: value.tolist() for name, value in state[0].items()} == {
        name: value.tolist() for name, value in torchs.state_dict()["state"][0].items()
    }


def test_decay_is_kerass() -> None:
    recipe = replace(
        Recipe(),
        optimiser=Adam(learning_rate=0.0004),
        schedule=InverseTimeDecay(decay=1e-6),
    )
    assert learning_rate(recipe, 0, 100) == 0.0004
    assert learning_rate(recipe, 17_600, 20_000) == 0.0004 * 1 / (1 + 1e-6 * 17_600)


@pytest.mark.parametrize(("total", "cycles"), [(100, 5), (103, 5), (7, 2), (5, 5)])
def test_cosine_cycles_are_the_papers(total: int, cycles: int) -> None:
    recipe = replace(
        Recipe(), optimiser=Adam(learning_rate=0.1), schedule=CosineCycles(cycles=cycles)
    )
    for t in range(1, total + 1):
        length = math.ceil(total / cycles)
        expected = 0.1 / 2 * (math.cos(math.pi * ((t - 1) % length) / length) + 1)
        assert learning_rate(recipe, t - 1, total) == pytest.approx(expected, abs=1e-15)


def test_snapshots_stand_at_the_end_of_whole_cycles() -> None:
    recipe = replace(Recipe(), schedule=CosineCycles(cycles=5))
    assert snapshot_epochs(recipe, 15) == (3, 6, 9, 12, 15)
    assert snapshot_epochs(Recipe(), 15) == ()
    with pytest.raises(RecipeError, match="16 epochs cannot be split into 5 cycles"):
        snapshot_epochs(recipe, 16)


# --- the loop ------------------------------------------------------------------------------------


def test_fit_is_given_no_test_data() -> None:
    assert set(Exploration.__dataclass_fields__) == {"train", "validation", "class_names"}
    annotations = inspect.get_annotations(fit)
    assert annotations["data"] is Exploration
    assert not any(kind is DataSet for kind in annotations.values())


def test_one_epoch_is_the_plain_loop(tiny: DataSet, tmp_path: Path) -> None:
    """Without dropout and augmentation: the weights of an independent loop in plain PyTorch."""
    recipe = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=32)
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    assert fitted is not None
    ours = fresh_model(recipe, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(ours, fitted.weights["best"])

    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    order = torch.Generator().manual_seed(derive(3, "order", 1))
    data = tiny.exploration.train
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses, correct = [], 0
    for t, indices in enumerate(torch.split(torch.randperm(150, generator=order), 32), start=1):
        adam.param_groups[0]["eps"] = 1e-7 / math.sqrt(1 - 0.999**t)
        logits = model(data.pixels[indices].float() / 255)
        loss = nn.functional.cross_entropy(logits, data.labels[indices])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        losses += [loss.item()] * len(indices)
        correct += int((logits.argmax(1) == data.labels[indices]).sum())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    (entry,) = fitted.history
    assert entry.train_loss == pytest.approx(sum(losses) / 150, rel=1e-4)
    assert entry.train_accuracy == pytest.approx(correct / 150)


def test_every_image_is_seen_once_an_epoch() -> None:
    seen = torch.cat(list(batches(150, 32, torch.Generator().manual_seed(0))))
    assert sorted(seen.tolist()) == list(range(150))
    assert steps_per_epoch(150, 32) == 5


def test_a_last_batch_of_one_image_is_left_out() -> None:
    sizes = [len(batch) for batch in batches(65, 32, torch.Generator())]
    assert sizes == [32, 32]
    assert steps_per_epoch(65, 32) == 2
    assert steps_per_epoch(1, 32) == 1


def test_batches_of_one_image_train_without_batch_normalisation(
    tiny: DataSet, tmp_path: Path
) -> None:
    assert len(list(batches(5, 1, torch.Generator()))) == steps_per_epoch(5, 1) == 5
    lonely = replace(SMALL, batch_size=1)
    with pytest.raises(TrainingError, match="batch normalisation needs batches of two images"):
        train(tiny, tmp_path / "normalised", lonely)
    with pytest.raises(TrainingError, match="batch normalisation needs batches of two images"):
        training_step(lonely, TINY.image_shape, TINY.classes, RECORD)
    grouped = apply(lonely, "group_norm", {"groups": 4})
    fitted = train(tiny, tmp_path / "grouped", grouped, epochs=1)
    assert fitted is not None
    assert fitted.history[0].train_accuracy > 0


def test_best_epoch_is_the_earliest_of_the_lowest(
    tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([2.0, 1.0, 1.5, 1.0, 1.2])
    monkeypatch.setattr("rungs.training.epoch.evaluate", lambda *_: (next(losses), 0.5))
    fitted = train(tiny, tmp_path / "run", epochs=5)
    assert fitted is not None
    assert fitted.best_epoch == 2


def test_best_weights_are_those_that_were_evaluated(tiny: DataSet, tmp_path: Path) -> None:
    fitted = train(tiny, tmp_path / "run", epochs=6)
    assert fitted is not None
    model = fresh_model(AUGMENTED, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(model, fitted.weights["best"])
    loss, accuracy = evaluate(model, tiny.exploration.validation, RECORD, "float32")
    best = fitted.history[fitted.best_epoch - 1]
    assert (loss, accuracy) == (best.val_loss, best.val_accuracy)
    assert best.val_loss == min(entry.val_loss for entry in fitted.history)


def test_same_seed_same_weights_other_seed_others(tiny: DataSet, tmp_path: Path) -> None:
    first = train(tiny, tmp_path / "a")
    second = train(tiny, tmp_path / "b")
    other = train(tiny, tmp_path / "c", seed=4)
    assert weights_of(first) == weights_of(second)
    assert weights_of(first) != weights_of(other)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
@pytest.mark.parametrize("cycles", [None, 2], ids=["plain", "snapshots"])
def test_interrupted_and_resumed_is_uninterrupted(
    tiny: DataSet, tmp_path: Path, stop_after: int, cycles: int | None
) -> None:
    recipe = AUGMENTED if cycles else apply(AUGMENTED, "layer_wise_rates", {"decay": 0.5})
    if cycles:
        recipe = apply(recipe, "cosine_cycles", {"cycles": cycles, "alpha0": 0.002})
    whole = train(tiny, tmp_path / "whole", recipe)
    done: list[Epoch] = []
    stopped = train(
        tiny,
        tmp_path / "parts",
        recipe,
        on_epoch=done.append,
        should_stop=lambda: len(done) == stop_after,
    )
    assert stopped is None
    assert len(done) == stop_after
    resumed = train(tiny, tmp_path / "parts", recipe, on_epoch=done.append)
    assert whole is not None
    assert resumed is not None
    assert [entry.epoch for entry in done] == [1, 2, 3, 4]
    assert weights_of(resumed) == weights_of(whole)
    assert measured(resumed.history) == measured(whole.history)
    assert sorted(whole.weights) == ["best", *["snapshot-1", "snapshot-2"][: 2 * bool(cycles)]]


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("writes", range(1, 9))
def test_killed_between_any_two_writes_is_uninterrupted(
    tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """A stop before each write of weights or checkpoint: what is on disk is enough to go on."""
    whole = train(tiny, tmp_path / "whole", epochs=3)
    count = 0
    real = files.write_atomically

    def counted(path: Path, write: Callable[[IO[bytes]], object]) -> None:
        nonlocal count
        count += 1
        if count == writes:
            raise _KilledError
        real(path, write)

    monkeypatch.setattr(checkpoint, "write_atomically", counted)
    try:
        resumed = train(tiny, tmp_path / "killed", epochs=3)
    except _KilledError:
        resumed = train(tiny, tmp_path / "killed", epochs=3)
    assert weights_of(resumed) == weights_of(whole)


def test_a_damaged_checkpoint_is_trained_anew(tiny: DataSet, tmp_path: Path) -> None:
    whole = train(tiny, tmp_path / "whole", epochs=3)
    done: list[Epoch] = []
    train(tiny, tmp_path / "x", epochs=3, on_epoch=done.append, should_stop=lambda: True)
    path = tmp_path / "x" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    again = train(tiny, tmp_path / "x", epochs=3, on_epoch=done.append)
    assert [entry.epoch for entry in done] == [1, 1, 2, 3]
    assert weights_of(again) == weights_of(whole)


def test_a_loss_that_is_not_finite_names_epoch_and_step(tiny: DataSet, tmp_path: Path) -> None:
    recipe = apply(SMALL, "learning_rate", {"value": 1e30})
    with pytest.raises(TrainingError, match=r"no longer finite at epoch 1, step [2-5]"):
        train(tiny, tmp_path / "run", recipe)


def test_batch_norm_moves_as_in_keras(tiny: DataSet, tmp_path: Path) -> None:
    """moving = 0.99 * moving + 0.01 * batch, from zero mean, over the updates of one epoch."""
    recipe = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=150)
    fitted = train(tiny, tmp_path / "run", recipe, epochs=1)
    assert fitted is not None
    model = fresh_model(recipe, tiny.exploration, 3, RECORD)
    convolution = model.get_submodule("layers.0.block.body.0")
    out = convolution(tiny.exploration.train.pixels[:].float() / 255)
    checkpoint.load_weights(model, fitted.weights["best"])
    moving = model.state_dict()["layers.0.block.body.1.running_mean"]
    torch.testing.assert_close(moving, 0.01 * out.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-6)


def test_label_smoothing_counts_in_training_only(tiny: DataSet, tmp_path: Path) -> None:
    plain = train(tiny, tmp_path / "plain", SMALL, epochs=1)
    smooth = train(
        tiny, tmp_path / "smooth", apply(SMALL, "label_smoothing", {"amount": 0.5}), epochs=1
    )
    assert plain is not None
    assert smooth is not None
    assert plain.history[0].train_loss != smooth.history[0].train_loss
    model = fresh_model(SMALL, tiny.exploration, 3, RECORD)
    checkpoint.load_weights(model, smooth.weights["best"])
    loss, _ = evaluate(model, tiny.exploration.validation, RECORD, "float32")
    assert smooth.history[0].val_loss == loss


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_trains_as_the_cpu_does(tiny: DataSet, tmp_path: Path) -> None:
    """Without dropout, whose chance is the device's own: only rounding is left to differ."""
    recipe = replace(SMALL, network=replace(SMALL.network, dropout=()))
    on_cpu = train(tiny, tmp_path / "cpu", recipe, epochs=1)
    record: ExecutionRecord = choose_record("cuda", 1)
    data = tiny.exploration.to("cuda")
    (tmp_path / "gpu").mkdir()
    on_gpu = fit(recipe, data, seed=3, epochs=1, record=record, folder=tmp_path / "gpu")
    assert on_cpu is not None
    assert on_gpu is not None
    assert on_gpu.history[0].train_loss == pytest.approx(on_cpu.history[0].train_loss, rel=0.002)
