"""A small stream for each restored feature and each gap of pyte (P1 to P27).

A feature is `data`, from which the restore is made, and `more`, which comes after it and reveals what does not show by
itself. EXPLAINED names features that @xterm/headless lacks or treats differently: only our own emulator checks these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay
from tests.fidelity.xterm import Xterm, seen
from tests.unit.vt.streams import essence

COLUMNS, ROWS = 20, 6
WORDS = "".join(f"line {number} of some words that wrap\r\n" for number in range(9))


class Feature(NamedTuple):
    """`widths`: the oracle's table (see `dialect.WIDTHS`)."""

    data: str | bytes
    more: str = ""
    widths: str = "15-graphemes"

    @property
    def written(self) -> bytes:
        return self.data.encode() if isinstance(self.data, str) else self.data

    def restored(self) -> bytes:
        """Return what an attaching client receives."""
        emulator = Emulator(COLUMNS, ROWS)
        emulator.feed(self.written)
        assert emulator.last_error is None, emulator.last_error
        return replay(emulator, lines=10**9)

    def differing(self, xterm: Xterm) -> list[str]:
        """Return what xterm.js shows differently after a restore than after the bytes themselves."""
        for more in (b"", self.more.encode()):
            there = seen(xterm.hold(COLUMNS, ROWS, self.written, more, widths=self.widths))
            here = seen(xterm.hold(COLUMNS, ROWS, self.restored(), more, widths=self.widths))
            parts = [part for part in there if there[part] != here[part]]
            if parts:
                return parts
        return []

    def differing_here(self) -> list[str]:
        """Return what our own emulator shows differently."""
        for more in (b"", self.more.encode()):
            there, here = Emulator(COLUMNS, ROWS), Emulator(COLUMNS, ROWS)
            there.feed(self.written + more)
            here.feed(self.restored() + more)
            one: dict[str, Any] = essence(there)
            other = essence(here)
            parts = [part for part in one if one[part] != other[part]]
            if parts:
                return parts
        return []


_BOTH = "main\x1b[3;4H\x1b[31m\x1b[?1049h\x1b[Halt\x1b[2;2H"

FEATURES: dict[str, Feature] = {
    # Text
    "plain text": Feature("hello\r\nworld"),
    "wide characters": Feature("中文 한\x1b[2;19H中文"),
    "combining marks": Feature("e\u0301a\u0300o\u0302\u0323", "\u0301"),
    "an emoji beyond the BMP": Feature("👩 x😀", "", "11"),
    "a ZWJ family": Feature("👩\u200d👩\u200d👧X"),
    "a flag": Feature("🇫🇷🇩🇪X"),
    "a skin tone": Feature("👍🏽X"),
    "an emoji selector": Feature("❤\ufe0fX", "y"),
    "a text selector": Feature("⌚\ufe0eX", "y"),
    "a keycap": Feature("#\ufe0f\u20e3X"),
    "an open grapheme": Feature("❤", "\ufe0fX"),
    "half a wide character overwritten": Feature("中文字\x1b[1;2Hx\x1b[1;5Hy"),
    "blanks at the end of a row": Feature("word   \r\nnext", "\x1b[1;8Hx"),
    "a line that wraps": Feature("x" * 50, "y"),
    "a pending wrap": Feature("x" * 20, "y"),
    "the last character, for REP": Feature("ab中", "\x1b[3b"),
    # Attributes
    "bold, dim, italic": Feature("\x1b[1mb\x1b[2md\x1b[22;3mi\x1b[23mn", "more"),
    "underline styles": Feature("\x1b[4ma\x1b[4:2mb\x1b[4:3mc\x1b[4:4md\x1b[4:5me\x1b[24mf", "g"),
    "double underline as 21": Feature("\x1b[21ma", "b"),
    "underline colour, index": Feature("\x1b[4;58:5:9ma", "b"),
    "underline colour, RGB": Feature("\x1b[4;58:2::1:2:3ma", "b"),
    "blink, inverse, conceal, strike, overline": Feature(
        "\x1b[5ma\x1b[7mb\x1b[8mc\x1b[9md\x1b[53me\x1b[25mf\x1b[55mg", "h"
    ),
    "the 16 colours": Feature("".join(f"\x1b[{30 + n};{47 - n}mx\x1b[{90 + n};{107 - n}my" for n in range(8)), "z"),
    "256 colours": Feature("\x1b[38;5;1ma\x1b[48;5;200mb\x1b[38:5:21mc", "d"),
    "true colour": Feature("\x1b[38;2;1;2;3ma\x1b[48:2::9:8:7mb", "c"),
    "default colours": Feature("\x1b[31;42ma\x1b[39mb\x1b[49mc", "d"),
    "a hyperlink": Feature("\x1b]8;id=1;http://x/\x07link\x1b]8;;\x07.", "x"),
    "a hyperlink that is open": Feature("\x1b]8;;http://x/\x1b\\link", "more\x1b]8;;\x07."),
    "erasing keeps the background": Feature("\x1b[41m\x1b[2J\x1b[2;2H\x1b[42m\x1b[K\x1b[m", "x\x1b[K"),
    "rows scrolled in keep the background": Feature("\x1b[44m" + "a\r\n" * 8 + "\x1b[m", "\r\n"),
    # Cursor
    "cursor position": Feature("\x1b[4;7H", "x"),
    "a hidden cursor": Feature("\x1b[?25l", "\x1b[?25h"),
    "cursor shapes": Feature("\x1b[5 q"),
    "a saved cursor with its pen": Feature("\x1b[3;5H\x1b[1;31m\x1b7\x1b[m\x1b[H", "\x1b8x"),
    "a saved cursor as SCOSC has it": Feature("\x1b[3;5H\x1b[32m\x1b[s\x1b[m\x1b[H", "\x1b[ux"),
    "a saved charset": Feature("\x1b(0\x1b7\x1b[3;3H", "\x1b8q"),
    "a cursor saved while it waits to wrap": Feature("x" * 20 + "\x1b7\x1b[H", "\x1b8y"),
    "a saved origin mode": Feature("\x1b[2;4r\x1b[?6h\x1b[2;2H\x1b7\x1b[?6l", "\x1b8x\x1b[Hy"),
    "a saved wrap mode": Feature("\x1b[?7l\x1b7\x1b[?7h", "\x1b8" + "x" * 30),
    # Screens
    "the alternate screen (1049)": Feature(_BOTH, "x\x1b[?1049ly"),
    "the alternate screen (1047)": Feature("main\x1b[?1047hmore", "x\x1b[?1047ly"),
    "the alternate screen (47)": Feature("main\x1b[?47hmore", "x\x1b[?47ly"),
    "the alternate screen left": Feature(_BOTH + "\x1b[?1049l", "y"),
    "a saved cursor on each screen": Feature("\x1b[2;2H\x1b7\x1b[?47h\x1b[4;4H\x1b7\x1b[H", "\x1b8a\x1b[?47l\x1b8b"),
    "an alternate screen with a background": Feature("\x1b[44m\x1b[?1049h\x1b[2Jtext", "x\x1b[?1049ly"),
    # Scrolling and margins
    "scrollback": Feature(WORDS, "\r\nmore"),
    "scrollback with colours": Feature("\x1b[32m" + WORDS + "\x1b[m", "x"),
    "scrollback with links": Feature("\x1b]8;;http://x/\x07" + WORDS + "\x1b]8;;\x07", "x"),
    "margins": Feature("a\r\nb\r\nc\r\nd\r\ne\x1b[2;4r", "\x1b[4;1H\nx\x1b[2;1H\x1bMy"),
    "scrolling within margins": Feature("a\r\nb\r\nc\r\nd\r\ne\x1b[2;4r\x1b[4;1H\n\n\x1b[r"),
    "origin mode": Feature("\x1b[2;4r\x1b[?6h\x1b[1;3H", "x\x1b[Hy"),
    "left and right margins": Feature("\x1b[?69h\x1b[3;9s\x1b[2;4r\x1b[?6h", "\x1b[Habcdefghij\n\n\nx"),
    "SU and SD within margins": Feature("a\r\nb\r\nc\r\nd\x1b[2;4r\x1b[S\x1b[r", "\x1b[2;4r\x1b[2Tx"),
    "SU of the whole screen": Feature("a\r\nb\r\nc\r\nd\x1b[2S", "x"),
    "IL and DL": Feature("a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[2L\x1b[4;1H\x1b[M", "x"),
    "ICH, DCH, ECH": Feature("abcdefgh\x1b[1;3H\x1b[2@\x1b[1;7H\x1b[P\x1b[44m\x1b[2X", "x"),
    "DECIC and DECDC": Feature("abc\r\ndef\x1b[1;2H\x1b[2'}\x1b[1;5H\x1b['~", "x"),
    "ED 3": Feature(WORDS + "\x1b[3J", "x"),
    # Modes
    "insert mode": Feature("abc\x1b[H\x1b[4h", "xy"),
    "no wrapping": Feature("\x1b[?7l", "x" * 25 + "y"),
    "line feed mode": Feature("a\x1b[20h", "\nb"),
    "reverse wrap": Feature("\x1b[?45h" + "x" * 25, "\b\b\b\b\b\b\by"),
    "reverse video": Feature("\x1b[7ma\x1b[?5hb", "c"),
    "application cursor keys": Feature("\x1b[?1h"),
    "application keypad": Feature("\x1b="),
    "bracketed paste": Feature("\x1b[?2004h"),
    "focus reports": Feature("\x1b[?1004h"),
    **{f"mouse {mode}": Feature(f"\x1b[?{mode}h\x1b[?1006h", f"\x1b[?{mode}l") for mode in (9, 1000, 1002, 1003)},
    "mouse in pixels": Feature("\x1b[?1003h\x1b[?1016h"),
    "synchronized output": Feature("\x1b[?2026hx", "y\x1b[?2026l"),
    "kitty keyboard stack": Feature("\x1b[>1u\x1b[>5u\x1b[=3;1u", "\x1b[<u"),
    "modifyOtherKeys": Feature("\x1b[>4;2m", "\x1b[>4m"),
    # Tab stops, charsets, strings
    "tab stops": Feature("\x1b[3g\x1b[5G\x1bH\x1b[11G\x1bH\r", "\tx\ty\x1b[Zz"),
    "line drawing": Feature("\x1b(0lqqk\x1b(B q", "x"),
    "line drawing that is on": Feature("\x1b(0", "lqqk"),
    "G1 by SO": Feature("\x1b)0\x0eq", "q\x0fq"),
    "G2 and G3 locked": Feature("\x1b*0\x1b+A\x1bnq", "q\x1bo#\x0fq"),
    "the title": Feature("\x1b]0;both\x07\x1b]2;title\x1b\\"),
    "the title stack": Feature("\x1b]0;one\x07\x1b[22;0t\x1b]0;two\x07", "\x1b[23;0t"),
    "the palette": Feature("\x1b]4;1;#111111;2;#222222\x07\x1b]10;#ffffff\x07\x1b]12;#333333\x07", "\x1b]104;1\x07"),
    "the palette taken back": Feature("\x1b]4;1;#111111;2;#222222\x07\x1b]104\x07\x1b]11;#000000\x07\x1b]111\x07"),
    "the directory": Feature("\x1b]7;file://host/tmp/a%20b\x1b\\"),
    "DECSTR": Feature("\x1b[31;4h\x1b[2;4r\x1b[?25l\x1b[?7l\x1b(0text\x1b[!p", "x"),
    "RIS": Feature("text\x1b[31m\x1b[2;3r\x1b(0\x1bcx", "y"),
    "DECALN": Feature("\x1b#8", "x"),
    "unfinished sequences": Feature("text\x1b[3", "1mred"),
    "an unfinished string": Feature("text\x1b]2;ti", "tle\x07x"),
    "an unfinished character": Feature(b"text" + "中".encode()[:2]),
    # The gaps of pyte
    "P1 strings are not drawn": Feature("a\x1bP$qm\x1b\\b\x1b_Gx\x1b\\c\x1b^p\x1b\\d\x1bXs\x1b\\e", "f"),
    "P2 prefixes and intermediates": Feature('\x1b[<uX\x1b[=1cX\x1b[62"pX\x1b[3$xX', "x"),
    "P3 prefixes are told apart": Feature("\x1b[>4;2ma\x1b[2 qb", "c"),
    "P4 escapes with intermediates": Feature("a\x1b Fb\x1b*0c\x1b+Bd", "e"),
    "P5 odd parameters": Feature("\x1b[?1Aa\x1b[5Jb\x1b[5Kc\x1b[1;2;3;4;5;6Hd\x1b[99999999999Ce", "f"),
    "P6 nothing stops a run": Feature("ab\x01cd\x7fef", "g"),
    "P7 many marks": Feature("e" + "\u0301" * 12 + "x", "y"),
    "P8 a wide character at the last column": Feature("x" * 19 + "中", "y"),
    "P9 buffers are two": Feature("main\x1b[?1049halt", "\x1b[?1049l"),
    "P10 one saved cursor": Feature("\x1b[2;2H\x1b7\x1b[3;3H\x1b7\x1b[H", "\x1b8a\x1b[H\x1b8b"),
    "P11 more sequences": Feature("ab\x1b[2I\x1b[Zc\x1b[2`d\x1b[3;3H\x1b[2ae\x1b[ef", "g"),
    "P12 state that does not show": Feature("\x1b=\x1b[4 q\x1b]4;1;#111111\x07\x1b[?1h"),
    "P13 numbers of OSC": Feature("\x1b]0;t\x07\x1b]10;#ffffff\x07\x1b]133;A\x07\x1b]1337;x\x07\x1b]22;y\x07"),
    "P14 NEL": Feature("ab\x1bEX", "y"),
    "P15 charsets in UTF-8": Feature("\x1b(0qqq", "q"),
    "P16 C1 in UTF-8": Feature("a\u009bb\u009dc", "d"),
    "P17 below the region": Feature("\x1b[2;4r\x1b[6;1Ha\n\x1b[1;1Hb\x1b[A", "c"),
    "P18 only what leaves the main screen is scrollback": Feature(
        "\x1b[2;4r" + "a\r\n" * 9 + "\x1b[r\x1b[?1049h" + "b\r\n" * 9 + "\x1b[?1049l", "c"
    ),
    "P19 nothing is lost below": Feature("a\r\nb\r\nc\x1b[H", "d"),
    "P20 erased cells": Feature("\x1b[1;4;41mx\x1b[2K\x1b[3;3H\x1b[J", "y"),
    "P21 DECCOLM": Feature("keep\x1b[?3h\x1b[?3l", "x"),
    "P22 modes do not meet": Feature("\x1b[32h\x1b[128h\x1b[?4h", "ab\x1b[Hc"),
    "P23 queries leave no trace": Feature("a\x1b[6n\x1b[c\x1b[>c\x1b[5nb", "c"),
    "P24 a flood": Feature("some words\r\n" * 500, "x"),
    "P25 sequences in pieces": Feature("a\x1b[3\r1mb\x1b[3\x001mc", "d"),
    "P26 SGR in all forms": Feature("\x1b[2;8;53ma\x1b[28;55;22mb\x1b[4:0mc\x1b[38:2::4:5:6md\x1b[1;;3me", "f"),
    "P26 SGR with colons and no colour space": Feature("\x1b[38:2:4:5:6md", "f"),
    "P27 modes are modes": Feature("\x1b[7mR\x1b[?5h\x1b[mn\x1b[?5l", "x"),
}  # fmt: skip

#: What @xterm/headless 6 lacks, or does differently than xterm and kitty: only our own emulator checks these.
EXPLAINED = {
    "a ZWJ family": "of its tables of widths one makes all beyond the BMP narrow, the other joins nothing",
    "left and right margins": "it has none",
    "SU of the whole screen": "its SU keeps rows out of the scrollback",
    "reverse video": "it has no mode 5",
    "kitty keyboard stack": "it has none",
    "modifyOtherKeys": "it has none",
    "the directory": "it does not know OSC 7",
    "P16 C1 in UTF-8": "C1 controls act in UTF-8 there",
    "P26 SGR with colons and no colour space": "it takes the first number for a colour space",
}
