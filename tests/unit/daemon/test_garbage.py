"""A daemon frees at once what it does not need any more.

Garbage in cycles stays until the collector runs over all objects, which it does the later, the more there are.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from sesh.wire import protocol
from sesh.wire.connection import hello_frame, request_frames
from tests.unit.daemon.connections import Daemon, Link

LINES = b"".join(b"\x1b[4%dm%d Gr\xc3\xbc\xc3\x9fe\x1b[m\r\n" % (n % 8, n) for n in range(3000))
ATTACH = hello_frame("attach", columns=80, rows=24, lines=1000)
FROM_FIRST: dict[str, Any] = {"follow": True, "from": 0}
REQUEST = hello_frame("request")


def visit(server: Daemon, frames: bytes, last: int) -> None:
    """Connect a peer that sends frames, until a frame of the kind `last` comes."""
    link, kinds = Link(server), set[int]()
    link.other.sendall(frames)
    while last not in kinds:
        server.turn()
        kinds |= {kind for kind, _ in link.take()}
    link.other.close()
    del link
    while server.connections:
        server.turn()


def pack(server: Daemon) -> None:
    while not server.session.feed._pack():
        pass


ACTS: dict[str, Callable[[Daemon], object]] = {
    "an attachment": lambda server: visit(server, ATTACH, protocol.SCREEN),
    "one of another size": lambda server: visit(server, ATTACH.replace(b"80", b"40"), protocol.SCREEN),
    "a follower": lambda server: visit(server, REQUEST + request_frames("wait", 1, **FROM_FIRST), protocol.OUTPUT),
    "a reader of coloured lines": lambda server: visit(
        server, REQUEST + request_frames("logs", 1, lines=2000, ansi=True), protocol.RESPONSE
    ),
    "the packing of the scrollback": pack,
}


@pytest.mark.parametrize("act", ACTS)
def test_it_leaves_no_garbage_in_cycles(server: Daemon, act: str) -> None:
    """Each attachment, each block of lines that was drawn, and each packing left some."""
    server.session.pump.append_unscanned(LINES)
    server.session.feed.catch_up(60)
    ACTS[act](server)  # what the first one loads and compiles stays
    server.session.pump.append_unscanned(LINES)
    server.session.feed.catch_up(60)
    gc.collect()
    gc.disable()
    try:
        ACTS[act](server)
        assert gc.collect() == 0
    finally:
        gc.enable()
