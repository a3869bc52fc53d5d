"""A trained model as one module: pixels in, calibrated probabilities out."""

from collections.abc import Sequence

import torch
from torch import nn

from rungs.data.scaling import scale


class Classifier(nn.Module):
    """Scaling, one network or several, and a temperature.

    p = softmax(log(mean over members of softmax(logits)) / T): the members' mean is calibrated,
    not each member (Rahaman and Thiery, 2021). With one member it is softmax(logits / T).
    """

    temperature: torch.Tensor

    def __init__(self, members: Sequence[nn.Module], temperature: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float32))
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 [N, C, H, W] -> float32 probabilities [N, classes]."""
        images = scale(pixels)
        members = [member(images).float().log_softmax(dim=1) for member in self.members]
        # The log of the mean, but for a constant that the last softmax takes away.
        together = torch.logsumexp(torch.stack(members), dim=0)
        return (together / self.temperature).softmax(dim=1)
