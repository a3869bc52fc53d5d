"""CIFAR-10 (Krizhevsky, 2009): found as a folder or as an archive, or downloaded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from rungs.data.cifar.official_ten import (
    ARCHIVE_MD5,
    CLASS_NAMES,
    FILE_MD5,
    TEST_IMAGES,
    TRAINING_IMAGES,
)
from rungs.data.kinds.core import Access, Kind
from rungs.data.published_spec import PublishedSpec, Range, split_mistakes
from rungs.foundation.values import Several

if TYPE_CHECKING:
    from rungs.data.images import DataSet


class Cifar10Spec(PublishedSpec):
    """CIFAR-10 (Krizhevsky, 2009), its training images split by stored order.

    The standard 10,000 test images are the test set.

    Attributes:
        train: half-open ranges of indices into the 50,000 training images: first, one after the
            last.
        validation: the same; no image may be used twice.
    """

    title: ClassVar[str] = "CIFAR-10"
    content: ClassVar[str] = ARCHIVE_MD5
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    class_names: ClassVar[tuple[str, ...]] = CLASS_NAMES
    training_images: ClassVar[int] = TRAINING_IMAGES
    test_images: ClassVar[int] = TEST_IMAGES

    kind: Literal["cifar10"] = "cifar10"
    train: Several[Range] = ((0, 45_000),)
    validation: Several[Range] = ((45_000, 50_000),)


def read(
    spec: Cifar10Spec, access: Access, expected_md5: Mapping[str, str] | None = FILE_MD5
) -> "DataSet":
    """CIFAR-10, split as ``spec`` says.

    It is sought in the user's folder, else in the environment's ``RUNGS_DATA``, else in the cache,
    else it is downloaded to there. A place that was named and does not hold it is a `DataError`,
    as are other files than those of ``expected_md5`` (None: whatever is in CIFAR-10's form) and
    any mistake in the split.
    """
    from rungs.data import published
    from rungs.data.cifar import ten

    content = ten.find(access, expected_md5)
    return published.split(spec, content.train, content.test)


KIND = Kind(form=Cifar10Spec, spec=Cifar10Spec, read=read, mistakes=split_mistakes)
