"""Arrays of answers that were given elsewhere: what they may be, and what is said of the others."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rungs import judge
from rungs.evidence.elsewhere.order import pairs_of
from rungs.foundation.errors import DataError, RungsError, UsageError
from rungs.statistics.verdicts import Evidence
from rungs.statistics.verdicts import judge as by_evidence

LABELS = np.arange(60) % 4


def answers(right: int, seed: int = 0) -> np.ndarray:
    """So many right answers of 60, the others of the next class."""
    order = np.random.default_rng(seed).permutation(60)
    predicted = (LABELS + 1) % 4
    predicted[order[:right]] = LABELS[order[:right]]
    return predicted


def likely(predicted: np.ndarray, classes: int = 4) -> np.ndarray:
    """Probabilities of which those of the predicted classes are the largest."""
    odds = 1.0 + 5.0 * np.eye(classes)[predicted]
    shares: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return shares


GOOD = {"base": [answers(30, s) for s in range(3)], "wider": [answers(45, s) for s in range(3, 6)]}


def with_one(array: Any, seed: int = 1) -> dict[str, list[Any]]:
    """Good answers but for one array."""
    return {**GOOD, "wider": [array if s == seed else one for s, one in enumerate(GOOD["wider"])]}


def test_a_gain_that_all_seeds_show_helps() -> None:
    (found,) = judge(GOOD, LABELS)
    assert (found.name, found.against, found.outcome) == ("wider", "base", "helps")
    assert found.delta == pytest.approx(0.25)
    assert (found.n_seeds, found.n_images, found.margin) == ((3, 3), 60, 0.01)


def test_verdicts_are_those_of_a_study_with_the_same_answers() -> None:
    recipes = {**GOOD, "deeper": [answers(right, right) for right in (47, 49, 50, 51)]}
    kinds = {"deeper": "steady"}
    evidence = {
        name: Evidence(
            name, np.stack([one == LABELS for one in arrays]), kind=kinds.get(name, "plain")
        )
        for name, arrays in recipes.items()
    }
    pairs = [(evidence["wider"], evidence["base"]), (evidence["deeper"], evidence["base"])]
    expected = by_evidence(pairs, list(evidence.values()), family=2, margin=0.02)
    found = judge(recipes, LABELS, after={"deeper": "base"}, margin=0.02, kinds=kinds)
    assert [replace(one, caveats=()) for one in found] == list(expected)


@pytest.mark.parametrize(
    "turned",
    [
        likely,
        lambda predicted: likely(predicted).astype(np.float16),
        lambda predicted: np.eye(4, dtype=np.int64)[predicted],
        lambda predicted: predicted.astype(np.uint8),
        lambda predicted: predicted.astype(np.float64),
        lambda predicted: predicted.tolist(),
    ],
    ids=["probabilities", "half precision", "one-hot", "bytes", "whole floats", "lists"],
)
def test_answers_in_another_form_are_the_same_answers(turned: Callable[[Any], Any]) -> None:
    others = {name: [turned(one) for one in arrays] for name, arrays in GOOD.items()}
    assert judge(others, LABELS).to_dict() == judge(GOOD, LABELS).to_dict()


def test_an_array_of_seeds_is_a_list_of_them() -> None:
    stacked = {name: np.stack(arrays) for name, arrays in GOOD.items()}
    assert judge(stacked, LABELS).to_dict() == judge(GOOD, LABELS).to_dict()


def test_classes_may_be_texts() -> None:
    names = np.array(["ape", "bee", "cat", "dog"])
    others: dict[str, list[Any]] = {
        "base": [names[one] for one in GOOD["base"]],
        "wider": [names[one].astype(object) for one in GOOD["wider"]],
    }
    assert judge(others, names[LABELS]).to_dict() == judge(GOOD, LABELS).to_dict()


def test_two_classes_may_be_truth_values() -> None:
    labels = LABELS > 1
    plain = {name: [(one > 1).astype(int) for one in arrays] for name, arrays in GOOD.items()}
    truth = {name: [one > 1 for one in arrays] for name, arrays in GOOD.items()}
    assert judge(truth, labels).to_dict() == judge(plain, labels.astype(int)).to_dict()


def told(array: Any) -> str:
    """What is said of answers that are this array."""
    with pytest.raises(DataError) as caught:
        judge(with_one(array), LABELS)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("answers['wider'][1]: expected ")
    return said


def changed(value: Any, at: int = 7) -> np.ndarray:
    array = answers(45).astype(type(value))
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (answers(45)[:59], "[60, classes] as there are labels, found [59] of int64"),
        (likely(answers(45)).T, "found [4, 60] of float64; turned round, `array.T`, it would fit"),
        (np.zeros((60, 2, 2)), "found [60, 2, 2] of float64"),
        (np.float64(3), "found a single float64"),
        (None, "found None; leave a seed that did not finish out of the list"),
        (changed(np.nan), "found nan at image 7"),
        (changed(0.5), "a whole number, found 0.5 at image 7; of one probability an image"),
        (changed(-1), "from 0 up, found -1 at image 7; count classes from 0"),
        (np.full(60, 2**63, np.uint64), "at image 0 and the like at 59 images more"),
        (np.array([1j] * 60), "whole numbers or texts as classes, found complex128"),
        (likely(answers(45))[:, :1], "two classes or more, found [60, 1]"),
        (likely(answers(45)) + np.nan, "found a sum of nan at image 0"),
        (
            likely(answers(45)) * 1.2,
            "each from 0 to 1 and of each image 1 together, found a sum of",
        ),
        (np.log(likely(answers(45))), "of logits or other scores whose largest is meant give"),
        (np.eye(4)[answers(45)] * 3 - 0.5, "found -0.5 among them at image 0 and the like at 59"),
        (answers(45) == LABELS, "found truth values; if they say whether an answer is right"),
        (np.array(["cat"] * 60), "whole numbers such as 0, found texts such as 'cat'"),
        (np.array([["cat"] * 4] * 60), "expected probabilities, found [60, 4] of <U3"),
    ],
)
def test_answers_that_cannot_be_are_told_in_one_sentence(array: Any, found: str) -> None:
    assert found in told(array)


def test_what_cannot_be_read_as_an_array_is_told() -> None:
    class Tensor:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("it is on another device")

    with pytest.raises(DataError, match=r"another device; of a tensor give `tensor\.detach\(\)"):
        judge(with_one(Tensor()), LABELS)
    ragged: Any = [[0, 1], [2]] * 30
    with pytest.raises(DataError, match=re.escape("answers['wider'][1]: this cannot be read")):
        judge(with_one(ragged), LABELS)


def test_mistakes_of_several_arrays_come_together() -> None:
    others = {**with_one(None), "base": [one[1:] for one in GOOD["base"]]}
    with pytest.raises(DataError) as caught:
        judge(others, LABELS)
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 mistakes:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        *(f"answers['base'][{seed}]" for seed in range(3)),
        "answers['wider'][1]",
    ]
    nothing: Any = [None] * 25
    with pytest.raises(DataError, match="and 5 more"):
        judge({"base": nothing, "wider": GOOD["wider"]}, LABELS)


def test_classes_that_probabilities_lack_are_out_of_range() -> None:
    known = with_one(likely(answers(45)), 0)
    known["wider"][2] = changed(4)
    with pytest.raises(
        DataError, match=r"expected classes from 0 to 3, as answers\['wider'\]\[0\]"
    ):
        judge(known, LABELS)
    with pytest.raises(DataError, match=r"labels: expected classes from 0 to 3, .* found 9 at"):
        judge(with_one(likely(answers(45))), np.where(np.arange(60) == 5, 9, LABELS))
    others = with_one(likely(answers(45)), 0)
    others["wider"][1] = likely(answers(45), classes=5)
    with pytest.raises(DataError, match=r"probabilities of 4 classes, as in .*\[0\], found 5"):
        judge(others, LABELS)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.eye(4)[LABELS], "found [60, 4] of float64; of one-hot labels give"),
        ([], "found [0] of float64"),
        (np.float64(1), "found a single float64"),
        (np.where(LABELS == 0, np.nan, LABELS), "found nan at image 0 and the like at 14 images"),
        (LABELS - 1, "found -1 at image 0"),
        (LABELS + 0.5, "found 0.5 at image 0"),
        ([None] * 60, "found object"),
    ],
)
def test_labels_that_cannot_be_are_told(labels: Any, found: str) -> None:
    with pytest.raises(DataError) as caught:
        judge(GOOD, labels)
    assert str(caught.value).startswith("labels: expected ")
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("seeds", "found"),
    [
        ([], "an array for each seed, found none"),
        (answers(30), "found one array [60]; of a single seed give [array]"),
        (likely(answers(30)), "found one array [60, 4]; of a single seed give [array]"),
        (answers(30).tolist(), "found a list of int; of a single seed give [array]"),
        ({0: answers(30)}, "found a table"),
        (None, "found a NoneType"),
    ],
)
def test_a_recipe_without_a_list_of_seeds_is_told(seeds: Any, found: str) -> None:
    with pytest.raises(DataError, match=r"answers\['base'\]: expected ") as caught:
        judge({**GOOD, "base": seeds}, LABELS)
    assert found in str(caught.value)


def test_answers_without_names_are_told() -> None:
    with pytest.raises(UsageError, match="answers: expected a dict"):
        judge([GOOD["base"]], LABELS)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"answers\[1\]: expected a text as name"):
        judge({**GOOD, 1: GOOD["base"]}, LABELS)  # type: ignore[dict-item]
    with pytest.raises(UsageError, match=r"printable characters, found 'a\\x1b\[2J'"):
        judge({**GOOD, "a\x1b[2J": GOOD["base"]}, LABELS)
    with pytest.raises(UsageError, match="found 0 recipes and no such pair"):
        judge({}, LABELS)
    with pytest.raises(UsageError, match="found 1 recipe and no such pair"):
        judge({"base": GOOD["base"]}, LABELS)


def test_fewer_seeds_are_said_and_a_seed_that_guesses_too() -> None:
    shuffled = np.random.default_rng(9).permutation(answers(45))
    fewer = {"base": GOOD["base"], "wider": [GOOD["wider"][0], shuffled], "last": GOOD["wider"]}
    first, second = judge(fewer, LABELS)
    assert first.n_seeds == (2, 3)
    assert first.caveats == (
        "1 of 3 seeds of wider missing",
        "1 of 2 seeds of wider not clearly better than naming the commonest class: are images in "
        "the order of the labels?",
    )
    assert second.caveats == first.caveats
    assert judge(GOOD, LABELS)["wider"].caveats == ()


def test_one_model_as_several_seeds_is_refused_where_it_is_no_chance() -> None:
    copies = {**GOOD, "wider": [GOOD["wider"][0], GOOD["wider"][1], GOOD["wider"][0]]}
    with pytest.raises(
        DataError, match=r"answers\['wider'\]\[2\]: expected a model of another seed"
    ) as caught:
        judge(copies, LABELS)
    assert "found the answers of answers['wider'][0] to all images" in str(caught.value)
    # Of few images, all right but for some, several models may well answer alike.
    good = answers(52)
    assert judge({"base": [good, answers(50)], "wider": [good, good]}, LABELS)["wider"].n_seeds


def test_one_seed_has_the_interval_of_two_trained_models() -> None:
    (found,) = judge({name: arrays[:1] for name, arrays in GOOD.items()}, LABELS)
    assert found.outcome == "one seed"
    assert (found.low, found.high, found.p_adjusted) == (None, None, None)
    assert found.images_only is not None
    assert found.images_only[0] < (found.delta or 0) < found.images_only[1]


def test_alike_recipes_make_no_difference_within_a_margin_that_is_wide() -> None:
    """Two thousand images, three seeds, nothing between the recipes."""
    labels = np.arange(4000) % 10
    rng = np.random.default_rng(3)
    hard = rng.random(4000)

    def seeds() -> list[np.ndarray]:
        return [
            np.where(hard + rng.normal(0, 0.02, 4000) < 0.8, labels, (labels + 1) % 10)
            for _ in range(3)
        ]

    alike = {"base": seeds(), "same": seeds()}
    assert judge(alike, labels, margin=0.05)["same"].outcome == "no difference"
    assert judge(alike, labels, margin=0.0001)["same"].outcome == "undecided"


def test_kinds_are_pooled_apart() -> None:
    """A recipe that is known to vary less has an interval of its own kind's variance."""
    labels = np.zeros(1000, np.int64)

    def varying(points: float, seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        rights = 700 + (points * 10 * rng.normal(size=6)).astype(int)
        hard = np.arange(1000) + rng.normal(0, 15, (6, 1000))  # mostly the same for all models
        return [(row >= right).astype(int) for row, right in zip(hard, rights, strict=True)]

    plain = {"a": varying(3, 0), "b": varying(3, 1)}
    steady = {"c": varying(0.1, 2), "d": varying(0.1, 3)}
    together = judge({**plain, **steady}, labels)["d"]
    apart = judge({**plain, **steady}, labels, kinds=dict.fromkeys(steady, "averaged"))["d"]
    assert apart.low is not None
    assert together.low is not None
    assert apart.low > together.low


def test_each_stands_on_the_one_before_it_unless_told() -> None:
    names = ("a", "b", "c", "d")
    assert pairs_of(names) == [("b", "a"), ("c", "b"), ("d", "c")]
    assert pairs_of(names, {"c": "a"}) == [("b", "a"), ("c", "a"), ("d", "c")]
    assert pairs_of(names, {"c": None}) == [("b", "a"), ("d", "c")]
    assert pairs_of(names, {"a": "d", "b": None}) == [("a", "d"), ("c", "b"), ("d", "c")]


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"warmer": "base"}, "after: there are no answers of 'warmer'"),
        ({"wider": "bases"}, "after: there are no answers of 'bases'; did you mean 'base'?"),
        ({"wider": "wider"}, "found a circle, 'wider' on 'wider'"),
        ({"base": "wider"}, "found a circle, 'base' on 'wider' on 'base'"),
        ({"wider": None}, "found 2 recipes and no such pair"),
    ],
)
def test_orders_that_cannot_be_are_told(after: dict[str, str | None], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        judge(GOOD, LABELS, after=after)


def test_arguments_that_cannot_be_are_told() -> None:
    wrong: Any
    for wrong in (0, -0.01, 1.0, np.nan, True, "0.01"):
        with pytest.raises(RungsError, match="margin: expected a fraction of the images"):
            judge(GOOD, LABELS, margin=wrong)
    with pytest.raises(UsageError, match="kinds: there are no answers of 'widr'; did you mean"):
        judge(GOOD, LABELS, kinds={"widr": "averaged"})
    wrong = ["base"]
    with pytest.raises(UsageError, match="after: expected a dict, name -> the one that it stands"):
        judge(GOOD, LABELS, after=wrong)
    with pytest.raises(UsageError, match="kinds: expected a dict, name -> a word"):
        judge(GOOD, LABELS, kinds=wrong)
    with pytest.raises(UsageError, match="kinds: expected a word for 'base', found a list of 1"):
        judge(GOOD, LABELS, kinds={"base": wrong})
    with pytest.raises(UsageError, match="after: there are no answers of a list of 1"):
        judge(GOOD, LABELS, after={"wider": wrong})
