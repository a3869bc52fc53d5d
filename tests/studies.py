"""A small study that is right, for tests to break."""

import copy
import tomllib
from typing import Any

import pytest

from rungs.foundation.errors import StudyError
from rungs.study import parse

GOOD: dict[str, Any] = tomllib.loads(
    """
name = "mine"
base = "first"
final = "second"
[data]
kind = "synthetic"
[budgets]
equal = 4
own = { first = 2, second = 4 }
[[rungs]]
name = "first"
[[rungs]]
name = "second"
after = "first"
apply = ["residual", { name = "dropout", rates = [0.1, 0.2] }]
[[ensembles]]
name = "five"
rung = "second"
cycles = 2
alpha0 = 0.001
"""
)

# The study of the tutorial, but smaller and with an ensemble; trained in a second.
FIRST = """
name = "first"
title = "A first ladder"
base = "base"
final = "stacked"
unseal = "at end"
[data]
kind = "synthetic"
classes = 4
train = 120
validation = 60
test = 40
size = 8
[budgets]
equal = 2
[recipe]
batch_size = 32
optimiser = { kind = "adam", learning_rate = 0.002 }
[recipe.network]
widths = [4, 8]
normalisation = { kind = "batch_norm", keep = 0.9 }
head = { kind = "dense", units = 8, dropout = 0.5 }
[[rungs]]
name = "base"
[[rungs]]
name = "stacked"
after = "base"
apply = [{ name = "stack_convolutions", depth = 2 }]
[[ensembles]]
name = "pair"
rung = "base"
cycles = 2
alpha0 = 0.002
"""

# Two rungs that are trained elsewhere.
RECORDED = """
name = "mine"
base = "base"
final = "larger"
seeds = 2
[data]
kind = "synthetic"
classes = 4
train = 40
validation = 60
test = 80
size = 8
[budgets]
equal = 3
[[rungs]]
name = "base"
title = "ResNet-18 by timm"
recorded = true
[[rungs]]
name = "larger"
title = "ResNet-50 by timm"
after = "base"
recorded = true
"""


def edited(*edits: tuple[str, Any]) -> dict[str, Any]:
    """GOOD with places set, such as ``rungs/1/after``; a value of ``None`` deletes one."""
    plain = copy.deepcopy(GOOD)
    for path, value in edits:
        here: Any = plain
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        for part in parents:
            here = here[part]
        if value is None:
            del here[last]
        elif isinstance(here, list) and last == len(here):
            here.append(value)
        else:
            here[last] = value
    return plain


def mistakes(plain: Any) -> list[str]:
    """All mistakes that are found, which are some."""
    with pytest.raises(StudyError) as caught:
        parse(plain, "mine.toml")
    return [str(mistake) for mistake in caught.value.mistakes]
