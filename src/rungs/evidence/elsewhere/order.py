"""Which recipe is held against which."""

from collections.abc import Mapping, Sequence

from rungs.foundation.errors import UsageError
from rungs.foundation.wording import counted, did_you_mean, shown


def pairs_of(
    names: Sequence[str], after: Mapping[str, str | None] | None = None
) -> list[tuple[str, str]]:
    """Each recipe with the one that it stands on, in the order given.

    Args:
        names: of all recipes.
        after: name -> the one that it stands on, None for none; what it does not name stands on
            the one before it, the first on none.

    Raises:
        UsageError: a name that is none, a circle, or nothing that stands on another.
    """
    stands: dict[str, str | None] = dict(zip(names, (None, *names), strict=False))
    for name, below in (after or {}).items():
        for one in (name, *([] if below is None else [below])):
            check_named("after", one, names)
        stands[name] = below
    for name in names:
        _check_way(name, stands)
    pairs = [(name, below) for name, below in stands.items() if below is not None]
    if not pairs:
        raise UsageError(
            f"expected recipes of which one stands on another, found "
            f"{counted(len(names), 'recipe')} and no such pair; give answers of two, or say in "
            "`after` what stands on what"
        )
    return pairs


def check_named(argument: str, name: object, names: Sequence[str]) -> None:
    """That there are answers of a recipe that an argument names.

    Raises:
        UsageError: there are none.
    """
    if name in names:
        return
    hint = did_you_mean(name, names) if isinstance(name, str) else ""
    raise UsageError(f"{argument}: there are no answers of {shown(name)}{hint}")


def _check_way(name: str, stands: Mapping[str, str | None]) -> None:
    """That the way down from a recipe has an end.

    Raises:
        UsageError: shows the circle.
    """
    way = [name]
    while (below := stands[way[-1]]) is not None:
        way.append(below)
        if below in way[:-1]:
            circle = " on ".join(map(shown, way[way.index(below) :]))
            raise UsageError(
                f"after: expected a ladder that begins somewhere, found a circle, {circle}; say of "
                "one of them that it stands on another or on none"
            )
