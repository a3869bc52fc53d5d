"""What a tried change did, as text."""

from rungs.foundation.wording import counted
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.trial import Trial
from rungs.report.show.section import interval, megaflops, points
from rungs.report.show.text import wrapped


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
    if found.difference is not None:
        n = found.seeds
        seeds = "1 seed: how far another would differ is not known" if n == 1 else f"{n} seeds"
        lines.append(f"difference on validation: {points(found.difference)} points ({seeds})")
    if after.held_out and after.verdict is not None and after.verdict.low is not None:
        found_so = f"{after.verdict.outcome}, 95 % interval {interval(after.verdict)} points"
        lines.append(f"in folds: {found_so}, on {after.verdict.n_images:,} images")
    if after.notes:
        lines.append("notes: " + "; ".join(after.notes))
    return wrapped(lines, width=width)


def _figures(rung: RungReport) -> str:
    if rung.failed:
        return f"  {rung.name}: failed: {rung.failed[0][1]}"
    if not rung.val_accuracy.values:
        return f"  {rung.name}: not finished"
    values = ", ".join(f"{100 * value:.1f}" for value in rung.val_accuracy.values)
    loss = rung.val_loss.mean
    return (
        f"  {rung.name}: validation accuracy {values} %, loss {loss:.3f} nats, "
        f"{rung.cost[0]:,} parameters, {megaflops(rung.cost[2])} MFLOPs, "
        f"{rung.train_seconds:.0f} s"
    )
