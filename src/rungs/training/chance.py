"""Where the chance of a run comes from: its seed alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rungs.training.record import ExecutionRecord


def derive(seed: int, *purpose: object) -> int:
    """A seed for one purpose of a run, independent of those for others: 63 bits."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@contextmanager
def own_chance(record: ExecutionRecord) -> Iterator[None]:
    """While it lasts, torch's global generators are a run's, which seeds them; then put back.

    Networks draw from them, initial weights and dropout alike: so runs that take turns in a process
    each draw what they would alone, and who called them goes on undisturbed.
    """
    devices = [torch.cuda.current_device()] if record.device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
