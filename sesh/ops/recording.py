"""An asciicast of version 2 on its way to the disk: what asciinema and its like play.

A header, then one line an event: `[seconds, "o", output]`, `[seconds, "r", "COLUMNSxROWS"]`, at the end a mark with the
exit code. Each line is whole on the disk when the next one comes.

`--record`: what a session prints from now on, written as an asciicast; on this machine, wherever the session is.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import time

from sesh import protocol, wire
from sesh.cli import printing, settings
from sesh.errors import Ended, Exists, Lost, NotFound, Refused, SeshError, TimedOut, Unreachable, UsageError, rebuild
from sesh.names import printable
from sesh.ops import find, links
from sesh.ops.route import HERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.route import Way

STDOUT = "-"
"""The file that is none."""


class Cast:
    """A recording on its way to the disk: 0600, and never in the place of another file unasked."""

    def __init__(self, file: str, *, force: bool) -> None:
        self.events = 0
        self.began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        if file == STDOUT:
            self._descriptor = os.dup(printing.STDOUT)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if force else os.O_EXCL)
        try:
            self._descriptor = os.open(file, flags, 0o600)
            if force:
                os.fchmod(self._descriptor, 0o600)
        except FileExistsError:
            raise Exists(f"{printable(file)} exists; --force writes over it, or take another name") from None
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or error
            raise Refused(f"{printable(file)} cannot be written: {told}; name another file") from error

    def __enter__(self) -> Cast:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def header(self, session: str, columns: int, rows: int, shell: str) -> None:
        """The first line. Times count from now on."""
        self.began = time.monotonic()
        env = {"SHELL": shell, "TERM": os.environ.get("TERM") or "xterm-256color"}
        facts = {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": session}
        printing.write(printing.dumped({**facts, "env": env}), self._descriptor)

    def output(self, data: bytes, *, now: bool = True) -> None:
        """What was printed; `now` False: at a time that nobody knows. A character cut in two waits for its rest."""
        text = self._decoder.decode(data)
        if text:
            self._event("o", text, now=now)

    def resized(self, columns: int, rows: int) -> None:
        """The session has another size from now on."""
        self._event("r", f"{columns}x{rows}")

    def ended(self, code: object) -> None:
        """The session has ended."""
        if rest := self._decoder.decode(b"", final=True):
            self._event("o", rest)
        self._event("m", f"ended: {code}")

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return round(time.monotonic() - self.began, 6)

    def _event(self, kind: str, data: str, *, now: bool = True) -> None:
        self.events += 1
        printing.write(printing.dumped([self.seconds if now else 0, kind, data]), self._descriptor)


_WAIT, _SUMMARY, _EVENTS = 1, 2, 3
_PATIENCE = 10.0


class _Stopped(Exception):
    """The recording is to end: Ctrl-C, or a signal that asks for it."""


def record(line: Line, name: str, file: str, *, since_start: bool = False, force: bool = False) -> int:
    """`--record NAME FILE`: until the session ends, or somebody presses Ctrl-C. FILE `-` is stdout."""
    find.checked(name, "--record")
    if len(line.hosts) > 1:
        raise UsageError(f"one host at a time: sesh @{line.hosts[0]} --record {name} FILE")
    hosts = settings.loaded().hosts_of(line.hosts)
    host = hosts[0] if hosts else None
    try:
        way = _way(name, host)
    except NotFound:
        from sesh.ops import lookup

        host = lookup.find(line, name) if host is None else None
        if host is None:
            raise
        way = _way(name, host)
    with Cast(file, force=force) as cast:
        recording = Recording(cast, name, way, host)
        try:
            with _Stopping():
                recording.begin(since_start=since_start)
                if os.isatty(printing.STDERR) and not line.json:
                    printing.note(f"recording {name} into {file}; Ctrl-C stops")
                recording.follow()
        except (_Stopped, BrokenPipeError):
            pass  # what came so far is a recording
        finally:
            recording.close()
        if recording.skipped:
            printing.note(f"{recording.skipped} bytes came faster than they were read and are left out")
        if line.json and file != STDOUT:
            facts = {"name": name, "host": host, "file": file, "duration": cast.seconds, "events": cast.events}
            return printing.done(line, **facts, exit_code=recording.code)
    return 0


def _way(name: str, host: str | None) -> Way:
    """The way to the session. Raises NotFound, Unreachable."""
    if host is None:
        find.required(name).close()
        return HERE
    from sesh.ops.remote_route import Across

    return Across(links.place(host), name, _led(name, host))


def _led(name: str, host: str) -> Any:
    """A link that has been led to the session's daemon, on which nothing was said yet."""
    through = links.opened(links.place(host))
    try:
        through.open_session("connect", name=name, passing=True)
    except SeshError:
        through.close()
        raise
    return through


class _Stopping:
    """Has SIGINT, SIGTERM and SIGHUP end the recording, for the length of a block."""

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        for number in self._before:
            signal.signal(number, self._stop)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @staticmethod
    def _stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped


class Recording:
    """A session followed into a cast: one connection brings what it prints, another one its changes of size."""

    def __init__(self, cast: Cast, name: str, way: Way, host: str | None) -> None:
        self._cast, self._name, self._way, self._host = cast, name, way, host
        self._output = way.to(name)
        self._events, self._sized = self._another(), True
        self._position = self._head = 0
        self.skipped = 0
        """Bytes that were never seen."""
        self.code: int | None = None
        """The session's exit code, when it has ended."""

    def close(self) -> None:
        """Closes both connections."""
        self._output.close()
        self._events.close()

    def _another(self) -> wire.Connection:
        """A further connection to the session."""
        return find.required(self._name) if self._host is None else _led(self._name, self._host)

    def begin(self, *, since_start: bool) -> None:
        """Asks for everything, and writes the header: the bytes are asked for first, so that none is missing."""
        deadline = time.monotonic() + _PATIENCE
        self._ask({} if since_start else {"from": "head"})
        self._position = self._head = int(self._output.welcome["position"])
        self._events.send(wire.greeting("request") + wire.asking("summary", _SUMMARY), deadline)
        self._events.expect_welcome(deadline)
        told, _ = self._events.answer(_SUMMARY, deadline)
        summary = told["session"]
        command = summary.get("command") or ["sh"]
        self._cast.header(self._name, int(summary["columns"]), int(summary["rows"]), str(command[0]))
        if since_start:
            self._position = -1  # as far back as there is anything
        else:
            self._paint(deadline)
        self._events.send(wire.asking("events", _EVENTS), deadline)

    def _ask(self, start: dict[str, Any]) -> None:
        """Asks for the output from there on, and to be told of the end."""
        deadline = time.monotonic() + _PATIENCE
        self._output.send(wire.greeting("request") + wire.asking("wait", _WAIT, follow=True, **start), deadline)
        find.welcomed(self._output, self._name)

    def _paint(self, deadline: float) -> None:
        """Where a program has the whole screen, that comes first: what it changes means nothing without it."""
        told, picture = self._events.request("screen", deadline=deadline, format="ansi")
        if told.get("alternate") is True:
            self._cast.output(b"\x1b[?1049h\x1b[H\x1b[2J" + b"\r\n".join(picture.split(b"\n")))

    def follow(self) -> None:
        """Writes what comes until the session has ended, a link that breaks being mended. Raises Unreachable."""
        broken = False
        while True:
            try:
                if broken:
                    self._mend()
                    broken = False
                self._follow()
                return
            except Lost:
                broken = True
            except Ended as ended:
                self._rest(ended)
                return

    def _mend(self) -> None:
        """Goes on over another link. Raises Ended, and Lost where that one does not last either."""
        self._events.close()
        self._output = self._way.again(self._output, self._position)
        self._ask({"from": self._position})
        try:
            self._events, self._sized = self._another(), True
            self._events.send(wire.greeting("request") + wire.asking("events", _EVENTS))
        except (NotFound, Unreachable):
            self._sized = False  # it has ended since, or the link has gone: the first connection tells

    def _follow(self) -> None:
        poll = select.poll()
        ends = {each.inbound: each for each in (self._output, *([self._events] if self._sized else []))}
        for descriptor in ends:
            poll.register(descriptor, select.POLLIN)
        for connection in ends.values():
            if self._heard(connection, connection.leftovers()):
                return
        while True:
            # A link asks for a sign of life while it is read; this one is read at least so often.
            ready = [descriptor for descriptor, _ in poll.poll(None if self._host is None else 5000)]
            for descriptor in ready or [self._output.inbound]:
                connection = ends[descriptor]
                try:
                    frames = [connection.receive(None if ready else time.monotonic()), *connection.leftovers()]
                except TimedOut:
                    continue
                except Unreachable:
                    if connection is self._output:
                        raise
                    poll.unregister(descriptor)  # the sizes are lost, and the rest goes on
                    continue
                if self._heard(connection, frames):
                    return

    def _heard(self, connection: wire.Connection, frames: list[tuple[int, bytes]]) -> bool:
        """Deals with frames; whether the session has ended."""
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                self._printed(*protocol.split_number(payload))
            elif kind == protocol.DATA and connection is self._events:
                event = protocol.parse(payload)
                if event.get("event") == "resized":
                    self._cast.resized(int(event["columns"]), int(event["rows"]))
            elif kind == protocol.RESPONSE and connection is self._output:
                answer = protocol.parse(payload)
                if "error" in answer:
                    raise rebuild(answer["error"])
                if answer.get("id") == _WAIT:
                    self._end(answer.get("exit_code"))
                    return True
        return False

    def _end(self, code: int | None) -> None:
        self.code = code
        self._cast.ended(code)

    def _rest(self, ended: Ended) -> None:
        """The session has ended while the link was down: what is kept of its output comes at once."""
        position = ended.result.get("position")
        if isinstance(position, int) and ended.output:
            self._printed(position - len(ended.output), ended.output)
        code = ended.result.get("exit_code")
        self._end(code if isinstance(code, int) else None)

    def _printed(self, position: int, data: bytes) -> None:
        """Output: what came before the recording began came at a time that nobody knows; nothing comes twice."""
        if self._position >= 0:
            self.skipped += max(0, position - self._position)
            data = data[max(0, self._position - position) :]
            position = max(position, self._position)
        self._position = position + len(data)
        before = max(0, min(len(data), self._head - position))
        if before:
            self._cast.output(data[:before], now=False)
        if data[before:]:
            self._cast.output(data[before:])
