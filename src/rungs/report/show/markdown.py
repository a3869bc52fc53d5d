"""A report as Markdown."""

from collections.abc import Sequence

from rungs.report.show.section import Section


def to_markdown(sections: Sequence[Section], plots: Sequence[tuple[str, str]] = ()) -> str:
    """GitHub-flavoured Markdown.

    Args:
        sections: the report.
        plots: title and path, relative to the Markdown file, of each plot.
    """
    first, *rest = sections
    parts = [f"# {escaped(first.title)}", *_body(first)]
    parts += [f"![{escaped(title)}]({path})" for title, path in plots]
    for section in rest:
        parts += [f"## {escaped(section.title)}", *_body(section)]
    return "\n\n".join(parts) + "\n"


def _body(section: Section) -> list[str]:
    parts = [table(section)] if section.rows else []
    return [*parts, *(escaped(line) for line in section.lines)]


def table(section: Section) -> str:
    """A section's table alone."""
    lines = [
        _row(section.columns),
        _row(["---:" if name in section.right else "---" for name in section.columns]),
        *(_row(cells) for cells in section.rows),
    ]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """A table's cell; spaces in front, which draw the tree, would be swallowed as they are."""
    bare = text.lstrip(" ")
    return "&nbsp;" * (len(text) - len(bare)) * 2 + escaped(bare).replace("|", "\\|")


def escaped(text: str) -> str:
    """Names may hold anything: what Markdown or HTML would act on is shown as it is."""
    for character in ("\\", "`", "*", "_", "[", "]", "<", ">"):
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split()) if "\n" in text else text
