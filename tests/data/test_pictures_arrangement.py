"""What folders around pictures are taken for: classes, parts, or neither."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from rungs.data.pictures.arrangement import part_meant
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures.source import Source
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DataError
from tests.pictures import drawn, encoded

PNG = encoded(drawn(0))


def place(root: Path, *folders: str) -> Path:
    """A picture in each folder."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{number}.png").write_bytes(PNG)
    return root


def source(root: Path, **keys: Any) -> Source:
    return find_source(root, FolderSpec(path="x", size=8, **keys))


def read(root: Path, **keys: Any) -> set[tuple[str, str | None]]:
    """Classes and parts of all pictures."""
    return {(one.label, one.part) for one in source(root, **keys).candidates()}


def each(tops: str, inner: str) -> list[str]:
    return [f"{top}/{name}" for top in tops.split() for name in inner.split()]


PARTS = {("a", "train"), ("b", "train"), ("a", "test"), ("b", "test")}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("training_set", "train"),
        ("seg_train", "train"),
        ("TrainImages", "train"),
        ("train2017", "train"),
        ("valset", "validation"),
        ("Test Data", "test"),
        ("cats", None),
        ("contest", None),
        ("train_test", None),
        ("constraint", None),
    ],
)
def test_names_speak_of_parts_among_other_words(name: str, part: str | None) -> None:
    assert part_meant(name) == part


@pytest.mark.parametrize(
    "folders",
    [
        each("training_set test_set", "a b"),
        each("seg_train/seg_train seg_test/seg_test", "a b"),
        [*each("seg_train seg_test", "a b"), "seg_pred"],
        each("train/train test/test", "a b"),
        each("around/Train_Images around/Test_Images", "a b"),
        each("a b", "train test"),
        each("a b", "training_images test_images"),
    ],
    ids=lambda folders: folders[0],
)
def test_folders_of_parts_are_no_classes(folders: list[str], tmp_path: Path) -> None:
    assert read(place(tmp_path, *folders)) == PARTS


def test_how_folders_were_read_is_said_where_names_leave_it_open(tmp_path: Path) -> None:
    loose = place(tmp_path / "loose", *each("training_set test_set", "a b"))
    assert source(loose).notes == (
        "folders that are parts: test_set as test, training_set as train",
    )
    first = place(tmp_path / "first", *each("a b", "train val"))
    assert source(first).notes == ("each class has folders for parts: train, val",)
    assert source(place(tmp_path / "plain", *each("train test", "a b"))).notes == ()


def test_a_class_that_lacks_a_part_is_read_all_the_same(tmp_path: Path) -> None:
    found = read(place(tmp_path, "a/train", "a/val", "b/train"))
    assert found == {("a", "train"), ("a", "validation"), ("b", "train")}


def test_pieces_of_a_set_are_no_classes(tmp_path: Path) -> None:
    root = place(tmp_path, *each("fold_1 fold_2 fold_3", "a b"), "fold_1/c")
    assert read(root) == {("a", None), ("b", None), ("c", None)}
    assert "'fold_1', 'fold_2', 'fold_3' are pieces of the set" in source(root).notes[0]


@pytest.mark.parametrize(
    ("folders", "layouts"),
    [
        (each("cat dog", "indoor outdoor"), {"class": "cat dog", "group/class": "indoor outdoor"}),
        ([*each("cat dog", "indoor outdoor"), "bird"], {"class": "bird cat dog"}),
        (each("images masks", "a b"), {"class": "images masks", "group/class": "a b"}),
        (
            each("training_set bus_stop", "day night"),
            {"class": "bus_stop training_set", "part/class": "day night"},
        ),
        (["cat/train", "cat/val", "dog"], {"class": "cat dog", "class/part": "cat"}),
        (
            each("fold1/train fold1/test fold2/train fold2/test", "a b"),
            {"class/part": "fold1 fold2"},
        ),
        (["train_images", "test_images"], {"class": "test_images train_images"}),
        (["cats", "dogs", "test_images"], {"class": "cats dogs test_images"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_can_be_read_in_several_ways_is_refused_until_one_is_picked(
    folders: list[str], layouts: dict[str, str], tmp_path: Path
) -> None:
    root = place(tmp_path, *folders)
    with pytest.raises(DataError) as caught:
        source(root)
    for layout, labels in layouts.items():
        assert layout in str(caught.value)
        assert {label for label, _ in read(root, layout=layout)} == set(labels.split())
    assert "layout = " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "folders",
    [
        ["bus", "car", "train"],
        ["control", "test"],
        ["train_station", "test_tube"],
        each("cat dog", "session1 session2"),
        ["cat/images", "dog/images"],
        ["cat/2019", "cat/2020", "dog/2021"],
    ],
    ids=lambda folders: folders[0],
)
def test_classes_stay_classes(folders: list[str], tmp_path: Path) -> None:
    root = place(tmp_path, *folders)
    assert read(root) == {(folder.split("/")[0], None) for folder in folders}


def test_a_folder_around_all_others_may_hold_what_is_no_picture(tmp_path: Path) -> None:
    root = place(tmp_path, "pets/cat", "pets/dog")
    (root / "pets" / "README.md").write_text("hello", encoding="utf-8")
    assert read(root) == {("cat", None), ("dog", None)}
    (root / "pets" / "logo.png").write_bytes(PNG)
    with pytest.raises(DataError, match=r"holds the folders 'cat', 'dog'; .* name .*pets$"):
        source(root)


def test_folders_of_texts_are_no_classes_beside_one_that_holds_all_pictures(tmp_path: Path) -> None:
    root = place(tmp_path, "images/train/a", "images/train/b", "images/test/a", "images/test/b")
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "1.txt").write_text("0 0.5 0.5 1 1", encoding="utf-8")
    assert read(root) == PARTS
    assert ("labels/train/1.txt", "not in the folder of a class") in source(root).left_out


def test_what_may_be_pictures_counts_for_classes(tmp_path: Path) -> None:
    root = place(tmp_path, "cats/2019", "dogs/2019")
    (root / "dogs" / "2019" / "1.png").rename(root / "dogs" / "2019" / "1.heic")
    assert read(root) == {("cats", None), ("dogs", None)}


def test_class_folders_that_are_there_twice_are_read_once(tmp_path: Path) -> None:
    root = place(tmp_path, "cells/ill", "cells/well")
    shutil.copytree(root / "cells", tmp_path / "copy")
    (tmp_path / "copy").rename(root / "cells" / "cell_images")
    assert source(root).labels == {"ill": 1, "well": 1}
    assert ("cell_images", "a copy of the class folders beside it") in source(root).left_out


def test_a_folder_that_may_not_be_read_is_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = place(tmp_path, "a", "b", "b/private")
    scan = __import__("os").scandir

    def refusing(folder: Path) -> Any:  # root may read anything
        if Path(folder).name == "private":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr("os.scandir", refusing)
    assert source(root).labels == {"a": 1, "b": 1}
    assert tuple(source(root).left_out[0]) == (
        "b/private",
        "a folder that cannot be read: Permission denied",
    )
    monkeypatch.setattr("os.scandir", lambda folder: refusing(Path("private")))
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        source(root)


@pytest.mark.skipif(sys.platform == "win32", reason="there it is the time of making")
def test_files_that_change_places_are_noticed_whatever_their_size_and_time(tmp_path: Path) -> None:
    import os

    root = place(tmp_path, "a", "b")
    first, second = root / "a" / "0.png", root / "b" / "1.png"
    for path in (first, second):
        os.utime(path, (1, 1))
    (root / "b" / "1.png").rename(root / "b" / "0.png")
    second = root / "b" / "0.png"
    before = source(root).signature
    assert source(root).signature == before
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    assert source(root).signature != before
