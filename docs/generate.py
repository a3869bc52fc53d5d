"""Writes what the docs show of results and code: ``make docs``. A test keeps them as this does.

A page holds what is made between ``<!-- NAME -->`` and ``<!-- end -->``; all else is written by
hand.
"""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import example
import judged
import kept
import layout
import measured
import reference
from rungs.evidence.claims import NOT_SHOWN

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
# What the study `cifar100` repeats; its title.
SOURCE = "*ML Model Optimization*"
# Verdicts that the README begins with.
FIRST_VERDICTS = 3


def results() -> str:
    """The table of the newest results on CIFAR-100 at equal epochs."""
    return table(_report("equal"))


def first_verdicts() -> str:
    """A few verdicts of the CIFAR-100 study as the program prints them, each with another word."""
    text = (RESULTS / "cifar100" / "equal" / "report.txt").read_text(encoding="utf-8")
    _, _, rest = text.partition("\nVerdicts: ")
    table = rest.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    width = len(table[0].partition("caveats")[0])
    verdicts = {rung["name"]: rung["verdict"] for rung in _report("equal")["rungs"]}
    rows: dict[str, str] = {}
    for line in table[2:]:
        verdict = verdicts.get(line.split()[0])
        if verdict is not None and not verdict["marks"]:
            rows.setdefault(verdict["outcome"], line)
    shown = [table[0], *list(rows.values())[:FIRST_VERDICTS]]
    return "\n".join(["```text", *(line[:width].rstrip() for line in shown), "```"])


def own_epochs() -> str:
    """The table of those rungs that were trained at the source's own epochs."""
    report = _report("own")
    done = [rung for rung in report["rungs"] if rung["seeds"]]
    lines = [
        f"| rung | on | epochs | val % | test % | {SOURCE}, test % | notes |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for rung in done:
        cells = [
            *_rung(rung),
            str(rung["epochs"]),
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"]),
            _percent(rung["reported"]["test_accuracy"]),
            "; ".join(rung["notes"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    for ensemble in (item for item in report["ensembles"] if item["seeds"]):
        gain = ensemble["test_accuracy"]["mean"] - ensemble["single_test_accuracy"]
        cells = [
            *_ensemble(ensemble),
            str(ensemble["epochs"]),
            _percent(ensemble["growing_val_accuracy"][-1]["mean"]),
            _percent(ensemble["test_accuracy"]["mean"]),
            "",
            f"{_points(gain)} against `{ensemble['rung']}` in as many epochs; "
            f"{_points(ensemble['gain_over_last_snapshot'])} against its last snapshot",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"{_so_far(report)} {_made(report)}"])


def modern() -> str:
    """The ladder that goes as far as 15 epochs and 5 million parameters allow."""
    report = _report("equal", "modern")
    lines = [
        "| rung | on | parameters | MFLOPs | val % | test % | against that |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for rung in report["rungs"]:
        cells = [
            *_rung(rung),
            f"{rung['parameters']:,}",
            f"{rung['flops'] / 1e6:.1f}",
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"]),
            _change(rung),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    made = "How it was made: [results/modern](results/modern/README.md)."
    return "\n".join([*lines, "", f"{_so_far(report)} {made}"])


def measured_well() -> str:
    """The report's ladder with a quiet measurement: what each change is worth."""
    report = _report("equal", "measured")
    lines = [
        "| rung | on | seeds | val % | test % | against that | 95 % interval |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for rung in report["rungs"]:
        verdict = rung["verdict"]
        known = verdict is not None and verdict["low"] is not None
        cells = [
            *_rung(rung),
            str(len(rung["seeds"])),
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"]),
            _change(rung),
            f"{_points(verdict['low'])} to {_points(verdict['high'])}" if known else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    made = "How it was made, and what it cost: [results/measured](results/measured/README.md)."
    return "\n".join([*lines, "", f"{_so_far(report)} {made}"])


def baselines() -> str:
    """Ensembles of the final network on CIFAR-100 beside what they are held against."""
    report = _report("equal", "ensembles")
    (single,) = report["rivals"]
    lines = [
        "| | cost | models | val % | test % | against the single model | 95 % interval | | "
        "ms an image |",
        "|---|--:|--:|--:|--:|--:|---|---|--:|",
    ]
    for row in single["rows"]:
        verdict = row["verdict"]
        found = row["val_accuracy"], row["test_accuracy"]
        known = verdict is not None and verdict["low"] is not None
        interval = row["images_only"] or ((verdict["low"], verdict["high"]) if known else None)
        cells = [
            row["what"],
            f"{row['times_cost']:.0f}",
            str(row["models"]),
            *(_percent(mean(values)) if values else "" for values in found),
            _points(verdict["delta"]) if verdict else "",
            f"{_points(interval[0])} to {_points(interval[1])}" if interval else "",
            "; ".join([verdict["outcome"], *verdict["marks"]]) if verdict else "",
            f"{row['inference']['milliseconds']:.1f}" if row["inference"] else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    claims = [f"- {claim['text']} {claim['status'].capitalize()}." for claim in report["claims"]]
    untested = "The study's claims; one that compares is confirmed only where its verdict says so:"
    made = f"{_so_far(report)} {_made(report, '../')}"
    return "\n".join([*lines, "", untested, "", *claims, "", made])


def _report(budget: str, study: str = "cifar100") -> dict[str, Any]:
    text = (RESULTS / study / budget / "report.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


# Page -> names of the places in it, and what makes the content of each.
PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "first-verdicts": first_verdicts,
        "first-use": measured.first_use,
        "cost:cifar100": measured.cost,
        "results:cifar100": results,
        "results:own-epochs": own_epochs,
        "results:measured": measured_well,
        "results:modern": modern,
        "speed": measured.speed,
    },
    "docs/performance.md": measured.places(),
    "docs/engines.md": {
        "coordinator": partial(measured.whole, "coordinator"),
        "paper": measured.on_paper,
    },
    "docs/study-file.md": {"study-file": reference.study_file},
    "docs/catalogue.md": {"catalogue": reference.catalogue},
    "docs/audit.md": {"near-duplicates": measured.near_duplicates},
    "docs/commands.md": {"commands": reference.commands},
    "docs/ensembles.md": {"baselines": baselines},
    "docs/judging.md": {"judged:arrays": judged.arrays, "judged:files": judged.files},
    "docs/statistics.md": {"example": example.statistics},
    "CONTRIBUTING.md": {"rooms": layout.table},
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
        "| rung | on | | parameters | MFLOPs | val % | test % | against that | "
        f"{SOURCE}, test % | notes |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for rung in report["rungs"]:
        reported = rung["reported"]
        figure = _percent(reported["test_accuracy"])
        if figure and reported["epochs"] != rung["epochs"]:
            figure += f" in {reported['epochs']} epochs"
        cells = [
            *_rung(rung),
            "kept" if rung["kept"] else "tried",
            f"{rung['parameters']:,}",
            f"{rung['flops'] / 1e6:.1f}",
            _percent(rung["val_accuracy"]["mean"]),
            _percent(rung["test_accuracy"]["mean"])
            or ("failed" if rung["failed"] else "not run yet"),
            _change(rung),
            figure,
            "; ".join(rung["notes"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    for ensemble in report["ensembles"]:
        accuracy = _percent(ensemble["test_accuracy"]["mean"]) or "not run yet"
        gain = _points(ensemble["gain_over_last_snapshot"])
        note = f"gain over the last snapshot: {gain}" if gain else ""
        lines.append(f"| {' | '.join(_ensemble(ensemble))} | | | | | {accuracy} | | | {note} |")
    statuses = [claim["status"] for claim in report["claims"]]
    named = ("confirmed", NOT_SHOWN, "refuted", "not run")
    counts = ", ".join(f"{statuses.count(s)} {s}" for s in named if s in statuses)
    claims = f"Claims of {SOURCE}: {counts}."
    return "\n".join([*lines, "", f"{_so_far(report)} {claims} {_made(report)}"])


def _rung(rung: dict[str, Any]) -> tuple[str, str]:
    """A rung by name and title, and the rung that it stands on."""
    return f"`{rung['name']}` {rung['title']}", f"`{rung['after']}`" if rung["after"] else ""


def _change(rung: dict[str, Any]) -> str:
    """The difference from the rung that it stands on, with its verdict."""
    points, verdict = _points(rung["delta_previous"]), rung["verdict"]
    if verdict is None or verdict["p_adjusted"] is None:
        return points
    late = [line for line in verdict["marks"] if "after the test was seen" in line]
    return ", ".join([points, verdict["outcome"], *late])


def _ensemble(ensemble: dict[str, Any]) -> tuple[str, str]:
    """An ensemble by name and members, and the rung that it is made of."""
    name = f"`{ensemble['name']}` Snapshot ensemble of {ensemble['members']}"
    return name, f"`{ensemble['rung']}`"


def _so_far(report: dict[str, Any]) -> str:
    """How many rungs are trained, over how many seeds and on what."""
    done = [rung for rung in report["rungs"] if rung["seeds"]]
    counts = sorted({len(rung["seeds"]) for rung in done}) or [0]
    least = "" if len(counts) == 1 else f"{counts[0]} to "
    machines = dict.fromkeys(line for rung in done for line in rung["executions"])
    epochs = {rung["epochs"] for rung in report["rungs"]}
    length = f"{epochs.pop()} epochs each, " if len(epochs) == 1 else ""
    return (
        f"{len(done)} of {len(report['rungs'])} rungs trained, {length}n = {least}{counts[-1]} "
        f"seed{'' if counts == [1] else 's'}, on {'; '.join(machines)}."
    )


def _made(report: dict[str, Any], root: str = "") -> str:
    """By which command, and where the rest is: from a page whose way to the root is given."""
    study, budget = report["study"], report["budget"]
    seeds = max((len(rung["seeds"]) for rung in report["rungs"]), default=0)
    more = f" --seeds {seeds}" if seeds > 1 else ""
    return (
        f"Made by `rungs run {study} --budget {budget}{more} --archive results/{study}`; "
        f"all of it: [report.md]({root}results/{study}/{budget}/report.md)."
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}"


# File -> what makes the whole of it.
FILES: dict[str, Callable[[], str]] = {
    "docs/layout.svg": layout.drawn,
    "docs/kept.svg": kept.drawn,
}


def main() -> None:
    """Brings every page and picture up to date."""
    for name, make in FILES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
    for page in PAGES:
        text = filled(page)
        (ROOT / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
