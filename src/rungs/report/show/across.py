"""Two studies, or one in two stores, rung by rung, as text."""

from rungs.report.figures.across import Across
from rungs.report.show.section import Section
from rungs.report.show.tables.verdicts import validation_section, verdict_section
from rungs.report.show.text import to_text

# Fields in which two recipes differ that are shown; of more, how many there are.
_MOST_FIELDS = 6

_IMAGES = {
    "test": "test accuracy",
    "folds": "accuracy on images that models did not see",
}


def show_across(found: Across, *, width: int) -> str:
    """Tables of what is judged, of what both differ in, and of what cannot be compared."""
    judged = [pair.verdict for pair in found.pairs if pair.verdict is not None]
    title = f"{found.first} against {found.second}"
    if found.on == "validation":
        table = validation_section(f"{title}, on validation: {found.instead}", judged)
    else:
        images = _IMAGES[found.on]
        table = verdict_section(f"{title}: {images}", judged, images)
    if not judged:
        table = Section(table.title, lines=("Nothing can be compared.",))
    differs = Section(
        "What differs, from the second to the first",
        ("rung", "fields"),
        rows=tuple((pair.name, _fields(pair.differs)) for pair in found.pairs if pair.verdict),
    )
    rest = Section(
        "Not compared",
        ("rung", "why"),
        rows=tuple((pair.name, pair.why) for pair in found.pairs if pair.why),
    )
    shown = (table, *(section for section in (differs, rest) if section.rows))
    return to_text(shown, width=width)


def _fields(differs: tuple[str, ...]) -> str:
    if not differs:
        return "nothing: other seeds, or trained again"
    rest = len(differs) - _MOST_FIELDS
    return "; ".join([*differs[:_MOST_FIELDS], *([f"and {rest} more"] if rest > 0 else [])])
