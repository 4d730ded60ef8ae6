"""Keys by tmux's names, and the chord that one sequence of a terminal stands for.

A chord is (kind, number, modifiers): kind `u` with a Unicode code, `~` with the number of a function key, or the final
letter of a cursor or function key. Modifiers are the bits of xterm and kitty (shift 1, alt 2, ctrl 4), no locks.
Sources: XTerm ctlseqs ("PC-Style Function Keys", "Alt and Meta Keys"), kitty's keyboard protocol.
"""

from __future__ import annotations

from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    Chord = tuple[str, int, int]

SHIFT, ALT, CTRL = 1, 2, 4
_LOCKS = 64 | 128
PRESS, REPEAT, RELEASE = 1, 2, 3

_NAMED = {"Enter": 13, "Tab": 9, "BSpace": 127, "Space": 32, "Escape": 27}
_LETTERS = {
    "Up": "A", "Down": "B", "Right": "C", "Left": "D", "End": "F", "Home": "H",
    "F1": "P", "F2": "Q", "F3": "R", "F4": "S", "BTab": "Z",
}  # fmt: skip
_NUMBERS = {
    "IC": 2, "Insert": 2, "DC": 3, "Delete": 3, "PageUp": 5, "PgUp": 5, "PPage": 5, "PageDown": 6, "PgDn": 6,
    "NPage": 6, "F5": 15, "F6": 17, "F7": 18, "F8": 19, "F9": 20, "F10": 21, "F11": 23, "F12": 24,
}  # fmt: skip
_MODIFIERS = {"C-": CTRL, "M-": ALT, "S-": SHIFT}
_PUNCTUATION = {"\\": 0x1C, "]": 0x1D, "^": 0x1E, "6": 0x1E, "_": 0x1F, "/": 0x1F, "@": 0, " ": 0, "?": 0x7F, "[": 0x1B}
"""What a terminal sends for Ctrl and a character that is no letter."""


class Key:
    """One key: its chord, and the bytes that older terminals send for it where they are no CSI sequence."""

    __slots__ = ("chord", "legacy")

    def __init__(self, chord: Chord, legacy: tuple[bytes, ...]) -> None:
        self.chord, self.legacy = chord, legacy

    @property
    def plain(self) -> bool:
        """Whether text is made of it: it has no modifier and is no function key."""
        return self.chord[0] == "u" and not self.chord[2] & (CTRL | ALT)

    @classmethod
    def parse(cls, word: str) -> Key:
        """The key of one of tmux's names: `C-b`, `^b`, `M-x`, `F12`, `C-Space`, `d`. Raises UsageError."""
        rest, modifiers = word, 0
        if len(rest) == 2 and rest[0] == "^":
            rest = "C-" + rest[1]
        while len(rest) > 2 and rest[:2] in _MODIFIERS:
            modifiers |= _MODIFIERS[rest[:2]]
            rest = rest[2:]
        if rest in _LETTERS:
            return cls((_LETTERS[rest], 1, modifiers), () if modifiers else (b"\x1bO" + _LETTERS[rest].encode(),))
        if rest in _NUMBERS:
            return cls(("~", _NUMBERS[rest], modifiers), ())
        named = rest in _NAMED
        character = chr(_NAMED[rest]) if named else rest
        if len(character) != 1 or (not named and not 0x20 < ord(character) < 0x7F) or (modifiers & SHIFT and not named):
            raise UsageError(f"{printable(word)} is no key: use tmux's names, such as C-b, M-x, F12, Space")
        if modifiers & CTRL and character.isalpha():
            character = character.lower()
        return cls(("u", ord(character), modifiers), _legacy(character, modifiers))


def _legacy(character: str, modifiers: int) -> tuple[bytes, ...]:
    """The bytes of a character with Ctrl or Alt where no keyboard protocol is on; none where there are none."""
    code = ord(character)
    if modifiers & CTRL:
        if character.isalpha():
            code = ord(character) & 0x1F
        elif character in _PUNCTUATION:
            code = _PUNCTUATION[character]
        else:
            return ()
    if modifiers & SHIFT:
        return ()
    return ((b"\x1b" if modifiers & ALT else b"") + bytes((code,)),)


def read(sequence: bytes) -> tuple[Chord, int] | None:
    """The chord of a whole CSI sequence and its event (PRESS, REPEAT or RELEASE); None where it is no key."""
    final, parameters = chr(sequence[-1]), sequence[2:-1]
    if parameters.strip(b"0123456789:;"):
        return None
    fields = [[int(part or b"0") for part in field.split(b":")] for field in parameters.split(b";")]
    modifiers, event = (*fields[1], 0)[:2] if len(fields) > 1 else (1, PRESS)
    modifiers = max(modifiers - 1, 0) & ~_LOCKS
    number = fields[0][0]
    if final == "u":
        return _unicode(fields[0], modifiers), event or PRESS
    if final == "~":
        if number == 27 and len(fields) == 3:  # xterm's modifyOtherKeys
            return _unicode(fields[2], modifiers), PRESS
        return ("~", number, modifiers), event or PRESS
    if number <= 1 and final in "ABCDEFHPQRSZ":
        return (final, 1, modifiers), event or PRESS
    return None


def _unicode(codes: list[int], modifiers: int) -> Chord:
    """The chord of kitty's code, shifted code and code on a US keyboard, of which the last two may be missing."""
    code, shifted, base = (*codes, 0, 0)[:3]
    if code > 0x7F and base:
        code = base  # the letter is none of ASCII's: what counts is where the key lies
    if modifiers & SHIFT:
        if shifted:
            return ("u", shifted, modifiers & ~SHIFT)
        if 97 <= code <= 122:
            return ("u", code - 32, modifiers & ~SHIFT)
    return ("u", code, modifiers)
