"""The document as .docx, which word processors open, with pictures inside."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rungs.foundation.extras import require
from rungs.report.show.section import Section
from rungs.report.show.writeup.chapter import Chapter, figure_numbers

# Of the text of an upright page of A4, in centimetres.
_TEXT = 16.0
# More columns than these are set on a page that lies.
_UPRIGHT = 7
# Letters of a table, in points.
_LETTERS = 8


def check_library() -> None:
    """Makes sure that the library is installed.

    Raises:
        RungsError: it is not; names the command that installs it.
    """
    require("docx", "A .docx", "`--format document` writes Markdown and needs nothing more")


def document_docx(chapters: Sequence[Chapter], pictures: Mapping[str, Path]) -> bytes:
    """The document as the content of a .docx file.

    Args:
        chapters: of the document, its title's first.
        pictures: files of pictures, by name of the plot.

    Raises:
        RungsError: the library is missing.
    """
    check_library()
    import docx

    document = docx.Document()
    _page(document.sections[0], lying=False)
    document.core_properties.title = _plain(chapters[0].title)
    document.core_properties.author = document.core_properties.comments = ""
    numbers = figure_numbers(chapters, pictures)
    for chapter in chapters:
        # A document's own title is level 0 here.
        document.add_heading(_plain(chapter.title), chapter.level - 1)
        for text in chapter.paragraphs:
            document.add_paragraph(_plain(text))
        for section in chapter.tables:
            _add_section(document, section)
        if chapter.picture in numbers:
            caption = f"Figure {numbers[chapter.picture]}: {_plain(chapter.caption)}."
            _add_picture(document, pictures[chapter.picture], caption)
        for text in chapter.points:
            document.add_paragraph(_plain(text), style="List Bullet")
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def _plain(text: str) -> str:
    """A text without what XML cannot hold; names may hold anything."""
    return "".join(one for one in text if one.isprintable() or one in "\t\n")


def _page(section: Any, *, lying: bool) -> None:
    """Makes a section's pages A4, upright or lying."""
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm

    short, long = Cm(21.0), Cm(29.7)
    section.orientation = WD_ORIENT.LANDSCAPE if lying else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (long, short) if lying else (short, long)
    section.left_margin = section.right_margin = Cm((21.0 - _TEXT) / 2)


def _add_section(document: Any, section: Section) -> None:
    lying = len(section.columns) > _UPRIGHT
    if lying:
        _page(document.add_section(), lying=True)
    if section.title:
        document.add_paragraph().add_run(_plain(section.title)).bold = True
    if section.rows:
        _add_table(document, section)
    for line in section.lines:
        document.add_paragraph(_plain(line))
    if lying:
        _page(document.add_section(), lying=False)


def _add_table(document: Any, section: Section) -> None:
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    table = document.add_table(rows=0, cols=len(section.columns), style="Table Grid")
    _add_row(table, section.columns, section, bold=True)
    # The head is shown again on every page that the table goes on.
    head = OxmlElement("w:tblHeader")
    head.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(head)
    for cells in section.rows:
        _add_row(table, cells, section)
    document.add_paragraph()


def _add_row(table: Any, cells: Sequence[str], section: Section, *, bold: bool = False) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    for cell, text, column in zip(table.add_row().cells, cells, section.columns, strict=True):
        paragraph = cell.paragraphs[0]
        if column in section.right:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        run = paragraph.add_run(_plain(text))
        run.bold, run.font.size = bold, Pt(_LETTERS)


def _add_picture(document: Any, path: Path, caption: str) -> None:
    from docx.shared import Cm

    shape = document.add_picture(str(path), width=Cm(_TEXT))
    shape._inline.docPr.set("descr", caption)  # what a reader who does not see it is told
    document.add_paragraph(caption, style="Caption")
