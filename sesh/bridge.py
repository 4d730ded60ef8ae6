"""`sesh --bridge`: the far end of a link, frames on stdin and stdout.

It answers HELLO with WELCOME (`version`, `home`, the time `now` and since the start, `uptime`), then one request at a
time:

`op` {op, asks, answers} and the op's arguments as DATA: the result comes as DATA, notes as `notes`; an op that yields
sends a DATA frame for each item. `asks`: there is a person who can be asked. A `question` is then the answer, and the
request comes again with one answer more.

An op may lead to a session (attach, create, a job): the answer has its name and `session_id`, and from then on the
bytes of the session's daemon pass through untouched. Its request has more words:

- `session_id`: of the session, whatever its name is now, or for the one that is created. If one has or had that id, the
  answer leads to it, or is its `result`: a request that comes again does nothing twice.
- `greeting`: the words of a HELLO, which the daemon is told at once, with the agent and the display that the link
  forwards.
- `pings`: a terminal is going to be attached, and asks for a sign of life at least once a minute: it is gone if nothing
  comes from it for two, and the link ends.

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

from sesh import attached_last, check, config, log, paths, protocol, renewed, wire, writing
from sesh.about import __version__
from sesh.check import Malformed
from sesh.errors import InternalError, NotFound, ProtocolError, SeshError, TimedOut, Unreachable, UsageError
from sesh.messages import Answer, Ask, Hello, Welcome
from sesh.moments import uptime
from sesh.names import LONGEST_ID, is_id, is_name, printable
from sesh.reach import calls, find
from sesh.reach.caller import Answers, Caller, Question
from sesh.reach.op import Entered, Op
from sesh.reach.origin import Origin
from sesh.store import records, results

Answered = tuple[Answer, bytes, wire.Connection | None]
"""An answer, the bytes that go with it, and the connection whose bytes are to pass from then on."""

_LARGEST_BLOCK = 1 << 20
"""Bytes of one read of a session's bytes."""
_LONGEST_COMMAND = 1024
"""Characters of a command that the other side keeps; of a longer one it is the program alone."""
_ENTERING = ".entering."
"""Begins the name of the file that is locked while a session is entered that may be created, before its id."""
_SILENT = 120.0
"""Seconds without a byte after which another side that `pings` is gone."""
_ATTEMPTS = 5
"""Tries to find a session that is renamed again and again meanwhile."""


class LinkCaller(Caller):
    """The person at the other end of a link: notes are gathered, answers have come with the request."""

    def __init__(self, origin: Origin, *, asks: bool, answers: list[str]) -> None:
        self.origin, self.can_ask = origin, asks
        self.notes: list[tuple[str, bool]] = []
        self._answers = list(answers)

    def note(self, line: str) -> None:
        self.notes.append((line, False))

    def remember(self, line: str) -> None:
        """Marks the line noted last: the first screen shows it again."""
        if self.notes and self.notes[-1][0] == line:
            self.notes[-1] = (line, True)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Returns the next answer. Raises Question if there is none: the request comes again with one more."""
        if self._answers:
            return self._answers.pop(0)
        raise Question(question, answers, default, above)


def serve() -> int:
    """Serves one link until the other side closes it; returns the exit code."""
    inbound, outbound = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever is printed by accident must not come between the frames
    os.close(nothing)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):  # a home that is not there is told of by who needs it
        os.chdir(paths.home())
    near = wire.Connection(inbound, outbound)
    try:
        near.send(protocol.BRIDGE)
        origin = _welcome(near)
        return Bridge(near, origin).run() if origin is not None else 0
    except (Unreachable, BrokenPipeError):
        return 0  # the other side has gone, as it may at any time


class Bridge:
    """One link, once its other side is greeted: a thread reads it, while the main thread carries out requests.

    The thread answers PING and keeps all else for the main thread; once a request has led to a session's daemon, it
    passes all on to that, and the main thread passes back what the daemon says.
    """

    def __init__(self, near: wire.Connection, origin: Origin) -> None:
        self._near, self._origin = near, origin
        self._sending, self._leading = Lock(), Lock()
        self._come: SimpleQueue[tuple[int, bytes] | SeshError] = SimpleQueue()
        """Frames that have come, and at last why no more do."""
        self._daemon: wire.Connection | None = None
        self._pings = False
        """True if the other side is gone once nothing comes from it for a while."""
        self._ended, self._audience = os.pipe()
        """The second is ready, polled for no events, once the other side has gone: then the first is closed."""

    def run(self) -> int:
        """Carries out requests in turn; returns the exit code. Raises Unreachable once the other side has gone."""
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
        come = self._come.get()
        if isinstance(come, SeshError):
            raise come
        return come

    def _lead(self, daemon: wire.Connection, *, pings: bool) -> None:
        """Passes all that has come and that comes from now on to a daemon.

        The other side hears of the daemon later: so the daemon, not this bridge, answers a PING sent after that.
        """
        with self._leading:
            while not self._come.empty():
                _pass_on(daemon, *self._next())
            self._daemon, self._pings = daemon, pings

    def _pass_back(self, daemon: wire.Connection) -> int:
        """Passes back what the daemon says, all that it said before it closed too; returns the exit code."""
        with suppress(ConnectionResetError):
            while block := os.read(daemon.inbound, _LARGEST_BLOCK):
                self._send(block)
        return 0

    def _read(self) -> None:
        """Reads the link to its end, in a thread of its own."""
        try:
            while True:
                try:
                    self._take(*self._near.receive(time.monotonic() + _SILENT))
                except TimedOut:
                    if self._pings:
                        os._exit(1)  # the main thread may hang in a write to it
        except (Unreachable, ProtocolError) as error:
            os.close(self._ended)
            with self._leading:
                self._come.put(error)
                if self._daemon is not None:
                    self._daemon.abort()

    def _take(self, kind: int, payload: bytes) -> None:
        with self._leading:
            daemon = self._daemon
            if daemon is None and kind != protocol.PING:
                self._come.put((kind, payload))
        if daemon is not None:
            _pass_on(daemon, kind, payload)
        elif kind == protocol.PING:
            self._send(protocol.frame(protocol.PONG, payload))

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._near.send(data)

    def _answer(self, request: Mapping[str, object], data: bytes) -> wire.Connection | None:
        """Carries out one request and answers it; returns the connection to a daemon if it led to one."""
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
            with suppress(Unreachable):  # the other side meets the daemon's end
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
    """Passes a frame to a session's daemon; what that has said before it closed is still read if it takes no more."""
    view = memoryview(protocol.frame(kind, payload))
    with suppress(OSError):
        while view:
            view = view[os.write(daemon.outbound, view) :]


def _welcome(near: wire.Connection) -> Origin | None:
    """Answers HELLO; returns the machine that it came from, None if that speaks another protocol number."""
    kind, payload = near.receive()
    while kind != protocol.HELLO:
        kind, payload = near.receive()
    hello = protocol.parse(payload)
    facts: Welcome = {
        "protocol": protocol.PROTOCOL,
        "version": __version__,
        "home": paths.home(),
        "now": time.time(),
        "uptime": uptime(),  # by which the other side says until when a daemon here may begin
    }
    near.send(protocol.message(protocol.WELCOME, {**facts, **_forwarded()}))
    if hello.get("protocol") != protocol.PROTOCOL:
        return None
    return Origin(hello.get("near"))


def _forwarded() -> Hello:
    """The variables that this login renews, and the agent that the link forwards, as HELLO and WELCOME have them."""
    forwarded: Hello = {"renewed": renewed.of(os.environ, config.load().renew)}
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
    """Carries out an op that leads to a session: once, however often the request comes with its `session_id`."""
    session_id = _checked_id(request.get("session_id"))
    with _one_at_a_time(session_id if op.creates else ""):
        if session_id and (there := _by_id(session_id, arguments)) is not None:
            if op.creates and (agent := os.environ.get("SSH_AUTH_SOCK")):
                records.link_agent(session_id, agent)  # that of the link over which it began may be gone
            return there
        if session_id and not op.creates:
            raise NotFound(f"{arguments['name']} has ended; its result is unknown")
        caller.session_id = session_id or None
        name, connection = op(caller, **arguments)
    if request.get("pings") is True:
        attached_last.remember(name)
    return _described(name, session_id), b"", connection


@contextmanager
def _one_at_a_time(session_id: str) -> Iterator[None]:
    """Carries out one request for an id at a time: the same one, over another link, waits until the first is done."""
    if not session_id:
        yield
        return
    folder = writing.ready_directory()
    with writing.locked(folder, _ENTERING + session_id):
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, _ENTERING + session_id))


def _by_id(session_id: str, arguments: Mapping[str, Any]) -> Answered | None:
    """The session with this id, or its result and output; None if this machine knows neither.

    The name that the other side knows is tried first. Raises NotFound with the reason for a session that was lost.
    """
    known = str(arguments.get("name") or "")
    for _ in range(_ATTEMPTS):
        current = next((each for each in [known, *paths.names()] if _has_id(each, session_id)), "")
        connection = find.running(current) if current else None
        if connection is None:
            break
        if _has_id(current, session_id):
            return _described(current, session_id), b"", connection
        connection.close()  # another session has taken that name meanwhile
    if result := results.by_id(session_id):
        answer: Answer = {"result": result}
        if "name" in result:
            answer["name"] = result["name"]
        return answer, results.output(result), None
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
    """Tells whether a session's record has this id; a session that has just ended has no record."""
    return is_name(name) and (records.readable(name) or {}).get("id") == session_id


def _described(name: str, session_id: str) -> Answer:
    """What the other side keeps of a session that it goes to: its name and id, and where and with what it began."""
    record = records.readable(name) or {}
    command = record.get("command") or []
    return {
        "name": name,
        "session_id": str(record.get("id") or session_id),
        "daemon_pid": record.get("daemon_pid"),
        "cwd": record.get("cwd"),
        "command": command if sum(map(len, command)) <= _LONGEST_COMMAND else command[:1],
    }
