"""Shared fixtures: tiny data, quick enough for hundreds of steps."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load as load_data
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.weight_files import name_weights
from rungs.network.building import build
from rungs.recipe.components import Convolutional
from rungs.recipe.own_modules import forget_module, loaded_files
from rungs.store import Store, open_store
from rungs.study import load
from rungs.study.jobs import Job
from rungs.study.plan import plan
from rungs.training.checkpoint import save_weights
from rungs.training.record import Setting, choose_record
from tests.studies import FIRST

# How runs of tests compute.
RECORD = choose_record("cpu", 1)
SETTING = Setting(RECORD)


# Name of the property by which a test has a line printed below the tests, also from a worker.
SUMMARY = "summary"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests counted."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, line in report.user_properties:
            if name == SUMMARY:
                terminalreporter.write_line(line)


@pytest.fixture(autouse=True, scope="session")
def heeds_ctrl_c() -> None:
    """A shell that begins the tests in the background has them, and their children, ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side: one torch thread each, and torch's global state put back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("default")


@pytest.fixture(autouse=True, scope="module")
def own_modules_forgotten() -> Iterator[None]:
    """What tests of one file load is in no catalogue that tests of another see."""
    yield
    for path in loaded_files():
        forget_module(path.stem)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache is left alone; the drawn pictures are shared by the tests of a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def example_weights(own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of weights that examples of the catalogue name: of the default network."""
    path = tmp_path_factory.mktemp("weights") / "example.safetensors"
    with torch.random.fork_rng(devices=[]):
        save_weights(build(Convolutional(), (3, 16, 16), 4), path)
    name_weights(path)
    return path


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, own_cache: None) -> Path:
    """A folder as a user has it after a study: `first.toml`, `runs`, and `photos` to ask about.

    Nothing in it may be changed by a test.
    """
    folder = tmp_path_factory.mktemp("finished")
    (folder / "first.toml").write_text(FIRST, encoding="utf-8")
    study = load(folder / "first.toml")
    data = load_data(study.data)
    store = open_store(folder / "runs")
    keep_labels(store, data)
    for spec in plan(study).runs:
        assert run_one(store, Job(spec), data, setting=SETTING)
    torch.set_deterministic_debug_mode("default")
    (folder / "photos").mkdir()
    for number, pixels in enumerate(data.test.pixels[:3]):
        picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
        picture.save(folder / "photos" / f"{number}.png")
    return folder
