"""Shared fixtures: tiny data, quick enough for hundreds of steps."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from rungs.data import DataSet, Exploration, ImageSet
from rungs.dataspec import SyntheticSpec
from rungs.store import Store, open_store
from rungs.training.record import Setting, choose_record

# How runs of tests compute.
RECORD = choose_record("cpu", 1)
SETTING = Setting(RECORD)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side: one torch thread each, and torch's global state put back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("default")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache is left alone; the drawn pictures are shared by the tests of a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return open_store(tmp_path / "store")


TINY = SyntheticSpec(classes=4, train=150, validation=60, test=80, size=8)


@pytest.fixture
def tiny() -> DataSet:
    """150 / 60 / 80 random images of 8x8 in 4 classes whose colours differ."""
    generator = torch.Generator().manual_seed(5)

    def images(n: int) -> ImageSet:
        labels = torch.arange(n) % 4
        noise = torch.randint(0, 200, (n, 3, 8, 8), generator=generator)
        pixels = (noise + 15 * labels[:, None, None, None]).to(torch.uint8)
        return ImageSet(pixels, labels)

    names = ("a", "b", "c", "d")
    return DataSet(
        name="tiny",
        exploration=Exploration(images(150), images(60), names),
        test=images(80),
        class_names=names,
        group_names=(),
        groups=(),
        fingerprint=TINY.fingerprint,
    )
