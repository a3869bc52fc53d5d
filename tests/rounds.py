"""A study whose seeds go where they decide, with runs that are made up as they are asked for."""

import tomllib
from collections.abc import Mapping
from typing import Any

import numpy as np

from rungs.evidence.rounds import decide
from rungs.statistics.predictions import Labels
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study import Study, parse
from rungs.study.jobs import missing
from rungs.study.plan import Plan, plan
from rungs.study.rounds import Round, staged
from tests.fake import put

# Rung -> how often it is right on validation and on test.
ACCURACY = {"base": 0.5, "large": 0.9, "small": 0.53, "none": 0.53}
TOML = """
name = "rounds"
base = "base"
final = "none"
seeds = { start = 2, most = 8 }
unseal = "at end"
data = { kind = "synthetic", classes = 3, validation = 400, test = 400, size = 8 }
budgets = { equal = 3 }
recipe = { network = { widths = [4] } }
[[rungs]]
name = "base"
[[rungs]]
name = "large"
after = "base"
keep = false
apply = ["residual"]
[[rungs]]
name = "small"
after = "base"
apply = ["stack_convolutions"]
[[rungs]]
name = "none"
after = "small"
apply = ["global_average_pooling"]
"""
IMAGES = 400  # of validation and of test
LABELS = np.arange(IMAGES) % 3


def adaptive(**changes: Any) -> Study:
    return parse({**tomllib.loads(TOML), **changes}, "rounds.toml")


def finish(store: Store, study: Study, spec: RunSpec, *, failed: str | None = None) -> None:
    """A finished run, right about as often as its rung is."""
    fingerprint = study.data.fingerprint
    if not store.has_labels(fingerprint):
        for part in ("validation", "test"):
            store.write_labels(fingerprint, part, Labels(LABELS, ("a", "b", "c")))
    place = next(i for i, rung in enumerate(study.rungs) if rung.recipe == spec.recipe)
    rng = np.random.default_rng([place, spec.seed])
    answered = {}
    for part in ("validation", "test"):
        right = rng.random(IMAGES) < ACCURACY[study.rungs[place].name]
        answered[part] = np.where(right, LABELS, (LABELS + 1) % 3)
    put(store, spec, failed=failed, answered=answered)


def train(store: Store, wanted: Plan, fail: Mapping[str, str] | None = None) -> None:
    for spec in missing(wanted, store):
        (name, *_) = wanted.names_of_runs[spec.key]
        finish(store, wanted.study, spec, failed=(fail or {}).get(name))


def go_on(store: Store, wanted: Plan, fail: Mapping[str, str] | None = None) -> tuple[Round, ...]:
    """All rounds, one after the other."""
    rounds = decide(wanted, store)
    while missing(staged(wanted, rounds), store):
        train(store, staged(wanted, rounds), fail)
        rounds = decide(wanted, store)
    return rounds


def counts(wanted: Plan) -> dict[str, int]:
    return {item.rung.name: len(item.runs) for item in wanted.rungs}


def whole(study: Study | None = None) -> Plan:
    return plan(adaptive() if study is None else study)
