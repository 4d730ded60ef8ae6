"""The targets of the protocol: the codec by itself, and a live daemon's socket."""

from __future__ import annotations

import json
import os
import random
import select
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sesh.daemon.requests.requests import REQUESTS
from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.connection import connect
from sesh.wire.messages import Hello
from tests.faults.daemons import Daemons, resident
from tests.fuzz.mutation import mutated
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target, pure
from tests.unit.vt.streams import cut

#: Bytes that a fuzzed daemon may grow by: scrollback, the emulator's lag, its code, and unread answers.
MAX_GROWTH = 96 << 20
CLOSES_WITHIN = 20.0

_ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1.5, 10**30, float("nan"), "", "x" * 5000, "\x1b]0;t\x07\x00\n", "\ud800", [], [[]],
    {}, {"a": {"b": []}}, [None], ["x", 1], "head", "work", "../x", "a/b",
)  # fmt: skip
_WORDS_OF_HELLO = sorted(Hello.__annotations__)
_WORDS_OF_REQUEST = (
    "which", "format", "lines", "ansi", "text", "set", "output", "follow", "exit", "host", "from", "since",
    "timeout", "n", "at", "ends", "probe", "prompt", "idle", "for", "waiting", "keys", "id", "verb", "to", "enter",
    "path", "python", "begin_by",
)  # fmt: skip
#: Requests that would end, rename or replace the session that the other cases need.
_ENDING = {"kill", "rename", "reload"}
_VERBS = sorted(set(REQUESTS) - _ENDING)


def _hello(rng: random.Random) -> bytes:
    values: dict[str, Any] = {
        "protocol": protocol.PROTOCOL,
        "version": "1",
        "role": "attach",
        "columns": 80,
        "rows": 24,
    }
    values["role"] = rng.choice(("attach", "attach", "request", "bridge"))
    values |= {rng.choice(_WORDS_OF_HELLO): rng.choice(_ODD) for _ in range(rng.choice((0, 0, 0, 1, 2)))}
    return protocol.frame(protocol.HELLO, json.dumps(values).encode())


def _request(rng: random.Random) -> bytes:
    values: dict[str, Any] = {"id": rng.randint(0, 5), "verb": rng.choice(_VERBS)}
    values |= {rng.choice(_WORDS_OF_REQUEST): rng.choice(_ODD) for _ in range(rng.choice((0, 1, 2, 4)))}
    if str(values["verb"]) in _ENDING:
        values["verb"] = "summary"
    data = rng.choice((b"", b"", b"text", b"\0", b"\xff" * 10, b"(a+)+$"))
    return (protocol.frame(protocol.DATA, data) if data else b"") + protocol.frame(
        protocol.REQUEST, json.dumps(values).encode()
    )


def _frame(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.25:
        return _request(rng)
    if kind < 0.5:
        typed = rng.choice((b"keys", b"\x1b[A", b"\x1b[?1;2c", b"\x03", b"\r", b"\x1b[200~x", b"\x1b]10;rgb:1/2/3\x07"))
        return protocol.numbered(protocol.INPUT, rng.choice((0, 1, 2, 3, 1 << 63, (1 << 64) - 1)), typed)
    if kind < 0.6:
        size = protocol.size_payload(*(rng.choice((0, 1, 2, 80, 1000, 65535)) for _ in range(4)))
        return protocol.frame(protocol.RESIZE, size)
    if kind < 0.65:
        return _hello(rng)
    payload = rng.choice((b"", b"x", bytes(8), bytes(7), b"{}", b"[]", b'{"id":1}', rng.randbytes(20)))
    return protocol.frame(rng.choice((*range(0x14), 0x7F, 0xFF)), payload)


def make(rng: random.Random) -> bytes:
    """Make what a client might write on one connection, with some frames changed."""
    frames = [_hello(rng)] if rng.random() < 0.95 else []
    for _ in range(rng.choice((1, 3, 10, 60))):
        frame = _frame(rng)
        frames.append(mutated(rng, frame) if rng.random() < 0.02 else frame)
    return b"".join(frames)


def _taken(data: list[bytes]) -> tuple[list[tuple[int, bytes]], int, bool]:
    """Return the frames of pieces, the number of unfinished bytes, and a refusal."""
    decoder = protocol.Decoder()
    frames: list[tuple[int, bytes]] = []
    for piece in data:
        try:
            frames += decoder.feed(piece)
        except ProtocolError:
            return frames, 0, True
    return frames, len(decoder.held), False


def check_codec(case: bytes) -> None:
    """Check that frames do not depend on cuts, and that payloads are read or refused."""
    whole, left, refused = _taken([case])
    pieces, rest, broken = _taken(cut(random.Random(zlib.crc32(case)), case))
    assert broken == refused
    if not refused:
        assert (pieces, rest) == (whole, left)
        assert b"".join(protocol.frame(*each) for each in whole) + case[len(case) - left :] == case
    for _, payload in pieces:
        for read in (codec.parse, protocol.split_number, protocol.split_size):
            try:
                read(payload)
            except ProtocolError:
                continue
        try:
            values = codec.parse(payload)
        except ProtocolError:
            continue
        once = codec.parse(codec.encode(values))  # two halves of a surrogate pair have become one character
        assert repr(codec.parse(codec.encode(once))) == repr(once)


class Socket:
    """A live daemon's socket: each case is one connection."""

    def __init__(self, daemons: Daemons) -> None:
        self._daemons = daemons
        self.pid = daemons.quiet("work", "trap '' INT QUIT; exec cat", "raw")
        self._before = resident(self.pid)
        self.largest = 0
        """The most bytes that the daemon has grown by."""
        self.frames = 0
        """How many frames were written, mutated ones too."""

    def check(self, case: bytes) -> None:
        """Check that the daemon reads the case or closes, without a fault of its own."""
        self.frames += len(_taken([case])[0]) or 1
        with connect("work") as connection:
            _converse(connection.inbound, case)
        status = self._daemons.ask("work", "status", timeout=CLOSES_WITHIN)
        assert status["state"] == "running"
        faults = [line for line in status["faults"] if "a fault" in line]
        assert not faults, faults[-1].partition(" ")[2]
        self.largest = max(self.largest, resident(self.pid) - self._before)
        assert self.largest < MAX_GROWTH, f"{self.largest} bytes more"


def _converse(descriptor: int, data: bytes) -> None:
    """Write as much as the daemon takes, and read meanwhile, until the daemon closes."""
    deadline = time.monotonic() + CLOSES_WITHIN
    os.set_blocking(descriptor, False)
    with socket.socket(fileno=os.dup(descriptor)) as peer:
        rest = memoryview(data or b"\0")
        while True:
            readable, writable, _ = select.select(
                [peer], [peer] if rest else [], [], max(0, deadline - time.monotonic())
            )
            assert readable or writable, "the daemon neither reads nor closes"
            try:
                if readable and not peer.recv(1 << 18):
                    return
                if writable:
                    rest = rest[peer.send(rest) :]
                    if not rest:
                        peer.shutdown(socket.SHUT_WR)
            except BlockingIOError:
                continue
            except OSError:
                return


@contextmanager
def live() -> Iterator[Socket]:
    """Yield a daemon in a home of its own."""
    with own_home() as home:
        daemons = Daemons(home)
        try:
            yield Socket(daemons)
        finally:
            daemons.close()


@contextmanager
def _opened() -> Iterator[Check]:
    with live() as daemon:
        yield daemon.check


_WORDS = (
    b"\x0f\0\0\0",
    b"\x01\0\0\0",
    b"\x11\0\0\0\x01x",
    b'"id":',
    b'"verb":',
    b"\0\x10\0\0",
    b"\0\x10\0\x01",
    b'"n":1e999',
)
TARGETS = (pure("codec", make, check_codec, _WORDS), Target("frames", make, _opened, _WORDS, slow=True))
