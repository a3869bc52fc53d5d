"""The verdict on every rung of a report, and what a comparison is to be read with."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from rungs.evidence.kinds import kind_of
from rungs.evidence.on_validation import answered, pooled
from rungs.recipe import recipe_key
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.report.figures.ensembles import Answering
from rungs.report.figures.rungs import RungReport
from rungs.report.gather.caveats import Side, caveats_between
from rungs.statistics.folds import judge_folds
from rungs.statistics.in_looks import judge_in_looks
from rungs.statistics.levels import MARGIN
from rungs.statistics.verdicts import Evidence, Verdict, judge
from rungs.store import Store
from rungs.study import Study
from rungs.study.plan import Plan


def judged(
    study: Study,
    rungs: tuple[RungReport, ...],
    added: Collection[str],
    least_family: int = 0,
    margin: float = MARGIN,
    looks: Sequence[int] = (),
) -> tuple[RungReport, ...]:
    """Every rung that stands on another with the verdict on it.

    The family is all rungs of the study that stand on another, finished or not: it does not grow
    with what happens to be finished, nor shrink with rungs that were given up after the test set
    was seen. Rungs that were added then are no part of it; each is a family of its own, and
    marked. So are those that an option adds, together: the ladder's words do not change with them.

    Args:
        study: the question.
        rungs: with figures, no verdicts yet.
        added: names of what was added after the test set was seen.
        least_family: comparisons that the study asked for when it was.
        margin: the largest difference that counts as none.
        looks: numbers of seeds after which the test set is looked at; none for a single look.
    """
    by_name = {rung.name: rung for rung in rungs}

    def family(names: Sequence[str], pool: list[Evidence], least: int = 0) -> list[Verdict]:
        pairs = []
        for name in names:
            rung, parent = by_name.get(name), by_name.get(study.rung(name).after or "")
            if rung is not None and parent is not None:
                caveats: tuple[str, ...] = (AFTER_THE_TEST,) if name in added else ()
                caveats = (*caveats, *caveats_of(study, rung, parent))
                sides = evidence_of(study, rung, caveats), evidence_of(study, parent)
                pairs.append(sides)
        size = max(len(names), least)
        return list(judge_pairs(study, pairs, pool, family=size, margin=margin, looks=looks))

    in_study = {rung.name for rung in study.rungs if rung.asked_by == "study"}
    ladder = [rung for rung in rungs if rung.name in in_study]
    verdicts: list[Verdict] = []
    for source in dict.fromkeys(rung.asked_by for rung in study.rungs):
        asked = [rung.name for rung in study.rungs if rung.asked_by == source and rung.after]
        if source != "study":
            verdicts += family(asked, pool_of(study, rungs))
            continue
        # What was added has no say in the words of the others either.
        settled = pool_of(study, [rung for rung in ladder if rung.name not in added])
        verdicts += family([name for name in asked if name not in added], settled, least_family)
        for name in asked:
            if name in added:
                verdicts += family([name], pool_of(study, ladder))
    by_rung = {verdict.name: verdict for verdict in verdicts}
    return tuple(replace(rung, verdict=by_rung.get(rung.name)) for rung in rungs)


def judge_pairs(
    study: Study,
    pairs: Sequence[tuple[Evidence, Evidence]],
    pool: Sequence[Evidence],
    *,
    family: int,
    margin: float,
    looks: Sequence[int] = (),
) -> tuple[Verdict, ...]:
    """Verdicts on pairs by answers to the same images, or with folds to what models did not see.

    Args:
        study: which says whether there are folds.
        pairs: what is judged, and what it is held against.
        pool: recipes over which the variance between seeds is pooled; not with folds, where a
            pair's own have degrees of freedom enough.
        family: number of comparisons.
        margin: the largest difference that counts as none, a fraction.
        looks: numbers of seeds after which the test set is looked at; none for a single look.
    """
    if looks:
        return judge_in_looks(pairs, pool, looks, family=family, margin=margin)
    if study.folds is None:
        return judge(pairs, pool, family=family, margin=margin)
    sizes = [spec.sizes["validation"] for spec in study.splits]
    return judge_folds(pairs, sizes, family=family, margin=margin)


def judged_on_validation(
    wanted: Plan, rungs: tuple[RungReport, ...], store: Store, margin: float
) -> tuple[RungReport, ...]:
    """Every rung that stands on another with what their answers on validation say.

    With folds as they are: their verdicts say it.

    Args:
        wanted: the plan that the rungs are of.
        rungs: with figures.
        store: where the runs are, and the labels of the validation images.
        margin: the largest difference that counts as none.
    """
    study = wanted.study
    if study.folds is not None:
        return rungs
    answers = answered(wanted, store)
    found: dict[str, Verdict] = {}
    for source in dict.fromkeys(rung.asked_by for rung in study.rungs):
        asked = [rung for rung in study.rungs if rung.asked_by == source and rung.after]
        pairs = [
            (answers[rung.name], answers[rung.after or ""])
            for rung in asked
            if rung.name in answers and rung.after in answers
        ]
        verdicts = judge(pairs, pooled(wanted, answers), family=len(asked), margin=margin)
        found |= {verdict.name: verdict for verdict in verdicts}
    return tuple(replace(rung, val_verdict=found.get(rung.name)) for rung in rungs)


def evidence_of(study: Study, item: Answering, caveats: tuple[str, ...] = ()) -> Evidence:
    """What a rung or an ensemble brings to a comparison."""
    if isinstance(item, RungReport):
        kind = kind_of(study.rung(item.name).recipe)
    else:
        found = next(one for one in study.ensembles if one.name == item.name)
        kind = kind_of(found.recipe, found.members)
    return Evidence(item.name, item.correct, caveats, kind)


def pool_of(study: Study, rungs: Sequence[RungReport]) -> list[Evidence]:
    """The answers over which the variance between seeds is pooled.

    Rungs of one recipe and length share their runs, which say no more for being named twice.
    """
    return list(
        {
            (recipe_key(study.rung(one.name).recipe), one.epochs): evidence_of(study, one)
            for one in rungs
        }.values()
    )


def caveats_of(study: Study, item: Answering, against: Answering) -> tuple[str, ...]:
    """What a comparison is to be read with, beside its figures."""
    # Between a rung and the one that it stands on, the study itself says what differs.
    step = next(
        (
            rung
            for rung, parent in ((item, against), (against, item))
            if isinstance(rung, RungReport) and rung.after == parent.name
        ),
        None,
    )
    changes = () if step is None else step.changes
    bundle = (f"bundle of {len(changes)} changes",) if len(changes) > 1 else ()
    sides = (side_of(study, one) for one in (item, against))
    return (*bundle, *caveats_between(*sides, declared=step is not None))


def side_of(study: Study, item: Answering) -> Side:
    """A rung or an ensemble as far as its caveats go."""
    if isinstance(item, RungReport):
        recipe, epochs = study.rung(item.name).recipe, item.epochs
        failed_seeds = len({seed for seed, _ in item.failed})
    else:
        recipe = next(one.recipe for one in study.ensembles if one.name == item.name)
        epochs, failed_seeds = item.epochs_of_all, len(item.failed_seeds)
    return Side(
        name=item.name,
        recipe=recipe,
        epochs=epochs,
        records=item.records,
        seeds=len(item.seeds),
        planned_seeds=item.planned_seeds,
        failed=len(item.failed),
        failed_seeds=failed_seeds,
        inexact=len(item.inexact),
        late=len(item.late),
    )
