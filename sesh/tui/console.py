"""The terminal of the board and of questions: keys, and rows on the alternate screen."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Iterable, Sequence
from math import inf

from sesh.client import terminal as terminals
from sesh.client.keys import FLUSH_DELAY
from sesh.client.terminal import RawTerminal
from sesh.system.descriptors import polled
from sesh.tui.keys import Keys

_SIGNAL_KEYS: dict[int, str] = {signal.SIGINT: "C-c", signal.SIGWINCH: "resize"}
_BLOCK = 1 << 12
_WRITE_TIMEOUT = 2.0
_ENTER_SCREEN = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[m\x1b[2J"  # the alternate screen, without cursor and wrapping
_LEAVE_SCREEN = b"\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN_UPDATE, _END_UPDATE = b"\x1b[?2026h", b"\x1b[?2026l"  # synchronized output: all rows change at once


class Console:
    """Reads the keys of a raw terminal.

    `single`: read byte by byte, so that input after a key stays for the next reader.
    """

    def __init__(self, terminal: RawTerminal, *, single: bool = False) -> None:
        self.terminal = terminal
        self._single = single
        self._keys = Keys()

    def wait(self, others: Iterable[int] = (), seconds: float = inf) -> tuple[list[str], set[int]]:
        """Wait for keys, a readable descriptor, or the timeout; return keys and ready `others`.

        Some events count as keys: `resize`, `hangup` (the terminal is gone), and `C-c` for SIGINT. Raises SystemExit
        for a signal that ends sesh.
        """
        own = {self.terminal.inbound, self.terminal.signals}
        watched = [(descriptor, select.POLLIN) for descriptor in (*own, *others)]
        until = time.monotonic() + seconds
        while True:
            pause = time.monotonic() + FLUSH_DELAY if self._keys.partial else inf
            ready = set(polled(watched, min(pause, until)))
            keys = self._signalled() if self.terminal.signals in ready else []
            if self.terminal.inbound in ready:
                keys += self._read()
            elif not ready:
                keys += self._keys.flush()
            if keys or ready - own or time.monotonic() >= until:
                return keys, ready - own

    def _read(self) -> list[str]:
        data = self.terminal.read(1 if self._single else _BLOCK)
        return ["hangup"] if data == b"" else self._keys.feed(data or b"")

    def _signalled(self) -> list[str]:
        keys = []
        for number in sorted(self.terminal.take_signals()):
            if number in terminals.EXIT_SIGNALS and number != signal.SIGINT:
                raise SystemExit(128 + number)
            if number in _SIGNAL_KEYS:
                keys.append(_SIGNAL_KEYS[number])
        return keys


class FullScreen(Console):
    """A console on the alternate screen, which it enters and leaves as a context manager."""

    def __init__(self, terminal: RawTerminal) -> None:
        super().__init__(terminal)
        self._drawn: list[str] = []

    def __enter__(self) -> FullScreen:
        self.terminal.write_all(_ENTER_SCREEN, _WRITE_TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.write_all(_LEAVE_SCREEN, _WRITE_TIMEOUT)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.terminal.grid()

    @property
    def blank(self) -> bool:
        """True if all rows must be redrawn."""
        return not self._drawn

    def draw(self, lines: Sequence[str]) -> None:
        """Draw rows, each no wider than the terminal; write only those that have changed."""
        lines = list(lines[: self.size[1]])
        out = []
        for number, line in enumerate(lines):
            if self._drawn[number : number + 1] != [line]:
                out.append(f"\x1b[{number + 1};1H{line}\x1b[m\x1b[K")
        if len(lines) < len(self._drawn):
            out.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        if out:
            data = "".join(out).encode("utf-8", "replace")
            written = self.terminal.write_all(_BEGIN_UPDATE + data + _END_UPDATE, _WRITE_TIMEOUT)
            self._drawn = lines if written else []

    def wait(self, others: Iterable[int] = (), seconds: float = inf) -> tuple[list[str], set[int]]:
        """Wait like `Console.wait`, without `resize`. A new size clears the screen."""
        keys, ready = super().wait(others, seconds)
        if "resize" in keys:
            self._drawn = []
            self.terminal.write_all(b"\x1b[m\x1b[2J", _WRITE_TIMEOUT)
        return [key for key in keys if key != "resize"], ready

    def ring(self, data: bytes) -> None:
        """Write bytes that draw nothing: a bell, a notification."""
        self.terminal.write_all(data, _WRITE_TIMEOUT)
