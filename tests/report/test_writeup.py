"""A study written up: every part is there, filled, and the same in Markdown and .docx."""

import io
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.loading import load as load_data
from rungs.evidence.archives import take
from rungs.execution.run_one import keep_labels
from rungs.foundation import extras
from rungs.report.gather.gathering import gather
from rungs.report.gather.writeup import ends
from rungs.report.show.rendering import document, write, write_document
from rungs.report.show.section import Section, percent
from rungs.report.show.writeup.chapter import Chapter
from rungs.report.show.writeup.chapters import written_up
from rungs.report.show.writeup.markdown import document_markdown
from rungs.report.show.writeup.word import column_widths, document_docx
from rungs.store import Store, open_store
from rungs.study import Study, load
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import plan
from tests.fake import report

OFFICIAL = os.environ.get("RUNGS_DATA")
ARCHIVE = Path(__file__).parents[2] / "results" / "cifar100"


def chapters_of(data: Any) -> dict[str, Chapter]:
    return {chapter.title: chapter for chapter in written_up(data, ends(data))}


def test_every_part_of_a_report_that_is_handed_in_is_there(filled: Store, study: Study) -> None:
    titles = list(chapters_of(report(filled, study)))
    assert titles == [
        study.title,
        "Task",
        "Data and split",
        "Training",
        "The base",
        "The changes, one at a time",
        "1. tried",
        "2. top",
        "3. broken",
        "Base against final at equal epochs",
        "Best and worst class",
        "Ensembles",
        "All changes",
        "What the source claims, and what was measured",
        "What is not known",
        "What the source leaves open, and how it was read",
        "What the source has wrong",
        "How this was made",
    ]


def test_it_says_what_was_found_and_what_was_not(filled: Store, study: Study) -> None:
    data = report(filled, study)
    found = chapters_of(data)
    answer = " ".join(found[study.title].paragraphs)
    assert "the base reaches 50.0 % on test, the final network 100.0 %: +50.0 points" in answer
    tried = " ".join(found["1. tried"].paragraphs)
    assert "residual()" in tried
    assert "not known yet" in tried
    assert "not kept" in tried
    top = " ".join(found["2. top"].paragraphs)
    assert "With one seed there is no verdict: +50.0 points on test" in top
    unknown = found["What is not known"].points
    assert any("broken failed with seed 0: the loss" in point for point in unknown)
    assert any("2 of 2 planned seeds not finished of tried" in point for point in unknown)
    assert any(point.startswith("What top does with another seed") for point in unknown)
    assert any("1 claim of the source" in point for point in unknown)


def test_the_table_of_changes_has_a_full_row_for_each_rung(filled: Store, study: Study) -> None:
    data = report(filled, study)
    (table,) = chapters_of(data)["All changes"].tables
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["change"] for row in rows] == [rung.name for rung in data.rungs]
    for row, rung in zip(rows, data.rungs, strict=True):
        assert row["parameters"] == f"{rung.cost[0]:,}"
        assert row["test %"].split(" ")[0] == percent(rung.test_accuracy.mean)
        assert row["reported %"] == percent(rung.reported.test_accuracy)


def test_base_and_final_are_compared_at_equal_epochs_alone(filled: Store, study: Study) -> None:
    data = report(filled, study)
    both = ends(data)
    assert both is not None
    assert (both.budget, both.base.name, both.final.name) == ("equal", "base", "top")
    assert both.verdict is data.rungs[2].verdict  # the study's own question
    own = report(filled, study, budget="own")
    assert own.rungs[0].epochs != own.rungs[2].epochs
    assert ends(own) is None
    assert "No budget has" in document(own, None)


def test_what_is_sealed_has_figures_of_validation_alone(filled: Store, study: Study) -> None:
    data = replace(report(filled, study, with_test=False), sealed=True)
    text = document(data, ends(data))
    assert "The test set is sealed" in text
    assert "on validation" in text
    assert "% on test" not in text
    assert "points on test" not in text
    assert "Best and worst class" not in text


def test_markdown_is_whole_and_shows_every_picture_once(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    data = report(filled, study)
    write(data, tmp_path)
    path = write_document(data, ends(data), tmp_path, "md")
    text = path.read_text(encoding="utf-8")
    shown = re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE)
    there = {file.relative_to(tmp_path).as_posix() for file in (tmp_path / "document").iterdir()}
    assert len(shown) == len(set(shown)) == 6
    assert set(shown) == there
    numbers = re.findall(r"^\*Figure (\d+): ", text, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 7)]
    for block in text.split("\n\n"):
        if block.startswith("|"):
            bars = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(bars) == 1, block
    assert "<fake>" not in text
    assert "![" not in document(data, ends(data))  # printed, it has no pictures beside it


def test_docx_holds_the_same_with_its_pictures(filled: Store, study: Study, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    data = report(filled, study)
    strange = replace(data, study=replace(data.study, title="A \x07 <strange> & title"))
    path = write_document(strange, ends(data), tmp_path, "docx")
    read = docx.Document(io.BytesIO(path.read_bytes()))
    chapters = written_up(strange, ends(data))
    headings = [p.text for p in read.paragraphs if p.style.name.startswith(("Heading", "Title"))]
    assert headings == ["A  <strange> & title", *(chapter.title for chapter in chapters[1:])]
    assert len(read.inline_shapes) == 6
    tables = [section for chapter in chapters for section in chapter.tables if section.rows]
    assert len(read.tables) == len(tables)
    for table, section in zip(read.tables, tables, strict=True):
        cells = [tuple(cell.text for cell in row.cells) for row in table.rows]
        assert cells == [section.columns, *section.rows]
    said = [p.text for p in read.paragraphs]
    for chapter in chapters[1:]:
        assert all(text in said for text in (*chapter.paragraphs, *chapter.points))


def test_columns_are_as_wide_as_their_words() -> None:
    section = Section(
        "",
        ("change", "parameters", "notes"),
        rows=(("Base", "2,170,788", "overfits from epoch 7, a text of many words, on many lines"),),
    )
    change, parameters, notes = column_widths(section, 10.0)
    assert change + parameters + notes == pytest.approx(10.0)
    assert change < parameters < notes
    assert parameters >= 10 * 0.16  # its longest word on one line
    # What fits is not squeezed; what cannot fit is shared out.
    assert sum(column_widths(section, 100.0)) == pytest.approx(100.0)
    assert sum(column_widths(section, 1.0)) == pytest.approx(1.0)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="there is no LibreOffice")
def test_a_word_processor_opens_it(filled: Store, study: Study, tmp_path: Path) -> None:
    pytest.importorskip("docx", reason="python-docx is not installed")
    data = report(filled, study)
    path = write_document(data, ends(data), tmp_path, "docx")
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    asked = ["soffice", home, "--headless", "--convert-to", "txt:Text (encoded):UTF8"]
    subprocess.run(
        [*asked, "--outdir", str(tmp_path / "read"), str(path)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    read = (tmp_path / "read" / "document.txt").read_text(encoding="utf-8-sig")
    chapters = written_up(data, ends(data))
    for chapter in chapters:
        assert chapter.title in read
    tables = [section for chapter in chapters for section in chapter.tables if section.rows]
    assert tables
    for section in tables:
        for cell in {cell for row in section.rows for cell in row if cell}:
            assert cell in read, cell


def test_without_the_library_a_sentence_says_what_installs_it(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "docx", ("docx_of_nobody",))
    folder = tmp_path / "out"
    asked = ["report", "quickstart", "--store", str(filled.root), "--format", "docx"]
    done = CliRunner().invoke(app, [*asked, "--output", str(folder)])
    assert done.exit_code == 1
    assert "pip install 'rungs-study[docx]'" in done.stderr
    assert "--format document" in done.stderr
    assert not folder.exists()


def test_the_command_needs_a_folder_for_docx(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "docx", ("json",))
    asked = ["report", "quickstart", "--store", str(filled.root), "--format", "docx"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "--output FOLDER" in done.stderr


def test_the_command_prints_and_writes_it(filled: Store, tmp_path: Path) -> None:
    asked = ["report", "quickstart", "--store", str(filled.root), "--format", "document"]
    done = CliRunner().invoke(app, [*asked, "--output", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("# ")
    written = (tmp_path / "document.md").read_text(encoding="utf-8")
    assert written.splitlines()[0] == done.stdout.splitlines()[0]


@pytest.mark.skipif(not OFFICIAL, reason="CIFAR-100's labels are not here: set RUNGS_DATA")
def test_the_report_that_the_built_in_study_is_of_has_no_empty_row(tmp_path: Path) -> None:
    store, study = open_store(tmp_path / "store"), load("cifar100")
    take(ARCHIVE, store, plan(study))
    keep_labels(store, load_data(study.data, data_dir=Path(OFFICIAL or "")))
    data = gather(with_finished_seeds(plan(study), store), store, with_test=True)
    found = chapters_of(data)
    (table,) = found["All changes"].tables
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert len(rows) == 10
    for row in rows:
        assert all(row[name] for name in ("test %", "parameters", "epochs"))
    assert all(row["difference"] and row["95 % interval"] and row["verdict"] for row in rows[1:])
    # What the source gave to other epochs stands beside what was measured at as many.
    assert rows[-1]["ours in as many"]
    own = gather(with_finished_seeds(plan(study, budget="own"), store), store, with_test=True)
    both = ends(own)
    assert both is not None
    assert both.budget == "equal"
    assert (both.base.epochs, both.final.epochs) == (15, 15)
    assert both.verdict is not None
    assert both.verdict.delta == pytest.approx(
        both.final.test_accuracy.mean - both.base.test_accuracy.mean  # type: ignore[operator]
    )
    assert chapters_of(own)["Base against final at equal epochs"].picture == ""


def test_two_forms_have_one_content(filled: Store, study: Study) -> None:
    pytest.importorskip("docx", reason="python-docx is not installed")
    chapters = written_up(report(filled, study), None)
    assert document_markdown(chapters, {}).count("\n## ") == sum(c.level == 2 for c in chapters)
    assert document_docx(chapters, {}).startswith(b"PK")
