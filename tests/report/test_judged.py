"""`rungs.judge` as somebody meets it: in a notebook, in a terminal, and how little it loads."""

import json
import subprocess
import sys

import numpy as np
import pytest

import rungs
from rungs.report.judged import Judgement

LABELS = np.arange(400) % 4


def recipe(right: int, seed: int, seeds: int = 3) -> list[np.ndarray]:
    """Models of about so many right answers, mostly to the same images."""
    rng = np.random.default_rng(seed)
    hard = np.linspace(0, 400, 400)[rng.permutation(400)]
    noise = rng.normal(0, 4, (seeds, 400))
    return [np.where(hard + one < right, LABELS, (LABELS + 1) % 4) for one in noise]


@pytest.fixture
def found() -> Judgement:
    answers = {"base": recipe(200, 0), "<wider>": recipe(280, 0), "other": recipe(120, 0, 1)}
    return rungs.judge(answers, LABELS)


def test_verdicts_are_found_by_name_and_place(found: Judgement) -> None:
    assert len(found) == 2
    assert [item.name for item in found] == ["<wider>", "other"]
    assert found["<wider>"].outcome == "helps"
    assert found["other"].outcome == "one seed"
    with pytest.raises(KeyError, match="base"):
        found["base"]


def test_plain_types_have_what_programs_ask_for(found: Judgement) -> None:
    plain = json.loads(json.dumps(found.to_dict()))
    assert [item["outcome"] for item in plain] == ["helps", "one seed"]
    wanted = {"name", "against", "outcome", "delta", "low", "high", "p_adjusted"}
    assert wanted | {"n_seeds", "n_images"} <= plain[0].keys()
    assert (plain[0]["n_seeds"], plain[0]["n_images"]) == ([3, 3], 400)
    assert plain[0]["low"] < plain[0]["delta"] < plain[0]["high"]


def test_a_notebook_and_a_terminal_show_the_same_cells(found: Judgement) -> None:
    page, text = found._repr_html_(), str(found)
    delta = f"{100 * (found['<wider>'].delta or 0):+.1f}"
    for cell in ("Accuracy on 400 images", "helps", "one seed", delta, "95 % interval"):
        assert cell in page
        assert cell in text
    assert "&lt;wider&gt;" in page
    assert "<wider>" not in page
    assert "<wider>" in text
    assert max(map(len, found.text(70).splitlines())) <= 70


def test_accuracies_of_all_recipes_are_shown_and_of_many_seeds_the_first() -> None:
    text = str(rungs.judge({"base": recipe(200, 0, 14), "wider": recipe(280, 0, 2)}, LABELS))
    lines = {line.split()[0]: line for line in text.splitlines() if line.split()}
    assert lines["base"].split()[2] == "14"
    base = text.split("\n base")[1].splitlines()[0]
    assert base.count(",") == 12
    assert base.rstrip().endswith(", ...")
    assert "12 of 14 seeds of wider missing" in text


JUDGES = """
import sys
import numpy as np
import rungs

labels = np.arange(300) % 3
answers = {name: [(labels + (np.arange(300) % (7 + seed + k) == 0)) % 3 for seed in range(SEEDS)]
           for k, name in enumerate(("base", "wider"))}
found = rungs.judge(answers, labels)
str(found), found._repr_html_()
heavy = [name for name in HEAVY if name in sys.modules]
assert not heavy, heavy
"""
HEAVY = ("torch", "matplotlib", "jinja2", "pydantic", "typer", "rich", "pyarrow", "rungs.study")


@pytest.mark.parametrize(("seeds", "heavy"), [(3, HEAVY), (1, (*HEAVY, "scipy"))])
def test_only_what_is_needed_is_loaded(seeds: int, heavy: tuple[str, ...]) -> None:
    code = JUDGES.replace("SEEDS", str(seeds)).replace("HEAVY", repr(heavy))
    subprocess.run([sys.executable, "-c", code], check=True)
