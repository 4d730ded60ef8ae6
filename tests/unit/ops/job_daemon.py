"""What a job's waiter is given in unit tests: a daemon that the test plays, and the signals noted."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sesh import protocol, wire
from sesh.errors import Ended
from sesh.ops.jobs import Waiter
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.stream import Stream
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link


def interrupts(*, tie: bool) -> Interrupts:
    """The signals, noted from now on; the waiter gives them back."""
    return Interrupts(tie=tie, message="").__enter__()


@contextmanager
def waiting(
    connection: wire.Connection,
    noted: Interrupts,
    again: Callable[[Stream], wire.Connection] | None = None,
    ended: Ended | None = None,
) -> Iterator[Waiter]:
    """A waiter over a stream of this connection; the signals are given back in the end."""
    host = None if again is None else "box"
    try:
        with Stream(connection, "job", host=host, again=again, ended=lambda _: ended) as stream:
            yield Waiter(stream, noted, Caller())
    finally:
        noted.close()


@contextmanager
def of_a_host() -> Iterator[list[Daemon]]:
    """Three daemons of one session on a host, for as many links to it."""
    daemons = [Daemon(far=True, id="id") for _ in range(3)]
    yield daemons
    for daemon in daemons:
        daemon.close()


def link(inbound: int, outbound: int, command: str = "false") -> Link:
    """A link that counts as lost where the other end is closed, if its command fails."""
    with open(os.devnull, "rb") as nothing:
        return Link(Destination("box"), subprocess.Popen([command]), nothing, inbound, outbound)


class Daemon:
    """The other end of `connection`, which is the waiter's: reads requests, says what the test wants.

    `far`: it is the daemon of a host, over a link. `facts` are what its WELCOME tells beside the protocol.
    """

    def __init__(self, *, far: bool = False, **facts: object) -> None:
        ours, self.end = socket.socketpair()
        self.end.settimeout(10)
        descriptor = ours.detach()
        self.connection = (link if far else wire.Connection)(descriptor, descriptor)
        self._facts = facts
        self._decoder = protocol.Decoder()
        self._frames: list[tuple[int, bytes]] = []

    def next(self) -> tuple[int, dict[str, Any]]:
        while not self._frames:
            data = self.end.recv(65536)
            assert data, "the waiter closed the connection"
            self._frames = self._decoder.feed(data)
        kind, payload = self._frames.pop(0)
        return kind, protocol.parse(payload) if payload else {}

    def say(self, kind: int, **values: object) -> None:
        self.end.sendall(protocol.message(kind, values))

    def welcome(self) -> dict[str, Any]:
        """HELLO, WELCOME; the request that came with it."""
        assert self.next()[0] == protocol.HELLO
        self.say(protocol.WELCOME, protocol=protocol.PROTOCOL, version="0", **self._facts)
        return self.next()[1]

    def output(self, position: int, data: bytes) -> None:
        self.end.sendall(protocol.numbered(protocol.OUTPUT, position, data))

    def ended(self, code: int, **more: object) -> None:
        self.say(protocol.RESPONSE, id=1, exit_code=code, **more)

    def close(self) -> None:
        self.connection.close()
        self.end.close()
