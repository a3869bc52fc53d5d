"""The seal of a test set: what is kept of its breaking, and what follows for rungs added later."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from rungs.data.images import Exploration
from rungs.data.kinds.cifar100 import Cifar100Spec
from rungs.data.pictures_spec import PicturesSpec
from rungs.evidence.seal import export_seal, read_seal, reveal, take_seal, times_revealed, unseal
from rungs.foundation.errors import StoreError
from rungs.recipe import Recipe, recipe_key
from rungs.statistics.calibration import temperature
from rungs.statistics.predictions import Labels, SealedLabels, ValidationLabels
from rungs.store import Store, open_store
from rungs.study import Study, parse
from rungs.study.plan import plan
from rungs.training.fit import fit
from tests.studies import GOOD, edited

STUDY = parse(GOOD, "mine.toml")
ALIKE = ("budgets/own", None)  # whose table names every rung
THIRD = {"name": "third", "after": "second", "apply": ["global_average_pooling"]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def recipes(study: Study, *names: str) -> list[Recipe]:
    return [study.rung(name).recipe for name in names]


def longer() -> Study:
    return parse(edited(("rungs/2", THIRD), ALIKE), "mine.toml")


def test_a_seal_is_whole_until_it_is_broken_and_then_stays_as_it_was(store: Store) -> None:
    assert read_seal(store.root, STUDY) is None
    first = unseal(store, STUDY)
    assert set(first.asked) == {"first", "second"}
    assert unseal(store, longer()) == first == read_seal(store.root, longer())
    assert first.added(STUDY) == frozenset()
    assert first.added(longer()) == {"third"}


def test_a_rung_is_known_by_what_it_asks_not_by_its_name(store: Store) -> None:
    seal = unseal(store, STUDY)
    renamed = parse(
        edited(
            ("rungs/1/name", "other"),
            ("final", "other"),
            ("ensembles/0/rung", "other"),
            ALIKE,
        ),
        "mine.toml",
    )
    assert seal.added(renamed) == frozenset()
    changed = parse(edited(("rungs/1/apply", ["residual"])), "mine.toml")
    assert seal.added(changed) == {"second", "five"}  # the ensemble is of another rung now
    moved = parse(edited(("rungs/2", {**THIRD, "after": "first"}), ALIKE), "mine.toml")
    again = unseal(store, moved)
    assert again.added(parse(edited(("rungs/2", THIRD), ALIKE), "mine.toml")) == {"third"}


def test_an_ensemble_that_comes_later_is_told_too(store: Store) -> None:
    seal = unseal(store, STUDY)
    assert read_seal(store.root, STUDY) == seal
    (name,) = seal.ensembles or {}
    others = parse(edited(("ensembles/0/name", "renamed")), "mine.toml")
    assert seal.added(others) == frozenset()
    more = parse(edited(("ensembles/0/alpha0", 0.5)), "mine.toml")
    assert seal.added(more) == {name}
    assert seal.hash != replace(seal, ensembles={name: "0"}).hash
    # A seal from before ensembles were kept: nobody can tell, and nothing is said.
    (path,) = (store.root / "seals").iterdir()
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["ensembles"], plain["family"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    old = read_seal(store.root, STUDY)
    assert old is not None
    assert (old.ensembles, old.family, old.added(more)) == (None, 0, frozenset())


def test_the_family_is_that_of_the_moment_when_the_test_was_seen(store: Store) -> None:
    assert unseal(store, longer()).family == 2
    assert unseal(store, STUDY).family == 2  # a rung was given up since


def test_runs_that_were_neither_planned_nor_finished_then_are_late(store: Store) -> None:
    planned, later = (plan(STUDY, budget="equal", seeds=n).runs for n in (1, 2))
    early = plan(STUDY, epochs=3).runs[0]
    folder = store.run_folder(early.key)
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()  # as a finished run has
    unseal(store, STUDY)
    seal = read_seal(store.root, STUDY)
    assert seal is not None
    hindsight = seal.hindsight(STUDY)
    assert not hindsight.is_late([*planned, early])
    assert not hindsight.is_late(plan(STUDY, budget="own").runs)
    assert all(hindsight.is_late([spec]) for spec in later if spec.seed == 1)
    assert hindsight.is_late(plan(STUDY, epochs=5).runs)
    # A seal from before runs were kept: nobody can tell, and nothing is said.
    old = replace(seal, contenders=None, runs=None).hindsight(STUDY)
    assert not old.is_late(later)
    assert (old.contenders, old.given_up) == (None, {})


def test_baselines_that_were_given_up_are_counted(store: Store) -> None:
    two = [*GOOD["ensembles"], {**GOOD["ensembles"][0], "name": "four", "cycles": 4}]
    unseal(store, parse(edited(("ensembles", two)), "mine.toml"))
    seal = read_seal(store.root, STUDY)
    assert seal is not None
    key = recipe_key(STUDY.rung("second").recipe)
    assert {key: len(asks) for key, asks in (seal.contenders or {}).items()} == {key: 4}
    # The ensemble and its last snapshot alone, whatever the other is called now.
    assert seal.hindsight(STUDY).given_up == {key: 2}
    renamed = parse(edited(("ensembles/0/name", "other")), "mine.toml")
    assert seal.hindsight(renamed).given_up == {key: 2}
    assert seal.hindsight(parse(edited(("ensembles", None)), "mine.toml")).given_up == {key: 4}


def test_a_study_on_another_test_set_has_a_seal_of_its_own(store: Store) -> None:
    unseal(store, STUDY)
    assert read_seal(store.root, parse(edited(("data/test", 500)), "mine.toml")) is None


def test_other_training_images_do_not_mend_the_seal(store: Store) -> None:
    broken = unseal(store, STUDY)
    reveal(store, STUDY, broken, recipes(STUDY, "first"))
    anew = parse(edited(("data/train", 500)), "mine.toml")
    seal = read_seal(store.root, anew)
    assert seal is not None
    assert seal.asked == broken.asked
    names = {rung.name for rung in anew.rungs} | {item.name for item in anew.ensembles}
    assert seal.added(anew) == names  # now they all ask something else
    assert times_revealed(store, anew) == 1


def test_another_cut_of_the_same_pictures_does_not_mend_the_seal() -> None:
    facts: dict[str, object] = {"title": "mine", "content": "0" * 32, "classes": 2, "size": 32}
    facts |= {"train": 70, "validation": 15, "test": 15, "cut_validation": 0.15, "cut_test": 0.15}
    one, other = (PicturesSpec.model_validate({**facts, "seed": seed}) for seed in (0, 1))
    assert one.fingerprint != other.fingerprint
    assert one.test_fingerprint == other.test_fingerprint


def test_each_split_of_cifar_100_has_one_test_set() -> None:
    half = Cifar100Spec(train=((0, 20_000),), validation=((20_000, 25_000),))
    assert half.test_fingerprint == Cifar100Spec().test_fingerprint


def test_what_two_reports_show_at_once_is_all_noted(store: Store) -> None:
    seal = unseal(store, STUDY)
    reveal(store, STUDY, seal, recipes(STUDY, "first"))
    both = reveal(store, STUDY, seal, recipes(STUDY, "second"))  # which does not know of the first
    assert both == read_seal(store.root, STUDY)
    assert times_revealed(store, STUDY) == 2


def test_what_was_shown_is_counted_once_over_all_studies(store: Store) -> None:
    seal = unseal(store, STUDY)
    seal = reveal(store, STUDY, seal, recipes(STUDY, "first"))
    seal = reveal(store, STUDY, seal, recipes(STUDY, "first", "second"))
    assert times_revealed(store, STUDY) == 2
    other = parse(edited(("name", "other"), ("rungs/2", THIRD), ALIKE), "other.toml")
    reveal(store, other, unseal(store, other), recipes(other, "second", "third"))
    assert times_revealed(store, STUDY) == times_revealed(store, other) == 3


def test_a_seal_travels_with_results(store: Store, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    take_seal(store, archive, STUDY)  # there is none
    assert read_seal(store.root, STUDY) is None
    reveal(store, STUDY, unseal(store, STUDY), recipes(STUDY, "first"))
    other = parse(edited(("name", "other"), ("rungs/2", THIRD), ALIKE), "other.toml")
    reveal(store, other, unseal(store, other), recipes(other, "third"))
    export_seal(store, archive, STUDY)
    reader = open_store(tmp_path / "reader")
    take_seal(reader, archive, STUDY)
    assert times_revealed(reader, STUDY) == 2  # what another study showed counts there too
    elsewhere = open_store(tmp_path / "elsewhere")
    reveal(elsewhere, STUDY, unseal(elsewhere, longer()), recipes(STUDY, "second"))
    take_seal(elsewhere, archive, STUDY)
    taken = read_seal(elsewhere.root, STUDY)
    assert taken is not None
    assert set(taken.asked) == {"first", "second", "third"}  # its own came first
    assert len(taken.revealed) == 3


@pytest.mark.parametrize(
    "damage",
    [
        {"ensembles": 1},
        {"family": "many"},
        {"family": None},
        {"rivals": []},
        {"rivals": {"a": 1}},
        {"runs": 1},
    ],
)
def test_a_seal_that_tells_nonsense_of_what_was_asked_is_damaged(
    store: Store, damage: dict[str, Any]
) -> None:
    unseal(store, STUDY)
    (path,) = (store.root / "seals").iterdir()
    path.write_text(json.dumps({"asked": {}, "revealed": [], **damage}), encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        read_seal(store.root, STUDY)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"asked": {}, "revealed": 3}'])
def test_a_damaged_seal_is_an_error_not_a_whole_one(store: Store, content: str) -> None:
    unseal(store, STUDY)
    (path,) = (store.root / "seals").iterdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        read_seal(store.root, STUDY)
    with pytest.raises(StoreError, match="damaged"):
        times_revealed(store, STUDY)


def test_the_file_says_what_it_is(store: Store) -> None:
    seal = unseal(store, STUDY)
    (path,) = (store.root / "seals").iterdir()
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert (plain["study"], plain["hash"]) == ("mine", seal.hash)


def test_what_chooses_asks_for_a_type_that_holds_no_test_label(store: Store) -> None:
    """The type checker refuses test labels there, and the store hands them out as another type."""
    assert get_type_hints(fit)["data"] is Exploration
    assert set(get_type_hints(Exploration)) == {"train", "validation", "class_names"}
    assert get_type_hints(temperature)["validation"] is ValidationLabels
    assert not issubclass(SealedLabels, ValidationLabels)
    labels = Labels(np.zeros(3, dtype=np.int64), ("a", "b"))
    for part in ("validation", "test"):
        store.write_labels(STUDY.data.fingerprint, part, labels)
    assert type(store.labels(STUDY.data.fingerprint, "validation")) is ValidationLabels
    assert type(store.labels(STUDY.data.fingerprint, "test")) is SealedLabels
