"""Recipes: keys, differences and plain form."""

import pytest
from pydantic import ValidationError

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.recipe import Recipe, diff, key_of, recipe_from_dict, recipe_to_dict, replace, value_at
from rungs.recipe.components import (
    AdamW,
    BatchNorm,
    Component,
    Convolutional,
    CrossEntropy,
    Flip,
    Focal,
    Network,
    PreActivation,
    Timm,
    Whitening,
)
from rungs.recipe.components.core import version_of
from rungs.recipe.modifications import Modification, apply, catalogue, example_recipe
from rungs.store.results import RunSpec
from rungs.study import load, parse
from tests.studies import GOOD


def key(recipe: Recipe) -> str:
    return key_of(recipe, epochs=15, data="0123456789abcdef", seed=0)


# A changed key orphans every run that was ever made: these stay as they are.
GOLDEN = {
    "base": "821cc32355538fb6",
    "base_fast": "6df4ca8cdf1867e3",
    "pooling": "e92317105bf8b310",
    "stacked": "a0b74ed8e83c36fb",
    "third": "dc3741607285ba33",
    "residual": "1615a60b9362de46",
    "augmented": "0974ee1ce6c2d7b0",
    "turned": "b4bb20ada9952d57",
    "separable": "462f4652f9251c6b",
    "final": "956a2fcbc47f3b1f",
}


def test_golden_keys() -> None:
    study = load("cifar100")
    keys = {rung.name: RunSpec(rung.recipe, 15, study.data, 0).key for rung in study.rungs}
    assert keys == GOLDEN


def test_golden_key_of_the_ensemble() -> None:
    study = load("cifar100")
    assert RunSpec(study.ensembles[0].recipe, 15, study.data, 0).key == "e3bd218dc1d7c3f7"


def test_key_depends_on_all_that_determines_a_run() -> None:
    recipe = Recipe()
    variants = {
        key_of(recipe, epochs=15, data="d", seed=0),
        key_of(recipe, epochs=16, data="d", seed=0),
        key_of(recipe, epochs=15, data="e", seed=0),
        key_of(recipe, epochs=15, data="d", seed=1),
        key_of(apply(recipe, "residual", {}), epochs=15, data="d", seed=0),
    }
    assert len(variants) == 5


@pytest.mark.parametrize(("there", "settled"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_settled_by_the_processor_before_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, there: bool, settled: str
) -> None:
    monkeypatch.setattr("rungs.recipe.tree.multiplies_bfloat16", lambda: there)
    recipe = recipe_from_dict({"precision": "auto"})
    assert recipe_to_dict(recipe)["precision"] == settled
    assert key(recipe) == key(recipe_from_dict({"precision": settled}))
    assert (
        parse({**GOOD, "recipe": {"precision": "auto"}}, "x").rungs[0].recipe.precision == settled
    )


def test_zero_has_one_form() -> None:
    whole = apply(apply(Recipe(), "dropout", {"rates": [0, 0.5]}), "residual", {})
    point = apply(apply(Recipe(), "dropout", {"rates": [0.0, 0.5]}), "residual", {})
    assert key(whole) == key(point)


def test_a_raised_component_version_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(Recipe())
    monkeypatch.setattr(type(Recipe().optimiser), "version", 2)
    assert key(Recipe()) != before


def test_a_version_that_changes_some_recipes_alone_changes_their_keys_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = key(Recipe())
    smoothed, rounded = (
        apply(Recipe(), "label_smoothing", {"amount": 0.1}),
        replace(Recipe(), precision="bfloat16"),
    )
    before = [plain, key(smoothed), key(rounded)]
    loss = type(Recipe().loss)
    monkeypatch.setattr(loss, "version", 2)
    for revised, changed in (
        (lambda one, recipe: one.label_smoothing == 0.1, [False, True, False]),
        (lambda one, recipe: recipe.precision == "bfloat16", [False, False, True]),
        (lambda one, recipe: True, [True, True, True]),
    ):
        monkeypatch.setattr(loss, "revised", revised)
        monkeypatch.setattr("rungs.recipe.keys._remembered", {})  # of the version before
        after = [key(Recipe()), key(smoothed), key(rounded)]
        assert [a != b for a, b in zip(after, before, strict=True)] == changed


def test_a_flip_that_was_written_before_it_could_be_drawn_by_run_is_what_it_was() -> None:
    flips = Flip(), Flip(alternating=True), Flip(alternating=True, by_run=False)
    recipes = [replace(Recipe(), transforms=(flip,)) for flip in flips]
    written = [recipe_to_dict(recipe) for recipe in recipes]
    for recipe, plain in zip(recipes, written, strict=True):
        assert recipe_from_dict(plain, written=True) == recipe_from_dict(plain) == recipe
        del plain["transforms"][0]["by_run"]
    unchanged, _, before = recipes
    assert [recipe_from_dict(old, written=True) for old in written] == [unchanged, before, before]
    # Who writes a study says what is to be; what is left out has the default of today.
    assert [recipe_from_dict(new) for new in written] == [unchanged, recipes[1], recipes[1]]
    assert len({key(recipe) for recipe in recipes}) == 3


def test_a_young_field_at_its_introduction_value_leaves_the_key_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loss = type(Recipe().loss)
    with_field = key(Recipe())
    monkeypatch.setattr(loss, "introduced", {"label_smoothing": 0.0})
    assert key(Recipe()) != with_field  # the field is left out now
    smoothed = apply(Recipe(), "label_smoothing", {"amount": 0.1})
    assert key(smoothed) != key(Recipe())


def test_a_field_is_read_by_its_former_name_which_stays_in_keys() -> None:
    def with_norm(**values: object) -> Recipe:
        normalisation = {"kind": "batch_norm", **values}
        return recipe_from_dict({"network": {"normalisation": normalisation}})

    kept = with_norm(keep=0.9)
    assert with_norm(momentum=0.9) == kept
    assert recipe_to_dict(kept)["network"]["normalisation"]["keep"] == 0.9
    assert key(kept) == "e9e051a05c2b6925"  # as it was made when the field was called momentum
    norm = BatchNorm(momentum=0.9)  # type: ignore[call-arg]
    assert norm == BatchNorm(keep=0.9) == replace(BatchNorm(), momentum=0.9)
    assert norm.momentum == 0.9
    for name in ("keep", "momentum"):
        assert value_at(kept, f"network.normalisation.{name}") == 0.9
    assert [str(item) for item in diff(Recipe(), kept)] == [
        "network.normalisation.keep 0.99 -> 0.9"
    ]


def test_only_uses_that_a_revision_touches_have_new_keys() -> None:
    described, other = Recipe().network, Timm(model="vit_tiny_patch16_224")
    pre = Convolutional(block=PreActivation())
    whitened = replace(pre, stem=Whitening())
    uses: list[tuple[Component, Network, int]] = [
        (CrossEntropy(), described, 1),
        (CrossEntropy(class_weights="balanced"), described, 2),
        (Focal(), described, 1),
        (Focal(class_weights="balanced"), described, 2),
        (AdamW(), described, 1),
        (AdamW(), other, 2),
        (described, described, 1),
        (pre, pre, 2),
        (whitened, whitened, 1),
        (whitened.stem, whitened, 1),
    ]
    for component, network, version in uses:
        assert version_of(component, Recipe(network=network)) == version, component
    rounded = Recipe(network=whitened, precision="bfloat16")
    assert version_of(whitened.stem, rounded) == 2


@pytest.mark.parametrize(
    ("size", "epochs", "same"), [(32, 15, True), (32, 2, False), (33, 15, False), (30, 15, True)]
)
def test_runs_that_grew_to_the_full_size_before_keep_their_keys(
    size: int, epochs: int, same: bool
) -> None:
    pooled = apply(Recipe(), "global_average_pooling", {})
    recipe = apply(pooled, "progressive_resolution", {})
    data = SyntheticSpec(classes=4, size=size)
    before = key_of(recipe, epochs=epochs, data=data.fingerprint, seed=0)  # as keys were made
    assert (RunSpec(recipe, epochs, data, 0).key == before) is same
    assert RunSpec(pooled, epochs, data, 0).key == key_of(
        pooled, epochs=epochs, data=data.fingerprint, seed=0
    )


def test_keys_of_former_versions_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    smoothed = apply(Recipe(), "label_smoothing", {"amount": 0.1})
    spec = RunSpec(replace(smoothed, transforms=(Flip(), Flip())), 2, SyntheticSpec(), 0)
    assert list(spec.all_keys()) == [spec.key]  # no version was raised that concerns it
    written = {}
    for loss, flip in ((1, 1), (2, 1), (2, 2), (2, 3)):
        monkeypatch.setattr(CrossEntropy, "version", loss)
        monkeypatch.setattr(CrossEntropy, "revised", lambda one, recipe: True)
        monkeypatch.setattr(Flip, "version", flip)
        written[loss, flip] = RunSpec(spec.recipe, 2, spec.data, 0).key
    today, *former = spec.all_keys()
    assert today == written[2, 3]
    assert set(written.values()) < {today, *former}
    assert len(former) == 2 * 3 - 1
    assert RunSpec(spec.recipe, 2, spec.data, 1).key not in former
    growing = apply(apply(Recipe(), "global_average_pooling", {}), "progressive_resolution", {})
    short = RunSpec(growing, 2, SyntheticSpec(classes=4, size=32), 0)
    before = key_of(growing, epochs=2, data=short.data.fingerprint, seed=0)
    assert before != short.key
    assert before in short.all_keys()


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_plain_form_is_lossless(entry: Modification) -> None:
    changed = apply(example_recipe(entry), entry.name, entry.example)
    assert recipe_from_dict(recipe_to_dict(changed)) == changed


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="batchsize"):
        recipe_from_dict({"batchsize": 3})


def test_difference_names_fields_and_values() -> None:
    changed = apply(Recipe(), "learning_rate", {"value": 0.0004})
    assert [str(item) for item in diff(Recipe(), changed)] == [
        "optimiser.learning_rate 0.001 -> 0.0004"
    ]
    assert diff(changed, changed) == ()


def test_spec_of_a_run_is_lossless() -> None:
    spec = RunSpec(Recipe(), 3, SyntheticSpec(classes=4), 1)
    again = RunSpec.from_dict(spec.to_dict())
    assert again == spec
    assert again.key == spec.key
