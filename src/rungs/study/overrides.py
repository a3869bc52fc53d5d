"""Keys of a study file given another value without editing it: ``-o recipe.batch_size=64``.

A study that is overridden is one of its own. Its name ends in a hash of what is overridden, so that
its page, its seal, its notes and its place in an archive are not those of the file's own study; its
runs, as any, are named by their recipes.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rungs.foundation.errors import Mistake, Path, StudyError, UsageError
from rungs.foundation.limits import MAX_KEY_PARTS
from rungs.foundation.wording import did_you_mean, shown
from rungs.recipe import Recipe
from rungs.recipe.components import Component
from rungs.recipe.components.core import name_of_today
from rungs.recipe.synonyms import field_of
from rungs.study.toml_tables import plain_tables

# As a user gives them: texts as after ``-o``, or in Python a dict of keys and values.
Overrides = Sequence[str] | Mapping[str, Any]

_BARE = r"[A-Za-z0-9_-]+"
# One step of a key: a name, bare or in quotes, or the position of an item.
_STEP = re.compile(
    rf"""\.?(?:(?P<bare>{_BARE})|"(?P<quoted>[^"\\\n]*)")|\[(?P<position>\d{{1,4}})\]"""
)

# What is no part of the question that a study asks, with what to do instead.
_FIXED = {
    "name": "an overridden study gets a name of its own; write another file to choose it",
    "unseal": "when test figures may be read is for the study's file to say, which is written "
    "before they are seen; `rungs unseal` opens the test set",
}
# A name is of 64 characters at most, and ends in these: "-o-" and the hash.
_HASH_DIGITS = 8
_LONGEST_STEM = 50


@dataclass(frozen=True)
class Override:
    """One key of a study file with the value that it has instead; ``str`` is what follows ``-o``.

    Attributes:
        path: to the value; rungs and ensembles by their names, other items by position.
        value: of plain tables, lists and single values.
    """

    path: Path
    value: Any

    @property
    def key(self) -> str:
        """The path as people write it: ``rungs.final.apply``, ``recipe.transforms[0].pixels``."""
        key = ""
        for part in self.path:
            if isinstance(part, int):
                key += f"[{part}]"
            else:
                key += f".{_step(part)}" if key else _step(part)
        return key

    def __str__(self) -> str:
        return f"{self.key}={_toml(self.value)}"


@dataclass(frozen=True)
class _Placed:
    """An override in the tables of a file.

    Attributes:
        override: by the words that the file has.
        at: where its value stands, items by position.
        new: the shortest part of ``at`` that the file itself does not have; all of it if it has.
    """

    override: Override
    at: Path
    new: Path


@dataclass(frozen=True)
class Overridden:
    """The content of a study file with other values.

    Attributes:
        plain: its tables.
        source: of the file.
    """

    plain: Mapping[str, Any]
    source: str
    _placed: tuple[_Placed, ...] = ()

    @property
    def overrides(self) -> tuple[Override, ...]:
        """What differs from the file, by key."""
        return tuple(item.override for item in self._placed)

    def told(self, error: StudyError) -> StudyError:
        """Mistakes of the whole, those of overridden keys told as such."""
        if not self._placed:
            return error
        with_ = " ".join(f"-o {item}" for item in self.overrides)
        mistakes = [self._told(mistake) for mistake in error.mistakes]
        return StudyError(f"{self.source} with {with_}", mistakes)

    def _told(self, mistake: Mistake) -> Mistake:
        for item in self._placed:
            if mistake.path[: len(item.new)] == item.new:
                return Mistake(mistake.path, f"{mistake.message} (given by -o {item.override})")
        return mistake


def overridden(plain: Mapping[str, Any], source: str, given: Overrides) -> Overridden:
    """The content of a study file with some keys given other values.

    A key that gets the value it has in the file already is not overridden.

    Args:
        plain: the file's tables, which are left as they are.
        source: of the file, for messages.
        given: keys and values. Those of tables come before those of what the tables hold.

    Raises:
        UsageError: a text that is no key with a value, or a key that is given twice.
        StudyError: every key that cannot stand in this file.
    """
    asked = sorted(_asked(given), key=lambda item: [str(part) for part in item.path])
    placed: list[_Placed] = []
    mistakes = []
    for item in asked:
        try:
            found = _place(plain, item)
        except _MisplacedError as error:
            mistakes.append(Mistake(error.path, f"{error} (given by -o {item})"))
            continue
        if any(other.at == found.at for other in placed):
            raise UsageError(f"-o {found.override.key} is given twice; leave out one of them")
        if _same(_value_at(plain, found.at), item.value):
            continue
        placed.append(found)
        plain = _with(plain, found.at, item.value)
    if mistakes:
        raise StudyError(source, mistakes)
    return Overridden(plain, source, tuple(placed))


def name_with(name: str, overrides: Sequence[Override]) -> str:
    """The name of a study whose file's name for it is ``name``; that one without overrides."""
    if not overrides:
        return name
    said = json.dumps([[item.key, item.value] for item in overrides], sort_keys=True, default=str)
    digits = hashlib.sha256(said.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{name[:_LONGEST_STEM]}-o-{digits}"


def title_with(title: str, overrides: Sequence[Override]) -> str:
    """A study's title with what of it is overridden."""
    return f"{title} (with {', '.join(map(str, overrides))})" if overrides else title


# --- what is given -------------------------------------------------------------------------------


def _asked(given: Overrides) -> list[Override]:
    if isinstance(given, Mapping):
        values = plain_tables(given)
        if nothing := [key for key, value in values.items() if value is None]:
            raise UsageError(f"no value is given for {shown(nothing[0])}; leave it out")
        return [Override(_path(str(key)), value) for key, value in values.items()]
    if isinstance(given, str):
        raise UsageError(f"expected a list of overrides or a dict, found {shown(given)} alone")
    return [_override(text) for text in given]


def _override(text: str) -> Override:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"-o: expected KEY=VALUE, such as `-o recipe.batch_size=64`, found {shown(text)}"
        )
    return Override(_path(key.strip()), _value(key.strip(), value.strip()))


def _path(key: str) -> Path:
    path: list[int | str] = []
    end = 0
    while end < len(key):
        step = _STEP.match(key, end)
        if step is None or (key[end] == ".") != (end > 0 and step["position"] is None):
            break
        position = step["position"]
        path.append(step["bare"] or step["quoted"] or "" if position is None else int(position))
        end = step.end()
    if end < len(key) or not path or isinstance(path[0], int) or len(path) > MAX_KEY_PARTS:
        raise UsageError(
            "-o: expected a key of the study file, such as recipe.batch_size, budgets.equal, "
            f"rungs.NAME.apply or rungs[1].apply[0], found {shown(key)}"
        )
    return tuple(path)


def _value(key: str, text: str) -> Any:
    """A value as TOML has it; what is none, as a word without quotes, is a text."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError) as error:
        if text[:1] in ("[", "{", '"', "'"):
            raise UsageError(
                f"-o {key}: this is not TOML: {shown(text)}; lists are written [1, 2], tables "
                '{ kind = "sgd" }, and in a shell all of it in quotes'
            ) from error
        return text
    return found["value"] if [*found] == ["value"] else text


# --- its place in the file -----------------------------------------------------------------------


class _MisplacedError(Exception):
    """Says what is wrong with the place, which is at ``path``."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def _place(plain: Mapping[str, Any], asked: Override) -> _Placed:
    here: Any = plain
    at: list[int | str] = []
    named: list[int | str] = []
    new: Path | None = None
    if asked.path[0] in _FIXED:
        raise _MisplacedError(asked.path[:1], f"cannot be overridden: {_FIXED[str(asked.path[0])]}")
    if asked.path == ("epochs",):
        raise _MisplacedError(
            asked.path,
            "unknown key: epochs stand in the budgets, such as budgets.equal=5; `--epochs 5` asks "
            "for a length of all rungs in place of a budget",
        )
    for part in asked.path:
        if isinstance(here, list):
            part = _position(here, part, tuple(at))
            item = here[part]
            name = item.get("name") if isinstance(item, Mapping) and len(at) == 1 else None
            named.append(name if isinstance(name, str) else part)
            here = item
        else:
            table = _table(here, tuple(at))
            if isinstance(part, int):
                raise _MisplacedError(tuple(at), f"expected a list, found {shown(here)}")
            part = _word(part, table) if at[:1] == ["recipe"] else part
            named.append(part)
            if new is None and part not in table:
                new = (*at, part)
            here = table.get(part)
        at.append(part)
    return _Placed(Override(tuple(named), asked.value), tuple(at), new or tuple(at))


def _position(items: list[Any], part: int | str, at: Path) -> int:
    if isinstance(part, int):
        if part >= len(items):
            raise _MisplacedError(at, f"there is no item [{part}]: the list has {len(items)}")
        return part
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    if part not in names:
        known = [name for name in names if isinstance(name, str)]
        hint = did_you_mean(part, known) or "; its items have no names, but positions: [0], [1] ..."
        raise _MisplacedError(at, f"there is none called {shown(part)}{hint}")
    return names.index(part)


def _table(value: Any, at: Path) -> Mapping[str, Any]:
    """What stands at a place, as the table that more is said in."""
    if isinstance(value, Mapping):
        return value
    component = len(at) > 1 and at[0] == "recipe"
    if isinstance(value, str) and component:  # a text stands for a component of that kind
        return {"kind": value}
    if value is None:
        # Of what the file leaves to its default, more is said of that.
        default = getattr(Recipe(), name_of_today(Recipe, str(at[1])), None) if component else None
        of_default = len(at) == 2 and isinstance(default, Component)
        return {"kind": default.kind} if of_default else {}  # type: ignore[union-attr]
    raise _MisplacedError(at, f"expected a table, found {shown(value)}; override the whole of it")


def _word(part: str, table: Mapping[str, Any]) -> str:
    """The key that a table of the recipe has for a word, which may be another's."""
    meant = field_of(part, table)
    if meant in table:
        return meant
    return next((key for key in table if field_of(key, (part,)) == part), part)


def _value_at(plain: Any, at: Path) -> Any:
    for part in at:
        try:
            plain = plain[part]
        except (KeyError, IndexError, TypeError):
            return None
    return plain


def _same(one: Any, other: Any) -> bool:
    """Whether two values would be written alike: ``1`` is not ``1.0``, nor ``true``."""
    return json.dumps(one, default=repr) == json.dumps(other, default=repr)


def _with(holder: Any, at: Path, value: Any, way: Path = ()) -> Any:
    """The same with another value at a place; what is not on the way there is shared."""
    if not at:
        return value
    first, *rest = at
    if isinstance(holder, list):
        items = [*holder]
        items[int(first)] = _with(holder[int(first)], tuple(rest), value, (*way, first))
        return items
    table = _table(holder, way)
    inner = _with(table.get(str(first)), tuple(rest), value, (*way, first))
    return {**table, str(first): inner}


# --- as TOML -------------------------------------------------------------------------------------


def _step(name: str) -> str:
    """A part of a key, in quotes where it needs them."""
    return name if re.fullmatch(_BARE, name) else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    """A value on one line, as a study file may have it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            pairs = (f"{_step(str(key))} = {_toml(item)}" for key, item in value.items())
            return "{ " + ", ".join(pairs) + " }"
    return str(value)
