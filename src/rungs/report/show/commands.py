"""Commands that make a report, or a statement of it, again."""

import shlex
from dataclasses import replace
from pathlib import Path

from rungs.report.figures.whole import ReportData
from rungs.statistics.verdicts import Verdict
from rungs.study import builtin_names
from rungs.study.plan import epochs_named
from rungs.study.seeds import AUTO


def commands(data: ReportData, form: str = "html") -> list[tuple[str, str]]:
    """What makes the same again in a form of the report, with the words for it."""
    no_test = [] if data.with_test else ["--no-test"]
    rest = " ".join([_source(data), *_options(data), *no_test])
    progress = " ".join([_source(data), *_options(replace(data, archive=""))])
    what = "page" if form == "html" else "document"
    return [
        ("Train the unfinished runs and report", f"rungs run {rest}"),
        (f"Write this {what} again from the finished runs", f"rungs report {rest} --format {form}"),
        ("See how far each run is", f"rungs status {progress}"),
    ]


def command(data: ReportData, name: str) -> str:
    """A command, such as ``run``, about the runs of this report."""
    return " ".join([f"rungs {name}", _source(data), *_options(data)])


def compare_command(data: ReportData, verdict: Verdict) -> str:
    """What makes one comparison again."""
    names = [shlex.quote(name) for name in (verdict.name, verdict.against)]
    return " ".join(["rungs compare", _source(data), *names, *_options(data), *_added(data)])


def report_command(data: ReportData, budget: str | None) -> str:
    """What makes the report again, at another budget if one is given."""
    asked = [*_options(data), *_added(data)]
    if budget is not None:
        asked = [f"--budget {shlex.quote(budget)}", *asked[1:]]
    return " ".join(["rungs report", _source(data), *asked])


def _added(data: ReportData) -> list[str]:
    """The option that added rungs to this report, if any did."""
    return list(dict.fromkeys(r.asked_by for r in data.study.rungs if r.asked_by != "study"))


def _source(data: ReportData) -> str:
    """The study as a command names it."""
    source = data.study.source
    if source not in builtin_names():
        source = Path(source).name  # the file's place on this machine is nobody's business
    given = (f"-o {shlex.quote(str(item))}" for item in data.study.overrides)
    return " ".join([shlex.quote(source), *given])


def _options(data: ReportData) -> list[str]:
    """The options with which a command means the runs of this report."""
    found = [f"--budget {shlex.quote(data.budget)}"]
    epochs = epochs_named(data.budget)
    if epochs is not None:
        found = [f"--epochs {epochs}"]
    if data.rounds is not None and data.rounds.most is not None:
        found.append(f"--seeds {AUTO}")
    elif data.most_seeds == data.seeds:
        found.append(f"--seeds {data.seeds}")
    # Otherwise every seed that is finished counts, as long as nobody names a number.
    if data.archive:
        found.append(f"--archive {shlex.quote(data.archive)}")
    return found
