"""How a run is asked to compute, as data that travels to where it is trained. Needs no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Request:
    """What was chosen for a run, by measurement; what it was done with is found where it is done.

    Attributes:
        device: ``cpu`` or ``cuda``.
        threads: of torch's operators, on a CPU.
        layout: memory layout of images and convolution weights.
        convolutions: see `rungs.training.record.ExecutionRecord`.
        graphs: the same.
        ceiling: in GFLOP/s, see `rungs.training.record.Setting`; None where nobody measured.
        measured_on: the processor or GPU whose ceiling it is.
    """

    device: str
    threads: int
    layout: Literal["channels_last", "contiguous"]
    convolutions: Literal["library", "minimal"] = "library"
    graphs: str = "no"
    ceiling: float | None = None
    measured_on: str = ""


def usual_request(device: str, threads: int) -> Request:
    """What is quickest for most networks, where nobody measured.

    Channels-last is the layout that the convolution kernels of both kinds of device prefer.
    """
    return Request(
        device=device,
        threads=threads,
        layout="channels_last",
        convolutions="minimal" if device == "cpu" else "library",
    )
