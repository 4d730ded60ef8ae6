"""What the terminal shows: the stream, sesh's own lines, and the way back to what was there before."""

from __future__ import annotations

from sesh.client.ledger import Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.terminal import RawTerminal

FULL = 1 << 20
"""Bytes that wait for the terminal before nothing more is taken from the daemon."""
_UNREAD = 12 << 20
"""Bytes that were shown and that the ledger may still have to read: a burst is shown first and read after."""
_PATIENCE = 1.0
"""Seconds for which the terminal is waited for when it is given back."""
_QUIET = 0.1
"""Seconds for which answers to a program's questions may still come in after it was left."""
_LEAVE = b"\x18\x1b\\"
_BOTTOM = 9999


class Display:
    """A bounded queue of bytes for the terminal, and the ledger of what they change in it."""

    def __init__(self, terminal: RawTerminal) -> None:
        self.terminal = terminal
        self.pending = 0
        """Bytes that wait for the terminal."""
        self.started = False
        """Whether the terminal shows the session."""
        self._waiting: list[memoryview] = []
        self._ledger = Ledger()
        self._unread: list[bytes] = []
        self.unread = 0
        """Bytes that the ledger has still to read; `account` has it do so, best when nothing else is to be done."""
        self._end = b""
        self._noticed = False

    # -- the stream

    def show(self, data: bytes) -> None:
        """Shows bytes of the stream, or queues what the terminal does not take now. Raises OSError as `write`."""
        if not data:
            return
        self.started = True
        self._end = data[-2:]
        self._unread.append(data)
        self.unread += len(data)
        taken = 0 if self._waiting else self.terminal.write(data)
        if taken < len(data):
            self._queue(data, taken)
        while self.unread > _UNREAD:
            self.account()

    def _queue(self, data: bytes, taken: int = 0) -> None:
        self._waiting.append(memoryview(data)[taken:])
        self.pending += len(data) - taken

    def flush(self) -> None:
        """Writes what waits, as far as the terminal takes it. Raises OSError where it has gone."""
        while self._waiting:
            first = self._waiting[0]
            taken = self.terminal.write(first)
            self.pending -= taken
            if taken < len(first):
                self._waiting[0] = first[taken:]
                return
            del self._waiting[0]

    def unfinished(self) -> int:
        """Bytes at the end of the stream that are a sequence not yet whole: who interrupts it needs them again."""
        while self.unread:
            self.account()
        return self._ledger.unfinished

    def account(self) -> None:
        """Has the ledger read the oldest block that was shown."""
        data = self._unread.pop(0)
        self.unread -= len(data)
        self._ledger.feed(data)

    # -- sesh's own lines

    def notice(self, text: str) -> None:
        """Lays a line over the last row, in reverse video; a SCREEN wipes it away."""
        shown = _cut(text, self.terminal.size()[0] or 80).encode("utf-8", "replace")
        self._noticed = True
        self._queue(b"%s\x1b7\x1b[?6l\x1b[%d;1H\x1b[0;7m\x1b[2K%s\x1b[0m\x1b8" % (_LEAVE, _BOTTOM, shown))
        self.flush()

    def line(self, text: str) -> None:
        """A line of its own on a terminal that does not show the session."""
        self.terminal.write_all(f"[{_safe(text)}]\r\n".encode("utf-8", "replace"), _PATIENCE)

    # -- the way back

    def leave(self, lines: list[str], rows_below: int | None, *, queries: bool = False) -> None:
        """Gives the terminal back and says why: undo, a fresh row, a line each.

        `rows_below`: how many rows under the cursor hold something, None where that is not known. `queries`: whether
        the terminal may still answer a question of the program's.
        """
        if self.started and not self._undo(rows_below):
            return  # the terminal takes nothing
        if queries:
            self.terminal.discard(_QUIET)
        for text in lines:
            self.line(text)

    def _undo(self, rows_below: int | None) -> bool:
        """Gives back the modes and moves to a fresh row; what still waits is dropped. False where nothing gets out."""
        while self.unread:
            self.account()
        alternate = self._ledger.alternate
        if self._waiting or rows_below is None:
            rows_below = 0 if alternate else _BOTTOM  # the program's screen was called up on the last row in use
        back = self._ledger.undo(self.terminal.size()[0])
        if self._noticed:
            back = b"%s\x1b7\x1b[%d;1H\x1b[2K\x1b8" % (back, _BOTTOM)
        if rows_below:
            back += b"\x1b[%dB" % rows_below
        on_fresh_row = self._end == b"\r\n" and not rows_below and not alternate
        back += b"\r" if on_fresh_row else b"\r\n"
        self._forget()
        return self.terminal.write_all(back, _PATIENCE)

    def _forget(self) -> None:
        """Begins anew on a terminal that shows nothing of a session."""
        self._waiting, self.pending = [], 0
        self._unread, self.unread = [], 0
        self._ledger = Ledger()
        self._end = b""
        self.started = self._noticed = False

    def suspend(self) -> bool:
        """Gives the terminal back for a while, without a word. What `resume` has to be told is returned."""
        while self.unread:
            self.account()
        alternate = self._ledger.alternate
        if self.started:
            self._undo(None)
        return alternate

    def resume(self, alternate: bool) -> None:
        """Makes room for the SCREEN that comes next: what the terminal shows now is kept, not overwritten."""
        rows = self.terminal.size()[1] or 24
        self.show(b"\x1b[?1049h" if alternate else b"\x1b[%d;1H%s\x1b[H" % (_BOTTOM, b"\n" * rows))


def _safe(text: str) -> str:
    """The text with everything that is no plain character left out."""
    return "".join(character for character in text if character.isprintable())


def _cut(text: str, columns: int) -> str:
    """As much of the text as surely fits into so many columns, any character beyond ASCII counted as wide."""
    shown = " "
    room = columns - 2
    for character in _safe(text):
        room -= 1 if character.isascii() else 2
        if room < 0:
            break
        shown += character
    return shown + " "
