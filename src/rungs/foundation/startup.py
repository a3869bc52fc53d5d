"""What a process of ours sees to first: its standard streams, and where it imports from."""

import os
import sys
from collections.abc import Mapping


def open_streams() -> None:
    """Has each standard stream that is closed lead nowhere, so that nothing that is written fails.

    Otherwise the next file that is opened would take its number, and what is printed would go
    into that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what makes Python import from the current folder by accident.

    In ``PYTHONPATH``, which is the user's own, an empty entry means that folder: what
    ``PYTHONPATH=$PYTHONPATH:more`` makes of none.
    """
    found = dict(environ)
    if "PYTHONPATH" in found:
        kept = [place for place in found.pop("PYTHONPATH").split(os.pathsep) if place]
        found |= {"PYTHONPATH": os.pathsep.join(kept)} if kept else {}
    return found
