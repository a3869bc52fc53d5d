"""How fast the rungs of a report were trained."""

from dataclasses import replace

import pytest

from rungs.recipe.modifications import apply
from rungs.report.figures.rungs import RungReport, Speed
from rungs.report.figures.whole import ReportData
from rungs.report.gather.speed import rung_speed
from rungs.report.show.rendering import render
from rungs.report.show.tables.speed import speed as speed_table
from rungs.store import Store
from rungs.study import Study
from tests.fake import report


@pytest.fixture
def data(filled: Store, study: Study) -> ReportData:
    return report(filled, study)


def found(rung: RungReport, study: Study) -> Speed | None:
    """The speed of what a rung's history says."""
    planned = study.rung(rung.name)
    return rung_speed(planned, rung.epochs, rung.history, rung.ceilings, rung.cost, study.data)


def test_speed_is_that_of_the_median_epoch(data: ReportData) -> None:
    """Epochs of 10 s, 1,000 images; the ceiling is known for none."""
    base = data.rung("base")
    assert base is not None
    images = data.study.data.sizes["train"]
    speed = base.speed
    assert speed is not None
    assert speed.seconds_per_epoch == 10.0
    assert speed.images_per_second == images / 10
    assert speed.gflops == pytest.approx(3 * (base.cost[2] or 0) * images / 10 / 1e9)
    assert speed.gflops is not None
    assert speed.ceiling_share is None
    assert found(replace(base, history=()), data.study) is None
    slow_start = (*base.history[0], replace(base.history[0][0], train_seconds=500.0))
    late = replace(base, history=(slow_start,), ceilings=(2 * speed.gflops,))
    again = found(late, data.study)
    assert again is not None
    assert again.seconds_per_epoch == 10.0
    assert again.ceiling_share == pytest.approx(0.5)


def test_epochs_of_smaller_images_tell_no_flops(data: ReportData) -> None:
    """Two quick epochs of small images, and one of 10 s of full size."""
    base = data.rung("base")
    assert base is not None
    plain = base.speed
    assert plain is not None
    *early, last = base.history[0]
    history = (*(replace(entry, train_seconds=4.0) for entry in early), last)
    rung = data.study.rung("base")
    pooled = apply(rung.recipe, "global_average_pooling", {})
    growing = apply(pooled, "progressive_resolution", {"start": 0.5, "until": 0.9})
    study = replace(data.study, rungs=(replace(rung, recipe=growing),))
    slower = found(replace(base, history=(history,), ceilings=(None,)), study)
    assert slower is not None
    assert slower.seconds_per_epoch == 4.0
    assert slower.gflops == plain.gflops


def test_the_share_of_the_ceiling_is_shown_where_it_is_known(data: ReportData) -> None:
    plain = speed_table(data)
    assert plain.columns == ("rung", "images/s", "seconds an epoch", "GFLOP/s")
    assert {row[0] for row in plain.rows} == {rung.name for rung in data.rungs if rung.history}
    assert any("abacus" in line for line in plain.lines)
    base = data.rungs[0]
    assert base.speed is not None
    known = replace(base, speed=replace(base.speed, ceiling_share=0.25))
    shown = speed_table(replace(data, rungs=(known, *data.rungs[1:])))
    assert shown.columns[-1] == "% of ceiling"
    assert shown.rows[0][-1] == "25.0"
    assert shown.rows[1][-1] == ""


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_form_shows_the_speed(data: ReportData, form: str) -> None:
    assert "seconds an epoch" in render(data, form)
    nothing = replace(data, rungs=tuple(replace(rung, speed=None) for rung in data.rungs))
    assert "seconds an epoch" not in render(nothing, form)
