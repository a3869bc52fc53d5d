"""What the process that conducts a study on a cluster takes for each run, however many there are.

Ten thousand runs are done by a cluster that is made up: its nodes have every run's frames at once.
All else is as it is for engines of clusters: orders are spelled, what nodes tell is read, progress
and finished folders are written into a store and checked, and the index is told. Time and memory
are those of the conductor; what the made-up nodes take to make their frames is left out. Run as
``python benchmarks/coordinator.py``; it takes minutes.
"""

import hashlib
import json
import shlex
import sys
import time
from collections import deque
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import timing
from matplotlib.figure import Figure

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.cluster import ClusterEngine, Gone, Needs
from rungs.execution.engine import EpochEnded, Finished, Order, Resources, Site, Started
from rungs.execution.messages import Brought, Train, parse
from rungs.execution.node import Errand, frame
from rungs.execution.parcels import pack
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional
from rungs.store import open_store
from rungs.store.results import Epoch, RunSpec
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from rungs.training.request import usual_request

COLUMNS = ("runs done", "ms a run", "of them CPU, ms", "memory, MB", "bytes a run")
RUNS, QUICK = 10_000, 200
PARTS = 20
NODES = 64
EPOCHS = 2
# Of a run: as much as a small network's.
WEIGHTS, ANSWERS = 40_000, (500, 10)
DATA = SyntheticSpec()
RECIPE = Recipe(network=Convolutional(widths=(8, 16)))


class MadeUp:
    """See `rungs.execution.cluster.Cluster`: every errand is done when it is begun."""

    most = 2 * NODES

    def __init__(self) -> None:
        self._frames: deque[tuple[int, bytes | Gone]] = deque()
        self.seconds = self.cpu = 0.0  # that making frames took
        self.sent = self.begun = 0  # bytes, and errands
        self._weights = np.random.default_rng(0).bytes(WEIGHTS)
        self._answers = np.zeros(ANSWERS, dtype=np.float32).tobytes()

    def begin(self, ticket: int, errand: Errand, needs: Needs) -> None:  # noqa: ARG002
        """Makes the frames of a whole run."""
        began, cpu = time.perf_counter(), time.process_time()
        asked = parse(errand.text)
        assert isinstance(asked, Train)
        key = asked.order.key
        entries = [Epoch(n + 1, 1.0, 0.5, 1.0, 0.5, 0.001, 8.0, 0.5) for n in range(EPOCHS)]
        lines = b"".join(json.dumps(entry.to_dict()).encode() + b"\n" for entry in entries)
        progress = {"checkpoint.pt": self._weights, "epochs.jsonl": lines}
        files = {
            "run.json": self._run(asked),
            "epochs.jsonl": lines,
            "weights/best.safetensors": self._weights,
            "predictions/best-test.npy": self._answers,
        }
        digests = {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}
        manifest = {"format": 1, "key": key, "sha256": digests}
        files["manifest.json"] = json.dumps(manifest).encode()
        frames = [
            frame(Started(key, 0, exact=True, anew=False)),
            *(
                item
                for entry in entries
                for item in (
                    frame(Brought(key, "work"), pack(progress)),
                    frame(EpochEnded(key, entry)),
                )
            ),
            frame(Brought(key, "runs"), pack(files)),
            frame(Finished(key, None)),
        ]
        self.begun += 1
        self.sent += len(errand.text) + sum(map(len, frames))
        self._frames += [(ticket, item) for item in frames]
        self._frames.append((ticket, Gone()))
        self.seconds += time.perf_counter() - began
        self.cpu += time.process_time() - cpu

    def _run(self, asked: Train) -> bytes:
        run = {
            "format": 1,
            "spec": asked.order.job["spec"],
            "best_epoch": EPOCHS,
            "snapshots": 0,
            "execution": {"device": "cpu", "processor": "made up", "threads": 1, "torch": "2"},
            "exact": True,
            "failed": None,
        }
        return json.dumps(run).encode()

    def carry(self, fingerprint: str, data: bytes) -> None:
        """Nothing is lacking."""

    def stop(self, ticket: int) -> None:
        """Nothing is stopped."""

    def heard(self) -> Collection[tuple[int, bytes | Gone]]:
        """Of as many as are told of at a time by nodes that are all at work."""
        return [self._frames.popleft() for _ in range(min(NODES, len(self._frames)))]

    def has_node(self, needs: Needs) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def close(self) -> None:
        """Nothing is left."""


def memory() -> float:
    """Of this process, in MB: what it holds now."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise OSError("/proc/self/status does not tell of memory")


def measure(runs: int, folder: Path) -> list[dict[str, object]]:
    """A row for each part of the runs."""
    store = open_store(folder)
    cluster = MadeUp()
    rows: list[dict[str, object]] = []
    done = 0
    request = usual_request("cpu", 1)
    with ClusterEngine(Site(store, Machine("cpu", "made up", NODES, 1)), cluster) as engine:

        def now() -> tuple[float, float]:
            wall, cpu = time.perf_counter(), time.process_time()
            return wall - cluster.seconds, cpu - cluster.cpu

        began = now()
        for seed in range(runs):
            engine.submit(Order.of(Job(RunSpec(RECIPE, EPOCHS, DATA, seed)), request, Resources(1)))
        submitting = now()
        print(f"asking for {runs:,}: {submitting[0] - began[0]:.1f} s")
        began = submitting
        for event in engine.events():
            if not isinstance(event, Finished):
                continue
            store.index.add(event.key, store.result(event.key))
            done += 1
            if done % (runs // PARTS) == 0:
                here = now()
                wall, cpu = (b - a for a, b in zip(began, here, strict=True))
                part = runs // PARTS
                rows.append(
                    {
                        "runs done": done,
                        "ms a run": round(1000 * wall / part, 2),
                        "of them CPU, ms": round(1000 * cpu / part, 2),
                        "memory, MB": round(memory(), 1),
                        "bytes a run": round(cluster.sent / cluster.begun),
                    }
                )
                print(rows[-1])
                began = here
    return rows


def plot(rows: list[dict[str, object]], folder: Path) -> None:
    """``coordinator.svg``: time and memory, one above the other."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    for axes, names in zip(
        figure.subplots(2, 1, sharex=True), (COLUMNS[1:3], COLUMNS[3:4]), strict=True
    ):
        for name in names:
            axes.plot([row["runs done"] for row in rows], [row[name] for row in rows], label=name)
        axes.legend()
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, color="#dddddd")
    axes.set_xlabel("runs done")
    figure.savefig(folder / "coordinator.svg", metadata={"Date": None})


def main() -> None:
    """Measures, writes the table and draws it."""
    options = timing.options(__doc__).parse_args()
    runs = QUICK if options.quick else RUNS
    with TemporaryDirectory() as name:
        rows = measure(runs, Path(name) / "store")
    command = shlex.join(["python", "benchmarks/coordinator.py", *sys.argv[1:]])
    facts: dict[str, object] = {
        "runs": f"{runs:,} of {EPOCHS} epochs, {WEIGHTS:,} bytes of weights",
        "nodes": f"{NODES}, made up",
    }
    folder = timing.write("coordinator", command, COLUMNS, rows, facts=facts, quick=options.quick)
    plot(rows, folder)


if __name__ == "__main__":
    main()
