"""A host as the target of ops: `sesh --bridge` calls them there, over a link.

Apart from `target`, so that a verb that concerns this machine only does not load it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from sesh.about import CALLED
from sesh.errors import (
    Ended,
    ExitCode,
    Interrupted,
    Lost,
    NamingHost,
    ProtocolError,
    SeshError,
    TimedOut,
    Unreachable,
)
from sesh.link.race import LostSession
from sesh.link.reopen import Reopen
from sesh.messages import Answer
from sesh.reach import calls, links
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.links import Entry
from sesh.reach.op import ATTACH, Arguments, Entered, Op, Result, named
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import eventlog, known
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Early, Link
from sesh.remote.sync import sync
from sesh.wire import Connection


class HostTarget(Target):
    """Another host. Each call opens a link of its own, over the shared ssh connection.

    `offer`: whether the person may be asked to install sesh there if it is missing.
    """

    def __init__(self, caller: Caller, host: str, *, offer: bool = False) -> None:
        super().__init__(caller)
        self.host: str | None = host
        self.destination: Destination = links.destination_of(caller, host)
        self.offer = offer

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Has the host carry out an op; returns its result. Raises the op's errors there, Unreachable, NotDeployed."""
        data = named(op, args, kwargs)
        early = Early(calls.frames(op.wire_name, data, asks=self.caller.can_ask)) if op.reads else None
        with NamingHost(self.host):
            with self._opened(early) as link:
                self.clock = link.clock
                result = calls.request(self.caller, link, op, data)
            self._note_changes(op.wire_name, data, result)
        return result

    def _note_changes(self, op: str, data: Mapping[str, Any], result: Any) -> None:
        """Corrects what is kept of the host's sessions after an op that has ended, renamed or made sure of some."""
        host = self.destination.host
        if op in ("sessions.kill", "sessions.kill_all"):
            known.drop(host, result["killed"])
        elif op == "sessions.rename":
            known.rename(host, result["renamed_from"], result["name"])
        elif op in ("enter.open_", "enter.new_detached", "enter.job_detached"):
            name = {"enter.open_": data.get("name"), "enter.job_detached": result}.get(op) or result["name"]
            known.saw(host, name, time.time(), command=(data.get("spec") or {}).get("command"))

    def note_ended(self, name: str) -> None:
        """Corrects what is kept of the host's sessions after one has ended."""
        known.drop(self.destination.host, [name])

    def enter(self, op: Op[Arguments, Entered], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Entered:
        """Has the host carry out an op that leads to a session; the connection is the link.

        Raises KeyboardInterrupt with a line that says that the session may be there.
        """
        entry = self._entry(op, named(op, args, kwargs))
        early = Early(entry.frames(self.caller))
        with NamingHost(self.host):
            try:
                link = self._opened(early)
                early.reached = True
                answer, _ = links.led(self.caller, link, entry)
                self._keep(link, answer)
            except KeyboardInterrupt:
                if not (op.creates and early.reached):
                    raise
                what = f"{entry.arguments.get('name') or 'NAME'} may have been created"
                raise KeyboardInterrupt(f"interrupted; {what}; check with: {CALLED} @{self.host}") from None
        return answer["name"], link

    def _entry(self, op: Op[..., Entered], data: dict[str, object]) -> Entry:
        session_id = os.urandom(8).hex() if op.creates else ""
        return Entry(op.wire_name, data, session_id, self.greeting, pings=self.greeting is not None)

    def _opened(self, early: Early | None = None, deadline: float | None = None) -> Link:
        return links.opened(self.caller, self.destination, offer=self.offer, deadline=deadline, early=early)

    def _keep(self, link: Link, answer: Answer) -> None:
        """Keeps what a list shows of the session that a link was led to, for times when the host does not answer."""
        known.saw(
            self.destination.host,
            answer["name"],
            time.time(),
            id=answer.get("session_id") or None,
            cwd=answer.get("cwd"),
            command=answer.get("command"),
            home=link.home or None,
        )

    def connect(self, name: str, deadline: float | None = None, *, attaches: bool = False) -> Connection:
        """A link that was led to a session there; see `Target`. Raises NotFound."""
        entry = Entry(ATTACH, {"name": name}, pings=attaches)
        with NamingHost(self.host):
            link = self._opened(Early(entry.frames(self.caller)), deadline)
            try:
                links.led(self.caller, link, entry, deadline)
            except Lost:
                if deadline is None or time.monotonic() < deadline:
                    raise
                raise TimedOut(f"timed out: @{self.host} did not answer in time") from None
        return link

    def _reopening(self, stream: Stream) -> Reopen:
        """What watches and replaces the link of a stream."""

        def session() -> LostSession:
            heard_at = reopen.health.heard_at
            return LostSession(stream.name, str(self.host), stream.session_id, stream.position or 0, heard_at)

        reopen = links.reopening(self.destination, links.back, stream.ping, session)
        return reopen

    def _ended(self, stream: Stream) -> Ended | None:
        """The end of a stream's session, asked over another link; None if the host does not know."""
        try:
            with links.opened(self.caller, self.destination, deadline=stream.deadline) as link:
                entry = Entry(ATTACH, {"name": stream.name}, stream.session_id)
                answer, output = links.led(self.caller, link, entry, stream.deadline)
        except SeshError:
            return None
        return Ended(stream.name, answer["result"], output) if "result" in answer else None

    def _begun(
        self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts, deadline: float | None
    ) -> Entered:
        """Begins a job exactly once: if the link is lost before the answer, another one asks for the id chosen here."""
        entry = self._entry(op, data)
        early, asked, lost = Early(entry.frames(self.caller)), False, False
        while True:
            try:
                with interrupts.at_first():
                    link = self._reopened(interrupts, deadline) if lost else self._opened(early, deadline)
                asked = True
                answer, output = links.led(self.caller, link, entry, deadline)
                break
            except Lost:
                lost, state = True, "before the job was known to have started; reconnecting"
                self.caller.note(f"lost the link to @{self.host} {state}")
            except SeshError as error:
                asked = asked or (early.reached and isinstance(error, (Interrupted, ProtocolError)))
                if asked and not error.answered:
                    unknown = "the job may or may not have started"
                    is_own = isinstance(error, Interrupted)
                    error.message = interrupts.message if is_own else f"{error.message}; {unknown}"
                    error.exit_code = ExitCode.UNKNOWN if error.exit_code == ExitCode.FAILED else error.exit_code
                raise
        if lost:
            self.caller.note(f"reconnected to @{self.host}")
        if "result" in answer:
            link.close()
            raise Ended(answer["name"], answer["result"], output)
        self._keep(link, answer)
        return answer["name"], link

    def _reopened(self, interrupts: Interrupts, deadline: float | None) -> Link:
        """Opens a new link for a lost one; Ctrl-C stops the attempts."""
        with closing(links.reopening(self.destination, links.beside)) as reopen:
            link = reopen.wait(self.destination.host, interrupts.sleep, deadline)
        assert isinstance(link, Link)  # noqa: S101 (which `beside` gives)
        return link

    def log_attached(self, name: str) -> None:
        """Logs that a terminal is attached to a session there."""
        eventlog.log("connect", host=self.destination.host, session=name)

    def log_left(self, name: str, host: str | None, kind: str, round_trip: float, heard_at: float) -> None:
        """Logs the end of that, and the link's round trip; keeps when the session was last known to run."""
        eventlog.log("disconnect", host=host or self.destination.host, session=name, reason=kind)
        if kind == "ended":
            known.drop(host or self.destination.host, [name])
        elif heard_at:
            known.saw(host or self.destination.host, name, heard_at)
        if host == self.destination.host and round_trip:
            known.note(host, {"round_trip": round(round_trip, 4)})

    def _connect(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            master.ensure(destination)

    def sync(self) -> None:
        """Pushes the user's files there; an error is noted, and stops nothing."""
        try:
            sync.sync(self.destination, self._connect)
        except Unreachable:
            return  # the link that comes next meets the same, and says it
        except SeshError as error:
            self.caller.note(str(error))
