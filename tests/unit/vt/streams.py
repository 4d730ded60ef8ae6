"""Random streams for the emulator's tests, and the state that a restore brings back."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import is_dataclass
from typing import Any

from pyte.screens import Cursor

from sesh.vt.emulator import Emulator
from sesh.vt.grid import Page, SavedCursor
from sesh.vt.pen import Pen
from sesh.vt.row import Row

#: Text of all kinds: ASCII, Latin, wide, combining, selectors, flags, families, conjuncts, zero width.
TEXTS = (
    "a", "hello world", "x" * 30, " ", "   ", "é", "─│", "中文", "中", "e\u0301", "\u0301", "❤", "❤\ufe0f", "\ufe0f",
    "⌚", "⌚\ufe0e", "👩\u200d👩\u200d👧", "\u200d", "👩", "🇫🇷", "🇫", "👍🏽", "🏽", "क्ष", "क", "\u094d", "\u093e",
    "กำ", "\u0e33", "\u0600", "\u1100", "\u1100\u1161\u11a8", "\uff9e", "\u1780\u17d2\u1780", "க\u0bcdஷ",
    "한", "\u200b", "\u00ad", "#\ufe0f\u20e3", "qqq~`", "\ufffd", "\U000e0100",
)  # fmt: skip
CONTROLS = (
    "\r", "\n", "\r\n", "\r\n", "\b", "\t", "\v", "\x0e", "\x0f", "\x07", "\x00", "\x18", "\x7f", "\x85", "\x9b",
)  # fmt: skip
SGR = (
    "", "0", "1", "2", "3", "4", "4:3", "4:0", "5", "7", "8", "9", "21", "22", "24", "31", "44", "97", "105",
    "39", "49",
    "38;5;1", "38;5;200", "38;2;1;2;3", "48;2;9;8;7", "48:5:7", "38:2::1:2:3", "58;5;9", "58:2::1:2:3", "59", "53",
    "55",
    "1;31;44", "38;5;999", "38", "²", "99",
)  # fmt: skip
ESCAPES = (
    "7", "8", "D", "E", "H", "M", "6", "9", "=", ">", "c", "(0", "(B", ")0", "(A", "*0", "+0", "n", "o", "N", "O", "#8",
    " F", "%@", "-A", "\\",
)  # fmt: skip
#: Images, whole and in parts; xterm.js without an addon ignores them.
IMAGES = (
    "\x1bPq#0~~-~~-~~-~~-~~\x1b\\", '\x1bP0;1q"1;1;30;70#1~', "\x1b_Ga=T,f=24,c=3,r=2;AAAA\x1b\\",
    "\x1b_Ga=T,f=100,c=4,r=3,m=1;AAAA\x1b\\", "\x1b_Gm=1;AAAA\x1b\\", "\x1b_Gm=0;AAAA\x1b\\", "\x1b_Gm=0;AAA",
)  # fmt: skip
FINALS = "@ABCDEFGHIJKLMPSTXZ^`abdefgrsuw"
MODES = (4, 20)
PRIVATE = (
    1, 3, 5, 6, 7, 9, 12, 25, 40, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1047, 1048, 1049,
    1049, 1049, 2004, 2026, 2027, 2027, 31337,
)  # fmt: skip
STRINGS = (
    "\x1b]0;title\x07", "\x1b]2;t\x1b\\", "\x1b]1;icon\x07", "\x1b]7;file://h/p%20q\x07", "\x1b]8;;http://x/\x07",
    "\x1b]8;id=1;http://y/\x1b\\", "\x1b]8;;\x07", "\x1b]4;1;#ff0000;2;red\x07", "\x1b]4;3;?\x07", "\x1b]104;1\x07",
    "\x1b]104\x07", "\x1b]10;#fff;#000\x07", "\x1b]11;?\x07", "\x1b]110\x07", "\x1b]12;rgb:1/2/3\x07",
    "\x1b]9;4;1;50\x07", "\x1b]9;4;0\x07", "\x1b]9;4;3\x1b\\", "\x1b]22;text\x07", "\x1b]22;\x07",
    "\x1b]133;A\x07", "\x1b]133;A;cl=m;k=s\x1b\\", "\x1b]133;B\x07", "\x1b]133;C;cmdline_url=ls\x07",
    "\x1b]133;D;1\x07",
    "\x1b]52;c;aGk=\x07", "\x1bPq#0\x1b\\", "\x1b_Gx\x1b\\", "\x1b^p\x1b\\", "\x1bXs\x1b\\", "\x1b]0;cut\x18",
    "\x1bkscr\x1b\\",
    "\x1b]66;s=2;Big\x1b\\", "\x1b]66;w=3:s=2;中é\x07", "\x1b]21;background=#400000;cursor\x07",
    "\x1b]21;cursor_text=red;5=#fff\x07", "\x1b]5;0;red\x07", "\x1b]105\x07",
    "\x1b[>1u", "\x1b[>5u", "\x1b[<u", "\x1b[<2u", "\x1b[=3;1u", "\x1b[=4;2u", "\x1b[=1;3u", "\x1b[?u", "\x1b[>4;2m",
    "\x1b[>4m", "\x1b[>4;1m", "\x1b[2 q", "\x1b[5 q", "\x1b[0 q", "\x1b[!p", "\x1b[22;0t",
    "\x1b[22t", "\x1b[22;1t", "\x1b[23;1t", "\x1b[23;2t", "\x1b[23;0t",
    "\x1b[8;5;5t",
    "\x1b[2;3;4;9$z", "\x1b[120;1;5;3;30$x", "\x1b[1;1;3;8;1;2;5;1$v", "\x1b[1;2;9;9${", "\x1b[2 @", "\x1b[3 A",
    "\x1b[?1045h",
    "\x1b[3J", "\x1b['}", "\x1b[2'~", "\x1b[?1$p", "\x1b[>c", "\x1b[c", "\x1b[6n", "\x1b[0x", "\x1b[3\n1m", "\x1b(\n0",
    "\x1b[3\x7f1m", "\x1b[3é", "\x1b[1?2h", "\x1b[1$2p", "\x1b", "\x1b[", "\x1b[3", "\x1b]0;un", "\x1bP1", "\x1b(",
)  # fmt: skip


def _sequence(rng: random.Random) -> str:
    count = rng.choice((0, 0, 1, 1, 2, 3))
    params = ";".join(str(rng.choice((0, 1, 1, 2, 3, 4, 5, 8, 12, 70000))) for _ in range(count))
    return f"\x1b[{params}{rng.choice(FINALS)}"


#: The elements of the grammar and how often each comes.
_KINDS: dict[Callable[[random.Random], str], int] = {
    lambda rng: rng.choice(TEXTS): 30,
    lambda rng: rng.choice(CONTROLS): 15,
    lambda rng: f"\x1b[{rng.choice(SGR)}m": 12,
    _sequence: 21,
    lambda rng: f"\x1b{rng.choice(ESCAPES)}": 6,
    lambda rng: f"\x1b[?{rng.choice(PRIVATE)}{rng.choice('hl')}": 7,
    lambda rng: f"\x1b[{rng.choice(MODES)}{rng.choice('hl')}": 2,
    lambda rng: rng.choice(STRINGS): 5,
}


def piece(rng: random.Random) -> bytes:
    """One element of the grammar, or a few random bytes."""
    if rng.random() < 0.02:
        return bytes(rng.choices(range(256), k=rng.randint(1, 6)))
    return rng.choices(list(_KINDS), list(_KINDS.values()))[0](rng).encode()


def stream(rng: random.Random, length: int) -> bytes:
    return b"".join(piece(rng) for _ in range(length))


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """Cut `data` into pieces of random sizes."""
    out = []
    at = 0
    while at < len(data):
        size = rng.choice((1, 1, 2, 3, 7, 50, 1000))
        out.append(data[at : at + size])
        at += size
    return out


def fed(data: str | bytes, columns: int = 20, rows: int = 5, **limits: int) -> Emulator:
    """Return an emulator that has got this output without an error."""
    emulator = Emulator(columns, rows, **limits)
    emulator.feed(data.encode() if isinstance(data, str) else data)
    assert emulator.last_error is None, emulator.last_error
    return emulator


#: State that a restore does not bring back: counters, and what the program used before.
_LEFT_OUT = {"used", "scrollback", "cell", "columns", "lines"}
_ALL = 10**9


def state(emulator: Emulator) -> dict[str, Any]:
    """The whole state of an emulator, in a form that can be compared."""
    screen, scrollback = emulator.screen, emulator.screen.scrollback
    screen.sync_scrollback()
    return {
        **{name: _plain(value) for name, value in vars(screen).items() if name != "scrollback"},
        "lines held": scrollback.last(_ALL),
        "open line": _plain([*scrollback.open_rows, *screen.main_rows[:1]][:-1]),
        "counts": (scrollback.count, scrollback.end, scrollback.scrolled),
        "unfinished": emulator.unfinished,
    }


def essence(emulator: Emulator) -> dict[str, Any]:
    """The state that a replay restores."""
    out = {key: value for key, value in state(emulator).items() if key not in _LEFT_OUT | {"counts"}}
    if emulator.in_image:
        out["unfinished"] = b""
    out["modes"].pop(2026, None)
    return out


def _plain(value: object) -> Any:
    """Return a screen's value as data: a pen by its style, a row by cells."""
    if isinstance(value, Pen):
        return value.style
    if isinstance(value, Cursor):
        return value.x, value.y, value.hidden
    if isinstance(value, SavedCursor | Page):
        return [_plain(field) for field in value]
    if is_dataclass(value):
        return deepcopy(value)
    if isinstance(value, list) and value and isinstance(value[0], Row):
        below = [*value[1:], None]
        return [_cells(row, following) for row, following in zip(value, below, strict=True)]
    return copy(value)


def _cells(row: Row, following: Row | None) -> tuple[object, ...]:
    """Return a row as data; a spacer before a grapheme no longer wide is blank."""
    text = [*row.text[:-1], "spacer"] if row.ends_in_spacer(following) else row.text
    return text, [pen.style for pen in row.pens], row.continues, row.prompt
