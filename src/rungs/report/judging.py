"""The verdict on every rung of a report, and what a comparison is to be read with."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from rungs.recipe import Recipe
from rungs.report.data import Answering, RungReport
from rungs.study import Study
from rungs.verdicts import Evidence, Verdict, differing, judge

AFTER_THE_TEST = "added after the test was seen"


def judged(
    study: Study, rungs: tuple[RungReport, ...], added: Collection[str]
) -> tuple[RungReport, ...]:
    """Every rung that stands on another with the verdict on it.

    The family is all rungs of the study that stand on another, finished or not: it does not grow
    with what happens to be finished. Rungs that were added after the test set was seen are no part
    of it; each is a family of its own, and marked. So are those that an option adds, together: the
    ladder's words do not change with them.
    """
    by_name = {rung.name: rung for rung in rungs}
    ladder = [rung.name for rung in study.rungs if rung.asked_by == "study"]
    pools = {
        "study": [rung.correct for rung in rungs if rung.name in ladder],
        "option": [rung.correct for rung in rungs],
    }

    def family(names: Sequence[str], pool: str) -> list[Verdict]:
        pairs = []
        for name in names:
            rung, parent = by_name.get(name), by_name.get(study.rung(name).after or "")
            if rung is not None and parent is not None:
                marks: tuple[str, ...] = (AFTER_THE_TEST,) if name in added else ()
                marks = (*marks, *marks_of(study, rung, parent))
                against = Evidence(parent.name, parent.correct)
                pairs.append((Evidence(name, rung.correct, marks), against))
        return list(judge(pairs, pools[pool], family=len(names)))

    verdicts: list[Verdict] = []
    for source in dict.fromkeys(rung.asked_by for rung in study.rungs):
        asked = [rung.name for rung in study.rungs if rung.asked_by == source and rung.after]
        if source != "study":
            verdicts += family(asked, "option")
            continue
        verdicts += family([name for name in asked if name not in added], "study")
        for name in asked:
            if name in added:
                verdicts += family([name], "study")
    by_rung = {verdict.name: verdict for verdict in verdicts}
    return tuple(replace(rung, verdict=by_rung.get(rung.name)) for rung in rungs)


def marks_of(study: Study, item: Answering, against: Answering) -> tuple[str, ...]:
    """What a comparison is to be read with, beside its figures."""
    marks = []
    declared = isinstance(item, RungReport) and item.after == against.name
    changes = item.changes if isinstance(item, RungReport) and declared else ()
    if len(changes) > 1:
        marks.append(f"bundle of {len(changes)} changes")
    if item.epochs != against.epochs:
        marks.append(f"unequal budget: {item.epochs} epochs against {against.epochs}")
    if not declared:
        # Between a rung and the one that it stands on, the study itself says what differs.
        ours, theirs = _recipe(study, item), _recipe(study, against)
        for words, name in (("batch size", "batch_size"), ("precision", "precision")):
            values = getattr(ours, name), getattr(theirs, name)
            if values[0] != values[1]:
                marks.append(f"{words} differs: {values[0]} against {values[1]}")
    marks += differing(item.records, against.records)
    for one in (item, against):
        if one.failed:
            marks.append(f"{len(one.failed)} failed of {one.name}")
        missing = one.planned_seeds - len(one.seeds) - len(one.failed)
        if one.seeds and missing:
            marks.append(f"{missing} of {one.planned_seeds} seeds of {one.name} missing")
        if one.inexact:
            marks.append(f"{len(one.inexact)} of {one.name} went on under another record")
    return tuple(marks)


def _recipe(study: Study, item: Answering) -> Recipe:
    if isinstance(item, RungReport):
        return study.rung(item.name).recipe
    return next(one.recipe for one in study.ensembles if one.name == item.name)
