"""What was found where pictures are, in lines for people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rungs.data.pictures.source import LeftOut
from rungs.data.pictures_spec import PicturesSpec
from rungs.data.spec import Part
from rungs.foundation.wording import listed, shown


@dataclass(frozen=True)
class Survey:
    """What is known of pictures.

    Attributes:
        spec: what runs are named by.
        place: where they are.
        kind: of the source, for people.
        parts: that the source tells apart; the others are cut from what is for training.
        pictures: number of those used, by class.
        names: of those used, in the order in which they are kept.
        left_out: what is not used: files, empty folders, rows.
        notes: how it was read where that is not plain, and what looks odd; a line each.
        counts: class -> pictures of it in training, validation and test.
        largest: of all values of grey pictures with more than 8 bits; None if there are none.
    """

    spec: PicturesSpec
    place: Path
    kind: str
    parts: tuple[Part, ...]
    pictures: dict[str, int]
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    largest: int | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What keeps figures from meaning much, a sentence each."""
        odd = (note.removeprefix(_WARNING) for note in self.notes if note.startswith(_WARNING))
        return (*odd, *coverage(self.counts))


_WARNING = "warning: "
# How many times as many pictures the largest class has as the smallest, from where that is said.
UNEVEN = 4
# Training pictures of a class that are hardly any.
_TINY = 5

# Of what is left out, where they are listed unasked.
MOST_LISTED = 20


def survey_lines(survey: Survey, most_left_out: int | None = None) -> tuple[str, ...]:
    """Where pictures are from, how many a class has, how they are split, what is left out."""
    spec = survey.spec
    counts = survey.pictures
    fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    cut = {"validation": spec.cut_validation, "test": spec.cut_test}
    shares = [f"{share:.0%} for {part}" for part, share in cut.items() if share]
    return (
        f"found: {survey.kind} in {survey.place}",
        f"pictures of a class: {counts[fewest]:,}"
        + (f" ({fewest}) to {counts[most]:,} ({most})" if counts[fewest] < counts[most] else ""),
        "split: "
        + (f"as it was found; {', '.join(survey.parts)}" if survey.parts else "none was found")
        + (f"; cut from training: {', '.join(shares)}, seed {spec.seed}" if shares else ""),
        *survey.notes,
        *(f"{_WARNING}{line}" for line in coverage(survey.counts)),
        *left_out_lines(survey, most_left_out),
    )


def unevenness(counts: Collection[int]) -> int:
    """How many times as many pictures the largest class has as the smallest, rounded down."""
    return max(counts) // max(1, min(counts))


def coverage(counts: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """What is to be said of classes that a part lacks, that are tiny, or very unequal.

    Args:
        counts: class -> images of it in training, validation and test.
    """
    found = []
    for number, part in ((1, "validation"), (2, "test")):
        if lacking := [label for label, each in counts.items() if not each[number]]:
            found.append(
                f"no {part} picture of {listed(lacking)}: no figure of {part} says anything of "
                + ("this class" if len(lacking) == 1 else "these classes")
            )
    train = {label: each[0] for label, each in counts.items()}
    if train and unevenness(train.values()) >= UNEVEN:
        fewest, most = min(train, key=train.__getitem__), max(train, key=train.__getitem__)
        found.append(
            f"{train[fewest]:,} ({shown(fewest)}) to {train[most]:,} ({shown(most)}) training "
            "pictures a class: accuracy is that of the frequent ones above all; a rung with "
            "`balanced_classes` weighs classes alike, and reports have the balanced accuracy"
        )
    if tiny := [label for label, count in train.items() if count < _TINY]:
        found.append(
            f"fewer than {_TINY} training pictures of {listed(tiny)}: too few to learn them by"
        )
    return tuple(found)


def left_out_lines(survey: Survey, most: int | None = None) -> tuple[str, ...]:
    """Says what is not used, and why; the first ``most`` of it, or all."""
    left_out = survey.left_out
    if not left_out:
        return ()
    shown = left_out[:most]
    lines = [f"left out: {len(left_out):,}", *(f"  {name}: {why}" for name, why in shown)]
    if len(shown) < len(left_out):
        lines.append(f"  and {len(left_out) - len(shown):,} more; `rungs data` lists all")
    return tuple(lines)
