"""Updates as CUDA graphs: when they are captured, what they compute, and what is said where not."""

import contextlib
import io
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from rungs.data.images import DataSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load
from rungs.execution import graph_trial
from rungs.execution.engine import Finished
from rungs.execution.graph_trial import GraphTrials
from rungs.execution.messages import Measured, NoGraphs, TryGraphs, parse, spell
from rungs.execution.probe import question
from rungs.execution.run_one import run_one
from rungs.foundation import files
from rungs.foundation.errors import CaptureError
from rungs.ops.optimisers import KerasAdam
from rungs.recipe import Recipe
from rungs.recipe import replace as changed
from rungs.recipe.components import Adam, Convolutional, CutMix, PoolingHead, ProgressiveResolution
from rungs.recipe.modifications import apply
from rungs.recipe.own_modules import forget_module, load_module
from rungs.report.gather.runs import describe_execution
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.jobs import Job
from rungs.training import epoch, noise
from rungs.training.epoch import Training, drawn_batches
from rungs.training.evaluation import renew_statistics
from rungs.training.fit import fit
from rungs.training.graphs import CudaCapturer, Work, reason
from rungs.training.record import ExecutionRecord, Setting, choose_record, use
from rungs.training.step import EagerStep, Passed
from tests.conftest import RECORD, TINY
from tests.recorded import Recorded
from tests.runs import happening

CLASSES, BATCH = 4, 32
SHAPE = (3, 8, 8)
RECIPE = Recipe(
    network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.0, 0.3)), batch_size=BATCH
)
GRAPHS = replace(RECORD, graphs="yes")


class Replay:
    """Stands for CUDA where it is asked when, not what: a replay is the work itself, done anew."""

    def __init__(self, *, fails_at: int | None = None, forgets: bool = False) -> None:
        self.rehearsed = self.captured = self.replayed = 0
        self._fails_at, self._forgets = fails_at, forgets

    def rehearse(self, work: Work) -> Passed:
        self.rehearsed += 1
        return work()

    def capture(self, work: Work) -> tuple[Callable[[], None], Passed]:
        self.captured += 1
        if self.captured == self._fails_at:
            raise CaptureError("operation not permitted")
        passed = torch.zeros(()), torch.zeros(BATCH, CLASSES)

        def replay() -> None:
            self.replayed += 1
            if not self._forgets:
                for place, value in zip(passed, work(), strict=True):
                    place.copy_(value)

        return replay, passed


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Replay:
    replay = Replay()
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: replay)
    return replay


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    made = Recorded()
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: made)
    return made


def trained(
    data: DataSet, folder: Path, recipe: Recipe, record: ExecutionRecord, epochs: int = 2
) -> dict[str, torch.Tensor]:
    """The state in the checkpoint of the last epoch, and the losses."""
    folder.mkdir()
    fitted = fit(recipe, data.exploration, seed=3, epochs=epochs, record=record, folder=folder)
    assert fitted is not None
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    losses = [[entry.train_loss, entry.train_accuracy] for entry in fitted.history]
    return {**state["model"], "losses": torch.tensor(losses)}


# --- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("learning_rate", {"value": 0.01}),
        ("sgd", {"value": 0.05}),
        ("adamw", {"value": 0.003}),
        ("muon", {"value": 0.02}),
        ("layer_wise_rates", {"decay": 0.5}),
        ("sharpness_aware", {}),
        ("lookahead", {}),
        ("ema", {}),
        ("swa", {}),
        ("clip_gradients", {"length": 0.1}),
        ("mixup", {}),
        ("focal_loss", {}),
    ],
)
def test_replayed_updates_are_the_eager_ones(
    tiny: DataSet, tmp_path: Path, recorded: Recorded, change: str, values: dict[str, Any]
) -> None:
    """The rate falls at each update, and Adam's corrections change with it."""
    recipe = apply(apply(RECIPE, "cosine", {"warm_up": 0.2}), change, values)
    eager = trained(tiny, tmp_path / "eager", recipe, RECORD)
    assert recorded.captured == 0
    graphs = trained(tiny, tmp_path / "graphs", recipe, GRAPHS)
    # Four whole batches an epoch and one of 22, which is not captured.
    assert (recorded.rehearsed, recorded.captured, recorded.replayed) == (3, 1, 5)
    assert eager.keys() == graphs.keys()
    # What a bias adds is taken off again by the normalisation: its gradient is rounding alone.
    for name in (name for name in eager if name.endswith(("weight", "losses"))):
        value = eager[name]
        torch.testing.assert_close(graphs[name], value, rtol=2e-4, atol=2e-5, msg=name)


def test_a_run_that_has_ended_leaves_no_graphs(tiny: DataSet, recorded: Recorded) -> None:
    """Without the garbage collector, which nobody calls while a worker does run after run."""
    training = Training.begin(RECIPE, tiny.exploration, 0, 1, GRAPHS)
    for number, batch in enumerate(drawn_batches(training, 1), start=1):
        training.step(batch.images, batch.targets, rate=0.01, number=number)
    assert recorded.replayed
    step, model = weakref.ref(training.step), weakref.ref(training.model)
    del training
    assert step() is None
    assert model() is None


def test_kerass_adam_goes_on_eagerly_from_captured_updates() -> None:
    torch.manual_seed(0)
    eager, graphs = nn.Linear(3, 2), nn.Linear(3, 2)
    graphs.load_state_dict(eager.state_dict())
    reference, captured = (Adam(epsilon=1e-3).build(model) for model in (eager, graphs))
    assert isinstance(captured, KerasAdam)
    for update in range(1, 30):
        gradients = [torch.randn_like(item) * 0.01 for item in eager.parameters()]
        for model in (eager, graphs):
            for item, gradient in zip(model.parameters(), gradients, strict=True):
                item.grad = gradient.clone()
        reference.step(0.01, update)
        if update < 20:
            captured.captured_step(torch.tensor(captured.captured_rate(0.01, update)))
        else:
            captured.step(0.01, update)
    torch.testing.assert_close(graphs.weight, eager.weight, rtol=1e-4, atol=1e-6)
    assert float(captured.state_dict()["state"][0]["step"]) == 29


def test_there_is_a_graph_for_each_shape(tiny: DataSet, tmp_path: Path, cuda: Replay) -> None:
    sizes = ProgressiveResolution(start=0.5, until=0.5, multiple=4)
    trained(tiny, tmp_path / "sizes", changed(RECIPE, resolution=sizes), GRAPHS, epochs=4)
    assert (cuda.rehearsed, cuda.captured) == (2 * 3, 2)
    assert cuda.rehearsed + cuda.replayed == 4 * 4
    before = cuda.captured
    # A batch that was mixed has probabilities as targets, another has classes.
    trained(tiny, tmp_path / "mixed", changed(RECIPE, mixing=CutMix()), GRAPHS, epochs=5)
    assert cuda.captured - before == 2


def test_statistics_are_renewed_as_torch_does(tiny: DataSet) -> None:
    torch.manual_seed(0)
    ours, theirs = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4)).eval()
        for _ in range(2)
    )
    theirs.load_state_dict(ours.state_dict())
    # Whole batches alone: of a rest, torch's counts as much as of a whole one.
    size = 40
    images = tiny.exploration.train
    images = images.subset(torch.arange(len(images) // size * size))
    assert len(images) > size
    renew_statistics(ours, torch.split(images.pixels[:], size), "float32", RECORD)
    with torch.no_grad():
        parts = torch.split(images.pixels[:].float() / 255, size)
        update_bn((part.contiguous(memory_format=RECORD.memory_format) for part in parts), theirs)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
    assert not ours.training
    assert {module.momentum for module in ours.modules() if hasattr(module, "momentum")} == {0.1}


# --- what cannot be captured ---------------------------------------------------------------------


def test_a_capture_that_fails_leaves_a_run_that_goes_on_without(
    tiny: DataSet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ProgressiveResolution(start=0.5, until=0.5, multiple=4)
    spec = RunSpec(changed(RECIPE, resolution=sizes), 4, TINY, 0)
    replay = Replay(fails_at=2)
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: replay)
    with pytest.raises(CaptureError, match="operation not permitted"):
        run_one(store, Job(spec), tiny, setting=Setting(GRAPHS))
    began = files.read_json(store.work_folder(spec.key) / "execution.json")
    assert began["graphs"] == "no (operation not permitted)"
    assert run_one(store, Job(spec), tiny, setting=Setting(GRAPHS))
    assert replay.captured == 2
    result = store.result(spec.key)
    assert result.execution["graphs"] == "no (operation not permitted)"
    # Its first epochs were done with graphs.
    assert not result.exact


def test_a_capture_that_fails_in_the_first_epoch_costs_no_exactness(
    tiny: DataSet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = RunSpec(RECIPE, 2, TINY, 0)
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: Replay(fails_at=1))
    with pytest.raises(CaptureError):
        run_one(store, Job(spec), tiny, setting=Setting(GRAPHS))
    assert run_one(store, Job(spec), tiny, setting=Setting(GRAPHS))
    assert store.result(spec.key).exact


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), "not enough memory"),
        (RuntimeError("operation not permitted\nmore"), "RuntimeError: operation not permitted"),
    ],
)
def test_what_ended_a_capture_is_said_not_what_its_end_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    @contextlib.contextmanager
    def capturing(*_: object, **__: object) -> Iterator[None]:
        try:
            yield
        finally:
            raise RuntimeError("CUDA error: the capture was invalidated")

    for name in ("Stream", "CUDAGraph", "graph_pool_handle"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", capturing)

    def work() -> Passed:
        raise error

    with pytest.raises(CaptureError) as raised:
        CudaCapturer().capture(work)
    assert str(raised.value) == said


OWN = """
import torch

from rungs.extend import Optimiser, component


class Descent:
    def __init__(self, model):
        self._parameters = list(model.parameters())

    @torch.no_grad()
    def step(self, rate, update):
        for parameter in self._parameters:
            parameter.sub_(parameter.grad, alpha=rate)
            parameter.grad = None

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@component
class Plain(Optimiser):
    \"\"\"One that knows nothing of graphs.\"\"\"

    learning_rate: float = 0.01

    def build(self, model):
        return Descent(model)
"""
REFUSED = "no (optimiser 'own:plain' takes its learning rate from Python)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Path, Recipe]]:
    """A module with an optimiser that is not made for graphs, and a recipe with it."""
    path = tmp_path / "own.py"
    path.write_text(OWN, encoding="utf-8")
    (optimiser,) = load_module(path).components
    made: Any = optimiser()
    yield path, changed(RECIPE, optimiser=made)
    forget_module("own")


def test_an_optimiser_that_takes_its_rate_from_python_is_not_captured(
    own: tuple[Path, Recipe], tiny: DataSet
) -> None:
    path, recipe = own
    assert isinstance(Training.begin(recipe, tiny.exploration, 0, 1, RECORD).step, EagerStep)
    # In a process of its own, as before every first run of a network.
    with GraphTrials((path,)) as trials:
        found = trials.with_graphs_if_quicker(RunSpec(recipe, 1, TINY, 0), RECORD)
    assert found.graphs == REFUSED


def test_a_trial_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = f"\x1e{spell(Measured(1.5))}"
    hangs = f"print({answer!r}, flush=True); import time; time.sleep(100)"

    def start(_: str, *, quiet: bool) -> "subprocess.Popen[str]":
        assert quiet
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", hangs], stdin=pipe, stdout=pipe, text=True)

    monkeypatch.setattr(graph_trial, "start", start)
    monkeypatch.setattr(graph_trial, "_PATIENCE_SECONDS", 2.0)
    warned: list[str] = []
    with GraphTrials(warn=warned.append) as trials:
        found = trials.with_graphs_if_quicker(RunSpec(Recipe(), 1, TINY, 0), RECORD)
    assert found.graphs == "no (no answer within 2 s)"
    assert warned == ["trying CUDA graphs gave no answer within 2 s: runs are done without"]


def test_a_worker_that_cannot_capture_is_followed_by_one_that_goes_on_without(
    own: tuple[Path, Recipe], store: Store
) -> None:
    path, recipe = own
    spec = RunSpec(recipe, 1, SyntheticSpec(classes=4, train=70, validation=20, test=20, size=8), 0)
    load(spec.data)
    setting = Setting(GRAPHS)
    events = list(happening(store, [Job(spec)], workers=1, modules=(path,), setting=setting))
    assert [isinstance(event, Finished) for event in events].count(True) == 1
    result = store.result(spec.key)
    assert result.execution["graphs"] == REFUSED
    assert result.exact


def test_a_reason_is_one_short_line() -> None:
    error = RuntimeError("CUDA error: operation not permitted\nCompile with TORCH_USE_CUDA_DSA" * 9)
    assert reason(error) == "RuntimeError: CUDA error: operation not permitted"
    assert len(reason(ValueError("x" * 1000))) < 200
    assert reason(KeyError()) == "KeyError: "


# --- the record ----------------------------------------------------------------------------------


def test_records_of_runs_without_graphs_are_written_as_before() -> None:
    assert "graphs" not in RECORD.to_dict()
    assert ExecutionRecord(**RECORD.to_dict()) == RECORD
    assert GRAPHS.to_dict()["graphs"] == "yes"
    assert "graphs" not in describe_execution(RECORD.to_dict())
    assert ", CUDA graphs, torch" in describe_execution(GRAPHS.to_dict())
    refused = RECORD.without_graphs("no room").to_dict()
    assert ", CUDA graphs: no (no room), torch" in describe_execution(refused)


GPU = replace(RECORD, device="cuda", processor="a GPU", convolutions="library")


@pytest.mark.parametrize(
    ("began", "here", "expected"),
    [
        ("yes", "yes", "yes"),
        ("yes", "no", "yes"),  # slower here, but to be had
        ("yes", "no (it fails)", "no (it fails)"),
        ("no", "yes", "no"),
        ("no (it fails)", "yes", "no (it fails)"),
        ("no", "no (it fails)", "no"),
    ],
)
def test_a_run_goes_on_with_graphs_if_it_began_with_them(
    began: str, here: str, expected: str
) -> None:
    found = replace(GPU, graphs=began).continued(replace(GPU, graphs=here))
    assert found == replace(GPU, graphs=expected)


def test_a_run_that_began_with_graphs_is_marked_where_there_are_none(
    tiny: DataSet, store: Store, cuda: Replay
) -> None:
    spec = RunSpec(RECIPE, 2, TINY, 0)
    run_one(store, Job(spec), tiny, setting=Setting(GRAPHS), should_stop=lambda: True)
    assert cuda.captured == 1
    assert run_one(store, Job(spec), tiny, setting=Setting(RECORD))
    result = store.result(spec.key)
    assert not result.exact
    assert "graphs" not in result.execution


# --- tried before the first step -----------------------------------------------------------------


def told(answer: object) -> Measured | NoGraphs | None:
    """What a trial says."""
    if isinstance(answer, float):
        return Measured(answer)
    return None if answer is None else NoGraphs(str(answer))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([100.0, 300.0], "yes"),
        ([100.0, 102.0], "no"),  # within the noise
        ([100.0, "operation not permitted"], "no (operation not permitted)"),
        ([100.0, None], "no (the process that tried ended)"),
        ([None, None], "no"),
    ],
)
def test_graphs_are_taken_where_they_work_and_are_quicker(
    monkeypatch: pytest.MonkeyPatch, answers: list[object], expected: str
) -> None:
    said = iter(answers)
    asked: list[Any] = []
    for name in ("start", "end"):
        monkeypatch.setattr(graph_trial, name, Mock())
    monkeypatch.setattr(graph_trial, "say", lambda _, message: asked.append(parse(message)))
    monkeypatch.setattr(graph_trial, "answer", lambda _: told(next(said)))
    with GraphTrials() as trials:
        found = trials.with_graphs_if_quicker(RunSpec(RECIPE, 1, TINY, 0), GPU)
    assert found == replace(GPU, graphs=expected)
    assert [message.question.request for message in asked] == [Setting(GPU).request]


NO = "operation not permitted"


@pytest.mark.parametrize(
    ("answers", "found", "starts", "ends"),
    [
        ([(100.0, 300.0), (100.0, 300.0), (100.0, 300.0)], ["yes"] * 3, [1, 1, 1], [0, 0, 0]),
        # What the process that was used before cannot do, a fresh one is asked.
        ([(100.0, 300.0), (100.0, NO), (100.0, 300.0)], ["yes", "yes"], [1, 2], [0, 1]),
        ([(100.0, 300.0), (None, None), (100.0, 300.0)], ["yes", "yes"], [1, 2], [0, 1]),
        ([(100.0, 300.0), (100.0, NO), (100.0, NO)], ["yes", f"no ({NO})"], [1, 2], [0, 2]),
        ([(100.0, NO), (100.0, 300.0)], [f"no ({NO})", "yes"], [1, 2], [1, 1]),
    ],
)
def test_one_process_tries_network_after_network_until_it_fails(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[tuple[object, object]],
    found: list[str],
    starts: list[int],
    ends: list[int],
) -> None:
    said = iter(part for answer in answers for part in answer)
    started, ended = Mock(side_effect=lambda *_, **__: Mock()), Mock()
    monkeypatch.setattr(graph_trial, "start", started)
    monkeypatch.setattr(graph_trial, "end", ended)
    monkeypatch.setattr(graph_trial, "say", Mock())
    monkeypatch.setattr(graph_trial, "answer", lambda _: told(next(said)))
    with GraphTrials() as trials:
        for graphs, started_so_far, ended_so_far in zip(found, starts, ends, strict=True):
            record = trials.with_graphs_if_quicker(RunSpec(RECIPE, 1, TINY, 0), GPU)
            assert record.graphs == graphs
            assert (started.call_count, ended.call_count) == (started_so_far, ended_so_far)
    assert ended.call_count == started.call_count
    assert next(said, None) is None


def test_a_trial_answers_until_it_fails(
    cuda: Replay, own: tuple[Path, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, refused = own
    asked = "".join(
        spell(TryGraphs(question(RunSpec(recipe, 1, TINY, 0), RECORD, (path,)))) + "\n"
        for recipe in (RECIPE, RECIPE, refused, RECIPE)
    )
    answers, left = io.StringIO(), Mock(side_effect=SystemExit)
    monkeypatch.setattr(graph_trial, "take_stdout", lambda: answers)
    monkeypatch.setattr(graph_trial, "_SECONDS", 0.0)
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    monkeypatch.setattr("os._exit", left)
    with pytest.raises(SystemExit):
        graph_trial.main()
    assert cuda.captured
    *rates, no = [parse(line.lstrip("\x1e")) for line in answers.getvalue().split("\n")[:-1]]
    assert len(rates) == 5
    assert all(isinstance(found, Measured) and found.rate > 0 for found in rates)
    assert isinstance(no, NoGraphs)
    assert f"no ({no.reason})" == REFUSED


LOSS = """
import torch.nn.functional as F

from rungs.extend import Loss, component


@component
class Odd(Loss):
    \"\"\"Cross-entropy, times something.\"\"\"

    def build(self, counts):
        passes = []

        def criterion(logits, targets):
            value = F.cross_entropy(logits, targets)
            return value * ({})

        return criterion
"""


def test_graphs_that_compute_something_else_are_refused(
    cuda: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise.check_agreement(RECIPE, SHAPE, CLASSES, GRAPHS)
    assert cuda.replayed
    monkeypatch.setattr(epoch, "CudaCapturer", lambda: Replay(forgets=True))
    with pytest.raises(CaptureError, match="differ by 100 % from those without graphs"):
        noise.check_agreement(RECIPE, SHAPE, CLASSES, GRAPHS)


@pytest.mark.parametrize(
    ("factor", "refusal"),
    [
        ("passes.append(0) or len(passes)", "from those without graphs"),
        ("float(value.detach()) + 1", "is not permitted when a stream is capturing"),
    ],
)
def test_what_an_own_loss_decides_in_python_is_refused(
    tmp_path: Path, recorded: Recorded, factor: str, refusal: str
) -> None:
    (tmp_path / "own.py").write_text(LOSS.format(factor), encoding="utf-8")
    (loss,) = load_module(tmp_path / "own.py").components
    made: Any = loss()
    try:
        with pytest.raises(CaptureError, match=refusal):
            noise.check_agreement(changed(RECIPE, loss=made), SHAPE, CLASSES, GRAPHS)
    finally:
        forget_module("own")
    assert recorded.captured


def test_losses_are_compared_as_far_as_they_are_numbers() -> None:
    nan = float("nan")
    reference = torch.tensor([2.0, 4.0, nan])
    assert noise.largest_difference(torch.tensor([2.0, 3.0, 1.0]), reference) == 0.25
    assert not noise.largest_difference(torch.tensor([2.0, nan, nan]), reference) <= 1
    assert noise.largest_difference(reference, torch.full((3,), nan)) == 0


# --- on a GPU ------------------------------------------------------------------------------------

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@needs_gpu
@pytest.mark.parametrize("change", ["sgd", "adamw", "muon", "sharpness_aware", "ema", "cutmix"])
def test_on_a_gpu_graphs_compute_what_they_replace(change: str) -> None:
    """Losses of the first updates agree within 0.1 %: the kernels are the same."""
    recipe = apply(RECIPE, change, {"value": 0.01} if change == "sgd" else {})
    record = choose_record("cuda", 1)
    losses = [
        noise.first_losses(recipe, SHAPE, CLASSES, replace(record, graphs=graphs))
        for graphs in ("no", "yes")
    ]
    assert noise.largest_difference(losses[1], losses[0]) < 1e-3


@needs_gpu
@torch.no_grad()
def test_on_a_gpu_float32_is_not_rounded_to_tf32() -> None:
    use(choose_record("cuda", 1))
    torch.manual_seed(0)
    convolution = nn.Conv2d(64, 64, 3)
    images = torch.randn(8, 64, 16, 16)
    expected = convolution.double()(images.double())
    found = convolution.float().cuda()(images.cuda()).double().cpu()
    # TF32 keeps 10 bits: its error would be several times this, that of float32 is far below.
    assert float((found - expected).abs().max()) < 1e-4


@needs_gpu
# By which torch says that it may overlook some.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype feature")
@pytest.mark.parametrize("graphs", ["no", "yes"])
def test_on_a_gpu_no_update_waits_for_the_device(tiny: DataSet, graphs: str) -> None:
    recipe = RECIPE
    for change in ("affine", "rand_augment", "cutout", "colour_jitter", "mixup", "ema"):
        recipe = apply(recipe, change, {})
    record = replace(choose_record("cuda", 1), graphs=graphs)
    training = Training.begin(recipe, tiny.exploration.to("cuda"), 0, 2, record)
    for number in (1, 2):  # in the first, libraries prepare themselves and the graph is captured
        torch.cuda.set_sync_debug_mode("error" if number == 2 else "default")
        try:
            for step, batch in enumerate(drawn_batches(training, number), start=1):
                training.step(batch.images, batch.targets, rate=1e-3, number=step)
                training.averaging.update(0.5, epoch_ends=False)
        finally:
            torch.cuda.set_sync_debug_mode("default")
