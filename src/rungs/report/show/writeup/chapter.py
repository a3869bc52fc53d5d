"""A part of the document, whatever form it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rungs.report.show.section import Section


@dataclass(frozen=True)
class Chapter:
    """A part of the document: a heading, and what stands below it in this order.

    Attributes:
        title: the heading's words.
        level: of the heading, 1 is the document's own.
        paragraphs: sentences.
        tables: the title of one is its caption; lines stand below it.
        picture: name of a plot, without suffix; empty for none.
        caption: of the picture.
        points: a list below all that.
    """

    title: str
    level: int = 2
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Section, ...] = ()
    picture: str = ""
    caption: str = ""
    points: tuple[str, ...] = ()


def figure_numbers(chapters: Sequence[Chapter], pictures: Mapping[str, object]) -> dict[str, int]:
    """The number of each figure that is there, by name of the plot, in reading order."""
    shown = [chapter.picture for chapter in chapters if chapter.picture in pictures]
    return {name: number for number, name in enumerate(shown, start=1)}
