"""Duplicates: images of a set that show the same picture, pixel for pixel or nearly so."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch

from rungs.data.audit.findings import Duplicate, DuplicateSearch, Place, Split
from rungs.data.audit.near_duplicates import Progress, near_duplicates
from rungs.data.audit.structure import structures
from rungs.data.images import ImageSet

# The most that two pictures that differ can be alike.
_NEARLY = 0.9999
_CHUNK = 2048  # images read at a time


@dataclass(frozen=True)
class DuplicatesFound:
    """The duplicates of a set.

    Attributes:
        duplicates: exact ones, then near ones by rising distance.
        upright_search: how near-duplicates were told from others, if not mirrored.
        mirrored_search: how near-duplicates were told from others, if mirrored.
    """

    duplicates: tuple[Duplicate, ...]
    upright_search: DuplicateSearch
    mirrored_search: DuplicateSearch


def find_duplicates(
    parts: Mapping[Split, ImageSet], progress: Progress = lambda *_: None
) -> DuplicatesFound:
    """Exact and near-duplicates within and between the parts of a data set.

    Args:
        parts: in the order in which the two images of a pair are named.
        progress: told what is being done, and the share of it that is done.

    Returns:
        The duplicates. Of several copies of one picture each is listed with the first.
    """
    places = [Place(name, index) for name, images in parts.items() for index in range(len(images))]
    labels = torch.cat([images.labels for images in parts.values()]).tolist()

    def duplicate(one: int, other: int, likeness: float = 1.0, mirrored: bool = False) -> Duplicate:
        a, b = sorted((one, other))
        return Duplicate(
            kind="exact" if likeness == 1 else "near",
            a=places[a],
            b=places[b],
            distance=round(1 - likeness, 4),
            mirrored=mirrored,
            same_label=labels[a] == labels[b],
        )

    copies = _copies(parts)
    exact = [duplicate(first, copy) for first, rest in copies.items() for copy in rest]
    firsts = list(copies)
    upright, mirrored = near_duplicates(
        torch.cat([structures(images.pixels) for images in parts.values()])[firsts], progress
    )
    found = []
    for near in (upright, mirrored):
        for a, b, likeness in zip(*near.pairs.tolist(), near.likenesses.tolist(), strict=True):
            one, other = firsts[a], firsts[b]
            pairs = [(one, other), *((one, copy) for copy in copies[other])]
            pairs += [(copy, other) for copy in copies[one]]
            found += [duplicate(*pair, min(likeness, _NEARLY), near is mirrored) for pair in pairs]
    found.sort(key=lambda item: (item.distance, item.a, item.b))
    return DuplicatesFound((*exact, *found), upright.search, mirrored.search)


def _copies(parts: Mapping[Split, ImageSet]) -> dict[int, list[int]]:
    """The first image of every picture -> the other images that equal it in every pixel."""
    firsts: dict[bytes, int] = {}
    copies: dict[int, list[int]] = {}
    for index, digest in enumerate(_digests(parts.values())):
        first = firsts.setdefault(digest, index)
        copies.setdefault(first, [])
        if first != index:
            copies[first].append(index)
    return copies


def _digests(sets: Iterable[ImageSet]) -> Iterator[bytes]:
    for images in sets:
        for start in range(0, len(images), _CHUNK):
            for image in images.pixels[start : start + _CHUNK].numpy():
                yield hashlib.sha256(image.tobytes()).digest()
