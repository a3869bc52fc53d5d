"""Two studies, or one in two stores, rung by rung: judged where they answered the same images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rungs.evidence.on_validation import answered
from rungs.evidence.seal import read_seal
from rungs.foundation.errors import StoreError, UsageError
from rungs.foundation.wording import counted
from rungs.recipe import Recipe, diff, recipe_key
from rungs.report.figures.across import Across, Pair
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.report.figures.ensembles import Answering
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.gather.caveats import caveats_between
from rungs.report.gather.gathering import gather
from rungs.report.gather.judging import evidence_of, judge_pairs, side_of
from rungs.statistics.verdicts import Evidence
from rungs.store import Store
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung


@dataclass(frozen=True)
class Placed:
    """A study in a store.

    Attributes:
        plan: with every seed that is finished.
        store: where its runs are.
    """

    plan: Plan
    store: Store

    def __str__(self) -> str:
        return f"{self.plan.study.name} in {self.store.root} ({self.plan.budget})"

    def find(self, name: str) -> PlannedRung | PlannedEnsemble:
        """The rung or ensemble of that name, which it has."""
        items = {item.rung.name: item for item in self.plan.rungs}
        return items.get(name) or next(
            item for item in self.plan.ensembles if item.ensemble.name == name
        )

    def recipe(self, name: str) -> Recipe:
        """What is trained for a rung or an ensemble."""
        item = self.find(name)
        return item.rung.recipe if isinstance(item, PlannedRung) else item.ensemble.recipe

    def trained(self, name: str, known: Evidence) -> Mapping[str, bytes]:
        """Key -> what tells each finished run from another of the same key.

        Of a training that is its course, with its seconds; of a run that was recorded, of which no
        more need be known, the images that it has right, which ``known`` has.
        """
        runs = [spec for spec in self.find(name).runs if self.store.is_finished(spec.key)]
        if runs and runs[0].recorded:
            rows = (row.tobytes() for row in known.correct)
            return {spec.key: row for spec, row in zip(runs, rows, strict=True)}
        return {
            spec.key: (self.store.run_folder(spec.key) / "epochs.jsonl").read_bytes()
            for spec in runs
        }


def across(first: Placed, second: Placed) -> Across:
    """Every rung and ensemble of one study against what it is in another, or in another store.

    Both have it under one name, or one recipe. What answered the same images is judged: on test
    where the seals of both are broken, else, of rungs, on validation, and with folds on what models
    did not see. All pairs that are judged are one family.

    Raises:
        UsageError: both are the same.
        StoreError: something of a store is damaged.
    """
    same_place = first.store.root.resolve() == second.store.root.resolve()
    if same_place and first.plan == second.plan:
        raise UsageError(
            f"both are the runs of {first}: name another study, store or override to compare with"
        )
    sealed = [
        str(side) for side in (first, second) if read_seal(side.store.root, side.plan.study) is None
    ]
    tested = not sealed
    reports = tuple(gather(side.plan, side.store, with_test=tested) for side in (first, second))
    on = _on(first, second, reports)
    other_data = _other_data(first.plan, second.plan)
    evidence = tuple(
        _evidence(side, data, on) for side, data in zip((first, second), reports, strict=True)
    )
    names = _matched(first, second)
    pairs: list[Pair] = []
    judged: dict[int, tuple[Evidence, Evidence]] = {}
    for name, against in names:
        why = other_data or _incomparable(name, against, first, second, evidence, on)
        differs = _differs(first, second, name, against)
        if not why and name is not None and against is not None:
            caveats = _caveats(name, against, reports)
            ours = replace(evidence[0][name], caveats=caveats)
            judged[len(pairs)] = (ours, evidence[1][against])
        pairs.append(Pair(name or against or "", against if name else None, differs, why=why))
    pool = _pool(first, second, evidence)
    margin = min(data.margin for data in reports)
    study = first.plan.study
    verdicts = judge_pairs(study, [*judged.values()], pool, family=len(judged), margin=margin)
    for place, verdict in zip(judged, verdicts, strict=True):
        pairs[place] = replace(pairs[place], verdict=verdict)
    return Across(
        str(first),
        str(second),
        on,
        _reason(sealed) if on == "validation" else "",
        tuple(pairs),
    )


def _reason(sealed: Sequence[str]) -> str:
    """Why differences are of validation."""
    if not sealed:
        return "the test labels are not at hand"
    return f"the test set is sealed of {' and of '.join(sealed)}"


def _on(
    first: Placed, second: Placed, reports: tuple[ReportData, ...]
) -> Literal["test", "validation", "folds"]:
    if first.plan.study.folds is not None and second.plan.study.folds is not None:
        return "folds"
    return "test" if all(data.part == "test" for data in reports) else "validation"


def _other_data(first: Plan, second: Plan) -> str:
    """Why nothing of two plans can be compared; empty where they are of the same images."""
    one, other = first.study, second.study
    if one.folds != other.folds:
        words = (
            "no folds" if item is None else f"{item} folds" for item in (one.folds, other.folds)
        )
        return f"judged on other images: {' against '.join(words)}"
    ours, theirs = ([spec.fingerprint for spec in study.splits] for study in (one, other))
    if ours == theirs:
        return ""
    return (
        f"other images: {one.data.name} ({one.data.fingerprint}) against {other.data.name} "
        f"({other.data.fingerprint})"
    )


def _matched(first: Placed, second: Placed) -> list[tuple[str | None, str | None]]:
    """What of the first belongs to what of the second; None where the other has nothing."""
    left = [*second.plan.names]
    found: list[tuple[str | None, str | None]] = []
    same_name = [name for name in first.plan.names if name in left]
    for name in same_name:
        left.remove(name)
    for name in first.plan.names:
        if name in same_name:
            found.append((name, name))
            continue
        recipe = recipe_key(first.recipe(name))
        twin = next((one for one in left if recipe_key(second.recipe(one)) == recipe), None)
        if twin is not None:
            left.remove(twin)
        found.append((name, twin))
    return [*found, *((None, name) for name in left)]


def _evidence(side: Placed, data: ReportData, on: str) -> dict[str, Evidence]:
    """Name -> what each rung and ensemble answered rightly on the images that are judged on."""
    if on == "validation":
        return answered(side.plan, side.store)
    study = side.plan.study
    items: Iterable[Answering] = data.rungs if on == "folds" else data.answering
    return {item.name: evidence_of(study, item) for item in items}


def _incomparable(
    name: str | None,
    against: str | None,
    first: Placed,
    second: Placed,
    evidence: tuple[dict[str, Evidence], ...],
    on: str,
) -> str:
    """Why two cannot be compared; empty if they can."""
    if name is None:
        return f"only in {second}"
    if against is None:
        return f"only in {first}"
    for side, of, known in ((first, name, evidence[0]), (second, against, evidence[1])):
        if of not in known:
            return f"ensembles are not compared on {on}"
        if not len(known[of].correct):
            return f"not finished in {side}"
    ours = first.trained(name, evidence[0][name])
    theirs = second.trained(against, evidence[1][against])
    shared = [key for key, run in ours.items() if theirs.get(key) == run]
    if not shared:
        return ""
    number = counted(len(shared), "run")
    return f"the same on both sides: {number} of {len(ours)} and {len(theirs)}"


def _differs(
    first: Placed, second: Placed, name: str | None, against: str | None
) -> tuple[str, ...]:
    if name is None or against is None:
        return ()
    ours, theirs = first.find(name), second.find(against)
    changes = tuple(map(str, diff(second.recipe(against), first.recipe(name))))
    if ours.epochs != theirs.epochs:
        changes = (*changes, f"epochs: {theirs.epochs} -> {ours.epochs}")
    return changes


def _caveats(name: str, against: str, reports: tuple[ReportData, ...]) -> tuple[str, ...]:
    """What a comparison is to be read with, apart from what the recipes differ in."""
    found: list[str] = []
    sides = []
    for data, of in zip(reports, (name, against), strict=True):
        item = data.find(of)
        if item is None:
            raise StoreError(f"study '{data.study.name}' has no figures of {of}")
        added = item.name in data.added and (isinstance(item, RungReport) or data.with_test)
        found += [f"{of} of '{data.study.name}' {AFTER_THE_TEST}"] * added
        sides.append(side_of(data.study, item))
    return (*found, *caveats_between(*sides, declared=True))


def _pool(
    first: Placed, second: Placed, evidence: tuple[dict[str, Evidence], ...]
) -> list[Evidence]:
    """Over which the variance between seeds is pooled: each set of runs once."""
    found: dict[frozenset[tuple[str, bytes]], Evidence] = {}
    for side, known in zip((first, second), evidence, strict=True):
        for item in side.plan.rungs:
            one = known.get(item.rung.name)
            if one is not None and len(one.correct):
                found.setdefault(frozenset(side.trained(item.rung.name, one).items()), one)
    return [*found.values()]
