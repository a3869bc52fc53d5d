"""What the docs show of the benchmarks: figures of ``results/benchmarks`` alone."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rungs.report.gather.runs import describe_execution
from rungs.store.run_folder import read_result
from rungs.study import load
from rungs.study.plan import plan

RUNS = Path(__file__).parent.parent / "results" / "cifar100" / "runs"
BENCHMARKS = Path(__file__).parent.parent / "results" / "benchmarks"
# In the order of the page; each has a place of its name on it.
ON_THE_PAGE = (
    *("throughput", "remedies", "convolutions", "equivalence", "time_to_accuracy"),
    *("study-cifar100", "study-quickstart", "memory", "waiting", "start"),
    "gpu_check",
)
# As `benchmarks/throughput.py` calls them; Keras's name also has its version and backend.
OURS, LOADER, IN_MEMORY = (
    "rungs",
    "PyTorch, DataLoader with 2 workers",
    "PyTorch, data in memory",
)


def places() -> dict[str, Callable[[], str]]:
    """What makes the content of each place of the page on performance."""
    return {"ladder": ladder, **{name: partial(whole, name) for name in ON_THE_PAGE}}


def ladder() -> str:
    """How long the runs of the CIFAR-100 ladder took, seed by seed: from the finished runs."""
    wanted = plan(load("cifar100"), seeds=2)
    lines = [
        "| seed | runs | of them finished | minutes of training, all together | longest run | on |",
        "|---|--:|--:|--:|---|---|",
    ]
    for seed in range(wanted.seeds):
        runs = [spec for spec in wanted.runs if spec.seed == seed]
        folders = [RUNS / spec.key for spec in runs if (RUNS / spec.key).exists()]
        done = [read_result(folder) for folder in folders]
        longest = max(done, key=lambda result: result.train_seconds)
        rung = next((r.name for r in wanted.study.rungs if r.recipe == longest.spec.recipe), None)
        machines = dict.fromkeys(describe_execution(result.execution) for result in done)
        cells = [
            str(seed),
            str(len(runs)),
            str(len(done)),
            f"{sum(result.train_seconds for result in done) / 60:.0f}",
            f"{rung or 'snapshots'}, {longest.train_seconds / 60:.0f} minutes",
            "; ".join(machines),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cost() -> str:
    """How many hours the built-in CIFAR-100 study takes, by the seeds that are finished."""
    wanted = plan(load("cifar100"))
    hours: list[float] = []
    machines: set[str] = set()
    for seed in range(wanted.seeds):
        runs = [spec for spec in wanted.runs if spec.seed == seed]
        if not all((RUNS / spec.key).exists() for spec in runs):
            continue
        done = [read_result(RUNS / spec.key) for spec in runs]
        hours.append(sum(result.train_seconds for result in done) / 3600 * wanted.seeds)
        machines.update(describe_execution(result.execution) for result in done)
    least, most = min(hours), max(hours)
    return (
        f"{len(wanted.runs)} runs ({wanted.seeds} seeds): {least:.0f} to {most:.0f} core-hours, or "
        f"{least / 2:.0f} to {most / 2:.0f} hours on two CPU cores, where two runs are trained "
        f"side by side. Estimated from the training times of the {len(hours)} finished seeds in "
        f"[results/cifar100](results/cifar100/README.md) ({'; '.join(sorted(machines))}); other "
        "work shared the cores, most of all in the slower seed. `rungs run` shows the time left."
    )


def first_use() -> str:
    """How long clone, installation and first ladder take, and how much space."""
    found = _read("first_use")
    clone, installed, ran = found["rows"]
    where, torch = found["environment"], found["facts"]["torch that was installed"]
    return (
        f"Measured on {where['processor']}, {where['cores']} cores, torch {torch} "
        f"(`{found['command']}`): the clone is {clone['megabytes']:.0f} MB, the installation takes "
        f"{installed['megabytes'] / 1000:.1f} GB and {installed['seconds']:.0f} s without "
        f"downloads, and the small ladder {ran['seconds']:.0f} s. The build of torch for CUDA, "
        "which pip installs by default on Linux, takes several GB more."
    )


def whole(name: str) -> str:
    """A benchmark's command, circumstances and table, as it wrote them."""
    text = (BENCHMARKS / f"{name}.md").read_text(encoding="utf-8")
    return text.split("\n", 1)[1]  # the page has a heading of its own


def on_paper() -> str:
    """What 1,000 runs on 64 GPUs would move, and what of it the coordinator would take."""
    runs, at_once, epochs, seconds, bytes_each = 100 * 10, 64, 50, 6.0, 16
    found = _read("coordinator")["rows"]
    # Of a run that is made up, which has two epochs: as if each took as long as a whole run.
    taken = max(row["of them CPU, ms"] for row in found) / 1000
    a_second = at_once / seconds
    lines = [
        "| parameters | MB after an epoch | epochs a second | MB a second | GB in all | hours |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for parameters in (100_000, 1_000_000, 10_000_000):
        size = bytes_each * parameters / 1e6
        cells = [
            f"{parameters:,}",
            f"{size:.3g}",
            f"{a_second:.1f}",
            f"{a_second * size:,.0f}",
            f"{runs * epochs * size / 1000:,.0f}",
            f"{runs / at_once * epochs * seconds / 3600:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"At most {taken * 1000:.0f} ms of the coordinator's processor were taken by a made-up run "
        f"of two epochs; were it as much for each epoch, {a_second:.1f} of them a second would "
        f"take {100 * taken * a_second:.0f} % of a core.",
    ]
    return "\n".join(lines)


def speed() -> str:
    """The few lines of the README: images per second, and the time to the report's accuracy."""
    throughput, reached = _read("throughput"), _read("time_to_accuracy")
    networks = dict.fromkeys(row["network"] for row in throughput["rows"])
    lines = [
        "| images a second in training | Rungs | plain PyTorch, DataLoader | plain PyTorch, "
        "data in memory | Keras on TensorFlow | Rungs, of the float32 ceiling |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for network in networks:
        rows = {row["loop"]: row for row in throughput["rows"] if row["network"] == network}
        keras = next((name for name in rows if name.startswith("Keras")), "")
        rates = [
            f"{rows[name]['images/s']:,.0f}" if name in rows else "not installed"
            for name in (OURS, LOADER, IN_MEMORY, keras)
        ]
        share = f"{rows[OURS]['% of float32 ceiling']:.0f} %"
        lines.append("| " + " | ".join([network, *rates, share]) + " |")
    facts, where = reached["facts"], throughput["environment"]
    lines += [
        "",
        f"On {where['processor']}, {where['cores']} cores, torch {where['torch']}. There the "
        f"study `speed` reaches {facts['test %, mean']:.1f} % on test "
        f"(mean of {facts['seeds']} seeds) in "
        f"{facts['seconds of training, mean']:,.0f} s of training, "
        f"{facts['times as quick']:.0f} times faster than 50 epochs of the report's best in the "
        "plain loop. How it was measured, what was tried and what is missing: "
        "[performance](docs/performance.md).",
        "",
        *_on_a_gpu(),
    ]
    return "\n".join(lines)


def _on_a_gpu() -> list[str]:
    """Images per second on a GPU, with what CUDA graphs gain."""
    found = _read("gpu_check")
    rates: dict[str, dict[str, float]] = {}
    for row in found["rows"]:
        rates.setdefault(row["network"], {})[row["graphs"]] = row["images/s"]
    lines = [
        "| images a second in training, on a GPU | without CUDA graphs | with | times as quick |",
        "|---|--:|--:|--:|",
        *(
            f"| {network} | {of['no']:,.0f} | {of['yes']:,.0f} | {of['yes'] / of['no']:.1f} |"
            for network, of in rates.items()
        ),
    ]
    where = found["environment"]
    text = (
        f"On one {found['facts']['GPU']}, torch {where['torch']}; `fast` is the last rung of "
        "`speed`. float32 is not rounded to TF32."
    )
    return [*lines, "", text]


def near_duplicates() -> str:
    """How many planted near-duplicates the audit finds."""
    return whole("near_duplicates")


def times_as_long() -> dict[str, float]:
    """Modification -> how many times as long a training took with it as without it."""
    return {row["modification"]: row["times as long"] for row in _read("catalogue")["rows"]}


def catalogue_command() -> str:
    """By what, and on what machine, the times of the catalogue were measured."""
    found = _read("catalogue")
    where = found["environment"]
    return (
        f"Times were measured by `{found['command']}` on {where['processor']}, "
        f"{where['cores']} cores, torch {where['torch']}: {found['facts']['training']}."
    )


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))
    return found
