"""What a report without test figures says of each change."""

import json

from rungs.report.show.rendering import render
from rungs.report.show.section import point_range
from rungs.store import Store
from rungs.study import Study
from rungs.study.plan import plan
from tests.fake import put, report


def test_a_sealed_report_gives_differences_on_validation_with_intervals(
    filled: Store, study: Study
) -> None:
    put(filled, plan(study).rungs[2].runs[1], right=9)
    data = report(filled, study, with_test=False)
    top = next(rung for rung in data.rungs if rung.name == "top")
    found = top.val_verdict
    assert found is not None
    assert found.n_images == study.data.sizes["validation"]
    assert found.n_seeds == (2, 2)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= (found.delta or 0) <= found.high
    text = render(data, "text", width=160)
    assert "Differences on validation" in text
    assert f"{found.n_images} validation images" in text
    # It is to choose by: no word, and no p that asks for one.
    assert "helps" not in text
    assert "p adjusted" not in text
    plain = json.loads(render(data, "json"))
    row = next(rung for rung in plain["rungs"] if rung["name"] == "top")
    assert row["verdict"] is None
    assert row["val_verdict"]["n_images"] == found.n_images


def test_with_test_figures_the_verdicts_stand_in_its_place(filled: Store, study: Study) -> None:
    text = render(report(filled, study), "text", width=160)
    assert "Differences on validation" not in text
    assert "Verdicts: each rung against" in text


def test_the_page_begins_with_the_answer(filled: Store, study: Study) -> None:
    """The final rung against the base with its interval, and the verdicts counted."""
    put(filled, plan(study).rungs[2].runs[1], right=9)
    data = report(filled, study)
    assert data.climb is not None
    assert (data.climb.name, data.climb.against) == ("top", "base")
    page = render(data, "html")
    lead = page[page.index('class="lead"') : page.index('class="facts"')]
    assert f"{100 * (data.climb.delta or 0):+.1f} points" in lead
    assert point_range(data.climb.low or 0, data.climb.high or 0) in lead
    assert "Of 1 change 1 is undecided." in lead
    sealed = report(filled, study, with_test=False)
    assert sealed.climb is None
    assert "95&nbsp;% interval" not in render(sealed, "html").split('class="facts"')[0]
