"""The programs in the session: one that prints numbered lines when it is told to, and one that fills the screen."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

from tests.support import Home

READY, END = b"READY", b"THE END"
_BEGIN = "stty raw -echo opost onlcr\nprintf 'READY\\n'\n"
_ANSWER = "while read word; do printf 'pong %s\\n' \"$word\"; done\n"


class Program:
    """A shell script, a session's program, with a gate before each part. After the last part it answers what is typed.

    It answers `1` with `pong 1`.
    """

    def __init__(self, home: Home, parts: Sequence[str], *, after: str = "", before: str = "") -> None:
        self._home = home
        self._gates = [self._gate(number) for number in range(len(parts))]
        text = _BEGIN + before
        for number, part in enumerate(parts):
            text += f"read go <gate-{number}\n{part}\n: >printed-{number}\n"
        self.path = home.write("program", text + after + _ANSWER)

    def _gate(self, number: int) -> int:
        path = os.path.join(self._home.path, f"gate-{number}")
        os.mkfifo(path, 0o600)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)  # a FIFO that is open both ways never makes anybody wait

    def open(self, name: str) -> None:
        """Open the session whose program it is."""
        done = self._home.sesh("open", name, "--", "sh", self.path, cwd=self._home.path)
        assert done.code == 0, done

    def go(self, part: int) -> None:
        """Let it print a part, once it has printed those before."""
        os.write(self._gates[part], b"go\n")

    def printed(self, part: int) -> bool:
        """Tell whether it has printed a part."""
        return os.path.exists(os.path.join(self._home.path, f"printed-{part}"))

    def close(self) -> None:
        for gate in self._gates:
            os.close(gate)


def numbered(home: Home, *counts: int) -> Program:
    """Return a program whose parts have so many numbered lines; it prints END behind the last."""
    parts, first = [], 1
    for count in counts:
        # On a terminal seq writes each line by itself, which would be slow; cat writes all that it gets.
        parts.append(f"seq -f 'line %08.0f' {first} {first + count - 1} | cat")
        first += count
    return Program(home, parts, after="printf 'THE END\\n'\n")


def filling(home: Home, sequence: str, size: int) -> Program:
    """Return a program whose one part has `size` bytes of a sequence that is dear to draw; first it answers once."""
    code = f"import sys; sys.stdout.write({sequence!r} * {size // len(sequence)})"
    part = f"{shlex.quote(sys.executable)} -ISc {shlex.quote(code)}"
    return Program(home, [part], before="read word; printf 'pong %s\\n' \"$word\"\n")
