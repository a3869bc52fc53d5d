"""Every kind of mistake in a study file, with the exact message that it gets."""

import datetime
from typing import Any

import pytest

from rungs.data.kinds import KINDS
from rungs.foundation.errors import Mistake, StudyError
from rungs.foundation.wording import listed
from rungs.recipe.modifications import catalogue
from rungs.study import parse
from rungs.study.plan import epochs_named, name_of_epochs, slug
from tests.studies import edited, mistakes

MODIFICATIONS = listed(sorted(entry.name for entry in catalogue()))
DATA = ", ".join(repr(kind.form.model_fields["kind"].default) for kind in KINDS)
NAME = "expected 1 to 64 letters, digits, '_', '-' and '.', first a letter or digit, last no '.'"
DEVICE = "expected a name that is not kept for devices on Windows"
RATES = "rungs/1/apply/1/rates"
CLAIM = {"text": "t", "quantity": {"measure": "gap", "rung": "first"}, "relation": "above"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # keys
        ("seeeds", 3, "seeeds: unknown key; did you mean 'seeds'?"),
        ("rungs/0/kep", 3, "rungs[0].kep: unknown key; did you mean 'keep'?"),
        (
            "rungs/0/zzz",
            3,
            "rungs[0].zzz: unknown key; known are 'name', 'title', 'after', 'keep', 'apply', "
            "'recorded', 'reported'",
        ),
        ("data/clases", 3, "data.clases: unknown key; did you mean 'classes'?"),
        (
            "recipe",
            {"network": {"width": [3]}},
            "recipe.network.width: unknown key; did you mean 'widths'?",
        ),
        (
            "recipe",
            {"network": {"head": {"kind": "dense", "unit": 3}}},
            "recipe.network.head.unit: unknown key; did you mean 'units'?",
        ),
        (
            "recipe",
            {"network": {"normalisation": {"kind": "batch_norm", "momentum": 1.5}}},
            "recipe.network.normalisation.momentum: expected a number below 1, found 1.5",
        ),
        (
            "recipe",
            {"network": {"normalisation": {"kind": "batch_norm", "momentum": 0.9, "keep": 0.8}}},
            "recipe.network.normalisation.momentum: is another word for 'keep', which is "
            "there too; leave one out",
        ),
        ("name", None, "name: is needed, but missing"),
        ("ensembles/0/alpha0", None, "ensembles[0].alpha0: is needed, but missing"),
        (
            "data/kind",
            None,
            f"data.kind: is needed, but missing; expected one of {DATA}",
        ),
        # types: nothing is turned into a number
        ("seeds", "3", "seeds: expected a whole number, found '3'"),
        ("seeds", True, "seeds: expected a whole number, found true"),
        ("seeds", 1.0, "seeds: expected a whole number, found 1.0"),
        (
            "seeds",
            [1],
            "seeds: expected a number of seeds or a table with start and most, found a list of 1",
        ),
        (
            "seeds",
            datetime.date(2020, 1, 1),
            "seeds: expected a whole number, found a date or time",
        ),
        ("ensembles/0/alpha0", "1", "ensembles[0].alpha0: expected a number, found '1'"),
        ("ensembles/0/alpha0", True, "ensembles[0].alpha0: expected a number, found true"),
        ("rungs/0/keep", 1, "rungs[0].keep: expected true or false, found 1"),
        ("rungs/0/keep", "yes", "rungs[0].keep: expected true or false, found 'yes'"),
        ("title", 3, "title: expected text, found 3"),
        ("base", {}, "base: expected text, found an empty table"),
        ("rungs", {}, "rungs: expected a list, found an empty table"),
        (
            "rungs",
            {"name": "base"},
            "rungs: expected a list, found a table; did you mean [[rungs]]?",
        ),
        ("rungs/0", 3, "rungs[0]: expected a table, found 3"),
        ("data", 3, "data: expected a table, found 3"),
        ("data", [], "data: expected a table, found an empty list"),
        ("recipe", 3, "recipe: expected a table, found 3"),
        ("recipe", {"network": 3}, "recipe.network: expected a table, found 3"),
        ("rungs/0/reported", 3, "rungs[0].reported: expected a table, found 3"),
        (
            "rungs/1/apply/0",
            3,
            "rungs[1].apply[0]: expected a modification's name or a table with it, found 3",
        ),
        # numbers
        ("seeds", 0, "seeds: expected a number of at least 1, found 0"),
        ("seeds", -3, "seeds: expected a number of at least 1, found -3"),
        (
            "seeds",
            10**400,
            "seeds: expected a number of at most 1,000, found a whole number of about 400 digits",
        ),
        (
            "ensembles/0/alpha0",
            10**400,
            "ensembles[0].alpha0: expected a number of at most 64 bits, found a whole number of "
            "about 400 digits",
        ),
        (
            "ensembles/0/alpha0",
            float("nan"),
            "ensembles[0].alpha0: expected a finite number, found nan",
        ),
        (
            "ensembles/0/alpha0",
            float("inf"),
            "ensembles[0].alpha0: expected a finite number, found inf",
        ),
        ("ensembles/0/alpha0", 0, "ensembles[0].alpha0: expected a number above 0, found 0"),
        (
            "ensembles/0/alpha0",
            1e300,
            "ensembles[0].alpha0: expected a number of at most 1e+30, found 1e+300",
        ),
        ("data/size", -8, "data.size: expected a number of at least 8, found -8"),
        ("data/classes", 1, "data.classes: expected a number of at least 2, found 1"),
        (
            "recipe",
            {"network": {"widths": [32, -64]}},
            "recipe.network.widths[1]: expected a number of at least 1, found -64",
        ),
        (
            "recipe",
            {"network": {"widths": []}},
            "recipe.network.widths: expected at least 1 item, found an empty list",
        ),
        (
            "recipe",
            {"network": {"dropout": [0.5]}},
            "recipe.network: expected one rate of dropout for each of 2 stages, found 1",
        ),
        (
            "rungs/0/reported",
            {"test_accuracy": 39},
            "rungs[0].reported.test_accuracy: expected a number of at most 1, found 39",
        ),
        (
            "data",
            {"kind": "synthetic", "train": 1_000_000, "size": 224},
            "data: expected images of at most 4 GB in all, found 151.0 GB",
        ),
        # texts and names
        (
            "title",
            "a\x1b[31m",
            "title: expected text without control characters, found 'a\\x1b[31m'",
        ),
        ("title", "\u202e", "title: expected text without control characters, found '\\u202e'"),
        (
            "title",
            "x" * 5000,
            f"title: expected at most 2,000 characters, found '{'x' * 60}'... (5,000 characters)",
        ),
        ("name", "", f"name: {NAME}, found ''"),
        ("name", "../x", f"name: {NAME}, found '../x'"),
        ("name", "a/b", f"name: {NAME}, found 'a/b'"),
        ("name", "a\n", f"name: {NAME}, found 'a\\n'"),
        ("name", "a.", f"name: {NAME}, found 'a.'"),
        ("name", "-a", f"name: {NAME}, found '-a'"),
        ("name", "größe", f"name: {NAME}, found 'größe'"),
        ("name", "x" * 65, f"name: {NAME}, found '{'x' * 60}'... (65 characters)"),
        ("name", "con", f"name: {DEVICE}, found 'con'"),
        ("name", "Lpt1.txt", f"name: {DEVICE}, found 'Lpt1.txt'"),
        ("budgets/..", 3, f"budgets.'..': {NAME}, found '..'"),
        ("budgets/nul", 3, f"budgets.nul: {DEVICE}, found 'nul'"),
        (
            "\x1b" * 70,
            3,
            "{key}: unknown key; known are 'name', 'title', 'base', 'final', 'seeds', 'folds', "
            "'budget', 'unseal', 'margin', 'looks', 'modules', 'weights', 'data', 'budgets', "
            "'recipe', 'rungs', 'ensembles', 'assumptions', 'errata', 'claims'",
        ),
        # choices
        (
            "data/kind",
            "syntetic",
            f"data.kind: expected one of {DATA}, found 'syntetic'; did you mean 'synthetic'?",
        ),
        (
            "recipe",
            {"optimiser": {"kind": "sdg"}},
            "recipe.optimiser.kind: expected one of 'adam', 'adamw', 'sgd', 'muon', found 'sdg'; "
            "did you mean 'sgd'?",
        ),
        (
            "recipe",
            {"network": {"padding": "sme"}},
            "recipe.network.padding: expected one of 'same', 'valid', found 'sme'; did you mean "
            "'same'?",
        ),
        (
            "claims",
            [{**CLAIM, "relation": "abve"}],
            "claims[0].relation: expected one of 'above', 'below', 'about', 'equal', 'measured', "
            "found 'abve'; did you mean 'above'?",
        ),
        # the split
        (
            "data",
            {"kind": "cifar100", "train": [[9, 3]]},
            "data.train[0]: the range [9, 3] is empty or reversed; expected [first, one after the "
            "last]",
        ),
        (
            "data",
            {"kind": "cifar100", "train": [[0, 50_001]], "validation": [[0, 1]]},
            "data.train[0]: the range [0, 50001] goes beyond the 50,000 training images",
        ),
        (
            "data",
            {"kind": "cifar100", "train": [[0, 100]], "validation": [[99, 200]]},
            "data: data.train[0] [0, 100] and data.validation[0] [99, 200] overlap; an image can "
            "be used once",
        ),
        (
            "data",
            {"kind": "cifar100", "train": [[-1, 3]]},
            "data.train[0][0]: expected a number of at least 0, found -1",
        ),
        ("data", {"kind": "cifar100", "train": [[1]]}, "data.train[0][1]: is needed, but missing"),
        (
            "data",
            {"kind": "cifar100", "train": []},
            "data.train: no images; expected at least one range",
        ),
        # an empty study, budgets
        ("rungs", [], "rungs: expected at least 1 item, found an empty list"),
        ("rungs", None, "rungs: is needed, but missing"),
        ("budgets", {}, "budgets: expected at least 1 item, found an empty table"),
        ("budget", "equall", "budget: there is no budget 'equall'; did you mean 'equal'?"),
        ("budget", "x", "budget: there is no budget 'x'; known are 'equal', 'own'"),
        ("budgets/equal", None, "budget: there is no budget 'equal'; known are 'own'"),
        ("budgets/equal", 0, "budgets.equal: expected a number of at least 1, found 0"),
        (
            "budgets/equal",
            1_000_000,
            "budgets.equal: expected a number of at most 100,000, found 1000000",
        ),
        ("budgets/equal", "4", "budgets.equal: expected a whole number, found '4'"),
        (
            "budgets/equal",
            [4],
            "budgets.equal: expected a number of epochs or a table of rungs, found a list of 1",
        ),
        ("budgets/own/second", 2.5, "budgets.own.second: expected a whole number, found 2.5"),
        ("budgets/own/second", None, "budgets.own: no epochs for rung 'second'"),
        (
            "budgets/own/third",
            3,
            "budgets.own.third: there is no rung 'third'; known are 'first', 'second'",
        ),
        # rungs
        ("base", "frist", "base: there is no rung 'frist'; did you mean 'first'?"),
        ("final", "", "final: there is no rung ''; known are 'first', 'second'"),
        ("rungs/1/after", "frst", "rungs[1].after: there is no rung 'frst'; did you mean 'first'?"),
        ("rungs/1/name", "first", "rungs[1].name: another rung is called 'first' already"),
        ("rungs/1/apply", [], "rungs[1]: rung 'second' changes nothing: apply is empty"),
        ("rungs/1/apply", None, "rungs[1]: rung 'second' changes nothing: apply is empty"),
        (
            "rungs/1/apply",
            [
                {"name": "activation", "to": {"kind": "elu"}},
                {"name": "activation", "to": {"kind": "relu"}},
            ],
            "rungs[1]: rung 'second' changes nothing: its changes cancel out",
        ),
        (
            "rungs/1/apply",
            [{"name": "stack_convolutions", "depth": 1}],
            "rungs[1].apply[0]: stack_convolutions changes nothing here",
        ),
        (
            "rungs/1/apply",
            [{"name": "activation", "to": {"kind": "relu"}}],
            "rungs[1].apply[0]: the activation is relu already",
        ),
        (
            "rungs/1/apply",
            ["residual", "residual"],
            "rungs[1].apply[1]: the same change as apply[0]",
        ),
        (
            "rungs/1/apply/0",
            "residal",
            "rungs[1].apply[0]: there is no modification 'residal'; did you mean 'residual'?",
        ),
        (
            "rungs/1/apply/0",
            "label_smoothing(2)",
            "rungs[1].apply[0].amount: expected a number below 1, found 2",
        ),
        (
            "rungs/1/apply/0",
            "label_smoothing(0.1",
            "rungs[1].apply[0]: a change is a call with plain values, such as mixup(0.2), not "
            "'label_smoothing(0.1'",
        ),
        (
            "rungs/1/apply/0",
            {"name": "label_smoothing(0.1)"},
            "rungs[1].apply[0].name: a table's name is no call; write 'label_smoothing(0.1)' "
            "without the table",
        ),
        (
            "rungs/1/apply/0",
            {"name": "sgd", "lr": 0.0},
            "rungs[1].apply[0].lr: expected a number above 0, found 0.0",
        ),
        (
            "rungs/1/apply/0",
            {"name": "sgd", "lr": 0.1, "value": 0.2},
            "rungs[1].apply[0].value: unknown parameter; known are 'learning_rate', 'momentum', "
            "'nesterov', 'weight_decay', 'bias_factor'",
        ),
        (
            "recipe",
            {"optimizer": {"kind": "sgd", "lr": -1.0}},
            "recipe.optimizer.lr: expected a number above 0, found -1.0",
        ),
        (
            "recipe",
            {"optimizer": {"kind": "sgd"}, "optimiser": {"kind": "adam"}},
            "recipe.optimizer: is another word for 'optimiser', which is there too; leave one out",
        ),
        (
            "recipe",
            {"optimiser": {"kind": "sgd", "lr": 0.1, "learning_rate": 0.1}},
            "recipe.optimiser.lr: is another word for 'learning_rate', which is there too; leave "
            "one out",
        ),
        (
            "rungs/1/apply/0",
            {"name": "xyz"},
            f"rungs[1].apply[0].name: there is no modification 'xyz'; known are {MODIFICATIONS}",
        ),
        (
            "rungs/1/apply/0",
            {},
            "rungs[1].apply[0].name: is needed, but missing; expected a modification's name",
        ),
        (
            "rungs/1/apply/0",
            {"name": 3},
            "rungs[1].apply[0].name: expected a modification's name, found 3",
        ),
        (
            "rungs/1/apply/0",
            {"nam": "residual"},
            "rungs[1].apply[0].nam: unknown key; did you mean 'name'?",
        ),
        (RATES, [0.1, 2], "rungs[1].apply[1].rates[1]: expected a number below 1, found 2"),
        (
            RATES,
            [-0.1, 0],
            "rungs[1].apply[1].rates[0]: expected a number of at least 0, found -0.1",
        ),
        (RATES, [0.1, "0.2"], "rungs[1].apply[1].rates[1]: expected a number, found '0.2'"),
        (RATES, [0.1, True], "rungs[1].apply[1].rates[1]: expected a number, found true"),
        (RATES, 0.1, "rungs[1].apply[1].rates: expected a list, found 0.1"),
        (RATES, [], "rungs[1].apply[1].rates: expected at least 1 item, found an empty list"),
        (RATES, "0.1", "rungs[1].apply[1].rates: expected a list, found '0.1'"),
        (
            "rungs/1/apply",
            "residual",
            "rungs[1].apply: expected a list, found 'residual'; did you mean ['residual']?",
        ),
        (RATES, None, "rungs[1].apply[1].rates: is needed, but missing"),
        (
            RATES,
            [0.1],
            "rungs[1].apply[1]: expected one rate of dropout for each of 2 stages, found 1",
        ),
        (
            "rungs/1/apply/0",
            {"name": "residual", "rates": [1]},
            "rungs[1].apply[0].rates: unknown parameter",
        ),
        (
            "rungs/1/apply/0",
            {"name": "activation", "to": {"kind": "elu", "alhpa": 1}},
            "rungs[1].apply[0].to.alhpa: unknown parameter; did you mean 'alpha'?",
        ),
        (
            "rungs/1/apply/0",
            {"name": "activation", "to": {"kind": "selu"}},
            "rungs[1].apply[0].to.kind: expected one of 'relu', 'elu', 'gelu', 'silu', 'mish', "
            "'leaky_relu', found 'selu'; did you mean 'elu'?",
        ),
        (
            "rungs/1/apply/0",
            {"name": "add_layers", "widths": [10**30]},
            "rungs[1].apply[0].widths[0]: expected a number of at most 16,384, found a whole "
            "number of about 30 digits",
        ),
        (
            "rungs/1/apply",
            [{"name": "add_layers", "widths": [4, 4, 4, 4]}],
            "rungs[1]: stage 6 of 6 would have no pixels left: images of 32x32 are too small for "
            "this network",
        ),
        # ensembles
        (
            "ensembles/0/rung",
            "secnd",
            "ensembles[0].rung: there is no rung 'secnd'; did you mean 'second'?",
        ),
        (
            "budgets/equal",
            3,
            "ensembles[0].cycles: in budget 'equal': 3 epochs cannot be split into 2 cycles of "
            "whole epochs",
        ),
        ("ensembles/0/name", "first", "ensembles[0].name: a rung is called 'first' already"),
        (
            "ensembles/1",
            {"name": "five", "rung": "first", "cycles": 2, "alpha0": 1},
            "ensembles[1].name: another ensemble is called 'five' already",
        ),
        # batches of one
        (
            "rungs/1/apply",
            [{"name": "batch_size", "size": 1}],
            "rungs[1].apply: batches of 1 image in rung 'second', whose network is normalised by "
            "batch; expected a batch_size of 2 at least, or another normalisation, such as "
            "'group_norm'",
        ),
        (
            "recipe",
            {"batch_size": 1},
            "recipe.batch_size: batches of 1 image in rung 'first', whose network is normalised by "
            "batch; expected a batch_size of 2 at least, or another normalisation, such as "
            "'group_norm'",
        ),
        # assumptions and claims
        (
            "assumptions",
            [{"field": "batchsize", "text": "t"}],
            "assumptions[0].field: in rung 'first', a recipe has no field 'batchsize'; did you "
            "mean 'batch_size'?",
        ),
        (
            "assumptions",
            [{"field": "batch_size", "text": "t", "rung": "frst"}],
            "assumptions[0].rung: there is no rung 'frst'; did you mean 'first'?",
        ),
        (
            "claims",
            [{**CLAIM, "quantity": {"measure": "gap", "rung": "x"}}],
            "claims[0].quantity.rung: there is no rung 'x'; known are 'first', 'second'",
        ),
        (
            "claims",
            [{**CLAIM, "than": {"measure": "ensemble_gain", "ensemble": "fife"}}],
            "claims[0].than.ensemble: there is no ensemble 'fife'; did you mean 'five'?",
        ),
        (
            "claims",
            [{**CLAIM, "budget": "on"}],
            "claims[0].budget: there is no budget 'on'; did you mean 'own'?",
        ),
        (
            "claims",
            [{**CLAIM, "value": float("-inf")}],
            "claims[0].value: expected a finite number, found -inf",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(path: str, value: Any, expected: str) -> None:
    shown = "'" + "\\x1b" * 60 + "'... (70 characters)"
    # What a mistake leads to is no mistake of its own.
    assert mistakes(edited((path, value))) == [expected.replace("{key}", shown)]


ROOT = {"name": "a", "base": "a", "final": "a", "data": {"kind": "synthetic"}}


def study(*rungs: dict[str, Any]) -> dict[str, Any]:
    """A study of these rungs and no more."""
    return {**ROOT, "budgets": {"equal": 1}, "rungs": [{"name": "a"}, *rungs]}


@pytest.mark.parametrize(
    ("rungs", "expected"),
    [
        (
            [{"name": "b", "after": "b", "apply": ["residual"]}],
            ["rungs[1].after: rungs stand in a circle: 'b' after 'b'"],
        ),
        (
            [
                {"name": "b", "after": "d", "apply": ["residual"]},
                {"name": "c", "after": "b", "apply": ["residual"]},
                {"name": "d", "after": "c", "apply": ["residual"]},
                {"name": "e", "after": "d", "apply": ["residual"]},
            ],
            ["rungs[1].after: rungs stand in a circle: 'b' after 'd' after 'c' after 'b'"],
        ),
        (
            [
                {"name": "b", "after": "c", "apply": ["depthwise_separable"]},
                {"name": "c", "after": "a", "apply": ["residual"]},
            ],
            ["rungs[1].after: 'c' must stand before 'b'"],
        ),
    ],
)
def test_rungs_stand_after_their_parents(rungs: list[dict[str, Any]], expected: list[str]) -> None:
    assert mistakes(study(*rungs)) == expected


def test_names_that_differ_in_their_case_alone() -> None:
    said = "rungs[1].name: another rung is called 'a', which differs in its case alone"
    assert mistakes(study({"name": "A", "after": "a", "apply": ["residual"]})) == [said]


DROPOUT = {"name": "dropout", "rates": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (  # of form and of reference
            [("seeds", "two"), ("base", "frst"), ("rungs/1/apply/0", "residal")],
            [
                "base: there is no rung 'frst'; did you mean 'first'?",
                "seeds: expected a whole number, found 'two'",
                "rungs[1].apply[0]: there is no modification 'residal'; did you mean 'residual'?",
            ],
        ),
        (  # both in one rung
            [("rungs/1/keep", 3), ("rungs/1/apply/0", "residal"), (RATES, [2, 0])],
            [
                "rungs[1].keep: expected true or false, found 3",
                "rungs[1].apply[0]: there is no modification 'residal'; did you mean 'residual'?",
                "rungs[1].apply[1].rates[0]: expected a number below 1, found 2",
            ],
        ),
        (  # both in one step, and in one claim
            [
                ("rungs/1/apply/0", 3),
                (RATES, 3),
                (
                    "claims",
                    [{**CLAIM, "text": 3, "quantity": {"measure": "gap", "rung": "frst"}}],
                ),
            ],
            [
                "rungs[1].apply[0]: expected a modification's name or a table with it, found 3",
                "rungs[1].apply[1].rates: expected a list, found 3",
                "claims[0].text: expected text, found 3",
                "claims[0].quantity.rung: there is no rung 'frst'; did you mean 'first'?",
            ],
        ),
        (  # a rung that may not be called so is there all the same
            [
                ("rungs/0/name", "fir st"),
                ("base", "fir st"),
                ("rungs/1/after", "fir st"),
                ("budgets/own", {"fir st": 2, "second": 4}),
            ],
            [f"rungs[0].name: {NAME}, found 'fir st'"],
        ),
        (  # a rung without a name may be the one that is meant ...
            [("rungs/0/name", None)],
            ["rungs[0].name: is needed, but missing"],
        ),
        (  # ... but not where another is near
            [("rungs/0/name", None), ("final", "secnd")],
            [
                "final: there is no rung 'secnd'; did you mean 'second'?",
                "rungs[0].name: is needed, but missing",
            ],
        ),
        (  # nor is a key missing that is only misspelt
            [("rungs/0/name", None), ("rungs/0/nme", "first")],
            ["rungs[0].nme: unknown key; did you mean 'name'?"],
        ),
        (
            [("rungs/1/apply", None), ("rungs/1/aply", ["residual"])],
            ["rungs[1].aply: unknown key; did you mean 'apply'?"],
        ),
        (  # the recipe is not known: what hangs on it is not judged, the rest is
            [("recipe", {"network": {"widths": [1, 2, True]}}), ("rungs/1/apply/0", "residal")],
            [
                "recipe.network.widths[2]: expected a whole number, found true",
                "rungs[1].apply[0]: there is no modification 'residal'; did you mean 'residual'?",
            ],
        ),
        (
            [("rungs", 3), ("seeds", 0), ("budget", "equl")],
            [
                "seeds: expected a number of at least 1, found 0",
                "budget: there is no budget 'equl'; did you mean 'equal'?",
                "rungs: expected a list, found 3",
            ],
        ),
        (
            [("budgets/own", {"frist": 2, "second": 0})],
            [
                "budgets.own.second: expected a number of at least 1, found 0",
                "budgets.own.frist: there is no rung 'frist'; did you mean 'first'?",
            ],
        ),
        (  # a parameter is named once, and what stands on its rung is not judged
            [
                (RATES, [0.1]),
                ("rungs/2", {"name": "third", "after": "second", "apply": [DROPOUT]}),
                ("budgets/own/third", 1),
            ],
            ["rungs[1].apply[1]: expected one rate of dropout for each of 2 stages, found 1"],
        ),
        (  # ... except where the recipe is known in spite of the mistake
            [
                ("rungs/1/apply", ["residual", {**DROPOUT}, "residual"]),
                ("rungs/2", {"name": "third", "after": "second", "apply": ["residual"]}),
                ("budgets/own/third", 1),
            ],
            [
                "rungs[1].apply[2]: the same change as apply[0]",
                "rungs[2].apply[0]: residual changes nothing here",
            ],
        ),
        (
            [("ensembles/0/cycles", 3)],
            [
                "ensembles[0].cycles: in budget 'equal': 4 epochs cannot be split into 3 cycles "
                "of whole epochs",
                "ensembles[0].cycles: in budget 'own': 4 epochs cannot be split into 3 cycles of "
                "whole epochs",
            ],
        ),
    ],
)
def test_all_mistakes_come_at_once_and_no_consequences(
    edits: list[tuple[str, Any]], expected: list[str]
) -> None:
    assert mistakes(edited(*edits)) == expected


@pytest.mark.parametrize("plain", [None, 3, [], "name", True])
def test_what_is_no_table_is_no_study(plain: Any) -> None:
    (found,) = mistakes(plain)
    assert found.startswith("expected a table, found ")


def test_nothing_at_all() -> None:
    assert mistakes({}) == [
        f"{key}: is needed, but missing"
        for key in ("name", "base", "final", "data", "budgets", "rungs")
    ]


def test_deep_nesting_is_no_trouble() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    found = mistakes(edited(("recipe", deep), ("rungs/1/apply/1/to", deep), ("title", deep)))
    assert found == [
        "title: expected text, found a table",
        "recipe.a: unknown key; known are 'network', 'transforms', 'loss', 'optimiser', "
        "'schedule', 'batch_size', 'scaling', 'precision', 'mixing', 'average', 'resolution', "
        "'clipping', 'gradient', 'start', 'trained', 'statistics', 'layer_decay', "
        "'teaching'",
        "rungs[1].apply[1].to: unknown parameter; known are 'rates'",
    ]


def test_of_very_many_mistakes_the_first_are_shown() -> None:
    plain = edited(*((f"key{number}", 1) for number in range(3000)))
    with pytest.raises(StudyError) as caught:
        parse(plain, "mine.toml")
    error = caught.value
    assert len(error.mistakes) == 1001
    assert error.mistakes[-1] == Mistake((), "and 2,000 more mistakes of form")
    lines = str(error).splitlines()
    assert lines[0] == "mine.toml has 1,001 mistakes:"
    assert lines[-1] == "  and 901 more"
    assert len(lines) == 102


def test_a_file_may_have_any_name() -> None:
    with pytest.raises(StudyError, match=r"^'a\\n\\x1b\[31m' has 6 mistakes:\n"):
        parse({}, "a\n\x1b[31m")


@pytest.mark.parametrize("name", ["3-epochs", "1-epoch"])
def test_a_budget_may_not_take_the_folder_of_another_length(name: str) -> None:
    found = mistakes(edited((f"budgets/{name}", 4)))
    assert found == [f"budgets.{name}: '{name}' is how `--epochs` names the folder of its report"]
    number = int(name.partition("-")[0])
    assert slug(name_of_epochs(number)) == name
    assert epochs_named(name_of_epochs(number)) == number
    assert epochs_named(name) is None
    assert parse(edited(("budgets/short", 4)), "mine.toml").budgets["short"]["first"] == 4


@pytest.mark.parametrize("path", ["recipe/optimiser", "recipe/network/head", "seeds"])
def test_a_number_too_long_to_be_written_out_is_named_all_the_same(path: str) -> None:
    """pytest turns into an error what Python would print as an exception that is ignored."""
    place = path.replace("/", ".")
    value: Any = 16**5000
    if path != "seeds":
        value = {"kind": value}
        place += ".kind"
    found = mistakes(edited(("recipe", {"network": {}}), (path, value)))
    assert len(found) == 1
    assert found[0].startswith(f"{place}: expected")
    assert found[0].endswith("found a whole number of 4,000 digits or more")


def test_batches_of_one_suit_a_network_that_does_not_normalise_by_batch() -> None:
    recipe = {"batch_size": 1, "network": {"normalisation": "group_norm"}}
    assert parse(edited(("recipe", recipe)), "mine.toml").rungs[0].recipe.batch_size == 1
