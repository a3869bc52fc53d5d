"""What a study says of a published set: which of its training images are for what.

The images are in the order in which the set stores them; its own test images are the test set.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from rungs.data.spec import Spec, UsualReading, fingerprint
from rungs.foundation.errors import Mistake
from rungs.foundation.values import Several

_Index = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
# First index, and one after the last.
Range = tuple[_Index, _Index]


class PublishedSpec(UsualReading, Spec):
    """A published set, its training images split by stored order.

    Attributes:
        title: for people.
        content: stands for the exact pixels and labels of the whole set.
        shape: of an image: channels, height and width in pixels.
        class_names: in the order of the labels.
        training_images: how many there are.
        test_images: the same of the test set.
        kind: by which study files and runs name the set.
        train: half-open ranges of indices into the training images: first, one after the last.
        validation: the same; no image may be used twice.
    """

    title: ClassVar[str]
    content: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]
    class_names: ClassVar[tuple[str, ...]]
    training_images: ClassVar[int]
    test_images: ClassVar[int]

    kind: str
    train: Several[Range]
    validation: Several[Range]

    @property
    def name(self) -> str:
        """The name shown in outputs."""
        return self.title

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return self.shape

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {
            "train": sum(stop - start for start, stop in self.train),
            "validation": sum(stop - start for start, stop in self.validation),
            "test": self.test_images,
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        return fingerprint([self.kind, self.content, self.train, self.validation])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        return fingerprint([self.kind, self.content, "test"])


def split_mistakes(spec: PublishedSpec, total: int | None = None) -> list[Mistake]:
    """What is wrong with a split of ``total`` training images; all of the set's if None.

    Ranges that are empty, reversed, beyond the images or overlapping (an image used twice, or one
    trained on and validated on), and parts without images.
    """
    total = spec.training_images if total is None else total
    mistakes = []
    named = []
    parts: tuple[tuple[str, Sequence[Range]], ...] = (
        ("train", spec.train),
        ("validation", spec.validation),
    )
    for name, part in parts:
        if not part:
            mistakes.append(Mistake(("data", name), "no images; expected at least one range"))
        for position, (start, stop) in enumerate(part):
            path = ("data", name, position)
            if start >= stop:
                message = f"the range [{start}, {stop}] is empty or reversed"
                mistakes.append(Mistake(path, f"{message}; expected [first, one after the last]"))
            elif stop > total:
                message = f"the range [{start}, {stop}] goes beyond the {total:,} training images"
                mistakes.append(Mistake(path, message))
            else:
                named.append((start, stop, Mistake(path, "").place))
    reach = (0, 0, "")  # the range that goes farthest of those that begin before
    for start, stop, place in sorted(named):
        if start < reach[1]:
            first = f"{reach[2]} [{reach[0]}, {reach[1]}]"
            message = f"{first} and {place} [{start}, {stop}] overlap; an image can be used once"
            mistakes.append(Mistake(("data",), message))
        if stop > reach[1]:
            reach = (start, stop, place)
    return mistakes
