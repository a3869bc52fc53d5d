"""A server on this machine that serves what a test says, and notes what it was asked for."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What is answered to a GET, and without the content to a HEAD."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        url: of its root, without a slash at the end.
        answers: by path with its query; others are not found. May be changed while it runs.
        asked: method and path of all that was asked.
    """

    url: str
    answers: dict[str, Answer]
    asked: list[tuple[str, str]]


@contextmanager
def served(answers: Mapping[str, Answer]) -> Iterator[Served]:
    """A server with these answers, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(with_content=False)

        def do_GET(self) -> None:
            self.answer(with_content=True)

        def answer(self, *, with_content: bool) -> None:
            running.asked.append((self.command, self.path))
            found = running.answers.get(self.path, Answer(b"not here", 404))
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(found.content)))
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_content:
                self.wfile.write(found.content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Served(f"http://127.0.0.1:{server.server_address[1]}", dict(answers), [])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
