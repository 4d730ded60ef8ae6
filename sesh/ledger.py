"""What a stream of bytes has changed in the terminal that shows it, and the bytes that give it back.

Pure. It reads only what changes a terminal's modes, never what stands on its screen: one search a block, cheap enough
to go along with every byte. Sources: ECMA-48, XTerm ctlseqs, the keyboard and pointer protocols of kitty.
"""

from __future__ import annotations

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
_TABS = 64
"""Tab stops set anew, 8 columns apart: as many as the widest terminal needs."""

_SEQUENCE = (
    rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmnosu-z`]|\()"  # most are none of these: said first, it is fast
    rb"(?:\[(?:\?([0-9;]*)([hl])|([<=>])([0-9;:]*)([ufmn])|([0-9;]*)(?:([hlrgt])| q)|(!p))"
    rb"|\](?:([0-24589]|1[0-9]|22|10[45]|11[0-9])(?:;([^\x07\x1b\x18\x1a]*)|(?=[\x07\x1b])))"
    rb"|([)*+./\-])([ -/]*[0-~])|(%[@G])|([=>7Hno]))"
)
_PEN = rb"\x1b\[([0-9;:]*)m"
_COLOURED = rb"\x1b\[[0;:]*[1-9][0-9;:]*m"
_UNFINISHED = rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*|[\]PX^_][^\x07\x1b\x18\x1a]*)\Z"


class _Patterns:
    """The compiled expressions. Loading `re` costs more than all else here, so it waits for the first sequence."""

    __slots__ = ("coloured", "pen", "sequence", "unfinished")

    def __init__(self) -> None:
        import re

        self.sequence: Pattern[bytes] = re.compile(_SEQUENCE)
        self.pen: Pattern[bytes] = re.compile(_PEN)
        self.coloured: Pattern[bytes] = re.compile(_COLOURED)
        self.unfinished: Pattern[bytes] = re.compile(_UNFINISHED)


_patterns: list[_Patterns] = []


def _compiled() -> _Patterns:
    if not _patterns:
        _patterns.append(_Patterns())
    return _patterns[0]


class Ledger:
    """What the bytes fed so far have changed. `alternate`: whether the alternate screen is on."""

    def __init__(self) -> None:
        self._carry = b""
        self._forget()

    def _forget(self) -> None:
        """The state of a terminal that nobody has touched, or that was reset (RIS)."""
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
        self._titles: list[tuple[int, bytes]] = []  # of each push: which titles, and what had changed them before
        self._title = b""
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
        patterns = _compiled()
        cut = self._unfinished(data, patterns.unfinished)
        if cut < len(data):
            self._carry = data[cut:] if len(data) - cut <= _LONGEST else b""
            data = data[:cut]
        reset = data.rfind(b"\x1bc")
        if reset >= 0:
            self._forget()
            data = data[reset:]
        self._characters(data, patterns)
        locked = -1
        for found in patterns.sequence.finditer(data):
            private, switch = found.group(1, 2)
            alone = _ALONE.get(private)
            if alone is not None:
                self._private[alone] = switch == b"h"
            elif switch:
                self._set_private(private, switch == b"h")
            elif found[found.re.groups] in (b"n", b"o"):  # LS2, LS3
                locked = found.start()
            else:
                self._take(found.groups(b""))
        self._shift(data, locked)

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

    def _characters(self, data: bytes, patterns: _Patterns) -> None:
        """The pen and G0, which change too often to look at each time: what counts is the last change."""
        designated = data.rfind(b"\x1b(")
        charset = data[designated + 2 : designated + 3]
        if designated >= 0 and charset >= b" ":
            self._designate(b"(", charset)
        if not self._coloured:
            self._coloured = patterns.coloured.search(data) is not None
            if not self._coloured:
                return
        at = len(data)
        for _ in range(64):
            at = data.rfind(b"\x1b[", 0, at)
            if at < 0:
                self._pen = self._pen or b"\x1b8" in data
                return
            found = patterns.pen.match(data, at)
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

    def _set_private(self, numbers: bytes, on: bool) -> None:
        for number in _numbers(numbers):
            if number in _PRIVATE:
                self._private[number] = on
            elif number in _ALTERNATE:
                self._screen = (self._screen or number) if on else 0

    def _control(self, final: bytes, numbers: bytes) -> None:
        if final == b"r":
            self._margins = bool(numbers.strip(b"0;"))
        elif final == b"g":
            self._tabs = True
        elif final == b"t":
            self._title_stack(numbers)
        else:
            for number in _numbers(numbers):
                if number in _ANSI:
                    self._ansi[number] = final == b"h"

    def _title_stack(self, numbers: bytes) -> None:
        operation, which = ([*map(_number, numbers.split(b";")), 0])[:2]
        if operation == 22:
            self._titles.append((which, self._title))
            del self._titles[:-10]  # as many as terminals keep
        elif operation == 23 and self._titles:
            self._title = self._titles.pop()[1]

    def _escape(self, escape: bytes) -> None:
        if escape in b"=>":
            self._keypad = escape == b"="
        elif escape == b"7":
            self._saved = self._saved or not self.alternate
        elif escape == b"H":
            self._tabs = True

    def _soft_reset(self) -> None:
        """DECSTR: the modes that it gives back by itself."""
        for number in (1, 6, 7, 25, 66, 69):
            self._private.pop(number, None)
        self._ansi.clear()
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
            self._title = b"" if not body else b"0" if number < 2 or self._title == b"0" else b"2"
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

    def undo(self) -> bytes:
        """The bytes after which the terminal is as before the first block: what was changed, and nothing else.

        They begin with CAN and ST, which end whatever sequence the stream broke off in. Where the cursor's place is
        lost (origin mode on the main screen, an alternate screen that saved none) it goes to the bottom.
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
        out += self._undo_places()
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

    def _undo_places(self) -> list[bytes]:
        """Margins, tab stops, origin mode and the alternate screen, with the cursor kept where that is possible."""
        out = []
        if self._private.get(69):
            out.append(b"\x1b[?69l")
        if self._margins:
            out.append(b"\x1b[r")
        if self._tabs:
            out.append(b"\r\x1b[3g" + b"\x1b[8C\x1bH" * _TABS)
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
        return out

    def _undo_characters(self) -> list[bytes]:
        out = [b"\x0f"] if self._shifted else []
        out += [b"\x1b%sB" % place for place in sorted(self._charsets)]
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
        out += [b"\x1b[23;%dt" % which for which, _ in reversed(self._titles)]
        title = self._titles[0][1] if self._titles else self._title
        if title:
            out.append(b"\x1b]%s;\x1b\\" % title)
        return out


def _number(parameter: bytes) -> int:
    """One parameter; 0 where it is empty or absurd."""
    return int(parameter) if parameter.isdigit() and len(parameter) < 6 else 0


def _numbers(parameters: bytes) -> list[int]:
    """The parameters of a control sequence; those that are empty or absurd are left out."""
    return [int(part) for part in parameters.split(b";") if part.isdigit() and len(part) < 6]
