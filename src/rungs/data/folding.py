"""Folds: each picture outside the test part is held out once from what a model is trained on.

Which picture is in which fold is a matter of its pixels and its class alone, so that no file's name
and no order changes it. Raise `FOLD_VERSION` when the same pictures are dealt otherwise.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rungs.foundation.errors import DataError
from rungs.foundation.wording import shown

if TYPE_CHECKING:
    from rungs.data.images import DataSet, ImageSet

FOLD_VERSION = 1
# Pictures whose pixels are read at a time.
_READ = 256


def fold_size(images: int, folds: int, fold: int) -> int:
    """How many of so many images are in a fold, counted from 0: they differ by one at most."""
    return images // folds + (fold < images % folds)


def deal(labels: Sequence[int], digests: Sequence[str], folds: int) -> list[int]:
    """The fold of each picture.

    Each class is cut into parts that differ by one picture at most, and so are all folds; a class
    gives what is left over to the folds that are next in turn. Within a class pictures lie in the
    order of a hash, equal ones beside each other.

    Args:
        labels: of pictures, from 0.
        digests: of their pixels, which are the same for equal pictures.
        folds: number of folds.
    """
    by_class: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        by_class[label].append(position)
    dealt = [0] * len(labels)
    turn = 0  # of the fold that takes the next picture that is left over
    for label in sorted(by_class):
        drawn = sorted(by_class[label], key=lambda position: _lot(digests[position]))
        each, left = divmod(len(drawn), folds)
        start = 0
        for fold in range(folds):
            size = each + ((fold - turn) % folds < left)
            for position in drawn[start : start + size]:
                dealt[position] = fold
            start += size
        turn = (turn + left) % folds
    return dealt


def _lot(digest: str) -> str:
    return hashlib.sha256(f"{FOLD_VERSION}/{digest}".encode()).hexdigest()


def hold_out(data: "DataSet", folds: int, fold: int, fingerprint: str) -> "DataSet":
    """A data set of whose training and validation images one fold is validated on.

    Training has all others, but none that is equal to one that is held out.

    Args:
        data: as it is split without folds.
        folds: number of folds.
        fold: which of them is held out, from 0.
        fingerprint: of what comes of it.

    Raises:
        DataError: a class has fewer pictures than there are folds.
    """
    import torch

    from rungs.data.images import DataSet, Exploration, ImageSet
    from rungs.data.mapped import joined, taken

    whole = data.exploration
    pixels = joined(whole.train.pixels, whole.validation.pixels)
    labels = torch.cat([whole.train.labels, whole.validation.labels])
    _check(labels.tolist(), data, folds)
    digests = pixel_digests(ImageSet(pixels, labels))
    dealt = deal(labels.tolist(), digests, folds)
    out = {digest for digest, its in zip(digests, dealt, strict=True) if its == fold}
    validation = torch.tensor([place for place, its in enumerate(dealt) if its == fold])
    train = torch.tensor([place for place, digest in enumerate(digests) if digest not in out])

    def part(places: torch.Tensor) -> ImageSet:
        return ImageSet(taken(pixels, places), labels[places])

    return DataSet(
        name=f"{data.name}, fold {fold + 1} of {folds}",
        exploration=Exploration(part(train), part(validation), whole.class_names),
        test=data.test,
        class_names=data.class_names,
        group_names=data.group_names,
        groups=data.groups,
        fingerprint=fingerprint,
    )


def pixel_digests(images: "ImageSet") -> list[str]:
    """A hash of each image's pixels, 32 hex digits."""
    found = []
    for start in range(0, len(images), _READ):
        part = images.pixels[start : start + _READ].numpy()
        found += [hashlib.sha256(one.tobytes()).hexdigest()[:32] for one in part]
    return found


def _check(labels: list[int], data: "DataSet", folds: int) -> None:
    counts = [0] * len(data.class_names)
    for label in labels:
        counts[label] += 1
    few = [name for name, count in zip(data.class_names, counts, strict=True) if count < folds]
    if few:
        least = min(counts)
        most = f"folds = {least} at most" if least > 1 else "more pictures of it"
        raise DataError(
            f"{data.name}: folds = {folds} needs {folds} pictures of each class outside the test "
            f"part; class {shown(few[0])} has {counts[data.class_names.index(few[0])]}"
            f"{f', and {len(few) - 1} more have too few' if len(few) > 1 else ''}; expected {most}"
        )
