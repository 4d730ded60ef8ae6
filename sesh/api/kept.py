"""The way to a session of another host for a call that another thread may end."""

from __future__ import annotations

import time

from sesh import wire
from sesh.api.stop import Stop
from sesh.errors import Silent
from sesh.keepalive import Keepalive
from sesh.ops.remote_route import Across, Mender
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link


class Kept(Across):
    """The way to a session for a call that `stop` ends; a lost link is mended for `timeout` seconds at most."""

    def __init__(self, destination: Destination, name: str, through: Link, stop: Stop, timeout: float | None) -> None:
        super().__init__(destination, name, through, Mender(destination, name, self._sleep, untold))
        self._stop = stop
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._link = through

    def again(self, broken: wire.Connection, since: int) -> wire.Connection:
        """A new link. Raises Interrupted, and Unreachable at the deadline."""
        self._link = self._mender.back(broken, since)
        self._link.keepalive = Keepalive(enabled=True)
        return self._link

    def cut(self) -> None:
        """Ends the link, from another thread."""
        self._link.abort()

    def close(self) -> None:
        """Closes the newest link."""
        self._link.close()

    def _sleep(self, seconds: float) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Silent(f"@{self.host} does not answer; what was begun there goes on, and may be waited for")
        self._stop.sleep(seconds)


def untold(_line: str) -> None:
    """What a person is told while a link is mended is nothing to a program."""
