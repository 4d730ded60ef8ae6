"""The far end of a link, spoken to over pipes as ssh would carry them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from sesh import bridge, protocol, wire
from sesh.errors import NotFound, UsageError
from sesh.reach import calls
from tests.support import Home, rounds


class Bridge:
    """`sesh --bridge` in a home, and the connection to it."""

    def __init__(self, home: Home, env: dict[str, str | None] | None = None) -> None:
        self.process = home.start("--bridge", stdin=subprocess.PIPE, env=env)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.connection = wire.Connection(os.dup(self.process.stdout.fileno()), os.dup(self.process.stdin.fileno()))
        self.process.stdin.close()
        self.process.stdin = None
        self.process.stdout.close()

    def greeted(self) -> wire.Connection:
        """The connection once mark and WELCOME have come."""
        self.skip_mark()
        self.connection.hello("bridge", time.monotonic() + 10, near={"host": "box"})
        return self.connection

    def skip_mark(self) -> None:
        seen = b""
        while not seen.endswith(protocol.BRIDGE):
            seen += os.read(self.connection.inbound, 1)

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
    return wire.asking("op", number, calls.encoded(data), op=op)


def result(connection: wire.Connection, number: int = 1) -> Any:
    """The result of the op that was asked for."""
    return json.loads(connection.answer(number, deadline())[1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("views.logs", {"name": "work", "lines": "10"}),
        ("views.logs", {"name": "work", "lines": 10**30}),
        ("views.screen", {"name": "work", "form": ["text"]}),
        ("views.status", {"name": 5}),
        ("views.status", {"name": "a\0b"}),
        ("views.status", {"name": "\ud800"}),
        ("sessions.kill", {"names": "work"}),
        ("sessions.label", {"name": "work", "labels": {"k": 1}}),
        ("enter.open_", {"name": "work", "spec": {"command": "cat"}}),
        ("enter.open_", {"name": "work", "spec": {"future": 1}}),
        ("enter.job_detached", {"name": "work", "spec": {}, "timeout": "1"}),
        ("layout.make", {"entries": [{"name": "work"}]}),
        ("sweep.clear", {"wanted": [{}]}),
        ("search.grep", {"pattern": "x", "context": 1e300}),
        ("sessions.there", ["name"]),
    ],
)
def test_an_op_s_arguments_are_of_its_types_or_it_is_refused(
    home: Home, far_end: Bridge, name: str, words: Any
) -> None:
    """Each was an internal error."""
    connection = far_end.greeted()
    connection.send(wire.asking("op", 1, calls.encoded(words), op=name))
    with pytest.raises(UsageError):
        result(connection)
    assert home.names() == []


@pytest.mark.parametrize("word", ["enter.no", "enter", "", ["x"], None])
def test_what_is_no_op_is_refused_and_the_link_goes_on(home: Home, far_end: Bridge, word: object) -> None:
    """The bridge ended with an internal error."""
    connection = far_end.greeted()
    connection.send(wire.asking("op", 2, calls.encoded({"name": "work"}), op=word))
    with pytest.raises(UsageError):
        result(connection, 2)
    connection.send(op("sessions.summaries", 3))
    assert result(connection, 3) == []
    assert home.names() == []


def test_another_side_of_which_nothing_comes_is_gone_whatever_the_daemon_says_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client whose window was closed while the network was down stayed attached."""
    monkeypatch.setattr(bridge, "_SILENT", 0.5)
    home.sesh("--open", "work", "--", "sh", "-c", "while :; do echo output; done")
    own = Bridge(home)
    try:
        own.greeted().send(wire.asking("op", 1, b'{"name": "work"}', op="enter.attach", greeting=GREETING, pings=True))
        assert own.process.wait(30) == 1
    finally:
        own.close()


JOB = wire.asking("op", 1, calls.encoded({"spec": {"command": ["cat"]}}), op="enter.job", session_id="c0ffee")
GREETING = wire.introduction("attach", client="c0ffee", columns=70, rows=20, term="xterm", tty="", machine="near")


@settings(max_examples=rounds(5, 100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.data())
def test_what_is_sent_in_one_go_is_answered_however_it_is_split(home: Home, data: strategies.DataObject) -> None:
    """HELLO, a question about nothing, the request that leads to a session with its greeting, and keys right behind."""
    home.sesh("--open", "work", "--", "cat")
    greeting = {**GREETING, "client": os.urandom(8).hex()}
    frames = b"".join(
        [
            wire.greeting("bridge", near={"host": "box"}),
            protocol.frame(protocol.PING, b"1"),
            op("sessions.summaries", 1),
            wire.asking("op", 2, calls.encoded({"name": "gone"}), op="enter.attach", greeting=greeting),
            wire.asking("op", 3, calls.encoded({"name": "work"}), op="enter.attach", greeting=greeting),
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
        assert result(own.connection, 1)[0]["name"] == "work"
        with pytest.raises(NotFound):
            own.connection.answer(2, deadline())
        own.connection.answer(3, deadline())
        assert own.connection.expect_welcome(deadline())["name"] == "work"
        while own.connection.receive(deadline())[0] != protocol.ACK:
            continue
    finally:
        own.close()


@pytest.mark.parametrize("_", range(rounds(3, 50)))
def test_a_request_that_comes_over_two_links_at_once_is_carried_out_once(home: Home, _: int) -> None:
    """The second one began another job, or was told that the name is taken."""
    both = [Bridge(home), Bridge(home)]
    try:
        links_ = [each.greeted() for each in both]
        for each in links_:
            each.send(JOB)
        assert [each.answer(1, deadline())[0]["name"] for each in links_] == ["1", "1"]
        assert home.names() == ["1"]
    finally:
        for one in both:
            one.close()
