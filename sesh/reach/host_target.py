"""A host as the target of ops: each call opens a link, and `sesh --bridge` on the host calls the op."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from typing import Any, TypeVar

from sesh import errors
from sesh.about import CALLED
from sesh.check import Check
from sesh.errors import Ended, ExitCode, Interrupted, SeshError, Unreachable, naming_host
from sesh.link.health import Health
from sesh.link.race import Attempt, LostSession
from sesh.link.reopen import Reopen
from sesh.protocol import DATA
from sesh.reach import calls, links
from sesh.reach.caller import YES_NO, Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.link_stream import LinkStream
from sesh.reach.links import EntryRequest
from sesh.reach.op import ATTACH, Arguments, Changes, Entered, Op, Result, named
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import eventlog, known
from sesh.remote.ssh import master, opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Early, Link
from sesh.remote.sync import sync
from sesh.requests import OP, EnteredAnswer
from sesh.stop import Stop
from sesh.wire import Connection

Item = TypeVar("Item")

_OPEN_TIMEOUT = 20.0  # seconds for the first link of a list
_LIST_PATIENCE = 1.5  # seconds plus 1.5 round trips without a PONG, then a list shows the host's rows as stale


class HostTarget(Target):
    """A host. `offer`: offer to install sesh if the host has none."""

    host: str
    destination: Destination

    def __init__(self, caller: Caller, host: str, *, offer: bool = False) -> None:
        super().__init__(caller)
        self.host, self.offer = host, offer
        self.destination = links.destination_of(caller, host)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call an op on the host; return its result. Raises the op's errors, Unreachable, NotDeployed."""
        data = named(op, args, kwargs)
        early = Early(calls.frames(op.wire_name, data, asks=self.caller.can_ask)) if op.reads else None
        with naming_host(self.host):
            with self._open(early) as link, self.caller.stop.calling(link.abort):
                self.clock = link.clock
                result = calls.request(self.caller, link, op, data)
            self._note_changes(op.changes(data, result), data)
        return result

    def enter(self, op: Op[Arguments, Entered], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Entered:
        """Call an op that enters a session on the host; the returned connection is the link."""
        entry = self._entry(op, named(op, args, kwargs))
        try:
            return self._enter(entry)
        except KeyboardInterrupt:
            if not (op.creates and entry.reached):
                raise
            outcome = f"{entry.arguments.get('name') or 'NAME'} may have been created"
            raise KeyboardInterrupt(f"interrupted; {outcome}; check with: {CALLED} @{self.host}") from None

    def connect(self, name: str, deadline: float | None = None, *, attaches: bool = False) -> Connection:
        """Return a link to a session of the host. Raises NotFound, TimedOut past the deadline."""
        return self._enter(EntryRequest(ATTACH, {"name": name}, pings=attaches), deadline)[1]

    def _begin(
        self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts, deadline: float | None
    ) -> Entered:
        entry = self._entry(op, data)
        try:
            return self._enter(entry, deadline, interrupts)
        except SeshError as error:
            if entry.reached and not error.answered and not isinstance(error, Ended):
                unknown = f"{error.message}; the job may or may not have started"
                error.message = interrupts.message if isinstance(error, Interrupted) else unknown
                error.exit_code = ExitCode.UNKNOWN if error.exit_code == ExitCode.FAILED else error.exit_code
            raise

    def _entry(self, op: Op[..., Entered], data: dict[str, object]) -> EntryRequest:
        session_id = os.urandom(8).hex() if op.creates else ""
        return EntryRequest(op.wire_name, data, session_id, self.introduction, pings=self.introduction is not None)

    def _enter(
        self, entry: EntryRequest, deadline: float | None = None, interrupts: Interrupts | None = None
    ) -> Entered:
        """Open a link and enter a session over it.

        If the link is lost before the answer, send a request that creates a session again over another link. The
        session id stays the same, so that the host creates no second session. `interrupts`: the first signal stops the
        opening of a link. Raises Ended if the session has ended, Lost if another request got no answer.
        """
        early = Early(entry.frames(self.caller))
        lost = False
        sleep = interrupts.sleep if interrupts is not None else time.sleep
        with naming_host(self.host):
            while True:
                try:
                    with interrupts.stop_on_first() if interrupts is not None else nullcontext():
                        link = self._reopen_link(deadline, sleep) if lost else self._open(early, deadline)
                    entry.reached = True
                    answer, output = links.enter_session(self.caller, link, entry, deadline, self.caller.stop)
                    break
                except errors.Lost:
                    if not entry.session_id:
                        raise
                    lost = entry.reached = True
                    self.caller.note(f"lost the link to @{self.host} before its answer; reconnecting")
                except (Interrupted, KeyboardInterrupt, errors.ProtocolError):
                    # Any other error means that the host has not carried out the request.
                    entry.reached = entry.reached or early.reached
                    raise
            if lost:
                self.caller.note(f"reconnected to @{self.host}")
            if "result" in answer:
                link.close()
                raise Ended(answer["name"], answer["result"], output)
            self._note_entered(link, answer)
        return answer["name"], link

    def _open(
        self,
        early: Early | None = None,
        deadline: float | None = None,
        *,
        background: bool = False,
        stop: Stop | None = None,
    ) -> Link:
        """Open a link to sesh on the host. Raises Unreachable, NotDeployed, TimedOut past the deadline, Interrupted.

        `early`: a request to send with HELLO. `background`: no person named the host, so do not record it as used.
        `stop`: cancels.
        """
        caller, host = self.caller, self.destination
        try:
            with nullcontext() if background else caller.connecting(self.host), links.link_errors(host, deadline):
                link = opening.open_link(
                    host,
                    links.origin(host),
                    ask=caller.can_ask,
                    deadline=deadline,
                    early=early,
                    stop=stop or caller.stop,
                    patience=known.stale_after(self.host),
                    say=caller.show_ssh_line,
                )
        except errors.NotDeployed as missing:
            if not (self.offer and caller.can_ask):
                raise
            self._deploy(missing)
            return self._open(early, deadline, background=background, stop=stop)
        if background:
            known.end_pause(self.host)
        else:
            links.record(host, link)
        return link

    def _deploy(self, missing: errors.NotDeployed) -> None:
        """Install sesh on the host if the person agrees. Raises DeployError, `missing` if the person declines."""
        if self.caller.ask(f"@{self.host} has no sesh; deploy it there?", YES_NO, "y") != "y":
            raise missing
        from sesh.remote.deploy import fleet  # loads rich and fabric

        self.offer = False
        for result in fleet.deploy_all([self.destination]):
            if result.error is not None:
                raise result.error

    def reopening(self, ping: Callable[[], object], session: Callable[[], LostSession]) -> Reopen:
        return links.reopening(self.destination, links.attempt_session, ping, session)

    def _reopen_link(self, deadline: float | None, sleep: Callable[[float], object]) -> Link:
        with closing(links.reopening(self.destination, links.attempt_link)) as reopen:
            link = reopen.wait(self.host, sleep, deadline)
        assert isinstance(link, Link)  # noqa: S101 (`attempt_link` returns one)
        return link

    # -- a stream

    def _stream(self, connection: Connection, name: str, deadline: float | None) -> Stream:
        assert isinstance(connection, Link)  # noqa: S101 (`_enter` returns one)
        note = self.caller.note
        return LinkStream(connection, name, self._stream_reopening, note=note, end_of=self._end_of, deadline=deadline)

    def _stream_reopening(self, stream: LinkStream) -> Reopen:
        return self.reopening(stream.ping, stream.lost_session)

    def _end_of(self, stream: Stream) -> Ended | None:
        """Ask the host over another link how a stream's session ended; return None if that is unknown."""
        try:
            with self._open(deadline=stream.deadline) as link:
                entry = EntryRequest(ATTACH, {"name": stream.name}, stream.session_id)
                answer, output = links.enter_session(self.caller, link, entry, stream.deadline)
        except SeshError:
            return None
        return Ended(stream.name, answer["result"], output) if "result" in answer else None

    def items(
        self,
        op: Op[..., Iterator[Item]],
        words: Callable[[Link], Mapping[str, object]],
        stop: Stop | None = None,
        *,
        changed: Callable[[Health], object] | None = None,
    ) -> Iterator[Item]:
        """Yield the items of an endless op; reconnect after a lost link.

        `words`: returns the op's arguments for a new link. `stop`: lets another thread end this with Interrupted.
        `changed`: only for a list: called when the link's health changes. The host of a list is not recorded as used,
        and its links are not logged. Raises Unreachable if the first link fails, LoginRefused if a reconnect needs a
        person, and the op's errors.
        """
        caller = self.caller
        host = self.destination
        stop = stop or caller.stop
        lists = changed is not None

        def way(destination: Destination, attempt: Attempt) -> Link:
            with stop.calling(attempt.stop.stop):  # so that no ssh outlives this process
                return links.attempt_link(destination, attempt)

        def reopening(stream: LinkStream) -> Reopen:
            return links.reopening(host, way, stream.ping, patience=_LIST_PATIENCE if lists else None)

        def ask() -> None:
            stream.connection.send(calls.frames(op.wire_name, words(stream.connection)))

        stop.check()
        deadline = time.monotonic() + _OPEN_TIMEOUT if lists else None
        link = self._open(deadline=deadline, background=lists, stop=stop)
        stream = LinkStream(link, "", reopening, note=caller.note, changed=changed)
        stream.audience, stream.pause = caller.audience, stop.sleep
        with stream, stop.calling(stream.cut):
            try:
                for kind, _, payload in stream.frames(ask):
                    if kind != DATA:
                        stream.connection.response(OP, payload)
                        return
                    check = Check(far=True)
                    item: Item = calls.checked(op, payload, check)
                    calls.note_left_out(caller, check, self.host)
                    # An empty list ends a report, so a list that lost all its rows is not passed on.
                    if item or not check.left_out:
                        yield item
            except errors.DaemonDied:
                raise Unreachable(f"sesh on @{self.host} ended") from None

    # -- the host among the known remotes

    def _note_entered(self, link: Link, answer: EnteredAnswer) -> None:
        """Cache the facts of the session that a link has entered."""
        known.saw(
            self.host,
            answer["name"],
            time.time(),
            id=answer["session_id"] or None,
            cwd=answer.get("cwd"),
            command=answer.get("command"),
            home=link.home or None,
        )

    def _note_changes(self, changes: Changes, data: Mapping[str, Any]) -> None:
        """Update the cached sessions after an op with the arguments `data`."""
        if changes.ended:
            known.drop(self.host, changes.ended)
        if changes.renamed is not None:
            known.rename(self.host, *changes.renamed)
        if changes.running:
            known.saw(self.host, changes.running, time.time(), command=(data.get("spec") or {}).get("command"))

    def note_ended(self, name: str) -> None:
        known.drop(self.host, [name])

    def log_attached(self, name: str) -> None:
        eventlog.log("connect", host=self.host, session=name)

    def log_left(self, name: str, host: str | None, kind: str, round_trip: float, heard_time: float) -> None:
        host = host or self.host
        eventlog.log("disconnect", host=host, session=name, reason=kind)
        if kind == "ended":
            known.drop(host, [name])
        elif heard_time:
            known.saw(host, name, heard_time)
        if host == self.host and round_trip:
            known.note(host, {"round_trip": round(round_trip, 4)})

    # -- the user's files

    def sync(self) -> None:
        """Push the user's files to the host; note an error."""
        try:
            sync.sync(self.destination, self._connect)
        except Unreachable:
            return  # the next link reports the same error
        except SeshError as error:
            self.caller.note(str(error))

    def _connect(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            master.ensure(destination, ask=self.caller.can_ask)
