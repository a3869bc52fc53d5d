"""3x3 convolution of small maps with few multiplications, forward and backward.

Winograd convolution (Winograd, 1980; Lavin and Gray, 2016, arXiv:1509.09308): a tile of
m x m outputs takes (m + 2)^2 products per pair of channels instead of 9 m^2, 36 instead of 144 for
m = 4. What is left are matrix products, on which processors are at their best. In float32 the
largest error of an output is a few hundred-thousandths of the outputs' standard deviation.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod
from typing import Any

import torch
import torch.nn.functional as F

# Larger tiles save no more than they lose: their transforms grow and they round more.
_LARGEST_TILE = 4
_POINTS = (0, 1, -1, 2, -2)


@dataclass(frozen=True)
class _Axis:
    """Winograd convolution along one axis: outputs = outer @ ((kernel @ w) * (inner @ inputs)).

    Attributes:
        tiles: number of tiles side by side.
        step: outputs of one tile, m.
        before: zeros that the tiles reach over the map's beginning.
        after: zeros that they reach over its end.
        inner: [products, inputs of one tile].
        kernel: [products, 3].
        outer: [m, products].
    """

    tiles: int
    step: int
    before: int
    after: int
    inner: torch.Tensor
    kernel: torch.Tensor
    outer: torch.Tensor

    @property
    def reach(self) -> int:
        """Inputs of one tile."""
        return self.inner.shape[1]


def _matrix(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _polynomial(roots: list[int]) -> list[float]:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [1.0]
    for root in roots:
        shifted = [0.0, *coefficients]
        for power, coefficient in enumerate(coefficients):
            shifted[power] -= root * coefficient
        coefficients = shifted
    return coefficients


def _tile(outputs: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inner, kernel and outer matrix of ``outputs`` neighbours from ``outputs`` + 2 inputs.

    Toom-Cook's products at ``outputs`` + 1 points and at infinity, transposed.
    """
    points = _POINTS[: outputs + 1]
    inner, kernel, outer = [], [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = prod(point - other for other in others)
        inner.append([*_polynomial(others), 0.0])
        kernel.append([point**power / scale for power in range(3)])
        outer.append([float(point**power) for power in range(outputs)])
    inner.append(_polynomial(list(points)))
    kernel.append([0.0, 0.0, 1.0])
    outer.append([0.0] * (outputs - 1) + [1.0])
    return _matrix(inner), _matrix(kernel), _matrix(outer).T.contiguous()


def _axis(length: int) -> _Axis:
    """An axis of ``length`` inputs between zeros."""
    if length == 1:  # the kernel's middle alone meets an input
        return _Axis(1, 1, 0, 0, _matrix([[1]]), _matrix([[0, 1, 0]]), _matrix([[1]]))
    if length == 2:  # a 2x2 Toeplitz matrix takes three products, as Karatsuba's
        inner = _matrix([[1, 1], [0, 1], [1, 0]])
        kernel = _matrix([[0, 1, 0], [0, -1, 1], [1, -1, 0]])
        return _Axis(1, 2, 0, 0, inner, kernel, _matrix([[1, 1, 0], [1, 0, 1]]))
    tiles = ceil(length / _LARGEST_TILE)
    step = ceil(length / tiles)
    inner, kernel, outer = _tile(step)
    if tiles == 1:  # its outermost inputs are the zeros around the map
        return _Axis(1, step, 0, 0, inner[:, 1:-1].contiguous(), kernel, outer)
    return _Axis(tiles, step, 1, tiles * step + 1 - length, inner, kernel, outer)


class _Filter:
    """Both axes of a map together.

    Attributes:
        rows: the axis of the height.
        columns: the axis of the width.
        inner: [P products, pixels of one tile's input].
        kernel: [P, 9].
        outer: [pixels of one tile's output, P].
    """

    def __init__(self, height: int, width: int, dtype: torch.dtype) -> None:
        self.height, self.width = height, width
        self.rows, self.columns = rows, columns = _axis(height), _axis(width)
        self.inner = torch.kron(rows.inner, columns.inner).to(dtype)
        self.kernel = torch.kron(rows.kernel, columns.kernel).to(dtype)
        self.outer = torch.kron(rows.outer, columns.outer).to(dtype)

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Inputs of all tiles: [N, H, W, C] -> [N * tiles, pixels, C]; a view of a single tile."""
        rows, columns = self.rows, self.columns
        channels = images.shape[3]
        padded = F.pad(images, (0, 0, columns.before, columns.after, rows.before, rows.after))
        by_image, by_row, by_column, _ = padded.stride()
        tiles = padded.as_strided(
            (len(images), rows.tiles, columns.tiles, rows.reach, columns.reach, channels),
            (by_image, rows.step * by_row, columns.step * by_column, by_row, by_column, 1),
        )
        return tiles.reshape(-1, rows.reach * columns.reach, channels)

    def put_back(self, inputs: torch.Tensor) -> torch.Tensor:
        """`cut` backward, adding where tiles overlap: [pixels, N * tiles, C] -> [N, H, W, C]."""
        rows, columns = self.rows, self.columns
        channels = inputs.shape[2]
        tiles = inputs.view(rows.reach, columns.reach, -1, rows.tiles, columns.tiles, channels)
        tiles = tiles.permute(2, 3, 4, 0, 1, 5)
        if rows.tiles == columns.tiles == 1:
            return tiles[:, 0, 0].contiguous()
        padded = inputs.new_zeros(
            len(tiles),
            rows.before + self.height + rows.after,
            columns.before + self.width + columns.after,
            channels,
        )
        for row, column in product(range(rows.tiles), range(columns.tiles)):
            top, left = row * rows.step, column * columns.step
            padded[:, top : top + rows.reach, left : left + columns.reach] += tiles[:, row, column]
        return padded[
            :,
            rows.before : rows.before + self.height,
            columns.before : columns.before + self.width,
        ].contiguous()

    def cut_outputs(self, gradient: torch.Tensor) -> torch.Tensor:
        """Outputs of all tiles: [N, H, W, C] -> [N * tiles, pixels, C]."""
        rows, columns = self.rows, self.columns
        n, height, width, channels = gradient.shape
        beyond = (rows.tiles * rows.step - height, columns.tiles * columns.step - width)
        if any(beyond):
            gradient = F.pad(gradient, (0, 0, 0, beyond[1], 0, beyond[0]))
        tiles = gradient.view(n, rows.tiles, rows.step, columns.tiles, columns.step, channels)
        return tiles.transpose(2, 3).reshape(-1, rows.step * columns.step, channels)

    def join_outputs(self, outputs: torch.Tensor) -> torch.Tensor:
        """`cut_outputs` backward: [pixels, N * tiles, C] -> [N, H, W, C]."""
        rows, columns = self.rows, self.columns
        channels = outputs.shape[2]
        tiles = outputs.view(rows.step, columns.step, -1, rows.tiles, columns.tiles, channels)
        whole = tiles.permute(2, 3, 0, 4, 1, 5).reshape(
            -1, rows.tiles * rows.step, columns.tiles * columns.step, channels
        )
        return whole[:, : self.height, : self.width].contiguous()


@lru_cache
def _filter(height: int, width: int, dtype: torch.dtype) -> _Filter:
    return _Filter(height, width, dtype)


class WinogradConvolution(torch.autograd.Function):
    """``F.conv2d(images, weight, bias, padding=1)`` of 3x3 kernels by Winograd convolution.

    Images [N, C, H, W] lie channels-last on a CPU; so do the outputs [N, O, H, W].
    """

    @staticmethod
    def forward(
        ctx: Any, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """Keeps the transformed inputs and kernels for the gradients."""
        height, width = images.shape[2:]
        outputs, channels = weight.shape[:2]
        form = _filter(height, width, images.dtype)
        taps = weight.permute(2, 3, 0, 1).reshape(9, outputs * channels)
        kernels = (form.kernel @ taps).view(-1, outputs, channels)  # [P, O, C]
        inputs = form.inner @ form.cut(images.permute(0, 2, 3, 1))  # [tiles, P, C]
        products = torch.bmm(inputs.transpose(0, 1), kernels.transpose(1, 2))  # [P, tiles, O]
        result = _apply(form.outer, products)
        joined = form.join_outputs(result)
        if bias is not None:
            joined += bias
        ctx.save_for_backward(inputs, kernels)
        ctx.form, ctx.has_bias = form, bias is not None
        return joined.permute(0, 3, 1, 2)

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor | None]:
        """Gradients for images (if asked), weight and bias."""
        inputs, kernels = ctx.saved_tensors
        form: _Filter = ctx.form
        by_pixel = gradient.permute(0, 2, 3, 1).contiguous()
        # [P, tiles, O]
        products = (form.outer.T @ form.cut_outputs(by_pixel)).transpose(0, 1)
        to_images = None
        if ctx.needs_input_grad[0]:
            to_inputs = _apply(form.inner.T, torch.bmm(products, kernels))
            to_images = form.put_back(to_inputs).permute(0, 3, 1, 2)
        to_kernels = torch.bmm(products.transpose(1, 2), inputs.transpose(0, 1))  # [P, O, C]
        to_taps = _apply(form.kernel.T, to_kernels)
        outputs, channels = kernels.shape[1:]
        to_weight = to_taps.view(3, 3, outputs, channels).permute(2, 3, 0, 1)
        to_bias = by_pixel.sum(dim=(0, 1, 2)) if ctx.has_bias else None
        return to_images, to_weight, to_bias


def _apply(matrix: torch.Tensor, stacked: torch.Tensor) -> torch.Tensor:
    """The matrix [Q, P] along the first axis of [P, A, B]: [Q, A, B]."""
    return (matrix @ stacked.reshape(len(stacked), -1)).view(-1, *stacked.shape[1:])
