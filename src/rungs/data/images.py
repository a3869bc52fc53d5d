"""Labelled images in memory, and who may see which of them."""

from dataclasses import dataclass

import torch

from rungs.data.mapped import Pixels


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images, all on one device.

    ``pixels`` is uint8 [N, C, H, W] with values 0 to 255, a tensor or, for sets that memory need
    not hold, one that is read from a file as it is indexed; ``labels`` is int64 [N] with class
    indices from 0. Another type or shape is a ``ValueError``.
    """

    pixels: Pixels
    labels: torch.Tensor

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4:
            raise ValueError(f"pixels must be uint8 [N, C, H, W], got {_kind(self.pixels)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(
                f"labels must be int64 [{self.pixels.shape[0]}], got {_kind(self.labels)}"
            )

    def __len__(self) -> int:
        return self.pixels.shape[0]

    def subset(self, indices: torch.Tensor) -> "ImageSet":
        """The images at ``indices`` (int64 [M]), in that order, as copies."""
        indices = indices.to(self.pixels.device)
        return ImageSet(self.pixels[indices], self.labels[indices])

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same images on ``device``; not copied if they are there already."""
        return ImageSet(self.pixels.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Exploration:
    """All that training and every choice may see: there is no test data in this type."""

    train: ImageSet
    validation: ImageSet
    class_names: tuple[str, ...]

    def to(self, device: torch.device | str) -> "Exploration":
        """The same images on ``device``."""
        return Exploration(self.train.to(device), self.validation.to(device), self.class_names)


@dataclass(frozen=True, eq=False)
class Images:
    """A data set for a training loop of one's own: nothing of it tells the test labels.

    ``test`` is the pixels of the test images, uint8 [N, C, H, W], in the order in which they are to
    be answered.
    """

    train: ImageSet
    validation: ImageSet
    test: Pixels
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set with its split.

    ``groups[class index]`` is the index of the class's coarse class in ``group_names``; both are
    empty for a set without coarse classes. ``fingerprint`` is that of the spec that was loaded.
    """

    name: str
    exploration: Exploration
    test: ImageSet
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    groups: tuple[int, ...]
    fingerprint: str

    def without_test_labels(self) -> Images:
        """The same, as far as a training may see it."""
        known = self.exploration
        return Images(known.train, known.validation, self.test.pixels, self.class_names)

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {
            "train": len(self.exploration.train),
            "validation": len(self.exploration.validation),
            "test": len(self.test),
        }


def _kind(tensor: Pixels) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
