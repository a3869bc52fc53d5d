"""Changes written as calls, such as ``mixup(0.2)``: on the command line and in study files."""

import ast
import keyword
import re
import warnings
from typing import Any

from rungs.foundation.errors import RecipeError
from rungs.foundation.wording import shown
from rungs.recipe.modifications import find
from rungs.recipe.modifications.registry import Modification, written
from rungs.recipe.synonyms import takes_values_in_order

# Python's grammar has no ``mine:widen``: a word that nobody writes stands for the colon.
_COLON = "_rungs_colon_"
_OWN = re.compile(r"\b([A-Za-z_]\w*):([A-Za-z_]\w*)")

# Python's own words name no parameter of a call: `from = ` is parsed as `from_ = `. Texts in quotes
# stay as they are.
_WORD = re.compile(rf"(\"[^\"]*\"|'[^']*')|\b({'|'.join(keyword.kwlist)})(?=\s*=(?!=))")


def _readable(text: str) -> str:
    """A call as Python can parse it."""
    named = _WORD.sub(lambda found: found[1] or f"{found[2]}_", text.strip())
    return _OWN.sub(rf"\1{_COLON}\2", named)


def parse_change(text: str) -> tuple[str, dict[str, Any]]:
    """A modification and its parameters from a call such as ``label_smoothing(0.1)``.

    Parameters without a name are taken in the modification's order; ``residual`` alone is
    ``residual()``; a component is a call too: ``activation(elu(alpha=0.5))``. Nothing of the text
    is run. What a user's module defines is written with its name: ``mine:widen(2)``.

    Returns:
        Name and parameters by our words for them; the values are not checked.

    Raises:
        RecipeError: no such call or modification.
    """
    try:
        with warnings.catch_warnings():  # that Python's parser has of odd texts
            warnings.simplefilter("ignore")
            tree = ast.parse(_readable(text), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        if not isinstance(call.func, ast.Name):
            raise ValueError("no name")
        given = [_value(item) for item in call.args]
        named = _named(call)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise RecipeError(
            f"a change is a call with plain values, such as mixup(0.2), not {shown(text)}"
        ) from error
    called = _as_it_stood(call.func.id)
    entry = find(called)
    named = entry.in_our_words(named)
    names = list(entry.parameters)
    if given and not takes_values_in_order(called, entry.name):
        raise RecipeError(
            f"{called} is {entry.signature} here, and its values may be in another order "
            f"elsewhere: write it so, with each of its parameters' names"
        )
    if len(given) > len(names):
        raise RecipeError(f"{entry.signature} takes {len(names)} values, found {len(given)}")
    taken = dict(zip(names, given, strict=False))
    twice = sorted(set(taken) & set(named))
    if twice:
        raise RecipeError(f"{text}: '{twice[0]}' is given twice")
    return entry.name, _with_rungs(entry, entry.in_our_words(taken) | named)


def _with_rungs(entry: Modification, values: dict[str, Any]) -> dict[str, Any]:
    """The values, where a rung may be named without quotes: `distil(from = big)`."""
    return {
        name: value["kind"]
        if name in entry.rungs and isinstance(value, dict) and [*value] == ["kind"]
        else value
        for name, value in values.items()
    }


def _as_it_stood(name: str) -> str:
    """A name as it stood in the text."""
    return name.replace(_COLON, ":")


def _value(node: ast.expr) -> Any:
    """A plain value, or a component as the table that a study file would have."""
    if isinstance(node, ast.Name):
        return {"kind": _as_it_stood(node.id)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return {"kind": _as_it_stood(node.func.id), **_named(node)}
    return ast.literal_eval(node)


def _named(call: ast.Call) -> dict[str, Any]:
    named = {
        written(item.arg): _value(item.value) for item in call.keywords if item.arg is not None
    }
    if len(named) != len(call.keywords):
        raise ValueError("no ** here")
    return named
