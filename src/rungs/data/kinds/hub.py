"""A data set of the Hugging Face hub, fetched once and read as parquet files of one's own are."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rungs.data.kinds.core import Kind, Named, Resolved, Say
from rungs.data.kinds.folder import read
from rungs.data.pictures_spec import OwnForm, PicturesSpec
from rungs.data.spec import Bits, Ground
from rungs.foundation.errors import DataError, Mistake
from rungs.foundation.values import Text
from rungs.foundation.wording import shown

_PREFIX = "hub:"
# As the hub has names: of a user or organisation, and of the set.
_NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


class HubSpec(OwnForm):
    """A data set of the Hugging Face hub, or of a server that speaks as it does.

    Its parquet files are fetched with `huggingface_hub` (`pip install 'rungs-study[hub]'`), which
    minds `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_HOME` and tokens. A validation or test part that the
    set does not have is cut from the training pictures, within each class, and equal pictures stay
    on one side.

    Attributes:
        name: of the set, such as `"ylecun/mnist"`.
        revision: a commit, or a branch or tag. What that stands for is looked up once and kept in
            the cache; a commit is the same on every machine.
        subset: which of several sets in one repository; needed where there are several.
        size: height and width in pixels that every picture is brought to.
        channels: 3 for colour, 1 for grey.
        fit: how a picture that is not square becomes so.
        validation: share of the training pictures that is cut off for validation.
        test: the same for the test part.
        seed: from which the split is drawn.
        leave_out: classes whose pictures are not used.
        picture_column: found by its name if left out.
        label_column: the same.
        part_column: the same; its values say which pictures are for what.
        bits: of each value of pictures with 16 bits a value, of which the upper 8 are kept.
        ground: what shows through where pictures are transparent.
    """

    kind: Literal["hub"] = "hub"
    name: Annotated[Text, Field(min_length=1)]
    revision: Annotated[Text, Field(min_length=1)] = "main"
    subset: Text | None = None
    picture_column: Text | None = None
    label_column: Text | None = None
    part_column: Text | None = None
    bits: Bits = 16
    ground: Ground = "white"


# Keys that say how pictures are read, as those of `FolderSpec`.
_LIKE_FOLDERS = ("picture_column", "label_column", "part_column", "bits", "ground")


def mistakes(form: HubSpec) -> list[Mistake]:
    """What is wrong with a name that no set can have."""
    if _NAME.fullmatch(form.name) and ".." not in form.name:
        return []
    found = f"expected a name such as 'ylecun/mnist', found {shown(form.name)}"
    return [Mistake(("data", "name"), found)]


def resolve(form: HubSpec, beside: Path, say: Say) -> Resolved:
    """Fetches the set, unless it is at hand, and looks at it.

    Raises:
        DataError: it cannot be fetched, or holds no pictures in parquet files.
    """
    from rungs.data.hub import at_hand
    from rungs.data.pictures import resolve as look_at  # reads pictures

    found = at_hand(form.name, form.revision, form.subset, say)
    how = {name: getattr(form, name) for name in _LIKE_FOLDERS}
    title = _title(form.name, found.commit)
    survey = look_at(form.at(found.place, **how), beside, say=say, title=title)
    notes = (f"revision {form.revision} is commit {found.commit}", *survey.notes)
    survey = replace(survey, kind=f"parquet files of {form.name}", notes=notes)
    return Resolved(survey.spec, survey)


def named(text: str, _beside: Path, _size: int | None, say: Say) -> Named | None:
    """A set such as ``hub:ylecun/mnist``, perhaps with ``@REVISION``, at the commit that it is."""
    from rungs.data.hub import at_hand

    if not text.startswith(_PREFIX):
        return None
    name, _, revision = text.removeprefix(_PREFIX).partition("@")
    form = HubSpec(name=name, revision=revision or "main", size=8)
    if wrong := mistakes(form):
        raise DataError(str(wrong[0]))
    found = at_hand(form.name, form.revision, form.subset, say)
    keys = {"name": form.name, "revision": found.commit}
    return Named(keys, found.place, _title(form.name, found.commit))


def _title(name: str, commit: str) -> str:
    return f"{name}@{commit[:12]}"


KIND = Kind(
    form=HubSpec, spec=PicturesSpec, read=read, mistakes=mistakes, resolve=resolve, named=named
)
