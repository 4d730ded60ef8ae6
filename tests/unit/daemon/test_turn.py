"""What one turn does is all done once, for each client, and what it leaves begins the next turn at once."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any
from unittest.mock import Mock

import pytest

from sesh.daemon import reload
from sesh.daemon.clients.client import Client, Follower, Output
from sesh.daemon.pty.pty import Pty
from sesh.daemon.screen.feed import FeedState
from sesh.daemon.session import Session
from sesh.wire import protocol
from sesh.wire.window import HERE
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Daemon, Link, prints

LARGE = {"columns": 100, "rows": 30}
ROWS = b"\x1b[1mbold\x1b[m and plain, a row of some length\r\n"
BELL_AND_COPY = b"\x07\x1b]52;c;aGVsbG8=\x07"
CURSOR_QUERY = b"\x1b[6n"
TURNS = 12  # more than anything takes that waits for no time


class Peer:
    """A client at the other end of a connection. `screens`: (position, bytes) of each frame of a screen."""

    def __init__(self, server: Daemon, **hello: Any) -> None:
        self.server = server
        self.link = Link(server)
        self.screens: list[tuple[int, bytes]] = []
        self.output = b""
        words = {"protocol": protocol.PROTOCOL, "role": "attach", "columns": 80, "rows": 24, "acknowledges": True}
        server.session.attached.handle_hello(self.link.connection, words | hello)
        self.client: Client = server.session.clients.all[-1]
        server.until(self.take)

    def send(self, frame: bytes) -> None:
        self.link.other.sendall(frame)

    def types(self, number: int, keys: bytes) -> None:
        self.send(protocol.numbered(protocol.INPUT, number, keys))

    def take(self) -> bool:
        """Take what has come, and acknowledge it; return whether screens have come."""
        for kind, payload in self.link.take():
            if kind in (protocol.OUTPUT, protocol.SCREEN):
                position, data = protocol.split_number(payload)
                if kind == protocol.OUTPUT:
                    self.output += data
                else:
                    self.screens.append((position, data[protocol.NUMBER_SIZE :]))
        self.send(protocol.numbered(protocol.GOT, self.client.window._sent, b""))
        return bool(self.screens)

    def taken(self) -> bytes:
        """Take what has come; return all screens since the last call."""
        self.take()
        screens = self.screens
        self.screens = []
        return b"".join(data for _, data in screens)


Attach = Callable[..., Peer]


@pytest.fixture
def attach(server: Daemon) -> Iterator[Attach]:
    """Yield what attaches a client, which has shown its first screen."""
    opened: list[Peer] = []

    def attaches(**hello: Any) -> Peer:
        opened.append(Peer(server, **hello))
        turns(server)
        return opened[-1]

    yield attaches
    for peer in opened:
        peer.link.close()


@pytest.fixture
def typed(server: Daemon, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is typed at the program."""
    keys: list[bytes] = []
    monkeypatch.setattr(server.session.pump, "type", lambda data, **_: keys.append(bytes(data)) if data else None)
    return keys


def turns(server: Daemon, count: int = TURNS) -> None:
    for _ in range(count):
        server.turn()


def late(peer: Peer) -> None:
    """Print so much at once that a client over a link gets a screen instead, and has a part of it."""
    prints(peer.server.session, ROWS * 300)
    peer.server.session.feed.catch_up(10)
    peer.server.until(lambda: peer.client.screen is not None and peer.client.screen.pieces)


# -- what terminals have


def test_output_that_a_client_holds_back_lets_more_come_and_is_kept_for_its_terminal(
    server: Daemon, attach: Attach
) -> None:
    """It counted as shown, so a terminal that was left while it stood still got lines twice, or lacked some."""
    client = attach(remote=True).client
    prints(server.session, ROWS)
    turns(server)
    place = client.place
    assert place is not None
    before = place.got
    assert before < place.sent
    client.confirm(*protocol.split_got(protocol.got(client.window._sent, before)[5:]), time.monotonic())
    assert (client.window.in_flight, place.got) == (0, before)
    prints(server.session, ROWS)
    turns(server)
    client.confirm(client.window._sent, None, time.monotonic())
    assert place.got == place.sent


# -- screens


def test_a_screen_owed_inside_an_image_neither_stops_the_program_nor_keeps_the_daemon_busy(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The screen waited for the end of the image, and the program, which draws it, for the screen."""
    monkeypatch.setattr("sesh.daemon.clients.sender.SCREEN_WAITS", 0.0)
    peer = attach()
    own = server.session
    prints(own, b"\x1bPq")
    turns(server)
    peer.taken()
    peer.send(protocol.redraw(own.log.head, 1))
    for _ in range(2 * HERE >> 16):
        prints(own, b"~" * (1 << 16))
        turns(server, 2)
    own.feed.catch_up(10)
    turns(server)
    assert own.feed.in_image
    assert own.pump.allowed > 0
    assert own.sender.due > time.monotonic()
    assert not peer.taken()
    prints(own, b"\x1b\\after")
    server.until(lambda: b"after" in peer.taken())


def test_a_first_screen_that_was_not_shown_is_drawn_again_at_redraw(server: Daemon, attach: Attach) -> None:
    """The lines of the scrollback counted as shown, and did not come."""
    prints(server.session, b"first\r\n" + ROWS * 100)
    server.session.feed.catch_up(10)
    peer = attach()
    assert b"first" in peer.taken()
    turns(server)
    peer.send(protocol.redraw(0, 1))
    server.until(lambda: b"first" in peer.taken())


def test_a_screen_in_pieces_is_not_followed_by_another_one(server: Daemon, attach: Attach) -> None:
    """Until its last piece the terminal counted as late, and got the next screen."""
    attach()
    peer = attach(remote=True, read_only=True)
    peer.taken()
    late(peer)
    for _ in range(10 * TURNS):
        peer.take()
        server.turn()
    whole = [position for position, _ in peer.screens if position != protocol.PART]
    assert len(peer.screens) > 2
    assert whole == [server.session.log.head]


def test_a_leader_that_was_given_up_gets_the_screen_and_not_all_that_was_printed_since(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 2 KB/s it got the output of two minutes, and its Ctrl-C showed behind that."""
    monkeypatch.setattr("sesh.wire.window.PATIENCE", -1e9)  # each acknowledgement is late
    peer = attach(remote=True)
    for _ in range(50):  # more lines than the scrollback has
        prints(server.session, ROWS * 300)
        server.turn()
    server.session.feed.catch_up(10)
    monkeypatch.undo()
    peer.output = b""
    server.until(lambda: b"bold" in peer.taken())
    for _ in range(10 * TURNS):
        peer.take()
        server.turn()
    assert len(peer.output) < 64 << 10


def test_a_query_is_not_asked_again_between_the_pieces_of_a_screen(
    server: Daemon, attach: Attach, typed: list[bytes]
) -> None:
    """The terminal took the query for a piece, and showed a half of the screen."""
    other = attach(remote=True)
    asked = attach()
    prints(server.session, CURSOR_QUERY)
    turns(server)
    other.taken()
    late(other)
    assert typed == [], "a terminal is asked"
    asked.link.other.close()
    server.until(lambda: typed)
    for _ in range(10 * TURNS):
        other.take()
        server.turn()
    assert len(typed) == 1, "the daemon replies"
    assert CURSOR_QUERY not in other.taken()


def test_a_clients_output_goes_through_all_its_states(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = server.session
    prints(own, ROWS * 3000)
    own.feed.catch_up(10)
    attach()  # leads
    passed: list[Output] = []
    send_to = own.sender._send_to

    def note(client: Client) -> None:
        output = client.output(own.clients.size)
        if client.over_link and passed[-1:] != [output]:
            passed.append(output)

    def send_and_note(client: Client, now: float) -> None:
        note(client)
        send_to(client, now)
        note(client)

    monkeypatch.setattr(own.sender, "_send_to", send_and_note)
    peer = attach(remote=True, read_only=True)
    for size in (80, 24), (100, 30), (80, 24):
        peer.send(protocol.frame(protocol.RESIZE, protocol.size_payload(*size)))
        for _ in range(20 * TURNS):
            peer.take()
            server.turn(waits=False)
    assert passed[:5] == [Output.DUE, Output.DRAWING, Output.SENDING, Output.LIVE, Output.VIEWPORT]
    assert (passed[5], passed[-1]) == (Output.DUE, Output.LIVE)
    assert set(passed) == set(Output)


# -- viewports


def test_at_redraw_a_viewport_draws_all_rows_again(server: Daemon, attach: Attach) -> None:
    """Only changed rows came, so what had covered the others stayed."""
    peer = attach(**LARGE, read_only=True)
    prints(server.session, b"one\r\ntwo")
    server.until(lambda: b"two" in peer.taken())
    peer.send(protocol.redraw(server.session.log.head, 1))
    server.until(peer.take)
    screen = peer.taken()
    assert b"one" in screen
    assert b"two" in screen


def test_a_viewport_gets_the_bell_and_the_clipboard_write_of_the_output_that_it_replaces(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were dropped before the next viewport was due."""
    monkeypatch.setattr("sesh.daemon.pty.output_log.RETAINED", 0)  # no terminal that has left keeps them
    own = server.session
    peer = attach(**LARGE, read_only=True)
    peer.taken()
    viewed = peer.client.viewed
    assert viewed is not None
    viewed.due = float("inf")
    prints(own, b"before")
    turns(server)
    prints(own, BELL_AND_COPY)
    own.feed.catch_up(10)
    turns(server)
    viewed.due = 0.0
    server.turn()
    assert peer.taken().endswith(BELL_AND_COPY)


# -- faults


def test_a_reload_whose_exec_fails_is_tried_once_and_the_session_goes_on(server: Daemon, attach: Attach) -> None:
    """Each turn failed, so the session was lost."""
    peer = attach()
    server.replace = partial(reload._execute, server, lambda _: ["/nowhere/python"], FeedState.nothing())
    with pytest.raises(FileNotFoundError):
        server.turn()
    prints(server.session, b"it goes on")
    server.turn()
    peer.take()
    assert peer.output == b"it goes on"


def test_a_fault_in_sending_to_one_client_leaves_the_others_their_output(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = server.session
    faulty, other = attach(), attach()
    send_to = own.sender._send_to

    def sends(client: Client, now: float) -> None:
        if client is faulty.client:
            raise RuntimeError("here")
        send_to(client, now)

    monkeypatch.setattr(own.sender, "_send_to", sends)
    prints(own, b"output")
    server.turn()
    other.take()
    assert other.output == b"output"
    assert own.clients.all == [other.client], "the other one comes back"


def test_a_fault_at_one_clients_key_leaves_the_others_key_typed(
    server: Daemon, attach: Attach, typed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = server.session
    faulty, other = attach(), attach()
    monkeypatch.setattr(own.activity, "key_typed", Mock(side_effect=[RuntimeError("here"), None]))
    faulty.types(1, b"a")
    other.types(1, b"b")
    turns(server, 2)
    assert sorted(typed) == [b"a", b"b"]
    assert len(own.clients) == 1


# -- what changes at the end of a turn


def test_followers_of_events_hear_in_the_next_turn_at_once_of_a_connection_lost_at_the_end_of_one(
    server: Daemon, attach: Attach, link: Link
) -> None:
    """They heard of it with the next output."""
    server.session.attached.handle_hello(link.connection, {"protocol": protocol.PROTOCOL, "role": "request"})
    peer = attach()
    server.session.events.follow(link.connection, None)
    server.until(lambda: not server.has_work)
    peer.link.other.close()
    server.until(lambda: not server.session.clients)
    assert server.has_work
    server.turn()
    assert [b'"detached"' in payload for kind, payload in link.take() if kind == protocol.DATA] == [True]


def test_a_leader_that_detaches_gives_the_session_the_next_leaders_size_at_once(server: Daemon, attach: Attach) -> None:
    """The program kept the size until something else began a turn."""
    clients = server.session.clients
    attach()
    leader = attach(**LARGE)
    assert clients.size[:2] == (100, 30)
    server.until(lambda: not server.has_work)
    leader.send(protocol.frame(protocol.DETACH))
    server.until(lambda: leader.client not in clients.all)
    assert clients.due == 0.0
    assert server.has_work
    server.turn()
    assert clients.size[:2] == (80, 24)


def test_a_program_that_waits_for_a_follower_goes_on_at_once_when_the_follower_is_lost(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited until something else began a turn."""
    own = server.session
    link.connection.reader = own.sender.followers[link.connection] = Follower(link.connection, 0)
    link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    monkeypatch.setattr("sesh.daemon.clients.sender.HERE", 4096)
    prints(own, bytes(60_000))
    server.turn()
    link.connection.progress_at = time.monotonic() + 1000  # it is not given up in this test
    server.until(lambda: own.pump.allowed == 0 and not server.has_work)
    link.other.close()
    server.until(lambda: not own.sender.followers)
    assert server.has_work
    server.turn()
    assert own.pump.allowed > 0


# -- keys


def holds_escape(peer: Peer) -> None:
    """Type an Escape that may begin a reply, so it waits for its rest."""
    peer.client.reply_filter.queries.open(b"[R", time.monotonic())
    peer.types(1, b"\x1b")
    peer.server.until(lambda: peer.server.session.keyboard.due < float("inf"))


def test_a_held_escape_is_typed_before_a_reload(server: Daemon, attach: Attach, typed: list[bytes]) -> None:
    """It counted as received, so the client did not send it again."""
    peer = attach()
    holds_escape(peer)
    with pytest.raises(FileNotFoundError):
        reload._execute(server, lambda _: ["/nowhere/python"], FeedState.nothing())
    assert typed == [b"\x1b"]


def test_a_held_escape_gives_the_session_its_clients_size_before_it_is_typed(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program drew its response for the size of the leader before."""
    clients = server.session.clients
    peer = attach()
    attach(**LARGE)
    sizes: list[tuple[int, ...]] = []

    def types(keys: bytes, **_: object) -> None:
        if keys:
            sizes.append(clients.size[:2])

    monkeypatch.setattr(server.session.pump, "type", types)
    holds_escape(peer)
    assert clients.size[:2] == (100, 30)
    server.until(lambda: sizes)
    assert sizes == [(80, 24)]


def test_what_a_command_reports_counts_although_the_mark_of_its_start_came_in_the_same_read(
    server: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start ends what was declared before it; it ended the command's own report as well."""
    own = server.session

    def visible(block: bytes) -> Iterator[bytes]:
        own.events.add("command_started")
        yield block

    monkeypatch.setattr(own.runs, "visible", visible)
    prints(own, b"\x1b]9;ready\x07")
    server.turn()
    declared = own.activity.memory.declared.current
    assert declared is not None
    assert declared.question == "ready"


@pytest.mark.usefixtures("typed")
def test_two_large_inputs_of_a_client_that_predicts_do_not_make_turns_spin(
    server: Daemon, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second ACK was due all the time that the echo of the first INPUT was waited for."""
    monkeypatch.setattr("sesh.daemon.clients.acks.ECHO_TIME", 1000.0)
    peer = attach()
    peer.send(protocol.frame(protocol.MODEL))
    turns(server, 2)
    for number in (1, 2):
        peer.types(number, b"x" * 100)
        turns(server, 2)
    assert peer.client.last_input == 2
    assert time.monotonic() < server.session.acks.due < float("inf")


def calls(call: Callable[[], object]) -> int:
    """Return how many Python functions are called by a call."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count


def test_what_a_person_waits_for_at_a_key_and_at_its_echo_is_few_calls(serve: Callable[[Session], Daemon]) -> None:
    """Each turn asked all parts and clients for what none of them had: 117 calls for a key, 106 for its echo."""
    master, slave = os.openpty()  # its line discipline echoes
    server = serve(Session(daemon_facts(), (80, 24, 0, 0), Pty(master, slave, os.getpid())))
    peer = Peer(server)
    turns(server)
    for number in range(1, 4):
        peer.types(number, b"x")
        key = calls(server.turn)
        select.select([master], [], [])
        echo = calls(server.turn)
    peer.take()
    assert peer.output == b"xxx"
    assert max(key, echo) <= 56
    peer.link.close()
    server.session.pump.close()
