"""A host as the target of ops: each call opens a link to a bridge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext
from typing import TypeVar

from sesh import errors
from sesh.about import PROGRAM
from sesh.errors import NO_ANSWER, Ended, ExitCode, Interrupted, SeshError, TimedOut, Unreachable
from sesh.link.keeper import CurrentPeer, LinkKeeper, ReportOutage
from sesh.messages import OP, ConnectedResponse, Hello
from sesh.reach import calls
from sesh.reach.caller import YES_NO, Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.op import Arguments, Changes, Connected, Op, Result, by_name
from sesh.reach.stream import DataFrame, ResponseFrame, Stream
from sesh.reach.target import Target
from sesh.remote import known
from sesh.remote.ssh import master, opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link, LinkRequest
from sesh.remote.sync import sync
from sesh.wire import Connection

Item = TypeVar("Item")
LIST_DOUBTED_AFTER = 1.5  # after so many seconds plus 1.5 round trips without a PONG, a list marks the rows as stale
_MAX_LINKS = 10  # for one request, then it fails: a host may end each link before the response


def destination_of(caller: Caller, host: str) -> Destination:
    """Return the destination for a host, with the user's settings. Raises InvalidHost."""
    return Destination(host, via=caller.settings().via(host))


class HostTarget(Target):
    """A host.

    `offer`: offer to install sesh if the host has none. `named`: a person named the host, which is recorded as used.
    `may_ask`: the ops may ask the person, and ssh may prompt, if the caller `can_ask`. `stop`: another thread ends a
    call with it; the call raises Interrupted.
    """

    host: str

    def __init__(
        self,
        caller: Caller,
        host: str,
        *,
        offer: bool = False,
        named: bool = True,
        may_ask: bool = True,
    ) -> None:
        super().__init__(caller)
        self.host = host
        self.offer = offer
        self.named = named
        self.stop = caller.stop
        self._can_ask = may_ask and caller.can_ask
        self.destination = destination_of(caller, host)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call an op on the host; return its result. Raises the op's errors, Unreachable, NotDeployed."""
        data = by_name(op, args, kwargs)
        request = LinkRequest(op.wire_name, calls.encoded(data), can_ask=self._can_ask, repeatable=op.reads)
        with errors.naming_host(self.host):
            with self._open_link(request) as link, self.stop.calling(link.abort):
                self.clock = link.clock
                try:
                    _, output = calls.call(self.caller, link, request, self.deadline)
                except (TimedOut, Unreachable) as error:
                    if error.in_response:
                        raise
                    raise self._no_response(error, reads=op.reads) from None
            result: Result = calls.decode_result(op, output)
            self._note_changes(op.changes(data, result))
        return result

    def _no_response(self, error: SeshError, *, reads: bool) -> SeshError:
        """Return the error for a request without a response. `reads`: the op changes nothing."""
        if isinstance(error, TimedOut) or (reads and isinstance(error, Unreachable) and error.reason == NO_ANSWER):
            return errors.silent_host(self.host)
        unknown = f"the request may have been carried out; see: {PROGRAM} @{self.host}"
        return errors.OutcomeUnknown(error.message, hint="try again" if reads else unknown, exit_code=ExitCode.FAILED)

    def connect(self, name: str) -> Connection:
        """Return a link to a session of the host. Raises NotFound, TimedOut past the deadline."""
        return self._connect(LinkRequest.attach(name, can_ask=self._can_ask))[1]

    def _call_connecting(
        self,
        op: Op[..., Connected],
        data: dict[str, object],
        hello: Hello | None = None,
        interrupts: Interrupts | None = None,
    ) -> Connected:
        request = LinkRequest(op.wire_name, calls.encoded(data), self._can_ask, connects=True, hello_by_bridge=hello)
        request.session_id = os.urandom(8).hex() if op.creates else ""
        try:
            return self._connect(request, interrupts)
        except KeyboardInterrupt:
            if not (op.creates and request.may_be_done):
                raise
            created = f"{data.get('name') or 'NAME'} may have been created"
            raise KeyboardInterrupt(f"interrupted; {created}; check with: {PROGRAM} @{self.host}") from None
        except SeshError as error:
            if interrupts is None or not request.may_be_done:
                raise
            if isinstance(error, Interrupted):
                raise error.saying(interrupts.message) from error
            with errors.failing_with(ExitCode.UNKNOWN):
                raise error.saying(f"{error.message}; the job may or may not have started") from error

    def _connect(self, request: LinkRequest, interrupts: Interrupts | None = None) -> Connected:
        """Open a link, and have the host connect it to a session.

        A request that creates a session is sent again if the link is lost before the response, over `_MAX_LINKS` links
        at most; from its session id the host knows that it is the same request. `interrupts`: the first signal stops
        the opening of a link. Raises Ended if the session has ended, ConnectionLost without a response.
        """
        keeper: LinkKeeper | None = None  # opens all links but the first, with pauses between two logins
        check = interrupts.check_recorded if interrupts is not None else self.stop.check
        with errors.naming_host(self.host), self._timed(), ExitStack() as stack:
            for links_left in reversed(range(_MAX_LINKS)):
                try:
                    with interrupts.stop_on_first() if interrupts is not None else nullcontext():
                        link = self._await_next_link(keeper, check) if keeper is not None else self._open_link(request)
                    response = self._await_session(link, request, self.deadline)
                    break
                except errors.ConnectionLost:
                    if not (request.session_id and links_left):
                        raise
                    opener = opening.HostLinkOpener(self.destination, logs=False)
                    keeper = keeper or stack.enter_context(closing(LinkKeeper(opener)))
                    self.caller.note(f"lost the link to @{self.host} before its answer; reconnecting")
            known.cache_running(self.host, response["name"], time.time(), response["session_id"])
        return response["name"], link

    def _await_session(self, link: Link, request: LinkRequest, deadline: float | None) -> ConnectedResponse:
        """Have the host connect the link to a session; close the link after an error."""
        try:
            with self.stop.calling(link.abort):
                response, _ = calls.call(self.caller, link, request, deadline)
        except BaseException:
            link.close()
            raise
        return response  # type: ignore[return-value]  # `Link.call` has checked the response

    def _await_next_link(self, keeper: LinkKeeper, check: Callable[[], object]) -> Link:
        link = keeper.await_link(self.host, check, self.deadline)
        assert isinstance(link, Link)  # noqa: S101 (`HostLinkOpener.open` returns one)
        self.caller.note(f"reconnected to @{self.host}")
        return link

    def _open_link(self, request: LinkRequest | None = None) -> Link:
        """Open a link; send `request` with HELLO. Raises Unreachable, NotDeployed, Interrupted."""
        host, show_line = self.destination, self.caller.show_ssh_line
        try:
            with self.caller.connecting(self.host) if self.named else nullcontext():
                link = opening.open_link(
                    host,
                    may_prompt=self._can_ask,
                    deadline=self.deadline,
                    request=request,
                    stop=self.stop,
                    show_line=show_line,
                )
        except errors.NotDeployed as missing:
            if not (self.offer and self._can_ask):
                raise
            self._deploy(missing)
            return self._open_link(request)
        if self.named:
            known.record(self.host, str(link.bridge.get("version") or ""), login_prompted=link.login_prompted)
        else:
            known.end_pause(self.host)
        return link

    def _deploy(self, missing: errors.NotDeployed) -> None:
        """Install sesh if the person agrees. Raises DeployError, or `missing` if the person declines."""
        if self.caller.ask(f"@{self.host} has no sesh; deploy it there?", YES_NO, "y") != "y":
            raise missing
        from sesh.remote.deploy import fleet  # loads rich and fabric

        self.offer = False
        for result in fleet.deploy_all([self.destination]):
            if result.error is not None:
                raise result.error

    def make_keeper(self, current_peer: CurrentPeer) -> LinkKeeper:
        return LinkKeeper(opening.HostLinkOpener(self.destination), current_peer)

    def _stream(self, connection: Connection, name: str) -> Stream:
        keeper, note = LinkKeeper(opening.HostLinkOpener(self.destination)), self.caller.note
        end = self._find_end
        return Stream(
            connection, name, self.deadline, host=self.host, keeper=keeper, note=note, find_end=end, stop=self.stop
        )

    def _find_end(self, stream: Stream) -> Ended | None:
        """Find over another link how a session ended; return None if that is unknown."""
        try:
            with self.until(stream.deadline)._open_link() as link:
                self._await_session(link, LinkRequest.attach(stream.name, stream.session_id), stream.deadline)
        except Ended as ended:
            return ended
        except SeshError:
            return None
        return None  # the session runs

    def items(
        self,
        op: Op[..., Iterator[Item]],
        arguments: Callable[[Link], Mapping[str, object]],
        *,
        report_outage: ReportOutage | None = None,
    ) -> Iterator[Item]:
        """Yield the items of an endless op; reconnect after a lost link.

        `arguments`: returns the op's arguments for a new link. `report_outage`: of a list, whose links are not logged.
        Raises Unreachable if the first link fails, LoginRefused if another link needs a login, and the op's errors.
        """
        caller, stop = self.caller, self.stop

        def request() -> None:
            link = stream.connection
            assert isinstance(link, Link)  # noqa: S101 (`HostLinkOpener.open` returns one)
            if report_outage is not None:
                link.health.doubted_after = LIST_DOUBTED_AFTER
            link.send(LinkRequest(op.wire_name, calls.encoded(arguments(link))).frames())

        stop.check()
        opener = opening.HostLinkOpener(self.destination, logs=report_outage is None)
        link, keeper = self._open_link(), LinkKeeper(opener, report_outage=report_outage or (lambda _: None))
        stream = Stream(link, "", host=self.host, keeper=keeper, note=caller.note, find_end=lambda _: None, stop=stop)
        stream.audience, stream.check = caller.audience, stop.check
        with stream:
            try:
                for arrival in stream.arrivals(request):
                    match arrival:
                        case ResponseFrame(_, payload):
                            stream.connection.decode_response(OP, payload)
                            return
                        case DataFrame(payload):
                            yield calls.decode_result(op, payload)
            except errors.DaemonDied:
                raise Unreachable(f"sesh on @{self.host} ended") from None

    def _note_changes(self, changes: Changes) -> None:
        if changes.ended:
            known.drop_sessions(self.host, changes.ended)
        if changes.renamed is not None:
            known.rename_session(self.host, *changes.renamed)
        if changes.running:
            known.cache_running(self.host, changes.running, time.time())

    def sync(self) -> None:
        try:
            sync.sync(self.destination, self._open_shared_connection)
        except Unreachable:
            return  # the next link reports the same error
        except Interrupted:
            raise
        except SeshError as error:
            self.caller.note(str(error))

    def _open_shared_connection(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            master.ensure(
                destination, may_prompt=self.caller.can_ask, show_line=self.caller.show_ssh_line, stop=self.stop
            )
