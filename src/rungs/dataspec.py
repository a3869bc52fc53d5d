"""What a study says of its data: which set, and which images are for what.

A data spec needs no torch and reads no file, so that a plan can name every run before the data
is there. Its fingerprint stands for the exact pixels, labels and split: the readers in
``rungs.data`` refuse anything else.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Range = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]

# sha256 over the pixels and labels of the official set as `rungs.data.cifar.content_digest` reads
# them, whatever container they came in.
CIFAR100_CONTENT = "82d1b2d6d24408d401a61df6c6feaa07817611c08cf1c74ebab1265b63a29a50"


def _fingerprint(identity: object) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cifar100Spec(_Spec):
    """CIFAR-100 (Krizhevsky, 2009), its training images split by stored order.

    ``train`` and ``validation`` are half-open ranges of indices into the 50,000 training images;
    the standard 10,000 test images are the test set.
    """

    kind: Literal["cifar100"] = "cifar100"
    train: tuple[Range, ...] = ((0, 45_000),)
    validation: tuple[Range, ...] = ((45_000, 50_000),)

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
    """Pictures drawn by the program itself: deterministic, no download, and not photographs."""

    kind: Literal["synthetic"] = "synthetic"
    classes: Annotated[int, Field(ge=2, le=1000)] = 10
    train: Annotated[int, Field(ge=1)] = 4_000
    validation: Annotated[int, Field(ge=1)] = 1_000
    test: Annotated[int, Field(ge=1)] = 2_000
    size: Annotated[int, Field(ge=8, le=224)] = 32
    seed: Annotated[int, Field(ge=0)] = 0

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
