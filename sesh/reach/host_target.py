"""A host as the target of ops: `sesh --bridge` calls them there, over a link."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from typing import Any

from sesh.errors import Ended, ExitCode, Interrupted, Lost, NamingHost, ProtocolError, SeshError, Unreachable
from sesh.link.reopen import Reopen
from sesh.messages import Answer
from sesh.reach import calls, links
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.link_stream import LinkStream
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

    `offer`: the person may be asked to install sesh there if it is missing.
    """

    host: str
    destination: Destination

    def __init__(self, caller: Caller, host: str, *, offer: bool = False) -> None:
        super().__init__(caller)
        self.host, self.offer = host, offer
        self.destination = links.destination_of(caller, host)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Have the host carry out an op; return its result. Raises the op's errors there, Unreachable, NotDeployed."""
        data = named(op, args, kwargs)
        early = Early(calls.frames(op.wire_name, data, asks=self.caller.can_ask)) if op.reads else None
        with NamingHost(self.host):
            with self._opened(early) as link:
                self.clock = link.clock
                result = calls.request(self.caller, link, op, data)
            self._note_changes(op.wire_name, data, result)
        return result

    def enter(self, op: Op[Arguments, Entered], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Entered:
        """Have the host carry out an op that leads to a session; the connection is the link."""
        try:
            return self._entered(self._entry(op, named(op, args, kwargs)))
        except Ended as ended:
            ended.message += " has ended"
            raise

    def connect(self, name: str, deadline: float | None = None, *, attaches: bool = False) -> Connection:
        """Return a link that was led to a session there. Raises NotFound, TimedOut past the deadline (monotonic)."""
        return self._entered(Entry(ATTACH, {"name": name}, pings=attaches), deadline)[1]

    def _begun(
        self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts, deadline: float | None
    ) -> Entered:
        entry = self._entry(op, data)
        try:
            return self._entered(entry, deadline, interrupts)
        except SeshError as error:
            if entry.asked and not error.answered and not isinstance(error, Ended):
                unknown = f"{error.message}; the job may or may not have started"
                error.message = interrupts.message if isinstance(error, Interrupted) else unknown
                error.exit_code = ExitCode.UNKNOWN if error.exit_code == ExitCode.FAILED else error.exit_code
            raise

    def _entry(self, op: Op[..., Entered], data: dict[str, object]) -> Entry:
        session_id = os.urandom(8).hex() if op.creates else ""
        return Entry(op.wire_name, data, session_id, self.greeting, pings=self.greeting is not None)

    def _entered(self, entry: Entry, deadline: float | None = None, interrupts: Interrupts | None = None) -> Entered:
        """Lead a link to a session. If it is lost before the answer, another one asks for the same session's id, so
        that nothing is created twice. Raises Ended if the session has ended meanwhile."""
        early, lost = Early(entry.frames(self.caller)), False
        with NamingHost(self.host):
            while True:
                try:
                    with interrupts.at_first() if interrupts is not None else nullcontext():
                        link = self._reopened(interrupts, deadline) if lost else self._opened(early, deadline)
                    entry.asked = True
                    answer, output = links.led(self.caller, link, entry, deadline)
                    break
                except Lost:
                    if not entry.session_id:
                        raise
                    lost = True
                    self.caller.note(f"lost the link to @{self.host} before its answer; reconnecting")
                except (Interrupted, ProtocolError):
                    entry.asked = entry.asked or early.reached
                    raise
            if lost:
                self.caller.note(f"reconnected to @{self.host}")
            if "result" in answer:
                link.close()
                raise Ended(answer["name"], answer["result"], output)
            self._note_entered(link, answer)
        return answer["name"], link

    def _opened(self, early: Early | None, deadline: float | None = None) -> Link:
        return links.opened(self.caller, self.destination, offer=self.offer, deadline=deadline, early=early)

    def _reopened(self, interrupts: Interrupts | None, deadline: float | None) -> Link:
        """Open a new link in the place of a lost one; Ctrl-C stops the attempts."""
        with closing(links.reopening(self.destination, links.beside)) as reopen:
            link = reopen.wait(self.host, interrupts.sleep if interrupts is not None else time.sleep, deadline)
        assert isinstance(link, Link)  # noqa: S101 (which `beside` gives)
        return link

    # -- a stream

    def _stream(
        self, connection: Connection, name: str, deadline: float | None, sleep: Callable[[float], None]
    ) -> Stream:
        assert isinstance(connection, Link)  # noqa: S101 (which `_entered` gives)
        return LinkStream(
            connection,
            name,
            self._reopening,
            note=self.caller.note,
            ended=self._ended,
            deadline=deadline,
            sleep=sleep,
        )

    def _reopening(self, stream: LinkStream) -> Reopen:
        return links.reopening(self.destination, links.back, stream.ping, stream.lost_session)

    def _ended(self, stream: Stream) -> Ended | None:
        """Ask for the end of a stream's session over another link; None if the host does not know."""
        try:
            with self._opened(None, stream.deadline) as link:
                entry = Entry(ATTACH, {"name": stream.name}, stream.session_id)
                answer, output = links.led(self.caller, link, entry, stream.deadline)
        except SeshError:
            return None
        return Ended(stream.name, answer["result"], output) if "result" in answer else None

    # -- what is known of the host

    def _note_entered(self, link: Link, answer: Answer) -> None:
        """Keep what a list shows of the session that a link leads to, for times when the host does not answer."""
        known.saw(
            self.host,
            answer["name"],
            time.time(),
            id=answer.get("session_id") or None,
            cwd=answer.get("cwd"),
            command=answer.get("command"),
            home=link.home or None,
        )

    def _note_changes(self, op: str, data: Mapping[str, Any], result: Any) -> None:
        """Correct what is known of the host's sessions after an op that has ended, renamed or made some."""
        if op in ("sessions.kill", "sessions.kill_all"):
            known.drop(self.host, result["killed"])
        elif op == "sessions.rename":
            known.rename(self.host, result["renamed_from"], result["name"])
        elif op in ("sessions.open_", "sessions.new", "sessions.job"):
            name = {"sessions.open_": data.get("name"), "sessions.job": result}.get(op) or result["name"]
            known.saw(self.host, name, time.time(), command=(data.get("spec") or {}).get("command"))

    def note_ended(self, name: str) -> None:
        known.drop(self.host, [name])

    def log_attached(self, name: str) -> None:
        eventlog.log("connect", host=self.host, session=name)

    def log_left(self, name: str, host: str | None, kind: str, round_trip: float, heard_at: float) -> None:
        at = host or self.host
        eventlog.log("disconnect", host=at, session=name, reason=kind)
        if kind == "ended":
            known.drop(at, [name])
        elif heard_at:
            known.saw(at, name, heard_at)
        if at == self.host and round_trip:
            known.note(at, {"round_trip": round(round_trip, 4)})

    # -- the user's files

    def sync(self) -> None:
        """Push the user's files there; an error is noted, and stops nothing."""
        try:
            sync.sync(self.destination, self._connect)
        except Unreachable:
            return  # the link that comes next reports the same
        except SeshError as error:
            self.caller.note(str(error))

    def _connect(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            master.ensure(destination)
