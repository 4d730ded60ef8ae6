"""A session recorded as an asciicast, version 2: what asciinema and its like play.

A header, then a line for each event: `[seconds, "o", output]`, `[seconds, "r", "COLUMNSxROWS"]`, at the end a mark with
the exit code. Source: docs.asciinema.org/manual/asciicast/v2.
"""

from __future__ import annotations

import codecs
import os
import select
import time
from collections.abc import Callable

from sesh import protocol, wire
from sesh.errors import Ended, NotFound, Unreachable
from sesh.messages import Answer, Welcome, Words
from sesh.reach import find
from sesh.reach.stream import READY, Stream, Watched
from sesh.reach.target import Target
from sesh.schema import Event

_WAIT, _EVENTS = 1, 9
_ANSWER_TIMEOUT = 10.0


class Cast:
    """A recording on its way to the disk. `write` gets one JSON value at a time, and writes it as a line of its own."""

    def __init__(self, write: Callable[[object], None]) -> None:
        self.events = 0
        self.write = write
        self._began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def header(self, session: str, columns: int, rows: int, shell: str) -> None:
        """Writes the first line; times count from now on."""
        self._began = time.monotonic()
        env = {"SHELL": shell, "TERM": os.environ.get("TERM") or "xterm-256color"}
        facts = {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": session}
        self.write({**facts, "env": env})

    def output(self, data: bytes, *, now: bool = True) -> None:
        """Adds output; `now` False: from before the recording. A character that is cut in two waits for its rest."""
        text = self._decoder.decode(data)
        if text:
            self._event("o", text, now=now)

    def resized(self, columns: int, rows: int) -> None:
        """Adds a change of the session's size."""
        self._event("r", f"{columns}x{rows}")

    def ended(self, code: object) -> None:
        """Adds the end of the session."""
        if rest := self._decoder.decode(b"", final=True):
            self._event("o", rest)
        self._event("m", f"ended: {code}")

    @property
    def seconds(self) -> float:
        """The seconds since the header."""
        return round(time.monotonic() - self._began, 6)

    def _event(self, kind: str, data: str, *, now: bool = True) -> None:
        self.events += 1
        self.write([self.seconds if now else 0, kind, data])


def _shown(answer: Answer, picture: bytes) -> bytes:
    """The bytes that show a screen, with its cursor: what comes may stand behind a prompt, or change rows above."""
    cursor = answer.get("cursor")
    row, column = (cursor["row"], cursor["column"]) if isinstance(cursor, dict) else (0, 0)
    rows = picture.rstrip(b"\n").split(b"\n")
    screen = b"\x1b[?1049h" if answer.get("alternate") is True else b""
    return screen + b"\x1b[H\x1b[2J" + b"\r\n".join(rows) + b"\x1b[%d;%dH" % (row + 1, column + 1)


class Recording:
    """A session on its way into a cast: a stream brings its output, another connection its changes of size.

    A context manager that closes the latter. Raises NotFound.
    """

    def __init__(self, target: Target, stream: Stream) -> None:
        self._target, self._stream = target, stream
        self._events: wire.Connection | None = target.connect(stream.name)
        self._start = 0
        """The position of the output when the recording began."""
        self.code: int | None = None
        """The session's exit code, once it has ended."""

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        if self._events is not None:
            self._events.close()

    def begin(self, cast: Cast, *, since_start: bool) -> None:
        """Writes the header, and asks for output and events; for output first, so that none is missing."""
        deadline, events = time.monotonic() + _ANSWER_TIMEOUT, self._events
        assert events is not None  # noqa: S101 (only reconnecting may lose it)
        self._start = int(self._ask_output(None if since_start else "head").get("position") or 0)
        events.hello("request", deadline)
        summary = find.described(events.request("summary", deadline=deadline)[0])
        command, columns, rows = summary.get("command") or ["sh"], summary.get("columns"), summary.get("rows")
        cast.header(self._stream.name, int(columns or 80), int(rows or 24), str(command[0]))
        if not since_start:
            answer, picture = events.request("screen", deadline=deadline, format="ansi")
            self._start = max(self._start, int(answer.get("position") or 0))  # the screen holds what came before
            self._stream.position = self._start
            cast.output(_shown(answer, picture))
        events.send(wire.asking("events", _EVENTS), deadline)

    def _ask_output(self, start: int | str | None) -> Welcome:
        """Asks for the output from a position on (None: from the first byte kept), and for a report of the end."""
        words: Words = {"follow": True}
        if start is not None:
            words["from"] = start
        return self._stream.greet(wire.asking("wait", _WAIT, **words))

    def follow(self, cast: Cast) -> None:
        """Writes output and events until the session has ended, over as many links as it takes. Raises DaemonDied."""
        try:
            for kind, number, data in self._stream.frames(self._ask, others=self._others):
                if kind == READY:
                    self._take_events(cast)
                elif kind == protocol.OUTPUT:
                    self._take_output(cast, number, data)
                elif kind == protocol.RESPONSE:
                    answer: Answer = wire.checked(self._stream.connection.message(kind, data))
                    self._end(cast, answer.get("exit_code"))
                    return
        except Ended as ended:  # while the link was down: what is kept of its output comes at once
            self._take_output(cast, *self._stream.rest(ended))
            self._end(cast, ended.result.get("exit_code"))

    def _ask(self) -> None:
        """Asks again over another link; over the first one `begin` has asked."""
        if self._stream.connection.welcome:
            return
        self._ask_output(self._stream.position)
        if self._events is not None:
            self._events.close()
            self._events = None
        try:
            self._events = self._target.connect(self._stream.name)
            self._events.send(wire.greeting("request") + wire.asking("events", _EVENTS))
        except (NotFound, Unreachable):
            return  # it has ended since, or the link is lost: the first connection tells

    def _others(self) -> Watched:
        return [(self._events.inbound, select.POLLIN)] if self._events is not None else [], True

    def _take_events(self, cast: Cast) -> None:
        events = self._events
        assert events is not None  # noqa: S101 (it was polled)
        try:
            events.read()
        except Unreachable:
            events.close()
            self._events = None  # no more changes of size, and the rest goes on
            return
        for kind, payload in events.leftovers():
            if kind == protocol.DATA:
                event: Event = events.message(kind, payload)
                if event.get("event") == "resized" and "columns" in event and "rows" in event:
                    cast.resized(int(event["columns"]), int(event["rows"]))

    def _end(self, cast: Cast, code: object) -> None:
        self.code = code if isinstance(code, int) else None
        cast.ended(self.code)

    def _take_output(self, cast: Cast, position: int, data: bytes) -> None:
        """Adds output; the part from before the recording began gets the time 0."""
        before = max(0, min(len(data), self._start - position))
        if before:
            cast.output(data[:before], now=False)
        if data[before:]:
            cast.output(data[before:])
