"""`--wait`: until a session ends, is at its prompt, is silent, or prints what is looked for; which of them it was."""

from __future__ import annotations

import re
import time

from sesh import protocol, results, wire
from sesh.cli import create, far, find, show
from sesh.errors import NotFound, Refused, TimedOut, Unreachable, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.lines import Lines
    from sesh.cli.words import Line

_PATIENCE = 10.0
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
    with find.required(name) as connection:
        told = met(connection, name, exit_=exit_, prompt=prompt, idle=silence, search=search, begin=begin, limit=limit)
    return _say(line, name, told)


def met(
    connection: wire.Connection,
    name: str,
    *,
    exit_: bool,
    prompt: bool,
    idle: float | None,
    search: re.Pattern[str] | None,
    begin: int | str,
    limit: float | None,
) -> dict[str, Any]:
    """Waits for whatever comes first: which it was (`met`), with `match`, `exit_code` and `position`.

    `begin`: the position of the output that counts, `sent` for that after the last `--send`, `start` for all. Raises
    TimedOut after `limit` seconds, Refused where the session ends and that was not waited for, Unreachable.
    """
    exit_ = exit_ or (not prompt and idle is None and search is None)
    deadline = None if limit is None else time.monotonic() + limit
    words = {"exit": True, "prompt": prompt or None, "idle": idle, "timeout": limit}
    connection.hello("request", time.monotonic() + _PATIENCE)
    try:
        answer = _Wait(connection, name, search).until(words, begin, deadline)
    except Found as found:
        return {"met": "for", "match": found.match, "exit_code": None, "position": found.position}
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
        show.value({"session": name, "host": far.host(), **told})
    else:
        more = show.plain(match) if match is not None else "" if code is None else str(code)
        show.text(f"{told['met']}: {more}" if more else told["met"])
    return code or 0


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression. Raises UsageError for what is none."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{printable(pattern)} is no regular expression: {show.one_line(str(error))}") from None


class _Wait:
    """One wait over a connection, which looks for `search` in the output itself."""

    def __init__(self, connection: wire.Connection, name: str, search: re.Pattern[str] | None) -> None:
        self._connection, self._name, self._search = connection, name, search

    def until(self, words: dict[str, Any], begin: Any, deadline: float | None) -> dict[str, Any]:
        """The daemon's answer. Raises Found, and TimedOut past the deadline (monotonic)."""
        connection = self._connection
        late = None if deadline is None else deadline + _GRACE
        columns = 80
        if self._search is not None:
            summary, _ = connection.request("summary", deadline=late)
            columns = int(summary["session"]["columns"])
            if begin == "start":
                self._before(late)
            words = {**words, "follow": True}
        connection.send(wire.asking("wait", _WAIT, **{**words, "from": begin}), late)
        lines: Lines | None = None
        while True:
            if deadline is not None and time.monotonic() > deadline + _GRACE:
                raise TimedOut("the time ran out")
            kind, payload = connection.receive(late)
            if kind == protocol.OUTPUT:
                position, data = protocol.split_number(payload)
                if lines is None:
                    from sesh.cli.lines import Lines

                    lines = Lines(position, columns)
                self._look(lines, data)
            elif kind == protocol.RESPONSE:
                answer = protocol.parse(payload)
                if answer.get("id") == _WAIT:
                    if "error" in answer:
                        raise wire.failure(answer["error"])
                    return answer

    def _before(self, deadline: float | None) -> None:
        """Looks through what the session still knows."""
        answer, data = self._connection.request("logs", deadline=deadline, lines=_MOST)
        for text in data.decode("utf-8", "replace").split("\n"):
            self._test(text, int(answer["position"]))

    def _look(self, lines: Lines, data: bytes) -> None:
        for each in lines.feed(data):
            self._test(each.text, each.end)
        current = lines.current
        # A prompt ends with a blank, and who looks for one may look for its blank.
        self._test("".join(cell.data for cell in current.cells), current.end)

    def _test(self, text: str, position: int) -> None:
        found = self._search.search(text) if self._search is not None and text else None
        if found is not None:
            raise Found(found[0], position)
