"""The terminal as a display: the session's output, sesh's own lines, and the undo of both when the client leaves."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sesh.about import CALLED
from sesh.client.ledger import Ledger
from sesh.client.own_row import CLEAR, overlay, own_row
from sesh.client.terminal import RawTerminal
from sesh.messages import Message
from sesh.vt.render.clean_screen import clean_screen, fresh_row
from sesh.wording import plain

if TYPE_CHECKING:
    from sesh.client.last_row import LastRow


MAX_PENDING = 1 << 20
"""Bytes waiting for the terminal at which the daemon is not read any more."""
_JOINED = 4 << 10
"""Bytes up to which small blocks that wait for the terminal are joined."""
_MAX_UNREAD, _MAX_BLOCKS = 12 << 20, 4096
"""Bytes shown that the ledger may not have followed yet, and blocks: a burst is shown first and followed after."""
_LITTLE = 512
"""Bytes of output that the ledger follows at once, which costs less than to wake up for them."""
_MAX_NOTIFICATIONS = 8 << 10
"""Bytes of notifications that wait for the end of a sequence; beyond it the last one counts."""
_WRITE_TIMEOUT = 1.0
"""Seconds for the terminal to take the last bytes when the client leaves."""
_LATE_REPLIES = 0.1
"""Seconds in which the terminal may still answer a query that the program made."""
_ABORT_SEQUENCE = b"\x18\x1b\\"
_LAST_ROW = 9999
_FRESH_ROW = (b"\r\n", b"\r\n\x1b[?2004l\r", b"\r\n\x1b[?2004l\r\x1b[?2004h")
"""Output that leaves the cursor on a fresh row: a shell that has taken in a line turns bracketed paste off, and on for
the next one."""
_TAIL_SIZE = 128 << 10
"""Bytes of the newest output to find the last row by; twice as many are kept before the older half goes."""

_OSC_9 = ("iTerm.app", "WezTerm", "ghostty", "WarpTerminal", "rio")
"""Names in TERM_PROGRAM."""
LONGEST_TELLING = 200
"""Characters that are shown of a line that tells of a session."""
BELL = b"\a"


class Display:
    """The queue of bytes for the terminal, and the ledger of the modes that they change."""

    def __init__(self, terminal: RawTerminal) -> None:
        self.terminal = terminal
        self._covered = (0, 0)
        """The terminal's columns and rows when the notice was drawn."""
        self.on_link = False
        """True if the output comes over a link, which may break anywhere."""
        self.row_lost = False
        """True if a notice covers a row that is not known."""
        self._notifications = b""
        """Notifications that `show_own` has to write."""
        self._alternate = False
        """True if the alternate screen was on when the display was suspended last."""
        self._reset()

    def _reset(self) -> None:
        """Start from a terminal that does not show the session."""
        self.started = False
        """True if the terminal shows the session."""
        self.pending = 0
        """Bytes waiting for the terminal."""
        self._queue: deque[bytes] = deque()
        self._begun = 0
        """Bytes of the queue's first block that are written."""
        self.unread = 0
        """Bytes that the ledger has not followed yet; call `update_ledger`, best when idle."""
        self._unread: deque[bytes] = deque()
        self._ledger = Ledger()
        self._tail, self._tail_whole = bytearray(), True
        """The newest output, and whether it is all that was shown."""
        self._half = b""
        """The incomplete character at the end of the output of a link, held back until its rest comes: a terminal that
        is sent a line or another connection's output behind it shows a sign in its place."""
        self._uncover = b""
        """Bytes that remove the notice from the last row; empty if there is none."""

    # -- output

    def show(self, data: bytes, before: bytes = b"", after: bytes = b"", *, anew: bool = False) -> None:
        """Show output, or queue the bytes that the terminal does not take now. Raises OSError if it has gone.

        `before`, `after`: bytes drawn along with it that leave mode, pen and cursor as they are. A notice is removed
        first. `anew`: it does not follow the output before.
        """
        if data and self.on_link and (self._half or data[-1] & 0x80):
            if anew and data[0] & 0xC0 != 0x80:
                self._half = b""
            data = self._half + data
            end = len(data) - unfinished_character(data)
            data, self._half = data[:end], data[end:]
        self._show(data, before, after)

    def _show(self, data: bytes, before: bytes = b"", after: bytes = b"") -> None:
        if self._uncover:
            before = self._removal() + before
        if data:
            self.started = True
            self._tail += data
            if len(self._tail) > 2 * _TAIL_SIZE:
                del self._tail[:-_TAIL_SIZE]
                self._tail_whole = False
        self.draw(before + data + after if before or after else data)
        little = len(data) <= _LITTLE and not (self.unread or self.on_link)
        if data and little:
            self._ledger.feed(data)
        elif data:
            self._unread.append(data)
            self.unread += len(data)
        while self.unread > _MAX_UNREAD or len(self._unread) > _MAX_BLOCKS:
            self.update_ledger()

    def draw(self, data: bytes) -> None:
        """Write bytes that the ledger need not follow. Raises OSError if the terminal has gone."""
        written = 0 if self._queue or not data else self.terminal.write(data)
        if written == len(data):
            return
        self.pending += len(data) - written
        if self._queue and len(self._queue[-1]) + len(data) <= _JOINED:
            self._queue[-1] += data  # what is small costs more as a block of its own
            return
        self._queue.append(data)
        self._begun = written or self._begun

    def flush(self) -> None:
        """Write as much of the queue as the terminal takes now. Raises OSError if it has gone."""
        while self._queue:
            first = memoryview(self._queue[0])[self._begun :]
            written = self.terminal.write(first)
            self.pending -= written
            if written < len(first):
                self._begun += written
                return
            self._queue.popleft()
            self._begun = 0

    def unfinished(self) -> int:
        """Return the length of the incomplete sequence and character at the end of the output."""
        self._finish_ledger()
        return self._ledger.unfinished + len(self._half)

    def rewind(self) -> int:
        """Interrupt and forget the incomplete sequence and character; return their length.

        They have to be repeated over the next connection.
        """
        length, self._half = self.unfinished(), b""
        if length and not self._uncover:
            self.draw(_ABORT_SEQUENCE)
        return length

    def update_ledger(self) -> None:
        """Have the ledger follow the oldest block that it has not followed yet."""
        data = self._unread.popleft()
        self.unread -= len(data)
        self._ledger.feed(data)

    def _finish_ledger(self) -> None:
        while self.unread:
            self.update_ledger()

    # -- notices, lines

    def notice(self, text: str, *, held: bool = False) -> None:
        """Lay a line over the last row, in reverse video; the next output removes it.

        `held`: a SCREEN comes next. Otherwise the row is restored if it can be told from the newest output; else it
        stays blank until there is a SCREEN.
        """
        self._covered = columns, rows = self.terminal.grid()
        row = None if held else self._last_row(columns, rows)
        self.row_lost = row is None
        if row is None:
            self._uncover = CLEAR
            line = overlay(text, columns, modes=not held)
        else:
            self._uncover = row.restored
            line = b"\x1b[?2026l%s\x1b[%d;%dH" % (own_row(text, columns), row.cursor[0] + 1, row.cursor[1] + 1)
        self.draw(_ABORT_SEQUENCE + line)
        self.flush()

    @property
    def covered(self) -> bool:
        """True if a notice stands."""
        return bool(self._uncover)

    def uncover(self) -> None:
        """Remove the notice, if there is one."""
        if self._uncover:
            self.draw(self._removal())

    def _removal(self, *, leaving: bool = False) -> bytes:
        """Return the bytes that remove the notice. `leaving`: no SCREEN will come."""
        uncover, self._uncover, lost, self.row_lost = self._uncover, b"", self.row_lost, False
        if (leaving and self._queue) or self.terminal.grid() != self._covered:
            return CLEAR
        row = self._last_row(*self._covered) if leaving and lost else None
        return uncover if row is None else row.restored

    def _last_row(self, columns: int, rows: int) -> LastRow | None:
        self._finish_ledger()
        ledger, tail = self._ledger, self._tail
        whole = self._tail_whole and len(tail) <= _TAIL_SIZE
        end = len(tail) - ledger.unfinished
        if not (whole or ledger.draws_plainly) or end < 0:
            return None
        from sesh.client.last_row import Known, last_row  # loads pyte

        known = Known(whole, ledger.draws_plainly, ledger.margins, ledger.default_pen)
        return last_row(bytes(tail[-_TAIL_SIZE:end]), columns, rows, known)

    def resized(self) -> None:
        """Note that the terminal has another size, and has moved its rows in a way of its own."""
        self._tail_whole = False

    def tell(self, notification: bytes) -> None:
        """Have the terminal show a notification to the person, between two sequences of the program."""
        notifications = self._notifications + notification
        self._notifications = notifications if len(notifications) <= _MAX_NOTIFICATIONS else notification

    def show_own(self) -> None:
        """Write the notifications that are due, unless output has begun a sequence or a character."""
        if not (self._notifications and self.started):
            return
        if not self.unread and self._ledger.at_rest and not unfinished_character(self._tail):
            notifications, self._notifications = self._notifications, b""
            self.draw(notifications)

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
        """Restore the terminal and say why: undo the modes, go to a fresh row, print the lines.

        `farewell`: the daemon's last message, which says how it left the screen; empty if there was none.
        """
        unknown = self.started and not farewell
        if self.started and not self._undo(farewell):
            return  # the terminal takes nothing
        if unknown or farewell.get("queries") is True:
            self.terminal.discard(_LATE_REPLIES)
        for text in lines:
            self.line(text)

    def _undo(self, farewell: Message) -> bool:
        """Undo the modes and go to a fresh row, dropping the queue; False if the terminal takes nothing."""
        self._finish_ledger()
        alternate = self._ledger.alternate
        rows_below = farewell.get("rows_below")
        if self._queue or not isinstance(rows_below, int):
            rows_below = 0 if alternate else _LAST_ROW  # the alternate screen was entered on the last row in use
        rows_below = min(max(rows_below, 0), _LAST_ROW)
        undo = self._ledger.undo(self.terminal.size()[0])
        if self._uncover:
            undo = self._removal(leaving=True) + undo
        if rows_below:
            undo += b"\x1b[%dB" % rows_below
        on_fresh_row = self._tail.endswith(_FRESH_ROW) and not rows_below and not alternate
        undo += b"\r" if on_fresh_row else b"\r\n"
        if farewell:  # all that the session has printed has come
            undo = self._half + undo
        self._reset()
        return self.terminal.write_all(undo, _WRITE_TIMEOUT)

    def suspend(self, farewell: Message | None = None) -> None:
        """Restore the terminal for a while, without a line, if it shows the session. `farewell`: as in `leave`."""
        if self.started:
            self._finish_ledger()
            self._alternate = self._ledger.alternate
            self._undo(farewell or {})

    def resume(self) -> None:
        """Make room for the SCREEN that comes next: the rows on the terminal go to its scrollback."""
        self.show(b"\x1b[?1049h" if self._alternate else clean_screen(*self.terminal.grid()))


def unfinished_character(data: bytes | bytearray) -> int:
    """Return the length of the UTF-8 character that the end of `data` begins and does not finish; 0 without one."""
    for length, byte in enumerate(reversed(data[-4:]), 1):
        if byte & 0xC0 != 0x80:
            return length if byte >= 0xC0 and length < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
    return 0


def notification(line: str, environment: Mapping[str, str]) -> bytes:
    """Return the bytes that show a line as a notification on the terminal of this environment: a bell if it knows none.

    Sources: iTerm2's proprietary escape codes (OSC 9), kitty's desktop notifications (OSC 99), and the `notify` of
    rxvt-unicode that VTE and foot took over (OSC 777).
    """
    text = plain(line)[:LONGEST_TELLING].encode("utf-8", "replace")
    term = environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return BELL
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term:
        return b"\x1b]99;;%s\x1b\\" % text
    if environment.get("TERM_PROGRAM") in _OSC_9 or "ghostty" in term or "wezterm" in term:
        return b"\x1b]9;%s\x1b\\" % text
    if environment.get("VTE_VERSION") or term.startswith(("foot", "rxvt")):
        return b"\x1b]777;notify;%s;%s\x1b\\" % (CALLED.encode(), text.replace(b";", b","))
    return BELL
