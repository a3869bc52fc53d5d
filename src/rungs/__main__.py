"""``python -m rungs``."""

import os
import sys

# Before anything else is imported: Python puts the current folder first, and a user's random.py
# there would be taken for its own.
if not sys.flags.safe_path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib is an import
    del sys.path[0]

from rungs.cli import main

main()
