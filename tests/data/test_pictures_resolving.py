"""From a place with pictures to what runs are named by: read once, and only again when needed."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rungs.data.pictures import Survey, left_out_lines, resolve, survey_lines
from rungs.data.pictures.cache import pictures_folder, read_index
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import ClassesError, DataError
from tests.pictures import drawn, encoded, write_class_folders

SPEC = FolderSpec(path="photos", size=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_class_folders(tmp_path / "photos", {"cats": 10, "dogs": 7})
    return tmp_path


def look(folder: Path, **keys: Any) -> tuple[Survey, list[str]]:
    """What is found, and what is said of reading."""
    said: list[str] = []
    spec = SPEC.model_copy(update=keys)
    return resolve(spec, folder, say=said.append, cache_dir=folder / "cache"), said


def contents(folder: Path) -> set[str]:
    """Folders of pictures in the cache."""
    return {path.name for path in pictures_folder(folder / "cache").iterdir()} - {"looks"}


def class_names(folder: Path, survey: Survey) -> tuple[str, ...]:
    """In the order of a network's outputs."""
    index = read_index(pictures_folder(folder / "cache"), survey.spec.content)
    assert index is not None
    return index.class_names


def test_pictures_are_read_once(folder: Path) -> None:
    first, said = look(folder)
    assert said == ["reading 17 pictures"]
    assert first.spec.sizes == {"train": 11, "validation": 3, "test": 3}
    assert (first.spec.classes, first.spec.image_shape) == (2, (3, 8, 8))
    assert first.pictures == {"cats": 10, "dogs": 7}
    again, said = look(folder)
    assert (again, said) == (first, [])
    assert contents(folder) == {first.spec.content}
    pixels = pictures_folder(folder / "cache") / first.spec.content / "pixels"
    assert pixels.stat().st_size == 17 * 3 * 8 * 8


def test_the_split_changes_without_reading_and_is_in_the_fingerprint(folder: Path) -> None:
    first, _ = look(folder)
    prints = {first.spec.fingerprint}
    for keys in ({"seed": 1}, {"validation": 0.3}, {"test": 0.3}):
        other, said = look(folder, **keys)
        assert said == []
        assert other.spec.content == first.spec.content
        prints.add(other.spec.fingerprint)
    assert len(prints) == 4


@pytest.mark.parametrize(
    "keys", [{"size": 9}, {"channels": 1}, {"fit": "stretch"}], ids=lambda keys: next(iter(keys))
)
def test_another_form_is_another_content(folder: Path, keys: dict[str, Any]) -> None:
    first, _ = look(folder)
    other, said = look(folder, **keys)
    assert said
    assert contents(folder) == {first.spec.content, other.spec.content}
    assert first.spec.fingerprint != other.spec.fingerprint


def test_classes_are_in_order_of_text_unless_they_are_to_be_counted(tmp_path: Path) -> None:
    names = ("-1", "0", "2", "10", "b 9", "b 10")
    write_class_folders(tmp_path / "photos", dict.fromkeys(names, 3))
    plain, _ = look(tmp_path)
    assert class_names(tmp_path, plain) == tuple(sorted(names))
    told, _ = look(tmp_path, class_order="counted")
    assert class_names(tmp_path, told) == names
    # A network's outputs stand for other classes: runs are not the same.
    assert told.spec.fingerprint != plain.spec.fingerprint


def test_an_order_that_is_the_same_changes_no_fingerprint(folder: Path) -> None:
    assert look(folder, class_order="counted")[0].spec == look(folder)[0].spec


def test_names_and_places_of_pictures_are_not_in_the_fingerprint(folder: Path) -> None:
    first, _ = look(folder)
    (folder / "photos" / "cats" / "000.png").rename(folder / "photos" / "cats" / "zebra.png")
    (folder / "photos" / "dogs" / "more").mkdir()
    (folder / "photos" / "dogs" / "000.png").rename(folder / "photos" / "dogs" / "more" / "1.png")
    (folder / "photos").rename(folder / "elsewhere")
    moved, _ = look(folder, path="elsewhere")
    assert moved.spec.fingerprint == first.spec.fingerprint
    assert contents(folder) == {first.spec.content}


def test_pictures_that_change_are_read_again_and_the_old_ones_kept_a_while(folder: Path) -> None:
    """A training may be under way on what they were."""
    first, _ = look(folder)
    (folder / "photos" / "cats" / "000.png").write_bytes(encoded(drawn(77)))
    changed, said = look(folder)
    assert said
    assert changed.spec.fingerprint != first.spec.fingerprint
    assert contents(folder) == {first.spec.content, changed.spec.content}
    long_ago = time.time() - 30 * 24 * 3600
    for index in pictures_folder(folder / "cache").glob("*/index.json"):
        os.utime(index, (long_ago, long_ago))  # that which a look leads to stays however old
    (folder / "photos" / "cats" / "more.png").write_bytes(encoded(drawn(78)))
    more, _ = look(folder)
    assert sum(more.spec.sizes.values()) == 18
    assert contents(folder) == {more.spec.content}


def test_touched_pictures_are_read_again_and_are_the_same(folder: Path) -> None:
    first, _ = look(folder)
    os.utime(folder / "photos" / "cats" / "000.png", (1, 1))
    again, said = look(folder)
    assert said
    assert again == first
    assert contents(folder) == {first.spec.content}


def test_without_its_place_what_was_found_last_holds(folder: Path) -> None:
    first, _ = look(folder)
    shutil.rmtree(folder / "photos")
    again, said = look(folder)
    assert said == []
    assert replace(again, notes=()) == first
    assert "is not there any more" in again.warnings[0]
    shutil.rmtree(folder / "cache")
    with pytest.raises(DataError, match="there is no such folder or file; expected pictures"):
        look(folder)


@pytest.mark.parametrize("what", ["content", "index", "looks", "damaged look", "damaged index"])
def test_what_is_lost_or_damaged_in_the_cache_is_made_again(what: str, folder: Path) -> None:
    first, _ = look(folder)
    pictures = pictures_folder(folder / "cache")
    (file,) = (pictures / "looks").glob("*.json")
    index = pictures / first.spec.content / "index.json"
    match what:
        case "content":
            shutil.rmtree(pictures / first.spec.content)
        case "index":
            index.unlink()
        case "looks":
            shutil.rmtree(pictures / "looks")
        case "damaged look":
            file.write_text('{"format": 1, "signature": 3}', encoding="utf-8")
        case _:
            index.write_text(index.read_text(encoding="utf-8")[:-20], encoding="utf-8")
            with pytest.raises(DataError, match="was damaged and is removed; the same command"):
                look(folder, seed=1)
    again, said = look(folder)
    assert said == ["reading 17 pictures"]
    assert again == first


def test_files_that_are_no_pictures_are_named_and_the_rest_goes_on(folder: Path) -> None:
    cats = folder / "photos" / "cats"
    (cats / "broken.jpg").write_bytes(encoded(drawn(5, 64, 64), "JPEG")[:300])
    (cats / "empty.png").write_bytes(b"")
    (cats / "text.jpg").write_text("hello", encoding="utf-8")
    (folder / "photos" / "loose.png").write_bytes(encoded(drawn(9)))
    found, _ = look(folder)
    assert sum(found.spec.sizes.values()) == 17
    assert [name for name, _ in found.left_out] == [
        "cats/broken.jpg",
        "cats/empty.png",
        "cats/text.jpg",
        "loose.png",
    ]
    lines = left_out_lines(found, most=2)
    assert lines[0] == "left out: 4"
    assert lines[2:] == ("  cats/empty.png: empty", "  and 2 more; `rungs data` lists all")
    said = "\n".join(survey_lines(found))
    assert "pictures of a class: 7 (dogs) to 10 (cats)" in said
    alike = replace(found, pictures={"cats": 30, "dogs": 30})
    assert "pictures of a class: 30" in survey_lines(alike)
    assert "cut from training: 15% for validation, 15% for test, seed 0" in said


def test_an_empty_folder_is_listed_and_nothing_is_read_again_for_it(folder: Path) -> None:
    look(folder)
    (folder / "photos" / "birds").mkdir()
    found, said = look(folder)
    assert [tuple(one) for one in found.left_out] == [("birds", "an empty folder")]
    assert said == []
    (folder / "photos" / "birds").rmdir()
    assert look(folder)[0].left_out == ()


def test_what_is_left_out_is_listed_as_people_count(folder: Path) -> None:
    for name in ("file 10", "file 9", "file 010", "file 08"):
        (folder / "photos" / "cats" / name).write_bytes(b"")
    found, _ = look(folder)
    assert [Path(one.name).name for one in found.left_out] == [
        *("file 08", "file 9", "file 010", "file 10"),
    ]


def test_classes_with_too_few_pictures_are_named_and_can_be_left_out(folder: Path) -> None:
    write_class_folders(folder / "photos", {"rare": 2}, seed=5)
    with pytest.raises(ClassesError, match="rare: 2 of at least 3"):
        look(folder)
    assert contents(folder) == set()  # nothing half-done is left behind
    found, _ = look(folder, leave_out=("rare",))
    assert found.spec.classes == 2


def test_a_validation_part_is_cut_from_training_never_from_test(tmp_path: Path) -> None:
    write_class_folders(
        tmp_path / "photos", {"train/a": 20, "train/b": 20, "test/a": 5, "test/b": 5}
    )
    found, _ = look(tmp_path)
    assert found.spec.sizes == {"train": 34, "validation": 6, "test": 10}
    assert (found.spec.cut_validation, found.spec.cut_test) == (0.15, 0.0)
    # A share that cuts nothing changes nothing.
    assert look(tmp_path, test=0.3)[0].spec.fingerprint == found.spec.fingerprint
    assert "as it was found; test, train; cut from training" in "\n".join(survey_lines(found))


def test_a_cache_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    (folder / "cache").write_text("no folder", encoding="utf-8")
    with pytest.raises(DataError, match="decoded pictures cannot be kept there: Not a directory"):
        look(folder)


def test_classes_that_are_left_out_by_wish_are_listed(folder: Path) -> None:
    write_class_folders(folder / "photos", {"birds": 4}, seed=9)
    found, _ = look(folder, leave_out=("birds", "brids"))
    assert [tuple(one) for one in found.left_out] == [
        ("birds", "4 pictures of a class in leave_out")
    ]
    assert found.notes == (
        "warning: leave_out names 'brids', and there is no such class; did you mean 'birds'?",
    )
    assert look(folder)[0].notes == ()


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("1", "1.0"), "'1' (3) and '1.0' (3)"),
        (("Cat", "cat "), "'Cat' (3) and 'cat ' (3)"),
        (("01", "1"), "'01' (3) and '1' (3)"),
        (("sea lion", "Sea_Lion"), "'Sea_Lion' (3) and 'sea lion' (3)"),
        (("NaN", "cat"), "'NaN' is a class of 3 pictures"),
    ],
)
def test_names_that_are_spelled_alike_or_mean_nothing_are_said(
    names: tuple[str, str], note: str, tmp_path: Path
) -> None:
    write_class_folders(tmp_path / "photos", dict.fromkeys((*names, "dog", "1.5", "11"), 3))
    (said,) = look(tmp_path)[0].notes
    assert said.startswith("warning: ")
    assert note in said


def test_a_class_without_training_pictures_points_to_its_twin(tmp_path: Path) -> None:
    write_class_folders(
        tmp_path / "photos", {"train/Cat": 4, "train/dog": 4, "val/cat": 2, "val/dog": 2}
    )
    with pytest.raises(ClassesError, match=r"cat: none to train on, but 2 .*; is 'Cat' meant\?"):
        look(tmp_path)


def test_advice_that_leaves_no_two_classes_is_not_given(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "photos", {"a": 2, "b": 2, "c": 5})
    with pytest.raises(ClassesError) as caught:
        look(tmp_path)
    assert "leave_out" not in str(caught.value)
    assert "two classes are the least" in str(caught.value)


def deep(root: Path, low: int, count: int = 4) -> None:
    """Grey pictures of 16 bits a value, all from ``low`` to ``low + 99``."""
    root.mkdir(parents=True)
    for number in range(count):
        values = low + np.random.default_rng(low + number).integers(0, 100, (8, 8))
        values[0, 0] = low + 99
        Image.fromarray(values.astype(np.uint16)).save(root / f"{number}.png")


def test_values_that_fill_little_of_sixteen_bits_are_said_and_can_be_spread(folder: Path) -> None:
    deep(folder / "photos" / "cats" / "deep", 0)
    plain, _ = look(folder, size=8)
    assert plain.notes == (
        "warning: 4 pictures of one colour, such as cats/deep/0.png, cats/deep/1.png, "
        "cats/deep/2.png: 16 bits a value (4)",
        "warning: 4 pictures of 16 bits, with values up to 99 of 65,535, so that they are dark: "
        "bits = 8 in [data] spreads them",
    )
    assert plain.warnings == tuple(note.removeprefix("warning: ") for note in plain.notes)
    spread, _ = look(folder, bits=8)
    assert (spread.spec.bits, spread.warnings) == (8, ())
    assert "spread by bits = 8" in spread.notes[0]
    assert spread.spec.fingerprint != plain.spec.fingerprint
    deep(folder / "photos" / "dogs" / "deep", 500)
    more, _ = look(folder, bits=8)
    assert "what is above 255 is white; bits = 10 in [data] shows it" in more.notes[-1]


def test_sixteen_bits_that_hardly_differ_are_said_to_be_the_cause(folder: Path) -> None:
    (folder / "photos" / "cats" / "deep").mkdir()
    for number, low in enumerate((30_000, 60_000)):
        values = low + np.arange(64).reshape(8, 8)
        path = folder / "photos" / "cats" / "deep" / f"{number}.png"
        Image.fromarray(values.astype(np.uint16)).save(path)
    found, _ = look(folder, size=8)
    assert (
        "2 pictures of one colour, such as cats/deep/0.png, cats/deep/1.png: "
        "16 bits a value that hardly differ within a picture, so that no 8 of them show it (2)"
    ) in found.warnings
    assert not any("spreads them" in line for line in found.warnings)


def test_labels_are_not_blamed_for_pictures_with_nothing_on_them(folder: Path) -> None:
    for name, level in (("cats", 20), ("dogs", 20), ("dogs/more", 90)):
        flat = Image.new("RGB", (9, 9), (level, 0, 0))
        (folder / "photos" / name).mkdir(exist_ok=True)
        flat.save(folder / "photos" / name / "flat.png")
    found, _ = look(folder)
    assert dict(found.left_out) == {
        "cats/flat.png": "all of one colour, as is dogs/flat.png, of another class",
        "dogs/flat.png": "all of one colour, as is cats/flat.png, of another class",
    }
    assert found.warnings == (
        "3 pictures of one colour, such as cats/flat.png, dogs/flat.png, dogs/more/flat.png: "
        "so they are in their files (3)",
    )


@pytest.mark.parametrize("ground", ["white", "black"])
def test_another_ground_is_another_content(ground: Any, folder: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    clear.paste((255, 255, 255, 255), (0, 0, 4, 8))
    clear.save(folder / "photos" / "cats" / "clear.png")
    found, _ = look(folder, ground=ground)
    assert found.spec.ground == ground
    said = [note for note in found.notes if "clear.png: the colour of the ground" in note]
    assert len(said) == (ground == "white")
    assert (look(folder)[0].spec.content == found.spec.content) == (ground == "white")


def test_classes_that_a_part_lacks_and_rare_ones_are_named(tmp_path: Path) -> None:
    counts = {"train/a": 30, "train/b": 30, "train/c": 2, "val/b": 3, "val/c": 3, "test/a": 3}
    write_class_folders(tmp_path / "photos", counts)
    found, _ = look(tmp_path)
    assert found.counts == {"a": [30, 0, 3], "b": [30, 3, 0], "c": [2, 3, 0]}
    lacking, tested, uneven, tiny = found.warnings
    assert lacking.startswith("no validation picture of 'a': ")
    assert tested.startswith("no test picture of 'b', 'c': ")
    assert uneven.startswith("2 ('c') to 30 ('a') training pictures a class: ")
    assert "`balanced_classes`" in uneven
    assert tiny == "fewer than 5 training pictures of 'c': too few to learn them by"
    assert [line for line in survey_lines(found) if line.startswith("warning: ")] == [
        f"warning: {line}" for line in found.warnings
    ]
    again, said = look(tmp_path)
    assert (again, said) == (found, [])
