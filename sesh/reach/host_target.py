"""A host as the target of ops: each call opens a link to a bridge.

Notes for the person come with a response. A response may be a question: then the request is sent again, with the
person's answer. The commands that notes and questions quote get the host.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from sesh import errors
from sesh.about import PROGRAM
from sesh.errors import Fate, Interrupted, ProtocolError, SeshError, Unreachable, told
from sesh.link import opening
from sesh.link.keeper import LinkKeeper, ReportOutage
from sesh.link.link import REQUEST_ID, RESPONSE_TIMEOUT, Link, LinkRequest
from sesh.reach.beside import BesideCalls
from sesh.reach.caller import Caller
from sesh.reach.op import Arguments, Connected, Op, Result, by_name, decode_result, encoded
from sesh.reach.stream import Stream
from sesh.reach.target import CONFIG_TIMEOUT, Target
from sesh.remote import known
from sesh.remote.ssh import exchange, master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from sesh.remote.sync import sync
from sesh.schema.outcomes import Ended
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import OP, ConnectedResponse, EndedResponse, Hello, QuestionResponse, ResultResponse

if TYPE_CHECKING:
    from typing_extensions import Self

Item = TypeVar("Item")
MAX_NOTES = 100  # with one response; further notes are dropped
_MAX_QUESTIONS = 20  # for one request; the next question is an error
LIST_DOUBTED_AFTER = 1.5  # seconds without a PONG, beyond 1.5 round trips, until a list marks the rows as stale
_MAX_LINKS = 10  # for one request, then it fails: a host may end each link before the response


def destination_of(caller: Caller, host: str) -> Destination:
    """Return the destination for a host, with the user's settings. Raises UsageError."""
    return Destination(host, via=caller.settings().via(host))


class HostTarget(Target):
    """A host.

    `named`: a person named the host, which is recorded as used. `may_prompt`: ssh may prompt the person, if the caller
    `can_answer`. The caller's `stop` ends a call from another thread: the call raises Interrupted.
    """

    host: str

    def __init__(self, caller: Caller, host: str, *, named: bool = True, may_prompt: bool = True) -> None:
        super().__init__(caller)
        self.host = host
        self.destination = destination_of(caller, host)
        self._named = named
        self._may_prompt = may_prompt and caller.can_answer
        self._stop = caller.stop
        self._unsynced = ""  # why files were not pushed

    def within(self, seconds: float) -> Self:
        with self._telling():
            self.destination.resolve(CONFIG_TIMEOUT)
            logs_in = master.is_shared(self.destination) and not master.is_alive(self.destination)
        starts = 1 + logs_in  # of ssh, each of which reads its configuration again
        return self.until(time.monotonic() + seconds + starts * self.destination.config_time)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        arguments = by_name(op, args, kwargs)
        self._sync(op, arguments)
        request = self._request(op, arguments, changes=not op.reads)
        with self._telling():
            with self._open_link(request) as link, self._stop.calling(link.abort):
                self.clock = link.clock
                _, output = self._carry_out(link, request)
            result: Result = decode_result(op, output)
            freed, renamed = op.frees(result)
            if freed:
                known.cache_changes(self.host, gone=freed, running=renamed, at=time.time())
        return result

    def taken(
        self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> tuple[Link, Result]:
        """Call an op that takes the link over, for bulk; return the link, which the caller closes, and the op's result.

        The link has a connection without compression, unless that would ask the person to log in once more.
        """
        asks = known.login_prompted(self.host) and master.is_alive(self.destination)
        self.destination.bulk = self.destination.via is None and not asks
        request = self._request(op, by_name(op, args, kwargs))
        with self._telling(), self._timed():
            link = self._open_link(request)
            try:
                with self._stop.calling(link.abort):
                    _, output = self._carry_out(link, request)
                return link, decode_result(op, output)
            except BaseException:
                link.close()
                raise

    def connect(self, name: str, session_id: str = "") -> Connection:
        request = LinkRequest.attach(name, session_id, can_answer=self.caller.can_answer)
        with self._telling(), self._timed():
            return self._await_session(self._open_link(request), request).connection

    def connect_by(
        self, op: Op[Arguments, Connected], hello: Hello | None, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Connected:
        arguments = by_name(op, args, kwargs)
        with self._stopping_on_first():
            self._sync(op, arguments)
        session_id = os.urandom(8).hex() if op.creates else ""
        request = self._request(op, arguments, session_id=session_id, hello=hello)
        created = f"{arguments.get('name') or 'a session'} may have been created"
        try:
            return self._connect(request)
        except KeyboardInterrupt:
            if not (op.creates and request.may_be_done):
                raise
            raise KeyboardInterrupt(f"interrupted; {created}; check with: {PROGRAM} @{self.host}") from None
        except Exception as cause:
            if hello is not None or not (op.creates and request.may_be_done):
                raise
            error = errors.own(cause)
            if isinstance(error, Interrupted) and self.interrupts is not None:
                raise error.but(message=self.interrupts.message) from cause
            raise error.but(message=f"{error.message}; {created}", fate=Fate.UNKNOWN) from cause

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Let the errors of the block be those of this host."""
        try:
            yield
        except SeshError as error:
            if error.host:
                raise
            raise error.told_by(self.host) from error

    def _request(self, op: Op[..., object], arguments: dict[str, object], **more: Any) -> LinkRequest:
        return LinkRequest(op.wire_name, encoded(arguments), can_answer=self.caller.can_answer, **more)

    def _connect(self, request: LinkRequest) -> Connected:
        """Open a link, and have the host connect it to a session.

        Raises Ended if the session has ended, ConnectionLost without a response.
        """
        with self._telling(), self._timed():
            try:
                with self._stopping_on_first():
                    link = self._open_link(request)
                return self._await_session(link, request)
            except errors.ConnectionLost:
                if not request.session_id:
                    raise
            return self._connect_again(request)

    def _connect_again(self, request: LinkRequest) -> Connected:
        """Send a request with a session id over other links until a response comes.

        By that id the host knows that it is the same request. The keeper pauses between two logins. Who attaches, or
        waits for a job, waits for a link as long as it takes.
        """
        with closing(LinkKeeper(self.destination, lambda _: None)) as keeper:
            stream = Stream(self, Connection(-1, -1), "", keeper)
            if self.deadline is None and self.interrupts is None and request.hello is None:
                stream.deadline = time.monotonic() + RESPONSE_TIMEOUT
            links_left = _MAX_LINKS - 1
            while True:
                with self._stopping_on_first(), self._stop.calling(stream.cut):
                    stream.reconnect()
                link = stream.connection
                assert isinstance(link, Link)  # noqa: S101 (the keeper opens no other connection)
                try:
                    return self._await_session(link, request)
                except errors.ConnectionLost:
                    links_left -= 1
                    if not links_left:
                        raise

    def _stopping_on_first(self) -> AbstractContextManager[None]:
        """Let the first signal stop the opening of a link."""
        return self.interrupts.stop_on_first() if self.interrupts is not None else nullcontext()

    def _await_session(self, link: Link, request: LinkRequest) -> Connected:
        """Have the host connect the link to a session; close the link after an error."""
        try:
            with self._stop.calling(link.abort):
                response, _ = self._carry_out(link, request)
            if "name" not in response:
                request.may_be_done = True
                raise errors.malformed("RESPONSE", ".name is missing")
            peer = link.peer
            known.cache_changes(self.host, running=peer.name, at=time.time(), session_id=peer.session_id)
        except BaseException:
            link.close()
            raise
        return Connected(peer.name, link, response.get("created", False))

    def _carry_out(
        self, link: Link, request: LinkRequest
    ) -> tuple[ConnectedResponse | EndedResponse | ResultResponse, bytes]:
        """Have the host carry out a request; return the response and its data.

        Ask the person each question, and show the notes of each response. Raises ProtocolError after too many
        questions, and as `Link.call`.
        """
        answers: list[str] = []
        while len(answers) <= _MAX_QUESTIONS:
            response, data = link.call(request, answers, self.deadline)
            for line in response.get("lines", [])[:MAX_NOTES]:
                self.caller.note(told(line, self.host))
            if "question" not in response:
                return response, data
            answers.append(self._ask(response))
        raise ProtocolError(f"the other side asked more than {_MAX_QUESTIONS} questions; nothing more is answered")

    def _ask(self, question: QuestionResponse) -> str:
        """Ask the person. Raises ProtocolError for a malformed or unexpected question."""
        if not self.caller.can_answer:
            raise errors.malformed("RESPONSE", "asks a question, though nobody can be asked")
        answers, default = question["answers"], question["default"]
        letters = {letter for letter, _ in answers}
        if default not in letters or len(letters) < len(answers) or any(len(letter) != 1 for letter in letters):
            raise errors.malformed("RESPONSE", ".answers cannot be chosen from")
        return self.caller.ask(told(question["question"], self.host), answers, default, question["above"])

    def _open_link(self, request: LinkRequest | None = None) -> Link:
        """Open a link; send the request with HELLO. Raises Unreachable, NotDeployed, Interrupted."""
        with self.caller.connecting(self.host) if self._named else nullcontext():
            link = opening.open_link(self.destination, self._login_options(), request)
        self.caller.has_reached = True
        if self._unsynced:
            self.caller.note(self._unsynced)
            self._unsynced = ""
        version = str(link.bridge_welcome.get("version") or "")
        known.record(self.host, version, login_prompted=self.destination.login_prompted, is_new=self._named)
        return link

    def keeper(self) -> LinkKeeper:
        return LinkKeeper(self.destination)

    def find_end(self, name: str, session_id: str, deadline: float | None) -> Ended | None:
        try:
            self.until(deadline).connect(name, session_id).close()
        except Ended as ended:
            return ended
        except SeshError:
            pass
        return None

    def items(
        self,
        op: Op[..., Iterator[Item]],
        arguments: Callable[[Link], Mapping[str, object]],
        *,
        report_outage: ReportOutage | None = None,
        beside: BesideCalls | None = None,
    ) -> Iterator[Item]:
        """Yield the items of an endless op; reconnect after a lost link.

        `arguments`: returns the op's arguments for a new link. `report_outage`: of a list, whose links are not logged.
        `beside`: makes other calls over the same links.
        Raises Unreachable if the first link fails, LoginRefused if another link needs a login, and the op's errors.
        """

        def request() -> None:
            link = stream.connection
            assert isinstance(link, Link)  # noqa: S101 (the keeper opens no other connection)
            if report_outage is not None:
                link.health.doubted_after = LIST_DOUBTED_AFTER
            shares = beside is not None and bool(link.bridge_welcome.get("beside"))
            link.send(LinkRequest(op.wire_name, encoded(arguments(link)), beside=shares).frames())
            if beside is not None:
                beside.opened(link)

        self._stop.check()
        link = self._open_link()
        stream = Stream(self, link, "", LinkKeeper(self.destination, report_outage), greet=request)
        stream.deadline = None
        stream.audience = self.caller.audience
        with stream:
            try:
                others = beside.others if beside is not None else list
                for kind, number, payload, _ in stream.arrivals(others=others):
                    if kind == protocol.RESPONSE and beside is not None and number != REQUEST_ID:
                        beside.take(number, payload)
                    elif kind == protocol.RESPONSE:
                        stream.connection.decode_response(OP, payload)
                        return
                    if kind == protocol.DATA:
                        yield decode_result(op, payload)
            except errors.DaemonDied:
                raise Unreachable(f"sesh on @{self.host} ended") from None

    def _sync(self, op: Op[..., object], arguments: Mapping[str, object]) -> None:
        """Push the user's files to the host before a session starts or is entered."""
        if not op.syncs or arguments.get("choice") == "join":
            return
        try:
            sync.sync(self.destination, self._open_shared_connection)
        except Unreachable:
            return  # the next link reports the same error
        except Interrupted:
            raise
        except SeshError as error:
            self._unsynced = str(error)  # noted once a link opens, which else fails by the same error

    def _open_shared_connection(self, destination: Destination) -> None:
        with self.caller.connecting(destination.host):
            exchange.connect(destination, self._login_options())

    def _login_options(self) -> LoginOptions:
        deadline = inf if self.deadline is None else self.deadline
        return LoginOptions(self._may_prompt, deadline, self._stop, self.caller.show_ssh_line)


class SharingTarget(HostTarget):
    """A host whose link is held by a list: calls that read go over that link, if the host can share it."""

    def __init__(self, caller: Caller, host: str, beside: BesideCalls) -> None:
        super().__init__(caller, host, may_prompt=False)
        self._beside = beside

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if op.reads and self._beside.usable:
            with self._telling(), suppress(errors.Refused):  # it may be too large: see `bridge`
                result: Result = self._beside.call(self.caller, op, by_name(op, args, kwargs))
                return result
        return super().call(op, *args, **kwargs)
