"""Search for a person's pattern: in lines, and for `--grep` in the output of sessions, running and dormant.

A pattern may take forever: `(a+)+$`. Python's `re` lets no other thread run, but looks for signals. So a process of one
thread searches itself, until the signal of a timer. With other threads (the API, `--mcp`, a bridge) a child process
searches, and is killed.
"""

from __future__ import annotations

import json
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import NoReturn

from sesh import machine, wording
from sesh.errors import NotFound, Refused, SeshError, TimedOut, UsageError
from sesh.names import check_name, printable
from sesh.ops import sessions, shell, views
from sesh.outcomes import Command, Hit, Hits
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.vt.render.screen_data import ScreenText

PATIENCE = 5.0  # seconds for one portion of lines
_LONGEST = 10_000  # characters of a pattern
_PORTION = 1000  # lines in one portion
_LEAST = 0.001  # seconds of a timer; none would end it
_MOST_LINES, _MOST_CONTEXT = 1_000_000, 1_000
_MOST_HITS = 10_000  # hits of one session
_CHILD = """\
import json, re, signal, sys
expression = re.compile(sys.argv[1])
for lines in map(json.loads, sys.stdin):
    signal.alarm(60)  # the parent ends it sooner, unless the parent was killed
    print(json.dumps([(at, hit[0]) for at, line in enumerate(lines) if (hit := line and expression.search(line))]))
    sys.stdout.flush()
    signal.alarm(0)
"""
"""The program of the child process: it reads lists of lines, and answers each with its matches."""


class _TooLong(Exception):
    """The time for a portion is up."""


class Pattern:
    """A regular expression to search lines for. A context manager, as it may have a child process.

    Raises UsageError for an invalid expression.
    """

    def __init__(self, text: str) -> None:
        self.text = checked(text)
        self._expression = re.compile(text)
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Pattern:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            with suppress(OSError), self._child:  # lines are unwritten, and nobody reads any more
                self._child = None

    def matches(self, lines: Sequence[str], deadline: float | None = None) -> Iterator[tuple[int, str]]:
        """Yield the number of each line with a match, and the first match; an empty line has none.

        Raises TimedOut past the deadline (monotonic), Refused if the pattern takes too long.
        """
        for first in range(0, len(lines), _PORTION):
            for number, text in self._search([*lines[first : first + _PORTION]], deadline):
                yield first + number, text

    def _search(self, lines: list[str], deadline: float | None) -> list[tuple[int, str]]:
        left = PATIENCE if deadline is None else deadline - time.monotonic()
        seconds = max(_LEAST, min(PATIENCE, left))
        alone = threading.current_thread() is threading.main_thread() and threading.active_count() == 1
        try:
            if not alone:
                return self._search_in_child(lines, seconds)
            with _timer(seconds):
                search = self._expression.search
                return [(at, hit[0]) for at, line in enumerate(lines) if (hit := search(line) if line else None)]
        except _TooLong:
            if left < PATIENCE:
                raise TimedOut("timed out") from None
            hint = "write the pattern without a repeat within a repeat, as in (a+)+"
            raise Refused(f"{printable(self.text)} takes too long to search for", hint=hint) from None

    def _search_in_child(self, lines: list[str], seconds: float) -> list[tuple[int, str]]:
        try:
            child = self._child = self._child or self._start()
            assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 (both are pipes)
            child.stdin.write(json.dumps(lines) + "\n")
            child.stdin.flush()
            if not machine.polled([(child.stdout.fileno(), select.POLLIN)], time.monotonic() + seconds):
                raise _TooLong
            return [(number, text) for number, text in json.loads(child.stdout.readline())]
        except (OSError, ValueError) as error:
            raise Refused(f"the process that searches for {printable(self.text)} ended ({error}); try again") from error

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, self.text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C is for this process
        )


@contextmanager
def _timer(seconds: float) -> Iterator[None]:
    """Raise _TooLong within the block after so many seconds of processor time."""

    def end(*_: object) -> NoReturn:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def checked(text: str) -> str:
    """Return `text` if it is a regular expression. Raises UsageError."""
    if len(text) > _LONGEST:
        raise UsageError(f"a regular expression of {len(text):,} characters is too long; {_LONGEST:,} are the limit")
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        reason = wording.one_line(str(error))
        raise UsageError(f"{printable(text)} is not a regular expression: {reason}") from None
    return text


# -- sessions


@op(reads=True)
def grep(caller: Caller, pattern: str, names: Sequence[str] = (), context: int = 0, ignore_case: bool = False) -> Hits:
    """Return the lines that match a regular expression as `hits`, of some sessions or of all; and errors as `failed`.

    A hit: `session`, `line` (from 1, among the lines that are kept, and after them the rows of a full-screen program),
    `text`, `before` and `after` (as many lines as `context` says), and the `command` that printed it with the moment it
    `started`, if that is known. Raises UsageError, Refused if the pattern takes too long.
    """
    chosen = [check_name(name) for name in dict.fromkeys(names)]
    if not chosen:
        find.note_damage(caller)
        chosen = sessions.of_this_machine()
    hits: list[Hit] = []
    failed: dict[str, SeshError] = {}
    with Pattern(f"(?i){pattern}" if ignore_case else pattern) as search:
        for name in chosen:
            try:
                hits += _hits(caller, name, search, min(max(context, 0), _MOST_CONTEXT))
            except NotFound as error:
                if names:
                    failed[name] = error
            except Refused:
                raise
            except SeshError as error:
                failed[name] = error
    return {"hits": hits, "failed": sessions.outcome(chosen, failed)[1]}


def _hits(caller: Caller, name: str, search: Pattern, context: int) -> list[Hit]:
    lines, alternate = views.last_lines(name, _MOST_LINES)
    if alternate:  # what a full-screen program shows
        shown: ScreenText = views.screen(caller, name)  # type: ignore[assignment]  # that is its form
        lines = [*lines, *shown["lines"]]
    numbers = [number for number, _ in search.matches(lines)][-_MOST_HITS:]
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
    """Return the commands that were typed in a session, each with its last line; the newest first."""
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
    """Yield the command that printed each of some lines, whose numbers are in order: the last one above or on it.

    None where as many bytes as it has printed lie between. Each line is looked at once, as there may be very many.
    """
    ends = tuple(text for text, _ in commands)
    last, left, first = None, 0.0, 0
    for number in numbers:
        for line in map(str.rstrip, lines[first : number + 1]):
            if line.endswith(ends):
                last = next(command for text, command in commands if line.endswith(text))
                left = inf if last["output_bytes"] is None else last["output_bytes"]
            elif left > 0:  # the fewest bytes that a program can have written for it: a tab makes several blanks
                left -= len(" ".join(line.split()).encode("utf-8", "replace")) + 1
            else:
                last = None
        first = number + 1
        yield last
