"""What lies in a store: studies with their runs and sizes; and the studies that are built in."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rungs.foundation.files import size_on_disk
from rungs.store import Store
from rungs.store.notes import Noted, all_notes
from rungs.study.known import Asked, KnownStudy, in_work, known_studies
from rungs.study.plan import slug
from rungs.study.toml_tables import builtin_names, read


@dataclass(frozen=True)
class NotedRun:
    """A run that people have said something of.

    Attributes:
        name: of the rung or ensemble that it is for.
        seed: None while it is not finished.
        key: of the run.
        noted: what they have said.
    """

    name: str
    seed: int | None
    key: str
    noted: Noted


@dataclass(frozen=True)
class Listed:
    """A study in one budget.

    Attributes:
        name: of the study.
        title: for people.
        source: a built-in study's name, or its file's path; empty where only a report tells of it.
        budget: as the study names it.
        finished: runs that are finished, failed ones left out; None where that is not known.
        failed: runs that are finished as failed.
        begun: runs that have epochs and are not finished.
        runs: that the study asks for in this budget; None where that is not known.
        bytes: on disk, of these runs and the report; of runs of several studies, in each of them.
        touched: when a run of it last ended or went on, in UTC as ISO 8601 writes it; empty if none
            has.
        page: of its report; None where there is none.
        missing: whether its file is not there any more.
        noted: those of its runs that have notes or tags.
    """

    name: str
    title: str
    source: str
    budget: str
    finished: int | None
    failed: int
    begun: int
    runs: int | None
    bytes: int
    touched: str
    page: Path | None
    missing: bool
    noted: tuple[NotedRun, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags of its runs."""
        return tuple(sorted({tag for run in self.noted for tag in run.noted.tags}))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            **asdict(self),
            "page": None if self.page is None else str(self.page),
            "tags": list(self.tags),
            "noted": [
                {"name": run.name, "seed": run.seed, "key": run.key, **run.noted.to_dict()}
                for run in self.noted
            ],
        }


@dataclass(frozen=True)
class Listing:
    """What lies in a store.

    Attributes:
        root: of the store; None where there is none.
        studies: by name, each in the budgets in which it was trained or has finished runs.
        others: number of finished runs that none of them asks for.
        other_bytes: of these, and of checkpoints that none asks for.
        bytes: of the whole store.
    """

    root: Path | None
    studies: tuple[Listed, ...] = ()
    others: int = 0
    other_bytes: int = 0
    bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "store": None if self.root is None else str(self.root),
            "bytes": self.bytes,
            "studies": [item.to_dict() for item in self.studies],
            "other_runs": self.others,
            "other_bytes": self.other_bytes,
        }

    def tagged(self, tag: str) -> "Listing":
        """Of the studies those that have runs with a tag, and of their runs these."""
        rows = (
            replace(item, noted=tuple(run for run in item.noted if tag in run.noted.tags))
            for item in self.studies
        )
        return replace(self, studies=tuple(item for item in rows if item.noted))


def listing(store: Store) -> Listing:
    """What lies in a store.

    Raises:
        StoreError: a note of a study is damaged.
    """
    known = known_studies(store)
    asked = {key for study in known for key in study.keys}
    finished, half = {*store.keys()}, {*in_work(store)}
    sizes = {key: size_on_disk(store.run_folder(key)) for key in finished}
    for key in half:
        sizes[key] = sizes.get(key, 0) + size_on_disk(store.root / "work" / key)
    index = store.index.rows()
    failed = {str(row["key"]) for row in index if row["failed"] is not None}
    seeds = {str(row["key"]): int(row["seed"]) for row in index}
    said = all_notes(store.root)
    rows: list[Listed] = []
    for study in known:
        for budget, item in study.asked.items():
            keys = item.keys
            over = [key for key in keys if key in finished]
            if not (over or item.trained):
                continue
            lost = sum(key in failed for key in over)
            report = store.root / "reports" / study.name / slug(budget)
            rows.append(
                Listed(
                    study.name,
                    study.title,
                    study.source,
                    budget,
                    len(over) - lost,
                    lost,
                    sum(key not in finished and store.epochs_done(key) > 0 for key in keys),
                    len(keys),
                    sum(sizes.get(key, 0) for key in keys) + size_on_disk(report),
                    _touched(store, item),
                    _page(report),
                    _missing(study),
                    tuple(
                        NotedRun(name, seeds.get(key), key, said[key])
                        for name, of in {**item.runs, **item.variants}.items()
                        for key in of
                        if key in said
                    ),
                )
            )
        if not any(row.name == study.name for row in rows):
            rows += _from_reports(store, study)
    left = finished - asked
    return Listing(
        store.root,
        tuple(rows),
        len(left),
        sum(sizes[key] for key in (left | half) - asked),
        size_on_disk(store.root),
    )


def builtin_titles() -> Iterator[tuple[str, str]]:
    """Name and title of each study that comes with the program."""
    for name in builtin_names():
        yield name, str(read(name).get("title", name))


def _from_reports(store: Store, study: KnownStudy) -> Iterator[Listed]:
    """What the reports of a study tell that nobody has noted."""
    for folder in sorted((store.root / "reports" / study.name).glob("*")):
        page = _page(folder)
        if page is not None:
            yield Listed(
                study.name,
                study.title,
                "",
                folder.name,
                None,
                0,
                0,
                None,
                size_on_disk(folder),
                _moment(page.stat().st_mtime),
                page,
                missing=False,
            )


def _page(report: Path) -> Path | None:
    page = report / "report.html"
    return page if page.is_file() else None


def _missing(study: KnownStudy) -> bool:
    return study.source not in builtin_names() and not Path(study.source).is_file()


def _touched(store: Store, item: Asked) -> str:
    """When a run of a study last ended or went on."""
    files = [store.run_folder(key) / "manifest.json" for key in item.keys]
    files += [store.root / "work" / key / "epochs.jsonl" for key in item.keys]
    newest = max(_written(files), default=None)
    return "" if newest is None else _moment(newest)


def _written(files: Iterable[Path]) -> Iterator[float]:
    for file in files:
        with contextlib.suppress(OSError):
            yield file.stat().st_mtime


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
