"""Pictures drawn by the program itself: a set without a download, for tries and tests."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from rungs.data.kinds.core import Access, Kind
from rungs.data.spec import PARTS, Seed, Size, Spec, UsualReading, fingerprint
from rungs.foundation.limits import MAX_DRAWN_BYTES
from rungs.foundation.values import Count

if TYPE_CHECKING:
    from rungs.data.array_cache import Arrays
    from rungs.data.images import DataSet, ImageSet

# Raised when the generator draws different pixels for the same spec.
SYNTHETIC_VERSION = 1


class SyntheticSpec(UsualReading, Spec):
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
    seed: Seed = 0

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
        return fingerprint([SYNTHETIC_VERSION, self.model_dump()])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        drawn_from = [self.classes, self.test, self.size, self.seed]
        return fingerprint([self.kind, SYNTHETIC_VERSION, drawn_from])


def read(spec: SyntheticSpec, access: Access) -> "DataSet":
    """The set of ``spec``, drawn once and then kept in the cache."""
    from rungs.data import array_cache
    from rungs.data.drawn.drawing import class_name, draw, shape_groups
    from rungs.data.images import DataSet, Exploration

    path = access.cache_dir / f"synthetic-{spec.fingerprint}.npz"
    sets = _kept(spec, array_cache.load(path))
    if sets is None:
        access.say(f"drawing {sum(spec.sizes.values()):,} synthetic images")
        sets = draw(spec.classes, spec.train, spec.validation, spec.test, spec.size, spec.seed)
        arrays = {}
        for name, images in zip(PARTS, sets, strict=True):
            arrays[f"{name}_pixels"] = images.pixels.numpy()
            arrays[f"{name}_labels"] = images.labels.numpy()
        array_cache.store(path, arrays)
    train, validation, test = sets
    names = tuple(class_name(index) for index in range(spec.classes))
    group_names, groups = shape_groups(spec.classes)
    return DataSet(
        name=spec.name,
        exploration=Exploration(train, validation, names),
        test=test,
        class_names=names,
        group_names=group_names,
        groups=groups,
        fingerprint=spec.fingerprint,
    )


def _kept(
    spec: SyntheticSpec, arrays: "Arrays | None"
) -> "tuple[ImageSet, ImageSet, ImageSet] | None":
    """The parts as they were kept; None if there are none, or they are not those of ``spec``."""
    import torch

    from rungs.data.images import ImageSet

    if arrays is None:
        return None
    try:
        train, validation, test = (
            ImageSet(
                torch.from_numpy(arrays[f"{name}_pixels"]),
                torch.from_numpy(arrays[f"{name}_labels"]),
            )
            for name in PARTS
        )
    except (KeyError, ValueError, TypeError):
        return None
    found = [tuple(images.pixels.shape) for images in (train, validation, test)]
    if found != [(spec.sizes[name], *spec.image_shape) for name in PARTS]:
        return None
    return train, validation, test


KIND = Kind(form=SyntheticSpec, spec=SyntheticSpec, read=read)
