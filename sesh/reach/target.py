"""Where ops are carried out: this machine, or a host over a link, where `sesh --bridge` calls the same functions."""

from __future__ import annotations

import time

from sesh import protocol
from sesh.errors import Lost, SeshError, TimedOut, Unreachable
from sesh.reach import calls
from sesh.reach.route import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import Link


class Target:
    """This machine."""

    host: str | None = None

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def call(self, op: str, /, **data: Any) -> Any:
        """Carries out an op (`module.function` of sesh.ops); its result. Raises what it raises."""
        return calls.carry_out(self.caller, op, data)

    def stream(self, op: str, /, **data: Any) -> Iterator[Any]:
        """The same for an op that yields its results one by one."""
        yield from calls.carry_out(self.caller, op, data)

    def route(self, name: str, limit: float | None = None) -> Route:
        """The way to the daemon of a session, for verbs that speak with it for a while: a context manager.

        `limit`: seconds for all of it, connecting too.
        """
        route = Route()
        route.audience = self.caller.audience
        route.deadline = None if limit is None else time.monotonic() + limit
        return route

    def sync(self) -> None:
        """Pushes the user's files to a host before something begins there; nothing to do here."""


class HostTarget(Target):
    """Another host. Each call opens a link of its own, over the shared ssh connection.

    `offer`: whether the person may be asked to install sesh there if it is missing.
    """

    def __init__(self, caller: Caller, host: str, *, offer: bool = False) -> None:
        from sesh.reach import links

        super().__init__(caller)
        self.host: str | None = host
        self.destination: Destination = links.destination(caller, host)
        self._offer = offer

    def open(self, deadline: float | None = None) -> Link:
        """A link. Raises Unreachable, NotDeployed, TimedOut past the deadline (monotonic)."""
        from sesh.reach import links

        return links.opened(self.caller, self.destination, offer=self._offer, deadline=deadline)

    def call(self, op: str, /, **data: Any) -> Any:
        """Has the host carry out an op; its result. Raises what it raises there, Unreachable."""
        try:
            with self.open() as through:
                return calls.request(self.caller, through, op, data)
        except SeshError as error:
            error.host = error.host or self.host
            raise

    def stream(self, op: str, /, **data: Any) -> Iterator[Any]:
        """The same for an op that yields. Raises Unreachable where the link is lost."""
        try:
            with self.open() as through:
                calls.check_version(through)
                through.send(calls.frames(op, data, asks=False, answers=[]))
                for kind, payload in calls.heard(through):
                    if kind == protocol.DATA:
                        yield through.message(kind, payload)
                    elif kind == protocol.RESPONSE:
                        calls.checked(through.message(kind, payload))
                        return
        except SeshError as error:
            error.host = error.host or self.host
            raise

    def route(self, name: str, limit: float | None = None) -> Route:
        """The way to a session there. Raises NotFound."""
        from sesh.reach.links import RemoteRoute
        from sesh.remote.ssh.link import SESSION_TIMEOUT

        deadline = None if limit is None else time.monotonic() + limit
        try:
            through = self.open(deadline)
            left = SESSION_TIMEOUT if deadline is None else min(SESSION_TIMEOUT, deadline - time.monotonic())
            try:
                through.open_session("connect", timeout=left, name=name, passing=True)
            except Lost:
                through.close()
                if deadline is None or time.monotonic() < deadline:
                    raise
                raise TimedOut(f"timed out: @{self.host} did not answer in time") from None
            except BaseException:
                through.close()
                raise
        except SeshError as error:
            error.host = error.host or self.host
            raise
        route = RemoteRoute(self.caller, self.destination, name, through)
        route.audience, route.deadline = self.caller.audience, deadline
        return route

    def sync(self) -> None:
        """Pushes the user's files there; what fails is noted, and keeps nobody from going on."""
        from sesh.remote.sync import sync

        if sync.wanted():
            try:
                sync.sync(self.destination)
            except Unreachable:
                return  # the link that comes next meets the same, and says it
            except SeshError as error:
                self.caller.note(str(error))
