"""A report as plain text."""

from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from rungs.report.sections import Section


def to_text(sections: tuple[Section, ...], *, width: int) -> str:
    """Plain text of at most ``width`` columns: no colours, no escape codes."""
    out = StringIO()
    console = Console(
        file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False
    )
    for section in sections:
        console.print(section.title)
        if section.rows:
            console.print(_table(section))
        for line in section.lines:
            console.print(line)
        console.print()
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(section: Section) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(section.columns):
        # Numbers and the names in front stay whole; words give way where the width is short.
        number = name in section.right
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=position == 0,
            min_width=max(len(word) for word in name.split()) if number else None,
        )
    for row in section.rows:
        table.add_row(*row)
    return table
