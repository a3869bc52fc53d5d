"""Memory that ran out, or may."""

import gc

import torch


def ran_out(error: Exception) -> bool:
    """Whether memory ran out; torch has no type for it on a CPU, only a sentence."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def free(device: str) -> int:
    """Bytes of a GPU's memory that are left; 0 for a CPU, of which nobody asks."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else 0


def give_back(device: str) -> None:
    """Leaves to other processes what torch keeps of a GPU's memory for its next tensors."""
    if device == "cuda":
        gc.collect()  # networks whose references form a cycle hold theirs until then
        torch.cuda.empty_cache()
