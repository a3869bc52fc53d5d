"""Writes what the docs show of results and code: ``make docs``. A test keeps them as this does.

A page holds what is made between ``<!-- NAME -->`` and ``<!-- end -->``; all else is written by
hand.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import example
import measured
import reference

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "results" / "cifar100" / "equal" / "report.json"


def results() -> str:
    """The table of the newest results on CIFAR-100."""
    return table(json.loads(REPORT.read_text(encoding="utf-8")))


# Page -> names of the places in it, and what makes the content of each.
PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"results:cifar100": results, "speed": measured.speed},
    "docs/performance.md": measured.places(),
    "docs/study-file.md": {"study-file": reference.study_file},
    "docs/catalogue.md": {"catalogue": reference.catalogue},
    "docs/commands.md": {"commands": reference.commands},
    "docs/statistics.md": {"example": example.statistics},
    "CONTRIBUTING.md": {"layers": reference.layers},
}


def filled(page: str) -> str:
    """A page's text with what is made in its places."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, make in PAGES[page].items():
        place = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        found = place.search(text)
        if found is None:
            raise ValueError(f"{page} has no place <!-- {name} -->")
        made = f"{found[1]}{make().strip()}\n{found[2]}"
        text = f"{text[: found.start()]}{made}{text[found.end() :]}"
    return text


def table(report: dict[str, Any]) -> str:
    """The ladder as Markdown, with its n and hardware below."""
    lines = [
        "| rung | | parameters | MFLOPs | val % | test % | vs previous | report, test % | notes |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    done = [rung for rung in report["rungs"] if rung["seeds"]]
    for rung in report["rungs"]:
        reported = rung["reported"]
        figure = _percent(reported["test_accuracy"])
        if figure and reported["epochs"] != rung["epochs"]:
            figure += f" in {reported['epochs']} epochs"
        cells = [
            rung["title"],
            "kept" if rung["kept"] else "tried",
            f"{rung['parameters']:,}",
            f"{rung['flops'] / 1e6:.1f}",
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"])
            or ("failed" if rung["failed"] else "not run yet"),
            _points(rung["delta_previous"]),
            figure,
            "; ".join(rung["notes"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    for ensemble in report["ensembles"]:
        accuracy = _percent(ensemble["test_accuracy"]["mean"]) or "not run yet"
        gain = _points(ensemble["gain_over_last_snapshot"])
        note = f"gain over the last snapshot: {gain}" if gain else ""
        name = f"Snapshot ensemble of {ensemble['members']}"
        lines.append(f"| {name} | | | | | {accuracy} | | | {note} |")
    seeds = max((len(rung["seeds"]) for rung in done), default=0)
    machines = dict.fromkeys(line for rung in done for line in rung["executions"])
    statuses = [claim["status"] for claim in report["claims"]]
    counts = ", ".join(f"{statuses.count(s)} {s}" for s in ("confirmed", "refuted", "not run"))
    lines += [
        "",
        f"{len(done)} of {len(report['rungs'])} rungs so far, "
        f"{report['rungs'][0]['epochs']} epochs each, n = {seeds} "
        f"seed{'' if seeds == 1 else 's'}, trained on {'; '.join(machines)}. "
        f"Claims of the report: {counts}. Made by "
        f"`rungs run {report['study']} --results results/{report['study']}`; "
        f"all of it: [report.md](results/{report['study']}/{report['budget']}/report.md).",
        "",
    ]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}"


def main() -> None:
    """Brings every page up to date."""
    for page in PAGES:
        text = filled(page)
        (ROOT / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
