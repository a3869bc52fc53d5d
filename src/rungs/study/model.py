"""A study whose every rung can be trained."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rungs.data.kinds import folds_of
from rungs.data.spec import DataForm, DataSpec
from rungs.foundation.errors import RecipeError
from rungs.foundation.notebook import fragment
from rungs.foundation.wording import counted
from rungs.recipe import Difference, Recipe
from rungs.recipe.components import is_recorded
from rungs.recipe.learning_rates import snapshot_epochs
from rungs.statistics.levels import MARGIN
from rungs.study.forms import Assumption, Claim, Erratum, Reported
from rungs.study.overrides import Override
from rungs.study.seeds import Adaptive

if TYPE_CHECKING:
    from rungs.data.pictures import Survey

EnsembleKind = Literal["snapshots", "no_cycle", "seeds"]

# A modification's name and its parameters, as a study file has them.
Step = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Rung:
    """A rung with its recipe folded: its parent's, changed by its modifications in order.

    Attributes:
        name: unique in the study.
        title: for people.
        after: the parent rung; None for a root.
        kept: whether later rungs may stand on it as part of the trunk; False if only tried.
        steps: the modifications.
        changes: the same as calls for people, e.g. ``dropout(rates=(0.1, 0.2))``.
        recipe: what is trained.
        difference: what changed against the parent, field by field; empty for a root.
        reported: what the study's source says.
        asked_by: ``study``: its file; otherwise the option that adds the rung, as it is typed.
            Comparisons are corrected among those that are asked together.
        teacher: name of the rung whose answers it learns from; None without.
    """

    name: str
    title: str
    after: str | None
    kept: bool
    steps: tuple[Step, ...]
    changes: tuple[str, ...]
    recipe: Recipe
    difference: tuple[Difference, ...]
    reported: Reported
    asked_by: str = "study"
    teacher: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether it is trained elsewhere: its runs are recorded, and of its recipe none knows."""
        return is_recorded(self.recipe)


@dataclass(frozen=True)
class Ensemble:
    """Models whose softmax outputs are averaged.

    Attributes:
        name: unique among rungs and ensembles.
        kind: ``snapshots`` at the ends of one run's cosine cycles, ``no_cycle`` for evenly spaced
            ones of a run without cycles, ``seeds`` for runs that differ in their seed.
        rung: that it stands on.
        members: number of models M.
        recipe: what is trained: the rung's, with cosine cycles for ``snapshots``.
        rivals: rungs that it is to be held against, beside those that are plain from the ladder.
    """

    name: str
    kind: EnsembleKind
    rung: str
    members: int
    recipe: Recipe
    rivals: tuple[str, ...] = ()

    def kept_epochs(self, epochs: int) -> tuple[int, ...]:
        """The epochs after which its run keeps a snapshot that the schedule does not ask for.

        Raises:
            RecipeError: so many snapshots do not fit into so many epochs.
        """
        if self.kind == "snapshots":
            snapshot_epochs(self.recipe, epochs)
        if self.kind != "no_cycle":
            return ()
        if self.members > epochs:
            raise RecipeError(f"{epochs} epochs have no {self.members} ends for snapshots")
        return tuple(epochs * number // self.members for number in range(1, self.members + 1))

    def seeds(self, seed: int) -> tuple[int, ...]:
        """The seeds of the runs that are its members in the study's ``seed``."""
        if self.kind != "seeds":
            return (seed,)
        return tuple(range(seed * self.members, (seed + 1) * self.members))


@dataclass(frozen=True)
class Study:
    """A study whose every rung can be trained.

    Attributes:
        seeds: of every rung; where more of them go where they decide, those of the start.
        budgets: budget -> rung -> epochs.
        adaptive: how seeds go where they decide; None where every rung has the same number.
        folds: that the pictures outside the test part are dealt into; None for a validation part.
        pictures: what was found where the user's own pictures are; None for other data.
        form: what the study's file says of its data; None of a study that is not from a file.
        margin: the largest difference in accuracy, a fraction, that counts as none.
        looks: numbers of seeds after which the test set is looked at; empty for one look.
        overrides: keys of the file that were given another value; the name and title tell of them.
        own_name: what the file itself calls the study.
    """

    name: str
    title: str
    base: str
    final: str
    seeds: int
    budget: str
    unseal: Literal["by command", "at end"]
    modules: tuple[Path, ...]  # of the user's own, loaded
    data: DataSpec
    budgets: Mapping[str, Mapping[str, int]]
    rungs: tuple[Rung, ...]
    ensembles: tuple[Ensemble, ...]
    assumptions: tuple[Assumption, ...]
    errata: tuple[Erratum, ...]
    claims: tuple[Claim, ...]
    source: str
    pictures: "Survey | None" = None
    form: DataForm | None = None
    margin: float = MARGIN
    looks: tuple[int, ...] = ()
    adaptive: Adaptive | None = None
    folds: int | None = None
    overrides: tuple[Override, ...] = ()
    own_name: str = ""

    @property
    def typed(self) -> str:
        """The study as a command names it: its source, with what is overridden."""
        given = (f" -o {shlex.quote(str(item))}" for item in self.overrides)
        return self.source + "".join(given)

    @property
    def splits(self) -> tuple[DataSpec, ...]:
        """The data as each model of a seed is trained on it: one, or one a fold."""
        return (self.data,) if self.folds is None else folds_of(self.data, self.folds)

    @property
    def judged_images(self) -> int:
        """How many images changes are judged on: test, or with folds all that are not test."""
        sizes = self.data.sizes
        return sizes["test"] if self.folds is None else sizes["train"] + sizes["validation"]

    def rung(self, name: str) -> Rung:
        """The rung of that name, which exists."""
        return next(rung for rung in self.rungs if rung.name == name)

    def epochs(self, rung: str, budget: str) -> int:
        """Epochs of a rung in a budget."""
        return self.budgets[budget][rung]

    def __str__(self) -> str:
        lines = [f"{self.title}: {counted(len(self.rungs), 'rung')}"]
        for rung in self.rungs:
            place = f"after {rung.after}, {'kept' if rung.kept else 'tried'}" if rung.after else ""
            lines.append(f"  {rung.name}: " + "; ".join(filter(None, (place, *rung.changes))))
        return "\n".join(line.removesuffix(": ") for line in lines)

    def _repr_html_(self) -> str:
        rows = [
            (rung.name, rung.after or "", "kept" if rung.kept else "tried", ", ".join(rung.changes))
            for rung in self.rungs
        ]
        return fragment(self.title, ("rung", "after", "", "changes"), rows)
