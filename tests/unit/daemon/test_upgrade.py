"""A daemon as plain data: through JSON and back all connections are what they were, and wait for the same."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sesh import protocol, wire
from sesh.daemon.clients.connection import Connection
from sesh.daemon.clients.listener import Listener
from sesh.daemon.handler import InputTaken
from sesh.daemon.pty.pump import Pump
from sesh.daemon.request import Request
from sesh.daemon.requests import REQUESTS
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.typing_requests import SendTaken
from sesh.daemon.upgrade import state
from sesh.daemon.upgrade.reload import begin
from sesh.errors import rebuild
from sesh.moments import STEADY
from sesh.vt.screen import Stacks
from tests.support.data import daemon_facts


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SESH_DIR", str(folder))
    listener = Listener.claim("work")
    own = Server(Session(daemon_facts(), (80, 24, 0, 0), None), listener, None, begin)
    yield own
    close(own)
    for each in _OPENED:
        each.close()
    _OPENED.clear()


_OPENED: list[socket.socket] = []


def close(server: Server) -> None:
    for connection in list(server.connections.values()):
        server.drop(connection)
    if server.listener.socket.fileno() >= 0:
        server.listener.socket.close()


def connect(server: Server, *frames: bytes) -> tuple[Connection, socket.socket]:
    """A connection that has sent these bytes, and the other end."""
    theirs, ours = socket.socketpair()
    _OPENED.append(theirs)
    theirs.setblocking(False)
    connection = Connection(ours)
    server.admit(connection)
    theirs.sendall(b"".join(frames))
    if frames:
        connection.receive()
        while connection.backlog:
            server._handle_frames(connection)
    return connection, theirs


@contextmanager
def handed(server: Server) -> Iterator[tuple[dict[str, Any], Server, list[Connection]]]:
    """What is dumped, and the daemon that is loaded from it, on copies of the descriptors."""
    dumped = json.loads(json.dumps(state.dump(server)))
    copied = json.loads(json.dumps(dumped))
    for place in [copied["listener"], *copied["connections"]]:
        place["descriptor"] = os.dup(place["descriptor"])
    other, connections = state.load(copied, begin)
    try:
        yield dumped, other, connections
    finally:
        close(other)


def without_descriptors(dumped: dict[str, Any]) -> dict[str, Any]:
    connections = [{**each, "descriptor": 0, "progress_at": 0} for each in dumped["connections"]]
    waits = [[at, request, left is not None, conditions] for at, request, left, conditions in dumped["waits"]]
    return {**dumped, "connections": connections, "listener": {**dumped["listener"], "descriptor": 0}, "waits": waits}


def hello(**more: Any) -> bytes:
    return wire.greeting("attach", columns=80, rows=24, client="token", **more)


def test_all_connections_are_what_they_were(server: Server) -> None:
    person, screen = connect(server, hello(tty="/dev/pts/9"), protocol.numbered(protocol.INPUT, 3, b"typed\x1b["))
    connect(server, wire.greeting("attach", columns=60, rows=10, read_only=True))
    waiter, _ = connect(server, wire.greeting("request"), wire.asking("wait", 5, idle=60, follow=True, timeout=90))
    events, _ = connect(server, wire.greeting("request"), wire.asking("events", 1))
    silent, _ = connect(server)
    silent.receive()
    person.decoder.feed(b"\x03\x00\x00")
    waiter.backlog.append((protocol.PING, b"\x00\xff"))
    server.session.log.append(b"output\r\n")
    server.session.relay.serve()
    person.queue(b"unsent")
    with handed(server) as (dumped, other, connections):
        assert without_descriptors(json.loads(json.dumps(state.dump(other)))) == without_descriptors(dumped)
        assert [connection.role for connection in connections] == ["attach", "attach", "request", "request", ""]
        again = connections[0].client
        assert again is not None
        assert person.client is not None
        assert (again.last_input, again.token, again.tty) == (3, "token", "/dev/pts/9")
        assert again.replies.held == person.client.replies.held
        assert other.session.clients.leader is again
        assert other.session.relay.followers == [connections[2].reader]
        assert 0 < (other.session.timers.remaining(("wait", 5, connections[2].descriptor)) or 0) <= 90
        assert other.session.timers.is_set("draw")
        assert other.session.timers.is_set(("hello", connections[4].descriptor))
        other.session.emit("bell")
        assert other.session.events.pending(connections[3])
        assert events.role == "request"
        connections[0].flush()
        assert screen.recv(1 << 16).endswith(b"unsent")


def test_moments_are_told_the_same_to_the_millisecond_and_the_deadline_is_by_the_wall_clock(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STEADY, "origin", STEADY.origin - 3600)
    monkeypatch.setattr(STEADY, "step", 0.0)
    server.session.facts["deadline"] = STEADY.now() + 60
    server.session.timers.set("timeout", 60, lambda: None)
    STEADY.told(0.0)  # it finds that the clock was set on by an hour
    STEADY.origin -= 0.7  # since when it has drifted
    told = STEADY.told(1000.0)
    dumped = json.loads(json.dumps(state.dump(server)))
    assert dumped["session"]["facts"]["deadline"] == pytest.approx(time.time() + 60, abs=5)
    dumped["listener"]["descriptor"] = os.dup(dumped["listener"]["descriptor"])
    STEADY.origin, STEADY.step = STEADY.origin + 3600, 0.0
    other, _ = state.load(dumped, begin)
    close(other)
    assert STEADY.told(1000.0) == told
    assert other.session.facts["deadline"] == pytest.approx(STEADY.now() + 60, abs=5)
    dumped["session"]["clock"] = [1]
    with pytest.raises(TypeError):
        state.load(dumped, begin)


def test_those_who_typed_or_sent_are_answered_when_the_program_has_it(server: Server) -> None:
    person, screen = connect(server, hello())
    sender, answers = connect(server, wire.greeting("request"))
    for number in (1, 2):
        server.session.pump.input.add(
            person.client.number if person.client else 0,
            b"abc",
            InputTaken(server.handler, person.client, number, 3) if person.client else None,
        )
    sender.unanswered = 1
    server.session.pump.input.add(("send", 4, 9), b"def", SendTaken(server.session, sender, 4, 17))
    with handed(server) as (_, other, connections):
        typed: list[bytes] = []

        def take(data: bytes | memoryview) -> int:
            typed.append(bytes(data))
            return len(data)

        other.session.pump.input.drain(take)
        assert b"".join(sorted(typed)) == b"abcabcdef"
        for connection in connections:
            connection.queue(connection.take_ack())
            connection.flush()
        assert screen.recv(1 << 16).endswith(protocol.frame(protocol.ACK, (2).to_bytes(8, "big")))
        assert b'"position":17' in answers.recv(1 << 16)


def test_a_client_that_was_too_small_gets_the_screen_raw_again_once_it_has_the_size(server: Server) -> None:
    """What its terminal held when it was last fed raw came back as a list, which no screen can be made from."""
    server.session.log.append(b"\x1b[>1uoutput")
    server.session.model.catch_up(10)
    person, _ = connect(server, hello())
    server.session.relay.serve()
    connect(server, wire.greeting("attach", columns=60, rows=10, client="leader"))
    server.session.relay.serve()
    assert person.client is not None
    assert person.client.shown == (False, Stacks(1, 0, ()))
    with handed(server) as (_, other, connections):
        again = connections[0].client
        assert again is not None
        assert again.shown == person.client.shown
        other.session.clients.typed(again)
        other.session.relay.serve()
        assert (again.mode, other.session.faults.lines()) == ("raw", [])


def test_what_was_run_is_remembered(server: Server) -> None:
    session = server.session
    runs = session.get_runs()
    runs.prompt, runs.mark_filter.part = b"\xe2$ ", b"\x1b]7373;"
    runs.outer_tokens.append("token")
    history = session.get_history()
    history.add(3, ["a"], "/", 1.0, 0.5, None, b"\xff\x00")
    session.get_marks().handle(b"C;cmdline_url=ls%20-l", 0)
    with handed(server) as (_, other, _):
        assert other.session.runs is not None
        assert state.dump_runs(other.session.runs, {}) == state.dump_runs(runs, {})
        assert other.session.timers.is_set("mark")
        again = other.session.get_history()
        assert (again.count, list(again), again.answers()) == (history.count, list(history), history.answers())
        other.session.get_marks().handle(b"D;2", 0)
        entries = list(other.session.get_history())
        assert [(entry["n"], entry.get("exit_code")) for entry, _ in entries] == [(3, None), (4, 2)]


def test_another_format_is_refused(server: Server) -> None:
    dumped = state.dump(server)
    with pytest.raises(ValueError, match="format 99"):
        state.load({**dumped, "format": 99}, begin)


@pytest.mark.parametrize("path", [None, "a", [1]])
def test_words_that_are_none_are_a_usage_error(server: Server, path: object) -> None:
    connection, _ = connect(server, wire.greeting("request"))
    with pytest.raises(rebuild({"code": "usage", "message": ""}).__class__):
        REQUESTS["reload"](server.requests, Request(connection, 1, {"python": "/bin/false", "path": path}, b""))


def test_what_cannot_be_executed_changes_nothing(server: Server) -> None:
    connection, _ = connect(server, wire.greeting("request"))
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    with pytest.raises(Exception, match="cannot execute /nowhere/python"):
        REQUESTS["reload"](server.requests, Request(connection, 1, {"python": "/nowhere/python", "path": []}, b""))
    if before:
        assert set(os.listdir("/proc/self/fd")) <= before  # what other tests left is closed at any time
    assert not server.session.timers.is_set("reload")


def test_a_fault_in_writing_the_state_is_not_blamed_on_the_new_sesh(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that the new sesh's Python cannot be executed."""

    def fail(*_: object) -> None:
        raise ValueError("of the old sesh")

    monkeypatch.setattr(state, "dump_session", fail)
    connection, _ = connect(server, wire.greeting("request"))
    with pytest.raises(ValueError, match="of the old sesh"):
        REQUESTS["reload"](server.requests, Request(connection, 1, {"python": sys.executable, "path": []}, b""))
    assert not server.session.timers.is_set("reload")


def test_whatever_fails_in_a_reload_is_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The asker waited for a minute."""

    def steps(_: object) -> Iterator[None]:
        yield
        raise MemoryError

    monkeypatch.setattr("sesh.daemon.upgrade.reload._Reload.steps", steps)
    monkeypatch.setattr("sesh.daemon.upgrade.reload.POLL", 0.0)
    refused: list[str] = []
    monkeypatch.setattr(Connection, "refuse", lambda _self, _number, error: refused.append(error.code))
    connection, _ = connect(server, wire.greeting("request"))
    REQUESTS["reload"](server.requests, Request(connection, 1, {"python": sys.executable, "path": []}, b""))
    server.session.timers.run()
    assert refused == ["internal"]


KNOWN = {
    Session: """activity clients end events facts faults history hooks log marks missed
        model pump relay runs title titled_by waits
        _checkpointer _memory_count _notice_parts _unanswered shows_titles telling timers""",
    Pump: """input last_activity log open pty running scanner sent_at stdin typed_line
        _checkpoint _deliver _passing _report asked_status _stirred attended_at delivered dozes timers""",
    Connection: """due_ack _out backlog client closing creator data decoder descriptor progress_at reader role
        unanswered waits
        _follows _last_ack before_output blocked closed heard_at socket unsent""",
}
"""What is handed over, and in the last line what is made anew."""


@pytest.mark.parametrize("kind", list(KNOWN))
def test_whatever_a_daemon_knows_is_handed_over_or_made_anew(server: Server, kind: type) -> None:
    """A new attribute belongs into `upgrade.state`, then here."""
    things = {Session: server.session, Pump: server.session.pump, Connection: connect(server)[0]}
    assert set(vars(things[kind])) - set(KNOWN[kind].split()) == set()
