"""Words of others' are read, put into ours, and lead to the same runs."""

from typing import Any

import pytest

from rungs.foundation.errors import RecipeError
from rungs.recipe import Recipe, key_of, recipe_from_dict, replace, value_at
from rungs.recipe.calls import parse_change
from rungs.recipe.components.core import _KINDS
from rungs.recipe.modifications import apply, catalogue, find
from rungs.recipe.synonyms import ABSENT, CHANGES, FIELDS, KINDS, change_of, kind_of, why_absent
from rungs.study import parse
from tests.studies import GOOD


def key(recipe: Recipe) -> str:
    return key_of(recipe, epochs=15, data="0123456789abcdef", seed=0)


NAMES = {entry.name for entry in catalogue()}


@pytest.mark.parametrize("word", sorted(CHANGES))
def test_words_for_changes_mean_one_that_there_is_and_hide_none(word: str) -> None:
    assert set(CHANGES[word]) <= NAMES
    assert change_of(word, NAMES) == find(word).name == CHANGES[word][0]
    assert word not in NAMES


def test_words_for_kinds_and_fields_mean_some_that_there_are() -> None:
    kinds = {kind for members in _KINDS.values() for kind in members}
    assert {ours for meant in KINDS.values() for ours in meant} <= kinds
    fields = {
        name
        for members in _KINDS.values()
        for member in members.values()
        for name in member.__dataclass_fields__
    }
    fields |= {name for entry in catalogue() for name in entry.parameters}
    fields |= set(Recipe.__dataclass_fields__)
    assert {ours for meant in FIELDS.values() for ours in meant} <= fields


@pytest.mark.parametrize("word", sorted(ABSENT))
def test_what_is_absent_is_no_change(word: str) -> None:
    assert change_of(word, NAMES) not in NAMES
    with pytest.raises(RecipeError, match=f"there is no modification '{word}': "):
        find(word)


def test_early_stopping_is_answered_with_the_reason() -> None:
    for word in ("early_stopping", "EarlyStopping", "early-stopping", "patience"):
        said = why_absent(word) or ""
        assert "the epoch with the lowest validation loss is tested" in said
    assert why_absent("residal") is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {"optimizer": {"kind": "sgd", "lr": 0.1}},
            {"optimiser": {"kind": "sgd", "learning_rate": 0.1}},
        ),
        ({"optimizer": "AdamW"}, {"optimiser": "adamw"}),
        (
            {"optimizer": {"kind": "sgd", "wd": 0.1}},
            {"optimiser": {"kind": "sgd", "weight_decay": 0.1}},
        ),
        ({"scheduler": "cosine_annealing"}, {"schedule": "cosine"}),
        (
            {"lr_scheduler": {"kind": "cosine", "warmup": 0.1}},
            {"schedule": {"kind": "cosine", "warm_up": 0.1}},
        ),
        (
            {"criterion": {"kind": "ce", "label_smooth": 0.1}},
            {"loss": {"kind": "cross_entropy", "label_smoothing": 0.1}},
        ),
        ({"transforms": [{"kind": "color_jitter"}]}, {"transforms": [{"kind": "colour_jitter"}]}),
        (
            {"transforms": [{"kind": "RandomHorizontalFlip", "p": 0.3}]},
            {"transforms": [{"kind": "flip", "probability": 0.3}]},
        ),
        (
            {"augmentations": [{"kind": "random_crop", "padding": 4}]},
            {"transforms": [{"kind": "shift", "pixels": 4}]},
        ),
        ({"network": {"normalization": "GroupNorm"}}, {"network": {"normalisation": "group_norm"}}),
        ({"network": {"activation": "swish"}}, {"network": {"activation": "silu"}}),
        ({"grad_clip": 1.0}, {"clipping": 1.0}),
        ({"mixing": "CutMix"}, {"mixing": "cutmix"}),
    ],
)
def test_recipes_are_the_same_by_either_word(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    read = recipe_from_dict(theirs)
    assert read == recipe_from_dict(ours) != Recipe()
    assert key(read) == key(recipe_from_dict(ours))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("mixup(0.2)", "mixup(alpha=0.2)"),
        ("lr(0.1)", "learning_rate(rate=0.1)"),
        ("learning_rate(value=0.1)", "learning_rate(rate=0.1)"),
        ("sgd(lr=0.1, wd=0.01)", "sgd(learning_rate=0.1, weight_decay=0.01)"),
        ("sgd(value=0.1)", "sgd(learning_rate=0.1)"),
        ("random_crop(padding=4)", "shift(pixels=4)"),
        ("normalize", "scaling()"),
        ("ColorJitter(brightness=0.3)", "colour_jitter(brightness=0.3)"),
        ("label_smooth(0.1)", "label_smoothing(amount=0.1)"),
        ("widths(values=[8, 16])", "widths(channels=[8, 16])"),
        ("cosine_cycles(cycles=2, alpha0=0.1)", "cosine_cycles(cycles=2, learning_rate=0.1)"),
        ("clip_gradients(max_norm=1.5)", "clip_gradients(norm=1.5)"),
        ("resized_crop(least=0.5)", "resized_crop(least_area=0.5)"),
        ("activation(to=swish)", "activation(to=silu)"),
        ("activation(elu(alpha=0.5))", "activation(to=elu(alpha=0.5))"),
    ],
)
def test_a_study_shows_our_words(theirs: str, ours: str) -> None:
    """A change as text, in a table and in our words is the same rung with the same key."""
    _, values = parse_change(theirs)
    studies = [
        parse({**GOOD, "rungs": [GOOD["rungs"][0], {**GOOD["rungs"][1], "apply": [step]}]}, "x")
        for step in (theirs, ours, {"name": theirs.partition("(")[0], **values})
    ]
    assert [study.rungs[1].changes for study in studies] == [(ours,)] * 3
    assert len({key(study.rungs[1].recipe) for study in studies}) == 1


def test_values_in_another_libraries_order_are_not_guessed() -> None:
    with pytest.raises(RecipeError, match=r"random_crop is shift\(pixels=4\) here"):
        parse_change("random_crop(32)")


def test_a_word_that_names_something_itself_stays_what_it_is() -> None:
    """Focal loss has a gamma of its own, which elsewhere is a step's factor."""
    assert value_at(apply(Recipe(), "focal_loss", {"gamma": 3.0}), "loss.gamma") == 3.0
    assert apply(Recipe(), "step_decay", {"gamma": 0.5}).schedule.factor == 0.5  # type: ignore[attr-defined]
    assert kind_of("mine:swish", {"silu"}) == "mine:swish"


def test_paths_and_replacements_know_the_words_too() -> None:
    recipe = replace(Recipe(), optimiser=replace(Recipe().optimiser, lr=0.5))
    assert value_at(recipe, "optimizer.lr") == 0.5


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_a_default_is_that_of_the_component(entry: Any) -> None:
    """Without values a change makes what a table without values is; presets say which they are."""
    if entry.name in ("normalised_muon", "stack_convolutions", "squeeze_excitation"):
        return
    needed = [name for name, item in entry.parameters.items() if item.default is item.empty]
    made = {
        kind: member
        for members in _KINDS.values()
        for kind, member in members.items()
        if kind == entry.name
    }
    for member in made.values():
        if not needed:
            start = Recipe()
            for other in entry.needs:
                start = apply(start, other, find(other).example)
            parts = vars(apply(start, entry.name, {}))
            network = vars(parts.get("network"))
            found = [*parts.values(), *parts["transforms"], *network.values()]
            assert member() in found
