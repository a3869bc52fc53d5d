"""Names of classes that may be one class in several spellings, or none at all."""

import re
import unicodedata
from collections.abc import Collection, Mapping

from rungs.foundation.wording import counted, listed, shown

# What programs write where a value is missing.
_NOTHING = frozenset(("nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nil", "?", "-"))
_MOST = 5


def meant_by(label: str) -> str:
    """The same for names that differ only in letter case, blanks, signs between, or zeros."""
    text = unicodedata.normalize("NFKC", label).casefold()
    if re.fullmatch(r"\s*[+-]?\d{1,20}([.]0+)?\s*", text):
        return str(int(float(text) if "." in text else text))
    return re.sub(r"[\s_-]+", "", text) or text


def twin_of(label: str, labels: Collection[str]) -> str | None:
    """Another class whose name is spelled in nearly the same way."""
    meant = meant_by(label)
    return next((other for other in labels if other != label and meant_by(other) == meant), None)


def spelling_notes(labels: Mapping[str, int]) -> tuple[str, ...]:
    """What looks odd about names of classes, a line each.

    Args:
        labels: number of pictures of each class, by name.
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(meant_by(label), []).append(label)
    twins = [names for names in groups.values() if len(names) > 1]
    notes = []
    if twins:
        said = "; ".join(
            " and ".join(f"{shown(name)} ({labels[name]:,})" for name in names)
            for names in twins[:_MOST]
        )
        rest = f"; and {len(twins) - _MOST:,} more" if len(twins) > _MOST else ""
        notes.append(
            f"warning: classes whose names differ in spelling alone, with their pictures: {said}"
            f"{rest}; if each is meant to be one, write them alike"
        )
    nothing = [label for label in labels if label.strip().casefold() in _NOTHING]
    if nothing:
        count = counted(sum(labels[label] for label in nothing), "picture")
        notes.append(
            f"warning: {listed(nothing)} {'are classes' if len(nothing) > 1 else 'is a class'} of "
            f"{count}, though many programs write so where there is no label; "
            "leave_out in [data] leaves it out"
        )
    return tuple(notes)
