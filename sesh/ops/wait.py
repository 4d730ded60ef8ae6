"""Waiting until a session ends, is at its prompt, waits for a person, is silent or prints a match."""

from __future__ import annotations

import time
from typing import TypedDict

from sesh import protocol, wire
from sesh.about import SESH
from sesh.errors import DaemonDied, Ended, NotFound, Refused, TimedOut
from sesh.messages import Answer, Words
from sesh.ops.matching import Pattern
from sesh.ops.views import in_turns
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.stream import LATE, Stream
from sesh.reach.target import Target
from sesh.schema import Condition
from sesh.vt.lines import LineReader


class Conditions(TypedDict):
    """The conditions that a wait ends with.

    `waiting`: the program waits for a person; its question is the `match`. `idle`: seconds without output.
    `pattern`: a line matches it. `begin`: the position from which output counts, `sent` for that of the last
    `--send`, `start` for all that is kept. `limit`: seconds.
    """

    exit_: bool
    prompt: bool
    waiting: bool
    idle: float | None
    pattern: str | None
    begin: int | str
    limit: float | None


_GRACE = 0.5
"""Seconds by which the daemon may be late to say that the time is up."""
_ALL_LINES = 1_000_000
_WAIT = 9
"""The number of the request; smaller ones are those of `Connection.request`."""


class _Match(Exception):
    """The pattern matched `text`; `position` is behind its line, or behind the part of the line that has come."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text, self.position = text, position


def met(stream: Stream, conditions: Conditions) -> Condition:
    """Waits for the condition that comes first; returns its name (`met`), with `match`, `exit_code` and `position`.

    Without a condition it waits for the end. Raises TimedOut, Refused if the session ends and that was not a condition,
    DaemonDied.
    """
    name, limit = stream.name, conditions["limit"]
    deadline = stream.deadline if stream.deadline is not None or limit is None else time.monotonic() + limit
    try:
        with Pattern(conditions["pattern"] or "") as pattern:
            answer = _Wait(stream, pattern, deadline, conditions).answer()
    except _Match as match:
        return _condition("for", match.text, None, match.position)
    except DaemonDied:
        raise DaemonDied(f"the daemon of {stream.name} died while you waited") from None
    except TimedOut as late:
        within = "in time" if limit is None else f"within {limit:g} s"
        hint = late.hint or f"it runs on; look: {SESH} --screen {name}"
        raise TimedOut(f"{name}: no condition was met {within}", hint=hint) from None
    if answer.get("met") in ("prompt", "idle", "waiting"):
        return _condition(str(answer["met"]), answer.get("question") or None, None, answer.get("position"))
    if not for_end(conditions):
        raise Refused(f"{name} ended ({answer.get('exit_code')}) before the condition was met")
    return _condition("exit", None, answer.get("exit_code") or 0, answer.get("position"), answer.get("reason"))


def for_end(conditions: Conditions) -> bool:
    """Returns whether the end is a condition, as it is if there is no other."""
    prompt, waiting = conditions["prompt"], conditions["waiting"]
    others = prompt or waiting or conditions["idle"] is not None or conditions["pattern"] is not None
    return conditions["exit_"] or not others


def after_end(target: Target, name: str, missing: NotFound, conditions: Conditions) -> Condition:
    """Returns the end, in the form of `met`, of a session that was gone before the wait.

    Raises `missing` if its end is no condition, or is unknown.
    """
    answer = target.call(ended, name=name) if for_end(conditions) else None
    if answer is None:
        raise missing
    return answer


@op()
def ended(_caller: Caller, name: str) -> Condition | None:
    """Returns the end of a session that is gone, in the form of `met`; None if that is unknown."""
    end = find.result(name)
    if end is None:
        return None
    return _condition("exit", None, end.get("exit_code") or 0, end.get("position"), end.get("reason"))


def _condition(
    met: str, match: str | None, exit_code: int | None, position: int | None, reason: str | None = None
) -> Condition:
    return {"met": met, "match": match, "exit_code": exit_code, "position": position, "reason": reason}


class _Wait:
    """One wait. It searches the output itself, and goes on over another connection if one is lost."""

    def __init__(self, stream: Stream, pattern: Pattern, deadline: float | None, conditions: Conditions) -> None:
        self._stream, self._conditions, self._begin = stream, conditions, conditions["begin"]
        self._pattern, self._deadline = pattern, deadline
        self._searches = conditions["pattern"] is not None
        self._late = None if deadline is None else deadline + _GRACE
        self._lines: LineReader | None = None
        self._columns = 80
        self._head: int | None = None
        """The position of the output when the wait began."""

    def answer(self) -> Answer:
        """The daemon's answer, or the result of a session that ended meanwhile. Raises _Match, TimedOut."""
        try:
            for kind, position, data in self._stream.frames(self._ask, until=self._late):
                if kind == LATE:  # its daemon is stopped, or stuck
                    raise TimedOut("timed out", hint=f"`{SESH} --status {self._stream.name}` shows its pid")
                if kind == protocol.OUTPUT:
                    if self._deadline is not None and time.monotonic() > self._deadline:
                        raise TimedOut("timed out")  # more output comes than can be searched
                    self._search(position, data)
                elif kind == protocol.RESPONSE:
                    answer: Answer = self._stream.connection.message(kind, data)
                    if answer.get("id") == _WAIT:
                        return wire.checked(answer)
        except Ended as ended:
            position, data = self._stream.rest(ended)
            if self._searches and data:
                self._search(position, data)
            end = ended.result
            return {"exit_code": end.get("exit_code"), "position": end.get("position"), "reason": end.get("reason")}
        raise AssertionError  # frames come without end

    def _ask(self) -> None:
        stream, late, conditions = self._stream, self._late, self._conditions
        welcome = stream.greet(until=late)
        words: Words = {
            "exit": True,
            "idle": conditions["idle"],
            "prompt": conditions["prompt"],
            "waiting": conditions["waiting"],
        }
        if self._searches:
            summary, _ = stream.connection.request("summary", deadline=late)
            self._columns = int(find.described(summary).get("columns") or self._columns)
            if self._begin == "start" and self._lines is None:
                lines, answer = in_turns(self._lines_before, _ALL_LINES)
                position = int(answer.get("position") or 0)
                self._test([(text, position) for text in lines])
            words["follow"] = True
        if self._deadline is not None:
            words["timeout"] = max(0.0, self._deadline - time.monotonic())
        if self._lines is not None:
            words |= {"from": self._lines.position, "since": self._begin}
        else:  # if nothing was sent, it begins at the position that an earlier connection found
            words |= {"from": self._begin, "else": self._head}
        if self._head is None:
            self._head = welcome.get("position")
        stream.connection.send(wire.asking("wait", _WAIT, **words), late)

    def _lines_before(self, count: int, until: int) -> tuple[Answer, bytes]:
        return self._stream.connection.request("logs", deadline=self._late, lines=count, until=until)

    def _search(self, position: int, data: bytes) -> None:
        """Searches output; bytes that were searched before are passed over."""
        if self._lines is None:
            self._lines = LineReader(position, self._columns)
        lines = self._lines
        if position > lines.position:
            lines.position = position  # what lies between is not kept any more
        tested = [(line.text, line.end) for line in lines.feed(data[lines.position - position :])]
        current = lines.current
        # A prompt ends with a blank, which a pattern may ask for.
        self._test([*tested, (current.untrimmed, current.end)])

    def _test(self, lines: list[tuple[str, int]]) -> None:
        """Searches lines, each with the position behind it. Raises _Match, TimedOut, Refused."""
        for number, text in self._pattern.matches([text for text, _ in lines], self._deadline):
            raise _Match(text, lines[number][1])
