"""Searching lines for a person's pattern, which may take forever: `(a+)+$`.

Python's `re` lets no other thread run, but looks for signals. So a process of one thread searches itself, until the
signal of a timer. With other threads (the API, `--mcp`, a bridge) a child process searches, and is killed.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from sesh import wire, wording
from sesh.errors import Refused, TimedOut, UsageError
from sesh.names import printable
from sesh.ops.searching import Found, found

LONGEST = 10_000
"""Characters of a pattern."""
PATIENCE = 5.0
"""Seconds for one portion of lines."""
PORTION = 1000
"""Lines in one portion."""
_LEAST = 0.001
"""Seconds of a timer; none would end it."""
_PROGRAM = os.path.join(os.path.dirname(__file__), "searching.py")


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
        """Yields the number of each line with a match, and the match.

        Raises TimedOut past the deadline (monotonic), Refused if the pattern takes too long.
        """
        for first in range(0, len(lines), PORTION):
            for number, text in self._search([*lines[first : first + PORTION]], deadline):
                yield first + number, text

    def _search(self, lines: list[str], deadline: float | None) -> Found:
        left = PATIENCE if deadline is None else deadline - time.monotonic()
        seconds = max(_LEAST, min(PATIENCE, left))
        alone = threading.current_thread() is threading.main_thread() and threading.active_count() == 1
        try:
            if not alone:
                return self._search_beside(lines, seconds)
            with _timer(seconds):
                return found(self._expression, lines)
        except _TooLong:
            if left < PATIENCE:
                raise TimedOut("timed out") from None
            hint = "write the pattern without a repeat within a repeat, as in (a+)+"
            raise Refused(f"{printable(self.text)} takes too long to search for", hint=hint) from None

    def _search_beside(self, lines: list[str], seconds: float) -> Found:
        try:
            child = self._child = self._child or self._start()
            assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 (both are pipes)
            child.stdin.write(json.dumps(lines) + "\n")
            child.stdin.flush()
            if not wire.polled([(child.stdout.fileno(), select.POLLIN)], time.monotonic() + seconds):
                raise _TooLong
            return [(number, text) for number, text in json.loads(child.stdout.readline())]
        except (OSError, ValueError) as error:
            raise Refused(f"the process that searches for {printable(self.text)} ended ({error}); try again") from error

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", _PROGRAM, self.text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C is for this process
        )


@contextmanager
def _timer(seconds: float) -> Iterator[None]:
    """Raises _TooLong within the block after so many seconds of processor time."""

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
    """Returns `text` if it is a regular expression. Raises UsageError."""
    if len(text) > LONGEST:
        raise UsageError(f"a regular expression of {len(text):,} characters is too long; {LONGEST:,} are the limit")
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        reason = wording.one_line(str(error))
        raise UsageError(f"{printable(text)} is not a regular expression: {reason}") from None
    return text
