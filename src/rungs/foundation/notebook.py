"""Results as small pieces of HTML, which notebooks show in place of a ``repr``."""

from collections.abc import Collection, Sequence
from html import escape

_CELL = "padding:2px 10px;text-align:"


def fragment(
    title: str,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    *,
    right: Collection[str] = (),
    lines: Sequence[str] = (),
) -> str:
    """A titled table with lines below it; all text is escaped.

    Args:
        title: above the table.
        columns: heads.
        rows: cells.
        right: columns of numbers.
        lines: below the table.
    """
    sides = ["right" if name in right else "left" for name in columns]
    parts = [f"<p><b>{escape(title)}</b></p>"]
    if rows:
        parts.append("<table>")
        if any(columns):
            parts.append(_row("th", columns, sides))
        parts += [_row("td", row, sides) for row in rows]
        parts.append("</table>")
    parts += [f"<p>{escape(line)}</p>" for line in lines]
    return "\n".join(parts)


def _row(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    made = (
        f'<{tag} style="{_CELL}{side};white-space:pre-wrap">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=False)
    )
    return f"<tr>{''.join(made)}</tr>"
