"""What lies in a store, and what of it can be deleted, as text."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rungs.evidence.pruning import Prunable, Pruning
from rungs.foundation.wording import counted
from rungs.report.show.section import Section
from rungs.report.show.text import to_text, wrapped
from rungs.study.listing import Listed, Listing

_KINDS = {
    "run": "finished run",
    "checkpoint": "checkpoint",
    "damaged": "damaged run",
    "leftover": "leftover",
}


def size(count: int) -> str:
    """Bytes as people read them, in powers of ten: ``1.2 GB``, ``80 MB``, ``3 kB``."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 0.9995 * 10**power:
            number = count / 10**power
            return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"
    return f"{count} bytes"


def listed(found: Listing | None, builtins: Sequence[tuple[str, str]], *, width: int) -> str:
    """The studies of a store, if there is one, and those that are built in."""
    columns = ("study", "budget", "runs", "on disk", "last touched", "title")
    built_in = Section("Built-in studies", ("study", "title"), rows=tuple(builtins))
    if found is None:
        return to_text((built_in,), width=width)
    lines = []
    if gone := [item for item in found.studies if item.missing]:
        files = dict.fromkeys(item.source for item in gone)
        lines.append(f"Not there any more: {', '.join(files)}.")
    if any(item.runs is None for item in found.studies):
        lines.append("?: known by its report alone; `rungs report` with its file notes its runs.")
    if found.others or found.other_bytes:
        lines.append(
            f"Of no study that is known: {counted(found.others, 'finished run')}, with checkpoints "
            f"{size(found.other_bytes)}; `rungs store prune` shows what of that can go."
        )
    if not found.studies:
        lines.insert(0, "No study yet; `rungs run STUDY` trains one.")
    tagged = any(item.tags for item in found.studies)
    table = Section(
        f"Studies in {found.root}, {size(found.bytes)}",
        (*columns, "tags") if tagged else columns,
        frozenset(("on disk",)),
        tuple(
            (*_row(item), ", ".join(item.tags)) if tagged else _row(item) for item in found.studies
        ),
        tuple(lines),
    )
    return to_text((table, built_in), width=width)


def tagged_runs(found: Listing | None, tag: str, *, width: int) -> str:
    """The runs of a store that have a tag, study by study."""
    rows = tuple(
        (
            item.name,
            item.budget,
            run.name if run.seed is None else f"{run.name}@{run.seed}",
            run.key,
            "; ".join(note.text for note in run.noted.notes),
        )
        for item in (() if found is None else found.studies)
        for run in item.noted
    )
    columns = ("study", "budget", "run", "key", "notes")
    none = () if rows else ("No run has it; `rungs note STUDY RUN --tag TAG` gives it to one.",)
    return to_text((Section(f"Runs tagged {tag}", columns, rows=rows, lines=none),), width=width)


def _row(item: Listed) -> tuple[str, ...]:
    runs = "?" if item.finished is None else f"{item.finished} of {item.runs}"
    if item.failed:
        runs += f", {item.failed} failed"
    if item.begun:
        runs += f", {item.begun} begun"
    touched = ""
    if item.touched:
        touched = f"{datetime.fromisoformat(item.touched).astimezone():%Y-%m-%d %H:%M}"
    return (item.name, item.budget, runs, size(item.bytes), touched, item.title)


def pruned(found: Pruning, root: str, *, deleted: bool, width: int) -> str:
    """What goes, or went, with what it frees; and what stays though somebody may wonder."""
    rows = tuple(
        (_KINDS[item.kind], item.name, size(item.bytes), item.why) for item in _by_size(found.going)
    )
    if not rows:
        return wrapped((f"Nothing in {root} can go.", *found.staying), width=width)
    kinds = Counter(_KINDS[item.kind] for item in found.going)
    things = ", ".join(counted(number, kind) for kind, number in kinds.items())
    said = f"Deleted: {things}; {size(found.bytes)} freed."
    if not deleted:
        said = f"{things}: {size(found.bytes)}. Nothing is deleted without --yes."
    title = f"{'Deleted from' if deleted else 'What can go from'} {root}"
    columns = ("what", "name", "on disk", "why")
    table = Section(title, columns, frozenset(("on disk",)), rows, (said, *found.staying))
    return to_text((table,), width=width)


def _by_size(going: Sequence[Prunable]) -> list[Prunable]:
    return sorted(going, key=lambda item: -item.bytes)
