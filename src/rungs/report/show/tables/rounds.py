"""Seeds where they decide, as a table: a row for each round that is over."""

from collections.abc import Iterable, Iterator

from rungs.foundation.wording import counted
from rungs.report.figures.rounds import RoundReport, SeedRounds
from rungs.report.show.section import Section, filled
from rungs.study.estimate import duration
from rungs.study.rounds import Decision

TITLE = "Seeds where they decide"


def rounds_section(found: SeedRounds | None) -> Section:
    """What each round of seeds closed and left open on validation, and what it cost."""
    if found is None:
        return Section(TITLE)
    rows = [_row(item) for item in found.rounds]
    return filled(TITLE, rows, ("seeds", "runs", "training"), tuple(_lines(found)))


def _row(item: RoundReport) -> dict[str, str]:
    def closed(state: str) -> str:
        return _names(one for one in item.closed if one.state == state)

    return {
        "seeds": str(item.seeds),
        "runs": str(item.runs),
        "training": duration(item.seconds),
        "settled": closed("settled"),
        "futile": closed("futile"),
        "failed": closed("failed"),
        "left open": _names(item.left_open),
        "decided (UTC)": item.decided.replace("T", " ").removesuffix("Z"),
    }


def _names(decisions: Iterable[Decision]) -> str:
    """Each rung with what validation said of it, in percentage points."""
    return ", ".join(
        item.rung if item.delta is None else f"{item.rung} ({100 * item.delta:+z.1f})"
        for item in decisions
    )


def _lines(found: SeedRounds) -> Iterator[str]:
    most = "" if found.most is None else f", up to {found.most}"
    yield (
        f"Every rung has {counted(found.start, 'seed')}; both rungs of a comparison that is open "
        f"on validation get those of the next round{most}. Settled is what validation shows, "
        "futile what cannot be expected to come to the study's margin; in parentheses, the "
        "difference on validation in percentage points. The test set has no part in this."
    )
    if found.rounds:
        yield f"In all {counted(found.runs, 'run')}, {duration(found.seconds)} of training."
    if found.following is not None:
        yield (
            f"Under way: the round of {found.following} seeds, {counted(found.to_do, 'run')} to do."
        )
    elif found.rounds and found.rounds[-1].left_open:
        yield f"The most seeds are reached; {_names(found.rounds[-1].left_open)} stays open."
