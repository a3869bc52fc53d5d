"""What the documentation of a component or modification promises."""

from collections.abc import Iterator


def check_sentence(sentence: str) -> Iterator[str]:
    """That lists and help can show it.

    Args:
        sentence: the first line of the docstring, empty if there is none.
    """
    if not sentence:
        yield "it has no docstring"
    elif not sentence.endswith("."):
        yield f"its docstring begins with {sentence!r}, expected one sentence on the first line"
