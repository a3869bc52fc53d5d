"""A model's outputs: of how many images at a time, and in which arithmetic."""

from typing import Any

import pytest
import torch
from torch import nn

from rungs.network.outputs import EVALUATION_BATCH, predict, unrounded

BACKENDS: Any = torch.backends
GPU = (BACKENDS.cudnn.conv, BACKENDS.cuda.matmul)


class Watched(nn.Module):
    """Means of channels; notes what it is asked, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.precisions: set[tuple[str, ...]] = set()
        self.types: set[torch.dtype] = set()
        self.layer = nn.Linear(3, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(images))
        self.precisions.add(tuple(kind.fp32_precision for kind in GPU))
        logits: torch.Tensor = self.layer(images.mean((2, 3)))
        self.types.add(logits.dtype)
        return logits


@pytest.mark.parametrize(
    ("precision", "kind"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_answers_come_in_batches_and_in_the_recipes_arithmetic(
    precision: str, kind: torch.dtype
) -> None:
    model = Watched()
    most = EVALUATION_BATCH["cpu"]
    pixels = torch.randint(0, 256, (2 * most + 7, 3, 4, 4), dtype=torch.uint8)
    before = [kind.fp32_precision for kind in GPU]
    layout = torch.contiguous_format
    logits = predict(model, pixels, memory_format=layout, precision=precision)
    assert model.sizes == [most, most, 7]
    assert model.types == {kind}
    assert logits.dtype == torch.float32
    assert model.precisions == {("ieee", "ieee")}
    assert [kind.fp32_precision for kind in GPU] == before


@pytest.mark.parametrize("allowed", [False, True])
def test_what_a_process_lets_a_gpu_round_is_put_back(
    monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    with unrounded():
        assert {kind.fp32_precision for kind in GPU} == {"ieee"}
    assert torch.backends.cudnn.allow_tf32 is allowed
    with pytest.raises(RuntimeError, match="mat1 and mat2"), unrounded():
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert torch.backends.cudnn.allow_tf32 is allowed


def test_of_threads_that_answer_at_a_time_the_last_puts_it_back() -> None:
    before = [kind.fp32_precision for kind in GPU]
    first, second = unrounded(), unrounded()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert {kind.fp32_precision for kind in GPU} == {"ieee"}
    second.__exit__(None, None, None)
    assert [kind.fp32_precision for kind in GPU] == before
