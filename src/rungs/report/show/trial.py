"""What a tried change did, as text."""

from rungs.foundation.wording import counted
from rungs.report.data import ReportData, RungReport
from rungs.report.show.section import megaflops
from rungs.report.show.text import wrapped


def show_trial(data: ReportData, parent: str, tried: str, *, width: int) -> str:
    """Both rungs' validation figures and the difference; nothing of the test set.

    Args:
        data: a report that holds both rungs.
        parent: name of the rung that was changed.
        tried: name of the changed one.
        width: columns.
    """
    before, after = data.rung(parent), data.rung(tried)
    assert before is not None
    assert after is not None
    lines = [f"{' and '.join(after.changes)} on {parent}, {counted(after.epochs, 'epoch')}:"]
    lines += [f"  {change}" for change in after.difference]
    lines += [_figures(rung) for rung in (before, after)]
    one, other = before.val_accuracy.mean, after.val_accuracy.mean
    if one is not None and other is not None:
        n = min(len(before.seeds), len(after.seeds))
        seeds = "1 seed: how far another would differ is not known" if n == 1 else f"{n} seeds"
        lines.append(f"difference on validation: {100 * (other - one):+.1f} points ({seeds})")
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
