"""The audit of CIFAR-100 whole: time and memory of each of its two steps.

Each step runs in a process of its own, whose peak memory then is the step's. The data must be at
hand (``RUNGS_DATA``). Run as ``python benchmarks/audit.py``.
"""

import argparse
import resource
import subprocess
import sys
import time

import timing
import torch

from rungs.data.audit.duplicates import find_duplicates
from rungs.data.audit.findings import Split
from rungs.data.audit.labels import find_label_errors
from rungs.data.images import ImageSet
from rungs.data.loading import load
from rungs.study import load as load_study

COLUMNS = ("step", "threads", "seconds", "CPU seconds", "peak MB", "found")
STEPS = ("duplicates", "label errors")


def measure(step: str, threads: int) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds, peak MB of this process, and the number of what is found."""
    torch.set_num_threads(threads)
    data = load(load_study("cifar100").data, allow_download=False)
    parts = data.exploration
    began, worked = time.perf_counter(), time.process_time()
    if step == "duplicates":
        sets: dict[Split, ImageSet] = {
            "train": parts.train,
            "validation": parts.validation,
            "test": data.test,
        }
        found = len(find_duplicates(sets).duplicates)
    else:
        found = len(find_label_errors(data, ())[0])
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    return seconds, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found


def main() -> None:
    """Measures both steps, or in a process of its own one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--step", choices=STEPS, help="only this one, as plain figures")
    options = parser.parse_args()
    if options.step:
        print(*measure(options.step, options.threads))
        return
    rows = []
    for step in STEPS:
        words = [sys.executable, __file__, "--threads", str(options.threads), "--step", step]
        printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        seconds, work, peak, found = map(float, printed.split())
        row = (step, options.threads, seconds, work, peak, int(found))
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    command = f"python benchmarks/audit.py --threads {options.threads}"
    timing.write("audit", command, COLUMNS, rows)


if __name__ == "__main__":
    main()
