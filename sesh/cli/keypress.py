"""What a person presses while sesh itself has the terminal, as names of keys, whatever form the terminal gives it."""

from __future__ import annotations

from sesh.client import keys

PATIENCE = 0.05
"""Seconds after which `flush` is due where `holding` is true: a lone Escape is told from the start of a longer key."""

_LETTERS = {"A": "up", "B": "down", "C": "right", "D": "left", "F": "end", "H": "home", "Z": "backtab"}
_NUMBERS = {1: "home", 3: "delete", 4: "end", 5: "pageup", 6: "pagedown", 7: "home", 8: "end"}
_CONTROLS = {9: "tab", 10: "enter", 13: "enter", 27: "escape", 8: "backspace", 127: "backspace"}
_INTERRUPT = "C-c"
_LONGEST = 64


class Keys:
    """Bytes of the terminal into keys: printable characters as they are, all others by name (`up`, `enter`, `C-c`).

    Pure: feed it reads of any size. Keys that have no name here, mouse and other reports, and the letting go of a key
    are left out.
    """

    def __init__(self) -> None:
        self._open = b""

    @property
    def holding(self) -> bool:
        """Whether the beginning of a longer key is kept back."""
        return bool(self._open)

    def feed(self, data: bytes) -> list[str]:
        """The keys that `data` completes."""
        return self._take(self._open + data, last=False)

    def flush(self) -> list[str]:
        """What is kept back, since nothing more came."""
        return self._take(self._open, last=True)

    def _take(self, buffer: bytes, *, last: bool) -> list[str]:
        self._open = b""
        keys: list[str] = []
        at = 0
        while at < len(buffer):
            end = _end(buffer, at)
            if end > len(buffer):
                if not last:
                    self._open = buffer[at:]
                elif buffer[at:] == b"\x1b":
                    keys.append("escape")
                break
            keys += [name] if (name := _name(buffer[at:end])) else []
            at = end
        return keys


def _end(buffer: bytes, at: int) -> int:
    """Where the key that begins at `at` ends; beyond the buffer where it is not whole."""
    first = buffer[at]
    if first >= 0xC0:
        return at + (2 if first < 0xE0 else 3 if first < 0xF0 else 4)
    if first != 0x1B:
        return at + 1
    if at + 1 == len(buffer):
        return at + 2
    follows = buffer[at + 1]
    if follows == 0x1B:
        return at + 1
    if follows == 0x4F:
        return at + 3
    if follows != 0x5B:
        return at + 2
    end = at + 2
    while end < len(buffer) and 0x20 <= buffer[end] <= 0x3F and end - at < _LONGEST:
        end += 1
    return end + 1


def _name(sequence: bytes) -> str:
    """The key of a whole sequence, empty where it has no name."""
    if sequence[:2] == b"\x1b[" and len(sequence) > 2:
        found = keys.read(sequence)
        if found is None or found[1] == keys.RELEASE:
            return ""
        return _of_chord(*found[0])
    if sequence[:2] == b"\x1bO":
        return _LETTERS.get(chr(sequence[-1]), "")
    if sequence[0] == 0x1B and len(sequence) > 1:
        return ""  # with Alt it is none of ours
    if len(sequence) == 1 and sequence[0] not in range(0x20, 0x7F):
        return _CONTROLS.get(sequence[0]) or (f"C-{chr(sequence[0] + 0x60)}" if 0 < sequence[0] < 0x1B else "")
    text = sequence.decode("utf-8", "replace")
    return text if text.isprintable() and text != "\ufffd" else ""


def _of_chord(kind: str, number: int, modifiers: int) -> str:
    """The key of a chord as newer keyboard protocols send it."""
    if kind == "u":
        if modifiers & keys.CTRL:
            return f"C-{chr(number).lower()}" if 0x40 <= number < 0x7F else ""
        if modifiers & keys.ALT:
            return ""
        return _CONTROLS.get(number) or (chr(number) if 0x20 <= number < 0xE000 and chr(number).isprintable() else "")
    return _NUMBERS.get(number, "") if kind == "~" else _LETTERS.get(kind, "")
