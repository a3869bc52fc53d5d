"""Pictures of the user's own, as a study file names them and as runs are named by them.

What is looked for (`FolderSpec`) becomes what was found (`PicturesSpec`) when `rungs.data.pictures`
has looked at them; both need no library that reads pictures.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rungs.data.spec import Bits, Fit, Ground, Seed, Size, Spec, fingerprint
from rungs.foundation.limits import MAX_CLASSES
from rungs.foundation.values import Count, Text

# What the first folders are that pictures lie in, and the second.
Layout = Literal["class", "part/class", "class/part", "group/class"]

_Share = Annotated[float, Field(strict=True, gt=0, le=0.4)]


class OwnSpec(Spec):
    """What is the same of a user's pictures before and after they were looked at."""

    size: Size
    channels: Literal[1, 3] = 3
    fit: Fit = "crop"
    seed: Seed = 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return (self.channels, self.size, self.size)


class OwnForm(OwnSpec):
    """What a study file says of pictures of your own, however they come.

    Attributes:
        size: height and width in pixels that every picture is brought to.
        channels: 3 for colour, 1 for grey.
        fit: how a picture that is not square becomes so.
        validation: share of the training pictures that is cut off for validation.
        test: the same for the test part.
        seed: from which the split is drawn.
        leave_out: classes whose pictures are not used.
    """

    validation: _Share = 0.15
    test: _Share = 0.15
    leave_out: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES)] = ()

    def at(self, place: Path, **more: Any) -> "FolderSpec":
        """How pictures in this place are looked for; further keys are those of `FolderSpec`."""
        shared = {name: getattr(self, name) for name in OwnForm.model_fields}
        return FolderSpec(path=str(place), class_order="counted", **shared, **more)


class FolderSpec(OwnSpec):
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


class PicturesSpec(OwnSpec):
    """Pictures that were found, read and split, wherever they came from.

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
        return fingerprint([self.kind, SPLIT_VERSION, self.content, split])

    @property
    def test_fingerprint(self) -> str:
        """The same of all the pictures: who cut another test part has seen many of its pictures."""
        return fingerprint([self.kind, self.content])


# Raised when the same pictures are split in another way.
SPLIT_VERSION = 1
