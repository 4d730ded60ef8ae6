"""`--wait`: until a session ends, is at its prompt, is silent, or prints what is looked for; which of them it was."""

from __future__ import annotations

import re
import time

from sesh import protocol, wire
from sesh.cli import printing
from sesh.errors import Ended, Lost, NotFound, Refused, Silent, TimedOut, Unreachable, UsageError, rebuild
from sesh.names import printable
from sesh.ops import caller, create, find
from sesh.ops.route import HERE
from sesh.store import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.route import Way
    from sesh.vt.lines import LineReader

_GRACE = 5.0
"""Seconds by which the daemon may be late with its word that the time ran out."""
_MOST = 1_000_000
_WAIT = 9
"""The number of the request; those before it are other ones."""


class Found(Exception):
    """What `--for` looks for has come: the text, and the position behind the line, or the part of it, that holds it."""

    def __init__(self, match: str, position: int) -> None:
        super().__init__(match)
        self.match, self.position = match, position


def wait(  # noqa: PLR0913 (a wait has that many sides)
    line: Line,
    name: str,
    *,
    exit_: bool = False,
    prompt: bool = False,
    idle: str | None = None,
    pattern: str | None = None,
    start: str | None = None,
    since_start: bool = False,
    timeout: str | None = None,
    way: Way = HERE,
) -> int:
    """`--wait NAME …`: the session's code where it has ended, else 0. Without a condition it waits for the end."""
    find.checked(name, "--wait")
    if start is not None and not (start.isdecimal() and start.isascii()):
        raise UsageError(f"{printable(start)} is no position; --from takes the `position` that --send --json prints")
    if start is not None and since_start:
        raise UsageError("--from and --since-start exclude each other; take one")
    begin: Any = int(start) if start is not None else "start" if since_start else "sent"
    limit = create.seconds(timeout) if timeout is not None else None
    silence = create.seconds(idle, "--idle") if idle is not None else None
    search = compiled(pattern) if pattern is not None else None
    conditions = {"exit_": exit_, "prompt": prompt, "idle": silence, "search": search, "begin": begin, "limit": limit}
    return _say(line, name, met(way.to(name), name, **conditions, again=way.again if way.heals else None))


def met(  # noqa: PLR0913 (a wait has that many sides)
    connection: wire.Connection,
    name: str,
    *,
    exit_: bool,
    prompt: bool,
    idle: float | None,
    search: re.Pattern[str] | None,
    begin: int | str,
    limit: float | None,
    again: Callable[[wire.Connection, int], wire.Connection] | None = None,
) -> dict[str, Any]:
    """Waits for whatever comes first: which it was (`met`), with `match`, `exit_code` and `position`.

    The connection is closed then. `begin`: the position of the output that counts, `sent` for that after the last
    `--send`, `start` for all. `again`: what gives a connection in the place of one that raised Lost (see `Way`).
    Raises TimedOut after `limit` seconds, Refused where the session ends and that was not waited for, Unreachable.
    """
    exit_ = exit_ or (not prompt and idle is None and search is None)
    deadline = None if limit is None else time.monotonic() + limit
    words = {"exit": True, "prompt": prompt or None, "idle": idle, "timeout": limit}
    try:
        answer = _answered(connection, _Wait(name, search, begin, deadline), words, again)
    except Found as found:
        return {"met": "for", "match": found.match, "exit_code": None, "position": found.position}
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
    return _ended(answer)


def kept(line: Line, missing: NotFound) -> int:
    """The end of a session that is no more, for `--wait NAME --exit`. Raises `missing` where none is known."""
    name = line.words[0] if line.words else ""
    others = [word for word in line.words if word.partition("=")[0] in ("--prompt", "--idle", "--for")]
    told = ended(name) if name[:1] != "-" else None
    if told is None or ("--exit" not in line.words and others):
        raise missing
    return _say(line, name, told)


def ended(name: str) -> dict[str, Any] | None:
    """How a session that is no more has ended, in the form of `met`; None where that is not known."""
    result = results.newest(name) if find.lost_record(name) is None else None
    return _ended(result) if result is not None else None


def _ended(result: dict[str, Any]) -> dict[str, Any]:
    code = int(result.get("exit_code") or 0)
    return {"met": "exit", "match": None, "exit_code": code, "position": result.get("position")}


def _say(line: Line, name: str, told: dict[str, Any]) -> int:
    """Says what was met; the exit code."""
    match, code = told["match"], told["exit_code"]
    if line.json:
        printing.value({"session": name, "host": caller.host(), **told})
    else:
        more = printing.plain(match) if match is not None else "" if code is None else str(code)
        printing.text(f"{told['met']}: {more}" if more else told["met"])
    return code or 0


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression. Raises UsageError for what is none."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{printable(pattern)} is no regular expression: {printing.one_line(str(error))}") from None


def _answered(
    connection: wire.Connection,
    waiting: _Wait,
    words: dict[str, Any],
    again: Callable[[wire.Connection, int], wire.Connection] | None,
) -> dict[str, Any]:
    """The daemon's answer, over as many connections as it takes; of a session that ended meanwhile its result."""
    while True:
        with connection:
            try:
                return waiting.until(connection, words)
            except Lost:
                if again is None:
                    raise
                try:
                    connection = again(connection, waiting.position)
                except Ended as ended:
                    waiting.rest(ended)
                    return dict(ended.result)


class _Wait:
    """One wait, which looks for `search` in the output itself, and goes on where it was over another connection."""

    def __init__(self, name: str, search: re.Pattern[str] | None, begin: Any, deadline: float | None) -> None:
        self._name = name
        self._search, self._begin, self._deadline = search, begin, deadline
        self._lines: LineReader | None = None
        self._head: int | None = None
        """Where the output stood when the wait began."""

    @property
    def position(self) -> int:
        """Up to where the output was looked at."""
        return self._lines.position if self._lines is not None else self._head or 0

    def until(self, connection: wire.Connection, words: dict[str, Any]) -> dict[str, Any]:
        """The daemon's answer. Raises Found, and TimedOut past the deadline (monotonic)."""
        deadline = self._deadline
        late = None if deadline is None else deadline + _GRACE
        connection.send(wire.greeting("request"))
        welcome = find.welcomed(connection, self._name)
        columns = 80
        if self._search is not None:
            summary, _ = connection.request("summary", deadline=late)
            columns = int(summary["session"]["columns"])
            if self._begin == "start" and self._lines is None:
                self._before(connection, late)
            words = {**words, "follow": True}
        words = {**words, **self._where(welcome.get("position"))}
        connection.send(wire.asking("wait", _WAIT, **words), late)
        while True:
            if deadline is not None and time.monotonic() > deadline + _GRACE:
                raise TimedOut("the time ran out")
            kind, payload = connection.receive(late)
            if kind == protocol.OUTPUT:
                position, data = protocol.split_number(payload)
                self._look(position, data, columns)
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if answer.get("id") == _WAIT:
                    if "error" in answer:
                        raise rebuild(answer["error"])
                    return answer

    def _where(self, head: Any) -> dict[str, Any]:
        """From where on output counts, and how much time is left; `head`: where the output stands now."""
        began = self._head
        if self._head is None:
            self._head = head if isinstance(head, int) else None
        left = {} if self._deadline is None else {"timeout": max(0.0, self._deadline - time.monotonic())}
        if self._lines is not None:
            return {**left, "from": self._lines.position, "since": self._begin}
        return {**left, "from": self._begin, "else": began}

    def rest(self, ended: Ended) -> None:
        """Looks at what is kept of the output of a session that has ended. Raises Found."""
        position = ended.result.get("position")
        if self._search is not None and isinstance(position, int) and ended.output:
            self._look(position - len(ended.output), ended.output, 80)

    def _before(self, connection: wire.Connection, deadline: float | None) -> None:
        """Looks through what the session still knows."""
        answer, data = connection.request("logs", deadline=deadline, lines=_MOST)
        for text in data.decode("utf-8", "replace").split("\n"):
            self._test(text, int(answer["position"]))

    def _look(self, position: int, data: bytes, columns: int) -> None:
        """Looks at output that begins at a position; what was looked at before is passed over."""
        if self._lines is None:
            from sesh.vt.lines import LineReader

            self._lines = LineReader(position, columns)
        lines = self._lines
        if position > lines.position:
            lines.position = position  # what lies between is known to nobody any more
        for each in lines.feed(data[lines.position - position :]):
            self._test(each.text, each.end)
        current = lines.current
        # A prompt ends with a blank, and who looks for one may look for its blank.
        self._test(current.untrimmed, current.end)

    def _test(self, text: str, position: int) -> None:
        found = self._search.search(text) if self._search is not None and text else None
        if found is not None:
            raise Found(found[0], position)
