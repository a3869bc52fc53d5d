"""What a study says of its data, in the words that all kinds share.

A data spec needs no torch and reads no file, so that a plan can name every run before the data
is there. Its fingerprint stands for the exact pixels, labels and split: whoever reads the data
refuses anything else. The kinds themselves lie in ``rungs.data.kinds``.
"""

import hashlib
import json
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from rungs.foundation.limits import MAX_SIDE

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

# How a picture that is not square becomes so.
Fit = Literal["crop", "stretch"]
# Of each value of pictures that have up to 16.
Bits = Annotated[int, Field(strict=True, ge=8, le=16)]
# What shows through transparent parts.
Ground = Literal["white", "black"]
# Height and width of images, in pixels.
Size = Annotated[int, Field(strict=True, ge=8, le=MAX_SIDE)]
# From which something is drawn.
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Spec(BaseModel):
    """Base of what a study file says of its data, and of what runs are named by: a frozen form."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @property
    def held_out(self) -> bool:
        """Epochs are chosen by validation."""
        return False


class UsualReading:
    """How new pictures are read where a kind of data has nothing to say of that."""

    @property
    def fit(self) -> Fit:
        """A new picture's middle is cut out."""
        return "crop"

    @property
    def bits(self) -> int:
        """All that there are."""
        return 16

    @property
    def ground(self) -> Ground:
        """White paper."""
        return "white"


def fingerprint(identity: object) -> str:
    """16 hex digits that stand for plain JSON types."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


class DataForm(Protocol):
    """What every kind of data says in a study file, before anybody looked at the data."""

    @property
    def kind(self) -> str:
        """By which study files and runs name it."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""


class DataSpec(DataForm, Protocol):
    """What every kind of data says of itself, as runs are named by it."""

    @property
    def name(self) -> str:
        """The name shown in outputs."""

    @property
    def classes(self) -> int:
        """Number of classes."""

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""

    @property
    def fit(self) -> Fit:
        """How a new picture that is not square is brought to `image_shape`."""

    @property
    def bits(self) -> int:
        """Of each value of a new picture that has up to 16: the upper 8 of them are kept."""

    @property
    def ground(self) -> Ground:
        """What shows through where a new picture is transparent."""

    @property
    def held_out(self) -> bool:
        """Whether validation images are evidence, by which nothing may be chosen in training."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
