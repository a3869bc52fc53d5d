"""What every benchmark shares: interleaved repeats, medians, results with circumstances."""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rungs.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "benchmarks"


def interleaved(candidates: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each candidate; one repeat of each in turn, after one that is not counted.

    What the machine does meanwhile then falls on all alike.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, candidate in candidates.items():
            began = time.perf_counter()
            candidate()
            if repeat:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def write(name: str, command: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Writes ``results/benchmarks/NAME.json`` and a table of the same figures, and prints it."""
    circumstances = environment()
    RESULTS.mkdir(parents=True, exist_ok=True)
    plain = {"command": command, "environment": circumstances, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    lines = [
        f"# {name}",
        "",
        f"`{command}`, on {circumstances['processor']}, {circumstances['cores']} cores, torch "
        f"{circumstances['torch']}, Python {circumstances['python']}.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(_shown(row[column]) for column in columns) + " |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
