"""What a report looks like as text, Markdown, JSON, page and pictures."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from rungs.data.audit.findings import write_audit
from rungs.report.gather.gathering import build
from rungs.report.show.plots.curves import curves
from rungs.report.show.plots.drawing import draw
from rungs.report.show.plots.style import SETTINGS
from rungs.report.show.rendering import render, write
from rungs.report.show.section import Section, point_range, points
from rungs.report.show.text import to_text
from rungs.store import Store
from rungs.store.notes import Change, change_notes
from rungs.study import Study, parse
from rungs.study.plan import plan
from rungs.study.variants import leave_one_out
from tests.fake import PLAIN, looked_through, put, report


def test_json_has_every_key(filled: Store, study: Study) -> None:
    plain = json.loads(render(report(filled, study), "json"))
    assert plain["schema_version"] == 1
    assert set(plain) >= {
        "study",
        "data",
        "environment",
        "rungs",
        "claims",
        "ensembles",
        "assumptions",
    }
    assert set(plain["data"]) == {"name", "fingerprint", "train", "val", "test", "classes"}
    expected = """
        name after kept changes budget epochs seeds parameters trainable_parameters flops
        val_accuracy val_loss test_accuracy delta_previous delta_base train_seconds best_class
        worst_class history failed notes
    """
    assert set(plain["rungs"][0]) >= set(expected.split())
    assert set(plain["claims"][0]) >= {"text", "status", "reported", "measured"}
    assert plain["errata"] == PLAIN["errata"]
    assert plain["assumptions"] == [
        {"field": "batch_size", "value": 128, "rung": "base", "text": "A reading with a | bar."}
    ]


def test_a_folder_shows_no_more_than_its_report(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    plots = tmp_path / "plots"
    plots.mkdir()
    for name in ("classes.svg", "notes.txt"):
        (plots / name).write_text("of an earlier report, or of somebody else")
    write(report(filled, study, with_test=False), tmp_path)
    left = {path.name for path in plots.iterdir()}
    drawn = {f"{name}.svg" for name in ("base", "base-final", "ladder", "tradeoffs", "growth")}
    assert left == drawn | {"notes.txt"}


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("count", [6, 7, 14, 40])
def test_curves_of_many_rungs_can_be_told_apart(
    filled: Store, study: Study, count: int, epochs: int
) -> None:
    base = report(filled, study).rungs[0]
    short = replace(base, history=tuple(run[:epochs] for run in base.history), best_epochs=(1, 1))
    rungs = [replace(short, name=f"a-rung-of-a-name-{number}") for number in range(count)]
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = curves(rungs, training=True)
        assert figure is not None
        figure.draw_without_rendering()
    legend = figure.legends[0] if figure.legends else figure.axes[0].get_legend()
    assert legend is not None
    box, whole = legend.get_window_extent(), figure.bbox
    assert 0 <= box.x0 < box.x1 <= whole.x1
    assert 0 <= box.y0 < box.y1 <= whole.y1
    words = [text.get_text() for text in legend.get_texts()]
    assert len(set(words)) == len(words) == (2 * count if count <= 6 else count)
    looks = {
        (line.get_color(), line.get_linestyle(), str(line.get_marker()))
        for line in legend.get_lines()
    }
    assert len(looks) == len(words)
    assert all(axes.get_window_extent().height > whole.height / 3 for axes in figure.axes)


def test_a_name_may_hold_dollar_signs(filled: Store, study: Study, tmp_path: Path) -> None:
    data = report(filled, study)
    priced = tuple(
        replace(
            rung,
            ranking=tuple(replace(c, item=replace(c.item, name="$10^$")) for c in rung.ranking),
        )
        for rung in data.rungs
    )
    drawn = dict(draw(replace(data, rungs=priced), tmp_path))
    assert "$10^$" in drawn["Accuracy per class of top"].read_text(encoding="utf-8")


def test_plots_can_be_pictures(filled: Store, study: Study, tmp_path: Path) -> None:
    drawn = draw(report(filled, study, only=("top",)), tmp_path, form="png")
    assert [path.name for _, path in drawn] == ["ladder.png", "classes.png", "reliability.png"]
    for _, path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [80, 119, 120, 160])
def test_text_fits_the_width_and_holds_the_figures(filled: Store, study: Study, width: int) -> None:
    text = render(report(filled, study), "text", width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    for word in ("tried", "confirmed", "not run", "+50.0", "batch_size", "abacus", "All is well"):
        assert word in text
    for note in ("overfits", "1 failed", "stack_convolutions()", "residual()"):
        assert note.replace(" ", "") in "".join(text.split()), note
    assert "\x1b" not in text


def test_the_ladder_is_drawn_as_a_tree(filled: Store, study: Study) -> None:
    lines = render(report(filled, study), "text", width=160).splitlines()
    named = [line[1:] for line in lines if " kept " in line]
    assert [len(line) - len(line.lstrip()) for line in named] == [0, 1, 2]
    for column in ("parameters", "MFLOPs", "seconds", "reported %"):
        assert column in lines[2] + lines[3]
    markdown = render(report(filled, study), "markdown")
    assert "| &nbsp;&nbsp;top | kept |" in markdown


def test_a_column_without_a_letter_is_a_column() -> None:
    section = Section("A table", ("a", ""), rows=(("x", ""),))
    assert to_text((section,), width=20).splitlines()[-2].split() == ["x"]


@pytest.mark.parametrize("width", [20, 45, 60, 90, 200])
def test_a_table_never_drops_a_cells_end(width: int) -> None:
    """Left to itself, rich cuts what does not fit."""
    columns = ("name", "words", "n")
    rows = (("a_name", "one inverse_time_decay(decay=0.5); two_words(a=1)", "12.5 (1, 2)"),) * 2
    text = to_text((Section("title", columns, frozenset("n"), rows),), width=width)
    shown = Counter("".join(text.split()))
    for cell in (*columns, *rows[0], *rows[1]):
        shown.subtract("".join(cell.split()))
    assert not {letter for letter, left in shown.items() if left < 0}
    assert max(len(line) for line in text.splitlines()) <= width


def test_markdown_tables_are_whole_and_names_do_nothing(filled: Store, study: Study) -> None:
    text = render(report(filled, study), "markdown")
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            bars = {line.replace("\\|", "").count("|") for line in lines}
            assert len(bars) == 1, block
    assert "<script>" not in text
    assert "overfits from epoch 2; one seed |" in text  # the top's, of two planned
    assert "b\\<script\\>" in text or "\\<fake\\>" in text


def test_files_are_written_and_the_same_again(filled: Store, study: Study, tmp_path: Path) -> None:
    first = write(report(filled, study), tmp_path / "one")
    names = {path.name for path in first}
    assert names == {
        "report.html",
        "report.json",
        "report.md",
        "report.txt",
        "ladder.svg",
        "base.svg",
        "base-final.svg",
        "classes.svg",
        "tradeoffs.svg",
        "reliability.svg",
        "growth.svg",
    }
    second = write(report(filled, study), tmp_path / "two")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    for path in first:
        if path.suffix == ".svg":
            ElementTree.fromstring(path.read_text(encoding="utf-8"))
    for name in ("ladder", "base", "base-final", "classes", "tradeoffs", "reliability", "growth"):
        assert f"(plots/{name}.svg)" in (tmp_path / "one" / "report.md").read_text()


def fields(value: Any, place: str = "") -> Iterator[tuple[str, bool]]:
    """Every field of plain JSON as its path, and whether it may hold more than it does here."""
    # Kinds of value that the docs describe once, and tables whose keys are none of ours.
    if (
        isinstance(value, dict)
        and place not in ("environment", "overrides")
        and "values" not in value
    ):
        if "low" in value:
            yield place.removesuffix("[]"), False
            return
        for key, item in value.items():
            yield from fields(item, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict | list):
        for item in value:
            yield from fields(item, f"{place}[]")
    else:
        yield place, value == []


def test_every_field_of_the_json_is_in_the_docs(filled: Store) -> None:
    page = Path(__file__).parents[2] / "docs" / "results.md"
    told = set(re.findall(r"^\| `([\w.\[\]]+)` \|", section(page, "## report.json"), re.MULTILINE))
    errata = [{"said": "The sky is green.", "found": "It is blue."}]
    wanted = parse({**PLAIN, "errata": errata}, "fake.toml")
    put(filled, plan(wanted).ensembles[0].runs[1], failed="the loss is no longer finite")
    write_audit(filled.root, looked_through(wanted))
    change_notes(filled, [plan(wanted).runs[0].key], Change(("odd",), ("thesis",)))
    data = report(filled, wanted)
    found = dict(fields(json.loads(render(data, "json"))))
    option = leave_one_out(wanted).study
    changed = build(
        plan(option),
        filled,
        with_test=True,
        environment={},
        costs=dict.fromkeys((rung.name for rung in option.rungs), (1, 1, 1)),
    )
    found |= dict(fields({"readings": json.loads(render(changed, "json"))["readings"]}))
    there = {place for place, empty in found.items() if not empty}
    assert there - told == set(), "not in the docs"
    assert {place for place in told - there if place not in found} == set(), "not in the report"


def section(page: Path, heading: str) -> str:
    """A page's text from a heading on."""
    return page.read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.0, "+0.0"), (-0.0, "+0.0"), (-1e-17, "+0.0"), (-0.0004, "+0.0"), (-0.0006, "-0.1")],
)
def test_a_difference_of_zero_has_one_sign(difference: float, expected: str) -> None:
    assert points(difference) == expected


def test_an_end_of_an_interval_tells_its_side_of_zero() -> None:
    assert point_range(-0.004, -0.0003) == "-0.4 to -0.03"
    assert point_range(0.00002, 0.1) == "+0.002 to +10.0"
    assert point_range(-1e-17, 0.0) == "+0.0 to +0.0"
