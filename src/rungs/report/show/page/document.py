"""A report as one HTML page that needs nothing else: no file, no network, no script to be read.

The templates hold words and form; here stands what they show. Everything that comes from a study
file or a run is escaped by the template engine, and the page's own content policy lets no script
run but the one that it is written with.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from rungs.evidence.claims import RARE, STATUSES, ClaimOutcome
from rungs.evidence.metrics import RESAMPLES
from rungs.foundation.wording import counted
from rungs.report.figures.gallery import Gallery
from rungs.report.figures.runs import RunState
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import SIDE
from rungs.report.show.commands import commands
from rungs.report.show.dot_names import HEIGHT, labels_of
from rungs.report.show.grounds import baseline_traces, claim_traces, verdict_trace
from rungs.report.show.page.classes import MOST_GROUPS, class_table, confusion
from rungs.report.show.page.curves import curves, pair
from rungs.report.show.page.growth import growth_plot
from rungs.report.show.page.recipes import shown_recipe
from rungs.report.show.page.strip import strip
from rungs.report.show.placing import effect_scale, tradeoff_plot
from rungs.report.show.section import (
    Section,
    interval,
    megaflops,
    percent,
    points,
    seconds,
    shown_value,
)
from rungs.report.show.sections import claims_line, plain_lines
from rungs.report.show.tables.baselines import baseline_sections
from rungs.report.show.tables.beyond import beyond_accuracy, without_doubtful
from rungs.report.show.tables.ladder import COSTS, costs, ladder
from rungs.report.show.tables.readings import readings_section
from rungs.report.show.tables.rounds import rounds_section
from rungs.report.show.tables.speed import speed
from rungs.report.show.tables.tradeoffs import tradeoff_section
from rungs.report.show.tables.verdicts import counted_words, verdicts, verdicts_of
from rungs.study.plan import epochs_named


def to_html(data: ReportData, gallery: Gallery | None = None) -> str:
    """The page, as one string.

    Args:
        data: what is known.
        gallery: pictures to show; None for a page without any.
    """
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            data=data,
            style=Markup(_source("page.css") + _source("print.css")),
            script=Markup(script),
            script_digest=digest,
            side=SIDE,
            cost_height=HEIGHT,
            state=_counts(data.runs),
            refresh=_refresh(data),
            # Where it is not what the budget's name says.
            epochs="" if epochs_named(data.budget) is not None else _epochs(data),
            chosen=data.chosen,
            strip=strip(data),
            ladder=_figures_first(ladder(data)),
            costs=costs(data),
            cost_columns=COSTS,
            verdicts=verdicts(data),
            climb="" if data.climb is None else interval(data.climb),
            words=counted_words(data),
            beyond=beyond_accuracy(data),
            doubtful=without_doubtful(data),
            traces=[verdict_trace(data, item) for item in verdicts_of(data)],
            claim_traces=claim_traces(data),
            baseline_traces=baseline_traces(data),
            readings=data.readings,
            effect_scale=effect_scale(data.readings),
            readings_table=readings_section(data),
            tradeoffs=[(plot, labels_of(plot)) for plot in map(tradeoff_plot, data.tradeoffs)],
            tradeoff_table=tradeoff_section(data),
            diagrams=data.diagrams,
            claims=_claims(data.claims),
            claims_line=claims_line(data),
            resamples=RESAMPLES,
            ensembles=[growth_plot(item, data) for item in data.growing],
            baselines=baseline_sections(data.baselines),
            curves=curves(data),
            pair=pair(data),
            classes=[class_table(rung, data) for rung in data.rungs if rung.classes],
            confusions=[
                confusion(rung, rung.confusion, data) for rung in data.rungs if rung.confusion
            ],
            many_groups=len(data.group_names) > MOST_GROUPS,
            gallery=gallery,
            recipes=[shown_recipe(rung, data) for rung in data.rungs],
            rounds=rounds_section(data.rounds),
            speed=speed(data),
            environment=plain_lines(data),
            commands=commands(data),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rungs.report.show.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "megaflops": megaflops,
        "percent": percent,
        "points": points,
        "prose": _prose,
        "seconds": seconds,
        "value": shown_value,
    }
    return environment


def _prose(text: str) -> Markup:
    """A sentence whose `code` is shown as code; all else in it is text."""
    # As plain text: whatever is put into a Markup is escaped.
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


@cache
def _source(name: str) -> str:
    """A file beside the templates; our own words, so nothing in it is escaped."""
    text = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    return "\n" + text


# Columns of the ladder that a narrow screen shows without being moved.
_FIRST = ("rung", "", "val %", "test %", "vs previous", "vs base")


def _figures_first(section: Section) -> Section:
    """The ladder's table with its accuracies at the front, without columns that are empty."""
    shown = [i for i in range(len(section.columns)) if any(row[i] for row in section.rows)]
    order = sorted(
        shown,
        key=lambda i: (
            _FIRST.index(section.columns[i]) if section.columns[i] in _FIRST else len(_FIRST)
        ),
    )
    return replace(
        section,
        columns=tuple(section.columns[i] for i in order),
        rows=tuple(tuple(row[i] for i in order) for row in section.rows),
    )


def _counts(runs: Sequence[RunState]) -> dict[str, int]:
    states = [run.state for run in runs]
    return {name: states.count(name) for name in ("finished", "failed", "begun", "to do")} | {
        "all": len(states)
    }


# Seconds after which the page of an unfinished study is read again; runs rewrite it every few.
_REFRESH_SECONDS = 10


def _refresh(data: ReportData) -> int:
    """Seconds after which the page reads itself again; 0 for never, as in an archive."""
    unfinished = any(run.state in ("begun", "to do") for run in data.runs)
    return _REFRESH_SECONDS if unfinished and not data.archive else 0


def _epochs(data: ReportData) -> str:
    """The budget's epochs in words."""
    found = sorted({rung.epochs for rung in data.rungs} | {item.epochs for item in data.ensembles})
    if not found:
        return ""
    return (
        f"{counted(found[0], 'epoch')} each"
        if len(found) == 1
        else f"{found[0]} to {found[-1]} epochs"
    )


def _claims(claims: Sequence[ClaimOutcome]) -> list[tuple[str, str, list[ClaimOutcome]]]:
    """Status, its word for names in the page, and its claims."""
    return [
        (
            status,
            status.replace(",", "").replace(" ", "-"),
            [claim for claim in claims if claim.status == status],
        )
        for status in STATUSES
        if status not in RARE or any(claim.status == status for claim in claims)
    ]
