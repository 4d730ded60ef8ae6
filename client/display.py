"""The terminal as a display: output, a line of sesh's own, and the undo of both when the client leaves."""

from __future__ import annotations

import re

from sesh.client.own_row import CLEAR, overlay
from sesh.client.terminal import RawTerminal
from sesh.client.undo import Undo, unfinished_character
from sesh.messages import Message
from sesh.vt.render.clean_screen import CANCEL, clean_screen, fresh_row
from sesh.wording import plain

MAX_PENDING = 1 << 20
"""Bytes waiting for the terminal at which the daemon is not read any more."""
_MAX_NOTIFICATIONS = 8 << 10
"""Bytes of notifications that wait for the end of a sequence; beyond it the last one counts."""
_WRITE_TIMEOUT = 1.0
"""Seconds for the terminal to take the last bytes when the client leaves."""
_LATE_REPLIES = 0.1
"""Seconds in which the terminal may still answer a query that the program made."""
_LAST_ROW = 9999
_FRESH_ROW = re.compile(rb"\r\n(?:\x1b\[[0-9;?]*[hlm]|\r)*\Z")
"""Output that leaves the cursor on a fresh row: nothing behind the line feed prints."""
_TAIL_SIZE = 64


class Display:
    """The queue of bytes for the terminal, and the settings that they change."""

    def __init__(self, terminal: RawTerminal) -> None:
        self.terminal = terminal
        self._notifications = b""
        """Notifications that wait for the end of a sequence."""
        self._alternate = False
        """True if the alternate screen was on when the display was suspended last."""
        self._reset()

    def _reset(self) -> None:
        """Start from a terminal that does not show the session."""
        self.started = False
        """True if the terminal shows the session."""
        self.covered = False
        """True if a line of sesh's own lies over the last row."""
        self._queue = bytearray()
        self._undo = Undo()
        self._tail = b""
        """The newest output."""
        self._character = b""
        """The bytes of a character whose end has not come. Broken off, it would print, and wrap at the end of a row."""

    @property
    def pending(self) -> int:
        """Bytes waiting for the terminal."""
        return len(self._queue)

    @property
    def unfinished(self) -> int:
        """Bytes of the incomplete sequence or character at the end of the output."""
        return self._undo.unfinished

    @property
    def in_string(self) -> bool:
        """True if the output ends within a string, as of an image."""
        return self._undo.in_string

    # -- output

    def screen(self, data: bytes, before: bytes = b"") -> None:
        """Show bytes that draw the whole screen, in the place of a character whose end has not come."""
        self._character = b""
        self.show(data, before)

    def show(self, data: bytes, before: bytes = b"", after: bytes = b"") -> None:
        """Show output, or queue the bytes that the terminal does not take now. Raises OSError if it has gone.

        `before`, `after`: bytes drawn along with it that leave mode, pen and cursor as they are.
        """
        data = self._character + data
        end = len(data) - unfinished_character(data)
        data, self._character = data[:end], data[end:]
        if self.covered:
            self.covered, before = False, CLEAR + before
        if data:
            self.started = True
            self._undo.feed(data)
            self._tail = (self._tail + data)[-_TAIL_SIZE:]
        self.draw(before + data + after if before or after else data)
        if self._notifications:
            self.tell(b"")

    def draw(self, data: bytes) -> None:
        """Write bytes that change no setting. Raises OSError if the terminal has gone."""
        self._queue += data if self._queue or not data else data[self.terminal.write(data) :]

    def flush(self) -> None:
        """Write as much of the queue as the terminal takes now. Raises OSError if it has gone."""
        del self._queue[: self.terminal.write(self._queue)]

    def tell(self, notification: bytes) -> None:
        """Have the terminal show a notification to the person, between two sequences of the program."""
        notifications = self._notifications + notification
        self._notifications = notifications if len(notifications) <= _MAX_NOTIFICATIONS else notification
        if self.started and not self.unfinished:
            self.draw(self._notifications)
            self._notifications = b""

    # -- lines of sesh's own

    def cover(self, text: str) -> None:
        """Lay a line over the last row; it breaks off an unfinished sequence, and the screen has to be drawn again."""
        self.covered = True
        self.draw(CANCEL + overlay(text, self.terminal.grid()[0]))
        self.flush()

    def line(self, text: str) -> None:
        """Print a line on a terminal that does not show the session."""
        self.terminal.write_all(f"[{plain(text)}]\r\n".encode("utf-8", "replace"), _WRITE_TIMEOUT)

    def rule(self, text: str) -> None:
        """Print a line above the output that follows, on a terminal that does not show the session."""
        columns, _ = self.terminal.grid()
        line = f"{plain(text)[:columns]}\r\n".encode("utf-8", "replace")
        self.terminal.write_all(fresh_row(columns) + line, _WRITE_TIMEOUT)

    # -- leaving

    def leave(self, lines: list[str], farewell: Message) -> None:
        """Restore the terminal and say why: undo the settings, go to a fresh row, print the lines.

        `farewell`: the daemon's last message, which says how it left the screen; empty if there was none.
        """
        unknown = self.started and not farewell
        if self.started and not self._restore(farewell):
            return  # the terminal takes nothing
        if unknown or farewell.get("queries") is True:
            self.terminal.discard(_LATE_REPLIES)
        for text in lines:
            self.line(text)

    def _restore(self, farewell: Message) -> bool:
        """Undo the settings and go to a fresh row, dropping the queue; False if the terminal takes nothing."""
        alternate = self._undo.alternate
        rows_below = farewell.get("rows_below")
        if self._queue or not isinstance(rows_below, int):
            rows_below = 0 if alternate else _LAST_ROW  # the alternate screen was entered on the last row in use
        undo = (CLEAR if self.covered else b"") + self._undo.undo(self.terminal.size()[0])
        if rows_below > 0:
            undo += b"\x1b[%dB" % min(rows_below, _LAST_ROW)
        fresh = rows_below <= 0 and not alternate and _FRESH_ROW.search(self._tail)
        undo += b"\r" if fresh else b"\r\n"
        self._reset()
        return self.terminal.write_all(undo, _WRITE_TIMEOUT)

    def suspend(self, farewell: Message | None = None) -> None:
        """Restore the terminal for a while, without a line, if it shows the session. `farewell`: as in `leave`."""
        if self.started:
            self._alternate = self._undo.alternate
            self._restore(farewell or {})

    def resume(self) -> None:
        """Make room for the SCREEN that comes next: the rows on the terminal go to its scrollback."""
        self.show(b"\x1b[?1049h" if self._alternate else clean_screen(*self.terminal.grid()))
