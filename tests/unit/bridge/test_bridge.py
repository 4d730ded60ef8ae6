"""The bridge, which a test talks to over pipes, as over ssh."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from sesh.bridge import bridge
from sesh.errors import NotFound, Unreachable, UsageError
from sesh.reach import find
from sesh.reach.op import encoded
from sesh.reach.origin import Origin
from sesh.store import records
from sesh.wire import messages, protocol
from sesh.wire.connection import Connection, adopt, hello, hello_frame, request_frames
from tests.support import Home, rounds, wait_until
from tests.support.greeting import greet


class Bridge:
    """`sesh --bridge` in a home, and the connection to it."""

    def __init__(self, home: Home, env: dict[str, str | None] | None = None) -> None:
        self.process = home.start("--bridge", stdin=subprocess.PIPE, env=env)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.connection = Connection(os.dup(self.process.stdout.fileno()), os.dup(self.process.stdin.fileno()))
        self.process.stdin.close()
        self.process.stdin = None
        self.process.stdout.close()

    def greeted(self) -> Connection:
        """The connection once mark and WELCOME have come."""
        self.skip_mark()
        greet(self.connection, "bridge", time.monotonic() + 10, origin={"host": "box"})
        return self.connection

    def skip_mark(self) -> None:
        seen = b""
        while not seen.endswith(protocol.BRIDGE):
            seen += os.read(self.connection.inbound, 1)

    def ended(self) -> int:
        """Its exit code, once the connection is closed."""
        self.connection.close()
        return self.process.wait(30)

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def far_end(home: Home) -> Iterator[Bridge]:
    own = Bridge(home)
    yield own
    own.close()


def deadline() -> float:
    return time.monotonic() + 10


def op(op: str, number: int = 1, /, **data: Any) -> bytes:
    """The frames that ask for an op."""
    return request_frames("op", number, encoded(data), op=op)


def result(connection: Connection, number: int = 1) -> Any:
    """The result of the op that was asked for."""
    return json.loads(connection.await_response(messages.OP, number, deadline())[1])


def test_who_speaks_another_number_is_told_ours_and_gets_nothing_done(home: Home, far_end: Bridge) -> None:
    other = {**hello("bridge"), "protocol": protocol.PROTOCOL + 1}
    far_end.connection.send(protocol.message(protocol.HELLO, other) + op("enter.open_", name="work"))
    far_end.skip_mark()
    assert far_end.connection.expect_welcome(deadline())["protocol"] == protocol.PROTOCOL
    with pytest.raises(Unreachable):
        far_end.connection.receive(deadline())
    assert home.names() == []


def test_an_op_s_arguments_are_of_its_types_or_it_is_refused(home: Home, far_end: Bridge) -> None:
    """Each of these requests caused an internal error."""
    connection = far_end.greeted()
    odd: list[tuple[str, Any]] = [
        ("views.logs", {"name": "work", "lines": "10"}),
        ("views.logs", {"name": "work", "lines": 10**30}),
        ("views.screen", {"name": "work", "form": ["text"]}),
        ("views.status", {"name": 5}),
        ("views.status", {"name": "a\0b"}),
        ("views.status", {"name": "\ud800"}),
        ("sessions.kill", {"names": "work"}),
        ("sessions.label", {"name": "work", "labels": {"k": 1}}),
        ("enter.open_", {"name": "work", "spec": {"command": "cat"}}),
        ("enter.job", {"name": "work", "spec": {}, "timeout": "1"}),
        ("layout.make", {"entries": [{"name": "work"}]}),
        ("sweep.clear", {"wanted": [{}]}),
        ("search.grep", {"pattern": "x", "context": 1e300}),
        ("sessions.there", ["name"]),
    ]
    for number, (name, words) in enumerate(odd, 1):
        connection.send(request_frames("op", number, encoded(words), op=name))
        with pytest.raises(UsageError):
            result(connection, number)
    assert home.names() == []


def test_what_it_does_not_know_is_refused_and_the_link_goes_on(home: Home, far_end: Bridge) -> None:
    """The bridge ended with an internal error at such a request."""
    connection = far_end.greeted()
    for words in ({"verb": "future"}, {"verb": "op", "op": 3}, {"verb": "enter", "op": "enter.go"}, {"verb": None}):
        connection.send(protocol.message(protocol.REQUEST, {"id": 7, **words}))
        with pytest.raises(UsageError):
            connection.await_response(messages.OP, 7, deadline())
    for word in ("enter.no", "enter", "", ["x"], None):
        connection.send(request_frames("op", 8, encoded({"name": "work"}), op=word))
        with pytest.raises(UsageError):
            result(connection, 8)
    connection.send(op("views.overview"))
    assert result(connection)["sessions"] == []
    assert home.names() == []


class Led:
    """A bridge in this process, connected to a session that the test plays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, said: bytes = b"", closes: bool = False) -> None:
        near_in, self.near = os.pipe()
        self.back, near_out = os.pipe()
        self.daemon, ours = socket.socketpair()
        self.daemon.sendall(said)
        if closes:
            self.daemon.close()
        response: messages.ConnectedResponse = {"name": "work", "session_id": "c0ffee", "daemon_pid": None}
        led: bridge.OpResult = response, b"", adopt(ours)
        monkeypatch.setattr(bridge, "_connect", lambda *_: led)
        self.link = bridge.Bridge(Connection(near_in, near_out), Origin({}))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.codes: list[int] = []

    def begin(self, *frames: bytes, **words: Any) -> None:
        """Ask for the session, and send frames directly after the request."""
        asked = request_frames("op", 1, b'{"name": "work"}', op="enter.attach", **words)
        os.write(self.near, b"".join([asked, *frames]))
        self.thread.start()

    def _run(self) -> None:
        with suppress(Unreachable):
            self.codes.append(self.link.run())

    def got(self, end: bytes) -> bytes:
        """Return all that comes back, up to and including these bytes."""
        seen = bytearray()
        while not seen.endswith(end):
            seen += os.read(self.back, 1 << 16)
        return bytes(seen)

    def close(self) -> None:
        self.thread.join(30)
        self.daemon.close()
        for each in {self.near, self.back} - {-1}:
            os.close(each)


def test_what_a_daemon_said_last_passes_though_it_listens_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PING to a closed socket cost the answer on its way: a job's code."""
    for _ in range(5):
        led = Led(monkeypatch, said=b"the answer" * 1000, closes=True)
        led.begin(*[protocol.frame(protocol.PING)] * 10)
        led.got(b"the answer" * 1000)
        led.close()
        assert led.codes == [0]


def test_a_session_that_ends_as_it_is_entered_is_still_known_by_its_id(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait for a job that had just ended found no result."""
    home.sesh("open", "work", "--", "cat")
    session_id = home.sesh("status", "work", "--json").json()["id"]
    connect = find.connect

    def ends(name: str) -> Connection:
        connection = connect(name)
        monkeypatch.setattr(records, "readable", lambda _: None)
        return connection

    monkeypatch.setattr(find, "connect", ends)
    far_end = Bridge(home)
    connection = far_end.greeted()
    connection.send(op("enter.attach", name="work"))
    answer, _ = connection.await_response(messages.OP, 1, deadline())
    far_end.close()
    assert answer["session_id"] == session_id  # type: ignore[typeddict-item]


def test_bytes_pass_both_ways_until_the_other_side_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    led, data, typed = Led(monkeypatch), os.urandom(1 << 20), protocol.numbered(protocol.INPUT, 1, b"typed")
    led.begin(typed)
    writer = threading.Thread(target=led.daemon.sendall, args=(data,))
    writer.start()
    assert led.got(data[-64:]).endswith(data)
    os.write(led.near, typed)
    writer.join(30)
    seen = b""
    while len(seen) < 2 * len(typed):
        seen += led.daemon.recv(100)
    assert seen == typed * 2
    os.close(led.near)
    led.near = -1
    assert led.daemon.recv(100) == b""
    led.close()
    assert not led.thread.is_alive()


def test_a_ping_behind_the_answer_is_the_daemon_s_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the PONG a client tells the requested screen from an earlier one."""
    led, ping, goes_on = Led(monkeypatch), protocol.frame(protocol.PING, b"redraw"), threading.Event()
    send = led.link._send

    def halt_behind(data: bytes) -> None:
        send(data)
        if threading.current_thread() is led.thread:
            goes_on.wait(30)

    monkeypatch.setattr(led.link, "_send", halt_behind)
    led.daemon.settimeout(10)
    led.begin()
    os.read(led.back, 1 << 16)
    os.write(led.near, ping)
    wait_until(lambda: not led.link._frames.empty(), "a frame has arrived")
    goes_on.set()
    assert led.daemon.recv(100) == ping
    led.daemon.shutdown(socket.SHUT_RDWR)
    led.close()


def test_another_side_of_which_nothing_comes_is_gone_whatever_the_daemon_says_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client whose window was closed while the network was down stayed attached."""
    monkeypatch.setattr(bridge, "_IDLE_TIMEOUT", 0.5)
    home.sesh("open", "work", "--", "sh", "-c", "while :; do echo output; done")
    own = Bridge(home)
    try:
        attach = request_frames("op", 1, b'{"name": "work"}', op="enter.attach")
        own.greeted().send(attach + protocol.message(protocol.HELLO, HELLO))
        assert own.process.wait(30) == 1
    finally:
        own.close()


JOB = request_frames("op", 1, encoded({"spec": {"command": ["cat"]}}), op="enter.job", session_id="c0ffee")
HELLO = hello("attach", client="c0ffee", columns=70, rows=20, term="xterm", tty="", machine="near")


@settings(max_examples=rounds(5, 100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.data())
def test_what_is_sent_in_one_go_is_answered_however_it_is_split(home: Home, data: strategies.DataObject) -> None:
    """A client sends HELLO, a PING, requests, a HELLO to pass on, and keys."""
    home.sesh("open", "work", "--", "cat")
    hello = protocol.message(protocol.HELLO, {**HELLO, "client": os.urandom(8).hex()})
    frames = b"".join(
        [
            hello_frame("bridge", origin={"host": "box"}),
            protocol.frame(protocol.PING, b"1"),
            op("views.overview", 1),
            request_frames("op", 2, encoded({"name": "gone"}), op="enter.attach"),
            hello,
            request_frames("op", 3, encoded({"name": "work"}), op="enter.attach"),
            hello,
            protocol.numbered(protocol.INPUT, 1, b"typed\n"),
        ]
    )
    cuts = data.draw(strategies.lists(strategies.integers(1, len(frames) - 1), max_size=6, unique=True).map(sorted))
    own = Bridge(home)
    try:
        for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
            own.connection.send(frames[start:end])
        own.skip_mark()
        own.connection.expect_welcome(deadline())
        assert result(own.connection, 1)["sessions"][0]["name"] == "work"
        with pytest.raises(NotFound):
            own.connection.await_response(messages.OP, 2, deadline())
        own.connection.await_response(messages.OP, 3, deadline())
        assert own.connection.expect_welcome(deadline())["name"] == "work"
        while own.connection.receive(deadline())[0] != protocol.ACK:
            continue
    finally:
        own.close()


def test_a_ping_is_answered_while_items_are_yielded_and_the_link_s_end_ends_them(far_end: Bridge) -> None:
    connection = far_end.greeted()
    connection.send(op("index.follow"))
    assert connection.receive(deadline()) == (protocol.DATA, b"[]")
    connection.send(protocol.frame(protocol.PING, b"1"))
    assert connection.receive(deadline()) == (protocol.PONG, b"1")
    assert far_end.ended() == 0


@pytest.mark.parametrize("_", range(rounds(2, 50)))
def test_a_request_that_comes_over_two_links_at_once_is_carried_out_once(home: Home, _: int) -> None:
    """The second request began another job, or was refused because the name was taken."""
    both = [Bridge(home), Bridge(home)]
    try:
        links_ = [each.greeted() for each in both]
        for each in links_:
            each.send(JOB)
        assert [each.await_response(messages.OP, 1, deadline())[0].get("name") for each in links_] == ["1", "1"]
        assert home.names() == ["1"]
    finally:
        for one in both:
            one.close()


def test_what_began_over_a_link_that_was_replaced_has_the_agent_of_the_next_one(home: Home) -> None:
    """A job kept the agent's socket of the connection that had ended."""
    for agent in ("/first", "/second"):
        own = Bridge(home, env={"SSH_AUTH_SOCK": agent})
        try:
            connection = own.greeted()
            connection.send(JOB)
            connection.await_response(messages.OP, 1, deadline())
        finally:
            own.close()
        assert os.readlink(os.path.join(home.directory, ".agent.c0ffee")) == agent
