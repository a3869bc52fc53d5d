"""Answers in files: every form says the same, and what does not fit is told in one sentence."""

import csv
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rungs import judge
from rungs.evidence.elsewhere import arrays, tables
from rungs.foundation.errors import DataError
from rungs.report.judged import Judgement, judge_files

LABELS = np.arange(50) % 5
SEEDS = 3


def answers(right: int, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(50)
    predicted = (LABELS + 1) % 5
    predicted[order[:right]] = LABELS[order[:right]]
    return predicted


GIVEN = {
    "base": [answers(25, seed) for seed in range(SEEDS)],
    "wider-2": [answers(40, seed) for seed in range(5, 5 + SEEDS)],
    "last": [answers(42, seed) for seed in range(9, 9 + SEEDS)],
}
EXPECTED = judge(GIVEN, LABELS).to_dict()


def assert_expected(found: Judgement) -> None:
    """All is as said of the arrays; sums in another order end in other digits."""
    for one, expected in zip(found.to_dict(), EXPECTED, strict=True):
        assert one.keys() == expected.keys()
        for key, value in expected.items():
            assert one[key] == (pytest.approx(value) if isinstance(value, float) else value), key


Row = tuple[str, ...]
HEAD: Row = ("name", "seed", "image", "predicted", "label")


def rows(*, shuffled: bool = False) -> list[Row]:
    """The long table of all runs."""
    found: list[Row] = [
        (name, str(seed), f"{image}.png", str(predicted[image]), str(LABELS[image]))
        for name, runs in GIVEN.items()
        for seed, predicted in enumerate(runs)
        for image in range(50)
    ]
    if shuffled:  # but for the first rows of each recipe, which tell their order
        np.random.default_rng(0).shuffle(found)
        found.sort(key=lambda row: list(GIVEN).index(row[0]))
    return found


def table(path: Path, head: Sequence[str], found: Sequence[Sequence[str]], **form: Any) -> Path:
    with path.open("w", newline="", encoding=form.pop("encoding", "utf-8")) as file:
        csv.writer(file, **form).writerows([head, *found])
    return path


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def without(found: Sequence[Row], *left_out: str) -> tuple[Row, list[Row]]:
    kept = [place for place, name in enumerate(HEAD) if name not in left_out]
    return tuple(HEAD[place] for place in kept), [
        tuple(row[place] for place in kept) for row in found
    ]


def of_run(name: str, seed: int) -> list[Row]:
    return [row for row in rows() if row[:2] == (name, str(seed))]


def long_table(folder: Path) -> list[Path]:
    return [table(folder / "all.csv", HEAD, rows())]


def shuffled_table(folder: Path) -> list[Path]:
    return [table(folder / "all.csv", HEAD, rows(shuffled=True))]


def quoted_table(folder: Path) -> list[Path]:
    return [table(folder / "all.csv", HEAD, rows(), quoting=csv.QUOTE_ALL)]


def other_delimiters(folder: Path) -> list[Path]:
    half = len(rows()) // 3
    return [
        table(folder / "one.tsv", HEAD, rows()[:half], delimiter="\t", encoding="utf-8-sig"),
        table(folder / "two.csv", HEAD, rows()[half:], delimiter=";", lineterminator="\n"),
    ]


def table_for_each_run(folder: Path) -> list[Path]:
    return [
        table(folder / f"{name}@{seed}.csv", *without(of_run(name, seed), "name", "seed"))
        for name in GIVEN
        for seed in range(SEEDS)
    ]


def table_in_order_for_each_run(folder: Path) -> list[Path]:
    return [
        table(folder / f"{name}@{seed}.csv", *without(of_run(name, seed), "name", "seed", "image"))
        for name in GIVEN
        for seed in range(SEEDS)
    ]


def table_for_each_recipe(folder: Path) -> list[Path]:
    return [
        table(folder / f"{name}.csv", *without([row for row in rows() if row[0] == name], "name"))
        for name in GIVEN
    ]


def parquet_table(folder: Path) -> list[Path]:
    columns = dict(zip(HEAD, zip(*rows(shuffled=True), strict=True), strict=True))
    numbers = {name: [int(one) for one in columns[name]] for name in ("seed", "predicted")}
    labels = [float(one) for one in columns["label"]]
    return [
        parquet(
            folder / "all.parquet",
            **{**columns, **numbers, "label": labels, "name": pa.array(columns["name"])},
        )
    ]


def parquet_of_categories(folder: Path) -> list[Path]:
    columns = dict(zip(HEAD, zip(*rows(), strict=True), strict=True))
    coded = {name: pa.array(texts).dictionary_encode() for name, texts in columns.items()}
    return [parquet(folder / "all.parquet", **coded)]


def arrays_of_all(folder: Path) -> list[Path]:
    plain: dict[str, Any] = {
        f"{name}@{seed}": predicted
        for name, runs in GIVEN.items()
        for seed, predicted in enumerate(runs)
    }
    np.savez(folder / "all.npz", labels=LABELS, **plain)
    return [folder / "all.npz"]


def probabilities_of_all(folder: Path) -> list[Path]:
    plain: dict[str, Any] = {
        f"{name}/{seed}": (0.1 + 0.5 * np.eye(5)[predicted]).astype(np.float32)
        for name, runs in GIVEN.items()
        for seed, predicted in enumerate(runs)
    }
    np.savez_compressed(folder / "all.npz", labels=LABELS, **plain)
    return [folder / "all.npz"]


def arrays_for_each_run(folder: Path) -> list[Path]:
    """Each in an order of its own, which the names of the images tell."""
    paths = []
    for name, runs in GIVEN.items():
        for seed, predicted in enumerate(runs):
            order = np.random.default_rng(seed).permutation(50)
            path = folder / f"{name}@{seed}.npz"
            np.savez(path, predicted=predicted[order], labels=LABELS[order], images=order)
            paths.append(path)
    return paths


def arrays_and_a_table(folder: Path) -> list[Path]:
    names = np.array([f"{image}.png" for image in range(50)])
    first = folder / "base.npz"
    plain: dict[str, Any] = {f"base@{seed}": one for seed, one in enumerate(GIVEN["base"])}
    np.savez(first, images=names, **plain)
    others = [row for row in rows() if row[0] != "base"]
    return [first, table(folder / "others.csv", HEAD, others)]


FORMS = [
    long_table,
    shuffled_table,
    quoted_table,
    other_delimiters,
    table_for_each_run,
    table_in_order_for_each_run,
    table_for_each_recipe,
    parquet_table,
    parquet_of_categories,
    arrays_of_all,
    probabilities_of_all,
    arrays_for_each_run,
    arrays_and_a_table,
]


@pytest.mark.parametrize("write", FORMS)
def test_every_form_says_the_same(write: Callable[[Path], list[Path]], tmp_path: Path) -> None:
    assert_expected(judge_files(write(tmp_path)))


def labels_as_table(folder: Path) -> Path:
    images = [(f"{image}.png", str(LABELS[image])) for image in reversed(range(50))]
    return table(folder / "labels.csv", ("image", "label"), images)


def labels_as_arrays(folder: Path) -> Path:
    names = np.array([f"{image}.png" for image in range(50)])
    np.savez(folder / "labels.npz", labels=LABELS, images=names)
    return folder / "labels.npz"


@pytest.mark.parametrize("write", [labels_as_table, labels_as_arrays])
def test_labels_may_have_a_file_of_their_own(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = table(tmp_path / "all.csv", *without(rows(shuffled=True), "label"))
    assert_expected(judge_files([path], labels=write(tmp_path)))


def test_labels_may_be_in_the_order_of_the_answers(tmp_path: Path) -> None:
    paths = [
        table(
            tmp_path / f"{name}@{seed}.csv",
            *without(of_run(name, seed), "name", "seed", "image", "label"),
        )
        for name in GIVEN
        for seed in range(SEEDS)
    ]
    np.save(tmp_path / "labels.npy", LABELS)
    assert_expected(judge_files(paths, labels=tmp_path / "labels.npy"))
    one = table(tmp_path / "labels.csv", ("label",), [(str(label),) for label in LABELS])
    assert_expected(judge_files(paths, labels=one))


def test_classes_and_images_may_be_texts_that_need_quotes(tmp_path: Path) -> None:
    names = ["a, b", 'the "c"', "two\nlines", "é", " spaced"]
    found = [
        (*row[:2], f"{row[2]}, \u2028", names[int(row[3])], names[int(row[4])]) for row in rows()
    ]
    assert_expected(judge_files([table(tmp_path / "all.csv", HEAD, found)]))


def test_a_numeral_is_a_name_where_another_class_has_a_name(tmp_path: Path) -> None:
    """A model that never answers the one class whose name is no number."""
    names = np.array(["1", "2", "3", "10", "other"])
    never = [np.where(one == 4, 3, one) for one in GIVEN["base"]]
    paths = []
    for name, runs in {**GIVEN, "base": never}.items():
        for seed, predicted in enumerate(runs):
            found = [
                (names[one], names[label]) for one, label in zip(predicted, LABELS, strict=True)
            ]
            paths.append(table(tmp_path / f"{name}@{seed}.csv", ("predicted", "label"), found))
    expected = judge({**GIVEN, "base": never}, LABELS).to_dict()
    assert [one["delta"] for one in judge_files(paths).to_dict()] == [
        pytest.approx(one["delta"]) for one in expected
    ]


def test_a_recipe_of_one_run_needs_no_seed(tmp_path: Path) -> None:
    paths = [
        table(tmp_path / f"{name}.csv", *without(of_run(name, 0), "name", "seed")) for name in GIVEN
    ]
    first, second = judge_files(paths)
    assert (first.name, first.outcome, second.n_seeds) == ("wider-2", "one seed", (1, 1))


def told(paths: Sequence[Path], labels: Path | None = None) -> str:
    with pytest.raises(DataError) as caught:
        judge_files(paths, labels=labels)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spoilt(folder: Path, change: Callable[[list[list[str]]], None]) -> Path:
    """The long table after a change to its rows, head first."""
    found = [list(row) for row in [HEAD, *rows()]]
    change(found)
    return table(folder / "all.csv", found[0], found[1:])


def set_cell(row: int, column: int, value: str) -> Callable[[list[list[str]]], None]:
    def change(found: list[list[str]]) -> None:
        found[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            set_cell(0, 3, "predictions"),
            "expected a column predicted, found the columns 'name', 'seed', 'image', 'predictions'",
        ),
        (set_cell(0, 1, "label"), "expected one column label, found two; rename one of them"),
        (set_cell(0, 2, "picture"), "expected a column image in a table of 9 runs, found none"),
        (set_cell(0, 4, "y"), "expected the true classes, found none in any file; write them"),
        (set_cell(8, 3, ""), "in the column predicted of every row, found nothing in row 8; leave"),
        (set_cell(8, 3, "NaN"), "in the column predicted of every row, found NaN in row 8; leave"),
        (set_cell(8, 2, " "), "in the column image of every row, found nothing in row 8"),
        (set_cell(8, 3, "-1"), "whole numbers from 0 up or names, found -1 in row 8; count"),
        (set_cell(8, 3, "0.37"), "whole numbers from 0 up or names, found 0.37 in row 8; count"),
        (
            set_cell(60, 2, "8.png"),
            "'base', seed '1': expected one answer to each image, found 2 to '8.png'; leave one",
        ),
        (
            set_cell(8, 2, "8.png"),
            "'base', seed '0': expected each image once, found '8.png' again",
        ),
        (
            set_cell(60, 2, "x.png"),
            "'base', seed '1': expected the images of all.csv, 'base', seed '0', found another",
        ),
        (
            lambda found: found.pop(60),
            "'base', seed '1': expected an answer to each image of all.csv, 'base', seed '0', "
            "found none to '9.png'; answer them",
        ),
        (
            set_cell(60, 4, "0"),
            "'base', seed '1': expected label 4 of image '9.png', as in all.csv, 'base', seed '0', "
            "found 0; see whether",
        ),
        (lambda found: found.__delitem__(slice(1, None)), "a row for each image, found none"),
        (lambda found: found[8].append("more"), "expected 5 cells in every row, as the first line"),
    ],
)
def test_tables_that_cannot_be_are_told(
    change: Callable[[list[list[str]]], Any],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = spoilt(tmp_path, change).relative_to(tmp_path)
    assert told([path]).startswith("all.csv")
    assert said in told([path])


def test_quotes_that_do_not_end_are_told(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text('name,seed,image,predicted,label\nbase,0,1,"2,2\n', encoding="utf-8")
    assert "expected CSV, found unexpected end of data; quote a text" in told([path])
    path.write_text('name,seed,image,predicted,label\nbase,0,1,"2",2,3\n', encoding="utf-8")
    assert "expected 5 cells in every row, as the first line has, found 6 in row 1" in told([path])
    path.write_bytes(b"predicted,label\n\xff\n")
    assert "expected text in UTF-8, found other bytes" in told([path])
    path.write_text("", encoding="utf-8")
    assert "expected a column predicted, found the columns none" in told([path])


@given(
    st.lists(
        st.tuples(
            *[st.text(st.characters(exclude_characters='"\r\n,', exclude_categories=["Cs"]))] * 2
        ),
        min_size=1,
    )
)
@settings(max_examples=50, deadline=None)
def test_cells_are_the_same_with_quotes_and_without(cells: list[tuple[str, str]]) -> None:
    """The quick way through a table without quotes gives what the library's reader gives."""
    found = []
    for quoting in (csv.QUOTE_NONE, csv.QUOTE_ALL):
        text = io.StringIO(newline="")
        csv.writer(text, quoting=quoting).writerows(cells)
        split = tables._plain if quoting == csv.QUOTE_NONE else tables._quoted
        found.append(split(Path("all.csv"), text.getvalue(), ",", 2))
    assert found[0] == found[1] == [cell for row in cells for cell in row]


def test_a_run_in_two_files_is_told(tmp_path: Path) -> None:
    one = table(tmp_path / "one.csv", HEAD, rows())
    two = table(tmp_path / "two.csv", HEAD, of_run("base", 1))
    said = told([one, two])
    assert said.startswith(f"{two}, 'base', seed '1': expected each run once, found")
    assert f"in {one}, 'base', seed '1' too; leave one out" in said
    assert "expected each run once" in told([one, one])


def test_labels_that_differ_from_their_own_file_are_told(tmp_path: Path) -> None:
    path = table(tmp_path / "all.csv", HEAD, rows())
    labels = table(
        tmp_path / "labels.csv", ("image", "label"), [(f"{i}.png", "3") for i in range(50)]
    )
    with pytest.raises(DataError, match=r"expected label 3 of image '0.png', as in .*labels.csv"):
        judge_files([path], labels=labels)
    shorter = table(tmp_path / "few.csv", ("image", "label"), [("0.png", "0")])
    with pytest.raises(DataError, match=r"found another one, '1\.png'"):
        judge_files([path], labels=shorter)
    unnamed = table(tmp_path / "bare.csv", ("label",), [(str(label),) for label in LABELS])
    with pytest.raises(DataError, match=r"bare.csv: expected the images' names, as in .*all.csv"):
        judge_files([path], labels=unnamed)
    texts = table(
        tmp_path / "texts.csv", ("image", "label"), [(f"{i}.png", "cat") for i in range(50)]
    )
    with pytest.raises(
        DataError, match=r"expected labels such as 'cat', as .* has, found such as 0"
    ):
        judge_files([path], labels=texts)


def test_runs_of_other_lengths_are_told(tmp_path: Path) -> None:
    bare = ("name", "seed", "image")
    one = table(tmp_path / "base@0.csv", *without(of_run("base", 0), *bare))
    two = table(tmp_path / "last@0.csv", *without(of_run("last", 0)[1:], *bare))
    assert "last@0.csv, 'last', seed '0': expected labels of 50 images, as" in told([one, two])
    two = table(tmp_path / "last@0.csv", *without(of_run("last", 0)[1:], *bare, "label"))
    assert "expected answers to 50 images, as there are labels, found 49" in told([one, two])


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({}, "or one of them called predicted or probabilities, and beside them labels and images"),
        ({"base": LABELS}, "found others, 'base'; call them so"),
        ({"base@0": LABELS[:, None]}, "array 'base@0': expected probabilities of two classes"),
        ({"base@0": LABELS * np.nan}, "array 'base@0': expected a predicted class, found nan"),
        ({"base@0": LABELS, "labels": LABELS + 0.5}, "array labels: expected a class, a whole"),
        (
            {"base@0": LABELS, "images": LABELS + 0.5},
            "array images: expected whole numbers or texts",
        ),
        ({"base@0": np.array([None] * 50)}, "damaged, or no file of plain arrays"),
    ],
)
def test_arrays_that_cannot_be_are_told(plain: dict[str, Any], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", **plain)
    found = told([tmp_path / "all.npz"])
    assert found.startswith(f"{tmp_path / 'all.npz'}")
    assert said in found


def test_damaged_files_are_told(tmp_path: Path) -> None:
    for name in ("one.npz", "one.parquet"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        assert f"{tmp_path / name}: damaged" in told([tmp_path / name])
    good = table(tmp_path / "good.csv", *without(of_run("base", 0), "label"))
    (tmp_path / "labels.npy").write_bytes(b"nothing of the kind")
    assert "labels.npy: damaged" in told([good], tmp_path / "labels.npy")
    np.savez(tmp_path / "packed.npz", labels=LABELS)
    (tmp_path / "labels.npy").write_bytes((tmp_path / "packed.npz").read_bytes())
    assert "it holds several arrays" in told([good], tmp_path / "labels.npy")
    np.savez(tmp_path / "bare.npz", truth=LABELS)
    assert "expected an array labels, found none" in told([good], tmp_path / "bare.npz")
    assert (
        "expected a file of answers, .csv, .tsv, .parquet, .npz, found the suffix '.txt'"
        in told([tmp_path / "answers.txt"])
    )
    assert "expected a file of labels" in told([good], tmp_path / "labels.txt")
    assert "No such file" in told([tmp_path / "none.csv"])


def test_files_that_would_fill_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "bomb.npz"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("base@0.npy", bytes(2000))
    monkeypatch.setattr(arrays, "_MOST_UNPACKED", 1000)
    assert "base@0.npy would unpack to 2,000 bytes, expected at most 1,000" in told([packed])
    monkeypatch.setattr(tables, "_MOST_ROWS", 10)
    columns = dict(zip(HEAD, zip(*rows(), strict=True), strict=True))
    path = parquet(tmp_path / "all.parquet", **columns)
    assert "450 rows, expected at most 10" in told([path])
    monkeypatch.setattr(tables, "_MOST_CSV_BYTES", 10)
    said = told(long_table(tmp_path))
    assert "expected at most 10; write parquet or .npz, or several files" in said


def test_columns_of_parquet_that_cannot_be_are_told(tmp_path: Path) -> None:
    path = tmp_path / "base@0.parquet"
    parquet(path, predicted=[True] * 50, label=LABELS)
    assert "expected whole numbers or texts in the column predicted, found bool" in told([path])
    parquet(path, predicted=[None, *LABELS[1:].tolist()], label=LABELS)
    assert "column predicted of every row, found nothing in row 1" in told([path])
    parquet(path, predicted=[float("nan"), *LABELS[1:].tolist()], label=LABELS)
    assert "column predicted of every row, found nan in row 1" in told([path])
    parquet(path, predicted=pa.array([], pa.int64()))
    assert "expected a row for each image, found none" in told([path])


def test_parquet_without_its_library_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = parquet_table(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'rungs-study[parquet]'" in told([path])


def test_mistakes_of_several_files_come_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"2 mistakes:\n.*one.npz: damaged.*\n.*two.npz: damaged"):
        judge_files([tmp_path / "one.npz", tmp_path / "two.npz"])
