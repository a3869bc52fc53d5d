"""Where pictures are found, and what is said of files that are none."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rungs.data.pictures.resolving import find_source
from rungs.data.pictures.source import Source
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DataError
from tests.pictures import drawn, encoded, write_class_folders

SPEC = FolderSpec(path="x", size=8)
PNG = encoded(drawn(0))


def source(place: Path, **keys: Any) -> Source:
    return find_source(place, SPEC.model_copy(update=keys))


def found(place: Path, **keys: Any) -> list[tuple[str, str, str | None]]:
    """Name, class and part of everything that should be a picture."""
    candidates = list(source(place, **keys).candidates())
    assert [len(one.read()) for one in candidates] == [len(PNG)] * len(candidates)
    return [(one.name, one.label, one.part) for one in candidates]


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    return root


def refusal(place: Path, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        list(source(place, **keys).candidates())
    return str(caught.value)


# --- folders -------------------------------------------------------------------------------------


def test_classes_are_folders_in_sorted_order_however_deep_their_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "dogs/b.png", "dogs/2019/a.png", "cats/c", "Ähren/x.jpg", "三/y.png")
    assert found(tmp_path) == [
        ("cats/c", "cats", None),
        ("dogs/2019/a.png", "dogs", None),
        ("dogs/b.png", "dogs", None),
        ("Ähren/x.jpg", "Ähren", None),
        ("三/y.png", "三", None),
    ]
    assert source(tmp_path).labels == {"cats": 1, "dogs": 2, "Ähren": 1, "三": 1}


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_parts_are_told_by_the_names_of_folders(validation: str, tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.png", f"{validation}/a/2.png", "TEST/a/3.png", "notes/a/4.png")
    touch(tmp_path, "train/5.png")
    assert sorted(part or "" for _, _, part in found(tmp_path)) == ["test", "train", "validation"]
    assert source(tmp_path).parts == {"train", "validation", "test"}
    left_out = dict(source(tmp_path).left_out)
    assert left_out["notes/a/4.png"] == "not in a folder for training or another part"
    assert left_out["train/5.png"] == "not in the folder of a class"


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    touch(tmp_path, "car/1.png", "plane/2.png", "train/3.png")
    assert [label for _, label, _ in found(tmp_path)] == ["car", "plane", "train"]


@pytest.mark.parametrize("around", ["photos", "photos/photos"])
def test_folders_around_all_others_are_passed_through(around: str, tmp_path: Path) -> None:
    touch(tmp_path, f"{around}/cats/1.png", f"{around}/dogs/2.png")
    (tmp_path / "README.md").write_text("hello", encoding="utf-8")
    assert [label for _, label, _ in found(tmp_path)] == ["cats", "dogs"]
    parts = touch(tmp_path / "parts", f"{around}/train/cats/1.png", f"{around}/test/cats/2.png")
    assert {part for _, _, part in found(parts)} == {"train", "test"}


def test_hidden_files_and_what_file_managers_leave_are_not_seen(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "a/.2.png", ".git/3.png", "a/Thumbs.db", "__MACOSX/a/._1.png")
    assert [name for name, _, _ in found(tmp_path)] == ["a/1.png"]
    assert source(tmp_path).left_out == ()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
def test_links_are_followed_once_and_special_files_are_named(tmp_path: Path) -> None:
    root = touch(tmp_path / "photos", "b/1.png")
    touch(tmp_path / "elsewhere", "2.png")
    (root / "b" / "loop").symlink_to("..")
    (root / "b" / "broken").symlink_to("nowhere")
    (root / "b" / "self").symlink_to("self")
    (root / "b" / "link.png").symlink_to("1.png")
    (root / "a").symlink_to("b")  # before b in the order of names, but not there itself
    (root / "c").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(root / "b" / "pipe.png")
    assert [name for name, _, _ in found(root)] == ["b/1.png", "b/link.png", "c/2.png"]
    assert dict(source(root).left_out) == {
        "a": "a link to a folder that is read already",
        "b/loop": "a link to a folder that is read already",
        "b/broken": "a link to nothing",
        "b/self": "a link to nothing",
        "b/pipe.png": "a special file",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    touch(tmp_path, os.fsdecode(b"caf\xe9\n/1.png"), os.fsdecode(b"caf\xe8\n/2.png"))
    assert found(tmp_path) == [
        ("caf\\udce8\\n/2.png", "caf\\udce8\\n", None),  # two names are two classes
        ("caf\\udce9\\n/1.png", "caf\\udce9\\n", None),
    ]


def test_a_signature_changes_with_every_change_of_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/2.png")
    seen = [source(tmp_path).signature]
    assert source(tmp_path).signature == seen[0]
    for change in (
        lambda: touch(tmp_path, "b/3.png"),
        lambda: (tmp_path / "b" / "3.png").rename(tmp_path / "a" / "3.png"),
        lambda: (tmp_path / "a" / "3.png").write_bytes(PNG + b"\0"),
        lambda: os.utime(tmp_path / "a" / "3.png", (1, 1)),
        lambda: (tmp_path / "a" / "3.png").unlink(),
    ):
        change()
        seen.append(source(tmp_path).signature)
    assert len(set(seen)) == len(seen) - 1
    assert seen[-1] == seen[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "expected a folder of pictures for each class, found no files"),
        (("1.png", "2.png"), "expected a folder of pictures for each class, found 2 files outside"),
        (("val/1.png", "test/2.png"), "expected a folder `train` with a folder for each class"),
    ],
)
def test_folders_without_classes_are_refused(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    assert message in refusal(touch(tmp_path, *names))


def test_what_is_no_place_with_pictures_is_refused(tmp_path: Path) -> None:
    assert "there is no such folder or file" in refusal(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert "expected a folder, a CSV, a parquet or an .npz file" in refusal(tmp_path / "notes.txt")


# --- tables --------------------------------------------------------------------------------------


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    touch(folder, "images/1.png", "images/2.png")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("path,label\nimages/1.png,cat\nimages/2.png,dog\n", "labels.csv"),
        ("\ufeffLabel;Filename\r\ncat;images/1.png\r\ndog;images/2.png\r\n", "labels.csv"),
        ("image\tclass\tnote\nimages/1.png\tcat\t\nimages/2.png\tdog\t3\n", "labels.tsv"),
        ('"label","path"\n"cat"," images/1.png "\n"dog","images/2.png"\n', "labels.csv"),
    ],
)
def test_a_table_names_paths_and_labels(text: str, name: str, tmp_path: Path) -> None:
    path = table(tmp_path, text, name)
    assert found(path) == [("images/1.png", "cat", None), ("images/2.png", "dog", None)]


def test_rows_that_name_no_picture_are_left_out_with_their_place(tmp_path: Path) -> None:
    long = "x" * 300
    path = table(
        tmp_path,
        "path,label,split\nimages/1.png,cat,train\n,cat,train\nimages/2.png,,train\n"
        "images/3.png,dog,test\nimages/2.png,dog,holdout\nimages/2.png,dog,valid\n"
        f"{long},dog,test\n",
    )
    assert found(path) == [("images/1.png", "cat", "train"), ("images/2.png", "dog", "validation")]
    assert [tuple(one) for one in source(path).left_out] == [
        ("line 3", "no path"),
        ("line 4: images/2.png", "no label"),
        ("line 5: images/3.png", "no such file"),
        (
            "line 6: images/2.png",
            "in part 'holdout', expected train, validation or test",
        ),
        (f"line 8: {long}", "no path that a file can have"),
    ]


def test_a_table_changes_with_the_pictures_that_it_names(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\nimages/1.png,cat\n")
    before = source(path).signature
    os.utime(tmp_path / "images" / "1.png", (1, 1))
    assert source(path).signature != before


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, "where,label,animal\nimages/1.png,7,cat\n")
    assert found(path, picture_column="where", label_column="animal")[0][1] == "cat"
    assert "there is no column 'wher'; did you mean 'where'?" in refusal(
        path, picture_column="wher"
    )
    assert "expected a column of pictures, such as 'path'" in refusal(path)
    assert "picture_column in [data] names another" in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a column of pictures"),
        (b"path,label\n", "none of its 0 rows names a picture"),
        (b"path,label\nnone.png,cat\n", "none of its 1 rows names a picture; line 2: none.png: no"),
        (b"path,label\n\xff,cat\n", "this is not text in UTF-8"),
        (b'path,label\n"a"b,cat\n', "line 2: this is not CSV"),
        (b'"path"x,label\na,cat\n', "line 1: this is not CSV"),
    ],
)
def test_tables_without_pictures_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("paths", "note"),
    [
        (("images\\1.png", "images\\2.png"), "with / for \\"),
        (("C:\\x\\images\\1.png", "C:\\x\\images\\2.png"), "without 'C:/x'"),
        (("/x/y/images/1.png", "/x/y/images/2.png"), "without '/x/y'"),
        (("images/1", "images/2"), "with the suffixes that they lack (.png)"),
        (("1.png", "2.png"), "in images/"),
        (("1", "2"), "in images/ with the suffixes that they lack (.png)"),
    ],
)
def test_paths_are_looked_for_where_they_are_not_as_written(
    paths: tuple[str, str], note: str, tmp_path: Path
) -> None:
    path = table(tmp_path, f"image_id,label\n{paths[0]},cat\n{paths[1]},dog\n")
    assert [label for _, label, _ in found(path)] == ["cat", "dog"]
    assert source(path).notes == (f"paths of the table are read {note}",)


def test_paths_that_fit_several_folders_are_refused_unless_the_table_says_which(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "train_images/1.png", "test_images/1.png", "test_images/9.png")
    text = "image_id,label\n1.png,cat\n"
    assert "could be in each of the folders 'images', 'test_images', 'train_images'" in refusal(
        table(tmp_path, text, "all.csv")
    )
    path = table(tmp_path, text, "train.csv")
    assert [one.read() for one in source(path).candidates()] == [PNG]
    assert source(path).left_out[0] == (
        "test_images/",
        "2 pictures that no row of the table names, such as 1.png",
    )


def test_pictures_beside_those_of_a_table_are_said(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\nimages/1.png,cat\n")
    assert [tuple(one) for one in source(path).left_out] == [
        ("images/", "1 picture that no row of the table names, such as 2.png")
    ]


def test_a_picture_that_is_named_twice_is_said_with_its_lines(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "path,label\nimages/1.png,cat\nimages/2.png,dog\nimages/1.png,cat\nimages/2.png,cow\n",
    )
    assert [label for _, label, _ in found(path)] == ["cat", "cat"]
    assert source(path).notes == (
        "named several times, and counted as often: images/1.png (line 2, line 4)",
    )
    why = "one picture with several labels: dog in line 3, cow in line 5"
    assert dict(source(path).left_out) == {
        "line 3: images/2.png": why,
        "line 5: images/2.png": why,
    }


def test_of_several_columns_that_fit_it_is_said_which_is_taken(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label,class,id\nimages/1.png,7,cat,3\n")
    assert found(path)[0][1] == "7"
    assert "labels are from the column 'label'; 'class' could be meant too" in source(path).notes[0]
    assert source(path, label_column="class").notes == ()


def test_json_lines_are_a_table(tmp_path: Path) -> None:
    lines = '{"file_name": "images/1.png", "label": 3}\n\n{"file_name": "images/2.png"}\n'
    path = table(tmp_path, lines, "metadata.jsonl")
    assert found(path) == [("images/1.png", "3", None)]
    assert source(path).left_out[0] == ("line 3: images/2.png", "no label")
    for text, message in (("{", "this is not JSON"), ("3", "expected an object of JSON")):
        assert f"line 1: {message}" in refusal(table(tmp_path, text, "metadata.jsonl"))


@pytest.mark.parametrize("form", ["{part}.csv", "{part}/metadata.csv"])
def test_tables_of_parts_are_read_together(form: str, tmp_path: Path) -> None:
    for part in ("train", "test"):
        touch(tmp_path, f"{part}/1.png")
        path = tmp_path / form.format(part=part)
        prefix = "" if "/" in form else f"{part}/"
        path.write_text(f"file_name,label\n{prefix}1.png,cat\n", encoding="utf-8")
    assert found(tmp_path) == [("test/1.png", "cat", "test"), ("train/1.png", "cat", "train")]
    (tmp_path / form.format(part="train")).unlink()
    assert "if " in refusal(tmp_path)
    assert form.format(part="test") in refusal(tmp_path)


# --- parquet -------------------------------------------------------------------------------------


def write_parquet(path: Path, columns: dict[str, Any], names: list[str] | None = None) -> Path:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    made = pa.table(columns)
    if names is not None:
        about = {"info": {"features": {"label": {"names": names}}}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(about)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, row_group_size=2)
    return path


IMAGES = [{"bytes": PNG, "path": f"{index}.png"} for index in range(3)]


@pytest.mark.parametrize("inside", ["", "data"])
def test_parquet_files_of_a_hub_hold_pictures_and_names(inside: str, tmp_path: Path) -> None:
    folder = tmp_path / inside
    names = ["cat", "dog"]
    first = write_parquet(
        folder / "train-00000-of-00001.parquet", {"image": IMAGES, "label": [1, 0, 1]}, names
    )
    write_parquet(
        folder / "test-00000-of-00001.parquet", {"image": IMAGES[:1], "label": [1]}, names
    )
    assert [(label, part) for _, label, part in found(tmp_path)] == [
        ("dog", "test"),
        ("dog", "train"),
        ("cat", "train"),
        ("dog", "train"),
    ]
    assert found(tmp_path)[1][0] == "train-00000-of-00001.parquet, row 1"
    assert source(tmp_path).labels == {"cat": 1, "dog": 3}
    assert [part for _, _, part in found(first)] == ["train"] * 3
    before = source(tmp_path).signature
    os.utime(first, (1, 1))
    assert source(tmp_path).signature != before


def test_parquet_pictures_may_be_plain_bytes_with_labels_as_text(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "all.parquet",
        {"image": [PNG, PNG], "class": ["b", "a"], "split": ["val", "train"]},
    )
    assert [(label, part) for _, label, part in found(path)] == [
        ("b", "validation"),
        ("a", "train"),
    ]


def test_rows_of_parquet_files_without_a_label_are_left_out(tmp_path: Path) -> None:
    names = ["cat", "dog"]
    write_parquet(tmp_path / "train-0.parquet", {"image": IMAGES, "label": [1, None, 0]}, names)
    write_parquet(tmp_path / "test-0.parquet", {"image": IMAGES[:2], "label": [-1, -1]}, names)
    looked = source(tmp_path)
    assert looked.labels == {"cat": 1, "dog": 1}
    assert looked.parts == {"train"}  # so a test part is cut from it
    assert [item.name for item in looked.candidates()] == [
        "train-0.parquet, row 1",
        "train-0.parquet, row 3",
    ]
    assert [(item.name, item.reason) for item in looked.left_out] == [
        ("test-0.parquet, row 1", "no label"),
        ("test-0.parquet, row 2", "no label"),
        ("train-0.parquet, row 2", "no label"),
    ]
    text = write_parquet(tmp_path / "other" / "a.parquet", {"image": [PNG], "label": [-1]})
    assert source(text).labels == {"-1": 1}  # a number like any other where none counts names


def test_labels_of_parquet_files_may_be_categories(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    for name, labels in (
        ("a.parquet", pa.array(["b", "a"]).dictionary_encode()),
        ("b.parquet", pa.array(["b", "a"], pa.string_view())),
    ):
        path = write_parquet(tmp_path / name, {"image": [PNG, PNG], "labels": labels})
        assert [label for _, label, _ in found(path)] == ["b", "a"]


def test_class_names_of_a_hub_that_are_not_different_are_not_taken(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet", {"image": IMAGES, "label": [0, 1, 1]}, ["same", "same"]
    )
    assert source(path).labels == {"0": 1, "1": 2}


def test_a_parquet_file_may_name_paths(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.png")
    path = write_parquet(
        tmp_path / "labels.parquet", {"path": ["images/1.png", "images/2.png"], "label": [3, None]}
    )
    assert found(path) == [("images/1.png", "3", None)]
    assert [tuple(one) for one in source(path).left_out] == [("row 2: images/2.png", "no label")]


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({"image": IMAGES, "label": [0, 1, 2]}, ["a", "b"], "label 2, expected 0 to 1"),
        ({"image": IMAGES, "label": [-1, None, -1]}, ["a", "b"], "none of its 3 rows has a label"),
        ({"image": [1, 2], "label": [0, 1]}, None, "expected paths or pictures in the column"),
        ({"image": IMAGES, "label": [0.5, 1.0, 1.5]}, None, "expected text or whole numbers"),
        ({"image": IMAGES, "weight": [0, 1, 2]}, None, "expected a column of labels"),
        (
            {"image": IMAGES, "label": [0, 1, 1], "split": ["train", "odd", "test"]},
            None,
            "expected train, validation or test as part, found 'odd'",
        ),
    ],
)
def test_parquet_files_that_are_no_set_are_refused(
    columns: dict[str, Any], names: list[str] | None, message: str, tmp_path: Path
) -> None:
    assert message in refusal(write_parquet(tmp_path / "a.parquet", columns, names))


def test_damaged_and_unlike_parquet_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    pytest.importorskip("pyarrow")
    assert "damaged or no parquet file" in refusal(tmp_path)
    write_parquet(tmp_path / "a.parquet", {"image": IMAGES, "label": [0, 1, 1]}, ["x", "y"])
    write_parquet(tmp_path / "b.parquet", {"image": IMAGES, "label": [0, 1, 1]}, ["y", "x"])
    assert "other columns or classes" in refusal(tmp_path)


def test_a_row_without_a_picture_says_so_when_it_is_read(tmp_path: Path) -> None:
    rows = [{"bytes": PNG, "path": "1"}, {"bytes": None, "path": "2"}]
    path = write_parquet(tmp_path / "a.parquet", {"image": rows, "label": [0, 1]})
    _, empty = source(path).candidates()
    with pytest.raises(DataError, match=r"^no picture \(null\)$"):
        empty.read()


def test_drawn_class_folders_are_what_other_tests_take_them_for(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, {"a": 3, "train/b": 1})
    assert len(list(root.rglob("*.png"))) == 4


def test_whole_numbers_may_be_written_as_fractions(tmp_path: Path) -> None:
    labels = [1.0, None, float("nan"), 10.0]
    columns = {"image": [PNG] * 4, "label": labels}
    assert source(write_parquet(tmp_path / "a.parquet", columns)).labels == {"1": 1, "10": 1}
    columns["label"] = [1.0, 0.5, 2.0, 1.0]
    path = write_parquet(tmp_path / "b.parquet", columns)
    assert "label 0.5, expected text or whole numbers" in refusal(path)


def test_a_missing_file_of_several_is_told_by_the_names_of_the_others(tmp_path: Path) -> None:
    columns = {"image": IMAGES, "label": [1, 0, 1]}
    first = write_parquet(tmp_path / "train-00000-of-00002.parquet", columns)
    for place in (tmp_path, first):
        assert "train-00000-of-00002.parquet is one of 2 files by its name, and " in refusal(place)
        assert "train-00001-of-00002.parquet is not there" in refusal(place)
    write_parquet(tmp_path / "train-00001-of-00002.parquet", columns)
    assert len(found(tmp_path)) == 6
    first.rename(tmp_path / "train-00002-of-00002.parquet")  # counted from 1
    assert len(found(tmp_path)) == 6
