"""The terminal modes that a stream of output has changed, and the bytes that undo those changes.

Pure. It looks for mode changes only, never at the text on the screen: one regular-expression pass for each block of
output, cheap enough to follow every byte. Sources: ECMA-48, XTerm ctlseqs, kitty's keyboard and pointer protocols.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match, Pattern

_ON = {7: True, 25: True}
"""Private modes that are on by default: auto-wrap and the cursor. All others here are off."""

_PRIVATE = frozenset((
    1, 5, 6, 7, 9, 12, 25, 45, 66, 67, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1045, 2004, 2026, 2031,
    2048, 5522, 9001,
))  # fmt: skip
"""Private modes to undo. If terminals differ in the default (1007, 1034, 2027), the program's choice stays."""

_SINGLE = {b"%d%s" % (mode, final): (mode, final == b"h") for mode in _PRIVATE for final in (b"h", b"l")}
"""One private mode set or reset, as it stands behind `CSI ?`."""
_ALTERNATE = frozenset((47, 1047, 1049))
_ANSI = {2: False, 4: False, 12: True, 20: False}
"""Defaults of the ANSI modes: keyboard lock, insert, no local echo, new line."""

# The sequences that undo changes which are there or not.
_MARGINS, _KEYPAD, _SHAPE, _UTF_8 = b"\x1b[r", b"\x1b>", b"\x1b[0 q", b"\x1b%G"
_LINK, _POINTER, _PROGRESS = b"\x1b]8;;\x1b\\", b"\x1b]22;\x1b\\", b"\x1b]9;4;0\x1b\\"
_TABS = b"\x1b[3g"

_MAX_SEQUENCE = 8192
"""Bytes of an unfinished sequence that are kept; no sequence that matters here is longer."""
_INNER = bytes(control for control in range(0x20) if control not in b"\x18\x1a\x1b")
"""Controls that act within a sequence, which goes on behind them."""
_INTERMEDIATES = bytes(range(0x20, 0x30))
_LAST_ROW = b"\x1b[9999;1H"
_MAX_COLUMNS = 512
"""Columns up to which tab stops are set again if the terminal's width is unknown."""
_DEFAULT_CURSOR: tuple[bool, bool, bool, frozenset[bytes]] = (False, False, False, frozenset())
"""The state that DECSC saves, if it matters: auto-wrap off, origin mode on, shifted out (SO), charsets designated."""


class Ledger:
    """The changes made by the bytes fed so far."""

    def __init__(self) -> None:
        self._carry = b""
        self._in_string = False
        """True within a string that is longer than the bytes kept of a sequence."""
        self._titles = _Titles()
        self.retitled = False
        """True if the stream has changed, pushed or popped the title since `own_title`."""
        self._reset()

    def _reset(self) -> None:
        """Start from a terminal in its default state, as after RIS (which leaves the titles alone)."""
        self._private: dict[int, bool] = {}
        self._saved_modes: dict[int, bool] = {}
        self._ansi: dict[int, bool] = {}
        self._changed: set[bytes] = set()
        """Other changes, by the sequences that undo them."""
        self._colours: dict[int, set[bytes]] = {}
        self._keyboard = _Keyboard()
        self._alternate_mode = 0
        """The mode that switched the alternate screen on: 47, 1047 or 1049."""
        self._cursor_saved = self._cursor_restored = False
        """True if DECSC was used on the main screen; if DECRC was used on any."""
        self._saved_cursors = [_DEFAULT_CURSOR, _DEFAULT_CURSOR]
        """By screen: the main and the alternate one."""
        self._charsets: set[bytes] = set()
        self._shifted = False
        self._ever_coloured = self._pen = False

    @property
    def alternate(self) -> bool:
        """True if the alternate screen is on."""
        return self._alternate_mode != 0

    @property
    def unfinished(self) -> int:
        """Length of the incomplete sequence at the end of the stream."""
        return len(self._carry)

    @property
    def at_rest(self) -> bool:
        """True if no sequence is unfinished."""
        return not (self._carry or self._in_string)

    @property
    def draws_plainly(self) -> bool:
        """True if the main screen shows, and no mode, margin, tab stop or charset changes the effect of text there."""
        private = self._private
        return not (
            self.alternate
            or self._shifted
            or self._charsets
            or self._changed.intersection((_MARGINS, _TABS, _UTF_8, _LINK))
            or any(self._ansi.get(mode) for mode in (4, 20))
            or any(private.get(mode, default) != default for mode, default in ((6, False), (7, True), (69, False)))
        )

    @property
    def default_pen(self) -> bool:
        """True if the pen (SGR) is the default one now."""
        # DECRC and leaving the alternate screen bring back the pen that was saved, which may be any.
        return not (self._pen or (self._ever_coloured and (self.alternate or self._cursor_restored)))

    def own_title(self, text: bytes) -> bytes:
        """Return the bytes that show a title of sesh's own; `undo` restores the one before. For a stream at rest."""
        shown = b"\x1b]2;%s\x1b\\" % text
        shown = shown if self._titles.pushed else b"\x1b[22;0t" + shown
        self.feed(shown)
        self.retitled = False
        return shown

    # -- following the stream

    def feed(self, block: bytes) -> None:
        """Follow a block of the stream; blocks may split a sequence anywhere."""
        data = self._carry + block if self._carry else block
        if b"\x7f" in data:  # terminals take no notice of it, within sequences either
            data = data.replace(b"\x7f", b"")
        self._carry = b""
        if self._in_string and (b"\x1b" in data or b"\x07" in data or b"\x18" in data or b"\x1a" in data):
            self._in_string = False
        if b"\x1b" not in data:
            self._follow_shift(data)
            return
        change, pen, coloured, unfinished = _patterns()
        data = self._hold_unfinished(data, unfinished)
        followed = 0
        for match in change.finditer(data):
            single = _SINGLE.get(match[1])
            if single is not None:  # a private mode alone, which saves no cursor
                mode, self._private[mode] = single
            else:
                self._follow_charsets(data[followed : match.start()])  # the cursor may be saved with them now
                followed = match.end()
                self._change(match)
        self._follow_charsets(data[followed:])
        self._follow_pen(data[max(data.rfind(b"\x1bc"), 0) :], pen, coloured)  # from the last RIS on, which resets it

    def _hold_unfinished(self, data: bytes, unfinished: Pattern[bytes]) -> bytes:
        """Keep an incomplete sequence at the end of the block for the next one; return the data before it."""
        end = self._unfinished_at(data, unfinished)
        if end < len(data):
            self._carry = data[end:] if len(data) - end <= _MAX_SEQUENCE else b""
            self._in_string = not self._carry
        return data[:end]

    @staticmethod
    def _unfinished_at(data: bytes, unfinished: Pattern[bytes]) -> int:
        """Return the index of an incomplete sequence at the end of the block; the block's length without one."""
        last = data.rfind(b"\x1b")
        if last == len(data) - 1:  # maybe the first half of ST, which ends a string
            before = data.rfind(b"\x1b", 0, last)
            in_string = before >= 0 and data[before + 1 : before + 2] in (b"]", b"P", b"X", b"^", b"_")
            return before if in_string and unfinished.match(data[before:last]) else last
        return last if unfinished.match(data, last) else len(data)

    def _follow_charsets(self, data: bytes) -> None:
        """Note the last charset designated as G0, and the last shift; they come too often to look at each."""
        designated = len(data)
        while (designated := data.rfind(b"\x1b(", 0, designated)) >= 0:
            charset = data[designated + 2 : designated + 32].translate(None, _INNER)
            final = charset.lstrip(_INTERMEDIATES)
            if final >= b"0":  # else ESC, CAN or SUB has broken it off
                self._designate(b"(", charset[: len(charset) - len(final) + 1])
                break
        self._follow_shift(data)

    def _follow_shift(self, data: bytes) -> None:
        out, back = data.rfind(b"\x0e"), data.rfind(b"\x0f")
        if out != back:
            self._shifted = out > back

    def _follow_pen(self, data: bytes, pen: Pattern[bytes], coloured: Pattern[bytes]) -> None:
        """Note whether the pen (SGR) is not the default after `data`. It changes often, so look from the end."""
        if not self._ever_coloured:
            self._ever_coloured = coloured.search(data) is not None
            if not self._ever_coloured:
                return
        start = len(data)
        for _ in range(64):  # behind so many other sequences the pen counts as changed: to reset it is harmless
            start = data.rfind(b"\x1b[", 0, start)
            if start < 0:
                return
            match = pen.match(data, start)
            if match:
                self._pen = bool(match[1].strip(b"0;"))
                return
        self._pen = True

    def _change(self, match: Match[bytes]) -> None:
        """Note a change: a match of the pattern, which has one group for each kind."""
        kind = match.lastgroup or ""
        text = match[kind]
        if kind == "private":
            self._switch(_numbers(text[:-1]), text[-1:])
        elif kind == "keyboard":
            self._keyboard.change(int(self.alternate), text[:1], text[1:-1], text[-1:])
        elif kind == "control":
            self._control(text[-1:], text[:-1])
        elif kind == "soft":
            self._soft_reset()
        elif kind == "charset":
            slot = text[:1]  # 96-character sets go to the same G1 to G3
            self._designate({b"-": b")", b".": b"*", b"/": b"+"}.get(slot, slot), text[1:])
        elif kind == "coding":
            self._note(_UTF_8, text == b"@")
        elif kind == "escape":
            self._escape(text)
        else:
            number, _, body = text.partition(b";")
            self._command(int(number), body)

    def _note(self, undo: bytes, changed: bool) -> None:
        if changed:
            self._changed.add(undo)
        else:
            self._changed.discard(undo)

    def _designate(self, slot: bytes, charset: bytes) -> None:
        if charset == b"B":
            self._charsets.discard(slot)
        else:
            self._charsets.add(slot)

    def _switch(self, numbers: list[int], switch: bytes) -> None:
        """Follow DECSET, DECRST, XTSAVE or XTRESTORE."""
        if switch in b"rs":
            self._save_or_restore_modes(numbers, switch == b"s")
            return
        on = switch == b"h"
        for number in numbers:
            if number in _PRIVATE:
                self._private[number] = on
            elif number == 1048:
                self._save_or_restore_cursor(on)
            elif number in _ALTERNATE:
                if number == 1049 and on:
                    self._save_or_restore_cursor(True)
                leaving = self.alternate and not on
                self._alternate_mode = (self._alternate_mode or number) if on else 0
                if number == 1049 and leaving:
                    self._save_or_restore_cursor(False)

    def _save_or_restore_modes(self, numbers: list[int], save: bool) -> None:
        for number in _PRIVATE.intersection(numbers):
            if save:
                self._saved_modes[number] = self._private.get(number, _ON.get(number, False))
            elif number in self._saved_modes:
                self._private[number] = self._saved_modes[number]

    def _save_or_restore_cursor(self, save: bool) -> None:
        """Follow DECSC or DECRC; auto-wrap, origin mode and charsets count as changed if they were when saved."""
        screen = int(self.alternate)
        if save:
            no_wrap, origin = self._private.get(7) is False, self._private.get(6) is True
            self._saved_cursors[screen] = (no_wrap, origin, self._shifted, frozenset(self._charsets))
            self._cursor_saved = self._cursor_saved or screen == 0
            return
        self._cursor_restored = True
        no_wrap, origin, shifted, charsets = self._saved_cursors[screen]
        if no_wrap:
            self._private[7] = False
        if origin:
            self._private[6] = True
        self._charsets |= charsets
        self._shifted = self._shifted or shifted

    def _control(self, final: bytes, numbers: bytes) -> None:
        if final == b"r":
            self._note(_MARGINS, bool(numbers.strip(b"0;")))
        elif final == b"g":
            self._changed.add(_TABS)
        elif final == b"t":
            self._titles.operate(*([*map(_number, numbers.split(b";")), 0])[:2])
            self.retitled = True
        elif final == b"q":
            self._note(_SHAPE, _number(numbers.rstrip(b" ").partition(b";")[0]) != 0)
        elif final == b"u" or (final == b"s" and not self._private.get(69)):  # else DECSLRM
            self._save_or_restore_cursor(final == b"s")
        elif final in b"hl":
            self._ansi |= {number: final == b"h" for number in _numbers(numbers) if number in _ANSI}

    def _escape(self, escape: bytes) -> None:
        if escape in b"=>":
            self._note(_KEYPAD, escape == b"=")
        elif escape == b"H":
            self._changed.add(_TABS)
        elif escape in b"78":
            self._save_or_restore_cursor(escape == b"7")
        elif escape == b"c":
            self._reset()
        else:  # LS2, LS3
            self._shifted = True

    def _soft_reset(self) -> None:
        """Forget the modes that DECSTR resets by itself."""
        for number in (1, 6, 7, 25, 66, 69):
            self._private.pop(number, None)
        self._ansi.pop(2, None)
        self._ansi.pop(4, None)
        self._changed -= {_MARGINS, _KEYPAD}

    def _command(self, number: int, body: bytes) -> None:
        """Follow an OSC: titles, colours, links, the pointer's shape, progress."""
        if number <= 2:
            self._titles.change(number, body)
            self.retitled = True
        elif number == 8:
            self._note(_LINK, bool(body.partition(b";")[2]))
        elif number == 9:
            if body.startswith(b"4;"):
                self._note(_PROGRESS, not body.startswith(b"4;0"))
        elif number == 22:
            self._note(_POINTER, body not in (b"", b"default"))
        else:
            self._colour(number, body)

    def _colour(self, number: int, body: bytes) -> None:
        """Follow an OSC of colours: 4 and 5 change numbered ones, 10 to 19 others; a hundred more takes them back."""
        fields = body.split(b";")
        if number in (4, 5):
            pairs = zip(fields[::2], fields[1::2], strict=False)
            changed = {index for index, value in pairs if value != b"?" and index.isdigit() and len(index) < 4}
            if changed:
                self._colours.setdefault(number, set()).update(changed)
        elif number in (104, 105):
            changed = self._colours.pop(number - 100, set())
            if body and (left := changed - set(fields)):
                self._colours[number - 100] = left
        elif number >= 110:
            self._colours.pop(number - 100, None)
        else:
            for kind, value in enumerate(fields, number):
                if value not in (b"?", b"") and kind <= 19:
                    self._colours[kind] = set()

    # -- undoing the changes

    def undo(self, columns: int = 0) -> bytes:
        """Return the bytes that put the terminal back as it was before the first block, changing nothing else.

        `columns` is the terminal's width, 0 for unknown. The bytes begin with CAN and ST, which end whatever sequence
        the stream broke off in. If the cursor's position cannot be kept (origin mode on the main screen, an alternate
        screen switched on without saving it) it goes to the last row.
        """
        alternate = int(self.alternate)
        out = [b"\x18\x1b\\"]
        if self._private.get(2026):
            out.append(b"\x1b[?2026l")
        out += self._undo_changed(_LINK)
        out += self._keyboard.undo(alternate)
        out += self._keyboard.undo_options()
        out += self._undo_changed(_KEYPAD)
        if not alternate and (keys := self._keyboard.undo(1)):  # a program has left them on the alternate screen
            out += [b"\x1b[?1049h", *keys, b"\x1b[?1049l"]
        for number, on in self._private.items():
            if on != _ON.get(number, False) and number not in (6, 25, 69, 2026):  # these have places of their own
                out.append(b"\x1b[?%d%c" % (number, b"l" if on else b"h"))
        for number, on in self._ansi.items():
            if on != _ANSI[number]:
                out.append(b"\x1b[%d%c" % (number, b"l" if on else b"h"))
        out += self._undo_screens(columns or _MAX_COLUMNS)
        if alternate:
            out += self._keyboard.undo(0)
        out += self._undo_characters()
        if self._private.get(25) is False:
            out.append(b"\x1b[?25h")
        out += self._undo_changed(_SHAPE, _POINTER, _PROGRESS)
        for kind, indexes in sorted(self._colours.items(), key=lambda item: b"%d" % item[0]):
            out.append(b"\x1b]%d%s\x1b\\" % (kind + 100, b"".join(b";" + index for index in sorted(indexes))))
        out += self._titles.undo()
        return b"".join(out)

    def _undo_changed(self, *undos: bytes) -> list[bytes]:
        return [undo for undo in undos if undo in self._changed]

    def _undo_screens(self, columns: int) -> list[bytes]:
        """Undo margins, tab stops, origin mode and the alternate screen; the cursor stays in place if possible."""
        out = []
        if self._private.get(69):
            out.append(b"\x1b[?69l")
        out += self._undo_changed(_MARGINS)
        if _TABS in self._changed:
            out += [_TABS, *(b"\x1b[%dG\x1bH" % stop for stop in range(9, columns + 1, 8))]
        if self._private.get(6):
            out.append(b"\x1b[?6l")
        if not self.alternate:
            if out and not self._private.get(6):
                return [b"\x1b7", *out, b"\x1b8"]  # not with origin mode: DECRC would switch it on again
            return [*out, _LAST_ROW] if out else []
        out.append(b"\x1b[?%dl" % self._alternate_mode)
        if self._alternate_mode != 1049:
            out.append(b"\x1b8" if self._cursor_saved else _LAST_ROW)
        no_wrap, origin, _, _ = self._saved_cursors[0]
        if no_wrap:
            out.append(b"\x1b[?7h")
        if origin:
            out.append(b"\x1b[?6l" + _LAST_ROW)
        return out

    def _undo_characters(self) -> list[bytes]:
        _, _, shifted, charsets = self._saved_cursors[0] if self.alternate else _DEFAULT_CURSOR
        out = [b"\x0f"] if self._shifted or shifted else []
        out += [b"\x1b%sB" % slot for slot in sorted(self._charsets | charsets)]
        out += self._undo_changed(_UTF_8)
        return out if self.default_pen else [*out, b"\x1b[m"]


def _number(parameter: bytes) -> int:
    """Return one parameter; 0 if it is empty or absurdly long."""
    return int(parameter) if parameter.isdigit() and len(parameter) < 6 else 0


def _numbers(parameters: bytes) -> list[int]:
    """Return the parameters of a control sequence, without those that are empty or absurdly long."""
    return [int(part) for part in parameters.split(b";") if part.isdigit() and len(part) < 6]


_compiled: list[Pattern[bytes]] = []


def _patterns() -> list[Pattern[bytes]]:
    """Return the patterns of a mode change, an SGR, an SGR that is not a reset, and an incomplete sequence at the end.

    Compiled when the first sequence comes: loading `re` takes longer than anything else on the way to a session.
    """
    if not _compiled:
        import re

        change = (
            rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnov-z`]|\()"  # rule out the most frequent others first: it is faster
            rb"(?:\[(?:\?(?P<private>[0-9;]*[hlrs])|(?P<keyboard>[<=>][0-9:;]*[ufmn])"
            rb"|(?P<control>[0-9;]*(?:[hlrgstu]| q))|(?P<soft>!p))"
            rb"|\](?P<command>(?:[0-24589]|1[0-9]|22|10[45]|11[0-9])(?:;[^\x07\x1b\x18\x1a]*|(?=[\x07\x1b])))"
            rb"|(?P<charset>[)*+./\-][ -/]*[0-~])|%(?P<coding>[@G])|(?P<escape>[=>78Hcno]))"
        )
        pen, coloured = rb"\x1b\[([0-9;:]*)m", rb"\x1b\[[0;:]*[1-9][0-9;:]*m"
        unfinished = rb"\x1b(?:\[[0-?]*[ -/]*|[\x00-\x17\x19\x1c-\x1f -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z"
        _compiled.extend(map(re.compile, (change, pen, coloured, unfinished)))
    return _compiled


class _Keyboard:
    """kitty's flags, on the main and the alternate screen; XTMODKEYS and XTFMTKEYS."""

    def __init__(self) -> None:
        self._pushes, self._flags_set = [0, 0], [False, False]
        """By screen: the number of pushes; true if flags were set without one."""
        self._options: set[tuple[bytes, bytes]] = set()

    def change(self, screen: int, prefix: bytes, numbers: bytes, kind: bytes) -> None:
        """Follow `CSI > u`, `CSI < u`, `CSI = u` (flags of a screen) and `CSI > m`, `CSI > n`, `CSI > f` (options)."""
        first, _, second = numbers.partition(b";")
        if kind != b"u":
            if prefix == b">" and len(first) < 3:
                option = (first, b"f" if kind == b"f" else b"m")
                if kind == b"n" or (second and (*option, second) != (b"4", b"m", b"0")):
                    self._options.add(option)
                else:
                    self._options = {other for other in self._options if first and other != option}
        elif prefix == b">":
            self._pushes[screen] += 1
        elif prefix == b"<":
            self._pushes[screen] = max(0, self._pushes[screen] - (_number(first) or 1))
        elif not self._pushes[screen]:
            if second in (b"", b"1"):
                self._flags_set[screen] = _number(first) != 0
            elif second == b"2" and _number(first):
                self._flags_set[screen] = True

    def undo(self, screen: int) -> list[bytes]:
        """Return the bytes that undo the changes of flags while a screen shows."""
        out = [b"\x1b[<%du" % self._pushes[screen]] if self._pushes[screen] else []
        return [*out, b"\x1b[=0;1u"] if self._flags_set[screen] else out

    def undo_options(self) -> list[bytes]:
        """Return the bytes that undo the changes of options."""
        return [b"\x1b[>%s%s" % option for option in sorted(self._options)]


_MAX_PUSHES = 10
"""Pushes that every terminal keeps."""


class _Titles:
    """The icon's and the window's title: the OSC that changed them, and the stack of XTWINOPS 22 and 23."""

    def __init__(self) -> None:
        self._changed = b""
        """The OSC that changed a title: 2 the window's, 0 both; empty for neither."""
        self._stack: list[tuple[int, bytes]] = []
        """The titles that were pushed (see `grammar.pop`), each with `_changed` at that time."""

    @property
    def pushed(self) -> bool:
        """True if a title is pushed."""
        return bool(self._stack)

    def change(self, number: int, text: bytes) -> None:
        """Follow OSC 0, 1 and 2; an empty text undoes a change."""
        self._changed = b"" if not text else b"0" if number < 2 or self._changed == b"0" else b"2"

    def operate(self, operation: int, which: int) -> None:
        """Follow CSI `operation` ; `which` t: 22 pushes, 23 pops, others do not matter here."""
        if operation == 22 and which <= 2:
            self._stack.append((which, self._changed))
            del self._stack[:-_MAX_PUSHES]
        elif operation == 23 and which <= 2:
            from sesh.vt import grammar

            for part in (grammar.ICON, grammar.WINDOW) if which == grammar.BOTH else (which,):
                saved = grammar.pop(self._stack, part)
                self._changed = self._changed if saved is None else saved

    def undo(self) -> list[bytes]:
        """Return the bytes that pop the titles still pushed, and clear a title that no pop restores."""
        pushed = {which for which, _ in self._stack}
        restored = 0 in pushed or pushed == {1, 2} or (self._changed == b"2" and 2 in pushed)
        changed = self._stack[0][1] if restored else self._changed
        out = [b"\x1b[23;%dt" % which for which, _ in reversed(self._stack)]
        return [*out, b"\x1b]%s;\x1b\\" % changed] if changed else out
