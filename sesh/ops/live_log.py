"""Follows the output of a session, as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from sesh.about import SESH
from sesh.ops.views import fetch_pages
from sesh.reach.stream import Arrival, Stream
from sesh.schema.outcomes import Ended
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.connection import request_frames
from sesh.wire.messages import LOGS, WAIT, RequestKeys

if TYPE_CHECKING:
    from sesh.vt.lines import Line, LineReader

COLUMNS = 80  # the default width


def line_reader(position: int, columns: int, start: bytes = b"") -> LineReader:
    """Return a reader of the output from `position` on; `start`: the unfinished line before it."""
    from sesh.vt.lines import LineReader  # noqa: PLC0415 - loads pyte, which a wait without a pattern does not need

    return LineReader(position, columns, start)


def feed(reader: LineReader, output: Arrival) -> Iterator[Line]:
    """Feed output to a reader, but no byte twice; skip bytes that the log lost."""
    reader.position = max(reader.position, output.number)
    return reader.feed(output.payload[reader.position - output.number :])


class LiveLog:
    """The lines of a session until it ends; a reconnect continues with the next byte.

    `count`: how many existing lines to write first. `ansi`: keep SGR. `note`: receives a note about skipped output.
    """

    def __init__(
        self, stream: Stream, count: int, *, ansi: bool, write: Callable[[list[str]], None], note: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._count = count
        self._ansi = ansi
        self._write = write
        self._note = note
        self._lines: LineReader | None = None

    def follow(self) -> None:
        """Write lines until the session ends. Raises DaemonDied."""
        try:
            for arrival in self._stream.arrivals(self._send_requests):
                kind, _, payload = arrival
                if kind == protocol.OUTPUT:
                    self._write_new(arrival)
                elif kind == protocol.RESPONSE:
                    self._stream.connection.decode_response(WAIT, payload)
                    break
        except Ended as ended:  # the session ended while the link was down, or before its response
            self._write_new(self._stream.output.count_stored(ended))
        if self._lines is not None and self._lines.current.text:
            self._write([self._text(self._lines.current)])

    def _send_requests(self) -> None:
        self._stream.handshake()
        existing: list[str] = []
        if self._lines is None:
            self._lines, existing = self._fetch_existing()
        keys: RequestKeys = {"follow": True, "from": self._lines.position}
        connection = self._stream.connection
        connection.send(request_frames(WAIT, connection.next_number(), **keys))
        if existing:  # written only now: while the reader halts, the daemon keeps the output that follows
            self._write(existing)

    def _fetch_existing(self) -> tuple[LineReader, list[str]]:
        """Return a reader for new output, and the lines before; the cursor's line is unfinished."""
        connection = self._stream.connection
        fetch = partial(connection.request, LOGS, ansi=self._ansi, end=True)
        lines, newest, older = fetch_pages(fetch, max(1, self._count), protocol.MAX_RESPONSE)
        if older and len(lines) < self._count:
            more = f"more of them: {SESH} logs {self._stream.name} N"
            self._note(f"the last {len(lines):,} lines come before the new ones; {more}")
        if connection.over_link:
            lines = list(map(safe.without_controls, lines))
        unfinished = lines.pop() if newest.get("open") and lines else ""
        lines += [""] * newest.get("blank", 0)
        start = unfinished.encode() + newest.get("start", "").encode("latin-1", "replace")
        reader = line_reader(newest["position"], newest.get("columns", COLUMNS), start)
        return reader, lines[-self._count :] if self._count else []

    def _write_new(self, output: Arrival) -> None:
        lines = self._lines = self._lines or line_reader(output.number, COLUMNS)
        if output.number > lines.position:
            skipped = output.number - lines.position
            self._note(f"{skipped} bytes were skipped: they came faster than they could be read")
        whole = [self._text(line) for line in feed(lines, output) if line.final]
        if whole:
            self._write(whole)

    def _text(self, line: Line) -> str:
        return line.ansi if self._ansi else line.text
