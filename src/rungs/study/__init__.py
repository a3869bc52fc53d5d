"""A study: the question as a TOML file, checked whole before anything is done.

`load` reads a file or a built-in study; every mistake of the file arrives in one `StudyError`,
each with its place such as ``rungs[3].apply[0].rates``.
"""

from rungs.recipe import value_at
from rungs.study.forms import Assumption, Claim, Erratum, Quantity, Reported
from rungs.study.model import Ensemble, EnsembleKind, Rung, Step, Study
from rungs.study.parsing import load, parse
from rungs.study.toml_tables import builtin_names

__all__ = [
    "Assumption",
    "Claim",
    "Ensemble",
    "EnsembleKind",
    "Erratum",
    "Quantity",
    "Reported",
    "Rung",
    "Step",
    "Study",
    "builtin_names",
    "load",
    "parse",
    "value_at",
]
