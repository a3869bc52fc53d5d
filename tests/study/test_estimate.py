"""How long a plan still takes."""

from collections.abc import Iterator
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rungs.recipe import Recipe
from rungs.recipe.components import Component, Loss, kinds
from rungs.recipe.components.core import seams
from rungs.recipe.modifications import apply
from rungs.recipe.own_modules import forget_module, load_module
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study import load
from rungs.study.costs import costs
from rungs.study.estimate import (
    Machine,
    Rates,
    describe_left,
    duration,
    identity,
    rates,
    seconds_left,
    share_cores,
)
from rungs.study.plan import plan

Owner = TypeVar("Owner")

STUDY = load("quickstart")
PLAN = plan(STUDY, seeds=1)
HERE = Machine("cpu", "a processor", 2, 1)


def known(rate_of_first: float) -> Rates:
    first, second = (rung.recipe for rung in STUDY.rungs[:2])
    names = identity(first, STUDY.data), identity(second, STUDY.data)
    return Rates({names[0]: rate_of_first}, {names[0]: 1000, names[1]: 4000})


def test_an_unmeasured_network_is_taken_in_proportion_to_its_flops() -> None:
    base, other = (RunSpec(rung.recipe, 3, STUDY.data, 0) for rung in STUDY.rungs[:2])
    train = STUDY.data.sizes["train"]
    assert known(100.0).seconds(base, 3) == pytest.approx(3 * train / 100)
    assert known(100.0).seconds(other, 3) == pytest.approx(3 * train / 25)
    assert Rates({}, known(1.0).flops).seconds(base, 3) is None


def test_speed_depends_on_what_is_computed_and_on_nothing_else() -> None:
    recipe = STUDY.rungs[0].recipe
    same = apply(recipe, "learning_rate", {"value": 0.5})
    assert identity(recipe, STUDY.data) == identity(same, STUDY.data)
    larger = replace(recipe, batch_size=recipe.batch_size + 1)
    twice = apply(recipe, "sharpness_aware", {})
    assert len({identity(item, STUDY.data) for item in (recipe, larger, twice)}) == 3


def _components() -> Iterator[tuple[str, Component]]:
    """Every component that can stand in a recipe, with its place: one of each kind."""
    for seam in seams():
        for kind, member in kinds(seam).items():
            given: dict[str, Any] = {field: "resnet18" for field in (member.named_by,) if field}
            if kind == "file":
                given = {"name": "body", "sha256": "0" * 64}
            yield f"{seam.__name__} {kind}", member(**given)


def _in_recipe(component: Component) -> Recipe:
    """A recipe that holds a component somewhere, be it where none of its kind stands."""
    return _with(STUDY.rungs[0].recipe, "network", component)


def _with(owner: Owner, field: str, value: object = None) -> Owner:
    """A copy of a recipe or component with another value in a field, be it one that is refused."""
    other = copy(owner)
    if value is None:  # components are asked for their versions: another one must answer, too
        present = getattr(owner, field)
        value = _with(present, "kind") if isinstance(present, Component) else "another value"
    object.__setattr__(other, field, value)
    return other


def test_rates_are_shared_only_by_what_is_declared_to_be_as_quick() -> None:
    recipe = STUDY.rungs[0].recipe
    assert Recipe.costless == {"schedule", "start"}
    for item in fields(recipe):
        same = identity(_with(recipe, item.name), STUDY.data) == identity(recipe, STUDY.data)
        assert same == (item.name in Recipe.costless), item.name
    free = set()
    for place, component in _components():
        usual = identity(_in_recipe(component), STUDY.data)
        for item in fields(component):
            same = identity(_in_recipe(_with(component, item.name)), STUDY.data) == usual
            assert same == (item.name in component.costless), f"{place} {item.name}"
            free |= {f"{place} {item.name}"} if same else set()
    assert {
        "Optimiser sgd learning_rate",
        "Loss cross_entropy label_smoothing",
        "Loss focal gamma",
    } <= free
    # What is declared is there: a field that got another name would be shared no more.
    for _, component in _components():
        assert component.costless <= {item.name for item in fields(component)}
    assert Recipe.costless <= {item.name for item in fields(Recipe)}


def test_a_new_field_of_a_user_shares_no_rates_until_it_is_declared(tmp_path: Path) -> None:
    source = """
from rungs.extend import Loss, component

@component
class Slow(Loss):
    rounds: int = 1
    colour: int = 1
    costless = frozenset({"colour"})

    def build(self, counts):
        raise NotImplementedError
"""
    (tmp_path / "slow.py").write_text(source)
    load_module(tmp_path / "slow.py")
    try:
        member = kinds(Loss)["slow:slow"]
        names = [
            identity(_with(STUDY.rungs[0].recipe, "loss", member(**values)), STUDY.data)
            for values in ({}, {"rounds": 2}, {"colour": 2})
        ]
    finally:
        forget_module("slow")
    assert names[0] == names[2] != names[1]


def test_small_images_take_less_time() -> None:
    """So an epoch of them neither hurries nor delays what is foretold of those of full size."""
    recipe = apply(STUDY.rungs[0].recipe, "global_average_pooling", {})
    recipe = apply(recipe, "progressive_resolution", {"start": 0.5, "until": 0.5})
    spec = RunSpec(recipe, 4, STUDY.data, 0)
    sizes = [recipe.resolution.size(epoch, 4, 32) for epoch in (1, 2, 3, 4)]
    assert STUDY.data.image_shape == (3, 32, 32)
    assert sizes == [16, 24, 32, 32]
    rates = Rates({identity(recipe, STUDY.data): 100.0}, {})
    whole = STUDY.data.sizes["train"] / 100
    assert rates.seconds(spec, 4) == pytest.approx((1 / 4 + 9 / 16 + 1 + 1) * whole)
    assert rates.seconds(spec, 2.5) == pytest.approx((9 / 32 + 1 + 1) * whole)
    assert rates.seconds(spec, 0) == 0


def test_the_first_free_worker_takes_the_next_run() -> None:
    spec = RunSpec(STUDY.rungs[0].recipe, 4, STUDY.data, 0)
    one = known(100.0).seconds(spec, 1)
    assert one is not None
    # Left: 4, 2 and 3 epochs; two workers: 4 alone, 2 and then 3.
    todo = [(spec, 0.0), (spec, 2.0), (spec, 1.0)]
    assert seconds_left(todo, known(100.0), 2) == pytest.approx(5 * one)
    assert seconds_left(todo, known(100.0), 1) == pytest.approx(9 * one)
    assert seconds_left([], known(100.0), 2) == 0


def test_the_longest_run_is_begun_first_wherever_it_stands() -> None:
    specs = [RunSpec(STUDY.rungs[0].recipe, epochs, STUDY.data, 0) for epochs in (1, 1, 1, 3)]
    one = known(100.0).seconds(specs[0], 1)
    assert one is not None
    todo = [(spec, 0.0) for spec in specs]
    assert seconds_left(todo, known(100.0), 2) == pytest.approx(3 * one)
    # But every run's first seed before its second.
    later = [(replace(spec, seed=spec.epochs), done) for spec, done in todo]
    assert seconds_left(later, known(100.0), 2) == pytest.approx(4 * one)


def test_a_network_whose_arithmetic_torch_does_not_count_is_in_no_proportion() -> None:
    base, other = (RunSpec(rung.recipe, 3, STUDY.data, 0) for rung in STUDY.rungs[:2])
    names = [identity(spec.recipe, spec.data) for spec in (base, other)]
    uncounted = Rates({names[0]: 100.0}, {names[0]: 1000, names[1]: 0})
    assert uncounted.of(other) is None
    assert Rates(uncounted.measured, {names[0]: 0, names[1]: 1000}).of(other) is None
    assert Rates({}, uncounted.flops).of(other) is None


def test_what_the_store_remembers(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing was trained elsewhere
    measured = costs(STUDY, store)
    assert describe_left(PLAN, store, measured) is None
    store.index.keep_rate(identity(STUDY.rungs[0].recipe, STUDY.data), HERE.name, 200.0)
    found = rates(PLAN, store, HERE, measured)
    assert set(found.measured.values()) == {200.0}
    assert not rates(PLAN, store, replace(HERE, threads=2), measured).measured
    said = describe_left(PLAN, store, measured)
    assert said is not None
    assert "on a processor, 2 workers of 1 thread" in said


def test_an_epoch_that_was_interrupted_does_not_spoil_the_estimate(store: Store) -> None:
    for rate in (100.0, 110.0, 3.0):
        store.index.keep_rate("recipe", HERE.name, rate)
    assert store.index.rates(HERE.name) == {"recipe": 100.0}


def test_only_the_last_rates_count(store: Store) -> None:
    for rate in (1.0, 1.0, 1.0, 1.0, 100.0, 102.0, 101.0):
        store.index.keep_rate("recipe", HERE.name, rate)
        store.index.keep_rate("recipe", "another machine", 7.0)
        store.index.keep_rate("another recipe", HERE.name, 9.0)
    assert store.index.rates(HERE.name) == {"recipe": 100.0, "another recipe": 9.0}
    assert store.index.rates("another machine") == {"recipe": 7.0}


def test_machines_by_name() -> None:
    assert Machine.parse(HERE.name) == HERE
    assert str(Machine("cuda", "GPU", 1, 8)) == "GPU, 1 worker"
    several = Machine("cuda", "GPU", 4, 8, gpus=2)
    assert str(several) == "2 x GPU, 4 workers"
    assert Machine.parse(several.name) == several
    assert several.name != replace(several, gpus=1).name
    assert str(Machine("cpu", "CPU", 1, 8)) == "CPU, 1 worker of 8 threads"


def test_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rungs.study.estimate.available_cores", lambda: 8)
    assert share_cores("cpu", 3, None) == (3, 2)
    assert share_cores("cpu", 30, None) == (8, 1)
    assert share_cores("cpu", 30, 2) == (2, 4)
    assert share_cores("cuda", 30, None) == (1, 8)
    assert share_cores("cuda", 30, None, gpus=4) == (4, 2)
    assert share_cores("cuda", 3, None, gpus=4) == (3, 2)
    assert share_cores("cpu", 30, None, gpus=4) == (8, 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "1 h 00 min"), (360000, "100 h 00 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
