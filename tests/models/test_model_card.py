"""The card beside an exported model: the hub's metadata, and what the report knows of the model."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import rungs as door
from rungs.cli import app
from rungs.evidence.metrics import wilson
from rungs.report.show.section import percent
from rungs.study import load


@pytest.fixture(autouse=True)
def inside(finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A copy of the finished study, whose test set is open."""
    shutil.copytree(finished, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    assert rungs("unseal", "first.toml", "--yes").exit_code == 0


def rungs(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def exported(address: str, folder: Path, form: str = "safetensors") -> str:
    """The card beside a model that was exported."""
    done = rungs("export", address, "--format", form, "--output", str(folder), "--card")
    assert done.exit_code == 0, done.stderr
    (path,) = folder.glob("first-*.card.md")
    assert f"{path}: its model card" in done.stdout
    return path.read_text(encoding="utf-8")


def metadata(text: str) -> dict[str, Any]:
    """The head of a card; each of its values is JSON, as YAML allows."""
    begin, head, _ = text.split("---\n", 2)
    assert begin == ""
    pairs = (line.split(": ", 1) for line in head.splitlines())
    return {name: json.loads(value) for name, value in pairs}


def report() -> dict[str, Any]:
    done = rungs("report", "first.toml", "--format", "json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_head_has_the_accuracy_of_the_report(tmp_path: Path) -> None:
    head = metadata(exported("first.toml:stacked", tmp_path))
    rung = next(rung for rung in report()["rungs"] if rung["name"] == "stacked")
    assert head["library_name"] == "rungs"
    assert head["pipeline_tag"] == "image-classification"
    (model,) = head["model-index"]
    assert model["name"] == "first-stacked"
    (result,) = model["results"]
    assert result["dataset"]["split"] == "test"
    (metric,) = result["metrics"]
    assert metric["type"] == "accuracy"
    assert metric["value"] == pytest.approx(rung["test_accuracy"]["values"][0])


def test_it_says_what_a_user_has_to_know(tmp_path: Path) -> None:
    text = exported("first.toml:stacked", tmp_path)
    study = load("first.toml")
    rung = next(rung for rung in report()["rungs"] if rung["name"] == "stacked")
    accuracy = rung["test_accuracy"]["values"][0]
    low, high = wilson(40 * accuracy, 40)
    assert f"| {percent(accuracy)} | {percent(low)} to {percent(high)} (Wilson) |" in text
    assert "On 40 test images" in text
    calibration = rung["calibration"][0]
    assert f"is {percent(calibration['ece_after'])} points with the temperature" in text
    assert study.data.fingerprint in text
    for name in door.load_model("first.toml", device="cpu").card.class_names:
        assert name in text
    assert "optimiser.learning\\_rate | 0.002" in text
    for title in ("How to load it", "Calibration", "Classes", "What it is for, and its limits"):
        assert f"\n## {title}\n" in text


def test_an_ensemble_has_a_card_too(tmp_path: Path) -> None:
    text = exported("first.toml:pair", tmp_path)
    (ensemble,) = report()["ensembles"]
    value = ensemble["test_accuracy"]["values"][0]
    assert metadata(text)["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(
        value
    )
    assert "An ensemble of 2 models of the rung base" in text


@pytest.mark.parametrize("form", ["safetensors", "torch-export", "onnx"])
def test_what_the_card_says_loads_the_model(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
        pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    text = exported("first.toml:stacked", tmp_path, form)
    expected = door.load_model("first.toml:stacked", device="cpu")
    picture = str(Path("photos/0.png").resolve())
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"pixels": _noise(expected.card.image_shape)}
    exec(code.replace('"picture.jpg"', repr(picture)), known)
    found = known["probabilities"]
    found = found.detach().numpy() if form == "torch-export" else found
    assert abs(found - expected.probabilities(known["pixels"])).max() < 1e-4


def _noise(shape: tuple[int, int, int]) -> Any:
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)


def test_a_sealed_study_has_a_card_of_validation(tmp_path: Path) -> None:
    shutil.rmtree("runs/seals")
    card = exported("first.toml:stacked", tmp_path)
    assert metadata(card)["model-index"][0]["results"][0]["dataset"]["split"] == "validation"
    assert "Test figures are not shown." in card
    assert "test %" not in card
    assert "On test" not in card


def test_without_the_option_there_is_none(tmp_path: Path) -> None:
    rungs("export", "first.toml:base", "--format", "safetensors", "--output", str(tmp_path))
    written = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert written == ["first-base.safetensors"]
