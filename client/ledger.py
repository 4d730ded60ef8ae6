"""The terminal modes that a stream of output has changed, and the bytes that undo those changes.

Pure. It looks for mode changes only, never at the text on the screen: one regular-expression pass for each block of
output, cheap enough to follow every byte. Sources: ECMA-48, XTerm ctlseqs, kitty's keyboard and pointer protocols.
"""

from __future__ import annotations

import re
from re import Match

from sesh.vt import grammar

_ON = (b"?7", b"?25", b"12")
"""Modes that are on by default: auto-wrap, the cursor, no local echo. All others here are off."""
_MODES = {
    mode: b"\x1b[%s%s" % (mode, b"h" if mode in _ON else b"l")
    for mode in (
        b"?1 ?5 ?6 ?7 ?9 ?12 ?25 ?45 ?66 ?67 ?69 ?1000 ?1001 ?1002 ?1003 ?1004 ?1005 ?1006 ?1015 ?1016 ?1045 ?2004"
        b" ?2026 ?2031 ?2048 ?5522 ?9001 2 4 12 20"
    ).split()
}
"""The sequences that undo changes of modes. If terminals differ in the default (1007, 1034, 2027), the program's choice
stays."""
_SINGLE = {mode + final: (undo, undo[-1:] != final) for mode, undo in _MODES.items() for final in (b"h", b"l")}
"""One mode set or reset, as it stands behind CSI: the sequence that undoes it, and whether there is then a change."""
_ALTERNATE = frozenset((47, 1047, 1049))

# The sequences that undo other changes which are there or not.
_MARGINS, _KEYPAD, _SHAPE, _UTF_8 = b"\x1b[r", b"\x1b>", b"\x1b[0 q", b"\x1b%G"
_LINK, _POINTER, _PROGRESS = b"\x1b]8;;\x1b\\", b"\x1b]22;\x1b\\", b"\x1b]9;4;0\x1b\\"
_STATUS = b"\x1b]7501;state=clear\x1b\\"
_TABS = b"\x1b[3g"
_SHIFT_IN = b"\x0f"
_CHARACTERS = (_SHIFT_IN, b"\x1b(B", b"\x1b)B", b"\x1b*B", b"\x1b+B")
_COLOURS = tuple(b"\x1b]%d\x1b\\" % number for number in range(110, 120))
_KEY_OPTION = b"\x1b[>"
"""Begins those of XTMODKEYS and XTFMTKEYS."""

_ORIGIN, _WRAP, _CURSOR, _LEFT_RIGHT = _MODES[b"?6"], _MODES[b"?7"], _MODES[b"?25"], _MODES[b"?69"]
_SYNCHRONIZED = _MODES[b"?2026"]
_ANYWHEN = [undo for undo in _MODES.values() if undo not in (_ORIGIN, _CURSOR, _LEFT_RIGHT, _SYNCHRONIZED)]
"""Those of modes that have no place of their own in `undo`."""
_SAVED = (_ORIGIN, _WRAP, *_CHARACTERS)
"""Those of the state that DECSC saves, if it matters."""
_DRAWING = (_ORIGIN, _WRAP, *_CHARACTERS, _LEFT_RIGHT, _TABS, _UTF_8, _LINK, _MODES[b"4"], _MODES[b"20"])
"""Those of what changes the effect of text, margins aside."""
_SOFT = (_MARGINS, _KEYPAD, *(_MODES[mode] for mode in (b"?1", b"?6", b"?7", b"?25", b"?66", b"?69", b"2", b"4")))
"""Those of what DECSTR resets by itself."""

_CHANGE = re.compile(
    rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnov-z`]|\()"  # rule out the most frequent others first: it is faster
    rb"(?:\[(?:(?P<mode>\?[0-9;]*[hlrs]|[0-9;]*[hl])|(?P<keyboard>[<=>][0-9:;]*[ufmn])"
    rb"|(?P<control>[0-9;]*(?:[rgstu]| q))|(?P<soft>!p))"
    rb"|\](?P<command>(?:[0-24589]|1[0-9]|22|10[45]|11[0-9]|7501)(?:;[^\x07\x1b\x18\x1a]*|(?=[\x07\x1b])))"
    rb"|(?P<charset>[)*+./\-][ -/]*[0-~])|%(?P<coding>[@G])|(?P<escape>[=>78Hcno]))"
)
"""A change of a mode or of other state."""
_PEN, _COLOURED = re.compile(rb"\x1b\[([0-9;:]*)m"), re.compile(rb"\x1b\[[0;:]*[1-9][0-9;:]*m")
"""An SGR, and one that is not a reset."""
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\x00-\x17\x19\x1c-\x1f -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z")
"""An incomplete sequence at the end of a block."""

_MAX_SEQUENCE = 8192
"""Bytes of an unfinished sequence that are kept; no sequence that matters here is longer."""
_INNER = bytes(control for control in range(0x20) if control not in b"\x18\x1a\x1b")
"""Controls that act within a sequence, which goes on behind them."""
_INTERMEDIATES = bytes(range(0x20, 0x30))
_LAST_ROW = b"\x1b[9999;1H"
_MAX_COLUMNS = 512
"""Columns up to which tab stops are set again if the terminal's width is unknown."""
_MAX_PUSHES = 10
"""Pushes of titles that every terminal keeps."""


class Ledger:
    """The changes made by the bytes fed so far."""

    def __init__(self) -> None:
        self._carry = b""
        self._in_string = 0
        """Bytes of the unfinished string that is longer than what is kept of a sequence; 0 for none."""
        self._title = b""
        """The OSC that changed a title: 2 the window's, 0 that or the icon's; empty for neither."""
        self._title_stack: list[tuple[int, bytes]] = []
        """The titles that were pushed (see `grammar.pop`), each with `_title` at that time."""
        self._reset()

    def _reset(self) -> None:
        """Start from a terminal in its default state, as after RIS (which leaves the titles alone)."""
        self._changed: dict[bytes, bool] = {}
        """Changes that are there or not, by the sequences that undo them."""
        self._saved_modes: dict[bytes, bool] = {}
        """By the sequences that undo them: true if they were changed at XTSAVE."""
        self._saved_cursors: list[list[bytes]] = [[], []]
        """The changes that DECSC has saved, on the main and the alternate screen."""
        self._saved_pens = [False, False]
        """True if the pen was not the default one at DECSC."""
        self._cursor_saved = False
        """True if DECSC was used on the main screen."""
        self._palettes: dict[int, set[bytes]] = {4: set(), 5: set()}
        """The numbers of changed colours, by the OSC that changes them."""
        self._pushes, self._flags_set = [0, 0], [False, False]
        """Of kitty's keyboard flags, by screen: the number of pushes; true if flags were set without one."""
        self._alternate_mode = 0
        """The mode that switched the alternate screen on: 47, 1047 or 1049."""
        self._ever_coloured = self._pen = False

    @property
    def alternate(self) -> bool:
        """True if the alternate screen is on."""
        return self._alternate_mode != 0

    @property
    def unfinished(self) -> int:
        """Length of the incomplete sequence at the end of the stream."""
        return len(self._carry) or self._in_string

    @property
    def at_rest(self) -> bool:
        """True if no sequence is unfinished."""
        return not (self._carry or self._in_string)

    @property
    def draws_plainly(self) -> bool:
        """True if the main screen shows, and no mode, tab stop or charset changes the effect of text there."""
        return not (self.alternate or self._undone(*_DRAWING))

    @property
    def margins(self) -> bool:
        """True if there are margins."""
        return self._changed.get(_MARGINS, False)

    @property
    def default_pen(self) -> bool:
        """True if the pen (SGR) is the default one now."""
        return not self._pen

    # -- following the stream

    def feed(self, block: bytes) -> None:
        """Follow a block of the stream; blocks may split a sequence anywhere."""
        data = self._carry + block
        if b"\x7f" in data:  # terminals take no notice of it, within sequences either
            data = data.replace(b"\x7f", b"")
        self._carry = b""
        if self._in_string and (b"\x1b" in data or b"\x07" in data or b"\x18" in data or b"\x1a" in data):
            self._in_string = 0
        self._in_string += len(block) if self._in_string else 0
        if b"\x1b" not in data:
            if b"\x0e" in data or b"\x0f" in data:
                self._follow_shift(data)
            return
        end = _unfinished_at(data)
        if end < len(data):
            self._carry = data[end:] if len(data) - end <= _MAX_SEQUENCE else b""
            self._in_string = 0 if self._carry else len(data) - end
            data = data[:end]
        followed = 0
        for match in _CHANGE.finditer(data):
            single = _SINGLE.get(match[1])
            if single is not None:  # a mode alone, which saves no cursor
                undo, self._changed[undo] = single
            else:
                if match.start() > followed:
                    self._follow_charsets(data[followed : match.start()])  # the cursor may be saved with them now,
                    self._follow_pen(data[followed : match.start()])  # and with the pen
                followed = match.end()
                self._change(match)
        self._follow_charsets(data[followed:])
        self._follow_pen(data[followed:])

    def _follow_charsets(self, data: bytes) -> None:
        """Note the last charset designated as G0, and the last shift; they come too often to look at each."""
        designated = len(data)
        while (designated := data.rfind(b"\x1b(", 0, designated)) >= 0:
            charset = data[designated + 2 : designated + 32].translate(None, _INNER)
            final = charset.lstrip(_INTERMEDIATES)
            if final >= b"0":  # else ESC, CAN or SUB has broken it off
                self._changed[b"\x1b(B"] = charset[: len(charset) - len(final) + 1] != b"B"
                break
        self._follow_shift(data)

    def _follow_shift(self, data: bytes) -> None:
        out, back = data.rfind(b"\x0e"), data.rfind(b"\x0f")
        if out != back:
            self._changed[_SHIFT_IN] = out > back

    def _follow_pen(self, data: bytes) -> None:
        """Note whether the pen (SGR) is not the default after `data`. It changes often, so look from the end."""
        if not self._ever_coloured:
            self._ever_coloured = _COLOURED.search(data) is not None
            if not self._ever_coloured:
                return
        start = len(data)
        for _ in range(64):  # behind so many other sequences the pen counts as changed: to reset it is harmless
            start = data.rfind(b"\x1b[", 0, start)
            if start < 0:
                return
            match = _PEN.match(data, start)
            if match:
                self._pen = bool(match[1].strip(b"0;"))
                return
        self._pen = True

    def _change(self, match: Match[bytes]) -> None:
        """Note a change: a match of the pattern, which has one group for each kind."""
        kind = match.lastgroup or ""
        text = match[kind]
        if kind == "mode":
            self._switch(text)
        elif kind == "escape":
            self._escape(text)
        elif kind == "keyboard":
            self._keyboard(text)
        elif kind == "control":
            self._control(text[-1:], text[:-1])
        elif kind == "soft":
            self._changed.update(dict.fromkeys(_SOFT, False))
        elif kind == "charset":
            slot = text[:1]  # 96-character sets go to the same G1 to G3
            slot = {b"-": b")", b".": b"*", b"/": b"+"}.get(slot, slot)
            self._changed[b"\x1b%sB" % slot] = text[1:] != b"B"
        elif kind == "coding":
            self._changed[_UTF_8] = text == b"@"
        else:
            number, _, body = text.partition(b";")
            self._command(int(number), body)

    def _switch(self, text: bytes) -> None:
        """Follow DECSET, DECRST, XTSAVE or XTRESTORE (`?1;25h`), SM or RM (`4l`)."""
        prefix, final = b"?" if text[:1] == b"?" else b"", text[-1:]
        on = final == b"h"
        for number in _numbers(text[len(prefix) : -1]):
            undo = _MODES.get(b"%s%d" % (prefix, number))
            if undo is not None:
                if final == b"s":
                    self._saved_modes[undo] = self._changed.get(undo, False)
                elif final != b"r":
                    self._changed[undo] = undo[-1:] != final
                elif undo in self._saved_modes:
                    self._changed[undo] = self._saved_modes[undo]
            elif not prefix or final in b"rs":
                continue
            elif number == 1048:
                self._save_or_restore_cursor(on)
            elif number in _ALTERNATE:
                if number == 1049 and on:
                    self._save_or_restore_cursor(True)
                leaving = self.alternate and not on
                self._alternate_mode = (self._alternate_mode or number) if on else 0
                if number == 1049 and leaving:
                    self._save_or_restore_cursor(False)

    def _save_or_restore_cursor(self, save: bool) -> None:
        """Follow DECSC or DECRC; auto-wrap, origin mode and charsets count as changed if they were when saved."""
        screen = 1 if self._alternate_mode else 0
        if save:
            self._saved_cursors[screen] = self._undone(*_SAVED)
            self._saved_pens[screen] = self._pen
            self._cursor_saved = self._cursor_saved or screen == 0
        else:
            self._pen = self._saved_pens[screen]
            self._changed.update(dict.fromkeys(self._saved_cursors[screen], True))

    def _control(self, final: bytes, numbers: bytes) -> None:
        if final == b"r":
            self._changed[_MARGINS] = bool(numbers.strip(b"0;"))
        elif final == b"g":
            self._changed[_TABS] = True
        elif final == b"t":
            self._push_or_pop_title(*([*map(_number, numbers.split(b";")), 0])[:2])
        elif final == b"q":
            self._changed[_SHAPE] = _number(numbers.rstrip(b" ").partition(b";")[0]) != 0
        elif final == b"u" or not self._changed.get(_LEFT_RIGHT):  # else DECSLRM
            self._save_or_restore_cursor(final == b"s")

    def _escape(self, escape: bytes) -> None:
        if escape in b"78":
            self._save_or_restore_cursor(escape == b"7")
        elif escape in b"=>":
            self._changed[_KEYPAD] = escape == b"="
        elif escape == b"H":
            self._changed[_TABS] = True
        elif escape == b"c":
            self._reset()
        else:  # LS2, LS3
            self._changed[_SHIFT_IN] = True

    def _keyboard(self, text: bytes) -> None:
        """Follow kitty's flags (`>…u`, `<…u`, `=…u`), XTMODKEYS (`>…m`, `>…n`) and XTFMTKEYS (`>…f`)."""
        prefix, kind, screen = text[:1], text[-1:], int(self.alternate)
        first, _, second = text[1:-1].partition(b";")
        if kind != b"u":
            if prefix == b">" and len(first) < 3:
                option = b"%s%s%s" % (_KEY_OPTION, first, b"f" if kind == b"f" else b"m")
                changed = kind == b"n" or (second != b"" and (first, kind, second) != (b"4", b"m", b"0"))
                if not (first or changed):
                    self._changed.update(dict.fromkeys(self._key_options(), False))
                self._changed[option] = changed
        elif prefix == b">":
            self._pushes[screen] += 1
        elif prefix == b"<":
            self._pushes[screen] = max(0, self._pushes[screen] - (_number(first) or 1))
        elif not self._pushes[screen]:
            if second in (b"", b"1"):
                self._flags_set[screen] = _number(first) != 0
            elif second == b"2" and _number(first):
                self._flags_set[screen] = True

    def _key_options(self) -> list[bytes]:
        return sorted(undo for undo in self._undone(*self._changed) if undo.startswith(_KEY_OPTION))

    def _command(self, number: int, body: bytes) -> None:
        """Follow an OSC: titles, links, progress, the pointer's shape, colours.

        4 and 5 change numbered colours, 10 to 19 others; a hundred more takes them back.
        """
        if number <= 2:
            changed = b"0" if number < 2 or self._title == b"0" else b"2"
            self._title = changed if body else b""
        elif number in self._palettes:
            fields = body.split(b";")
            pairs = zip(fields[::2], fields[1::2], strict=False)
            self._palettes[number] |= {
                index for index, value in pairs if value != b"?" and index.isdigit() and len(index) < 4
            }
        elif number == 8:
            self._changed[_LINK] = bool(body.partition(b";")[2])
        elif number == 9:
            if body.startswith(b"4;"):
                self._changed[_PROGRESS] = not body.startswith(b"4;0")
        elif number < 20:
            for undo, value in zip(_COLOURS[number - 10 :], body.split(b";"), strict=False):
                if value not in (b"?", b""):
                    self._changed[undo] = True
        elif number == 22:
            self._changed[_POINTER] = body not in (b"", b"default")
        elif number == 7501:  # what a program reports of itself
            if body != b"?":
                self._changed[_STATUS] = b"state=clear" not in body.split(b":") or b"id=" in body
        elif number < 110:
            palette = self._palettes[number - 100]
            palette -= set(body.split(b";")) if body else set(palette)
        else:
            self._changed[_COLOURS[number - 110]] = False

    def _push_or_pop_title(self, operation: int, which: int) -> None:
        """Follow XTWINOPS (CSI `operation` ; `which` t): 22 pushes, 23 pops, others do not matter here."""
        if operation == 22 and which <= 2:
            self._title_stack.append((which, self._title))
            del self._title_stack[:-_MAX_PUSHES]
        elif operation == 23 and which <= 2:
            for part in (grammar.ICON, grammar.WINDOW) if which == grammar.BOTH else (which,):
                saved = grammar.pop(self._title_stack, part)
                self._title = self._title if saved is None else saved

    # -- undoing the changes

    def undo(self, columns: int = 0) -> bytes:
        """Return the bytes that put the terminal back as it was before the first block, changing nothing else.

        `columns` is the terminal's width, 0 for unknown. The bytes begin with CAN and ST, which end whatever sequence
        the stream broke off in. If the cursor's position cannot be kept (origin mode on the main screen, an alternate
        screen switched on without saving it) it goes to the last row.
        """
        screen = int(self.alternate)
        saved = self._saved_cursors[0] if self.alternate else []  # leaving the alternate screen restores it
        out = [b"\x18\x1b\\", *self._undone(_SYNCHRONIZED, _LINK), *self._undo_flags(screen), *self._key_options()]
        out += self._undone(_KEYPAD)
        if not self.alternate and (flags := self._undo_flags(1)):  # a program has left them on the alternate screen
            out += [b"\x1b[?1049h", *flags, b"\x1b[?1049l"]
        out += self._undone(*_ANYWHEN) + self._undo_screens(columns or _MAX_COLUMNS)
        if _WRAP in saved:
            out.append(_WRAP)
        if _ORIGIN in saved:
            out += [_ORIGIN, _LAST_ROW]
        if self.alternate:
            out += self._undo_flags(0)
        out += [undo for undo in _CHARACTERS if undo in saved or self._changed.get(undo)]
        out += self._undone(_UTF_8) + ([b"\x1b[m"] if self._pen or (self.alternate and self._saved_pens[0]) else [])
        out += self._undone(_CURSOR, _SHAPE, _POINTER, _PROGRESS, _STATUS, *_COLOURS)
        for number, indexes in self._palettes.items():
            if indexes:
                out.append(b"\x1b]%d;%s\x1b\\" % (number + 100, b";".join(sorted(indexes))))
        return b"".join(out + self._undo_titles())

    def _undone(self, *undos: bytes) -> list[bytes]:
        changed = self._changed
        return [undo for undo in undos if changed.get(undo)]

    def _undo_flags(self, screen: int) -> list[bytes]:
        """Return the bytes that undo the changes of kitty's keyboard flags while a screen shows."""
        out = [b"\x1b[<%du" % self._pushes[screen]] if self._pushes[screen] else []
        return [*out, b"\x1b[=0;1u"] if self._flags_set[screen] else out

    def _undo_screens(self, columns: int) -> list[bytes]:
        """Undo margins, tab stops, origin mode and the alternate screen; the cursor stays in place if possible."""
        out = self._undone(_LEFT_RIGHT, _MARGINS)
        if self._changed.get(_TABS):
            out += [_TABS, *(b"\x1b[%dG\x1bH" % stop for stop in range(9, columns + 1, 8))]
        if self.alternate:
            out += [*self._undone(_ORIGIN), b"\x1b[?%dl" % self._alternate_mode]
            if self._alternate_mode != 1049:
                out.append(b"\x1b8" if self._cursor_saved else _LAST_ROW)
        elif self._changed.get(_ORIGIN):
            out += [_ORIGIN, _LAST_ROW]  # DECRC would switch it on again
        elif out:
            out = [b"\x1b7", *out, b"\x1b8"]
        return out

    def _undo_titles(self) -> list[bytes]:
        """Return the bytes that pop the titles still pushed, and clear a title that no pop restores."""
        stack = self._title_stack
        pushed = {which for which, _ in stack}
        restored = 0 in pushed or pushed == {1, 2} or (self._title == b"2" and 2 in pushed)
        changed = stack[0][1] if restored else self._title
        out = [b"\x1b[23;%dt" % which for which, _ in reversed(stack)]
        return [*out, b"\x1b]%s;\x1b\\" % changed] if changed else out


def _number(parameter: bytes) -> int:
    """Return one parameter; 0 if it is empty or absurdly long."""
    return int(parameter) if parameter.isdigit() and len(parameter) < 6 else 0


def _numbers(parameters: bytes) -> list[int]:
    """Return the parameters of a control sequence, without those that are empty or absurdly long."""
    return [int(part) for part in parameters.split(b";") if part.isdigit() and len(part) < 6]


def _unfinished_at(data: bytes) -> int:
    """Return the index of an incomplete sequence at the end of the block; the block's length without one."""
    last = data.rfind(b"\x1b")
    if last == len(data) - 1:  # maybe the first half of ST, which ends a string
        before = data.rfind(b"\x1b", 0, last)
        in_string = before >= 0 and data[before + 1 : before + 2] in (b"]", b"P", b"X", b"^", b"_")
        return before if in_string and _UNFINISHED.match(data[before:last]) else last
    return last if _UNFINISHED.match(data, last) else len(data)
