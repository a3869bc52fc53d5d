"""The execution record: what moves the last bits of a result without being part of the question.

What of it is a choice is made before a run's first step and travels (`rungs.training.request`).
The record is made where the run is trained, kept with it, and used again when the run goes on.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from rungs.foundation.environment import processor
from rungs.foundation.errors import RungsError, TrainingError
from rungs.ops.convolution import Convolution
from rungs.training.request import Request, usual_request


@dataclass(frozen=True)
class ExecutionRecord:
    """Where and how one run computes.

    Attributes:
        device: ``cpu`` or ``cuda``.
        processor: name of the processor or GPU.
        threads: of torch's operators, on a CPU.
        layout: memory layout of images and convolution weights.
        torch: version.
        convolutions: ``minimal``: by Winograd convolution, in bfloat16 as one product, where
            `rungs.ops.convolution` finds it quicker; ``library``: all as torch has them.
        graphs: ``yes``: updates are replayed as CUDA graphs (`rungs.training.graphs`); ``no``;
            ``no (REASON)``: they cannot be captured.
        instructions: vector instructions of torch's kernels on a CPU, such as ``AVX2``; empty for a
            GPU, and where nobody noted them. Processors of one name may have different ones: a
            virtual machine often says no more than its maker's.
    """

    device: str
    processor: str
    threads: int
    layout: Literal["channels_last", "contiguous"]
    torch: str
    convolutions: Literal["library", "minimal"] = "library"
    graphs: str = "no"
    instructions: str = ""

    @property
    def memory_format(self) -> Any:
        """The layout as torch's constant, a ``torch.memory_format``."""
        return torch.channels_last if self.layout == "channels_last" else torch.contiguous_format

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; without graphs where nobody asked for them, as on every CPU."""
        plain = asdict(self)
        if self.graphs == "no":
            del plain["graphs"]
        if not self.instructions:
            del plain["instructions"]
        return plain

    def without_graphs(self, reason: str) -> "ExecutionRecord":
        """The same, but for graphs that cannot be captured."""
        return replace(self, graphs=f"no ({reason})")

    def continued(self, here: "ExecutionRecord") -> "ExecutionRecord":
        """This record as far as it can be honoured where a fresh run would have ``here``.

        Device, processor, its instructions and torch are what they are here, and graphs that cannot
        be captured here are not; all else can be had anywhere. Instructions that this record does
        not know are taken for those that are here.
        """
        refused = self.graphs == "yes" and (here.device != "cuda" or here.graphs.startswith("no ("))
        return replace(
            self,
            device=here.device,
            processor=here.processor,
            torch=here.torch,
            graphs=here.graphs if refused else self.graphs,
            instructions=here.instructions if self.instructions else "",
        )


@dataclass(frozen=True)
class Setting:
    """How a run is to compute.

    Attributes:
        record: unless the run began otherwise.
        ceiling: what the record's device and threads can do at best, in GFLOP/s (see
            `rungs.training.throughput.ceiling`); None where nobody measured.
    """

    record: ExecutionRecord
    ceiling: float | None = None

    def ceiling_of(self, record: ExecutionRecord) -> float | None:
        """The ceiling for a run by another record; None on another device or with other threads."""
        same = (self.record.device, self.record.threads) == (record.device, record.threads)
        return self.ceiling if same else None

    @property
    def request(self) -> Request:
        """What of it is a choice, which another machine can be asked for."""
        record = self.record
        return Request(
            device=record.device,
            threads=record.threads,
            layout=record.layout,
            convolutions=record.convolutions,
            graphs=record.graphs,
            ceiling=self.ceiling,
            measured_on=record.processor,
        )

    @staticmethod
    def here(request: Request) -> "Setting":
        """How what is asked for is computed by this process: the record says with what.

        A ceiling that was measured on another processor is none of this one's.

        Raises:
            RungsError: the device is not here.
        """
        record = replace(
            choose_record(resolve_device(request.device), request.threads),
            layout=request.layout,
            convolutions=request.convolutions,
            graphs=request.graphs,
        )
        measured = request.measured_on == record.processor
        return Setting(record, request.ceiling if measured else None)


def resolve_device(name: str) -> str:
    """``auto`` becomes ``cuda`` where torch can use one, else ``cpu``.

    Raises:
        RungsError: a device that is not there or not known.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise RungsError("device 'cuda' is not available here: torch sees no CUDA GPU")
    if name not in ("cpu", "cuda"):
        raise RungsError(f"device is one of auto, cpu, cuda, not '{name}'")
    return name


def is_here(device: str) -> bool:
    """Whether this machine can compute on a device, ``cpu`` or ``cuda``."""
    return device == "cpu" or torch.cuda.is_available()


def choose_record(device: str, threads: int) -> ExecutionRecord:
    """The record that is quickest for most networks on this machine."""
    usual = usual_request(device, threads)
    return ExecutionRecord(
        device=device,
        processor=processor_name(device),
        threads=threads,
        layout=usual.layout,
        torch=torch.__version__,
        convolutions=usual.convolutions,
        instructions=torch.backends.cpu.get_cpu_capability() if device == "cpu" else "",
    )


def candidates(device: str, threads: int) -> tuple[ExecutionRecord, ...]:
    """All records that a network may be quickest with here; that of `choose_record` first."""
    usual = choose_record(device, threads)
    others = (
        replace(usual, convolutions="library"),
        # Winograd convolution is for channels-last alone.
        replace(usual, convolutions="library", layout="contiguous"),
    )
    return tuple(dict.fromkeys((usual, *others)))


def processor_name(device: str) -> str:
    """Name of the GPU or of the CPU model."""
    return torch.cuda.get_device_name() if device == "cuda" else processor()


def use(record: ExecutionRecord) -> None:
    """Puts this process into the state that the record asks for."""
    torch.set_num_threads(record.threads)
    # As use_deterministic_algorithms, which takes seconds to import torch's compiler first.
    torch.set_deterministic_debug_mode("error" if record.device == "cpu" else "default")
    if record.device == "cuda":
        # A recipe's precision is what it says: by default convolutions round float32 to 10 bits,
        # and only they. By the newer fp32_precision, torch.backends.cudnn.flags would then raise.
        torch.backends.cudnn.allow_tf32 = False
    # Otherwise torch fills all fresh memory, which nothing here reads: it halves the speed.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def wait(record: ExecutionRecord) -> None:
    """Returns once the device has done all that it was told: before a clock is read."""
    if record.device == "cuda":
        torch.cuda.synchronize()


def check_batches(model: nn.Module, images: int) -> None:
    """That a network can be trained on batches of so many images.

    Raises:
        TrainingError: one image alone has no variance to be normalised by.
    """
    if images == 1 and any(isinstance(module, _BatchNorm) for module in model.modules()):
        raise TrainingError(
            "batch normalisation needs batches of two images at least, found a batch size of 1; "
            "set 'batch_size', or normalise with 'group_norm'"
        )


def place(model: nn.Module, record: ExecutionRecord) -> nn.Module:
    """Brings a network to the record's device and layout, with its kind of convolutions."""
    for module in model.modules():
        if isinstance(module, Convolution):
            module.minimal = record.convolutions == "minimal"
    # torch's annotations lack the keyword that its documentation gives.
    moved: nn.Module = model.to(device=record.device, memory_format=record.memory_format)  # type: ignore[call-overload]
    return moved
