"""Search the output of sessions for a regular expression (`grep`)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from sesh.errors import NotFound, SeshError
from sesh.ops import sessions, shell, views
from sesh.ops.pattern import Pattern
from sesh.reach.caller import Caller
from sesh.reach.op import encoded, op
from sesh.schema import codec
from sesh.schema.outcomes import Command, Counts, Hit, Hits
from sesh.wire import protocol

_MAX_LINES, _MAX_CONTEXT = 1_000_000, 1_000
_MAX_HITS = 10_000  # of one session; earlier hits are left out


@op(reads=True)
def grep(caller: Caller, pattern: str, names: Sequence[str] = (), context: int = 0, ignore_case: bool = False) -> Hits:
    """Return the lines of some or all sessions that match a regular expression.

    `line` is the number of the line, from 1; the rows of a full-screen program come after the kept lines. `before` and
    `after` have up to `context` lines each. `command` is the command that printed the line, if it is known. Raises
    UsageError. Raises Refused if the pattern takes too long.
    """
    hits: dict[str, list[Hit]] = {}
    failed: dict[str, SeshError] = {}
    searched = sessions.chosen(caller, names)
    with Pattern(pattern, ignore_case=ignore_case) as search:
        for name, lines in _texts(caller, searched, failed, named=bool(names)):
            hits[name] = _hits(caller, name, lines, search, min(max(context, 0), _MAX_CONTEXT))
    result: Hits = {"hits": [], "failed": sessions.acted_on(searched, failed)["failed"]}
    if caller.origin is not None:
        most = max(map(len, hits.values()), default=0)
        if (count := _last_that_fit(hits.values(), result)) < most:
            caller.note(f"only the last {count:,} hits of each session come over a link")
            hits = {name: found[max(0, len(found) - count) :] for name, found in hits.items()}
    result["hits"] += chain.from_iterable(hits.values())
    return result


@op(reads=True)
def count(caller: Caller, pattern: str, names: Sequence[str] = (), ignore_case: bool = False) -> Counts:
    """Return how many lines of some or all sessions match a regular expression. Raises as `grep`."""
    counts: dict[str, int] = {}
    failed: dict[str, SeshError] = {}
    searched = sessions.chosen(caller, names)
    with Pattern(pattern, ignore_case=ignore_case) as search:
        for name, lines in _texts(caller, searched, failed, named=bool(names)):
            counts[name] = sum(1 for _ in search.matches(lines))
    return {"counts": counts, "failed": sessions.acted_on(searched, failed)["failed"]}


def _texts(
    caller: Caller, searched: Sequence[str], failed: dict[str, SeshError], *, named: bool
) -> Iterator[tuple[str, list[str]]]:
    """Yield sessions with the lines to search; add the error of each other one. `named`: a person named them."""
    for name in searched:
        caller.progress()
        try:
            lines, alternate = views.last_lines(name, _MAX_LINES)
            if alternate:
                lines = [*lines, *views.screen(caller, name)["lines"]]
        except SeshError as error:
            if named or not isinstance(error, NotFound):  # a session may have ended since it was listed
                failed[name] = error
        else:
            yield name, lines


def _last_that_fit(hits: Iterable[Sequence[Hit]], empty: Hits) -> int:
    """Return how many of the last hits of each session fit into one response over a link, beside an empty result."""
    whole = encoded(empty)
    values, size = codec.weight(whole), len(whole)
    count = 0
    for count, last in enumerate(zip_longest(*map(reversed, hits))):
        for hit in filter(None, last):
            data = encoded(hit)
            values += codec.weight(data)
            size += len(data) + 1
        if values > codec.MAX_VALUES or size > protocol.MAX_RESPONSE:
            return count
    return count + 1


def _hits(caller: Caller, name: str, lines: list[str], search: Pattern, context: int) -> list[Hit]:
    numbers = [number for number, _ in search.matches(lines)][-_MAX_HITS:]
    commands = _commands(caller, name) if numbers else []
    return [
        {
            "session": name,
            "line": number + 1,
            "text": lines[number],
            "before": lines[max(0, number - context) : number],
            "after": lines[number + 1 : number + 1 + context],
            "command": command["command"] if command else None,
            "started": command["started"] if command else None,
            "host": None,
        }
        for number, command in zip(numbers, _printed_by(lines, numbers, commands))
    ]


def _commands(caller: Caller, name: str) -> list[tuple[str, Command]]:
    """Return each command in a session's history with its last line, the newest first."""
    try:
        history = shell.history(caller, name)
    except SeshError:
        return []
    commands = []
    for command in reversed(history):
        words = [str(word) for word in command.get("command") or []]
        text = (words[0] if len(words) == 1 else shlex.join(words)).rstrip()
        if text:
            commands.append((text.splitlines()[-1], command))
    return commands


def _printed_by(
    lines: Sequence[str], numbers: Sequence[int], commands: Sequence[tuple[str, Command]]
) -> Iterator[Command | None]:
    """Yield the last command whose text ends each numbered line, or a line above.

    `numbers` are sorted, so that one pass over the lines is enough.
    """
    ends = tuple(text for text, _ in commands)
    last = None
    first = 0
    for number in numbers:
        for line in map(str.rstrip, lines[first : number + 1]):
            if line.endswith(ends):
                last = next(command for text, command in commands if line.endswith(text))
        first = number + 1
        yield last
