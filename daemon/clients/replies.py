"""Filters a client's input: a terminal's reply reaches the program only if the program has asked this terminal.

A reply that comes late, twice, or to a query that another terminal was asked would be typed into a shell. So a reply
passes only while a query of its kind is open to this client, once for each, within five seconds; everything else that
looks like a reply is dropped. Keys, mouse, focus and pasted text pass unchanged. The forms are those of XTerm's control
sequences and of kitty's keyboard, graphics and colour protocols.

Reports that a program has switched on come without a query and are not replies: mouse and focus, sizes (mode 2048:
`CSI 48;…t`) and the colour scheme (mode 2031: `CSI ?997;…n`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match

QUERY_TIMEOUT = 5.0
"""Seconds for which a query is open."""

_MAX_OPEN = 1024
_LONGEST_CONTROL = 64
_LONGEST_STRING = 4096
_KEY_GAP = 0.1
"""Seconds after which the start of a sequence, once passed on, counts as a key of its own."""

_ESCAPE, _BEL, _BACKSLASH = 0x1B, 0x07, 0x5C
_PASTE, _PASTE_END = b"\x1b[200~", b"\x1b[201~"
_CLIPBOARD = b"\x1b]52;"


class ReplyFilter:
    """The filter of one client. `typed` says whether a person typed or pasted in the last call of `filter`."""

    __slots__ = ("_at", "_begun", "_clipboard", "_given", "_open", "_pasting", "typed")

    def __init__(self) -> None:
        self.typed = False
        self._open: dict[str, list[float]] = {}
        self._begun = b""  # a sequence that has not come whole yet
        self._given = 0  # bytes of it that have been passed on
        self._at = 0.0
        self._pasting = False
        self._clipboard: bool | None = None  # within a clipboard's content: whether it passes

    @property
    def held(self) -> bytes:
        """An unfinished sequence that may become a reply, held back until more comes or `release` is called."""
        return self._begun[self._given :]

    def expect(self, kind: str, now: float) -> None:
        """Opens a query of a kind (one of `queries.QUERIES`) that goes to the client; `now` in monotonic seconds."""
        times = self._open.setdefault(kind, [])
        times.append(now)
        del times[:-_MAX_OPEN]

    def pending(self, now: float) -> bool:
        """Whether any query is open."""
        for kind, times in list(self._open.items()):
            if now - times[-1] > QUERY_TIMEOUT:
                del self._open[kind]
        return bool(self._open)

    def release(self) -> bytes:
        """Returns what is held: nothing came that made it a reply, so somebody typed it."""
        held = self.held
        if held:
            self.typed = len(held) <= 2  # a longer one is a reply that came in pieces over a slow link
            self._begun, self._given, self._clipboard = b"", 0, None
        return held

    def filter(self, data: bytes, now: float) -> bytes:
        """The part of `data`, and of what was held, that the program may read. `now` as for `expect`."""
        self.typed = False
        begun, given = self._begun, self._given
        if begun and given == len(begun) and not self._pasting and now - self._at > _KEY_GAP:
            begun, given = b"", 0
        if not begun and self._clipboard is None and not self._pasting and b"\x1b" not in data:
            self._begun, self._given = b"", 0
            self.typed = bool(data)
            return data
        whole = begun + data
        self._begun, self._given, self._at = b"", 0, now
        kept: list[bytes] = []
        at, keep = 0, True
        while at < len(whole):
            start = at
            at, keep = self._step(whole, start, now)
            if keep and at > given:
                kept.append(whole[max(start, given) : at])
        if self._begun:
            self._given = len(self._begun) if keep else max(0, given - (len(whole) - len(self._begun)))
        return b"".join(kept)

    def _step(self, whole: bytes, at: int, now: float) -> tuple[int, bool]:
        """Where the piece that begins at `at` ends, and whether it passes."""
        if self._pasting:
            return self._pasted(whole, at), True
        if self._clipboard is not None:
            return self._copied(whole, at, self._clipboard)
        if whole[at] != _ESCAPE:
            self.typed = True
            end = whole.find(b"\x1b", at)
            return (end if end >= 0 else len(whole)), True
        second = whole[at + 1 : at + 2]
        if second == b"[":
            return self._control(whole, at, now)
        if not second or second in b"]P_":
            return self._string(whole, at, now)
        self.typed = True
        return at + (1 if second == b"\x1b" else 2), True

    def _pasted(self, whole: bytes, at: int) -> int:
        """The end of pasted text; an unfinished end marker is passed on and remembered."""
        self.typed = True
        end = whole.find(_PASTE_END, at)
        if end >= 0:
            self._pasting = False
            return end + len(_PASTE_END)
        for size in range(min(len(_PASTE_END) - 1, len(whole) - at), 0, -1):
            if whole.endswith(_PASTE_END[:size]):
                self._begun = _PASTE_END[:size]
                break
        return len(whole)

    def _copied(self, whole: bytes, at: int, passes: bool) -> tuple[int, bool]:
        """The end of a clipboard's content. It may be too long to hold, so it is passed on or dropped as it comes."""
        from sesh.daemon.clients.reply_forms import CUT

        cut = CUT.search(whole, at)
        if cut is None:
            return len(whole), passes
        end = cut.start()
        if whole[end] == _ESCAPE and end + 1 == len(whole):
            if end > at:
                return end, passes
            self._begun = whole[end:]
            return len(whole), False
        self._clipboard = None
        if whole[end] == _BEL:
            return end + 1, passes
        if whole[end] == _ESCAPE and whole[end + 1] == _BACKSLASH:
            return end + 2, passes
        return end, passes

    def _control(self, whole: bytes, at: int, now: float) -> tuple[int, bool]:
        """A control sequence: a key, a report, the start of a paste, or a reply."""
        from sesh.daemon.clients import reply_forms as forms

        if whole[at + 2 : at + 3] == b"M":
            mouse = forms.MOUSE.match(whole, at)
            if mouse is None and len(whole) - at < 6:
                return self._unfinished(whole, at, hold=False, typed=False)
            self.typed = self.typed or mouse is None
            return (mouse.end() if mouse else at + 3), True
        match = forms.BEGUN_CONTROL.match(whole, at)
        if match is None or (match[1] is None and len(match[0]) > _LONGEST_CONTROL):
            self.typed = True
            return at + 2, True
        sequence = match[0]
        if match[1] is None:
            hold = self.pending(now) if len(sequence) == 2 else forms.BEGUN_REPLY.match(sequence) is not None
            return self._unfinished(whole, at, hold=hold, typed=sequence[2:3] != b"<")
        if sequence == _PASTE:
            self._pasting = True
        elif forms.REPORT.match(sequence):
            return match.end(), True
        elif (reply := forms.REPLY.match(sequence)) is not None:
            return match.end(), self._expected(reply, now)
        self.typed = True
        return match.end(), True

    def _expected(self, reply: Match[bytes], now: float) -> bool:
        """Whether a control sequence that looks like a reply passes."""
        from sesh.daemon.clients.reply_forms import KEY, KINDS

        kind = KINDS[reply.lastindex or 0]
        if self._close(kind, now):
            return True
        if kind == "cpr" and KEY.match(reply[0]):
            self.typed = True
            return True
        return False

    def _string(self, whole: bytes, at: int, now: float) -> tuple[int, bool]:
        """An OSC, DCS or APC that may be a reply, the key Alt with `]`, `P` or `_`, or a lone Escape."""
        from sesh.daemon.clients import reply_forms as forms

        if whole.startswith(_CLIPBOARD, at):
            self._clipboard = self._close("clipboard", now)
            return at + len(_CLIPBOARD), self._clipboard
        match = forms.STRING.match(whole, at)
        if match is not None:
            number, title, device, graphics = match.groups()
            kind = (
                forms.command_kind(int(number)) if number else forms.STRING_KINDS.get(title or device or graphics, "")
            )
            if device == b"!~" and self._close("dsr?", now):  # a checksum of memory answers `CSI ?63 n`
                return match.end(), True
            return match.end(), self._close(kind, now)
        rest = len(whole) - at
        if rest <= 2:
            return self._unfinished(whole, at, hold=self.pending(now), typed=True)
        if rest <= _LONGEST_STRING and forms.BEGUN_STRING.match(whole, at):
            return self._unfinished(whole, at, hold=True, typed=False)
        self.typed = True
        return at + 2, True

    def _unfinished(self, whole: bytes, at: int, *, hold: bool, typed: bool) -> tuple[int, bool]:
        """Remembers the unfinished sequence at the end of `whole`, which is held back or passed on."""
        self._begun = whole[at:]
        self.typed = self.typed or (typed and not hold)
        return len(whole), not hold

    def _close(self, kind: str, now: float) -> bool:
        """Closes the oldest open query of a kind; False if there is none."""
        times = self._open.get(kind)
        while times:
            opened = times.pop(0)
            if not times:
                del self._open[kind]
            if now - opened <= QUERY_TIMEOUT:
                return True
        return False
