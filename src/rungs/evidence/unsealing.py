"""A test set opened because somebody asks for it: not before it can show anything."""

import contextlib
from dataclasses import dataclass
from typing import Any

from rungs.evidence.seal import Seal, least_seeds, read_seal, times_revealed, unfinished, unseal
from rungs.foundation.errors import StoreError
from rungs.foundation.wording import counted
from rungs.store import Store
from rungs.study import Study
from rungs.study.plan import plan


@dataclass(frozen=True)
class Opened:
    """A test set that is open; says so with ``print``.

    Attributes:
        study: its name.
        seal: what the study asked when the test set was first seen.
        before: whether it was open already.
        shown: number of recipes whose figures on the same images other studies have shown.
        added: rungs and ensembles that the study was given since, which reports mark.
    """

    study: str
    seal: Seal
    before: bool
    shown: int
    added: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "study": self.study,
            "hash": self.seal.hash,
            "was_open": self.before,
            "rungs": sorted(self.seal.asked),
            "recipes_shown": self.shown,
            "added": list(self.added),
        }

    def __str__(self) -> str:
        lines = [
            f"the test set of study '{self.study}' "
            + ("was open already" if self.before else "is open from now on")
            + f", with {counted(len(self.seal.asked), 'rung')} as they were then "
            f"(hash {self.seal.hash})"
        ]
        if not self.before and self.shown:
            lines.append(
                "under other studies of this store, test figures of "
                f"{counted(self.shown, 'recipe')} on the same images were shown before: choices "
                "made by those are not confirmed by these"
            )
        if self.added:
            lines.append(f"added since, and marked in the report: {', '.join(self.added)}")
        return "\n".join(lines)


def open_test_set(store: Store, study: Study, *, anyway: bool = False) -> Opened:
    """Breaks the seal of a study's test set, once and for good.

    Args:
        store: where its runs are.
        study: the study.
        anyway: open it even if no verdict is possible yet, or a round of seeds is under way.

    Raises:
        StoreError: there is nothing to show, or it is too early and not to be done anyway.
    """
    before = read_seal(store.root, study)
    if before is None:
        _check_time(store, study, anyway=anyway)
    shown = times_revealed(store, study)
    seal = unseal(store, study)
    added = tuple(sorted(seal.added(study)))
    return Opened(study.name, seal, before is not None, shown, added)


def _check_time(store: Store, study: Study, *, anyway: bool) -> None:
    """Refuses to open what shows nothing yet."""
    if not _has_runs_on(study.data.test_fingerprint, store):
        raise StoreError(
            f"{store.root}: nothing is trained on this study's data, so there is nothing to show; "
            "rungs added after the test set is open stay marked. Use `rungs run` first"
        )
    if anyway:
        return
    if (least := least_seeds(store, study)) < 2:
        raise StoreError(
            f"with {counted(least, 'finished seed')} of some rung at "
            f"{plan(study).budget_with_epochs}, no verdict on its change is possible, and "
            "seeds added once the test set is open stay marked: "
            f"`rungs run {study.typed} --seeds {max(3, study.seeds)}` first, or open it all the "
            "same with `--yes`"
        )
    if (left := unfinished(store, study)) and study.adaptive:
        raise StoreError(
            f"comparisons are open on validation, and {counted(left, 'run')} of the round of seeds "
            "that is under way are not finished: seeds that come after the test set is open are "
            f"marked for ever. `rungs run {study.typed}` goes on, or `--yes` opens it all the same"
        )


def _has_runs_on(test_fingerprint: str, store: Store) -> bool:
    """Whether any run with these test images is finished."""
    for key in [*store.keys()]:
        # What cannot be read is shown by nothing.
        with contextlib.suppress(StoreError):
            if store.result(key).spec.data.test_fingerprint == test_fingerprint:
                return True
    return False
