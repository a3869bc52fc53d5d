"""A convolution that is quick on a CPU where the library's own is not."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from rungs.ops.winograd import WinogradConvolution

# Where Winograd convolution is quicker, forward and backward together. Measured on AVX2 in float32:
# maps up to 4x4 by 1.5 to 3 times whatever their channels, up to 16x16 from 64 inputs on by 1.2
# to 1.9 times; with fewer channels the transforms cost more than the products save.
_SMALL_MAP = 4 * 4
_LARGE_MAP = 16 * 16
_MANY_INPUTS = 64
# Of height and width: of larger maps, an output does not see all inputs.
_ALL_SEEN = 2


class Convolution(nn.Conv2d):
    """``nn.Conv2d`` of stride 1 that may train by other arithmetic; evaluation never does.

    Attributes:
        minimal: use it in training where it pays: 3x3 kernels with padding "same" over small
            channels-last maps on a CPU. In float32 that is `WinogradConvolution`; in bfloat16, too
            coarse for its sums, one product for the smallest maps, where the backward pass of
            torch's convolutions is slowest. Results agree with ``nn.Conv2d`` to rounding.
    """

    minimal = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, outputs, H, W]."""
        if self.minimal and self.training and self._fits(images):
            if torch.is_autocast_enabled("cpu"):
                if _all_seen(images):
                    return self._product(images)
            elif self._pays(images):
                return cast(
                    torch.Tensor,
                    WinogradConvolution.apply(images, self.weight, self.bias),  # type: ignore[no-untyped-call]
                )
        return super().forward(images)

    def _fits(self, images: torch.Tensor) -> bool:
        return (
            images.device.type == "cpu"
            and images.is_contiguous(memory_format=torch.channels_last)
            and self.padding in ("same", 1, (1, 1))
            and self.kernel_size == (3, 3)
            and self.groups == 1
        )

    def _pays(self, images: torch.Tensor) -> bool:
        area = images.shape[2] * images.shape[3]
        return area <= _SMALL_MAP or (area <= _LARGE_MAP and self.in_channels >= _MANY_INPUTS)

    def _product(self, images: torch.Tensor) -> torch.Tensor:
        """The layer as one matrix, for maps of which each output sees every input."""
        count, _, height, width = images.shape
        places = [(row, column) for row in range(height) for column in range(width)]
        seen = [  # outputs, inputs, height, width: of a kernel, what is over the map
            self.weight[:, :, 1 - row : 1 - row + height, 1 - column : 1 - column + width]
            for row, column in places
        ]
        matrix = torch.stack(seen).permute(0, 1, 3, 4, 2).flatten(2).flatten(0, 1)
        bias = None if self.bias is None else self.bias.repeat(len(places))
        by_place = images.permute(0, 2, 3, 1)  # as channels-last images lie in memory
        result = F.linear(by_place.flatten(1), matrix, bias)
        return result.view(count, height, width, -1).permute(0, 3, 1, 2)


def _all_seen(images: torch.Tensor) -> bool:
    """Whether the kernel of 3x3 covers the whole map from each of its places."""
    return max(images.shape[2:]) <= _ALL_SEEN
