"""One recipe against another: any two rungs, ensembles or single runs of a report."""

from collections.abc import Callable
from dataclasses import replace

from rungs.evidence.baselines import LAST_ALONE
from rungs.foundation.errors import RungsError
from rungs.foundation.wording import did_you_mean, shown
from rungs.report.figures.caveats import AFTER_THE_TEST, OUTSIDE
from rungs.report.figures.ensembles import Answering, EnsembleReport
from rungs.report.figures.whole import ReportData
from rungs.report.gather.judging import caveats_of, evidence_of, judge_pairs, pool_of
from rungs.statistics.verdicts import OWN_SEEDS, Evidence, Verdict
from rungs.study import Claim


def compare(
    data: ReportData, one: str, other: str, otherwise: Callable[[str], str] = lambda _: ""
) -> Verdict:
    """The verdict on ``one`` against ``other``.

    A rung and the one that it stands on get the study's own verdict, corrected for the study's
    family, and so do an ensemble or a baseline of it and the single model, whichever is named
    first.
    Any other pair was not among the study's questions: it is a family of one, and marked so.

    Args:
        data: a report with test figures.
        one: name of a rung or an ensemble, or ``NAME@SEED`` for a single run of it.
        other: what it is held against.
        otherwise: what to add of the name of one that is not finished, such as where it is.

    Raises:
        RungsError: no such name, nothing finished, both are the same, or the test set is sealed.
    """
    asked = next((item for item in _asked(data) if {item.name, item.against} == {one, other}), None)
    if asked is not None and asked.delta is not None:
        return asked if asked.name == one else _turned(data, asked)
    (a, evidence), (b, against) = _find(data, one), _find(data, other)
    if data.sealed and data.study.folds is None:
        raise RungsError(
            f"the test set of study '{data.study.name}' is sealed, and comparisons are made on it; "
            "choose by what `rungs report` says of validation; `rungs unseal` opens the test set "
            "when all is chosen"
        )
    if one == other:
        raise RungsError(f"both are {shown(one)}: there is nothing to compare")
    for item in (evidence, against):
        _check(item, otherwise)
    added = [name for name in dict.fromkeys((a.name, b.name)) if name in data.added]
    caveats = (*(f"{name} {AFTER_THE_TEST}" for name in added), *caveats_of(data.study, a, b))
    pool = pool_of(data.study, data.rungs)
    pool += [evidence_of(data.study, item) for item in (a, b) if isinstance(item, EnsembleReport)]
    judged = replace(evidence, caveats=(*caveats, OUTSIDE))
    return judge_pairs(data.study, [(judged, against)], pool, family=1, margin=data.margin)[0]


def _asked(data: ReportData) -> list[Verdict]:
    """The verdicts of the study's families, the ladder's before those of ensembles."""
    ladder = (rung.verdict for rung in data.rungs)
    return [*(item for item in ladder if item is not None), *data.baseline_verdicts]


def _turned(data: ReportData, asked: Verdict) -> Verdict:
    """The same verdict said of the other side, its caveats the other way round as well."""
    kept = [caveat for caveat in asked.caveats if caveat in (AFTER_THE_TEST, OWN_SEEDS)]
    # The last snapshot alone is of the ensemble's own runs, and has its caveats.
    sides = (_named(data, name.removesuffix(LAST_ALONE)) for name in (asked.against, asked.name))
    return replace(asked.turned(), caveats=(*kept, *caveats_of(data.study, *sides)))


def _check(evidence: Evidence, otherwise: Callable[[str], str]) -> None:
    if not len(evidence.correct):
        also = otherwise(evidence.name)
        raise RungsError(f"{shown(evidence.name)} has no finished run with test figures yet{also}")


def _named(data: ReportData, name: str) -> Answering:
    found = data.find(name)
    if found is None:
        hint = did_you_mean(name, [item.name for item in data.answering])
        raise RungsError(f"study '{data.study.name}' has no rung or ensemble {shown(name)}{hint}")
    return found


def _find(data: ReportData, name: str) -> tuple[Answering, Evidence]:
    """The rung or ensemble, and the answers that the name stands for."""
    whole, at, seed = name.partition("@")
    found = _named(data, whole)
    evidence = evidence_of(data.study, found)
    if not at:
        return found, evidence
    places = {str(number): place for place, number in enumerate(found.seeds)}
    if seed not in places:
        known = ", ".join(places) or "none"
        raise RungsError(
            f"{shown(whole)} has no finished seed {shown(seed)}; finished seeds: {known}"
        )
    place = places[seed]
    one = slice(place, place + 1)
    # Other seeds of the same name have no part in it: nor have their records and failures.
    run = replace(
        found,
        seeds=found.seeds[one],
        planned_seeds=1,
        failed=(),
        inexact=tuple(number for number in found.inexact if str(number) == seed),
        records=found.records[one],
        late=tuple(number for number in found.late if str(number) == seed),
    )
    return run, replace(evidence, name=name, correct=found.correct[one])


def climbed(data: ReportData) -> Verdict | None:
    """The final rung against the base, of that comparison alone; None where it cannot be made."""
    if data.study.final == data.study.base or data.sealed or not data.with_test:
        return None
    try:
        return compare(data, data.study.final, data.study.base)
    except RungsError:  # one of them is not there, or not finished
        return None


# Whose difference is a comparison of two recipes on the test set; with folds, validation's is.
_COMPARED = ("test_accuracy", "ensemble_test_accuracy")


def claim_verdict(data: ReportData, claim: Claim) -> Verdict | None:
    """The verdict that a claim stands on; None where it compares no two recipes of this report.

    Args:
        data: a report, whole.
        claim: of its study.
    """
    sides = [claim.quantity, *([] if claim.than is None else [claim.than])]
    names = [side.rung or side.ensemble for side in sides]
    if (claim.budget or data.budget) in data.elsewhere or len(sides) < 2:
        return None
    compared = _COMPARED if data.study.folds is None else ("val_accuracy",)
    if names[0] is None or names[1] is None or any(s.measure not in compared for s in sides):
        return None
    try:
        return compare(data, names[0], names[1])
    except RungsError:  # a side is not there, or not finished
        return None
