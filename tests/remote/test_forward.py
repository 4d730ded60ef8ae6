"""`forward`: a port of a host answers at this machine's loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest

from sesh.bridge import bridge
from sesh.errors import UsageError
from sesh.link import health
from sesh.ops import forwarding
from tests.remote.farm import Farm
from tests.remote.test_completion_and_board import offered
from tests.remote.test_cuts import attached
from tests.remote.test_forwards import leads
from tests.remote.via import Beside
from tests.support import PROMPT, Home, Terminal, processes, wait_until

BULK = os.urandom(1 << 20) * 8
_NO_ANSWER = (RemoteDisconnected, ConnectionResetError)


class _Pages(BaseHTTPRequestHandler):
    """A page for each path; events at `/events`, one whenever the test sets the time; what is posted comes back."""

    protocol_version = "HTTP/1.1"
    pages: ClassVar[dict[str, bytes]] = {"/": b"the page", "/bulk": BULK, "/more": BULK * 8}

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


_SERVE = """
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
print("serves", flush=True)
server.serve_forever()
"""


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


def test_a_server_that_listens_on_ipv6_alone_answers(home: Home, beside: Beside, forward: Forwards) -> None:
    beside("box")
    served = Server("::1")
    try:
        assert forward("@box", served.port).get() == b"the page"
    finally:
        served.end()


def test_a_server_that_starts_again_answers_over_the_same_forward(
    home: Home, beside: Beside, server: Server, forward: Forwards
) -> None:
    beside("box")
    opened = forward("@box", server.port)
    assert opened.get() == b"the page"
    server.end()
    with pytest.raises(_NO_ANSWER):
        opened.get()
    again = Server(port=server.port)
    try:
        assert opened.get() == b"the page"
    finally:
        again.end()


def test_a_port_at_which_nothing_answers_is_told_of_once(home: Home, beside: Beside, forward: Forwards) -> None:
    beside("box")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    opened = forward("@box", port)
    for _ in range(2):
        with pytest.raises(_NO_ANSWER):
            opened.get()
    opened.process.send_signal(signal.SIGINT)
    _, said = opened.process.communicate(timeout=30)
    assert said.decode().count(f"nothing answers at port {port} of @box") == 1


def test_events_arrive_as_they_are_sent_beside_a_download_that_nobody_reads(
    home: Home, beside: Beside, server: Server, forward: Forwards
) -> None:
    beside("box")
    opened = forward("@box", server.port)
    with socket.create_connection(("localhost", opened.row["local"])) as stuck:
        stuck.sendall(b"GET /more HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stuck.recv(1)
        with closing(HTTPConnection("localhost", opened.row["local"], timeout=30)) as events:
            events.request("GET", "/events")
            answer = events.getresponse()
            for event in (b"one", b"two"):
                server.events.put(event)
                assert answer.readline() == b"data: " + event + b"\n"
                assert answer.readline() == b"\n"
            server.events.close()
            assert answer.read() == b""


def test_both_ways_of_a_connection_go_on_at_once_and_end_one_by_one(
    home: Home, beside: Beside, forward: Forwards
) -> None:
    """As of a websocket, or of a shell that is told to end."""
    beside("box")
    with socket.create_server(("127.0.0.1", 0)) as serving:
        opened = forward("@box", serving.getsockname()[1])
        with socket.create_connection(("localhost", opened.row["local"])) as near:
            far, _ = serving.accept()
            with far:
                sending = [threading.Thread(target=each.sendall, args=(BULK,)) for each in (near, far)]
                for each in sending:
                    each.start()
                assert _read(near, len(BULK)) == BULK
                assert _read(far, len(BULK)) == BULK
                near.shutdown(socket.SHUT_WR)
                assert far.recv(1) == b""
                far.sendall(b"the last word")
                assert _read(near, 13) == b"the last word"
                far.close()
                assert near.recv(1) == b""


def _read(opened: socket.socket, count: int) -> bytes:
    read = bytearray()
    while len(read) < count:
        read += opened.recv(count - len(read))
    return bytes(read)


def test_a_link_that_breaks_comes_back_and_who_connects_meanwhile_waits_for_it(
    home: Home, beside: Beside, server: Server, forward: Forwards
) -> None:
    far = beside("box")
    opened = forward("@box", server.port)
    with closing(following(opened.row)) as cut:
        far.cut()
        assert cut.read() == b""
    assert opened.get() == b"the page"
    server.events.close()


def test_a_taken_port_is_replaced_by_the_next_free_one_and_said(
    home: Home, beside: Beside, server: Server, forward: Forwards
) -> None:
    beside("box")
    first = forward("@box", server.port)
    second = forward("@box", server.port)
    assert second.row["local"] > first.row["local"] > server.port, "the host shares this machine's loopback"
    assert second.get() == first.get() == b"the page"


# -- in the background


def test_a_forward_in_the_background_is_listed_and_ended(home: Home, beside: Beside, server: Server) -> None:
    beside("box")
    begun = home.sesh("@box", "forward", str(server.port), "-d", "--json")
    assert begun.code == 0, begun
    row = begun.json()
    assert fetched(row) == b"the page"
    again = home.sesh("@box", "forward", str(server.port), "-d", "--json").json()
    assert again["local"] == row["local"], "it is forwarded once"
    listed = home.sesh("forward", "--list", "--json").json()
    assert [(each["host"], each["port"], each["up"]) for each in listed["ports"]] == [("box", server.port, True)]
    assert str(row["local"]) in home.sesh("forward", "--list").stdout
    assert offered(home, "forward --stop ") == [str(row["local"])]
    other = home.sesh("forward", "--stop", "1")
    assert (other.code, other.stderr) == (
        1,
        "sesh: port 1 is not forwarded in the background; see: sesh forward --list\n",
    )
    stopped = home.sesh("forward", "--stop", str(row["local"]), "--json").json()
    assert [each["local"] for each in stopped["stopped"]] == [row["local"]]
    with pytest.raises(ConnectionRefusedError):
        fetched(row)
    assert home.sesh("forward", "--list").code == 1


def test_a_host_that_is_forgotten_is_forwarded_no_more(home: Home, beside: Beside, server: Server) -> None:
    beside("box")
    row = home.sesh("@box", "forward", str(server.port), "-d", "--json").json()
    assert home.sesh("forget", "@box").code == 0
    with pytest.raises(ConnectionRefusedError):
        fetched(row)


def test_the_ports_of_a_session_are_listed_and_its_forward_ends_with_it(home: Home, beside: Beside) -> None:
    far = beside("box")
    script = far.write("serve.py", _SERVE)
    far.sesh("open", "web", "--", sys.executable, script)
    far.prints("web", "serves")
    listed = home.sesh("@box", "forward", "web", "--json").json()
    (port,) = listed["ports"]
    assert (listed["session"], listed["host"]) == ("web", "box")
    assert port["program"].startswith("python")
    row = home.sesh("@box", "forward", "web", "-d", "--json").json()
    assert (row["port"], row["session"]) == (port["port"], "web")
    assert b"serve.py" in fetched(row)
    far.sesh("rename", "web", "page")
    assert b"serve.py" in fetched(row)
    far.sesh("kill", "page")
    wait_until(lambda: home.sesh("forward", "--list").code == 1, "nothing is forwarded")


def test_a_person_chooses_one_of_several_ports_and_a_script_is_told_of_them(home: Home, beside: Beside) -> None:
    far = beside("box")
    first = "first = ThreadingHTTPServer(('127.0.0.1', 0), SimpleHTTPRequestHandler)"
    twice = _SERVE.replace("server =", f"{first}\nserver =")
    far.sesh("open", "web", "--", sys.executable, far.write("serve.py", twice))
    far.prints("web", "serves")
    ports = [each["port"] for each in home.sesh("@box", "forward", "web", "--json").json()["ports"]]
    refused = home.sesh("@box", "forward", "web")
    listed = ", ".join(map(str, ports))
    assert refused.stderr == f"sesh: web on @box listens on 2 ports: {listed}; write: sesh @box forward PORT\n"
    with home.terminal("@box", "forward", "web") as terminal:
        terminal.wait_for("web on @box listens on:")
        terminal.type("2")
        terminal.wait_for(f"is port {ports[1]} of @box")
        terminal.type("\x03")
        assert terminal.exit_code() == 130


def test_two_forwards_that_begin_in_the_background_at_once_share_one_process(
    home: Home, beside: Beside, server: Server
) -> None:
    beside("box")
    other = Server()
    try:
        begun = [home.start("@box", "forward", str(each.port), "-d", "--json") for each in (server, other, server)]
        rows = [json.loads(each.communicate(timeout=60)[0]) for each in begun]
        assert [fetched(row) for row in rows] == [b"the page"] * 3
        assert len(home.sesh("forward", "--list", "--json").json()["ports"]) == 2
        assert [processes.describe(pid).count("forwards ports") for pid in home.processes()].count(1) == 1
        assert home.sesh("forward", "--stop").code == 0
    finally:
        other.end()


def test_who_connects_while_the_host_is_silent_waits_for_the_next_link(
    home: Home, beside: Beside, server: Server, forward: Forwards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PING_AFTER", 0.3)
    monkeypatch.setattr(forwarding, "LIST_DOUBTED_AFTER", 0.2)
    far = beside("box")
    opened = forward("@box", server.port)
    far.fall_silent()
    wait_until(lambda: len(far.links()) > 1, "another link is tried")
    got: list[bytes] = []
    waiting = threading.Thread(target=lambda: got.append(opened.get()))
    waiting.start()
    far.end_silence()
    waiting.join(30)
    assert got == [b"the page"]


def test_a_session_that_listens_nowhere_and_a_port_of_this_machine_are_refused(home: Home, beside: Beside) -> None:
    far = beside("box")
    far.sesh("open", "work", "--", "sleep", "1000")
    refused = home.sesh("@box", "forward", "work")
    assert (refused.code, refused.stderr) == (1, "sesh: no process of work on @box listens on a port\n")
    here = home.sesh("forward", "3000")
    assert here.code == 2
    assert "is at http://localhost:3000 already" in here.stderr
    assert home.sesh("@box", "forward", "70000").code == 2
    assert home.sesh("@box", "forward").code == 2


def following(row: dict[str, Any]) -> HTTPResponse:
    """Return the answer with the server's events, whose head has come."""
    connection = HTTPConnection("localhost", row["local"], timeout=30)
    connection.request("GET", "/events")
    return connection.getresponse()


def fetched(row: dict[str, Any], path: str = "/") -> bytes:
    """Return a page over a forwarded port."""
    with closing(HTTPConnection("localhost", row["local"], timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def test_a_forward_in_the_background_goes_over_ssh_without_compression_and_heals(
    home: Home, farm: Farm, server: Server
) -> None:
    """The ports that ssh_config forwards are those of the sessions' shared connection: a second one had them taken."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own = probe.getsockname()[1]
    settings = {"LocalForward": f"{own} 127.0.0.1:{server.port}", "ExitOnForwardFailure": "yes"}
    far = farm.host("box", config=settings, proxied=True)
    assert home.sesh("@box", "list").code == 0
    begun = home.sesh("@box", "forward", str(server.port), "-d", "--json")
    assert begun.code == 0, begun
    assert fetched(begun.json()) == b"the page"
    shared = [line for line in map(processes.describe, farm.masters()) if "ControlMaster=yes" in line]
    assert sorted("Compression=yes" in each for each in shared) == [False, True], "\n".join(shared)
    with closing(following(begun.json())) as cut:
        far.cut()
        assert cut.read() == b""
    assert fetched(begun.json()) == b"the page"
    assert home.sesh("forward", "--stop").code == 0
    server.events.close()


def test_a_host_with_an_older_sesh_is_named_with_what_to_do(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside("box")
    monkeypatch.setattr(bridge, "op_named", Mock(side_effect=UsageError("sesh 1.0 has no op forward.carry")))
    refused = home.sesh("@box", "forward", "3000")
    assert refused.code == 1
    assert refused.stderr == ("sesh: the sesh of @box is older, and forwards no port; upgrade it: sesh deploy @box\n")


# -- typed in a session


def local_port(terminal: Terminal, port: int) -> int:
    """Return the port of this machine that a forward typed in a session has printed last."""
    terminal.wait_for(f"on your machine is port {port} here")
    return int(re.findall(r"localhost:(\d+) on your machine", terminal.text())[-1])


def test_a_forward_that_is_typed_in_a_session_has_the_persons_machine_listen(
    home: Home, beside: Beside, server: Server
) -> None:
    far = beside("box")
    with attached(home, "@box", "work") as terminal:
        terminal.type(f"{shlex.join(far.command)} forward {server.port}\r")
        row = {"local": local_port(terminal, server.port)}
        assert row["local"] != server.port, "the host shares this machine's loopback"
        assert fetched(row) == b"the page"
        assert fetched(row, "/bulk") == BULK
        far.cut()
        wait_until(lambda: len(far.links()) > 1, "another link is there")
        assert fetched(row) == b"the page", "who connects meanwhile waits for it"
        terminal.type("\x03")
        terminal.wait_for(PROMPT)
        wait_until(lambda: not leads(row["local"]), "nobody listens")


@pytest.mark.soak
def test_a_forward_that_is_typed_in_a_session_outlives_its_daemons_reload(
    home: Home, beside: Beside, server: Server
) -> None:
    far = beside("box")
    with attached(home, "@box", "work") as terminal:
        terminal.type(f"{shlex.join(far.command)} forward {server.port}\r")
        row = {"local": local_port(terminal, server.port)}
        reloaded = far.sesh("reload", "work")
        assert reloaded.code == 0, reloaded
        assert fetched(row) == b"the page"
        terminal.type("\x03")
        wait_until(lambda: not leads(row["local"]), "nobody listens")


def test_a_forward_needs_a_key_in_that_session_and_a_desktop_that_opens_pages_for_programs(
    home: Home, beside: Beside, server: Server
) -> None:
    far = beside("box")
    with open(f"{home.path}/.config/sesh/config.toml", "a", encoding="utf-8") as config:
        config.write('[desktop]\nbrowse = "never"\n')
    with attached(home, "@box", "work") as terminal:
        terminal.type(f"{shlex.join(far.command)} forward {server.port}\r")
        terminal.wait_for("config.toml on the desktop says")
    nobody = far.sesh("run", "work", "--", f"{shlex.join(far.command)} forward {server.port}")
    assert "nobody is attached to work" in nobody.stdout


def test_in_a_session_of_this_machine_the_port_is_there_already(home: Home, server: Server) -> None:
    with home.terminal("work") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type(f"sesh forward {server.port}\r")
        assert local_port(terminal, server.port) == server.port


def test_a_forward_in_a_session_within_a_session_is_at_the_machine_of_its_person(
    home: Home, beside: Beside, server: Server
) -> None:
    far = beside("box")
    with home.terminal("outer") as terminal:
        terminal.wait_for(PROMPT)
        before = len(terminal.raw)
        terminal.type(f"{shlex.join(home.command)} @box inner\r")
        terminal.wait_for_raw(b"ready>", start=before)
        terminal.type(f"{shlex.join(far.command)} forward {server.port}\r")
        row = {"local": local_port(terminal, server.port)}
        assert row["local"] != server.port
        assert fetched(row) == b"the page"
