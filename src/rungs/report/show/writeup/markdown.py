"""The document as Markdown, with pictures beside it."""

from collections.abc import Mapping, Sequence

from rungs.report.show.markdown import escaped, table
from rungs.report.show.writeup.chapter import Chapter, figure_numbers


def document_markdown(chapters: Sequence[Chapter], pictures: Mapping[str, str]) -> str:
    """The document as GitHub-flavoured Markdown.

    Args:
        chapters: of the document.
        pictures: by name of the plot, where its picture lies, relative to the file.
    """
    parts: list[str] = []
    numbers = figure_numbers(chapters, pictures)
    for chapter in chapters:
        parts += [f"{'#' * chapter.level} {escaped(chapter.title)}"]
        parts += [escaped(text) for text in chapter.paragraphs]
        for section in chapter.tables:
            parts += [f"**{escaped(section.title)}**"] if section.title else []
            parts += [table(section)] if section.rows else []
            parts += [escaped(line) for line in section.lines]
        if chapter.picture in numbers:
            caption = escaped(f"Figure {numbers[chapter.picture]}: {chapter.caption}.")
            parts += [f"![{escaped(chapter.caption)}]({pictures[chapter.picture]})", f"*{caption}*"]
        if chapter.points:
            parts += ["\n".join(f"- {escaped(text)}" for text in chapter.points)]
    return "\n\n".join(parts) + "\n"
