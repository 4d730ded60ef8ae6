"""Predictive echo for one attachment: keeps the model in step, and says what to draw before and after each output.

The attachment hands in what is typed and what comes from the daemon, and shows the bytes that it gets. What was drawn
is taken back before output passes, so that the terminal never gets output on top of a guess. While nothing is guessed
the model is fed when the link is quiet; in a flood it is dropped, and asked for again.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.client.predict.round_trip import RoundTrip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.client.predict.guesses import Guesses
    from sesh.client.predict.replica import Replica

_MEASURE_EVERY, _SETTLED_EVERY = 1.0, 15.0
"""Seconds between two measurements of the round trip, while keys are typed; and once it is settled."""
_ASK_EVERY = 0.25
"""Seconds between two requests for a model."""
_RECOVERY = 30.0
"""Seconds without prediction after a model that took too much time."""
_MOST_BEHIND = 64 << 10
"""Bytes of output that the model may be behind."""
_UNHEARD = 3.0
"""Seconds without an acknowledgement after which guesses are given up: the daemon may be another one."""
_PASTE_TIME, _PASTE_SIZE = 0.010, 100
"""So many bytes within so many seconds are a paste."""
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
"""A synchronized update."""


class Predictor:
    """`send` sends a frame to the daemon; `size`: columns and rows of the terminal. `always`: on short links too.

    `round_trip`: as measured on the link before this one, if there was one.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        size: Callable[[], tuple[int, int, int, int]],
        round_trip: RoundTrip | None = None,
        *,
        always: bool,
    ) -> None:
        self._send, self._size, self._always = send, size, always
        self.round_trip = round_trip or RoundTrip()
        self._measured_at = 0.0
        self._ping = b""
        """What the last ping carried, until it is answered."""
        self._model: Replica | None = None
        self._building: Replica | None = None
        """A model that has not taken in yet what makes it one."""
        self._guesses: Guesses | None = None
        self._drawn: tuple[int, dict[int, str], int, bool] | None = None
        """What is drawn over the screen: row, graphemes by column, the cursor's column, whether underlined."""
        self._asked = self._unwanted = 0
        """Requests for a model that are not answered yet, and how many of the next answers are too old."""
        self._asked_at = 0.0
        self._behind: list[tuple[int, bytes]] = []
        """Output that the model was not fed yet."""
        self._behind_size = 0
        self._typed = self._echoed = self._echoed_at = 0
        """The newest input; the newest one that the output up to position `_echoed_at` holds the echo of."""
        self._flags = 0
        """Those of the session's terminal, as ECHOED carries them."""
        self._shown = 0
        """The position up to which output is shown."""
        self._heard_at = 0.0
        self._pasted_at, self._pasted = 0.0, 0

    def handle(self, kind: int, payload: bytes) -> bytes:
        """A frame for the predictor: what to draw."""
        if kind == protocol.ECHOED:
            return self.echoed(*protocol.split_echoed(payload)) if payload else self._next_echoed()
        if kind == protocol.PONG:
            return self.pong(payload)
        self.modelled(*protocol.split_number(payload))
        return b""

    # -- the round trip

    def measure(self) -> None:
        """Send a ping, if the last one was some time ago."""
        now = time.monotonic()
        if now - self._measured_at >= (_SETTLED_EVERY if self.round_trip.settled else _MEASURE_EVERY):
            self._measured_at = now
            self._ping = b"%f" % now
            self._send(protocol.frame(protocol.PING, self._ping))

    def pong(self, payload: bytes) -> bytes:
        """The answer to a ping came."""
        if payload and payload == self._ping:
            self._ping = b""
            self.round_trip.sample(time.monotonic() - self._measured_at)
        if not self._wanted:
            return self.withdraw()
        self.quiet()
        return b""

    @property
    def _wanted(self) -> bool:
        return self._always or self.round_trip.long

    # -- the model

    def quiet(self) -> None:
        """Nothing has come for a moment: bring the model up to date, or ask for one."""
        if self._model is not None:
            self._catch_up()
        now = time.monotonic()
        asking = self._model is None and self._building is None and self._wanted and not self._asked
        if asking and now - self._asked_at >= _ASK_EVERY:
            self._asked += 1
            self._asked_at = now
            self._send(protocol.frame(protocol.MODEL))
            from sesh.client.predict import guesses, replica  # noqa: F401  # loaded while the answer is on its way

    def modelled(self, position: int, screen: bytes) -> None:
        """The daemon sent what makes a model of the screen at `position`; empty where it could not.

        One that was not asked for, or is larger than any that a daemon makes, is passed over.
        """
        if not self._asked:
            return
        self._asked -= 1
        if self._unwanted:
            self._unwanted -= 1
        elif 0 < len(screen) <= protocol.CHUNK and self._wanted:
            from sesh.client.predict.replica import Replica

            columns, rows = self._size()[:2]
            self._building = Replica(columns or 80, rows or 24, position, screen)
            self._behind, self._behind_size = [], 0

    @property
    def building(self) -> bool:
        """Whether `build` has something to do; call it when idle."""
        return self._building is not None

    def build(self) -> None:
        """Work on the model that the daemon sent, for some milliseconds."""
        from sesh.client.predict.guesses import Guesses
        from sesh.client.predict.replica import TooSlow

        model = self._building
        try:
            if model is None or not model.build():
                return
        except TooSlow:
            self._give_up()
            return
        self._model, self._building = model, None
        self._guesses = Guesses(model)
        self._guesses.hide(self._hidden)
        if self._typed > self._echoed:
            self._guesses.give_up(self._typed)
        self._heard_at = time.monotonic()

    def _give_up(self) -> None:
        """A model takes too much time: go on without one for a while."""
        self._model = self._building = self._guesses = None
        self._asked_at = time.monotonic() + _RECOVERY

    def withdraw(self) -> bytes:
        """Take back what is drawn, and drop the model: the screen will not be what it would become."""
        back = self._take_back()
        self._model = self._building = self._guesses = None
        self._unwanted = self._asked
        return _BEGIN + back + _END if back else b""

    def _catch_up(self) -> Guesses | None:
        """Feed the model what it was not fed yet; the guesses where there is a model then."""
        if self._building is not None:
            return None
        behind, self._behind, self._behind_size = self._behind, [], 0
        for position, data in behind:
            self._feed(position, data)
        return self._guesses

    def _feed(self, position: int, data: bytes) -> None:
        if self._model is None or self._guesses is None:
            return
        from sesh.client.predict.replica import TooSlow

        try:
            self._model.feed(position, data)
        except ValueError:  # output is missing
            self._model = self._guesses = None
            return
        except TooSlow:
            self._give_up()
            return
        self._guesses.output(scrolls=self._model.scrolls)
        self._judge()

    def _judge(self) -> None:
        if self._model is not None and self._guesses is not None and self._model.position >= self._echoed_at:
            self._guesses.acknowledged(self._echoed)

    # -- what happens

    def typed(self, number: int, data: bytes) -> bytes:
        """Input was sent under this number: what to draw."""
        self._typed = number
        self.measure()
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
        """The output up to `position` holds what the input up to `number` brought; `flags`: the terminal's.

        Number 0: only the flags have changed.
        """
        if number:
            self._echoed, self._echoed_at, self._heard_at = number, position, time.monotonic()
        self._flags = flags
        guesses = self._catch_up()
        if guesses is None:
            return b""
        guesses.hide(self._hidden)
        self._judge()
        return self._redraw()

    @property
    def _hidden(self) -> bool:
        """Whether the terminal shows nothing of what is typed."""
        return self._flags & (protocol.ECHOES | protocol.BY_LINE) == protocol.BY_LINE

    def _next_echoed(self) -> bytes:
        """What `echoed` takes follows from the last time."""
        return self.echoed(self._echoed + 1, self._shown, self._flags)

    def output(self, position: int, data: bytes) -> tuple[bytes, bytes]:
        """Output is about to be shown: what to draw before and after it."""
        self._shown = position + len(data)
        if self._building is not None and self._behind_size + len(data) > _MOST_BEHIND:
            self._building = None
        if self._guesses is None and self._building is None:
            return b"", b""
        quiet = self._guesses is None or not self._guesses.active
        if quiet and self._drawn is None and self._behind_size + len(data) <= _MOST_BEHIND:
            self._behind.append((position, data))
            self._behind_size += len(data)
            return b"", b""
        before = self._take_back()
        if self._behind_size + len(data) > _MOST_BEHIND:
            self._model = self._guesses = None
        else:
            self._catch_up()
            self._feed(position, data)
        after = self._redraw()
        if not before:
            return b"", after
        return _BEGIN + before, after or (_END if self._model is None or self._model.patchable else b"")

    # -- drawing

    def _take_back(self) -> bytes:
        drawn, self._drawn = self._drawn, None
        if drawn is None or self._model is None:
            return b""
        from sesh.vt.render.patch import restored

        row, cells = drawn[:2]
        return restored(self._model.screen, row, min(cells, default=0), max(cells, default=-1) + 1)

    def _redraw(self) -> bytes:
        """What brings the terminal from what is drawn to what is guessed now."""
        model, guesses = self._model, self._guesses
        shown = None
        if guesses is not None and model is not None and model.patchable and model.position == self._shown:
            shown = guesses.shown()
        if shown is None or model is None:
            back = self._take_back()
            return _BEGIN + back + _END if back else b""
        from sesh.vt.render.patch import drawn, restored

        row, cells, column = shown
        wanted = (row, cells, column, self.round_trip.very_long)
        now = self._drawn
        if now == wanted:
            return b""
        out = b""
        if now is not None and (now[0] != row or now[3] != wanted[3]):
            out, now = self._take_back(), None
        changed = cells
        if now is not None:
            stale = now[1].keys() - cells.keys()
            changed = {at: text for at, text in cells.items() if now[1].get(at) != text}
            if stale:
                start, end = min(stale), max(stale) + 1
                out = restored(model.screen, row, start, end)
                changed = {at: text for at, text in cells.items() if at in changed or start - 1 <= at <= end}
        self._drawn = wanted
        out += drawn(model.screen, row, changed, column, underlined=wanted[3])
        return _BEGIN + out + _END
