"""Track the settings that output changes; return the bytes that reset them to their defaults.

Colours, tab stops and the cursor's shape go to what the terminal had before, if it has told that (`Before`).
Modes that the program has already reset are left alone: resetting some of them again would move the cursor or clear the
screen.
Sources: ECMA-48, XTerm ctlseqs, kitty's keyboard and pointer protocols.
"""

from __future__ import annotations

import re
from re import Match

from sesh.client.before import AFTER_RIS, FLAGS, SHAPE, TABS, Before
from sesh.vt import grammar
from sesh.vt.defaults import ON_BY_DEFAULT, TERMINALS_DIFFER
from sesh.vt.osc_values import COLOUR_NUMBERS, changed, sequences
from sesh.vt.render.clean_screen import CANCEL
from sesh.vt.titles import TitleStack

_ANSI_ON_BY_DEFAULT = (b"8", b"12")  # bidirectional text (ECMA-48 BDSM), no local echo (SRM)
_ON_BY_DEFAULT = frozenset((*(b"?%d" % number for number in ON_BY_DEFAULT), *_ANSI_ON_BY_DEFAULT))
_TERMINALS_DIFFER = frozenset(b"?%d" % number for number in TERMINALS_DIFFER)
_ALTERNATE = frozenset((b"?47", b"?1047", b"?1049"))
_SAVES_CURSOR = frozenset((b"?1048", b"?1049"))
_REPORTS = frozenset((b"?9", *(b"?%d" % number for number in range(1000, 1005)), b"?2031", b"?2048", b"?9001"))
"""Modes in which the terminal sends what is no key: the mouse, the focus, colours and sizes; and win32's input."""
_NO_SETTINGS = frozenset((b"", b"?", b"?1048"))
_ORIGIN, _LEFT_RIGHT = b"?6", b"?69"
_SAVED_WITH_CURSOR = (_ORIGIN, b"?5", b"?7", b"4", b"12", b"20")
"""Modes that DECSC saves and DECRC brings back: origin mode in most terminals; wrapping and reverse video in kitty;
reverse video, insert mode, local echo and new line mode in VTE."""
_COMMANDS = {
    8: b"\x1b]8;;\x1b\\", 9: b"\x1b]9;4;0\x1b\\", 22: b"\x1b]22;\x1b\\", 7501: b"\x1b]7501;state=clear\x1b\\",
}  # fmt: skip
"""The bytes that reset what an OSC has set, by its number: link, progress, pointer, state."""
_LAST_ROW = b"\x1b[9999;1H"
_ALWAYS = b"\x1b[m\x0f\x1b(B\x1b)B\x1b>\x1b[?25h"
"""Resets pen, G0 and G1 (of 94 or 96 characters), keypad, and shows the cursor; sent in any case."""
_LATER_SETS = b"\x1b*B\x1b+B"  # resets G2 and G3; the Linux console, which has none, prints the B of each
_DEFAULTS = {"coding": b"\x1b%G", "sets": _LATER_SETS, SHAPE: b"\x1b[0 q"}
"""What resets a change, by its group in `_CHANGE`."""

_CHANGE = re.compile(
    rb"\x1b(?!\[[0-9;:]*[@-Zabcdefijkmno`])"  # skips SGR and cursor movements, the bulk of all sequences, quickly
    rb"(?:\[(?:(?P<modes>\??[0-9;]*[hl]|\?[0-9;]*r)|(?P<resource>>[0-9;]*[fmnps])|(?P<flags>[<=>][0-9;]*u)"
    rb"|(?P<title>2[23][0-9;]*t)|(?P<tabs>[0-9;]*g)|(?P<saved>s)|(?P<restored>[0-9;]*u)"
    rb"|(?P<shape>[0-9]* q)|(?P<tab_query>2\$w)|(?P<flags_query>\?u))"
    rb"|\](?P<command>[0-9]{1,5}(?:;[^\x07\x18\x1a\x1b]*)?(?=[\x07\x1b]|\Z))"
    rb"|(?P<shape_query>P\$q q(?=\x1b|\Z))"
    rb"|(?P<coding>%@)|(?P<sets>[*+./])|(?P<tab>H)|(?P<reset>c)|(?P<save>7)|(?P<restore>8))"
)
"""Matches a change of a setting, except those in `_ALWAYS` and the margins, which `reset_bytes` always resets."""
_UNFINISHED = re.compile(
    rf"\x1b(?:{grammar.CSI_START}|(?:{grammar.OSC_START}|{grammar.STRING_START})\x1b?|{grammar.ESCAPE_START})\Z".encode()
)
_GOES_ON = {b"[": re.compile(rb"[\x20-?]*"), b"]": re.compile(rb"[^\x07\x18\x1a\x1b]*")}
"""By the character after ESC, what does not end an incomplete sequence; strings other than OSC have their own."""
_STRING_GOES_ON = re.compile(rb"[^\x18\x1a\x1b]*")
_UNFINISHED_CHARACTER = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")  # UTF-8
_MAY_CHANGE = re.compile(
    rb"\x1b(?:\[(?:=?[0-9;]*|[0-9]* )"
    rb"|\](?:[0-9]{0,3}|(?:[45]|1[0-9]|21|10[45]|11[0-9])(?:;[^\x07\x18\x1a\x1b]*)?\x1b?))?\Z"
)
"""Matches the beginning of a change that the terminal is asked before."""
_MAX_HELD = 1 << 10  # bytes of such a beginning that wait for the rest
_QUERIES = {"shape_query": SHAPE, "tab_query": TABS, "flags_query": FLAGS}
_CHANGES = {"shape": (SHAPE,), "tab": (TABS,), "tabs": (TABS,), "reset": AFTER_RIS}
_MAX_RESETS = 1000  # changed settings that are reset; no terminal has so many
_MAX_INCOMPLETE = 8 << 10  # bytes of an incomplete sequence that are kept
_HEAD = 16  # bytes that are kept of a longer one: they tell its kind


class TerminalReset:
    """The settings that the fed bytes have changed."""

    def __init__(self, *, prints_strings: bool = False) -> None:
        self._incomplete = bytearray()  # sequence or character at the end of the stream
        self.held = b""  # what the terminal lacks of it, until the rest has come
        self._titled = False  # a title was set while no title was pushed
        self._titles = TitleStack()  # the pushed titles, without their texts
        self.before = Before(prints_strings=prints_strings)
        self._ask_at = 0
        self._reset()

    def _reset(self) -> None:
        """Start from default settings, as after RIS, which keeps the titles."""
        self._resets: dict[bytes, bytes] = {}  # for each changed setting, the bytes that reset it
        self._tabs = False
        # Of kitty's flags, on the main screen and the alternate one: how many were pushed and not popped, and whether
        # flags were set while none were pushed.
        self._pushed, self._flags_set = [0, 0], [False, False]
        self._alternate = b""  # the mode that switched to the alternate screen
        # Of `_SAVED_WITH_CURSOR`, the resets of the modes that were saved on the main screen and on the alternate one.
        self._saved: list[dict[bytes, bytes]] = [{}, {}]

    @property
    def alternate(self) -> bool:
        return self._alternate != b""

    @property
    def expects_input(self) -> bool:
        """True if the terminal may send what the shell outside cannot read: reports, releases of keys, and replies."""
        reports = not _REPORTS.isdisjoint(self._resets) or any((*self._pushed, *self._flags_set))
        return reports or self.before.awaits

    @property
    def unfinished(self) -> bool:
        """True if the stream ends inside a sequence or a character."""
        return bool(self._incomplete)

    def feed(self, block: bytes, *, is_screen: bool = False) -> bytes:
        """Follow a block, which may split a sequence; return it without what is `held` of it now.

        The first bytes of a character wait for the other ones: a terminal would draw an error sign for them. So do
        those of a change that the terminal is to be asked before; a screen, which may come in parts, ends in none.
        """
        if not self._incomplete and block.isascii() and b"\x1b" not in block:
            return block
        shown = self.held + block
        self._follow(block)
        self.held = self._to_hold(shown, is_screen=is_screen)
        return shown[: len(shown) - len(self.held)]

    def _to_hold(self, shown: bytes, *, is_screen: bool) -> bytes:
        """Return what is to be held of the bytes that the terminal lacks."""
        begun = bytes(self._incomplete)
        if begun[:1] != b"\x1b":
            return begun
        may_change = len(begun) <= _MAX_HELD and not is_screen and _MAY_CHANGE.match(begun) is not None
        return begun if may_change and shown.endswith(begun) else b""

    def questions(self, now: float) -> tuple[int, bytes]:
        """Return queries, and where in what `feed` has returned last: before the first change. `now`: the time."""
        return self._ask_at, self.before.questions(now)

    def _follow(self, block: bytes) -> None:
        if self._incomplete and self._goes_on(block):  # a long sequence in pieces is searched once
            self._keep(block)
            return
        data = bytes(self._incomplete) + block
        character = data[-1:] >= b"\x80" and _UNFINISHED_CHARACTER.search(data, max(0, len(data) - 3))
        end = character.start() if character else len(data)
        if b"\x1b" in data:
            end = min(end, _unfinished_at(data))
            passed = len(self._incomplete) - len(self.held)
            for match in _CHANGE.finditer(data, 0, end):
                asked = self.before.asks
                self._note_before(match, may_ask=match.start() >= passed)
                self._change(match)
                if self.before.asks and not asked:
                    self._ask_at = match.start() - passed
            if len(self._resets) > _MAX_RESETS:  # a program sets whatever numbers it likes
                self._resets = dict([*self._resets.items()][:_MAX_RESETS])
        self._incomplete.clear()
        self._keep(data[end:])

    def _keep(self, part: bytes) -> None:
        """Add to the incomplete sequence; of a long one, keep the head."""
        self._incomplete += part
        if len(self._incomplete) > _MAX_INCOMPLETE:
            del self._incomplete[_HEAD:]

    def _goes_on(self, block: bytes) -> bool:
        """Return whether the incomplete sequence has no end in a block."""
        kind = bytes(self._incomplete[1:2])
        if self._incomplete[0] != 0x1B or self._incomplete[-1] == 0x1B:
            return False
        pattern = _GOES_ON.get(kind) or (_STRING_GOES_ON if kind in b"PX^_k" else None)
        return pattern is not None and pattern.fullmatch(block) is not None

    def _note_before(self, match: Match[bytes], *, may_ask: bool) -> None:
        """Note what a change needs to know first. `may_ask`: none of it has passed yet."""
        kind = match.lastgroup or ""
        if kind == "command":
            number, _, body = match[kind].partition(b";")
            self.before.note_osc(int(number), body, may_ask=may_ask)
        elif kind in _QUERIES:
            self.before.note_query(_QUERIES[kind])
        elif kind == "flags":
            if match[kind][:1] == b"=" and not self.alternate and not self._pushed[0]:
                self.before.note((FLAGS,), may_ask=may_ask)
        else:
            self.before.note(_CHANGES.get(kind, ()), may_ask=may_ask)

    def _change(self, match: Match[bytes]) -> None:
        kind = match.lastgroup
        text = match[kind or 0]
        if kind == "modes":
            self._set_modes(text)
        elif kind == "flags":
            self._change_flags(text[:1], _numbers(text[1:-1])[0])
        elif kind == "title":
            operation, parameter = (*_numbers(text[:-1]), 0)[:2]
            if operation == 22:
                self._titles.push(parameter)
            elif operation == 23:
                self._titles.pop(parameter)
        elif kind == "command":
            number, _, body = text.partition(b";")
            self._follow_osc(int(number), body)
        elif kind == "resource":  # XTMODKEYS (`>4;2m`, `>4n`), XTFMTKEYS (`f`), XTSMPOINTER (`p`), XTSHIFTESCAPE (`s`)
            number = text[1:-1].partition(b";")[0]
            final = text[-1:].replace(b"n", b"m")
            value = {b"s": b"0", b"p": b""}.get(final, number)
            self._resets[b">" + final + number] = b"\x1b[>%s%s" % (value, final)
        elif kind in _DEFAULTS:
            self._resets[kind.encode()] = _DEFAULTS[kind]
        elif kind == "reset":
            self._reset()
        elif kind == "save" or (kind == "saved" and _LEFT_RIGHT not in self._resets):  # else CSI s is DECSLRM
            self._save_cursor()
        elif kind in ("restore", "restored"):
            self._restore_cursor()
        elif kind in ("tab", "tabs"):
            self._tabs = True

    def _save_cursor(self) -> None:
        """Follow DECSC: each screen has one saved cursor."""
        saved = {mode: self._resets[mode] for mode in _SAVED_WITH_CURSOR if mode in self._resets}
        self._saved[int(self.alternate)] = saved

    def _restore_cursor(self) -> None:
        """Follow DECRC, which sets again what was set when the cursor was saved.

        Some terminals have one saved cursor for both screens, and some restore less: so no mode counts as reset.
        """
        self._resets |= self._saved[0] | self._saved[1]

    def _change_flags(self, kind: bytes, count: int) -> None:
        """Follow kitty's flags that are pushed (`>`), popped (`<`) or set (`=`)."""
        screen = int(self.alternate)
        if kind == b">":
            self._pushed[screen] += 1
        elif kind == b"<":
            self._pushed[screen] = max(0, self._pushed[screen] - (count or 1))
        elif not self._pushed[screen]:
            self._flags_set[screen] = True

    def _flags_back(self, screen: int, before: bytes = b"") -> bytes:
        """Return the bytes that pop the flags of a screen, and give back those before, or else none."""
        pops = b"\x1b[<%du" % self._pushed[screen] if self._pushed[screen] else b""
        return pops + (before or b"\x1b[=0;1u" * self._flags_set[screen])

    def _set_modes(self, text: bytes) -> None:
        """Follow SM, RM, DECSET, DECRST, and XTRESTORE, after which a mode's value is unknown."""
        private = b"?" if text.startswith(b"?") else b""
        final = text[-1:]
        for number in text[len(private) : -1].split(b";"):
            mode = private + number.lstrip(b"0")
            if mode in _SAVES_CURSOR and final == b"h":
                self._save_cursor()
            default = b"h" if mode in _ON_BY_DEFAULT else b"l"
            if mode in _ALTERNATE:
                if final != b"r":
                    self._alternate = (self._alternate or mode) if final == b"h" else b""
            elif final == default:
                self._resets.pop(mode, None)
            elif mode not in _TERMINALS_DIFFER | _NO_SETTINGS:
                self._resets[mode] = b"\x1b[%s%s" % (mode, default)
            if mode in _SAVES_CURSOR and final == b"l":
                self._restore_cursor()

    def _follow_osc(self, number: int, body: bytes) -> None:
        if number <= 2:
            self._titled = self._titled or not self._titles.entries
        elif number in COLOUR_NUMBERS and number < 100:  # the others reset
            names = changed({}, str(number), body.decode("ascii", "replace"))
            self._resets |= {_osc_key(name): sequences({name: ""}).encode() for name in names}
        elif number in _COMMANDS and (number != 9 or body.startswith(b"4;")):  # any other OSC 9 is a notification
            self._resets[b"]%d" % number] = _COMMANDS[number]

    def reset_bytes(self, columns: int) -> bytes:
        """Return the bytes that reset all settings, even after an unfinished sequence.

        `columns`: the terminal's width. The cursor stays, but goes to the last row after origin mode, and after an
        alternate screen without a saved cursor.
        """
        resets = dict(self._resets)
        if self._alternate == b"?1049":  # to leave it restores the cursor
            resets |= self._saved[0] | self._saved[1]
        back = dict(self.before.known())
        main_flags = self._flags_back(0, back.pop(FLAGS, b""))
        alternate_flags = self._flags_back(1)
        if self.alternate:
            leave = b"\x1b[%sl" % self._alternate
            out = [CANCEL, alternate_flags, leave, b"" if self._alternate == b"?1049" else _LAST_ROW, main_flags]
        else:
            out = [CANCEL, main_flags]
            if alternate_flags:  # the program has left the alternate screen without resetting the flags
                out += [b"\x1b[?1049h", alternate_flags, b"\x1b[?1049l"]
        for name in back:
            resets.pop(name.encode() if name == SHAPE else _osc_key(name), None)
        stops = range(9, columns + 1, 8) if self._tabs else ()
        tabs = b"\x1b[3g" * self._tabs + b"".join(b"\x1b[%dG\x1bH" % stop for stop in stops)
        out.append(b"\x1b7\x1b[?69l\x1b[r" + back.pop(TABS, tabs) + b"\x1b8")
        if origin := resets.pop(_ORIGIN, b""):
            out += [origin, _LAST_ROW]
        out += [_ALWAYS, *resets.values(), *back.values()]
        if origin or not resets.keys().isdisjoint(_SAVED_WITH_CURSOR):
            out.append(b"\x1b7")  # else a later DECRC would bring them back
        out += [b"\x1b[23;%dt" % parameter for parameter in reversed(self._titles.parameters)]
        return b"".join(out) + b"\x1b]0;\x1b\\" * self._titled


def _osc_key(name: str) -> bytes:
    """Return the key of what an OSC sets, apart from that of a mode with the same number."""
    return b"]" + name.encode()


def _numbers(parameters: bytes) -> list[int]:
    """Return a control sequence's parameters; 0 for an empty one or over 5 digits."""
    return [int(part) if part.isdigit() and len(part) < 6 else 0 for part in parameters.split(b";")]


def _unfinished_at(data: bytes) -> int:
    """Return the index of an incomplete sequence at the end, else the data's length."""
    last = data.rfind(b"\x1b")
    before = data.rfind(b"\x1b", 0, last) if last == len(data) - 1 else -1  # `last` may begin the ST of a string
    return next((at for at in (before, last) if at >= 0 and _UNFINISHED.match(data, at)), len(data))
