"""The example of docs/modifications.md keeps the catalogue's promises; a study can use it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rungs.recipe.modifications import find, registry
from rungs.study import parse
from rungs.testing import check_modification
from tests.studies import edited

PAGE = Path(__file__).parents[2] / "docs" / "modifications.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's scripts define; the catalogue forgets it again."""
    monkeypatch.setattr(registry, "_CATALOGUE", dict(registry._CATALOGUE))
    names: dict[str, Any] = {}
    for script in blocks("python"):
        exec(compile(script, PAGE.name, "exec"), names)
    return names


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_keeps_every_promise(example: dict[str, Any]) -> None:
    assert check_modification(find("widen")) == ()


def test_the_examples_own_test_passes(example: dict[str, Any]) -> None:
    tests = [value for name, value in example.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_a_study_can_use_the_example(example: dict[str, Any]) -> None:
    (text,) = blocks("toml")
    (rung,) = tomllib.loads(text)["rungs"]
    study = parse(edited(("rungs/0/name", rung["after"]), ("rungs/1", rung), *NAMES), "mine.toml")
    assert [str(item) for item in study.rung("wide").difference] == [
        "network.widths 32-64 -> 64-128"
    ]


NAMES = (
    ("base", "base"),
    ("final", "wide"),
    ("budgets/own", None),
    ("ensembles", None),
)
