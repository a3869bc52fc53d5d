"""Training one convolution by Winograd convolution against the library's own: speed and rounding.

Run as ``python benchmarks/convolutions.py``.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import timing
import torch

from rungs.ops.convolution import Convolution
from rungs.ops.winograd import WinogradConvolution
from rungs.training.record import ExecutionRecord, choose_record, place, use

BATCH = 128
# Side of the map, inputs, outputs: the layers of the built-in studies, and a few others.
LAYERS = [
    (32, 32, 32),
    (16, 32, 64),
    (16, 64, 64),
    (8, 32, 64),
    (8, 64, 128),
    (8, 128, 128),
    (7, 64, 64),
    (4, 32, 64),
    (4, 128, 256),
    (4, 256, 256),
    (3, 64, 64),
    (2, 256, 512),
    (2, 512, 512),
    (1, 256, 256),
]
COLUMNS = (
    "map",
    "inputs",
    "outputs",
    "library ms",
    "minimal ms",
    "times faster",
    "library error",
    "minimal error",
)


def _minimal(module: Convolution, images: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = WinogradConvolution.apply(images, module.weight, module.bias)  # type: ignore[no-untyped-call]
    return result


def _step(
    forward: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, outward: torch.Tensor
) -> Callable[[], object]:
    """One forward and backward pass; gradients are dropped, as an optimiser drops them."""

    def step() -> None:
        images.grad = None
        forward(images).backward(outward)  # type: ignore[no-untyped-call]

    return step


def measure(
    size: int, inputs: int, outputs: int, *, record: ExecutionRecord, repeats: int
) -> dict[str, object]:
    """Milliseconds of a pass, and the largest error of an output in standard deviations."""
    torch.manual_seed(0)
    module = Convolution(inputs, outputs, 3, padding="same")
    place(module, record)
    images = torch.randn(BATCH, inputs, size, size).to(memory_format=torch.channels_last)
    outward = torch.randn(BATCH, outputs, size, size).to(memory_format=torch.channels_last)
    forwards: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "library": module,
        "minimal": lambda images: _minimal(module, images),
    }
    with torch.no_grad():
        results = {name: forward(images) for name, forward in forwards.items()}
        exact = module.double()(images.double())
        errors = {
            name: float((result - exact).abs().max() / exact.std())
            for name, result in results.items()
        }
        module.float()
    images.requires_grad_()
    seconds = timing.interleaved(
        {name: _step(forward, images, outward) for name, forward in forwards.items()}, repeats
    )
    return {
        "map": f"{size}x{size}",
        "inputs": inputs,
        "outputs": outputs,
        "library ms": 1000 * seconds["library"],
        "minimal ms": 1000 * seconds["minimal"],
        "times faster": seconds["library"] / seconds["minimal"],
        "library error": errors["library"],
        "minimal error": errors["minimal"],
    }


def main() -> None:
    """Measures every layer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    record = replace(choose_record("cpu", options.threads), convolutions="library")
    use(record)
    rows = [measure(*layer, record=record, repeats=options.repeats) for layer in LAYERS]
    command = f"python benchmarks/convolutions.py --threads {options.threads}"
    timing.write("convolutions", command, COLUMNS, rows)


if __name__ == "__main__":
    main()
