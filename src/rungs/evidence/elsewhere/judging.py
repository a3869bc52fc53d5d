"""Verdicts on answers that were given elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rungs.evidence.elsewhere.answers import Classes, Run, correct
from rungs.evidence.elsewhere.order import check_named, pairs_of
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import shown
from rungs.statistics.seeds import KINDS
from rungs.statistics.verdicts import Evidence, Verdict, judge

# Beyond half of it all, nothing would be a difference.
_LARGEST_MARGIN = 0.5
_LONGEST_NAME = 200
# The kind of a recipe of which nothing else is said: that which varies most.
_USUAL = KINDS[0]
# What an argument holds by name.
_VALUES = {"after": "the one that it stands on", "kinds": "a word"}


@dataclass(frozen=True)
class Accuracies:
    """How often one recipe's models are right.

    Attributes:
        name: of the recipe.
        mean: of all seeds, a fraction.
        of_seeds: of each seed.
    """

    name: str
    mean: float
    of_seeds: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """What answers say of the recipes that gave them.

    Attributes:
        accuracies: of all recipes.
        verdicts: of each on the one that it stands on.
        images: number.
    """

    accuracies: tuple[Accuracies, ...]
    verdicts: tuple[Verdict, ...]
    images: int


def judged(
    runs: Sequence[Run],
    labels: Classes,
    place: str,
    *,
    after: Mapping[str, str | None] | None,
    margin: float,
    kinds: Mapping[str, str] | None,
) -> Found:
    """Holds each recipe against the one that it stands on.

    Args:
        runs: of all recipes, those of one recipe in the order of their seeds.
        labels: the true classes of all images.
        place: of the labels, for messages.
        after: name -> the one that it stands on, None for none; else it is the one before it.
        margin: the largest difference that counts as none, a fraction.
        kinds: name -> a word; recipes of one word are taken to vary alike between seeds.

    Raises:
        RungsError: answers that do not fit, or arguments that are none.
    """
    check_margin(margin)
    names = list(dict.fromkeys(run.name for run in runs))
    for name in names:
        _check_name(name)
    for argument, given in (("after", after), ("kinds", kinds)):
        if not isinstance(given, Mapping | None):
            raise UsageError(
                f"{argument}: expected a dict, name -> {_VALUES[argument]}, found {shown(given)}"
            )
    for name, kind in (kinds or {}).items():
        check_named("kinds", name, names)
        if not isinstance(kind, str):
            raise UsageError(f"kinds: expected a word for {shown(name)}, found {shown(kind)}")
    pairs = pairs_of(names, after)
    answers = correct(runs, labels, place)
    evidence = {
        name: Evidence(name, right, caveats, (kinds or {}).get(name, _USUAL))
        for name, (right, caveats) in answers.items()
    }
    verdicts = judge(
        [(evidence[name], evidence[below]) for name, below in pairs],
        list(evidence.values()),
        family=len(pairs),
        margin=margin,
    )
    accuracies = tuple(
        Accuracies(one.name, float(one.correct.mean()), tuple(map(float, one.correct.mean(axis=1))))
        for one in evidence.values()
    )
    return Found(accuracies, verdicts, len(labels.values))


def check_margin(margin: float) -> None:
    """That a margin is one.

    Raises:
        UsageError: it is not.
    """
    number = isinstance(margin, int | float) and not isinstance(margin, bool)
    if not number or not 0 < margin <= _LARGEST_MARGIN:
        raise UsageError(
            f"margin: expected a fraction of the images, above 0 and up to {_LARGEST_MARGIN}, "
            f"found {shown(margin)}; 0.01 is one percentage point"
        )


def _check_name(name: str) -> None:
    # It is shown in terminals, which it must not steer.
    if not (name.strip() and name.isprintable() and len(name) <= _LONGEST_NAME):
        raise UsageError(
            f"expected names of recipes of 1 to {_LONGEST_NAME} printable characters, found "
            f"{shown(name)}; call it otherwise"
        )
