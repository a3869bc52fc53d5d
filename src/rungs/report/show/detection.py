"""Seeds that it takes to find a difference, as text."""

from rungs.report.figures.detection import Detection


def show_detection(found: Detection) -> str:
    """How many seeds find the difference, and what that was taken from."""
    answer = (
        f"{found.seeds} seeds of every rung find it with power {found.power:g}"
        if found.seeds is not None
        else f"no number of seeds finds it with power {found.power:g}: the test set is too small"
    )
    return (
        f"a true difference of {found.points:g} points between a rung and the one that it "
        f"stands on: {answer}, as the smallest p of {found.family} comparisons.\n"
        f"Taken from validation: seeds of one recipe differ by {found.seed_deviation:.2f} "
        f"points (standard deviation on {found.images:,} test images); the images alone leave "
        f"a difference uncertain by {found.image_deviation:.2f} points."
    )
