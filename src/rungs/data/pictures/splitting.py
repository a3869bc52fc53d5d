"""Which picture is for what: drawn within each class, equal pictures on one side.

Raise `rungs.data.pictures_spec.SPLIT_VERSION` when the same pictures are split in another way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rungs.data.spec import PARTS, Part


@dataclass(frozen=True)
class Member:
    """A picture as the split sees it.

    Attributes:
        label: index of its class.
        part: that its source puts it into; None if it says nothing.
        group: the same for pictures that are equal.
    """

    label: int
    part: Part | None
    group: str


@dataclass(frozen=True)
class Cuts:
    """What is cut from the pictures that may be trained on.

    Attributes:
        validation: share of them; 0 where there is a validation part already.
        test: the same for the test part.
        seed: from which is drawn.
    """

    validation: float
    test: float
    seed: int


def split(members: Sequence[Member], cuts: Cuts) -> dict[Part, list[int]]:
    """Positions of each part's pictures, rising.

    Each class gives its share of what may be trained on, at least one group: first to test, then
    to validation, as far as one is left to train on. Groups are drawn by a hash of the seed and
    the group, so that most pictures stay where they are when others come to the class.
    """
    found: dict[Part, list[int]] = {part: [] for part in PARTS}
    to_train: dict[int, dict[str, list[int]]] = {}
    for position, member in enumerate(members):
        if member.part in ("validation", "test"):
            found[member.part].append(position)
        else:
            to_train.setdefault(member.label, {}).setdefault(member.group, []).append(position)
    for groups in to_train.values():
        drawn = [groups[group] for group in sorted(groups, key=lambda g: _lot(cuts.seed, g))]
        images = sum(map(len, drawn))
        left = 1 + (cuts.validation > 0)  # groups that the other parts need
        for part, share in (("test", cuts.test), ("validation", cuts.validation)):
            if share:
                cut = _cut(drawn, round(share * images), left)
                found[part] += cut  # type: ignore[index]
                left = 1
        found["train"] += [position for group in drawn for position in group]
    return {part: sorted(positions) for part, positions in found.items()}


def _cut(groups: list[list[int]], wanted: int, left: int) -> list[int]:
    """Takes whole groups away from the front, as near to the wanted number as does not exceed it.

    At least one is taken, and at least ``left`` stay, the latter coming first.
    """
    cut: list[int] = []
    while len(groups) > left and (not cut or len(cut) + len(groups[0]) <= wanted):
        cut += groups.pop(0)
    return cut


def _lot(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()
