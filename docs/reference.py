"""The reference pages, made from the code: study file, catalogue, commands and layers.

What they say of a key stands in one place, the code: types, defaults and bounds in the annotations
of the forms and components, the words in the ``Attributes:`` section of their docstrings.
"""

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from measured import catalogue_command, times_as_long
from rungs.cli import app
from rungs.foundation.values import NAME_FORM
from rungs.network.typical_cost import typical_cost
from rungs.recipe.modifications import Modification
from rungs.recipe.modifications import catalogue as entries
from rungs.study.forms import StudyForm

# Choices that are listed in a table's cell; more of them stand below.
_FEW = 3

Schema = Mapping[str, Any]


def anchor(heading: str) -> str:
    """The link target that GitHub gives a heading of Markdown."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # of a link, what is shown
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


# --- docstrings ----------------------------------------------------------------------------------


def sections(docstring: str) -> dict[str, str]:
    """A docstring's text under ``""``, and that of each titled section under its title."""
    found = {"": ""}
    title = ""
    for line in docstring.splitlines():
        if re.fullmatch(r"[A-Z][\w ]*:", line):
            title = line[:-1]
            found[title] = ""
        else:
            found[title] += line + "\n"
    return {title: textwrap.dedent(text).strip() for title, text in found.items()}


def described(section: str) -> dict[str, str]:
    """Name -> text of a section that has entries of the form ``name: text``."""
    found: dict[str, str] = {}
    for line in section.splitlines():
        name, _, text = line.partition(": ")
        if line.startswith(" "):
            last = next(reversed(found))
            found[last] += f" {line.strip()}"
        else:
            found[name] = text
    return found


def _markdown(text: str) -> str:
    """Text of a docstring as Markdown."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _rows(*rows: tuple[str, ...]) -> str:
    head, *body = ("| " + " | ".join(map(_cell, row)) + " |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


# --- the study file ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A table of the study file.

    Attributes:
        heading: with its path and kind, such as ``[recipe.network.head]``, kind ``dense``.
        schema: JSON schema of its keys.
        chosen: whether its kind tells it from others in the same place.
    """

    heading: str
    schema: Schema
    chosen: bool


def study_file() -> str:
    """Every table of a study file with its keys, as Markdown."""
    schema = StudyForm.model_json_schema()
    tables = {"": Table("Top of the file", schema, chosen=False)}
    _collect(schema, "", schema["$defs"], tables)
    parts = [f"A *name* is text of {NAME_FORM}."]
    for table in tables.values():
        parts += [f"### {table.heading}", *described_table(table, tables)]
    return "\n\n".join(parts)


def _collect(
    schema: Schema, path: str, known: Mapping[str, Schema], tables: dict[str, Table]
) -> None:
    """Adds the tables below one, by the names of their schemas: each once, parents first."""
    for key, field in schema["properties"].items():
        here = f"{path}.{key}" if path else key
        for name in _references(field):
            if name in tables:
                continue
            shown = f"`[[{here}]]`" if field.get("type") == "array" else f"`[{here}]`"
            kind = known[name]["properties"].get("kind")
            heading = f"{shown}, kind `{kind['const']}`" if kind else shown
            chosen = "discriminator" in field or "discriminator" in field.get("items", {})
            tables[name] = Table(heading, known[name], chosen=chosen)
            _collect(known[name], here, known, tables)


def _references(field: Schema) -> list[str]:
    """Names of the schemas of the tables that a field may hold."""
    inner = field.get("items", {})
    options = [
        option
        for holder in (field, inner)
        for option in (holder, *holder.get("oneOf", ()), *holder.get("anyOf", ()))
    ]
    return [_name(option) for option in options if "$ref" in option]


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[1]


def described_table(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    """What a table is for, its keys, and the values of those that have many."""
    fields = table.schema["properties"]
    parts = sections(table.schema["description"])
    texts = described(parts.get("Attributes", ""))
    _check(table, "key", set(texts), set(fields) - {"kind"})
    yield _markdown(parts[""])
    rows = [("key", "value", "default", "meaning")]
    for key, field in fields.items():
        chosen = key == "kind" and table.chosen and not field.get("assumed")
        needed = chosen or key in table.schema.get("required", ())
        default = "needed" if needed else _default(field)
        meaning = "tells which table this is." if key == "kind" else _markdown(texts[key])
        rows.append((f"`{key}`", words(field, tables), default, meaning))
    yield _rows(*rows)
    for key, field in fields.items():
        values = described(parts.get(f"Values of {key}", ""))
        choice = next(
            (one["enum"] for one in (field, *field.get("anyOf", ())) if "enum" in one), ()
        )
        if values or len(choice) > _FEW:
            _check(table, f"value of {key}", set(values), set(choice))
            texts_of = [(f"`{name}`", _markdown(text)) for name, text in values.items()]
            yield _rows((f"`{key}`", "meaning"), *texts_of)


def _check(table: Table, what: str, described: set[str], existing: set[str]) -> None:
    for name in sorted(existing - described):
        raise ValueError(f"{table.heading}: the docstring does not describe the {what} '{name}'")
    for name in sorted(described - existing):
        raise ValueError(f"{table.heading}: the docstring describes a {what} '{name}' there is not")


def words(field: Schema, tables: Mapping[str, Table]) -> str:
    """Type and bounds of a value."""
    match field:
        case {"$ref": _}:
            table = tables[_name(field)]
            return f"table [{table.heading.split(',')[0]}](#{anchor(table.heading)})"
        case {"const": only}:
            return f"`{toml(only)}`"
        case {"enum": choice}:
            few = len(choice) <= _FEW
            return ", ".join(f"`{toml(one)}`" for one in choice) if few else "one of those below"
        case {"anyOf": options}:  # the other is null: the key is left out
            return " or ".join(words(one, tables) for one in options if one.get("type") != "null")
        case {"discriminator": {"mapping": mapping}}:
            links = (
                f"[`{kind}`](#{anchor(tables[_name({'$ref': reference})].heading)})"
                for kind, reference in mapping.items()
            )
            return f"table of a kind: {', '.join(links)}"
        case {"oneOf": options}:
            return " or ".join(words(one, tables) for one in options)
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(words(item, tables) for item in items)}]"
        case {"type": "array"}:
            inner = words(field["items"], tables)
            return f"list{_between(field, 'Items')}: {inner}"
        case {"type": "object", "additionalProperties": dict() as inner}:
            return f"table{_between(field, 'Properties')}: name = {words(inner, tables)}"
        case {"type": "object"}:
            return "table"
        case {"type": "string", "description": _}:
            return "*name*"
        case {"type": "string"}:
            most = field.get("maxLength")
            return f"text of at most {most:,} characters" if most else "text"
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "integer" | "number" as kind}:
            return f"{'whole number' if kind == 'integer' else 'number'}{_bounds(field)}"
    raise ValueError(f"no words are known for a value of {field}")


def _between(field: Schema, what: str) -> str:
    """Bounds of a length, as words."""
    least, most = field.get(f"min{what}"), field.get(f"max{what}")
    if least is None or most is None:
        return f" of at most {most}" if most else ""
    return f" of {least} to {most}"


def _bounds(field: Schema) -> str:
    """Bounds of a number, as an inequality in x."""
    above, below = field.get("exclusiveMinimum"), field.get("exclusiveMaximum")
    left = f"{_number(above)} < " if above is not None else ""
    right = f" < {_number(below)}" if below is not None else ""
    if "minimum" in field:
        left = f"{_number(field['minimum'])} ≤ "
    if "maximum" in field:
        right = f" ≤ {_number(field['maximum'])}"
    return f", {left}x{right}" if left or right else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _default(field: Schema) -> str:
    """What holds where a key is left out."""
    value = field["default"]
    if value is None:
        return "none"
    if "$ref" in field:
        return "its defaults"
    if isinstance(value, dict):  # of several kinds
        return f"kind `{value['kind']}`"
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    """A plain value as TOML."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            # Of single values JSON and TOML write the same.
            return json.dumps(value, ensure_ascii=False)


# --- the catalogue -------------------------------------------------------------------------------


def catalogue() -> str:
    """Every modification with its parameters, as Markdown."""
    times = times_as_long()
    parts = [catalogue_command()]
    family = ""
    for entry in entries():
        if entry.family != family:
            family = entry.family
            parts.append(f"## {family.capitalize()}")
        parts += [f"### `{entry.signature}`", _markdown(entry.doc)]
        parameters = list(_parameters(entry))
        if parameters:
            parts.append(_rows(("parameter", "value", "default"), *parameters))
        parts += [
            f"In a study file: `{_step(entry)}`",
            f"Typical cost: {typical_cost(entry)}{_longer(times.get(entry.name))}",
            f"Source: {entry.source}",
        ]
    return "\n\n".join(parts)


def _longer(times: float | None) -> str:
    return "" if times is None else f"; a training takes {times:.2f} times as long"


def _parameters(entry: Modification) -> Iterator[tuple[str, str, str]]:
    for name, parameter in entry.parameters.items():
        schema = TypeAdapter(parameter.annotation).json_schema()
        kinds = schema.get("discriminator", {}).get("mapping")
        value = f"table of a kind: {_kinds(kinds)}" if kinds else words(schema, {})
        if name in entry.rungs:
            value = "name of another rung"
        needed = parameter.default is parameter.empty
        yield f"`{name}`", value, "needed" if needed else f"`{toml(parameter.default)}`"


def _kinds(names: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _step(entry: Modification) -> str:
    """The modification with its example's parameters, as an item of ``apply``."""
    if not entry.example:
        return toml(entry.name)
    plain = TypeAdapter(dict[str, Any]).dump_python(dict(entry.example), mode="json")
    return toml({"name": entry.name, **plain})


# --- the commands --------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments and options, as Markdown."""
    parts = []
    for name, command in _below(app, "rungs"):
        words, rows = [name], []
        for parameter in inspect.signature(command.callback).parameters.values():
            for info in getattr(parameter.annotation, "__metadata__", ()):
                shown = _shown(parameter, info)
                rows.append(
                    (f"`{shown}`{_short(info)}", info.help, _when_left_out(parameter, info))
                )
                if isinstance(info, ArgumentInfo):
                    words.append(shown)
        example = command.epilog.removeprefix("Example: ")
        parts += [
            f"## {name}",
            inspect.getdoc(command.callback) or "",
            f"`{' '.join(words)} [OPTIONS]`",
            _rows(("", "what it is", "default"), *rows),
            f"Example: `{example}`",
        ]
    return "\n\n".join(parts)


def _below(group: Typer, name: str) -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield f"{name} {command.name or command.callback.__name__}", command
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _below(inner.typer_instance, f"{name} {inner.name}")


def _shown(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo) -> str:
    """``STUDY``, ``--seeds 1...1000``, ``--device auto|cpu|cuda``; a switch is its name alone."""
    if isinstance(info, ArgumentInfo):
        name = info.metavar or parameter.name.upper()
        return name if parameter.default is parameter.empty else f"[{name}]"
    # Within Annotated, typer takes the first name for a default.
    option = str(info.default)
    (kind, *_) = get_args(parameter.annotation)
    kind = next(one for one in (*get_args(kind), kind) if one is not NoneType)
    kind = get_origin(kind) or kind
    if kind is bool:
        return option
    if issubclass(kind, Enum):
        return f"{option} {'|'.join(str(one.value) for one in kind)}"
    if kind is int:
        return f"{option} {info.min}...{info.max}"
    return f"{option} {info.metavar or ('PATH' if kind is Path else 'NAME')}"


def _short(info: ArgumentInfo | OptionInfo) -> str:
    """What may be typed in place of an option's name, such as ``-o``."""
    others = (str(name) for name in info.param_decls or ())
    return "".join(f", `{name}`" for name in others if not name.startswith("--"))


def _when_left_out(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo) -> str:
    """The default, and the variable of the environment that is asked before it."""
    value = getattr(parameter.default, "value", parameter.default)
    if value is parameter.empty:
        return "needed"
    shown = {None: "none", False: "off"}.get(value, f"`{value}`")
    return f"`{info.envvar}`, else {shown}" if info.envvar else shown


# --- the layers ----------------------------------------------------------------------------------
