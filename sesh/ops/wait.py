"""Follow a session's output until a condition is met, or until its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from sesh import protocol, wire, wording
from sesh.about import SESH
from sesh.errors import Ended, NotFound, Refused, TimedOut
from sesh.messages import LOGS, SUMMARY, WAIT, EndResponse, RequestKeys, WaitResponse
from sesh.ops.search import Pattern
from sesh.ops.views import fetch_pages
from sesh.outcomes import Condition
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.stream import NewOutput, ResponseFrame, Stream
from sesh.reach.target import Target
from sesh.schema import JobResult

if TYPE_CHECKING:
    from sesh.vt.lines import Line, LineReader


class Conditions(TypedDict):
    """The conditions that end a wait; if none is set, the session's end does."""

    exit_: bool
    prompt: bool
    waiting: bool  # the program waits for a person
    idle: float | None  # seconds without output
    pattern: str | None  # an expression that a line has to match
    since: int | str  # where to begin in the output: a position, `sent` (at the last `--send`), `start` (all kept)
    timeout: float | None  # seconds


_GRACE = 0.5  # seconds after the timeout until a daemon without a response counts as stuck
_ALL_LINES = 1_000_000
_COLUMNS = 80  # the default width
_WAIT = 9  # the id of the request


class _Match(Exception):
    """The pattern matched `text`; `position`: after its line, or after the received part of it."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text, self.position = text, position


def await_condition(stream: Stream, conditions: Conditions) -> Condition:
    """Wait for the first condition to be met, and return it.

    Raises TimedOut, DaemonDied, and Refused if the session ends and its end is no condition.
    """
    name, timeout = stream.name, conditions["timeout"]
    deadline = stream.deadline if stream.deadline is not None or timeout is None else time.monotonic() + timeout
    try:
        with Pattern(conditions["pattern"] or "") as pattern:
            response = _ConditionWait(stream, pattern, deadline, conditions).await_response()
        if "met" in response:
            return _condition(response["met"], response.get("question") or None, response["position"])
        end = _end(response)
    except Ended as ended:
        end = _end(ended.result)
    except _Match as match:
        return _condition("for", match.text, match.position)
    except TimedOut as late:
        within = "in time" if timeout is None else f"within {timeout:g} s"
        hint = late.hint or f"it runs on; look: {SESH} --screen {name}"
        raise TimedOut(f"{name}: no condition was met {within}", hint=hint) from None
    if not includes_end(conditions):
        raise Refused(f"{name} ended ({end['exit_code']}) before the condition was met")
    return end


def _condition(met: str, match: str | None, position: int) -> Condition:
    return {"met": met, "match": match, "exit_code": None, "position": position, "reason": None}


def _end(facts: EndResponse | JobResult) -> Condition:
    code, position = facts["exit_code"] or 0, facts.get("position")
    return {"met": "exit", "match": None, "exit_code": code, "position": position, "reason": facts["reason"]}


def includes_end(conditions: Conditions) -> bool:
    """Return whether the end is a condition; without any other condition it is, too."""
    has_flag = conditions["prompt"] or conditions["waiting"]
    has_value = conditions["idle"] is not None or conditions["pattern"] is not None
    return conditions["exit_"] or not (has_flag or has_value)


def condition_at_end(target: Target, name: str, missing: NotFound, conditions: Conditions) -> Condition:
    """Return a session's end. Raises `missing` if it is no condition, or is unknown."""
    if not includes_end(conditions) or (end := target.call(ended, name=name)) is None:
        raise missing
    return end


@op(reads=True)
def ended(_caller: Caller, name: str) -> Condition | None:
    """Return a session's end; None if it runs, or its end is unknown."""
    end = find.result(name)
    return _end(end) if end is not None else None


class _ConditionWait:
    """A wait across reconnects, which searches for the pattern; the daemon tests the other conditions."""

    def __init__(self, stream: Stream, pattern: Pattern, deadline: float | None, conditions: Conditions) -> None:
        self._stream, self._conditions, self._since = stream, conditions, conditions["since"]
        self._pattern, self._deadline = pattern, deadline
        self._searches = conditions["pattern"] is not None
        self._late = None if deadline is None else deadline + _GRACE
        self._lines: LineReader | None = None
        self._columns = _COLUMNS
        self._head: int | None = None  # the position of the output when the wait began

    def await_response(self) -> WaitResponse:
        """Return the daemon's response, once a condition holds. Raises _Match, TimedOut, Ended."""
        try:
            for arrival in self._stream.arrivals(self._send_requests, until=self._late):
                match arrival:
                    case NewOutput():
                        if self._deadline is not None and time.monotonic() > self._deadline:
                            raise TimedOut("timed out")  # output arrives faster than it can be searched
                        self._search(arrival)
                    case ResponseFrame(number, payload) if number == _WAIT:
                        return self._stream.connection.decode_response(WAIT, payload)
        except Ended as ended:
            output = self._stream.take_output(ended)
            if self._searches and output.data:
                self._search(output)
            raise
        raise AssertionError  # `arrivals` never ends

    def _send_requests(self) -> None:
        stream, conditions = self._stream, self._conditions
        welcome = stream.handshake(until=self._late)
        if self._head is None:
            self._head = welcome.get("position")
        keys: RequestKeys = {
            "idle": conditions["idle"],
            "prompt": conditions["prompt"],
            "waiting": conditions["waiting"],
        }
        if self._searches:
            self._prepare_search()
            keys["follow"] = True
        if self._deadline is not None:
            keys["timeout"] = max(0.0, self._deadline - time.monotonic())
        if self._lines is not None:
            keys |= {"from": self._lines.position, "since": self._since}
        else:  # `else`: the position from which output counts if `from` is `sent` and nothing was sent
            keys |= {"from": self._since, "else": self._head}
        stream.connection.send(wire.request_frames(WAIT, _WAIT, **keys), self._late)

    def _prepare_search(self) -> None:
        """Fetch the width of lines; at the beginning, search the kept lines if they count."""
        request = partial(self._stream.connection.request, deadline=self._late)
        self._columns = request(SUMMARY)[0]["session"]["columns"] or self._columns
        if self._since == "start" and self._lines is None:
            lines, newest, _ = fetch_pages(partial(request, LOGS), _ALL_LINES, protocol.LARGEST_RESPONSE)
            self._test([(text, newest["position"]) for text in lines])

    def _search(self, output: NewOutput) -> None:
        lines = self._lines = self._lines or _reader(output.position, self._columns)
        tested = [(line.text, line.end) for line in _feed(lines, output)]
        current = lines.current
        # A pattern may require the blank at the end of a prompt, so the unfinished line is not trimmed.
        self._test([*tested, (current.untrimmed, current.end)])

    def _test(self, lines: list[tuple[str, int]]) -> None:
        """Search lines, each given with the position after it. Raises _Match, TimedOut, Refused."""
        for number, text in self._pattern.matches([text for text, _ in lines], self._deadline):
            raise _Match(text, lines[number][1])


def _reader(position: int, columns: int, start: bytes = b"") -> LineReader:
    from sesh.vt.lines import LineReader  # loads pyte, which a wait without a pattern does not need

    return LineReader(position, columns, start)


def _feed(reader: LineReader, output: NewOutput) -> Iterator[Line]:
    """Feed output to a reader, but no byte twice; skip bytes that the log lost."""
    reader.position = max(reader.position, output.position)
    return reader.feed(output.data[reader.position - output.position :])


class LiveLog:
    """The lines of a session until it ends; a reconnect continues with the next byte.

    `count`: how many existing lines to write first. `ansi`: keep SGR. `note`: receives a note about skipped output.
    """

    def __init__(
        self, stream: Stream, count: int, *, ansi: bool, write: Callable[[list[str]], None], note: Callable[[str], None]
    ) -> None:
        self._stream, self._count, self._ansi = stream, count, ansi
        self._write, self._note = write, note
        self._lines: LineReader | None = None

    def follow(self) -> None:
        """Write lines until the session ends. Raises DaemonDied."""
        try:
            for arrival in self._stream.arrivals(self._send_requests):
                match arrival:
                    case NewOutput():
                        self._write_new(arrival)
                    case ResponseFrame(_, payload):
                        self._stream.connection.decode_response(WAIT, payload)
                        break
        except Ended as ended:  # the session ended while the link was down, or before its response
            self._write_new(self._stream.take_output(ended))
        if self._lines is not None and self._lines.current.text:
            self._write([self._text(self._lines.current)])

    def _send_requests(self) -> None:
        self._stream.handshake()
        existing: list[str] = []
        if self._lines is None:
            self._lines, existing = self._fetch_existing()
        keys: RequestKeys = {"follow": True, "from": self._lines.position}
        self._stream.connection.send(wire.request_frames(WAIT, _WAIT, **keys))
        if existing:  # written only now: while the reader halts, the daemon keeps the output that follows
            self._write(existing)

    def _fetch_existing(self) -> tuple[LineReader, list[str]]:
        """Return a reader for new output, and the lines before; the cursor's line is unfinished."""
        connection = self._stream.connection
        fetch = partial(connection.request, LOGS, ansi=self._ansi, end=True)
        lines, newest, older = fetch_pages(fetch, max(1, self._count), protocol.LARGEST_RESPONSE)
        if older and len(lines) < self._count:
            more = f"more of them: {SESH} --logs {self._stream.name} N"
            self._note(f"the last {len(lines):,} lines come before the new ones; {more}")
        if connection.far:
            lines = list(map(wording.without_controls, lines))
        unfinished = lines.pop() if newest.get("open") and lines else ""
        lines += [""] * newest.get("blank", 0)
        start = unfinished.encode() + newest.get("start", "").encode("latin-1", "replace")
        reader = _reader(newest["position"], newest.get("columns", _COLUMNS), start)
        return reader, lines[-self._count :] if self._count else []

    def _write_new(self, output: NewOutput) -> None:
        lines = self._lines = self._lines or _reader(output.position, _COLUMNS)
        if output.position > lines.position:
            skipped = output.position - lines.position
            self._note(f"{skipped} bytes were skipped: they came faster than they could be read")
        whole = [self._text(line) for line in _feed(lines, output) if line.final]
        if whole:
            self._write(whole)

    def _text(self, line: Line) -> str:
        return line.ansi if self._ansi else line.text
