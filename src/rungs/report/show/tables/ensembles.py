"""An ensemble as a table: each member alone, and the last ones together."""

from rungs.foundation.wording import counted
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.show.section import Section, percent, point_range, points
from rungs.report.show.tables.ladder import with_values
from rungs.study import EnsembleKind

_MEMBER: dict[EnsembleKind, str] = {
    "snapshots": "snapshot",
    "no_cycle": "snapshot",
    "seeds": "seed",
}


def _title(item: EnsembleReport) -> str:
    match item.kind:
        case "snapshots":
            return (
                f"Snapshot ensemble {item.name}: {item.members} cycles on {item.rung}, "
                f"{counted(item.epochs, 'epoch')}, alpha0 {item.alpha0:g}"
            )
        case "no_cycle":
            return (
                f"Snapshots without cycles {item.name}: {item.members} of {item.rung}, "
                f"{counted(item.epochs, 'epoch')}"
            )
        case "seeds":
            return (
                f"Deep ensemble {item.name}: {item.members} seeds of {item.rung}, "
                f"{counted(item.epochs, 'epoch')} each"
            )


def ensemble_section(item: EnsembleReport) -> Section:
    """Each member alone and the last ones together."""
    title, member = _title(item), _MEMBER[item.kind]
    rows = []
    for position in range(item.members):
        cells = []
        for alone, together in (
            (item.member_test, item.growing_test),
            (item.member_val, item.growing_val),
        ):
            cells += [percent(alone.values[position]) if alone.values else ""]
            cells += [with_values(together[position]) if together else ""]
        rows.append((str(position + 1), *cells))
    lines = []
    gains = {"test": item.gain, "validation": item.gain_val}
    shown = [f"{points(gain)} points on {part}" for part, gain in gains.items() if gain is not None]
    if item.gain is not None and item.gain_interval is not None:
        of = "for new seeds and new images" if len(item.seeds) > 1 else "these two models"
        shown[0] += f" ({point_range(*item.gain_interval)}, {of})"
    if shown:
        lines.append(f"Gain over the last {member}: {', '.join(shown)}.")
    if item.single_test is not None and item.growing_test:
        length = (
            "for as many epochs"
            if item.epochs == item.epochs_of_all
            else f"for {counted(item.epochs, 'epoch')}"
        )
        lines.append(
            f"Against {item.rung} trained once {length} "
            f"({percent(item.single_test)} %): {points(item.over_single)} points."
        )
    lines += [f"Seed {seed} failed: {reason}." for seed, reason in item.failed]
    if not item.seeds and not item.failed:
        lines.append("Not run yet.")
    columns = (
        "n",
        f"{member} n alone, test %",
        "last n together, test %",
        f"{member} n alone, val %",
        "last n together, val %",
    )
    return Section(
        title, columns, frozenset(columns), tuple(rows) if item.seeds else (), tuple(lines)
    )
