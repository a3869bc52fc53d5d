"""An audit of a data set as tables and lines, for text and Markdown."""

from collections.abc import Mapping
from itertools import combinations_with_replacement

from rungs.data.audit.findings import SPLITS, Audit, Duplicate
from rungs.report.show.section import Section, percent

# Entries of a list that are shown; the JSON form has all.
_MOST = 20


def audit_sections(audit: Audit) -> tuple[Section, ...]:
    """The sections in reading order; empty ones are left out."""
    found = (
        _duplicates(audit),
        _between(audit),
        _label_errors(audit),
        _balance(audit),
        Section(
            "Files left out",
            lines=(*audit.unreadable[:_MOST], *_rest(len(audit.unreadable))),
        ),
        _made(audit),
    )
    return tuple(section for section in found if section.rows or section.lines)


def _duplicates(audit: Audit) -> Section:
    rows = []
    for one, other in combinations_with_replacement(SPLITS, 2):
        pairs = audit.duplicates_between(one, other)
        rows.append(
            (
                f"within {one}" if one == other else f"{one} and {other}",
                *_counts(pairs),
                f"{len(audit.with_duplicate_in(other, one)):,} of {other}",
            )
        )
    rows.append(("all", *_counts(audit.duplicates), ""))
    upright, mirrored = audit.upright_search, audit.mirrored_search
    columns = ("duplicates", "exact", "near", "of them mirrored", "of different labels", "images")
    return Section(
        f"Audit of {audit.data}",
        columns,
        frozenset(columns[1:5]),
        tuple(rows),
        (
            "Exact: equal in every pixel. Near: a changed copy, such as shifted, cropped, "
            "brighter, in other colours, or mirrored. Images: how many of the second part have "
            "a duplicate in the first.",
            "Near-duplicates are pairs whose likeness, one minus distance, is at least "
            f"{upright.threshold:.3f}, mirrored {mirrored.threshold:.3f}. Estimated from pictures "
            f"turned upside down, {percent(upright.by_chance)} % and "
            f"{percent(mirrored.by_chance)} % of them are alike by chance.",
        ),
    )


def _counts(pairs: tuple[Duplicate, ...]) -> tuple[str, str, str, str]:
    near = [pair for pair in pairs if pair.kind == "near"]
    return (
        f"{len(pairs) - len(near):,}",
        f"{len(near):,}",
        f"{sum(pair.mirrored for pair in near):,}",
        f"{sum(not pair.same_label for pair in pairs):,}",
    )


def _between(audit: Audit) -> Section:
    """Duplicates that reach from training into test, the nearest first."""
    pairs = audit.duplicates_between("train", "test")
    rows = tuple(
        (
            pair.kind + (", mirrored" if pair.mirrored else ""),
            str(pair.a),
            str(pair.b),
            f"{pair.distance:.4f}",
            "same" if pair.same_label else "different",
        )
        for pair in pairs[:_MOST]
    )
    columns = ("kind", "image", "its duplicate", "distance", "labels")
    return Section(
        "Duplicates between training and test",
        columns,
        frozenset(("distance",)),
        rows,
        _rest(len(pairs)),
    )


def _label_errors(audit: Audit) -> Section:
    title = "Probable label errors"
    errors = audit.label_errors
    found = audit.labels
    if errors is None or found is None:
        return Section(title, lines=("Not searched for.",))
    rows = tuple(
        (
            item.split,
            item.picture or str(item.index),
            item.given,
            item.suggested,
            f"{item.score:.4f}",
        )
        for item in errors[:_MOST]
    )
    counts = ", ".join(f"{sum(e.split == split for e in errors):,} in {split}" for split in SPLITS)
    return Section(
        title,
        ("part", "image", "label", "suggested", "score"),
        frozenset(("score",)),
        rows,
        (
            *_rest(len(errors)),
            f"{counts}: more likely wrong than right, according to models that have not seen the "
            f"image ({found.folds} folds of training and validation, accuracy "
            f"{percent(found.accuracy)} %; for test their mean). The weaker the models, the more "
            "of these are merely hard pictures.",
        ),
    )


def _rest(count: int) -> tuple[str, ...]:
    return (f"The first {_MOST} of {count:,}; --json has all.",) if count > _MOST else ()


def _balance(audit: Audit) -> Section:
    rows = []
    for split in SPLITS:
        counts = audit.balance.get(split, {})
        if counts:
            rows.append(
                (
                    split,
                    f"{sum(counts.values()):,}",
                    str(len(counts)),
                    *_extreme(counts, min(counts.values())),
                    *_extreme(counts, max(counts.values())),
                )
            )
    columns = ("part", "images", "classes", "fewest", "classes of so many", "most", "of so many")
    return Section(
        "Class balance", columns, frozenset(("images", "classes", "fewest", "most")), tuple(rows)
    )


def _extreme(counts: Mapping[str, int], count: int) -> tuple[str, str]:
    """A number of images, and the classes that have it."""
    names = [name for name, found in counts.items() if found == count]
    shown = ", ".join(names[:3])
    return f"{count:,}", shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _made(audit: Audit) -> Section:
    seconds = ", ".join(f"{name} {value:,.0f} s" for name, value in audit.seconds.items())
    return Section(
        "How it was made",
        lines=(
            f"Data: {audit.data}, fingerprint {audit.fingerprint}. Took: {seconds}.",
            "Made with: " + ", ".join(f"{k} {v}" for k, v in audit.environment.items()) + ".",
        ),
    )
