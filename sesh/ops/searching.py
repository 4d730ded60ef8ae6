"""The child process that searches for a pattern: `search` runs this file by itself, so it loads nothing of sesh.

Its argument is the pattern. It reads lists of lines, and answers each with its matches, as JSON, one value a line.
"""

from __future__ import annotations

import json
import re
import signal
import sys

Found = list[tuple[int, str]]
"""The number of each line with a match, and the match."""

_ORPHANED = 60
"""Seconds after which a search ends by itself: the parent ends it sooner, unless the parent was killed."""


def found(pattern: re.Pattern[str], lines: list[str]) -> Found:
    """Returns the first match of each line that has one; an empty line has none."""
    return [(number, match[0]) for number, line in enumerate(lines) if line and (match := pattern.search(line))]


def main() -> None:
    """Answers until the other side closes stdin."""
    pattern = re.compile(sys.argv[1])
    for line in sys.stdin:
        signal.alarm(_ORPHANED)
        sys.stdout.write(json.dumps(found(pattern, json.loads(line))) + "\n")
        sys.stdout.flush()
        signal.alarm(0)


if __name__ == "__main__":
    main()
