"""A study file's content, of which only what keeps to the form is seen.

What hangs together across the file (names, recipes) can so be checked although other parts of it
are wrong, without a mistake being reported twice or for its consequences.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rungs.foundation.errors import Path


@dataclass(frozen=True)
class Refused:
    """Paths of what is not known: it breaks the form, or its key is misspelt."""

    paths: frozenset[Path]
    above: frozenset[Path]  # every path on the way to one of them, themselves too

    @staticmethod
    def of(paths: Iterable[Path]) -> "Refused":
        """From the paths alone."""
        every = frozenset(paths)
        return Refused(every, frozenset(p[:end] for p in every for end in range(len(p) + 1)))


@dataclass(frozen=True)
class View:
    """A value of the file.

    Attributes:
        path: where it stands.
        plain: what stands there, sound or not.
    """

    path: Path
    plain: Any
    _refused: Refused

    @property
    def known(self) -> bool:
        """Whether the value itself keeps to the form, though what it holds may not."""
        return self.path not in self._refused.paths

    @property
    def sound(self) -> bool:
        """Whether the value and all that it holds keep to the form."""
        return self.path not in self._refused.above

    def has(self, key: str) -> bool:
        """Whether a field was meant to be given, be it as something that cannot be read.

        None, which no file can hold but a caller's tables can, is as good as left out.
        """
        return self.plain.get(key) is not None or (*self.path, key) in self._refused.paths

    def get(self, key: str) -> "View | None":
        """A field's value; None if it is not given or not known."""
        if not isinstance(self.plain, Mapping) or key not in self.plain:
            return None
        view = View((*self.path, key), self.plain[key], self._refused)
        return view if view.known else None

    def text(self, key: str) -> str | None:
        """A text field's value; None if it is not given or not known."""
        view = self.get(key)
        return view.plain if view is not None and isinstance(view.plain, str) else None

    def items(self, key: str) -> Iterator["View"]:
        """All items of a list, known or not; none if the list is not given or not known."""
        view = self.get(key)
        for position, item in enumerate(() if view is None else view.plain):
            yield View((*self.path, key, position), item, self._refused)
