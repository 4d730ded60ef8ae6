"""`sesh --bridge`: the far end of a link, frames on stdin and stdout.

It answers HELLO with WELCOME (`home`, and who it is), then requests:

- `enter` {argv, asks, answers, session_id}: a command line that ends at a session (attach, create, a job): its name and
  `session_id`; from then on the bytes of the session's daemon pass through untouched. With `asks` somebody can be asked
  over there: it is answered with a `question`, and comes again with one answer more. `session_id`: that of a session
  which is created; where there is one of that id it is that one, or its `result`: asked again, nothing is done twice.
- `connect` {name, session_id, passing}: the same for a session that is known; one that has ended is answered with its
  `result`. `passing`: nobody is going to be attached.
- `command` {argv} and what stdin held as DATA: any other command line, run by itself; its output comes as OUTPUT frames
  (numbered 1 for stdout, 2 for stderr), its code as `exit_code`.
- `summaries`: the sessions here. `result` {session_id}: how a session ended.

PING is answered with PONG at any time, also while a command runs.
"""

from __future__ import annotations

import os
import select
import signal

from sesh import __version__, paths, protocol, wire
from sesh.cli import parser, printing
from sesh.errors import NotFound, Refused, SeshError, Unreachable, UsageError
from sesh.ops import caller, child, find
from sesh.store import listing, records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLOCK = 1 << 16
_MOST = 1 << 20


def serve() -> int:
    """Serves one link until the other side closes it; the exit code."""
    inbound, outbound = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever is printed by accident must not come between the frames
    os.close(nothing)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    near = wire.Connection(inbound, outbound)
    try:
        near.send(protocol.BRIDGE)
        _greeted(near)
        while True:
            kind, payload = near.receive()
            if kind == protocol.DATA:
                near.carried += payload
            elif kind == protocol.PING:
                near.send(protocol.frame(protocol.PONG, payload))
            elif kind == protocol.REQUEST:
                through = _requested(near, protocol.parse(payload))
                if through is not None:
                    return _splice(near, through)
    except Unreachable:
        return 0  # the other side has gone, as it may at any time


def _greeted(near: wire.Connection) -> None:
    kind, payload = near.receive()
    while kind != protocol.HELLO:
        kind, payload = near.receive()
    told = protocol.parse(payload).get("near")
    caller.use(told if isinstance(told, dict) else {})
    facts: dict[str, Any] = {"protocol": protocol.PROTOCOL, "version": __version__, "home": os.path.expanduser("~")}
    facts["can"] = ["session_id"]
    if agent := os.environ.get("SSH_AUTH_SOCK"):
        facts["auth_sock"] = agent
    near.send(protocol.message(protocol.WELCOME, facts))


def _requested(near: wire.Connection, asked: dict[str, Any]) -> wire.Connection | None:
    """Answers one request; a connection whose bytes are to pass from now on, where it asked for one."""
    number = asked.get("id")
    data, near.carried = bytes(near.carried), bytearray()
    through = None
    try:
        answer, carried, through = _answer(near, asked, data)
    except SeshError as error:
        told = {"code": error.code, "message": caller.worded(str(error)), "exit": int(error.exit_code)}
        near.send(protocol.message(protocol.RESPONSE, {"id": number, "error": told}))
    else:
        for at in range(0, len(carried), protocol.CHUNK):
            near.send(protocol.frame(protocol.DATA, carried[at : at + protocol.CHUNK]))
        near.send(protocol.message(protocol.RESPONSE, {"id": number, "ok": True, **answer}))
    return through


def _answer(
    near: wire.Connection, asked: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], bytes, wire.Connection | None]:
    """What a request is answered: values, bytes that go with them, and a connection to pass on from now on."""
    verb = asked.get("verb")
    if verb == "enter":
        number = str(asked.get("session_id") or "")
        if number and (begun := _begun(number)) is not None:
            return begun
        caller.expect(asked.get("answers") if asked.get("asks") is True else None, number or None)
        try:
            notes, name, connection = _entered(_words(asked))
        except caller.Question as question:
            return _question(question), b"", None
        return {"name": name, "notes": notes, "session_id": _number(name)}, b"", connection
    if verb == "connect":
        name, number = str(asked.get("name") or ""), str(asked.get("session_id") or "")
        return _connected(name, number, passing=asked.get("passing") is True)
    if verb == "command":
        return {"exit_code": _command(near, _words(asked), data)}, b"", None
    if verb == "summaries":
        return {"sessions": [{**each, "host": caller.host()} for each in listing.summaries()]}, b"", None
    if verb == "result":
        result = results.by_id(str(asked.get("session_id") or ""))
        return {"result": result}, results.output(result) if result else b"", None
    raise UsageError(f"this is sesh {__version__} and does not know what was asked; run: sesh --upgrade")


def _question(asked: caller.Question) -> dict[str, Any]:
    """A question on its way to the person: `about` and `labels`, and for an older sesh `question`, which says all."""
    from sesh.cli import prompts

    told = prompts.written(asked.text, asked.answers, asked.default)
    letters, labels = ("".join(letter for letter, _ in asked.answers), [label for _, label in asked.answers])
    return {"question": told, "letters": letters, "default": asked.default, "about": asked.text, "labels": labels}


def _begun(number: str) -> tuple[dict[str, Any], bytes, wire.Connection | None] | None:
    """What `enter` has led to before: the session with this id, or its result; None where there is neither."""
    if not number.isalnum():
        raise UsageError("the number for a session is no number")
    for name in paths.names():
        if _number(name) == number:
            return {"name": name, "notes": "", "session_id": number}, b"", find.required(name)
    if (result := results.by_id(number)) is not None:
        return {"name": result.get("name"), "result": result}, results.output(result), None
    return None


def _number(name: str) -> str:
    """The id of a session that has just been found or made; empty where it has ended at once."""
    try:
        return str((records.read(name) or {}).get("id") or "")
    except Refused:
        return ""


def _words(asked: dict[str, Any]) -> list[str]:
    argv = asked.get("argv")
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        raise UsageError("the command line is no list of words")
    return argv


def _entered(argv: list[str]) -> tuple[str, str, wire.Connection]:
    """Carries out a command line that ends at a session: what it said on stderr, the session, its connection."""
    import tempfile

    from sesh.cli import main

    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            main.run(argv)
        finally:
            os.dup2(before, 2)
            os.close(before)
        said.seek(0)
        notes = said.read(_BLOCK).decode("utf-8", "replace")
    found = caller.taken()
    if found is None:
        raise UsageError("that command line ends at no session")
    return notes, *found


def _connected(name: str, number: str, *, passing: bool) -> tuple[dict[str, Any], bytes, wire.Connection | None]:
    """A connection to a session by its name, or, where that one has ended, how it did."""
    try:
        connection = find.required(find.checked(name))
        if not number:
            if not passing:
                paths.remember(name)
            return {"name": name, "session_id": _number(name)}, b"", connection
        probe, _ = wire.ask(name, "status")
        if probe["session"].get("id") == number:
            return {"name": name, "daemon_pid": probe["session"].get("daemon_pid")}, b"", connection
        connection.close()
    except NotFound:
        if not number:
            raise
    if result := results.by_id(number):
        return {"name": name, "result": result}, results.output(result), None
    raise NotFound(f"{name} is no more, and nothing is known of how it ended")


def _command(near: wire.Connection, argv: list[str], data: bytes) -> int:
    """Runs a command line in a process of its own, its output passed on as it comes; its exit code."""
    stdin, feed = os.pipe()
    ends = [os.pipe(), os.pipe()]
    running = child.start(argv, stdin, ends[0][1], ends[1][1], directory=os.path.expanduser("~"))
    for descriptor in (stdin, ends[0][1], ends[1][1]):
        os.close(descriptor)
    os.set_blocking(feed, False)
    numbers = {ends[0][0]: 1, ends[1][0]: 2}
    poll = select.poll()
    poll.register(near.inbound, select.POLLIN)
    for descriptor in numbers:
        poll.register(descriptor, select.POLLIN)
    waiting = memoryview(data)
    try:
        while numbers:
            if feed >= 0:
                waiting = _fed(feed, waiting)
                if not waiting:
                    os.close(feed)
                    feed = -1
            for descriptor, _ in poll.poll(20 if feed >= 0 else None):
                if descriptor == near.inbound:
                    _answered(near)
                elif block := os.read(descriptor, _BLOCK):
                    near.send(protocol.numbered(protocol.OUTPUT, numbers[descriptor], block))
                else:
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    del numbers[descriptor]
    except Unreachable:
        os.kill(running, signal.SIGTERM)
        raise
    finally:
        _, status = os.waitpid(running, 0)
    return child.code(status)


def _answered(near: wire.Connection) -> None:
    """Deals with what is said while a command runs: nothing but whether this side is there, or that theirs is not."""
    first = near.receive()
    for kind, payload in [first, *near.leftovers()]:
        if kind == protocol.PING:
            near.send(protocol.frame(protocol.PONG, payload))


def _fed(feed: int, waiting: memoryview) -> memoryview:
    """What is left after the command has been given as much of its stdin as it takes."""
    try:
        return waiting[os.write(feed, waiting) :] if waiting else waiting
    except BlockingIOError:
        return waiting
    except BrokenPipeError:
        return waiting[:0]


def _splice(near: wire.Connection, through: wire.Connection) -> int:
    """Passes bytes both ways until either side closes; all that the daemon said before it closed still passes."""
    with through:
        back, forth = (through.inbound, near.outbound), (near.inbound, through.outbound)
        held = {back: b"", forth: b""}
        for descriptor in {*back, *forth}:
            os.set_blocking(descriptor, False)
        while back in held:
            poll = select.poll()
            wanted: dict[int, int] = {}
            for way, waiting in held.items():
                end, event = (way[1], select.POLLOUT) if waiting else (way[0], select.POLLIN)
                wanted[end] = wanted.get(end, 0) | event
            for descriptor, events in wanted.items():
                poll.register(descriptor, events)
            poll.poll()
            for way in list(held):
                try:
                    held[way] = _passed(way, held[way])
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    if way == back:
                        return 0
                    del held[forth]  # the daemon hears nothing any more; what it has said before is still read
                except (EOFError, OSError):
                    return 0
    return 0


def _passed(way: tuple[int, int], held: bytes) -> bytes:
    """Passes on what is held, or else what can be read; what is held then.

    Raises EOFError at the end, BrokenPipeError where nobody takes it, OSError where it cannot be read.
    """
    block = held or os.read(way[0], _MOST)
    if not block:
        raise EOFError
    try:
        return block[os.write(way[1], block) :]
    except BlockingIOError:
        return block
    except ConnectionResetError as error:
        raise BrokenPipeError from error


def main(line: parser.Line) -> int:
    """The verb `--bridge`."""
    if line.words or line.tail:
        raise UsageError("--bridge takes no words; it is what sesh on another machine speaks to")
    if os.isatty(0) or os.isatty(1):
        printing.note("--bridge is what sesh on another machine speaks to; it reads frames from stdin")
    return serve()
