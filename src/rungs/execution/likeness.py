"""What a node has to have in common with where a study was asked for, so that its runs compare."""

import platform
from dataclasses import dataclass

from rungs.foundation.environment import version_of_rungs


@dataclass(frozen=True)
class Likeness:
    """What moves the bits of a result, or their meaning, beside the processor's own name.

    Attributes:
        rungs: version of Rungs.
        python: version of Python, to its second number.
        torch: release of torch: builds of one release for CPU and CUDA are alike.
        instructions: vector instructions of torch's kernels on a CPU; "" where a GPU computes.
    """

    rungs: str
    python: str
    torch: str
    instructions: str

    @staticmethod
    def here(device: str) -> "Likeness":
        """That of this process.

        Args:
            device: ``cpu`` or ``cuda``.
        """
        import torch

        return Likeness(
            rungs=version_of_rungs(),
            python=".".join(platform.python_version_tuple()[:2]),
            torch=torch.__version__.split("+")[0],
            instructions=torch.backends.cpu.get_cpu_capability() if device == "cpu" else "",
        )

    def unlike(self, found: "Likeness") -> str | None:
        """What is other there, as the begin of a sentence; None if nothing is."""
        names = {
            "rungs": "Rungs",
            "python": "Python",
            "torch": "torch",
            "instructions": "instruction set",
        }
        others = [
            f"its {name} is {getattr(found, field)}, expected {getattr(self, field)}"
            for field, name in names.items()
            if getattr(found, field) != getattr(self, field)
        ]
        return " and ".join(others) or None
