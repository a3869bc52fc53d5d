"""A store of the made-up study."""

import shutil
from pathlib import Path

import pytest

from rungs.statistics.predictions import Labels
from rungs.store import Store, open_store
from rungs.study import Study, parse
from rungs.study.plan import plan
from tests.fake import PLAIN, TEST, VALIDATION, put


@pytest.fixture(scope="module")
def study() -> Study:
    return parse(PLAIN, "fake.toml")


@pytest.fixture
def filled(tmp_path: Path, template: Path) -> Store:
    """A store of one's own; made once and copied, since every write waits for the disk."""
    shutil.copytree(template, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, study: Study) -> Path:
    store = open_store(tmp_path_factory.mktemp("template"))
    names = ("a", "b<script>", "c")
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        store.write_labels(study.data.fingerprint, part, Labels(labels, names))
    wanted = plan(study)
    rungs = {item.rung.name: item.runs for item in wanted.rungs}
    put(store, rungs["base"][0], right=3)
    put(store, rungs["base"][1], right=6)
    put(store, rungs["top"][0], right=9)
    put(store, rungs["broken"][0], failed="the loss is no longer finite at epoch 1, step 2")
    put(store, wanted.ensembles[0].runs[0], right=5, snapshots=(2, 4, 6))
    return store.root
