"""What the page about judging shows, made by the code that stands on it."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

from rungs.report.judged import Judgement, judge_files

PAGE = Path(__file__).parent / "judging.md"
# Two tables, each with its title; sentences on how to read them follow.
_PARTS = 4


def arrays() -> str:
    """The tables of the example with arrays."""
    return _block(str(_done(0)["found"]))


def files() -> str:
    """The tables of the example with a file."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _done(1)
        return _block(_judged(Path("answers.csv")).text())


def _judged(path: Path) -> Judgement:
    """As the command on the page asks."""
    return judge_files([path], after={"smoothed": "base"}, margin=0.02)


def _done(number: int) -> dict[str, object]:
    """The names that a block of Python on the page leaves behind."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(blocks[number], str(PAGE), "exec"), names)
    return names


def _block(text: str) -> str:
    tables = "\n\n".join(text.split("\n\n")[:_PARTS])
    return f"```text\n{tables.rstrip()}\n```"
