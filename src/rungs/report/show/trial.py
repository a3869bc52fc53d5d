"""What a tried change did, as text."""

from rungs.foundation.wording import counted
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.trial import Trial
from rungs.report.show.section import (
    count,
    interval,
    megaflops,
    min_detectable,
    points,
    seconds,
    sureness,
)
from rungs.report.show.text import wrapped
from rungs.statistics.verdicts import Verdict


def show_trial(found: Trial, *, width: int) -> str:
    """Both rungs' validation figures and the difference; nothing of the test set.

    Args:
        found: the rungs.
        width: columns.
    """
    before, after = found.before, found.after
    lines = [f"{' and '.join(after.changes)} on {before.name}, {counted(after.epochs, 'epoch')}:"]
    lines += [f"  {change}" for change in after.difference]
    lines += [_figures(rung) for rung in (before, after)]
    lines += _difference(found.verdict, held_out=after.held_out)
    if after.notes:
        lines.append("notes: " + "; ".join(after.notes))
    return wrapped(lines, width=width)


def _difference(item: Verdict, *, held_out: bool) -> list[str]:
    """What the validation images say of the change, and what they could have said."""
    if item.delta is None:
        return []
    seeds = " and ".join(map(str, dict.fromkeys(item.n_seeds)))
    seeds += " seed" if seeds == "1" else " seeds"
    kind = "images that models did not see" if held_out else "validation images"
    on = f"{item.n_images:,} {kind}"
    said = f"difference {'in folds' if held_out else 'on validation'}: {points(item.delta)} points"
    if item.low is None or item.detectable is None:
        alone = f"; {interval(item)} on {on} (95 %)" if item.images_only else f" on {on}"
        return [f"{said}{alone}. 1 seed: how much another would differ is not known"]
    return [
        f"{said}, 95 % interval {interval(item)}, sign {sureness(item.sign)} sure ({seeds}, {on})",
        f"minimum detectable difference: {min_detectable(item.detectable)} points; each change "
        "that is tried is one more comparison, and this interval is not corrected for the others",
    ]


def _figures(rung: RungReport) -> str:
    if rung.failed:
        return f"  {rung.name}: failed: {rung.failed[0][1]}"
    if not rung.val_accuracy.values:
        return f"  {rung.name}: not finished"
    values = ", ".join(f"{100 * value:.1f}" for value in rung.val_accuracy.values)
    loss = rung.val_loss.mean
    return (
        f"  {rung.name}: validation accuracy {values} %, loss {loss:.3f} nats, "
        f"{count(rung.cost[0])} parameters, {megaflops(rung.cost[2])} MFLOPs, "
        f"{seconds(rung.train_seconds)} s"
    )
