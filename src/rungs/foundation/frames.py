"""Results as tables of pandas, for those who have it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rungs.foundation.extras import require

if TYPE_CHECKING:
    import pandas as pd


def dataframe(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """A ``pandas.DataFrame`` with a row for each of the mappings, which have the same keys.

    Raises:
        RungsError: pandas is not installed; names the command that installs it.
    """
    require("pandas", "to_dataframe()", instead="to_dict() gives the same without it")
    import pandas as pd

    return pd.DataFrame(list(rows))


def flat(plain: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """One row of nested tables: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``; lists stay."""
    row: dict[str, Any] = {}
    for key, value in plain.items():
        name = f"{above}{key}"
        row |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return row
