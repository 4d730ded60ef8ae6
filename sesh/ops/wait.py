"""Waiting until a session ends, is at its prompt, waits for a person, is silent or prints a match."""

from __future__ import annotations

import time

from sesh import protocol, wire
from sesh.errors import Ended, LoginRefused, Lost, Refused, SeshError, Silent, TimedOut, Unreachable, rebuild
from sesh.ops.matching import Pattern
from sesh.reach import find
from sesh.reach.op import op
from sesh.store import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.reach.caller import Caller
    from sesh.reach.route import Route
    from sesh.reach.target import Target
    from sesh.schema import Answer, Condition
    from sesh.vt.lines import LineReader

_GRACE = 0.5
"""Seconds by which the daemon may be late to say that the time is up."""
_ALL_LINES = 1_000_000
_WAIT = 9
"""The number of the request; those before it are other ones."""


class DaemonDied(Unreachable):
    """The daemon of a followed session died, or its session ended just before it could answer."""


class _Match(Exception):
    """The pattern matched `text`; `position` is behind the line, or the part of it, that it stands on."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text, self.position = text, position


def met(  # noqa: PLR0913 (so many conditions)
    route: Route,
    name: str,
    *,
    exit_: bool = False,
    prompt: bool = False,
    waiting: bool = False,
    idle: float | None = None,
    pattern: str | None = None,
    begin: int | str = "sent",
    limit: float | None = None,
) -> Condition:
    """Waits for the condition that comes first: which it was (`met`), with `match`, `exit_code` and `position`.

    Without a condition it waits for the end. `waiting`: for a person; what it asks is the `match`. `idle`: seconds
    without output. `pattern`: what a line matches. `begin`: the position from which output counts, `sent` for that of
    the last `--send`, `start` for all that is kept. `limit`: seconds. Raises NotFound, TimedOut, Refused if the session
    ends and that was not a condition, DaemonDied.
    """
    exit_ = exit_ or not (prompt or waiting or idle is not None or pattern is not None)
    search = Pattern(pattern) if pattern is not None else None
    connection = route.connect(name)
    deadline = route.deadline if route.deadline is not None or limit is None else time.monotonic() + limit
    words = {"exit": True, "prompt": prompt or None, "waiting": waiting or None, "idle": idle, "timeout": limit}
    try:
        with search or Pattern(""):
            answer = _answered(route, connection, _Wait(name, search, begin, deadline), words)
    except _Match as match:
        return {"met": "for", "match": match.text, "exit_code": None, "position": match.position}
    except (Silent, LoginRefused):
        raise
    except Unreachable:
        raise DaemonDied(f"the daemon of {name} died while you waited") from None
    except TimedOut as late:
        hint = late.hint or f"it goes on; wait again, or look: $sesh --screen {name}"
        raise TimedOut(f"{name}: timed out", hint=hint) from None
    if answer.get("met") in ("prompt", "idle", "waiting"):
        return {
            "met": str(answer["met"]),
            "match": answer.get("question") or None,
            "exit_code": None,
            "position": answer.get("position"),
        }
    if not exit_:
        raise _too_early(name, answer.get("exit_code"))
    return _met_exit(answer.get("exit_code"), answer.get("position"))


def after_end(target: Target, name: str, broken: SeshError, *, exit_: bool) -> Condition:
    """How the session ended that a wait which raised `broken` was for, in the form of `met`.

    `exit_`: whether its end was a condition. Raises Refused if it was not and the session ended during the wait,
    `broken` if nothing is known of its end.
    """
    if not exit_ and not isinstance(broken, DaemonDied):
        raise broken
    answer = target.call(ended, name=name)
    if answer is None:
        raise broken
    if not exit_:
        raise _too_early(name, answer.get("exit_code"))
    return answer


def _too_early(name: str, code: int | None) -> Refused:
    return Refused(f"{name} ended ({code}) before the condition was met")


@op("follow.ended")
def ended(_caller: Caller, name: str) -> Condition | None:
    """How a session that is gone has ended, in the form of `met`; None if that is not known."""
    known = find.dormant(name)
    result = results.newest(name) if known is None or known["state"] == "exited" else None
    return _met_exit(result.get("exit_code"), result.get("position")) if result is not None else None


def _met_exit(code: int | None, position: int | None) -> Condition:
    return {"met": "exit", "match": None, "exit_code": code or 0, "position": position}


def _answered(route: Route, connection: wire.Connection, waiting: _Wait, words: dict[str, Any]) -> Answer:
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
                    return {"exit_code": ended.result.get("exit_code"), "position": ended.result.get("position")}


class _Wait:
    """One wait. It searches the output itself, and goes on where it was over another connection."""

    def __init__(self, name: str, search: Pattern | None, begin: int | str, deadline: float | None) -> None:
        self._name = name
        self._pattern, self._begin, self._deadline = search, begin, deadline
        self._lines: LineReader | None = None
        self._head: int | None = None
        """Where the output stood when the wait began."""

    @property
    def position(self) -> int:
        """Up to where the output was searched."""
        return self._lines.position if self._lines is not None else self._head or 0

    def until(self, connection: wire.Connection, words: dict[str, Any]) -> Answer:
        """The daemon's answer. Raises _Match, and TimedOut past the deadline (monotonic)."""
        deadline = self._deadline
        late = None if deadline is None else deadline + _GRACE
        connection.send(wire.greeting("request"))
        welcome = find.welcomed(connection, self._name, late)
        if words.get("waiting") and "activity" not in (welcome.get("can") or ()):
            raise Refused(f"{self._name} runs an older sesh", hint=f"reload it: $sesh --reload {self._name}")
        columns = 80
        if self._pattern is not None:
            summary, _ = connection.request("summary", deadline=late)
            columns = int(find.described(summary).get("columns") or columns)
            if self._begin == "start" and self._lines is None:
                self._search_kept(connection, late)
            words = {**words, "follow": True}
        words = {**words, **self._since(welcome.get("position"))}
        connection.send(wire.asking("wait", _WAIT, **words), late)
        while True:
            if late is not None and time.monotonic() > late:
                raise TimedOut("timed out")
            kind, payload = connection.receive(late)
            if kind == protocol.OUTPUT:
                if deadline is not None and time.monotonic() > deadline:
                    raise TimedOut("timed out")  # more output comes than can be searched
                position, data = protocol.split_number(payload)
                self._search(position, data, columns)
            elif kind == protocol.RESPONSE:
                answer: Answer = connection.message(kind, payload)
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
        position = int(answer.get("position") or 0)
        self._test([(text, position) for text in data.decode("utf-8", "replace").split("\n")])

    def _search(self, position: int, data: bytes, columns: int) -> None:
        """Searches output that begins at a position; what was searched before is passed over."""
        if self._lines is None:
            from sesh.vt.lines import LineReader

            # A daemon of an older sesh sends all that it keeps where output has not come so far.
            begin = self._begin if isinstance(self._begin, int) else position
            self._lines = LineReader(max(position, begin), columns)
        lines = self._lines
        if position > lines.position:
            lines.position = position  # what lies between is not kept any more
        tested = [(each.text, each.end) for each in lines.feed(data[lines.position - position :])]
        current = lines.current
        # A prompt ends with a blank, which a pattern may ask for.
        self._test([*tested, (current.untrimmed, current.end)])

    def _test(self, lines: list[tuple[str, int]]) -> None:
        """Searches lines, each with the position behind it. Raises _Match, TimedOut, Refused."""
        found = self._pattern.search([text for text, _ in lines], self._deadline) if self._pattern is not None else None
        if found is not None:
            at, match = found
            raise _Match(match, lines[at][1])
