"""Tensors on their way to the device without the host waiting for it."""

import torch


def sent(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """A tensor of the host on ``device``; itself where that is the host.

    From ordinary memory, a copy to a GPU makes the host wait until the GPU has done all that it was
    told before. From pinned memory it takes its place in the queue like any operation.
    """
    if torch.device(device).type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
