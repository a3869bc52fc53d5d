"""CIFAR-100 (Krizhevsky, 2009): found in one of its forms, or downloaded."""

from typing import TYPE_CHECKING, ClassVar, Literal

from rungs.data.cifar.official import (
    COARSE_NAMES,
    CONTENT,
    FINE_NAMES,
    TEST_IMAGES,
    TRAINING_IMAGES,
)
from rungs.data.kinds.core import Access, Kind
from rungs.data.published_spec import PublishedSpec, Range, split_mistakes
from rungs.foundation.values import Several

if TYPE_CHECKING:
    from rungs.data.images import DataSet


class Cifar100Spec(PublishedSpec):
    """CIFAR-100 (Krizhevsky, 2009), its training images split by stored order.

    The standard 10,000 test images are the test set; classes are the 100 fine ones.

    Attributes:
        train: half-open ranges of indices into the 50,000 training images: first, one after the
            last.
        validation: the same; no image may be used twice.
    """

    title: ClassVar[str] = "CIFAR-100"
    content: ClassVar[str] = CONTENT
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    class_names: ClassVar[tuple[str, ...]] = FINE_NAMES
    training_images: ClassVar[int] = TRAINING_IMAGES
    test_images: ClassVar[int] = TEST_IMAGES

    kind: Literal["cifar100"] = "cifar100"
    train: Several[Range] = ((0, 45_000),)
    validation: Several[Range] = ((45_000, 50_000),)


def read(spec: Cifar100Spec, access: Access, expected_digest: str | None = CONTENT) -> "DataSet":
    """CIFAR-100, split as ``spec`` says.

    It is sought in the user's folder, else in the environment's ``RUNGS_DATA``, else in the cache,
    else it is downloaded to there. A place that was named and does not hold it is a `DataError`,
    as is any other content than that of ``expected_digest`` (None: whatever is in CIFAR-100's
    form) and any mistake in the split.
    """
    from rungs.data import published
    from rungs.data.cifar import reading

    content = reading.find(access, expected_digest)
    train, test = (
        published.Stored(part.pixels, part.fine) for part in (content.train, content.test)
    )
    return published.split(spec, train, test, COARSE_NAMES, reading.groups(content))


KIND = Kind(form=Cifar100Spec, spec=Cifar100Spec, read=read, mistakes=split_mistakes)
