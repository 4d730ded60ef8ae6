"""The process that searches for a pattern: `matching` runs this file by itself, so it loads nothing of sesh.

A message is its length in eight bytes, and text. The pattern comes, then texts; each is answered with the first line
that matches and the match, or with the numbers of all lines that match if the text begins with `*`.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Callable


def main(patience: float) -> None:
    """Answers on descriptor 0; the kernel ends it after `patience` seconds of one search. Raises EOFError."""
    pattern = re.compile(received(0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    while True:
        text = received(0)
        answer = _numbers if text[:1] == "*" else _first
        signal.setitimer(signal.ITIMER_PROF, patience)
        reply = answer(pattern, text[1:].split("\n"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        send(0, reply)


def _numbers(pattern: re.Pattern[str], lines: list[str]) -> str:
    return " ".join(str(number) for number, line in enumerate(lines) if line and pattern.search(line))


def _first(pattern: re.Pattern[str], lines: list[str]) -> str:
    for number, line in enumerate(lines):
        if line and (match := pattern.search(line)):
            return f"{number}\n{match[0]}"
    return ""


def received(descriptor: int, wait: Callable[[int], object] = bool) -> str:
    """The next message; `wait` is called before each read with its event, `bool` waits for none. Raises EOFError."""
    return _read(descriptor, int.from_bytes(_read(descriptor, 8, wait), "big"), wait).decode("utf-8", "surrogatepass")


def _read(descriptor: int, size: int, wait: Callable[[int], object]) -> bytes:
    parts = []
    while size:
        wait(select.POLLIN)
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def send(descriptor: int, text: str, wait: Callable[[int], object] = bool) -> None:
    """Sends a message; `wait` is called before each write with its event."""
    data = text.encode("utf-8", "surrogatepass")
    view = memoryview(len(data).to_bytes(8, "big") + data)
    while view:
        wait(select.POLLOUT)
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]))
    except EOFError:
        pass  # nobody asks any more
