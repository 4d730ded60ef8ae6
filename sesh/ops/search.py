"""Searching the output of sessions, running and dormant: scrollback and screen."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from sesh.errors import NotFound, Refused, SeshError
from sesh.ops import sessions, shell, views
from sesh.ops.matching import Pattern
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import Command, Hit, Hits
from sesh.vt.render.screen_data import ScreenText

MOST_LINES = 1_000_000
MOST_HITS = 10_000
"""Hits of one session."""
MOST_CONTEXT = 1_000


@op(reads=True)
def grep(caller: Caller, pattern: str, names: Sequence[str] = (), context: int = 0, ignore_case: bool = False) -> Hits:
    """Returns the lines that match a regular expression as `hits`, of some sessions or of all; and errors as `failed`.

    A hit: `session`, `line` (from 1, among the lines that are kept, and after them the rows of a full-screen program),
    `text`, `before` and `after` (as many lines as `context` says), and the `command` that printed it with the moment it
    `started`, if that is known. Raises UsageError, Refused if the pattern takes too long.
    """
    chosen = [find.checked(name, "--grep") for name in dict.fromkeys(names)]
    if not chosen:
        find.note_damage(caller)
        chosen = sessions.of_this_machine()
    hits: list[Hit] = []
    failed: dict[str, SeshError] = {}
    with Pattern(f"(?i){pattern}" if ignore_case else pattern) as search:
        for name in chosen:
            try:
                hits += _hits(caller, name, search, min(max(context, 0), MOST_CONTEXT))
            except NotFound as error:
                if names:
                    failed[name] = error
            except Refused:
                raise
            except SeshError as error:
                failed[name] = error
    return {"hits": hits, "failed": sessions.outcome(chosen, failed)[1]}


def _hits(caller: Caller, name: str, search: Pattern, context: int) -> list[Hit]:
    lines, alternate = views.last_lines(name, MOST_LINES)
    if alternate:  # what a full-screen program shows
        shown: ScreenText = views.screen(caller, name)  # type: ignore[assignment]  # that is its form
        lines = [*lines, *shown["lines"]]
    numbers = [number for number, _ in search.matches(lines)][-MOST_HITS:]
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
        }
        for number, command in zip(numbers, _printed_by(lines, numbers, commands), strict=True)
    ]


def _commands(caller: Caller, name: str) -> list[tuple[str, Command]]:
    """Returns the commands that were typed in a session, each with its last line; the newest first."""
    try:
        entries = shell.history(caller, name)
    except SeshError:
        return []
    typed = []
    for entry in reversed(entries):
        words = [str(word) for word in entry.get("command") or []]
        text = (words[0] if len(words) == 1 else shlex.join(words)).rstrip()
        if text:
            typed.append((text.splitlines()[-1], entry))
    return typed


def _printed_by(
    lines: Sequence[str], numbers: Sequence[int], commands: Sequence[tuple[str, Command]]
) -> Iterator[Command | None]:
    """Yields the command that printed each of some lines, whose numbers are in order: the last one above or on it.

    None where its output has ended by then: as many bytes as it has printed are above, or another line after its
    prompt, of a command that nothing has marked. Each line is looked at once, as a session may have printed very many.
    """
    ends = tuple(text for text, _ in commands)
    last, prompt, first = None, "", 0
    left = 0.0
    for number in numbers:
        for line in map(str.rstrip, lines[first : number + 1]):
            if line.endswith(ends):
                text, last = next(row for row in commands if line.endswith(row[0]))
                size = last["output_bytes"]
                prompt, left = line[: -len(text)], float("inf") if size is None else size
            elif last is not None:
                if left <= 0 or (prompt.strip() and line.startswith(prompt)):
                    last = None
                left -= _fewest_bytes(line)
        first = number + 1
        yield last


def _fewest_bytes(line: str) -> int:
    """Returns the fewest bytes that a program can have written for a line: a tab makes several blanks."""
    return len(" ".join(line.split()).encode("utf-8", "replace")) + 1
