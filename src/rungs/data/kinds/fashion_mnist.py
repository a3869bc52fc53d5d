"""Fashion-MNIST: found as idx files, or downloaded."""

from typing import TYPE_CHECKING, ClassVar, Literal

from rungs.data.idx.official import FASHION_MNIST, SHAPE, TEST_IMAGES, TRAINING_IMAGES
from rungs.data.kinds.core import Access, Kind
from rungs.data.published_spec import PublishedSpec, Range, split_mistakes
from rungs.foundation.values import Several

if TYPE_CHECKING:
    from rungs.data.images import DataSet


class FashionMnistSpec(PublishedSpec):
    """Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 28x28 grey pictures of clothes.

    Its training images are split by stored order; the standard 10,000 test images are the test set.

    Attributes:
        train: half-open ranges of indices into the 60,000 training images: first, one after the
            last.
        validation: the same; no image may be used twice.
    """

    title: ClassVar[str] = FASHION_MNIST.title
    content: ClassVar[str] = FASHION_MNIST.content
    shape: ClassVar[tuple[int, int, int]] = SHAPE
    class_names: ClassVar[tuple[str, ...]] = FASHION_MNIST.class_names
    training_images: ClassVar[int] = TRAINING_IMAGES
    test_images: ClassVar[int] = TEST_IMAGES

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    train: Several[Range] = ((0, 55_000),)
    validation: Several[Range] = ((55_000, 60_000),)


def read(spec: FashionMnistSpec, access: Access, *, official: bool = True) -> "DataSet":
    """The set, split as ``spec`` says.

    It is sought in the user's folder, else in the environment's ``RUNGS_DATA``, else in the cache,
    else it is downloaded to there. A place that was named and does not hold it is a `DataError`,
    as are other files than the official ones (unless they need not be) and any mistake in the
    split.
    """
    from rungs.data import published
    from rungs.data.idx.reading import read_parts

    return published.split(spec, *read_parts(FASHION_MNIST, access, official=official))


KIND = Kind(form=FashionMnistSpec, spec=FashionMnistSpec, read=read, mistakes=split_mistakes)
