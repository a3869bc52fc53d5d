"""A report in each of its forms: text, Markdown, JSON, CSV, LaTeX, page and plots."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rungs.foundation.errors import StoreError
from rungs.foundation.files import write_atomically, write_json, write_text
from rungs.report.figures.whole import ReportData
from rungs.report.show.csv_form import to_csv
from rungs.report.show.json_form import to_json
from rungs.report.show.latex import to_latex
from rungs.report.show.markdown import to_markdown
from rungs.report.show.sections import sections, summary
from rungs.report.show.tables.ladder import Layout, ladder
from rungs.report.show.text import fits, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rungs.report.figures.gallery import Gallery
    from rungs.report.figures.writeup import Ends
    from rungs.report.show.plots.drawing import Form
    from rungs.report.show.plots.sizing import Width

# Width of a text file, which no terminal limits.
FILE_WIDTH = 160


def render(
    data: ReportData,
    form: str,
    *,
    width: int = FILE_WIDTH,
    rows: str = "rungs",
    gallery: "Gallery | None" = None,
) -> str:
    """The report in one form.

    Args:
        data: what is known.
        form: ``text``, ``markdown``, ``json``, ``csv``, ``latex`` or ``html``.
        width: columns of the text form.
        rows: what each row of CSV is of: ``rungs``, ``runs`` or ``epochs``.
        gallery: pictures for the page.
    """
    match form:
        case "text":
            return to_text(sections(data, _layout(data, width)), width=width)
        case "markdown":
            return to_markdown(sections(data))
        case "json":
            return json.dumps(to_json(data), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        case "csv":
            return to_csv(data, rows)
        case "latex":
            return to_latex(data)
        case "html":
            # jinja2 and its templates: only where a page is made.
            from rungs.report.show.page.document import to_html

            return to_html(data, gallery)
        case _:
            raise ValueError(f"unknown form of a report: {form}")


def summarised(data: ReportData, *, width: int) -> str:
    """The ladder, its verdicts and what failed, as text of so many columns."""
    return to_text(summary(data, _layout(data, width)), width=width)


def _layout(data: ReportData, width: int) -> Layout:
    """The fullest layout of the ladder in which it can be read."""
    if fits(ladder(data), width):
        return "whole"
    medium = ladder(data, "medium")
    return "medium" if fits(medium, width, in_one_line=True) else "split"


def write(data: ReportData, folder: Path, *, gallery: "Gallery | None" = None) -> list[Path]:
    """Writes ``report.html``, its other forms and ``plots/*.svg`` into a folder.

    Plots of an earlier report in that folder for which there is nothing to draw any more are
    removed, and so are those of other forms, so that a folder never shows more than its report.

    Args:
        data: what is known.
        folder: made if it is not there.
        gallery: pictures for the page.

    Returns:
        The files that were written.

    Raises:
        StoreError: the folder cannot be made.
    """
    # matplotlib takes a second to import: only where plots are drawn.
    from rungs.report.show.plots.drawing import FORMS, draw

    plots = folder / "plots"
    try:
        plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: no report can be written here: {error.strerror}") from error
    drawn = draw(data, plots)
    for _, path in drawn:
        for form in FORMS[1:]:
            path.with_suffix(f".{form}").unlink(missing_ok=True)
    links = [(title, path.relative_to(folder).as_posix()) for title, path in drawn]
    write_json(folder / "report.json", to_json(data))
    write_text(folder / "report.md", to_markdown(sections(data), links))
    write_text(folder / "report.txt", render(data, "text"))
    write_text(folder / "report.html", render(data, "html", gallery=gallery))
    return [
        *(folder / f"report.{ending}" for ending in ("html", "json", "md", "txt")),
        *(path for _, path in drawn),
    ]


def write_figures(
    data: ReportData, folder: Path, forms: "Iterable[Form]", width: "Width"
) -> list[Path]:
    """Writes the plots beside those of a report, for print.

    Args:
        data: of which `write` has written the report.
        folder: that of the report.
        forms: of the files.
        width: to which plots are brought.

    Returns:
        The files that were written.
    """
    from rungs.report.show.plots.drawing import draw

    plots = folder / "plots"
    return [path for form in forms for _, path in draw(data, plots, form=form, width=width)]


def write_document(
    data: ReportData, ends: "Ends | None", folder: Path, form: Literal["md", "docx"]
) -> Path:
    """Writes the study as a document that is handed in; its pictures lie in ``document/``.

    Args:
        data: of which `write` has written the report.
        ends: base and final rung at equal epochs.
        folder: that of the report.
        form: Markdown, with its pictures beside it, or .docx, which has them inside.

    Returns:
        The file, ``document.md`` or ``document.docx``.

    Raises:
        RungsError: python-docx, which .docx needs, is not installed.
    """
    from rungs.report.show.plots.drawing import draw
    from rungs.report.show.writeup.chapters import written_up
    from rungs.report.show.writeup.markdown import document_markdown
    from rungs.report.show.writeup.word import check_library, document_docx

    if form == "docx":
        check_library()
    pictures = folder / "document"
    pictures.mkdir(parents=True, exist_ok=True)
    chapters = written_up(data, ends)
    drawn = {path.stem: path for _, path in draw(data, pictures, form="png", width="page")}
    for name in drawn.keys() - {chapter.picture for chapter in chapters}:
        drawn.pop(name).unlink()
    path = folder / f"document.{form}"
    if form == "docx":
        content = document_docx(chapters, drawn)
        write_atomically(path, lambda file: file.write(content))
    else:
        beside = {name: at.relative_to(folder).as_posix() for name, at in drawn.items()}
        write_text(path, document_markdown(chapters, beside))
    return path


def document(data: ReportData, ends: "Ends | None") -> str:
    """The study as a document in Markdown, without pictures."""
    from rungs.report.show.writeup.chapters import written_up
    from rungs.report.show.writeup.markdown import document_markdown

    return document_markdown(written_up(data, ends), {})
