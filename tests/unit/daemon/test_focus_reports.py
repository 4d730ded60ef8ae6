"""What a program hears of the focus while clients are lost, return, or report faster than the emulator reads."""

from __future__ import annotations

from typing import Any

import pytest

from sesh.daemon.base.due import NEVER
from sesh.daemon.clients.focus import Focus
from sesh.wire import protocol
from tests.unit.daemon.connections import Attach, Daemon, Peer, prints

ASK, ASK_NOT = b"\x1b[?1004h", b"\x1b[?1004l"


@pytest.fixture
def heard(server: Daemon, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the program has been typed; it asks for reports."""
    typed: list[bytes] = []

    def note(data: bytes, **_: Any) -> None:
        if data:
            typed.append(data)

    monkeypatch.setattr(server.session.pump, "type", note)
    prints(server.session, ASK)
    return typed


def report(server: Daemon, peer: Peer, focus: Focus, number: int = 1) -> None:
    peer.send(protocol.numbered(protocol.INPUT, number, focus.report))
    server.until(lambda: peer.client.last_input == number)


def test_a_lost_leader_looks_until_it_is_given_up(server: Daemon, heard: list[bytes], attach: Attach) -> None:
    session = server.session
    session.attached.forget(attach(client="a").client, returns=True)
    until = session.clients.lost.until
    session.focus.act(until - 0.1)
    assert (heard, session.focus.due) == ([], until)
    session.focus.act(until)
    assert (heard, session.focus.due) == ([Focus.OUT.report], NEVER)


def test_a_client_that_returns_looks_as_it_did(server: Daemon, heard: list[bytes], attach: Attach) -> None:
    first = attach(client="a")
    report(server, first, Focus.OUT)
    server.session.attached.forget(first.client, returns=True)
    again = attach(client="a")
    assert again.client.focus is Focus.OUT
    assert heard == [Focus.OUT.report]


def test_who_asks_anew_believes_that_somebody_looks(server: Daemon, heard: list[bytes], attach: Attach) -> None:
    peer = attach()
    report(server, peer, Focus.OUT)
    prints(server.session, ASK_NOT + ASK)
    server.turn()
    report(server, peer, Focus.IN, 2)
    assert heard == [Focus.OUT.report]


def test_a_report_that_tells_nothing_new_is_taken_out_of_the_keys(
    server: Daemon, heard: list[bytes], attach: Attach
) -> None:
    attach(client="a")
    one = attach(client="b")
    one.send(protocol.numbered(protocol.INPUT, 1, b"keys" + Focus.OUT.report + b"more" + Focus.IN.report))
    server.until(lambda: heard)
    assert heard == [b"keysmore"]


def test_a_report_that_comes_before_the_emulator_has_read_the_mode_is_set_right(
    server: Daemon, heard: list[bytes], attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.session
    attach(client="a")
    one = attach(client="b")
    with monkeypatch.context() as patch:
        patch.setattr(session.feed, "catch_up", lambda *_: False)
        patch.setattr(session.feed.emulator, "mode", lambda *_: False)
        report(server, one, Focus.OUT)
        assert heard == [Focus.OUT.report]
        assert session.focus.due < NEVER
    server.until(lambda: heard[1:])
    assert heard[1:] == [Focus.IN.report], "the other one looks"
