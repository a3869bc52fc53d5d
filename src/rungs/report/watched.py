"""A study's page while the study is trained: as it is now, whenever somebody asks.

Only reads what others write, and computes little: figures of finished runs are gathered anew where
one was added, and seldom where that takes long; in between only the last epochs are read.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rungs.foundation.errors import RungsError
from rungs.report.figures.runs import RunState
from rungs.report.figures.under_way import Begun
from rungs.report.figures.whole import ReportData
from rungs.report.gather.gathering import gather
from rungs.report.gather.runs import run_states
from rungs.report.gather.under_way import under_way
from rungs.report.publishing import sources
from rungs.report.show.page.document import Served, parts, texts, to_html
from rungs.store import Store, is_store
from rungs.store.run_folder import epochs_file
from rungs.study.costs import Cost, costs
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan

# Of all time, the share that may go into gathering figures: what takes long is done seldom.
_SHARE = 0.1


class Watched:
    """A study that is watched; may be asked from several threads."""

    def __init__(
        self,
        load: Callable[[], Plan],
        store: Path,
        *,
        every_seed: bool = True,
        with_test: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads study and store for the first time.

        Args:
            load: reads the study, and plans what is shown of it.
            store: where it is trained; it need not be there yet.
            every_seed: whether seeds beyond those of the plan count that are finished.
            with_test: False leaves the test set sealed.
            clock: seconds.

        Raises:
            RungsError: mistakes of the study, or a store that cannot be read.
        """
        self._load = load
        self._root = store
        self._every_seed = every_seed
        self._with_test = with_test
        self._clock = clock
        self._lock = threading.Lock()
        self._study_problem = self._store_problem = ""
        self._asked = load()
        self._files = _stamps(_files_of(self._asked))
        self._again = 0.0
        # What was said last, and of what state.
        self._said: dict[str, Any] = {}
        self._said_of = ""
        self._gather()

    @property
    def name(self) -> str:
        """Of the study."""
        return self._asked.study.name

    def page(self) -> str:
        """The page, as it is now."""
        with self._lock:
            self._follow()
            return to_html(self._now(), served=Served(self._version, self._problem))

    def state(self) -> dict[str, Any]:
        """How far the study is, and what of the page has changed: plain JSON types."""
        with self._lock:
            self._follow()
            if self._said_of != self._signature():
                self._said_of = self._signature()
                self._said = self._state(self._now())
            return {**self._said, "problem": self._problem}

    def _state(self, data: ReportData) -> dict[str, Any]:
        going = data.under_way
        return {
            "page": self._version,
            "study": data.study.name,
            "budget": data.budget,
            "seconds_left": going.seconds_left,
            "runs": [_run(run) for run in data.runs],
            "begun": [_begun(run) for run in going.begun],
            "parts": parts(data),
            "texts": texts(data),
        }

    @property
    def _problem(self) -> str:
        return " ".join(filter(None, (self._study_problem, self._store_problem)))

    def _now(self) -> ReportData:
        """What was gathered last, with the runs as they are now."""
        return replace(
            self._data,
            runs=run_states(self._plan, self._store),
            under_way=under_way(self._plan, self._store, self._costs),
        )

    def _follow(self) -> None:
        """Reads the study again if its file has changed, and gathers where a run was finished."""
        files = _stamps(_files_of(self._asked))
        if files != self._files:
            self._files = files
            self._study_problem = ""
            try:
                self._asked = self._load()
                self._files = _stamps(_files_of(self._asked))
            except RungsError as error:
                self._study_problem = (
                    f"The study cannot be read as it is now ({_in_a_line(error)}); what stands "
                    "here is of the study as it was."
                )
        if self._study_problem or self._clock() < self._again:
            return
        if self._version == _version(self._asked, self._plan, self._store):
            return
        try:
            self._gather()
            self._store_problem = ""
        except (RungsError, OSError) as error:
            self._store_problem = (
                f"The store cannot be read as it is now ({_in_a_line(error)}); what stands here is "
                "from before."
            )

    def _gather(self) -> None:
        began = self._clock()
        # What was read once is remembered: a store that is opened anew sees what was added.
        store = Store(self._root)
        if is_store(self._root):
            store.refresh_index()
        plan = with_finished_seeds(self._asked, store) if self._every_seed else self._asked
        # Told before it is gathered: what is finished meanwhile makes another.
        version = _version(self._asked, plan, store)
        try:
            data = gather(plan, store, with_test=self._with_test, new_layers=False)
            known: dict[str, Cost] = costs(plan.study, store)
        finally:
            took = self._clock() - began
            self._again = began + took / _SHARE
        self._plan, self._store, self._data, self._costs = plan, store, data, known
        self._version = version
        self._said_of = ""

    def _signature(self) -> str:
        """Differs where `_now` may."""
        runs = [spec.key for spec in self._plan.runs]
        work = (epochs_file(self._root / "work" / key) for key in runs)
        finished = "".join("01"[self._store.is_finished(key)] for key in runs)
        since = self._store.conducted_since()
        return f"{self._version} {finished} {since} {_stamps(work)}"


def _version(asked: Plan, plan: Plan, store: Store) -> str:
    """Of all that figures of finished runs come from: 16 hex digits.

    A plan is part of it, since one of more seeds has more runs, which may be finished before.
    """
    keys = [spec.key for spec in plan.runs]
    text = f"{asked.study.source} {asked.budget} {keys} {_stamps(sources(plan, store))}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _files_of(plan: Plan) -> list[Path]:
    return [Path(plan.study.source), *plan.study.modules]


def _stamps(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Of each file that is there: when it was written, and how long it is."""
    found = []
    for path in files:
        try:
            told = path.stat()
        except OSError:
            continue
        found.append((str(path), told.st_mtime_ns, told.st_size))
    return tuple(found)


def _in_a_line(error: Exception) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines())


def _run(run: RunState) -> dict[str, Any]:
    names = ("name", "seed", "key", "state", "epochs", "epochs_done", "fold")
    return {name: getattr(run, name) for name in names}


def _begun(run: Begun) -> dict[str, Any]:
    return {
        "run": run.name,
        "key": run.key,
        "trained": run.trained,
        "epochs": run.epochs,
        "last": run.history[-1].to_dict() if run.history else None,
    }
