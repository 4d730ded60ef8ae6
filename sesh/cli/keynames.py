"""The keys of `--send --key`, by tmux's names, as the bytes that a terminal sends (XTerm ctlseqs, PC-style keys)."""

from __future__ import annotations

from sesh.errors import UsageError
from sesh.names import printable

_PLAIN = {
    "enter": b"\r",
    "return": b"\r",
    "escape": b"\x1b",
    "esc": b"\x1b",
    "tab": b"\t",
    "btab": b"\x1b[Z",
    "space": b" ",
    "bspace": b"\x7f",
    "backspace": b"\x7f",
}
_LETTERED = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_NUMBERED = {
    "insert": 2,
    "ic": 2,
    "delete": 3,
    "dc": 3,
    "pageup": 5,
    "pgup": 5,
    "ppage": 5,
    "pagedown": 6,
    "pgdn": 6,
    "npage": 6,
    **{f"f{number}": code for number, code in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24), strict=True)},
}
_FUNCTIONS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_WEIGHTS = {"S": 1, "M": 2, "C": 4}


def is_cursor(name: str) -> bool:
    """Whether what a key sends depends on the program: a cursor key without modifiers."""
    return name.lower() in _LETTERED


def bytes_of(name: str, *, application: bool = False) -> bytes:
    """What the key `name` sends: `C-c`, `M-x`, `S-Tab`, `Enter`, `C-Left`, `F5`, `^C` or one character.

    `application`: whether the program has the cursor keys in application mode (DECCKM: SS3 instead of CSI).
    Raises UsageError for a name that is no key.
    """
    modifiers, key = _taken_apart(name)
    lower = key.lower()
    weight = 1 + sum(_WEIGHTS[each] for each in modifiers)
    if lower in _LETTERED:
        return _lettered(_LETTERED[lower], weight, b"\x1bO" if application else b"\x1b[")
    if lower in _FUNCTIONS:
        return _lettered(_FUNCTIONS[lower], weight, b"\x1bO")
    if lower in _NUMBERED:
        return f"\x1b[{_NUMBERED[lower]}{f';{weight}' if weight > 1 else ''}~".encode()
    if lower == "tab" and "S" in modifiers:
        sent = b"\x1b[Z"
    elif lower in _PLAIN and "C" not in modifiers:
        sent = _PLAIN[lower]
    elif "C" in modifiers:
        sent = _control(" " if lower == "space" else key, name)
    elif len(key) == 1:
        sent = (key.upper() if "S" in modifiers else key).encode("utf-8", "surrogateescape")
    else:
        raise _unknown(name)
    return b"\x1b" + sent if "M" in modifiers else sent


def _taken_apart(name: str) -> tuple[set[str], str]:
    """The modifiers before a key, and the key."""
    modifiers: set[str] = set()
    if len(name) == 2 and name[0] == "^":
        return {"C"}, name[1]
    while len(name) > 2 and name[1] == "-" and name[0].upper() in _WEIGHTS:
        modifiers.add(name[0].upper())
        name = name[2:]
    return modifiers, name


def _lettered(final: str, weight: int, introducer: bytes) -> bytes:
    """A cursor or function key: with modifiers always CSI 1 ; weight final."""
    if weight == 1:
        return introducer + final.encode()
    return f"\x1b[1;{weight}{final}".encode()


def _control(key: str, name: str) -> bytes:
    """The control character of a key (ECMA-48's C0: the key's column less four, `?` is DEL)."""
    if key == "?":
        return b"\x7f"
    if key in (" ", "2"):
        return b"\0"
    if len(key) == 1 and "@" <= key.upper() <= "_":
        return bytes((ord(key.upper()) & 0x1F,))
    raise _unknown(name)


def _unknown(name: str) -> UsageError:
    return UsageError(f"{printable(name)} is no key: write C-c, M-x, Enter, Escape, Tab, Up, F5, or one character")
