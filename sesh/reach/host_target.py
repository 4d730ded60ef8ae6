"""A host as the place where ops are carried out: over a link, where `sesh --bridge` calls the same functions.

Apart from `target`, for a verb that concerns this machine only does not load it.
"""

from __future__ import annotations

import os
import time

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
from sesh.reach.op import named
from sesh.reach.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.keepalive import Backoff
    from sesh.reach.caller import Caller
    from sesh.reach.cancelling import Interrupts
    from sesh.reach.op import Answer, Entered, Op, Words
    from sesh.reach.stream import Stream
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import Link
    from sesh.schema import Answer as Answered
    from sesh.wire import Connection


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
        from sesh.reach import calls

        with NamingHost(self.host), self.open() as through:
            answer: Answer = calls.request(self.caller, through, op.wire_name, named(op, args, kwargs))
        return answer

    def enter(self, op: Op[Words, Entered], /, *args: Words.args, **kwargs: Words.kwargs) -> Entered:
        """Has the host carry out an op that leads to a session; the connection is the link.

        Raises KeyboardInterrupt with a line that says whether the session is there already.
        """
        with NamingHost(self.host):
            return self._enter(op.wire_name, named(op, args, kwargs), creates=op.creates)

    def _enter(self, op: str, data: dict[str, object], *, creates: bool) -> Entered:
        session_id = os.urandom(8).hex() if creates else ""
        through = self.open()
        try:
            answer, _ = self._led(through, op, data, session_id)
        except KeyboardInterrupt:
            if not session_id:
                raise
            from sesh.reach import links

            name = str(data.get("name") or "NAME")
            raise KeyboardInterrupt(links.left_behind(self.caller, self.destination, name, session_id)) from None
        return str(answer["name"]), through

    def _led(
        self, through: Link, op: str, data: dict[str, object], session_id: str, deadline: float | None = None
    ) -> tuple[Answered, bytes]:
        """Leads a link to a session by an op, whose answer comes back; the link is closed if that fails."""
        from sesh.reach import calls

        try:
            return calls.enter(self.caller, through, op, data, session_id=session_id, deadline=deadline)
        except BaseException:
            through.close()
            raise

    def connect(self, name: str, deadline: float | None = None, *, passing: bool = True) -> Connection:
        """A link that was led to a session there. Raises NotFound."""
        from sesh.remote.ssh.link import SESSION_TIMEOUT
        from sesh.remote.ssh.ssh import seconds_left

        with NamingHost(self.host):
            through = self.open(deadline)
            left = seconds_left(deadline, SESSION_TIMEOUT)
            try:
                through.open_session("connect", timeout=left, name=name, passing=passing)
            except BaseException as error:
                through.close()
                if isinstance(error, Lost) and deadline is not None and time.monotonic() >= deadline:
                    raise TimedOut(f"timed out: @{self.host} did not answer in time") from None
                raise
        return through

    def _again(self, stream: Stream) -> Connection:
        """A link to the same session in the place of a lost one, by its id. Raises Ended, and as `Backoff.retry`."""
        from sesh.reach import links

        lost, name, host = stream.connection, stream.name, str(self.host)
        session_id = stream.session_id
        heard = lost.keepalive.heard_at if lost.keepalive is not None else time.monotonic()
        self.caller.note(f"lost the link to @{host}; {name} keeps running, reconnecting")

        def attempt() -> Link:
            return links.back(self.caller, name, host, session_id, stream.position or 0, heard, stream.deadline)

        through = stream.backoff.retry(attempt, host, deadline=stream.deadline, sleep=stream.sleep)
        stream.name, through.session_id = through.session_name, session_id  # which the host does not say again
        renamed = f"; {name} is now called {stream.name}" if stream.name != name else ""
        self.caller.note(f"reconnected to @{host}{renamed}")
        return through

    def _ended(self, stream: Stream) -> Ended | None:
        """How the session of a stream has ended, asked over another link; None if the host does not know."""
        from sesh.reach import links

        try:
            with self.open(stream.deadline) as through:
                answer, output = links.connected(through, stream.name, stream.session_id, stream.deadline)
        except SeshError:
            return None
        return Ended(stream.name, answer["result"], output) if "result" in answer else None

    def open_events(self) -> Stream:
        """A link for what the host tells of all its sessions, and others in its place if it is lost."""
        from sesh.reach import calls, links
        from sesh.reach.stream import Stream
        from sesh.remote import eventlog

        host = str(self.host)

        def again(stream: Stream) -> Link:
            eventlog.log("disconnect", host=host, session=None, reason="lost")
            lost_at = time.monotonic()
            self.caller.note(f"lost the link to @{host}; reconnecting")
            through = stream.backoff.retry(lambda: links.reopened(self.caller, self.destination), host)
            eventlog.log("reconnect", host=host, session=None, gap=round(time.monotonic() - lost_at, 3))
            self.caller.note(f"reconnected to @{host}")
            calls.check_version(through)
            return through

        through = self.open()
        calls.check_version(through)
        return Stream(through, "", host=host, again=again)

    def _begun(
        self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts, deadline: float | None
    ) -> Entered:
        """The session bears an id that was chosen here: a link that is lost before the answer is opened again, and what
        has begun is found again and not begun twice.
        """
        from sesh.keepalive import Backoff

        through, session_id, backoff = self.open(deadline), os.urandom(8).hex(), Backoff()
        while True:
            try:
                answer, output = self._led(through, op.wire_name, data, session_id, deadline)
            except Lost:
                lost = f"lost the link to @{self.host} before the job was known to have started"
                self.caller.note(f"{lost}; reconnecting")
                through = self._reopened(interrupts, backoff, deadline)
                continue
            except ProtocolError as error:
                if not error.answered:
                    error.exit_code = ExitCode.UNKNOWN  # it has been asked for
                raise
            if "result" in answer:
                through.close()
                raise Ended(str(answer["name"]), answer["result"], output)
            return str(answer["name"]), through

    def _reopened(self, interrupts: Interrupts, backoff: Backoff, deadline: float | None) -> Link:
        """A link in the place of one that was lost; Ctrl-C stops the trying."""
        from sesh.reach import links

        host = self.destination.host

        def attempt() -> Link:
            return links.reopened(self.caller, self.destination, deadline)

        before, interrupts.away = interrupts.away, interrupts.given_up
        try:
            return backoff.retry(attempt, host, deadline=deadline, sleep=interrupts.sleep)
        except Interrupted:
            raise Interrupted("the job may or may not have started", hint=f"check with: {CALLED} @{host}") from None
        except LoginRefused as refusal:
            refusal.hint = f"the job may or may not have started; log in on a terminal: {CALLED} @{host}"
            refusal.exit_code = ExitCode.UNKNOWN
            raise
        finally:
            interrupts.away = before

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
