"""Faults with real processes and real signals: nothing that was finished is lost or changed."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load
from rungs.data.pictures import resolve
from rungs.data.pictures_spec import FolderSpec
from rungs.execution import worker
from rungs.execution.engine import EpochEnded, Event, Lost
from rungs.execution.messages import Told
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation import files
from rungs.foundation.errors import StoreError
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.modifications import apply
from rungs.store import Store, open_store
from rungs.store.index import Index
from rungs.store.results import RunSpec
from rungs.store.run_folder import check_manifest
from rungs.study.jobs import Job
from tests.conftest import SETTING, SUMMARY
from tests.pictures import write_class_folders
from tests.runs import ASKED, happening

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX system")

DRAWN = SyntheticSpec(classes=4, train=300, validation=60, test=80, size=16)
RECIPE = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=32)

STUDY = """
name = "faults"
title = "Faults"
base = "base"
final = "base"
budget = "short"
seeds = 2

[data]
kind = "synthetic"
classes = 4
train = 300
validation = 60
test = 80
size = 16

[budgets]
short = 6

[recipe]
batch_size = 32

[recipe.network]
widths = [4]
head = { kind = "global_average_pooling" }

[[rungs]]
name = "base"
"""

# Kills children at random moments of a run until it is finished, run after run. A child is a fork,
# so that torch is imported once; it is killed by a signal like any other process.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from rungs.data.loading import load
from rungs.execution.run_one import keep_labels, run_one
from rungs.study.jobs import Job
from rungs.store.results import RunSpec
from rungs.store import open_store
from rungs.training import checkpoint
from rungs.training.record import Setting, choose_record

torch.set_num_threads(1)
folder, wanted = sys.argv[1:]
store = open_store(Path(folder))
specs = [RunSpec.from_dict(spec) for spec in json.load(sys.stdin)]
data = load(specs[0].data)
keep_labels(store, data)
draw = random.Random(0)
kills = backwards = 0
longest = 0.2  # seconds; follows the speed of the machine, so that some epochs get done
finished = []
for spec in specs:
    before = 0
    while not store.is_finished(spec.key):
        child = os.fork()
        if child == 0:
            run_one(store, Job(spec), data, setting=Setting(choose_record("cpu", 1)))
            os._exit(0)
        time.sleep(draw.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        if not (os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0):
            sys.exit(f"a child ended by itself with {status}")
        progress = checkpoint.load(store.root / "work" / spec.key)
        done = len(progress.history) if progress else 0
        # A run whose last result is written needs its checkpoint no more.
        ended = (store.root / "work" / spec.key / "run.json").exists()
        backwards += done < before and not (ended or store.is_finished(spec.key))
        stuck = done == before and not store.is_finished(spec.key)
        longest = longest * 1.3 if stuck else max(0.05, longest * 0.8)
        before = done
    finished.append(spec.key)
    if kills >= int(wanted):
        break
print(json.dumps({"kills": kills, "backwards": backwards, "finished": finished}))
"""


def specs(count: int, epochs: int) -> list[RunSpec]:
    cycles = apply(RECIPE, "cosine_cycles", {"cycles": 2, "alpha0": 0.002})
    augmented = apply(RECIPE, "affine", {"rotation": 0.2})
    recipes = [RECIPE, cycles, augmented]
    return [RunSpec(recipes[i % 3], epochs, DRAWN, i // 3) for i in range(count)]


def contents(store: Store, key: str) -> dict[str, object]:
    """What a run's end is: weights and predictions bit for bit, and the figures of its epochs."""
    folder = store.run_folder(key)
    check_manifest(folder)
    kept: dict[str, object] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("weights", "predictions")
        for path in sorted((folder / part).iterdir())
    }
    history = store.result(key).history
    return kept | {"history": [(e.train_loss, e.val_loss, e.val_accuracy) for e in history]}


def test_killed_at_100_random_moments_every_run_ends_exactly_as_undisturbed(
    store: Store, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    todo = specs(60, epochs=6)
    killer = subprocess.run(
        [sys.executable, "-c", KILLER, str(store.root), "100"],
        input=json.dumps([spec.to_dict() for spec in todo]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=280,
    )
    outcome = json.loads(killer.stdout)
    assert outcome["kills"] >= 100
    assert outcome["backwards"] == 0
    finished = [spec for spec in todo if spec.key in outcome["finished"]]

    whole = open_store(tmp_path / "whole")
    events_of(finished, whole)
    exact = sum(contents(store, spec.key) == contents(whole, spec.key) for spec in finished)
    record_property(
        SUMMARY,
        f"{outcome['kills']} kills at random moments, {len(finished)} runs, "
        f"{exact} ended exactly as undisturbed",
    )
    assert exact == len(finished) > 0


# Begins a run three times: killed in the middle of an epoch, killed after another, undisturbed.
TWICE_KILLED = """
import json, os, signal, sys
from pathlib import Path
import torch
from rungs.data.loading import load
from rungs.execution.run_one import keep_labels, run_one
from rungs.study.jobs import Job
from rungs.store.results import RunSpec
from rungs.store import open_store
from rungs.training.record import Setting, choose_record

torch.set_num_threads(1)
store = open_store(Path(sys.argv[1]))
spec = RunSpec.from_dict(json.load(sys.stdin))
data = load(spec.data, allow_download=False)
keep_labels(store, data)
began = []

def begin(**callbacks):
    child = os.fork()
    if child == 0:
        run_one(store, Job(spec), data, setting=Setting(choose_record("cpu", 1)), **callbacks)
        os._exit(0)
    began.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def end(*_):
    os.kill(os.getpid(), signal.SIGKILL)

begin(on_step=lambda done: end() if store.epochs_done(spec.key) == 1 and done > 0.4 else None)
begin(on_epoch=lambda entry: end() if entry.epoch == 3 else None)
begin()
print(json.dumps(began))
"""


def test_a_run_over_own_pictures_that_is_killed_ends_with_the_same_weights(
    store: Store, tmp_path: Path
) -> None:
    write_class_folders(tmp_path / "photos", {"cats": 40, "dogs": 40})
    pictures = resolve(FolderSpec(path="photos", size=8), tmp_path).spec
    recipe = apply(apply(replace(RECIPE, batch_size=8), "flip", {}), "shift", {"pixels": 2})
    spec = RunSpec(recipe, 5, pictures, 0)
    killed = subprocess.run(
        [sys.executable, "-c", TWICE_KILLED, str(store.root)],
        input=json.dumps(spec.to_dict()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=200,
    )
    assert json.loads(killed.stdout) == [-signal.SIGKILL, -signal.SIGKILL, 0]
    whole = open_store(tmp_path / "whole")
    data = load(pictures)
    keep_labels(whole, data)
    assert run_one(whole, Job(spec), data, setting=SETTING)
    assert contents(store, spec.key) == contents(whole, spec.key)
    assert len(whole.result(spec.key).history) == 5


def rungs(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    """The program itself, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "rungs", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "faults.toml"
    path.write_text(STUDY)
    return path


def test_a_second_process_at_a_store_is_refused_by_name(tmp_path: Path, study: Path) -> None:
    store = open_store(tmp_path / "runs")
    with store.sole("rungs run other"):
        process = rungs("run", study.name, cwd=tmp_path)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1
        assert f"is in use by process {os.getpid()} on " in said
        assert "rungs run other" in said
        assert len(said.splitlines()) == 1
    process = rungs("run", study.name, cwd=tmp_path)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said


def events(specs: list[RunSpec], store: Store) -> Iterator[Event]:
    return happening(store, [Job(spec) for spec in specs], workers=1)


def events_of(specs: list[RunSpec], store: Store) -> list[Event]:
    return list(events(specs, store))


@pytest.fixture
def eight_gigabytes() -> Iterator[None]:
    """No process that is begun meanwhile gets more memory, so that none is really filled."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8_000_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.usefixtures("eight_gigabytes")
def test_a_run_without_enough_memory_is_reported_and_the_others_are_done(store: Store) -> None:
    # The second layer's weights have 9.7 GB.
    huge = Recipe(network=Convolutional(widths=(16_384, 16_384), head=PoolingHead()), batch_size=32)
    large, small = RunSpec(huge, 1, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 0)
    seen = events_of([large, small], store)
    kinds = {
        spec: [event.kind for event in seen if event.key == spec.key] for spec in (large, small)
    }
    assert kinds[large][-1] == "lost"
    assert kinds[small][-1] == "done"
    assert Lost(large.key, "its memory was not enough", memory=True) in seen
    assert not store.is_finished(large.key)


def test_a_worker_that_the_system_kills_is_reported_and_the_others_are_done(store: Store) -> None:
    first, second = RunSpec(RECIPE, 30, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 1)
    seen: list[Event] = []
    for event in events([first, second], store):
        seen.append(event)
        if isinstance(event, EpochEnded) and event.key == first.key:
            children = Path(f"/proc/self/task/{os.getpid()}/children")
            if not children.exists():
                pytest.skip("finds processes through /proc")
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
    lost = [event for event in seen if isinstance(event, Lost)]
    assert [event.key for event in lost] == [first.key]
    assert "killed (SIGKILL)" in lost[0].reason
    assert store.is_finished(second.key)
    assert not store.is_finished(first.key)


def test_a_gpu_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access\nCompile with ...")

    def leave(code: int) -> None:
        raise SystemExit(code)

    said: list[Told] = []
    monkeypatch.setattr(worker, "_do", fail)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit):
        worker._serve(ASKED, {}, said.append)
    reason = "its GPU failed: CUDA error: an illegal memory access"
    assert said == [Lost("k", reason, memory=False)]


# --- Ctrl-C while the page is made ---------------------------------------------------------------

# The program itself, whose page takes seconds to write, half of it before these.
SLOW_PAGE = """
import sys, time
from pathlib import Path
from rungs.cli import main
from rungs.foundation import files
from rungs.report.show import rendering

begun, seconds = Path(sys.argv.pop(1)), float(sys.argv.pop(1))
quick = rendering.write_text

def slowly(path, text):
    if path.name != "report.html" or begun.exists():
        return quick(path, text)

    def halves(file):
        file.write(text[: len(text) // 2].encode())
        begun.touch()
        time.sleep(seconds)
        file.write(text[len(text) // 2 :].encode())

    files.write_atomically(path, halves)

rendering.write_text = slowly
main()
"""


@pytest.mark.parametrize("seconds", [3, 100])
def test_ctrl_c_while_the_page_is_made_leaves_it_whole_or_as_it_was(
    tmp_path: Path, study: Path, seconds: float
) -> None:
    """For 3 s the end waits, for 100 s it does not: `rungs.execution.lagging` has 10 s for it."""
    text = study.read_text().replace("seeds = 2", "seeds = 1")
    study.write_text(text.replace("short = 6", "short = 1"))
    command = ("run", study.name, "--workers", "1", "--no-pictures")
    process = rungs(*command, cwd=tmp_path)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    page = tmp_path / "runs" / "reports" / "faults" / "short" / "report.html"
    former, begun = page.read_text(), tmp_path / "begun"
    # One short run more, after which the page is made, and then one that takes long.
    text = text.replace("short = 6", "short = { base = 1, quick = 1, slow = 5000 }")
    more = "[[rungs]]\nname = '{0}'\nafter = 'base'\nkeep = false\napply = ['{1}']\n"
    text += more.format("quick", "residual") + more.format("slow", "stack_convolutions")
    study.write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_PAGE, str(begun), str(seconds), *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    asked = time.monotonic()
    _, said = process.communicate(timeout=60)
    took = time.monotonic() - asked
    assert begun.exists()
    assert process.returncode == 130, said
    assert "the same command resumes from the last finished epoch" in said
    assert "Traceback" not in said
    assert "Fatal" not in said
    now = page.read_text()
    assert now.rstrip().endswith("</html>")
    assert (now == former) == (seconds > 10)
    assert took < 10 + 20  # and what the workers' end and that of Python take on a busy machine
    assert took > min(seconds, 10) - 1


# --- disks ---------------------------------------------------------------------------------------


def test_a_full_disk_is_one_sentence_and_harms_nothing(tmp_path: Path, study: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", str(disk)],
        stderr=subprocess.PIPE,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        process = rungs("run", study.name, "--store", "disk/runs", cwd=tmp_path)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 1
        assert "No space left on device; free some space: the same command then resumes" in said
        assert "Traceback" not in said
        before = open_store(disk / "runs")
        finished = {key: contents(before, key) for key in list(before.keys())}
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        process = rungs("run", study.name, "--store", "disk/runs", cwd=tmp_path)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
        after = open_store(disk / "runs")
        assert len(list(after.keys())) == 2
        for key, content in finished.items():
            assert contents(after, key) == content
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_cannot_grow_is_named(tmp_path: Path) -> None:
    """What a quota does, through the limit that a process can set for itself."""
    import resource  # not on Windows

    target = tmp_path / "file"
    files.write_text(target, "old")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            files.write_text(target, "x" * 5000)
        except OSError as error:
            os._exit(0 if (error.errno, error.filename) == (errno.EFBIG, str(target)) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, study: Path) -> None:
    (tmp_path / "runs").write_text("a file where the store should be")
    process = rungs("run", study.name, cwd=tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(said.splitlines()) == 1
    assert "no store can be made here" in said


# --- index ---------------------------------------------------------------------------------------


def test_an_index_that_cannot_be_written_remembers_nothing(tmp_path: Path) -> None:
    index = Index(tmp_path / "no-folder" / "index.sqlite")
    index.keep_cost("network", (1, 2, 3))
    assert index.cost("network") is None
    assert index.keys() == set()
    assert not index.path.parent.exists()


def test_an_index_in_use_is_waited_for_and_never_thrown_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    store.index.keep_cost("name", (1, 2, 3))
    holder = sqlite3.connect(store.index.path)
    holder.execute("BEGIN EXCLUSIVE")
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: real(path, timeout=0.1))
    with pytest.raises(StoreError, match="the index cannot be used: database is locked"):
        store.index.rows()
    holder.rollback()
    holder.close()
    assert store.index.cost("name") == (1, 2, 3)


def test_an_index_of_another_version_is_made_anew(store: Store) -> None:
    import sqlite3

    events_of([RunSpec(RECIPE, 1, DRAWN, 0)], store)
    for script in (
        "PRAGMA user_version = 99",
        "DROP TABLE runs; CREATE TABLE runs (other TEXT)",
    ):
        with sqlite3.connect(store.index.path) as connection:
            connection.executescript(script)
        connection.close()
        assert open_store(store.root).index.keys() == set(store.keys())


def test_a_run_that_cannot_be_read_does_not_hide_the_others(store: Store) -> None:
    first, second = RunSpec(RECIPE, 1, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 1)
    events_of([first, second], store)
    (store.run_folder(first.key) / "run.json").write_text("{")
    store.index.clear()
    assert open_store(store.root).index.keys() == {second.key}
    with pytest.raises(StoreError, match="this run cannot be read"):
        store.result(first.key)


def test_two_openings_at_once_agree(store: Store) -> None:
    """Several processes find the index missing: all repair it, none is harmed."""
    events_of([RunSpec(RECIPE, 1, DRAWN, seed) for seed in range(3)], store)
    store.index.clear()
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                for number in range(10):
                    open_store(store.root).index.keep_cost(f"{number}", (number, 0, 0))
                os._exit(0)
            except BaseException as error:
                os.write(2, f"{error!r}\n".encode())
                os._exit(1)
        children.append(pid)
    deadline = time.monotonic() + 200
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert time.monotonic() < deadline
    assert open_store(store.root).index.keys() == set(store.keys())
