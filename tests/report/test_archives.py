"""Reports of an archive, and what it is not overwritten by."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from rungs.data.audit.findings import read_audit, write_audit
from rungs.evidence.archives import take
from rungs.evidence.seal import unseal
from rungs.foundation.files import read_json, write_json
from rungs.report.gather.gathering import gather
from rungs.report.publishing import publish, unwritten, written_of
from rungs.report.show.rendering import render
from rungs.statistics.predictions import Labels
from rungs.store import Store, open_store
from rungs.store.archive import export_runs, import_runs
from rungs.study import Study
from rungs.study.plan import plan
from tests.fake import TEST, VALIDATION, looked_through, put, report


def test_calibration_is_computed_once_and_travels_with_an_archive(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    base = report(filled, study).rungs[0]
    assert len(base.calibrations) == 2
    # Logits 1 for the class that is taken, 0 for the two others.
    taken = np.e / (np.e + 2)
    right, wrong = -np.log(taken), -np.log(1 / (np.e + 2))
    assert [item.nll for item in base.calibrations] == pytest.approx(
        [(3 * right + 6 * wrong) / 9, (6 * right + 3 * wrong) / 9]
    )
    assert base.calibrations[0].ece == pytest.approx(abs(taken - 3 / 9))
    assert base.top5.values == (1.0, 1.0)  # of three classes, so it says nothing
    for form in ("text", "html"):
        shown = render(report(filled, study), form, width=160)
        assert "top-5" not in shown
        assert "five guesses" not in shown
    key = plan(study).rungs[0].runs[0].key
    cached = filled.root / "measures" / f"{key}.json"
    write_json(cached, {**read_json(cached), "ece": 0.25})
    assert report(filled, study).rungs[0].calibrations[0].ece == 0.25
    cached.write_text("{", encoding="utf-8")  # damaged: computed anew
    assert report(filled, study).rungs[0].calibrations == base.calibrations

    export_runs(filled, [key], tmp_path / "archive")
    elsewhere = open_store(tmp_path / "elsewhere")
    import_runs(elsewhere, tmp_path / "archive")
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        elsewhere.write_labels(study.data.fingerprint, part, Labels(labels, ("a", "b", "c")))
    assert report(elsewhere, study).rungs[0].calibrations == base.calibrations[:1]
    # An archive from before there was such a file.
    (elsewhere.run_folder(key) / "predictions" / "calibration.json").unlink()
    assert report(elsewhere, study).rungs[0].calibrations == ()
    assert report(elsewhere, study).rungs[0].top5.values


def test_an_archives_figures_are_not_replaced_by_none(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    unseal(filled, study)
    results = tmp_path / "results"

    def written_again(*, with_test: bool) -> None:
        data = gather(plan(study), filled, with_test=with_test)
        publish(data, filled, [], results, plan=plan(study))

    written_again(with_test=True)
    written = (results / "equal" / "report.json").read_bytes()
    (filled.root / "data" / study.data.fingerprint / "test.npy").unlink()
    written_again(with_test=True)
    written_again(with_test=False)
    assert (results / "equal" / "report.json").read_bytes() == written


def test_an_archives_report_is_not_replaced_by_one_of_fewer_seeds(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    unseal(filled, study)
    results = tmp_path / "results"
    report = results / "equal"
    assert written_of(report)[0] == 0

    def written_by(seeds: int) -> list[Path]:
        wanted = plan(study, seeds=seeds)
        return publish(gather(wanted, filled, with_test=True), filled, [], results, plan=wanted)

    assert written_by(1) == [report]
    fewer = written_of(report)[0]
    assert written_by(2) == [report]
    assert written_of(report)[0] > fewer > 0
    before = (report / "report.json").read_bytes()
    assert written_by(1) == []
    assert (report / "report.json").read_bytes() == before
    said = unwritten(gather(plan(study, seeds=1), filled, with_test=True), results)
    assert f"{report} is left as it is: it is of {written_of(report)[0]} finished runs" in said


def test_claims_about_another_budget_can_be_made_again_from_an_archive(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    run = plan(study, budget="own").rungs[2].runs[0]
    put(filled, run, right=8)
    unseal(filled, study)
    wanted, results = plan(study), tmp_path / "results"
    publish(gather(wanted, filled, with_test=True), filled, [], results, plan=wanted)
    elsewhere = open_store(tmp_path / "elsewhere")
    take(results, elsewhere, wanted)
    assert elsewhere.is_finished(run.key)
    # Without that run its figure stays.
    shutil.rmtree(elsewhere.root / "runs" / run.key)
    elsewhere = open_store(tmp_path / "elsewhere")
    elsewhere.write_labels(study.data.fingerprint, "test", Labels(TEST, ("a", "b", "c")))
    elsewhere.write_labels(
        study.data.fingerprint, "validation", Labels(VALIDATION, ("a", "b", "c"))
    )
    without = gather(wanted, elsewhere, with_test=True)
    before = (results / "equal" / "report.json").read_bytes()
    assert publish(without, elsewhere, [], results, plan=wanted) == []
    assert (results / "equal" / "report.json").read_bytes() == before
    assert "has a figure for 1 claim whose runs are not here" in unwritten(without, results)


def test_a_report_of_nothing_is_not_written_to_an_archive(
    study: Study, filled: Store, tmp_path: Path
) -> None:
    unseal(filled, study)
    wanted, results = plan(study, epochs=77), tmp_path / "results"
    nothing = gather(wanted, filled, with_test=True)
    assert publish(nothing, filled, [], results, plan=wanted) == []
    assert "none of its runs is finished" in unwritten(nothing, results)


def test_an_archive_takes_the_audit_along(filled: Store, study: Study, tmp_path: Path) -> None:
    wanted = plan(study)
    write_audit(filled.root, looked_through(study))
    publish(report(filled, study), filled, [], tmp_path / "kept", plan=wanted)
    elsewhere = open_store(tmp_path / "elsewhere")
    take(tmp_path / "kept", elsewhere, wanted)
    assert read_audit(elsewhere.root, study.data.fingerprint) == looked_through(study)
