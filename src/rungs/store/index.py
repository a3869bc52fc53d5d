"""The store's index: an SQLite file that answers quickly what the run folders know.

It is never the truth: where it is missing, damaged or of another version it is made anew.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rungs.foundation.errors import StoreError
from rungs.store.results import Result

T = TypeVar("T")

_VERSION = 5
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
  key TEXT PRIMARY KEY,
  data TEXT NOT NULL,
  epochs INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  best_epoch INTEGER NOT NULL,
  val_loss REAL,
  val_accuracy REAL,
  train_seconds REAL NOT NULL,
  failed TEXT
);
CREATE TABLE IF NOT EXISTS costs (
  identity TEXT PRIMARY KEY,
  parameters INTEGER NOT NULL,
  trainable_parameters INTEGER NOT NULL,
  flops INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS rates (
  identity TEXT NOT NULL,
  machine TEXT NOT NULL,
  images_per_second REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS layers (
  identity TEXT PRIMARY KEY,
  rows TEXT NOT NULL
);
"""
# Stands for FLOPs that could not be counted: the column takes no NULL.
_UNCOUNTED = -1
# Rates that are kept of each recipe on each machine, of which the median counts: an epoch during
# which the process was stopped, or the machine busy, says nothing of the next.
_RATES = 5
# What SQLite says of a file that is no index of ours; anything else is the disk's or another
# process's doing, and no reason to throw the file away.
_DAMAGED = {
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
}
# What it says where nothing can be written.
_ONLY_READ = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


@dataclass(frozen=True)
class Index:
    """An index in a file, which is made when it is first used."""

    path: Path

    @contextlib.contextmanager
    def _open(self, path: Path | str) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, to a file that has our tables."""
        try:
            with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection, connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    connection.executescript(_SCHEMA)
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                elif version != _VERSION:
                    raise _DamagedError
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code in _DAMAGED:
                raise _DamagedError from error
            if code & 0xFF in _ONLY_READ:  # the rest tells apart why
                raise _OnlyReadError from error
            raise StoreError(f"{self.path}: the index cannot be used: {error}") from error

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does some work in a transaction; once more on an empty index if this one is damaged.

        Where a store can only be read, nothing new is remembered: it is slower, no less true.
        """
        path: Path | str = self.path
        try:
            with self._open(path) as connection:
                return work(connection)
        except _DamagedError:
            self.clear()
        except _OnlyReadError:
            path = ":memory:"
        with self._open(path) as connection:
            return work(connection)

    def clear(self) -> None:
        """Deletes the file: the next use begins with an empty one.

        Raises:
            StoreError: it cannot be deleted.
        """
        try:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be deleted: {error.strerror}") from error

    def keys(self) -> set[str]:
        """Keys of all runs in it."""
        return {row["key"] for row in self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """All runs in it, by key."""
        columns = (
            "key, data, epochs, seed, best_epoch, val_loss, val_accuracy, train_seconds, failed"
        )
        return self._do(
            lambda connection: [
                dict(row) for row in connection.execute(f"SELECT {columns} FROM runs ORDER BY key")
            ]
        )

    def add(self, key: str, result: Result) -> None:
        """Enters a finished run."""
        self.add_all({key: result})

    def add_all(self, results: Mapping[str, Result]) -> None:
        """Enters finished runs by their keys, in one transaction."""
        rows = [_row(key, result) for key, result in results.items()]
        self._do(
            lambda connection: connection.executemany(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        )

    def remove(self, key: str) -> None:
        """Forgets a run."""
        self._do(lambda connection: connection.execute("DELETE FROM runs WHERE key = ?", (key,)))

    def cost(self, identity: str) -> tuple[int, int, int | None] | None:
        """Parameters, trainable parameters and FLOPs of a network that was measured before.

        FLOPs are None where they could not be counted.
        """
        question = "SELECT parameters, trainable_parameters, flops FROM costs WHERE identity = ?"
        row = self._do(lambda connection: connection.execute(question, (identity,)).fetchone())
        if row is None:
            return None
        return (row[0], row[1], None if row[2] == _UNCOUNTED else row[2])

    def keep_cost(self, identity: str, cost: tuple[int, int, int | None]) -> None:
        """Remembers what `cost` returns."""
        *counts, flops = cost
        row = (identity, *counts, _UNCOUNTED if flops is None else flops)
        self._do(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO costs VALUES (?, ?, ?, ?)", row
            )
        )

    def rates(self, machine: str) -> dict[str, float]:
        """Images per second in training, of what was ever trained on a machine.

        The median of the rates that were kept last.
        """
        question = "SELECT identity, images_per_second FROM rates WHERE machine = ?"
        rows = self._do(lambda connection: connection.execute(question, (machine,)).fetchall())
        found: dict[str, list[float]] = {}
        for identity, rate in rows:
            found.setdefault(identity, []).append(rate)
        return {identity: median(rates) for identity, rates in found.items()}

    def last_machine(self) -> str | None:
        """The machine whose rate was kept last."""
        question = "SELECT machine FROM rates ORDER BY rowid DESC LIMIT 1"
        row = self._do(lambda connection: connection.execute(question).fetchone())
        return None if row is None else str(row[0])

    def keep_rate(self, identity: str, machine: str, images_per_second: float) -> None:
        """Adds to what `rates` is the median of."""
        recipe = (identity, machine)

        def keep(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO rates VALUES (?, ?, ?)", (*recipe, images_per_second))
            connection.execute(
                "DELETE FROM rates WHERE identity = ? AND machine = ? AND rowid NOT IN ("
                "SELECT rowid FROM rates WHERE identity = ? AND machine = ? "
                "ORDER BY rowid DESC LIMIT ?)",
                (*recipe, *recipe, _RATES),
            )

        self._do(keep)

    def note(self, kind: str, name: str) -> Any:
        """What was measured of something once, as plain JSON types; None if nothing was."""
        question = "SELECT value FROM notes WHERE kind = ? AND name = ?"
        row = self._do(lambda connection: connection.execute(question, (kind, name)).fetchone())
        return None if row is None else json.loads(row[0])

    def keep_note(self, kind: str, name: str, value: Any) -> None:
        """Remembers what `note` returns."""
        self._do(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (kind, name, json.dumps(value))
            )
        )

    def layers(self, identity: str) -> str | None:
        """The layer table, as JSON, of a network that was looked at before."""
        question = "SELECT rows FROM layers WHERE identity = ?"
        row = self._do(lambda connection: connection.execute(question, (identity,)).fetchone())
        return None if row is None else str(row[0])

    def keep_layers(self, identity: str, rows: str) -> None:
        """Remembers what `layers` returns."""
        self._do(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO layers VALUES (?, ?)", (identity, rows)
            )
        )


def _row(key: str, result: Result) -> tuple[object, ...]:
    best = result.history[result.best_epoch - 1] if result.best_epoch else None
    return (
        key,
        result.spec.data.fingerprint,
        result.spec.epochs,
        result.spec.seed,
        result.best_epoch,
        best and best.val_loss,
        best and best.val_accuracy,
        result.train_seconds,
        result.failed,
    )


class _DamagedError(Exception):
    """The file is no index of ours, or one of another version."""


class _OnlyReadError(Exception):
    """The file cannot be written, or not made."""
