"""False claims of two critical values, where the variance is a sum of two estimates.

A difference without a true effect, its image part known well and its seed part estimated with few
degrees of freedom: how often is it called real at 5 %, and at a seventh of that? Run as
``python benchmarks/critical_values.py``.
"""

import numpy as np
import timing
from scipy.special import stdtr, stdtrit

DRAWS = 200_000
IMAGES = 10_000
ALPHA = 0.05
FAMILY = 7
COLUMNS = (
    "seed degrees",
    "seed share",
    "Satterthwaite %",
    "Cochran %",
    "Satterthwaite / family %",
    "Cochran / family %",
)


def measure(degrees: int, share: float, rng: np.random.Generator) -> dict[str, object]:
    """Shares of draws that are called real; those of a family times its size."""
    seeds = share * rng.chisquare(degrees, DRAWS) / degrees
    images = 1 - share
    t = np.abs(rng.normal(size=DRAWS)) / np.sqrt(seeds + images)
    joint = (seeds + images) ** 2 / (seeds**2 / degrees + images**2 / IMAGES)
    p = 2 * stdtr(joint, -t)

    def cochran(alpha: float) -> float:
        of_seeds, of_images = (-stdtrit(each, alpha / 2) for each in (degrees, IMAGES))
        critical = (seeds * of_seeds + images * of_images) / (seeds + images)
        return float((t > critical).mean())

    level = ALPHA / FAMILY
    return {
        "seed degrees": degrees,
        "seed share": share,
        "Satterthwaite %": 100 * float((p <= ALPHA).mean()),
        "Cochran %": 100 * cochran(ALPHA),
        "Satterthwaite / family %": 100 * FAMILY * float((p <= level).mean()),
        "Cochran / family %": 100 * FAMILY * cochran(level),
    }


def main() -> None:
    """Measures every number of degrees and share of the seed part."""
    rng = np.random.default_rng(0)
    rows = [
        measure(degrees, share, rng)
        for degrees in (2, 4, 6, 9, 18)
        for share in (0.1, 0.5, 0.9, 1.0)
    ]
    timing.write("critical_values", "python benchmarks/critical_values.py", COLUMNS, rows)


if __name__ == "__main__":
    main()
