"""Blocks of convolutions: the modules of a network's stages."""

from typing import Protocol

import torch
from torch import nn

from rungs.ops.convolution import Convolution
from rungs.ops.layers import DropPath, SqueezeExcitation


class Parts(Protocol):
    """What blocks are built with."""

    @property
    def padding(self) -> str:
        """``same`` or ``valid``."""

    def norm(self, channels: int) -> nn.Module:
        """A fresh normalisation."""

    def act(self) -> nn.Module:
        """A fresh activation."""

    def pool(self, channels: int) -> nn.Module:
        """A fresh pooling."""

    @property
    def pools_first(self) -> bool:
        """Whether pooling and activation give the same in either order."""


def _convolution(inputs: int, outputs: int, *, padding: str, separable: bool) -> nn.Module:
    if not separable:
        return Convolution(inputs, outputs, 3, padding=padding)
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=padding, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
    )


class EndedBlock(nn.Module):
    """A block that ends with activation and pooling."""

    activation: nn.Module
    pool: nn.Module
    pools_first: bool

    def add_end(self, outputs: int, parts: Parts) -> None:
        """To be called last: the modules stand in the order in which weights are named."""
        self.activation = parts.act()
        self.pool = parts.pool(outputs)
        self.pools_first = parts.pools_first

    def end(self, features: torch.Tensor) -> torch.Tensor:
        """[N, outputs, H, W] -> [N, outputs, H // 2, W // 2], the activation of fewer values."""
        ended: torch.Tensor
        if self.pools_first:
            ended = self.activation(self.pool(features))
        else:
            ended = self.pool(self.activation(features))
        return ended


class StackBlock(EndedBlock):
    """Convolutions each with normalisation and activation, an optional shortcut, then pooling."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        parts: Parts,
        *,
        depth: int,
        residual: bool,
        separable: bool,
        squeeze: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for step in range(depth):
            self.body.append(
                _convolution(
                    inputs if step == 0 else outputs,
                    outputs,
                    padding=parts.padding,
                    separable=separable,
                )
            )
            self.body.append(parts.norm(outputs))
            if step < depth - 1:
                self.body.append(parts.act())
        if squeeze:
            self.body.append(SqueezeExcitation(outputs, max(1, outputs // squeeze)))
        if drop_path:
            self.body.append(DropPath(drop_path))
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1), parts.norm(outputs)) if residual else None
        )
        self.add_end(outputs, parts)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] -> [N, outputs, H // 2, W // 2]."""
        features: torch.Tensor = self.body(images)
        if self.shortcut is not None:
            features = features + self.shortcut(images)
        return self.end(features)


class PreActivationBlock(nn.Module):
    """(Normalisation, activation, convolution) several times beside a shortcut, then pooling."""

    def __init__(
        self, inputs: int, outputs: int, parts: Parts, *, depth: int, drop_path: float
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for step in range(depth):
            channels = inputs if step == 0 else outputs
            self.body.append(parts.norm(channels))
            self.body.append(parts.act())
            self.body.append(Convolution(channels, outputs, 3, padding="same"))
        if drop_path:
            self.body.append(DropPath(drop_path))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.pool = parts.pool(outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] -> [N, outputs, H // 2, W // 2]."""
        pooled: torch.Tensor = self.pool(self.body(images) + self.shortcut(images))
        return pooled


class BottleneckBlock(EndedBlock):
    """1x1 to ``inner`` channels, 3x3, 1x1 to ``outputs``, beside a 1x1 shortcut, then pooling."""

    def __init__(self, inputs: int, outputs: int, parts: Parts, *, inner: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inner, 1),
            parts.norm(inner),
            parts.act(),
            Convolution(inner, inner, 3, padding="same"),
            parts.norm(inner),
            parts.act(),
            nn.Conv2d(inner, outputs, 1),
            parts.norm(outputs),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1), parts.norm(outputs))
        self.add_end(outputs, parts)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] -> [N, outputs, H // 2, W // 2]."""
        return self.end(self.body(images) + self.shortcut(images))


class PooledFirstBlock(nn.Module):
    """Convolution, pooling, normalisation, activation; then more convolutions without pooling."""

    def __init__(
        self, inputs: int, outputs: int, parts: Parts, *, depth: int, residual: bool
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(
            Convolution(inputs, outputs, 3, padding=parts.padding, bias=False),
            parts.pool(outputs),
            parts.norm(outputs),
            parts.act(),
        )
        self.rest = nn.Sequential()
        for step in range(1, depth):
            self.rest.append(Convolution(outputs, outputs, 3, padding=parts.padding, bias=False))
            self.rest.append(parts.norm(outputs))
            if step < depth - 1:
                self.rest.append(parts.act())
        self.activation = parts.act() if depth > 1 else None
        self.residual = residual

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] -> [N, outputs, H // 2, W // 2]."""
        pooled: torch.Tensor = self.first(images)
        if self.activation is None:
            return pooled
        features = self.rest(pooled)
        if self.residual:
            features = features + pooled
        result: torch.Tensor = self.activation(features)
        return result
