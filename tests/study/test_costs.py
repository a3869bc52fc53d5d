"""Costs of networks are kept in the user's cache, which is never believed when it is damaged."""

import json
from pathlib import Path

import pytest

from rungs.study import costs as module
from rungs.study import kept, load
from rungs.study.costs import costs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_what_was_measured_is_not_measured_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load("quickstart")
    first = costs(study, None)

    def never(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(module, "_measure", never)
    assert costs(study, None) == first
    with monkeypatch.context() as patch:  # another version counts for itself
        patch.setattr(kept, "version_of", lambda _: "0")
        with pytest.raises(AssertionError, match="measured again"):
            costs(study, None)
    with monkeypatch.context() as patch:  # and so do other sources under one version
        patch.setattr(kept, "_source", lambda _: "0")
        with pytest.raises(AssertionError, match="measured again"):
            costs(study, None)


def test_a_change_of_what_builds_networks_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    monkeypatch.setattr(kept, "_SOURCES", tmp_path)
    (tmp_path / "ops").mkdir()
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2")):
        for old in (tmp_path / "ops").iterdir():
            old.unlink()
        (tmp_path / "ops" / name).write_text(text, encoding="utf-8")
        kept._source.cache_clear()
        found.append(kept._source(("ops",)))
    kept._source.cache_clear()
    assert len({*found}) == 3


@pytest.mark.parametrize("content", ["", "[]", "{", '{"NAME": [1]}', '{"NAME": ["1", 2, -3]}'])
def test_a_damaged_cache_is_made_anew(cache: Path, content: str) -> None:
    study = load("quickstart")
    first = costs(study, None)
    (path,) = cache.rglob("rungs-*.json")
    whole = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(content.replace("NAME", next(iter(whole))), encoding="utf-8")
    assert costs(study, None) == first
    assert json.loads(path.read_text(encoding="utf-8")) == whole


def test_where_nothing_can_be_kept_costs_are_measured_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert costs(load("quickstart"), None)["base"][0]
