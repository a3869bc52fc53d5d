"""The speed of a rung: images a second, and what share of the ceiling that is."""

from collections.abc import Sequence
from statistics import median

from rungs.data.spec import DataSpec
from rungs.report.figures.rungs import Speed
from rungs.store.results import Epoch
from rungs.study import Rung
from rungs.study.costs import PASSES, Cost


def rung_speed(
    rung: Rung,
    epochs: int,
    history: Sequence[Sequence[Epoch]],
    ceilings: Sequence[float | None],
    cost: Cost,
    data: DataSpec,
    answers: int | None = 0,
) -> Speed | None:
    """The speed of a rung's finished runs; None while there is none, or it is trained elsewhere.

    Args:
        rung: with its recipe, whose images may be smaller in some epochs.
        epochs: of each run.
        history: the epochs of each finished run.
        ceilings: what the machine did at best for each, GFLOP/s; None if unknown.
        cost: of the rung's network.
        data: whose training images an epoch goes through.
        answers: FLOPs of what a teacher answers to an image; None where they are not known.
    """
    if not history or rung.recorded:
        return None
    _, _, forward = cost
    flops = None if forward is None or answers is None else PASSES * forward + answers
    images = data.sizes["train"]
    _, full, _ = data.image_shape
    resolution = rung.recipe.resolution

    def gflops(seconds: float) -> float:
        return (flops or 0) * images / seconds / 1e9

    seconds = median(entry.train_seconds for run in history for entry in run)
    # Smaller images take fewer FLOPs than are counted.
    whole = [
        [entry.train_seconds for entry in run if resolution.size(entry.epoch, epochs, full) == full]
        for run in history
    ]
    at_full_size = [each for run in whole for each in run]
    shares = [
        gflops(median(run)) / ceiling
        for run, ceiling in zip(whole, ceilings, strict=True)
        if run and ceiling and flops is not None
    ]
    return Speed(
        seconds_per_epoch=seconds,
        images_per_second=images / seconds,
        gflops=gflops(median(at_full_size)) if at_full_size and flops is not None else None,
        ceiling_share=median(shares) if shares else None,
    )
