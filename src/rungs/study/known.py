"""Which studies the runs of a store are of: noted where a study is trained or reported.

    STORE/studies/STUDY.json     what the study asks for: its runs, by budget, rung and seed
    STORE/studies/.before.json   what was in the store before anything was noted

A run knows its recipe, not who asked for it. What is noted names the runs of each study, so that
studies can be listed and what none of them asks for any more can be told.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rungs.foundation.errors import RungsError, StoreError
from rungs.foundation.files import read_json, write_json
from rungs.store import Store
from rungs.study.jobs import with_finished_seeds
from rungs.study.model import Study
from rungs.study.parsing import load
from rungs.study.plan import Plan, epochs_named, plan
from rungs.study.toml_tables import builtin_names

_FOLDER = "studies"
# No study's name begins with a dot.
_BEFORE = ".before.json"

# Runs that only teach those of rungs and ensembles stand under what is no name of either.
_TEACHERS = "(teachers)"

# Rung or ensemble -> keys of its runs, seed after seed.
Runs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Asked:
    """What a study asks for in one budget.

    Attributes:
        trained: when it was last trained or begun, in UTC as ISO 8601 writes it; empty where only
            another budget was.
        runs: of its rungs and ensembles.
        variants: of rungs that an option has added to the ladder, such as ``--ablate``.
    """

    trained: str = ""
    runs: Runs = field(default_factory=dict)
    variants: Runs = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all runs, each once."""
        every = (*self.runs.values(), *self.variants.values())
        return tuple(dict.fromkeys(key for keys in every for key in keys))


@dataclass(frozen=True)
class KnownStudy:
    """A study that a store has runs of.

    Attributes:
        name: of the study.
        title: for people.
        source: a built-in study's name, or where its file was; empty where only reports tell of it.
        budget: that holds where no other is asked for.
        asked: budget -> what is asked for in it.
        tried: key of a run -> the changes that ``rungs try`` made it for, in words.
        former: keys of runs that the study asked for before its file was changed.
        overrides: keys of the file that have another value, as they follow ``-o``.
    """

    name: str
    title: str
    source: str
    budget: str = ""
    asked: Mapping[str, Asked] = field(default_factory=dict)
    tried: Mapping[str, str] = field(default_factory=dict)
    former: frozenset[str] = frozenset()
    overrides: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """Of all runs that it asks for, in any budget."""
        return frozenset(key for item in self.asked.values() for key in item.keys)

    def unfinished(self, store: Store) -> frozenset[str]:
        """All runs of those budgets that are being trained, where one of them lacks any."""
        return frozenset(
            key
            for item in self.asked.values()
            if item.trained and not all(map(store.is_finished, item.keys))
            for key in item.keys
        )


def note_study(
    store: Store,
    asked: Plan,
    *,
    trains: bool,
    tried: Mapping[str, str] | None = None,
) -> None:
    """Notes what a study asks for.

    Args:
        store: that its runs are in, or will be.
        asked: a plan of the whole study.
        trains: whether it is about to be trained; who only reads notes nothing of a study without
            runs, and does without where the store cannot be written.
        tried: key of a run -> changes that are only tried, in words.
    """
    import filelock

    folder = store.root / _FOLDER
    with contextlib.suppress(*(() if trains else (OSError,))):
        folder.mkdir(exist_ok=True)
        with filelock.FileLock(store.root / f"{_FOLDER}.lock"):
            if not (folder / _BEFORE).exists():
                write_json(folder / _BEFORE, {"runs": [*store.keys()], "work": [*in_work(store)]})
            path = folder / f"{asked.study.name}.json"
            known = _read(path)
            found = with_plan(known, asked, store, trains=trains)
            found = replace(found, tried={**found.tried, **(tried or {})})
            there = trains or known is not None or any(map(store.is_finished, found.keys))
            if there and found != known:
                write_json(path, _plain(found))


def with_plan(known: KnownStudy | None, asked: Plan, store: Store, *, trains: bool) -> KnownStudy:
    """What is known of a study once a plan of it was seen; see `note_study`."""
    study = asked.study
    before = known or KnownStudy(study.name, study.title, study.source)
    lengths = [name for name in before.asked if epochs_named(name) is not None]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    asked = with_finished_seeds(asked, store)
    found = {}
    for budget in dict.fromkeys((*study.budgets, *lengths, asked.budget)):
        planned = asked
        if budget != asked.budget:
            # Runs of other lengths are completed on the way of these, seed by seed.
            planned = _plan_of(study, budget)
            planned = planned.of_seeds(max(planned.seeds, asked.most_seeds))
            planned = with_finished_seeds(planned, store)
        item = _merged(before.asked.get(budget, Asked()), planned)
        if trains and budget == asked.budget:
            item = replace(item, trained=now)
        # A length that somebody has only looked at is nothing that the study asks for.
        if budget in study.budgets or item.trained or any(map(store.is_finished, item.keys)):
            found[budget] = item
    seen = replace(
        before,
        title=study.title,
        source=study.source if study.source in builtin_names() else _placed(study.source),
        budget=study.budget,
        asked=found,
        overrides=tuple(map(str, study.overrides)),
    )
    return replace(seen, former=(before.keys | before.former) - seen.keys)


def _plan_of(study: Study, budget: str) -> Plan:
    epochs = epochs_named(budget)
    return plan(study, budget=budget) if epochs is None else plan(study, epochs=epochs)


def _placed(source: str) -> str:
    return str(Path(source).resolve())


def _merged(old: Asked, planned: Plan) -> Asked:
    """What is asked for now; seeds that were asked for before stay."""
    by_option = {item.rung.name for item in planned.rungs if item.rung.asked_by != "study"}
    now = {item.rung.name: tuple(spec.key for spec in item.runs) for item in planned.rungs}
    now |= {item.ensemble.name: tuple(spec.key for spec in item.runs) for item in planned.ensembles}
    there = {key for keys in now.values() for key in keys}
    if teachers := tuple(spec.key for spec in planned.runs if spec.key not in there):
        now[_TEACHERS] = teachers
    before = {**old.runs, **old.variants}
    found = {name: _longer(before.get(name, ()), keys) for name, keys in now.items()}
    return Asked(
        old.trained,
        {name: keys for name, keys in found.items() if name not in by_option},
        {**old.variants, **{name: keys for name, keys in found.items() if name in by_option}},
    )


def _longer(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The longer list where one begins with the other: more seeds of the same; else the new one."""
    same = all(None in pair or pair[0] == pair[1] for pair in zip_longest(old, new))
    return old if same and len(old) > len(new) else new


def known_studies(store: Store) -> tuple[KnownStudy, ...]:
    """Every study that a store has something of, by name.

    Of one that was never noted, all that is known is its name, unless it is built in.
    """
    found = {}
    for path in sorted((store.root / _FOLDER).glob("[!.]*.json")):
        known = _read(path)
        if known is not None:
            found[known.name] = known
    for name in _reported(store):
        if name not in found:
            found[name] = _built_in(name, store) or KnownStudy(name, name, "")
    return tuple(found[name] for name in sorted(found))


def source_of(study: str, root: Path) -> str:
    """Where a study is read from that may be called by its name in a store.

    Args:
        study: a file, a built-in study's name, or the name of one that was noted.
        root: of the store, which need not be there.
    """
    if study in builtin_names() or Path(study).exists():
        return study
    # What is no name leads to no note of a study.
    known = None if "/" in study or study.startswith(".") else _noted(root, study)
    return study if known is None or not known.source else known.source


def overrides_of(study: str, root: Path) -> tuple[str, ...]:
    """What is overridden in a study that is called by its name in a store; nothing in a file."""
    if study in builtin_names() or Path(study).exists() or "/" in study or study.startswith("."):
        return ()
    known = _noted(root, study)
    return () if known is None else known.overrides


def _noted(root: Path, name: str) -> KnownStudy | None:
    with contextlib.suppress(OSError, StoreError):  # which the study itself is told
        return _read(root / _FOLDER / f"{name}.json")
    return None


def forget_study(store: Store, name: str) -> None:
    """Takes the note of a study away."""
    (store.root / _FOLDER / f"{name}.json").unlink(missing_ok=True)


def from_before(store: Store) -> frozenset[str]:
    """Keys of what was in the store before anything was noted: nobody knows who asks for it.

    Raises:
        StoreError: the file is damaged.
    """
    path = store.root / _FOLDER / _BEFORE
    try:
        plain = read_json(path)
        return frozenset(map(str, (*plain["runs"], *plain["work"])))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset((*store.keys(), *in_work(store)))
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{path} is damaged: {error!r}; delete it, and all that is there now is kept"
        ) from error


def in_work(store: Store) -> Iterator[str]:
    """Keys of runs that are in progress, or that a shorter one has left something for."""
    yield from sorted(path.name for path in (store.root / "work").glob("*") if path.is_dir())


def _reported(store: Store) -> Iterable[str]:
    """Names of studies that have reports."""
    return sorted(path.name for path in (store.root / "reports").glob("*") if path.is_dir())


def _built_in(name: str, store: Store) -> KnownStudy | None:
    if name not in builtin_names():
        return None
    with contextlib.suppress(RungsError):
        return with_plan(None, plan(load(name)), store, trains=False)
    return None


def _plain(known: KnownStudy) -> dict[str, Any]:
    return {
        "format": 1,
        "study": known.name,
        "title": known.title,
        "source": known.source,
        "budget": known.budget,
        "asked": {
            budget: {
                "trained": item.trained,
                "runs": {name: list(keys) for name, keys in item.runs.items()},
                "variants": {name: list(keys) for name, keys in item.variants.items()},
            }
            for budget, item in known.asked.items()
        },
        "tried": dict(known.tried),
        "former": sorted(known.former),
        "overrides": list(known.overrides),
    }


def _read(path: Path) -> KnownStudy | None:
    """What was noted.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        plain = read_json(path)
        return KnownStudy(
            name=str(plain["study"]),
            title=str(plain["title"]),
            source=str(plain["source"]),
            budget=str(plain["budget"]),
            asked={
                str(budget): Asked(
                    str(item["trained"]), *map(_runs, (item["runs"], item["variants"]))
                )
                for budget, item in plain["asked"].items()
            },
            tried={str(key): str(text) for key, text in plain["tried"].items()},
            former=frozenset(map(str, plain["former"])),
            overrides=tuple(map(str, plain.get("overrides", ()))),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged: {error!r}; delete it, and `rungs report` with the study's file "
            "notes anew what it asks for"
        ) from error


def _runs(plain: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, keys)) for name, keys in plain.items()}
