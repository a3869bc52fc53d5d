"""Plots brought to the width of a column or a page, with letters that can be read there."""

import textwrap
from typing import Any, Literal

from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

Width = Literal["column", "page"]

# In centimetres: one of two columns, and the text of a page of A4 or Letter; no figure is higher
# than a page's text.
CENTIMETRES: dict[Width, float] = {"column": 8.5, "page": 17.0}
_HIGHEST = 22.0
_INCH = 2.54
# Of axes, in inches: what they need in width to stand side by side, and their least height.
_ABREAST = 2.8
_LOWEST = 2.2
# In points: of letters in a column, a share of what they are; none is smaller than a footnote's.
_SMALLER = 0.85
_SMALLEST = 5.5
# Letters of a line that is wrapped: by how many it gets shorter until it fits, and no further.
_STEP, _FEWEST = 4, 12


def fit(figure: Figure, width: Width) -> None:
    """Brings a figure to a width; axes that stand side by side stand below each other if need be.

    Nothing is scaled as a picture would be: letters stay readable, and legends and titles that do
    not fit in one line get more.
    """
    inches = CENTIMETRES[width] / _INCH
    _shrink_letters(figure, _SMALLER if width == "column" else 1.0)
    figure.set_size_inches(inches, _restacked(figure, inches))
    # The layout leaves room for the middle of a title, and a long one would push the axes away.
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    for axes in figure.axes:
        axes._left_title.set_text("")  # type: ignore[attr-defined]
    figure.draw_without_rendering()
    for legend in figure.legends:
        _narrow(legend, figure)
    for axes, title in zip(figure.axes, titles, strict=True):
        _wrap(axes.xaxis.label, figure)
        _set_title(axes, title, figure)


def _restacked(figure: Figure, inches: float) -> float:
    """Places the axes in as many columns as fit, and says how high the figure is then."""
    before, high = figure.get_size_inches()
    axes = figure.axes
    places = [one.get_subplotspec() for one in axes]
    abreast = len({place.colspan.start for place in places if place is not None})
    rows = len(axes) / max(1, abreast)
    columns = min(abreast, max(1, int(inches / _ABREAST)))
    if columns < abreast:
        grid = figure.add_gridspec(-(-len(axes) // columns), columns)
        for place, one in enumerate(axes):
            one.set_subplotspec(grid[divmod(place, columns)])
    # Rows of names need their height; a plane is as high as it is wide, or a little less.
    kept = 1.0 if abreast == 1 else min(1.0, (inches / columns) / (before / abreast))
    each = max(_LOWEST, high / rows * kept)
    return float(min(each * -(-len(axes) // columns), _HIGHEST / _INCH))


def _shrink_letters(figure: Figure, share: float) -> None:
    found: list[Any] = figure.findobj(Text)
    for text in found:
        text.set_fontsize(max(_SMALLEST, share * text.get_fontsize()))


def _narrow(legend: Legend, figure: Figure) -> None:
    """Lays out a legend below the axes in as many columns as fit into the figure."""
    handles = [handle for handle in legend.legend_handles if handle is not None]
    words = [text.get_text() for text in legend.get_texts()]
    size = legend.get_texts()[0].get_fontsize()
    for columns in range(len(words), 0, -1):
        legend.remove()
        legend = figure.legend(
            handles, words, loc="outside lower center", ncols=columns, fontsize=size
        )
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= figure.bbox.width:
            return


def _wrap(text: Text, figure: Figure) -> None:
    """Gives a text as many lines as it needs to lie within the figure."""
    whole = text.get_text()
    for letters in range(len(whole), _FEWEST, -_STEP):
        box = text.get_window_extent()
        if figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1:
            return
        text.set_text(textwrap.fill(whole, letters - _STEP))
        figure.draw_without_rendering()


def _set_title(axes: Any, title: str, figure: Figure) -> None:
    """Gives axes their title, in as many lines as it needs from their left to the figure's end."""
    room = figure.bbox.x1 - axes.get_window_extent().x0
    for letters in range(max(_FEWEST, len(title)), _FEWEST - 1, -1):
        axes._left_title.set_text(textwrap.fill(title, letters))
        if axes._left_title.get_window_extent().width <= room:
            return
