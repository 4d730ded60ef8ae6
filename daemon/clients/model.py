"""The emulator behind the relay: it reads the log at a pace of its own, and is loaded when it is first needed."""

from __future__ import annotations

import time

from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.pty.output_log import OutputLog
    from sesh.vt.emulator import Emulator

BOUND = 16 << 20
"""Bytes that the emulator may lag; beyond it the program waits."""
BURST = 12 << 20
"""Bytes up to which the emulator leaves the processor to the relay while output comes in."""
LULL = 0.03
"""Seconds without output after which a burst is over."""
LAZY = 64 << 10
"""Bytes for which nobody loads the emulator unasked: a small session that nobody looks at stays small."""
PLAIN = 1 << 20
"""The same for nothing but lines of text, which it takes in at once when somebody looks (see `flood`)."""
PATIENCE = 0.05
"""Seconds that somebody who asks for the screen waits for the emulator to catch up; then it shows where it is."""

_QUICK, _SLOW = 0.006, 0.015
_SMALLEST, _LARGEST = 4 << 10, 1 << 20
_SLIGHT = 64 << 10
"""A slice where little is to be caught up: the heap keeps the size that the largest one has ever given it."""
_MARKS = 64
_ORDINARY = bytes((*range(0x20, 0x7F), 0x09, 0x0A, 0x0D))
_RARE = 64
"""Bytes of text for each one that means something else: more of these take longer."""


class Model:
    """A reader of the log that keeps the screen. Its state is always that of one point of the log."""

    def __init__(self, log: OutputLog, columns: int, rows: int) -> None:
        self._log = log
        self.position = log.base
        self.columns, self.rows = columns, rows
        self._born = (columns, rows)
        self._emulator: Emulator | None = None
        self._resizes: deque[tuple[int, int, int]] = deque()
        self._passed: deque[tuple[int, int, bool]] = deque(maxlen=2048)
        self._marks: dict[int, tuple[int, bool] | None] = {}
        self._slice = 16 << 10
        self._seen, self._odd = log.base, 0
        """Up to where bytes that are no lines of text were counted, and how many there were."""

    @property
    def loaded(self) -> bool:
        """Whether the emulator has been needed yet."""
        return self._emulator is not None

    @property
    def emulator(self) -> Emulator:
        """The emulator at `position`; loaded now where it was not."""
        if self._emulator is None:
            from sesh.vt.emulator import Emulator

            self._emulator = Emulator(*self._born)
        return self._emulator

    @property
    def lag(self) -> int:
        """Bytes of the log that the emulator has not seen."""
        return self._log.head - self.position

    @property
    def eager(self) -> bool:
        """Whether there is work that an idle moment should be used for."""
        lag = self._log.head - self.position
        if self._emulator is not None:
            return lag > 0
        return lag > LAZY and (lag > PLAIN or not self._plain())

    def _plain(self) -> bool:
        """Whether all that the emulator has not seen is lines of text, or nearly."""
        head = self._log.head
        if self._seen < head:
            block = self._log.bytes(self._seen, head)
            self._odd += len(block.translate(None, _ORDINARY)) + abs(block.count(b"\r") - block.count(b"\n"))
            self._seen = head
        return self._odd * _RARE <= self.lag

    def patience(self) -> float:
        """Seconds that the work may wait: while a burst still comes in, it has the processor for itself."""
        if self.lag >= BURST:
            return 0.0
        return max(0.0, self._log.touched + LULL - time.monotonic())

    def resize(self, columns: int, rows: int) -> None:
        """Gives the screen another size from the log's head on."""
        self.columns, self.rows = columns, rows
        if self._resizes and self._resizes[-1][0] == self._log.head:
            self._resizes.pop()  # nothing was printed at that size
        self._resizes.append((self._log.head, columns, rows))
        if not self.loaded and self._log.head == 0:
            self._born = (columns, rows)
            self._resizes.clear()
        elif self.loaded and not self.lag:
            self._apply()

    def step(self) -> None:
        """Feeds the emulator one slice, of a length that takes a few milliseconds.

        What the emulator cannot take costs that slice: a fault of it must not hold the program up.
        """
        try:
            emulator = self.emulator
            self._apply()
        except Exception:
            self.position = self._log.head
            raise
        if not self.lag:
            return
        limit = min(self._slice, max(_SLIGHT, self.lag >> 3))
        if self._resizes:
            limit = min(limit, self._resizes[0][0] - self.position)
        for mark in self._marks:
            if mark > self.position:
                limit = min(limit, mark - self.position)
        began = time.perf_counter()
        block = self._log.bytes(self.position, min(self.position + limit, self._log.head))
        self.position += len(block)
        emulator.feed(block)
        took = time.perf_counter() - began
        self._note()
        if took < _QUICK and len(block) == self._slice:
            self._slice = min(self._slice * 2, _LARGEST)
        elif took > _SLOW:
            self._slice = max(self._slice // 2, _SMALLEST)
        self._apply()

    def catch_up(self, seconds: float = PATIENCE) -> bool:
        """Feeds the emulator until it has seen everything, for so long at most; whether it has."""
        until = time.monotonic() + seconds
        while self.lag and time.monotonic() < until:
            self.step()
        self._apply()
        return not self.lag

    def reach(self, position: int) -> None:
        """Feeds the emulator up to `position` of the log, not a byte more."""
        emulator = self.emulator
        while self.position < position:
            self._apply()
            end = min(position, self._resizes[0][0]) if self._resizes else position
            block, self.position = self._log.bytes(self.position, end), end
            emulator.feed(block)
            self._note()
        self._apply()

    def settle(self) -> None:
        """Gives the emulator the size that the session has now, although it has not seen all that came before."""
        self._resizes.clear()
        emulator = self.emulator
        if (emulator.columns, emulator.rows) != (self.columns, self.rows):
            emulator.resize(self.columns, self.rows)

    def dump(self) -> dict[str, Any]:
        """The model as plain data: where it is, its size, the resizes to come, the emulator's own state."""
        return {
            "position": self.position,
            "size": [self.columns, self.rows],
            "born": list(self._born),
            "resizes": [list(each) for each in self._resizes],
            "marks": [[position, list(stood) if stood else None] for position, stood in self._marks.items()],
            "emulator": self._emulator.state() if self._emulator is not None else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `dump` wrote; the log must hold the bytes from its position on."""
        self.position = state["position"]
        self.columns, self.rows = state["size"]
        self._born = (state["born"][0], state["born"][1])
        self._resizes = deque((at, columns, rows) for at, columns, rows in state["resizes"])
        self._marks = {position: (stood[0], stood[1]) if stood else None for position, stood in state["marks"]}
        if state["emulator"] is not None:
            from sesh.vt.emulator import Emulator

            self._emulator = Emulator.from_state(state["emulator"])

    def mark(self, position: int) -> None:
        """Has it remembered how things stood at `position`: a client was fed up to there and will come back."""
        if position == self.position and self._emulator is not None:
            self._marks[position] = (self._emulator.scrolled, self._emulator.alternate)
        elif position > self.position:
            self._marks[position] = None
        while len(self._marks) > _MARKS:
            del self._marks[next(iter(self._marks))]

    def scrolled_since(self, position: int) -> int:
        """How many lines have gone to the scrollback since `position`, up to where the emulator is, or a few more."""
        return max(0, self.emulator.scrolled - self._stood(position)[0])

    def alternate_at(self, position: int) -> bool:
        """Whether the alternate screen was on at `position`."""
        return self._stood(position)[1]

    def _stood(self, position: int) -> tuple[int, bool]:
        """The lines scrolled and the screen at `position`, or at the last point before it that is known."""
        marked = self._marks.get(position)
        if marked is not None:
            return marked
        before = [(scrolled, alternate) for passed, scrolled, alternate in self._passed if passed <= position]
        return before[-1] if before else (0, False)

    def _note(self) -> None:
        """Remembers how things stand here."""
        stands = (self.emulator.scrolled, self.emulator.alternate)
        self._passed.append((self.position, *stands))
        if self.position in self._marks:
            self._marks[self.position] = stands

    def _apply(self) -> None:
        """Resizes the emulator where it has come to a point of the log at which the session was resized."""
        while self._resizes and self._resizes[0][0] <= self.position and self._emulator is not None:
            _, columns, rows = self._resizes.popleft()
            self._emulator.resize(columns, rows)
