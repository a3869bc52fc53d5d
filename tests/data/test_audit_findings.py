"""What an audit found, as data and as a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rungs.data.audit.findings import (
    Audit,
    Duplicate,
    DuplicateSearch,
    LabelError,
    LabelSearch,
    Place,
    Split,
    audit_path,
    copy_audit,
    read_audit,
    write_audit,
)
from rungs.foundation.errors import StoreError
from rungs.report.gather.audited import audited
from rungs.report.show.markdown import to_markdown
from rungs.report.show.tables.audit import audit_sections
from rungs.report.show.text import to_text

DUPLICATES = (
    Duplicate("exact", Place("train", 3), Place("test", 1), 0.0, False, False),
    Duplicate("near", Place("train", 4), Place("test", 1), 0.1, True, True),
    Duplicate("near", Place("train", 4), Place("train", 9), 0.1, False, True),
    Duplicate("near", Place("validation", 0), Place("test", 2), 0.2, False, True),
)
AUDIT = Audit(
    data="drawn",
    fingerprint="f" * 16,
    duplicates=DUPLICATES,
    upright_search=DuplicateSearch(0.8, 0.004),
    mirrored_search=DuplicateSearch(0.85, 0.0),
    label_errors=(
        LabelError("test", 2, "cat|<b>", "dog", 0.9),
        LabelError("train", 1, "dog", "cat|<b>", 0.8),
    ),
    labels=LabelSearch(0.5, 5),
    balance={"train": {"cat|<b>": 5, "dog": 5}, "validation": {}, "test": {"cat|<b>": 2, "dog": 1}},
    unreadable=("x.png: cut short",),
    environment={"rungs": "1"},
    seconds={"duplicates": 2.5},
)


def test_an_audit_survives_its_file(tmp_path: Path) -> None:
    assert read_audit(tmp_path, AUDIT.fingerprint) is None
    path = write_audit(tmp_path, AUDIT)
    assert path == audit_path(tmp_path, AUDIT.fingerprint)
    assert read_audit(tmp_path, AUDIT.fingerprint) == AUDIT


def test_the_json_has_the_promised_form() -> None:
    plain = json.loads(json.dumps(AUDIT.to_dict()))
    assert plain["twins"][1] == {
        "kind": "near",
        "a": {"split": "train", "index": 4},
        "b": {"split": "test", "index": 1},
        "distance": 0.1,
        "mirrored": True,
        "same_label": True,
    }
    assert plain["label_errors"][0] == {
        "split": "test",
        "index": 2,
        "given": "cat|<b>",
        "suggested": "dog",
        "score": 0.9,
    }


def test_pictures_of_the_users_own_are_named_by_their_files(tmp_path: Path) -> None:
    names: dict[Split, list[str]] = {
        "train": [f"cats/{n}.png" for n in range(9)],
        "validation": ["v.png"],
        "test": ["t0"],
    }
    named = AUDIT.with_pictures(names)
    plain = named.to_dict()
    assert plain["twins"][1]["a"] == {"split": "train", "index": 4, "picture": "cats/4.png"}
    assert plain["label_errors"][1]["picture"] == "cats/1.png"
    assert "picture" not in plain["twins"][2]["b"]  # there are no more pictures in training
    write_audit(tmp_path, named)
    read = read_audit(tmp_path, AUDIT.fingerprint)
    assert read is not None
    assert read.to_dict() == plain
    said = to_text(audit_sections(named), width=200)
    assert "train cats/3.png" in said
    assert "train  cats/1.png" in said


def test_images_with_a_duplicate_elsewhere() -> None:
    assert AUDIT.with_duplicate_in("test", "train") == {1}
    assert AUDIT.with_duplicate_in("test", "validation") == {2}
    assert AUDIT.with_duplicate_in("train", "train") == {4, 9}
    assert AUDIT.with_duplicate_in("train", "test") == {3, 4}
    assert AUDIT.errors_in("test") == frozenset({2})
    assert AUDIT.errors_in("validation") == frozenset()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("twins", None),
        ("twins", [{}]),
        ("twins/0/kind", "odd"),
        ("twins/0/a/split", "holdout"),
        ("twins/0/a/index", -1),
        ("twins/0/a/index", "0"),
        ("label_errors", 3),
        ("label_errors/0/score", "much"),
        ("balance", {"train": 3}),
        ("upright_search", None),
        ("fingerprint", "0" * 16),
    ],
)
def test_damage_is_said(tmp_path: Path, path: str, value: Any) -> None:
    plain: Any = json.loads(json.dumps(AUDIT.to_dict()))
    here = plain
    *parents, last = path.split("/")
    for part in parents:
        here = here[int(part) if part.isdigit() else part]
    here[last] = value
    target = audit_path(tmp_path, AUDIT.fingerprint)
    target.parent.mkdir()
    target.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(StoreError, match="delete it, and `rungs audit` makes it again"):
        read_audit(tmp_path, AUDIT.fingerprint)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"version": 1}'])
def test_what_is_no_audit_is_said(tmp_path: Path, text: str) -> None:
    target = audit_path(tmp_path, AUDIT.fingerprint)
    target.parent.mkdir()
    target.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match="is damaged"):
        read_audit(tmp_path, AUDIT.fingerprint)


def test_an_audit_of_another_version_counts_as_none(tmp_path: Path) -> None:
    target = audit_path(tmp_path, AUDIT.fingerprint)
    target.parent.mkdir()
    target.write_text(json.dumps({**AUDIT.to_dict(), "version": 0}), encoding="utf-8")
    assert read_audit(tmp_path, AUDIT.fingerprint) is None


def test_what_tells_more_is_kept(tmp_path: Path) -> None:
    from dataclasses import replace

    here, there = tmp_path / "here", tmp_path / "there"
    bare = replace(AUDIT, label_errors=None, labels=None)
    copy_audit(here, there, AUDIT.fingerprint)
    assert not there.exists()
    write_audit(here, bare)
    copy_audit(here, there, AUDIT.fingerprint)
    assert read_audit(there, AUDIT.fingerprint) == bare
    write_audit(here, AUDIT)
    copy_audit(here, there, AUDIT.fingerprint)
    assert read_audit(there, AUDIT.fingerprint) == AUDIT
    write_audit(here, bare)
    copy_audit(here, there, AUDIT.fingerprint)
    assert read_audit(there, AUDIT.fingerprint) == AUDIT


def test_text_and_markdown_say_what_was_found() -> None:
    text = to_text(audit_sections(AUDIT), width=160)
    assert re_lines(text, "train and test") == "train and test 1 1 1 1 1 of test"
    assert re_lines(text, "within train") == "within train 0 1 0 0 2 of train"
    assert re_lines(text, "all") == "all 1 3 1 1"
    assert "at least 0.800, mirrored 0.850" in text
    assert "0.4 % and 0.0 % of them" in " ".join(text.split())
    assert re_lines(text, "test 2 ") == "test 2 cat|<b> dog 0.9000"
    assert "accuracy 50.0 %" in " ".join(text.split())
    assert "x.png: cut short" in text
    markdown = to_markdown(audit_sections(AUDIT))
    assert "<b>" not in markdown.replace("\\<b\\>", "")
    assert "cat\\|" in markdown


def re_lines(text: str, start: str) -> str:
    """The line that starts so, with single spaces."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return next(line for line in lines if line.startswith(start))


def test_nobody_looked_for_label_errors() -> None:
    from dataclasses import replace

    bare = replace(AUDIT, label_errors=None, labels=None)
    assert bare.errors_in("test") is None
    assert "Not searched for." in to_text(audit_sections(bare), width=100)
    report = audited(bare, {"base": np.ones((1, 4), dtype=np.bool_)})
    assert report.label_errors is None
    assert report.accuracies[0].without_label_errors.values == ()


def test_accuracies_without_doubtful_images() -> None:
    # Two seeds, four test images: image 1 has a duplicate in training, image 2 a doubtful label.
    correct = np.array([[True, True, False, False], [True, True, True, False]])
    none = np.zeros((0, 1), dtype=np.bool_)
    report = audited(AUDIT, {"base": correct, "to do": none})
    assert (report.duplicates, report.label_errors) == (1, 1)
    (base,) = report.accuracies
    assert base.official.values == (0.5, 0.75)
    assert base.without_duplicates.values == pytest.approx((1 / 3, 2 / 3))
    assert base.without_label_errors.values == pytest.approx((2 / 3, 2 / 3))
    assert report.limited_to(["other"]).accuracies == ()


def test_an_audit_that_names_images_there_are_not_is_no_crash() -> None:
    few = np.array([[True]])
    (base,) = audited(AUDIT, {"base": few}).accuracies
    assert base.without_duplicates.values == (1.0,)
