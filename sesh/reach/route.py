"""The way to the daemon of a session on this machine; `links.RemoteRoute` is the one to a session on a host."""

from __future__ import annotations

import os
import time

from sesh.errors import Lost, SeshError, Silent, TimedOut
from sesh.lean import socket
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.wire import Connection


class Route:
    """Connections to sessions here, which break only with the daemon. A context manager.

    `sleep`: waits so many seconds between two attempts to come back over a lost link, and raises what ends them.
    """

    host: str | None = None
    deadline: float | None = None
    """Until when connections are made and answers waited for (monotonic)."""
    reconnects = False
    """Whether a connection that raises Lost can be had again."""
    audience = -1
    """For who follows a session: see `Caller`."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.sleep = sleep
        self._connection: Connection | None = None

    def __enter__(self) -> Route:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close()
        if isinstance(error, SeshError):
            error.host = error.host or self.host

    def connect(self, name: str) -> Connection:
        """A connection to a session that must be there. Raises as `find.required` does, TimedOut past the deadline."""
        try:
            self._connection = find.required(name, self.deadline)
        except Silent as error:
            if self.deadline is None or time.monotonic() < self.deadline:
                raise
            raise TimedOut(f"{error.message} in time; nothing was done", hint=error.hint) from None
        return self._connection

    def reconnect(self, broken: Connection, since: int) -> Connection:
        """A new connection to the same session in the place of one that raised Lost, which is closed.

        `since`: the first byte of output that is missing. Raises Ended where the session has ended meanwhile. A local
        connection never raises Lost.
        """
        raise Lost("lost the connection", hint=f"see: $sesh --status {broken.welcome.get('name')}")

    def close(self) -> None:
        """Closes what stays open between two connections."""

    def cut(self) -> None:
        """Ends the connection from another thread: a reader sees its end."""
        if self._connection is None or self._connection.inbound < 0:
            return
        opened = socket.socket(fileno=os.dup(self._connection.inbound))
        try:
            opened.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself
        finally:
            opened.close()
