"""`forward`: a port of a host answers at this machine's loopback."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from tests.remote.farm import Farm
from tests.remote.via import Beside
from tests.support import Home

BULK = os.urandom(1 << 20) * 8


class _Pages(BaseHTTPRequestHandler):
    """A page for each path; events at `/events`, one whenever the test sets the time; what is posted comes back."""

    protocol_version = "HTTP/1.1"
    pages: ClassVar[dict[str, bytes]] = {"/": b"the page", "/bulk": BULK}

    def do_GET(self) -> None:
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            assert isinstance(self.server, Server)
            for event in self.server.events:
                self.wfile.write(b"data: " + event + b"\n\n")
            self.close_connection = True
            return
        self._answer(self.pages.get(self.path, self.path.encode()))

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class _Events:
    """Events that a server sends as the test puts them."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def put(self, event: bytes) -> None:
        os.write(self._writing, event + b"\n")

    def __iter__(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._reading), "rb", buffering=0) as reading:
            while event := reading.readline():
                yield event.strip()

    def close(self) -> None:
        os.close(self._writing)


class Server(ThreadingHTTPServer):
    """A server of the host, which is this machine in another home."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Pages)
        self.events = _Events()
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Forward:
    """`sesh @HOST forward PORT --json` while it runs."""

    def __init__(self, home: Home, *words: str) -> None:
        self.process: subprocess.Popen[bytes] = home.start(*words, "--json")
        assert self.process.stdout is not None
        self.row: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.url: str = self.row.get("url", "")

    def get(self, path: str = "/", data: bytes | None = None, host: str = "localhost") -> bytes:
        connection = HTTPConnection(host, self.row["local"], timeout=30)
        with closing(connection):
            connection.request("GET" if data is None else "POST", path, data)
            return connection.getresponse().read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)


Forwards = Callable[..., Forward]


@pytest.fixture
def forward(home: Home) -> Iterator[Forwards]:
    """`forward("@box", 8000)` is `sesh @box forward 8000`, which ends with the test."""
    opened: list[Forward] = []

    def begin(at: str, what: int | str) -> Forward:
        opened.append(Forward(home, at, "forward", str(what)))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    yield served
    served.end()


def test_a_page_of_a_host_is_read_here_until_ctrl_c(
    home: Home, beside: Beside, server: Server, forward: Forwards
) -> None:
    beside("box")
    opened = forward("@box", server.port)
    assert opened.row == {
        "ok": True, "host": "box", "port": server.port, "local": opened.row["local"],
        "url": f"http://localhost:{opened.row['local']}", "session": None, "connections": 0, "up": True,
    }  # fmt: skip
    assert opened.get() == b"the page"
    assert hashlib.sha256(opened.get("/bulk")).digest() == hashlib.sha256(BULK).digest()
    assert opened.get(data=BULK) == BULK
    assert opened.get(host="127.0.0.1") == opened.get(host="::1") == b"the page"
    opened.process.send_signal(signal.SIGINT)
    assert opened.process.wait(30) == 130


def test_a_page_comes_over_ssh(home: Home, farm: Farm, server: Server, forward: Forwards) -> None:
    farm.host("box")
    opened = forward("@box", server.port)
    assert opened.get() == b"the page"
    assert opened.get("/bulk") == BULK
