"""`sesh --bridge`: the far end of a link, frames on stdin and stdout.

It answers HELLO with WELCOME, then one `op` request at a time: the op's name in the request, its arguments as DATA, its
result as DATA, notes in the answer; an op that yields sends a DATA frame for each item. `asks`: there is a person who
can be asked. A `question` is then the answer, and the request comes again with one answer more.

An op may lead to a session: the answer has its name and `session_id`, and from then on the bytes of the session's
daemon pass through untouched. Its request has more words:

- `session_id`: of the session, whatever its name is now, or for the one that is created. If one has or had that id, the
  answer leads to it, or is its `result`: a request that comes again does nothing twice.
- `greeting`: the words of a HELLO, which the bridge sends to the daemon, with the agent and the display that the link
  forwards.
- `pings`: a terminal is going to be attached, which sends a PING at least once a minute; the link ends after two
  minutes without a byte.

PING is answered with PONG at any time.
"""

from __future__ import annotations

import inspect
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, get_type_hints

from sesh import check, config, files, log, paths, programs, protocol, wire
from sesh.about import __version__
from sesh.check import Malformed
from sesh.errors import InternalError, NotFound, ProtocolError, SeshError, TimedOut, Unreachable, UsageError
from sesh.measures import uptime
from sesh.messages import Answer, Ask, Hello, Welcome
from sesh.names import LONGEST_ID, is_id, printable
from sesh.reach import calls, find
from sesh.reach.caller import Answers, Caller, Question
from sesh.reach.op import Entered, Op
from sesh.reach.origin import Origin
from sesh.store import recent, records, results

Answered = tuple[Answer, bytes, wire.Connection | None]
"""An answer, the bytes that go with it, and the daemon's connection if the op led to one."""

_LARGEST_BLOCK = 1 << 20
"""Bytes of one read from a daemon."""
_LONGEST_COMMAND = 1024
"""Characters; of a longer command an answer has the program alone."""
_ENTERING = ".entering."
"""With an id, the name of the lock of a session that is being created."""
_SILENT = 120.0
"""Seconds without a byte after which a link whose client `pings` ends."""
_ATTEMPTS = 5
"""Tries to find a session that is renamed meanwhile."""


class LinkCaller(Caller):
    """The person at the other end of a link: notes go with the answer, answers have come with the request."""

    def __init__(self, origin: Origin, *, asks: bool, answers: list[str]) -> None:
        self.origin, self.can_ask = origin, asks
        self.notes: list[tuple[str, bool]] = []
        self._answers = list(answers)

    def note(self, line: str) -> None:
        self.notes.append((line, False))

    def remember(self, line: str) -> None:
        """Mark the line noted last: the first screen shows it again."""
        if self.notes and self.notes[-1][0] == line:
            self.notes[-1] = (line, True)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Return the next answer. Raises Question if there is none: the request comes again with one more."""
        if self._answers:
            return self._answers.pop(0)
        raise Question(question, answers, default, above)


def serve() -> int:
    """Serve one link until the other side closes it; return the exit code."""
    inbound, outbound = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever is printed by accident must not come between the frames
    os.close(nothing)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):  # without a home each op says what it lacks
        os.chdir(paths.home())
    near = wire.Connection(inbound, outbound)
    try:
        near.send(protocol.BRIDGE)
        origin = _welcome(near)
        return Bridge(near, origin).run() if origin is not None else 0
    except (Unreachable, BrokenPipeError):
        return 0  # the other side has gone, as it may at any time


class Bridge:
    """One link after its HELLO: a thread reads it, and answers PING, while the main thread carries out requests.

    Once a request has led to a daemon, the thread passes all frames on to it, and the main thread its bytes back.
    """

    def __init__(self, near: wire.Connection, origin: Origin) -> None:
        self._near, self._origin = near, origin
        self._sending, self._switching = Lock(), Lock()
        self._frames: SimpleQueue[tuple[int, bytes] | SeshError] = SimpleQueue()
        """For the main thread; the last item is the error that ended the link."""
        self._daemon: wire.Connection | None = None
        self._pings = False
        self._ended, self._audience = os.pipe()
        """The first is closed once the other side has gone, which makes the second ready."""

    def run(self) -> int:
        """Carry out requests in turn; return the exit code. Raises Unreachable once the other side has gone."""
        Thread(target=self._read, daemon=True).start()
        carried = bytearray()
        while True:
            kind, payload = self._next()
            if kind == protocol.DATA:
                protocol.carry(carried, payload)
            elif kind == protocol.REQUEST:
                if self._near.gone():
                    return 0  # nobody waits for it any more: it is not begun
                request = protocol.parse(payload)
                daemon = self._answer(request, bytes(carried))
                carried.clear()
                if daemon is not None:
                    with daemon:
                        return self._pass_back(daemon)

    def _next(self) -> tuple[int, bytes]:
        frame = self._frames.get()
        if isinstance(frame, SeshError):
            raise frame
        return frame

    def _lead(self, daemon: wire.Connection, *, pings: bool) -> None:
        """Pass all frames on to a daemon, those that have come too.

        This precedes the answer, so that the daemon, not the bridge, answers a PING that is sent after the answer.
        """
        with self._switching:
            while not self._frames.empty():
                _pass_on(daemon, *self._next())
            self._daemon, self._pings = daemon, pings

    def _pass_back(self, daemon: wire.Connection) -> int:
        """Pass the daemon's bytes back to the last one; return the exit code."""
        with suppress(ConnectionResetError):
            while block := os.read(daemon.inbound, _LARGEST_BLOCK):
                self._send(block)
        return 0

    def _read(self) -> None:
        """Read the link to its end, in a thread of its own."""
        try:
            while True:
                try:
                    self._take(*self._near.receive(time.monotonic() + _SILENT))
                except TimedOut:
                    if self._pings:
                        os._exit(1)  # the main thread may hang in a write to it
        except (Unreachable, ProtocolError) as error:
            os.close(self._ended)
            with self._switching:
                self._frames.put(error)
                if self._daemon is not None:
                    self._daemon.abort()

    def _take(self, kind: int, payload: bytes) -> None:
        with self._switching:
            daemon = self._daemon
            if daemon is None and kind != protocol.PING:
                self._frames.put((kind, payload))
        if daemon is not None:
            _pass_on(daemon, kind, payload)
        elif kind == protocol.PING:
            self._send(protocol.frame(protocol.PONG, payload))

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._near.send(data)

    def _answer(self, request: Mapping[str, object], data: bytes) -> wire.Connection | None:
        """Carry out one request and answer it; return the connection to a daemon if it led to one."""
        number = request.get("id", 0) if check.fits(int, request.get("id")) else 0
        daemon: wire.Connection | None = None
        try:
            words = _checked_request(request)
            answers = [letter[:1] for letter in words.get("answers", [])]
            caller = LinkCaller(self._origin, asks=words.get("asks", False), answers=answers)
            caller.audience = self._audience
            answer, output, daemon = self._carried_out(caller, words, data)
        except Question as asked:
            question: Answer = {"question": asked.text, "answers": list(asked.answers), "default": asked.default}
            answer, output = {**question, "above": asked.above}, b""
        except BrokenPipeError:
            raise  # nobody reads the answer any more
        except Exception as error:
            self._send(_refusal(number, error))
            return None
        if daemon is not None and "greeting" in words:
            with suppress(Unreachable):  # its end passes back
                daemon.send(protocol.message(protocol.HELLO, {**words["greeting"], **_forwarded()}))
        if daemon is not None:
            self._lead(daemon, pings=words.get("pings", False))
        said = protocol.message(protocol.RESPONSE, {"id": number, "ok": True, **answer, "notes": caller.notes})
        self._send(protocol.data_frames(output) + said)
        return daemon

    def _carried_out(self, caller: LinkCaller, request: Ask, data: bytes) -> Answered:
        if request.get("verb") != "op":
            raise UsageError(f"a bridge does not know {printable(request.get('verb', ''))}")
        op = op_named(request.get("op") or "")
        arguments = checked_arguments(op, protocol.value(data) if data else {})
        if get_type_hints(op)["return"] == Entered:
            return _entered(caller, op, arguments, request)
        result = op(caller, **arguments)
        if not inspect.isgenerator(result):
            return {}, calls.encoded(result), None
        for item in result:
            self._send(protocol.frame(protocol.DATA, calls.encoded(item)))
        return {}, b"", None


def _pass_on(daemon: wire.Connection, kind: int, payload: bytes) -> None:
    """Pass a frame to a daemon; if it takes no more, its last bytes still pass back."""
    view = memoryview(protocol.frame(kind, payload))
    with suppress(OSError):
        while view:
            view = view[os.write(daemon.outbound, view) :]


def _welcome(near: wire.Connection) -> Origin | None:
    """Answer HELLO; return the machine that it came from, None if that speaks another protocol number."""
    kind, payload = near.receive()
    while kind != protocol.HELLO:
        kind, payload = near.receive()
    hello = protocol.parse(payload)
    facts: Welcome = {
        "protocol": protocol.PROTOCOL,
        "version": __version__,
        "home": paths.home(),
        "now": time.time(),
        "uptime": uptime(),  # the clock of a request's deadline
    }
    near.send(protocol.message(protocol.WELCOME, {**facts, **_forwarded()}))
    if hello.get("protocol") != protocol.PROTOCOL:
        return None
    return Origin(hello.get("near"))


def _forwarded() -> Hello:
    """The variables that this login renews, and the agent that the link forwards, as HELLO and WELCOME have them."""
    forwarded: Hello = {"renewed": programs.renewed_variables(os.environ, config.load().renew)}
    if agent := os.environ.get("SSH_AUTH_SOCK"):
        forwarded["auth_sock"] = agent
    return forwarded


def op_named(wire_name: str) -> Op[..., Any]:
    """The op of this name. Raises UsageError if this sesh has none."""
    module, _, function = wire_name.partition(".")
    if module.isidentifier():
        with suppress(ModuleNotFoundError):
            op: Op[..., Any] | None = getattr(import_module(f"sesh.ops.{module}"), function, None)
            if op is not None and getattr(op, "wire_name", "") == wire_name:
                return op
    raise UsageError(f"sesh {__version__} has no op {printable(wire_name)}")


def checked_arguments(op: Op[..., Any], data: object) -> dict[str, Any]:
    """The arguments of an op, if they are of the types that it declares. Raises UsageError if they are not."""
    if not isinstance(data, dict):
        raise UsageError("the arguments of an op are a JSON object")
    try:
        inspect.signature(op).bind(None, **data)
    except TypeError:
        raise UsageError(f"{op.wire_name} takes other arguments") from None
    hints = get_type_hints(op, include_extras=True)
    try:
        return {key: check.near(hints[key], value, exact=True) for key, value in data.items()}
    except Malformed as error:
        raise UsageError(f"{op.wire_name} takes other arguments: {error}") from None


def _checked_request(request: Mapping[str, object]) -> Ask:
    try:
        words: Ask = check.near(Ask, request)
    except Malformed as error:
        raise UsageError(f"a malformed request: {error}") from None
    return words


def _refusal(number: object, error: Exception) -> bytes:
    if not isinstance(error, SeshError):
        log.write_error("link", error)
        error = InternalError(f"internal error, {type(error).__name__}: {error}")
    return protocol.message(protocol.RESPONSE, {"id": number, "error": error.facts()})


# -- sessions that a link leads to


def _entered(
    caller: LinkCaller, op: Op[..., Entered], arguments: dict[str, Any], request: Mapping[str, object]
) -> Answered:
    """Carry out an op that leads to a session: once, however often the request comes with its `session_id`."""
    session_id = _checked_id(request.get("session_id"))
    with _one_at_a_time(session_id if op.creates else ""):
        if session_id and (there := _by_id(session_id)) is not None:
            if op.creates and (agent := os.environ.get("SSH_AUTH_SOCK")):
                records.link_agent(session_id, agent)  # that of the link over which it began may be gone
            return there
        if session_id and not op.creates:
            raise NotFound(f"{arguments['name']} has ended; its result is unknown")
        caller.session_id = session_id or None
        name, connection = op(caller, **arguments)
    if request.get("pings") is True:
        recent.remember(name)
    return _described(name, session_id), b"", connection


@contextmanager
def _one_at_a_time(session_id: str) -> Iterator[None]:
    """Let one request for an id in at a time: the same request may have come over another link."""
    if not session_id:
        yield
        return
    folder = files.ready_directory()
    with files.locked(folder, _ENTERING + session_id):
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, _ENTERING + session_id))


def _by_id(session_id: str) -> Answered | None:
    """The session with this id, or its result and output; None if this machine knows neither.

    Raises NotFound with the reason for a session that was lost.
    """
    for _ in range(_ATTEMPTS):
        current = next((name for name in paths.names() if _has_id(name, session_id)), "")
        connection = find.running(current) if current else None
        if connection is None:
            break
        if _has_id(current, session_id):
            return _described(current, session_id), b"", connection
        connection.close()  # another session has taken that name meanwhile
    if result := results.by_id(session_id):
        return {"name": result.get("name", ""), "result": result}, results.output(result), None
    if current and (dormant := find.dormant(current)) is not None:
        raise find.without_daemon(dormant)
    return None


def _checked_id(value: object) -> str:
    """The session id of a request, empty if it has none. Raises UsageError for a malformed one."""
    session_id = str(value or "")
    if session_id and not is_id(session_id):
        raise UsageError(f"the id of a session is letters and digits, {LONGEST_ID} at the most")
    return session_id


def _has_id(name: str, session_id: str) -> bool:
    """Return whether a session's record has this id."""
    return (records.readable(name) or {}).get("id") == session_id


def _described(name: str, session_id: str) -> Answer:
    """The answer that leads to a session: its name and id, and what the other side keeps for its lists."""
    record = records.readable(name) or {}
    command = record.get("command") or []
    return {
        "name": name,
        "session_id": str(record.get("id") or session_id),
        "daemon_pid": record.get("daemon_pid"),
        "cwd": record.get("cwd"),
        "command": command if sum(map(len, command)) <= _LONGEST_COMMAND else command[:1],
    }
