"""Keys: parse tmux's names, encode them as a terminal does, recognize them in input.

A chord is a key with its modifiers, in whatever encoding it arrives: (kind, number, modifiers). The kind is `u` with a
Unicode code point as number, `~` with the number of a function key, or the final letter of a cursor or function key
with the number 1. So Ctrl-B is ("u", 98, 4), F5 is ("~", 15, 0), and Shift-Up is ("A", 1, 1). Modifiers are the bits of
xterm and kitty (shift 1, alt 2, ctrl 4), without Caps Lock and Num Lock.

A token is a character or an escape sequence in input. An incomplete token is put before the next read, so that tokens
do not depend on how reads split the input.

Sources: XTerm ctlseqs ("PC-Style Function Keys", "Alt and Meta Keys", "Mouse Tracking"), kitty's keyboard protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sesh.errors import UsageError
from sesh.names import printable

Chord = tuple[str, int, int]
SHIFT, ALT, CTRL = 1, 2, 4
MODIFIER_KEYS = range(57441, 57455)  # numbers of the keys Shift, Ctrl and the like in kitty's protocol
_MODIFIERS = {"C-": CTRL, "M-": ALT, "S-": SHIFT}
CURSOR = {"Up": "A", "Down": "B", "Left": "D", "Right": "C", "Home": "H", "End": "F"}
"""Final letters of the keys whose bytes depend on a mode (DECCKM)."""
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
_CONTROLS = {" ": 0, "2": 0, "6": 0x1E, "/": 0x1F, "?": 0x7F}  # of Ctrl with keys to which ECMA-48 assigns none


@dataclass
class Key:
    """A key: its chord, and the bytes that a terminal without a keyboard protocol sends."""

    chord: Chord
    sent: bytes = b""
    application: bytes = b""  # sent in application cursor key mode (DECCKM: SS3 instead of CSI)

    def __post_init__(self) -> None:
        self.application = self.application or self.sent

    @classmethod
    def parse(cls, name: str) -> Key:
        """Return the key of a tmux name, in any case: `C-b`, `^b`, `M-x`, `F12`, `d`.

        Raises UsageError for other names, and for keys that need a keyboard protocol to be told apart.
        """
        modifiers, key = _split(name)
        kind, number = CHORDS.get(_SPELLINGS.get(key.lower(), ""), ("", 0))  # ("", 0): no name, but a character
        if (kind, number) == ("u", 9) and modifiers & SHIFT:
            kind, number, modifiers = "Z", 1, modifiers & ~SHIFT
        if kind in ("", "u"):
            return _character(name, chr(number) if kind else key, modifiers, named=kind != "")
        chord = kind, number, modifiers
        if kind == "Z":
            if modifiers & (SHIFT | CTRL):
                raise _no_key(name)
            return cls(chord, _with_alt(b"\x1b[Z", modifiers))
        if kind == "~":
            return cls(chord, f"\x1b[{number}{f';{modifiers + 1}' if modifiers else ''}~".encode())
        if modifiers:
            return cls(chord, f"\x1b[1;{modifiers + 1}{kind}".encode())
        normal = b"\x1b[" if kind in CURSOR.values() else b"\x1bO"
        return cls(chord, normal + kind.encode(), b"\x1bO" + kind.encode())


def _character(name: str, character: str, modifiers: int, *, named: bool) -> Key:
    """Return the key of a character; Shift does not change a `named` one, like Enter."""
    if modifiers & SHIFT and not named and not modifiers & CTRL:
        character = character.upper()
        modifiers = modifiers & ~SHIFT
    if modifiers & SHIFT or len(character) != 1 or (modifiers and not character.isascii()):
        raise _no_key(name)
    if not modifiers & CTRL:
        sent = character.encode("utf-8", "surrogateescape")
        return Key(("u", ord(character), modifiers), _with_alt(sent, modifiers))
    code = _control(character)
    if code is None:
        raise _no_key(name)
    return Key(("u", ord(character.lower()), modifiers), _with_alt(bytes((code,)), modifiers))


def _with_alt(sent: bytes, modifiers: int) -> bytes:
    return b"\x1b" + sent if modifiers & ALT else sent


def _control(character: str) -> int | None:
    """Return the control character of Ctrl with a character (C0 of ECMA-48); None without one."""
    upper = character.upper()
    return ord(upper) & 0x1F if "@" <= upper <= "_" else _CONTROLS.get(character)


@dataclass(frozen=True)
class DetachKey:
    """One or two successive keys that detach."""

    first: Key
    second: Key | None = None
    name: str = ""  # as the user reads it: `Ctrl-b d`

    @property
    def lead(self) -> bytes:
        """The first byte of the first key, unless it comes as an escape sequence."""
        return self.first.sent[:1] or b"\x1b"

    @classmethod
    def parse(cls, text: str) -> DetachKey | None:
        """Return the detach key of one or two tmux names; None for `none`. Raises UsageError."""
        words = text.split()
        if [word.lower() for word in words] == ["none"]:
            return None
        if not 1 <= len(words) <= 2:
            raise UsageError(
                "the detach key must be one or two keys in tmux's spelling, such as C-\\ or 'C-b d', or none"
            )
        if not all(word.isprintable() for word in words):  # hints show the name
            raise _no_key(text)
        first, *rest = (Key.parse(word) for word in words)
        kind, _, modifiers = first.chord
        if not rest and kind == "u" and not modifiers & (CTRL | ALT):
            raise UsageError(f"you could no longer type {printable(words[0])}; add C- or a second key")
        return cls(first, rest[0] if rest else None, " ".join(words).replace("C-", "Ctrl-").replace("M-", "Alt-"))


def name_of(chord: Chord) -> str:
    """Return the key's name in lists and questions: `a`, `C-c` or `enter`; empty without one."""
    kind, number, modifiers = chord
    if kind == "u" and modifiers & (CTRL | ALT):
        return f"C-{chr(number).lower()}" if modifiers & CTRL and 0x40 <= number < 0x7F else ""
    if kind == "u" and number < 0xE000 and chr(number).isprintable():
        return chr(number)
    return _NAMES.get((kind, number), "")


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


ESCAPE = b"\x1b"
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"
PRESS, REPEAT, RELEASE = 1, 2, 3
MAX_SEQUENCE = 128  # bytes at which a control sequence is cut off, because one so long is neither a key nor a reply
_LOCKS = 64 | 128
_CUT = rb"(?=[^\x80-\xbf])"
_TOKEN = re.compile(
    # Each form, or its beginning before a byte that cannot belong to it: CSI M, CSI, SS3, other keys with ESC,
    rb"\x1b(?:\[M(?:[\x20-\xff]{3}|[\x20-\xff]{0,2}(?=[\x00-\x1f]))"
    rb"|\[(?!M)[\x20-\x3f]{0,%(most)d}[\x40-\x7e]|\[[\x20-\x3f]{%(most)d}[\x20-\x3f]|\[[\x20-\x3f]*(?=[^\x20-\x7e])"
    rb"|O(?:[\x40-\x7e]|(?=[^\x40-\x7e]))|[^[O\x1b]|(?=\x1b))"
    # characters in UTF-8, and single bytes.
    rb"|[\xc2-\xdf](?:[\x80-\xbf]|%(cut)s)|[\xe0-\xef](?:[\x80-\xbf]{2}|[\x80-\xbf]?%(cut)s)"
    rb"|[\xf0-\xf4](?:[\x80-\xbf]{3}|[\x80-\xbf]{0,2}%(cut)s)|[^\x1b\xc2-\xf4]"
    % {b"most": MAX_SEQUENCE - 3, b"cut": _CUT}
)
_PASTED = re.compile(rb"\x1b\[200~.*?(?:\x1b\[201~|\Z)", re.DOTALL)


def token(data: bytes, start: int) -> tuple[int, bool]:
    """Return the end of the token at `start`, and whether it is whole.

    An incomplete token reaches to the end of `data`. A byte that cannot belong to a token ends it.
    """
    match = _TOKEN.match(data, start)
    return (len(data), False) if match is None else (match.end(), True)


def tokens(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each token, and whether it is whole; only the last one may be incomplete."""
    start = 0
    while start < len(data):
        match = _TOKEN.match(data, start)
        end = len(data) if match is None else match.end()
        yield data[start:end], match is not None
        start = end


def matches(key: Key, sequence: bytes, chord: Chord | None) -> bool:
    """Return whether a token with this chord is a press, repeat or release of `key`."""
    if chord is None:
        return sequence == key.application
    return chord == key.chord or (sequence[-1:] == b"u" and _by_alt_gr(sequence, chord) == key.chord)


def _by_alt_gr(sequence: bytes, chord: Chord) -> Chord | None:
    """Return the chord of the character that AltGr makes on this layout; None with Shift."""
    _, colon, shifted = sequence[2:-1].partition(b";")[0].partition(b":")
    number = shifted.partition(b":")[0]
    return ("u", int(number), chord[2]) if colon and number and not chord[2] & SHIFT else None


def pressed(data: bytes, *keys: Key) -> bool:
    """Return whether one of the keys is pressed in `data` outside pastes, in any encoding."""
    for whole, _ in tokens(_PASTED.sub(PASTE_END, data)):
        two_keys = len(whole) == 2 and whole[0] == 0x1B and whole[1] < 0x20  # Escape, then a control character
        for sequence in (whole[:1], whole[1:]) if two_keys else (whole,):
            form, event = chord_of(sequence) or (None, PRESS)
            if event != RELEASE and any(matches(key, sequence, form) for key in keys):
                return True
    return False


def is_report(sequence: bytes) -> bool:
    """Return whether a control sequence, perhaps incomplete, is a report and not a key."""
    if sequence[:2] != b"\x1b[":
        return False
    introduced = len(sequence) > 2 and sequence[2] in b"<=>?M"
    return introduced or sequence[-1] in b"IMOcntxy" or len(sequence) >= MAX_SEQUENCE


def paste_end(data: bytes, start: int) -> tuple[int, int]:
    """Return the end of the paste around `start`, or -1 if it continues after `data`.

    Also return the number of trailing bytes that may be a partial end marker.
    """
    end = data.find(PASTE_END, start)
    if end >= 0:
        return end + len(PASTE_END), 0
    for size in range(min(len(PASTE_END) - 1, len(data) - start), 0, -1):
        if data.endswith(PASTE_END[:size]):
            return -1, size
    return -1, 0


def chord_of(sequence: bytes) -> tuple[Chord, int] | None:
    """Return chord and event of a control sequence; None if it is not a key."""
    final = chr(sequence[-1])
    parameters = sequence[2:-1]
    if sequence[:2] != b"\x1b[" or len(sequence) == 2 or parameters.strip(b"0123456789:;"):
        return None
    fields = [[int(part or b"0") for part in field.split(b":")] for field in parameters.split(b";")]
    second = fields[1] if len(fields) > 1 else [1]
    modifiers = max(second[0] - 1, 0) & ~_LOCKS
    event = second[1] if len(second) > 1 else PRESS
    number = fields[0][0]
    if final == "u":
        return _unicode(fields[0], modifiers), event or PRESS
    if final == "~":
        if number == 27 and len(fields) == 3:  # xterm's modifyOtherKeys
            return _unicode(fields[2], modifiers), PRESS
        return ("~", number, modifiers), event or PRESS
    if final == "_" and len(fields) >= 4:  # win32-input-mode: the character, and whether the key is down
        return _win32(fields[2][0], fields[4][0] if len(fields) > 4 else 0), PRESS if fields[3][0] else RELEASE
    if number <= 1 and final in "ABCDEFHPQRSZ":
        return (final, 1, modifiers), event or PRESS
    return None


_WIN32_ALT, _WIN32_CTRL = 1 | 2, 4 | 8  # right and left


def _win32(code: int, state: int) -> Chord:
    if 0 < code < 0x20 and code not in (8, 9, 13, 27):
        return "u", ord(chr(code | 0x40).lower()), CTRL
    # AltGr comes as the right Alt with the left Ctrl, and makes a character.
    return "u", code, ALT if state & _WIN32_ALT and not state & _WIN32_CTRL else 0


def _unicode(codes: list[int], modifiers: int) -> Chord:
    """Return the chord for kitty's code points: the key, with Shift, on a US keyboard."""
    code, shifted, base = (*codes, 0, 0)[:3]
    if code > 0x7F and base:
        code = base  # in other scripts a key is identified by its position on the keyboard
    if 97 <= code <= 122:
        shifted = shifted or code - 32
    if modifiers & SHIFT and shifted:
        return "u", shifted, modifiers & ~SHIFT
    return "u", code, modifiers
