"""What each statement of a report stands on: n, seeds, interval, p, family, and a command."""

from dataclasses import dataclass, replace

from rungs.evidence.claims import ClaimOutcome
from rungs.foundation.wording import counted
from rungs.report.figures.baselines import BaselineRow
from rungs.report.figures.caveats import AFTER_THE_TEST, OUTSIDE
from rungs.report.figures.ensembles import Answering, EnsembleReport
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.commands import compare_command, report_command
from rungs.report.show.section import (
    interval,
    min_detectable,
    p_value,
    percent,
    point_range,
    points,
    sureness,
)
from rungs.statistics.levels import POWER
from rungs.statistics.verdicts import Verdict
from rungs.study import Claim, Quantity, Rung


@dataclass(frozen=True)
class Trace:
    """A statement, opened: words and what stands for them, and the command that says it again."""

    title: str
    lines: tuple[tuple[str, str], ...]
    command: str


def verdict_trace(data: ReportData, item: Verdict) -> Trace:
    """What a verdict stands on."""
    names = " against ".join(_titled(data, name) for name in (item.name, item.against))
    title = f"{names}: {item.outcome}, {points(item.delta)} points"
    return Trace(title, tuple(_verdict_lines(data, item)), compare_command(data, item))


def _titled(data: ReportData, name: str) -> str:
    """A rung's name with what it is; of anything else the name."""
    rung = data.whole.rung(name)
    title = "" if rung is None else title_of(rung)
    return f"{name} ({title})" if title else name


def gain_trace(data: ReportData, item: EnsembleReport) -> Trace | None:
    """What an ensemble's gain over its own last member stands on; None without test figures."""
    if item.gain is None or item.gain_interval is None:
        return None
    title = f"{item.name} against its last member: {points(item.gain)} points"
    return Trace(title, tuple(_gain_lines(data, item)), report_command(data, None))


def _gain_lines(data: ReportData, item: EnsembleReport) -> list[tuple[str, str]]:
    if item.gain_interval is None:
        return []
    several = len(item.seeds) > 1
    whose = "seed by seed, for new seeds and new images" if several else _MODELS
    name = "" if several else f", McNemar, exact, {_MODELS}"
    lines = [
        ("n", f"{item.correct.shape[1]:,} test images; {counted(len(item.seeds), 'seed')}"),
        ("Seeds", _seeds(data, item.name)),
        ("Interval", f"{point_range(*item.gain_interval)} points, 95 %, {whose}"),
        ("p", f"{p_value(item.gain_p)}{name}"),
        ("Family", "1: this comparison alone, not corrected for others"),
    ]
    if item.late:
        lines.append(
            ("Caveats", f"{len(item.late)} of {counted(len(item.seeds), 'seed')} {AFTER_THE_TEST}")
        )
    return lines


def baseline_traces(data: ReportData) -> tuple[Trace, ...]:
    """What the verdict on each ensemble and baseline stands on."""
    found = [item for item in data.baseline_verdicts if item.delta is not None]
    traces = (verdict_trace(data, item) for item in found)
    return tuple(
        # Of a rung on the single model `rungs compare` tells the ladder's verdict instead.
        trace if _step(data, item) is None else replace(trace, command=report_command(data, None))
        for trace, item in zip(traces, found, strict=True)
    )


def _step(data: ReportData, item: Verdict) -> Rung | None:
    """The rung that stands on the other side of a verdict, if one does."""
    pair = {item.name, item.against}
    return next((rung for rung in data.study.rungs if {rung.name, rung.after} == pair), None)


def claim_traces(data: ReportData) -> tuple[Trace, ...]:
    """What each claim that was measured stands on."""
    return tuple(
        _claim_trace(data, claim, outcome, verdict)
        for claim, outcome, verdict in zip(
            data.study.claims, data.claims, data.claim_verdicts, strict=True
        )
        if outcome.measured is not None
    )


@dataclass(frozen=True)
class Scope:
    """What a claim is about: the budget, the finished seeds, and what its rungs are."""

    budget: str
    n: str
    about: str


def claim_scope(data: ReportData, claim: Claim) -> Scope:
    """What a claim is about; without a number of seeds where it is about no run."""
    quantities = [item for item in (claim.quantity, claim.than) if item is not None]
    names = dict.fromkeys(item.rung or item.ensemble or "" for item in quantities)
    found = [item for item in (_answering(data, claim, name) for name in names) if item is not None]
    numbers = [str(len(item.seeds)) for item in found]
    about = [f"{item.name}: {title}" for item in found if (title := title_of(item))]
    return Scope(
        claim.budget or data.budget, " and ".join(dict.fromkeys(numbers)), "; ".join(about)
    )


def title_of(item: Answering) -> str:
    """What a rung is, where that is more than its name."""
    return item.title if isinstance(item, RungReport) and item.title != item.name else ""


def _answering(data: ReportData, claim: Claim, name: str) -> Answering | None:
    elsewhere = data.whole.elsewhere.get(claim.budget or data.budget)
    every = data.whole.answering if elsewhere is None else elsewhere
    return next((item for item in every if item.name == name), None)


def _verdict_lines(data: ReportData, item: Verdict) -> list[tuple[str, str]]:
    lines = [
        (
            "n",
            f"{item.n_images:,} {_images_of(data)}; {item.n_seeds[0]} and {item.n_seeds[1]} seeds",
        ),
        ("Seeds", "; ".join(_seeds(data, name) for name in (item.name, item.against))),
    ]
    if item.images_only is not None:
        lines.append(("Interval", f"{point_range(*item.images_only)} points, 95 %, {_MODELS}"))
    elif item.low is not None:
        together = "" if item.family == 1 else "; simultaneous over the family"
        lines.append(("Interval", f"{interval(item)} points, 95 %{together}"))
    if item.p is not None and item.p_adjusted is None:
        lines.append(("p", f"{p_value(item.p)}, McNemar, exact, {_MODELS}"))
    elif item.p is not None:
        own = ""
        if item.p_pair is not None:
            own = f"; from their own seeds alone, uncorrected, {p_value(item.p_pair)}"
        lines.append(("p", f"{p_value(item.p)}, adjusted {p_value(item.p_adjusted)}{own}"))
    if item.sign is not None:
        lines.append(("Sign", f"{sureness(item.sign)} sure, this comparison alone, not corrected"))
    if item.p_adjusted is not None:
        lines.append(("No difference", f"an interval within ±{percent(item.margin)} points"))
    lines.append(("Family", _family(data, item)))
    if item.detectable is not None:
        unit = " points" if item.detectable <= 1 else ""
        least = f"{min_detectable(item.detectable)}{unit}, with power {POWER:g}"
        lines.append(("Minimum detectable difference", least))
    if item.caveats:
        lines.append(("Caveats", "; ".join(item.caveats)))
    return lines


def _images_of(data: ReportData) -> str:
    """What is judged, by whom."""
    if data.study.folds is None:
        return "test images"
    return (
        f"images outside the test part, each answered by the models that did not see it, "
        f"{data.study.folds} a seed"
    )


# Whose interval and p, with one seed.
_MODELS = "these two trained models on new images"
# Of a family that is not what the study asks now.
_THEN = ", as it was when the test set was first seen"


def _family(data: ReportData, item: Verdict) -> str:
    if item.p_adjusted is None:
        return "none: with one seed nothing is corrected for other comparisons"
    alone = item.family == 1 and AFTER_THE_TEST in item.caveats
    if alone or OUTSIDE in item.caveats:
        return f"{item.family}: this comparison alone, not corrected for others"
    rung = _step(data, item)
    if rung is None or any(item is one for one in data.whole.baseline_verdicts):
        tables = (table.others for table in data.whole.baselines)
        its_own = (rows for rows in tables if any(item is row.verdict for row in rows))
        more = _THEN if item.family > len(next(its_own, ())) else ""
        return f"{item.family}: every ensemble and baseline, each against the single model{more}"
    if rung.asked_by != "study":
        return f"{item.family}: the rungs that {rung.asked_by} adds, each against {rung.after}"
    now = sum(one.after is not None and one.asked_by == "study" for one in data.study.rungs)
    then = "" if item.family == now else _THEN
    return f"{item.family}: every rung of the study that stands on another{then}"


def _seeds(
    data: ReportData, name: str, elsewhere: tuple[Answering | BaselineRow, ...] | None = None
) -> str:
    """The finished seeds of a rung, an ensemble or a baseline, here or at another budget."""
    data = data.whole
    if elsewhere is None:
        rows = (row for table in data.baselines for row in table.rows)
        elsewhere = (*data.answering, *rows)
    item = next((item for item in elsewhere if item.name == name), None)
    seeds = ", ".join(map(str, item.seeds)) if item is not None else ""
    return f"{seeds or 'none'} of {name}"


def _claim_trace(
    data: ReportData, claim: Claim, outcome: ClaimOutcome, verdict: Verdict | None
) -> Trace:
    quantities = [item for item in (claim.quantity, claim.than) if item is not None]
    names = [item.rung or item.ensemble or "" for item in quantities]
    words = " minus ".join(map(_words, quantities))
    lines = [("Measured", f"{words}, at budget {claim.budget or data.budget}: {outcome.shown}")]
    elsewhere = data.whole.elsewhere.get(claim.budget or data.budget)
    command = report_command(data, claim.budget)
    evidence: list[tuple[str, str]] = []
    if verdict is not None:
        evidence = _verdict_lines(data, verdict)
        command = compare_command(data, verdict)
    elif elsewhere is None and claim.quantity.measure == "ensemble_gain" and claim.than is None:
        gained = (item for item in data.whole.ensembles if item.name == claim.quantity.ensemble)
        evidence = [line for item in gained for line in _gain_lines(data, item)]
    if not evidence:
        lines += [("n", images) for images in _images(data, quantities)]
    if all(names):
        seeds = [_seeds(data, name, elsewhere) for name in dict.fromkeys(names)]
        lines.append(("Seeds", "; ".join(seeds)))
        lines += [("Of each seed", values) for values in _values(data, quantities, elsewhere)]
    known = dict(lines)
    lines += [line for line in evidence if line[0] not in known]
    return Trace(f"{outcome.status}: {outcome.text}", tuple(lines), command)


def _words(quantity: Quantity) -> str:
    name = quantity.rung or quantity.ensemble or quantity.part or ""
    return f"{quantity.measure.replace('_', ' ')} of {name}"


def _images(data: ReportData, quantities: list[Quantity]) -> list[str]:
    """How many images the accuracies of a claim were measured on."""
    sizes = data.study.data.sizes
    measures = {quantity.measure for quantity in quantities}
    if measures <= {*_ACCURACIES, "ensemble_gain"}:
        return [f"{sizes['test']:,} test images"]
    return [f"{sizes['validation']:,} validation images"] if measures == {"val_accuracy"} else []


def _values(
    data: ReportData, quantities: list[Quantity], elsewhere: tuple[Answering, ...] | None
) -> list[str]:
    """The values that a mean over seeds was taken of, where they are accuracies of rungs."""
    found = []
    every = data.whole.rungs if elsewhere is None else elsewhere
    for quantity in quantities:
        rung = next((item for item in every if item.name == quantity.rung), None)
        if isinstance(rung, RungReport) and quantity.measure in ("test_accuracy", "val_accuracy"):
            test = quantity.measure == "test_accuracy"
            spread = rung.test_accuracy if test else rung.val_accuracy
            shown = (f"{percent(value)} %" for value in spread.values)
            found.append(f"{rung.name}: {', '.join(shown)}")
    return found


_ACCURACIES = ("test_accuracy", "ensemble_test_accuracy")
