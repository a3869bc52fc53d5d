"""What is decided of orders on any cluster: by one whose answers are written."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rungs.data.carried import pack as pack_data
from rungs.data.carried import unpack as unpack_data
from rungs.data.images import DataSet
from rungs.data.loading import load
from rungs.execution.cluster import MOST_TRIES, ClusterEngine, Gone, Needs
from rungs.execution.engine import (
    Cancelled,
    EpochEnded,
    Event,
    Finished,
    LeftOut,
    Lost,
    Site,
    Started,
)
from rungs.execution.likeness import Likeness
from rungs.execution.messages import Brought, Lacking, Message, Train, Unfit, parse, spell
from rungs.execution.node import Errand, attend, frame, unframe
from rungs.execution.parcels import (
    enter_progress,
    enter_run,
    pack,
    packed_progress,
    packed_run,
    unpack,
)
from rungs.execution.room import Room, machine_elsewhere
from rungs.execution.run_one import run_one
from rungs.foundation.errors import DataError, StoreError
from rungs.recipe import recipe_key
from rungs.recipe.components import Distillation
from rungs.store import Store, open_store
from rungs.store.results import Epoch, RunSpec, Teacher
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from tests.conftest import SETTING, TINY
from tests.runs import DRAWN, RECIPE, ordered, weights

HERE = Machine("cpu", "nodes", 2, 1)
SPEC = RunSpec(RECIPE, 2, TINY, 0)
EPOCH = Epoch(1, 2.0, 0.2, 1.9, 0.25, 0.001, 8.0, 0.5)

# What comes of an errand.
Answer = Callable[[Errand, Needs], list[bytes | Gone]]


class Written:
    """See `rungs.execution.cluster.Cluster`: errand after errand is answered as is written."""

    most = 1

    def __init__(self, *answers: Answer) -> None:
        self._answers = deque(answers)
        self._told: deque[tuple[int, bytes | Gone]] = deque()
        self.needs: list[Needs] = []
        self.errands: list[Errand] = []
        self.carried: dict[str, bytes] = {}
        self.nodes = {"a", "b"}

    def begin(self, ticket: int, errand: Errand, needs: Needs) -> None:
        self.needs.append(needs)
        self.errands.append(errand)
        self._told += [(ticket, item) for item in self._answers.popleft()(errand, needs)]

    def carry(self, fingerprint: str, data: bytes) -> None:
        self.carried[fingerprint] = data

    def stop(self, ticket: int) -> None:
        self._told.append((ticket, Gone()))

    def heard(self) -> Collection[tuple[int, bytes | Gone]]:
        return [self._told.popleft()] if self._told else []

    def has_node(self, needs: Needs) -> bool:
        return bool(self.nodes - needs.shunned)

    def close(self) -> None:
        pass


def says(*messages: Message | bytes | Gone) -> Answer:
    def answer(_errand: Errand, _needs: Needs) -> list[bytes | Gone]:
        told = [frame(item) if not isinstance(item, bytes | Gone) else item for item in messages]
        return [*told, Gone()] if not told or not isinstance(told[-1], Gone) else told

    return answer


@pytest.fixture
def elsewhere(tmp_path: Path, tiny: DataSet) -> Store:
    """Another store, where the run is finished."""
    store = open_store(tmp_path / "elsewhere")
    assert run_one(store, Job(SPEC), tiny, setting=SETTING)
    return store


def finished(elsewhere: Store) -> Answer:
    whole = frame(Brought(SPEC.key, "runs"), packed_run(elsewhere, SPEC.key))
    return says(Started(SPEC.key, 0, True, False), whole, Finished(SPEC.key, None))


def do(store: Store, cluster: Written, spec: RunSpec = SPEC) -> list[Event]:
    with ClusterEngine(Site(store, HERE), cluster) as engine:
        engine.submit(ordered(Job(spec)))
        return list(engine.events())


def test_a_finished_run_comes_with_all_its_files(store: Store, elsewhere: Store) -> None:
    events = do(store, Written(finished(elsewhere)))
    assert events == [Started(SPEC.key, 0, True, False), Finished(SPEC.key, None)]
    assert weights(store, SPEC.key) == weights(elsewhere, SPEC.key)
    assert not (store.root / "work" / SPEC.key).exists()
    # It is not asked for again.
    assert do(store, Written()) == [Finished(SPEC.key, None)]


def test_an_unfit_node_is_told_of_once_and_left_out(store: Store, elsewhere: Store) -> None:
    unfit = Unfit(SPEC.key, "a", "node-a: its torch is 1.0")
    cluster = Written(says(unfit), finished(elsewhere))
    assert do(store, cluster)[0] == LeftOut(SPEC.key, "a", "node-a: its torch is 1.0")
    assert [needs.shunned for needs in cluster.needs] == [frozenset(), frozenset({"a"})]


def test_where_every_node_is_unfit_the_run_is_lost_with_the_reasons(store: Store) -> None:
    unfit = [says(Unfit(SPEC.key, node, f"node-{node}: full")) for node in "ab"]
    last = do(store, Written(*unfit))[-1]
    assert last == Lost(SPEC.key, "no node can do it: node-a: full; node-b: full", memory=False)


def test_data_that_is_lacking_is_sent(store: Store, tmp_path: Path) -> None:
    spec = RunSpec(RECIPE, 2, DRAWN, 0)
    cluster = Written(
        says(Lacking(spec.key, "a", "node-a: no data")),
        says(Lacking(spec.key, "a", "node-a: it is damaged")),
        says(Cancelled(spec.key), Gone("stopped")),
        says(Gone("gone")),
        says(Gone("gone")),
    )
    events = do(store, cluster, spec)
    assert [errand.data for errand in cluster.errands[:3]] == ["", *[DRAWN.fingerprint] * 2]
    assert isinstance(events[0], LeftOut)  # where it was lacking though it was sent
    path = tmp_path / "sent.npz"
    path.write_bytes(cluster.carried[DRAWN.fingerprint])
    sent, here = unpack_data(path, DRAWN), load(DRAWN)
    assert torch.equal(sent.exploration.train.pixels[:], here.exploration.train.pixels[:])
    assert torch.equal(sent.test.labels, here.test.labels)
    assert (sent.class_names, sent.groups) == (here.class_names, here.groups)


def test_data_that_was_sent_is_what_the_run_is_named_by(tmp_path: Path) -> None:
    path = tmp_path / "sent.npz"
    content = pack_data(load(DRAWN))
    path.write_bytes(content)
    with pytest.raises(DataError, match="its fingerprint is"):
        unpack_data(path, DRAWN.model_copy(update={"seed": 5}))
    path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    with pytest.raises(DataError, match="it is not what was sent"):
        unpack_data(path, DRAWN)


def test_a_run_that_nodes_lose_goes_on_from_what_was_brought(
    store: Store, elsewhere: Store, tiny: DataSet, tmp_path: Path
) -> None:
    half = open_store(tmp_path / "half")
    run_one(half, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    progress = packed_progress(half, SPEC.key)
    assert progress is not None
    brought = frame(Brought(SPEC.key, "work"), progress)
    ended = EpochEnded(SPEC.key, EPOCH)
    cluster = Written(
        says(Gone("no answer")),
        says(Gone("no answer")),
        says(brought, ended, Gone("its node died")),  # after an epoch, tries are counted anew
        says(Gone("its node died")),
        finished(elsewhere),
    )
    assert do(store, cluster)[-1] == Finished(SPEC.key, None)
    assert [bool(errand.progress) for errand in cluster.errands] == [False] * 3 + [True] * 2
    assert unpack(cluster.errands[-1].progress) == unpack(progress)


def test_a_run_that_is_lost_again_and_again_is_given_up(store: Store) -> None:
    lost = do(store, Written(*[says(Gone("its node died"))] * MOST_TRIES))
    assert lost == [Lost(SPEC.key, "given up after 3 nodes in a row: its node died", memory=None)]


def test_what_does_not_arrive_whole_is_asked_for_again(store: Store, elsewhere: Store) -> None:
    parcel = packed_run(elsewhere, SPEC.key)
    files = unpack(parcel)
    other = pack({**files, "run.json": files["run.json"] + b" "})
    broken = [
        says(frame(Brought(SPEC.key, "runs"), content), Finished(SPEC.key, None))
        for content in (parcel[:-200], other)
    ]
    events = do(store, Written(*broken, finished(elsewhere)))
    assert events[-1] == Finished(SPEC.key, None)
    assert weights(store, SPEC.key) == weights(elsewhere, SPEC.key)


def test_a_parcel_holds_files_of_its_folder_alone(store: Store, elsewhere: Store) -> None:
    for name in ("../run.json", "/run.json", "a\\b"):
        with pytest.raises(StoreError, match="which is none of it"):
            unpack(pack({name: b""}))
    with pytest.raises(StoreError, match="arrived where"):
        enter_run(store, "another", packed_run(elsewhere, SPEC.key))
    assert not [*store.keys()]


def test_progress_that_comes_is_gone_on_from(
    store: Store, tiny: DataSet, tmp_path: Path, elsewhere: Store
) -> None:
    half = open_store(tmp_path / "half")
    run_one(half, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    (store.work_folder(SPEC.key) / "run.json").write_text("{}")  # of nothing that is whole
    enter_progress(store, SPEC.key, packed_progress(half, SPEC.key) or b"")
    begun: list[int] = []
    run_one(store, Job(SPEC), tiny, setting=SETTING, on_start=lambda done, _: begun.append(done))
    assert begun == [1]
    assert weights(store, SPEC.key) == weights(elsewhere, SPEC.key)


# --- a node --------------------------------------------------------------------------------------


def attended(train: Train) -> Iterator[Message]:
    for content in attend(Errand(spell(train)), node="n1", called="node-a"):
        yield unframe(content)[0]


def asked(spec: RunSpec, likeness: Likeness) -> Train:
    order = ordered(Job(spec))
    return Train(order, "", None, (), (), workers=None, likeness=likeness)


def test_a_node_that_is_unlike_says_so_and_trains_nothing() -> None:
    here = Likeness.here("cpu")
    other = replace(here, torch="1.0.0", instructions="none")
    (said,) = attended(asked(RunSpec(RECIPE, 2, DRAWN, 0), other))
    assert isinstance(said, Unfit)
    assert said.node == "n1"
    assert said.reason.startswith(f"node-a: its torch is {here.torch}, expected 1.0.0 and its inst")


def test_a_node_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rungs.data.kinds.cifar100 import Cifar100Spec

    monkeypatch.setenv("RUNGS_DATA", str(tmp_path))
    (said,) = attended(asked(RunSpec(RECIPE, 1, Cifar100Spec(), 0), Likeness.here("cpu")))
    assert isinstance(said, Lacking)
    assert said.reason.startswith("node-a: ")


def test_a_node_trains_on_what_was_sent_and_keeps_it_for_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fetched: list[bytes] = []

    def fetch() -> bytes:
        fetched.append(pack_data(load(DRAWN)))
        return fetched[-1]

    spec = RunSpec(RECIPE, 1, DRAWN, 0)
    errand = Errand(spell(asked(spec, Likeness.here("cpu"))), b"", DRAWN.fingerprint)
    for _ in range(2):
        told = [unframe(content) for content in attend(errand, fetch=fetch)]
        assert told[-1][0] == Finished(spec.key, None)
        parcels = [parcel for said, parcel in told if said == Brought(spec.key, "runs")]
        enter_run(store, spec.key, parcels[0])
    assert len(fetched) == 1
    assert store.is_finished(spec.key)
    assert [path.name for path in tmp_path.glob("rungs-node-*/*")] == ["data"]


def test_a_teacher_travels_with_what_it_is_to_teach(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    teacher = RunSpec(RECIPE, 1, DRAWN, 0)
    recipe = replace(RECIPE, teaching=Distillation(teacher=recipe_key(RECIPE)))
    job = Job(RunSpec(recipe, 1, DRAWN, 0, teacher=Teacher(RECIPE, 1)), teacher="big, seed 0")
    assert job.needs == teacher.key
    for one in (Job(teacher), job):
        run_one(store, one, load(DRAWN), setting=SETTING)
    apart = open_store(tmp_path / "apart")
    enter_run(apart, teacher.key, packed_run(store, teacher.key))

    def attended_to(errand: Errand, _: Needs) -> list[bytes | Gone]:
        return [*attend(errand), Gone()]

    with ClusterEngine(Site(apart, HERE), Written(attended_to)) as engine:
        engine.submit(ordered(job))
        events = list(engine.events())
    assert events[-1] == Finished(job.spec.key, None)
    assert weights(apart, job.spec.key) == weights(store, job.spec.key)


def test_a_node_of_another_version_is_unfit() -> None:
    text = spell(asked(RunSpec(RECIPE, 1, DRAWN, 0), Likeness.here("cpu")))
    older = text.replace('"version": 3', '"version": 2')
    (content,) = attend(Errand(older), node="n1", called="node-a")
    said = parse(content.decode())
    assert isinstance(said, Unfit)
    assert "another version of Rungs" in said.reason


@pytest.mark.parametrize(
    ("there", "device", "workers", "expected"),
    [
        (Room(64, 32, 0), "auto", None, (20, 3, 1)),
        (Room(64, 32, 8), "auto", None, (8, 1, 8)),
        (Room(64, 32, 8), "cpu", 4, (4, 16, 1)),
        (Room(8, 4, 0), "auto", None, (8, 1, 1)),
        (Room(), "auto", None, (20, 1, 1)),
        (Room(), "cuda", 2, (2, 1, 2)),
    ],
)
def test_a_study_elsewhere_shares_out_what_there_is(
    there: Room, device: str, workers: int | None, expected: tuple[int, int, int]
) -> None:
    found = machine_elsewhere("nodes", there, 20, device=device, workers=workers)
    assert (found.workers, found.threads, found.gpus) == expected
