"""A client that uses little processor time: it only sends and reads the frames to attach, get the screen, and leave."""

from __future__ import annotations

import os
import zlib

from sesh import protocol
from tests.faults.daemons import Client
from tests.support import wait_until

_PATIENCE = 20.0


class Attached(Client):
    """A client attached to a session, until the end of a `with`. `screen`: the first screen, and output behind it."""

    def __init__(self, name: str, columns: int = 80, rows: int = 24, *, lines: int = 0) -> None:
        super().__init__(name, columns=columns, rows=rows, lines=lines, client=os.urandom(8).hex())
        try:
            position = protocol.parse(self.wait(protocol.WELCOME, _PATIENCE))["position"]
            wait_until(lambda: self._shows(position), _PATIENCE, pause=self.step, what=f"{name} is shown")
        except BaseException:
            self.close()
            raise
        self.screen = b"".join(self._pieces()) + self.output

    def _pieces(self) -> list[bytes]:
        return [protocol.split_number(payload)[1] for kind, payload in self.frames if kind == protocol.SCREEN]

    def _shows(self, position: int) -> bool:
        """Return whether the screen has come: all pieces but the last are full. A notice comes instead of output."""
        pieces = self._pieces()
        whole = bool(pieces) and len(pieces[-1]) < protocol.CHUNK
        return (whole and self.position >= position) or protocol.NOTICE in self.kinds()

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def resize(self, columns: int, rows: int) -> None:
        self.send(protocol.frame(protocol.RESIZE, protocol.size_payload(columns, rows)))

    def checksum(self, size: int) -> int:
        """Return the CRC of the next bytes of output."""
        begin = len(self.output)
        enough = _PATIENCE + size / 1e6
        wait_until(lambda: len(self.output) >= begin + size, enough, pause=self.step, what=f"{size} bytes of output")
        return zlib.crc32(self.output[begin : begin + size])

    def leave(self) -> None:
        """Detach as Ctrl-\\ does, and wait until the daemon has answered."""
        self.send(protocol.message(protocol.DETACH, {}))
        self.wait(protocol.DETACH, _PATIENCE)
