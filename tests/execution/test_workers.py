"""Runs in real processes: what is killed goes on and ends the same."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from rungs.data.images import DataSet
from rungs.execution import local
from rungs.execution import process as processes
from rungs.execution.cores import pin
from rungs.execution.engine import EpochEnded, Event, Finished, Lost, Refused, Started
from rungs.execution.messages import Go, parse, spell
from rungs.execution.probe import side_by_side
from rungs.execution.process import end, hear, heard, say, start
from rungs.foundation import files
from rungs.foundation.errors import MessageError, OwnModuleError
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.modifications import apply
from rungs.recipe.own_modules import forget_module, load_module, not_ours
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.study.jobs import Job
from rungs.training.record import ExecutionRecord
from tests.conftest import SETTING
from tests.runs import DRAWN, RECIPE, happening, weights

CONDUCTOR = """
import json, sys
from pathlib import Path
from rungs.execution.engine import EpochEnded, Order, Resources, Site
from rungs.execution.engines import open_engine
from rungs.store import Store
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from rungs.training.record import Setting, choose_record

store, *jobs = sys.argv[1:]
request = Setting(choose_record("cpu", 1)).request
with open_engine("local", Site(Store(Path(store)), Machine("cpu", "", 2, 1))) as engine:
    for job in jobs:
        engine.submit(Order.of(Job.from_dict(json.loads(job)), request, Resources(1)))
    for event in engine.events():
        number = event.entry.epoch if isinstance(event, EpochEnded) else None
        print(event.kind, event.key, number, flush=True)
"""


def conduct(store: Store, specs: list[RunSpec]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CONDUCTOR, str(store.root)]
        + [json.dumps(Job(spec).to_dict()) for spec in specs],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def do(store: Store, specs: list[RunSpec], modules: Sequence[Path] = ()) -> list[Event]:
    """The runs in worker processes, two side by side."""
    return list(happening(store, [Job(spec) for spec in specs], modules=modules))


def workers_of(conductor: int) -> list[int]:
    """Process ids of a conductor's workers."""
    text = Path(f"/proc/{conductor}/task/{conductor}/children").read_text()
    return [int(pid) for pid in text.split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def runs_of(epochs: int) -> list[RunSpec]:
    recipe = Recipe(
        network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.1, 0.1)), batch_size=32
    )
    recipe = apply(recipe, "affine", {"rotation": 0.2})
    return [RunSpec(recipe, epochs, DRAWN, seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the runs of `runs_of` as they end when nobody kills anything."""
    store = open_store(tmp_path_factory.mktemp("undisturbed"))
    events = do(store, runs_of(8))
    assert [event.kind for event in events].count("done") == 2
    assert not any(event.done for event in events if isinstance(event, Started))
    return store


def test_what_prints_while_python_starts_is_not_taken_for_an_answer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = r"""
import json, os
os.write(1, b"caf\xe9")
print("hello")
print(json.dumps({"event": "done"}))
print("5", end="")
"""
    (tmp_path / "sitecustomize.py").write_text(noise, encoding="utf-8")
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    events = do(store, runs_of(1))
    assert [event.kind for event in events].count("done") == 2
    together = side_by_side(runs_of(1)[0], SETTING.record, 1)
    assert together is not None


def test_a_worker_that_closed_its_pipe_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_SECONDS_TO_END", 0.5)
    deaf = "import os, sys, time; os.close(1); time.sleep(100)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True)
    assert next(heard(process), None) is None
    assert processes.end_of(process) == "its process could not be heard any more, and was ended"
    assert process.poll() is not None
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize("victim", ["conductor", "worker", "all"])
def test_killed_runs_go_on_and_end_with_the_same_weights(
    store: Store, undisturbed: Store, victim: str
) -> None:
    specs = runs_of(8)
    process = conduct(store, specs)
    assert process.stdout is not None
    for line in process.stdout:  # until some epochs are done
        kind, _, number = line.split()
        if kind == "epoch" and int(number) >= 3:
            break
    workers = workers_of(process.pid)
    if victim == "conductor":
        process.kill()
    elif victim == "worker":
        os.kill(workers[0], signal.SIGKILL)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while not all(gone(pid) for pid in workers):  # orphaned workers end themselves
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert not all(store.is_finished(spec.key) for spec in specs)
    todo = [spec for spec in specs if not store.is_finished(spec.key)]
    events = do(store, todo)
    assert max(event.done for event in events if isinstance(event, Started)) >= 2
    for spec in specs:
        assert weights(store, spec.key) == weights(undisturbed, spec.key)
        assert [e.val_loss for e in store.result(spec.key).history] == [
            e.val_loss for e in undisturbed.result(spec.key).history
        ]


def test_more_runs_than_workers_are_all_done(store: Store) -> None:
    specs = [RunSpec(RECIPE, 1, DRAWN, seed) for seed in range(3)]
    events = do(store, specs)
    finished = [event.key for event in events if isinstance(event, Finished)]
    assert sorted(finished) == sorted(spec.key for spec in specs)
    assert {store.result(spec.key).workers for spec in specs} == {2}


@pytest.fixture
def two_cores() -> Iterator[set[int]]:
    """This process on two cores."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores, and a system that lets a process choose")
    before = os.sched_getaffinity(0)
    cores = set(sorted(before)[:2])
    os.sched_setaffinity(0, cores)
    yield cores
    pin(before)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
def test_a_worker_has_cores_of_its_own_unless_its_run_began_with_more_threads(
    store: Store, tiny: DataSet, two_cores: set[int]
) -> None:
    begun, other = RunSpec(RECIPE, 2, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 1)
    began = ExecutionRecord(**{**SETTING.record.to_dict(), "threads": 2})
    files.write_json(store.work_folder(begun.key) / "execution.json", began.to_dict())
    found: dict[RunSpec, set[int]] = {}
    jobs = [Job(begun), Job(other)]
    runs = {job.spec.key: job.spec for job in jobs}
    for event in happening(store, jobs):
        if isinstance(event, EpochEnded) and runs[event.key] not in found:
            for pid in workers_of(os.getpid()):
                mask = os.sched_getaffinity(pid)
                found.setdefault(begun if mask == two_cores else other, mask)
    assert found[begun] == two_cores
    assert len(found[other]) == 1
    assert store.result(begun.key).execution["threads"] == 2


def test_threads_that_were_begun_before_are_kept_on_the_cores_too(two_cores: set[int]) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        core = {min(two_cores)}
        pin(core)
        assert os.sched_getaffinity(0) == core
        assert os.sched_getaffinity(thread.native_id or 0) == core
    finally:
        pin(two_cores)
        over.set()
        thread.join()


LOUD = """
import os

from rungs.extend import Activation, component

print("a module that is read")


@component
class Loud(Activation):
    \"\"\"max(x, 0), and says so.\"\"\"

    def build(self):
        from torch import nn

        print("a network that is built")
        os.write(1, b"past Python, as a library does\\n")
        return nn.ReLU()
"""


def test_what_a_users_module_prints_is_no_message_of_a_worker(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(LOUD, encoding="utf-8")
    load_module(path)
    try:
        recipe = apply(RECIPE, "activation", {"to": {"kind": "loud:loud"}})
        spec = RunSpec(recipe, 1, DRAWN, 0)
        events = do(store, [spec], modules=(path,))
        assert [event.kind for event in events if event.kind != "step"] == [
            "start",
            "epoch",
            "done",
        ]
        assert side_by_side(spec, SETTING.record, 1, (path,))
    finally:
        forget_module("loud")


def test_a_recipe_that_cannot_be_built_loses_its_own_run_alone(store: Store) -> None:
    too_small = Recipe(network=Convolutional(widths=(4, 4, 4, 4, 4), head=PoolingHead()))
    bad, good = RunSpec(too_small, 1, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 0)
    events = {event.key: event for event in do(store, [bad, good])}
    lost = events[bad.key]
    assert isinstance(lost, Lost)
    assert "would have no pixels left" in lost.reason
    assert isinstance(events[good.key], Finished)


def test_a_module_that_is_gone_is_told_before_anything_is_trained(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(OwnModuleError, match=r"gone\.py cannot be read"):
        do(store, [RunSpec(RECIPE, 1, DRAWN, 0)], modules=[tmp_path / "gone.py"])


def test_a_module_that_was_changed_meanwhile_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(LOUD, encoding="utf-8")
    load_module(path)
    try:
        recipe = apply(RECIPE, "activation", {"to": {"kind": "loud:loud"}})
        path.write_text(LOUD + "# changed", encoding="utf-8")
        (event,) = do(store, [RunSpec(recipe, 1, DRAWN, 0)], modules=(path,))
    finally:
        forget_module("loud")
    assert isinstance(event, Refused)
    assert "a module was changed while the study ran" in event.message


def test_a_worker_of_another_version_is_one_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = json.dumps({"version": 99, "kind": "start", "key": "k"})
    code = f"print({newer!r}); print('\x1e' + {newer!r}, flush=True); input()"

    def start(_: str, **__: object) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)

    monkeypatch.setattr(local, "start", start)
    with pytest.raises(MessageError, match="its version is '99', expected"):
        do(store, [RunSpec(RECIPE, 1, DRAWN, 0)])


def test_a_worker_says_so_if_it_is_sent_what_it_does_not_know() -> None:
    process = start("worker")
    try:
        say(process, json.dumps({"version": 99, "kind": "train"}))
        answer = parse(hear(process) or "")
        assert isinstance(answer, Refused)
        assert "its version is '99'" in answer.message
        say(process, spell(Go()))
        answer = parse(hear(process) or "")
        assert isinstance(answer, Refused)
        assert answer.message.endswith("is no order: go")
    finally:
        end(process)


def test_half_a_message_is_that_of_a_process_that_was_killed() -> None:
    code = "print('noise\\x1ewhole\\n\\x1ehal', end='', flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert list(heard(process)) == ["whole"]
    end(process)


STRANGE = """
from rungs.extend import Activation, component


@component
class Strange(Activation):
    \"\"\"Takes maps of another width than there are.\"\"\"

    def build(self):
        from torch import nn

        return nn.Linear(5, 5)
"""


def test_what_fails_inside_a_library_loses_its_own_run_alone(store: Store, tmp_path: Path) -> None:
    """Though no line of the user's file is at work when it does."""
    path = tmp_path / "strange.py"
    path.write_text(STRANGE, encoding="utf-8")
    load_module(path)
    try:
        recipe = apply(RECIPE, "activation", {"to": {"kind": "strange:strange"}})
        bad, good = RunSpec(recipe, 1, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 0)
        events = {event.key: event for event in do(store, [bad, good], modules=(path,))}
    finally:
        forget_module("strange")
    lost = events[bad.key]
    assert isinstance(lost, Lost)
    assert "RuntimeError: mat1 and mat2 shapes cannot be multiplied" in lost.reason
    assert isinstance(events[good.key], Finished)


def test_only_a_fault_in_frames_of_ours_is_ours(tmp_path: Path) -> None:
    def raised(fault: Callable[[], object]) -> str | None:
        try:
            fault()
        except Exception as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            return not_ours(error)
        raise AssertionError

    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    assert raised(partial(files.read_json, broken)) is None  # raised by json, which we called
    assert raised(partial(RunSpec.from_dict, {})) is None
    said = raised(partial(nn.Linear(2, 2), torch.ones(3)))
    assert said is not None
    assert re.search(r"RuntimeError: .*, raised in nn/modules/linear\.py, line \d+$", said)


HELPED = """
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

from rungs.extend import Activation, component

IDLE = 120  # seconds: longer than any test waits


def idle():
    time.sleep(IDLE)


def forked():
    process = multiprocessing.get_context("fork").Process(target=idle)
    process.start()
    return process.pid


def started():
    \"\"\"With all that this process has open, as C code that forks leaves it.\"\"\"
    there = [int(name) for name in os.listdir("/proc/self/fd")]
    kept = [number for number in there if os.path.exists(f"/proc/self/fd/{number}")]
    code = f"import time; time.sleep({IDLE})"
    return subprocess.Popen([sys.executable, "-c", code], pass_fds=kept).pid


@component
class Helped(Activation):
    \"\"\"max(x, 0), with a process that outlives this one.\"\"\"

    def build(self):
        from torch import nn

        note = Path(__file__).with_name("helper")
        if not note.exists():
            note.write_text(str(HOW()))
        return nn.ReLU()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize("how", ["forked", "started"])
def test_a_killed_worker_is_lost_at_once_though_a_process_of_its_own_lives_on(
    store: Store, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "helped.py"
    path.write_text(HELPED.replace("HOW", how), encoding="utf-8")
    load_module(path)
    try:
        recipe = apply(RECIPE, "activation", {"to": {"kind": "helped:helped"}})
        killed, other = RunSpec(recipe, 500, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 1)
        events: list[Event] = []
        for event in happening(store, [Job(killed), Job(other)], workers=1, modules=(path,)):
            events.append(event)
            if isinstance(event, EpochEnded) and event.key == killed.key and event.entry.epoch == 1:
                for worker in workers_of(os.getpid()):
                    os.kill(worker, signal.SIGKILL)
        helper = int((tmp_path / "helper").read_text())
        assert not gone(helper)  # all that time, to the engine's end
        os.kill(helper, signal.SIGKILL)
    finally:
        forget_module("helped")
    (lost,) = [event for event in events if isinstance(event, Lost)]
    assert lost.key == killed.key
    assert "was killed (SIGKILL)" in lost.reason
    assert isinstance(events[-1], Finished)
    assert events[-1].key == other.key


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds processes through /proc")
def test_a_forked_process_has_nothing_of_the_pipe() -> None:
    code = """
import os, time
from rungs.execution.process import take_stdout, tell
pipe = take_stdout()
child = os.fork()
if child == 0:
    tell(pipe, "of the child")
    time.sleep(120)
    os._exit(0)
time.sleep(0.2)
tell(pipe, str(child))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    (child,) = map(int, heard(process))
    assert not gone(child)
    os.kill(child, signal.SIGKILL)
    end(process)
