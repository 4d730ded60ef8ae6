"""The terminal modes that a stream of output has changed, and the bytes that undo those changes.

Pure. It looks for mode changes only, never at the text on the screen: one regular-expression pass for each block of
output, cheap enough to follow every byte. Sources: ECMA-48, XTerm ctlseqs, kitty's keyboard and pointer protocols.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

_ON = {7: True, 25: True}
"""Private modes that are on by default: auto-wrap and the cursor. All others here are off."""

_PRIVATE = frozenset((
    1, 5, 6, 7, 9, 12, 25, 45, 66, 67, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1045, 2004, 2026, 2031,
    2048, 5522, 9001,
))  # fmt: skip
"""Private modes to undo. Where terminals differ in the default (1007, 1034, 2027), the program's choice stays."""

_SINGLE = {b"%d" % mode: mode for mode in _PRIVATE}
_ALTERNATE = frozenset((47, 1047, 1049))
_ANSI = {2: False, 4: False, 12: True, 20: False}
"""Defaults of the ANSI modes: keyboard lock, insert, no local echo, new line."""

_MAX_SEQUENCE = 8192
"""Bytes of an unfinished sequence that are kept; no sequence that matters here is longer."""
_INNER = bytes(each for each in range(0x20) if each not in b"\x18\x1a\x1b")
"""Controls that act within a sequence, which goes on behind them."""
_INTERMEDIATES = bytes(range(0x20, 0x30))
_LAST_ROW = b"\x1b[9999;1H"
_MAX_COLUMNS = 512
"""Columns up to which tab stops are set again where the terminal's width is unknown."""
_DEFAULT_CURSOR: tuple[bool, bool, bool, frozenset[bytes]] = (False, False, False, frozenset())
"""What DECSC saved, as far as it matters: auto-wrap off, origin mode on, shifted out (SO), charsets designated."""


class Ledger:
    """The changes made by the bytes fed so far."""

    def __init__(self) -> None:
        self._carry = b""
        self._in_string = False  # in one that is longer than what is kept of a sequence
        self._titles = _Titles()
        self.retitled = False
        """Whether the stream has changed, pushed or popped the title since `own_title`."""
        self._reset()

    def _reset(self) -> None:
        """Start from a terminal in its default state, as after RIS (which leaves the titles alone)."""
        self._private: dict[int, bool] = {}
        self._saved_modes: dict[int, bool] = {}
        self._ansi: dict[int, bool] = {}
        self._alternate_mode = 0  # 47, 1047 or 1049: the mode that switched the alternate screen on
        self._cursor_saved = False  # on the main screen (DECSC)
        self._margins = self._tabs = self._keypad = self._shifted = self._utf8_off = self._link = self._pointer = False
        self._progress = False
        self._charsets: set[bytes] = set()
        self._ever_coloured = self._pen = self._cursor_restored = False
        self._shape = 0
        self._pushes = [0, 0]  # of kitty's keyboard flags, on the main and the alternate screen
        self._flags_set = [False, False]  # kitty's keyboard flags set without a push
        self._key_options: set[tuple[bytes, bytes]] = set()  # XTMODKEYS, XTFMTKEYS
        self._saved_cursors = [_DEFAULT_CURSOR, _DEFAULT_CURSOR]  # of the main and the alternate screen
        self._colours: dict[bytes, set[bytes]] = {}

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is on."""
        return self._alternate_mode != 0

    @property
    def unfinished(self) -> int:
        """Length of the incomplete sequence at the end of the stream."""
        return len(self._carry)

    @property
    def at_rest(self) -> bool:
        """Whether no sequence is unfinished."""
        return not (self._carry or self._in_string)

    @property
    def draws_plainly(self) -> bool:
        """Whether the main screen shows, and no mode, margin, tab stop or charset changes what text does there."""
        private = self._private
        return not (
            self.alternate
            or self._margins
            or self._tabs
            or self._shifted
            or self._charsets
            or self._utf8_off
            or self._link
            or any(self._ansi.get(mode) for mode in (4, 20))
            or any(private.get(mode, default) != default for mode, default in ((6, False), (7, True), (69, False)))
        )

    @property
    def default_pen(self) -> bool:
        """Whether the pen (SGR) is the default one now."""
        return not (self._pen or (self._ever_coloured and (self.alternate or self._cursor_restored)))

    def own_title(self, text: bytes) -> bytes:
        """The bytes that show a title of sesh's own; `undo` gives back the one before. For a stream at rest."""
        shown = b"\x1b]2;%s\x1b\\" % text
        shown = shown if self._titles.pushed else b"\x1b[22;0t" + shown
        self.feed(shown)
        self.retitled = False
        return shown

    def feed(self, block: bytes) -> None:
        """Follow a block of the stream; blocks may split a sequence anywhere."""
        data = self._carry + block if self._carry else block
        if b"\x7f" in data:  # terminals take no notice of it, within sequences either
            data = data.replace(b"\x7f", b"")
        self._carry = b""
        if self._in_string and (b"\x1b" in data or b"\x07" in data or b"\x18" in data or b"\x1a" in data):
            self._in_string = False
        if b"\x1b" not in data:
            self._shift(data, -1)
            return
        change, pen, coloured, unfinished = _patterns()
        cut = self._unfinished_at(data, unfinished)
        if cut < len(data):
            self._carry = data[cut:] if len(data) - cut <= _MAX_SEQUENCE else b""
            self._in_string = not self._carry
            data = data[:cut]
        locked, since = -1, 0
        for found in change.finditer(data):
            private, switch = found.group(1, 2)
            final, escape = found[7], found[found.re.groups]
            single = _SINGLE.get(private)
            if switch in (b"r", b"s"):
                self._save_or_restore_modes(_numbers(private), switch == b"s")
            elif single is not None:
                self._private[single] = switch == b"h"
            elif escape in (b"n", b"o"):  # LS2, LS3
                locked = found.start()
            elif escape == b"c":
                self._reset()
                since = found.end()
            elif switch or escape in (b"7", b"8") or final in (b"s", b"u"):
                if final == b"s" and self._private.get(69):
                    continue  # DECSLRM
                numbers = _numbers(private) if switch else []
                if not switch or 1048 in numbers or 1049 in numbers:  # the cursor is saved or restored
                    self._designate_g0(data[since : found.start()])
                    self._shift(data[since : found.start()], locked - since)
                    since = found.end()
                if switch:
                    self._set_private(numbers, switch == b"h")
                else:
                    self._save_or_restore_cursor(escape == b"7" or final == b"s")
            else:
                self._dispatch(found.groups(b""))
        reset = max(data.rfind(b"\x1bc"), 0)
        self._follow_pen(data[reset:], pen, coloured)
        self._designate_g0(data[since:])
        self._shift(data[since:], locked - since)

    def _shift(self, data: bytes, locked: int) -> None:
        """Note whether a set other than G0 is in use, by the last SO, SI or locking shift (LS2, LS3; at `locked`)."""
        out, back = max(data.rfind(b"\x0e"), locked), data.rfind(b"\x0f")
        if out != back:
            self._shifted = out > back

    @staticmethod
    def _unfinished_at(data: bytes, unfinished: Pattern[bytes]) -> int:
        """The index of an incomplete sequence at the end of the block; the block's length where there is none."""
        last = data.rfind(b"\x1b")
        if last == len(data) - 1:  # maybe the first half of ST, which ends a string
            before = data.rfind(b"\x1b", 0, last)
            in_string = before >= 0 and data[before + 1 : before + 2] in (b"]", b"P", b"X", b"^", b"_")
            return before if in_string and unfinished.match(data[before:last]) else last
        return last if unfinished.match(data, last) else len(data)

    def _designate_g0(self, data: bytes) -> None:
        """Note the last charset designated as G0; programs change it too often to look at each change."""
        designated = len(data)
        while (designated := data.rfind(b"\x1b(", 0, designated)) >= 0:
            charset = data[designated + 2 : designated + 32].translate(None, _INNER)
            final = charset.lstrip(_INTERMEDIATES)
            if final >= b"0":  # else ESC, CAN or SUB has broken it off
                self._designate(b"(", charset[: len(charset) - len(final) + 1])
                return

    def _follow_pen(self, data: bytes, pen: Pattern[bytes], coloured: Pattern[bytes]) -> None:
        """Note whether the pen (SGR) is not the default after `data`; it changes as often, so look from the end."""
        if not self._ever_coloured:
            self._ever_coloured = coloured.search(data) is not None
            if not self._ever_coloured:
                return
        at = len(data)
        for _ in range(64):
            at = data.rfind(b"\x1b[", 0, at)
            if at < 0:
                return
            found = pen.match(data, at)
            if found:
                self._pen = bool(found[1].strip(b"0;"))
                return
        self._pen = True

    def _designate(self, place: bytes, charset: bytes) -> None:
        place = {b"-": b")", b".": b"*", b"/": b"+"}.get(place, place)  # 96-character sets go to the same G1 to G3
        if charset == b"B":
            self._charsets.discard(place)
        else:
            self._charsets.add(place)

    def _dispatch(self, found: tuple[bytes, ...]) -> None:
        prefix, keys, kind, numbers, final, soft, command, body, place, charset, coding, escape = found[2:]
        if kind:
            self._keyboard(prefix, keys, kind)
        elif final:
            self._control(final, numbers)
        elif soft:
            self._soft_reset()
        elif command:
            self._command(command, body)
        elif place:
            self._designate(place, charset)
        elif coding:
            self._utf8_off = coding == b"%@"
        elif escape:
            self._escape(escape)
        else:
            self._shape = _number(numbers.partition(b";")[0])

    def _set_private(self, numbers: list[int], on: bool) -> None:
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
        """XTSAVE, XTRESTORE."""
        for number in _PRIVATE.intersection(numbers):
            if save:
                self._saved_modes[number] = self._private.get(number, _ON.get(number, False))
            elif number in self._saved_modes:
                self._private[number] = self._saved_modes[number]

    def _save_or_restore_cursor(self, save: bool) -> None:
        """DECSC saves auto-wrap, origin mode and charsets; after DECRC any that was changed then counts as changed."""
        here = int(self.alternate)
        if save:
            off, origin = self._private.get(7) is False, self._private.get(6) is True
            self._saved_cursors[here] = (off, origin, self._shifted, frozenset(self._charsets))
            self._cursor_saved = self._cursor_saved or not here
            return
        self._cursor_restored = True
        off, origin, shifted, charsets = self._saved_cursors[here]
        self._private |= {number: on for number, on, was in ((7, False, off), (6, True, origin)) if was}
        self._charsets |= charsets
        self._shifted = self._shifted or shifted

    def _control(self, final: bytes, numbers: bytes) -> None:
        if final == b"r":
            self._margins = bool(numbers.strip(b"0;"))
        elif final == b"g":
            self._tabs = True
        elif final == b"t":
            self._titles.operate(*([*map(_number, numbers.split(b";")), 0])[:2])
            self.retitled = True
        else:
            for number in _numbers(numbers):
                if number in _ANSI:
                    self._ansi[number] = final == b"h"

    def _escape(self, escape: bytes) -> None:
        if escape in b"=>":
            self._keypad = escape == b"="
        elif escape == b"H":
            self._tabs = True

    def _soft_reset(self) -> None:
        """DECSTR: the modes that it resets by itself."""
        for number in (1, 6, 7, 25, 66, 69):
            self._private.pop(number, None)
        self._ansi.pop(2, None)
        self._ansi.pop(4, None)
        self._margins = self._keypad = False

    def _keyboard(self, prefix: bytes, numbers: bytes, kind: bytes) -> None:
        """kitty's flags (`CSI > u`, `CSI < u`, `CSI = u`); XTMODKEYS, XTFMTKEYS (`CSI > m`, `CSI > n`, `CSI > f`)."""
        here = int(self.alternate)
        first, _, second = numbers.partition(b";")
        if kind != b"u":
            if prefix == b">" and len(first) < 3:
                place = (first, b"f" if kind == b"f" else b"m")
                if kind == b"n" or (second and (*place, second) != (b"4", b"m", b"0")):
                    self._key_options.add(place)
                else:
                    self._key_options = {other for other in self._key_options if first and other != place}
        elif prefix == b">":
            self._pushes[here] += 1
        elif prefix == b"<":
            self._pushes[here] = max(0, self._pushes[here] - (_number(first) or 1))
        elif not self._pushes[here]:
            if second in (b"", b"1"):
                self._flags_set[here] = _number(first) != 0
            elif second == b"2" and _number(first):
                self._flags_set[here] = True

    def _command(self, command: bytes, body: bytes) -> None:
        """An OSC: titles, colours, links, the pointer's shape, progress."""
        number = int(command)
        if number <= 2:
            self._titles.change(number, body)
            self.retitled = True
        elif number == 8:
            self._link = bool(body.partition(b";")[2])
        elif number == 9:
            if body.startswith(b"4;"):
                self._progress = not body.startswith(b"4;0")
        elif number == 22:
            self._pointer = body not in (b"", b"default")
        elif number in (4, 5):
            fields = body.split(b";")
            pairs = zip(fields[::2], fields[1::2], strict=False)
            changed = {place for place, value in pairs if value != b"?" and place.isdigit() and len(place) < 4}
            if changed:
                self._colours.setdefault(command, set()).update(changed)
        elif number in (104, 105):
            kind = b"%d" % (number - 100)
            left = self._colours.pop(kind, set()) - set(body.split(b";")) if body else set()
            self._colours.pop(kind, None)
            if left:
                self._colours[kind] = left
        elif 10 <= number <= 19:
            for place, value in enumerate(body.split(b";"), number):
                if value not in (b"?", b"") and place <= 19:
                    self._colours[b"%d" % place] = set()
        elif number >= 110:
            self._colours.pop(b"%d" % (number - 100), None)

    # -- undoing the changes

    def undo(self, columns: int = 0) -> bytes:
        """The bytes that put the terminal back as it was before the first block, changing nothing else.

        `columns` is the terminal's width, 0 for unknown. They begin with CAN and ST, which end whatever sequence the
        stream broke off in. Where the cursor's position cannot be kept (origin mode on the main screen, an alternate
        screen switched on without saving it) it goes to the last row.
        """
        out = [b"\x18\x1b\\"]
        if self._private.get(2026):
            out.append(b"\x1b[?2026l")
        if self._link:
            out.append(b"\x1b]8;;\x1b\\")
        out += self._undo_keyboard(int(self.alternate))
        if not self.alternate and (keys := self._undo_keyboard(1)):  # left there by a program
            out += [b"\x1b[?1049h", *keys, b"\x1b[?1049l"]
        for number, on in self._private.items():
            if on != _ON.get(number, False) and number not in (6, 25, 69, 2026):
                out.append(b"\x1b[?%d%c" % (number, b"l" if on else b"h"))
        for number, on in self._ansi.items():
            if on != _ANSI[number]:
                out.append(b"\x1b[%d%c" % (number, b"l" if on else b"h"))
        out += self._undo_screens(columns or _MAX_COLUMNS)
        if self.alternate:
            out += self._undo_keyboard(0)
        out += self._undo_characters()
        if self._private.get(25) is False:
            out.append(b"\x1b[?25h")
        if self._shape:
            out.append(b"\x1b[0 q")
        out += self._undo_commands()
        return b"".join(out)

    def _undo_keyboard(self, screen: int) -> list[bytes]:
        out = []
        if self._pushes[screen]:
            out.append(b"\x1b[<%du" % self._pushes[screen])
        if self._flags_set[screen]:
            out.append(b"\x1b[=0;1u")
        if screen == int(self.alternate):
            out += [b"\x1b[>%s%s" % (resource, kind) for resource, kind in sorted(self._key_options)]
            if self._keypad:
                out.append(b"\x1b>")
        return out

    def _undo_screens(self, columns: int) -> list[bytes]:
        """Margins, tab stops, origin mode and the alternate screen; the cursor stays in place where possible."""
        out = []
        if self._private.get(69):
            out.append(b"\x1b[?69l")
        if self._margins:
            out.append(b"\x1b[r")
        if self._tabs:
            out.append(b"\x1b[3g" + b"".join(b"\x1b[%dG\x1bH" % stop for stop in range(9, columns + 1, 8)))
        if self._private.get(6):
            out.append(b"\x1b[?6l")
        moved = bool(out)
        if not self.alternate:
            if moved and not self._private.get(6):
                return [b"\x1b7", *out, b"\x1b8"]  # not with origin mode: DECRC would switch it on again
            return [*out, _LAST_ROW] if moved else []
        out.append(b"\x1b[?%dl" % self._alternate_mode)
        if self._alternate_mode != 1049:
            out.append(b"\x1b8" if self._cursor_saved else _LAST_ROW)
        off, origin, _, _ = self._saved_cursors[0]
        if off:
            out.append(b"\x1b[?7h")
        if origin:
            out.append(b"\x1b[?6l" + _LAST_ROW)
        return out

    def _undo_characters(self) -> list[bytes]:
        _, _, shifted, charsets = self._saved_cursors[0] if self.alternate else _DEFAULT_CURSOR
        out = [b"\x0f"] if self._shifted or shifted else []
        out += [b"\x1b%sB" % place for place in sorted(self._charsets | charsets)]
        if self._utf8_off:
            out.append(b"\x1b%G")
        # A cursor comes back with the pen that it was saved with, which may be any.
        if not self.default_pen:
            out.append(b"\x1b[m")
        return out

    def _undo_commands(self) -> list[bytes]:
        out = [b"\x1b]22;\x1b\\"] if self._pointer else []
        if self._progress:
            out.append(b"\x1b]9;4;0\x1b\\")
        for kind, places in sorted(self._colours.items()):
            which = b"".join(b";" + place for place in sorted(places))
            out.append(b"\x1b]%d%s\x1b\\" % (int(kind) + 100, which))
        return out + self._titles.undo()


def _number(parameter: bytes) -> int:
    """One parameter; 0 where it is empty or absurdly long."""
    return int(parameter) if parameter.isdigit() and len(parameter) < 6 else 0


def _numbers(parameters: bytes) -> list[int]:
    """The parameters of a control sequence, without those that are empty or absurdly long."""
    return [int(part) for part in parameters.split(b";") if part.isdigit() and len(part) < 6]


_compiled: list[Pattern[bytes]] = []


def _patterns() -> list[Pattern[bytes]]:
    """The patterns of a mode change, an SGR, an SGR that is not a reset, and an incomplete sequence at the end.

    Compiled when the first sequence comes: loading `re` takes longer than anything else on the way to a session.
    """
    if not _compiled:
        import re

        change = (
            rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnov-z`]|\()"  # rule out the most frequent others first: it is faster
            rb"(?:\[(?:\?([0-9;]*)([hlrs])|([<=>])([0-9;:]*)([ufmn])|([0-9;]*)(?:([hlrgstu])| q)|(!p))"
            rb"|\](?:([0-24589]|1[0-9]|22|10[45]|11[0-9])(?:;([^\x07\x1b\x18\x1a]*)|(?=[\x07\x1b])))"
            rb"|([)*+./\-])([ -/]*[0-~])|(%[@G])|([=>78Hcno]))"
        )
        pen, coloured = rb"\x1b\[([0-9;:]*)m", rb"\x1b\[[0;:]*[1-9][0-9;:]*m"
        unfinished = rb"\x1b(?:\[[0-?]*[ -/]*|[\x00-\x17\x19\x1c-\x1f -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z"
        _compiled.extend(map(re.compile, (change, pen, coloured, unfinished)))
    return _compiled


_MAX_PUSHES = 10
"""Pushes that every terminal keeps."""


class _Titles:
    """The icon's and the window's title: what changed them, and what was pushed (XTWINOPS 22 and 23)."""

    def __init__(self) -> None:
        self._changed = b""  # by which OSC: 2 the window's, 0 both; empty for neither
        self._stack: list[tuple[int, bytes]] = []  # what was pushed (see `grammar.pop`), with `_changed` at that time

    @property
    def pushed(self) -> bool:
        """Whether a title is pushed."""
        return bool(self._stack)

    def change(self, number: int, text: bytes) -> None:
        """OSC 0, 1 and 2; an empty text undoes a change."""
        self._changed = b"" if not text else b"0" if number < 2 or self._changed == b"0" else b"2"

    def operate(self, operation: int, which: int) -> None:
        """CSI `operation` ; `which` t: 22 pushes, 23 pops, others do not matter here."""
        if operation == 22 and which <= 2:
            self._stack.append((which, self._changed))
            del self._stack[:-_MAX_PUSHES]
        elif operation == 23 and which <= 2:
            from sesh.vt import grammar

            for part in (grammar.ICON, grammar.WINDOW) if which == grammar.BOTH else (which,):
                saved = grammar.pop(self._stack, part)
                self._changed = self._changed if saved is None else saved

    def undo(self) -> list[bytes]:
        """The bytes that pop what is still pushed, and clear a title that no pop restores."""
        pushed = {which for which, _ in self._stack}
        restored = 0 in pushed or pushed == {1, 2} or (self._changed == b"2" and 2 in pushed)
        changed = self._stack[0][1] if restored else self._changed
        out = [b"\x1b[23;%dt" % which for which, _ in reversed(self._stack)]
        return [*out, b"\x1b]%s;\x1b\\" % changed] if changed else out
