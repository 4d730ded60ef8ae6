"""Typed bytes taken apart: keys, reports of the mouse and of the terminal, pastes. Pure.

A token is a character, or ESC with what belongs to it. However the bytes are cut into reads, the tokens are the same if
one that is not whole is put before the next read. Sources: XTerm ctlseqs ("PC-Style Function Keys", "Mouse Tracking"),
kitty's keyboard protocol.
"""

from __future__ import annotations

from collections.abc import Iterator

from sesh.keynames import CTRL, Chord, Key

ESCAPE = b"\x1b"
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"
PRESS, REPEAT, RELEASE = 1, 2, 3
LONGEST = 128
"""Bytes from which on a control sequence is neither a key nor a reply."""
_STRINGS = (b"\x1b]", b"\x1bP", b"\x1b_G")
"""What a string begins with, by which a terminal answers: OSC, DCS, APC of images."""
_LOCKS = 64 | 128
_SHIFT = 1


def token(data: bytes, start: int) -> tuple[int, bool]:
    """Return the index behind the token that begins at `start`, and whether it is whole.

    A token that is not whole reaches to the end of `data`. One that another byte breaks off ends before that byte.
    """
    if data[start] != 0x1B:
        return _character(data, start) if data[start] >= 0x80 else (start + 1, True)
    end = start + 2
    if end > len(data):
        return len(data), False
    second = data[start + 1]
    if second == 0x5B:  # CSI
        return _control_sequence(data, start)
    if second == 0x4F:  # SS3
        if end == len(data):
            return end, False
        return (end + 1 if 0x40 <= data[end] <= 0x7E else end), True
    return (start + 1 if second == 0x1B else end), True


def tokens(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each token, and whether it is whole, which only the last one may not be."""
    start = 0
    while start < len(data):
        end, whole = token(data, start)
        yield data[start:end], whole
        start = end


def _character(data: bytes, start: int) -> tuple[int, bool]:
    """A character in UTF-8; a byte that begins none stands alone."""
    first, end = data[start], start + 1
    limit = end + (0xC2 <= first < 0xF5) + (0xE0 <= first < 0xF5) + (0xF0 <= first < 0xF5)
    while end < min(limit, len(data)) and 0x80 <= data[end] <= 0xBF:
        end += 1
    return end, end == limit or end < len(data)


def _control_sequence(data: bytes, start: int) -> tuple[int, bool]:
    end, limit = start + 2, min(start + LONGEST, len(data))
    while end < limit and 0x20 <= data[end] <= 0x3F:
        end += 1
    if end == limit:
        return end, end == start + LONGEST
    if not 0x40 <= data[end] <= 0x7E:
        return end, True
    if data[end] == 0x4D and end == start + 2:  # CSI M
        return _mouse(data, end + 1)
    return end + 1, True


def _mouse(data: bytes, end: int) -> tuple[int, bool]:
    """The rest of a mouse report without numbers: three characters from 0x20 on, which mode 1005 writes in UTF-8."""
    for _ in range(3):
        if end == len(data):
            return end, False
        if data[end] < 0x20:
            return end, True
        end, whole = _character(data, end) if 0xC2 <= data[end] <= 0xDF else (end + 1, True)
        if not whole:
            return end, False
    return end, True


def matches(key: Key, sequence: bytes, chord: Chord | None) -> bool:
    """Return whether a token, of this chord if it has one, is `key`, at any event."""
    if chord is None:
        return sequence == key.application
    return chord == key.chord or (sequence[-1:] == b"u" and _by_alt_gr(sequence, chord) == key.chord)


def _by_alt_gr(sequence: bytes, chord: Chord) -> Chord | None:
    """Return the chord by the shifted character: without Shift it is one that AltGr makes on this layout."""
    _, colon, shifted = sequence[2:-1].partition(b";")[0].partition(b":")
    number = shifted.partition(b":")[0]
    return ("u", int(number), chord[2]) if colon and number and not chord[2] & _SHIFT else None


def pressed(data: bytes, *keys: Key) -> bool:
    """Return whether one of these keys is pressed in `data`, in whatever form; a paste has no keys."""
    start = 0
    while start < len(data):
        end, _ = token(data, start)
        if end == start + 2 and data[start] == 0x1B and data[start + 1] < 0x20:
            end = start + 1  # Escape, and a key behind it
        sequence = data[start:end]
        if sequence == PASTE:
            end, _ = paste_end(data, end)
            if end < 0:
                return False
        form, event = chord(sequence) or (None, PRESS)
        if event != RELEASE and any(matches(key, sequence, form) for key in keys):
            return True
        start = end
    return False


def is_report(sequence: bytes) -> bool:
    """Return whether a control sequence, as far as it has come, is no key but a report of mouse, focus or terminal."""
    if sequence[:2] != b"\x1b[":
        return False
    introduced = len(sequence) > 2 and sequence[2] in b"<=>?M"
    return introduced or sequence[-1] in b"IMOcntxy" or len(sequence) >= LONGEST


def has_keys(data: bytes) -> bool:
    """Return whether any of it was typed or pasted: what a terminal reports, or answers a program, is no key."""
    start = 0
    while start < len(data):
        end = _string_end(data, start)
        if not end:
            end, _ = token(data, start)
            sequence = data[start:end]
            if not is_report(sequence) and not _is_position(sequence):
                return True
        start = end
    return False


def _string_end(data: bytes, start: int) -> int:
    """Return the index behind the whole string that begins at `start`; 0 if none does."""
    if not data.startswith(_STRINGS, start):
        return 0
    end = start + 2
    while end < len(data) and data[end] >= 0x20 and data[end] != 0x7F:
        end += 1
    return end + 1 if data[end : end + 1] == b"\x07" else end + 2 if data.startswith(b"\x1b\\", end) else 0


def _is_position(sequence: bytes) -> bool:
    """Return whether a control sequence is the position of the cursor, and not F3 with modifiers."""
    row, _, column = sequence[2:-1].partition(b";")
    if sequence[:2] != b"\x1b[" or sequence[-1:] != b"R" or not row.isdigit() or not column.isdigit():
        return False
    return int(row) != 1 or not 2 <= int(column) <= 16


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
        return _control(fields[2][0]), PRESS if fields[3][0] else RELEASE
    if number <= 1 and final in "ABCDEFHPQRSZ":
        return (final, 1, modifiers), event or PRESS
    return None


def _control(code: int) -> Chord:
    """Return the chord of a character that win32-input-mode reports, where Ctrl has made a control of some."""
    return (
        ("u", ord(chr(code | 0x40).lower()), CTRL) if 0 < code < 0x20 and code not in (8, 9, 13, 27) else ("u", code, 0)
    )


def _unicode(codes: list[int], modifiers: int) -> Chord:
    """Return the chord of kitty's code points: the key, shifted, and on a US keyboard; the last two may be missing."""
    code, shifted, base = (*codes, 0, 0)[:3]
    if code > 0x7F and base:
        code = base  # not an ASCII letter: what counts is where the key is on the keyboard
    if modifiers & _SHIFT:
        if shifted:
            return ("u", shifted, modifiers & ~_SHIFT)
        if 97 <= code <= 122:
            return ("u", code - 32, modifiers & ~_SHIFT)
    return ("u", code, modifiers)
