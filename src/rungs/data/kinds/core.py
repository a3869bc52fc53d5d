"""What a kind of data is: all that the rest of the program asks of it, in one record.

A kind says what a study file holds of it (`Kind.form`) and what runs are named by (`Kind.spec`);
for most kinds these are one. Both are imported with every study file and need no torch: what reads
images imports it inside the functions that need it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rungs.data.spec import DataSpec, Spec
from rungs.foundation.errors import Mistake

if TYPE_CHECKING:
    from rungs.data.images import DataSet
    from rungs.data.pictures.describing import Survey

F = TypeVar("F", bound=Spec)
S = TypeVar("S", bound=Spec)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Access:
    """What a reader may use to get at images.

    Attributes:
        data_dir: where the user has the files; None for the usual places.
        cache_dir: keeps what was downloaded, decoded or drawn.
        say: receives lines for the user.
        allow_download: whether images may be fetched, and all of what is kept be checked and made
            anew; else only what is at hand is used, and no more of it is read than needed.
    """

    data_dir: Path | None
    cache_dir: Path
    say: Say
    allow_download: bool


@dataclass(frozen=True)
class Resolved:
    """What a study is about.

    Attributes:
        spec: what runs are named by.
        survey: what was found where the user's own pictures are; None for data that is known
            beforehand.
    """

    spec: DataSpec
    survey: "Survey | None" = None


@dataclass(frozen=True)
class Named:
    """Pictures that a text on the command line stands for, at hand.

    Attributes:
        keys: of the study file's table ``data`` that say which pictures these are.
        place: where they are on this machine.
        title: for people.
        modules: Python files that the study has to name, from its folder.
    """

    keys: dict[str, str]
    place: Path
    title: str
    modules: tuple[str, ...] = ()


def named_nothing(_text: str, _beside: Path, _size: int | None, _say: Say) -> None:
    """For kinds that `rungs init` knows by another way, or not at all."""


def no_mistakes(_form: Any) -> list[Mistake]:
    """For forms whose types say all."""
    return []


def known_beforehand(form: Any, _beside: Path, _say: Say) -> Resolved:
    """For kinds whose form is what runs are named by."""
    return Resolved(form)


@dataclass(frozen=True)
class Kind(Generic[F, S]):
    """A kind of data.

    Attributes:
        form: of the study file's table ``data``: a frozen form with a ``kind`` of its own and the
            properties of `rungs.data.spec.DataForm`.
        spec: what runs are named by, with the properties of `rungs.data.spec.DataSpec`. Several
            kinds may lead to one, which they then read alike.
        read: the images of a spec, with its fingerprint; anything else is refused with a
            `DataError`.
        mistakes: what is wrong with a form beyond the types of its fields.
        resolve: from a form to what a study is about; a relative path counts from the second
            argument. `DataError` if there is nothing that can be used.
        named: the pictures that a text stands for, which `rungs init` was given, fetched if need
            be; None if it is not of this kind. Further arguments are the folder of the study's
            file, the size of pictures if it is said, and what receives lines for the user.
    """

    form: type[F]
    spec: type[S]
    read: "Callable[[S, Access], DataSet]"
    mistakes: Callable[[F], list[Mistake]] = no_mistakes
    resolve: Callable[[F, Path, Say], Resolved] = known_beforehand
    named: Callable[[str, Path, int | None, Say], Named | None] = named_nothing
