"""From pydantic's errors to mistakes with a place, what was expected and what was found."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from pydantic import ValidationError

from rungs.foundation.errors import Mistake, Path
from rungs.foundation.wording import did_you_mean, listed, nearest, shown
from rungs.recipe.components import kinds, spelled_out
from rungs.recipe.components.core import name_of_today

# Of mistakes that are looked into: who makes more has another kind of file.
_MOST = 1000


@dataclass(frozen=True)
class Findings:
    """What is wrong with plain values.

    Attributes:
        mistakes: every one.
        misspelt: fields that are there under a misspelt key, so that their values are not known.
    """

    mistakes: tuple[Mistake, ...]
    misspelt: frozenset[Path]


@dataclass(frozen=True)
class _Spot:
    """Where an error is: its path in the file, the type that is wanted there, what is there."""

    path: Path
    wanted: Any
    value: object
    table: Mapping[str, object] | None  # that holds it
    keys: tuple[str, ...]  # that the table may have
    today: object = None  # what the last part of the path is called now


def findings(error: ValidationError, kind: Any, plain: object, unknown: str = "key") -> Findings:
    """The mistakes that pydantic found.

    Args:
        error: raised when ``plain`` was validated as a ``kind``.
        kind: a type made of forms, pydantic's dataclasses, tuples, dicts and unions of them.
        plain: of tables, lists and single values.
        unknown: what a key that is not known is called.
    """
    details = [detail for detail in error.errors(include_url=False) if not _is_consequence(detail)]
    spots = [(detail, _spot(detail, kind, plain)) for detail in details[:_MOST]]
    misspelt = set()
    for detail, spot in spots:
        if detail["type"] in _UNKNOWN and spot.today == spot.path[-1]:
            meant = nearest(str(spot.path[-1]), spot.keys)
            if meant is not None and spot.table is not None and meant not in spot.table:
                misspelt.add((*spot.path[:-1], meant))
    found = {
        # A set, as a union's members may say the same.
        Mistake(spot.path, _message(detail, spot, unknown)): None
        for detail, spot in spots
        if not (detail["type"] in _MISSING and spot.path in misspelt)
    }
    mistakes = [*found]
    if len(details) > _MOST:
        mistakes.append(Mistake((), f"and {len(details) - _MOST:,} more mistakes of form"))
    return Findings(tuple(mistakes), frozenset(misspelt))


def _is_consequence(detail: Any) -> bool:
    """Whether a list is only too short because pydantic leaves out the items that are wrong."""
    if detail["type"] != "too_short":
        return False
    return bool(len(detail["input"]) >= detail["ctx"]["min_length"])


_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "needed")


def _message(detail: Any, spot: _Spot, unknown: str) -> str:
    kind = detail["type"]
    if kind in _UNKNOWN and spot.today != spot.path[-1]:
        return f"is another word for {shown(spot.today)}, which is there too; leave one out"
    if kind in _UNKNOWN:
        return f"unknown {unknown}{did_you_mean(str(spot.path[-1]), spot.keys)}"
    if kind == "missing":
        choice = _choices(spot.wanted)
        return "is needed, but missing" + (f"; expected {_one_of(choice)}" if choice else "")
    if kind in ("needed", "value_error"):  # of our own validators
        return str(detail["msg"]).removeprefix("Value error, ")
    if kind == "literal_error":
        choice = _choices(spot.wanted)
        near = nearest(spot.value, choice) if isinstance(spot.value, str) else None
        hint = f"; did you mean {shown(near)}?" if near else ""
        return f"expected {_one_of(choice)}, found {shown(spot.value)}{hint}"
    return f"{_expected(detail, spot.value)}, found {shown(spot.value)}{_as_list(detail, spot)}"


def _as_list(detail: Any, spot: _Spot) -> str:
    """How to write what stands where a list belongs, if that is plain."""
    if detail["type"] != "tuple_type" or not spot.path:
        return ""
    if isinstance(spot.value, str) and str in _members(_inside(spot.wanted, 0)):
        return f"; did you mean [{shown(spot.value)}]?"
    at_top = isinstance(spot.value, Mapping) and len(spot.path) == 1
    return f"; did you mean [[{spot.path[0]}]]?" if at_top and spot.value else ""


def _one_of(choice: list[str]) -> str:
    return shown(choice[0]) if len(choice) == 1 else f"one of {listed(choice)}"


_TYPES = {
    "int_type": "a whole number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "a table",
    "invalid_key": "a text as key",
}


def _expected(detail: Any, value: object) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "float_type":
        huge = isinstance(value, int) and not isinstance(value, bool)
        return "expected a number of at most 64 bits" if huge else "expected a number"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}"
    match kind:
        case "greater_than_equal":
            return f"expected a number of at least {_plain(context['ge'])}"
        case "less_than_equal":
            return f"expected a number of at most {_plain(context['le'])}"
        case "greater_than":
            return f"expected a number above {_plain(context['gt'])}"
        case "less_than":
            return f"expected a number below {_plain(context['lt'])}"
        case "too_short":
            return f"expected at least {_items(context['min_length'])}"
        case "too_long":
            return f"expected at most {_items(context['max_length'])}"
        case "string_too_long":
            return f"expected at most {context['max_length']:,} characters"
    # Of our own validators, or of a type that no form has yet.
    return str(detail["msg"])


def _plain(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


# --- along a path --------------------------------------------------------------------------------


def _spot(detail: Any, kind: Any, plain: object) -> _Spot:
    """Follows an error's location, in which pydantic also names members of unions."""
    path: list[int | str] = []
    here: Any = plain
    table: Mapping[str, object] | None = None
    keys: tuple[str, ...] = ()
    keyed = False  # whether the last part was the key of a free table
    today: int | str | None = None
    for part in detail["loc"]:
        kind = _at_seam(kind, here)
        if part == "[key]" and keyed:
            return _Spot(tuple(path), str, path[-1], table, ())
        members = _members(kind)
        if len(members) > 1:
            kind = _member(members, here)
            keyed = False
            continue
        keys = tuple(_fields(kind))
        table = here if isinstance(here, Mapping) else None
        keyed = typing.get_origin(members[0]) is dict
        part = _as_written(members[0], here, part)
        today = name_of_today(members[0], part) if isinstance(part, str) else part
        kind = _inside(kind, today)
        path.append(part)
        here = _value(here, part)
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _tag(detail, path, kind, here)
    return _Spot(tuple(path), kind, here, table, keys, today)


def _as_written(kind: Any, table: object, part: int | str) -> int | str:
    """The key of a table that was read as this field."""
    if not isinstance(part, str) or not isinstance(table, Mapping) or part in table:
        return part
    return next((key for key in table if name_of_today(kind, key) == part), part)


def _tag(detail: Any, path: list[int | str], kind: Any, value: Any) -> _Spot:
    """A union's member is chosen by the field ``kind``: the mistake is there."""
    names = [name for name, one in kinds(_members(kind)[0]).items() if one.by_hand] or [
        name for member in _members(kind) for name in _choices(_inside(member, "kind"))
    ]
    there = value["kind"] if isinstance(value, Mapping) and "kind" in value else None
    if isinstance(value, str):  # which stands for a kind
        detail["type"] = "literal_error"
        return _Spot(tuple(path), Literal[tuple(names)], value, None, ())
    detail["type"] = "missing" if detail["type"] == "union_tag_not_found" else "literal_error"
    return _Spot((*path, "kind"), Literal[tuple(names)], there, None, ())


def _members(kind: Any) -> list[Any]:
    """The members of a union, or the type alone; ``None`` left out."""
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (Union, types.UnionType):
        return [
            member
            for option in typing.get_args(kind)
            if option is not types.NoneType
            for member in _members(option)
        ]
    return [kind]


def _member(members: list[Any], value: object) -> Any:
    """The member of a union as which a table was validated."""
    tables = [member for member in members if _fields(member) or typing.get_origin(member) is dict]
    if not isinstance(value, Mapping):
        return next((member for member in members if member not in tables), None)
    for member in tables:
        if value.get("kind") in _choices(_inside(member, "kind")):
            return member
    return tables[0] if tables else None


def _at_seam(kind: Any, value: object) -> Any:
    """Of a seam the component that a table names; any other type as it is."""
    (first, *others) = _members(kind)
    known = {} if others else kinds(first)
    table = spelled_out(first, value) if known else value
    if not known or not isinstance(table, Mapping):
        return kind
    return known.get(str(table.get("kind")), kind)


def _fields(kind: Any) -> Mapping[str, Any]:
    """The fields of a form or component."""
    (kind,) = _members(kind)[:1]
    fields: Mapping[str, Any] = getattr(kind, "__pydantic_fields__", {})
    return fields


def _inside(kind: Any, part: int | str) -> Any:
    """The type of a table's field or a list's item; ``None`` where it is not known."""
    (kind,) = _members(kind)[:1]
    field = _fields(kind).get(str(part))
    if field is not None:
        return field.annotation
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return inner[0] if len(inner) == 2 and inner[1] is ... else inner[int(part)]
    return inner[1] if typing.get_origin(kind) is dict else None


def _choices(kind: Any) -> list[str]:
    """The texts that a ``Literal`` allows."""
    (kind,) = _members(kind)[:1]
    return list(typing.get_args(kind)) if typing.get_origin(kind) is Literal else []


def _value(here: Any, part: int | str) -> Any:
    try:
        return here[part]
    except (KeyError, IndexError, TypeError):
        return None
