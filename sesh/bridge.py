"""`sesh --bridge`: the far end of a link, frames on stdin and stdout.

It answers HELLO with WELCOME (`version`, `home`, the time `now` and since the start, `uptime`), then requests:

- `op` {op, asks, answers} and its arguments as DATA: a child process carries the op out, so that PING is answered
  meanwhile. The result comes as DATA, notes as `notes`; an op that yields sends a DATA frame for each item. `asks`:
  there is a person who can be asked. A `question` is then the answer, and the request comes again with one answer more.
- `enter` {op, arguments, asks, answers, session_id}: an op that leads to a session (attach, create, a job). The answer
  has its name and `session_id`; from then on the bytes of the session's daemon pass through untouched. A session that
  is created gets the `session_id` of the request. If one has or had that id already, the answer leads to it, or is its
  `result`: a request that comes again does nothing twice.
- `connect` {name, session_id, passing}: the same for a session that is there, by its id if one is given, as it may have
  another name by now; one that has ended is answered with its `result`. `passing`: nobody is going to be attached.

`enter` and `connect` may bring a `greeting`, the words of a HELLO: if they lead to a daemon, that is told it at once,
with the agent and the display that the link forwards. With `pings` the other side asks for a sign of life at least once
a minute: it is gone if nothing comes from it for two, and the link ends.

PING is answered with PONG at any time, also while an op runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from math import inf
from typing import Any

from sesh import attached_last, bounds, config, gate, identity, log, paths, protocol, renewed, wire, writing
from sesh.about import __version__
from sesh.errors import ExitCode, InternalError, NotFound, SeshError, Unreachable, UsageError
from sesh.messages import Answer, Hello, Welcome
from sesh.moments import uptime
from sesh.names import LONGEST_ID, is_id, printable
from sesh.ops import child
from sesh.reach import arguments, calls, find
from sesh.reach.caller import Answers, Caller, Question
from sesh.reach.op import Op
from sesh.reach.origin import Origin
from sesh.store import records, results

Entered = tuple[Answer, bytes, wire.Connection | None]
"""The answer, the output of a session that has ended, and a connection to one that runs."""

MODULES = {
    "checks": "doctor",
    "dormant": "dormant",
    "enter": "enter",
    "enter.new": "new",
    "follow": "events",
    "follow.ended": "wait",
    "follow.sessions": "local_index",
    "jobs": "jobs",
    "layout": "layout",
    "leftovers": "sweep",
    "places": "places",
    "search": "search",
    "sessions": "sessions",
    "shell": "shell",
    "undeploy": "undeploy",
    "views": "views",
}
"""The module of sesh.ops for a family of ops, or for a single one: only that one is loaded to carry it out."""
_BLOCK = 1 << 16
"""Bytes of one read of a child's answer."""
_LARGEST_BLOCK = 1 << 20
"""Bytes of one read of a session's bytes."""
_LONGEST_COMMAND = 1024
"""Characters of a command that the other side keeps; of a longer one it is the program alone."""
_ENTERING = ".entering"
"""The file in the directory of sessions with a lock for each id that is asked for; it has no content."""
_SILENT = 120.0
"""Seconds after which another side of which nothing comes is gone, if it `pings`."""
_ATTEMPTS = 5
"""Tries to find a session that is renamed again and again meanwhile."""


class LinkCaller(Caller):
    """The person at the other end of a link: notes are gathered, answers have come with the request."""

    def __init__(self, origin: Origin, *, asks: bool, answers: list[str], session_id: str | None = None) -> None:
        self.origin, self.can_ask, self.session_id = origin, asks, session_id
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
    near = wire.Connection(inbound, outbound)
    try:
        near.send(protocol.BRIDGE)
        origin, carried = _welcome(near), bytearray()
        while origin is not None:
            kind, payload = near.receive()
            if kind == protocol.DATA:
                gate.carry(carried, payload)
            elif kind == protocol.PING:
                near.send(protocol.frame(protocol.PONG, payload))
            elif kind == protocol.REQUEST:
                if near.gone():
                    return 0  # nobody waits for it any more: it is not begun
                request = protocol.parse(payload)
                data, carried = bytes(carried), bytearray()
                daemon = _request(near, origin, request, data)
                if daemon is not None:
                    return _splice(near, daemon, _SILENT if request.get("pings") is True else inf)
    except Unreachable:
        pass  # the other side has gone, as it may at any time
    return 0


def _welcome(near: wire.Connection) -> Origin | None:
    """Answers HELLO; returns the machine that it came from, None if that speaks another protocol number."""
    kind, payload = near.receive()
    while kind != protocol.HELLO:
        kind, payload = near.receive()
    hello = protocol.parse(payload)
    described = hello.get("near")
    facts: Welcome = {"protocol": protocol.PROTOCOL, "version": __version__, "home": paths.home()}
    facts["now"], facts["account"] = time.time(), _account()
    facts["uptime"] = uptime()  # by which the other side says until when a daemon here may begin
    if agent := os.environ.get("SSH_AUTH_SOCK"):
        facts["auth_sock"] = agent
    facts["renewed"] = renewed.of(os.environ, config.load().renew)
    near.send(protocol.message(protocol.WELCOME, facts))
    if hello.get("protocol") != protocol.PROTOCOL:
        return None
    return Origin(described if isinstance(described, dict) else {})


def _account() -> str:
    """A text for this machine and account, the same by whatever name they are reached; it tells nothing of them."""
    try:
        facts = identity.machine(), os.uname().nodename, os.getuid(), paths.directory(), os.stat(paths.home()).st_ino
    except OSError:
        return ""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def _forwarded() -> Hello:
    """Return the variables that this login renews, and the agent that the link forwards, as HELLO has them."""
    forwarded: Hello = {"renewed": renewed.of(os.environ, config.load().renew)}
    if agent := os.environ.get("SSH_AUTH_SOCK"):
        forwarded["auth_sock"] = agent
    return forwarded


def _greet(daemon: wire.Connection, greeting: Mapping[str, object]) -> None:
    """Sends the HELLO that has come with a request."""
    with suppress(Unreachable):  # the other side meets the daemon's end
        daemon.send(protocol.message(protocol.HELLO, {**greeting, **_forwarded()}))


def _request(
    near: wire.Connection, origin: Origin, request: Mapping[str, object], data: bytes
) -> wire.Connection | None:
    """Answers one request; returns the connection whose bytes are to pass from now on, if it led to one."""
    request_id, answers = request.get("id"), request.get("answers")
    number = request_id if bounds.is_integer(request_id) else 0
    letters = [str(answer)[:1] for answer in answers] if isinstance(answers, list) else []
    caller = LinkCaller(origin, asks=request.get("asks") is True, answers=letters)
    if request.get("verb") == "op":
        _carry_out(near, caller, number, str(request.get("op")), data)
        return None
    try:
        answer, output, daemon = _entered(caller, request)
    except Exception as error:
        near.send(_refusal(number, error))
        return None
    if daemon is not None and isinstance(greeting := request.get("greeting"), dict):
        _greet(daemon, greeting)
    near.send(b"".join(protocol.data_frames(output)))
    near.send(protocol.message(protocol.RESPONSE, {"id": number, "ok": True, **answer}))
    return daemon


def _entered(caller: LinkCaller, request: Mapping[str, object]) -> Entered:
    """Carries out `enter` or `connect`. Raises UsageError for any other request."""
    verb, op, arguments = request.get("verb"), str(request.get("op")), request.get("arguments", {})
    if verb == "connect":
        name, session_id = str(request.get("name") or ""), _checked_id(request.get("session_id"))
        return _connected(caller, name, session_id, passing=request.get("passing") is True)
    if verb != "enter" or not (_leads(op) and isinstance(arguments, dict)):
        raise UsageError(f"{printable(str(verb))} {printable(op)} with these arguments leads to no session")
    caller.session_id = _checked_id(request.get("session_id")) or None
    with _alone(caller.session_id):
        if caller.session_id:  # it may be there already, or its result: this request has come before then
            if (session := _by_id(caller.session_id)) is not None:
                if agent := os.environ.get("SSH_AUTH_SOCK"):  # that of the link over which it began may be gone
                    records.link_agent(caller.session_id, agent)
                return {"name": session[0], "session_id": caller.session_id}, b"", session[1]
            if (ended := _ended(caller.session_id)) is not None:
                return ended
        try:
            name, connection = _call(caller, op, arguments)
        except Question as question:
            return {**_question(question), "notes": caller.notes}, b"", None
    if op != "enter.job":
        attached_last.remember(name)
    return {**_described(name), "notes": caller.notes}, b"", connection


@contextmanager
def _alone(session_id: str | None) -> Iterator[None]:
    """Carries out one request for an id at a time: the same one, over another link, waits until the first is done."""
    if session_id is None:
        yield
        return
    path = os.path.join(writing.ready_directory(), _ENTERING)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, int.from_bytes(session_id.encode()[:7], "big"))
        yield
    finally:
        os.close(descriptor)


def op_named(wire_name: str) -> Op[..., Any]:
    """The op of this name. Raises UsageError if this sesh has none."""
    module = MODULES.get(wire_name) or MODULES.get(wire_name.partition(".")[0])
    functions = vars(import_module(f"sesh.ops.{module}")).values() if module else ()
    for function in functions:
        if getattr(function, "wire_name", "") == wire_name:
            op: Op[..., Any] = function
            return op
    raise UsageError(f"sesh {__version__} has no op {printable(wire_name)}")


def _call(caller: LinkCaller, wire_name: str, data: Mapping[str, object]) -> Any:
    """Calls an op with arguments that are of the types it declares. Raises UsageError if they are not."""
    op = op_named(wire_name)
    arguments.check(op, data)
    return op(caller, **data)


def _send_answer(caller: LinkCaller, number: int, name: str, data: bytes, send: Callable[[bytes], None]) -> None:
    answer: Answer = {"id": number, "ok": True}
    try:
        result = _call(caller, name, _arguments(name, data))
        if hasattr(result, "__next__"):
            for item in result:
                send(protocol.frame(protocol.DATA, calls.encoded(item)))
        else:
            send(b"".join(protocol.data_frames(calls.encoded(result))))
    except Question as question:
        answer |= _question(question)
    except BrokenPipeError:
        raise  # nobody reads the answer any more
    except Exception as error:
        send(_refusal(number, error))
        return
    send(protocol.message(protocol.RESPONSE, {**answer, "notes": caller.notes}))


def _arguments(op: str, data: bytes) -> dict[str, object]:
    """The arguments of an op, from DATA. Raises UsageError if they are no JSON object, and for an op of `enter`."""
    if _leads(op):
        raise UsageError(f"{printable(op)} leads to a session, and is not asked for like this")
    try:
        values = calls.decoded(data) if data else {}
    except ValueError:
        values = None
    if isinstance(values, dict):
        return values
    raise UsageError("the arguments of an op are a JSON object")


def _leads(op: str) -> bool:
    """Returns whether an op leads to a session: it is asked for by `enter`, all others by `op`."""
    return op.partition(".")[0] == "enter"


def _refusal(number: int, error: Exception) -> bytes:
    if not isinstance(error, SeshError):
        log.write_error("link", error)
        error = InternalError(f"internal error, {type(error).__name__}: {error}")
    return protocol.message(protocol.RESPONSE, {"id": number, "error": error.facts()})


def _question(asked: Question) -> Answer:
    return {"question": asked.text, "answers": list(asked.answers), "default": asked.default, "above": asked.above}


def _ended(session_id: str) -> Entered | None:
    """The result of the session with this id, and its output; None if none is kept."""
    result = results.by_id(session_id)
    if not result:
        return None
    answer: Answer = {"result": result}
    if "name" in result:
        answer["name"] = result["name"]
    return answer, results.output(result), None


def _by_id(session_id: str, name: str = "") -> tuple[str, wire.Connection] | None:
    """The current name of the session with this id, and a connection to it; None if none runs.

    `name`: the one that the other side knows, which is tried first.
    """
    for current in [name, *paths.names()]:
        if current and _session_id(current) == session_id and (connection := find.running(current)) is not None:
            return current, connection
    return None


def _checked_id(value: object) -> str:
    """The session id of a request, empty if it has none. Raises UsageError for a malformed one."""
    session_id = str(value or "")
    if session_id and not is_id(session_id):
        raise UsageError(f"the id of a session is letters and digits, {LONGEST_ID} at the most")
    return session_id


def _session_id(name: str) -> str:
    """The id in a session's record; empty if the session has just ended."""
    return str((records.readable(name) or {}).get("id") or "")


def _described(name: str) -> Answer:
    """What the other side keeps of a session that it goes to: its name and id, and where and with what it began."""
    record = records.readable(name) or {}
    command = record.get("command") or []
    told: Answer = {"name": name, "session_id": str(record.get("id") or ""), "cwd": record.get("cwd")}
    return {**told, "command": command if sum(map(len, command)) <= _LONGEST_COMMAND else command[:1]}


def _connected(caller: LinkCaller, name: str, session_id: str, *, passing: bool) -> Entered:
    """A connection to a session by its name, or by its id, whatever its name is now; else its result.

    Raises NotFound, for a session that was lost with the reason.
    """
    if not session_id:
        connection = find.required(find.checked(name))
        if not passing:
            attached_last.remember(name)
        return {"name": name, "session_id": _session_id(name)}, b"", connection
    with _alone(session_id):
        pass  # a request that creates it, over a link that was lost or given up, is done
    for _ in range(_ATTEMPTS):
        if (session := _by_id(session_id, find.checked(name))) is None:
            break
        name, connection = session
        try:
            status: Mapping[str, Any] = find.described(wire.ask(name, "status")[0])
            if status.get("id") == session_id:
                return {"name": name, "daemon_pid": status.get("daemon_pid")}, b"", connection
        except NotFound:
            pass
        connection.close()  # it has ended since its record was read, or was renamed
    if (ended := _ended(session_id)) is not None:
        return ended
    for current in paths.names():
        if _session_id(current) == session_id and (dormant := find.dormant(current)) is not None:
            raise find.lost(dormant, caller.origin.host if caller.origin is not None else None)
    raise NotFound(f"{name} has ended; its result is unknown")


def _carry_out(near: wire.Connection, caller: LinkCaller, number: int, op: str, data: bytes) -> None:
    """Has a child process carry out an op; the frames of its answer are passed on as they come."""
    frames, outbound = os.pipe()

    def run() -> int:
        caller.audience = outbound
        _send_answer(caller, number, op, data, lambda frame: writing.write_all(outbound, frame))
        return 0

    pid = child.fork(run, directory=paths.home(), keep=outbound)
    os.close(outbound)
    decoder = protocol.Decoder()
    answered = False
    later: list[tuple[int, bytes]] = []
    try:
        while True:
            ready = wire.polled([(near.inbound, select.POLLIN), (frames, select.POLLIN)], None)
            if near.inbound in ready:  # what asks for a sign of life while the op runs; the rest waits for its end
                for kind, payload in [near.receive(), *near.leftovers()]:
                    if kind == protocol.PING:
                        near.send(protocol.frame(protocol.PONG, payload))
                    else:
                        later.append((kind, payload))
            if frames in ready:
                block = os.read(frames, _BLOCK)
                if not block:
                    break
                for kind, payload in decoder.feed(block):
                    answered = answered or kind == protocol.RESPONSE
                    near.send(protocol.frame(kind, payload))
    except Unreachable:
        os.kill(pid, signal.SIGTERM)
        raise
    finally:
        os.close(frames)
        os.waitpid(pid, 0)
    near.put_back(later)
    if not answered:
        unknown = InternalError("what carried this out on the host ended without an answer", exit_code=ExitCode.UNKNOWN)
        near.send(_refusal(number, unknown))


def _splice(near: wire.Connection, daemon: wire.Connection, patience: float = inf) -> int:
    """Passes bytes both ways until either side closes, or nothing has come from the other side for `patience` seconds;
    returns the exit code, 0 if all has passed.

    All that the daemon said before it closed still passes.
    """
    heard_at = time.monotonic()
    with daemon:
        back, forth = (daemon.inbound, near.outbound), (near.inbound, daemon.outbound)
        held = {back: b"", forth: b""}
        for descriptor in {*back, *forth}:
            os.set_blocking(descriptor, False)
        while True:
            wanted: dict[int, int] = {}  # by descriptor: a daemon's socket is an end of both directions
            for direction, block in held.items():
                end, event = (direction[1], select.POLLOUT) if block else (direction[0], select.POLLIN)
                wanted[end] = wanted.get(end, 0) | event
            ready = wire.polled(wanted.items(), None if patience == inf else heard_at + patience)
            if near.inbound in ready or near.inbound not in wanted:
                heard_at = time.monotonic()
            elif time.monotonic() >= heard_at + patience:
                return 1
            for direction in list(held):
                try:
                    held[direction] = _pass_on(direction, held[direction])
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    if direction == back:
                        return 0
                    del held[forth]  # the daemon hears nothing any more; what it has said before is still read
                except (EOFError, OSError):
                    return 0


def _pass_on(direction: tuple[int, int], held: bytes) -> bytes:
    """Writes the held bytes, or else those that can be read; returns the bytes that are not written yet.

    Raises EOFError at the end, BrokenPipeError if nobody takes them, OSError if they cannot be read.
    """
    block = held or os.read(direction[0], _LARGEST_BLOCK)
    if not block:
        raise EOFError
    try:
        return block[os.write(direction[1], block) :]
    except BlockingIOError:
        return block
    except ConnectionResetError as error:
        raise BrokenPipeError from error
