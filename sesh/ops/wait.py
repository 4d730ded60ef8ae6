"""Waiting for a session: until it ends, is at its prompt, is silent, or prints a match; which of them it was."""

from __future__ import annotations

import re
import time

from sesh import protocol, wire, wording
from sesh.errors import Ended, Lost, Refused, Silent, TimedOut, Unreachable, UsageError, rebuild
from sesh.names import printable
from sesh.ops import find
from sesh.ops.caller import op
from sesh.store import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.ops.route import Route
    from sesh.vt.lines import LineReader

_GRACE = 5.0
"""Seconds by which the daemon may be late to say that the time ran out."""
_ALL_LINES = 1_000_000
_WAIT = 9
"""The number of the request; those before it are other ones."""


class _Match(Exception):
    """The pattern matched `text`; `position` is behind the line, or the part of it, that it stands on."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text, self.position = text, position


def met(
    route: Route,
    name: str,
    *,
    exit_: bool = False,
    prompt: bool = False,
    idle: float | None = None,
    search: re.Pattern[str] | None = None,
    begin: int | str = "sent",
    limit: float | None = None,
) -> dict[str, Any]:
    """Waits for the condition that comes first: which it was (`met`), with `match`, `exit_code` and `position`.

    Without a condition it waits for the end. `idle`: seconds without output. `search`: what a line matches. `begin`:
    the position from which output counts, `sent` for that of the last `--send`, `start` for all that is kept. `limit`:
    seconds. Raises NotFound, TimedOut, Refused if the session ends and that was not a condition, Unreachable.
    """
    exit_ = exit_ or (not prompt and idle is None and search is None)
    connection = route.connect(name)
    deadline = None if limit is None else time.monotonic() + limit
    words = {"exit": True, "prompt": prompt or None, "idle": idle, "timeout": limit}
    try:
        answer = _answered(route, connection, _Wait(name, search, begin, deadline), words)
    except _Match as match:
        return {"met": "for", "match": match.text, "exit_code": None, "position": match.position}
    except Silent:
        raise
    except Unreachable:
        raise Unreachable(f"the daemon of {name} died; what was waited for will not come") from None
    except TimedOut:
        raise TimedOut(f"{name}: the time ran out before it came to that") from None
    if answer.get("met") in ("prompt", "idle"):
        return {"met": str(answer["met"]), "match": None, "exit_code": None, "position": answer.get("position")}
    if not exit_:
        raise Refused(f"{name} has ended ({answer.get('exit_code')}) before it came to that")
    return _met_exit(answer)


@op
def ended(_caller: Caller, name: str) -> dict[str, Any] | None:
    """How a session that is gone has ended, in the form of `met`; None if that is not known."""
    result = results.newest(name) if find.lost_record(name) is None else None
    return _met_exit(result) if result is not None else None


def _met_exit(result: dict[str, Any]) -> dict[str, Any]:
    code = int(result.get("exit_code") or 0)
    return {"met": "exit", "match": None, "exit_code": code, "position": result.get("position")}


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression. Raises UsageError for what is not one."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        reason = wording.one_line(str(error))
        raise UsageError(f"{printable(pattern)} is not a regular expression: {reason}") from None


def _answered(route: Route, connection: wire.Connection, waiting: _Wait, words: dict[str, Any]) -> dict[str, Any]:
    """The daemon's answer, over as many connections as it takes; of a session that ended meanwhile its result."""
    while True:
        with connection:
            try:
                return waiting.until(connection, words)
            except Lost:
                try:
                    connection = route.reconnect(connection, waiting.position)
                except Ended as ended:
                    waiting.search_rest(ended)
                    return dict(ended.result)


class _Wait:
    """One wait. It searches the output itself, and goes on where it was over another connection."""

    def __init__(self, name: str, search: re.Pattern[str] | None, begin: int | str, deadline: float | None) -> None:
        self._name = name
        self._pattern, self._begin, self._deadline = search, begin, deadline
        self._lines: LineReader | None = None
        self._head: int | None = None
        """Where the output stood when the wait began."""

    @property
    def position(self) -> int:
        """Up to where the output was searched."""
        return self._lines.position if self._lines is not None else self._head or 0

    def until(self, connection: wire.Connection, words: dict[str, Any]) -> dict[str, Any]:
        """The daemon's answer. Raises _Match, and TimedOut past the deadline (monotonic)."""
        deadline = self._deadline
        late = None if deadline is None else deadline + _GRACE
        connection.send(wire.greeting("request"))
        welcome = find.welcomed(connection, self._name)
        columns = 80
        if self._pattern is not None:
            summary, _ = connection.request("summary", deadline=late)
            columns = int(summary["session"]["columns"])
            if self._begin == "start" and self._lines is None:
                self._search_kept(connection, late)
            words = {**words, "follow": True}
        words = {**words, **self._since(welcome.get("position"))}
        connection.send(wire.asking("wait", _WAIT, **words), late)
        while True:
            if late is not None and time.monotonic() > late:
                raise TimedOut("the time ran out")
            kind, payload = connection.receive(late)
            if kind == protocol.OUTPUT:
                position, data = protocol.split_number(payload)
                self._search(position, data, columns)
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if answer.get("id") == _WAIT:
                    if "error" in answer:
                        raise rebuild(answer["error"])
                    return answer

    def _since(self, head: object) -> dict[str, Any]:
        """From where on output counts, and how much time is left; `head`: where the output stands now."""
        began = self._head
        if self._head is None:
            self._head = head if isinstance(head, int) else None
        left = {} if self._deadline is None else {"timeout": max(0.0, self._deadline - time.monotonic())}
        if self._lines is not None:
            return {**left, "from": self._lines.position, "since": self._begin}
        return {**left, "from": self._begin, "else": began}

    def search_rest(self, ended: Ended) -> None:
        """Searches what is kept of the output of a session that has ended. Raises _Match."""
        position = ended.result.get("position")
        if self._pattern is not None and isinstance(position, int) and ended.output:
            self._search(position - len(ended.output), ended.output, 80)

    def _search_kept(self, connection: wire.Connection, deadline: float | None) -> None:
        """Searches all lines that the session still keeps."""
        answer, data = connection.request("logs", deadline=deadline, lines=_ALL_LINES)
        for text in data.decode("utf-8", "replace").split("\n"):
            self._test(text, int(answer["position"]))

    def _search(self, position: int, data: bytes, columns: int) -> None:
        """Searches output that begins at a position; what was searched before is passed over."""
        if self._lines is None:
            from sesh.vt.lines import LineReader

            self._lines = LineReader(position, columns)
        lines = self._lines
        if position > lines.position:
            lines.position = position  # what lies between is not kept any more
        for each in lines.feed(data[lines.position - position :]):
            self._test(each.text, each.end)
        current = lines.current
        # A prompt ends with a blank, which a pattern may ask for.
        self._test(current.untrimmed, current.end)

    def _test(self, text: str, position: int) -> None:
        found = self._pattern.search(text) if self._pattern is not None and text else None
        if found is not None:
            raise _Match(found[0], position)
