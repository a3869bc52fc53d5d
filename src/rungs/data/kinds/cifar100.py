"""CIFAR-100 (Krizhevsky, 2009): found in one of its forms, or downloaded."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rungs.data.cifar.official import (
    CLASSES,
    COARSE_NAMES,
    CONTENT,
    FINE_NAMES,
    TEST_IMAGES,
    TRAINING_IMAGES,
)
from rungs.data.kinds.core import Access, Kind
from rungs.data.spec import Spec, UsualReading, fingerprint
from rungs.foundation.errors import DataError, Mistake
from rungs.foundation.values import Several

if TYPE_CHECKING:
    from rungs.data.images import DataSet

_Index = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
_Range = tuple[_Index, _Index]


class Cifar100Spec(UsualReading, Spec):
    """CIFAR-100 (Krizhevsky, 2009), its training images split by stored order.

    The standard 10,000 test images are the test set.

    Attributes:
        train: half-open ranges of indices into the 50,000 training images: first, one after the
            last.
        validation: the same; no image may be used twice.
    """

    kind: Literal["cifar100"] = "cifar100"
    train: Several[_Range] = ((0, 45_000),)
    validation: Several[_Range] = ((45_000, 50_000),)

    @property
    def name(self) -> str:
        """The name shown in outputs."""
        return "CIFAR-100"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return (3, 32, 32)

    @property
    def classes(self) -> int:
        """Number of fine classes."""
        return CLASSES

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {
            "train": sum(stop - start for start, stop in self.train),
            "validation": sum(stop - start for start, stop in self.validation),
            "test": TEST_IMAGES,
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        return fingerprint([self.kind, CONTENT, self.train, self.validation])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        return fingerprint([self.kind, CONTENT, "test"])


def split_mistakes(spec: Cifar100Spec, total: int) -> list[Mistake]:
    """What is wrong with a split of ``total`` training images.

    Ranges that are empty, reversed, beyond the images or overlapping (an image used twice, or one
    trained on and validated on), and parts without images.
    """
    mistakes = []
    named = []
    for name, part in (("train", spec.train), ("validation", spec.validation)):
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


def read(spec: Cifar100Spec, access: Access, expected_digest: str | None = CONTENT) -> "DataSet":
    """CIFAR-100, split as ``spec`` says.

    It is sought in the user's folder, else in the environment's ``RUNGS_DATA``, else in the cache,
    else it is downloaded to there. A place that was named and does not hold it is a `DataError`,
    as is any other content than that of ``expected_digest`` (None: whatever is in CIFAR-100's
    form) and any mistake in the split.
    """
    from rungs.data.cifar import reading
    from rungs.data.images import DataSet, Exploration

    content = reading.find(access, expected_digest)
    total = len(content.train.pixels)
    if mistakes := split_mistakes(spec, total):
        raise DataError("; ".join(str(mistake) for mistake in mistakes))
    stored = reading.image_set(content.train)
    return DataSet(
        name=spec.name,
        exploration=Exploration(
            reading.ranges(stored, spec.train), reading.ranges(stored, spec.validation), FINE_NAMES
        ),
        test=reading.image_set(content.test),
        class_names=FINE_NAMES,
        group_names=COARSE_NAMES,
        groups=reading.groups(content),
        fingerprint=spec.fingerprint,
    )


KIND = Kind(
    form=Cifar100Spec,
    spec=Cifar100Spec,
    read=read,
    mistakes=lambda spec: split_mistakes(spec, TRAINING_IMAGES),
)
