"""The daemon's own replies to a program's queries, while no attached terminal can reply.

A reply is constant, or made of numbers from the emulator: a program's own text must not come back as input, where the
next shell would execute it. Queries for clipboard, images, titles or screen content get no reply. The forms are those
of XTerm's control sequences, DEC's manuals and kitty's keyboard protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sesh.about import __version__
from sesh.text.sizes import Size
from sesh.vt.emulator import Emulator
from sesh.vt.queries import reply_form

_ST = b"\x1b\\"

_FIXED = {
    b"?c": b"\x1b[?62;22c",  # a VT220 with colour
    b">c": b"\x1b[>1;10;0c",
    b"P!|": b"\x1bP!|00000000" + _ST,
    b"n": b"\x1b[0n",
    b"P>|": b"\x1bP>|sesh(" + __version__.encode("ascii") + b")" + _ST,
    b"P+r": b"\x1bP0+r" + _ST,  # no capability: that is up to the terminal that attaches
    b">m": b"\x1b[>4;0m",
    b"?996n": b"\x1b[?997;1n",  # dark colours
}
"""Constant replies by their form (`queries.reply_form`), or by the query if forms are ambiguous."""


def reply_to(query: bytes, terminal: Emulator) -> bytes:
    """Return the reply to a query (a finding's body); empty if it gets none."""
    form = reply_form(query)
    if form in _FROM_TERMINAL:
        return _FROM_TERMINAL[form](query, terminal)
    if form.startswith(b"]"):
        return _colour(query)
    return _FIXED.get(form) or _FIXED.get(query[2:], b"")


def size_report(size: Size) -> bytes:
    """Return the report of a size, in cells and pixels (mode 2048)."""
    columns, rows, width, height = size
    return b"\x1b[48;%d;%d;%d;%dt" % (rows, columns, height, width)


def _number(query: bytes) -> int:
    """Return a query's first number; -1 without one, or above five digits."""
    digits = re.search(rb"[0-9]+", query)
    return int(digits[0]) if digits is not None and len(digits[0]) < 6 else -1


def _position(query: bytes, terminal: Emulator) -> bytes:
    """Reply to CPR and DECXCPR; in origin mode, the position is relative to the margins."""
    row, column = terminal.cursor
    screen = terminal.screen
    if screen.origin:
        row = max(0, row - screen.top)
        column = max(0, column - screen.left)
    return b"\x1b[%s%d;%dR" % (b"?" if query[2:3] == b"?" else b"", row + 1, column + 1)


def _mode(query: bytes, terminal: Emulator) -> bytes:
    """Reply to DECRQM: 1 for set, 2 for reset, 0 for an unknown mode."""
    private = query[2:3] == b"?"
    number = _number(query)
    if number < 0:
        return b""
    value = {True: 1, False: 2, None: 0}[terminal.mode(number, private)]
    return b"\x1b[%s%d;%d$y" % (b"?" if private else b"", number, value)


def _window(query: bytes, terminal: Emulator) -> bytes:
    """Reply to XTWINOPS: the size in characters only."""
    form = {18: b"\x1b[8;%d;%dt", 19: b"\x1b[9;%d;%dt"}.get(_number(query))
    return form % (terminal.height, terminal.columns) if form is not None else b""


def _colour(query: bytes) -> bytes:
    """Reply to a query for default colours (OSC 10 to 19) with dark ones."""
    end = b"\x07" if query.endswith(b"\x07") else _ST
    number = query[2 : -len(end)].removesuffix(b";?")
    if not re.fullmatch(rb"1[0-9]", number):
        return b""
    colour = b"0000" if number in (b"11", b"14", b"16", b"19") else b"d0d0"
    return b"\x1b]" + number + b";rgb:" + b"/".join(3 * [colour]) + end


_FROM_TERMINAL: dict[bytes, Callable[[bytes, Emulator], bytes]] = {
    b"R": _position, b"?R": _position, b"$y": _mode, b"?$y": _mode, b"t": _window,
    b"?u": lambda _, terminal: b"\x1b[?%du" % terminal.screen.kitty_flags,
}  # fmt: skip
