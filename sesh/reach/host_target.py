"""A host as the target of ops: each call opens a link, and `sesh --bridge` on the host calls the op."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext
from typing import TypeVar

from sesh import errors
from sesh.about import PROGRAM
from sesh.errors import (
    NO_ANSWER,
    Ended,
    ExitCode,
    Interrupted,
    SeshError,
    TimedOut,
    Unknown,
    Unreachable,
    failing_with,
    naming_host,
)
from sesh.link.keeper import LinkKeeper, Ping, Session
from sesh.link_health import Health
from sesh.messages import OP, EnteredResponse, Hello
from sesh.protocol import DATA
from sesh.reach import calls
from sesh.reach.caller import YES_NO, Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.op import Arguments, Changes, Entered, Op, Result, by_name
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import known
from sesh.remote.ssh import master, opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link, Request
from sesh.remote.sync import sync
from sesh.stop import Stop
from sesh.wire import Connection

Item = TypeVar("Item")
LIST_PATIENCE = 1.5  # seconds plus 1.5 round trips without a PONG, then a list shows the host's rows as stale
_MOST_LINKS = 10  # for one request: a host may end each link before it answers


def destination_of(caller: Caller, host: str) -> Destination:
    """Return the destination for a host, with the user's settings. Raises InvalidHost."""
    return Destination(host, via=caller.settings().via(host))


class HostTarget(Target):
    """A host.

    `offer`: offer to install sesh if the host has none. `named`: a person named the host, so it is recorded as used.
    `asks`: ssh and the ops may ask the person, if the caller can. `stop`: lets another thread end a call with
    Interrupted.
    """

    host: str
    home = ""  # the home directory on the host at the last call

    def __init__(
        self,
        caller: Caller,
        host: str,
        *,
        offer: bool = False,
        named: bool = True,
        asks: bool = True,
        stop: Stop | None = None,
    ) -> None:
        super().__init__(caller)
        self.host, self.offer, self.named = host, offer, named
        self.stop, self._asks = stop or caller.stop, asks and caller.can_ask
        self.destination = destination_of(caller, host)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call an op on the host; return its result. Raises the op's errors, Unreachable, NotDeployed."""
        data = by_name(op, args, kwargs)
        request = Request(op.wire_name, calls.encoded(data), can_ask=self._asks, repeatable=op.reads)
        with naming_host(self.host):
            with self._open(request) as link, self.stop.calling(link.abort):
                self.clock, self.home = link.clock, link.home
                try:
                    _, answer = calls.answered(self.caller, link, request, self.deadline)
                except TimedOut as error:
                    raise error if error.answered else errors.silent_host(self.host) from None
                except Unreachable as error:
                    if error.answered:
                        raise
                    if op.reads and error.reason == NO_ANSWER:
                        raise errors.silent_host(self.host) from None
                    unknown = f"the request may have been carried out; see: {PROGRAM} @{self.host}"
                    hint = "try again" if op.reads else unknown
                    raise Unknown(error.message, hint=hint, exit_code=ExitCode.FAILED) from None
            result: Result
            result, _ = calls.result(self.caller, self.host, op, answer)
            self._note_changes(op.changes(data, result))
        return result

    def enter(
        self, op: Op[Arguments, Entered], hello: Hello | None, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Entered:
        """Call an op that enters a session on the host; the returned connection is the link."""
        data = by_name(op, args, kwargs)
        request = self._request(op, data, hello)
        try:
            return self._enter(request)
        except KeyboardInterrupt:
            if not (op.creates and request.unknown):
                raise
            outcome = f"{data.get('name') or 'NAME'} may have been created"
            raise KeyboardInterrupt(f"interrupted; {outcome}; check with: {PROGRAM} @{self.host}") from None

    def connect(self, name: str) -> Connection:
        """Return a link to a session of the host. Raises NotFound, TimedOut past the deadline."""
        return self._enter(Request.attach(name, can_ask=self._asks))[1]

    def _begin(self, op: Op[..., Entered], data: dict[str, object], interrupts: Interrupts) -> Entered:
        request = self._request(op, data)
        try:
            return self._enter(request, interrupts)
        except SeshError as error:
            if not request.unknown:
                raise
            if isinstance(error, Interrupted):
                raise error.saying(interrupts.message) from error
            with failing_with(ExitCode.UNKNOWN):
                raise error.saying(f"{error.message}; the job may or may not have started") from error

    def _request(self, op: Op[..., Entered], data: dict[str, object], hello: Hello | None = None) -> Request:
        session_id = os.urandom(8).hex() if op.creates else ""
        return Request(op.wire_name, calls.encoded(data), self._asks, connects=True, session_id=session_id, hello=hello)

    def _enter(self, request: Request, interrupts: Interrupts | None = None) -> Entered:
        """Open a link and enter a session over it.

        If the link is lost before the answer, send a request that creates a session again over another link, at most
        `_MOST_LINKS` times. The session id stays the same, so that the host creates no second session. `interrupts`:
        the first signal stops the opening of a link. Raises Ended if the session has ended, Lost without an answer.
        """
        keeper: LinkKeeper | None = None  # the same for all links: it makes a pause between two logins
        check = interrupts.check_recorded if interrupts is not None else self.stop.check
        with naming_host(self.host), self._timed(), ExitStack() as stack:
            for links_left in reversed(range(_MOST_LINKS)):
                try:
                    with interrupts.stop_on_first() if interrupts is not None else nullcontext():
                        link = self._another_link(keeper, check) if keeper else self._open(request)
                    answer = self._entered(link, request, self.deadline)
                    break
                except errors.Lost:
                    if not (request.session_id and links_left):
                        raise
                    links = opening.HostLinks(self.destination, logs=False)
                    keeper = keeper or stack.enter_context(closing(LinkKeeper(links)))
                    self.caller.note(f"lost the link to @{self.host} before its answer; reconnecting")
            known.cache_running(self.host, answer["name"], time.time(), answer["session_id"])
        return answer["name"], link

    def _entered(self, link: Link, request: Request, deadline: float | None) -> EnteredResponse:
        """Return the host's answer to a request that enters a session; close the link if there is none."""
        try:
            with self.stop.calling(link.abort):
                answer, _ = calls.answered(self.caller, link, request, deadline)
        except BaseException:
            link.close()
            raise
        return answer  # type: ignore[return-value]  # `Link.call` has checked it

    def _open(self, request: Request | None = None) -> Link:
        """Open a link to sesh on the host. Raises Unreachable, NotDeployed, Interrupted.

        `request`: one to send with HELLO.
        """
        caller, host = self.caller, self.destination
        try:
            with caller.connecting(self.host) if self.named else nullcontext():
                link = opening.open_link(
                    host,
                    ask=self._asks,
                    deadline=self.deadline,
                    request=request,
                    stop=self.stop,
                    say=caller.show_ssh_line,
                )
        except errors.NotDeployed as missing:
            if not (self.offer and self._asks):
                raise
            self._deploy(missing)
            return self._open(request)
        if self.named:
            known.record(self.host, str(link.bridge.get("version") or ""), asks=link.asked)
        else:
            known.end_pause(self.host)
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

    def keeper(self, ping: Ping, session: Session) -> LinkKeeper:
        return LinkKeeper(opening.HostLinks(self.destination), ping, session)

    def _another_link(self, keeper: LinkKeeper, check: Callable[[], object]) -> Link:
        link = keeper.wait(self.host, check, self.deadline)
        assert isinstance(link, Link)  # noqa: S101 (`HostLinks.open` returns one)
        self.caller.note(f"reconnected to @{self.host}")
        return link

    # -- a stream

    def _end_of(self, stream: Stream) -> Ended | None:
        """Ask the host over another link how a stream's session ended; return None if that is unknown."""
        try:
            with self.until(stream.deadline)._open() as link:
                self._entered(link, Request.attach(stream.name, stream.session_id), stream.deadline)
        except Ended as ended:
            return ended
        except SeshError:
            return None
        return None  # it runs

    def items(
        self,
        op: Op[..., Iterator[Item]],
        words: Callable[[Link], Mapping[str, object]],
        *,
        changed: Callable[[Health], object] | None = None,
    ) -> Iterator[Item]:
        """Yield the items of an endless op; reconnect after a lost link.

        `words`: returns the op's arguments for a new link. `changed`: only for a list: called when the link's health
        changes; the links of a list are not logged. Raises Unreachable if the first link fails, LoginRefused if a
        reconnect needs a person, and the op's errors.
        """
        caller, stop = self.caller, self.stop
        links = opening.HostLinks(self.destination, logs=changed is None)

        def ask() -> None:
            link = stream.connection
            assert isinstance(link, Link)  # noqa: S101 (`HostLinks.open` returns one)
            if changed is not None:
                link.health.patience = LIST_PATIENCE
            link.send(Request(op.wire_name, calls.encoded(words(link))).frames())

        def keep(ping: Ping, session: Session) -> LinkKeeper:
            return LinkKeeper(links, ping, session, changed or (lambda _: None))

        stop.check()
        stream = Stream(self._open(), "", host=self.host, keep=keep, note=caller.note)
        stream.audience, stream.check = caller.audience, stop.check
        with stream, stop.calling(stream.cut):
            try:
                for kind, _, payload in stream.frames(ask):
                    if kind != DATA:
                        stream.connection.decode_response(OP, payload)
                        return
                    item, whole = calls.result(caller, self.host, op, payload)
                    # An empty list ends a report, so a list that lost all its rows is not passed on.
                    if item or whole:
                        yield item
            except errors.DaemonDied:
                raise Unreachable(f"sesh on @{self.host} ended") from None

    # -- the host among the known remotes

    def _note_changes(self, changes: Changes) -> None:
        """Update the cached sessions after an op."""
        if changes.ended:
            known.drop_sessions(self.host, changes.ended)
        if changes.renamed is not None:
            known.rename_session(self.host, *changes.renamed)
        if changes.running:
            known.cache_running(self.host, changes.running, time.time())

    # -- the user's files

    def sync(self) -> None:
        """Push the user's files to the host; note an error."""
        try:
            sync.sync(self.destination, self._connect)
        except Unreachable:
            return  # the next link reports the same error
        except Interrupted:
            raise
        except SeshError as error:
            self.caller.note(str(error))

    def _connect(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            master.ensure(destination, ask=self.caller.can_ask, say=self.caller.show_ssh_line, stop=self.stop)
