"""How long the first commands of the README take, and what they put on the disk.

Clones this repository's present commit into a temporary folder, then does there what ``make run``
does, in its two steps: the installation, and the study `quickstart`. Run as ``python
benchmarks/first_use.py``. Where pip gets its packages from a cache or a disk near by, as the facts
say of torch, a download is not in the seconds. ``--quick`` clones only.
"""

import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import timing

ROOT = Path(__file__).parent.parent
COLUMNS = ("step", "seconds", "megabytes")
MEGABYTE = 1e6


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Times every step, and measures what it adds."""
    quick = timing.options(__doc__).parse_args().quick
    surroundings = dict(os.environ)
    surroundings.pop("PYTHONPATH", None)  # the clone's own code, not this
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "rungs"
        steps = {
            "git clone": ["git", "clone", "-q", ROOT.as_uri(), str(clone)],
            "installation": ["make", "-C", str(clone), ".venv/.installed"],
            "rungs run quickstart": ["make", "-C", str(clone), "run"],
        }
        rows: list[dict[str, object]] = []
        before = 0
        for step, command in list(steps.items())[: 1 if quick else None]:
            start = time.perf_counter()
            subprocess.run(command, env=surroundings, check=True, stdout=subprocess.DEVNULL)
            seconds, after = time.perf_counter() - start, size(clone)
            added = (after - before) / MEGABYTE
            rows.append({"step": step, "seconds": seconds, "megabytes": added})
            before = after
        torch = ["-c", "import torch; print(torch.__version__)"]
        python = clone / ".venv" / "bin" / "python"
        found = "" if quick else subprocess.check_output([python, *torch], text=True).strip()
    timing.write(
        "first_use",
        "python benchmarks/first_use.py",
        COLUMNS,
        rows,
        facts={"torch that was installed": found},
        quick=quick,
    )


if __name__ == "__main__":
    main()
