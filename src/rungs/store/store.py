"""The store: a folder of immutable run folders, and an SQLite index that is made from them.

    STORE/
      index.sqlite            rebuilt from the folders whenever it is missing or damaged
      data/FINGERPRINT/       labels and class names, so that a report needs no data set
      work/KEY/               a run in progress: checkpoint, epochs.jsonl; or where a shorter run
                              of the same course has left off
      audit/FINGERPRINT.json  what an audit of a data set found (`rungs.data.audit.findings`)
      conductor.json          the process that does runs here now
      measures/               what was computed from finished runs once; can be deleted
      trained/ID.json         on which data a study was trained (`rungs.store.trained_on`)
      seals/STUDY-TESTSET.json  that a test set was opened (`rungs.evidence.seal`)
      rounds/STUDY-BUDGET-ID.json  which rungs got more seeds, and why (`rungs.study.rounds`)
      runs/KEY/               a finished run; never changed again
        run.json              what was asked and what came of it
        epochs.jsonl          one line per epoch
        weights/NAME.safetensors
        predictions/NAME-PART.npy    float32 logits [N, classes]; PART is validation or test
        manifest.json         sha256 of every other file; written last

Runs that come from an archive (see `rungs.store.archive`) hold ``NAME-PART.npz`` instead: compact
predictions, without weights.
"""

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, remembered, sync_folder, write_json
from rungs.store.index import Index
from rungs.store.results import Result
from rungs.store.run_folder import read_result, write_manifest

if TYPE_CHECKING:
    from rungs.statistics.calibration import Calibration
    from rungs.statistics.predictions import (
        IntArray,
        Labels,
        Predictions,
        SealedLabels,
        ValidationLabels,
    )

# Where runs are kept unless a user says otherwise: below the current folder.
DEFAULT_STORE = Path("runs")
# The parts of a data set on which predictions are kept.
PARTS = ("validation", "test")
# In an archive, what was computed from logits that it does not hold.
CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class Store:
    """A store in a folder. `open_store` makes one."""

    root: Path

    @cached_property
    def _results(self) -> dict[str, Result]:
        """What was read before: finished runs never change, and reports ask more than once."""
        return {}

    @property
    def measures(self) -> Path:
        """Where what was computed from finished runs is kept; it can be deleted."""
        return self.root / "measures"

    # --- runs ------------------------------------------------------------------------------------

    def run_folder(self, key: str) -> Path:
        """Where the finished run lies, or will."""
        return self.root / "runs" / key

    def work_folder(self, key: str) -> Path:
        """Where the run is done while it is not finished; made if need be."""
        folder = self.root / "work" / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def is_finished(self, key: str) -> bool:
        """Whether the run has come to an end, be it as failed."""
        return (self.run_folder(key) / "manifest.json").exists()

    def epochs_done(self, key: str) -> int:
        """Finished epochs of a run in progress; 0 if there is none."""
        try:
            with (self.root / "work" / key / "epochs.jsonl").open("rb") as file:
                return sum(line.endswith(b"\n") for line in file)
        except FileNotFoundError:
            return 0

    def complete(self, key: str) -> None:
        """Turns the work folder into the finished run's folder: manifest, sync, rename."""
        work = self.work_folder(key)
        for leftover in work.rglob(".*"):  # of writes that were killed
            leftover.unlink()
        write_manifest(work, key)
        target = self.run_folder(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # without a manifest: a leftover that was never whole
            shutil.rmtree(target)
        work.rename(target)
        sync_folder(target.parent)

    def put(self, key: str, folder: Path) -> None:
        """Puts a whole run folder, which has its manifest, where the finished run lies or will.

        What lay there goes. Only a run that was trained elsewhere and recorded may have lain there:
        it alone can be recorded anew.

        Args:
            key: of the run.
            folder: on the same disk; it is moved.
        """
        target = self.run_folder(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        sync_folder(target.parent)
        (self.measures / f"{key}.json").unlink(missing_ok=True)
        self._results.pop(key, None)
        for known in (self._predictions, self._answers):
            for asked in [asked for asked in known if asked[0] == key]:
                del known[asked]  # type: ignore[arg-type]
        self.index.add(key, self.result(key))

    def result(self, key: str) -> Result:
        """What a finished run measured.

        Raises:
            StoreError: there is no such run, or its folder is damaged.
        """
        if key not in self._results:
            self._results[key] = read_result(self.run_folder(key))
        return self._results[key]

    def keys(self) -> Iterator[str]:
        """Keys of all finished runs."""
        for manifest in sorted((self.root / "runs").glob("*/manifest.json")):
            yield manifest.parent.name

    # --- predictions and labels ------------------------------------------------------------------
    # Their module needs numpy, which takes a tenth of a second: plans and states do without it.

    @cached_property
    def _predictions(self) -> "dict[tuple[str, str], Predictions]":
        """The same of predictions."""
        return {}

    @cached_property
    def _answers(self) -> "dict[tuple[str, str, str], IntArray]":
        return {}

    def predictions(self, key: str, part: str, labels: "Labels") -> "Predictions":
        """What the best epoch of a run predicted for one part of the data.

        Args:
            key: of a finished run.
            part: ``validation`` or ``test``.
            labels: of that part.

        Raises:
            StoreError: there are none, or they are damaged or of another data set.
        """
        from rungs.statistics.predictions import read_predictions

        if (key, part) not in self._predictions:
            folder = self.run_folder(key) / "predictions"
            self._predictions[key, part] = read_predictions(folder, part, labels)
        found = self._predictions[key, part]
        _check_classes(key, part, found.top5, labels)
        return found

    def answers(self, key: str, name: str, part: str, labels: "Labels") -> "IntArray":
        """The classes [N] that one model of a run predicted for one part of the data.

        Args:
            key: of a finished run.
            name: ``best``, ``snapshot-I``, or ``ensemble-M``: the mean of the softmax outputs of
                the last M snapshots.
            part: ``validation`` or ``test``.
            labels: of that part.

        Raises:
            StoreError: there are none, or they are damaged or of another data set.
        """
        from rungs.statistics.predictions import read_answers

        asked = (key, name, part)
        if asked not in self._answers:
            folder = self.run_folder(key) / "predictions"
            snapshots = self.result(key).snapshots if name.startswith("ensemble-") else 0
            self._answers[asked] = read_answers(folder, name, part, snapshots)
        _check_classes(key, part, self._answers[asked], labels)
        return self._answers[asked]

    def calibration(
        self, key: str, validation: "ValidationLabels", test: "SealedLabels"
    ) -> "Calibration | None":
        """How far the probabilities of a run's best epoch can be believed, on test.

        Computed from its logits once and kept beside the runs, or taken from an archive.

        Args:
            key: of a finished run.
            validation: labels that the temperature is fitted on.
            test: labels that it is looked at on.

        Returns:
            None where only compact predictions are there that came without it.
        """
        from rungs.statistics.calibration import Calibration, calibrate
        from rungs.statistics.predictions import read_logits

        folder = self.run_folder(key) / "predictions"
        from_archive = folder / CALIBRATION
        if from_archive.exists():
            try:
                return Calibration.from_dict(read_json(from_archive))
            except (ValueError, TypeError, KeyError, AttributeError):
                raise StoreError(f"{from_archive} is damaged") from None
        files = {part: folder / f"best-{part}.npy" for part in PARTS}
        if not files["test"].exists():
            return None

        def compute() -> Calibration:
            logits = {part: read_logits(file) for part, file in files.items()}
            return calibrate(logits["validation"], validation, logits["test"], test)

        cache = self.measures / f"{key}.json"
        # A run that was damaged, and is trained anew, has other logits than it had.
        return remembered(
            cache, Calibration.from_dict, compute, Calibration.to_dict, files.values()
        )

    def write_labels(self, fingerprint: str, part: str, labels: "Labels") -> None:
        """Keeps the labels of one part of a data set, so that reports need no data set."""
        from rungs.statistics.predictions import write_labels

        write_labels(self.root / "data" / fingerprint, part, labels)

    @overload
    def labels(
        self, fingerprint: str, part: Literal["validation"]
    ) -> "ValidationLabels | None": ...
    @overload
    def labels(self, fingerprint: str, part: Literal["test"]) -> "SealedLabels | None": ...
    @overload
    def labels(self, fingerprint: str, part: str) -> "Labels | None": ...
    def labels(self, fingerprint: str, part: str) -> "Labels | None":
        """The labels of one part of a data set; ``None`` if it was never loaded here."""
        from rungs.statistics.predictions import read_labels

        return read_labels(self.root / "data" / fingerprint, part)

    def has_labels(self, fingerprint: str) -> bool:
        """Whether the labels of all parts of a data set are here."""
        folder = self.root / "data" / fingerprint
        return all((folder / f"{part}.npy").exists() for part in PARTS)

    # --- index -----------------------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """The index of this store's runs."""
        return Index(self.root / "index.sqlite")

    def refresh_index(self) -> tuple[int, list[str]]:
        """Brings the index to what the run folders hold.

        Returns:
            The number of runs in it, and the keys of those that cannot be read.
        """
        there, indexed = set(self.keys()), self.index.keys()
        for key in indexed - there:
            self.index.remove(key)
        unreadable = []
        found = {}
        for key in sorted(there - indexed):
            try:
                found[key] = self.result(key)
            except StoreError:  # said where that run is asked for; the others are not to suffer
                unreadable.append(key)
        if found:
            self.index.add_all(found)
        return len(there) - len(unreadable), unreadable

    # --- one conductor at a time -----------------------------------------------------------------

    @contextlib.contextmanager
    def sole(self, purpose: str) -> Iterator[None]:
        """While this lasts no other process may do runs in this store.

        Args:
            purpose: what this process does, for the one that is refused.

        Raises:
            StoreError: another process is at it.
        """
        import filelock  # only where runs are done

        lock = filelock.FileLock(self.root / "conductor.lock")
        owner = self.root / "conductor.json"
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise StoreError(
                f"{self.root} is in use by {_describe_owner(owner)}; wait for it to end, or choose "
                "another store with --store"
            ) from error
        except OSError as error:
            raise StoreError(f"{self.root}: no runs can be done here: {error.strerror}") from error
        try:
            write_json(
                owner,
                {
                    "pid": os.getpid(),
                    "host": platform.node(),
                    "purpose": purpose,
                    "since": time.strftime("%Y-%m-%d %H:%M:%S"),
                },
            )
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def conducted_since(self) -> float | None:
        """When the process began that does runs here now; None if none does, or was killed.

        Returns:
            The time by the clock that stamps files, in seconds since 1970.
        """
        owner = self.root / "conductor.json"
        try:
            since = owner.stat().st_mtime
            said = read_json(owner)
            gone = said["host"] == platform.node() and not _is_alive(int(said["pid"]))
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        return None if gone else since


def _is_alive(process: int) -> bool:
    """Whether a process of this machine is there; where that cannot be asked, it is."""
    if os.name == "nt":  # where the question would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _describe_owner(path: Path) -> str:
    try:
        owner = read_json(path)
        return (
            f"process {owner['pid']} on {owner['host']} ({owner['purpose']}, "
            f"since {owner['since']})"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which has just begun or ended"


def open_store(root: Path) -> Store:
    """The store in a folder, which is made if it is not there.

    Raises:
        StoreError: the folder cannot be made, or its index not brought up to date.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "this is a file, expected a folder" if root.is_file() else error.strerror
        raise StoreError(f"{root}: no store can be made here: {why}") from error
    for name in ("data", "runs", "work"):
        if (root / name).exists() and not (root / name).is_dir():
            raise StoreError(f"{root / name}: this is a file, expected a folder of the store")
    store = Store(root)
    store.refresh_index()
    return store


def is_store(root: Path) -> bool:
    """Whether anything was ever trained, or begun, in a folder; it may be of anything."""
    return any((root / name).is_dir() for name in ("runs", "work"))


def existing_store(root: Path) -> Store:
    """The store in a folder, which must be there: for those who only look.

    Raises:
        StoreError: there is none, or its index cannot be brought up to date.
    """
    if not is_store(root):
        raise StoreError(
            f"{root}: there is no store; `rungs run STUDY` makes one, --store names another"
        )
    return open_store(root)


def _check_classes(key: str, part: str, classes: "IntArray", labels: "Labels") -> None:
    """Refuses predicted classes, an image a row, that these labels [N] do not know."""
    from rungs.statistics.predictions import fits

    if not fits(classes, labels):
        raise StoreError(f"run {key}: its predictions on {part} are of another data set")
