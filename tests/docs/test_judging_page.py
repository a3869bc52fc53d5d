"""The page about judging does what it says."""

from pathlib import Path

from .test_tutorial import do_what_it_says


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    _, languages = do_what_it_says("judging.md", tmp_path)
    assert languages == {"python", "sh", "text"}
