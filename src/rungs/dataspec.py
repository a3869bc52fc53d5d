"""What a study says of its data: which set, and which images are for what.

A data spec needs no torch and reads no file, so that a plan can name every run before the data
is there. Its fingerprint stands for the exact pixels, labels and split: the readers in
``rungs.data`` refuse anything else.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rungs.errors import Mistake
from rungs.limits import MAX_DRAWN_BYTES
from rungs.values import Count, Several

_Index = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Range = tuple[_Index, _Index]

CIFAR100_TRAINING_IMAGES = 50_000

# sha256 over the pixels and labels of the official set as `rungs.data.cifar.content_digest` reads
# them, whatever container they came in.
CIFAR100_CONTENT = "82d1b2d6d24408d401a61df6c6feaa07817611c08cf1c74ebab1265b63a29a50"


def _fingerprint(identity: object) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    size: Annotated[int, Field(strict=True, ge=8, le=224)] = 32
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0

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


# Raised when the generator draws different pixels for the same spec.
SYNTHETIC_VERSION = 1

DataSpec = Annotated[Cifar100Spec | SyntheticSpec, Field(discriminator="kind")]


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
