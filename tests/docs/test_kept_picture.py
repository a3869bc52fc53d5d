"""The picture of store, archive and report says what the page says, and all of it is seen."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import kept
from rungs.store import DEFAULT_STORE

PAGE = (Path(kept.__file__).parent / "results.md").read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"


def test_the_page_shows_it() -> None:
    assert "](kept.svg)" in PAGE
    assert f"or {DEFAULT_STORE}:" in kept.STORE.about


@pytest.mark.parametrize("box", kept.BOXES, ids=lambda box: box.title)
def test_every_path_is_told_of_in_the_page(box: kept.Box) -> None:
    for path, _ in box.rows:
        if path:
            first = re.escape(path.removesuffix("*.svg"))
            before = "DIR/" if box is kept.ARCHIVE else ""
            assert re.search(f"`{before}{first}", PAGE), path


def test_all_lies_inside_and_no_text_leaves_its_box() -> None:
    root = ElementTree.fromstring(kept.drawn())
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = [
        tuple(float(item.attrib[name]) for name in ("x", "y", "width", "height"))
        for item in root.iter(f"{SVG}rect")
        if "rx" in item.attrib
    ]
    assert len(boxes) == len(kept.BOXES)
    assert all(x + w < width and y + h < height for x, y, w, h in boxes)
    for item in root.iter(f"{SVG}text"):
        x, y, size = (float(item.attrib[name]) for name in ("x", "y", "font-size"))
        share = 0.61 if "monospace" in item.attrib.get("font-family", "") else 0.52
        long = share * size * len(item.text or "")
        assert 0 < y < height
        if item.attrib["text-anchor"] == "middle":
            continue
        around = [
            box for box in boxes if box[0] <= x < box[0] + box[2] and box[1] < y < box[1] + box[3]
        ]
        right = around[0][0] + around[0][2] if around else kept.REPORT.place[0]
        assert x + long <= right, item.text
