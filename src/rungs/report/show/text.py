"""A report as plain text."""

import re
import textwrap
from collections.abc import Sequence

from rungs.report.show.section import Section

# Where a line may end: after spaces, and after the bracket of a call that has parameters.
_PIECE = re.compile(r"(?:\S*?\w\((?!\))|\S+)\s*")


def to_text(sections: tuple[Section, ...], *, width: int) -> str:
    """Plain text of at most ``width`` columns: no colours, no escape codes."""
    out: list[str] = []
    for section in sections:
        out += _lines(section.title, width)
        if section.rows:
            out += ["", *_table(section, width)]
        for line in section.lines:
            out += _lines(line, width)
        if section.lines or not section.rows:  # a table ends with an empty line
            out.append("")
    return "\n".join(line.rstrip() for line in out) + "\n"


def wrapped(lines: Sequence[str], *, width: int) -> str:
    """Lines of at most ``width`` columns, without a table."""
    return "".join(f"{part}\n" for line in lines for part in _lines(line, width))


def _lines(text: str, width: int) -> list[str]:
    """A sentence in lines of at most ``width``."""
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def fits(section: Section, width: int, *, in_one_line: bool = False) -> bool:
    """Whether a section's table can be shown in so many columns without cutting a word.

    Args:
        section: a table; one without columns fits.
        width: columns.
        in_one_line: ask also that no cell of a column of numbers is wrapped.
    """
    widths = _least(section)
    if in_one_line:
        for position, (name, *cells) in enumerate(_cells(section)):
            if name in section.right:
                widths[position] = max([widths[position], *map(len, cells)])
    return sum(widths) <= _room(section, width)


def _table(section: Section, width: int) -> list[str]:
    """The table's lines: its head, a rule, its rows and an empty line."""
    widths = _widths(section, width)
    right = [name in section.right for name in section.columns]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    head = [_fold(name, columns) for name, columns in zip(section.columns, widths, strict=True)]
    tall = max(map(len, head))
    lines = _row([[""] * (tall - len(cell)) + cell for cell in head], widths, right)
    lines.append(f" {rule}")
    for row in section.rows:
        cells = [_fold(cell, columns) for cell, columns in zip(row, widths, strict=True)]
        lines += _row(cells, widths, right)
    return [*lines, ""]


def _row(cells: list[list[str]], widths: list[int], right: list[bool]) -> list[str]:
    """The lines of a row, from the lines of its cells."""
    lines = []
    for number in range(max(map(len, cells))):
        shown = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = [
            text.rjust(columns) if to_right else text.ljust(columns)
            for text, columns, to_right in zip(shown, widths, right, strict=True)
        ]
        lines.append(f" {'  '.join(padded)}")
    return lines


def _fold(cell: str, width: int) -> list[str]:
    """A cell in lines of at most ``width``; words that are longer are cut."""
    return [
        line[at : at + width]
        for line in _wrap(cell, width).split("\n")
        for at in _starts(line, width)
    ]


def _starts(line: str, width: int) -> range:
    """Where the parts of a line begin that is cut after every ``width`` characters."""
    return range(0, max(1, len(line)), width)


def _room(section: Section, width: int) -> int:
    """Columns for content: one space at either edge, two between columns."""
    return width - 2 - 2 * (len(section.columns) - 1)


def _cells(section: Section) -> list[tuple[str, ...]]:
    """The cells of each column, its head first."""
    return list(zip(section.columns, *section.rows, strict=True))


def _full(section: Section) -> list[int]:
    """The width of each column in which no cell is wrapped; one that is empty has a width too."""
    return [
        max(1, *(len(line) for cell in column for line in cell.split("\n")))
        for column in _cells(section)
    ]


def _least(section: Section) -> list[int]:
    """The width of each column in which no word is cut; the names in front stay whole."""
    words = [
        max((len(piece.rstrip()) for cell in column for piece in _PIECE.findall(cell)), default=1)
        for column in _cells(section)
    ]
    return [*_full(section)[:1], *words[1:]]


def _widths(section: Section, width: int) -> list[int]:
    """The width of each column so that the table fits and nothing is left out.

    Left to itself, a table that is too wide drops the ends of cells. Here the widest columns give
    way first, down to their longest word. Only where that is not enough are words cut in two,
    those of names and numbers last.
    """
    room = _room(section, width)
    full, least = _full(section), _least(section)
    loose = [
        low if position == 0 or name in section.right else 1
        for position, (name, low) in enumerate(zip(section.columns, least, strict=True))
    ]
    for floor in (least, loose, [1] * len(full)):
        for cap in range(max(full), 0, -1):
            widths = [min(whole, max(low, cap)) for whole, low in zip(full, floor, strict=True)]
            if sum(widths) <= room:
                return widths
    return [1] * len(full)


def _wrap(cell: str, width: int) -> str:
    """A cell in lines of at most ``width``, where its pieces allow it."""
    lines: list[str] = []
    for paragraph in cell.split("\n"):
        line = paragraph[: len(paragraph) - len(paragraph.lstrip(" "))]
        for piece in _PIECE.findall(paragraph):
            if line.strip() and len(line) + len(piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    return "\n".join(lines)
