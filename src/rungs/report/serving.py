"""A watched study's page, served to browsers: two addresses to read, and nothing to write.

A page from elsewhere cannot read it: who asks by a name that is not this machine's, as after DNS
rebinding, is refused, and no other origin is let in.
"""

import ipaddress
import json
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import urlsplit

from rungs.foundation.errors import RungsError
from rungs.report.show.page.document import content_policy
from rungs.report.watched import Watched

# Seconds after which somebody who asks and then says nothing is left.
_PATIENCE = 10
_NO_FRAMES = "frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer(ThreadingTCPServer):
    """Serves a watched study from when it is made until `server_close`; `handle_request` answers.

    Attributes:
        watched: the study.
        names: by which it may be asked for, beside addresses in figures.
    """

    daemon_threads = True
    # On Windows this would let two servers have one port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, watched: Watched, host: str, port: int) -> None:
        """Takes the port.

        Args:
            watched: the study.
            host: name or address of this machine, on which is listened.
            port: 0 for one that is free.

        Raises:
            RungsError: the port is taken, or there is no such address here.
        """
        self.watched = watched
        self.names = frozenset({"localhost", host.lower(), socket.gethostname().lower()})
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise RungsError(
                f"{host}, port {port}: cannot be listened on ({error.strerror or error}); another "
                "`rungs watch` may be there; --port names another port, and --port 0 takes any "
                "that is free"
            ) from error

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self.server_address[:2]
        text = str(host)
        return f"http://{f'[{text}]' if ':' in text else text}:{port}/"

    def is_asked_by(self, host: str) -> bool:
        """Whether a request's ``Host`` names this machine: no page from elsewhere can have it.

        An address in figures is no name that somebody could point here; the port may be that of a
        tunnel.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: PageServer
    timeout = _PATIENCE
    server_version = "rungs"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def __getattr__(self, name: str) -> Callable[[], None]:
        """What answers any other method, by which ``http.server`` looks for it."""
        if name.startswith("do_"):
            return self._refuse_to_write
        raise AttributeError(name)

    def _refuse_to_write(self) -> None:
        said = "there is nothing to write here: GET and HEAD alone are answered"
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", said, Allow="GET, HEAD")

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not self.server.is_asked_by(hosts[0]):
            said = "this server is asked for by another name than this machine's"
            self._send(HTTPStatus.FORBIDDEN, "text/plain", said)
        elif self.path == "/":
            page, policy = self.server.watched.page(), content_policy(served=True)
            self._send(HTTPStatus.OK, "text/html", page, policy)
        elif self.path == "/state.json":
            state = json.dumps(self.server.watched.state(), allow_nan=False)
            self._send(HTTPStatus.OK, "application/json", state)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "the page is at /")

    def _send(
        self,
        status: HTTPStatus,
        kind: str,
        text: str,
        policy: str = "default-src 'none'",
        **more: str,
    ) -> None:
        content = text.encode()
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(content)),
            "Content-Security-Policy": f"{policy}; {_NO_FRAMES}",
            **_HEADERS,
            **more,
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except (ConnectionError, TimeoutError):  # who asked has gone
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: each page asks every few seconds."""
