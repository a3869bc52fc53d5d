"""``python -m rungs``."""

from rungs.cli import main

main()
