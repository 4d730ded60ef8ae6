"""The daemon's automatic answers to a program's queries, while no terminal is there to answer them.

Each is fixed, or made of numbers from the model: text that the program chose never comes back as its input, where the
next shell would read it as typed. Queries for clipboards, images, titles or the screen's content get no answer. The
forms are those of XTerm's control sequences, DEC's manuals and kitty's keyboard protocol.
"""

from __future__ import annotations

from collections.abc import Callable

from sesh.about import __version__
from sesh.vt.emulator import Emulator

_ST = b"\x1b\\"

_FIXED = {
    "da1": b"\x1b[?62;22c",  # a VT220 with colour
    "da2": b"\x1b[>1;10;0c",
    "da3": b"\x1bP!|00000000" + _ST,
    "dsr": b"\x1b[0n",
    "xtversion": b"\x1bP>|sesh(" + __version__.encode("ascii") + b")" + _ST,
    "modkeys": b"\x1b[>4;0m",
}

_STATUS = {
    15: b"\x1b[?13n",  # no printer
    25: b"\x1b[?20n",  # user-defined keys are unlocked
    26: b"\x1b[?27;1;0;0n",  # a North American keyboard
    53: b"\x1b[?50n",  # no locator
    55: b"\x1b[?50n",
    56: b"\x1b[?57;0n",
    62: b"\x1b[0*{",  # no room for macros
    75: b"\x1b[?70n",  # no errors on the line
    85: b"\x1b[?83n",  # one session
    996: b"\x1b[?997;1n",  # dark
}

_CAPABILITIES = {b"Co": b"256", b"colors": b"256", b"RGB": b"8"}

_FOREGROUND, _BACKGROUND = "d0d0d0", "000000"
_ANSI = (
    "000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5",
    "7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff",
)  # fmt: skip
"""xterm's sixteen colours, as red, green and blue in hexadecimal."""


def needs_terminal(kind: str) -> bool:
    """Returns whether `answer` reads the emulator for a query of this kind; for the others pass None."""
    return kind in _FROM_TERMINAL


def answer(kind: str, body: bytes, terminal: Emulator | None) -> bytes:
    """The answer to a query, from the kind and the body of its finding; empty for kinds that are not answered."""
    if kind in _FROM_TERMINAL:
        return _FROM_TERMINAL[kind](body, terminal) if terminal is not None else b""
    make = _FROM_QUERY.get(kind)
    return make(body) if make is not None else _FIXED.get(kind, b"")


def _number(text: bytes) -> int:
    """The decimal number at the beginning of `text`, up to its first semicolon; 0 if there is none."""
    digits = text.partition(b";")[0]
    return int(digits) if digits.isdigit() and len(digits) < 10 else 0


def _position(body: bytes, terminal: Emulator) -> bytes:
    """CPR and DECXCPR: row and column of the cursor from 1, counted from the margins in origin mode."""
    row, column = terminal.cursor
    if terminal.mode(6):
        row, column = max(0, row - terminal.screen.top), max(0, column - terminal.screen.left)
    return b"\x1b[%s%d;%dR" % (b"?" if body.startswith(b"?") else b"", row + 1, column + 1)


def _status(body: bytes) -> bytes:
    return _STATUS.get(_number(body[1:-1]), b"")


def _mode(body: bytes, terminal: Emulator) -> bytes:
    """DECRPM: 1 for set, 2 for reset, 0 for an unknown mode."""
    private, number = body.startswith(b"?"), _number(body.removeprefix(b"?").removesuffix(b"$p"))
    if number > 65535:
        return b""
    state = terminal.mode(number, private)
    value = 0 if state is None else 1 if state else 2
    return b"\x1b[%s%d;%d$y" % (b"?" if private else b"", number, value)


def _keyboard(_: bytes, terminal: Emulator) -> bytes:
    return b"\x1b[?%du" % terminal.screen.kitty_flags


def _setting(body: bytes, terminal: Emulator) -> bytes:
    """DECRPSS: 1 with the setting, 0 for an unknown one."""
    setting = body.removeprefix(b"$q")
    screen = terminal.screen
    values = {
        b"m": "".join(char for char in screen.pen.sgr if char in "0123456789;:").encode() or b"0",
        b"r": b"%d;%d" % (screen.top + 1, screen.bottom + 1),
        b"s": b"%d;%d" % (screen.left + 1, screen.right + 1),
        b" q": b"%d" % screen.cursor_style,
        b'"p': b"62;1",
        b'"q': b"0",
    }
    if setting not in values:
        return b"\x1bP0$r" + _ST
    return b"\x1bP1$r" + values[setting] + setting + _ST


def _capabilities(body: bytes) -> bytes:
    """XTGETTCAP: the requested capabilities, up to the first unknown one, in hexadecimal."""
    values: list[str] = []
    for field in body.removeprefix(b"+q").split(b";"):
        try:
            name = bytes.fromhex(field.decode("ascii"))
        except ValueError:
            break
        value = _CAPABILITIES.get(name)
        if value is None or len(values) == len(_CAPABILITIES):
            break
        values.append(f"{name.hex()}={value.hex()}")
    return b"\x1bP%d+r" % bool(values) + ";".join(values).encode() + _ST


def _window(body: bytes, terminal: Emulator) -> bytes:
    """XTWINOPS: the size in characters, and a window that is neither moved nor minimized; no pixels, no titles."""
    size = b";%d;%dt" % (terminal.rows, terminal.columns)
    answers = {11: b"\x1b[1t", 13: b"\x1b[3;0;0t", 18: b"\x1b[8" + size, 19: b"\x1b[9" + size}
    return answers.get(_number(body[:-1]), b"")


def _parameters(body: bytes) -> bytes:
    """DECREPTPARM, as xterm sends it: no parity, eight bits, 38,400 baud both ways."""
    return b"\x1b[%d;1;1;128;128;1;0x" % (3 if body == b"1x" else 2)


def _graphics_attributes(body: bytes) -> bytes:
    """XTSMGRAPHICS: no item can be read or set."""
    item = _number(body[1:-1])
    return b"\x1b[?%d;1;0S" % (item if item in (1, 2, 3) else 0)


def _colour(body: bytes) -> bytes:
    """The colours of a dark terminal, in xterm's form; the answer ends as the query did."""
    terminator = b"\x07" if body.endswith(b"\x07") else _ST
    number, index = _number(body), body.partition(b";")[2].partition(b";")[0]
    if number == 4 and index.isdigit() and _number(index) < 256:
        name = b"4;%d" % _number(index)
        colour = _indexed(_number(index))
    elif 10 <= number <= 19:
        name = b"%d" % number
        colour = _BACKGROUND if number in (11, 14, 16, 19) else _FOREGROUND
    else:
        return b""
    parts = "/".join(colour[start : start + 2] * 2 for start in (0, 2, 4))
    return b"\x1b]" + name + b";rgb:" + parts.encode() + terminator


def _indexed(index: int) -> str:
    """xterm's palette: 16 colours, a cube of 6 by 6 by 6, 24 greys."""
    if index < 16:
        return _ANSI[index]
    if index >= 232:
        return f"{8 + 10 * (index - 232):02x}" * 3
    steps, cube = ("00", "5f", "87", "af", "d7", "ff"), index - 16
    return steps[cube // 36] + steps[cube // 6 % 6] + steps[cube % 6]


_FROM_TERMINAL: dict[str, Callable[[bytes, Emulator], bytes]] = {
    "cpr": _position,
    "decxcpr": _position,
    "decrqm": _mode,
    "kitty": _keyboard,
    "decrqss": _setting,
    "window": _window,
}
_FROM_QUERY: dict[str, Callable[[bytes], bytes]] = {
    "dsr?": _status,
    "xtgettcap": _capabilities,
    "decreqtparm": _parameters,
    "xtsmgraphics": _graphics_attributes,
    "colour": _colour,
}
