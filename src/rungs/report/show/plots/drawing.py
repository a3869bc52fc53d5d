"""Plots of a report, as files; SVG and PDF are the same for the same content."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

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
from rungs.report.show.plots.sizing import Width, fit
from rungs.report.show.plots.style import SETTINGS
from rungs.report.show.plots.tradeoffs import tradeoffs

Form = Literal["svg", "pdf", "png"]
FORMS: tuple[Form, ...] = get_args(Form)
# Pixels an inch: of PNG for a screen, and for print.
_SCREEN, _PRINT = 150, 300
# A date in the file would make it another one every time; PNG has none.
_UNDATED: dict[Form, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def draw(
    data: ReportData, folder: Path, *, form: Form = "svg", width: Width | None = None
) -> list[tuple[str, Path]]:
    """Draws every plot for which there are figures.

    Args:
        data: what is known.
        folder: where the files go; files of a plot that is not drawn any more are removed.
        form: of the files; SVG and PDF are the same file for the same content.
        width: to which plots are brought; None for each plot's own.

    Returns:
        Title and file of each plot.
    """
    base, final = data.rung(data.study.base), data.rung(data.study.final)
    drawn: list[tuple[str, Path]] = []

    def keep(title: str, name: str, figure: Figure | None) -> None:
        if figure is None:
            for any_form in FORMS:
                (folder / f"{name}.{any_form}").unlink(missing_ok=True)
        else:
            drawn.append((title, _save(figure, folder / f"{name}.{form}", form, width)))

    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        keep("The ladder", "ladder", ladder(data))
        keep("Two readings of the final recipe", "readings", readings(data))
        keep("Accuracy for what it costs", "tradeoffs", tradeoffs(data))
        if base is not None:
            tried = [rung for rung in data.rungs if rung.after == base.name and not rung.kept]
            keep("Curves of the base", "base", curves([base, *tried], training=True))
            pair = [base, final] if final is not None and any(final.history) else []
            keep("Base against final", "base-final", curves(pair, training=False))
        if final is not None:
            keep(f"Accuracy per class of {final.name}", "classes", classes(final))
        shown = next((one for one in data.diagrams if one.rung is data.chosen), None)
        drawing = None if shown is None else reliability(shown)
        keep("Reliability", "reliability", drawing)
        keep("Growing ensembles", "growth", growth(data))
    return drawn


def _save(figure: Figure, path: Path, form: Form, width: Width | None) -> Path:
    buffer = BytesIO()
    with warnings.catch_warnings():
        # Names of classes may be in any script; a letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        if width is not None:
            fit(figure, width)
        dpi = _SCREEN if width is None else _PRINT
        figure.savefig(buffer, format=form, dpi=dpi, metadata=_UNDATED.get(form))
    write_atomically(path, lambda file: file.write(buffer.getvalue()))
    return path
