"""Follows the output of a session, as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sesh.about import SESH
from sesh.ops.views import check_knows_times, fetch_pages
from sesh.reach.exchange import Exchange
from sesh.reach.stream import Arrival, Stream
from sesh.schema.outcomes import Ended
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.messages import LOGS, WAIT, LogsResponse, RequestKeys

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


def follow(
    stream: Stream,
    count: int,
    *,
    ansi: bool,
    write: Callable[[list[str]], None],
    note: Callable[[str], None],
    since: float | None = None,
) -> None:
    """Write the lines of a session until it ends, each once. Raises DaemonDied.

    `count`: how many existing lines to write first. `ansi`: keep SGR. `note`: receives a note about skipped output.
    `since`: write only existing lines that came then or later, see `views.logs_since`.
    """

    lines: LineReader | None = None

    def position() -> RequestKeys:
        assert lines is not None  # noqa: S101 (what is there is fetched first)
        return {"follow": True, "from": lines.position}

    def text(line: Line) -> str:
        return line.ansi if ansi else line.text

    def write_new(output: Arrival) -> None:
        nonlocal lines
        lines = lines or line_reader(output.number, COLUMNS)
        if output.number > lines.position:
            note(f"{output.number - lines.position} bytes were skipped: they came faster than they could be read")
        whole = [text(line) for line in feed(lines, output) if line.final]
        if whole:
            write(whole)

    try:
        lines, existing = _fetch_existing(stream, count, ansi=ansi, note=note, since=since)
        end = stream.submit(Exchange(WAIT, position))
        if existing:  # written only now: while the reader halts, the daemon keeps the output that follows
            write(existing)
        for arrival in stream.arrivals():
            if arrival.kind == protocol.OUTPUT:
                write_new(arrival)
            elif arrival.exchange is end:
                end.response(stream.connection, arrival.payload)
                break
    except Ended as ended:  # the session ended while the link was down, or before its response
        write_new(stream.output.count_stored(ended))
    if lines is not None and (rest := [text(line) for line in lines.rest]):
        write(rest)


def _fetch_existing(
    stream: Stream, count: int, *, ansi: bool, note: Callable[[str], None], since: float | None
) -> tuple[LineReader, list[str]]:
    """Return a reader for new output, and the lines before; the cursor's line is unfinished."""

    def fetch(**keys: object) -> tuple[LogsResponse, bytes]:
        return stream.ask(Exchange(LOGS, {"ansi": ansi, "end": True, "since": since, **keys}))

    lines, newest, older = fetch_pages(fetch, max(1, count), protocol.MAX_RESPONSE)
    if since is not None:
        check_knows_times(stream.name, newest)
    if older and len(lines) < count:
        more = f"more of them: {SESH} logs {stream.name} N"
        note(f"the last {len(lines):,} lines come before the new ones; {more}")
    if stream.connection.over_link:
        lines = list(map(safe.without_controls, lines))
    unfinished = lines.pop() if newest.get("open") and lines else ""
    lines += [""] * newest.get("blank", 0)
    start = unfinished.encode() + newest.get("start", "").encode("latin-1", "replace")
    reader = line_reader(newest["position"], newest.get("columns", COLUMNS), start)
    return reader, lines[-count:] if count else []
