"""A report as one HTML page that needs nothing else: no file, no network, no script to be read.

The templates hold words and form; here stands what they show. Everything that comes from a study
file or a run is escaped by the template engine, and the page's own content policy lets no script
run but the one that it is written with.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from rungs.evidence.claims import RARE, STATUSES, ClaimOutcome
from rungs.evidence.metrics import RESAMPLES
from rungs.foundation.wording import counted
from rungs.report.figures.gallery import Gallery
from rungs.report.figures.runs import RunState
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import SIDE
from rungs.report.show.commands import command, commands
from rungs.report.show.dot_names import HEIGHT, labels_of
from rungs.report.show.grounds import (
    Scope,
    baseline_traces,
    claim_scope,
    claim_traces,
    title_of,
    verdict_trace,
)
from rungs.report.show.page.classes import MOST_GROUPS, class_table, confusion
from rungs.report.show.page.curves import curves, pair
from rungs.report.show.page.growth import growth_plot
from rungs.report.show.page.now import now
from rungs.report.show.page.recipes import shown_recipe
from rungs.report.show.page.strip import strip
from rungs.report.show.placing import effect_scale, tradeoff_plot
from rungs.report.show.section import (
    Section,
    count,
    interval,
    megaflops,
    million_macs,
    nats,
    percent,
    points,
    seconds,
    shown_value,
)
from rungs.report.show.sections import claims_line, noted, plain_lines
from rungs.report.show.tables.baselines import best_words, compared, member_sections
from rungs.report.show.tables.beyond import beyond_accuracy, without_doubtful
from rungs.report.show.tables.classes import extremes
from rungs.report.show.tables.ladder import costs, ladder
from rungs.report.show.tables.readings import readings_section
from rungs.report.show.tables.rounds import rounds_section
from rungs.report.show.tables.speed import speed
from rungs.report.show.tables.tradeoffs import tradeoff_section
from rungs.report.show.tables.verdicts import counted_words, reach_words, verdicts, verdicts_of
from rungs.study.plan import epochs_named


@dataclass(frozen=True)
class Served:
    """How a page is kept up by the process that serves it.

    Attributes:
        version: of all that `parts` and `texts` do not change; the page is read again for another.
        problem: a sentence, where what is shown is not what is there now; empty otherwise.
    """

    version: str
    problem: str = ""


def to_html(
    data: ReportData, gallery: Gallery | None = None, *, served: Served | None = None
) -> str:
    """The page, as one string.

    Args:
        data: what is known.
        gallery: pictures to show; None for a page without any.
        served: of a page that is served while its study trains; None for one that is a file.
    """
    script = _script(served is not None)
    judged = verdicts_of(data)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            **_going_on(data, served=served is not None),
            style=Markup(_source("page.css") + _source("print.css")),
            script=Markup(script),
            policy=content_policy(served=served is not None),
            cost_height=HEIGHT,
            refresh=_refresh(data),
            served=served,
            ask_again=_ASK_AGAIN_SECONDS,
            # Where it is not what the budget's name says.
            epochs="" if epochs_named(data.budget) is not None else _epochs(data),
            chosen=data.chosen,
            strip=strip(data),
            ladder=_beside_the_figures(ladder(data, "medium")),
            costs=_priced(data),
            verdicts=verdicts(data),
            climb="" if data.climb is None else interval(data.climb),
            words=counted_words(data),
            best_ensemble=best_words(data),
            reach=reach_words(judged),
            caveats=[(item.name, "; ".join(item.caveats)) for item in judged if item.caveats],
            beyond=beyond_accuracy(data),
            doubtful=without_doubtful(data),
            traces=[verdict_trace(data, item) for item in judged],
            claim_traces=claim_traces(data),
            baseline_traces=baseline_traces(data),
            readings=data.readings,
            effect_scale=effect_scale(data.readings),
            readings_table=readings_section(data),
            tradeoffs=[(plot, labels_of(plot)) for plot in map(tradeoff_plot, data.tradeoffs)],
            diagrams=data.diagrams,
            claims=_claims(data),
            few_claims=_FEW_CLAIMS,
            claims_line=claims_line(data),
            resamples=RESAMPLES,
            ensembles=[growth_plot(item, data) for item in data.growing],
            compared=[compared(table) for table in data.baselines],
            members=member_sections(data.baselines),
            curves=curves(data),
            pair=pair(data),
            extremes=extremes(data),
            classes=[class_table(rung, data) for rung in data.rungs if rung.classes],
            confusions=[
                confusion(rung, rung.confusion, data) for rung in data.rungs if rung.confusion
            ],
            many_groups=len(data.group_names) > MOST_GROUPS,
            gallery=gallery,
            recipes=[shown_recipe(rung, data) for rung in data.rungs],
            rounds=rounds_section(data.rounds),
            speed=speed(data),
            noted=noted(data),
            environment=plain_lines(data),
            commands=commands(data),
        )
    )


def parts(data: ReportData) -> dict[str, str]:
    """What of a served page changes with every epoch: HTML of elements, by their ids."""
    given = _going_on(data, served=True)
    return {
        name: _environment().get_template(f"{name}.html.j2").render(**given, served=True).strip()
        for name in ("now", "progress")
    }


def texts(data: ReportData) -> dict[str, str]:
    """And the words in it that change, by the ids of their elements."""
    found: dict[str, str] = {}
    for run in data.runs:
        if run.state in _UNFINISHED:
            found[f"state-{run.key}"] = run.state
            found[f"epochs-{run.key}"] = f"{run.epochs_done} of {run.epochs}"
    return found


def content_policy(*, served: bool) -> str:
    """What a page may do: be shown, run its own script, and where it is served ask its server."""
    digest = base64.b64encode(hashlib.sha256(_script(served).encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            f"script-src 'sha256-{digest}'",
            "img-src data:",
            *(("connect-src 'self'",) if served else ()),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _script(served: bool) -> str:
    return _source("page.js") + (_source("follow.js") if served else "")


def _going_on(data: ReportData, *, served: bool) -> dict[str, Any]:
    """What the parts of the page need that change with every epoch."""
    shown = served or (data.under_way.begun and not data.archive)
    return {
        "data": data,
        "now": now(data) if shown else None,
        "state": _counts(data.runs),
        "side": SIDE,
        "titles": {rung.name: title for rung in data.rungs if (title := title_of(rung))},
        "watching": command(data, "watch"),
        "wide_columns": _WIDE,
    }


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
        "count": count,
        "counted": counted,
        "megaflops": megaflops,
        "million_macs": million_macs,
        "nats": nats,
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


# What of the ladder stands beside its plot.
_BESIDE = ("vs previous", "verdict")
# Columns of sentences: on a narrow screen a whole line of a card is theirs.
_WIDE = ("outcome", "caveats", "what it is", "measured on", "Pareto-optimal in", "notes")
# Up to so many claims are all shown; of more, those that were refuted.
_FEW_CLAIMS = 6


def _beside_the_figures(section: Section) -> Section:
    """The ladder's table without what stands beside its plot, and without empty columns."""
    order = [
        number
        for number, name in enumerate(section.columns)
        if name not in _BESIDE and any(row[number] for row in section.rows)
    ]
    return replace(
        section,
        columns=tuple(section.columns[i] for i in order),
        rows=tuple(tuple(row[i] for i in order) for row in section.rows),
    )


def _priced(data: ReportData) -> Section:
    """What each rung costs, and in which costs it is Pareto-optimal."""
    section, tradeoffs = costs(data), tradeoff_section(data)
    if not tradeoffs.rows:
        return section
    optimal = {row[0]: row[-1] for row in tradeoffs.rows}
    return replace(
        section,
        columns=(*section.columns, tradeoffs.columns[-1]),
        rows=tuple((*row, optimal.get(row[0].strip(), "")) for row in section.rows),
        lines=(*section.lines, *tradeoffs.lines),
    )


def _counts(runs: Sequence[RunState]) -> dict[str, int]:
    states = [run.state for run in runs]
    return {name: states.count(name) for name in ("finished", "failed", "begun", "to do")} | {
        "all": len(states)
    }


# Seconds after which the page of an unfinished study is read again; runs rewrite it every few.
_REFRESH_SECONDS = 10
# Seconds after which a page that is served asks what is new.
_ASK_AGAIN_SECONDS = 2
# States of runs that change.
_UNFINISHED = ("begun", "to do")


def _refresh(data: ReportData) -> int:
    """Seconds after which the page reads itself again; 0 for never, as in an archive."""
    unfinished = any(run.state in _UNFINISHED for run in data.runs)
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


def _claims(data: ReportData) -> list[tuple[str, str, list[tuple[ClaimOutcome, Scope]]]]:
    """Status, its word for names in the page, and its claims with what they are about."""
    scopes = (claim_scope(data, claim) for claim in data.study.claims)
    claims = list(zip(data.claims, scopes, strict=True))
    return [
        (
            status,
            status.replace(",", "").replace(" ", "-"),
            [item for item in claims if item[0].status == status],
        )
        for status in STATUSES
        if status not in RARE or any(claim.status == status for claim, _ in claims)
    ]
