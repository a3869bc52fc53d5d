"""A network as a paper shows it: a row for each stage, not for each operation that is computed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rungs.recipe.components import Convolutional, Network
from rungs.study.costs import LayerRow

_SHORT = {
    "batch normalisation": "BN",
    "global average pooling": "GAP",
    "AdaptiveMaxPool2d": "global max pooling",
}
_CONVOLUTION = re.compile(r"(\d+×\d+) (?:(depthwise|grouped) )?convolution")
_BESIDE = ("shortcut", "downsample")


@dataclass(frozen=True)
class Stage:
    """A row of the table.

    Attributes:
        name: of the stage, e.g. ``stage 2``.
        layers: what it is made of, e.g. ``[3×3, 64, BN, ReLU] × 2, 2×2 max pooling``.
        shape: of what it puts out for one image: channels, height, width, or units alone.
        parameters: of all in it, by Keras's count.
    """

    name: str
    layers: str
    shape: tuple[int, ...]
    parameters: int


def stages(rows: Sequence[LayerRow], network: Network) -> tuple[Stage, ...]:
    """The stages of a network from its operations, in the order in which an image passes them.

    What may be computed in either order stands as it is written down: an activation that never
    falls before the max pooling that is computed first.

    Args:
        rows: its operations in the order in which they are computed.
        network: that they are of.
    """
    groups: dict[str, list[LayerRow]] = {}
    for row in rows:
        groups.setdefault(re.split(r"[,.]", row.place)[0], []).append(row)
    ours = network if isinstance(network, Convolutional) else None
    return tuple(_stage(name, group, ours) for name, group in groups.items())


def _stage(name: str, rows: Sequence[LayerRow], network: Convolutional | None) -> Stage:
    main, beside, end = _parts(rows)
    body = [_token(row) for row in main]
    after = [_token(row) for row in _as_written(end or main, network)]
    if beside:
        added = ", ".join(_token(row) for row in beside)
        words = [f"[{', '.join(body)}] + [{added}]", *after]
    else:
        words = _repeated(after)
        if network is not None and name.startswith("stage") and _adds_input(network):
            words = [*words, "identity shortcut"]
    whole = [row for row in (*main, *end) if row.shape]
    shape = (whole or list(rows))[-1].shape
    return Stage(name, ", ".join(filter(None, words)), shape, sum(row.parameters for row in rows))


def _parts(
    rows: Sequence[LayerRow],
) -> tuple[Sequence[LayerRow], Sequence[LayerRow], Sequence[LayerRow]]:
    """What a shortcut leads past, the shortcut, and what comes after the two are added."""
    beside = [row for row in rows if any(word in row.place for word in _BESIDE)]
    if not beside:
        return rows, (), ()
    main = [row for row in rows if row not in beside]
    last = max((i for i, row in enumerate(main) if _CONVOLUTION.search(row.operation)), default=-1)
    # The shortcut is computed after the body, up to what is computed of the sum; or before it.
    before = rows.index(beside[0])
    cut = before if before > last else last + 1
    return main[:cut], beside, main[cut:]


def _as_written(rows: Sequence[LayerRow], network: Convolutional | None) -> list[LayerRow]:
    found = list(rows)
    if network is None or not network.activation.rises:
        return found
    # Its module is called as it is; to make one would take torch.
    name = type(network.activation).__name__.lower()
    for i, (one, other) in enumerate(pairwise(rows)):
        if "max pooling" in one.operation and other.operation.lower() == name:
            found[i], found[i + 1] = other, one
    return found


def _adds_input(network: Convolutional) -> bool:
    """Whether a stage without a convolution beside it has a shortcut all the same."""
    block = network.block
    return block.kind == "pre_activation" or bool(getattr(block, "residual", False))


def _token(row: LayerRow) -> str:
    """An operation in few letters; empty for what only arranges values."""
    found = _CONVOLUTION.fullmatch(row.operation)
    if found is not None:
        size, kind = found.groups()
        return ", ".join(filter(None, (" ".join(filter(None, (size, kind))), str(row.shape[0]))))
    if row.operation == "dense":
        return f"dense {row.shape[-1]}"
    return "" if row.operation == "flatten" else _SHORT.get(row.operation, row.operation)


def _repeated(tokens: Sequence[str]) -> list[str]:
    """The same with what follows itself, from a convolution on, written once in brackets."""
    tokens = [token for token in tokens if token]
    found: list[str] = []
    place = 0
    while place < len(tokens):
        length, times = _period(tokens, place)
        if times > 1:
            found.append(f"[{', '.join(tokens[place : place + length])}] × {times}")
        else:
            found.append(tokens[place])
        place += length * times
    return found


def _period(tokens: Sequence[str], place: int) -> tuple[int, int]:
    """How many tokens from a place on are repeated, and how often they stand there."""
    if "×" not in tokens[place]:
        return 1, 1
    for length in range(1, (len(tokens) - place) // 2 + 1):
        one, times = tokens[place : place + length], 1
        while tokens[place + times * length : place + (times + 1) * length] == one:
            times += 1
        if times > 1:
            return length, times
    return 1, 1
