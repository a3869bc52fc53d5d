"""Near-duplicates: pictures of a set that are changed copies of each other."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from rungs.data.audit.alignment import agreements
from rungs.data.audit.candidates import Descriptor, alike, learned, usual
from rungs.data.audit.findings import DuplicateSearch

# Called with what is being done and the share of it that is done.
Progress = Callable[[str, float], None]

# Products of descriptions from which on a pair is looked at closely: at least so much more than is
# usual for the picture, and at least so much.
_MORE_THAN_USUAL, _LEAST_ALIKE = 0.1, 0.45
# In sets of so few pictures all that are about as alike as usual are looked at.
_FEW, _LESS_IN_FEW = 2000, 0.05
# What is taken off the agreement where such pictures are common (apples, horizons, cupboards on
# white): so much of how much more alike than others they are to pictures like them, and at most.
# The first was fitted to copies that were made, and pairs that were looked at.
_FOR_COMMONNESS, _MOST_FOR_COMMONNESS = 0.63, 0.2
# However few pairs of a set are alike by chance: below this, pictures are not the same. In a set
# with so few duplicates that a hundredth of them is less than one, the control cannot tell, and
# more is asked.
_LEAST_LIKENESS, _SAFE_LIKENESS = 0.77, 0.88
_STEP = 0.005
# Share of the near-duplicates that may be alike by chance.
_CHANCE = 0.01
# As many pictures are turned upside down, or an eighth of all where that is more.
_CONTROLS = 4096
_PAIRS = 256  # worked on at a time: few, as in a cache

# In steps of the descriptor. A pair is met twice, once from either picture: of two shifts that
# then come to the same, one is left out of the search.
_SHIFTS = tuple((across, down) for down in (0, 1, -1) for across in (0, 1, -1))


@dataclass(frozen=True)
class _Turn:
    """Pictures turned in one way, and the shifts that are tried."""

    axes: tuple[int, ...]
    shifts: tuple[tuple[int, int], ...]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(self.axes) if self.axes else images


_UPRIGHT = _Turn((), ((0, 0), (1, 0), (0, 1), (1, 1), (1, -1)))
_MIRRORED = _Turn((-1,), ((0, 0), (1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1)))
# Nobody keeps copies that stand on their heads: what is alike then is alike by chance. The first
# is the control of upright pairs, the second of mirrored ones.
_UPSIDE_DOWN = _Turn((-2,), _SHIFTS)
_ROTATED = _Turn((-1, -2), _SHIFTS)


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs that are changed copies of each other.

    Attributes:
        pairs: indices, int64 [2, M].
        likenesses: float32 [M].
        search: how they were told from others.
    """

    pairs: torch.Tensor
    likenesses: torch.Tensor
    search: DuplicateSearch

    def only(self, kept: torch.Tensor) -> "NearDuplicates":
        """Those pairs for which ``kept``, bool [M], is true."""
        return replace(self, pairs=self.pairs[:, kept], likenesses=self.likenesses[kept])


def near_duplicates(
    images: torch.Tensor, progress: Progress
) -> tuple[NearDuplicates, NearDuplicates]:
    """The near-duplicates among pictures that differ: upright ones, and mirrored ones.

    Args:
        images: structures [N, 32, 32].
        progress: told what is being done.
    """
    count = len(images)
    every = torch.arange(count)
    controls = every[:: max(1, count // max(_CONTROLS, count // 8))]
    turns = (_UPRIGHT, _MIRRORED, _UPSIDE_DOWN, _ROTATED)
    chosen = (every, every, controls, controls)
    descriptor = learned(images)
    (described,) = descriptor.views(images, ((0, 0),))
    common = usual(described)
    least = common - _LESS_IN_FEW
    if count > _FEW:
        least = (common + _MORE_THAN_USUAL).clamp(min=_LEAST_ALIKE)
    searches = tuple(zip(turns, chosen, strict=True))
    found = _candidates(images, descriptor, described, least, searches, progress)
    values = _judged(images, common, turns, found, progress)
    # A pair is met from both its pictures, a control only from those that were chosen.
    weight = count / (2 * len(controls))
    found_near = []
    for pairs, these, control in zip(found[:2], values[:2], values[2:], strict=True):
        search = _threshold(these, control, weight)
        found_near.append(NearDuplicates(pairs, these, search).only(these >= search.threshold))
    upright, mirrored = found_near
    # A picture that is its own mirror image is like its duplicate both ways: it is listed once.
    again = torch.isin(_keys(mirrored.pairs, count), _keys(upright.pairs, count))
    return upright, mirrored.only(~again)


def _candidates(
    images: torch.Tensor,
    descriptor: Descriptor,
    described: torch.Tensor,
    least: torch.Tensor,
    searches: tuple[tuple[_Turn, torch.Tensor], ...],
    progress: Progress,
) -> list[torch.Tensor]:
    """For each turn and the pictures that are turned: pairs [2, M] worth a closer look."""
    total = sum(len(turn.shifts) * len(chosen) for turn, chosen in searches)
    done = 0
    found = []
    for turn, chosen in searches:
        pairs = [torch.empty(2, 0, dtype=torch.int64)]
        for seen in descriptor.views(turn(images[chosen]), turn.shifts):
            for block, rows in alike(seen, described, least[chosen]):
                pairs.append(torch.stack([chosen[block[0]], block[1]]))
                done += rows
                progress("duplicates, comparing every picture with every other", done / total)
        found.append(_once(torch.cat(pairs, dim=1), len(images)))
    return found


def _keys(pairs: torch.Tensor, count: int) -> torch.Tensor:
    return pairs.amin(dim=0) * count + pairs.amax(dim=0)


def _once(pairs: torch.Tensor, count: int) -> torch.Tensor:
    """Every pair of two pictures once, whichever comes first."""
    keys = torch.unique(_keys(pairs[:, pairs[0] != pairs[1]], count))
    return torch.stack([keys // count, keys % count])


def _judged(
    images: torch.Tensor,
    common: torch.Tensor,
    turns: tuple[_Turn, ...],
    found: list[torch.Tensor],
    progress: Progress,
) -> list[torch.Tensor]:
    """The likenesses [M] of the pairs of each turn."""
    more_common = common - common.median()
    total = sum(pairs.shape[1] for pairs in found)
    done = 0
    judged = []
    for turn, pairs in zip(turns, found, strict=True):
        values = [torch.empty(0)]
        for chunk in torch.split(pairs, _PAIRS, dim=1):
            if not chunk.shape[1]:
                continue
            taken = _FOR_COMMONNESS * more_common[chunk].mean(dim=0)
            agreement = agreements(turn(images[chunk[0]]), images[chunk[1]])
            values.append(agreement - taken.clamp(0, _MOST_FOR_COMMONNESS))
            done += chunk.shape[1]
            progress("duplicates, looking closely at pairs", done / total)
        judged.append(torch.cat(values))
    return judged


def _threshold(found: torch.Tensor, control: torch.Tensor, weight: float) -> DuplicateSearch:
    """The lowest likeness from which on few enough pairs are alike by chance.

    The target-decoy method of mass spectrometry (Elias and Gygi, Nature Methods, 2007): what the
    control finds is an estimate of what is found falsely.

    Args:
        found: likenesses of pairs that may be duplicates.
        control: those of pairs that cannot be.
        weight: pairs that a pair of the control stands for.
    """
    chosen = DuplicateSearch(1.0, 0.0)
    for step in range(round((1 - _LEAST_LIKENESS) / _STEP) + 1):
        level = round(1 - step * _STEP, 4)
        pairs = int((found >= level).sum())
        by_chance = weight * int((control >= level).sum())
        if by_chance > _CHANCE * pairs or (pairs * _CHANCE < 1 and level < _SAFE_LIKENESS):
            break
        chosen = DuplicateSearch(level, round(by_chance / pairs, 5) if pairs else 0.0)
    return chosen
