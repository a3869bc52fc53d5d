"""What the doctor sees, and that each finding says what to do."""

import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.images import DataSet, ImageSet
from rungs.execution.run_one import run_one
from rungs.foundation import extras
from rungs.foundation.environment import DISTRIBUTION, TESTED_TORCH
from rungs.foundation.extras import EXTRAS, broken, missing
from rungs.recipe.components import Convolutional, Timm
from rungs.recipe.modifications import apply
from rungs.store import Store
from rungs.store.run_folder import write_manifest
from rungs.study import load, parse
from rungs.study.costs import LayerRow
from rungs.study.doctor import Finding, Level, look_at_machine, look_at_store
from rungs.study.doctor.machine import (
    extra_finding,
    gpu_finding,
    load_finding,
    processor_finding,
    threads_finding,
    versions_finding,
)
from rungs.study.doctor.stores import space_finding
from rungs.study.doctor.studies import (
    balance_finding,
    coverage_findings,
    duplicates_finding,
    folds_finding,
    rate_finding,
    seeds_finding,
    stem_finding,
    tried_rates,
    validation_finding,
)
from rungs.study.jobs import Job
from rungs.study.plan import plan
from rungs.study.seeds import Adaptive
from rungs.study.trial import with_trial
from tests.conftest import SETTING
from tests.studies import FIRST, edited


def row(operation: str, side: int) -> LayerRow:
    return LayerRow("stage 1", operation, (8, side, side), 0)


# As it is in a ResNet for photographs: 7x7 of stride 2, then pooling of stride 2.
PHOTOGRAPHS = [
    row("7×7 convolution", 16),
    row("ReLU", 16),
    row("3×3 max pooling", 8),
    row("3×3 convolution", 8),
]
NETWORKS = {"a": Convolutional(), "b": Timm()}
SMALL = [row("3×3 convolution", 32), row("ReLU", 32), row("3×3 convolution", 32)]


@pytest.mark.parametrize(
    ("finding", "level", "advice"),
    [
        (extra_finding("onnx", ()), "ok", ""),
        (extra_finding("onnx", ("onnx",)), "note", "pip install 'rungs-study[onnx]'"),
        (extra_finding("timm", (), "timm: RuntimeError: nms"), "warning", "fit each other"),
        (processor_finding("x", "AVX512"), "ok", ""),
        (processor_finding("x", "DEFAULT"), "warning", "ATEN_CPU_CAPABILITY"),
        (threads_finding(4, 4, {}), "ok", ""),
        (threads_finding(1, 4, {}), "ok", ""),
        (threads_finding(4, 4, {"OMP_NUM_THREADS": "1"}), "note", "unset it"),
        (load_finding(2, 0.5), "ok", ""),
        (load_finding(2, 7.0), "note", "not worth keeping"),
        (gpu_finding("H100", "2.13.0+cu130", there=True), "ok", ""),
        (gpu_finding(None, "2.13.0+cpu", there=False), "ok", ""),
        (gpu_finding(None, "2.13.0+cpu", there=True), "warning", "build of torch for CUDA"),
        (gpu_finding(None, "2.13.0+cu130", there=True), "warning", "nvidia-smi"),
        (space_finding(Path("runs"), 50_000_000_000), "ok", ""),
        (space_finding(Path("runs"), 50_000_000), "warning", "free some space"),
        (seeds_finding(2, "x.toml"), "ok", ""),
        (seeds_finding(Adaptive(), "x.toml"), "ok", ""),
        (seeds_finding(1, "x.toml"), "warning", "rungs run x.toml --seeds 3"),
        (validation_finding(5_000, 100), "ok", ""),
        (validation_finding(100, 10), "warning", "more images"),
        (stem_finding(NETWORKS, {"a": SMALL}, (3, 32, 32)), "ok", ""),
        (
            stem_finding(NETWORKS, {"a": SMALL, "b": PHOTOGRAPHS}, (3, 32, 32)),
            "warning",
            "3x3 convolution",
        ),
        (stem_finding(NETWORKS, {"b": PHOTOGRAPHS}, (3, 224, 224)), "ok", ""),
    ],
)
def test_findings(finding: Finding, level: Level, advice: str) -> None:
    assert finding.level == level
    assert advice in finding.advice
    assert bool(finding.advice) == (level != "ok")


def test_a_small_validation_part_is_vague_by_its_standard_error() -> None:
    # 1.96 * sqrt(0.5 * 0.5 / 400) = 4.9 points
    assert "+-4.9 points" in validation_finding(400, 10).found


def test_with_folds_all_images_outside_the_test_part_are_counted() -> None:
    data = {"kind": "synthetic", "classes": 4, "train": 120, "validation": 60, "test": 40}
    study = parse(edited(("folds", 5), ("data", data), ("ensembles", None)), "mine.toml")
    found = folds_finding(study)
    assert found.level == "ok"
    assert "1 seed of as many models: all 180 images" in found.found
    assert "trained on 144 others" in found.found


def test_a_stem_for_photographs_names_its_rungs() -> None:
    found = stem_finding(NETWORKS, {"a": SMALL, "b": PHOTOGRAPHS}, (3, 32, 32)).found
    assert found.startswith("b: after its stem, b sees 8x8 pixels of an image of 32x32")


@pytest.mark.parametrize(
    ("tried", "level", "calls"),
    [
        ({}, "note", []),
        ({0.003: 0.5}, "note", ["learning_rate(0.001)", "learning_rate(0.009)"]),
        ({0.001: 0.4, 0.003: 0.5}, "warning", ["learning_rate(0.009)"]),
        ({0.001: 0.5, 0.003: 0.4}, "warning", ["learning_rate(0.00033)"]),
        ({0.001: 0.4, 0.003: 0.5, 0.009: 0.3}, "ok", []),
    ],
)
def test_the_best_rate_lies_between_others(
    finished: Path, tried: Mapping[float, float], level: Level, calls: list[str]
) -> None:
    finding = rate_finding(load(finished / "first.toml"), tried)
    assert finding.level == level
    assert bool(finding.advice) == (level != "ok")
    assert [word in finding.advice for word in calls] == [True] * len(calls)
    assert finding.advice.count("learning_rate(") == len(calls)


def test_rates_of_tries_count_and_other_recipes_do_not(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    store, study = Store(tmp_path / "runs"), load(finished / "first.toml")
    assert list(tried_rates(plan(study), store)) == [0.002]
    tried, name = with_trial(study, "stacked", ["learning_rate(0.004)"])
    (spec,) = plan(tried, only=(name,)).runs
    from rungs.data.loading import load as load_data

    assert run_one(store, Job(spec), load_data(study.data), setting=SETTING)
    rates = tried_rates(plan(study), store)
    assert list(rates) == [0.002, 0.004]
    best = store.result(spec.key)
    assert rates[0.004] == best.history[best.best_epoch - 1].val_accuracy


def test_an_extra_that_cannot_be_imported_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "half_there.py").write_text("raise RuntimeError('no nms')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(EXTRAS, "half", ("json", "half_there"))
    assert missing("half") == ()
    assert broken("half") == "half_there: RuntimeError: no nms"
    monkeypatch.setitem(EXTRAS, "half", ("json",))
    assert broken("half") is None


def test_uneven_classes_are_warned_of_with_what_helps(tiny: DataSet) -> None:
    study = load("quickstart")
    assert balance_finding(tiny, study).level == "ok"
    train = tiny.exploration.train
    rare = torch.cat([(train.labels > 0).nonzero()[:, 0], (train.labels == 0).nonzero()[:3, 0]])
    uneven = replace(tiny, exploration=replace(tiny.exploration, train=train.subset(rare)))
    found = balance_finding(uneven, study)
    assert (found.level, found.found[:4]) == ("warning", "3 to")
    assert found.advice.startswith("a rung with `balanced_classes` shows whether")
    recipe = apply(study.rungs[-1].recipe, "balanced_classes", {})
    weighed = replace(study.rungs[-1], recipe=recipe)
    there = balance_finding(uneven, replace(study, rungs=(weighed,)))
    assert there.level == "warning"  # a rung that is there mends nothing by that alone
    assert there.advice.startswith("the rung with `balanced_classes` shows whether")


def test_classes_that_a_part_lacks_are_named(tiny: DataSet) -> None:
    assert [*coverage_findings(tiny)] == []
    (number,) = (tiny.test.labels > 0).nonzero()[:, :1].T
    lacking = replace(tiny, test=tiny.test.subset(number))
    (found,) = coverage_findings(lacking)
    assert found.level == "warning"
    assert found.found == f"no test image of '{tiny.class_names[0]}'"


def test_duplicates_are_found_and_chance_is_not(tiny: DataSet) -> None:
    assert duplicates_finding(tiny).level == "ok"
    pixels = tiny.test.pixels[:].clone()
    pixels[3] = tiny.exploration.train.pixels[7:8][0]
    pixels[5] = tiny.exploration.validation.pixels[1:2][0]
    copied = DataSet(
        tiny.name,
        tiny.exploration,
        ImageSet(pixels, tiny.test.labels),
        tiny.class_names,
        tiny.group_names,
        tiny.groups,
        tiny.fingerprint,
    )
    finding = duplicates_finding(copied)
    assert finding.level == "warning"
    assert finding.found.endswith(": 1 in test and training, 1 in test and validation")


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (finding,) = look_at_store(tmp_path / "file")
    assert (finding.level, finding.advice) == ("problem", "choose a folder with --store")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (finding,) = look_at_store(tmp_path / "none")
    assert finding.level == "note"
    assert not (tmp_path / "none").exists()


def first_weights(root: Path) -> list[Path]:
    """A file of weights of each run."""
    return [min(path.glob("*")) for path in sorted((root / "runs").glob("*/weights"))]


def test_damaged_and_half_done_runs_are_found(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(finished / "runs", root)
    assert {item.level for item in look_at_store(root)} <= {"ok", "warning"}  # a full disk
    key, other, third = (path.parent.parent.name for path in first_weights(root))
    weights = root / "runs" / key / "weights" / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (root / "runs" / other / "weights" / "best.safetensors").unlink()
    theirs = root / "runs" / third
    text = (theirs / "run.json").read_text(encoding="utf-8")
    (theirs / "run.json").write_text(text.replace('"relu"', '"mine:bent"'), encoding="utf-8")
    (theirs / "manifest.json").unlink()
    write_manifest(theirs, third)
    (root / "work" / "0123456789abcdef").mkdir(parents=True)
    (root / "work" / "0123456789abcdef" / "checkpoint.pt").write_bytes(b"")
    found = {item.what: item for item in look_at_store(root)}
    assert found["store"].level == "problem"
    assert key in found["store"].found
    assert other in found["store"].found  # its manifest names the weights
    assert "set-aside" in found["store"].advice
    assert found["runs of others"].found.endswith(f"not here: {third} (mine:bent)")
    assert found["runs in progress"].found == "1 half-done: 0123456789abcdef"


def test_damaged_labels_and_audits_are_found(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(finished / "runs", root)
    (labels,) = (root / "data").glob("*/validation.npy")
    labels.write_bytes(b"none")
    (root / "audit").mkdir()
    (root / "audit" / "0123456789abcdef.json").write_bytes(b"none")
    problems = [item for item in look_at_store(root) if item.level == "problem"]
    assert [item.what for item in problems] == ["labels", "audits"]
    assert str(labels.parent) in problems[0].found
    assert "0123456789abcdef.json" in problems[1].found
    assert all(item.advice.startswith("delete these ") for item in problems)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("2.10.1", "note"),
        ("2.11.0+cu130", "ok"),
        ("2.14.1", "ok"),
        ("2.15.0", "note"),
        ("3.0.0a0+git1", "note"),
    ],
)
def test_a_torch_that_was_not_tested_is_said(version: str, level: str) -> None:
    found = versions_finding("all of them", version)
    assert found.level == level
    assert ("tested with torch 2.11 to 2.14" in found.found) == (level == "note")


def test_bounds_on_versions_never_make_pip_replace_what_is_there() -> None:
    """A bound from above would: what is newer than the tests is said, not refused."""
    plain = tomllib.loads(
        (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    assert plain["name"] == DISTRIBUTION
    assert not any("<" in item or "==" in item for item in plain["dependencies"])
    assert "torch>=" + TESTED_TORCH[0] in plain["dependencies"]
    assert "<" not in plain["requires-python"]


def test_the_versions_of_python_are_those_that_the_readme_says_were_tested() -> None:
    root = Path(__file__).parents[2]
    plain = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = re.search(r"tested with .*? other versions", (root / "README.md").read_text(), re.DOTALL)
    assert told is not None
    named = [item.partition("Python :: ")[2] for item in plain["classifiers"]]
    assert [version for version in named if version] == re.findall(r"Python (3\.\d+)", told[0])
    assert f"torch {' to '.join(TESTED_TORCH)} on" in told[0]


def test_the_machine_is_looked_at_whole() -> None:
    what = [item.what for item in look_at_machine()]
    assert what == [
        "versions",
        *(f"extra '{name}'" for name in sorted(EXTRAS)),
        "processor",
        "threads",
        "load",
        "GPU",
    ]


def test_the_command(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    runner = CliRunner()
    done = runner.invoke(app, ["doctor", "first.toml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"torch {torch.__version__}" in done.stdout
    assert "-> `rungs run first.toml --seeds 3`" in done.stdout
    plain = json.loads(runner.invoke(app, ["doctor", "first.toml", "--json"]).stdout)
    assert [item["what"] for item in plain["study"]] == [
        "data",
        "duplicates",
        "classes",
        "seeds",
        "validation",
        "test",
        "stem",
        "learning rate",
    ]


def test_a_network_that_cannot_be_built_hides_no_other_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(extras.EXTRAS, "timm", ("timm_of_nobody",))
    own = FIRST.partition("[recipe]")[0] + '[recipe]\nnetwork = "timm:resnet18"\n'
    study = own.replace('"stacked"', '"base"') + '[[rungs]]\nname = "base"\n'
    Path("own.toml").write_text(study, encoding="utf-8")
    done = CliRunner().invoke(app, ["doctor", "own.toml"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "ok       versions:" in done.stdout
    assert "problem  network: a network of kind 'timm' needs timm_of_nobody" in done.stdout
    assert "learning rate: " in done.stdout


def test_missing_data_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["doctor", "cifar100", "--data-dir", str(tmp_path / "none")]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 1
    assert "problem  data:" in done.stdout
    assert done.stderr == "rungs: 1 problem: see above\n"
