"""Learning-rate range tests: what they measure, what they suggest, and the command."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.images import DataSet
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional
from rungs.recipe.modifications import apply
from rungs.report.gather.rates import rate_curve
from rungs.report.show.rate_curve import show_range_test
from rungs.statistics.range_test import (
    HIGHEST,
    LOWEST,
    RangeTest,
    is_over,
    rising,
    smoothed,
    suggest,
)
from rungs.training.rate_sweep import measure_range
from rungs.training.record import choose_record


def curve(lowest_at: float, *, start: float = 2.3, end: float = 0.8) -> RangeTest:
    """A loss that falls to a rate, in logarithms, and then rises to where the test ends."""
    rates, losses = rising(141), []
    for rate in rates:
        below = math.log10(rate / lowest_at)
        losses.append(end + (start - end) * min(1.0, -below / 3) if below < 0 else end + 3 * below)
        if is_over(losses):
            break
    return RangeTest(rates[: len(losses)], tuple(losses))


def test_rates_rise_by_one_factor() -> None:
    rates = rising(8)
    assert rates[0] == LOWEST
    assert rates[-1] == pytest.approx(HIGHEST)
    assert {round(b / a, 6) for a, b in pairwise(rates)} == {10.0}


def test_smoothing_keeps_a_constant_and_follows_late() -> None:
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)
    assert smoothed([1.0, 0.0]) == pytest.approx([1.0, 0.9 / 1.9])


@pytest.mark.parametrize("at", [1e-3, 0.1])
def test_a_tenth_of_the_rate_with_the_lowest_loss_is_suggested(at: float) -> None:
    test = curve(at)
    assert len(test.losses) < 141  # higher rates tell nothing more
    found = suggest(test)
    assert found.rate is not None
    assert at / 10 <= found.rate <= 0.4 * at  # smoothing is late
    assert "it rises beyond" in found.reason


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    rates = rising(50)
    flat = RangeTest(rates, (2.3,) * 50)
    assert suggest(flat).rate is None
    assert "no learning rate to suggest" in show_range_test(
        rate_curve(flat), title="t", present=0.1
    )
    broken = RangeTest(rates[:1], (math.nan,))
    assert suggest(broken).rate is None
    assert "not finite" in show_range_test(rate_curve(broken), title="t", present=0.1)


def test_a_loss_that_still_falls_says_so() -> None:
    found = suggest(RangeTest(rising(50), tuple(2.0 - 0.03 * step for step in range(50))))
    assert found.rate == 1.0
    assert "still fell" in found.reason


def test_a_test_trains_and_ends_when_the_loss_explodes(tiny: DataSet) -> None:
    recipe = replace(Recipe(), network=replace(Convolutional(), widths=(4, 8)), batch_size=50)
    before = tiny.exploration.train.pixels[:].clone()
    record = choose_record("cpu", 1)
    test = measure_range(recipe, tiny.exploration, seed=0, updates=60, record=record)
    again = measure_range(recipe, tiny.exploration, seed=0, updates=60, record=record)
    assert test == again
    assert test.rates == rising(60)[: len(test.losses)]
    assert len(test.losses) > 20
    assert len(set(test.losses)) == len(test.losses)
    assert torch.equal(tiny.exploration.train.pixels[:], before)


def test_slow_weights_take_part_in_a_test(tiny: DataSet) -> None:
    recipe = replace(Recipe(), network=Convolutional(widths=(4, 8)), batch_size=50)
    record = choose_record("cpu", 1)
    first, second = (
        measure_range(each, tiny.exploration, seed=0, updates=20, record=record).losses
        for each in (recipe, apply(recipe, "lookahead", {"updates": 5}))
    )
    assert first[:5] == second[:5]
    assert not set(first[5:]) & set(second[5:])


def test_the_command_shows_a_rate_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Threads that wait for each other are slow where tests run side by side.
    monkeypatch.setattr("rungs.study.estimate.available_cores", lambda: 1)
    study = tmp_path / "mine.toml"
    study.write_text(
        'name = "mine"\nbase = "first"\nfinal = "first"\n'
        '[data]\nkind = "synthetic"\nclasses = 3\nsize = 8\n'
        "train = 60\nvalidation = 20\ntest = 20\n"
        "[recipe]\nbatch_size = 20\n[recipe.network]\nwidths = [4]\n"
        '[budgets]\nequal = 1\n[[rungs]]\nname = "first"\n',
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["lr", str(study), "--updates", "30", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "updates of 20 training images with 'adam' at a rising rate" in result.output
    assert " 1.0e-06 " in result.output
    assert "the recipe has 0.001; nothing was changed or kept" in result.output
    assert list(tmp_path.iterdir()) == [study]
    refused = CliRunner().invoke(app, ["lr", str(study), "--on", "frist"])
    assert refused.exit_code == 1
    assert "did you mean 'first'" in refused.output
