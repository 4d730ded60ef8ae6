"""Typed bytes taken apart: keys, reports of the mouse and of the terminal, pastes. Pure.

A token is a character, or ESC with what belongs to it. However the bytes are cut into reads, the tokens are the same if
one that is not whole is put before the next read. Sources: XTerm ctlseqs ("PC-Style Function Keys", "Mouse Tracking"),
kitty's keyboard protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sesh.keynames import CTRL, SHIFT, Chord, Key

ESCAPE = b"\x1b"
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"
PRESS, REPEAT, RELEASE = 1, 2, 3
LONGEST = 128
"""Bytes from which on a control sequence is neither a key nor a reply."""
_LOCKS = 64 | 128

_MOUSE = rb"(?:[\xc2-\xdf](?:[\x80-\xbf]|(?=[^\x80-\xbf]))|[\x20-\xc1\xe0-\xff])"
"""A character of a mouse report without numbers; mode 1005 writes those from 0x80 on in UTF-8."""
_BEHIND = rb"(?=[^\x80-\xbf])"
_TOKEN = re.compile(
    # Each form, and its beginning if another byte breaks it off: CSI M, CSI, SS3, other keys with ESC,
    rb"\x1b(?:\[M(?:%(mouse)s{3}|%(mouse)s{0,2}(?=[\x00-\x1f]))"
    rb"|\[(?!M)[\x20-\x3f]{0,%(most)d}[\x40-\x7e]|\[[\x20-\x3f]{%(most)d}[\x20-\x3f]|\[[\x20-\x3f]*(?=[^\x20-\x7e])"
    rb"|O(?:[\x40-\x7e]|(?=[^\x40-\x7e]))|[^[O\x1b]|(?=\x1b))"
    # characters in UTF-8, and single bytes.
    rb"|[\xc2-\xdf](?:[\x80-\xbf]|%(behind)s)|[\xe0-\xef](?:[\x80-\xbf]{2}|[\x80-\xbf]?%(behind)s)"
    rb"|[\xf0-\xf4](?:[\x80-\xbf]{3}|[\x80-\xbf]{0,2}%(behind)s)|[^\x1b\xc2-\xf4]"
    % {b"mouse": _MOUSE, b"most": LONGEST - 3, b"behind": _BEHIND}
)
_PASTED = re.compile(rb"\x1b\[200~.*?(?:\x1b\[201~|\Z)", re.DOTALL)
_STRING = re.compile(rb"\x1b(?:[]P]|_G)[\x20-\x7e\x80-\xff]*(?:\x07|\x1b\\)")
"""A string by which a terminal answers: OSC, DCS, APC of images."""
_POSITION = re.compile(rb"\x1b\[(?!1;(?:[2-9]|1[0-6])R)[0-9]+;[0-9]+R")
"""The position of the cursor, but for those that are F3 with modifiers as well."""


def token(data: bytes, start: int) -> tuple[int, bool]:
    """Return the index behind the token that begins at `start`, and whether it is whole.

    A token that is not whole reaches to the end of `data`. One that another byte breaks off ends before that byte.
    """
    match = _TOKEN.match(data, start)
    return (len(data), False) if match is None else (match.end(), True)


def tokens(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each token, and whether it is whole, which only the last one may not be."""
    start = 0
    while start < len(data):
        end, whole = token(data, start)
        yield data[start:end], whole
        start = end


def matches(key: Key, sequence: bytes, chord: Chord | None) -> bool:
    """Return whether a token, which has this chord, is `key`, at any event."""
    if chord is None:
        return sequence == key.application
    return chord == key.chord or (sequence[-1:] == b"u" and _by_alt_gr(sequence, chord) == key.chord)


def _by_alt_gr(sequence: bytes, chord: Chord) -> Chord | None:
    """Return the chord by the shifted character: without Shift it is one that AltGr makes on this layout."""
    _, colon, shifted = sequence[2:-1].partition(b";")[0].partition(b":")
    number = shifted.partition(b":")[0]
    return ("u", int(number), chord[2]) if colon and number and not chord[2] & SHIFT else None


def pressed(data: bytes, *keys: Key) -> bool:
    """Return whether one of these keys is pressed in `data`, in whatever form; a paste has no keys."""
    for whole, _ in tokens(_PASTED.sub(PASTE_END, data)):
        escaped = len(whole) == 2 and whole[0] == 0x1B and whole[1] < 0x20  # Escape, and a key behind it
        for sequence in (whole[:1], whole[1:]) if escaped else (whole,):
            form, event = chord(sequence) or (None, PRESS)
            if event != RELEASE and any(matches(key, sequence, form) for key in keys):
                return True
    return False


def is_report(sequence: bytes) -> bool:
    """Return whether a control sequence, as far as it has come, is no key but a report of mouse, focus or terminal."""
    if sequence[:2] != b"\x1b[":
        return False
    introduced = len(sequence) > 2 and sequence[2] in b"<=>?M"
    return introduced or sequence[-1] in b"IMOcntxy" or len(sequence) >= LONGEST


def has_keys(data: bytes) -> bool:
    """Return whether any of it was typed or pasted: a report of the terminal, or its answer to a program, is no key."""
    found = tokens(_STRING.sub(b"", data))
    return any(not is_report(sequence) and not _POSITION.fullmatch(sequence) for sequence, _ in found)


def paste_end(data: bytes, start: int) -> tuple[int, int]:
    """Return the index behind the paste that `start` is in, or -1 if it goes on.

    If it goes on, also the number of last bytes that may be the beginning of its end marker; else 0.
    """
    end = data.find(PASTE_END, start)
    if end >= 0:
        return end + len(PASTE_END), 0
    for size in range(min(len(PASTE_END) - 1, len(data) - start), 0, -1):
        if data.endswith(PASTE_END[:size]):
            return -1, size
    return -1, 0


def chord(sequence: bytes) -> tuple[Chord, int] | None:
    """Return the chord and event (PRESS, REPEAT or RELEASE) of a control sequence, None if it is no key of this form.

    See `keynames` for chords.
    """
    final, parameters = chr(sequence[-1]), sequence[2:-1]
    if sequence[:2] != b"\x1b[" or len(sequence) == 2 or parameters.strip(b"0123456789:;"):
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
    if final == "_" and len(fields) >= 4:  # win32-input-mode: the character, and whether the key is down
        return _win32(fields[2][0]), PRESS if fields[3][0] else RELEASE
    if number <= 1 and final in "ABCDEFHPQRSZ":
        return (final, 1, modifiers), event or PRESS
    return None


def _win32(code: int) -> Chord:
    if 0 < code < 0x20 and code not in (8, 9, 13, 27):
        return "u", ord(chr(code | 0x40).lower()), CTRL
    return "u", code, 0


def _unicode(codes: list[int], modifiers: int) -> Chord:
    """Return the chord of kitty's code points: the key, shifted, and on a US keyboard; the last two may be missing."""
    code, shifted, base = (*codes, 0, 0)[:3]
    if code > 0x7F and base:
        code = base  # for other scripts the place of the key on the keyboard counts
    if modifiers & SHIFT:
        if shifted:
            return ("u", shifted, modifiers & ~SHIFT)
        if 97 <= code <= 122:
            return ("u", code - 32, modifiers & ~SHIFT)
    return ("u", code, modifiers)
