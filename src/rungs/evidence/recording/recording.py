"""A run that was trained elsewhere entered into a store, as a finished run of a study.

It lies in a run's folder like any other, with its answers on validation and on test: those on test
meet their labels in the report alone, once the seal is broken. Its key stands for what was asked
(study, rung, epochs, data, seed), not for the answers: who records a run again with others is
refused, unless they are to be replaced.
"""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock
import numpy as np

from rungs.evidence.recording.answers import Answers, answers_of
from rungs.evidence.recording.curves import curve_of
from rungs.evidence.seal import seal_of_file
from rungs.foundation.errors import DataError, RungsError, StoreError, UsageError
from rungs.foundation.files import read_json, write_json, write_text
from rungs.foundation.wording import counted, shown
from rungs.statistics.predictions import BEST, IntArray, Labels, read_compact, read_logits
from rungs.store import PARTS, Store
from rungs.store.results import Epoch, RunSpec
from rungs.store.run_folder import write_manifest
from rungs.study.known import note_study
from rungs.study.plan import Plan, PlannedRung
from rungs.study.trained import note_data
from rungs.study.trial import rung_called

_MOST_TOLD = 50  # of an environment
_LONGEST_TOLD = 200  # characters
_MOST_SHOWN = 1000  # of a value, before it is cut
# So many errors on the same images are no chance.
_ALIKE = 10
# By so many standard errors a model must be better than one that names the commonest class.
_CLEAR = 3


@dataclass(frozen=True, eq=False)
class Given:
    """One run as it is given.

    Attributes:
        rung: name of its rung.
        seed: of the run.
        answers: part of the data -> classes or probabilities, see
            `rungs.evidence.recording.answers.answers_of`; both parts are needed.
        places: part -> where its answers stand, for messages.
        curve: see `rungs.evidence.recording.curves.curve_of`.
        curve_place: where it stands.
        environment: where it was trained, in words or numbers.
        epoch: whose weights answered; None where nobody says.
    """

    rung: str
    seed: int
    answers: Mapping[str, object]
    places: Mapping[str, str]
    curve: object = None
    curve_place: str = "curve"
    environment: Mapping[str, object] | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class Entered:
    """What came of recording a run.

    Attributes:
        rung: name of its rung.
        seed: of the run.
        key: of the run.
        state: ``recorded``; ``as before``: it was recorded already, with the same content; or
            ``replaced``.
        notes: what is odd about it.
    """

    rung: str
    seed: int
    key: str
    state: Literal["recorded", "as before", "replaced"]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((f"{self.rung}, seed {self.seed}: {self.state} ({self.key})", *self.notes))


def record_runs(
    store: Store, wanted: Plan, given: Sequence[Given], *, replace: bool = False
) -> tuple[Entered, ...]:
    """Enters runs into a store: all of them, or where something is wrong with any, none.

    Args:
        store: with the labels of the study's data, as far as they are at hand: they tell names of
            classes, and on validation whether answers stand in the order of the images.
        wanted: the plan of the whole study, in the budget that the runs are of.
        given: the runs.
        replace: whether they take the place of those that were recorded before.

    Raises:
        RungsError: something is wrong with some of them: all that is.
    """
    with _staging(store) as folder:
        staged: list[_Staged] = []
        failed: list[str] = []
        for number, one in enumerate(given):
            try:
                known = {(one.entered.rung, one.entered.seed): one.folder for one in staged}
                place = folder / str(number)
                staged.append(_stage(store, wanted, one, place, known, replace=replace))
            except RungsError as error:
                if len(given) == 1:
                    raise
                failed.append(str(error))
        if failed:
            raise DataError("\n  ".join((f"{counted(len(failed), 'mistake')}:", *failed)))
        note_study(store, wanted, trains=True)
        note_data(wanted.study, store)
        for item in staged:
            if item.entered.state != "as before":
                store.put(item.entered.key, item.folder)
    return tuple(item.entered for item in staged)


@dataclass(frozen=True)
class _Staged:
    entered: Entered
    folder: Path


@contextmanager
def _staging(store: Store) -> Iterator[Path]:
    """A folder on the store's disk, while nobody else records."""
    runs = store.root / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with (
        filelock.FileLock(store.root / "recording.lock"),
        tempfile.TemporaryDirectory(dir=runs, prefix=".recording.") as name,
    ):
        yield Path(name)


def _stage(
    store: Store,
    wanted: Plan,
    given: Given,
    folder: Path,
    known: Mapping[tuple[str, int], Path],
    *,
    replace: bool,
) -> _Staged:
    """Writes the folder of a run, without entering it.

    Args:
        store: where it is to come.
        wanted: the plan.
        given: the run.
        folder: that is made.
        known: rung and seed -> folder of each run that is given with it and was before it.
        replace: as in `record_runs`.
    """
    item = _rung(wanted, given.rung)
    spec = _spec(wanted, item, given.seed)
    study, data = wanted.study, wanted.study.data
    validation = store.labels(data.fingerprint, "validation")
    names = () if validation is None else validation.class_names
    lacking = [part for part in PARTS if given.answers.get(part) is None]
    if lacking:
        curve_alone = given.curve is not None and len(lacking) == len(PARTS)
        found = "a curve alone" if curve_alone else f"none on {' and '.join(lacking)}"
        raise DataError(
            f"{given.rung}, seed {given.seed}: expected answers on validation and on test, found "
            f"{found}; give predicted classes or probabilities of all images of both parts"
        )
    answers = {
        part: answers_of(given.answers[part], given.places[part], part, data, names)
        for part in PARTS
    }
    history = curve_of(given.curve, given.curve_place, spec.epochs)
    folder.mkdir()
    _write(folder, spec, answers, history, given)
    if (given.rung, spec.seed) in known:
        raise DataError(f"{given.rung}, seed {spec.seed}: expected once, found twice")
    _check_own(_others(store, wanted, item, spec, known), item, spec, answers, validation)
    notes = () if validation is None else _guesses(answers["validation"], validation.labels)
    state: Literal["recorded", "as before", "replaced"] = "recorded"
    if store.is_finished(spec.key):
        state = "as before" if _same(folder, store.run_folder(spec.key)) else "replaced"
    run = f"{given.rung}, seed {given.seed}"
    if state == "replaced" and not replace:
        raise StoreError(
            f"{run}: recorded already in {store.root}, with other content; with `--replace` "
            "(replace=True) this takes its place"
        )
    if state == "replaced" and seal_of_file(store, study) is not None:
        raise StoreError(
            f"{run}: recorded already, and the study's test set is open: what was recorded before "
            "stays, since anything else could have been chosen by the test set"
        )
    return _Staged(Entered(given.rung, given.seed, spec.key, state, notes), folder)


def _rung(wanted: Plan, name: str) -> PlannedRung:
    """The rung, whose runs are recorded."""
    rung = rung_called(wanted.study, name)
    if not rung.recorded:
        raise UsageError(
            f"{shown(name)} is trained here, by its recipe; expected a rung that says recorded = "
            "true in the study's file, since a run that is named by a recipe is what came of it"
        )
    return next(item for item in wanted.rungs if item.rung.name == name)


def _spec(wanted: Plan, item: PlannedRung, seed: object) -> RunSpec:
    """The run of a seed that the study asks for."""
    most = _most_seeds(wanted)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < most:
        asked = "seed 0 alone" if most == 1 else f"one of the seeds 0 to {most - 1}"
        raise UsageError(
            f"{item.rung.name}: expected {asked}, as the study asks for, found {shown(seed)}; "
            "'seeds' in its file says how many each rung has"
        )
    return item.of_seed(int(seed))[0]


def _write(
    folder: Path,
    spec: RunSpec,
    answers: Mapping[str, Answers],
    history: Sequence[Epoch],
    given: Given,
) -> None:
    predictions = folder / "predictions"
    predictions.mkdir()
    for part, found in answers.items():
        found.write(predictions, part)
    lines = (json.dumps(entry.to_dict()) + "\n" for entry in history)
    write_text(folder / "epochs.jsonl", "".join(lines))
    write_json(
        folder / "run.json",
        {
            "format": 1,
            "spec": spec.to_dict(),
            "best_epoch": _epoch(given, history, spec),
            "snapshots": 0,
            "execution": {"recorded": _told(given)},
            "ceiling": None,
            "workers": None,
            "exact": True,
            "failed": None,
            "read_off": None,
            "extends": None,
        },
    )
    write_manifest(folder, spec.key)


def _epoch(given: Given, history: Sequence[Epoch], spec: RunSpec) -> int:
    """The epoch whose weights answered; 0 where nobody says or there is no curve to find it in."""
    epoch = given.epoch
    if epoch is None:
        return 0
    whole = isinstance(epoch, int | np.integer) and not isinstance(epoch, bool)
    if not whole or not 1 <= epoch <= spec.epochs:
        raise UsageError(
            f"{given.rung}, seed {given.seed}: expected as epoch, whose weights answered, one from "
            f"1 to {spec.epochs}, found {shown(epoch)}"
        )
    if epoch > len(history):
        raise UsageError(
            f"{given.rung}, seed {given.seed}: expected a curve that reaches epoch {epoch}, whose "
            f"weights answered, found {counted(len(history), 'epoch')}; give the whole curve, or "
            "no epoch"
        )
    return int(epoch)


def _told(given: Given) -> dict[str, str | int | float | bool]:
    """Where it was trained, as plain JSON types."""
    found: dict[str, str | int | float | bool] = {}
    place = f"{given.rung}, seed {given.seed}: environment"
    if given.environment is None:
        return {}
    if not isinstance(given.environment, Mapping) or len(given.environment) > _MOST_TOLD:
        raise DataError(
            f"{place}: expected a dict of {_MOST_TOLD} names at most with texts or numbers, such "
            f"as {{'gpu': 'A100', 'timm': '1.0'}}, found {shown(given.environment)}"
        )
    for name, value in given.environment.items():
        whole = isinstance(value, str | int | bool) or (
            isinstance(value, float) and math.isfinite(value)
        )
        plain = value if whole else str(value)
        try:
            length = len(str(value))
        except ValueError:  # of a number with so many digits that Python writes none of them
            length = _MOST_SHOWN + 1
        if not isinstance(name, str) or len(name) > _LONGEST_TOLD or length > _MOST_SHOWN:
            raise DataError(f"{place}: expected short names and values, found {shown(name)}")
        assert isinstance(plain, str | int | float | bool)
        found[name] = plain[:_LONGEST_TOLD] if isinstance(plain, str) else plain
    return dict(sorted(found.items()))


def _same(folder: Path, finished: Path) -> bool:
    """Whether two run folders hold the same files; an archive's, compact, is never the same."""
    try:
        sums = [read_json(one / "manifest.json")["sha256"] for one in (folder, finished)]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(sums[0] == sums[1])


def _most_seeds(wanted: Plan) -> int:
    """How many seeds a rung may have in its study."""
    adaptive = wanted.study.adaptive
    return wanted.study.seeds if adaptive is None else adaptive.most


def _others(
    store: Store,
    wanted: Plan,
    item: PlannedRung,
    spec: RunSpec,
    known: Mapping[tuple[str, int], Path],
) -> dict[int, Path]:
    """The folders of the rung's other seeds."""
    keys = {seed: item.of_seed(seed)[0].key for seed in range(_most_seeds(wanted))}
    found = {seed: store.run_folder(key) for seed, key in keys.items() if store.is_finished(key)}
    found |= {seed: folder for (name, seed), folder in known.items() if name == item.rung.name}
    return {seed: folder for seed, folder in found.items() if seed != spec.seed}


def _check_own(
    others: Mapping[int, Path],
    item: PlannedRung,
    spec: RunSpec,
    answers: Mapping[str, Answers],
    labels: Labels | None,
) -> None:
    """Refuses the answers of another seed: one model given twice would look surer than it is.

    Probabilities of two models are never all the same. Classes of good models may well be; but they
    do not err alike so often.
    """
    validation = answers["validation"]
    errs = labels is not None and int((validation.predicted != labels.labels).sum()) >= _ALIKE
    for seed, folder in others.items():
        if all(
            _alike(folder / "predictions", part, one, errs=errs) for part, one in answers.items()
        ):
            raise DataError(
                f"{item.rung.name}, seed {spec.seed}: expected a model of its own, found the "
                f"answers of seed {seed} to all images; give each trained model once"
            )


def _alike(folder: Path, part: str, answers: Answers, *, errs: bool) -> bool:
    """Whether a run's answers are so much those of another that both are one model's."""
    logits, classes = (folder / f"{BEST}-{part}{suffix}" for suffix in (".npy", ".npz"))
    if answers.logits is not None and logits.exists():
        return bool(np.array_equal(read_logits(logits), answers.logits))
    theirs = read_compact(classes).predicted if classes.exists() else read_logits(logits).argmax(1)
    return errs and bool(np.array_equal(theirs, answers.predicted))


def _guesses(answers: Answers, labels: IntArray) -> tuple[str, ...]:
    """Says so where a model is not clearly better than naming the commonest class.

    Answers that stand in another order than the study's images look like that.
    """
    images = len(labels)
    share = float(np.unique(labels, return_counts=True)[1].max()) / images
    guessed = share + _CLEAR * math.sqrt(share * (1 - share) / images)
    if float((answers.predicted == labels).mean()) > guessed:
        return ()
    return (
        "on validation not clearly better than naming the commonest class: are the answers in the "
        "order of the study's images?",
    )
