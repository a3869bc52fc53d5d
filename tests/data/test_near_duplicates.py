"""Duplicates that are planted into drawn pictures are found, and nothing else is."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from rungs.data.audit.duplicates import find_duplicates
from rungs.data.audit.findings import Duplicate, Place, Split
from rungs.data.audit.near_duplicates import _threshold
from rungs.data.drawn.drawing import draw
from rungs.data.images import ImageSet

EACH = 6  # planted copies of every kind


def shifted(pixels: torch.Tensor, across: int, down: int) -> torch.Tensor:
    """Moved, with the edge drawn on."""
    wide = F.pad(pixels.float(), (2, 2, 2, 2), mode="replicate")
    side = pixels.shape[-1]
    return wide[..., 2 - down : 2 - down + side, 2 - across : 2 - across + side]


def cropped(pixels: torch.Tensor, share: float, aside: float = 0.0) -> torch.Tensor:
    """A window of a picture, enlarged to its size."""
    window = torch.tensor([[share, 0, aside], [0, share, aside]]).expand(len(pixels), 2, 3)
    grid = F.affine_grid(window, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)


def noisy(pixels: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return pixels + 6 * torch.randn(pixels.shape, generator=generator)


def blocky(pixels: torch.Tensor) -> torch.Tensor:
    """As strong compression leaves it: squares of 2x2, and few levels."""
    coarse = F.interpolate(F.avg_pool2d(pixels.float(), 2), scale_factor=2)
    return ((coarse + pixels) / 16).round() * 8


def captioned(pixels: torch.Tensor) -> torch.Tensor:
    """A black bar with white marks over the lowest sixth."""
    marks = 255 * (torch.arange(32) % 3 == 0).float()
    changed = pixels.float().clone()
    changed[:, :, -5:] = 0
    changed[:, :, -4:-1] = marks
    return changed


CHANGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exact": lambda pixels: pixels,
    "shifted by 1": lambda pixels: shifted(pixels, 1, 0),
    "shifted by 2": lambda pixels: shifted(pixels, -2, 0),
    "shifted by 2 each way": lambda pixels: shifted(pixels, 2, -2),
    "cropped by 5 %": lambda pixels: cropped(pixels, 0.95),
    "cropped by 10 %": lambda pixels: cropped(pixels, 0.9),
    "cropped aside": lambda pixels: cropped(pixels, 0.9, 0.05),
    "darker": lambda pixels: 0.8 * pixels,
    "brighter": lambda pixels: 1.2 * pixels,
    "colour cast": lambda pixels: pixels * torch.tensor([1.2, 1.0, 0.8])[:, None, None],
    "grey": lambda pixels: pixels.float().mean(dim=1, keepdim=True).expand(-1, 3, -1, -1),
    "noisy": noisy,
    "blocky": blocky,
    "mirrored": lambda pixels: pixels.flip(-1),
    "captioned": captioned,
    "all at once": lambda pixels: noisy(0.9 * cropped(shifted(pixels, 1, -1), 0.95)),
}


def bytes_of(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def found() -> dict[int, Duplicate]:
    """Training image 0, 1, 2 ... -> its pair with the changed copy at the same place of test."""
    torch.set_num_threads(1)
    count = EACH * len(CHANGES)
    train, validation, test = draw(10, count + 60, 60, count + 60, 32, 7)
    pixels = test.pixels[:].clone()
    for position, change in enumerate(CHANGES.values()):
        chosen = slice(position * EACH, (position + 1) * EACH)
        pixels[chosen] = bytes_of(change(train.pixels[chosen]))
    parts: dict[Split, ImageSet] = {
        "train": train,
        "validation": validation,
        "test": ImageSet(pixels, test.labels),
    }
    duplicates = find_duplicates(parts).duplicates
    planted = {(Place("train", index), Place("test", index)) for index in range(count)}
    right = {pair.a.index: pair for pair in duplicates if (pair.a, pair.b) in planted}
    # Drawn pictures are much alike, and a hundredth of 90 is less than the control can tell.
    assert len(duplicates) - len(right) <= 3
    return right


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change: str, found: dict[int, Duplicate]) -> None:
    first = list(CHANGES).index(change) * EACH
    duplicates = [found[index] for index in range(first, first + EACH) if index in found]
    assert len(duplicates) >= EACH - 1
    assert {pair.kind for pair in duplicates} == {"exact" if change == "exact" else "near"}
    if change == "exact":
        assert {pair.distance for pair in duplicates} == {0}
    else:
        assert all(0 < pair.distance < 0.25 for pair in duplicates)
    if change == "mirrored":
        # A picture that is its own mirror image is like its duplicate both ways.
        assert sum(pair.mirrored for pair in duplicates) >= EACH - 2
    else:
        assert not any(pair.mirrored for pair in duplicates)


def test_the_farther_the_change_the_greater_the_distance(found: dict[int, Duplicate]) -> None:
    def mean(change: str) -> float:
        first = list(CHANGES).index(change) * EACH
        near = [found[index].distance for index in range(first, first + EACH) if index in found]
        return sum(near) / len(near)

    assert mean("darker") < mean("all at once")
    assert mean("cropped by 5 %") < mean("all at once")


def images(pixels: torch.Tensor, labels: list[int] | None = None) -> ImageSet:
    return ImageSet(pixels, torch.tensor(labels or [0] * len(pixels)))


def test_every_copy_is_listed_with_the_first() -> None:
    (one, other), *_ = (draw(2, 2, 1, 1, 16, 0)[0].pixels[:],)
    duplicates = find_duplicates(
        {"train": images(torch.stack([one, other, one])), "test": images(one[None], [1])}
    ).duplicates
    assert [(pair.kind, pair.a, pair.b, pair.same_label) for pair in duplicates] == [
        ("exact", Place("train", 0), Place("train", 2), True),
        ("exact", Place("train", 0), Place("test", 0), False),
    ]


def test_copies_of_a_near_duplicate_are_its_duplicates_too() -> None:
    train, _, _ = draw(4, 12, 1, 1, 32, 1)
    moved = bytes_of(shifted(train.pixels[:1], 1, 0))
    duplicates = find_duplicates(
        {"train": train, "test": images(torch.cat([moved, moved]))}
    ).duplicates
    assert {(pair.kind, pair.a, pair.b) for pair in duplicates} == {
        ("exact", Place("test", 0), Place("test", 1)),
        ("near", Place("train", 0), Place("test", 0)),
        ("near", Place("train", 0), Place("test", 1)),
    }


@pytest.mark.parametrize(("size", "channels"), [(64, 3), (16, 3), (32, 1)])
def test_images_of_every_form(size: int, channels: int) -> None:
    train, _, _ = draw(4, 30, 1, 1, size, 2)
    pixels = train.pixels[:][:, :channels]
    copies = bytes_of(1.1 * shifted(pixels[:5], size // 32, 0))
    duplicates = find_duplicates({"train": images(pixels), "test": images(copies)}).duplicates
    assert {(pair.a.index, pair.b.index) for pair in duplicates} == {(i, i) for i in range(5)}


def test_pictures_without_anything_on_them_are_no_near_duplicates() -> None:
    flat = torch.arange(0, 250, 10, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    grain = torch.randint(100, 103, (20, 3, 32, 32), generator=generator, dtype=torch.uint8)
    duplicates = find_duplicates(
        {"train": images(torch.cat([flat, grain])), "test": images(flat[:2])}
    ).duplicates
    assert {pair.kind for pair in duplicates} == {"exact"}
    assert len(duplicates) == 2


def test_a_single_picture_has_no_duplicate() -> None:
    train, _, _ = draw(2, 1, 1, 1, 8, 0)
    assert find_duplicates({"train": train}).duplicates == ()


def test_labels_do_not_make_duplicates_but_are_told() -> None:
    train, _, _ = draw(2, 8, 1, 1, 32, 0)
    other = images(bytes_of(0.9 * train.pixels[:1]), [1 - int(train.labels[0])])
    (pair,) = find_duplicates({"train": train, "test": other}).duplicates
    assert not pair.same_label


def test_the_control_sets_the_threshold() -> None:
    found = torch.linspace(0.75, 0.9999, 1000)
    clean = _threshold(found, torch.tensor([0.5, 0.6]), 1.0)
    assert (clean.threshold, clean.by_chance) == (0.77, 0)
    # One in a hundred may be chance: at 0.85 that is 6 of 600, at 0.8 it is 8 of 800.
    assert _threshold(found, torch.full((5,), 0.85), 2.0).threshold == 0.855
    few = _threshold(found, torch.full((5,), 0.8), 1.0)
    assert few.threshold == 0.77
    assert few.by_chance == pytest.approx(5 / int((found >= 0.77).sum()), abs=1e-5)


def test_with_few_duplicates_more_is_asked() -> None:
    found = torch.linspace(0.75, 0.9999, 50)
    assert _threshold(found, torch.empty(0), 1.0).threshold == 0.88
    assert _threshold(torch.empty(0), torch.empty(0), 1.0).threshold == 0.88
    assert _threshold(found, torch.tensor([0.9]), 0.5).threshold == 0.905


def test_where_chance_is_everywhere_there_are_no_near_duplicates() -> None:
    search = _threshold(torch.full((10,), 0.99), torch.full((10,), 0.999), 1.0)
    assert search.threshold == 1
