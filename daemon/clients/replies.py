"""Filters a client's input: a terminal's reply reaches the program only if the program has asked this terminal.

A reply that comes late, twice, or to a query that another terminal was asked would be typed into a shell. So a reply
passes only while a query of its kind is open to this client, once for each, within five seconds; everything else that
looks like a reply is dropped. Keys, mouse, focus and pasted text pass unchanged. The forms are those of XTerm's control
sequences and of kitty's keyboard, graphics and colour protocols.

Reports that a program has switched on come without a query and are not replies: mouse and focus, sizes (mode 2048:
`CSI 48;…t`) and the colour scheme (mode 2031: `CSI ?997;…n`).
"""

from __future__ import annotations

from re import Match

from sesh import typed
from sesh.daemon.clients import reply_forms as forms
from sesh.daemon.clients.reply_forms import CUT, KEY, KINDS
from sesh.typed import PASTE

QUERY_TIMEOUT = 5.0
"""Seconds for which a query is open."""

_MAX_OPEN = 1024
"""Open queries of one kind that are remembered."""
_LONGEST_STRING = 4096
"""Bytes of an unfinished string that may become a reply."""
_KEY_GAP = 0.1
"""Seconds after which the start of a sequence, once passed on, counts as a key of its own."""

_ESCAPE, _BEL = 0x1B, 0x07
_CLIPBOARD = b"\x1b]52;"


class ReplyFilter:
    """The filter of one client. `typed`: whether a person typed or pasted in the last call of `filter`."""

    __slots__ = ("_at", "_begun", "_clipboard", "_given", "_open", "_pasting", "typed")

    def __init__(self) -> None:
        self.typed = False
        self._open: dict[str, list[float]] = {}
        self._begun = b""
        """A sequence that has not come whole yet."""
        self._given = 0
        """Bytes of `_begun` that have been passed on."""
        self._at = 0.0
        """Time (monotonic) of the last call that kept or passed part of a sequence."""
        self._pasting = False
        self._clipboard: bool | None = None
        """True if a clipboard's content passes; None outside one."""

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
        """Returns whether any query is open."""
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
        """Returns the part of `data`, and of the held input, that the program may read. `now` as for `expect`."""
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
        passed: list[bytes] = []
        end, passes = 0, True
        while end < len(whole):
            start = end
            end, passes = self._step(whole, start, now)
            if passes and end > given:
                passed.append(whole[max(start, given) : end])
        if self._begun:
            self._given = len(self._begun) if passes else max(0, given - (len(whole) - len(self._begun)))
        return b"".join(passed)

    def _step(self, data: bytes, start: int, now: float) -> tuple[int, bool]:
        """The index behind the piece that begins at `start`, and whether it passes."""
        if self._pasting:
            return self._pasted(data, start), True
        if self._clipboard is not None:
            return self._copied(data, start, self._clipboard)
        if data[start] != _ESCAPE:
            self.typed = True
            end = data.find(b"\x1b", start)
            return (end if end >= 0 else len(data)), True
        second = data[start + 1 : start + 2]
        if second == b"[":
            return self._control(data, start, now)
        if not second or second in b"]P_":
            return self._string(data, start, now)
        self.typed = True
        return start + (1 if second == b"\x1b" else 2), True

    def _pasted(self, data: bytes, start: int) -> int:
        """The end of pasted text; an unfinished end marker is passed on and remembered."""
        self.typed = True
        end, begun = typed.paste_end(data, start)
        if end >= 0:
            self._pasting = False
            return end
        self._begun = data[len(data) - begun :]
        return len(data)

    def _copied(self, data: bytes, start: int, passes: bool) -> tuple[int, bool]:
        """The end of a clipboard's content. It may be too long to hold, so it is passed on or dropped as it comes."""
        control = CUT.search(data, start)
        if control is None:
            return len(data), passes
        end = control.start()
        if data[end:] == b"\x1b":  # maybe the first half of its end
            if end > start:
                return end, passes
            self._begun = data[end:]
            return len(data), False
        self._clipboard = None
        size = 1 if data[end] == _BEL else 2 if data.startswith(b"\x1b\\", end) else 0
        return end + size, passes

    def _control(self, data: bytes, start: int, now: float) -> tuple[int, bool]:
        """A control sequence: a key, a report, the start of a paste, or a reply."""
        end, complete = typed.token(data, start)
        sequence = data[start:end]
        if not complete:
            hold = self.pending(now) if len(sequence) == 2 else forms.BEGUN_REPLY.match(sequence) is not None
            return self._unfinished(data, start, hold=hold, by_person=sequence[2:3] not in (b"<", b"M"))
        if sequence == PASTE:
            self._pasting = True
        elif forms.REPORT.match(sequence):
            return end, True
        elif (reply := forms.REPLY.match(sequence)) is not None:
            return end, self._expected(reply, now)
        self.typed = True
        return end, True

    def _expected(self, reply: Match[bytes], now: float) -> bool:
        """Returns whether a control sequence that looks like a reply passes: it was asked for, or is a key."""
        kind = KINDS[reply.lastindex or 0]
        if self._close(kind, now):
            return True
        if kind == "cpr" and KEY.match(reply[0]):
            self.typed = True
            return True
        return False

    def _string(self, data: bytes, start: int, now: float) -> tuple[int, bool]:
        """An OSC, DCS or APC that may be a reply, the key Alt with `]`, `P` or `_`, or a lone Escape."""
        if data.startswith(_CLIPBOARD, start):
            self._clipboard = self._close("clipboard", now)
            return start + len(_CLIPBOARD), self._clipboard
        reply = forms.STRING.match(data, start)
        if reply is not None:
            number, title, device, graphics = reply.groups()
            name = title or device or graphics
            kind = forms.STRING_KINDS.get(name, "")
            if number == b"7501":  # the daemon has answered; the client is not to leave with the reply on its way
                self._close("status query", now)
            elif number:
                kind = "colour" if int(number) in forms.COLOURS else ""
            if device == b"!~" and self._close("dsr?", now):  # a checksum of memory answers `CSI ?63 n`
                return reply.end(), True
            return reply.end(), self._close(kind, now)
        size = len(data) - start
        if size <= 2:
            return self._unfinished(data, start, hold=self.pending(now), by_person=True)
        if size <= _LONGEST_STRING and forms.BEGUN_STRING.match(data, start):
            return self._unfinished(data, start, hold=True, by_person=False)
        self.typed = True
        return start + 2, True

    def _unfinished(self, data: bytes, start: int, *, hold: bool, by_person: bool) -> tuple[int, bool]:
        """Remembers the unfinished sequence at the end of `data`, which is held back or passed on."""
        self._begun = data[start:]
        self.typed = self.typed or (by_person and not hold)
        return len(data), not hold

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
