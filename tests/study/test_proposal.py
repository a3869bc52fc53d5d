"""``rungs init``: a study for a folder of pictures that runs as it is."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.loading import load as load_data
from rungs.data.pictures_spec import PicturesSpec
from rungs.foundation.errors import RungsError
from rungs.study import Study, load, value_at
from rungs.study.plan import plan
from rungs.study.proposal import base_for, propose, size_for
from tests.pictures import write_class_folders


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["init", *arguments])


def written(*arguments: str) -> tuple[str, Study]:
    """What is said, and the study."""
    done = init("mine", "--data", "photos", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout, load("mine.toml")


def test_a_study_is_written_that_can_be_planned(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 12, "dogs": 8})
    said, study = written()
    assert (study.name, study.title, study.data.classes) == ("mine", "photos", 2)
    assert len(study.rungs) == 4
    assert len(plan(study).runs) == 3 * 4
    assert study.base == study.rungs[0].name
    assert "photos: 14 training, 3 validation and 3 test pictures in 2 classes" in said
    assert "next: `rungs plan mine.toml` shows what it would train, `rungs run mine.toml`" in said
    text = Path("mine.toml").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 110
    assert tomllib.loads(text)["data"]["path"] == "photos"


def test_few_test_pictures_leave_judging_to_folds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_class_folders(folder / "photos", {"cats": 20, "dogs": 14})
    said, study = written()
    assert (study.folds, study.seeds, study.judged_images) == (5, 2, 29)
    assert len(plan(study).runs) == 4 * 2 * 5
    assert "few test pictures: 29 others judge changes, in 5 folds" in said
    assert "The 29 pictures outside the test part" in Path("mine.toml").read_text(encoding="utf-8")
    for spec in study.splits:
        assert load_data(spec).sizes == spec.sizes
    # As many as test has are enough to judge by; and a class too small for folds forbids them.
    monkeypatch.setattr("rungs.study.proposal._FEW_TO_JUDGE_BY", 5)
    Path("mine.toml").unlink()
    assert written()[1].folds is None
    monkeypatch.undo()


def test_classes_too_small_for_folds_are_not_dealt(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 40, "dogs": 11})
    said, study = written()
    assert study.folds is None  # 9 dogs outside the test part: folds of one or two
    assert study.seeds == 3
    assert "folds" not in said


def test_a_file_that_is_there_is_not_written_over(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 4, "dogs": 4})
    Path("mine.toml").write_text("precious", encoding="utf-8")
    for name in ("mine", "mine.toml"):
        done = init(name, "--data", "photos")
        assert done.exit_code == 1
        assert done.stderr == (
            "rungs: mine.toml is there already; choose another name, or remove it first\n"
        )
    assert Path("mine.toml").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine", "--data", "none"), "there is no such folder or file; expected pictures"),
        (("my study", "--data", "photos"), "'my study' cannot be a study's name: expected 1 to 64"),
        (("nowhere/mine", "--data", "photos"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    write_class_folders(folder / "photos", {"cats": 4, "dogs": 4})
    done = init(*arguments)
    assert (done.exit_code, message in done.stderr) == (1, True), done.output
    assert not list(folder.glob("*.toml"))


def test_classes_with_too_few_pictures_are_left_out_and_said(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 6, "dogs": 6, "one": 1, 'q"uote': 3})
    twin = (folder / "photos" / 'q"uote' / "000.png").read_bytes()
    (folder / "photos" / 'q"uote' / "001.png").write_bytes(twin)  # known only when all is read
    said, study = written()
    assert study.data.classes == 2
    assert "classes left out, too few pictures (leave_out in the file): 'one', 'q\"uote'" in said


@pytest.mark.parametrize("dogs", [2, 6])
def test_where_fewer_than_two_classes_are_left_it_is_said_why(dogs: int, folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 2, "dogs": dogs})
    done = init("mine", "--data", "photos")
    assert done.exit_code == 1
    assert "  cats: 2 of at least 3 different ones, for training" in done.stderr
    assert ("dogs: " in done.stderr) == (dogs == 2)


def test_of_many_classes_left_out_the_first_are_named(folder: Path) -> None:
    rare = {f"rare{number:02d}": 1 for number in range(25)}
    twins = {f"twins{number:02d}": 3 for number in range(25)}
    root = write_class_folders(folder / "photos", {"cats": 6, "dogs": 6, **rare, **twins})
    for name in twins:  # known to be too few only when all is read
        for number in (1, 2):
            (root / name / f"{number:03d}.png").write_bytes((root / name / "000.png").read_bytes())
    said, study = written()
    assert study.data.classes == 2
    assert "all is read again:\n  twins00: 1 of at least 3 different ones, for" in said
    assert "\n  twins19: " in said
    assert "twins20: " not in said
    assert "\n  and 5 more\n" in said
    assert "(leave_out in the file): 'rare00', 'rare01'," in said
    assert "'rare19' and 30 more\n" in said


def test_a_folder_that_cannot_be_written_to_is_told_before_pictures_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_class_folders(folder / "photos", {"cats": 6, "dogs": 6})
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)  # root may anything
    done = init("mine", "--data", "photos")
    assert done.exit_code == 1
    assert "mine.toml: the folder" in done.stderr
    assert "cannot be written to" in done.stderr
    assert "reading" not in done.stdout


def test_a_class_that_is_left_out_names_a_file_that_could_not_be_read(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 6, "dogs": 6})
    (folder / "photos" / "phone").mkdir()
    for number in range(4):
        (folder / "photos" / "phone" / f"{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "photos" / "birds").mkdir()
    said, study = written()
    assert study.data.classes == 2
    assert "4 files left out, such as phone/0.heic: no picture of a known kind" in said
    assert "  birds: an empty folder\n" in said


def test_files_left_out_are_listed(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 6, "dogs": 6})
    (folder / "photos" / "cats" / "bad.jpg").write_bytes(b"no")
    said, _ = written()
    assert said.count("cats/bad.jpg: no picture of a known kind") == 1


def test_grey_pictures_make_a_grey_study_without_mirrors(folder: Path) -> None:
    write_class_folders(folder / "photos", {"three": 6, "seven": 6})
    for path in (folder / "photos").rglob("*.png"):
        with Image.open(path) as image:
            grey = image.convert("L").resize((28, 28))
        grey.save(path)
    _, study = written()
    assert study.data.image_shape == (1, 28, 28)
    assert value_at(study.rung("augmented").recipe, "transforms[0].flip") == 0


@pytest.mark.parametrize("sample", [400, 1])
def test_values_of_sixteen_bits_are_spread_over_the_whole_set(
    sample: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rungs.study.proposal._MOST_HEADERS", sample)
    for name, low in (("dim", 20), ("lit", 700)):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(6):
            values = low + np.random.default_rng(number).integers(0, 60, (8, 8))
            Image.fromarray(values.astype(np.uint16)).save(
                folder / "photos" / name / f"{number}.png"
            )
    said, study = written()
    assert isinstance(study.data, PicturesSpec)
    assert study.data.bits == 10
    assert "12 pictures of 16 bits, with values up to 7" in said
    assert "all of one colour" not in said
    train = load_data(study.data).exploration.train
    lit = train.labels == 1
    assert train.pixels[:][lit].float().mean() > 100 > 50 > train.pixels[:][~lit].float().mean()


def test_white_on_transparent_ground_is_laid_on_black(folder: Path) -> None:
    for kind, name in enumerate(("moon", "star")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(6):
            shape = np.random.default_rng(number + 100 * kind).integers(0, 2, (8, 8)) * 255
            pixels = np.full((8, 8, 4), 255, np.uint8)
            pixels[..., 3] = shape
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    _, study = written()
    assert isinstance(study.data, PicturesSpec)
    assert study.data.ground == "black"
    assert sum(study.data.sizes.values()) == 12


@pytest.mark.parametrize(("train", "batch"), [(3, 2), (12, 4), (16, 8), (63, 16), (64, 32)])
def test_batches_suit_few_pictures(train: int, batch: int) -> None:
    assert base_for(train, 32).batch_size == batch


def test_classes_that_a_part_lacks_are_named_by_init_plan_and_doctor(folder: Path) -> None:
    write_class_folders(folder / "photos", {"train/a": 8, "train/b": 8, "val/b": 4, "test/a": 4})
    said, _ = written()
    for lines in (
        said,
        CliRunner().invoke(app, ["data", "mine.toml"]).stdout,
        CliRunner().invoke(app, ["plan", "mine.toml"]).stdout,
    ):
        assert "no validation picture of 'a'" in lines
        assert "no test picture of 'b'" in lines
    found = CliRunner().invoke(app, ["doctor", "mine.toml"]).stdout
    assert "no validation image of 'a'" in found
    assert "no test image of 'b'" in found


def test_what_is_odd_about_pictures_is_said_by_plan_and_doctor(folder: Path) -> None:
    write_class_folders(folder / "photos", {"1": 8, "01": 8})
    written()
    for command, start in (("plan", "Warning: "), ("doctor", "  warning  pictures: ")):
        said = CliRunner().invoke(app, [command, "mine.toml"]).stdout
        assert f"{start}classes whose names differ in spelling alone" in said


def test_parts_that_are_there_are_not_cut(folder: Path) -> None:
    counts = {f"{part}/{name}": 4 for part in ("train", "val", "test") for name in ("a", "b")}
    write_class_folders(folder / "photos", counts)
    _, study = written()
    assert study.data.sizes == {"train": 8, "validation": 8, "test": 8}
    assert "seed" not in tomllib.loads(Path("mine.toml").read_text(encoding="utf-8"))["data"]


def test_the_table_in_a_folder_is_found(folder: Path) -> None:
    root = write_class_folders(folder / "photos", {"images": 8})
    rows = [f"images/{index:03d}.png,{'ab'[index % 2]}" for index in range(8)]
    (root / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    (root / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    _, study = written("--size", "16")
    assert study.data.image_shape == (3, 16, 16)
    assert tomllib.loads(Path("mine.toml").read_text(encoding="utf-8"))["data"]["path"] == (
        "photos/labels.csv"
    )
    (root / "more.csv").write_text("file,label\nimages/000.png,a\n", encoding="utf-8")
    assert (
        "which table of pictures is meant? Found labels.csv, more.csv"
        in init("other", "--data", "photos").stderr
    )


def test_a_table_of_some_pictures_beside_class_folders_is_asked_about(folder: Path) -> None:
    root = write_class_folders(folder / "photos", {"cat": 6, "dog": 6})
    rows = [
        "path,label",
        *(f"{name}/00{i}.png,{name[0]}" for name in ("cat", "dog") for i in range(3)),
    ]
    (root / "check.csv").write_text("\n".join(rows), encoding="utf-8")
    done = init("mine", "--data", "photos")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "the folders ('cat', 'dog'), or those that check.csv gives to 6 of 12" in done.stderr
    _, study = written("--layout", "class")
    assert sum(study.data.sizes.values()) == 12
    assert tomllib.loads(Path("mine.toml").read_text(encoding="utf-8"))["data"]["layout"] == "class"
    rows += [f"{name}/00{i}.png,{name[0]}" for name in ("cat", "dog") for i in range(3, 6)]
    (root / "check.csv").write_text("\n".join(rows), encoding="utf-8")
    propose(folder / "other.toml", root)  # it names them all, so that it is meant
    for path in root.glob("*/*.png"):
        path.rename(path.with_suffix(".jpg"))
    (root / "check.csv").write_text("id,label\nnobody,1\nelse,2\n", encoding="utf-8")
    survey = propose(folder / "other.toml", root).survey
    assert survey is not None
    assert survey.kind == "class folders"


def test_columns_of_a_table_can_be_named(folder: Path) -> None:
    root = write_class_folders(folder / "photos", {"images": 8})
    rows = [f"images/{index:03d}.png,7,{'ab'[index % 2]}" for index in range(8)]
    (root / "labels.csv").write_text("\n".join(["file,label,animal", *rows]), encoding="utf-8")
    _, study = written("--label-column", "animal")
    assert study.data.classes == 2
    assert tomllib.loads(Path("mine.toml").read_text(encoding="utf-8"))["data"]["label_column"] == (
        "animal"
    )
    for place in ("photos/labels.csv", "photos"):
        done = init("other", "--data", place, "--picture-column", "fil")
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "there is no column 'fil'; did you mean 'file'?" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_place_that_a_study_cannot_name_is_refused_in_a_sentence(folder: Path) -> None:
    write_class_folders(folder / os.fsdecode(b"caf\xe9"), {"cats": 4, "dogs": 4})
    done = init("mine", "--data", os.fsdecode(b"caf\xe9"))
    assert done.exit_code == 1
    assert done.stderr.startswith("rungs: caf\\udce9: has letters that a study file cannot hold")
    assert done.stderr.count("\n") == 1


def test_the_study_names_its_pictures_from_where_it_stands(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 4, "dogs": 4})
    (folder / "studies").mkdir()
    assert init("studies/mine", "--data", "photos").exit_code == 0
    text = (folder / "studies" / "mine.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["data"]["path"] == "../photos"
    assert load("studies/mine.toml").data.classes == 2


def test_numbers_are_classes_in_order_of_numbers(folder: Path) -> None:
    root = write_class_folders(folder / "photos", {"images": 48})
    rows = [f"images/{index:03d}.png,{index % 12}" for index in range(48)]
    (root / "labels.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    _, study = written()
    assert load_data(study.data).class_names == tuple(map(str, range(12)))
    text = Path("mine.toml").read_text(encoding="utf-8")
    Path("old.toml").write_text(text.replace('class_order = "counted"', ""), encoding="utf-8")
    old = load("old.toml").data  # as studies were written before
    assert load_data(old).class_names == tuple(sorted(map(str, range(12))))
    assert old.fingerprint != study.data.fingerprint


def test_titles_are_written_as_toml(folder: Path) -> None:
    place = write_class_folders(folder / 'my "photos" \\ ü', {"cats": 4, "dogs": 4})
    proposal = propose(folder / "mine.toml", place)
    plain: dict[str, Any] = tomllib.loads(proposal.text)
    assert plain["title"] == plain["data"]["path"] == 'my "photos" \\ ü'


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ([], 64),
        ([28] * 5, 28),
        ([90] * 5, 90),
        ([96, 97, 98], 64),
        ([200] * 3, 64),
        ([5, 4, 3], 8),
        ([30, 40, 50], 32),
        ([3000, 4000, 20], 64),
    ],
)
def test_sizes_suit_the_pictures(sides: list[int], size: int) -> None:
    assert size_for(sides) == size


@pytest.mark.parametrize("size", [8, 13, 16, 28, 32, 64, 96, 128, 224, 256, 512, 1024])
@pytest.mark.parametrize("train", [10, 500, 5_000, 50_000, 900_000])
def test_bases_suit_number_and_size(train: int, size: int) -> None:
    base = base_for(train, size)
    assert size >> len(base.widths) >= 1
    assert 2 <= len(base.widths) <= (5 if size <= 256 else 7)
    assert size >> len(base.widths) <= 8
    assert 5 <= base.epochs <= 30
    assert train < 64 or train // base.batch_size >= 2


def test_few_pictures_are_pointed_to_trained_weights(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 12, "dogs": 8})
    said, _ = written()
    assert "few pictures: weights that were trained on others are a better start" in said
    text = Path("mine.toml").read_text(encoding="utf-8")
    ours, _, theirs = text.partition("# --- from trained weights")
    block = [line.removeprefix("# ") for line in theirs.splitlines()]
    head = ours.partition("[recipe]")[0].replace('final = "deeper"', 'final = "all"')
    assert 'at the top final = "all"' in theirs
    lines = [head, *(line for line in block[block.index("[recipe]") :] if line != "#")]
    Path("weights.toml").write_text("\n".join(lines), encoding="utf-8")
    try:
        study = load("weights.toml")
    except RungsError as error:
        assert "rungs-study[timm]" in str(error)  # noqa: PT017 - what it says where timm is not
    else:
        assert [rung.name for rung in study.rungs] == ["base", "all"]


def test_uneven_classes_get_a_rung_that_weighs_them(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 33, "dogs": 8})
    _, study = written()
    assert study.rungs[-1].changes == ("balanced_classes()",)
    assert not study.rungs[-1].kept


def test_many_pictures_get_a_wider_base_and_fewer_epochs(folder: Path) -> None:
    few, many = base_for(300, 64), base_for(50_000, 64)
    assert max(few.widths) < max(many.widths)
    assert few.epochs > many.epochs


def test_the_command_data_lists_all_that_is_left_out(folder: Path) -> None:
    write_class_folders(folder / "photos", {"cats": 6, "dogs": 6})
    for number in range(25):
        (folder / "photos" / "cats" / f"bad{number}.jpg").write_bytes(b"no")
    said, _ = written()
    assert "  and 5 more; `rungs data` lists all" in said
    done = CliRunner().invoke(app, ["data", "mine.toml"])
    assert done.exit_code == 0
    assert done.stdout.count("no picture of a known kind") == 25
