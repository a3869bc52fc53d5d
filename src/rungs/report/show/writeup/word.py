"""The document as .docx, which word processors open, with pictures inside."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rungs.foundation.extras import require
from rungs.report.show.section import Section
from rungs.report.show.writeup.chapter import Chapter, figure_numbers

# Sides of a page of A4, and of the text of an upright one, in centimetres.
_SHORT, _LONG = 21.0, 29.7
_TEXT = 16.0
# More columns than these are set on a page that lies.
_UPRIGHT = 7
# Letters of a table, in points; about how wide one of them is, and what a cell has beside its text,
# in centimetres.
_LETTERS = 8
_LETTER, _BESIDE = 0.16, 0.42


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

    short, long = Cm(_SHORT), Cm(_LONG)
    section.orientation = WD_ORIENT.LANDSCAPE if lying else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (long, short) if lying else (short, long)
    section.left_margin = section.right_margin = Cm((_SHORT - _TEXT) / 2)


def _add_section(document: Any, section: Section) -> None:
    lying = len(section.columns) > _UPRIGHT
    if lying:
        _page(document.add_section(), lying=True)
    if section.title:
        document.add_paragraph().add_run(_plain(section.title)).bold = True
    if section.rows:
        _add_table(document, section, _TEXT + (_LONG - _SHORT if lying else 0))
    for line in section.lines:
        document.add_paragraph(_plain(line))
    if lying:
        _page(document.add_section(), lying=False)


def _add_table(document: Any, section: Section, across: float) -> None:
    from docx.shared import Cm

    table = document.add_table(rows=0, cols=len(section.columns), style="Table Grid")
    table.autofit = False
    # The head is shown again on every page that the table goes on.
    _mark(_add_row(table, section.columns, section, bold=True), "w:tblHeader")
    for cells in section.rows:
        _add_row(table, cells, section)
    for column, width in zip(table.columns, column_widths(section, across), strict=True):
        column.width = Cm(width)  # what some word processors go by, and the cells' what others do
        for cell in column.cells:
            cell.width = Cm(width)
    document.add_paragraph()


def column_widths(section: Section, across: float) -> list[float]:
    """Widths of a table's columns, in centimetres, ``across`` in all.

    No column is narrower than its longest word, unless all are; what is left goes to those whose
    text would be broken into lines most.
    """
    columns = list(zip(section.columns, *section.rows, strict=True))
    least = [_BESIDE + _LETTER * max(_longest_word(text) for text in texts) for texts in columns]
    whole = [_BESIDE + _LETTER * max(len(text) for text in texts) for texts in columns]
    left = across - sum(least)
    if left <= 0:
        return [across * one / sum(least) for one in least]
    wanted = [some - one for some, one in zip(whole, least, strict=True)]
    # Where all is on one line, the rest is dealt out evenly.
    over = max(left - sum(wanted), 0.0) / len(columns)
    share = min(left / sum(wanted), 1.0) if sum(wanted) else 0.0
    return [one + share * more + over for one, more in zip(least, wanted, strict=True)]


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _mark(row: Any, name: str) -> None:
    """Sets one of the switches of a table's row."""
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    switch = OxmlElement(name)
    switch.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(switch)


def _add_row(table: Any, cells: Sequence[str], section: Section, *, bold: bool = False) -> Any:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    row = table.add_row()
    _mark(row, "w:cantSplit")  # onto two pages
    for cell, text, column in zip(row.cells, cells, section.columns, strict=True):
        paragraph = cell.paragraphs[0]
        if column in section.right:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        run = paragraph.add_run(_plain(text))
        run.bold, run.font.size = bold, Pt(_LETTERS)
    return row


def _add_picture(document: Any, path: Path, caption: str) -> None:
    from docx.shared import Cm

    shape = document.add_picture(str(path), width=Cm(_TEXT))
    shape._inline.docPr.set("descr", caption)  # what a reader who does not see it is told
    document.add_paragraph(caption, style="Caption")
