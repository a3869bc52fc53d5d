"""The speed of a report's rungs: images a second, and what share of the ceiling that is."""

from rungs.report.figures.whole import ReportData
from rungs.report.show.section import Section, filled, percent


def speed(data: ReportData) -> Section:
    """The rungs' speeds as a table, and on what hardware that was."""
    found = [(rung, rung.speed) for rung in data.rungs]
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
    images = data.study.splits[0].sizes["train"]
    lines = [
        f"Of one run in training, the median epoch of {images:,} images; "
        "evaluation is left out, and runs side by side share the machine. FLOPs of forward and "
        "backward pass, three times those of the forward pass, in epochs of images of full size."
    ]
    if ceiling:
        lines.append(
            "The ceiling is what a product of two 2048 x 2048 matrices reaches here with as many "
            "threads and the same precision. Winograd convolution does with fewer multiplications "
            "than are counted."
        )
    return [*lines, *(f"Trained on: {line}." for line in data.executions)]
