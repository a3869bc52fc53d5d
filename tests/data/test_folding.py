"""Folds: every picture outside the test part is held out once, and none like it is trained on."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from rungs.data.folding import deal, fold_size, hold_out, pixel_digests
from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds import SPECS, FoldSpec, fold_of, folds_of, kind_of, on
from rungs.data.kinds.core import Access
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.mapped import MappedPixels, joined, open_pixels, taken
from rungs.foundation.errors import DataError

DRAWN = SyntheticSpec(classes=4, train=41, validation=14, test=12, size=8)


@pytest.mark.parametrize("sizes", [(10, 10), (7, 13, 5), (5, 5, 5), (11, 6)])
@pytest.mark.parametrize("folds", [2, 5])
def test_folds_and_the_classes_in_them_differ_by_one_at_most(
    sizes: tuple[int, ...], folds: int
) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    dealt = deal(labels, [str(place) for place in range(len(labels))], folds)
    counts = Counter(dealt)
    assert [counts[fold] for fold in range(folds)] == [
        fold_size(len(labels), folds, fold) for fold in range(folds)
    ]
    for label in range(len(sizes)):
        of_class = Counter(fold for fold, its in zip(dealt, labels, strict=True) if its == label)
        each = [of_class[fold] for fold in range(folds)]
        assert max(each) - min(each) <= 1


def test_no_order_changes_a_pictures_fold() -> None:
    labels, digests = [0, 1] * 20, [f"picture {place}" for place in range(40)]
    dealt = dict(zip(digests, deal(labels, digests, 4), strict=True))
    turned = dict(zip(digests[::-1], deal(labels[::-1], digests[::-1], 4), strict=True))
    assert dealt == turned


def test_every_fold_is_read_and_named_apart(tmp_path: Path) -> None:
    access = Access(None, tmp_path, lambda _: None, allow_download=True)
    whole: DataSet = kind_of(DRAWN).read(DRAWN, access)
    seen: list[str] = []
    names = set()
    for spec in folds_of(DRAWN, 5):
        found: DataSet = kind_of(spec).read(spec, access)
        assert found.sizes == spec.sizes
        assert found.fingerprint == spec.fingerprint
        assert spec.test_fingerprint == DRAWN.test_fingerprint
        assert torch.equal(found.test.pixels[:], whole.test.pixels[:])
        held_out = pixel_digests(found.exploration.validation)
        assert not set(held_out) & set(pixel_digests(found.exploration.train))
        seen += held_out
        names.add(spec.fingerprint)
        assert SPECS.validate_python(SPECS.dump_python(spec, mode="json")) == spec
        assert spec.held_out
        assert fold_of(spec) == spec
    everything = pixel_digests(whole.exploration.train) + pixel_digests(
        whole.exploration.validation
    )
    assert Counter(seen) == Counter(everything)
    assert len(names | {DRAWN.fingerprint}) == 6
    assert not DRAWN.held_out
    assert fold_of(DRAWN) is None


def test_a_fold_of_other_data() -> None:
    other = DRAWN.model_copy(update={"seed": 1})
    assert on(folds_of(DRAWN, 5)[3], other) == FoldSpec(of=other, folds=5, fold=3)
    assert on(DRAWN, other) == other


def made(pixels: torch.Tensor, labels: list[int], classes: int = 2) -> DataSet:
    """A set whose last two images are for validation."""
    images = ImageSet(pixels, torch.tensor(labels))
    places = torch.arange(len(labels))
    names = tuple("abcdef"[:classes])
    exploration = Exploration(images.subset(places[:-2]), images.subset(places[-2:]), names)
    return DataSet("made", exploration, images.subset(places[:2]), names, (), (), "whole")


def test_what_equals_a_picture_that_is_held_out_is_not_trained_on() -> None:
    pixels = torch.arange(12, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 3, 8, 8)
    pixels[7:9] = pixels[6]  # three of one class, more than a fold holds
    labels = [0] * 6 + [1] * 6
    sizes = []
    for fold in range(4):
        found = hold_out(made(pixels, labels), 4, fold, "its own")
        held_out = set(pixel_digests(found.exploration.validation))
        assert not held_out & set(pixel_digests(found.exploration.train))
        sizes.append(found.sizes["train"] + found.sizes["validation"])
    assert min(sizes) < 12  # some copies are left out of training
    assert sizes != [12] * 4


def test_classes_with_fewer_pictures_than_folds_are_named() -> None:
    pixels = torch.arange(11, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 3, 8, 8)
    with pytest.raises(DataError, match=r"class 'b' has 3; expected folds = 3 at most"):
        hold_out(made(pixels, [0] * 8 + [1] * 3), 5, 0, "")
    with pytest.raises(DataError, match=r"'b' has 1, and 1 more .*; expected more pictures of it"):
        hold_out(made(pixels, [0] * 9 + [1, 2], classes=3), 5, 0, "")


def test_pixels_in_a_file_stay_there(tmp_path: Path) -> None:
    path = tmp_path / "pixels"
    stored = torch.arange(6 * 3 * 8 * 8).remainder(251).to(torch.uint8).view(6, 3, 8, 8)
    path.write_bytes(stored.numpy().tobytes())
    opened = open_pixels(path, (6, 3, 8, 8))
    first = MappedPixels(opened, torch.tensor([4, 0]))
    second = MappedPixels(opened, torch.tensor([3]))
    both = joined(first, second)
    assert isinstance(both, MappedPixels)
    some = taken(both, torch.tensor([2, 0]))
    assert isinstance(some, MappedPixels)
    assert torch.equal(some[:], stored[[3, 4]])
    elsewhere = MappedPixels(open_pixels(path, (6, 3, 8, 8)), torch.tensor([1]))
    assert torch.equal(joined(first, elsewhere)[:], stored[[4, 0, 1]])
    assert torch.equal(taken(stored, torch.tensor([5, 1]))[:], stored[[5, 1]])
