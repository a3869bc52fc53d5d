"""A study is watched while it is trained: what is served, to whom, and what it shows."""

import http.client
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rungs
from rungs.cli import app
from rungs.foundation.files import write_json, write_text
from rungs.report.serving import PageServer
from rungs.report.show.page import document
from rungs.report.watched import Watched
from rungs.store import Store
from rungs.store.results import Epoch, RunSpec, elapsed
from rungs.store.run_folder import epochs_file
from rungs.study import Study, load, parse
from rungs.study.plan import plan
from tests import browser
from tests.fake import PLAIN, put, report
from tests.studies import FIRST

SECONDS = 120
ROOT = Path(rungs.__file__).parents[1]


def epochs(count: int, *, seconds: float = 10.0) -> list[Epoch]:
    """Validation losses 2, 1 and 2 in turn."""
    return [
        Epoch(n, 1.0, 0.6, 2.0 - n % 2, 0.5 + n / 100, 0.001, seconds, 1.0)
        for n in range(1, count + 1)
    ]


def begin(store: Store, spec: RunSpec, history: Sequence[Epoch]) -> Path:
    """A run in progress, as the trainer leaves it after an epoch."""
    path = epochs_file(store.work_folder(spec.key))
    write_text(path, "".join(json.dumps(entry.to_dict()) + "\n" for entry in history))
    return path


def runs_of(study: Study, name: str = "base") -> tuple[RunSpec, ...]:
    found = plan(study).rung(name)
    assert found is not None
    return found.runs


def watched(study: Study, store: Store, **given: Any) -> Watched:
    return Watched(lambda: plan(study), store.root, **given)


@contextmanager
def served(study: Watched) -> Iterator[PageServer]:
    with PageServer(study, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(
    server: PageServer, path: str = "/", method: str = "GET", hosts: Sequence[str] | None = None
) -> tuple[http.client.HTTPResponse, str]:
    """The answer to one request, whose ``Host`` may be any, several or none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=SECONDS)
    connection.putrequest(method, path, skip_host=True)
    for host in [f"127.0.0.1:{server.server_address[1]}"] if hosts is None else hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer, answer.read().decode()


@pytest.fixture
def server(filled: Store, study: Study) -> Iterator[PageServer]:
    with served(watched(study, filled)) as server:
        yield server


def test_page_and_data_are_served_with_head_and_get(server: PageServer) -> None:
    for path, kind in (("/", "text/html"), ("/state.json", "application/json")):
        (got, text), (head, nothing) = asked(server, path), asked(server, path, "HEAD")
        assert (got.status, head.status, nothing) == (200, 200, "")
        assert got.getheader("Content-Type") == f"{kind}; charset=utf-8"
        assert int(head.getheader("Content-Length") or 0) == len(text.encode())
        policy = got.getheader("Content-Security-Policy") or ""
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("frame-ancestors 'none'")
        assert got.getheader("X-Content-Type-Options") == "nosniff"
        assert got.getheader("Access-Control-Allow-Origin") is None
    assert "python" not in (got.getheader("Server") or "").lower()


def test_the_page_may_ask_its_own_server_alone(server: PageServer, filled: Store) -> None:
    got, text = asked(server)
    policy = (got.getheader("Content-Security-Policy") or "").removesuffix(
        "; frame-ancestors 'none'"
    )
    assert f'content="{policy}"' in text
    assert "connect-src 'self'" in policy
    assert document.content_policy(served=False) in document.to_html(
        report(filled, parse(PLAIN, "fake.toml"))
    )
    assert "connect-src" not in document.content_policy(served=False)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_written(server: PageServer, method: str) -> None:
    got, said = asked(server, "/", method)
    assert (got.status, got.getheader("Allow")) == (405, "GET, HEAD")
    assert "GET and HEAD alone" in said


@pytest.mark.parametrize(
    "path",
    [
        *("/../../../../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/state.json/../x"),
        *("/index.sqlite", "/runs", "/report.json", "/state.json?x=/etc/passwd", "/%00", "/."),
        "http://127.0.0.1/",
    ],
)
def test_there_is_nothing_but_the_page_and_its_data(server: PageServer, path: str) -> None:
    got, said = asked(server, path)
    assert (got.status, said) == (404, "the page is at /")


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["localhost"], 200),
        (["LOCALHOST:1"], 200),  # through a tunnel, at another port
        (["127.0.0.1"], 200),
        (["[::1]:80"], 200),
        (["evil.example"], 403),  # a name that its owner points here, after DNS rebinding
        (["127.0.0.1.evil.example"], 403),
        (["localhost.evil.example:80"], 403),
        (["evil.example@localhost.evil.example"], 403),
        (["[::1"], 403),
        ([""], 403),
        ([], 403),
        (["localhost", "evil.example"], 403),
    ],
)
def test_only_names_of_this_machine_are_answered(
    server: PageServer, hosts: list[str], status: int
) -> None:
    for path in ("/", "/state.json"):
        got, text = asked(server, path, hosts=hosts)
        assert got.status == status
        assert ("first" in text or "fake" in text) == (status == 200)


def test_a_port_that_is_taken_is_one_sentence(
    server: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("first.toml").write_text(FIRST, encoding="utf-8")
    port = str(server.server_address[1])
    answer = CliRunner().invoke(app, ["watch", "first.toml", "--no-open", "--port", port])
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"rungs: 127.0.0.1, port {port}: cannot be listened on")
    assert answer.stderr.count("\n") == 1
    assert not Path("runs").exists()


def test_a_run_that_is_trained_is_shown_with_its_curves(filled: Store, study: Study) -> None:
    waiting = runs_of(study, "top")[1]
    page = watched(study, filled)
    assert "Nothing is being trained now" in page.page()
    with filled.sole("rungs run fake"):
        begin(filled, waiting, epochs(2))
        state = page.state()
        (run,) = state["begun"]
        assert (run["run"], run["trained"], run["epochs"]) == ("top, seed 1", True, 3)
        assert run["last"] == epochs(2)[-1].to_dict()
        text = page.page()
        assert state["parts"]["now"] in text
        assert state["parts"]["progress"] in text
        now = state["parts"]["now"]
        assert "Being trained now" in now
        assert "1 being trained" in now
        assert "2 of 3" in now
        # Validation losses 1 and 2 on an axis to 2, of 3 epochs, then of 30 seconds.
        assert now.count('points="333,500 667,0"><title>top, seed 1, validation loss') == 2
        assert "against seconds of training" in now
        assert state["texts"][f"epochs-{waiting.key}"] == "2 of 3"
        begin(filled, waiting, epochs(3, seconds=30.0))
        # The axis of seconds has grown to hold 90, that of epochs has stayed.
        now = page.state()["parts"]["now"]
        assert 'points="333,500 667,0 1000,500"><title>top, seed 1' in now
        assert 'points="300,500 600,0 900,500"><title>top, seed 1' in now
    assert page.state()["begun"][0]["trained"] is False
    assert "Begun, and not being trained now" in page.page()


def test_who_watches_with_other_options_than_the_training_is_told(
    filled: Store, study: Study
) -> None:
    page = watched(study, filled)
    assert "<code>rungs run fake.toml --budget equal --seeds 2</code> goes on" in page.page()
    with filled.sole("rungs run fake"):
        begin(filled, runs_of(study, "top")[1].lasting(7), epochs(2))
        now = page.state()["parts"]["now"]
    assert "at this moment none of these" in now
    assert "goes on" not in now


def test_an_address_of_another_machine_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("first.toml").write_text(FIRST, encoding="utf-8")
    words = ["watch", "first.toml", "--no-open", "--host", "192.0.2.1"]  # RFC 5737: nobody's
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("rungs: 192.0.2.1, port 7864: cannot be listened on")


def test_seconds_are_those_of_training_added_up() -> None:
    assert elapsed(epochs(3)) == (10.0, 20.0, 30.0)
    assert elapsed([]) == ()


def test_a_finished_run_makes_another_page(filled: Store, study: Study) -> None:
    page = watched(study, filled, clock=lambda: 0.0)
    before = page.state()["page"]
    assert page.state()["page"] == before
    put(filled, runs_of(study, "top")[1], right=9)
    assert page.state()["page"] != before
    assert "5 of 10" in page.page()


def test_gathering_is_put_off_where_it_takes_long(filled: Store, study: Study) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0  # as if all took a second
        return now

    page = watched(study, filled, clock=clock)
    before = page.state()["page"]
    put(filled, runs_of(study, "top")[1], right=9)
    state = page.state()
    assert state["page"] == before
    assert sum(run["state"] == "finished" for run in state["runs"]) == 5  # but it is counted
    now += 20.0
    assert page.state()["page"] != before


def damaged(path: Path) -> None:
    path.write_text('{"epoch": 1}\n{"epoch": "x"}\n[]\n', encoding="utf-8")


def half_a_line(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write('{"epoch": 3, "train_lo')


def not_finite(path: Path) -> None:
    text = json.dumps({**epochs(3)[-1].to_dict(), "val_loss": float("inf")})
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


@pytest.mark.parametrize(
    ("happens", "left"),
    [
        (half_a_line, 2),
        (not_finite, 2),
        (damaged, None),
        (lambda path: path.write_bytes(b"\xff\xfe\n"), None),
        (lambda path: shutil.rmtree(path.parent), None),
    ],
    ids=["half a line", "not finite", "damaged", "no text", "gone"],
)
def test_what_is_read_while_it_is_written_ends_nothing(
    filled: Store, study: Study, happens: Callable[[Path], None], left: int | None
) -> None:
    spec = runs_of(study, "top")[1]
    path = begin(filled, spec, epochs(2))
    page = watched(study, filled)
    happens(path)
    begun = page.state()["begun"]
    assert [run["last"]["epoch"] for run in begun] == ([] if left is None else [left])
    assert page.state()["problem"] == ""
    assert "<h1>" in page.page()


def test_a_study_that_is_edited_meanwhile_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("first.toml")
    file.write_text(FIRST, encoding="utf-8")
    page = Watched(lambda: plan(load(file)), Path("runs"), clock=lambda: 0.0)
    before = page.state()["page"]
    with served(page) as server:
        file.write_text(FIRST.replace("depth = 2", "depth = none"), encoding="utf-8")
        problem = json.loads(asked(server, "/state.json")[1])["problem"]
        assert problem.startswith("The study cannot be read as it is now (first.toml")
        assert problem.count("\n") == 0
        text = asked(server)[1]
        assert '<p id="said" class="plainly" role="status">The study cannot be read' in text
        assert "stacked" in text
        file.unlink()
        assert "cannot be read" in json.loads(asked(server, "/state.json")[1])["problem"]
        more = '[[rungs]]\nname = "wider"\nafter = "stacked"\napply = ["residual"]\n'
        file.write_text(FIRST.replace("[[ensembles]]", f"{more}[[ensembles]]"), encoding="utf-8")
        state = json.loads(asked(server, "/state.json")[1])
        assert (state["problem"], state["page"] != before) == ("", True)
        assert "wider" in {run["name"] for run in state["runs"]}
    assert not Path("runs").exists()  # only who trains makes one


def test_a_sealed_page_is_the_same_whatever_test_holds(filled: Store, study: Study) -> None:
    """Nor is the test set so much as read: labels and predictions of it may be anything."""
    begin(filled, runs_of(study, "top")[1], epochs(2))
    page = watched(study, filled)
    before = page.page(), page.state()
    assert "sealed" in before[0]
    found = [
        *(filled.root / "data").rglob("test.npy"),
        *(filled.root / "runs").rglob("*-test.npy"),
    ]
    assert len(found) > 3
    for path in found:
        path.write_bytes(b"no array")
    again = watched(study, filled)
    assert (again.page(), again.state()) == before


def test_watching_changes_no_run(filled: Store, study: Study) -> None:
    begin(filled, runs_of(study, "top")[1], epochs(2))

    def content() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for folder in ("runs", "work", "data", "seals")
            for path in (filled.root / folder).rglob("*")
            if path.is_file()
        }

    before = content()
    with served(watched(study, filled)) as server:
        for path in ("/", "/state.json", "/"):
            assert asked(server, path)[0].status == 200
    assert content() == before


def test_the_file_shows_runs_that_are_begun_and_says_what_follows_them(
    filled: Store, study: Study
) -> None:
    assert '<section id="now"' not in document.to_html(report(filled, study))
    begin(filled, runs_of(study, "top")[1], epochs(2))
    data = report(filled, study)
    text = document.to_html(data)
    assert "top, seed 1, validation" in text
    assert "<code>rungs watch fake.toml --budget equal --seeds 2</code> shows each epoch" in text
    assert '<section id="now"' not in document.to_html(replace(data, archive="results"))


def test_who_trains_is_told_from_who_was_killed(store: Store) -> None:
    assert store.conducted_since() is None
    with store.sole("rungs run first"):
        since = store.conducted_since()
        assert since is not None
        assert abs(since - time.time()) < SECONDS
    assert store.conducted_since() is None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = {"pid": gone.pid, "host": platform.node(), "purpose": "", "since": ""}
    write_json(store.root / "conductor.json", owner)
    assert store.conducted_since() is None
    write_json(store.root / "conductor.json", {**owner, "pid": os.getpid()})
    assert store.conducted_since() is not None
    # Of another machine, with the same disk, nobody can ask.
    write_json(store.root / "conductor.json", {**owner, "host": "elsewhere"})
    assert store.conducted_since() is not None
    (store.root / "conductor.json").write_text("{", encoding="utf-8")
    assert store.conducted_since() is None


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program in a process of its own, which hears Ctrl-C as from a terminal."""
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeds}; import rungs.cli; rungs.cli.main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="another Ctrl-C")
def test_ctrl_c_ends_it_in_a_line_and_torch_was_not_needed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    rungs.report("first.toml", no_test=True)  # costs and layers are known from here on
    with started("watch", "first.toml", "--no-open", "--port", "0", "--no-test") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("first: http://127.0.0.1:")
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"http://127.0.0.1:{port}/", timeout=SECONDS
        ) as answer:
            assert "A first ladder" in answer.read().decode()
        if sys.platform == "linux":
            loaded = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
            assert "libtorch" not in loaded
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == "no more watched\n"
        assert process.stderr.read() == ""


# So long that it does not end before it is looked at; and a rung that is trained at once.
LONG = FIRST.replace("equal = 2", "equal = { base = 1000, stacked = 2 }")


@pytest.mark.skipif(os.name == "nt", reason="another Ctrl-C")
@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
def test_the_page_gets_new_epochs_while_a_study_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(document, "_ASK_AGAIN_SECONDS", 0.2)
    Path("first.toml").write_text(LONG, encoding="utf-8")
    page = Watched(lambda: plan(load("first.toml")), Path("runs"))
    done = "return parseInt(document.querySelector('#now td[data-label=epoch]')?.textContent ?? 0)"

    def wait(script: str) -> Any:
        end = time.monotonic() + SECONDS
        while not (found := chromium.run(script)):
            assert time.monotonic() < end, script
            time.sleep(0.1)
        return found

    with served(page) as server, browser.browser(tmp_path / "profile") as chromium:
        chromium.resize(1280, 500)
        chromium.open(server.url)
        with started("run", "first.toml", "--only", "base", "--quiet") as process:
            first = wait(done)
            chromium.run(
                "window.first = true; document.getElementById('runs').open = true; "
                "document.getElementById('now-1').click(); "
                "scrollTo({ top: 333, behavior: 'instant' })"
            )
            wait(f"{done} > {first} && window.first")
            assert chromium.run("return document.getElementById('now-1').checked")
            assert chromium.run("return document.getElementById('runs').open")
            assert abs(chromium.run("return scrollY") - 333) < 40
            # The table of all runs agrees with it.
            wait(
                "const now = document.querySelector('#now td[data-label=epoch]').textContent; "
                "return [...document.querySelectorAll('#runs td')].some("
                "cell => cell.textContent === now)"
            )
            process.send_signal(signal.SIGINT)
            wait("return document.getElementById('now-h').textContent.startsWith('Begun, and not')")
            assert chromium.run("return window.first")
        rungs.run("first.toml", only="stacked", quiet=True, workers=1)
        # Figures of a run that was finished: the page was read again, at the same place.
        wait("return window.first === undefined && document.readyState === 'complete'")
        wait("return document.getElementById('progress').textContent.includes('1 of 3')")
        assert chromium.run("return document.getElementById('runs').open")
        assert chromium.run("return document.getElementById('now-1').checked")
        assert [line for line in chromium.log() if "SEVERE" in line] == []
    with browser.browser(tmp_path / "other") as chromium:
        with served(page) as server:
            chromium.open(server.url)
        wait("return document.getElementById('said').textContent.includes('not kept up any more')")
