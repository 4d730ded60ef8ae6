"""A browser at a forwarded port: a page of many parts, a websocket, and events that the server sends."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.remote.farm import Farm, Ground
from tests.remote.test_forward import Forward
from tests.support import Home, need

PARTS = 200
_PAGE = """<!doctype html><body>
<script>
let loaded = 0, said = [], shown = [];
function part() { loaded += 1; look(); }
const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onopen = () => socket.send("hello " + "x".repeat(60));
socket.onmessage = (message) => { said.push(message.data.length); look(); };
const events = new EventSource("/events");
events.onmessage = (event) => { shown.push(event.data); if (event.data == "3") events.close(); look(); };
function look() {
    if (loaded == PARTS && said.length == 1 && shown.length == 3)
        fetch("/result", {method: "POST", body: JSON.stringify({loaded, said, shown})});
}
</script>
SCRIPTS
"""
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pages

    def do_GET(self) -> None:
        if self.path == "/socket":
            self._echo_one()
        elif self.path == "/events":
            self._answer(b"".join(b"data: %d\n\n" % number for number in (1, 2, 3)), "text/event-stream")
        elif self.path.startswith("/part/"):
            self._answer(b"part();" + b"/" * 20_000, "text/javascript")
        else:
            scripts = "".join(f'<script async src="/part/{number}"></script>\n' for number in range(PARTS))
            page = _PAGE.replace("PARTS", str(PARTS)).replace("SCRIPTS", scripts)
            self._answer(page.encode(), "text/html")

    def do_POST(self) -> None:
        self.server.results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(b"", "text/plain")

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _echo_one(self) -> None:
        """Be a websocket that sends one short message back."""
        accepted = base64.b64encode(hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC).digest())  # noqa: S324
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted.decode())
        self.end_headers()
        head = self.rfile.read(2)
        size = head[1] & 0x7F
        mask, data = self.rfile.read(4), self.rfile.read(size)
        plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.wfile.write(bytes((0x81, size)) + plain)
        self.rfile.read(1)  # until it is closed
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Pages(ThreadingHTTPServer):
    """Serves the page. `results`: what a browser has found."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.results: queue.Queue[object] = queue.Queue()


@pytest.fixture
def farm(home: Home) -> Iterator[Farm]:
    """A host behind a real sshd."""
    ground = Ground()
    farm = Farm(ground, home)
    yield farm
    home.leave()
    farm.close()
    ground.close()


@contextmanager
def chromium(folder: str, url: str) -> Iterator[None]:
    """Show a page in Chromium without a screen."""
    words = [
        need("chromium"),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-dev-shm-usage",
    ]
    process = subprocess.Popen(
        [*words, f"--user-data-dir={folder}/chromium", "--remote-debugging-port=0", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.soak
def test_a_page_of_many_parts_with_a_websocket_and_events_is_whole_in_a_browser(home: Home, farm: Farm) -> None:
    need("chromium")
    farm.host("box")
    with Pages() as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        opened = Forward(home, "@box", "forward", str(pages.server_address[1]))
        try:
            with chromium(home.root, opened.url):
                found = pages.results.get(timeout=60)
        finally:
            opened.close()
            pages.shutdown()
    assert found == {"loaded": PARTS, "said": [66], "shown": ["1", "2", "3"]}
