"""A session recorded as an asciicast, version 2: what asciinema and its like play.

A header, then a line for each event: `[seconds, "o", output]`, `[seconds, "r", "COLUMNSxROWS"]`, at the end a mark with
the exit code. Source: docs.asciinema.org/manual/asciicast/v2.
"""

from __future__ import annotations

import codecs
import os
import select
import time

from sesh import protocol, wire
from sesh.errors import Ended, Lost, NotFound, TimedOut, Unreachable, rebuild
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.reach.route import Route
    from sesh.schema import Answer

_WAIT, _SUMMARY, _EVENTS = 1, 2, 3
_ANSWER_TIMEOUT = 10.0
_KEEPALIVE_INTERVAL = 5.0
"""Seconds after which a link is read although nothing came: reading it asks for a sign of life."""


class Cast:
    """A recording on its way to the disk. `write` gets one JSON value at a time, and writes it as a line of its own."""

    def __init__(self, write: Callable[[object], None]) -> None:
        self.events = 0
        self._write = write
        self._began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def header(self, session: str, columns: int, rows: int, shell: str) -> None:
        """The first line. Times count from now on."""
        self._began = time.monotonic()
        env = {"SHELL": shell, "TERM": os.environ.get("TERM") or "xterm-256color"}
        facts = {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": session}
        self._write({**facts, "env": env})

    def output(self, data: bytes, *, now: bool = True) -> None:
        """What was printed; `now` False: before the recording began. A character cut in two waits for its rest."""
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
        return round(time.monotonic() - self._began, 6)

    def _event(self, kind: str, data: str, *, now: bool = True) -> None:
        self.events += 1
        self._write([self.seconds if now else 0, kind, data])


class Recording:
    """A session on its way into a cast: one connection brings its output, another its changes of size.

    A context manager that closes both. Raises NotFound.
    """

    def __init__(self, caller: Caller, route: Route, name: str) -> None:
        self._caller, self._route, self._name = caller, route, name
        self._output = route.connect(name)
        try:
            self._events: wire.Connection | None = self._another()
        except BaseException:
            self._output.close()
            raise
        self._position = self._start = 0
        self.skipped = 0
        """Bytes that came faster than they were read."""
        self.code: int | None = None
        """The session's exit code, once it has ended."""

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()
        if self._events is not None:
            self._events.close()

    def _another(self) -> wire.Connection:
        """A further connection to the session."""
        if self._route.host is None:
            return find.required(self._name)
        from sesh.reach import links

        return links.to_session(self._caller, self._route.host, self._name, passing=True)

    def begin(self, cast: Cast, *, since_start: bool) -> None:
        """Asks for everything, and writes the header. Output is asked for first, so that none is missing."""
        deadline = time.monotonic() + _ANSWER_TIMEOUT
        self._ask_output({} if since_start else {"from": "head"})
        self._position = self._start = int(self._output.welcome.get("position") or 0)
        events = self._events
        assert events is not None  # noqa: S101 (only reconnecting may lose it)
        events.send(wire.greeting("request") + wire.asking("summary", _SUMMARY), deadline)
        events.expect_welcome(deadline)
        summary = find.described(events.answer(_SUMMARY, deadline)[0])
        command, columns, rows = summary.get("command") or ["sh"], summary.get("columns"), summary.get("rows")
        cast.header(self._name, int(columns or 80), int(rows or 24), str(command[0]))
        if since_start:
            self._position = -1  # as far back as there is anything
        else:
            answer, picture = events.request("screen", deadline=deadline, format="ansi")
            if answer.get("alternate") is True:  # what a full-screen program changes means nothing without it
                cast.output(b"\x1b[?1049h\x1b[H\x1b[2J" + b"\r\n".join(picture.split(b"\n")))
        events.send(wire.asking("events", _EVENTS), deadline)

    def _ask_output(self, start: dict[str, Any]) -> None:
        """Asks for the output from there on, and for a report of the end."""
        deadline = time.monotonic() + _ANSWER_TIMEOUT
        self._output.send(wire.greeting("request") + wire.asking("wait", _WAIT, follow=True, **start), deadline)
        find.welcomed(self._output, self._name)

    def follow(self, cast: Cast) -> None:
        """Writes what comes until the session has ended, over as many links as it takes. Raises Unreachable."""
        broken = False
        while True:
            try:
                if broken:
                    self._reconnect()
                    broken = False
                self._read(cast)
                return
            except Lost:
                broken = True
            except Ended as ended:
                self._finish(cast, ended)
                return

    def _reconnect(self) -> None:
        """Goes on over another link. Raises Ended, and Lost if that one does not last either."""
        if self._events is not None:
            self._events.close()
        self._events = None
        self._output = self._route.reconnect(self._output, self._position)
        self._ask_output({"from": self._position})
        try:
            events = self._another()
        except (NotFound, Unreachable):
            return  # it has ended since, or the link is lost: the first connection tells
        try:
            events.send(wire.greeting("request") + wire.asking("events", _EVENTS))
        except Unreachable:
            events.close()
            return
        self._events = events

    def _read(self, cast: Cast) -> None:
        """Writes what comes over both connections. Raises Lost."""
        poll = select.poll()
        ends = {each.inbound: each for each in (self._output, self._events) if each is not None}
        for descriptor in ends:
            poll.register(descriptor, select.POLLIN)
        for connection in ends.values():
            if self._take(cast, connection, connection.leftovers()):
                return
        while True:
            timeout = None if self._route.host is None else _KEEPALIVE_INTERVAL * 1000
            ready = [descriptor for descriptor, _ in poll.poll(timeout)]
            for descriptor in ready or [self._output.inbound]:
                connection = ends[descriptor]
                try:
                    frames = [connection.receive(None if ready else time.monotonic()), *connection.leftovers()]
                except TimedOut:
                    continue
                except Unreachable:
                    if connection is self._output:
                        raise
                    poll.unregister(descriptor)  # no more changes of size, and the rest goes on
                    continue
                if self._take(cast, connection, frames):
                    return

    def _take(self, cast: Cast, connection: wire.Connection, frames: list[tuple[int, bytes]]) -> bool:
        """Writes what frames bring; whether the session has ended."""
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                self._take_output(cast, *protocol.split_number(payload))
            elif kind == protocol.DATA and connection is self._events:
                event = connection.message(kind, payload)
                if event.get("event") == "resized" and "columns" in event and "rows" in event:
                    cast.resized(int(event["columns"]), int(event["rows"]))
            elif kind == protocol.RESPONSE and connection is self._output:
                answer: Answer = connection.message(kind, payload)
                if "error" in answer:
                    raise rebuild(answer["error"])
                if answer.get("id") == _WAIT:
                    self._end(cast, answer.get("exit_code"))
                    return True
        return False

    def _end(self, cast: Cast, code: object) -> None:
        self.code = code if isinstance(code, int) else None
        cast.ended(self.code)

    def _finish(self, cast: Cast, ended: Ended) -> None:
        """The session has ended while the link was down: what is kept of its output comes at once."""
        position = ended.result.get("position")
        if isinstance(position, int) and ended.output:
            self._take_output(cast, position - len(ended.output), ended.output)
        self._end(cast, ended.result.get("exit_code"))

    def _take_output(self, cast: Cast, position: int, data: bytes) -> None:
        """Output: what was printed before the recording began has no time of its own; nothing comes twice."""
        if self._position >= 0:
            self.skipped += max(0, position - self._position)
            data = data[max(0, self._position - position) :]
            position = max(position, self._position)
        self._position = position + len(data)
        before = max(0, min(len(data), self._start - position))
        if before:
            cast.output(data[:before], now=False)
        if data[before:]:
            cast.output(data[before:])
