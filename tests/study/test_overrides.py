"""Keys of a study file given another value: what of the study changes, and every mistake."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rungs
from rungs.cli import app
from rungs.evidence.seal import open_at_end, read_seal, unfinished, unseal
from rungs.foundation.errors import StudyError, UsageError
from rungs.foundation.values import NAME_FORM
from rungs.store import Store, open_store
from rungs.study import Study, load
from rungs.study.known import known_studies
from rungs.study.overrides import overridden
from rungs.study.plan import plan
from tests.studies import FIRST, GOOD


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `finished`, of one's own, and where one stands."""
    shutil.copytree(finished, tmp_path / "inside")
    monkeypatch.chdir(tmp_path / "inside")
    return tmp_path / "inside"


def ran(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def overrides(*given: str) -> list[str]:
    return [str(item) for item in overridden(GOOD, "mine.toml", given).overrides]


def refused(*given: str) -> list[str]:
    with pytest.raises(StudyError) as caught:
        load(GOOD, overrides=given)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("budgets.equal=6", "budgets.equal=6"),
        ("budgets.own={ first = 1, second = 8 }", "budgets.own={ first = 1, second = 8 }"),
        ("budgets.own.second = 8", "budgets.own.second=8"),
        ("title=Another one", 'title="Another one"'),
        ("title='5'", 'title="5"'),
        ("seeds=3", "seeds=3"),
        ("folds=3", "folds=3"),
        ("looks=[2, 3]", "looks=[2, 3]"),
        ("rungs.second.keep=false", "rungs.second.keep=false"),
        ("rungs[1].keep=false", "rungs.second.keep=false"),
        ('rungs."second".apply[1].rates=[0.3, 0.3]', "rungs.second.apply[1].rates=[0.3, 0.3]"),
        ("ensembles.five.alpha0=1e-2", "ensembles.five.alpha0=0.01"),
        ("recipe.optimiser.learning_rate=0.5", "recipe.optimiser.learning_rate=0.5"),
        ("recipe.optimiser=sgd", 'recipe.optimiser="sgd"'),
    ],
)
def test_a_key_gets_a_value(given: str, understood: str) -> None:
    assert overrides(given) == [understood]
    if given.startswith(("looks", "folds")):
        return
    study = load(GOOD, overrides=[given])
    assert [str(item) for item in study.overrides] == [understood]
    # What is shown can be typed again, and means the same.
    again = load(GOOD, overrides=[understood])
    assert again == study
    assert study.own_name == "mine"
    assert study.name.startswith("mine-o-")
    assert study.title.endswith(f"(with {understood})")


def test_the_recipe_is_the_one_that_the_file_would_have() -> None:
    given = ["recipe.optimiser.lr=0.5", "recipe.batch=32", "rungs.second.apply=['residual']"]
    study = load(GOOD, overrides=given)
    edited = {
        **GOOD,
        "recipe": {"optimiser": {"kind": "adam", "learning_rate": 0.5}, "batch_size": 32},
        "rungs": [GOOD["rungs"][0], {**GOOD["rungs"][1], "apply": ["residual"]}],
    }
    assert [rung.recipe for rung in study.rungs] == [rung.recipe for rung in load(edited).rungs]
    keys = {spec.key for spec in plan(study).runs}
    assert keys == {spec.key for spec in plan(load(edited)).runs}
    assert keys.isdisjoint(spec.key for spec in plan(load(GOOD)).runs)


def test_words_of_the_file_are_found_by_others() -> None:
    plain = {**GOOD, "recipe": {"optimizer": {"kind": "sgd", "lr": 0.1}}}
    study = load(plain, overrides=["recipe.optimiser.learning_rate=0.3"])
    assert study.rungs[0].recipe.optimiser.learning_rate == 0.3
    assert [item.key for item in study.overrides] == ["recipe.optimizer.lr"]


def test_a_text_for_a_component_can_be_said_more_of() -> None:
    plain = {**GOOD, "recipe": {"optimiser": "sgd"}}
    study = load(plain, overrides=["recipe.optimiser.momentum=0.5"])
    assert (
        study.rungs[0].recipe
        == load({**GOOD, "recipe": {"optimiser": {"kind": "sgd", "momentum": 0.5}}}).rungs[0].recipe
    )


def test_what_the_file_says_already_is_not_overridden() -> None:
    assert load(GOOD, overrides=["budgets.equal=4", "base=first"]) == load(GOOD)


def test_names_hang_on_what_is_overridden_alone() -> None:
    one = load(GOOD, overrides=["budgets.equal=6", "seeds=3"])
    assert load(GOOD, overrides=["seeds=3", "budgets.equal=6"]).name == one.name
    assert load({**GOOD, "title": "x"}, overrides=["seeds=3", "budgets.equal=6"]).name == one.name
    assert load(GOOD, overrides={"seeds": 3, "budgets": {"equal": 6}}).name != one.name
    assert load(GOOD, overrides=["budgets.equal=8", "seeds=3"]).name != one.name
    long = load({**GOOD, "name": "n" * 64}, overrides=["seeds=3"]).name
    assert len(long) <= 64
    assert load({**GOOD, "name": long}).name == long, NAME_FORM


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "recipe.batch_size=0",
            "recipe.batch_size: expected a number of at least 1, found 0 "
            "(given by -o recipe.batch_size=0)",
        ),
        (
            "budgets.equal=many",
            "budgets.equal: expected a whole number, found 'many' (given by -o "
            'budgets.equal="many")',
        ),
        (
            "recipe.bach_size=3",
            "recipe.bach_size: unknown key; did you mean 'batch_size'? "
            "(given by -o recipe.bach_size=3)",
        ),
        (
            "recip.batch_size=3",
            "recip: unknown key; did you mean 'recipe'? (given by -o recip.batch_size=3)",
        ),
        (
            "rungs.secnd.keep=false",
            "rungs: there is none called 'secnd'; did you mean 'second'? "
            "(given by -o rungs.secnd.keep=false)",
        ),
        (
            "rungs[7].keep=false",
            "rungs: there is no item [7]: the list has 2 (given by -o rungs[7].keep=false)",
        ),
        (
            "rungs.second.apply=['residul']",
            "rungs[1].apply[0]: there is no modification 'residul'; did you mean 'residual'? "
            '(given by -o rungs.second.apply=["residul"])',
        ),
        (
            "rungs.second.apply[0].rate=1",
            "rungs[1].apply[0]: expected a table, found 'residual'; override the whole of it "
            "(given by -o rungs.second.apply[0].rate=1)",
        ),
        ("budgets[0]=3", "budgets: expected a list, found a table (given by -o budgets[0]=3)"),
        ("name=other", "name: cannot be overridden: an overridden study gets a name of its own"),
        ("unseal=at end", "unseal: cannot be overridden: when test figures may be read is for the"),
        ("epochs=5", "epochs: unknown key: epochs stand in the budgets, such as budgets.equal=5;"),
    ],
)
def test_a_mistake_is_told_of_its_key(given: str, expected: str) -> None:
    (found,) = refused(given)
    assert found.startswith(expected)
    assert f"(given by -o {given.split('=')[0].replace('[1]', '.second')}=" in found


def test_mistakes_come_together_and_say_whose_they_are() -> None:
    with pytest.raises(StudyError) as caught:
        load({**GOOD, "seeds": 0}, overrides=["recipe.batch_size=0", "final=nobody"])
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        'the study\'s dict with -o final="nobody" -o recipe.batch_size=0 has 3 mistakes:'
    )
    assert [("given by -o" in line, line.split(":")[0].strip()) for line in lines[1:]] == [
        (True, "final"),
        (False, "seeds"),
        (True, "recipe.batch_size"),
    ]
    assert len(refused("rungs.a.keep=true", "rungs.b.keep=true")) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["seeds"], "expected KEY=VALUE, such as `-o recipe.batch_size=64`, found 'seeds'"),
        (["=3"], "expected a key of the study file"),
        (["a..b=3"], "expected a key of the study file"),
        ([".a=3"], "expected a key of the study file"),
        (["[0]=3"], "expected a key of the study file"),
        ([".".join("a" * 30) + "=3"], "expected a key of the study file"),
        (["looks=[2, "], "-o looks: this is not TOML: '\\[2,'"),
        (["seeds=2", "seeds=3"], "-o seeds is given twice"),
        ("seeds=2", "expected a list of overrides or a dict"),
        ({"seeds": None}, "no value is given for 'seeds'"),
    ],
)
def test_what_is_no_override_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(GOOD, overrides=given)


def test_a_line_more_is_no_other_key() -> None:
    (found,) = load(GOOD, overrides=["title=1\nseeds=5"]).overrides
    assert (found.key, found.value) == ("title", "1\nseeds=5")


# --- its place -----------------------------------------------------------------------------------


def first(*given: str) -> Study:
    return load("first.toml", overrides=given)


def test_a_report_says_what_is_overridden_and_leaves_the_own_one_alone(folder: Path) -> None:
    own = ran("run", "first.toml", "--quiet")
    assert own.exit_code == 0, own.output
    page = folder / "runs/reports/first/equal/report.html"
    before = page.read_bytes()

    given = ("-o", "margin=0.05", "-o", "rungs.stacked.title=Twice as deep")
    found = ran("run", "first.toml", *given)
    assert found.exit_code == 0, found.output
    study = first("margin=0.05", "rungs.stacked.title=Twice as deep")
    assert page.read_bytes() == before
    theirs = folder / f"runs/reports/{study.name}/equal"
    html = (theirs / "report.html").read_text(encoding="utf-8")
    assert "(with margin=0.05, rungs.stacked.title=" in html
    assert "This is study &#39;first&#39; with other values than its file has" in html
    assert "-o margin=0.05" in html  # in the commands that make it again
    plain = json.loads((theirs / "report.json").read_text(encoding="utf-8"))
    assert plain["study"] == study.name
    assert plain["overrides"] == {"margin": 0.05, "rungs.stacked.title": "Twice as deep"}

    shown = ran("report", "first.toml", *given)
    assert "with other values than its file has, given by -o: margin=0.05" in shown.output
    without = ran("report", "first.toml", "--format", "json")
    assert json.loads(without.stdout)["overrides"] == {}


def test_the_store_knows_it_by_a_name_that_opens_it(folder: Path) -> None:
    assert ran("run", "first.toml", "-o", "margin=0.05", "--quiet").exit_code == 0
    study = first("margin=0.05")
    known = {one.name: one for one in known_studies(open_store(folder / "runs"))}
    assert known[study.name].overrides == ("margin=0.05",)
    opened = ran("open", study.name, "--no-browser", "--json")
    assert opened.exit_code == 0, opened.output
    assert json.loads(opened.stdout)["page"] == f"runs/reports/{study.name}/equal/report.html"
    assert study.name in ran("list").output


def test_runs_are_shared_where_recipes_are(folder: Path) -> None:
    planned = rungs.plan("first.toml", overrides={"margin": 0.05}).to_dict()
    assert planned["overrides"] == {"margin": 0.05}
    assert [len(item["finished"]) for item in planned["rungs"]] == [1, 1]
    other = json.loads(ran("plan", "first.toml", "-o", "recipe.batch_size=16", "--json").stdout)
    assert [item["finished"] for item in other["rungs"]] == [[], []]


def test_the_seal_is_its_own(folder: Path) -> None:
    store, own, other = open_store(folder / "runs"), first(), first("margin=0.05")
    unseal(store, other)
    assert read_seal(store.root, other) is not None
    assert read_seal(store.root, own) is None


def test_who_has_seen_the_test_set_of_the_file_has_seen_it(folder: Path) -> None:
    """What is overridden after that is marked as anything that is added then."""
    store, own = open_store(folder / "runs"), first()
    unseal(store, own)
    other = first("margin=0.05", "recipe.batch_size=16")
    assert read_seal(store.root, other) is None
    seal = unseal(store, other)
    assert seal.added(other) == {"base", "stacked", "pair"}
    assert seal.margin == own.margin
    same = first("margin=0.05")
    assert unseal(store, same).added(same) == frozenset()


def test_who_has_seen_it_by_an_override_has_seen_it(folder: Path) -> None:
    """What is added to the file after that is marked; what it asked by itself then is not."""
    store = open_store(folder / "runs")
    unseal(store, first("recipe.batch_size=16"))
    assert unseal(store, first("recipe.batch_size=8")).added(first()) == frozenset()
    file = folder / "first.toml"
    more = '[[rungs]]\nname = "last"\nafter = "stacked"\napply = ["residual"]\n'
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    own = first()
    assert read_seal(store.root, own) is None
    assert unseal(store, own).added(own) == {"last"}


def test_with_overrides_nothing_is_opened_at_the_end(folder: Path) -> None:
    """As with fewer seeds by an option: what the file asks for is not finished."""
    store, less = open_store(folder / "runs"), first("seeds=1", "rungs.stacked.keep=false")
    assert less.unseal == "at end"
    assert unfinished(store, less) == 0
    assert open_at_end(store, less) == 0
    assert read_seal(store.root, less) is None
    unseal(store, first())
    assert open_at_end(store, less) == 0
    assert read_seal(store.root, less) is not None


def test_an_archive_keeps_the_report_of_the_file_apart(folder: Path) -> None:
    assert ran("run", "first.toml", "--quiet", "--archive", "kept").exit_code == 0
    report = folder / "kept/equal/report.json"
    before = report.read_bytes()
    given = ("-o", "margin=0.05", "--quiet", "--archive", "kept")
    found = ran("run", "first.toml", *given)
    assert (found.exit_code, found.stderr) == (0, "")
    assert report.read_bytes() == before
    name = first("margin=0.05").name
    plain = json.loads((folder / f"kept/{name}/equal/report.json").read_text(encoding="utf-8"))
    assert plain["overrides"] == {"margin": 0.05}


def test_messages_propose_what_is_asked_for(folder: Path) -> None:
    found = ran("export", "first.toml:base", "-o", "recipe.batch_size=16")
    assert "`rungs run first.toml -o recipe.batch_size=16 --only base" in found.stderr


def test_a_study_that_was_read_has_no_keys_to_override(folder: Path) -> None:
    study = rungs.load_study("first.toml", overrides={"margin": 0.05})
    assert rungs.report(study).to_dict()["overrides"] == {"margin": 0.05}
    with pytest.raises(UsageError, match="this study was read already"):
        rungs.report(study, overrides={"margin": 0.04})


def test_a_model_of_an_overridden_study_can_be_used(folder: Path) -> None:
    assert ran("predict", "first.toml:base", "photos", "-o", "margin=0.05").exit_code == 0
    assert rungs.load_model("first.toml:base", overrides={"margin": 0.05}).card.study == (
        first("margin=0.05").name
    )


def test_a_dict_is_overridden_too(store: Store) -> None:
    import tomllib

    study = load(tomllib.loads(FIRST), overrides={"recipe": {"batch_size": 16}})
    assert study.source == "first.toml"
    assert study.rungs[0].recipe.batch_size == 16
