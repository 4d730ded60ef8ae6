"""A real browser of the person, headless Chromium, comes back from a login's page to the program that waits there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.desktop.machines import Person
from tests.support import need

pytestmark = pytest.mark.soak
#: A program that logs in: it listens as the real one does, opens its page, and answers what comes back. It lives until
#: it has answered; a connection on which nothing comes stays open.
_LOGIN = """
import os, socket, sys, threading, webbrowser
host, port, path, page = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
server = socket.socket(family)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if host == "::":
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind((host, port))
server.listen()
def answer(connection):
    asked = b""
    while b"\\r\\n\\r\\n" not in asked:
        data = connection.recv(1 << 16)
        if not data:
            return
        asked += data
    target = asked.split()[1].decode()
    if target.startswith("/auth?"):
        head = "302 Found\\r\\nLocation: " + page
    elif target.split("?")[0] == path and "code=1234" in target:
        head = "200 OK"
    else:
        head = "404 Not Found"
    body = "<p id=done>logged in on the other machine</p>" if head == "200 OK" else ""
    head += f"\\r\\nContent-Length: {len(body)}\\r\\nConnection: close"
    connection.sendall(f"HTTP/1.1 {head}\\r\\n\\r\\n{body}".encode())
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    if body:
        print("has the code", flush=True)
        os._exit(0)
def serve():
    while True:
        threading.Thread(target=answer, args=server.accept()[:1]).start()
threading.Thread(target=serve).start()
webbrowser.open(sys.argv[5])
"""
_BROWSER = """#!/bin/sh
exec {chromium} --headless=new --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage \\
    --user-data-dir={home}/profile --host-resolver-rules='MAP login.example 127.0.0.1:{port}' \\
    --virtual-time-budget=20000 --dump-dom "$1" >{home}/page 2>/dev/null
"""


@dataclass(frozen=True)
class Shape:
    """A login: where its program listens, and what its redirection names. `own`: the page that opens is its own.

    No two have the same port, since they may run side by side.
    """

    host: str
    port: int
    path: str
    named: str
    own: bool = False


SHAPES = {
    "codex": Shape("127.0.0.1", 1455, "/auth/callback", "127.0.0.1"),
    "codex-as-it-was": Shape("127.0.0.1", 1457, "/auth/callback", "localhost"),
    "claude": Shape("127.0.0.1", 41065, "/callback", "localhost"),
    "opencode": Shape("::", 1456, "/auth/callback", "localhost"),
    "opencode-mcp": Shape("127.0.0.1", 19876, "/mcp/oauth/callback", "127.0.0.1"),
    "gemini": Shape("127.0.0.1", 43361, "/oauth2callback", "127.0.0.1"),
    "gcloud": Shape("127.0.0.1", 8085, "/", "localhost"),
    "az": Shape("127.0.0.1", 39001, "/", "localhost"),
    "aws": Shape("0.0.0.0", 39002, "/oauth/callback", "127.0.0.1"),  # noqa: S104 - as it does
    "gh": Shape("127.0.0.1", 39003, "/callback", "127.0.0.1"),
    "wrangler": Shape("::1", 8976, "/oauth/callback", "localhost"),
    "firebase": Shape("::", 9005, "/", "localhost"),
    "rclone": Shape("127.0.0.1", 53682, "/", "127.0.0.1", own=True),
    "databricks": Shape("127.0.0.1", 8020, "/", "localhost"),
}


class _Provider(BaseHTTPRequestHandler):
    """Sends the browser back, as a service does whose person is logged in."""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.send_response(302 if "redirect_uri" in query else 404)
        if "redirect_uri" in query:
            self.send_header("Location", f"{query['redirect_uri'][0]}?code=1234&state={query['state'][0]}")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture(scope="module")
def provider() -> Iterator[int]:
    """The port of a service to log in to, on the person's machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", SHAPES)
def test_chromium_brings_the_code_of_a_login_to_the_program(person: Person, provider: int, name: str) -> None:
    shape, home = SHAPES[name], person.near.path
    browser = _BROWSER.format(chromium=need("chromium"), home=home, port=provider)
    person.near.write("browser", browser, mode=0o755)
    back = quote(f"http://{shape.named}:{shape.port}{shape.path}", safe="")
    page = f"http://login.example/authorize?client_id=1&redirect_uri={back}&state=abc"
    opened = f"http://{shape.named}:{shape.port}/auth?state=abc" if shape.own else page
    script = person.far.write("login.py", _LOGIN)
    person.runs(sys.executable, script, shape.host, str(shape.port), shape.path, page, opened)
    person.terminal.wait_for("has the code")
    assert person.opened() == opened
    text = Path(home, "page")
    person.terminal.wait_until(
        lambda: "logged in on the other machine" in text.read_text(), "the browser shows the program's own page"
    )
