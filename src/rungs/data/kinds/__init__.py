"""The kinds of data that a study can be about, each in a module of its own; `KINDS` lists them."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from rungs.data import spec as words
from rungs.data.folding import FOLD_VERSION, fold_size, hold_out
from rungs.data.kinds import (
    cifar10,
    cifar100,
    fashion_mnist,
    folder,
    hub,
    mnist,
    module,
    npz,
    synthetic,
)
from rungs.data.kinds.core import Access, Kind
from rungs.foundation.limits import MAX_FOLDS

if TYPE_CHECKING:
    from rungs.data.images import DataSet

# Every kind once, in the order in which the documentation shows them.
KINDS: tuple[Kind[Any, Any], ...] = (
    cifar100.KIND,
    cifar10.KIND,
    mnist.KIND,
    fashion_mnist.KIND,
    folder.KIND,
    npz.KIND,
    module.KIND,
    hub.KIND,
    synthetic.KIND,
)

if TYPE_CHECKING:
    DataForm = words.DataForm
    WholeSpec = words.DataSpec
else:
    # What they are to pydantic: one of those that are listed, told apart by its kind.
    DataForm = Annotated[reduce(or_, (kind.form for kind in KINDS)), Field(discriminator="kind")]
    WholeSpec = Annotated[reduce(or_, (kind.spec for kind in KINDS)), Field(discriminator="kind")]


class FoldSpec(words.Spec):
    """Any kind of data with one fold of its pictures held out: no study file says this of its data.

    Validation is the fold, training all else that is outside the test part (less what is equal to
    a picture of the fold); the test part is that of the whole.

    Attributes:
        of: the data as it is split without folds.
        folds: number of folds.
        fold: which of them is held out, from 0.
    """

    kind: Literal["fold"] = "fold"
    of: WholeSpec
    folds: Annotated[int, Field(strict=True, ge=2, le=MAX_FOLDS)]
    fold: Annotated[int, Field(strict=True, ge=0, lt=MAX_FOLDS)]

    @property
    def name(self) -> str:
        """The name shown in outputs."""
        return f"{self.of.name}, fold {self.fold + 1} of {self.folds}"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in pixels."""
        return self.of.image_shape

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.of.classes

    @property
    def sizes(self) -> dict[str, int]:
        """Images in ``train``, ``validation`` and ``test``."""
        whole = self.of.sizes
        images = whole["train"] + whole["validation"]
        out = fold_size(images, self.folds, self.fold)
        return {"train": images - out, "validation": out, "test": whole["test"]}

    @property
    def fit(self) -> words.Fit:
        """How a new picture that is not square is brought to `image_shape`."""
        return self.of.fit

    @property
    def bits(self) -> int:
        """Of each value of a new picture."""
        return self.of.bits

    @property
    def ground(self) -> words.Ground:
        """What shows through where a new picture is transparent."""
        return self.of.ground

    @property
    def held_out(self) -> bool:
        """What a model says of the fold is what is judged."""
        return True

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the exact content and split."""
        dealt = [self.folds, self.fold]
        return words.fingerprint([self.kind, FOLD_VERSION, self.of.fingerprint, dealt])

    @property
    def test_fingerprint(self) -> str:
        """The same of the test set alone, whatever is trained and validated on."""
        return self.of.test_fingerprint


if TYPE_CHECKING:
    DataSpec = words.DataSpec
else:
    DataSpec = Annotated[
        reduce(or_, (FoldSpec, *(kind.spec for kind in KINDS))), Field(discriminator="kind")
    ]

# From and to plain JSON types: as a study file has it, and as runs are named by it.
FORMS: TypeAdapter[words.DataForm] = TypeAdapter(DataForm)
SPECS: TypeAdapter[words.DataSpec] = TypeAdapter(DataSpec)


def folds_of(spec: words.DataSpec, folds: int) -> tuple[FoldSpec, ...]:
    """The data with each of its folds held out in turn."""
    return tuple(FoldSpec(of=spec, folds=folds, fold=fold) for fold in range(folds))


def fold_of(spec: words.DataSpec) -> FoldSpec | None:
    """The spec itself where a fold is held out of some data; None of data without folds."""
    return spec if isinstance(spec, FoldSpec) else None


def on(spec: words.DataSpec, whole: words.DataSpec) -> words.DataSpec:
    """The same fold of other data; of data without folds, the other itself."""
    return spec.model_copy(update={"of": whole}) if isinstance(spec, FoldSpec) else whole


def _read_fold(spec: FoldSpec, access: Access) -> "DataSet":
    whole: DataSet = kind_of(spec.of).read(spec.of, access)
    return hold_out(whole, spec.folds, spec.fold, spec.fingerprint)


_FOLD = Kind(form=FoldSpec, spec=FoldSpec, read=_read_fold)
# Of a spec that several kinds lead to, and all read alike, it is the first of them.
_OF: dict[type[Any], Kind[Any, Any]] = {
    member: kind for kind in (_FOLD, *reversed(KINDS)) for member in (kind.form, kind.spec)
}


def kind_of(data: words.DataForm) -> Kind[Any, Any]:
    """The kind of a form or a spec."""
    return _OF[type(data)]
