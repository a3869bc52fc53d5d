"""What was found where pictures are, in lines for people."""

from dataclasses import dataclass
from pathlib import Path

from rungs.data.pictures.source import LeftOut
from rungs.data.spec import Part, PicturesSpec


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
    """

    spec: PicturesSpec
    place: Path
    kind: str
    parts: tuple[Part, ...]
    pictures: dict[str, int]
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()


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
        f"pictures of a class: {counts[fewest]:,} ({fewest}) to {counts[most]:,} ({most})",
        "split: "
        + (f"as it was found; {', '.join(survey.parts)}" if survey.parts else "none was found")
        + (f"; cut from training: {', '.join(shares)}, seed {spec.seed}" if shares else ""),
        *survey.notes,
        *left_out_lines(survey, most_left_out),
    )


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
