"""The rooms of the program and who imports whom, read from the code: table, picture and checks.

The picture is a design structure matrix: a row and a column for each room, in the order of the
table, and in each cell how many imports the row's room has from the column's. Where all imports run
one way, everything lies on one side of the diagonal.

``python docs/layout.py SOURCE PICTURE`` draws that of any checkout, with its rooms in an order in
which as few imports as possible run up.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "rungs"
ROWS = ROOT / "tests" / "test_layers.py"


@dataclass(frozen=True)
class Import:
    """An import of one module of ours by another.

    Attributes:
        importer: full name of the module that imports.
        imported: of the module that is imported.
        at_top: whether at the module's top; else inside a function or for types alone.
    """

    importer: str
    imported: str
    at_top: bool


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Full name -> file of every module; a package goes by its own name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = ["rungs", *path.relative_to(source).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: Path = SOURCE) -> list[Import]:
    """Every import between modules of ours, those inside functions too."""
    files = modules(source)
    found = []
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            targets: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = (f"{node.module}.{alias.name}" for alias in node.names)
                targets = [name if name in files else node.module for name in inner]
            elif isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            found += [
                Import(name, target, id(node) in top)
                for target in dict.fromkeys(targets)
                if target.split(".")[0] == "rungs"
            ]
    return found


def room(module: str) -> str:
    """``rungs.data.spec`` -> ``data``: the package or module right below the top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "rungs"


def rows() -> tuple[str, ...]:
    """The rooms in their order, as `tests/test_layers.py` has them."""
    for node in ast.parse(ROWS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            order: tuple[str, ...] = ast.literal_eval(node.value)
            return order
    raise ValueError(f"{ROWS} has no ROOMS")


def needs_torch(source: Path = SOURCE) -> set[str]:
    """The modules that cannot be imported without torch: by themselves or by what they import."""
    files = modules(source)
    needing = {
        name
        for name, path in files.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for imported in _outside(node)
        if imported == "torch"
    }
    importers: dict[str, set[str]] = {}
    for item in imports(source):
        if item.at_top:
            importers.setdefault(item.imported, set()).add(item.importer)
    for name in files:  # importing a module imports the packages that it lies in
        parent = name.rpartition(".")[0]
        if parent:
            importers.setdefault(parent, set()).add(name)
    waiting = list(needing)
    while waiting:
        for name in importers.get(waiting.pop(), set()) - needing:
            needing.add(name)
            waiting.append(name)
    return needing


def _outside(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").split(".")[0]]
    return [alias.name.split(".")[0] for alias in node.names]


def table() -> str:
    """The rooms as Markdown, in order, with what each says of itself."""
    files, needing = modules(), needs_torch()
    lines = ["| row | room | what it is for | modules | needs torch |", "|--:|---|---|--:|---|"]
    for number, name in enumerate(rows(), start=1):
        own = [module for module in files if room(module) == name]
        path = files["rungs" if name == "rungs" else f"rungs.{name}"]
        doc = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        heavy = sum(module in needing for module in own)
        share = "" if not heavy else "yes" if heavy == len(own) else f"{heavy} of {len(own)}"
        shown = doc.replace("``", "`")
        lines.append(f"| {number} | `{name}` | {shown} | {len(own)} | {share} |")
    return "\n".join(lines)


def between(found: Iterable[Import]) -> Counter[tuple[str, str]]:
    """(room, room it imports from) -> how many imports."""
    pairs = ((room(item.importer), room(item.imported)) for item in found)
    return Counter(pair for pair in pairs if pair[0] != pair[1])


def sorted_rooms(counts: Mapping[tuple[str, str], int], names: Iterable[str]) -> list[str]:
    """Rooms from the ground up: each after those that it imports from, where there is no cycle."""
    graph: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for importer, imported in sorted(counts):
        graph[importer].add(imported)
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            # Of a cycle the import that is least used is the one that is drawn running up.
            cycle = error.args[1]
            pairs = [(b, a) for a, b in pairwise(cycle)]
            importer, imported = min(pairs, key=lambda pair: counts[pair])
            graph[importer].discard(imported)


_CELL, _TOP, _SIDE = 22, 96, 110


def picture(counts: Mapping[tuple[str, str], int], order: Sequence[str]) -> str:
    """The matrix of rooms as SVG: imports of the row's room from the column's."""
    place = {name: number for number, name in enumerate(order)}
    width = _SIDE + _CELL * len(order) + 12
    height = _TOP + _CELL * len(order) + 40
    up = sum(n for (a, b), n in counts.items() if place[b] > place[a])
    said = (
        f"{len(order)} rooms, {sum(counts.values())} imports between {len(counts)} pairs of them, "
        f"{up} up"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{said}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for name, number in place.items():
        x, y = _SIDE + _CELL * number, _TOP + _CELL * number
        parts += [
            f'<text x="{_SIDE - 8}" y="{y + 15}" text-anchor="end">{name}</text>',
            f'<text x="{x + 11}" y="{_TOP - 8}" transform="rotate(-60 {x + 11} {_TOP - 8})">'
            f"{name}</text>",
            f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="#d0d4da"/>',
        ]
    side = _CELL * len(order)
    for number in range(len(order) + 1):
        at = _CELL * number
        parts.append(
            f'<path d="M{_SIDE} {_TOP + at}h{side}M{_SIDE + at} {_TOP}v{side}" stroke="#e3e6ea"/>'
        )
    for (importer, imported), n in sorted(counts.items()):
        x, y = _SIDE + _CELL * place[imported], _TOP + _CELL * place[importer]
        fill = "#c0392b" if place[imported] > place[importer] else "#2c6fbb"
        opacity = min(1.0, 0.25 + n / 40)
        parts += [
            f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_CELL - 2}" '
            f'fill="{fill}" fill-opacity="{opacity:.2f}"/>',
            f'<text x="{x + 11}" y="{y + 15}" text-anchor="middle" font-size="10" '
            f'fill="{"#ffffff" if opacity > 0.6 else "#1c2733"}">{n}</text>',
        ]
    parts.append(f'<text x="8" y="{height - 14}">{said}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def drawn() -> str:
    """The picture of the program as it is."""
    return picture(between(imports()), rows())


def main() -> None:
    """Draws the picture of a checkout's source folder."""
    parser = argparse.ArgumentParser(description="Draws who imports whom in a source folder.")
    parser.add_argument("source", type=Path)
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    counts = between(imports(given.source))
    names = {room(module) for module in modules(given.source)}
    text = picture(counts, sorted_rooms(counts, names))
    given.picture.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
