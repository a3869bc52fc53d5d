"""Sentences of the document on a rung, its effect and the evidence for it."""

from rungs.foundation.wording import counted
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import (
    interval,
    min_detectable,
    p_value,
    percent,
    point_range,
    points,
)
from rungs.report.show.tables.ladder import with_values
from rungs.statistics.verdicts import Verdict


def named(rung: RungReport) -> str:
    """A rung's title, and its name where that is another."""
    return rung.title if rung.title == rung.name else f"{rung.title} ({rung.name})"


def reached(spread: Spread) -> str:
    """An accuracy as mean and values."""
    return f"{with_values(spread)} %" if spread.values else "no figure yet"


def _seeds(verdict: Verdict) -> str:
    ours, theirs = verdict.n_seeds
    if ours == theirs:
        return counted(ours, "seed") + (" each" if ours > 1 else "")
    return f"{ours} and {theirs} seeds"


def evidence(verdict: Verdict) -> str:
    """What a verdict stands on, for brackets."""
    parts = []
    if verdict.images_only is not None:
        parts.append(f"95 % interval {point_range(*verdict.images_only)} for these two models")
    elif verdict.low is not None:
        over = f"simultaneous over {verdict.family} comparisons"
        alone = "of this comparison alone" if verdict.family == 1 else over
        parts.append(f"95 % interval {interval(verdict)}, {alone}")
    if verdict.p_adjusted is not None:
        parts.append(f"adjusted p {p_value(verdict.p_adjusted)}")
    return "; ".join([*parts, _seeds(verdict), f"{verdict.n_images:,} images"])


_WORDS = {
    "helps": "It helps",
    "hurts": "It hurts",
    "no difference": "It makes no difference",
    "undecided": "Whether it helps is undecided",
    "one seed": "With one seed there is no verdict",
}


def effect(verdict: Verdict | None, data: ReportData) -> str:
    """The effect of a change with its evidence, in a sentence."""
    if verdict is None or verdict.delta is None:
        return "What it does is not known yet: runs are missing."
    shown = f"{points(verdict.delta)} points on {data.effects_on} ({evidence(verdict)})"
    if not data.has_words:
        return f"The difference is {shown}."
    sentence = f"{_WORDS[verdict.outcome]}: {shown}"
    if verdict.outcome == "no difference":
        sentence += f"; the interval lies within ±{percent(verdict.margin)} points"
    if verdict.outcome == "undecided" and verdict.detectable is not None:
        least = min_detectable(verdict.detectable)
        sentence += f"; the minimum detectable difference is {least} points"
    return f"{sentence}."
