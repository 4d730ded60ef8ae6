"""What a person reads of their desktop, on sesh's own line of the terminal."""

from __future__ import annotations

import time
from typing import Protocol

from sesh.client.desktop.exchanges import Exchange
from sesh.text import safe

SAID_EVERY = 60.0  # seconds between two lines of the same kind and program
MAX_NAME = 32  # characters of a program's name
_MAX_SAID = 64  # lines that are remembered; a host that renames its programs gets no more


class Lines(Protocol):
    """The terminal, as far as sesh's own lines go (`TerminalView`)."""

    @property
    def line_columns(self) -> int:
        """The columns that a line has."""

    def show_notice(self, text: str) -> None: ...

    def ask_line(self, text: str, seconds: float = 0.0) -> None: ...


class News:
    """What is told once a minute for each kind and program. `host`: where the programs run; None on this machine."""

    def __init__(self, lines: Lines, host: str | None) -> None:
        self._lines = lines
        self._place = f" on @{host}" if host is not None else ""
        self._said: dict[tuple[str, str], float] = {}

    def asker(self, exchange: Exchange) -> str:
        """Return what to call the program that asks: `vim on @gpu`."""
        return f"{program_of(exchange)}{self._place}"

    def tell(self, exchange: Exchange, kind: str, what: str) -> None:
        """Show what a program has done, as a notice."""
        if self.are_due(exchange, kind):
            self._lines.show_notice(f"{self.asker(exchange)}{what}")

    def are_due(self, exchange: Exchange, kind: str) -> bool:
        """Return whether to show a line of this kind now, and count it."""
        now, key = time.monotonic(), (kind, program_of(exchange))
        self._said = {each: at for each, at in self._said.items() if now < at + SAID_EVERY}
        if key in self._said or len(self._said) >= _MAX_SAID:
            return False
        self._said[key] = now
        return True


def program_of(exchange: Exchange) -> str:
    """Return the name of the program that asks, without controls."""
    name = safe.plain(exchange.ask.get("program", "")).strip()
    return safe.cut(name, MAX_NAME) or "a program"
