"""What a component is, and the seams at which components stand.

A component is a frozen spec: its ``kind``, by which study files and keys name it, its parameters,
and how it is built or computed. A seam is an abstract class such as `Activation`: its methods say
what the components that stand there must be able to do. Ours and a user's come through one door,
the decorator `component`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from inspect import get_annotations
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    dataclass_transform,
    runtime_checkable,
)

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationInfo,
)
from pydantic.dataclasses import dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rungs.foundation.errors import RecipeError
from rungs.foundation.wording import listed, shown
from rungs.recipe import synonyms

C = TypeVar("C", bound="Component")

# Context of validation: the table was written by the program. A field that it lacks is younger than
# the table, and has the value that meant "as before" when it was introduced.
WRITTEN = object()

_KINDS: dict[type["Component"], dict[str, type["Component"]]] = {}
_ADAPTERS: dict[type["Component"], TypeAdapter[Any]] = {}
# Of the user's module that is being loaded: what its components' kinds begin with, and the hash
# of its source, which enters the keys of the recipes that use them.
_loading: list[tuple[str, str]] = []


class Component:
    """Base of all component specs.

    Attributes:
        kind: by which study files and keys name it; ``mine:name`` for a user's.
        version: raised when its arithmetic changes; of a user's, the hash of its module's source.
            Where it changes for some uses only, see `PartlyRevised`.
        introduced: fields younger than the component, with the value that means "as before": they
            are left out of keys while they have it, so that old keys live on.
        former: fields that were called otherwise before, with that name: it is still read, in study
            files, run folders and Python, and keys have it, so that old keys live on.
        costless: fields that have no influence on how fast a training is; all others are taken to
            have one.
        assumed: of a seam: the kind of a table that names none.
        named_by: the field that a text sets after the kind: ``timm:resnet18``.
        by_hand: whether study files may name it; else it is known where the program has written it.
    """

    if TYPE_CHECKING:  # every component is a dataclass: `component` makes it one
        __dataclass_fields__: ClassVar[dict[str, Any]]

    kind: str
    version: ClassVar[int | str] = 1
    introduced: ClassVar[Mapping[str, object]] = {}
    former: ClassVar[Mapping[str, str]] = {}
    costless: ClassVar[frozenset[str]] = frozenset()
    assumed: ClassVar[str | None] = None
    named_by: ClassVar[str | None] = None
    by_hand: ClassVar[bool] = True

    def __init_subclass__(cls, *, seam: bool = False, **more: Any) -> None:
        super().__init_subclass__(**more)
        if seam:
            _KINDS[cls] = {}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type["Component"], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A seam takes a table of any of its kinds; these may grow after the class was made."""
        if source not in _KINDS:
            return handler(source)

        def validate(value: object, info: ValidationInfo) -> Component:
            if isinstance(value, source):
                return value
            table = spelled_out(source, value)
            member = _named(source, table)
            if not member.by_hand and info.context is not WRITTEN:
                raise PydanticCustomError(
                    "union_tag_invalid", "no such kind", {"kind": member.kind}
                )
            if info.context is WRITTEN and isinstance(table, Mapping):
                table = {**member.introduced, **table}
            checked: Component = _adapter(member).validate_python(table, context=info.context)
            return checked

        return core_schema.with_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if cls not in _KINDS:
            return handler(schema)
        choices = {
            kind: {**_adapter(member).core_schema, "ref": member.__qualname__}
            for kind, member in _KINDS[cls].items()
            if member.by_hand
        }
        return handler(core_schema.tagged_union_schema(choices, discriminator="kind"))  # type: ignore[arg-type]


class Surroundings(Protocol):
    """What a revision may ask of the recipe that a component stands in."""

    @property
    def network(self) -> Component:
        """That is trained."""

    @property
    def precision(self) -> str:
        """Of the network's arithmetic."""


@runtime_checkable
class PartlyRevised(Protocol):
    """A component whose arithmetic was last changed for some of its uses only.

    The others keep the version before, so that their keys live on.
    """

    def revised(self, recipe: Surroundings) -> bool:
        """Whether this use computes otherwise than in the version before.

        Args:
            recipe: that it stands in.
        """


def version_of(component: Component, recipe: Surroundings) -> int | str:
    """The version of a component's arithmetic in its use in a recipe."""
    version = component.version
    if (
        isinstance(version, int)
        and isinstance(component, PartlyRevised)
        and not component.revised(recipe)
    ):
        return version - 1
    return version


def spelled_out(seam: type[Component], value: object) -> object:
    """The table that a short form in a study file stands for; the value itself if it is none.

    ``gelu`` stands for the table of that kind, ``timm:resnet18`` for that of kind ``timm`` whose
    `named_by` is ``resnet18``, and at a seam that assumes a kind, a table without one has that.
    Words of others' (`rungs.recipe.synonyms`) are put into ours.
    """
    value = in_our_words(seam, value)
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or (seam.assumed is None and "kind" not in table):
        return value
    kind = table.get("kind", seam.assumed)
    if isinstance(kind, str) and kind not in _KINDS[seam]:
        first, _, rest = kind.partition(":")
        member = _KINDS[seam].get(first)
        if member is not None and member.named_by is not None:
            return {**table, "kind": first, member.named_by: rest}
    return {**table, "kind": kind}


def in_our_words(seam: type[Component], value: object) -> object:
    """A kind, or the table of a component, by the words that we have for it and its fields."""
    known = _KINDS[seam]
    if isinstance(value, str):
        return synonyms.kind_of(value, known)
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind", seam.assumed)
    if not isinstance(kind, str):
        return value
    ours = synonyms.kind_of(kind, known)
    table = value if ours == kind else {**value, "kind": ours}
    return table if ours not in known else fields_in_our_words(known[ours], table)


def fields_in_our_words(part: object, table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A table with the fields' names of today in place of others' words; former names stay.

    Args:
        part: a component's or recipe's class.
        table: its fields.
    """
    ours = {name: _in_our_words(part, name) for name in table}
    if all(name == own for name, own in ours.items()):
        return table
    found: dict[str, Any] = {}
    for name, own in ours.items():
        # Of two that mean one, both stay: that is for the form to refuse.
        found[name if own in table or own in found else own] = table[name]
    return found


def _in_our_words(part: object, name: str) -> str:
    fields = getattr(part, "__dataclass_fields__", {})
    former: Mapping[str, str] = getattr(part, "former", {})
    if not isinstance(name, str) or name in former.values():
        return name
    return synonyms.field_of(name, fields)


def _named(seam: type[Component], value: object) -> type[Component]:
    """The component that a table names by its kind."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dataclass_type", "Input should be a table")
    if "kind" not in value:
        raise PydanticCustomError("union_tag_not_found", "a kind is needed")
    member = _KINDS[seam].get(value["kind"]) if isinstance(value["kind"], str) else None
    if member is None:
        kind = str(value["kind"])
        raise PydanticCustomError("union_tag_invalid", "no such kind", {"kind": kind})
    return member


def _adapter(member: type[Component]) -> TypeAdapter[Any]:
    if member not in _ADAPTERS:
        _ADAPTERS[member] = TypeAdapter(member)
    return _ADAPTERS[member]


def _plain(component: Component) -> dict[str, Any]:
    plain: dict[str, Any] = _adapter(type(component)).dump_python(component, mode="json")
    return plain


def name_of_today(part: object, name: str) -> str:
    """What a field is called now, by any name that it ever had or has elsewhere; else as it is.

    Args:
        part: of a recipe, or its class.
        name: of a field.
    """
    former: Mapping[str, str] = getattr(part, "former", {})
    ours = _in_our_words(part, name)
    return next((today for today, before in former.items() if before == name), ours)


def current_module() -> str | None:
    """Name of the user's module that is being loaded, if one is."""
    return _loading[-1][0] if _loading else None


def owned_components(module: str) -> tuple[type[Component], ...]:
    """The components of a user's module, seam by seam."""
    return tuple(
        member
        for members in _KINDS.values()
        for kind, member in members.items()
        if kind.startswith(f"{module}:")
    )


def own_kinds(component: Component) -> tuple[str, ...]:
    """Kinds of a user's components in a component, itself included."""
    own = (component.kind,) if ":" in component.kind else ()
    values = [getattr(component, field.name) for field in fields(component)]
    parts = [part for value in values for part in (value if isinstance(value, tuple) else [value])]
    found = (own_kinds(part) for part in parts if isinstance(part, Component))
    return own + tuple(kind for kinds_of in found for kind in kinds_of)


def forget_components(module: str) -> None:
    """Takes the components of a user's module out of their seams."""
    for members in _KINDS.values():
        for kind in [kind for kind in members if kind.startswith(f"{module}:")]:
            del members[kind]


@contextmanager
def module_components(name: str, source: str) -> Iterator[None]:
    """While it lasts, components that are made belong to a user's module.

    Args:
        name: of the module, which stands before their kinds.
        source: hash of its source, which is their version.
    """
    _loading.append((name, source))
    try:
        yield
    finally:
        _loading.pop()


def seams() -> tuple[type[Component], ...]:
    """Every place of a recipe at which components stand."""
    return tuple(_KINDS)


def kinds(seam: Any) -> Mapping[str, type[Component]]:
    """The components of a seam by kind; empty for what is no seam."""
    return _KINDS.get(seam, {}) if isinstance(seam, type) else {}


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def component(cls: type[C]) -> type[C]:
    """Makes a class a component of the seam that it derives from: frozen, its fields checked.

    A class without a ``kind`` gets its own name in lower case, words joined by ``_``. In a module
    that a study names, ``module:`` stands before it.

    Raises:
        RecipeError: no seam, methods that the seam asks for are missing, or a kind that the seam
            has already.
    """
    seam = next((base for base in cls.__mro__ if base in _KINDS), None)
    if seam is None:
        raise RecipeError(
            f"component {cls.__name__} derives from no seam such as rungs.extend.Activation"
        )
    # Python itself would ask for them only of a class whose metaclass is that of abstract ones.
    lacking = [n for n in vars(seam) if getattr(getattr(cls, n), "__isabstractmethod__", False)]
    if lacking:
        raise RecipeError(
            f"component {cls.__name__} lacks what rungs.extend.{seam.__name__} asks for: "
            f"{listed(lacking)}"
        )
    kind = cls.__dict__.get("kind", _snake(cls.__name__))
    if _loading:
        module, source = _loading[-1]
        kind = f"{module}:{kind}"
        cls.version = source
    if kind in _KINDS[seam]:
        raise RecipeError(f"two components at {seam.__name__} have the kind {shown(kind)}")
    cls.kind = kind
    # The kind stands first wherever the component is written.
    assumed = Field(json_schema_extra={"assumed": True} if kind == seam.assumed else None)
    hints = get_annotations(cls)
    for name, before in cls.former.items():
        hints[name] = Annotated[hints[name], Field(validation_alias=AliasChoices(name, before))]
    cls.__annotations__ = {"kind": Annotated[Literal[kind], assumed], **hints}
    made: type[C] = dataclass(frozen=True, config=ConfigDict(extra="forbid", defer_build=True))(cls)  # type: ignore[assignment]
    _KINDS[seam][kind] = made
    return made


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
