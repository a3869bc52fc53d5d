"""What every benchmark shares: interleaved repeats, medians, results with circumstances."""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from rungs.foundation.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "benchmarks"
N = TypeVar("N", bound=Hashable)


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every long benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a few small steps that only show that it works; kept in a temporary folder",
    )
    return parser


def medians(candidates: Mapping[N, Callable[[], float]], repeats: int) -> dict[N, float]:
    """Median of the seconds that each candidate gives back.

    One repeat of each in turn, after one that is not counted: what the machine does meanwhile then
    falls on all alike.
    """
    times: dict[N, list[float]] = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, candidate in candidates.items():
            seconds = candidate()
            if repeat:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def clocked(candidate: Callable[[], object]) -> Callable[[], float]:
    """The same candidate, giving back the seconds that it took."""

    def timed() -> float:
        began = time.perf_counter()
        candidate()
        return time.perf_counter() - began

    return timed


def interleaved(candidates: Mapping[N, Callable[[], object]], repeats: int) -> dict[N, float]:
    """`medians` of the seconds that each candidate takes."""
    return medians({name: clocked(item) for name, item in candidates.items()}, repeats)


def write(
    name: str,
    command: str,
    columns: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
    *,
    facts: Mapping[str, object] | None = None,
    quick: bool = False,
    silent: bool = False,
) -> Path:
    """Writes ``NAME.json`` and a table of the same figures, and prints it.

    Where a machine is lent for minutes, what is written after each row, `silent`, is not lost.

    Args:
        name: of the benchmark.
        command: by which it is repeated.
        columns: of the table.
        rows: one value for each column.
        facts: what holds for all rows.
        quick: keep them apart from ``results/benchmarks``.
        silent: print nothing.

    Returns:
        The folder that they were written to.
    """
    circumstances = environment()
    folder = quick_folder() if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    plain: dict[str, object] = {"command": command, "environment": circumstances}
    plain |= {"facts": dict(facts)} if facts else {}
    plain |= {"rows": rows}
    (folder / f"{name}.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    lines = [
        f"# {name}",
        "",
        f"`{command}`, on {circumstances['processor']}, {circumstances['cores']} cores, torch "
        f"{circumstances['torch']}, Python {circumstances['python']}.",
        "",
        *(f"- {fact}: {_shown(value)}" for fact, value in (facts or {}).items()),
        *([""] if facts else []),
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(_shown(row[column]) for column in columns) + " |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    if silent:
        return folder
    print(text)
    if quick:
        print(f"quick: no figure counts; written to {folder}")
    return folder


@cache
def quick_folder() -> Path:
    """One for all that this process writes."""
    return Path(tempfile.mkdtemp(prefix="rungs-quick-"))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
