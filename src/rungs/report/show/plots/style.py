"""How plots look: colours and marks that nobody needs colour vision for."""

from typing import Any

# Okabe and Ito's colours, told apart by all common forms of colour vision. Training lines are
# dashed and tried rungs hollow, so that nothing is told by colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# What tells lines apart beyond their colours, and dots, where there are many.
LINES = ("-", "--", "-.", ":")
SHAPES = (".", "^", "s", "D", "v", "x", "+")

SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "rungs",
    "svg.fonttype": "none",
    # Letters as letters, which journals ask for and readers can search.
    "pdf.fonttype": 42,
    # Names may hold anything: a dollar sign begins no formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "font.size": 9,
}


def mark(*, kept: bool) -> dict[str, Any]:
    """A filled circle for what was kept, a hollow square for what was only tried."""
    colour = COLOURS[0] if kept else COLOURS[1]
    return {
        "linestyle": "none",
        "marker": "o" if kept else "s",
        "markersize": 7,
        "color": colour,
        "markerfacecolor": colour if kept else "white",
    }
