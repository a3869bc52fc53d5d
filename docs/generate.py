"""Writes what the docs show of code and results: ``make docs``. A test keeps them as this writes.

- README.md: between ``<!-- results:cifar100 -->`` and ``<!-- end -->`` the table of the newest
  results under ``results/cifar100``.
- docs/commands.md, docs/catalogue.md, docs/study-file.md: whole, from the code.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import typer

from rungs.cli import app
from rungs.modifications import catalogue as entries
from rungs.study.forms import StudyForm

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "results" / "cifar100" / "equal" / "report.json"
_BLOCK = re.compile(r"(<!-- results:cifar100 -->\n).*?(<!-- end -->)", re.DOTALL)


def readme(text: str, report: dict[str, Any]) -> str:
    """README's text with the table of a report."""
    found = _BLOCK.search(text)
    if found is None:
        raise ValueError("README.md has no place for the results")
    return text[: found.start()] + found[1] + table(report) + found[2] + text[found.end() :]


def table(report: dict[str, Any]) -> str:
    """The ladder as Markdown, with its n and hardware below."""
    lines = [
        "| rung | | parameters | MFLOPs | val % | test % | vs previous | report, test % | notes |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    done = [rung for rung in report["rungs"] if rung["seeds"]]
    for rung in report["rungs"]:
        reported = rung["reported"]
        figure = _percent(reported["test_accuracy"])
        if figure and reported["epochs"] != rung["epochs"]:
            figure += f" in {reported['epochs']} epochs"
        cells = [
            rung["title"],
            "kept" if rung["kept"] else "tried",
            f"{rung['parameters']:,}",
            f"{rung['flops'] / 1e6:.1f}",
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"]) or "not run yet",
            _points(rung["delta_previous"]),
            figure,
            "; ".join(rung["notes"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    for ensemble in report["ensembles"]:
        accuracy = _percent(ensemble["test_accuracy"]["mean"]) or "not run yet"
        gain = _points(ensemble["gain_over_last_snapshot"])
        note = f"gain over the last snapshot: {gain}" if gain else ""
        name = f"Snapshot ensemble of {ensemble['members']}"
        lines.append(f"| {name} | | | | | {accuracy} | | | {note} |")
    seeds = max((len(rung["seeds"]) for rung in done), default=0)
    machines = dict.fromkeys(line for rung in done for line in rung["executions"])
    statuses = [claim["status"] for claim in report["claims"]]
    counts = ", ".join(f"{statuses.count(s)} {s}" for s in ("confirmed", "refuted", "not run"))
    lines += [
        "",
        f"{len(done)} of {len(report['rungs'])} rungs so far, "
        f"{report['rungs'][0]['epochs']} epochs each, n = {seeds} "
        f"seed{'' if seeds == 1 else 's'}, trained on {'; '.join(machines)}. "
        f"Claims of the report: {counts}. Made by "
        f"`rungs run {report['study']} --results results/{report['study']}`; "
        f"all of it: [report.md](results/{report['study']}/{report['budget']}/report.md).",
        "",
    ]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}"


def commands() -> str:
    """The command reference: every command with its arguments and options."""
    lines = ["# Commands", ""]
    lines += ["From the program, by `make docs`; `rungs COMMAND --help` shows the same."]
    for name, command in _commands(app, "rungs"):
        function = command.callback
        usage, rows = [name], []
        for parameter in inspect.signature(function).parameters.values():
            info = next(iter(getattr(parameter.annotation, "__metadata__", ())), None)
            if isinstance(info, typer.models.ArgumentInfo):
                label = info.metavar or parameter.name.upper()
                needed = parameter.default is inspect.Parameter.empty
                usage.append(label if needed else f"[{label}]")
                rows.append((f"`{label}`", info.help or "", ""))
            elif isinstance(info, typer.models.OptionInfo):
                said = _default(parameter.default, info.envvar)
                # Within Annotated, typer takes the option's name for its default.
                option = next(iter(info.param_decls or ()), info.default)
                rows.append((f"`{option}{_kind(parameter)}`", info.help or "", said))
        lines += ["", f"## {name}", "", inspect.getdoc(function) or ""]
        lines += ["", f"    {' '.join(usage)} [OPTIONS]"]
        if rows:
            lines += ["", "| | | default |", "|---|---|---|"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
        if command.epilog:
            lines += ["", f"Example: `{command.epilog.removeprefix('Example: ')}`"]
    return "\n".join(lines) + "\n"


def _commands(group: typer.Typer, name: str) -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    for command in group.registered_commands:
        yield f"{name} {command.name or command.callback.__name__}", command
    for inner in group.registered_groups:
        yield from _commands(inner.typer_instance, f"{name} {inner.name}")


def _kind(parameter: inspect.Parameter) -> str:
    """What a value of an option is called; nothing for a switch."""
    kinds = [item for item in _members(parameter.annotation.__origin__) if item is not NoneType]
    if kinds == [bool]:
        return ""
    return " " + {int: "NUMBER", Path: "FOLDER"}.get(kinds[0], "NAME")


def _members(kind: Any) -> list[Any]:
    return list(get_args(kind)) if get_origin(kind) in (Union, UnionType) else [kind]


def _default(default: object, variable: object) -> str:
    value = getattr(default, "value", default)
    words = [f"`{value}`"] if value not in (None, False) else []
    return ", ".join(words + ([f"`{variable}` of the environment"] if variable else []))


def catalogue() -> str:
    """The modifications by family."""
    lines = ["# Modifications", ""]
    lines += [
        "What a rung can apply. From the program, by `make docs`; `rungs catalogue` lists the same."
    ]
    family = ""
    for entry in entries():
        if entry.family != family:
            family = entry.family
            lines += ["", f"## {family.capitalize()}"]
        lines += ["", f"### {entry.name}", "", f"`{entry.signature}`", ""]
        lines += [_paragraphs(entry.function), "", f"Source: {entry.source}"]
    return "\n".join(lines) + "\n"


def _paragraphs(documented: object) -> str:
    """A docstring without the parts that are for callers from Python."""
    text = inspect.getdoc(documented) or ""
    text = re.split(r"\n(?:Args|Returns|Raises):", text)[0].strip()
    return text.replace("``", "`")


def study_file() -> str:
    """The reference of the study file: every table with its keys."""
    schema = StudyForm.model_json_schema()
    tables = schema["$defs"]
    lines = [
        "# The study file",
        "",
        "A study is a TOML file. This is written by `make docs` from the very forms by which the",
        "program reads one: a key that is not listed here is an error. A complete example with",
        "comments is [`cifar100.toml`](../src/rungs/studies/cifar100.toml); the",
        "[tutorial](tutorial.md) writes a small one.",
        "",
        "## The whole file",
        "",
        _markdown(schema["description"].partition("\n\n")[2]),
        "",
        *_table(schema),
    ]
    for name in _order(schema, tables):
        described = _markdown(tables[name].get("description", ""))
        lines += ["", f"## {_title(name)}", "", described, "", *_table(tables[name])]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _order(schema: Mapping[str, Any], tables: Mapping[str, Any]) -> list[str]:
    """The tables as the file's keys lead to them."""
    found: dict[str, None] = {}

    def visit(value: object) -> None:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = None
                visit(tables[name].get("properties", {}))
            for inner in value.values():
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)

    visit(schema["properties"])
    return list(found)


def _title(name: str) -> str:
    """``RungForm`` -> ``Rung``; ``PoolingHead`` -> ``Pooling head``."""
    words = re.findall(r"[A-Z][a-z0-9]*", name.removesuffix("Form").removesuffix("Spec"))
    return " ".join(words).capitalize()


def _link(name: str) -> str:
    title = _title(name)
    return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"


def _markdown(text: str) -> str:
    text = re.sub(r"(^|\n\n)Attributes:\n", r"\1", text.replace("``", "`"))
    return re.sub(r"^    (\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)


def _table(schema: Mapping[str, Any]) -> list[str]:
    rows = ["| key | value | default |", "|---|---|---|"]
    needed = schema.get("required", [])
    for key, field in schema.get("properties", {}).items():
        default = "needed" if key in needed else _shown(field.get("default"))
        rows.append(f"| `{key}` | {_type(field)} | {default} |")
    return rows if len(rows) > 2 else []


def _shown(value: object) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict) and "kind" in value:
        return f"`{value['kind']}`"
    return "see there" if isinstance(value, dict) else f"`{json.dumps(value)}`"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _link(field["$ref"].rpartition("/")[2])
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(_type(item) for item in field[several] if item.get("type") != "null")
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(item)}`" for item in field["enum"])
    match field.get("type"):
        case "array" if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0])}"
        case "array":
            return f"list of {_type(field['items'])}"
        case "object":
            inner = field.get("additionalProperties")
            return f"table of {_type(inner)}" if isinstance(inner, dict) else "table"
        case "integer" | "number" as kind:
            return f"{'whole number' if kind == 'integer' else 'number'}{_bounds(field)}"
        case "boolean":
            return "true or false"
    return "text"


def _bounds(field: Mapping[str, Any]) -> str:
    words = []
    for key, word in (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    ):
        if key in field and abs(field[key]) < 1e12:
            words.append(f"{word} {field[key]:,}")
    return " " + " ".join(words) if words else ""


# What is written as a whole.
PAGES = {
    "docs/commands.md": commands,
    "docs/catalogue.md": catalogue,
    "docs/study-file.md": study_file,
}


def main() -> None:
    """Brings README.md and the generated pages up to date."""
    path = ROOT / "README.md"
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    path.write_text(readme(path.read_text(encoding="utf-8"), report), encoding="utf-8")
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
