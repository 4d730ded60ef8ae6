"""Keys by tmux's names: the chord that a name means, and the bytes that a terminal sends for it.

A chord is (kind, number, modifiers): kind `u` with a Unicode code point, `~` with the number of a function key, or the
final letter of a cursor or function key. Modifiers are the bits of xterm and kitty (shift 1, alt 2, ctrl 4), without
Caps Lock and Num Lock. Sources: XTerm ctlseqs ("PC-Style Function Keys", "Alt and Meta Keys"), kitty's keyboard
protocol.
"""

from __future__ import annotations

from dataclasses import dataclass

from sesh.errors import UsageError
from sesh.names import printable

Chord = tuple[str, int, int]

SHIFT, ALT, CTRL = 1, 2, 4
_MODIFIERS = {"C-": CTRL, "M-": ALT, "S-": SHIFT}

CURSOR = {"Up": "A", "Down": "B", "Left": "D", "Right": "C", "Home": "H", "End": "F"}
"""Keys whose bytes depend on what the program has set (DECCKM), by their final letters."""
CHORDS = {
    "Enter": ("u", 13), "Escape": ("u", 27), "Tab": ("u", 9), "BTab": ("Z", 1), "Space": ("u", 32),
    "BSpace": ("u", 127),
    **{name: (letter, 1) for name, letter in CURSOR.items()},
    "PageUp": ("~", 5), "PageDown": ("~", 6), "Insert": ("~", 2), "Delete": ("~", 3),
    "F1": ("P", 1), "F2": ("Q", 1), "F3": ("R", 1), "F4": ("S", 1), "F5": ("~", 15), "F6": ("~", 17), "F7": ("~", 18),
    "F8": ("~", 19), "F9": ("~", 20), "F10": ("~", 21), "F11": ("~", 23), "F12": ("~", 24),
}  # fmt: skip
_NAMES = {chord: name.lower() for name, chord in CHORDS.items()} | {
    ("~", 1): "home", ("~", 4): "end", ("~", 7): "home", ("~", 8): "end",  # VT220, rxvt
    ("u", 8): "bspace",
}  # fmt: skip
_ALIASES = {
    "ic": "Insert", "dc": "Delete", "pgup": "PageUp", "ppage": "PageUp", "pgdn": "PageDown", "npage": "PageDown",
    "return": "Enter", "esc": "Escape", "backspace": "BSpace",
}  # fmt: skip
_SPELLINGS = {name.lower(): name for name in CHORDS} | _ALIASES
_CONTROLS = {" ": 0, "2": 0, "6": 0x1E, "/": 0x1F, "?": 0x7F}
"""What terminals send for Ctrl with a character that ECMA-48 has no control character for."""


@dataclass
class Key:
    """One key: its chord, and the bytes that a terminal without a keyboard protocol sends for it.

    `application`: these bytes while the program has the cursor keys in application mode (DECCKM: SS3 instead of CSI).
    """

    chord: Chord
    sent: bytes = b""
    application: bytes = b""

    def __post_init__(self) -> None:
        self.application = self.application or self.sent

    @classmethod
    def parse(cls, name: str) -> Key:
        """Return the key by tmux's name, in any case: `C-b`, `^b`, `M-x`, `F12`, `C-Space`, `d`.

        Raises UsageError for what is no key, and for a key that such a terminal does not tell from others.
        """
        modifiers, key = _split(name)
        kind, number = CHORDS.get(_SPELLINGS.get(key.lower(), ""), ("", 0))
        if (kind, number) == ("u", 9) and modifiers & SHIFT:
            kind, number, modifiers = "Z", 1, modifiers & ~SHIFT
        if kind in ("", "u"):
            return _character(name, chr(number) if kind else key, modifiers, named=kind != "")
        chord = kind, number, modifiers
        if kind == "Z":
            if modifiers & (SHIFT | CTRL):
                raise _no_key(name)
            return cls(chord, _behind_alt(b"\x1b[Z", modifiers))
        if kind == "~":
            return cls(chord, f"\x1b[{number}{f';{modifiers + 1}' if modifiers else ''}~".encode())
        if modifiers:
            return cls(chord, f"\x1b[1;{modifiers + 1}{kind}".encode())
        normal = b"\x1b[" if kind in CURSOR.values() else b"\x1bO"
        return cls(chord, normal + kind.encode(), b"\x1bO" + kind.encode())


def _character(name: str, character: str, modifiers: int, *, named: bool) -> Key:
    """Return the key of a character; `named`: it has a name, and so no other one with Shift."""
    if modifiers & SHIFT and not named and not modifiers & CTRL:
        character, modifiers = character.upper(), modifiers & ~SHIFT
    if modifiers & SHIFT or len(character) != 1 or (modifiers and not character.isascii()):
        raise _no_key(name)
    if not modifiers & CTRL:
        sent = character.encode("utf-8", "surrogateescape")
        return Key(("u", ord(character), modifiers), _behind_alt(sent, modifiers))
    code = _control(character)
    if code is None:
        raise _no_key(name)
    return Key(("u", ord(character.lower()), modifiers), _behind_alt(bytes((code,)), modifiers))


def _behind_alt(sent: bytes, modifiers: int) -> bytes:
    return b"\x1b" + sent if modifiers & ALT else sent


def _control(character: str) -> int | None:
    """Return the control character of Ctrl and a character (ECMA-48's C0: its column less four), None without one."""
    upper = character.upper()
    return ord(upper) & 0x1F if "@" <= upper <= "_" else _CONTROLS.get(character)


@dataclass(frozen=True)
class DetachKey:
    """The key, or the two keys in succession, that detach; `name` is for a person."""

    first: Key
    second: Key | None = None
    name: str = ""

    @property
    def lead(self) -> bytes:
        """The byte with which the first key may begin, if not with ESC."""
        return self.first.sent[:1] or b"\x1b"

    @classmethod
    def parse(cls, text: str) -> DetachKey | None:
        r"""Return the detach key by tmux's names: one or two (`C-\`, `C-b d`), None for `none`. Raises UsageError."""
        words = text.split()
        if [word.lower() for word in words] == ["none"]:
            return None
        if not 1 <= len(words) <= 2:
            raise UsageError(
                "the detach key must be one or two keys in tmux's spelling, such as C-\\ or 'C-b d', or none"
            )
        first, *rest = (Key.parse(word) for word in words)
        kind, _, modifiers = first.chord
        if not rest and kind == "u" and not modifiers & (CTRL | ALT):
            raise UsageError(f"you could no longer type {printable(words[0])}; add C- or a second key")
        return cls(first, rest[0] if rest else None, " ".join(words).replace("C-", "Ctrl-").replace("M-", "Alt-"))


def name_of(chord: Chord) -> str:
    """Return the name that lists and questions have for a key: a character, `C-c`, or a name in small letters.

    Empty for a key without such a name. Modifiers of a key without a character do not count.
    """
    kind, number, modifiers = chord
    if kind == "u" and modifiers & (CTRL | ALT):
        return f"C-{chr(number).lower()}" if modifiers & CTRL and 0x40 <= number < 0x7F else ""
    if kind == "u" and number < 0xE000 and chr(number).isprintable():
        return chr(number)
    return _NAMES.get((kind, number), "")


def is_cursor(name: str) -> bool:
    """Return whether the bytes of a key depend on the program: a cursor key without modifiers."""
    return name.capitalize() in CURSOR


def bytes_of(name: str, *, application: bool = False) -> bytes:
    """Return the bytes that a key sends; `application`: as `Key` has it. Raises UsageError for a name of no key."""
    key = Key.parse(name)
    return key.application if application else key.sent


def _split(name: str) -> tuple[int, str]:
    if len(name) == 2 and name[0] == "^":
        return CTRL, name[1]
    modifiers = 0
    while len(name) > 2 and (modifier := _MODIFIERS.get(name[:2].upper(), 0)):
        modifiers |= modifier
        name = name[2:]
    return modifiers, name


def _no_key(name: str) -> UsageError:
    return UsageError(f"{printable(name)} is not a key: write C-c, M-x, Enter, Escape, Tab, Up, F5, or one character")
