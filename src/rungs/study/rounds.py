"""What was decided after each round of seeds, as it is kept, and the runs that follow from it.

    STORE/rounds/STUDY-BUDGET-ID.json

ID is a hash of the question: the ladder's recipes, their lengths, the data, the margin. What was
decided on it stays decided, whatever is looked at later; another question has another file.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_json
from rungs.recipe import recipe_key
from rungs.study.model import Study
from rungs.study.plan import Plan, epochs_named, slug
from rungs.study.seeds import Adaptive

State = Literal["settled", "futile", "failed", "open"]
STATES: tuple[State, ...] = get_args(State)

_FOLDER = "rounds"


@dataclass(frozen=True)
class Decision:
    """What a look at validation said of one comparison. Differences are fractions.

    Attributes:
        rung: that is judged.
        against: the rung that it stands on.
        state: ``open`` gets more seeds; ``settled`` is shown on validation; ``futile`` cannot be
            expected to come out at the margin or above; ``failed`` has a side of which every run
            failed. What is not open stays as it was decided first.
        delta: accuracy of the rung minus that of the other, on validation; None with no answers.
        error: standard error of the difference; None where it cannot be told.
        p: corrected for the family; None where it cannot be told.
    """

    rung: str
    against: str
    state: State
    delta: float | None
    error: float | None
    p: float | None


@dataclass(frozen=True)
class Round:
    """A round of seeds that is over.

    Attributes:
        seeds: rung -> number of seeds that it had when the round was over.
        decisions: on every comparison, in the study's order.
        runs: that were trained for it.
        seconds: of training that these took, added up.
        decided: when, in UTC, as ISO 8601 writes it.
    """

    seeds: Mapping[str, int]
    decisions: tuple[Decision, ...]
    runs: int
    seconds: float
    decided: str

    @property
    def number(self) -> int:
        """How many seeds the round went up to."""
        return max(self.seeds.values())

    def of(self, state: State) -> tuple[Decision, ...]:
        """The comparisons that were in this state after it."""
        return tuple(item for item in self.decisions if item.state == state)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "seeds": dict(self.seeds),
            "decisions": [asdict(item) for item in self.decisions],
            "runs": self.runs,
            "seconds": self.seconds,
            "decided": self.decided,
        }

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Round":
        """The inverse of `to_dict`."""
        return Round(
            {str(name): int(count) for name, count in plain["seeds"].items()},
            tuple(Decision(**item) for item in plain["decisions"]),
            int(plain["runs"]),
            float(plain["seconds"]),
            str(plain["decided"]),
        )


def following(adaptive: Adaptive, rounds: tuple[Round, ...]) -> int | None:
    """How many seeds the next round goes up to; None if there is none.

    There is none where nothing is open, or the most seeds are reached. Before the first round is
    over, the next one is that of the start.
    """
    if not rounds:
        return adaptive.start
    return adaptive.after(rounds[-1].number) if rounds[-1].of("open") else None


def staged(plan: Plan, rounds: tuple[Round, ...]) -> Plan:
    """A plan with the seeds that its rungs have in the round that is to be done now.

    Where none is left to do, those of the last. Of a plan that is not adaptive, those that were
    decided and done.
    """
    if not rounds:
        return plan
    counts = dict(rounds[-1].seeds)
    more = None if plan.adaptive is None else following(plan.adaptive, rounds)
    for item in rounds[-1].of("open") if more is not None else ():
        counts[item.rung] = counts[item.against] = more or 0
    return plan.with_seeds(counts)


def read_rounds(place: Path, plan: Plan) -> tuple[Round, ...]:
    """The rounds of a plan's study and budget that are over; whatever part of it the plan is.

    Args:
        place: a store or an archive.
        plan: of the study.

    Raises:
        StoreError: the file is damaged.
    """
    if not (place / _FOLDER).is_dir():
        return ()
    path = _path(place, plan)
    try:
        return tuple(Round.from_dict(item) for item in read_json(path)["rounds"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged: {error!r}; without it, the rounds of seeds are decided anew from "
            "the finished runs"
        ) from error


def write_rounds(place: Path, plan: Plan, rounds: tuple[Round, ...]) -> None:
    """Keeps what `read_rounds` reads."""
    path = _path(place, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        path,
        {
            "study": plan.study.name,
            "budget": plan.budget,
            "rounds": [item.to_dict() for item in rounds],
        },
    )


def copy_rounds(source: Path, target: Path, plan: Plan) -> None:
    """Takes the rounds of a plan from a store to an archive or back, where those are more."""
    rounds = read_rounds(source, plan)
    if len(rounds) > len(read_rounds(target, plan)):
        write_rounds(target, plan, rounds)


def _path(place: Path, plan: Plan) -> Path:
    name = f"{plan.study.name}-{slug(plan.budget)}-{_question(plan.study, plan.budget)}.json"
    return place / _FOLDER / name


def _formerly(asked_by: str) -> str:
    """What an option was called when the first decisions were written down, under such a hash."""
    for new, old in (("--unbundle", "--split"), ("--ablate", "--leave-one-out")):
        if asked_by.startswith(new):
            return old + asked_by.removeprefix(new)
    return asked_by


def _question(study: Study, budget: str) -> str:
    """A hash of all that decisions hang on, apart from answers of runs."""
    length = epochs_named(budget)

    def asked() -> Iterator[tuple[str, str | None, str, int, str]]:
        for rung in study.rungs:
            epochs = study.epochs(rung.name, budget) if length is None else length
            yield rung.name, rung.after, recipe_key(rung.recipe), epochs, _formerly(rung.asked_by)

    data = [spec.fingerprint for spec in study.splits]  # with folds another question
    text = json.dumps([*data, study.margin, *asked()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
