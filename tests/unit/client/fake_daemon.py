"""A daemon that does only what a test tells it, and a client in a real terminal that attaches to it."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from typing import Any

from sesh import protocol
from tests.support import Home, Terminal
from tests.support.home import PATHS

_CLIENT = f"""
import os, sys
sys.path += {PATHS!r}
from sesh import wire
from sesh.client.attach import attach
from sesh.client.options import AttachOptions
from sesh.keys import DetachKey
from sesh.errors import SeshError
def connect(name, host):
    if host is not None:
        print("password for", host)
    return wire.connect(name)
key = DetachKey.parse(os.environ.get("SESH_DETACH_KEY") or "C-\\\\")
words = dict(word.split("=") for word in sys.argv[2:])
host = words.pop("host", None)
options = AttachOptions(detach_key=key, **{{word: value == "yes" for word, value in words.items()}})
try:
    outcome = attach(wire.connect(sys.argv[1]), sys.argv[1], host=host, options=options, connect=connect)
except SeshError as error:
    print("error:", error)
    sys.exit(error.exit_code)
print("outcome:", outcome.kind, outcome.name, outcome.code, outcome.signal, outcome.reason)
sys.exit(7)
"""
FAREWELL = 7
"""The client's exit code where `attach` returned."""


class Peer:
    """The daemon's end of one client's connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.decoder = protocol.Decoder()
        self.frames: list[tuple[int, bytes]] = []
        self.hello: dict[str, Any] = protocol.parse(self.expect(protocol.HELLO))

    def welcome(self, screen: bytes = b"", *, position: int = 0, **more: Any) -> None:
        """WELCOME and, where `screen` is given, SCREEN."""
        words = {"protocol": protocol.PROTOCOL, "version": "0", "id": "id", "position": position, "last_input": 0}
        frames = protocol.message(protocol.WELCOME, words | more)
        if screen:
            frames += protocol.numbered(protocol.SCREEN, position, screen)
        self.connection.sendall(frames)

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.connection.sendall(protocol.frame(kind, payload))

    def tell(self, kind: int, **words: Any) -> None:
        self.connection.sendall(protocol.message(kind, words))

    def redraw(self, position: int, screen: bytes) -> bytes:
        """Answers the client that asks for the screen; returns what it says of what it shows."""
        kind, said = self.next()
        if kind == protocol.PING:
            self.send(protocol.PONG, said)
            said = self.expect(protocol.REDRAW)
        self.connection.sendall(protocol.numbered(protocol.REDRAW, position, screen))
        return said

    def output(self, position: int, data: bytes) -> None:
        self.connection.sendall(protocol.numbered(protocol.OUTPUT, position, data))

    def next(self, timeout: float = 10) -> tuple[int, bytes]:
        """The next frame; EOFError where the client has gone."""
        deadline = time.monotonic() + timeout
        while not self.frames:
            if not select.select([self.connection], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("the client sent nothing")
            data = self.connection.recv(1 << 18)
            if not data:
                raise EOFError
            self.frames += self.decoder.feed(data)
        return self.frames.pop(0)

    def expect(self, kind: int, timeout: float = 10) -> bytes:
        """The payload of the next frame, which must be of this kind."""
        found, payload = self.next(timeout)
        assert found == kind, (found, payload)
        return payload

    def keys(self, size: int) -> bytes:
        """The next `size` bytes of INPUT, acknowledged; their numbers must follow one another."""
        data = b""
        while len(data) < size:
            number, piece = protocol.split_number(self.expect(protocol.INPUT))
            data += piece
            self.send(protocol.ACK, number.to_bytes(8, "big"))
        return data

    def silent(self, seconds: float = 0.15) -> bool:
        """Whether the client sends nothing for so long."""
        return not self.frames and not select.select([self.connection], [], [], seconds)[0]

    def gone(self, timeout: float = 10) -> bool:
        """Reads on until the client closes."""
        try:
            while True:
                self.next(timeout)
        except (EOFError, ConnectionResetError):
            return True


class FakeDaemon:
    """The socket of session `name`."""

    def __init__(self, home: Home, name: str = "work") -> None:
        self.path = os.path.join(home.directory, name + ".sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen()
        self.listener.settimeout(10)
        self.peers: list[Peer] = []

    def accept(self) -> Peer:
        self.peers.append(Peer(self.listener.accept()[0]))
        return self.peers[-1]

    def close(self) -> None:
        for peer in self.peers:
            peer.connection.close()
        self.listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


def client(home: Home, *words: str, name: str = "work", **more: Any) -> Terminal:
    """A terminal in which a client attaches to `name`; `words` are options such as `read_only=yes`."""
    return Terminal(command(name, *words), env=home.env | more.pop("env", {}), cwd=home.path, **more)


def command(name: str, *words: str, before: str = "") -> list[str]:
    """The words that run the client, with a statement `before` it attaches."""
    return [sys.executable, "-ISc", _CLIENT.replace("\ntry:", f"\n{before}\ntry:"), name, *words]
