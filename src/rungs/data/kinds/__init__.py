"""The kinds of data that a study can be about, each in a module of its own; `KINDS` lists them."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from rungs.data import spec as words
from rungs.data.kinds import cifar100, folder, synthetic
from rungs.data.kinds.core import Kind

# Every kind once, in the order in which the documentation shows them.
KINDS: tuple[Kind[Any, Any], ...] = (cifar100.KIND, folder.KIND, synthetic.KIND)

if TYPE_CHECKING:
    DataForm = words.DataForm
    DataSpec = words.DataSpec
else:
    # What they are to pydantic: one of those that are listed, told apart by its kind.
    DataForm = Annotated[reduce(or_, (kind.form for kind in KINDS)), Field(discriminator="kind")]
    DataSpec = Annotated[reduce(or_, (kind.spec for kind in KINDS)), Field(discriminator="kind")]

# From and to plain JSON types: as a study file has it, and as runs are named by it.
FORMS: TypeAdapter[words.DataForm] = TypeAdapter(DataForm)
SPECS: TypeAdapter[words.DataSpec] = TypeAdapter(DataSpec)

_OF = {member: kind for kind in KINDS for member in (kind.form, kind.spec)}


def kind_of(data: words.DataForm) -> Kind[Any, Any]:
    """The kind of a form or a spec."""
    return _OF[type(data)]
