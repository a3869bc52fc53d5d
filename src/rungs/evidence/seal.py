"""The seal of a test set: validation is for choosing, test is for confirming what was chosen.

A study's test figures stay unread until its seal is broken, once and for good. What the study asked
at that moment is kept: rungs that are added later were thought of by somebody who had seen the test
set, and their verdicts say so.

The seal is of the test images. Another split of what is trained and validated on leaves it broken,
and of pictures that have no test part of their own so does another cut, which shares many with the
first.

    STORE/seals/STUDY-TESTSET.json
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import filelock

from rungs.evidence.baselines import all_asked
from rungs.evidence.rounds import decide
from rungs.foundation.errors import RungsError, StoreError
from rungs.foundation.files import read_json, write_json
from rungs.recipe import Recipe, recipe_key
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study import Study, load
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan, PlannedRung, plan
from rungs.study.rounds import read_rounds, staged


@dataclass(frozen=True)
class Hindsight:
    """What of a study came after its test set was seen; by default, nothing.

    Attributes:
        added: names of rungs and ensembles.
        least_family: number of rungs that stood on another when it was.
        contenders: key of a rung's recipe -> hashes of what was held against it then; None where
            nobody knows.
        given_up: key of a rung's recipe -> number of those that the study has no more.
        runs: keys of the runs that are not late; None where nobody knows.
        margin: the largest difference that counted as none then; None where that was not kept.
        looks: numbers of seeds after which the study was to look at the test set; None where that
            was not kept.
    """

    added: frozenset[str] = frozenset()
    least_family: int = 0
    contenders: Mapping[str, frozenset[str]] | None = None
    given_up: Mapping[str, int] = field(default_factory=dict)
    runs: frozenset[str] | None = None
    margin: float | None = None
    looks: tuple[int, ...] | None = None

    def is_late(self, runs: Iterable[RunSpec]) -> bool:
        """Whether one of these runs was neither planned nor finished when the test was seen."""
        return self.runs is not None and any(spec.key not in self.runs for spec in runs)


@dataclass(frozen=True)
class Seal:
    """A seal that is broken.

    Attributes:
        asked: rung -> what it asked when the test set was first seen: a hash of its recipe and of
            that of the rung it stands on.
        revealed: hashes of all recipes whose test figures were shown.
        ensembles: ensemble -> a hash of what it was made of then; None where the seal was broken
            before that was kept.
        family: number of rungs that stood on another then; 0 where that was not kept.
        data: fingerprint of the data then, which had this test set; empty where it was not kept.
        contenders: key of a rung's recipe -> hashes of what was held against it then; None where
            that was not kept.
        runs: keys of all runs that were planned then, to be trained here, or finished; None where
            that was not kept.
        margin: the largest difference that counted as none then; None where that was not kept.
        looks: numbers of seeds after which the study was to look at the test set; None where that
            was not kept.
    """

    asked: Mapping[str, str]
    revealed: frozenset[str] = frozenset()
    ensembles: Mapping[str, str] | None = None
    family: int = 0
    data: str = ""
    contenders: Mapping[str, frozenset[str]] | None = None
    runs: frozenset[str] | None = None
    margin: float | None = None
    looks: tuple[int, ...] | None = None

    @property
    def hash(self) -> str:
        """Of the study as it was: 16 hex digits."""
        return _hash([self.asked, self.ensembles] if self.ensembles else self.asked)

    def hindsight(self, study: Study) -> Hindsight:
        """What of the study, as it is now, came later."""
        given_up = {}
        if self.contenders is not None:
            now = all_asked(study)
            given_up = {
                key: len(then - now.get(key, frozenset())) for key, then in self.contenders.items()
            }
        return Hindsight(
            self.added(study),
            self.family,
            self.contenders,
            given_up,
            self.runs,
            self.margin,
            self.looks,
        )

    def added(self, study: Study) -> frozenset[str]:
        """Names of rungs and ensembles that are not as any was when the test set was first seen.

        All of them where the rest of the data has been split anew since.
        """
        now = dict(_asked(study))
        if self.data not in ("", study.data.fingerprint):
            return frozenset((*now, *_ensembles(study)))
        known = set(self.asked.values())
        if self.ensembles is not None:
            now |= _ensembles(study)
            known |= set(self.ensembles.values())
        return frozenset(name for name, asks in now.items() if asks not in known)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _asked(study: Study) -> dict[str, str]:
    keys = {rung.name: recipe_key(rung.recipe) for rung in study.rungs}
    return {rung.name: _hash([keys[rung.name], keys.get(rung.after or "")]) for rung in study.rungs}


def _ensembles(study: Study) -> dict[str, str]:
    return {
        item.name: _hash(
            [item.kind, item.members, *map(recipe_key, (item.recipe, study.rung(item.rung).recipe))]
        )
        for item in study.ensembles
    }


def _as_of_now(store: Store, study: Study) -> Seal:
    # Of seeds that go where they decide, those that were decided on by now.
    budgets = [plan(study, budget=name) for name in study.budgets]
    rounds = [staged(item, read_rounds(store.root, item)) for item in budgets]
    # What is recorded later may have been chosen by what was seen: only a training cannot.
    planned = {spec.key for item in (*budgets, *rounds) for spec in item.runs if not spec.recorded}
    return Seal(
        _asked(study),
        ensembles=_ensembles(study),
        family=sum(rung.after is not None and rung.asked_by == "study" for rung in study.rungs),
        data=study.data.fingerprint,
        contenders=all_asked(study),
        runs=frozenset((*planned, *store.keys())),
        margin=study.margin,
        looks=study.looks,
    )


def _path(folder: Path, study: Study) -> Path:
    return folder / "seals" / f"{study.name}-{study.data.test_fingerprint}.json"


def read_seal(folder: Path, study: Study) -> Seal | None:
    """The broken seal of a study; None while it is whole.

    Args:
        folder: of a store or an archive.
        study: the study.

    Raises:
        StoreError: the file is damaged: nobody can tell what was seen.
    """
    path = _path(folder, study)
    try:
        plain = read_json(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    try:
        ensembles, contenders, runs = map(plain.get, ("ensembles", "rivals", "runs"))
        return Seal(
            asked=_texts(plain["asked"]),
            revealed=frozenset(str(value) for value in plain["revealed"]),
            ensembles=None if ensembles is None else _texts(ensembles),
            family=int(plain.get("family", 0)),
            data=str(plain.get("data", "")),
            contenders=None
            if contenders is None
            else {k: frozenset(v) for k, v in contenders.items()},
            runs=None if runs is None else frozenset(runs),
            margin=None if plain.get("margin") is None else float(plain["margin"]),
            looks=None if plain.get("looks") is None else tuple(map(int, plain["looks"])),
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise StoreError(f"{path} is damaged: it is not a seal") from error


def opened_studies(folder: Path) -> frozenset[str]:
    """Names of the studies whose seal is broken in a store or an archive.

    Raises:
        StoreError: a file is damaged.
    """
    names = set()
    for path in sorted((folder / "seals").glob("*.json")):
        try:
            names.add(str(read_json(path)["study"]))
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(f"{path} is damaged: it is not a seal") from error
    return frozenset(names)


def _texts(plain: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in plain.items()}


def _write(folder: Path, study: Study, seal: Seal) -> None:
    path = _path(folder, study)
    path.parent.mkdir(parents=True, exist_ok=True)
    contenders = seal.contenders
    plain = {
        "study": study.name,
        **({"file": study.own_name} if study.own_name not in ("", study.name) else {}),
        "data": seal.data,
        "hash": seal.hash,
        "asked": dict(seal.asked),
        "family": seal.family,
        **({} if seal.ensembles is None else {"ensembles": dict(seal.ensembles)}),
        **({} if contenders is None else {"rivals": {k: sorted(v) for k, v in contenders.items()}}),
        **({} if seal.runs is None else {"runs": sorted(seal.runs)}),
        **({} if seal.margin is None else {"margin": seal.margin}),
        **({} if seal.looks is None else {"looks": list(seal.looks)}),
        "revealed": sorted(seal.revealed),
    }
    write_json(path, plain)


def unseal(store: Store, study: Study) -> Seal:
    """Breaks the seal, keeping what the study asks now; one that is broken stays as it is."""
    seal = read_seal(store.root, study)
    if seal is not None:
        return seal
    with _alone(store):
        seal = read_seal(store.root, study)
        if seal is None:
            seal = seal_of_file(store, study) or _first_of_file(store, study)
            _write(store.root, study, seal)
    return seal


def _first_of_file(store: Store, study: Study) -> Seal:
    """What a study asks now, and what its file asks by itself where it has overrides."""
    seal, own = _as_of_now(store, study), _own_study(study)
    return seal if own is None else _with(seal, _as_of_now(store, own))


def _own_study(study: Study) -> Study | None:
    """What the file of a study with overrides asks by itself; None without any, or without it."""
    if not study.overrides:
        return None
    try:
        return load(study.source)
    except RungsError:  # it was written in Python, or is another by now
        return None


def _with(seal: Seal, other: Seal) -> Seal:
    """What two studies ask that one test set is opened to."""
    ensembles = {f"{name} by itself": asks for name, asks in (other.ensembles or {}).items()}
    contenders = dict(other.contenders or {})
    for key, held in (seal.contenders or {}).items():
        contenders[key] = contenders.get(key, frozenset()) | held
    return replace(
        seal,
        asked={f"{name} by itself": asks for name, asks in other.asked.items()} | {**seal.asked},
        ensembles=ensembles | {**(seal.ensembles or {})},
        contenders=contenders,
        runs=(seal.runs or frozenset()) | (other.runs or frozenset()),
    )


def seal_of_file(store: Store, study: Study) -> Seal | None:
    """A broken seal of a study, or of any other that its file is, with overrides or without.

    Who changes a file or overrides something in it after the test set was seen under either name
    has seen it: what was not asked then was added later. All of them keep what was asked first.

    Raises:
        StoreError: a seal is damaged.
    """
    for path in sorted((store.root / "seals").glob(f"*-{study.data.test_fingerprint}.json")):
        try:
            plain = read_json(path)
            name, of_file = str(plain["study"]), str(plain.get("file", plain["study"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{path} is damaged: it is not a seal") from error
        if of_file == (study.own_name or study.name):
            return read_seal(store.root, replace(study, name=name))
    return None


def least_seeds(store: Store, study: Study) -> int:
    """Finished seeds of that rung of the study which has fewest, in the study's own budget."""
    asked = with_finished_seeds(plan(study), store)
    return min(
        (
            sum(all(store.is_finished(spec.key) for spec in group) for group in item.groups)
            for item in _of_study(asked)
        ),
        default=0,
    )


def unfinished(store: Store, study: Study) -> int:
    """How many of the runs that the study asks for in its budget are not finished.

    Where seeds go where they decide, those of the round that is under way: there is another as long
    as any comparison is open and the most seeds are not reached.
    """
    asked = plan(study)
    if asked.adaptive is not None:
        asked = staged(asked, decide(asked, store))
    runs = [spec for rung in _of_study(asked) for spec in rung.runs]
    runs += [spec for ensemble in asked.ensembles for spec in ensemble.runs]
    return sum(not store.is_finished(key) for key in {spec.key for spec in runs})


def open_at_end(store: Store, study: Study) -> int:
    """Breaks the seal of a study that wants it ``at end``, once all that it asks for is finished.

    What a command asked for is no reason: with fewer rungs, seeds or epochs than the study's, by
    options or overrides, the test set would be seen before the study has chosen.

    Returns:
        How many runs are not finished yet; 0 where the seal is broken, or the study does not want
        it so.
    """
    if study.unseal != "at end" or read_seal(store.root, study) is not None:
        return 0
    if study.overrides and seal_of_file(store, study) is None:
        return 0
    left = unfinished(store, study)
    if not left:
        unseal(store, study)
    return left


def _of_study(asked: Plan) -> list[PlannedRung]:
    """The rungs that stand in the study's file, without those that a command added."""
    return [item for item in asked.rungs if item.rung.asked_by == "study"]


def reveal(store: Store, study: Study, seal: Seal, recipes: Iterable[Recipe]) -> Seal:
    """Notes that the test figures of these recipes are shown."""
    seen = frozenset(map(recipe_key, recipes))
    if seen <= seal.revealed:
        return seal
    with _alone(store):
        # What another report has noted since the seal was read stays noted.
        known = read_seal(store.root, study) or seal
        seal = replace(known, revealed=known.revealed | seen)
        _write(store.root, study, seal)
    return seal


def _alone(store: Store) -> filelock.FileLock:
    """While it is held, no other process changes a seal between reading and writing it."""
    return filelock.FileLock(store.root / "seals.lock")


def times_revealed(store: Store, study: Study) -> int:
    """Distinct recipes whose figures on this test set were shown, over all studies of the store."""
    return len(_revealed_in(store, study))


def _revealed_in(store: Store, study: Study) -> frozenset[str]:
    revealed: set[str] = set()
    for path in sorted((store.root / "seals").glob(f"*-{study.data.test_fingerprint}.json")):
        revealed |= set(_revealed(path))
    return frozenset(revealed)


def _revealed(path: Path) -> Collection[str]:
    try:
        return [str(value) for value in read_json(path)["revealed"]]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path} is damaged: it is not a seal") from error


def take_seal(store: Store, archive: Path, study: Study) -> None:
    """Takes a broken seal from an archive along with its results, unless there is one already."""
    _copy(archive, store.root, study, store)


def export_seal(store: Store, archive: Path, study: Study) -> None:
    """Takes a broken seal into an archive along with results, unless there is one already.

    With the recipes that other studies of the store have shown on the same images: who reads the
    archive elsewhere is to know of them.
    """
    _copy(store.root, archive, study, store, also=_revealed_in(store, study))


def _copy(
    source: Path, target: Path, study: Study, store: Store, also: frozenset[str] = frozenset()
) -> None:
    with _alone(store):
        seal = read_seal(source, study)
        if seal is not None:
            known = read_seal(target, study)
            # Who was first keeps what was asked; what was seen anywhere is seen.
            first = seal if known is None else known
            _write(target, study, replace(first, revealed=seal.revealed | first.revealed | also))
