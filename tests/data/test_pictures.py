"""Pictures as people name them."""

import io
import sys
from pathlib import Path

import pytest

from rungs.data.finding import find_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "sub/c.webp", "notes.txt", "._a.jpg", "odd[1].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "none").mkdir()
    return tmp_path


def found(folder: Path, *names: str) -> tuple[list[str], list[tuple[str, str]]]:
    sources, problems = find_pictures([str(folder / name) for name in names])
    inside = [str(Path(name).relative_to(folder)) for name, _ in sources]
    return inside, [(str(Path(name).relative_to(folder)), why) for name, why in problems]


def test_names_stand_for_files_folders_and_patterns(folder: Path) -> None:
    assert found(folder, "") == (["a.JPG", "b.png", "odd[1].png", "sub/c.webp"], [])
    assert found(folder, "notes.txt", "odd[1].png") == (["notes.txt", "odd[1].png"], [])
    assert found(folder, "*.png") == (["b.png", "odd[1].png"], [])
    assert found(folder, "**/*.[pw]*") == (["b.png", "odd[1].png", "sub/c.webp"], [])


def test_names_that_stand_for_no_picture_are_told_and_the_others_go_on(folder: Path) -> None:
    long = "x" * 300
    names, problems = found(folder, "none", "x*.png", "gone.png")
    assert names == ["gone.png"]  # whether it can be read is seen when it is read
    assert problems == [
        ("none", "there are no pictures in this folder"),
        ("x*.png", "no file matches this pattern"),
    ]
    # Not every Python takes this for a file that is not there.
    names, problems = found(folder, long, "b.png")
    assert names[-1] == "b.png"
    assert [*names, *(name for name, _ in problems)].count(long) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_nothing_in_a_folder_is_told(folder: Path) -> None:
    (folder / "none" / "lost.jpg").symlink_to(folder / "gone.jpg")
    (folder / "none" / "lost.txt").symlink_to(folder / "gone.txt")
    assert found(folder, "none") == ([], [("none/lost.jpg", "a link to nothing")])
    assert len(found(folder, "")[0]) == 4


def test_an_empty_name_is_not_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert find_pictures(["", "b.png"]) == ([("b.png", Path("b.png"))], [("", "an empty name")])


def test_a_dash_is_the_piped_picture() -> None:
    assert find_pictures(["-"], io.BytesIO(b"piped")) == ([("stdin", b"piped")], [])
    assert find_pictures(["-"]) == ([("-", Path("-"))], [])
