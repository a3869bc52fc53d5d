"""Layers that torch has not."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn


class Scale(nn.Module):
    """Multiplies with a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Any shape -> the same shape."""
        return values * self.factor


class Standardise(nn.Module):
    """Subtracts a mean and divides by a deviation, channel by channel; kept with the weights."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same shape."""
        return (images - self.mean) / self.deviation


# Below this a channel of values from 0 to 1 is as good as constant, and is not blown up.
_LEAST_DEVIATION = 1e-3


@torch.no_grad()
def set_standard(module: nn.Module, parts: Iterable[torch.Tensor]) -> None:
    """Gives a `Standardise` the mean and deviation of images.

    Args:
        module: a `Standardise` of as many channels.
        parts: of the images, uint8 [n, C, H, W], for a network that is given pixels / 255.
    """
    # From counts of the 256 levels: exact, and without a copy of all images as numbers.
    counts = torch.zeros(len(cast(Standardise, module).mean), 256, dtype=torch.float64)
    for part in parts:
        for channel, values in enumerate(part.cpu().unbind(1)):
            counts[channel] += torch.bincount(values.flatten(), minlength=256)
    shares = counts / counts.sum(dim=1, keepdim=True)
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = shares @ levels
    deviation = (shares @ levels**2 - mean**2).clamp(min=_LEAST_DEVIATION**2).sqrt()
    target = cast(Standardise, module)
    target.mean.copy_(mean[:, None, None])
    target.deviation.copy_(deviation[:, None, None])


class BlurPool(nn.Module):
    """2x2 max pooling of stride 1, then a binomial blur of stride 2 (Zhang, ICML 2019)."""

    kernel: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        kernel = torch.outer(row, row).expand(channels, 1, 3, 3)
        self.register_buffer("kernel", kernel.clone(), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, C, H // 2, W // 2]."""
        height, width = images.shape[2:]
        # One row and column more at the end, so that the largest of each neighbourhood stays.
        largest = F.max_pool2d(F.pad(images, (0, 1, 0, 1), mode="replicate"), 2, stride=1)
        padded = F.pad(largest, (1, 1, 1, 1), mode="replicate")
        blurred = F.conv2d(padded, self.kernel, stride=2, groups=self.kernel.shape[0])
        return blurred[:, :, : height // 2, : width // 2]


class SqueezeExcitation(nn.Module):
    """Weighs each channel by a function of all channels' means (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, inner)
        self.excite = nn.Linear(inner, channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same shape."""
        means = images.mean(dim=(2, 3))
        weights = torch.sigmoid(self.excite(F.relu(self.squeeze(means))))
        return images * weights[:, :, None, None]


class DropPath(nn.Module):
    """Zeroes whole images in training, and scales the others up (Huang et al., ECCV 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same shape."""
        if not self.training:
            return images
        kept = torch.rand(len(images), 1, 1, 1, device=images.device) >= self.rate
        return images * kept / (1 - self.rate)


def _normalised_in_parts(
    module: nn.BatchNorm1d | nn.BatchNorm2d, values: torch.Tensor, images: int
) -> torch.Tensor:
    """Each part of a batch by its own mean and variance; moving statistics follow their means.

    Args:
        module: a batch normalisation in training, with moving statistics.
        values: [N, C, ...].
        images: of a part; parts are larger by less than themselves where this does not divide N.
    """
    moving = [item for item in (module.running_mean, module.running_var) if item is not None]
    means = [torch.zeros_like(item) for item in moving]
    normalised = []
    for part in values.tensor_split(max(1, len(values) // images)):
        own = [torch.zeros_like(item) for item in moving]
        normalised.append(
            F.batch_norm(
                part,
                running_mean=own[0],
                running_var=own[1],
                weight=module.weight,
                bias=module.bias,
                training=True,
                momentum=1.0,
                eps=module.eps,
            )
        )
        for mean, item in zip(means, own, strict=True):
            mean.add_(item, alpha=len(part) / len(values))
    if module.track_running_stats:
        for item, mean in zip(moving, means, strict=True):
            item.lerp_(mean, module.momentum or 0.0)
        if module.num_batches_tracked is not None:
            module.num_batches_tracked.add_(1)
    return torch.cat(normalised)


class GhostBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of parts of a batch (Hoffer et al., NeurIPS 2017); images of a part."""

    images: int

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same shape."""
        if not self.training:
            return super().forward(values)
        return _normalised_in_parts(self, values, self.images)


class GhostBatchNorm1d(nn.BatchNorm1d):
    """The same of dense outputs."""

    images: int

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """[N, C] -> the same shape."""
        if not self.training:
            return super().forward(values)
        return _normalised_in_parts(self, values, self.images)


class MaxMeanPool(nn.Module):
    """The largest value of each map, then the mean of each: [N, C, H, W] -> [N, 2 C]."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, 2 C]."""
        return torch.cat([F.adaptive_max_pool2d(images, 1).flatten(1), images.mean((2, 3))], dim=1)


class ExactConvolution(nn.Conv2d):
    """``nn.Conv2d`` that computes and answers in float32, also where all around is bfloat16.

    Bfloat16 has 8 bits, no more than a pixel: where filters take small differences of pixels and
    blow them up, what is rounded off is blown up too.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, outputs, H, W]."""
        # The meta device, on which networks are looked at, knows of no autocast.
        kind = images.device.type
        if kind == "meta" or not torch.is_autocast_enabled(kind):
            return super().forward(images)
        with torch.autocast(kind, enabled=False):
            return super().forward(images.float())


def whitening(inputs: int, outputs: int, patch: int, activation: nn.Module) -> nn.Sequential:
    """A convolution whose kernel is not trained, then an activation: [N, inputs, H, W] -> maps."""
    convolution = ExactConvolution(inputs, outputs, patch)
    convolution.weight.requires_grad_(False)
    return nn.Sequential(convolution, activation)


@torch.no_grad()
def set_whitening(module: nn.Module, parts: Iterable[torch.Tensor], epsilon: float) -> None:
    """Fills the kernel of `whitening` with the whitening filters of patches, and their negatives.

    Args:
        module: made by `whitening`.
        parts: of the images, uint8 [n, C, H, W], for a network that is given pixels / 255.
        epsilon: added to the eigenvalues of the patches' covariance.
    """
    convolution = cast(nn.Conv2d, cast(nn.Sequential, module)[0])
    values, vectors = torch.linalg.eigh(_covariance(parts, convolution.kernel_size[0]))
    filters = (vectors / (values.clamp(min=0) + epsilon).sqrt()).T.flip(0)
    kernel = filters.reshape(-1, *convolution.weight.shape[1:]).to(convolution.weight)
    convolution.weight.copy_(torch.cat([kernel, -kernel]))


def _covariance(parts: Iterable[torch.Tensor], patch: int) -> torch.Tensor:
    """Of square patches, float64 [C * patch * patch, the same]; merged from those of the parts.

    Chan, Golub and LeVeque, The American Statistician, 1983, equation 2.1.
    """
    count = 0
    mean = scatter = torch.zeros((), dtype=torch.float64)
    for part in parts:
        more, own_mean, own_scatter = _moments(part, patch)
        between, total = own_mean - mean, count + more
        scatter = scatter + own_scatter + count * more / total * between.outer(between)
        mean = mean + more / total * between
        count = total
    return scatter / (count - 1)


def _moments(pixels: torch.Tensor, patch: int) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Number of patches, their mean, and the sum of the products of what they differ from it by."""
    places = (pixels.float() / 255).unfold(2, patch, 1).unfold(3, patch, 1)  # a view
    by_place = places.permute(0, 2, 3, 1, 4, 5)  # [N, H, W, C, patch, patch]
    flat = (
        by_place.to(torch.float64, memory_format=torch.contiguous_format).flatten(3).flatten(0, 2)
    )
    mean = flat.mean(dim=0)
    flat -= mean
    return len(flat), mean, flat.T @ flat
