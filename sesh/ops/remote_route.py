"""The way to the daemon of a session on a host, over links that may be lost and are opened again."""

from __future__ import annotations

import os
import time

from sesh.errors import Ended, InternalError, Interrupted, Lost, TimedOut, Unreachable
from sesh.keepalive import Keepalive, backoff
from sesh.ops import calls, links
from sesh.ops.route import Route
from sesh.remote.ssh import link
from sesh.remote.ssh.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.ops.interrupts import Interrupts
    from sesh.remote.ssh.destination import Destination
    from sesh.wire import Connection

    Reconnected = tuple[Connection | None, dict[str, Any] | None, bytes]


class RemoteRoute(Route):
    """The way to one session of a host, over a link that has been led there."""

    reconnects = True

    def __init__(
        self,
        caller: Caller,
        destination: Destination,
        name: str,
        through: Link,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(sleep)
        self.host = destination.host
        self._caller, self._name, self._link = caller, name, through

    def connect(self, name: str) -> Connection:
        """The link."""
        return self._watched(self._link)

    def reconnect(self, broken: Connection, since: int) -> Connection:
        """A new link to the same session."""
        keepalive = broken.keepalive if isinstance(broken, Link) else None
        session_id = _session_id(broken)
        broken.close()
        heard = keepalive.heard_at if keepalive is not None else time.monotonic()
        return self._watched(self._back(session_id, since, heard))

    def rejoin(self, broken: Connection, session_id: str, since: int, heard: float) -> Reconnected:
        """For who waits for a job: a new connection, or its result. Raises InternalError where the daemon died."""
        lost = not isinstance(broken, Link) or broken.broken()
        broken.close()
        if not lost or not session_id:
            raise InternalError(f"the daemon of {self._name} on @{self.host} died, and the job's exit code with it")
        try:
            return self._back(session_id, since, heard), None, b""
        except Ended as ended:
            return None, dict(ended.result), ended.output

    def cut(self) -> None:
        """Ends the link from another thread."""
        self._link.abort()

    def close(self) -> None:
        """Closes the newest link."""
        self._link.close()

    def _watched(self, through: Link) -> Link:
        through.keepalive = Keepalive(enabled=True)
        self._link = through
        return through

    def _back(self, session_id: str, since: int, heard: float) -> Link:
        host, name = str(self.host), self._name
        self._caller.note(f"the link to @{host} is lost; {name} goes on there, and sesh tries to come back to it")
        for pause in backoff():
            self.sleep(pause)
            try:
                self._link = links.back(self._caller, name, host, session_id, since, heard)
            except (Unreachable, TimedOut):
                continue
            self._caller.note(f"the link to @{host} stands again")
            return self._link
        raise Unreachable(f"@{host} did not come back", hint=f"to wait on: sesh @{host} --wait {name} --exit")


def _session_id(connection: Connection) -> str:
    return str(connection.welcome.get("id") or (connection.session_id if isinstance(connection, Link) else ""))


def begin(caller: Caller, through: Link, op: str, data: dict[str, Any], interrupts: Interrupts) -> tuple[str, Link]:
    """Has a host begin a job by an op that leads to a session: its name, and a link to it.

    The session bears an id that was chosen here: a link that is lost before the answer is opened anew, and what has
    begun is found again and not begun twice. Raises Ended (with the name in it) where it has ended meanwhile.
    """
    destination = through.destination
    session_id = os.urandom(8).hex()
    while True:
        try:
            answer, output = calls.enter(caller, through, op, data, session_id=session_id)
        except Lost:
            through.close()
            host = destination.host
            caller.note(f"the link to @{host} is lost before the job was seen to begin; sesh tries to come back")
            through = _interruptibly(caller, destination, interrupts)
            continue
        except BaseException:
            through.close()
            raise
        if "result" in answer:
            through.close()
            raise Ended(str(answer["name"]), answer["result"], output)
        return str(answer["name"]), through


def _interruptibly(caller: Caller, destination: Destination, interrupts: Interrupts) -> Link:
    """A link in the place of one that was lost; Ctrl-C stops the trying."""

    def stop(_number: int) -> None:
        raise Interrupted("whether the job began is not known", hint=f"to see: sesh @{destination.host}")

    before, interrupts.away = interrupts.away, stop
    try:
        return reopened(caller, destination)
    finally:
        interrupts.away = before


def reopened(caller: Caller, destination: Destination) -> Link:
    """A link in the place of one that was lost, tried for until it stands."""
    for pause in backoff():
        time.sleep(pause)
        link.drop_master(destination)
        try:
            return links.opened(caller, destination, ask=False)
        except (Unreachable, TimedOut):
            continue
    raise Unreachable(f"@{destination.host} did not come back", hint=f"see: sesh @{destination.host}")
