"""Predictive echo for one attachment: keeps the model in step, and makes the bytes to draw before and after output.

The attachment hands in keys and frames of the daemon, and draws the bytes that it gets. Guesses are taken back before
output passes, so that the terminal never gets output on top of one. While nothing is guessed the model is fed when the
link is quiet; in a flood it is dropped, and asked for again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.client.predict.guesses import Guesses
from sesh.client.predict.round_trip import RoundTrip

if TYPE_CHECKING:
    from sesh.client.predict.replica import Replica


_ASK_EVERY = 0.25
"""Seconds between two requests for a model."""
_RECOVERY = 30.0
"""Seconds without prediction after a model that took too much time."""
_MOST_BEHIND = 64 << 10
"""Bytes of output that the model may be behind."""
_UNHEARD = 3.0
"""Seconds without an acknowledgement after which guesses are given up: the daemon may be another one."""
_PASTE_TIME, _PASTE_SIZE = 0.010, 100
"""Bytes within seconds that count as a paste: one may come in several reads."""
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
"""A synchronized update."""
_ECHO = re.compile(rb"(?:\x1b\[\?25l)?([ -~]+)(?:\x1b\[\?25h)?")
"""Output that prints text at the cursor and does nothing else to the screen."""


class Predictor:
    """Predictive echo over one connection.

    `send` sends a frame to the daemon; `size` returns columns and rows of the terminal. `always`: on short links too.
    """

    def __init__(
        self, send: Callable[[bytes], None], size: Callable[[], tuple[int, int]], round_trip: RoundTrip, *, always: bool
    ) -> None:
        self._send, self._size, self._round_trip, self._always = send, size, round_trip, always
        self._asked = self._outdated = False
        """`_asked`: a model was asked for that has not come yet; `_outdated`: it will be too old."""
        self._asked_at = 0.0
        self._model: Replica | None = None
        self._guesses: Guesses | None = None
        """The guesses on top of the model, as soon as that is built."""
        self._behind = bytearray()
        """Output, up to what is shown, that the model was not fed yet."""
        self._drawn: tuple[int, dict[int, str], int, bool] | None = None
        """The guesses on the screen: row, graphemes by column, the cursor's column, whether underlined."""
        self._typed = self._echoed = self._echoed_at = 0
        """The newest input; the newest one that the output up to position `_echoed_at` holds the echo of."""
        self._flags = 0
        """The flags of the session's terminal, as ECHOED carries them."""
        self._shown = 0
        """The position up to which output is shown."""
        self._heard_at = 0.0
        self._pasted_at, self._pasted = 0.0, 0

    def handle(self, kind: int, payload: bytes) -> bytes:
        """Handle ECHOED, PONG or MODEL; return the bytes to draw."""
        if kind == protocol.ECHOED:
            return self.echoed(*protocol.split_echoed(payload))
        if kind == protocol.MODEL:
            self._take_model(*protocol.split_number(payload))
            return b""
        if not self._wanted:
            return self.withdraw()
        self.quiet()
        return b""

    @property
    def _wanted(self) -> bool:
        return self._always or self._round_trip.long

    # -- the model

    def quiet(self) -> None:
        """Bring the model up to date, or ask for one, when nothing has come for a moment."""
        self._catch_up()
        now = time.monotonic()
        if self._model is None and self._wanted and not self._asked and now - self._asked_at >= _ASK_EVERY:
            self._asked, self._asked_at = True, now
            self._send(protocol.frame(protocol.MODEL))

    def _take_model(self, position: int, screen: bytes) -> None:
        """Take the model of the screen at `position`, as bytes; none if the daemon could not make it.

        One that was not asked for, or is larger than any that a daemon makes, is passed over.
        """
        usable = self._asked and not self._outdated and self._wanted and 0 < len(screen) <= protocol.CHUNK
        self._asked = self._outdated = False
        if usable:
            from sesh.client.predict.replica import Replica

            self._model = Replica(*self._size(), position, screen)
            self._behind.clear()

    @property
    def building(self) -> bool:
        """True if `build` has something to do; call it when idle."""
        return self._model is not None and self._guesses is None

    def build(self) -> None:
        """Work on the model that the daemon sent, for some milliseconds."""
        model = self._model
        try:
            if model is None or not model.build():
                return
        except TimeoutError:
            self._give_up()
            return
        self._guesses = Guesses(model)
        self._guesses.hide(self._hidden)
        if self._typed > self._echoed:
            self._guesses.give_up(self._typed)
        self._heard_at = time.monotonic()

    def _drop(self) -> None:
        self._model = self._guesses = None

    def _give_up(self) -> None:
        """Go on without a model for a while, since it takes too much time."""
        self._drop()
        self._asked_at = time.monotonic() + _RECOVERY

    def withdraw(self) -> bytes:
        """Drop the model, as the screen will change otherwise; return the bytes that take guesses back."""
        back = self._take_back()
        self._drop()
        self._outdated = self._asked
        return _update(back)

    def _catch_up(self) -> Guesses | None:
        """Feed the model the output that it is behind; return the guesses, if there is a model then."""
        model, guesses = self._model, self._guesses
        if not self._behind or model is None or guesses is None:
            return guesses
        behind = bytes(self._behind)
        self._behind.clear()
        position = self._shown - len(behind)
        if position > model.position:  # output is missing
            self._drop()
            return None
        try:
            model.feed(position, behind)
        except TimeoutError:
            self._give_up()
            return None
        guesses.output(scrolls=model.scrolls)
        self._judge(model, guesses)
        return guesses

    def _judge(self, model: Replica, guesses: Guesses) -> None:
        if model.position >= self._echoed_at:
            guesses.acknowledged(self._echoed)

    # -- events

    def typed(self, number: int, data: bytes) -> bytes:
        """Guess at input that was sent under this number; return the bytes to draw."""
        self._typed = number
        if not self._wanted:
            return self.withdraw()
        guesses = self._catch_up()
        if guesses is None:
            self.quiet()
            return b""
        now = time.monotonic()
        if now - self._pasted_at > _PASTE_TIME:
            self._pasted_at, self._pasted = now, 0
        self._pasted += len(data)
        if not guesses.active:
            self._heard_at = now
        if now - self._heard_at > _UNHEARD:
            return self.withdraw()
        if self._pasted >= _PASTE_SIZE:
            guesses.give_up(number)
        else:
            guesses.typed(number, data)
        return self._redraw()

    def echoed(self, number: int, position: int, flags: int) -> bytes:
        """Judge guesses: the output up to `position` holds the echo of input up to `number`. Return the bytes to draw.

        `flags`: the terminal's. Number 0: only they have changed.
        """
        if number:
            self._echoed, self._echoed_at, self._heard_at = number, position, time.monotonic()
        self._flags = flags
        guesses = self._catch_up()
        if guesses is None or self._model is None:
            return b""
        guesses.hide(self._hidden)
        self._judge(self._model, guesses)
        return self._redraw() if guesses.stale else b""

    @property
    def _hidden(self) -> bool:
        """True if the terminal shows nothing of typed keys."""
        return self._flags & (protocol.ECHOES | protocol.BY_LINE) == protocol.BY_LINE

    def output(self, position: int, data: bytes) -> tuple[bytes, bytes]:
        """Take output that is about to be shown; return the bytes to draw before and after it."""
        guesses = self._guesses
        guessing = self._drawn is not None or (guesses is not None and guesses.active)
        if guessing:
            guesses = self._catch_up()
        self._shown = position + len(data)
        if self._model is None:
            return b"", b""
        self._behind += data
        too_much = len(self._behind) > _MOST_BEHIND
        if not guessing and not too_much:
            return b"", b""
        if not too_much and guesses is not None and (around := self._confirm(data, guesses)) is not None:
            return around
        back = self._take_back()
        if too_much:
            self._drop()
        else:
            self._catch_up()
        after = self._redraw()
        if back and not after and self._guesses is not None and self._model.patchable:
            after = _END
        # Output that may have begun a sequence, or an update of its own, leaves no place to end one.
        return _BEGIN + back if back and after else back, after

    # -- drawing

    def _confirm(self, data: bytes, guesses: Guesses) -> tuple[bytes, bytes] | None:
        """Return the bytes to draw before and after output that only prints what is drawn there, as the guesses have
        it: nothing is taken back, and the model is fed when it is asked for. None if the output does more.
        """
        model, drawn, echo = self._model, self._drawn, _ECHO.fullmatch(data)
        if drawn is None or echo is None or model is None or not model.patchable:
            return None
        row, column = model.cursor
        text, cells = echo[1].decode(), drawn[1]
        if guesses.end != (drawn[0], drawn[2]) or row != drawn[0] or model.position + len(data) != self._shown:
            return None
        printed = range(column, column + len(text))
        if printed.stop >= model.columns or any(cells.get(x) != char for x, char in zip(printed, text, strict=True)):
            return None
        rest = {x: char for x, char in cells.items() if x not in printed}
        self._drawn = (row, rest, drawn[2], drawn[3]) if rest or printed.stop != drawn[2] else None
        return b"%s\x1b[%d;%dH" % (_BEGIN, row + 1, column + 1), b"\x1b[%d;%dH%s" % (row + 1, drawn[2] + 1, _END)

    def _take_back(self) -> bytes:
        drawn, self._drawn = self._drawn, None
        if drawn is None or self._model is None:
            return b""
        return self._model.restored(*drawn[:2])

    def _redraw(self) -> bytes:
        """Return the bytes that bring the terminal from the drawn guesses to the present ones."""
        model, guesses, drawn = self._model, self._guesses, self._drawn
        shown = None
        if drawn is None and (guesses is None or not guesses.active):
            return b""
        if guesses is not None and model is not None and model.patchable and model.position == self._shown:
            shown = guesses.shown()
        if shown is None or model is None:
            return _update(self._take_back())
        row, cells, column = shown
        underlined = self._round_trip.very_long
        if drawn == (row, cells, column, underlined):
            return b""
        out, kept = b"", None
        if drawn is not None and (drawn[0] != row or drawn[1].keys() - cells.keys()):
            out = self._take_back()
        elif drawn is not None and drawn[3] == underlined:
            kept = drawn[1]
        self._drawn = (row, cells, column, underlined)
        return _update(out + model.drawn(row, cells, column, underlined=underlined, kept=kept))


def _update(data: bytes) -> bytes:
    return _BEGIN + data + _END if data else b""
