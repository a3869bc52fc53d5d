"""What decoding made of all pictures of a set: whether there is anything to be seen on them."""

from collections import Counter
from dataclasses import dataclass, field

from rungs.data.pictures.decoding import HARDLY_DIFFER, Sight, bits_of
from rungs.foundation.wording import counted

_MOST = 3
# Bits of a value where nothing is said of them.
_FULL = 16
_UNKNOWN = "so they are in their files"


def oddity(sight: Sight, bits: int) -> str | None:
    """What is to be said of one picture that a model is asked about; None of most.

    Args:
        sight: of the picture.
        bits: of each value, as the model reads it.
    """
    # What could be written into [data] is of no help to a model that is trained.
    said = sight.cause.partition(";")[0] or "so it is in its file"
    beyond = sight.largest is not None and sight.largest >= 2**bits
    if beyond:
        said = (
            f"16 bits a value, up to {sight.largest:,}, of which the model reads {bits}: what is "
            f"above {2**bits - 1:,} is white"
        )
    if sight.one_colour:
        return f"of one colour once it is decoded: {said}"
    return said if beyond else None


@dataclass
class Sights:
    """A tally, to which picture after picture is added.

    Attributes:
        deep: number of grey pictures with more than 8 bits a value.
        largest: of all their values; None where there is no such picture.
        empty: pictures of one colour by what caused it.
        examples: names of some of them.
    """

    deep: int = 0
    largest: int | None = None
    empty: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, name: str, sight: Sight) -> None:
        """Adds a picture."""
        if sight.largest is not None:
            self.deep += 1
            self.largest = max(sight.largest, self.largest or 0)
        if sight.one_colour:
            # Each file has a largest value of its own, which the whole set's stands for.
            deep = sight.largest is not None and sight.cause != HARDLY_DIFFER
            cause = "16 bits a value" if deep else sight.cause or _UNKNOWN
            self.empty[cause] += 1
            if len(self.examples) < _MOST:
                self.examples.append(name)

    def notes(self, bits: int) -> tuple[str, ...]:
        """What is to be said of the set, a line each.

        Args:
            bits: of each value, as the set is read.
        """
        notes = []
        if self.empty:
            causes = ", ".join(f"{cause} ({n:,})" for cause, n in self.empty.most_common())
            count = counted(self.empty.total(), "picture")
            such = ", ".join(self.examples)
            notes.append(f"warning: {count} of one colour, such as {such}: {causes}")
        if self.largest is None:
            return tuple(notes)
        fits = bits_of(self.largest)
        found = f"{counted(self.deep, 'picture')} of 16 bits, with values up to {self.largest:,}"
        if fits < bits:
            notes.append(
                f"warning: {found} of {2**bits - 1:,}, so that they are dark: bits = {fits} in "
                "[data] spreads them"
            )
        elif self.largest >= 2**bits:
            notes.append(
                f"warning: {found}: what is above {2**bits - 1:,} is white; "
                + (f"bits = {fits} in [data] shows it" if fits > bits else "no more is read")
            )
        elif bits < _FULL:
            notes.append(f"{found}, are spread by bits = {bits}: the upper 8 of these are kept")
        return tuple(notes)
