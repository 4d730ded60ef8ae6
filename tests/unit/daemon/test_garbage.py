"""A daemon frees at once what it does not need any more.

Garbage in cycles stays until the collector runs over all objects, which it does the later, the more there are.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import Pty
from sesh.daemon.reload import steps
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.wire import protocol
from sesh.wire.connection import hello_frame, request_frames
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link

LINES = b"".join(b"\x1b[4%dm%d Gr\xc3\xbc\xc3\x9fe\x1b[m\r\n" % (n % 8, n) for n in range(3000))
ATTACH = hello_frame("attach", columns=80, rows=24, lines=1000)
FROM_FIRST: dict[str, Any] = {"follow": True, "from": 0}
REQUEST = hello_frame("request")


@pytest.fixture
def server(sessions: Path) -> Iterator[Server]:
    listener = Listener.claim("work")
    yield Server(Session(daemon_facts(), (80, 24, 0, 0), Pty()), listener, None, steps)
    listener.release()


def visit(server: Server, frames: bytes, last: int) -> None:
    """Connect a peer that sends frames, until a frame of the kind `last` comes."""
    link, kinds = Link(), set[int]()
    server.admit(link.connection)
    link.other.sendall(frames)
    while last not in kinds:
        server.session.loop.turn()
        kinds |= {kind for kind, _ in link.take()}
    link.other.close()
    del link
    while server.connections:
        server.session.loop.turn()


ACTS: dict[str, Callable[[Server], object]] = {
    "an attachment": lambda server: visit(server, ATTACH, protocol.SCREEN),
    "one of another size": lambda server: visit(server, ATTACH.replace(b"80", b"40"), protocol.SCREEN),
    "a follower": lambda server: visit(server, REQUEST + request_frames("wait", 1, **FROM_FIRST), protocol.OUTPUT),
    "a reader of coloured lines": lambda server: visit(
        server, REQUEST + request_frames("logs", 1, lines=2000, ansi=True), protocol.RESPONSE
    ),
    "the packing of the scrollback": lambda server: server.session.model.pack(),
}


@pytest.mark.parametrize("act", ACTS)
def test_it_leaves_no_garbage_in_cycles(server: Server, act: str) -> None:
    """Each attachment, each block of lines that was drawn, and each packing left some."""
    server.session.pump.append_unscanned(LINES)
    server.session.model.catch_up(60)
    ACTS[act](server)  # what the first one loads and compiles stays
    server.session.pump.append_unscanned(LINES)
    server.session.model.catch_up(60)
    gc.collect()
    gc.disable()
    try:
        ACTS[act](server)
        assert gc.collect() == 0
    finally:
        gc.enable()
