"""One end of a link that carries connections and nothing else: its frames, and the pieces of its exchanges."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from sesh.errors import Unreachable
from sesh.loop.poll import READ, WRITE
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.pieces import Pieces

_READ = 64 << 10  # bytes of one read: the C library gets larger blocks of memory from the kernel, each time anew
_CLOSED = "the other side has closed the link"
_BURST = 1 << 20  # bytes of frames in one turn
_PIPE = 1 << 20  # bytes of a pipe, where the kernel allows it: fewer and larger reads
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)  # Python has the name since 3.10


class End:
    """One end. `unfinished`: more could be sent at once.

    A frame is sent in whole before the next one; exchanges take turns (`Pieces`).
    """

    def __init__(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.pieces = Pieces(now, over_link=True, alone=True)
        self.unfinished = False
        self._unsent = b""
        for descriptor in (connection.inbound, connection.outbound):
            os.set_blocking(descriptor, False)
            with suppress(OSError):  # it is a socket, the system has no such call, or the user has too many pipes
                fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE)

    @property
    def events(self) -> dict[int, int]:
        """The descriptors to wait for, and what each is to be ready for."""
        found = {self.connection.inbound: int(READ)}
        if self._unsent:
            found[self.connection.outbound] = found.get(self.connection.outbound, 0) | WRITE
        return found

    def read(self) -> list[tuple[int, bytes]]:
        """Read what has come, as its descriptor is ready; return the frames. Raises Unreachable, ProtocolError."""
        try:
            data = os.read(self.connection.inbound, _READ)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Unreachable(_CLOSED) from error
        if not data:
            raise Unreachable(_CLOSED)
        return self.connection.decode(data)

    def queue(self, frame: bytes) -> None:
        """Have a frame sent before any further piece."""
        self._unsent += frame

    def send(self, now: float) -> set[int]:
        """Send what can be sent; return the exchanges that have room again. Raises Unreachable."""
        moved = set[int]()
        sent = 0
        while self._flush() and sent < _BURST and (frame := self.pieces.next_frame(now)):
            self._unsent = frame
            sent += len(frame)
            if frame[0] == protocol.PIECE:
                number_end = protocol.HEADER_SIZE + protocol.NUMBER_SIZE
                moved.add(protocol.split_number(frame[protocol.HEADER_SIZE : number_end])[0])
        self.unfinished = not self._unsent and sent >= _BURST
        return moved

    def _flush(self) -> bool:
        """Send what was queued; return whether all of it was sent."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self.connection.outbound, self._unsent) :]
        except BlockingIOError:
            return False
        except OSError as error:
            raise Unreachable(_CLOSED) from error
        return True
