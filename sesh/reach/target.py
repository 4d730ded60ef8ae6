"""Where ops are carried out: this machine, or a host over a link, where `sesh --bridge` calls the same functions."""

from __future__ import annotations

import os
import time

from sesh.errors import Lost, NamingHost, SeshError, TimedOut, Unreachable
from sesh.reach import calls
from sesh.reach.op import named
from sesh.reach.route import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.reach.op import Answer, Entered, Op, Words
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import Link


class Target:
    """This machine."""

    host: str | None = None

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def call(self, op: Op[Words, Answer], /, *args: Words.args, **kwargs: Words.kwargs) -> Answer:
        """Carries out an op; its result. Raises what it raises."""
        return op(self.caller, *args, **kwargs)

    def stream(self, op: Op[Words, Iterator[Answer]], /, *args: Words.args, **kwargs: Words.kwargs) -> Iterator[Answer]:
        """Carries out an op that yields its results one by one."""
        yield from op(self.caller, *args, **kwargs)

    def enter(self, op: Op[Words, Entered], /, *args: Words.args, **kwargs: Words.kwargs) -> Entered:
        """Carries out an op that leads to a session: its name, and a connection on which nothing was said yet."""
        return op(self.caller, *args, **kwargs)

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

    def log_attached(self, name: str) -> None:
        """Logs that a terminal is attached to a session of a host."""

    def log_left(self, name: str, host: str | None, kind: str, round_trip: float) -> None:
        """Logs how it left: the session and the host that it was attached to last, the seconds of a round trip."""


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

    def call(self, op: Op[Words, Answer], /, *args: Words.args, **kwargs: Words.kwargs) -> Answer:
        """Has the host carry out an op; its result. Raises what it raises there, Unreachable."""
        with NamingHost(self.host), self.open() as through:
            answer: Answer = calls.request(self.caller, through, op.wire_name, named(op, args, kwargs))
        return answer

    def stream(self, op: Op[Words, Iterator[Answer]], /, *args: Words.args, **kwargs: Words.kwargs) -> Iterator[Answer]:
        """Has the host carry out an op that yields. Raises Unreachable where the link is lost."""
        with NamingHost(self.host), self.open() as through:
            yield from calls.stream(through, op.wire_name, named(op, args, kwargs))

    def enter(self, op: Op[Words, Entered], /, *args: Words.args, **kwargs: Words.kwargs) -> Entered:
        """Has the host carry out an op that leads to a session; the connection is the link.

        Raises KeyboardInterrupt with a line that says whether the session is there already.
        """
        with NamingHost(self.host):
            return self._enter(op.wire_name, named(op, args, kwargs), creates=op.creates)

    def _enter(self, op: str, data: dict[str, Any], *, creates: bool) -> Entered:
        from sesh.reach import links

        through = self.open()
        session_id = os.urandom(8).hex() if creates else ""
        try:
            answer, _ = calls.enter(self.caller, through, op, data, session_id=session_id)
        except KeyboardInterrupt:
            through.close()
            if not session_id:
                raise
            name = str(data.get("name") or "NAME")
            raise KeyboardInterrupt(links.left_behind(self.caller, self.destination, name, session_id)) from None
        except BaseException:
            through.close()
            raise
        return str(answer["name"]), through

    def route(self, name: str, limit: float | None = None) -> Route:
        """The way to a session there. Raises NotFound."""
        from sesh.reach.links import RemoteRoute
        from sesh.remote.ssh.link import SESSION_TIMEOUT

        deadline = None if limit is None else time.monotonic() + limit
        with NamingHost(self.host):
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
        route = RemoteRoute(self.caller, self.destination, name, through)
        route.audience, route.deadline = self.caller.audience, deadline
        return route

    def log_attached(self, name: str) -> None:
        """Logs that a terminal is attached to a session there."""
        from sesh.remote import eventlog

        eventlog.log("connect", host=self.destination.host, session=name)

    def log_left(self, name: str, host: str | None, kind: str, round_trip: float) -> None:
        """Logs how it left."""
        from sesh.remote import eventlog, known

        eventlog.log("disconnect", host=host or self.destination.host, session=name, reason=kind)
        if host == self.destination.host and round_trip:
            known.record_round_trip(self.destination, round_trip)

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
