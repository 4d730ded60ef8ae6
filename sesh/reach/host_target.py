"""A host as the target of ops: `sesh --bridge` calls them there, over a link.

Apart from `target`, so that a verb that concerns this machine only does not load it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from sesh import wire
from sesh.about import CALLED
from sesh.errors import (
    Ended,
    ExitCode,
    Interrupted,
    LoginRefused,
    Lost,
    NamingHost,
    ProtocolError,
    SeshError,
    TimedOut,
    Unreachable,
)
from sesh.link.race import LostSession
from sesh.link.reopen import Reopen
from sesh.messages import Answer, Words
from sesh.reach import calls, links
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.op import Arguments, Entered, Op, Result, named
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import eventlog, known
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import SESSION_TIMEOUT, Early, Link
from sesh.remote.ssh.ssh import seconds_left
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
        early = Early(calls.frames(op.wire_name, data, asks=self.caller.can_ask, answers=[])) if op.reads else None
        with NamingHost(self.host):
            with links.opened(self.caller, self.destination, offer=self.offer, early=early) as link:
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
        elif op in ("sessions.open_", "sessions.new", "sessions.job"):
            name = {"sessions.open_": data.get("name"), "sessions.job": result}.get(op) or result["name"]
            known.saw(host, name, time.time(), command=(data.get("spec") or {}).get("command"))

    def note_ended(self, name: str) -> None:
        """Corrects what is kept of the host's sessions after one has ended."""
        known.drop(self.destination.host, [name])

    def enter(self, op: Op[Arguments, Entered], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Entered:
        """Has the host carry out an op that leads to a session; the connection is the link.

        Raises KeyboardInterrupt with a line that says that the session may be there.
        """
        data = named(op, args, kwargs)
        session_id = os.urandom(8).hex() if op.creates else ""
        words = self._entering(op, data, session_id)
        early, asked = Early(wire.asking("enter", 1, **words)), False
        with NamingHost(self.host):
            try:
                link = links.opened(self.caller, self.destination, offer=self.offer, early=early)
                asked = True
                answer, _ = self._led(link, words)
                self._keep(link, answer)
            except KeyboardInterrupt:
                if not (session_id and (asked or early.reached)):
                    raise
                name = str(data.get("name") or "NAME")
                raise KeyboardInterrupt(links.left_behind(self.destination.host, name)) from None
        return answer["name"], link

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

    def _entering(self, op: Op[..., Entered], data: dict[str, object], session_id: str) -> Words:
        """The words of a request that leads to a session."""
        asks = self.caller.can_ask
        words = {"op": op.wire_name, "arguments": data, "asks": asks, "answers": [], "session_id": session_id}
        return self._greeted(words)

    def _greeted(self, words: Words) -> Words:
        """The words of a request, with the greeting, if there is one."""
        return {**words, "greeting": self.greeting, "pings": True} if self.greeting is not None else words

    def _led(self, link: Link, words: Words, deadline: float | None = None) -> tuple[Answer, bytes]:
        """Has an op lead a link to a session's daemon; returns the host's answer, and the output that comes with it.

        The answer names the session, or holds the `result` of one that began with the `session_id` and has ended.
        Raises Lost; the link is closed if it fails.
        """

        def ask(answers: list[str]) -> tuple[Answer, bytes]:
            return link.open_session("enter", {**words, "answers": answers}, seconds_left(deadline, SESSION_TIMEOUT))

        try:
            return calls.answered(self.caller, ask)
        except BaseException:
            link.close()
            raise

    def connect(self, name: str, deadline: float | None = None, *, attaches: bool = False) -> Connection:
        """A link that was led to a session there; see `Target`. Raises NotFound."""
        words = self._greeted({"name": name, "passing": not attaches, "pings": attaches})
        early = Early(wire.asking("connect", 1, **words))
        with NamingHost(self.host):
            link = links.opened(self.caller, self.destination, offer=self.offer, deadline=deadline, early=early)
            left = seconds_left(deadline, SESSION_TIMEOUT)
            try:
                link.open_session("connect", words, left)
            except BaseException as error:
                link.close()
                if isinstance(error, Lost) and deadline is not None and time.monotonic() >= deadline:
                    raise TimedOut(f"timed out: @{self.host} did not answer in time") from None
                raise
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
                answer, output = links.connected(
                    link, {"name": stream.name, "session_id": stream.session_id}, stream.deadline
                )
        except SeshError:
            return None
        return Ended(stream.name, answer["result"], output) if "result" in answer else None

    def _begun(
        self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts, deadline: float | None
    ) -> Entered:
        """Begins a job exactly once: if the link is lost before the answer, another one asks for the id chosen here."""
        words = self._entering(op, data, os.urandom(8).hex())
        early = Early(wire.asking("enter", 1, **words))
        link: Link | None = None
        lost = False
        while True:
            try:
                if lost:
                    link = self._reopened(interrupts, deadline)
                else:
                    with interrupts.at_first():
                        link = links.opened(
                            self.caller, self.destination, offer=self.offer, deadline=deadline, early=early
                        )
                answer, output = self._led(link, words, deadline)
            except Lost:
                lost = True
                self.caller.tell_link(
                    f"lost the link to @{self.host} before the job was known to have started; reconnecting"
                )
                continue
            except Interrupted:
                if link is None and early.reached:
                    raise self._unknown_start() from None
                raise
            except ProtocolError as error:
                if not error.answered and (link is not None or early.reached):
                    error.exit_code = ExitCode.UNKNOWN  # it has been asked for
                raise
            if lost:
                self.caller.tell_link(f"reconnected to @{self.host}")
            if "result" in answer:
                link.close()
                raise Ended(answer["name"], answer["result"], output)
            self._keep(link, answer)
            return answer["name"], link

    def _unknown_start(self) -> Interrupted:
        return Interrupted("the job may or may not have started", hint=f"check with: {CALLED} @{self.host}")

    def _reopened(self, interrupts: Interrupts, deadline: float | None) -> Link:
        """Opens a new link for a lost one; Ctrl-C stops the attempts."""
        host = self.destination.host
        reopen = links.reopening(self.destination, links.beside)
        try:
            with interrupts.at_first():
                link = reopen.wait(host, interrupts.sleep, deadline)
        except Interrupted:
            raise self._unknown_start() from None
        except LoginRefused as refusal:
            refusal.hint = f"the job may or may not have started; log in on a terminal: {CALLED} @{host}"
            refusal.exit_code = ExitCode.UNKNOWN
            raise
        finally:
            reopen.close()
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
