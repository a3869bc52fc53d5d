"""Which pictures are used, and which are for what."""

from collections import Counter
from itertools import pairwise

import pytest

from rungs.data.pictures.sifting import Read, Refused, check_classes, content_digest, sift
from rungs.data.pictures.source import LeftOut
from rungs.data.pictures.splitting import Cuts, Member, split
from rungs.data.spec import Part
from rungs.foundation.errors import ClassesError, DataError

CUTS = Cuts(validation=0.15, test=0.15, seed=0)


def members(*sizes: int, part: Part | None = None) -> list[Member]:
    """Classes of so many different pictures."""
    return [
        Member(label, part, f"{label}-{index}")
        for label, size in enumerate(sizes)
        for index in range(size)
    ]


def test_every_class_gives_its_share() -> None:
    found = members(100, 20, 7)
    parts = split(found, CUTS)
    assert sorted(position for part in parts.values() for position in part) == list(range(127))
    counts = {
        part: Counter(found[position].label for position in positions)
        for part, positions in parts.items()
    }
    assert counts["test"] == counts["validation"] == {0: 15, 1: 3, 2: 1}
    assert counts["train"] == {0: 70, 1: 14, 2: 5}
    assert all(first < second for part in parts.values() for first, second in pairwise(part))


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("share", [0.01, 0.4])
def test_few_pictures_are_enough_for_every_part(size: int, share: float) -> None:
    parts = split(members(size, size), Cuts(share, share, seed=3))
    assert {part: len(found) >= 2 for part, found in parts.items()} == dict.fromkeys(parts, True)


def test_another_seed_draws_another_split_and_the_same_one_the_same() -> None:
    one, other = (split(members(50, 50), Cuts(0.2, 0.2, seed)) for seed in (0, 1))
    assert one == split(members(50, 50), Cuts(0.2, 0.2, 0))
    assert one["test"] != other["test"]
    assert len(one["test"]) == len(other["test"]) == 20


def test_pictures_mostly_stay_where_they_are_when_others_come() -> None:
    before = {members(100)[position].group for position in split(members(100), CUTS)["test"]}
    after = {members(110)[position].group for position in split(members(110), CUTS)["test"]}
    assert len(before - after) <= 3


def test_equal_pictures_are_on_one_side() -> None:
    found = [Member(0, None, f"group {index // 4}") for index in range(200)]
    found += members(20)
    parts = split(found, CUTS)
    sides: dict[str, set[str]] = {}
    for part, positions in parts.items():
        for position in positions:
            sides.setdefault(found[position].group, set()).add(part)
    assert all(len(side) == 1 for side in sides.values())


def test_parts_that_are_there_stay_as_they_are_and_test_gives_nothing() -> None:
    found = [*members(20, 20, part="train"), *members(4, 4, part="test")]
    parts = split(found, Cuts(validation=0.2, test=0.0, seed=0))
    assert parts["test"] == list(range(40, 48))
    assert len(parts["validation"]) == 8
    assert max(parts["validation"]) < 40


def test_the_split_is_that_of_its_version() -> None:
    """Whoever changes this raises `SPLIT_VERSION` in rungs.data.pictures_spec: it names runs."""
    assert split(members(10, 7), Cuts(0.2, 0.15, 5)) == {
        "train": [0, 1, 2, 4, 7, 9, 10, 11, 12, 14, 16],
        "validation": [3, 6, 15],
        "test": [5, 8, 13],
    }


# --- sifting -------------------------------------------------------------------------------------


def read(name: str, label: str, part: Part | None = None, pixels: str = "") -> Read:
    return Read(name, label, part, 0, f"file {name}", pixels or name)


def test_equal_pictures_across_parts_are_left_out_of_training_never_of_test() -> None:
    used, refused = sift(
        [
            read("train/a/1", "a", "train", "same"),
            read("val/a/2", "a", "validation", "same"),
            read("test/a/3", "a", "test", "same"),
            read("train/a/4", "a", "train", "other"),
            read("val/a/5", "a", "validation", "other"),
        ]
    )
    assert [one.read.name for one in used] == ["test/a/3", "val/a/5"]
    assert sorted(tuple(one.left_out) for one in refused) == [
        ("train/a/1", "the same picture as test/a/3, which is for test"),
        ("train/a/4", "the same picture as val/a/5, which is for validation"),
        ("val/a/2", "the same picture as test/a/3, which is for test"),
    ]


def test_a_picture_with_two_classes_is_not_used() -> None:
    used, refused = sift(
        [read("a/1", "a", pixels="same"), read("b/2", "b", pixels="same"), read("b/3", "b")]
    )
    assert [one.read.name for one in used] == ["b/3"]
    assert [tuple(one.left_out) for one in refused] == [
        ("a/1", "the same picture as b/2, of another class"),
        ("b/2", "the same picture as a/1, of another class"),
    ]


def test_equal_pictures_of_one_class_are_a_group_and_used() -> None:
    used, refused = sift([read("a/2", "a", pixels="same"), read("a/1", "a", pixels="same")])
    assert refused == []
    assert {one.group for one in used} == {"file a/1"}


def test_order_and_digest_do_not_hang_on_names_or_order_of_reading() -> None:
    pictures = [read("x", "b"), read("y", "a"), read("z", "a")]
    renamed = [one._replace(name=f"other {index}") for index, one in enumerate(pictures)]
    digests = {content_digest(sift(some)[0], [1]) for some in (pictures, renamed[::-1])}
    assert len(digests) == 1
    changed = [pictures[0]._replace(label="a"), *pictures[1:]]
    digests.add(content_digest(sift(changed)[0], [1]))
    digests.add(content_digest(sift(pictures[:2])[0], [1]))
    digests.add(content_digest(sift(pictures)[0], [2]))
    assert len(digests) == 4


def test_all_classes_with_too_few_pictures_are_named_at_once() -> None:
    pictures = [read(f"a/{index}", "a") for index in range(3)]
    pictures += [read(f"d/{index}", "d") for index in range(3)]
    pictures += [read("b/1", "b"), read("b/2", "b")]
    with pytest.raises(ClassesError) as caught:
        check_classes(*sift(pictures), ["a", "b", 'c"', "d"], "photos")
    assert tuple(caught.value.problems) == ("b", 'c"')
    assert str(caught.value) == (
        "photos: 2 classes have too few pictures:\n"
        "  b: 2 of at least 3 different ones, for training and test and validation\n"
        '  c": 0 of at least 3 different ones, for training and test and validation\n'
        'add pictures, or do without: leave_out = ["b", "c\\""] in [data]'
    )


def test_a_class_without_pictures_says_which_files_it_has() -> None:
    used = [read(f"a/{index}", "a") for index in range(3)]
    broken = [LeftOut(f"b/{index}.heic", "not a picture") for index in range(1, 3)]
    with pytest.raises(
        ClassesError,
        match=r"b: 0 of at least .*; 2 files left out, such as b/1\.heic: not a picture\n",
    ):
        check_classes(sift(used)[0], [Refused("b", one) for one in broken], ["a", "b"], "photos")


def test_a_class_that_is_only_tested_is_named() -> None:
    pictures = [read(f"a/{index}", "a", "train") for index in range(3)]
    pictures.append(read("test/zebra/1", "zebra", "test"))
    with pytest.raises(ClassesError, match="zebra: none to train on, but 1 for validation or test"):
        check_classes(*sift(pictures), ["a", "zebra"], "photos")


def test_a_class_whose_name_nobody_can_show_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"a class 'xxx.*\(2,001 characters\); expected names of at"
    ):
        check_classes([], [], ["x" * 2001], "photos")


def test_one_class_is_not_enough() -> None:
    pictures = [read(f"a/{index}", "a") for index in range(3)]
    with pytest.raises(DataError, match=r"expected 2 to 10,000 classes .*, found 1 \(a\)"):
        check_classes(*sift(pictures), ["a"], "photos")
