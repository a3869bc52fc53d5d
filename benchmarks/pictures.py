"""Memory that pictures of one's own take, for sets of growing size: it must not grow with them.

    python benchmarks/pictures.py [PICTURES ...]

Noise of 200x200 pixels is written as BMP files, read into a cache and gone through once in random
order. Each size is a process of its own. Printed are the greatest anonymous memory beyond what the
imports take, which is what a process cannot give back, the seconds of reading and of one pass, and
the size of the file. What the system keeps of files in memory is not counted: it is given up
whenever something else needs it.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SIZES = (500, 1000, 2000, 4000)
SIDE = 200
BATCH = 128


def anonymous_bytes() -> int:
    """Memory of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


class Peak:
    """The greatest anonymous memory while it is watched."""

    def __init__(self) -> None:
        self.bytes = anonymous_bytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, anonymous_bytes())

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def draw(root: Path, count: int) -> None:
    """Pictures of noise in two classes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
    for index in range(count):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "ab"[index % 2] / f"{index}.bmp")


def measure(count: int) -> str:
    """One size, in this process."""
    import torch

    import rungs.data.pictures.building  # noqa: F401 - so that its import is not counted
    from rungs.data.loading import load
    from rungs.data.pictures import resolve
    from rungs.data.pictures_spec import FolderSpec

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder / "photos", count)
        before = anonymous_bytes()
        began = time.perf_counter()
        with Peak() as reading:
            spec = FolderSpec(path="photos", size=SIDE)
            found = resolve(spec, folder, cache_dir=folder / "cache").spec
        read = time.perf_counter() - began
        images = load(found, cache_dir=folder / "cache", allow_download=False).exploration.train
        began = time.perf_counter()
        with Peak() as passing:
            for batch in torch.split(torch.randperm(len(images)), BATCH):
                assert len(images.pixels[batch]) == len(batch)
        passed = time.perf_counter() - began
        size = sum(path.stat().st_size for path in (folder / "cache").rglob("pixels"))
    return (
        f"{count:>8,} pictures  file {size / 1e6:7.1f} MB  reading: {read:6.1f} s, "
        f"{(reading.bytes - before) / 1e6:6.1f} MB  one pass over training: {passed:5.1f} s, "
        f"{(passing.bytes - before) / 1e6:6.1f} MB"
    )


def main() -> None:
    """All sizes, each in a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        print(measure(int(sys.argv[2])))
        return
    for count in [int(argument) for argument in sys.argv[1:]] or SIZES:
        subprocess.run([sys.executable, __file__, "--one", str(count)], check=True)


if __name__ == "__main__":
    main()
