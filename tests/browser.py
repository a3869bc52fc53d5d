"""Chromium, driven through chromedriver by the W3C WebDriver protocol: plain JSON over HTTP.

https://www.w3.org/TR/webdriver2/ names the endpoints; ``goog/cdp/execute`` and ``se/log`` are
chromedriver's own.
"""

import base64
import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SECONDS = 90

# Keys by the names of https://www.w3.org/TR/uievents-key/: Windows' code, and what they type.
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowLeft": (37, "")}

# A proxy of the surroundings is not asked for what lies on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing() -> str:
    """What this machine lacks for a test in a browser; empty if nothing."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(lacking)} on this machine" if lacking else ""


def _call(url: str, method: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with _OPENER.open(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from None


@dataclass(frozen=True)
class Browser:
    """One session; ``url`` is its endpoint."""

    url: str

    def open(self, page: str) -> None:
        _call(f"{self.url}/url", "POST", {"url": page})

    def run(self, script: str) -> Any:
        """What the body of a function returns, in the page."""
        return _call(f"{self.url}/execute/sync", "POST", {"script": script, "args": []})

    def cdp(self, command: str, **parameters: Any) -> Any:
        """One command of the DevTools protocol."""
        body = {"cmd": command, "params": parameters}
        return _call(f"{self.url}/goog/cdp/execute", "POST", body)

    def resize(self, width: int, height: int = 900) -> None:
        """The size of the viewport in CSS pixels: narrower, too, than a window can be."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        # Until the page is laid out anew and its observers have been told.
        self.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def press(self, key: str) -> None:
        """A key, down and up; the page cannot tell it from a person's."""
        code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            self.cdp(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    def sheets(self) -> int:
        """On how many sheets of paper, A4, the page is printed."""
        printed = self.cdp(
            "Page.printToPDF",
            paperWidth=210 / 25.4,  # inches
            paperHeight=297 / 25.4,
            preferCSSPageSize=True,
            printBackground=True,
        )
        return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"])))

    def log(self) -> list[str]:
        """Messages of the console since the last call."""
        entries = _call(f"{self.url}/se/log", "POST", {"type": "browser"})
        return [f"{entry['level']}: {entry['message']}" for entry in entries]


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A fresh browser whose files lie in an empty folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    root = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{root}/status")
        options = {
            "args": [*FLAGS, f"--user-data-dir={folder}"],
            "binary": shutil.which("chromium"),
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = _call(f"{root}/session", "POST", {"capabilities": {"alwaysMatch": wanted}})
        url = f"{root}/session/{session['sessionId']}"
        try:
            yield Browser(url)
        finally:
            _call(url, "DELETE")
    finally:
        driver.terminate()
        driver.wait(SECONDS)


def _wait(url: str) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            if _call(url, "GET")["ready"]:
                return
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)
