"""The described network as a module: its parts in order, and Keras's start."""

import torch
from torch import nn


class Stage(nn.Module):
    """One stage: a block, which pools, and dropout. [N, C, H, W] -> [N, width, H // 2, W // 2]."""

    def __init__(self, block: nn.Module, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, width, H // 2, W // 2]."""
        features: torch.Tensor = self.block(images)
        return features if self.dropout is None else self.dropout(features)


class StagedNetwork(nn.Module):
    """A network from its scaling to its head: [N, C, H, W] float -> [N, classes] logits.

    The scaling stands among its parts, by whose names weights are kept: stages are
    ``layers`` there.
    """

    def __init__(self, stem: nn.Module, stages: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.scaling: nn.Module = nn.Identity()
        self.stem, self.layers, self.head = stem, stages, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, classes]."""
        logits: torch.Tensor = self.head(self.layers(self.stem(self.scaling(images))))
        return logits


class ScaledNetwork(nn.Module):
    """A network of any making behind its scaling: [N, C, H, W] float -> [N, classes] logits."""

    def __init__(self, scaling: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.scaling, self.network = scaling, network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, classes]."""
        logits: torch.Tensor = self.network(self.scaling(images))
        return logits


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Keras's default start: Glorot uniform weights (Glorot and Bengio, 2010), zero biases.

    A depthwise kernel's fans are those of Keras's kernel [3, 3, channels, 1]: 9 x channels in,
    9 out.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            area = module.weight[0, 0].numel()
            bound = (6 / (area * module.groups + area)) ** 0.5
            nn.init.uniform_(module.weight, -bound, bound)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@torch.no_grad()
def start_as_identity(stages: nn.Module) -> None:
    """Lets the first outputs of 3x3 convolutions hand their inputs on (DiracNets, 2017).

    Of a kernel [O, I, 3, 3], rows 0 ... min(O, I) - 1 are set; the others and depthwise kernels
    stay as they are.
    """
    for module in stages.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and module.groups == 1:
            nn.init.dirac_(module.weight[: module.in_channels])
