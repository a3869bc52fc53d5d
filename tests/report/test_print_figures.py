"""Plots for print: the same plots, as wide as a column or a page, with nothing cut off."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from typer.testing import CliRunner

from rungs.cli import app
from rungs.report.figures.spread import Spread
from rungs.report.gather.derived import with_derived
from rungs.report.show.plots.drawing import draw
from rungs.report.show.plots.sizing import CENTIMETRES, Width, fit
from rungs.report.show.plots.style import SETTINGS
from rungs.report.show.rendering import write, write_figures
from rungs.store import Store
from rungs.study import Reported, Study
from tests.fake import report

TITLE = "A study with a title that is much too long for one line of a column"
WIDTHS: list[Width] = ["column", "page"]


@pytest.fixture
def figures(filled: Store, study: Study, tmp_path: Path, monkeypatch: Any) -> dict[str, Figure]:
    """The figures as they are drawn, by the names of their files."""
    found: dict[str, Figure] = {}

    def keep(figure: Figure, path: Path, *_: Any) -> Path:
        found[path.stem] = figure
        return path

    monkeypatch.setattr("rungs.report.show.plots.drawing._save", keep)
    data = report(filled, study)
    # A ladder with every kind of mark, whose legend is too long for a line of a column.
    changed = {
        "tried": {"test_accuracy": Spread((0.4, 0.5))},
        "top": {"reported": Reported(test_accuracy=0.6, epochs=99)},
    }
    rungs = tuple(replace(rung, **changed.get(rung.name, {})) for rung in data.rungs)  # type: ignore[arg-type]
    named = replace(data.study, title=TITLE)
    draw(with_derived(replace(data, rungs=rungs, study=named)), tmp_path)
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_and_letters_can_be_read(
    figures: dict[str, Figure], width: Width
) -> None:
    assert len(figures) == 7
    for name, figure in figures.items():
        with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
            fit(figure, width)
            figure.draw_without_rendering()
        assert figure.get_figwidth() * 2.54 == pytest.approx(CENTIMETRES[width])
        assert figure.get_figheight() * 2.54 <= 22.01
        # All that is seen, in inches.
        seen = figure.get_tightbbox()
        assert min(seen.x0, seen.y0) >= -0.01, name
        assert seen.x1 <= figure.get_figwidth() + 0.01, name
        assert seen.y1 <= figure.get_figheight() + 0.01, name
        texts: list[Any] = figure.findobj(Text)
        assert all(text.get_fontsize() >= 5.5 for text in texts if text.get_text())
        frames = [axes.get_window_extent() for axes in figure.axes]
        assert all(frame.width > figure.bbox.width / 4 for frame in frames), name
        assert not any(a.overlaps(b) for i, a in enumerate(frames) for b in frames[:i]), name


def test_axes_stand_below_each_other_in_a_column_and_abreast_on_a_page(
    figures: dict[str, Figure],
) -> None:
    figure = figures["base"]
    for width, abreast in (("page", 2), ("column", 1)):
        fit(figure, width)  # type: ignore[arg-type]
        assert len({round(axes.get_window_extent().x0) for axes in figure.axes}) == abreast


@pytest.mark.parametrize("width", WIDTHS)
def test_files_are_as_wide_as_was_asked(
    filled: Store, study: Study, tmp_path: Path, width: Width
) -> None:
    data = report(filled, study)
    (tmp_path / "plots").mkdir()
    found = write_figures(data, tmp_path, ["pdf", "png"], width)
    assert sorted({path.suffix for path in found}) == [".pdf", ".png"]
    assert len(found) == 14
    for path in found:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width / 300 * 2.54 == pytest.approx(CENTIMETRES[width], abs=0.02)
        else:
            box = re.search(rb"/MediaBox \[ *0 0 ([\d.]+) ", path.read_bytes())
            assert box is not None
            assert float(box[1]) / 72 * 2.54 == pytest.approx(CENTIMETRES[width], abs=0.02)


def test_pdf_is_the_same_again_and_goes_with_its_report(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    data = report(filled, study, only=("top",))
    write(data, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "plots").iterdir()}
    first = [path.read_bytes() for path in write_figures(data, tmp_path, ["pdf"], "column")]
    again = [path.read_bytes() for path in write_figures(data, tmp_path, ["pdf"], "column")]
    assert first == again
    assert all(path.read_bytes() == content for path, content in before.items())
    write(data, tmp_path)
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".svg"}


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    asked = ["report", "quickstart", "--store", str(tmp_path / "store")]
    for options, said in (
        (["--figures", "pdf,gif", "--output", str(tmp_path)], "no form 'gif'"),
        (["--figures", "pdf"], "--output FOLDER"),
    ):
        done = CliRunner().invoke(app, [*asked, *options])
        assert done.exit_code == 2
        assert said in done.stderr


def test_the_command_writes_them(filled: Store, tmp_path: Path) -> None:
    asked = ["report", "quickstart", "--store", str(filled.root), "--output", str(tmp_path / "r")]
    done = CliRunner().invoke(app, [*asked, "--figures", "pdf, png", "--figure-width", "page"])
    assert done.exit_code == 0, done.stderr
    drawn = [path.stem for path in (tmp_path / "r" / "plots").glob("*.svg")]
    for suffix in (".pdf", ".png"):
        assert all((tmp_path / "r" / "plots" / f"{name}{suffix}").exists() for name in drawn)
