"""Ladders in which the rule of verdicts is tried.

Written down before the rule of `docs/decisions/0025-moderated-variance.md` was tried on any of
them. Deviations are standard deviations of a rung's accuracy between seeds, in points; no rung
differs from another. *known*: rungs vary alike, or in the two kinds that are known beforehand.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ladder:
    """A ladder without a true difference.

    Attributes:
        name: for the table.
        deviations: of each rung's seeds, points.
        steady: for each rung, whether it is known beforehand to be of the steady kind.
        images: standard deviation of a difference of two rungs by the images, points.
        independent: what independent errors alone give of a deviation, points.
        on_base: whether all stand on the first instead of each on the one before.
        known: whether rungs vary alike or in kinds that are known.
        spread: deviations are drawn for each ladder anew: ``gamma`` (variances are inverse gamma
            of shape 2.5), ``log`` (log-normal of sigma 0.7); empty for those that are named.
    """

    name: str
    deviations: tuple[float, ...]
    steady: tuple[bool, ...] = ()
    images: float = 0.12
    independent: float = 0.0
    on_base: bool = False
    known: bool = False
    spread: str = ""


def but(deviation: float, rungs: int, places: tuple[int, ...], *, by: float) -> tuple[float, ...]:
    """Rungs of one deviation, some of which vary more."""
    return tuple(deviation * (by if place in places else 1.0) for place in range(rungs))


PLAIN, STEADY = (False,), (True,)
LADDERS = (
    # Alike, or of kinds that are known.
    Ladder("quiet, alike", (0.25,) * 9, independent=0.25, known=True),
    Ladder("noisy, alike", (1.1,) * 9, independent=0.3, known=True),
    Ladder("alike, images nothing", (0.5,) * 9, images=0.0, known=True),
    Ladder("alike, 21 rungs", (0.5,) * 21, known=True),
    Ladder("alike, 3 rungs", (0.5,) * 3, known=True),
    Ladder("alike, 2 rungs", (0.5,) * 2, known=True),
    Ladder("alike, all on the base", (0.5,) * 9, on_base=True, known=True),
    Ladder("five plain, four steady", (1.1,) * 5 + (0.25,) * 4, PLAIN * 5 + STEADY * 4, known=True),
    Ladder("steady last, nothing else", (1.1,) * 8 + (0.25,), PLAIN * 8 + STEADY, known=True),
    Ladder(
        "plain base under eight steady",
        (1.2,) + (0.25,) * 8,
        PLAIN + STEADY * 8,
        on_base=True,
        known=True,
    ),
    # Unlike, and nobody knew.
    Ladder("one of 4", but(0.3, 11, (5,), by=4)),
    Ladder("one of 8", but(0.3, 11, (5,), by=8)),
    Ladder("one of 8, images nothing", but(0.3, 11, (5,), by=8), images=0.0),
    Ladder("last of six, 6", but(0.3, 6, (5,), by=6), images=0.0),
    Ladder("base of 4 under all", but(0.3, 9, (0,), by=4), images=0.0, on_base=True),
    Ladder("two apart of 6", but(0.3, 12, (3, 8), by=6), images=0.0),
    Ladder("1 to 4", tuple(np.linspace(0.25, 1.0, 10).tolist()), images=0.0),
    Ladder("three of 10 in 15", but(0.3, 15, (2, 7, 12), by=10), images=0.0),
    Ladder("inverse gamma", (0.5,) * 9, images=0.0, spread="gamma"),
    Ladder("log-normal", (0.5,) * 9, images=0.0, spread="log"),
    Ladder(
        "a steady one that is not", but(0.25, 9, (6,), by=4), PLAIN * 4 + STEADY * 5, images=0.0
    ),
)
# Written down after the first ones had been drawn and the rule amended, before it was tried on
# these.
SECOND = (
    Ladder("second: 2 rungs", (0.8,) * 2, images=0.1, independent=0.25, known=True),
    Ladder("second: 3 rungs", (0.35,) * 3, images=0.1, independent=0.25, known=True),
    Ladder("second: 4 rungs", (0.6,) * 4, images=0.1, independent=0.25, known=True),
    Ladder("second: 6 rungs, images nothing", (0.6,) * 6, images=0.0, known=True),
    Ladder("second: floor", (0.25,) * 12, images=0.1, independent=0.25, on_base=True, known=True),
    Ladder("second: floor x 1.2", (0.3,) * 8, images=0.1, independent=0.25, known=True),
    Ladder("second: floor x 1.5", (0.375,) * 8, images=0.1, independent=0.25, known=True),
    Ladder("second: floor x 2", (0.5,) * 10, images=0.1, independent=0.25, known=True),
    Ladder("second: floor x 1.5, 3 rungs", (0.375,) * 3, images=0.1, independent=0.25, known=True),
    Ladder(
        "second: plain base under six steady",
        (1.0,) + (0.3,) * 6,
        PLAIN + STEADY * 6,
        images=0.1,
        independent=0.25,
        on_base=True,
        known=True,
    ),
    Ladder(
        "second: two plain, five steady",
        (0.9,) * 2 + (0.28,) * 5,
        PLAIN * 2 + STEADY * 5,
        images=0.1,
        independent=0.25,
        known=True,
    ),
    Ladder(
        "second: six plain, two steady",
        (0.9,) * 6 + (0.28,) * 2,
        PLAIN * 6 + STEADY * 2,
        images=0.1,
        independent=0.25,
        known=True,
    ),
    Ladder("second: one of 2.5", but(0.25, 10, (3,), by=2.5), images=0.1, independent=0.25),
    Ladder("second: one of 5", but(0.25, 10, (4,), by=5), images=0.1, independent=0.25),
    Ladder("second: half of 2", (0.25,) * 5 + (0.5,) * 5, images=0.1, independent=0.25),
    Ladder(
        "second: base of 3 under all",
        but(0.25, 8, (0,), by=3),
        images=0.1,
        independent=0.25,
        on_base=True,
    ),
    Ladder("second: two of 8 in 16", but(0.25, 16, (5, 11), by=8), images=0.0, independent=0.25),
    Ladder("second: log-normal", (0.35,) * 9, images=0.1, independent=0.25, spread="log"),
)

# And these after the second.
THIRD = (
    Ladder("third: floor x 1.3", (0.325,) * 7, images=0.1, independent=0.25, known=True),
    Ladder("third: floor x 1.5, 5 rungs", (0.375,) * 5, images=0.1, independent=0.25, known=True),
    Ladder("third: floor x 1.8, 15 rungs", (0.45,) * 15, images=0.1, independent=0.25, known=True),
    Ladder("third: floor x 1.3, 2 rungs", (0.325,) * 2, images=0.1, independent=0.25, known=True),
    Ladder(
        "third: floor x 1.1, all on the base",
        (0.275,) * 10,
        images=0.1,
        independent=0.25,
        on_base=True,
        known=True,
    ),
    Ladder(
        "third: plain base under five steady",
        (0.8,) + (0.27,) * 5,
        PLAIN + STEADY * 5,
        images=0.1,
        independent=0.25,
        on_base=True,
        known=True,
    ),
    Ladder(
        "third: three plain, six steady",
        (1.2,) * 3 + (0.3,) * 6,
        PLAIN * 3 + STEADY * 6,
        images=0.1,
        independent=0.25,
        known=True,
    ),
    Ladder(
        "third: seven plain, seven steady",
        (0.8,) * 7 + (0.26,) * 7,
        PLAIN * 7 + STEADY * 7,
        images=0.1,
        independent=0.25,
        known=True,
    ),
    Ladder("third: one of 3", but(0.25, 9, (4,), by=3), images=0.1, independent=0.25),
    Ladder(
        "third: base of 4 under all",
        but(0.25, 9, (0,), by=4),
        images=0.1,
        independent=0.25,
        on_base=True,
    ),
    Ladder("third: two of 5 in 12", but(0.25, 12, (4, 9), by=5), images=0.1, independent=0.25),
    Ladder(
        "third: 1 to 3", tuple(np.linspace(0.25, 0.75, 9).tolist()), images=0.1, independent=0.25
    ),
)
