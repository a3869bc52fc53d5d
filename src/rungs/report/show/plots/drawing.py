"""Plots of a report, as SVG files that are the same for the same content."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib as mpl
from matplotlib.figure import Figure

from rungs.foundation.files import write_atomically
from rungs.report.figures.whole import ReportData
from rungs.report.show.plots.classes import classes
from rungs.report.show.plots.curves import curves
from rungs.report.show.plots.growth import growth
from rungs.report.show.plots.ladder import ladder
from rungs.report.show.plots.readings import readings
from rungs.report.show.plots.reliability import reliability
from rungs.report.show.plots.style import SETTINGS
from rungs.report.show.plots.tradeoffs import tradeoffs


def draw(
    data: ReportData, folder: Path, *, form: Literal["svg", "png"] = "svg"
) -> list[tuple[str, Path]]:
    """Draws every plot for which there are figures.

    Args:
        data: what is known.
        folder: where the files go; a file of a plot that is not drawn any more is removed.
        form: of the files; PNG is for looking at, SVG is the same file for the same content.

    Returns:
        Title and file of each plot.
    """
    base, final = data.rung(data.study.base), data.rung(data.study.final)
    drawn: list[tuple[str, Path]] = []

    def keep(title: str, name: str, figure: Figure | None) -> None:
        path = folder / f"{name}.{form}"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            drawn.append((title, _save(figure, path)))

    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        keep("The ladder", "ladder", ladder(data))
        keep("Two readings of the final recipe", "readings", readings(data))
        keep("Accuracy for what it costs", "tradeoffs", tradeoffs(data))
        if base is not None:
            tried = [rung for rung in data.rungs if rung.after == base.name and not rung.kept]
            keep("Curves of the base", "base", curves([base, *tried], training=True))
            pair = [base, final] if final is not None and final.history else []
            keep("Base against final", "base-final", curves(pair, training=False))
        if final is not None:
            keep(f"Accuracy per class of {final.name}", "classes", classes(final))
        shown = next((one for one in data.diagrams if one.rung is data.chosen), None)
        drawing = None if shown is None else reliability(shown)
        keep("Reliability", "reliability", drawing)
        keep("Growing ensembles", "growth", growth(data))
    return drawn


def _save(figure: Figure, path: Path) -> Path:
    buffer = BytesIO()
    form = path.suffix[1:]
    # A date in the file would make it another one every time; PNG has none.
    metadata = {"Date": None} if form == "svg" else None
    with warnings.catch_warnings():
        # Names of classes may be in any script; a letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    write_atomically(path, lambda file: file.write(buffer.getvalue()))
    return path
