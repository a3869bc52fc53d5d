"""Pictures of the user's own: found, decoded once into a cache, sifted and split, without torch."""

from rungs.data.pictures.describing import (
    MOST_LISTED,
    UNEVEN,
    Survey,
    left_out_lines,
    survey_lines,
    unevenness,
)
from rungs.data.pictures.resolving import names_of, resolve

__all__ = [
    "MOST_LISTED",
    "UNEVEN",
    "Survey",
    "left_out_lines",
    "names_of",
    "resolve",
    "survey_lines",
    "unevenness",
]
