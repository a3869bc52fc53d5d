"""Images in the arrays of an .npz file, which `rungs.data.pictures` reads as it reads pictures."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rungs.data.kinds.core import Kind, Named, Resolved, Say
from rungs.data.kinds.folder import read
from rungs.data.pictures_spec import OwnForm, PicturesSpec
from rungs.foundation.errors import Mistake
from rungs.foundation.values import Text
from rungs.foundation.wording import shown

_SUFFIX = ".npz"


class NpzSpec(OwnForm):
    """Images in the arrays of an `.npz` file, as `numpy.savez` writes it.

    Images are uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels, labels whole
    numbers or texts [N]. A validation or test part that the file does not have is cut from the
    training images, within each class, and equal images stay on one side.

    Attributes:
        path: of the file, from the study file's folder. Arrays are known by their names: `images`
            and `labels` (or `x` and `y`), perhaps with `split`, which says `train`, `validation`
            or `test` of each; or a pair for each part, such as `x_train` and `y_train`; and
            `class_names`, where labels are numbers that count them.
        size: height and width in pixels that every image is brought to.
        channels: 3 for colour, 1 for grey.
        fit: how an image that is not square becomes so.
        validation: share of the training images that is cut off for validation.
        test: the same for the test part.
        seed: from which the split is drawn.
        leave_out: classes whose images are not used.
    """

    kind: Literal["npz"] = "npz"
    path: Annotated[Text, Field(min_length=1)]


def mistakes(form: NpzSpec) -> list[Mistake]:
    """What is wrong with the name of the file."""
    if Path(form.path).suffix.casefold() == _SUFFIX:
        return []
    return [Mistake(("data", "path"), f"expected an {_SUFFIX} file, found {shown(form.path)}")]


def resolve(form: NpzSpec, beside: Path, say: Say) -> Resolved:
    """Looks at the file, see `rungs.data.pictures.resolve`."""
    from rungs.data.pictures import resolve as look_at  # reads pictures

    survey = look_at(form.at(Path(form.path)), beside, say=say)
    return Resolved(survey.spec, survey)


def named(text: str, beside: Path, _size: int | None, _say: Say) -> Named | None:
    """A file of this name."""
    from rungs.data.pictures.source import written

    place = Path(text).expanduser().absolute()
    if place.suffix.casefold() != _SUFFIX or not place.is_file():
        return None
    return Named({"path": written(place, beside)}, place, place.name)


KIND = Kind(
    form=NpzSpec, spec=PicturesSpec, read=read, mistakes=mistakes, resolve=resolve, named=named
)
