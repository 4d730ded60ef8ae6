"""A regular expression that a child process searches for.

A pattern such as `(a+)+$` may take forever, and Python's `re` holds the GIL. So a child process searches, and is killed
if it takes too long.
"""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from sesh.errors import Refused, TimedOut, UsageError
from sesh.names import printable
from sesh.system import descriptors
from sesh.text import safe

BATCH_TIMEOUT = 5.0  # seconds to search one batch of lines; a pattern that takes longer is refused
_MIN_TIME = 0.5  # seconds for the child to start and search, even past the deadline
_MAX_PATTERN = 10_000  # characters; a longer pattern is refused
_BATCH = 1000  # lines
# The child process reads batches of lines, and prints the matches of each.
_CHILD = """\
import json, re, signal, sys
expression = re.compile(sys.argv[1], int(sys.argv[2]))
for lines in map(json.loads, sys.stdin):
    signal.alarm(60)  # the parent kills it sooner, unless the parent was killed
    print(json.dumps([(at, hit[0]) for at, line in enumerate(lines) if (hit := line and expression.search(line))]))
    sys.stdout.flush()
    signal.alarm(0)
"""


class Pattern:
    """A regular expression, with the child process that searches for it. Raises UsageError if invalid."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        self._flags = int(re.IGNORECASE) if ignore_case else 0  # no (?i) in the text, which errors show
        self.text = check_pattern(text, self._flags)
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Pattern:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            with suppress(OSError), self._child:  # closing the pipe flushes lines that the child no longer reads
                self._child = None

    def matches(self, lines: Sequence[str], deadline: float | None = None) -> Iterator[tuple[int, str]]:
        """Yield each matching line's number and first match; an empty line never matches.

        Raises TimedOut past the deadline (monotonic), Refused if the pattern takes too long.
        """
        for first in range(0, len(lines), _BATCH):
            for number, text in self._search(lines[first : first + _BATCH], deadline):
                yield first + number, text

    def _search(self, lines: Sequence[str], deadline: float | None) -> list[tuple[int, str]]:
        now = time.monotonic()
        until = now + BATCH_TIMEOUT if deadline is None else min(now + BATCH_TIMEOUT, max(now + _MIN_TIME, deadline))
        try:
            child = self._child = self._child or self._start()
            assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 (both are pipes)
            child.stdin.write(json.dumps(lines) + "\n")
            child.stdin.flush()
            if descriptors.polled([(child.stdout.fileno(), select.POLLIN)], until):
                return [(number, text) for number, text in json.loads(child.stdout.readline())]
        except (OSError, ValueError) as error:
            raise Refused(f"the process that searches for {printable(self.text)} ended ({error}); try again") from error
        if deadline is not None and deadline <= until:
            raise TimedOut("timed out")
        hint = "write the pattern without a repeat within a repeat, as in (a+)+"
        raise Refused(f"{printable(self.text)} takes too long to search for", hint=hint)

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, self.text, str(self._flags)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            start_new_session=True,  # so that Ctrl-C does not kill it
        )


def check_pattern(text: str, flags: int = 0) -> str:
    """Return `text` if it is a regular expression. Raises UsageError."""
    if len(text) > _MAX_PATTERN:
        raise UsageError(
            f"a regular expression of {len(text):,} characters is too long; {_MAX_PATTERN:,} are the limit"
        )
    try:
        re.compile(text, flags)
    except (re.error, RecursionError, OverflowError) as error:
        reason = safe.one_line(str(error))
        raise UsageError(f"{printable(text)} is not a regular expression: {reason}") from None
    return text
