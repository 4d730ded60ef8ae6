"""`sesh --bridge`: the far end of a link, which exchanges frames on stdin and stdout.

The bridge sends WELCOME for HELLO, then carries out one `op` request at a time. DATA frames before the request have the
arguments of the op. DATA frames before the response have the result; the response has the notes. If the op is a
generator, the bridge sends a DATA frame for each item. If a person `can_answer`, the response may be a `question`: then
the near end sends the request again, with one more of the person's `answers`.

A request with the key `beside` is carried out in a thread, while the link goes on: so the link of a list, which has no
end, takes other requests too. The DATA of such a link are the items of the list; any other response has its result in
`data`.

An op may connect the link to a session. Then the response has the session's name and `session_id`, and from then on the
bridge copies frames between the near end and the session's daemon, also frames that came behind the request. A request
for such an op has the `session_id` of an existing session, which may have been renamed, or that for a new one. If a
session has this id, the bridge connects the link to that session, or responds with the `result` of an ended one. So a
repeated request creates no second session.

The request for `forward.carry` is the last one of its link: from the response on, the link carries connections to ports
of this machine (`sesh.forward.far`).

To a terminal's HELLO the bridge adds the ssh agent and the display that the link forwards.

The bridge sends PONG for PING, also during a request; once the link is connected to a session, the daemon does. An
attached terminal sends PINGs: the bridge closes the link of a terminal that sends no byte for two minutes.
"""

from __future__ import annotations

import inspect
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from queue import Queue
from threading import Lock, Thread
from typing import Any, Optional, get_type_hints

from sesh.about import __version__
from sesh.config import config, debug_log
from sesh.errors import Malformed, NotFound, ProtocolError, Refused, SeshError, TimedOut, Unreachable, UsageError
from sesh.names import is_name, printable
from sesh.reach import find
from sesh.reach.caller import Answers, Caller, Question
from sesh.reach.op import Connected, Op, encoded
from sesh.reach.origin import Origin
from sesh.schema import check, codec
from sesh.store import recent, records, results
from sesh.system import files, paths, programs
from sesh.system.clock import uptime
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.messages import OP, ConnectedResponse, OpRequest, OpResponse, Welcome

_MAX_BLOCK = 1 << 20  # bytes of one read from a daemon
_MAX_UNHANDLED = 100  # frames that wait for the main thread; meanwhile the link is not read
_LOCK_PREFIX = ".entering."  # of a lock file, before a session's id
MAX_BESIDE = protocol.MAX_PAYLOAD  # bytes of a response beside a list, which is one frame; a larger one is refused
_LEAVING = 1.0  # seconds for ops that run beside others to notice that the link has ended
_CARRY = "forward.carry"  # the op after which the link carries connections
_IDLE_TIMEOUT = 120.0  # seconds without a byte until the link of an attached terminal is closed

# The response to a request, DATA to send before it, and the daemon of the session that the op has connected to.
OpResult = tuple[OpResponse, bytes, Optional[Connection]]


class LinkCaller(Caller):
    """The caller of a request: collects notes for the response, and has the person's answers."""

    def __init__(
        self, origin: Origin, *, can_answer: bool, answers: list[str], progress: Callable[[], None] = lambda: None
    ) -> None:
        self.origin = origin
        self.progress = progress  # type: ignore[method-assign]
        self.can_answer = can_answer
        self.notes: list[str] = []
        self._answers = list(answers)

    def note(self, line: str, on_attach: str = "") -> None:
        self.notes.append(line)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Return the next answer; without one, raise Question, which becomes the response."""
        return self._answers.pop(0) if self._answers else super().ask(question, answers, default, above)


def serve() -> int:
    """Serve one link until the near end closes it; return the exit code."""
    inbound, outbound = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # a stray print must not get between frames
    os.close(null)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):  # ops that need the home directory report a missing one
        os.chdir(paths.home())
    near_end = Connection(inbound, outbound)
    try:
        near_end.send(protocol.BRIDGE)
        origin = _welcome(near_end)
        return Bridge(near_end, origin).run() if origin is not None else 0
    except (Unreachable, BrokenPipeError):
        return 0  # the near end has closed the link


class Bridge:
    """One link. A thread reads it and sends PONGs; the main thread carries out requests.

    Once a request has connected the link to a session, the main thread copies frames, PINGs too, to the daemon, and
    another thread copies the daemon's bytes to the near end.
    """

    def __init__(self, near_end: Connection, origin: Origin) -> None:
        self._near_end = near_end
        self._origin = origin
        self._sending = Lock()
        # Frames for the main thread. The last item is None: the near end or the daemon has closed.
        self._frames: Queue[tuple[int, bytes] | None] = Queue(_MAX_UNHANDLED)
        self._session = ""  # the name of the session that the link is connected to
        self._has_terminal = False  # a terminal is attached over this link
        # A pipe. The write end is the `audience` of each op. At the end of the link, `_read` closes the read end, which
        # ends a poll of the write end.
        self._link_end, self._audience = os.pipe()
        self._beside: list[Thread] = []  # carry out requests while the link goes on

    def run(self) -> int:
        """Carry out requests until the other side has gone; return the exit code."""
        Thread(target=self._read, daemon=True).start()
        data = bytearray()
        while (frame := self._frames.get()) is not None:
            kind, payload = frame
            if kind == protocol.DATA:
                protocol.carry(data, payload)
            elif kind == protocol.REQUEST:
                if self._near_end.gone():
                    break  # begin no request after the near end has gone
                request, carried = codec.parse(payload), bytes(data)
                data.clear()
                if request.get("beside") is True:
                    self._begin_beside(request, carried)
                    continue
                daemon = self._respond(request, carried)
                if _carries(request):
                    from sesh.forward.far import FarEnd  # noqa: PLC0415 - for such links only

                    FarEnd(self._near_end, _IDLE_TIMEOUT).run(self._near_end.take_frames())
                    break
                if daemon is not None:
                    self._copy(daemon)
                    break
        until = time.monotonic() + _LEAVING
        for thread in self._beside:  # what an op without end has opened is closed
            thread.join(max(0.0, until - time.monotonic()))
        return 0

    def _begin_beside(self, request: dict[str, Any], data: bytes) -> None:
        """Carry out a request in a thread."""

        def respond() -> None:
            with suppress(BrokenPipeError, Unreachable):  # the near end has gone
                if (daemon := self._respond(request, data)) is not None:
                    daemon.close()

        thread = Thread(target=respond, daemon=True)
        self._beside = [each for each in self._beside if each.is_alive()] + [thread]
        thread.start()

    def _read(self) -> None:
        """Read the link to its end; runs in a thread."""
        try:
            while True:
                try:
                    kind, payload = self._near_end.receive(time.monotonic() + _IDLE_TIMEOUT)
                except TimedOut:
                    if self._has_terminal:
                        os._exit(1)  # another thread may be blocked in a write to the dead link
                    continue
                if kind == protocol.PING and not self._session:
                    self._send(protocol.frame(protocol.PONG, payload))
                else:
                    self._frames.put((kind, payload))
                    if kind == protocol.REQUEST and _carries(codec.parse(payload)):
                        return  # the main thread reads what follows
        except (Unreachable, ProtocolError):
            os.close(self._link_end)
            self._frames.put(None)

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._near_end.send(data)

    def _send_progress(self) -> None:
        with suppress(Unreachable):  # the near end has gone: what the op has begun goes on
            self._send(protocol.frame(protocol.PROGRESS))

    def _respond(self, request: dict[str, Any], data: bytes) -> Connection | None:
        """Carry out one request; return the daemon to which it has connected the link."""
        number = request.get("id", 0) if check.fits(int, request.get("id")) else 0
        try:
            keys: OpRequest = check.checked_here(OpRequest, request)
            answers = [letter[:1] for letter in keys.get("answers", [])]
            can_answer = keys.get("can_answer", False)
            caller = LinkCaller(self._origin, can_answer=can_answer, answers=answers, progress=self._send_progress)
            caller.audience = self._audience
            result, carried, daemon = self._carry_out(caller, keys, data)
        except BrokenPipeError:
            raise  # the near end has gone
        except Exception as error:
            self._send(_error_frame(number, error))
            return None
        if keys.get("beside"):
            self._send(_whole_response(number, {**result, "lines": caller.notes, "data": carried.decode()}))
            return daemon
        if daemon is not None:  # before the response: PINGs that come after the response are for the daemon
            self._session = str(result.get("name"))
        response = {"id": number, "result": {**result, "lines": caller.notes}}
        self._send(protocol.data_frames(carried) + protocol.message(protocol.RESPONSE, response))
        return daemon

    def _carry_out(self, caller: LinkCaller, request: OpRequest, data: bytes) -> OpResult:
        if request.get("verb") != OP:
            raise UsageError(f"a bridge does not know {printable(request.get('verb', ''))}")
        op = op_named(request.get("op") or "")
        arguments = check.arguments(op, codec.value(data) if data else {})
        try:
            if get_type_hints(op)["return"] == Connected:
                return _connect(caller, op, arguments, request)
            result = op(caller, **arguments)
        except Question as question:
            return question.response, b"", None
        if not inspect.isgenerator(result):
            return {}, encoded(result), None
        for item in result:
            self._send(protocol.frame(protocol.DATA, encoded(item)))
        return {}, b"", None

    def _copy(self, daemon: Connection) -> None:
        """Copy frames between the near end and a daemon until one of them has gone."""
        Thread(target=self._copy_back, args=(daemon,), daemon=True).start()
        try:
            while (frame := self._frames.get()) is not None:
                kind, payload = frame
                data = self._hello(payload) if kind == protocol.HELLO else protocol.frame(kind, payload)
                with suppress(OSError):  # the daemon has gone, and `_copy_back` may still copy its last bytes
                    files.write_all(daemon.outbound, data)
        finally:
            daemon.abort()

    def _copy_back(self, daemon: Connection) -> None:
        """Copy the daemon's bytes to the near end; runs in a thread."""
        with suppress(ConnectionResetError, Unreachable):
            while block := os.read(daemon.inbound, _MAX_BLOCK):
                self._send(block)
        self._frames.put(None)

    def _hello(self, payload: bytes) -> bytes:
        """Return the HELLO for the daemon; note the terminal."""
        hello = codec.parse(payload)
        if hello.get("role") == "attach":
            self._has_terminal = True
            recent.remember(self._session)
            hello |= programs.login_facts(config.load().renew)
        return protocol.message(protocol.HELLO, hello)


def _welcome(near_end: Connection) -> Origin | None:
    """Send WELCOME for HELLO; return the link's origin, None for another protocol number."""
    kind, payload = near_end.receive()
    while kind != protocol.HELLO:
        kind, payload = near_end.receive()
    hello = codec.parse(payload)
    facts: Welcome = {
        "protocol": protocol.PROTOCOL,
        "version": __version__,
        "home": paths.home(),
        "now": time.time(),
        "uptime": uptime(),  # deadlines of requests are on this clock
        "beside": True,
    }
    near_end.send(protocol.message(protocol.WELCOME, facts))
    if hello.get("protocol") != protocol.PROTOCOL:
        return None
    return Origin(hello.get("origin"))


def _carries(request: Mapping[str, object]) -> bool:
    """Return whether the link carries connections from this request on."""
    return request.get("op") == _CARRY


def op_named(wire_name: str) -> Op[..., Any]:
    """Return the op of this name. Raises UsageError if this version has none."""
    module, _, function = wire_name.partition(".")
    if module.isidentifier():
        with suppress(ModuleNotFoundError):
            op: Op[..., Any] | None = getattr(import_module(f"sesh.ops.{module}"), function, None)
            if op is not None and getattr(op, "wire_name", "") == wire_name:
                return op
    raise UsageError(f"sesh {__version__} has no op {printable(wire_name)}")


def _whole_response(number: int, result: Mapping[str, object]) -> bytes:
    """Return the frame of a response that has its data in itself."""
    message = codec.encode({"id": number, "result": result})
    if len(message) > MAX_BESIDE:
        return _error_frame(number, Refused("the answer is too large to come beside a list"))
    return protocol.frame(protocol.RESPONSE, message)


def _error_frame(number: object, error: Exception) -> bytes:
    if isinstance(error, Malformed):
        error = UsageError(f"a malformed request: {error}")
    elif not isinstance(error, SeshError):
        debug_log.write_error("link", error)
        error = SeshError(f"internal error, {type(error).__name__}: {error}")
    return protocol.message(protocol.RESPONSE, {"id": number, "error": error.facts()})


def _connect(caller: LinkCaller, op: Op[..., Connected], arguments: dict[str, Any], request: OpRequest) -> OpResult:
    """Carry out an op that connects to a session, once for each `session_id`."""
    session_id = request.get("session_id", "")
    with _locked(session_id) if session_id and op.creates else nullcontext():
        if session_id and (existing := _connect_by_id(session_id, created=op.creates)) is not None:
            if op.creates and (agent := os.environ.get("SSH_AUTH_SOCK")):
                records.link_agent(session_id, agent)  # the agent of the first link may have gone
            return existing
        if session_id and not op.creates:
            hint = "it ended and its result is gone, or this name of the host is now that of another machine"
            raise NotFound(f"{os.uname().nodename} has nothing of {arguments['name']} any more", hint=hint)
        caller.session_id = session_id or None
        # The session may end, and lose its record, once the op has connected: the id then finds the result.
        id_before = session_id or (records.id_of(arguments["name"]) if is_name(arguments.get("name")) else "")
        name, daemon, created = op(caller, **arguments)
    return _connected_response(name, id_before, created=created), b"", daemon


@contextmanager
def _locked(session_id: str) -> Iterator[None]:
    """Lock an id, because the same request may come over two links at once."""
    folder = files.ready_directory()
    with files.locked(folder, _LOCK_PREFIX + session_id):
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, _LOCK_PREFIX + session_id))


def _connect_by_id(session_id: str, *, created: bool) -> OpResult | None:
    """Connect to the session with this id, or return its result; None without either.

    Raises NotFound, with the reason, if the session was lost.
    """
    current = next((name for name in paths.names() if records.id_of(name) == session_id), "")
    if current and (daemon := find.try_connect(current)) is not None:
        if records.id_of(current) == session_id:
            return _connected_response(current, session_id, created=created), b"", daemon
        daemon.close()  # another session has just taken the name
        return _connect_by_id(session_id, created=created)
    if result := results.by_id(session_id):
        return {"name": result.get("name", ""), "result": result}, results.output(result), None
    if current and (dormant := find.dormant(current)) is not None:
        raise find.without_daemon(dormant)
    return None


def _connected_response(name: str, session_id: str, *, created: bool) -> ConnectedResponse:
    record = records.readable(name) or {}
    known_id, pid = str(record.get("id") or session_id), record.get("daemon_pid")
    return {"name": name, "session_id": known_id, "daemon_pid": pid, "created": created}
