"""Losses that torch has not."""

import torch
import torch.nn.functional as F


def focal(logits: torch.Tensor, targets: torch.Tensor, gamma: float) -> torch.Tensor:
    """Mean of -(1 - p)^gamma * log(p) over a batch (Lin et al., ICCV 2017), in nats.

    Args:
        logits: float [N, K].
        targets: class indices int64 [N], or probabilities float [N, K], summed class by class.
        gamma: how much less images count that are answered well.
    """
    logs = F.log_softmax(logits, dim=1)
    costs = -((1 - logs.exp()) ** gamma) * logs  # [N, K]
    if targets.ndim == 1:
        return costs.gather(1, targets[:, None]).mean()
    return (costs * targets).sum(dim=1).mean()
