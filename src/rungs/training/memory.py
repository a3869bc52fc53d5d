"""Memory that ran out."""

import torch


def ran_out(error: Exception) -> bool:
    """Whether memory ran out; torch has no type for it on a CPU, only a sentence."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
