"""Searching text for a person's pattern, which may take forever: `(a+)+$`.

Python's `re` cannot be stopped, and lets no other thread run. So it works in a process of its own (`searching`), which
the kernel ends when one answer has cost too much, or this one when the time is up. A pattern that is plain text needs
none.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence

from sesh import errors, wire, wording
from sesh.errors import Refused, UsageError
from sesh.names import printable
from sesh.ops import searching

LONGEST = 10_000
"""Characters of a pattern."""
PATIENCE = 5.0
"""Seconds of processor time for one portion of text."""
_SLOW = 1.0
"""Seconds of a search after which a timeout is the pattern's fault."""
PORTION = 64 << 10
"""Characters of text in one portion, as a rule; a line is never cut."""
_SIMPLER = "write the pattern without a repeat within a repeat, as in (a+)+"
_SPECIAL = frozenset(r"\.^$*+?{}[]|()")
_PROGRAM = os.path.join(os.path.dirname(__file__), "searching.py")


class Pattern:
    """A regular expression to search lines for. A context manager, as it may have a process.

    Raises UsageError for an invalid expression.
    """

    def __init__(self, text: str) -> None:
        self.text = checked(text)
        self._plain = _SPECIAL.isdisjoint(text)
        self._pid = 0
        self._socket: socket.socket | None = None

    def __enter__(self) -> Pattern:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # this process ignores SIGCHLD
            self._reap()

    def search(self, lines: Sequence[str], deadline: float | None = None) -> tuple[int, str] | None:
        """The number of the first line with a match, and the match; None if there is none.

        Lines hold no line feed. Raises TimedOut past the deadline (monotonic), Refused if the pattern takes too long.
        """
        if not any(lines):
            return None
        if self._plain:
            return next(((number, self.text) for number, line in enumerate(lines) if line and self.text in line), None)
        for first, text in _portions(lines):
            answer = self._ask(f".{text}", deadline)
            if answer:
                number, _, match = answer.partition("\n")
                return first + int(number), match
        return None

    def numbers(self, lines: Sequence[str]) -> list[int]:
        """The numbers of all lines with a match. Raises Refused if the pattern takes too long."""
        if self._plain:
            return [number for number, line in enumerate(lines) if line and self.text in line]
        numbers: list[int] = []
        for first, text in _portions(lines):
            numbers += [first + int(number) for number in self._ask(f"*{text}", None).split()]
        return numbers

    def _ask(self, text: str, deadline: float | None) -> str:
        began, texts = time.monotonic(), [text]
        if self._socket is None:
            self._socket, texts = self._start(), [self.text, text]
        descriptor = self._socket.fileno()

        def wait(events: int) -> None:
            if not wire.polled([(descriptor, events)], deadline):
                raise errors.TimedOut("timed out")

        try:
            for message in texts:
                searching.send(descriptor, message, wait)
            return searching.received(descriptor, wait)
        except errors.TimedOut as late:
            if time.monotonic() - began > _SLOW:
                late.hint = _SIMPLER
            raise
        except (EOFError, OSError):
            status = self._reap()
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
                raise Refused(f"{printable(self.text)} takes too long to search for", hint=_SIMPLER) from None
            killed = f"the process that searches for {printable(self.text)} was killed; try again"
            raise Refused(killed) from None

    def _reap(self) -> int:
        """The wait status of the other process, 0 if something else took it."""
        pid, self._pid = self._pid, 0
        try:
            return os.waitpid(pid, 0)[1]
        except ChildProcessError:
            return 0

    def _start(self) -> socket.socket:
        """Starts the other process; returns the socket to it. Raises Refused if the system does not let it start."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", _PROGRAM, str(PATIENCE)],
                dict(os.environ),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, nothing, 1),
                    (os.POSIX_SPAWN_DUP2, nothing, 2),
                ],
                setpgroup=0,  # Ctrl-C is for this process
                setsigmask=(),
            )
        except OSError as error:
            ours.close()
            raise Refused(f"cannot execute {sys.executable}: {error.strerror}") from error
        finally:
            theirs.close()
            os.close(nothing)
        ours.setblocking(False)
        return ours


def _portions(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    first = 0
    while first < len(lines):
        after, size = first, 0
        while after < len(lines) and (after == first or size + len(lines[after]) < PORTION):
            size += len(lines[after]) + 1
            after += 1
        yield first, "\n".join(lines[first:after])
        first = after


def checked(text: str) -> str:
    """`text` itself if it is a regular expression. Raises UsageError."""
    if len(text) > LONGEST:
        raise UsageError(f"a regular expression of {len(text):,} characters is too long; {LONGEST:,} are the limit")
    if _SPECIAL.isdisjoint(text):
        return text
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        reason = wording.one_line(str(error))
        raise UsageError(f"{printable(text)} is not a regular expression: {reason}") from None
    return text
