"""Losses that torch has not."""

import torch
import torch.nn.functional as F


def balanced(counts: torch.Tensor) -> torch.Tensor:
    """Weights with which every class counts alike: images / (classes * images of the class).

    Args:
        counts: images of each class, int64 [K]. A class without any takes part in nothing and
            gets 1.

    Returns:
        float32 [K]; the mean over the images is 1.
    """
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp(min=1))
    return torch.where(present, weights, 1.0)


def focal(
    logits: torch.Tensor, targets: torch.Tensor, gamma: float, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean of -(1 - p)^gamma * log(p) over a batch (Lin et al., ICCV 2017), in nats.

    Args:
        logits: float [N, K].
        targets: class indices int64 [N], or probabilities float [N, K], summed class by class.
        gamma: how much less images count that are answered well.
        weights: of the classes, float [K]. As in torch, the mean is over the weights of the batch
            where targets are class indices, else over its images.
    """
    logs = F.log_softmax(logits, dim=1)
    # At zero, a power below 1 has no finite slope.
    doubt = (1 - logs.exp()).clamp(min=torch.finfo(logs.dtype).tiny)
    costs = -(doubt**gamma) * logs  # [N, K]
    if weights is not None:
        costs = costs * weights
    if targets.ndim > 1:
        return (costs * targets).sum(dim=1).mean()
    chosen = costs.gather(1, targets[:, None])
    return chosen.mean() if weights is None else chosen.sum() / weights[targets].sum()
