"""How long answering takes and how much memory, measured on untrained networks over noise."""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rungs.data.spec import DataSpec
from rungs.network.building import build
from rungs.network.outputs import predict
from rungs.recipe import Recipe
from rungs.store.inference_costs import Inference
from rungs.training.record import ExecutionRecord, place, use

_BATCH_SIZE = 100
_PASSES = 5
_SECONDS = 3.0


def measure_inference(
    recipe: Recipe, data: DataSpec, record: ExecutionRecord, models: int
) -> Inference:
    """What it takes that so many models of one recipe answer, their softmax outputs averaged.

    The first pass is not timed; where passes take long, fewer are.
    """
    use(record)
    with torch.random.fork_rng(devices=[]):
        networks = [
            place(build(recipe.network, data.image_shape, data.classes), record)
            for _ in range(models)
        ]
        pixels = torch.randint(0, 256, (_BATCH_SIZE, *data.image_shape), dtype=torch.uint8)
    pixels = pixels.to(record.device)

    def answer() -> None:
        mean: torch.Tensor | None = None
        for network in networks:
            logits = predict(
                network, pixels, memory_format=record.memory_format, precision=recipe.precision
            )
            outputs = logits.softmax(dim=1) / models
            mean = outputs if mean is None else mean + outputs
        assert mean is not None
        mean.cpu()  # waits for a GPU

    weights = sum(
        tensor.numel() * tensor.element_size()
        for network in networks
        for tensor in network.state_dict().values()
    )
    if record.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        answer()
        peak = torch.cuda.max_memory_allocated()
    else:
        with _Alive() as alive:
            answer()
        peak = weights + alive.peak
    return Inference(
        models=models,
        batch_size=_BATCH_SIZE,
        milliseconds=1000 * _shortest(answer) / _BATCH_SIZE,
        weights_bytes=weights,
        peak_bytes=peak,
        hardware=_hardware(record),
    )


def _shortest(answer: Callable[[], None]) -> float:
    """Seconds of the shortest of several passes."""
    passes: list[float] = []
    while len(passes) < _PASSES and sum(passes) < _SECONDS:
        began = time.perf_counter()
        answer()
        passes.append(time.perf_counter() - began)
    return min(passes)


def _hardware(record: ExecutionRecord) -> str:
    threads = f", {record.threads} thread{'' if record.threads == 1 else 's'}"
    return f"{record.processor}{threads if record.device == 'cpu' else ''}, torch {record.torch}"


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that operations put out, while they are alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Does the operation and counts what it put out."""
        put_out = func(*args, **(kwargs or {}))
        given = {id(item.untyped_storage()) for item in _tensors((args, kwargs))}
        for tensor in _tensors(put_out):
            storage = tensor.untyped_storage()
            if id(storage) not in given and storage not in self._known:
                self._known.add(storage)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._gone, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return put_out

    def _gone(self, size: int) -> None:
        self.now -= size


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [item for item in tree_leaves(tree) if isinstance(item, torch.Tensor)]
