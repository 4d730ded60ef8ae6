"""The line that somebody has begun to type and not entered: as much of it as keys alone tell."""

from __future__ import annotations

from sesh.daemon import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.pty import Pty

_LONGEST = 4096
_ENDS = frozenset(b"\r\n\x03\x15")  # Enter, Ctrl-J, Ctrl-C, Ctrl-U
_ERASES = frozenset(b"\x7f\x08")
_RECALLS = frozenset(b"\x0e\x10\x12\x19")  # Ctrl-N, Ctrl-P, Ctrl-R, Ctrl-Y
_PASTE, _PASTED = b"\x1b[200~", b"\x1b[201~"


class Draft:
    """Counts the characters of an unfinished line; what it was is not kept."""

    __slots__ = ("_foreground", "_pasting", "_raw", "length")

    def __init__(self) -> None:
        self.length = 0
        self._pasting = False
        self._raw = False
        self._foreground = 0

    def typed(self, data: bytes, pty: Pty | None) -> None:
        """Takes in what was typed. What another program took that reads each key at once is no part of the line."""
        if pty is not None:
            foreground = pty.foreground()
            if self._raw and self._foreground != foreground:
                self.length = 0
            self._foreground, self._raw = foreground, shells.raw(pty)
        if len(data) == 1 and data.isalnum() and not self._pasting:
            self.length += 1
        else:
            self.length = self._after(data[-_LONGEST:])

    def unfinished(self, pty: Pty) -> bool:
        """Whether a line stands there for the program in the foreground."""
        return self.length > 0 and not (self._raw and self._foreground != pty.foreground())

    def _after(self, data: bytes) -> int:
        length, at = self.length, 0
        while at < len(data):
            byte = data[at]
            if byte == 0x1B:
                at, more = self._escape(data, at)
                length += more
                continue
            at += 1
            if self._pasting:
                length += 1
            elif byte in _ENDS:
                length = 0
            elif byte in _ERASES:
                length = max(0, length - 1)
            elif byte >= 0x20 or byte in _RECALLS:
                length += 1
        return length

    def _escape(self, data: bytes, at: int) -> tuple[int, int]:
        """Where a key's sequence ends, and how much it adds to the line: something where it recalls another line."""
        if data.startswith(_PASTE, at) or data.startswith(_PASTED, at):
            self._pasting = data.startswith(_PASTE, at)
            return at + len(_PASTE), 0
        if data[at + 1 : at + 2] not in (b"[", b"O"):
            return at + 2, 0
        end = at + 2
        while end < len(data) and not 0x40 <= data[end] <= 0x7E:
            end += 1
        return end + 1, int(data[end : end + 1] in (b"A", b"B"))
