"""Searching text for a person's pattern, which may take forever: `(a+)+$`.

Python's `re` cannot be stopped, and lets no other thread run. So it works in a process of its own (`searching`), which
the kernel ends when one answer has cost too much, or this one when the time is up. A pattern that is plain text needs
none.
"""

from __future__ import annotations

import os
import select
import sys
import time

from sesh import wire, wording
from sesh.errors import Refused, TimedOut, UsageError
from sesh.lean import signal, socket
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        began = time.monotonic()
        starts = self._socket is None
        if self._socket is None:
            self._socket = self._start()
        try:
            if starts:
                _send(self._socket, self.text, deadline)
            _send(self._socket, text, deadline)
            size = int.from_bytes(_receive(self._socket, 8, deadline), "big")
            return _receive(self._socket, size, deadline).decode("utf-8", "surrogatepass")
        except TimedOut as late:
            if time.monotonic() - began > _SLOW:
                late.hint = _SIMPLER
            raise
        except OSError:
            raise self._died() from None

    def _died(self) -> Refused:
        """The error for a process that has ended."""
        status = self._reap()
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
            return Refused(f"{printable(self.text)} takes too long to search for", hint=_SIMPLER)
        return Refused(f"the process that searches for {printable(self.text)} was killed; try again")

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


def _send(opened: socket.socket, text: str, deadline: float | None) -> None:
    data = text.encode("utf-8", "surrogatepass")
    view = memoryview(len(data).to_bytes(8, "big") + data)
    while view:
        _wait(opened, select.POLLOUT, deadline)
        view = view[opened.send(view) :]


def _receive(opened: socket.socket, size: int, deadline: float | None) -> bytes:
    parts = []
    while size:
        _wait(opened, select.POLLIN, deadline)
        data = opened.recv(size)
        if not data:
            raise BrokenPipeError
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def _wait(opened: socket.socket, events: int, deadline: float | None) -> None:
    if not wire.polled([(opened.fileno(), events)], deadline):
        raise TimedOut("timed out")


def checked(text: str) -> str:
    """`text` itself if it is a regular expression. Raises UsageError."""
    if len(text) > LONGEST:
        raise UsageError(f"a regular expression of {len(text):,} characters is too long; {LONGEST:,} are the limit")
    if _SPECIAL.isdisjoint(text):
        return text
    import re

    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        reason = wording.one_line(str(error))
        raise UsageError(f"{printable(text)} is not a regular expression: {reason}") from None
    return text
