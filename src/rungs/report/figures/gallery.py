"""Pictures on which a model was wrong and sure of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """One mistake.

    Attributes:
        source: the picture as a ``data:`` address.
        index: its number in its part of the data, from 0.
        true: name of its class.
        taken: name of the class that it was taken for.
        true_probability: what the model gave its class; None where classes alone are known.
        looked: the same with the places that moved the model to what it took it for, likewise as an
            address; empty where that cannot be told.
    """

    source: str
    index: int
    true: str
    taken: str
    true_probability: float | None
    looked: str = ""


@dataclass(frozen=True)
class Gallery:
    """The most confident mistakes of one run, those with the lowest probability first.

    Where classes alone are known, the first ones.

    Attributes:
        rung: whose run it is.
        seed: of the run.
        part: ``validation`` or ``test``.
        mistakes: how many there are in all.
    """

    rung: str
    seed: int
    part: str
    mistakes: int
    pictures: tuple[Picture, ...]
