"""What the doctor finds."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

# A problem keeps something from working; a warning is a trap; a note may be of interest.
Level = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        what: was looked at.
        found: as it is.
        advice: what to do; empty where nothing has to be done.
    """

    level: Level
    what: str
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
