"""Trained models asked and exported, as users do it."""

import csv
import io
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from rungs.cli import app
from rungs.cli.using import ModelFormat
from rungs.data.finding import Source
from rungs.data.loading import load as load_data
from rungs.data.pictures.decoding import Form, decode
from rungs.evidence.selection import SUFFIXES, parse_address, select
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation import extras
from rungs.foundation.errors import DataError, RungsError, UsageError
from rungs.models import exporting
from rungs.models.card import Card
from rungs.models.exporting import FORMATS, export, pictures_to_check
from rungs.models.model import Model, answer, load_file, load_selected, recorded_logits
from rungs.network.building import build
from rungs.network.outputs import EVALUATION_BATCH
from rungs.recipe.components import Convolutional
from rungs.statistics.calibration import negative_log_likelihood, temperature
from rungs.statistics.predictions import FloatArray, ValidationLabels, read_logits, softmax
from rungs.store import Store, open_store
from rungs.store.archive import export_runs, import_runs
from rungs.store.run_folder import write_manifest
from rungs.study import load
from rungs.study.jobs import Job
from rungs.study.plan import plan
from tests.conftest import SETTING
from tests.pictures import drawn, encoded, write_class_folders


@pytest.fixture(autouse=True)
def inside(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    monkeypatch.setenv("COLUMNS", "160")


def rungs(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def model(name: str, *, seed: int | None = None, epochs: int | None = None) -> Model:
    store = Store(Path("runs"))
    found = select(load("first.toml"), name, store, seed=seed, epochs=epochs)
    return load_selected(found, store, "cpu")


# --- which model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("cifar100", ("cifar100", None)),
        ("cifar100:final", ("cifar100", "final")),
        ("first.toml:pair", ("first.toml", "pair")),
        (r"C:\studies\first.toml", (r"C:\studies\first.toml", None)),
        (r"C:\studies\first.toml:base", (r"C:\studies\first.toml", "base")),
    ],
)
def test_addresses(address: str, expected: tuple[str, str | None]) -> None:
    assert parse_address(address) == expected


def test_the_final_rung_and_the_first_finished_seed_are_taken() -> None:
    store, study = Store(Path("runs")), load("first.toml")
    found = select(study, None, store)
    key = found.spec.key
    assert (found.name, found.spec.seed, found.members) == ("stacked", 0, ((key, "best"),))
    names = [name for _, name in select(study, "pair", store).members]
    assert names == ["snapshot-1", "snapshot-2"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("stackd", {}, "no rung or ensemble 'stackd'; did you mean 'stacked'?"),
        ("base", {"seed": 2}, "base, seed 2 is not trained yet .*--only base --seeds 3 --store"),
        ("base", {"epochs": 7}, "`rungs run first.toml --only base --epochs 7 --store runs`"),
        ("pair", {"epochs": 5}, "pair is left out: "),
        ("base", {"seed": -1}, "seed is one of 0 to [0-9]+, not -1"),
        ("base", {"seed": 10**12}, "seed is one of 0 to [0-9]+, not 1000000000000"),
    ],
)
def test_what_is_not_there_says_what_to_do(
    name: str, options: dict[str, int], message: str
) -> None:
    with pytest.raises(RungsError, match=message):
        model(name, **options)


def test_what_is_finished_at_another_length_says_with_which_option(tmp_path: Path) -> None:
    for command in (("predict", "first.toml:base", "photos"), ("export", "first.toml:base")):
        done = rungs(*command, "--epochs", "7")
        assert done.exit_code == 1
        said = (
            "base, seed 0 is not trained yet in runs at 7 epochs, but it is with `--budget equal`"
        )
        assert said in done.stderr
    text = Path("first.toml").read_text(encoding="utf-8").replace("equal = 2", "equal = 8")
    (tmp_path / "longer.toml").write_text(text, encoding="utf-8")
    longer = str(tmp_path / "longer.toml")
    done = rungs("predict", f"{longer}:pair", "photos")
    assert "at budget equal (8 epochs), but it is with `--epochs 2`; `rungs run" in done.stderr
    to = ("--store", str(shutil.copytree("runs", tmp_path / "runs")))
    assert rungs("unseal", longer, "--yes", *to).exit_code == 0
    done = rungs("compare", longer, "stacked", "base", *to)
    assert "has no finished run with test figures yet at budget equal (8 epochs)," in done.stderr
    assert "but it is with `--epochs 2`" in done.stderr
    # Of a seed that is finished nowhere, nothing is said.
    done = rungs("predict", longer, "photos", "--seed", "1")
    assert "not trained yet in runs; `rungs run" in done.stderr


def test_an_archive_has_no_weights_and_says_so(tmp_path: Path) -> None:
    keys = [spec.key for spec in plan(load("first.toml")).runs]
    export_runs(open_store(Path("runs")), keys, tmp_path / "archive")
    other = open_store(tmp_path / "other")
    import_runs(other, tmp_path / "archive")
    with pytest.raises(RungsError, match=r"no weights: they came from an archive.*--store trained"):
        select(load("first.toml"), "base", other)


def test_several_seeds_say_which_is_used(tmp_path: Path) -> None:
    text = Path("first.toml").read_text(encoding="utf-8")
    study = tmp_path / "two.toml"
    study.write_text(text.replace('base = "base"', 'base = "base"\nseeds = 2'), encoding="utf-8")
    store = Store(tmp_path / "runs")
    first, second = next(item.runs for item in plan(load(study)).rungs)
    done = Store(Path("runs")).run_folder(first.key)
    shutil.copytree(done, store.run_folder(second.key))
    assert select(load(study), "base", store).spec.seed == 1  # the first is not finished
    shutil.copytree(done, store.run_folder(first.key))
    assert str(select(load(study), "base", store)).endswith("seed 0 of 2: --seed takes another")


def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    shutil.copytree("runs", tmp_path / "runs")
    store = Store(tmp_path / "runs")
    found = select(load("first.toml"), "base", store)
    path = store.run_folder(found.spec.key) / "weights" / "best.safetensors"
    whole = path.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    other = safetensors.torch.save({"0.weight": torch.zeros(1)})
    for content, as_written, said in (
        (whole[:100], False, "is not what was written"),
        (flipped, False, "is not what was written"),
        (other, True, "these weights cannot be loaded"),  # as another version would name them
    ):
        path.write_bytes(content)
        if as_written:
            write_manifest(store.run_folder(found.spec.key), found.spec.key)
        with pytest.raises(RungsError, match=said) as caught:
            load_selected(found, store, "cpu")
        assert "`rungs store check`" in str(caught.value)
        assert "\n" not in str(caught.value)


def recorded(store: Store, key: str, name: str) -> FloatArray:
    """Validation logits [N, classes] as a run kept them."""
    return read_logits(store.run_folder(key) / "predictions" / f"{name}-validation.npy")


def test_a_deep_ensemble_is_one_model_of_several_runs(tmp_path: Path) -> None:
    text = Path("first.toml").read_text(encoding="utf-8")
    crowd = '[[ensembles]]\nname = "crowd"\nkind = "seeds"\nrung = "base"\nmembers = 2\n'
    study, runs = tmp_path / "deep.toml", tmp_path / "runs"
    study.write_text(text + crowd, encoding="utf-8")
    address, to = f"{study}:crowd", ("--store", str(runs))
    shutil.copytree("runs", runs)
    early = rungs("predict", address, "photos", *to)
    assert early.exit_code == 1
    assert re.search(
        "crowd, seed 0 is not trained yet in .*; `rungs run .* --only crowd", early.stderr
    )

    assert rungs("run", str(study), "--only", "crowd", *to).exit_code == 0
    store = Store(runs)
    found = select(load(study), "crowd", store)
    (first, one), (second, other) = found.members
    assert first != second
    assert one == other == "best"
    loaded = load_selected(found, store, "cpu")
    assert loaded.card.runs == (first, second)
    pixels = load_data(found.spec.data).exploration.validation.pixels[:]
    mean = np.mean([softmax(recorded(store, key, name)) for key, name in found.members], axis=0)
    expected = softmax(np.log(mean) / loaded.card.temperature)
    np.testing.assert_allclose(loaded.probabilities(pixels), expected, atol=1e-5)

    wanted = ("--format", "safetensors", "--output", str(tmp_path))
    assert rungs("export", address, *wanted, *to).exit_code == 0
    alone = load_file(tmp_path / "first-crowd.safetensors", "cpu")
    assert alone.card == loaded.card
    np.testing.assert_array_equal(alone.probabilities(pixels), loaded.probabilities(pixels))
    # Of the next seed, the members would be the seeds 2 and 3.
    later = rungs("predict", address, "photos", "--seed", "1", *to)
    assert "crowd, seed 1 is not trained yet" in later.stderr
    assert "--seeds 2" in later.stderr


# --- its answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stacked", "pair"])
def test_answers_are_those_of_the_run_at_the_fitted_temperature(name: str) -> None:
    store, loaded = Store(Path("runs")), model(name)
    found = select(load("first.toml"), name, store)
    data = load_data(found.spec.data).exploration.validation
    members = [recorded(store, key, one) for key, one in found.members]
    mean = np.mean([softmax(logits) for logits in members], axis=0)
    expected = softmax(np.log(mean) / loaded.card.temperature)
    probabilities = loaded.probabilities(data.pixels[:])
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    # No other temperature makes the validation labels more likely.
    labels = data.labels.numpy()

    def loss(at: float) -> float:
        scaled = softmax(np.log(mean) / at)
        return negative_log_likelihood(scaled[np.arange(len(labels)), labels])

    fitted = loaded.card.temperature
    chosen_by = ValidationLabels(labels, loaded.card.class_names)
    assert fitted == pytest.approx(temperature(recorded_logits(found, store), chosen_by))
    assert loss(fitted) <= min(loss(0.9 * fitted), loss(1.1 * fitted))


def test_many_pictures_are_looked_at_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = model("stacked")
    pixels = torch.randint(0, 256, (10, *loaded.card.image_shape), dtype=torch.uint8)
    whole = loaded.probabilities(pixels)
    side = loaded.card.image_shape[1]
    monkeypatch.setitem(EVALUATION_BATCH, "cpu", 4)
    monkeypatch.setattr("rungs.network.outputs._IMAGE_PIXELS", side * side)
    sizes: list[int] = []
    loaded.classifier.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    np.testing.assert_allclose(loaded.probabilities(pixels), whole, atol=1e-6)
    assert sizes == [4, 4, 2]
    assert loaded.probabilities(pixels[:0]).shape == (0, len(loaded.card.class_names))


def test_pictures_of_any_size_and_broken_ones_are_answered_in_order() -> None:
    large, file = Image.open("photos/0.png").convert("RGBA").resize((80, 80)), io.BytesIO()
    large.save(file, "PNG")
    pictures: list[Source] = [
        ("a", Path("photos/0.png")),
        ("b", b"no"),
        ("c", file.getvalue()),
    ] * 30
    answers = [*answer(model("stacked"), pictures, 2)]
    assert [item.picture for item in answers] == ["a", "b", "c"] * 30
    assert answers[0].error is None
    assert answers[1].top == ()
    assert answers[1].error is not None
    assert answers[87] == answers[0]
    # Fewer pixels more or less: the same picture.
    assert dict(answers[2].top)[answers[0].top[0][0]] == pytest.approx(
        answers[0].top[0][1], abs=0.2
    )
    assert answers[0].top[0][1] >= answers[0].top[1][1]


def test_pictures_are_seen_as_those_of_the_training(tmp_path: Path) -> None:
    """Also where they were not cut but stretched."""
    write_class_folders(tmp_path / "photos", {"cats": 6, "dogs": 6})
    text = Path("first.toml").read_text(encoding="utf-8")
    table = text.partition("[data]\n")[2].partition("[budgets]")[0]
    data = 'kind = "folder"\npath = "photos"\nsize = 8\nfit = "stretch"\n'
    (tmp_path / "own.toml").write_text(text.replace(table, data), encoding="utf-8")
    study, store = load(tmp_path / "own.toml"), open_store(tmp_path / "runs")
    images = load_data(study.data)
    keep_labels(store, images)
    (spec,) = plan(study, only=("base",)).runs
    assert run_one(store, Job(spec), images, setting=SETTING)
    selection = select(study, "base", store)
    loaded = load_selected(selection, store, "cpu")
    (tmp_path / "wide.jpg").write_bytes(encoded(drawn(3, 90, 30), "JPEG"))
    (found,) = loaded.predict(tmp_path / "wide.jpg", top=2)
    with Image.open(tmp_path / "wide.jpg") as opened:
        (same, cut_out) = loaded.predict(opened, opened.convert("F"), top=2)
    assert (same.picture, same.top) == ("picture 1", found.top)
    assert cut_out.error == "pixels are fractions (mode F), and nothing says of what"
    with pytest.raises(
        UsageError, match=r"not a ndarray; .* `probabilities` takes arrays of pixels"
    ):
        loaded.predict(np.zeros((8, 8, 3), np.uint8))  # type: ignore[arg-type]
    seen = decode((tmp_path / "wide.jpg").read_bytes(), Form(8, 3, "stretch"))
    expected = loaded.probabilities(torch.from_numpy(seen[None]))[0]
    assert dict(found.top) == pytest.approx(dict(zip(("cats", "dogs"), expected, strict=True)))
    file = tmp_path / "own.safetensors"
    export(loaded, "safetensors", file, *pictures_to_check(selection, store, None))
    assert load_file(file, "cpu").predict(tmp_path / "wide.jpg", top=2)[0] == found


def test_json_lines() -> None:
    done = rungs("predict", "first.toml:base", "photos", "--format", "jsonl", "--top", "9")
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["picture"] for line in lines] == [f"photos/{number}.png" for number in range(3)]
    assert sum(item["probability"] for item in lines[0]["top"]) == pytest.approx(1, abs=1e-5)
    assert done.stderr == "first:base, 2 epochs, seed 0\n"


@pytest.mark.parametrize("name", ["bad,.png", "bad\n.png", "bad\r.png", 'bad".png'])
def test_a_broken_picture_is_reported_and_the_rest_go_on(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    bad = str(tmp_path / name)
    done = rungs("predict", "first.toml", bad, "photos/1.png", "--format", "csv", "--top", "1")
    assert done.exit_code == 1
    assert {len(cells) for cells in csv.reader(io.StringIO(done.stdout))} == {4}
    rows = [*csv.DictReader(io.StringIO(done.stdout))]
    assert [row["picture"] for row in rows] == [bad, "photos/1.png"]
    assert rows[0]["error"].startswith("no picture of a known kind")
    assert rows[1]["class_1"] in model("stacked").card.class_names
    assert "1 of 2 could not be read" in done.stderr
    table = rungs("predict", "first.toml", bad, "photos/1.png")
    assert table.exit_code == 1
    assert "photos/1.png" in table.stdout
    assert "bad" not in table.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy("photos/0.png", path)
    for form in ("jsonl", "csv", "table"):
        done = rungs("predict", "first.toml", str(tmp_path), "--format", form)
        assert done.exit_code == 0, done.output
        assert "caf\\udce9.png" in done.stdout
        if form == "jsonl":
            assert json.loads(done.stdout)["picture"] == str(path)


def test_a_picture_is_piped_in() -> None:
    piped = Path("photos/2.png").read_bytes()
    assert rungs("predict", "first.toml", "-", stdin=piped).stdout.startswith("1 picture\n")
    done = rungs("predict", "first.toml", "-", "--format", "jsonl", stdin=piped)
    file = rungs("predict", "first.toml", "photos/2.png", "--format", "jsonl")
    assert json.loads(done.stdout)["top"] == json.loads(file.stdout)["top"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "first.onnx", "photos"), "first.onnx is an exported model; expected a study"),
        (("predict", "gone.safetensors", "photos"), "cannot be read: No such file"),
        (("predict", "first.toml", "photos", "--store", "gone"), "not trained yet in gone"),
        (("export", "first.safetensors"), "first.safetensors is an exported model"),
        (("export", "first.toml:top"), "no rung or ensemble 'top'"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    done = rungs(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("rungs: ")
    assert message in done.stderr
    assert not Path("gone").exists()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--seed", "0"), "seed"),
        (("--budget", "equal"), "budget"),
        (("--epochs", "3", "--seed", "1"), "seed and epochs"),
    ],
)
def test_an_exported_file_leaves_nothing_to_choose(given: tuple[str, ...], named: str) -> None:
    done = rungs("predict", "some.safetensors", "photos", *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"some.safetensors is one exported model, so that {named} can choose" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pictures_on_which_nothing_is_seen_are_told(tmp_path: Path) -> None:
    def picture(name: str, values: object) -> str:
        Image.fromarray(values).save(tmp_path / name)  # type: ignore[arg-type]
        return str(tmp_path / name)

    ramp = (np.arange(64) * 4).reshape(8, 8)
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., 0] = ramp
    names = [
        picture("black.png", np.zeros((8, 8, 3), np.uint8)),
        picture("white.png", np.full((8, 8), 255, np.uint8)),
        picture("deep.png", ramp.astype(np.uint16)),
        picture("clear.png", clear),
        picture("plain.png", ramp.astype(np.uint8)),
    ]
    done = rungs("predict", "first.toml", *names, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    expected = [
        "of one colour once it is decoded: so it is in its file",
        "of one colour once it is decoded: so it is in its file",
        "of one colour once it is decoded: 16 bits a value, of which none is above 252",
        "of one colour once it is decoded: the colour of the ground that shows through",
        None,
    ]
    assert [json.loads(line).get("warning") for line in done.stdout.splitlines()] == expected
    told = [
        f"rungs: warning: {name}: {said}"
        for name, said in zip(names, expected, strict=True)
        if said
    ]
    assert done.stderr.splitlines()[1:] == told


def test_values_above_what_a_model_reads_are_told(tmp_path: Path) -> None:
    wide = replace(model("stacked"), card=replace(model("stacked").card, bits=12))
    ramp = np.linspace(0, 4095, 64).reshape(8, 8).astype(np.uint16)
    within, beyond = Image.fromarray(ramp), Image.fromarray(2 * ramp)
    beyond.save(tmp_path / "beyond.png")
    said = [item.warning for item in wide.predict(within, beyond, tmp_path / "beyond.png")]
    white = (
        "16 bits a value, up to 8,190, of which the model reads 12: what is above 4,095 is white"
    )
    assert said == [None, white, white]
    (all_white,) = wide.predict(Image.fromarray(ramp + np.uint16(5000)))
    largest = f"up to {ramp.max() + 5000:,}"
    assert all_white.warning == "of one colour once it is decoded: " + white.replace(
        "up to 8,190", largest
    )


# --- exported ------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 512.0, 999.0])
def test_a_model_that_answers_otherwise_is_found_out_at_any_temperature(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits, others = rng.normal(0, 3, (2, 40, 4)).astype(np.float32)
    ours, same, theirs = (
        softmax(item / temperature).astype(np.float32)
        for item in (logits, logits + np.float32(1e-6), others)
    )
    calibrated, before = exporting._differences(ours, same, temperature)
    assert calibrated < exporting._ROUNDING
    assert before < exporting._ROUNDING + exporting._FLOAT32 * temperature < 1e-3
    assert max(exporting._differences(ours, theirs, temperature)) > 0.1


def test_torch_export_answers_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "models"  # which is not there yet
    done = rungs("export", "first.toml:pair", "--format", "torch-export", "--output", str(folder))
    assert done.exit_code == 0, done.stderr
    held = {"rungs.json": ""}
    program = torch.export.load(folder / "first-pair.pt2", extra_files=held)
    loaded = model("pair")
    assert Card.from_metadata(json.loads(held["rungs.json"])) == loaded.card
    pixels = load_data(load("first.toml").data).test.pixels[:]
    for batch in (pixels[:1], pixels):
        answers = program.module()(batch).detach().numpy()
        np.testing.assert_allclose(answers, loaded.probabilities(batch), atol=1e-5)


def test_safetensors_can_be_asked_without_study_and_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = rungs("export", "first.toml:pair", "--format", "safetensors", "--output", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    photo, expected = Path("photos/0.png").resolve(), model("pair")
    monkeypatch.chdir(tmp_path)
    asked = rungs("predict", "first-pair.safetensors", str(photo), "--format", "jsonl")
    (found,) = answer(expected, [(str(photo), photo)], 3)
    assert json.loads(asked.stdout) == found.to_dict()
    assert asked.stderr == "first:pair, seed 0, 2 epochs, 2 members\n"


def test_a_model_that_answers_differently_is_not_written(tmp_path: Path) -> None:
    store, loaded = Store(Path("runs")), model("stacked")
    pixels, recorded = pictures_to_check(select(load("first.toml"), None, store), store, None)
    assert recorded is not None
    path = tmp_path / "model.safetensors"
    with pytest.raises(RungsError, match=r"its weights do not answer as the run did"):
        export(loaded, "safetensors", path, pixels, recorded + 5 * np.eye(4)[0])
    form = FORMATS["safetensors"]
    with pytest.MonkeyPatch.context() as patch:
        other = model("base")
        patch.setitem(
            FORMATS, "safetensors", type(form)(".x", lambda _: form.write(other), form.read)
        )
        with pytest.raises(RungsError, match=r"was not written: .* differ from the original's"):
            export(loaded, "safetensors", path, pixels, recorded)
    assert list(tmp_path.iterdir()) == []


def test_a_file_holds_what_its_suffix_says(tmp_path: Path) -> None:
    path = tmp_path / "model.SAFETENSORS"
    done = rungs("export", "first.toml:base", "--output", str(path))
    assert done.exit_code == 0, done.stderr
    assert load_file(path, "cpu").card == model("base").card
    odd = tmp_path / "model.bin"  # no format's: what is asked for stands in it
    done = rungs("export", "first.toml:base", "--output", str(odd), "--format", "safetensors")
    assert done.exit_code == 0, done.stderr
    assert load_file(odd, "cpu").card == model("base").card
    asked = rungs("predict", str(path), "photos")
    assert asked.exit_code == 0, asked.stderr


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("m.onnx", ("--format", "safetensors"), "has the suffix of onnx, and --format asks for s"),
        ("m.safetensors", ("--format", "onnx"), "of safetensors, and --format asks for onnx"),
        ("m.pth", (), "no format has the suffix .pth; known are .onnx (onnx), "),
    ],
)
def test_a_suffix_and_a_format_that_disagree_are_refused(
    tmp_path: Path, name: str, given: tuple[str, ...], message: str
) -> None:
    done = rungs("export", "first.toml:base", "--output", str(tmp_path / name), *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_formats_are_those_that_can_be_asked_for() -> None:
    assert list(FORMATS) == [*SUFFIXES] == [*ModelFormat]
    assert [item.suffix for item in FORMATS.values()] == [*SUFFIXES.values()]


def test_a_single_picture_is_enough_to_check_with(tmp_path: Path) -> None:
    store = Store(Path("runs"))
    pixels, recorded = pictures_to_check(select(load("first.toml"), None, store), store, None)
    assert recorded is not None
    path = tmp_path / "model.pt2"
    assert export(model("stacked"), "torch-export", path, pixels[:1], recorded[:1]).pictures == 1


def test_a_file_where_a_folder_belongs_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    to = ("--format", "safetensors", "--output", str(tmp_path / "file" / "model.safetensors"))
    done = rungs("export", "first.toml:base", *to)
    assert done.exit_code == 1
    assert done.stderr == f"rungs: {tmp_path / 'file'} cannot be written: File exists\n"


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (("onnx_of_nobody",), "onnx_of_nobody, which is not installed"),
        (("onnx_of_nobody", "another"), "onnx_of_nobody, another, which are not installed"),
    ],
)
def test_a_missing_extra_names_the_command(
    monkeypatch: pytest.MonkeyPatch, lacking: tuple[str, ...], said: str
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "onnx", lacking)
    done = rungs("export", "first.toml", "--format", "onnx")
    assert done.exit_code == 1
    assert done.stderr == (
        f"rungs: ONNX needs {said}: `pip install 'rungs-study[onnx]'`; "
        "`--format safetensors` needs nothing more\n"
    )


# --- files from anybody --------------------------------------------------------------------------


def strange(metadata: dict[str, str], network: Convolutional | None = None) -> bytes:
    card = model("stacked").card
    made = build(network or card.recipe.network, card.image_shape, 4)
    state = {f"members.0.{name}": tensor for name, tensor in made.state_dict().items()}
    state["temperature"] = torch.tensor(1.0)
    return safetensors.torch.save(state, metadata={**card.to_metadata(), **metadata})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", "no safetensors file, or a damaged one"),
        (lambda: strange({})[:-50], "no safetensors file, or a damaged one"),
        (lambda: strange({"recipe": "{"}), "is not JSON"),
        (lambda: strange({"recipe": '{"network": {"kind": "spy"}}'}), "not here: spy"),
        (lambda: strange({"class_names": '["only one"]'}), "class_names"),
        (lambda: strange({"temperature": "0"}), "temperature"),
        (lambda: strange({"image_shape": "[3, 4096, 4096]"}), "not those of its recipe"),
        (lambda: strange({"image_shape": "[3, 8, 9]"}), "image_shape: expected 1 or 3 channels"),
        (lambda: strange({"fit": '"squeeze"'}), "fit: "),
        (lambda: strange({"image_shape": "[3, 1, 1]"}), "too small for this network"),
        (lambda: strange({"members": '["a", "b"]'}), "not those of its recipe: 'members.1"),
        (lambda: strange({}, Convolutional(widths=(5, 9))), "not those of its recipe"),
        (lambda: safetensors.torch.save({}), "there is no 'study'"),
    ],
)
def test_strange_files_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "strange.safetensors"
    path.write_bytes(content())  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        load_file(path, "cpu")


def test_a_sound_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "sound.safetensors").write_bytes(strange({"study": '"other"'}))
    assert load_file(tmp_path / "sound.safetensors", "cpu").card.study == "other"
    metadata = model("stacked").card.to_metadata()
    for name in ("fit", "bits", "ground"):  # of a file from before there was a choice
        del metadata[name]
    assert Card.from_metadata(metadata) == model("stacked").card


def test_a_picture_is_read_as_the_card_says(tmp_path: Path) -> None:
    values = (np.arange(64) * 4).reshape(8, 8).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "plain.png")
    taken = replace(model("stacked"), card=replace(model("stacked").card, bits=8))
    deep, plain = taken.predict(tmp_path / "deep.png", tmp_path / "plain.png")
    assert deep.top == plain.top
    (other,) = model("stacked").predict(tmp_path / "deep.png")
    assert other.top != deep.top
