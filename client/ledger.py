"""What a stream of bytes has changed in the terminal that shows it, and the bytes that give it back.

Pure. It reads only what changes a terminal's modes, never what stands on its screen: one search a block, cheap enough
to go along with every byte. Sources: ECMA-48, XTerm ctlseqs, the keyboard and pointer protocols of kitty.

The expressions that find, in a stream of bytes, what changes a terminal. The ledger loads them with its first one.

Sources: ECMA-48, XTerm ctlseqs, the keyboard and pointer protocols of kitty.

What a stream has changed of a terminal's titles and of the stack that they are pushed on (XTWINOPS 22 and 23).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

_ON = {7: True, 25: True}
"""Private modes that are on in a terminal left alone: wrapping and the cursor. The others here are off."""

_PRIVATE = frozenset((
    1, 5, 6, 7, 9, 12, 25, 45, 66, 67, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2031, 2048,
    5522, 9001,
))  # fmt: skip
"""Modes given back. Where terminals disagree on what is usual (1007, 1034, 2027) they stay as the program left them."""

_ALONE = {b"%d" % mode: mode for mode in _PRIVATE}
_ALTERNATE = frozenset((47, 1047, 1049))
_ANSI = {2: False, 4: False, 12: True, 20: False}
"""Keyboard lock, insert, no local echo, new line: whether they are on in a terminal left alone."""

_LONGEST = 8192
"""Bytes of an unfinished sequence that are kept; none that matters is longer."""
_BOTTOM = b"\x1b[9999;1H"
_WIDEST = 512
"""Columns up to which tab stops are set anew where the terminal's width is not known."""
_NOTHING: tuple[bool, bool, bool, frozenset[bytes]] = (False, False, False, frozenset())


class Ledger:
    """What the bytes fed so far have changed. `alternate`: whether the alternate screen is on."""

    def __init__(self) -> None:
        self._carry = b""
        self._titles = Titles()
        self._forget()

    def _forget(self) -> None:
        """The state of a terminal that nobody has touched, or that was reset (RIS, which leaves the titles alone)."""
        self._private: dict[int, bool] = {}
        self._ansi: dict[int, bool] = {}
        self._screen = 0  # the mode that switched the alternate screen on
        self._saved = False  # a cursor was saved on the main screen (DECSC)
        self._margins = self._tabs = self._keypad = self._shifted = self._latin = self._link = self._pointer = False
        self._progress = False
        self._charsets: set[bytes] = set()
        self._coloured = self._pen = False
        self._shape = 0
        self._pushed = [0, 0]  # kitty's keyboard flags: pushes on the main and the alternate screen
        self._flags = [False, False]  # set without a push
        self._keys: set[tuple[bytes, bytes]] = set()  # XTMODKEYS, XTFMTKEYS
        self._kept = [_NOTHING, _NOTHING]  # with the cursor that each screen has saved
        self._colours: dict[bytes, set[bytes]] = {}

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is on."""
        return self._screen != 0

    @property
    def unfinished(self) -> int:
        """Bytes at the end of what was fed that begin a sequence and do not end it."""
        return len(self._carry)

    def feed(self, block: bytes) -> None:
        """Reads a block of the stream; a sequence may be split over any number of them."""
        data = self._carry + block if self._carry else block
        self._carry = b""
        if b"\x1b" not in data:
            self._shift(data, -1)
            return
        # loading `re` costs more than all else here

        cut = self._unfinished(data, unfinished)
        if cut < len(data):
            self._carry = data[cut:] if len(data) - cut <= _LONGEST else b""
            data = data[:cut]
        locked, since = -1, 0
        for found in sequence.finditer(data):
            private, switch = found.group(1, 2)
            final, escape = found[7], found[found.re.groups]
            alone = _ALONE.get(private)
            if alone is not None:
                self._private[alone] = switch == b"h"
            elif escape in (b"n", b"o"):  # LS2, LS3
                locked = found.start()
            elif escape == b"c":
                self._forget()
                since = found.end()
            elif switch or escape in (b"7", b"8") or final in (b"s", b"u"):
                if final == b"s" and self._private.get(69):
                    continue  # DECSLRM
                numbers = _numbers(private) if switch else []
                if not switch or 1048 in numbers or 1049 in numbers:  # a cursor is saved or comes back
                    self._letters(data[since : found.start()])
                    self._shift(data[since : found.start()], locked - since)
                    since = found.end()
                if switch:
                    self._set_private(numbers, switch == b"h")
                else:
                    self._cursor(escape == b"7" or final == b"s")
            else:
                self._take(found.groups(b""))
        reset = max(data.rfind(b"\x1bc"), 0)
        self._colour(data[reset:], pen, coloured)
        self._letters(data[since:])
        self._shift(data[since:], locked - since)

    def _shift(self, data: bytes, locked: int) -> None:
        """Which set the letters are taken from: the last SO or SI says so, or a locking shift at `locked`."""
        out, back = max(data.rfind(b"\x0e"), locked), data.rfind(b"\x0f")
        if out != back:
            self._shifted = out > back

    @staticmethod
    def _unfinished(data: bytes, unfinished: Pattern[bytes]) -> int:
        """Where a sequence begins that the block's end cuts off; the length of the block where none does."""
        last = data.rfind(b"\x1b")
        if last == len(data) - 1:  # it may be the first half of ST, and end a string
            before = data.rfind(b"\x1b", 0, last)
            in_string = before >= 0 and data[before + 1 : before + 2] in (b"]", b"P", b"X", b"^", b"_")
            return before if in_string and unfinished.match(data[before:last]) else last
        return last if unfinished.match(data, last) else len(data)

    def _letters(self, data: bytes) -> None:
        """G0, which changes too often to look at each time: what counts is the last change."""
        designated = data.rfind(b"\x1b(")
        charset = data[designated + 2 : designated + 3]
        if designated >= 0 and charset >= b" ":
            self._designate(b"(", charset)

    def _colour(self, data: bytes, pen: Pattern[bytes], coloured: Pattern[bytes]) -> None:
        """The pen, which changes just as often."""
        if not self._coloured:
            self._coloured = coloured.search(data) is not None
            if not self._coloured:
                return
        at = len(data)
        for _ in range(64):
            at = data.rfind(b"\x1b[", 0, at)
            if at < 0:
                self._pen = self._pen or b"\x1b8" in data
                return
            found = pen.match(data, at)
            if found:
                # DECRC brings back the pen that was saved with the cursor, whatever that was
                self._pen = bool(found[1].strip(b"0;")) or data.find(b"\x1b8", at) >= 0
                return
        self._pen = True

    def _designate(self, place: bytes, charset: bytes) -> None:
        place = {b"-": b")", b".": b"*", b"/": b"+"}.get(place, place)  # sets of 96 characters go to the same places
        if charset == b"B":
            self._charsets.discard(place)
        else:
            self._charsets.add(place)

    def _take(self, found: tuple[bytes, ...]) -> None:
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
            self._latin = coding == b"%@"
        elif escape:
            self._escape(escape)
        else:
            self._shape = _number(numbers.partition(b";")[0])

    def _set_private(self, numbers: list[int], on: bool) -> None:
        for number in numbers:
            if number in _PRIVATE:
                self._private[number] = on
            elif number == 1048:
                self._cursor(on)
            elif number in _ALTERNATE:
                if number == 1049 and on:
                    self._cursor(True)
                came = self.alternate and not on
                self._screen = (self._screen or number) if on else 0
                if number == 1049 and came:
                    self._cursor(False)

    def _cursor(self, saved: bool) -> None:
        """DECSC keeps wrapping, origin and charsets, DECRC brings them back: what may be changed then, counts."""
        here = int(self.alternate)
        if saved:
            off, origin = self._private.get(7) is False, self._private.get(6) is True
            self._kept[here] = (off, origin, self._shifted, frozenset(self._charsets))
            self._saved = self._saved or not here
            return
        off, origin, shifted, charsets = self._kept[here]
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
        """DECSTR: the modes that it gives back by itself."""
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
                    self._keys.add(place)
                else:
                    self._keys = {other for other in self._keys if first and other != place}
        elif prefix == b">":
            self._pushed[here] += 1
        elif prefix == b"<":
            self._pushed[here] = max(0, self._pushed[here] - (_number(first) or 1))
        elif not self._pushed[here]:
            if second in (b"", b"1"):
                self._flags[here] = _number(first) != 0
            elif second == b"2" and _number(first):
                self._flags[here] = True

    def _command(self, command: bytes, body: bytes) -> None:
        """An OSC: titles, colours, links, the pointer's shape, progress."""
        number = int(command)
        if number <= 2:
            self._titles.change(number, body)
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

    # -- giving it back

    def undo(self, columns: int = 0) -> bytes:
        """The bytes after which the terminal is as before the first block: what was changed, and nothing else.

        `columns` is the terminal's width, 0 where it is not known. They begin with CAN and ST, which end whatever
        sequence the stream broke off in. Where the cursor's place is lost (origin mode on the main screen, an
        alternate screen that saved none) it goes to the bottom.
        """
        out = [b"\x18\x1b\\"]
        if self._private.get(2026):
            out.append(b"\x1b[?2026l")
        if self._link:
            out.append(b"\x1b]8;;\x1b\\")
        out += self._undo_keyboard(int(self.alternate))
        for number, on in self._private.items():
            if on != _ON.get(number, False) and number not in (6, 25, 69, 2026):
                out.append(b"\x1b[?%d%c" % (number, b"l" if on else b"h"))
        for number, on in self._ansi.items():
            if on != _ANSI[number]:
                out.append(b"\x1b[%d%c" % (number, b"l" if on else b"h"))
        out += self._undo_places(columns or _WIDEST)
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
        if self._pushed[screen]:
            out.append(b"\x1b[<%du" % self._pushed[screen])
        if self._flags[screen]:
            out.append(b"\x1b[=0;1u")
        if screen == int(self.alternate):
            out += [b"\x1b[>%s%s" % (resource, kind) for resource, kind in sorted(self._keys)]
            if self._keypad:
                out.append(b"\x1b>")
        return out

    def _undo_places(self, columns: int) -> list[bytes]:
        """Margins, tab stops, origin mode and the alternate screen, with the cursor kept where that is possible."""
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
                return [b"\x1b7", *out, b"\x1b8"]  # DECRC would switch origin mode on again
            return [*out, _BOTTOM] if moved else []
        out.append(b"\x1b[?%dl" % self._screen)
        if self._screen != 1049:
            out.append(b"\x1b8" if self._saved else _BOTTOM)
        off, origin, _, _ = self._kept[0]
        if off:
            out.append(b"\x1b[?7h")
        if origin:
            out.append(b"\x1b[?6l" + _BOTTOM)
        return out

    def _undo_characters(self) -> list[bytes]:
        _, _, shifted, charsets = self._kept[0] if self.alternate else _NOTHING
        out = [b"\x0f"] if self._shifted or shifted else []
        out += [b"\x1b%sB" % place for place in sorted(self._charsets | charsets)]
        if self._latin:
            out.append(b"\x1b%G")
        if self._pen or (self._coloured and self.alternate):
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
    """One parameter; 0 where it is empty or absurd."""
    return int(parameter) if parameter.isdigit() and len(parameter) < 6 else 0


def _numbers(parameters: bytes) -> list[int]:
    """The parameters of a control sequence; those that are empty or absurd are left out."""
    return [int(part) for part in parameters.split(b";") if part.isdigit() and len(part) < 6]


sequence = re.compile(
    rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnov-z`]|\()"  # most are none of these: said first, it is fast
    rb"(?:\[(?:\?([0-9;]*)([hl])|([<=>])([0-9;:]*)([ufmn])|([0-9;]*)(?:([hlrgstu])| q)|(!p))"
    rb"|\](?:([0-24589]|1[0-9]|22|10[45]|11[0-9])(?:;([^\x07\x1b\x18\x1a]*)|(?=[\x07\x1b])))"
    rb"|([)*+./\-])([ -/]*[0-~])|(%[@G])|([=>78Hcno]))"
)
pen = re.compile(rb"\x1b\[([0-9;:]*)m")
coloured = re.compile(rb"\x1b\[[0;:]*[1-9][0-9;:]*m")
unfinished = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z")


_MOST = 10
"""Pushes that terminals keep."""


class Titles:
    """The icon's and the window's name: who changed them, and what was pushed."""

    def __init__(self) -> None:
        self._changed = b""  # the OSC that did: 2 the window's, 0 both; empty where none did
        self._pushes: list[tuple[int, bytes]] = []  # what (0 both, 1 the icon's, 2 the window's), and `_changed` then

    def change(self, number: int, text: bytes) -> None:
        """OSC 0, 1 and 2; an empty text takes a change back."""
        self._changed = b"" if not text else b"0" if number < 2 or self._changed == b"0" else b"2"

    def operate(self, operation: int, which: int) -> None:
        """CSI operation ; which t: 22 pushes, 23 pops, all others are nothing here."""
        if operation == 22:
            self._pushes.append((which, self._changed))
            del self._pushes[:-_MOST]
        elif operation == 23:
            for each in (1, 2) if which == 0 else (which,):
                self._pop(each)

    def _pop(self, each: int) -> None:
        """Takes the icon's (1) or the window's (2) name from the last push that holds it."""
        for at in range(len(self._pushes) - 1, -1, -1):
            which, changed = self._pushes[at]
            if which in (0, each):
                self._pushes[at : at + 1] = [] if which else [(3 - each, changed)]
                self._changed = changed
                return

    def undo(self) -> list[bytes]:
        """The bytes that pop what is pushed, and empty a title that no push brings back."""
        kinds = {which for which, _ in self._pushes}
        held = 0 in kinds or kinds == {1, 2} or (self._changed == b"2" and 2 in kinds)
        changed = self._pushes[0][1] if held else self._changed
        out = [b"\x1b[23;%dt" % which for which, _ in reversed(self._pushes)]
        return [*out, b"\x1b]%s;\x1b\\" % changed] if changed else out
