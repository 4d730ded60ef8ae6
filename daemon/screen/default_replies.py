"""The daemon's own replies to a program's queries, while no attached terminal can reply.

A reply is constant, or made of numbers from the emulator: a program's own text must not come back as input, where the
next shell would execute it. Queries for clipboard, images, titles or screen content get no reply. The forms are those
of XTerm's control sequences, DEC's manuals, and kitty's protocols. docs/TERMINAL.md says what each query gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sesh.about import __version__
from sesh.daemon.screen import colours
from sesh.text.sizes import Size
from sesh.vt.emulator import Emulator
from sesh.vt.osc_values import indexed, name_of
from sesh.vt.queries import reply_form

_ST = b"\x1b\\"

_FIXED = {
    b"?c": b"\x1b[?62;22c",  # a VT220 with colour
    b">c": b"\x1b[>1;10;0c",
    b"P!|": b"\x1bP!|00000000" + _ST,
    b"n": b"\x1b[0n",
    b"P>|": b"\x1bP>|sesh(" + __version__.encode("ascii") + b")" + _ST,
    b"P+r": b"\x1bP0+r" + _ST,  # no capability: that is up to the terminal that attaches
    b"P!u": b"\x1bP0!u%5" + _ST,  # DECRQUPSS: DEC's supplemental set
    b"&w": b"\x1b[0&w",  # DECRQLP: no locator
    b"*{": b"\x1b[0*{",  # no room for macros
    b"?996n": b"\x1b[?997;1n",  # dark colours
    b"?15n": b"\x1b[?13n",  # no printer
    b"?25n": b"\x1b[?20n",  # user-defined keys are not locked
    b"?26n": b"\x1b[?27;1;0;0n",  # a North American keyboard
    b"?53n": b"\x1b[?50n",  # no locator
    b"?55n": b"\x1b[?50n",
    b"?56n": b"\x1b[?57;0n",
    b"?75n": b"\x1b[?70n",  # no error since the last report
    b"?85n": b"\x1b[?83n",  # not set up for several sessions
}
"""Constant replies by their form (`queries.reply_form`), or by the query if forms are ambiguous."""
_DYNAMIC = tuple(map(str, range(10, 20)))  # the OSC of the default colours
_MAX_ITEMS = 32  # of one query that get a reply


def reply_to(query: bytes, terminal: Emulator) -> bytes:
    """Return the reply to a query (a finding's body); empty if it gets none."""
    form = reply_form(query)
    if form in _FROM_TERMINAL:
        return _FROM_TERMINAL[form](query, terminal)
    if form.startswith(b"]"):
        return _of_command(query, terminal)
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
    """Reply to XTWINOPS: open, in the corner, and the size in characters; nobody shows it in pixels."""
    number = _number(query)
    if number in (11, 13):
        return b"\x1b[1t" if number == 11 else b"\x1b[3;0;0t"
    form = {18: b"\x1b[8;%d;%dt", 19: b"\x1b[9;%d;%dt"}.get(number)
    return form % (terminal.height, terminal.columns) if form is not None else b""


def _setting(query: bytes, terminal: Emulator) -> bytes:
    """Reply to DECRQSS."""
    screen = terminal.screen
    settings = {
        b"m": screen.pen.sgr or "0",
        b"r": f"{screen.top + 1};{screen.bottom + 1}",
        b"s": f"{screen.left + 1};{screen.right + 1}",
        b" q": str(screen.cursor_style or 1),
        b'"p': "62;1",
        b'"q': "0",
        b"t": str(terminal.height),
        b"$|": str(terminal.columns),
        b"*|": str(terminal.height),
        b"$}": "0",
        b"$~": "0",
    }
    name = query[4 : -len(_ST)]
    if name not in settings:
        return b"\x1bP0$r" + _ST
    return b"\x1bP1$r" + settings[name].encode() + name + _ST


def _presentation(query: bytes, terminal: Emulator) -> bytes:
    """Reply to DECRQPSR: 1 the cursor and what belongs to it (DECCIR), 2 the tab stops (DECTABSR)."""
    screen = terminal.screen
    if _number(query) == 2:
        stops = "/".join(str(stop + 1) for stop in sorted(screen.tabstops))
        return f"\x1bP2$u{stops}\x1b\\".encode()
    if _number(query) != 1:
        return b""
    row, column = terminal.cursor
    style = screen.pen.style
    rendition = style.bold + 2 * bool(style.underline) + 4 * style.blink + 8 * style.reverse
    flags = screen.origin + 8 * screen.pending_wrap
    sets = "".join(code if code in ("0", "A") else "B" for code in screen.charsets.sets)
    place = f"{row + 1};{column + 1};1;{chr(64 + rendition)};@;{chr(64 + flags)}"
    return f"\x1bP1$u{place};{screen.charsets.gl};2;@;{sets}\x1b\\".encode()


def _checksum(query: bytes) -> bytes:
    """Reply to DSR ? 63, a checksum of macros, of which there are none; that of a screen (DECRQCRA) gets no reply."""
    match = re.fullmatch(rb"\x1b\[\?63(?:;([0-9]{1,5}))?n", query)
    return b"\x1bP%s!~0000" % (match[1] or b"0") + _ST if match is not None else b""


def _parameters(query: bytes, _: Emulator) -> bytes:
    """Reply to DECREQTPARM: no parity, eight bits, 38,400 baud."""
    return b"\x1b[%d;1;1;128;128;1;0x" % (3 if _number(query) == 1 else 2)


def _displayed(_: bytes, terminal: Emulator) -> bytes:
    """Reply to DECRQDE: the whole page shows."""
    return b'\x1b[%d;%d;1;1;1"w' % (terminal.height, terminal.columns)


def _key_resource(query: bytes, terminal: Emulator) -> bytes:
    """Reply to XTQMODKEYS."""
    number = _number(query)
    return b"\x1b[>%d;%dm" % (number, terminal.screen.key_resources.get(number, 0)) if number >= 0 else b""


def _key_format(query: bytes, _: Emulator) -> bytes:
    """Reply to XTQFMTKEYS: no other format was set."""
    return b"\x1b[>%d;0f" % number if (number := _number(query)) >= 0 else b""


def _graphics(query: bytes, _: Emulator) -> bytes:
    """Reply to XTSMGRAPHICS: a failure, as there is nobody to show images."""
    return b"\x1b[?%d;3;0S" % number if (number := _number(query)) >= 0 else b""


def _of_command(query: bytes, terminal: Emulator) -> bytes:
    """Reply to a query of an OSC: for colours, and for the pointer's shapes, of which there are none."""
    end = b"\x07" if query.endswith(b"\x07") else _ST
    number, _, rest = query[2 : -len(end)].decode("ascii", "replace").partition(";")
    values = terminal.screen.osc_values
    reply = ""
    if number == "21":
        names = [item.removesuffix("=?") for item in rest.split(";")[:_MAX_ITEMS] if item.endswith("=?")]
        reply = ";".join(f"{name}={colours.colour(key, values)}" for name in names if (key := name_of(name)))
    elif number == "22" and rest[:1] == "?":
        reply = ",".join("0" for _ in rest[1:].split(",")[:_MAX_ITEMS])
    elif rest == "?" and number in _DYNAMIC:
        reply = colours.colour(number, values)
    elif number in ("4", "5") and rest.endswith(";?") and (key := indexed(int(number), rest[:-2])):
        colour = colours.colour(key, values)
        reply = f"{int(rest[:-2])};{colour}" if colour else ""
    return f"\x1b]{number};{reply}".encode() + end if reply else b""


_FROM_TERMINAL: dict[bytes, Callable[[bytes, Emulator], bytes]] = {
    b"R": _position, b"?R": _position, b"$y": _mode, b"?$y": _mode, b"t": _window, b"P$r": _setting,
    b"P$u": _presentation, b"x": _parameters, b'"w': _displayed, b">m": _key_resource, b">f": _key_format,
    b"?S": _graphics, b"?#Q": lambda *_: b"\x1b[?0;0#Q", b"P!~": lambda query, _: _checksum(query),
    b"?u": lambda _, terminal: b"\x1b[?%du" % terminal.screen.kitty_flags,
}  # fmt: skip
