"""Layouts of folders as they are met: Tiny-ImageNet's, and those of ImageFolder's users."""

import zlib
from collections import Counter
from pathlib import Path

import pytest

from rungs.data.pictures import resolve
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DataError
from tests.pictures import drawn, encoded

SPEC = FolderSpec(path="pictures", size=8)
CLASSES = ("n01443537", "n01629819", "n02124075")


def draw(*paths: Path) -> None:
    """Pictures, no two alike."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(drawn(zlib.crc32(str(path).encode()))))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """As Tiny-ImageNet is when it is unpacked, with six pictures of each class."""
    root = tmp_path / "pictures" / "tiny-imagenet-200"
    for name in CLASSES:
        draw(*(root / "train" / name / "images" / f"{name}_{n}.JPEG" for n in range(6)))
    draw(*(root / "val" / "images" / f"val_{n}.JPEG" for n in range(6)))
    draw(*(root / "test" / "images" / f"test_{n}.JPEG" for n in range(9)))
    rows = [f"val_{n}.JPEG\t{CLASSES[n % 3]}\t0\t0\t44\t62" for n in range(6)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(rows) + "\n")
    (root / "wnids.txt").write_text("\n".join(CLASSES))
    return root


@pytest.mark.parametrize("named", ["around", "itself"])
def test_tiny_imagenet_is_read(named: str, tiny: Path) -> None:
    source = find_source(tiny if named == "itself" else tiny.parent, SPEC)
    assert source.labels == dict.fromkeys(CLASSES, 8)
    found = [(Path(one.name).name, one.label, one.part) for one in source.candidates()]
    assert Counter(part for *_, part in found) == {"train": 18, "validation": 6}
    assert {(name, label) for name, label, part in found if part == "validation"} == {
        (f"val_{n}.JPEG", CLASSES[n % 3]) for n in range(6)
    }
    left_out = {one.name.removeprefix("tiny-imagenet-200/"): one.reason for one in source.left_out}
    assert left_out.pop("test/images/") == "9 pictures without labels"
    assert set(left_out) == {"wnids.txt"}
    assert source.notes[0].startswith("classes of validation are those in ")


def test_a_test_part_is_cut_as_its_own_has_no_labels(tiny: Path) -> None:
    survey = resolve(SPEC, tiny.parents[1])
    assert survey.parts == ("train", "validation")
    assert survey.spec.sizes == {"train": 15, "validation": 6, "test": 3}
    # Other classes in the file are another set.
    file = tiny / "val" / "val_annotations.txt"
    file.write_text(
        file.read_text().replace(f"val_0.JPEG\t{CLASSES[0]}", f"val_0.JPEG\t{CLASSES[1]}")
    )
    assert resolve(SPEC, tiny.parents[1]).spec.fingerprint != survey.spec.fingerprint


def test_a_picture_of_two_classes_and_no_text_are_refused(tiny: Path) -> None:
    file = tiny / "val" / "val_annotations.txt"
    file.write_text(f"{file.read_text()}val_0.JPEG\t{CLASSES[1]}\n")
    with pytest.raises(DataError, match=r"line 7: val_0\.JPEG is of class"):
        find_source(tiny, SPEC)
    file.write_bytes(b"val_0.JPEG\t\xff\n")
    with pytest.raises(DataError, match="not text in UTF-8"):
        find_source(tiny, SPEC)


def test_an_annotation_of_nothing_there_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    draw(
        *(
            root / part / name / f"{n}.png"
            for part in ("train", "test")
            for name in "ab"
            for n in "12"
        )
    )
    (root / "test" / "annotations.txt").write_text("other.png\ta\n")
    source = find_source(root, SPEC)
    assert source.labels == {"a": 4, "b": 4}
    assert source.parts == {"train", "test"}


@pytest.mark.parametrize("deep", ["", "data", "archive/data", "a/b/c"])
@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training", "valid", "testing"),
        ("Train", "Validation", "Test"),
        ("train", "dev", "test"),
    ],
)
@pytest.mark.parametrize("inside", ["", "images", "again"])
def test_parts_are_known_by_their_usual_names_however_deep(
    names: tuple[str, str, str], deep: str, inside: str, tmp_path: Path
) -> None:
    for name in names:
        folder = tmp_path / deep / name / (name if inside == "again" else inside)
        draw(*(folder / label / f"{n}.png" for label in ("cat", "dog") for n in range(3)))
    source = find_source(tmp_path, SPEC)
    assert source.labels == {"cat": 9, "dog": 9}
    assert source.parts == {"train", "validation", "test"}
