"""Near-duplicates: pictures of a set that are changed copies of each other."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from rungs.data.audit.alignment import ZOOMS, correlations, enlarged
from rungs.data.audit.candidates import alike, descriptions, directions
from rungs.data.audit.findings import DuplicateSearch

# Called with what is being done and the share of it that is done.
Progress = Callable[[str, float], None]

# Products of descriptions from which on a pair is looked at closely. Copies that are shifted by a
# pixel each way, or cropped by a tenth, nearly all lie above it.
_LEAST_ALIKE = 0.6
# However few pairs of a set are alike by chance: below this, pictures are not the same. In a set
# with so few duplicates that a hundredth of them is less than one, the control cannot tell, and
# more is asked.
_LEAST_CORRELATION, _SAFE_CORRELATION = 0.75, 0.85
_STEP = 0.005
# Share of the near-duplicates that may be alike by chance.
_CHANCE = 0.01
# As many pictures are turned upside down, or an eighth of all where that is more.
_CONTROLS = 4096
_PAIRS = 1024  # worked on at a time
_IMAGES = 4096  # worked on at a time

_SHIFTS = tuple((across, down) for down in (0, 2, -2) for across in (0, 2, -2))


@dataclass(frozen=True)
class _Turn:
    """Pictures turned in one way, and the shifts in pixels of a structure that are tried.

    A pair is met twice, once from either picture: of two shifts that then come to the same, one
    is left out.
    """

    axes: tuple[int, ...]
    shifts: tuple[tuple[int, int], ...]

    @property
    def views(self) -> int:
        """In how many ways the pictures are looked at: at each shift, and enlarged."""
        return len(self.shifts) + 1

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(self.axes) if self.axes else images

    def view(self, images: torch.Tensor, number: int) -> torch.Tensor:
        """The turned structures [N, 32, 32] in one of these ways."""
        if number == len(self.shifts):
            return enlarged(self(images), ZOOMS[-1])
        across, down = self.shifts[number]
        return F.pad(self(images), (across, -across, down, -down))


_UPRIGHT = _Turn((), ((0, 0), (2, 0), (0, 2), (2, 2), (2, -2)))
_MIRRORED = _Turn((-1,), ((0, 0), (2, 0), (-2, 0), (0, 2), (2, 2), (-2, 2)))
# Nobody keeps copies that stand on their heads: what is alike then is alike by chance. The first
# is the control of upright pairs, the second of mirrored ones.
_UPSIDE_DOWN = _Turn((-2,), _SHIFTS)
_ROTATED = _Turn((-1, -2), _SHIFTS)


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs that are changed copies of each other.

    Attributes:
        pairs: indices, int64 [2, M].
        correlations: float32 [M].
        search: how they were told from others.
    """

    pairs: torch.Tensor
    correlations: torch.Tensor
    search: DuplicateSearch

    def only(self, kept: torch.Tensor) -> "NearDuplicates":
        """Those pairs for which ``kept``, bool [M], is true."""
        return replace(self, pairs=self.pairs[:, kept], correlations=self.correlations[kept])


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
    found = _candidates(images, list(zip(turns, chosen, strict=True)), progress)
    values = _judged(images, turns, found, progress)
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
    images: torch.Tensor, searches: list[tuple[_Turn, torch.Tensor]], progress: Progress
) -> list[torch.Tensor]:
    """For each turn and the pictures that are turned: pairs [2, M] worth a closer look."""
    along = directions(images)
    described = descriptions(images, along)
    total = sum(turn.views * len(chosen) for turn, chosen in searches)
    done = 0
    found = []
    for turn, chosen in searches:
        pairs = [torch.empty(2, 0, dtype=torch.int64)]
        for number in range(turn.views):
            seen = torch.cat(
                [
                    descriptions(turn.view(images[part], number), along)
                    for part in torch.split(chosen, _IMAGES)
                ]
            )
            for block, rows in alike(seen, described, _LEAST_ALIKE):
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
    images: torch.Tensor, turns: tuple[_Turn, ...], found: list[torch.Tensor], progress: Progress
) -> list[torch.Tensor]:
    """The correlations [M] of the pairs of each turn."""
    total = sum(pairs.shape[1] for pairs in found)
    done = 0
    judged = []
    for turn, pairs in zip(turns, found, strict=True):
        values = [torch.empty(0)]
        for chunk in torch.split(pairs, _PAIRS, dim=1):
            if not chunk.shape[1]:
                continue
            values.append(correlations(turn(images[chunk[0]]), images[chunk[1]]))
            done += chunk.shape[1]
            progress("duplicates, looking closely at pairs", done / total)
        judged.append(torch.cat(values))
    return judged


def _threshold(found: torch.Tensor, control: torch.Tensor, weight: float) -> DuplicateSearch:
    """The lowest correlation from which on few enough pairs are alike by chance.

    The target-decoy method of mass spectrometry (Elias and Gygi, Nature Methods, 2007): what the
    control finds is an estimate of what is found falsely.

    Args:
        found: correlations of pairs that may be duplicates.
        control: those of pairs that cannot be.
        weight: pairs that a pair of the control stands for.
    """
    chosen = DuplicateSearch(1.0, 0.0)
    for step in range(round((1 - _LEAST_CORRELATION) / _STEP) + 1):
        level = round(1 - step * _STEP, 4)
        pairs = int((found >= level).sum())
        by_chance = weight * int((control >= level).sum())
        if by_chance > _CHANCE * pairs or (pairs * _CHANCE < 1 and level < _SAFE_CORRELATION):
            break
        chosen = DuplicateSearch(level, round(by_chance / pairs, 5) if pairs else 0.0)
    return chosen
