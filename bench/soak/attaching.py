"""A client with little cost: it attaches, gets the screen, and leaves."""

from __future__ import annotations

import os
import time
import zlib

from sesh.wire import protocol
from sesh.wire.connection import connect, hello_frame
from sesh.wire.messages import Hello

PATIENCE = 20.0


class Attached:
    """A client attached to a session over its socket. `screen`: what came first."""

    def __init__(self, name: str, columns: int = 80, rows: int = 24, *, lines: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE
        self.position = -1
        self.connection = connect(name)
        try:
            hello: Hello = {"columns": columns, "rows": rows, "lines": lines, "client": os.urandom(8).hex()}
            self.connection.send(hello_frame("attach", **hello), deadline)
            self.welcome = self.connection.expect_welcome(deadline)
            self.screen = self._first_screen(deadline)
        except BaseException:
            self.connection.close()
            raise

    def _first_screen(self, deadline: float) -> bytes:
        """Return the bytes that show the session: a whole screen, or output."""
        screen, whole = b"", False
        while not whole or self.position < self.welcome["position"]:
            kind, payload = self.connection.receive(deadline)
            if kind == protocol.NOTICE:  # what was missed is shown, and nothing more comes until a key is pressed
                break
            if kind == protocol.SCREEN:
                position, data = protocol.split_number(payload)
                screen += data[protocol.NUMBER_SIZE :]
                whole = position != protocol.PART
                if whole:
                    self.position = position
            else:
                screen += self._take(kind, payload)
        return screen

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection without a message, as a killed client does."""
        self.connection.close()

    def _take(self, kind: int, payload: bytes) -> bytes:
        """Take the output of a frame, which must begin where the last frame ended."""
        if kind == protocol.EXIT:
            raise AssertionError(f"the session has ended: {payload!r}")
        if kind not in (protocol.SCREEN, protocol.OUTPUT):
            return b""
        position, data = protocol.split_number(payload)
        if kind == protocol.SCREEN:
            assert position >= self.position, f"a screen of {position}, after {self.position}"
            self.position = self.position if position == protocol.PART else position
            return b""
        assert position == self.position, f"output at {position}, expected at {self.position}"
        self.position += len(data)
        return data

    def resize(self, columns: int, rows: int) -> None:
        self.connection.send(protocol.frame(protocol.RESIZE, protocol.size_payload(columns, rows)))

    def checksum(self, size: int) -> int:
        """Return the CRC of the next bytes of output."""
        checksum, deadline = 0, time.monotonic() + PATIENCE + size / 1e6
        while size > 0:
            data = self._take(*self.connection.receive(deadline))[:size]
            checksum = zlib.crc32(data, checksum)
            size -= len(data)
        return checksum

    def leave(self) -> None:
        """Detach as Ctrl-\\ does, and wait until the daemon has answered."""
        self.connection.send(protocol.message(protocol.DETACH, {}))
        kind, payload = self.connection.receive(time.monotonic() + PATIENCE)
        while kind != protocol.DETACH:
            self._take(kind, payload)
            kind, payload = self.connection.receive(time.monotonic() + PATIENCE)
