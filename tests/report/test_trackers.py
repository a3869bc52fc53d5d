"""Studies in trackers, read back with each vendor's own reader."""

import importlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation.errors import UsageError
from rungs.report.figures.whole import ReportData
from rungs.report.show.rendering import render
from rungs.report.trackers.logged import LoggedRun, LoggedStudy, logged
from rungs.report.trackers.sending import Tracker, sender
from rungs.report.trackers.sent import Sent
from rungs.statistics.predictions import Labels
from rungs.store import Store, open_store
from rungs.study import Study, load
from rungs.study.plan import plan
from tests.fake import TEST, VALIDATION, put, report

TRACKERS = tuple(Tracker)
_BLOCK = 32768
FOLLOWED = """
name = "fake"
base = "base"
final = "top"
seeds = 2
unseal = "at end"
data = { kind = "synthetic", classes = 3, validation = 6, test = 9, size = 8 }
budgets = { equal = 3 }
recipe = { network = { widths = [4] } }
rungs = [{ name = "base" }, { name = "top", after = "base", apply = ["residual"] }]
"""


def of(store: Store, study: Study, **asked: Any) -> LoggedStudy:
    data: ReportData = report(store, study, **asked)
    return logged(plan(study), data, store, render(data, "markdown"))


def no_figures() -> Mapping[str, Path]:
    return {}


# Run's id -> its curves, its figures, its parameters as text.
Found = dict[str, tuple[dict[str, list[tuple[int, float]]], dict[str, float], dict[str, str]]]


def from_tensorboard(folder: Path, study: LoggedStudy) -> Found:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found: Found = {}
    for run in study.runs:
        place = folder / study.project / study.budget / run.group
        seed = run.name.removeprefix(f"{run.group}, seed ")
        events = reader.EventAccumulator(
            str(place / ("mean" if run.seed is None else f"seed-{seed}"))
        ).Reload()
        scalars = {
            name: [(event.step, event.value) for event in events.Scalars(name)]
            for name in events.Tags()["scalars"]
        }
        table = events.Tensors("parameters/text_summary")[0].tensor_proto.string_val[0].decode()
        rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
        found[run.id] = (
            {name: points for name, points in scalars.items() if name in run.curves},
            {name: points[-1][1] for name, points in scalars.items() if name not in run.curves},
            dict(rows),
        )
    return found


def from_mlflow(folder: Path, study: LoggedStudy) -> Found:
    client = pytest.importorskip("mlflow").MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"{study.project}, {study.budget}")
    runs = {
        run.data.tags["rungs.id"]: run for run in client.search_runs([experiment.experiment_id])
    }
    found: Found = {}
    for run in study.runs:
        there = runs[run.id]
        history = {
            name: client.get_metric_history(there.info.run_id, name) for name in there.data.metrics
        }
        if run.seed is not None:
            parent = there.data.tags["mlflow.parentRunId"]
            assert client.get_run(parent).info.run_name == run.group
        found[run.id] = (
            {
                name: sorted((one.step, one.value) for one in points)
                for name, points in history.items()
                if name in run.curves
            },
            {n: value for n, value in there.data.metrics.items() if n not in run.curves},
            {name.replace(".0", "[0]"): value for name, value in there.data.params.items()},
        )
    return found


def records(file: Path) -> Iterator[bytes]:
    """The records of an offline run: a log of LevelDB's form, after a header of seven bytes.

    Its library reads it in a program of its own, and offers no way to it from Python.
    """
    data, place, whole = file.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while place < len(data):
        left = _BLOCK - place % _BLOCK
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""


def from_wandb(folder: Path, study: LoggedStudy) -> Found:
    pytest.importorskip("wandb", reason="wandb is not installed")
    messages: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    known = json.loads((folder / "rungs.json").read_text())
    found: Found = {}
    for run in study.runs:
        (file,) = (folder / "wandb" / known[run.id]["folder"]).glob("run-*.wandb")
        curves: dict[str, list[tuple[int, float]]] = {}
        summary: dict[str, Any] = {}
        config: dict[str, Any] = {}
        for data in records(file):
            record = messages.Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                assert record.run.run_group == f"{run.group}, {study.budget}"
                config |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
            elif kind == "history":
                row = {
                    one.key or ".".join(one.nested_key): json.loads(one.value_json)
                    for one in record.history.item
                }
                for name in run.curves:
                    if name in row:
                        curves.setdefault(name, []).append((row["epoch"], row[name]))
            elif kind == "summary":
                for one in record.summary.update:
                    summary[one.key or ".".join(one.nested_key)] = json.loads(one.value_json)
        found[run.id] = (
            curves,
            {name: value for name, value in summary.items() if name in run.summary},
            {name: str(value) for name, value in config.items() if name in run.parameters},
        )
    return found


READERS = {
    Tracker.tensorboard: from_tensorboard,
    Tracker.mlflow: from_mlflow,
    Tracker.wandb: from_wandb,
}


@pytest.fixture(params=TRACKERS, ids=lambda tracker: tracker.value)
def tracker(request: pytest.FixtureRequest) -> Tracker:
    found: Tracker = request.param
    pytest.importorskip(found.value, reason=f"{found.value} is not installed")
    return found


# The trackers' libraries warn of much that is theirs.
pytestmark = pytest.mark.filterwarnings("default")


def test_every_number_is_read_back_and_twice_is_once(
    tracker: Tracker, filled: Store, study: Study, tmp_path: Path
) -> None:
    sent = of(filled, study)
    send, folder = sender(tracker), tmp_path / "logs"
    assert send(sent, str(folder), no_figures) == Sent(new=len(sent.runs))
    assert send(sent, str(folder), no_figures) == Sent(same=len(sent.runs))
    found = READERS[tracker](folder, sent)
    assert set(found) == {run.id for run in sent.runs}
    # Event files of TensorBoard hold single precision.
    close = 1e-6 if tracker is Tracker.tensorboard else 1e-12
    for run in sent.runs:
        curves, summary, parameters = found[run.id]
        assert set(curves) == set(run.curves)
        for name, points in run.curves.items():
            assert [epoch for epoch, _ in curves[name]] == [epoch for epoch, _ in points]
            values = [value for _, value in points]
            assert [value for _, value in curves[name]] == pytest.approx(values, rel=close)
        assert summary == pytest.approx(dict(run.summary), rel=close)
        assert parameters == {name: str(value) for name, value in run.parameters.items()}


def test_what_has_changed_is_written_anew_and_nothing_else(
    tracker: Tracker, filled: Store, study: Study, tmp_path: Path
) -> None:
    before = of(filled, study)
    send, folder = sender(tracker), tmp_path / "logs"
    send(before, str(folder), no_figures)
    place = next(k for k, run in enumerate(before.runs) if run.seed is None and run.curves)
    changed = replace(before.runs[place], summary={"seeds": 7.0})
    runs = (*before.runs[:place], changed, *before.runs[place + 1 :])
    after = replace(before, runs=runs)
    sent = send(after, str(folder), no_figures)
    assert sent == Sent(changed=1, same=len(runs) - 1)
    assert READERS[tracker](folder, after)[changed.id][1] == {"seeds": 7.0}


def test_a_sealed_study_tells_nothing_of_the_test(filled: Store, study: Study) -> None:
    opened = of(filled, study)
    sealed = of(filled, study, with_test=False)
    assert any("test" in name for run in opened.runs for name in run.summary)
    assert not [name for run in sealed.runs for name in run.summary if "test" in name]
    assert not [name for run in sealed.runs if "rungs.verdict" in run.tags for name in run.tags]


def test_the_aggregate_has_the_figures_of_the_report(filled: Store, study: Study) -> None:
    data = report(filled, study)
    found = of(filled, study)
    (base,) = (run for run in found.runs if run.group == "base" and run.seed is None)
    rung = data.rung("base")
    assert rung is not None
    assert base.summary["test/accuracy/mean"] == rung.test_accuracy.mean
    assert base.summary["test/accuracy/sd"] == rung.test_accuracy.deviation
    seeds = [run for run in found.runs if run.group == "base" and run.seed is not None]
    assert [run.seed for run in seeds] == [0, 1]
    values = [dict(run.curves["validation/accuracy"])[1] for run in seeds]
    assert dict(base.curves["validation/accuracy/mean"])[1] == pytest.approx(sum(values) / 2)
    low, high = (dict(base.curves[f"validation/accuracy/{end}"])[1] for end in ("low", "high"))
    # Student's t of one degree of freedom at 97.5 %.
    wide = 12.706204736 * abs(values[0] - values[1]) / 2
    assert (high - low) / 2 == pytest.approx(wide)


def test_a_failed_run_is_logged_as_failed(filled: Store, study: Study) -> None:
    (failed,) = (run for run in of(filled, study).runs if run.state == "failed")
    assert "no longer finite" in failed.tags["rungs.failed"]
    assert failed.summary == {}


def test_a_run_under_way_is_logged_as_far_as_it_is(filled: Store, study: Study) -> None:
    spec = next(item for item in plan(study).rungs if item.rung.name == "top").runs[1]
    done = filled.run_folder(plan(study).rungs[0].runs[0].key) / "epochs.jsonl"
    work = filled.work_folder(spec.key)
    work.mkdir(parents=True, exist_ok=True)
    line = done.read_text().splitlines()[0]
    (work / "epochs.jsonl").write_text(f"{line}\n{line[:20]}")
    (run,) = (run for run in of(filled, study).runs if run.id.endswith(spec.key))
    assert run.state == "running"
    assert len(run.curves["validation/accuracy"]) == 1
    assert run.summary == {}


def test_contents_tell_runs_apart(filled: Store, study: Study) -> None:
    run: LoggedRun = of(filled, study).runs[0]
    assert run.content == replace(run).content
    for other in (
        replace(run, summary={**run.summary, "more": 1.0}),
        replace(run, tags={**run.tags, "more": "1"}),
        replace(run, state="running" if run.state == "finished" else "finished"),
    ):
        assert other.content != run.content


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rungs.foundation.extras.find_spec", lambda name: None)
    answer = CliRunner().invoke(app, ["log", "quickstart", "logs", "--to", "mlflow"])
    assert answer.exit_code == 1
    assert "--to mlflow needs mlflow, which is not installed: `pip install" in answer.stderr


@pytest.mark.parametrize("place", ["a-file", "ftp://host/logs"])
def test_a_destination_that_is_none_is_refused(
    place: str, filled: Store, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("")
    with pytest.raises(UsageError, match=place):
        sender(Tracker.tensorboard)(of(filled, study), place, no_figures)


def test_the_command_follows_a_study_until_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    (tmp_path / "fake.toml").write_text(FOLLOWED)
    study = load(str(tmp_path / "fake.toml"))
    store = open_store(tmp_path / "store")
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        store.write_labels(study.data.fingerprint, part, Labels(labels, ("a", "b", "c")))
    wanted = plan(study)
    first, *rest = wanted.runs
    put(store, first, right=3)

    def meanwhile(seconds: float) -> None:
        assert seconds == 1
        if rest:
            spec = rest.pop()
            put(store, spec, right=5)

    monkeypatch.setattr("rungs.cli.tracking.time.sleep", meanwhile)
    asked = ["log", str(tmp_path / "fake.toml"), str(tmp_path / "logs"), "--to", "tensorboard"]
    asked += ["--store", str(tmp_path / "store"), "--follow", "--every", "1"]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    assert rest == []
    lines = answer.stdout.splitlines()
    assert lines[0].endswith("2 runs new, 0 changed, 0 as before")
    assert len(lines) == len(wanted.runs)
