"""What a stream has changed of a terminal's titles and of the stack that they are pushed on (XTWINOPS 22 and 23)."""

from __future__ import annotations

_MOST = 10
"""Pushes that terminals keep."""


class Titles:
    """The icon's and the window's name: who changed them, and what was pushed."""

    def __init__(self) -> None:
        self._changed = b""  # the OSC that did: 2 the window's, 0 both; empty where none did
        self._pushes: list[tuple[int, bytes]] = []  # what (0 both, 1 the icon's, 2 the window's), and `_changed` then

    def change(self, number: int, text: bytes) -> None:
        """OSC 0, 1 and 2; an empty text takes a change back."""
        self._changed = b"" if not text else b"0" if number < 2 or self._changed == b"0" else b"2"

    def operate(self, operation: int, which: int) -> None:
        """CSI operation ; which t: 22 pushes, 23 pops, all others are nothing here."""
        if operation == 22:
            self._pushes.append((which, self._changed))
            del self._pushes[:-_MOST]
        elif operation == 23:
            for each in (1, 2) if which == 0 else (which,):
                self._pop(each)

    def _pop(self, each: int) -> None:
        """Takes the icon's (1) or the window's (2) name from the last push that holds it."""
        for at in range(len(self._pushes) - 1, -1, -1):
            which, changed = self._pushes[at]
            if which in (0, each):
                self._pushes[at : at + 1] = [] if which else [(3 - each, changed)]
                self._changed = changed
                return

    def undo(self) -> list[bytes]:
        """The bytes that pop what is pushed, and empty a title that no push brings back."""
        kinds = {which for which, _ in self._pushes}
        held = 0 in kinds or kinds == {1, 2} or (self._changed == b"2" and 2 in kinds)
        changed = self._pushes[0][1] if held else self._changed
        out = [b"\x1b[23;%dt" % which for which, _ in reversed(self._pushes)]
        return [*out, b"\x1b]%s;\x1b\\" % changed] if changed else out
