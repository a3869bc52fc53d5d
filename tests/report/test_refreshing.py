"""A page that is opened from its file follows its study, in a browser, while the study trains."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

import rungs
from rungs.report.show.page import document
from tests import browser
from tests.studies import FIRST

SECONDS = 60
STILL = "document.body.dataset.refresh === undefined"


def test_archives_and_finished_studies_have_pages_that_stay(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(finished)
    whole = rungs.report("first.toml", no_test=True).data
    assert "data-refresh" not in document.to_html(whole).partition("<script>")[0]
    begun = rungs.report("first.toml", seeds=2, no_test=True).data
    assert 'data-refresh="10"' in document.to_html(begun)
    archived = replace(begun, archive="results")
    assert "data-refresh" not in document.to_html(archived).partition("<script>")[0]


@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
def test_the_page_follows_its_study_and_then_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(document, "_REFRESH_SECONDS", 1)
    Path("first.toml").write_text(FIRST, encoding="utf-8")
    page = rungs.run("first.toml", only="base", quiet=True, workers=1).page
    assert page is not None
    with browser.browser(tmp_path / "profile") as chromium:
        chromium.resize(1280, 500)
        chromium.open((tmp_path / page).as_uri())
        assert not chromium.run(f"return {STILL}")
        folds = (
            "const named = item => item.id || item.parentElement.closest('[id]').id + ' ' + "
            "item.querySelector('summary').textContent; "
            "return [...document.querySelectorAll('details')]"
        )
        chromium.run(
            "window.first = true; document.querySelectorAll('details').forEach("
            "item => { item.open = true; })"
        )
        before = set(chromium.run(f"{folds}.map(named)"))
        chromium.run("scrollTo({ top: 333, behavior: 'instant' })")
        rungs.run("first.toml", quiet=True, workers=1)
        end = time.monotonic() + SECONDS
        while not chromium.run(f"return {STILL}"):
            assert time.monotonic() < end
            time.sleep(0.2)
        # Another document with the new figures, read at the same place with the same folds open.
        assert chromium.run("return window.first === undefined")
        after = chromium.run(f"{folds}.map(item => [named(item), item.open])")
        same = [words for words, _ in after if words in before]
        assert same
        assert [words for words, is_open in after if words in before and not is_open] == []
        # But for what the browser moves so that the same words stay in sight.
        assert abs(chromium.run("return scrollY") - 333) < 40
        chromium.run("window.last = true")
        time.sleep(2.5)
        assert chromium.run("return window.last")
        assert [line for line in chromium.log() if "SEVERE" in line] == []
