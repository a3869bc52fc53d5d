"""Figures of a report of a store whose figures are known."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from rungs.data.audit.findings import write_audit
from rungs.evidence.seal import unseal
from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_json
from rungs.report.gather.derived import limited_to
from rungs.report.gather.gathering import gather
from rungs.report.gather.runs import ended_by_name, run_states
from rungs.report.show.grounds import claim_traces
from rungs.report.show.planned import planned, progress
from rungs.report.show.rendering import render, write
from rungs.report.show.section import seconds
from rungs.report.show.sections import sections
from rungs.report.show.tables.ensembles import ensemble_section
from rungs.report.show.tables.ladder import costs as cost_table
from rungs.report.show.tables.ladder import ladder
from rungs.statistics.predictions import Labels
from rungs.store import Store, open_store
from rungs.study import Study, parse
from rungs.study.costs import costs, layer_tables
from rungs.study.plan import plan
from tests.fake import PLAIN, TEST, VALIDATION, looked_through, measured_costs, put, report


def test_figures_are_those_of_the_runs(filled: Store, study: Study) -> None:
    plain = json.loads(render(report(filled, study), "json"))
    base, tried, top, broken = plain["rungs"]
    assert base["test_accuracy"] == {"mean": pytest.approx(0.5), "values": [3 / 9, 6 / 9]}
    assert base["val_accuracy"]["values"] == [0.52, 0.52]
    assert base["val_loss"]["mean"] == 1.5
    assert base["seeds"] == [0, 1]
    assert base["delta_previous"] is None
    assert base["train_seconds"] == 30.0
    assert [len(run) for run in base["history"]] == [3, 3]
    assert base["notes"] == ["overfits from epoch 2"]
    assert tried["seeds"] == []
    assert tried["test_accuracy"] == {"mean": None, "values": []}
    assert top["test_accuracy"]["values"] == [1.0]
    assert top["delta_previous"] == top["delta_base"] == pytest.approx(0.5)
    assert broken["failed"] == [
        {"seed": 0, "reason": "the loss is no longer finite at epoch 1, step 2"}
    ]
    assert broken["best_class"] is None
    assert plain["best_on_validation"] == "base"


def test_shares_of_classes_are_drawn_once(filled: Store, study: Study) -> None:
    classes = report(filled, study).rungs[0].classes
    kept = filled.root / "measures" / "classes"
    before = {path.name: read_json(path) for path in kept.iterdir()}
    assert tuple(item.best_share for item in classes) in {
        tuple(plain["best"]) for plain in before.values()
    }
    for path in kept.iterdir():
        write_json(path, {"best": [0.25, 0.5, 0.25], "worst": [1.0, 0.0, 0.0]})
    assert [item.best_share for item in report(filled, study).rungs[0].classes] == [0.25, 0.5, 0.25]
    for damage in ("{", "[]", '{"best": [1.0], "worst": [1.0]}', '{"best": "abc", "worst": "abc"}'):
        for path in kept.iterdir():
            path.write_text(damage, encoding="utf-8")
        assert report(filled, study).rungs[0].classes == classes
        assert {path.name: read_json(path) for path in kept.iterdir()} == before


def test_what_claims_show_of_another_budget_is_counted_too(filled: Store, study: Study) -> None:
    put(filled, plan(study, budget="own").rungs[2].runs[0], right=8)
    unseal(filled, study)
    data = gather(plan(study, only=("base",)), filled, with_test=True)
    assert data.claims[1].measured == pytest.approx(8 / 9)  # of the top
    assert data.revealed == 2
    trace = claim_traces(data)[-1]
    assert dict(trace.lines) == {
        "Measured": "test accuracy of top, at budget own: 88.9 %",
        "n": "9 test images",
        "Seeds": "0 of top",
        "Of each seed": "top: 88.9 %",
    }
    assert "--budget own" in trace.command


def test_a_report_can_be_limited_to_some_rungs(filled: Store, study: Study) -> None:
    whole = report(filled, study)
    part = limited_to(whole, ("top",))
    assert [rung.name for rung in part.rungs] == ["top"]
    assert part.ensembles == ()
    assert part.rungs[0].delta_previous == whole.rungs[2].delta_previous is not None
    said = [" ".join(render(one, "text").split()) for one in (whole, part)]
    assert "Best on validation: base" in said[0]
    assert "Best on validation of these: top" in said[1]


@pytest.mark.parametrize("width", [50, 90, 200])
def test_a_report_of_an_ensemble_alone(filled: Store, study: Study, width: int) -> None:
    whole = report(filled, study)
    alone = limited_to(whole, [item.name for item in whole.ensembles])
    shown = render(alone, "text", width=width)
    assert "Snapshot ensemble" in shown
    assert "Parameters" not in shown
    assert "Costs" not in shown


def test_best_and_worst_class(filled: Store, study: Study) -> None:
    """Seed 0 is right on images 0 to 2, seed 1 on 0 to 5: each class 1.5 of 3; ties: the lowest."""
    plain = json.loads(render(report(filled, study), "json"))
    base = plain["rungs"][0]
    assert base["best_class"]["index"] == base["worst_class"]["index"] == 0
    assert base["best_class"]["accuracy"] == 0.5
    assert base["best_class"]["low"] < 0.5 < base["best_class"]["high"]


@pytest.mark.parametrize(
    ("value", "said"), [(None, ""), (0.0, "<1"), (0.49, "<1"), (0.6, "1"), (1234.4, "1,234")]
)
def test_no_training_takes_no_time(value: float | None, said: str) -> None:
    assert seconds(value) == said


def test_columns_of_what_nobody_reported_are_left_out(filled: Store, study: Study) -> None:
    data = report(filled, study)
    assert "reported %" in ladder(data).columns
    rungs = tuple(
        dataclasses.replace(rung, reported=rung.reported.model_copy(update={"test_accuracy": None}))
        for rung in data.rungs
    )
    silent = dataclasses.replace(data, rungs=rungs)
    assert "reported %" not in ladder(silent).columns
    assert (
        "reported" not in cost_table(silent).columns
    )  # nor does the made-up source tell of parameters


def test_classes_without_test_images_and_uneven_ones(filled: Store, study: Study) -> None:
    even = json.loads(render(report(filled, study), "json"))["rungs"][0]
    assert even["balanced_accuracy"] == even["test_accuracy"]
    assert [item["index"] for item in even["classes"]] == [0, 1, 2]
    assert "balanced %" not in render(report(filled, study), "text", width=200)
    labels = np.array([0, 1, 0, 0, 0, 0, 0, 0, 0])
    shutil.rmtree(filled.root / "data" / study.data.fingerprint)
    for part, values in (("test", labels), ("validation", VALIDATION)):
        filled.write_labels(study.data.fingerprint, part, Labels(values, ("a", "b", "c")))
    base = json.loads(render(report(filled, study), "json"))["rungs"][0]
    assert base["classes"][2] == {
        **dict.fromkeys(base["classes"][0]),
        "index": 2,
        "name": "c",
    }
    of_a, of_b = (item["accuracy"] for item in base["classes"][:2])
    assert base["balanced_accuracy"]["mean"] == pytest.approx((of_a + of_b) / 2)
    assert base["balanced_accuracy"]["mean"] != base["test_accuracy"]["mean"]
    said = render(report(filled, study), "text", width=200)
    assert "balanced %" in said
    assert "No test image, and so no figure, of 'c'." in said
    assert "Always answering the most frequent class is right on 88.9 % of test images" in said
    page = render(report(filled, study), "html")
    row = page.split('<th scope="row" role="rowheader">c</th>')[1].split("</tr>")[0]
    assert re.findall(r">([^<]+)</td>", row) == ["–", "no test image"]


def test_a_sealed_report_has_what_uneven_classes_make_of_validation(
    filled: Store, study: Study
) -> None:
    even = report(filled, study, with_test=False)
    assert json.loads(render(even, "json"))["constant_answer"] is None
    assert "balanced %" not in render(even, "text", width=200)
    labels = np.array([0, 0, 0, 0, 0, 1])
    shutil.rmtree(filled.root / "data" / study.data.fingerprint)
    filled.write_labels(study.data.fingerprint, "validation", Labels(labels, ("a", "b", "c")))
    sealed = report(filled, study, with_test=False)
    plain = json.loads(render(sealed, "json"))
    assert plain["constant_answer"] == pytest.approx(5 / 6)
    # Of the images in turn of a, b, c, the first three are answered so, the others by the next.
    answered = np.where(np.arange(6) < 3, VALIDATION, (VALIDATION + 1) % 3)
    expected = ((answered[:5] == 0).mean() + (answered[5:] == 1).mean()) / 2
    assert plain["rungs"][0]["balanced_val_accuracy"]["values"][0] == pytest.approx(expected)
    for form in ("text", "html", "markdown"):
        said = render(sealed, form)
        assert "balanced %" in said
        assert "Always answering the most frequent class is right on 83.3 % of validation" in said


def test_ensemble_figures(filled: Store, study: Study) -> None:
    (shots,) = json.loads(render(report(filled, study), "json"))["ensembles"]
    assert shots["members"] == 3
    assert shots["member_test_accuracy"]["values"] == [2 / 9, 4 / 9, 6 / 9]
    # Equal softmax outputs: the last two agree on 4 right ones; of the 2 that only the last has
    # right there is a tie, which goes to the lower class.
    reference = []
    for last in (1, 2, 3):
        outputs = [np.eye(3)[np.where(np.arange(9) < n, TEST, (TEST + 1) % 3)] for n in (2, 4, 6)]
        weights = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
        mean = weights[3 - last :].mean(0)
        reference.append(float((mean.argmax(1) == TEST).mean()))
    assert [s["values"][0] for s in shots["growing_test_accuracy"]] == pytest.approx(reference)
    assert shots["test_accuracy"]["values"] == [pytest.approx(reference[-1])]
    assert shots["gain_over_last_snapshot"] == pytest.approx(reference[-1] - 6 / 9)
    assert shots["single_test_accuracy"] == 1.0
    # The first 2, 4 and all 6 of 6 validation images; the last three together find 4.
    assert shots["member_val_accuracy"]["values"] == pytest.approx([2 / 6, 4 / 6, 1.0])
    together = [s["mean"] for s in shots["growing_val_accuracy"]]
    assert shots["val_gain_over_last_snapshot"] == pytest.approx(together[-1] - together[0])
    assert together[0] == 1.0


def test_an_ensemble_that_failed_was_run(filled: Store, study: Study) -> None:
    (shots,) = report(filled, study).ensembles
    failed = dataclasses.replace(shots, seeds=(), failed=((0, "the loss is infinite"),))
    assert "Seed 0 failed: the loss is infinite." in ensemble_section(failed).lines
    assert "Not run yet." not in ensemble_section(failed).lines
    assert "Not run yet." in ensemble_section(dataclasses.replace(failed, failed=())).lines


def test_claims_say_what_they_are_held_against(filled: Store, study: Study) -> None:
    compared = "means over the finished seeds; that one recipe is better than another on test is"
    for limit, words in ((None, compared), (1, "the figures of one seed, without a test")):
        data = report(filled, study, seeds=limit)
        for form in ("text", "html"):
            said = " ".join(render(data, form, width=160).split())
            assert f"Claims are compared with {words}" in said


def test_claims_say_their_budget_and_seeds_in_every_form(filled: Store, study: Study) -> None:
    put(filled, plan(study, budget="own", only=("top",)).runs[0], right=8)
    data = report(filled, study)
    (claims,) = (item for item in sections(data) if item.title == "Claims")
    assert claims.columns == (
        "status",
        "claim",
        "budget",
        "n",
        "expected",
        "measured",
        "reported",
    )
    # One seed of the top against two of the base; at its own budget one.
    assert [row[2:4] for row in claims.rows] == [("equal", "1 and 2"), ("own", "1")]
    assert "n: finished seeds." in " ".join(claims.lines)
    for layout in ("text", "markdown"):
        said = " ".join(render(data, layout, width=160).split())
        assert re.search(r"\bequal\b\W+1 and 2\b", said)
        assert re.search(r"\bown\b\W+1\b", said)
    narrow = " ".join(render(data, "text", width=70).split())
    assert "budget: equal; n: 1 and 2; expected:" in narrow


def test_claims_of_another_budget_need_its_runs(filled: Store, study: Study) -> None:
    claims = report(filled, study).claims
    # Two seeds on nine images: the figures agree, and show nothing.
    assert [claim.status for claim in claims] == ["agrees, not shown", "not run"]
    put(filled, plan(study, budget="own", only=("top",)).runs[0], right=8)
    sealed = report(filled, study, with_test=False)
    assert [claim.status for claim in sealed.claims] == ["unread", "unread"]
    assert "0 confirmed, 0 refuted, 2 unread, 0 not run." in render(sealed, "text", width=160)
    claims = report(filled, study).claims
    assert [claim.status for claim in claims] == ["agrees, not shown", "refuted"]
    said = render(report(filled, study), "text", width=160)
    assert "0 confirmed, 1 agrees, not shown, 1 refuted, 0 not run." in said
    assert claims[1].measured == pytest.approx(8 / 9)


def test_a_claim_of_a_budget_sees_rungs_that_the_report_leaves_out(
    filled: Store, study: Study
) -> None:
    plain = {
        **PLAIN,
        "claims": [
            {
                "text": "The base is right half of the time.",
                "quantity": {"measure": "test_accuracy", "rung": "base"},
                "relation": "about",
                "value": 0.5,
                "budget": "equal",
            }
        ],
    }
    data = report(filled, parse(plain, "fake.toml"), only=("top",))
    assert [rung.name for rung in data.rungs] == ["top"]
    assert [claim.status for claim in data.claims] == ["confirmed"]


def test_a_store_without_labels_says_why_there_are_no_test_figures(
    filled: Store, study: Study
) -> None:
    shutil.rmtree(filled.root / "data")
    data = report(filled, study)
    assert data.rungs[0].test_accuracy.values == ()
    assert data.rungs[0].val_accuracy.mean == 0.52
    assert "No test figures: the store has no test labels" in render(data, "markdown")


def test_sealed_report_reads_no_test_label(filled: Store, study: Study) -> None:
    (filled.root / "data" / study.data.fingerprint / "test.npy").write_bytes(b"not to be opened")
    with pytest.raises(StoreError):
        report(filled, study)
    sealed = report(filled, study, with_test=False)
    plain = json.loads(render(sealed, "json"))
    assert all(rung["test_accuracy"]["values"] == [] for rung in plain["rungs"])
    assert plain["rungs"][0]["val_accuracy"]["mean"] == 0.52
    # Not "not run": the runs are there.
    assert {rung["verdict"] for rung in plain["rungs"]} == {None}
    assert "sealed" in render(sealed, "text")


def test_an_empty_store_gives_a_report_without_figures(tmp_path: Path, study: Study) -> None:
    store = open_store(tmp_path / "empty")
    data = report(store, study)
    assert all(not rung.seeds for rung in data.rungs)
    assert data.best_on_validation is None
    text = render(data, "text")
    assert "Not run yet." in text
    assert [path.suffix for path in write(data, tmp_path / "out")] == [
        ".html",
        ".json",
        ".md",
        ".txt",
    ]


def test_plan_and_status_tell_what_is_finished(filled: Store, study: Study) -> None:
    ended = ended_by_name(plan(study), filled)
    shown = planned(plan(study), ended, costs(study, filled), width=160)
    assert "2 of 2" in shown
    assert "0 of 2" in shown
    assert "0 of 2, 1 failed" in shown
    state = progress(plan(study), run_states(plan(study), filled), width=160)
    assert "failed: the loss is no longer finite" in state
    assert "base, seed 1" in state


def test_costs_are_measured_once(filled: Store, study: Study) -> None:
    measured = costs(study, filled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rungs.study.costs._measure", lambda *_: pytest.fail("measured again"))
        assert costs(study, filled) == measured


def test_layers_are_looked_at_once(filled: Store, study: Study) -> None:
    found = layer_tables(study, filled)
    for name, rows in found.items():
        assert sum(row.parameters for row in rows) == measured_costs()[name][0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rungs.study.costs._layers", lambda *_: pytest.fail("looked at again"))
        assert layer_tables(study, filled) == found


def test_figures_without_doubtful_images_stand_beside_the_official(
    filled: Store, study: Study, tmp_path: Path
) -> None:
    before = report(filled, study)
    assert before.audit is None
    assert json.loads(render(before, "json"))["audit"] is None
    assert "doubtful" not in render(before, "text") + render(before, "html")
    write_audit(filled.root, looked_through(study))
    data = report(filled, study)
    plain = json.loads(render(data, "json"))["audit"]
    assert (plain["test_twins"], plain["test_label_errors"]) == (1, 2)
    base, top, shots = plain["accuracies"]  # what was not run has no figures
    # Right on the first 3 and 6 of 9 images.
    assert base["test_accuracy"]["values"] == [3 / 9, 6 / 9]
    assert base["without_twins"]["values"] == [2 / 8, 5 / 8]
    assert base["without_label_errors"]["values"] == [1 / 7, 4 / 7]
    assert (top["name"], shots["name"]) == ("top", "shots")
    # Nothing of it comes into a verdict.
    assert [rung.verdict for rung in data.rungs] == [rung.verdict for rung in before.rungs]
    for form in ("text", "markdown", "html"):
        text = re.sub(r"\s+", " ", render(data, form))
        assert "1 of 9 test images have a duplicate among the training images" in text
        assert "part of no verdict" in text or "no verdict uses them" in text
        assert "optimistic" in text
    shown = render(limited_to(data, ["top"]), "json")
    assert [item["name"] for item in json.loads(shown)["audit"]["accuracies"]] == ["top"]
    assert report(filled, study, with_test=False).audit is None
