"""`--record`: what a session prints, written as an asciicast of version 2, which asciinema and its like play.

A header, then one line an event: `[seconds, "o", output]`, `[seconds, "r", "COLUMNSxROWS"]`, at the end a mark with the
exit code. The file is written on this machine, wherever the session is; each line is whole on the disk when the next
one comes.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import time

from sesh import protocol, wire
from sesh.cli import find, reach, settings, show
from sesh.errors import Exists, NotFound, Refused, SeshError, Unreachable, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from sesh.cli.words import Line

_WAIT, _SCREEN, _EVENTS = 1, 2, 3
_PATIENCE = 10.0
_STDOUT = "-"


class _Stopped(Exception):
    """The recording is to end: Ctrl-C, or a signal that asks for it."""


class Cast:
    """A recording on its way to the disk: 0600, and never in the place of another file unasked."""

    def __init__(self, file: str, *, force: bool) -> None:
        self.events = 0
        self.began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        if file == _STDOUT:
            self._descriptor = os.dup(show.STDOUT)
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
        show.write(show.dumped({**facts, "env": env}), self._descriptor)

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
        show.write(show.dumped([self.seconds if now else 0, kind, data]), self._descriptor)


def record(line: Line, name: str, file: str, *, since_start: bool = False, force: bool = False) -> int:
    """`--record NAME FILE`: until the session ends, or somebody presses Ctrl-C. FILE `-` is stdout."""
    find.checked(name, "--record")
    if len(line.hosts) > 1:
        raise UsageError(f"one host at a time: sesh @{line.hosts[0]} --record {name} FILE")
    hosts = settings.loaded().hosts_of(line.hosts)
    host = hosts[0] if hosts else None
    try:
        output = _connection(name, host)
    except NotFound:
        from sesh.cli import everywhere

        host = everywhere.find(line, name) if host is None else None
        if host is None:
            raise
        output = _connection(name, host)
    with output, _connection(name, host) as events, Cast(file, force=force) as cast:
        recording = Recording(cast, output, events, name)
        try:
            with _Stopping():
                recording.begin(since_start=since_start)
                if os.isatty(show.STDERR) and not line.json:
                    show.note(f"recording {name} into {file}; Ctrl-C stops")
                recording.follow()
        except (_Stopped, BrokenPipeError):
            pass  # what came so far is a recording
        if recording.skipped:
            show.note(f"{recording.skipped} bytes came faster than they were read and are left out")
        if line.json and file != _STDOUT:
            facts = {"name": name, "host": host, "file": file, "duration": cast.seconds, "events": cast.events}
            return show.done(line, **facts, exit_code=recording.code)
    return 0


def _connection(name: str, host: str | None) -> wire.Connection:
    """A connection to the session's daemon, on which nothing was said yet. Raises NotFound, Unreachable."""
    if host is None:
        return find.required(name)
    through = reach.opened(reach.place(host))
    try:
        through.lead("connect", name=name)
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
    """A session followed into a cast: `output` brings what it prints, `events` its changes of size."""

    def __init__(self, cast: Cast, output: wire.Connection, events: wire.Connection, name: str) -> None:
        self._cast, self._output, self._events, self._name = cast, output, events, name
        self._position = self._head = 0
        self.skipped = 0
        """Bytes that were never seen."""
        self.code: int | None = None
        """The session's exit code, when it has ended."""

    def begin(self, *, since_start: bool) -> None:
        """Asks for everything, and writes the header: the bytes are asked for first, so that none is missing."""
        deadline = time.monotonic() + _PATIENCE
        start: dict[str, Any] = {} if since_start else {"from": "head"}
        self._output.send(wire.greeting("request") + wire.asking("wait", _WAIT, follow=True, **start), deadline)
        self._output.expect_welcome(deadline)
        self._position = self._head = int(self._output.welcome["position"])
        asked = wire.asking("summary", _SCREEN)
        self._events.send(wire.greeting("request") + asked, deadline)
        self._events.expect_welcome(deadline)
        told, _ = self._events.answer(_SCREEN, deadline)
        summary = told["session"]
        command = summary.get("command") or ["sh"]
        self._cast.header(self._name, int(summary["columns"]), int(summary["rows"]), str(command[0]))
        if since_start:
            self._position = -1  # as far back as there is anything
        else:
            self._paint(deadline)
        self._events.send(wire.asking("events", _EVENTS), deadline)

    def _paint(self, deadline: float) -> None:
        """Where a program has the whole screen, that comes first: what it changes means nothing without it."""
        told, picture = self._events.request("screen", deadline=deadline, format="ansi")
        if told.get("alternate") is True:
            self._cast.output(b"\x1b[?1049h\x1b[H\x1b[2J" + b"\r\n".join(picture.split(b"\n")))

    def follow(self) -> None:
        """Writes what comes until the session has ended. Raises Unreachable where the way to it is lost."""
        poll = select.poll()
        ends = {self._output.inbound: self._output, self._events.inbound: self._events}
        for descriptor in ends:
            poll.register(descriptor, select.POLLIN)
        for connection in ends.values():
            if self._heard(connection, connection.leftovers()):
                return
        while True:
            for descriptor, _ in poll.poll():
                connection = ends[descriptor]
                try:
                    frames = [connection.receive(), *connection.leftovers()]
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
                    raise wire.failure(answer["error"])
                if answer.get("id") == _WAIT:
                    self.code = answer.get("exit_code")
                    self._cast.ended(self.code)
                    return True
        return False

    def _printed(self, position: int, data: bytes) -> None:
        """Output: what came before the recording began came at a time that nobody knows."""
        if self._position >= 0 and position > self._position:
            self.skipped += position - self._position
        self._position = position + len(data)
        before = max(0, min(len(data), self._head - position))
        if before:
            self._cast.output(data[:before], now=False)
        if data[before:]:
            self._cast.output(data[before:])
