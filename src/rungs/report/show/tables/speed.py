"""The speed of a report's rungs: images a second, and what share of the ceiling that is."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from rungs.report.data import ReportData, RungReport
from rungs.report.show.section import Section, filled, percent
from rungs.study import Study

# A training step does the forward pass, and about twice its work backward: towards the inputs and
# towards the weights.
_PASSES = 3


@dataclass(frozen=True)
class Speed:
    """How fast one run of a rung trains; evaluation is left out.

    Attributes:
        seconds_per_epoch: median over the epochs of all seeds.
        images_per_second: training images in that time.
        gflops: GFLOP/s of convolutions and dense layers as their definition counts them, forward
            and backward, 2 per multiply-add, in the median epoch of images of full size; None
            where a recipe's images are smaller in every epoch.
        ceiling_share: ``gflops`` by the GFLOP/s of a large matrix product with the same threads,
            median over the seeds for which that was measured; None where it was for none.
    """

    seconds_per_epoch: float
    images_per_second: float
    gflops: float | None
    ceiling_share: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "seconds_per_epoch": self.seconds_per_epoch,
            "images_per_second": self.images_per_second,
            "gflops": self.gflops,
            "ceiling_share": self.ceiling_share,
        }


def rung_speed(rung: RungReport, study: Study) -> Speed | None:
    """The speed of a rung's finished runs; None while there is none.

    Args:
        rung: with its cost and the seconds of its epochs.
        study: that the rung is of.
    """
    if not rung.history:
        return None
    _, _, flops = rung.cost
    images = study.data.sizes["train"]
    _, full, _ = study.data.image_shape
    resolution = study.rung(rung.name).recipe.resolution

    def gflops(seconds: float) -> float:
        return _PASSES * (flops or 0) * images / seconds / 1e9

    seconds = median(entry.train_seconds for history in rung.history for entry in history)
    # Smaller images take fewer FLOPs than are counted.
    whole = [
        [
            entry.train_seconds
            for entry in history
            if resolution.size(entry.epoch, rung.epochs, full) == full
        ]
        for history in rung.history
    ]
    at_full_size = [each for run in whole for each in run]
    shares = [
        gflops(median(run)) / ceiling
        for run, ceiling in zip(whole, rung.ceilings, strict=True)
        if run and ceiling and flops is not None
    ]
    return Speed(
        seconds_per_epoch=seconds,
        images_per_second=images / seconds,
        gflops=gflops(median(at_full_size)) if at_full_size and flops is not None else None,
        ceiling_share=median(shares) if shares else None,
    )


def speed(data: ReportData) -> Section:
    """The rungs' speeds as a table, and on what hardware that was."""
    found = [(rung, rung_speed(rung, data.study)) for rung in data.rungs]
    cells = [
        {
            "rung": rung.name,
            "images/s": f"{one.images_per_second:,.0f}",
            "seconds an epoch": f"{one.seconds_per_epoch:,.1f}",
            "GFLOP/s": "" if one.gflops is None else f"{one.gflops:,.1f}",
            "% of ceiling": percent(one.ceiling_share),
        }
        for rung, one in found
        if one is not None
    ]
    if not cells:
        return Section("Speed")
    ceiling = any(one is not None and one.ceiling_share is not None for _, one in found)
    return filled("Speed", cells, tuple(cells[0])[1:], _reading(data, ceiling=ceiling))


def _reading(data: ReportData, *, ceiling: bool) -> list[str]:
    lines = [
        f"Of one run in training, the median epoch of {data.study.data.sizes['train']:,} images; "
        "evaluation is left out, and runs side by side share the machine. FLOPs of forward and "
        "backward pass, three times those of the forward pass, in epochs of images of full size."
    ]
    if ceiling:
        lines.append(
            "The ceiling is what a product of two 2048 x 2048 matrices reaches here with as many "
            "threads and the same precision. Minimal filtering does with fewer multiplications "
            "than are counted."
        )
    return [*lines, *(f"Trained on: {line}." for line in data.executions)]
