"""Pixels in a file that the system pages in where they are asked for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from rungs.ops.sending import sent

# A set that takes more of a GPU's free memory than this stays in its file.
_MOST_OF_FREE = 0.5
# Pictures that are copied to a GPU at a time.
_COPIED = 1024


class MappedPixels:
    """Pixels of images, chosen from a file: it stands where a tensor uint8 [N, C, H, W] does.

    Indexing gives a tensor of copies. What was read stays in the system's cache of files as long
    as nothing else needs the memory, and counts to no process.

    Attributes:
        shape: [N, C, H, W].
        dtype: ``torch.uint8``.
        ndim: 4.
        device: of the tensors that indexing gives.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(
        self, stored: torch.Tensor, rows: torch.Tensor, device: torch.device | str = "cpu"
    ) -> None:
        """``stored`` is uint8 [M, C, H, W] as `open_pixels` gives it, ``rows`` int64 [N]."""
        self._stored = stored
        self._rows = rows
        self.shape = torch.Size((len(rows), *stored.shape[1:]))
        self.device = torch.device(device)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: torch.Tensor | slice) -> torch.Tensor:
        """Pixels [M, C, H, W] in a slice, or at indices int64 [M]: better not on a GPU."""
        rows = self._rows[index.cpu() if isinstance(index, torch.Tensor) else index]
        return sent(self._stored[rows], self.device)

    def numpy(self) -> npt.NDArray[np.uint8]:
        """Copies of all pixels, for sets that fit into memory."""
        pixels: npt.NDArray[np.uint8] = self[:].cpu().numpy()
        return pixels

    def to(self, device: torch.device | str) -> "torch.Tensor | MappedPixels":
        """The same pixels for ``device``: copied to there if it has the room, else from here."""
        device = torch.device(device)
        if device.type == "cpu":
            return self
        size = self.shape.numel()
        if size > _MOST_OF_FREE * torch.cuda.mem_get_info(device)[0]:
            return MappedPixels(self._stored, self._rows, device)
        copy = torch.empty(self.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(self), _COPIED):
            copy[start : start + _COPIED] = self[start : start + _COPIED].to(device)
        return copy

    def chosen(self, places: torch.Tensor) -> "MappedPixels":
        """Those at int64 [M], still in their file."""
        return MappedPixels(self._stored, self._rows[places], self.device)

    def followed_by(self, other: "MappedPixels") -> "MappedPixels | None":
        """These and then others of the same file; None for those of another."""
        if other._stored is not self._stored:
            return None
        return MappedPixels(self._stored, torch.cat([self._rows, other._rows]), self.device)


# What an image set holds.
Pixels = torch.Tensor | MappedPixels


def joined(first: Pixels, second: Pixels) -> Pixels:
    """Pixels and then others; they stay in their file where both lie in one."""
    if isinstance(first, MappedPixels) and isinstance(second, MappedPixels):
        both = first.followed_by(second)
        if both is not None:
            return both
    return torch.cat([first[:], second[:]])


def taken(pixels: Pixels, places: torch.Tensor) -> Pixels:
    """Those at int64 [M], in that order; they stay in their file where they lie in one."""
    return pixels.chosen(places) if isinstance(pixels, MappedPixels) else pixels[places]


def open_pixels(path: Path, shape: tuple[int, int, int, int]) -> torch.Tensor:
    """The pixels in a file as a tensor uint8 ``shape`` whose memory is the file; not for writing.

    ``OSError`` or ``RuntimeError`` if the file cannot be opened or is too short.
    """
    size = torch.Size(shape).numel()
    # Private: nothing that is done to the tensor reaches the file.
    return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).view(shape)
