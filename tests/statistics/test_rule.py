"""The rule of verdicts in whole ladders, as `benchmarks/false_words.py` lists them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.seeds import SeedPart, Side

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DRAWS = 2000


def simulation() -> ModuleType:
    """The benchmark as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("false_words", BENCHMARKS / "false_words.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["false_words"] = module  # its dataclasses look there for their types
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


SIMULATION = simulation()
EVERY = (*SIMULATION.LADDERS, *SIMULATION.SECOND, *SIMULATION.THIRD)


def most(rate: float) -> float:
    """Percent beyond which a true rate is ruled out: probability 1 in 2,000 a cell."""
    return 100 * float(stats.binom.ppf(1 - 0.0005, DRAWS, rate)) / DRAWS


@pytest.mark.parametrize("ladder", EVERY, ids=lambda ladder: ladder.name)
def test_few_ladders_have_a_false_word(ladder: Any) -> None:
    """At most 5 % where rungs vary alike or in known kinds; 13 % in the worst that was tried."""
    rng = np.random.default_rng(0)
    rungs = len(ladder.deviations)
    bound = most(0.05 if ladder.known else 0.13)
    for counts in (*((n,) * rungs for n in (2, 3, 5)), SIMULATION.mixed(rungs)):
        row = SIMULATION.false_words(ladder, counts, rng, DRAWS)
        assert row["false %"] <= bound, row
        assert row["no difference %"] <= most(0.05), row


def test_the_count_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the pooled variance alone one noisy rung in a quiet ladder gets far too many words."""

    def pooled_alone(a: Side, b: Side) -> tuple[SeedPart, ...]:
        part = a.pooled / a.seeds + b.pooled / b.seeds
        return (SeedPart(0.0, part, a.degrees, of_family=True),)

    monkeypatch.setattr(SIMULATION, "seed_parts", pooled_alone)
    ladder = next(item for item in EVERY if item.name == "one of 8")
    row = SIMULATION.false_words(ladder, (3,) * 11, np.random.default_rng(0), DRAWS)
    assert row["false %"] > 13


@pytest.mark.parametrize("ladder", EVERY, ids=lambda ladder: ladder.name)
def test_few_ladders_have_a_false_word_where_seeds_come_in_rounds(ladder: Any) -> None:
    """The whole procedure: looks at validation, seeds where it is open, the test set once."""
    row = SIMULATION.rounds(ladder, 1.0, np.random.default_rng(1), DRAWS)
    assert row["false %"] <= most(0.05 if ladder.known else 0.13), row
    assert row["no difference %"] <= most(0.05), row
