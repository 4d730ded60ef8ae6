"""The process that searches for a pattern: `matching` runs this file by itself, so it loads nothing of sesh.

A message is its length in eight bytes, and text. The pattern comes, then texts; each is answered with the first line
that matches and the match, or with the numbers of all lines that match if the text begins with `*`.
"""

from __future__ import annotations

import os
import re
import signal
import sys


def main(patience: float) -> None:
    """Answers on descriptor 0; the kernel ends it after `patience` seconds of one search. Raises EOFError."""
    pattern = re.compile(_received())
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    while True:
        text = _received()
        answer = _numbers if text[:1] == "*" else _first
        signal.setitimer(signal.ITIMER_PROF, patience)
        reply = answer(pattern, text[1:].split("\n"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(reply)


def _numbers(pattern: re.Pattern[str], lines: list[str]) -> str:
    return " ".join(str(number) for number, line in enumerate(lines) if line and pattern.search(line))


def _first(pattern: re.Pattern[str], lines: list[str]) -> str:
    for number, line in enumerate(lines):
        if line and (match := pattern.search(line)):
            return f"{number}\n{match[0]}"
    return ""


def _received() -> str:
    return _read(int.from_bytes(_read(8), "big")).decode("utf-8", "surrogatepass")


def _read(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(0, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    view = memoryview(len(data).to_bytes(8, "big") + data)
    while view:
        view = view[os.write(0, view) :]


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]))
    except EOFError:
        pass  # nobody asks any more
