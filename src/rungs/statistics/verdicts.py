"""Verdicts: what the evidence says of a change, in one word that its p-value has earned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from rungs.statistics.difference import Difference, difference
from rungs.statistics.levels import ALPHA, MARGIN, POWER
from rungs.statistics.power import detectable
from rungs.statistics.predictions import BoolArray
from rungs.statistics.seeds import Pools
from rungs.statistics.significance import holm, mcnemar, paired_interval

# A caveat: the ladder's seeds would say so, the two recipes' few seeds do not.
OWN_SEEDS = "its own seeds vary too much, or are too few, to show it alone"

Outcome = Literal["helps", "hurts", "no difference", "undecided", "one seed", "not run"]

# What JSON calls a field otherwise.
_KEYS = {"caveats": "marks"}
# The word the other way round; the others say the same of both sides.
_TURNED: dict[Outcome, Outcome] = {"helps": "hurts", "hurts": "helps"}


@dataclass(frozen=True)
class Evidence:
    """The test answers of one recipe.

    Attributes:
        name: of the rung, run or ensemble.
        correct: whether each answer is right, [seeds, images]; no seeds while nothing is finished.
        caveats: what a comparison with it is to be read with.
        kind: recipes of one kind are taken to vary alike between seeds.
    """

    name: str
    correct: BoolArray
    caveats: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is known of one recipe against another. Accuracies and differences are fractions.

    Attributes:
        name: what is judged.
        against: what it is held against.
        outcome: the word.
        delta: mean accuracy of ``name`` minus that of ``against``.
        low: of the interval for the difference over new seeds and images: simultaneous over the
            family (Bonferroni), and ending at zero where Holm's test has decided the side.
        high: the interval's other end.
        p: uncorrected. With one seed it is McNemar's, of these two trained models alone.
        p_pair: by the seeds of these two recipes alone, a part of both other p; None where fewer
            than three seeds leave it out.
        p_adjusted: the p that decides: Holm's, or ``p_pair`` where that is larger; None with one
            seed.
        n_seeds: of ``name`` and of ``against``.
        n_images: test images.
        family: number of comparisons corrected for.
        detectable: the true difference that these seeds and images would have found with
            probability `POWER`, as the smallest p-value of the family.
        caveats: what else is to be known.
        margin: the largest difference that counts as none, a fraction.
        sign: how sure it is that the true difference has the sign of ``delta``: one less the
            one-sided p, not corrected for the family; None with one seed.
        images_only: with one seed on both sides the 95 % interval of the difference between these
            two trained models on new images, as `rungs.statistics.paired_interval` finds it.
    """

    name: str
    against: str
    outcome: Outcome
    delta: float | None
    low: float | None
    high: float | None
    p: float | None
    p_pair: float | None
    p_adjusted: float | None
    n_seeds: tuple[int, int]
    n_images: int
    family: int
    detectable: float | None
    caveats: tuple[str, ...] = ()
    margin: float = MARGIN
    sign: float | None = None
    images_only: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; caveats stand under ``marks``, as they always did."""
        return {
            _KEYS.get(name, name): list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def turned(self) -> "Verdict":
        """The same evidence, said of ``against``; caveats as they are."""
        # Taken from zero: no difference stays +0.0.
        delta, low, high = (
            None if end is None else 0.0 - end for end in (self.delta, self.high, self.low)
        )
        return replace(
            self,
            name=self.against,
            against=self.name,
            outcome=_TURNED.get(self.outcome, self.outcome),
            delta=delta,
            low=low,
            high=high,
            n_seeds=self.n_seeds[::-1],
            images_only=self.images_only and (-self.images_only[1], -self.images_only[0]),
        )


def judge(
    pairs: Sequence[tuple[Evidence, Evidence]],
    pool: Sequence[Evidence],
    *,
    family: int,
    margin: float = MARGIN,
    share: float = 1.0,
) -> tuple[Verdict, ...]:
    """One verdict for each pair (judged, held against), corrected for the family together.

    Args:
        pairs: recipes that answered the same images.
        pool: all recipes over which the variance between seeds is pooled, each kind by itself.
        family: number of comparisons that the study asks for, finished or not.
        margin: the largest difference that counts as none, a fraction.
        share: of the level that is spent here: the adjusted p is larger by as much, and intervals
            are wider.
    """
    pools = Pools([(one.kind, one.correct) for one in pool])
    tested: dict[int, Difference] = {}
    for place, (a, b) in enumerate(pairs):
        if pools.variance is not None and min(len(a.correct), len(b.correct)) > 1:
            tested[place] = difference(a.correct, b.correct, pools, (a.kind, b.kind))
    corrected = holm([item.p_family for item in tested.values()], family=family)
    adjusted = dict(zip(tested, corrected, strict=True))
    return tuple(
        _tested(a, b, tested[place], adjusted[place], family, margin, share)
        if place in tested
        else _untested(a, b, family, margin)
        for place, (a, b) in enumerate(pairs)
    )


def _tested(
    a: Evidence,
    b: Evidence,
    found: Difference,
    corrected: float,
    family: int,
    margin: float,
    share: float,
) -> Verdict:
    level = ALPHA * share
    low, high = found.interval(level / family, level)
    p_pair = found.p_pair
    adjusted = min(1.0, max(corrected, p_pair or 0.0) / share)
    caveats = _caveats(a, b)
    if corrected / share <= ALPHA < adjusted:
        caveats = (*caveats, OWN_SEEDS)
    outcome: Outcome = "undecided"
    if adjusted <= ALPHA:
        # Holm's test is sharper than the simultaneous interval: what it has decided is kept.
        if found.delta > 0:
            outcome, low = "helps", max(low, 0.0)
        else:
            outcome, high = "hurts", min(high, 0.0)
    elif max(-low, high) <= margin:
        outcome = "no difference"
    return Verdict(
        name=a.name,
        against=b.name,
        outcome=outcome,
        delta=found.delta,
        low=max(low, -1.0),
        high=min(high, 1.0),
        p=found.p,
        p_pair=p_pair,
        p_adjusted=adjusted,
        n_seeds=found.seeds,
        n_images=found.images,
        family=family,
        detectable=detectable(found, level / family, level, POWER),
        caveats=caveats,
        margin=margin,
        sign=found.sign,
    )


def _untested(a: Evidence, b: Evidence, family: int, margin: float) -> Verdict:
    counts = (len(a.correct), len(b.correct))
    finished = min(counts) > 0
    delta = float(a.correct.mean()) - float(b.correct.mean()) if finished else None
    # Two trained models, no more: with several seeds on one side there is no such pair.
    models = (a.correct[0], b.correct[0]) if counts == (1, 1) else None
    return Verdict(
        name=a.name,
        against=b.name,
        outcome="one seed" if finished else "not run",
        delta=delta,
        low=None,
        high=None,
        p=mcnemar(*models) if models else None,
        p_pair=None,
        p_adjusted=None,
        n_seeds=counts,
        n_images=a.correct.shape[1] if finished else 0,
        family=family,
        detectable=None,
        caveats=_caveats(a, b),
        margin=margin,
        images_only=paired_interval(*models) if models else None,
    )


def _caveats(a: Evidence, b: Evidence) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*a.caveats, *b.caveats)))


def differing(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Caveats for execution records, one per run, that differ in what a recipe does not declare.

    Layout, threads and kernels move last bits only; device and version may do more. Runs that were
    trained elsewhere are left out: of what they ran on only what was told is known.
    """
    a, b = ([one for one in records if "recorded" not in one] for records in (a, b))
    caveats = []
    for name in ("device", "torch"):
        ours, theirs = ({str(record.get(name)) for record in records} for records in (a, b))
        if ours and theirs and len(ours | theirs) > 1:
            caveats.append(f"{name} differs: {_listed(ours)} against {_listed(theirs)}")
    return tuple(caveats)


def _listed(values: set[str]) -> str:
    return " and ".join(sorted(values))
