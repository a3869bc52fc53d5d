"""Losses that torch has not."""

import torch
import torch.nn.functional as F
from torch import nn


class WithLoss(nn.Module):
    """A network and a loss that has weights of its own, for an optimiser that trains both."""

    def __init__(self, network: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = loss


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


def image_weights(targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The weight of each image of a batch: its class's, or of a blend as its classes are mixed.

    Args:
        targets: class indices int64 [N], or probabilities float [N, K], before any smoothing.
        weights: of the classes, float [K].

    Returns:
        float [N].
    """
    return targets @ weights if targets.ndim > 1 else weights[targets]


def weighted_cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, label_smoothing: float
) -> torch.Tensor:
    """Mean over the images of a batch of weight times cross-entropy, in nats.

    Torch's own weighs class by class instead: what smoothing gives to a rare class then counts
    more than the image's own class does.

    Args:
        logits: float [N, K].
        targets: class indices int64 [N], or probabilities float [N, K].
        weights: of the classes, float [K]; an image's is that of `image_weights`.
        label_smoothing: share of the target's probability that goes to all classes evenly.
    """
    alone = F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)
    return (image_weights(targets, weights) * alone).mean()


def focal(
    logits: torch.Tensor, targets: torch.Tensor, gamma: float, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean of -(1 - p)^gamma * log(p) over a batch (Lin et al., ICCV 2017), in nats.

    Args:
        logits: float [N, K].
        targets: class indices int64 [N], or probabilities float [N, K], summed class by class.
        gamma: how much less images count that are answered well.
        weights: of the classes, float [K]; an image's is that of `image_weights`.
    """
    logs = F.log_softmax(logits, dim=1)
    # At zero, a power below 1 has no finite slope.
    doubt = (1 - logs.exp()).clamp(min=torch.finfo(logs.dtype).tiny)
    costs = -(doubt**gamma) * logs  # [N, K]
    if targets.ndim > 1:
        alone = (costs * targets).sum(dim=1)
    else:
        alone = costs.gather(1, targets[:, None])[:, 0]
    return (alone if weights is None else image_weights(targets, weights) * alone).mean()


def softened_divergence(
    logits: torch.Tensor, answers: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Mean of T^2 * KL(softmax(answers / T) || softmax(logits / T)) over a batch, in nats.

    Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, section 2.

    Args:
        logits: of the network that learns, float [N, K].
        answers: logits of its teacher, float [N, K].
        temperature: T.
    """
    learnt = F.log_softmax(logits / temperature, dim=1)
    taught = F.log_softmax(answers / temperature, dim=1)
    divergence = F.kl_div(learnt, taught, reduction="batchmean", log_target=True)
    return temperature**2 * divergence
