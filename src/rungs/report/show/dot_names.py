"""Where the names of dots stand in a plot, so that none hides another or a dot."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rungs.report.show.placing import TradeoffPlot

# Of a plot, in pixels. It is no narrower than this on a phone; in a wider one there is more room
# between the names, never less, but the line between dots lies flatter.
HEIGHT = 240
_WIDTH = 300
_WIDE = 540
# A letter's width, a line's height, the room around a dot and between it and its name.
_LETTER = 6.6
_LINE = 14.0
_DOT = 8.0
_GAP = 10.0
# Of a line's pieces, of which each is held to be a box.
_BEAD = 3.0
# Dots that are nearer to each other than this look like one.
_MEET = 2 * _DOT
# More names than these cannot be read.
MOST_LABELS = 14


@dataclass(frozen=True)
class Label:
    """Where a dot's name stands.

    Attributes:
        left: whether it is to the left of its dot.
        y: its middle, pixels from the plot's top.
        moved: whether it is so far from the dot's height that a line has to lead to it.
    """

    left: bool
    y: float
    moved: bool


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "_Box") -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def place_labels(
    dots: Sequence[tuple[str, float, float]], line: Sequence[tuple[float, float]] = ()
) -> tuple[Label | None, ...]:
    """A free place for each name, the nearest one; None where there is none.

    Args:
        dots: name, and place in percent of the width from the left and of the height from the top.
        line: corners of a line that is drawn between dots, in the same measure; names keep off it
            where they can.
    """
    places = [(name, _WIDTH * x / 100, HEIGHT * y / 100) for name, x, y in dots]
    taken = [_Box(x - _DOT, y - _DOT, 2 * _DOT, 2 * _DOT) for _, x, y in places]
    lines = {width: _beads(line, width) for width in (_WIDTH, _WIDE)}
    found: list[Label | None] = []
    for name, x, y in places:
        free: list[tuple[bool, float, _Box, bool]] = []
        for left, step in _nearest_first(x, y, places):
            middle = y + _LINE * step
            box = _box(name, x, middle, left=left)
            # The axes are drawn at the plot's left and lower edge.
            inside = -_LINE <= middle <= HEIGHT - _LINE / 2 and 0 <= box.x <= _WIDTH - box.width
            if inside and not any(box.meets(other) for other in taken):
                crossed = any(
                    _box(name, x * width / _WIDTH, middle, left=left).meets(bead)
                    for width, beads in lines.items()
                    for bead in beads
                )
                free.append((left, step, box, crossed))
        # The first that is not crossed, or if there is none the first.
        chosen = next((one for one in free if not one[3]), free[0] if free else None)
        label = None
        if chosen is not None:
            left, step, box, _ = chosen
            taken.append(box)
            label = Label(left, round(y + _LINE * step, 1), moved=abs(step) >= 1)
        found.append(label)
    return tuple(found)


def _beads(line: Sequence[tuple[float, float]], width: float) -> list["_Box"]:
    """A line as small boxes along it, in a plot of a width in pixels."""
    corners = [(width * x / 100, HEIGHT * y / 100) for x, y in line]
    found = []
    for (x, y), (to_x, to_y) in pairwise(corners):
        steps = max(1, round(max(abs(to_x - x), abs(to_y - y)) / _BEAD))
        for step in range(steps + 1):
            share = step / steps
            at_x, at_y = x + share * (to_x - x), y + share * (to_y - y)
            found.append(_Box(at_x - _BEAD / 2, at_y - _BEAD / 2, _BEAD, _BEAD))
    return found


def labels_of(plot: TradeoffPlot) -> dict[str, Label]:
    """Names of dots that find a place; in a crowd only of those that no other beats."""
    dots = plot.found.dots if len(plot.found.dots) <= MOST_LABELS else plot.found.frontier
    # The best find a place first.
    dots = tuple(sorted(dots, key=lambda dot: not dot.best))
    line = [plot.at(dot) for dot in plot.found.frontier]
    places = place_labels([(dot.rung, *plot.at(dot)) for dot in dots], line)
    return {dot.rung: label for dot, label in zip(dots, places, strict=True) if label is not None}


def _nearest_first(
    x: float, y: float, places: Sequence[tuple[str, float, float]]
) -> list[tuple[bool, float]]:
    """Sides and steps up or down to try: beside the dot first, and where the plot is wider.

    Of dots that meet, each has its name on its own side: on another's it would seem to be that
    one's.
    """
    beside = [dx for _, ax, ay in places if 0 < abs(dx := ax - x) < _MEET and abs(ay - y) < _MEET]
    left = sum(dx > 0 for dx in beside) - sum(dx < 0 for dx in beside)
    leftwards = left > 0 if left else x > _WIDTH / 2
    sides = (True, False) if leftwards else (False, True)
    steps = (0.0, -0.6, 0.6, -1.0, 1.0, -1.6, 1.6, -2.2, 2.2, -3.0, 3.0, -4.0, 4.0)
    return [(left, step) for step in steps for left in sides]


def _box(name: str, x: float, middle: float, *, left: bool) -> _Box:
    width = _LETTER * len(name)
    return _Box(x - _GAP - width if left else x + _GAP, middle - _LINE / 2, width, _LINE)
