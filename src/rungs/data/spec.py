"""What a study says of its data: which set, and which images are for what.

A data spec needs no torch and reads no file, so that a plan can name every run before the data
is there. Its fingerprint stands for the exact pixels, labels and split: the readers in
``rungs.data`` refuse anything else. Pictures of the user's own (`FolderSpec`) become such a spec
(`PicturesSpec`) when `rungs.data.pictures` has looked at them.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rungs.foundation.errors import Mistake
from rungs.foundation.limits import MAX_CLASSES, MAX_DRAWN_BYTES
from rungs.foundation.values import Count, Several, Text

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

# Height and width of images, in pixels.
Size = Annotated[int, Field(strict=True, ge=8, le=224)]
_Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
_Share = Annotated[float, Field(strict=True, gt=0, le=0.4)]

_Index = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Range = tuple[_Index, _Index]

# What the first folders are that pictures lie in, and the second.
Layout = Literal["class", "part/class", "class/part", "group/class"]
# Of each value of pictures that have up to 16.
Bits = Annotated[int, Field(strict=True, ge=8, le=16)]
# What shows through transparent parts.
Ground = Literal["white", "black"]

CIFAR100_TRAINING_IMAGES = 50_000

# sha256 over the pixels and labels of the official set as `rungs.data.cifar.content_digest` reads
# them, whatever container they came in.
CIFAR100_CONTENT = "82d1b2d6d24408d401a61df6c6feaa07817611c08cf1c74ebab1265b63a29a50"


def _fingerprint(identity: object) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Cifar100Spec(_Spec):
    """CIFAR-100 (Krizhevsky, 2009), its training images split by stored order.

    The standard 10,000 test images are the test set.

    Attributes:
        train: half-open ranges of indices into the 50,000 training images: first, one after the
            last.
        validation: the same; no image may be used twice.
    """

    kind: Literal["cifar100"] = "cifar100"
    train: Several[Range] = ((0, 45_000),)
    validation: Several[Range] = ((45_000, 50_000),)

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
        return 100

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {
            "train": sum(stop - start for start, stop in self.train),
            "validation": sum(stop - start for start, stop in self.validation),
            "test": 10_000,
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        return _fingerprint([self.kind, CIFAR100_CONTENT, self.train, self.validation])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        return _fingerprint([self.kind, CIFAR100_CONTENT, "test"])


class SyntheticSpec(_Spec):
    """Pictures drawn by the program itself: deterministic, no download, and not photographs.

    Attributes:
        classes: number of classes.
        train: training images.
        validation: validation images.
        test: test images.
        size: height and width in pixels.
        seed: from which all is drawn.
    """

    kind: Literal["synthetic"] = "synthetic"
    classes: Annotated[int, Field(strict=True, ge=2, le=1000)] = 10
    train: Count = 4_000
    validation: Count = 1_000
    test: Count = 2_000
    size: Size = 32
    seed: _Seed = 0

    @model_validator(mode="after")
    def _fits_into_memory(self) -> "SyntheticSpec":
        total = sum(self.sizes.values()) * 3 * self.size**2
        if total > MAX_DRAWN_BYTES:
            raise ValueError(
                f"expected images of at most {MAX_DRAWN_BYTES / 1e9:g} GB in all, "
                f"found {total / 1e9:.1f} GB"
            )
        return self

    @property
    def name(self) -> str:
        """The name shown in outputs."""
        return "synthetic shapes (drawn by the program)"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return (3, self.size, self.size)

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        return _fingerprint([SYNTHETIC_VERSION, self.model_dump()])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        drawn_from = [self.classes, self.test, self.size, self.seed]
        return _fingerprint([self.kind, SYNTHETIC_VERSION, drawn_from])


# Raised when the generator draws different pixels for the same spec.
SYNTHETIC_VERSION = 1


class _OwnSpec(_Spec):
    """What is the same of a user's pictures before and after they were looked at."""

    size: Size
    channels: Literal[1, 3] = 3
    fit: Literal["crop", "stretch"] = "crop"
    seed: _Seed = 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return (self.channels, self.size, self.size)


class FolderSpec(_OwnSpec):
    """Pictures of your own, brought to one size; `rungs init` writes this table.

    The split is drawn within each class, and equal pictures stay on one side. A validation or test
    part that the pictures do not have is cut from those for training.

    Attributes:
        path: from the study file's folder: a folder with a folder of pictures for each class, or
            with such folders in ``train``, ``validation`` and ``test``; a folder of parquet files
            that hold pictures; or a CSV or parquet file with a column of paths and one of labels.
        size: height and width in pixels that every picture is brought to.
        channels: 3 for colour, 1 for grey.
        fit: how a picture that is not square becomes so.
        validation: share of the training pictures that is cut off for validation.
        test: the same for the test part.
        seed: from which the split is drawn.
        leave_out: classes whose pictures are not used.
        picture_column: of a table; found by its name if left out.
        label_column: the same.
        part_column: the same; its values say which pictures are for what.
        layout: what the first and the second folder are that a picture lies in; seen from their
            names if left out.
        class_order: of the classes, by their names.
        bits: of each value of pictures with 16 bits a value: 12 where none is above 4,095. The
            upper 8 of them are kept.
        ground: what shows through where pictures are transparent.

    Values of class_order:
        text: letter by letter, so that 10 comes before 2.
        counted: as people count, so that 2 comes before 10; `rungs init` writes it where it is
            another order.

    Values of layout:
        class: the first is the class, whatever is in it.
        part/class: the first is the part, such as ``train``, the second the class.
        class/part: the other way round.
        group/class: the first is neither, such as a fold or a camera, the second the class.

    Values of fit:
        crop: its middle is cut out.
        stretch: height and width are changed by different factors.
    """

    kind: Literal["folder"] = "folder"
    path: Annotated[Text, Field(min_length=1)]
    validation: _Share = 0.15
    test: _Share = 0.15
    leave_out: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES)] = ()
    picture_column: Text | None = None
    label_column: Text | None = None
    part_column: Text | None = None
    layout: Layout | None = None
    class_order: Literal["text", "counted"] = "text"
    bits: Bits = 16
    ground: Ground = "white"


class PicturesSpec(_OwnSpec):
    """Pictures that were found, read and split.

    Attributes:
        title: for people.
        content: stands for the files that are used, their labels and how they are brought to one
            size, 32 hex digits.
        classes: number of classes.
        train: training images.
        validation: validation images.
        test: test images.
        cut_validation: share of the training pictures that was cut off for validation; 0 if there
            was such a part.
        cut_test: the same for the test part.
        bits: as `FolderSpec` has them.
        ground: the same.
    """

    kind: Literal["pictures"] = "pictures"
    title: Text
    content: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    classes: Annotated[int, Field(strict=True, ge=2, le=MAX_CLASSES)]
    train: Count
    validation: Count
    test: Count
    cut_validation: Annotated[float, Field(strict=True, ge=0, le=0.4)]
    cut_test: Annotated[float, Field(strict=True, ge=0, le=0.4)]
    bits: Bits = 16
    ground: Ground = "white"

    @property
    def name(self) -> str:
        """The name shown in outputs."""
        return self.title

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        split = [self.cut_validation, self.cut_test, self.seed]
        return _fingerprint([self.kind, SPLIT_VERSION, self.content, split])

    @property
    def test_fingerprint(self) -> str:
        """The same of all the pictures: who cut another test part has seen many of its pictures."""
        return _fingerprint([self.kind, self.content])


# Raised when the same pictures are split in another way.
SPLIT_VERSION = 1

# As a study file has it, and as runs are named by it.
DataForm = Annotated[Cifar100Spec | FolderSpec | SyntheticSpec, Field(discriminator="kind")]
DataSpec = Annotated[Cifar100Spec | PicturesSpec | SyntheticSpec, Field(discriminator="kind")]


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
