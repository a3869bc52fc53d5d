"""Learning-rate range tests: what they measure, what they suggest, and the command."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load
from rungs.recipe import Recipe, replace
from rungs.recipe.components import BatchNorm, Convolutional, PoolingHead, RenewedStatistics
from rungs.recipe.modifications import apply
from rungs.report.gather.rates import rate_curve
from rungs.report.show.rate_curve import show_range_test
from rungs.statistics.range_test import (
    HIGHEST,
    LOWEST,
    RangeTest,
    Trial,
    is_over,
    know_nothing,
    next_candidate,
    problem,
    rising,
    smoothed,
    steepest,
    suggest,
    warning,
)
from rungs.training.fit import fit
from rungs.training.rate_sweep import measure_range, measure_trials
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
def test_the_steepest_rate_lies_in_the_fall(at: float) -> None:
    """The loss falls from three decades below to the rate where it is lowest."""
    test = curve(at)
    assert len(test.losses) < 141  # higher rates tell nothing more
    found = steepest(test)
    assert found is not None
    assert at / 1000 < found < at


def test_the_steepest_rate_is_where_the_loss_drops_not_where_it_is_lowest() -> None:
    rates = rising(141)
    losses = tuple(2.3 - 1.0 / (1 + (1e-3 / rate) ** 3) - 0.02 * math.log10(rate) for rate in rates)
    found = steepest(RangeTest(rates, losses))
    assert found is not None
    assert 5e-4 < found < 5e-3  # smoothing is late; the lowest loss is at the highest rate


def tried(test: RangeTest, losses: dict[int, float]) -> list[Trial]:
    """Trials as they are called for, with these losses by their number and 9 for others."""
    trials: list[Trial] = []
    while (rate := next_candidate(test, trials)) is not None:
        trials.append(Trial(rate, losses.get(len(trials), 9.0), 0.1))
    return trials


def test_rates_are_tried_from_the_steepest_down_to_below_the_best() -> None:
    test = curve(0.1)
    trials = tried(test, {1: 1.0})
    assert len(trials) == 3
    assert trials[0].rate == steepest(test)
    ratios = [a.rate / b.rate for a, b in pairwise(trials)]
    assert ratios == pytest.approx([math.sqrt(10)] * 2)
    found = suggest(trials, 2.3)
    assert found.rate == float(f"{trials[1].rate:.0e}")
    assert "validation loss 1.00" in found.reason
    assert len(tried(test, {2: 3.0, 3: 2.0})) == 5  # the fifth is worse than the fourth
    assert len(tried(test, {number: -number for number in range(9)})) == 6
    upwards = tried(test, {0: 3.0, 3: 2.0})
    assert [round(2 * math.log10(one.rate / upwards[0].rate)) for one in upwards] == [
        0,
        -1,
        -2,
        1,
        2,
    ]


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    rates = rising(50)
    flat = RangeTest(rates, (2.3,) * 50)
    broken = RangeTest(rates[:1], (math.nan,))
    for test in (flat, broken):
        assert next_candidate(test, ()) is None
    assert suggest((), 2.3).rate is None
    nothing, infinite = (
        show_range_test(rate_curve(test, (), 2.3), title="t", present=0.1)
        for test in (flat, broken)
    )
    assert "no learning rate to suggest" in nothing
    assert "not finite" in infinite
    broken_off = [Trial(rate, math.inf, math.inf) for rate in (0.1, 0.03)]
    assert "broke off" in suggest(broken_off, 2.3).reason


def test_trials_that_clearly_learnt_nothing_suggest_nothing() -> None:
    nothing = know_nothing([100, 100, 100])
    assert nothing == pytest.approx(math.log(3))
    above = [Trial(5e-4, 1.24, 0.01), Trial(2e-4, 1.21, 0.01), Trial(5e-5, 1.19, 0.01)]
    found = suggest(above, nothing)
    assert found.rate is None
    assert "1.19 at best, at 5e-05, and 1.10" in found.reason
    unsure = Trial(1e-3, 1.05, 0.03)
    assert suggest([*above, unsure], nothing).rate is None
    assert suggest([*above, Trial(1e-3, 1.05, math.inf)], nothing).rate is None
    assert suggest([*above, Trial(1e-3, 1.05, 0.01)], nothing).rate == 1e-3
    # The lowest loss of those that are sure.
    assert suggest([unsure, Trial(1e-2, 1.06, 0.01), Trial(1e-1, 1.0, 0.1)], nothing).rate == 1e-2


def test_who_knows_nothing_does_best_by_the_shares_of_the_classes() -> None:
    assert know_nothing([5, 0, 0]) == 0.0
    assert know_nothing([90, 10]) == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert know_nothing([90, 10]) < know_nothing([50, 50])


def test_too_few_pictures_are_refused_and_few_warned_of() -> None:
    assert "2 training images are too few" in str(problem(2))
    assert problem(20) is None
    assert "each seen 150 times" in str(warning(20, 150.0))
    assert "fewer updates" not in str(warning(20, 1.0))
    often = str(warning(300, 40.0))
    assert "each seen 40 times" in often
    assert "fewer updates" in often
    assert warning(300, 5.0) is None
    assert warning(45_000, 0.6) is None


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


@pytest.mark.parametrize("keep", [0.9, 0.99])
def test_the_proposal_trains_nearly_as_well_as_the_best_of_a_grid(
    tmp_path: Path, keep: float
) -> None:
    """A pooled network, whose loss at a rising rate falls to rates at which it does not train.

    Where more is kept, statistics have not settled when a trial ends.
    """
    spec = SyntheticSpec(classes=3, train=600, validation=400, test=20, size=16)
    data = load(spec).exploration
    norm = BatchNorm(keep=keep)
    network = Convolutional(widths=(8, 16), normalisation=norm, head=PoolingHead())
    recipe = replace(Recipe(), network=network, batch_size=20)
    record = choose_record("cpu", 1)
    test = measure_range(recipe, data, seed=0, updates=120, record=record)
    trials = measure_trials(recipe, data, test, seed=0, updates=120, record=record)
    proposed = suggest(trials, know_nothing(data.validation.labels.bincount().tolist())).rate
    assert proposed is not None

    def accuracy(rate: float) -> float:
        changed = replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=rate))
        folder = tmp_path / f"{rate:g}"
        folder.mkdir()
        fitted = fit(changed, data, seed=1, epochs=4, record=record, folder=folder)
        assert fitted is not None
        return fitted.history[fitted.best_epoch - 1].val_accuracy

    grid = {rate: accuracy(rate) for rate in (3e-3, 1e-2, 3e-2, 0.1)}
    best = max(grid.values())
    assert best > min(grid.values()) + 0.2  # something is there to be lost
    found = grid[proposed] if proposed in grid else accuracy(proposed)
    assert found > best - 0.05


def test_trials_do_not_depend_on_how_soon_moving_statistics_follow(tiny: DataSet) -> None:
    """Training itself never reads them: the networks are the same but for them."""
    record = choose_record("cpu", 1)
    slow, quick = (
        replace(
            Recipe(),
            network=replace(Convolutional(), widths=(4, 8), normalisation=BatchNorm(keep=keep)),
            batch_size=50,
        )
        for keep in (0.999, 0.5)
    )
    renewed = replace(slow, statistics=RenewedStatistics())
    test = measure_range(slow, tiny.exploration, seed=0, updates=40, record=record)
    of_slow, of_quick, of_renewed = (
        measure_trials(each, tiny.exploration, test, seed=0, updates=20, record=record)
        for each in (slow, quick, renewed)
    )
    assert of_slow
    assert of_slow == of_quick == of_renewed
    assert all(0 < trial.error < trial.loss for trial in of_slow)


def test_what_no_training_could_learn_gets_no_rate(tiny: DataSet) -> None:
    """Labels drawn by lot: whatever trial comes out lowest, it is not clearly below chance."""
    lots = torch.Generator().manual_seed(0)
    train, validation = (
        ImageSet(part.pixels, part.labels[torch.randperm(len(part), generator=lots)])
        for part in (tiny.exploration.train, tiny.exploration.validation)
    )
    data = Exploration(train, validation, tiny.exploration.class_names)
    recipe = replace(Recipe(), network=replace(Convolutional(), widths=(4, 8)), batch_size=50)
    record = choose_record("cpu", 1)
    test = measure_range(recipe, data, seed=0, updates=60, record=record)
    trials = measure_trials(recipe, data, test, seed=0, updates=60, record=record)
    assert trials
    found = suggest(trials, know_nothing(data.validation.labels.bincount().tolist()))
    assert found.rate is None
    assert "clearly learnt" in found.reason


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
    assert "Warning: with 60 training images, each seen" in result.output
    assert list(tmp_path.iterdir()) == [study]
    few = tmp_path / "few.toml"
    few.write_text(study.read_text().replace("train = 60", "train = 6"), encoding="utf-8")
    hopeless = CliRunner().invoke(app, ["lr", str(few), "--device", "cpu"])
    assert hopeless.exit_code == 1
    assert "6 training images are too few" in hopeless.output
    refused = CliRunner().invoke(app, ["lr", str(study), "--on", "frist"])
    assert refused.exit_code == 1
    assert "did you mean 'first'" in refused.output
