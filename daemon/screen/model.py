"""Feeds the output log to the emulator in idle moments, and remembers what terminals show."""

from __future__ import annotations

import ctypes
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from sesh.daemon.base.phase import Life
from sesh.daemon.pty.output_log import MAX_LAG, OutputLog
from sesh.schema.facts import SCROLLBACK
from sesh.text.sizes import scrollback_bytes
from sesh.vt.emulator import SLICE, Emulator
from sesh.vt.grid import Used
from sesh.vt.images import CELL_HEIGHT
from sesh.vt.modes import Stacks
from sesh.vt.render.replay import replay

PAUSE = 0.01  # seconds without output after which the emulator runs; in a burst, the relay runs first
SMALL_LAG = 64 << 10  # bytes of lag that the emulator catches up in a moment; no timer is set for so few
CATCH_UP_TIME = 0.05  # seconds for the emulator to catch up at a request
_DUMP_TIME = 0.5  # seconds for it before a reload
STEP_TIME = 0.008  # seconds of one step of the emulator
_MOST_KEPT = 256  # remembered states (`Model.remember`); the oldest is dropped
_MOST_IN_FLIGHT = 1024  # remembered states in flight
_LIBC = ctypes.CDLL(None)  # loaded once: each CDLL makes a class, which only the garbage collector frees


class TerminalState(NamedTuple):
    """The state of a terminal at a log position, where a later repaint starts."""

    scrolled: int = 0  # lines that have scrolled off
    alternate: bool = False
    stacks: Stacks = Stacks()  # pushed modes
    row: int = 0  # the cursor's
    open_rows: int = 0  # rows above the screen that belong to its first line
    columns: int = 0


@dataclass
class ModelState:
    """What a reload keeps of a model, which then has the session's size."""

    position: int  # in the log
    screen: bytes  # restores the emulator
    scrollback_end: int  # the number after the newest line that has scrolled off
    used: Used
    states: list[tuple[int, TerminalState]]  # by position, see `Model.remember`
    in_flight: list[tuple[int, TerminalState]]


class Model:
    """Feeds the log to the emulator, which shows the screen at `position` of it."""

    def __init__(
        self,
        log: OutputLog,
        columns: int,
        rows: int,
        fault: Callable[[str, Exception | None], None] = lambda *_: None,
        max_lines: int = SCROLLBACK,
        life: Life | None = None,
    ) -> None:
        self._log = log
        self._life = life or Life()
        self._fault = fault
        self._error_noted = False
        self.position = log.base
        self.columns, self.rows = columns, rows
        self.emulator = Emulator(columns, rows, max_lines=max_lines, max_bytes=scrollback_bytes(max_lines))
        self._resizes: deque[tuple[int, int, int]] = deque()
        self.resized_at = 0  # position of the last resize in the log
        self._states: dict[int, TerminalState | None] = {}  # by position; None if the emulator has not reached it
        self._in_flight: dict[int, TerminalState | None] = {}  # where a terminal stops if its link breaks
        self._ahead: list[int] = []  # the positions in both that it has not reached, sorted
        self.local_positions: Callable[[], Iterable[int]] = tuple
        """Returns the positions of local clients. `step` remembers the state where the emulator passes one of them."""

    @property
    def in_image(self) -> bool:
        return self.emulator.in_image and self._life.running

    @property
    def lag(self) -> int:
        return self._log.head - self.position

    def wait_time(self) -> float | None:
        """Return the seconds until the emulator should run, or None if it may lag."""
        allowed = SMALL_LAG if self._life.running and not self._resizes else 0
        if self.lag <= allowed:
            return None
        if self.lag >= MAX_LAG:
            return 0.0
        return max(0.0, self._log.appended_at + PAUSE - time.monotonic())

    def resize(self, columns: int, rows: int, _width: int = 0, height: int = 0) -> None:
        """Change the screen's size from the log's head on; `height` (pixels) is for images."""
        self.columns, self.rows = columns, rows
        self.resized_at = self._log.head
        self.emulator.settle().cell_height = height // max(1, rows) or CELL_HEIGHT  # 0 pixels are unknown
        if self._resizes and self._resizes[-1][0] == self._log.head:
            self._resizes.pop()  # no output came at that size
        self._resizes.append((self._log.head, columns, rows))
        if not self.lag:
            self._apply_resizes()

    def step(self, end: int | None = None, seconds: float = STEP_TIME) -> None:
        """Feed the emulator one slice: for at most `seconds`, and up to position `end`."""
        self._apply_resizes()
        if not self.lag:
            return
        emulator = self.emulator
        start = self.position
        end = min(start + SLICE, self._log.head if end is None else end)
        # Stop at the next resize, at the next state to remember, and where a local client is.
        while self._ahead and self._ahead[0] <= start:
            del self._ahead[0]
        local_positions = list(self.local_positions())
        if start in local_positions:
            self.remember(start, in_flight=True)
        stops = [end, *self._ahead[:1], *(resize[0] for resize in self._resizes), *local_positions]
        end = min(position for position in stops if position > start)
        self.position = end  # first: if the emulator fails, skip the slice, as a retry could fail forever
        taken = emulator.feed(self._log.content(start, end), seconds)
        self.position = start + taken
        for states in (self._states, self._in_flight):
            if self.position in states:
                states[self.position] = _shown_by(emulator)
        if emulator.last_error is not None and not self._error_noted:
            self._error_noted = True
            self._fault("a fault in the emulator, in one sequence", emulator.last_error)
        self._apply_resizes()

    def catch_up(self, seconds: float = CATCH_UP_TIME, position: int | None = None) -> bool:
        """Feed the emulator for at most `seconds`; return whether it has reached `position` (None: head)."""
        end = self._log.head if position is None else position
        until = time.monotonic() + seconds
        while self.position < end and time.monotonic() < until:
            self.step(end)
        return self.position >= end

    def pack(self) -> bool:
        """Compress the scrollback for `STEP_TIME`; return whether all of it is compressed."""
        until = time.monotonic() + STEP_TIME
        for _ in self.emulator.settle().scrollback.pack():
            if time.monotonic() >= until:
                return False
        with suppress(AttributeError):  # only some systems have malloc_trim(3)
            _LIBC.malloc_trim(0)  # glibc itself keeps the freed lines, which lie between others
        return True

    def apply_size(self) -> None:
        """Give the emulator the session's current size, even before it reaches the resize."""
        self._resizes.clear()
        self.emulator.resize(self.columns, self.rows)

    def dump(self) -> ModelState:
        """Return the state, after catching up; output that is left out is parsed later."""
        self.catch_up(_DUMP_TIME)
        screen = self.emulator.settle()
        scrollback = screen.scrollback
        return ModelState(
            position=self.position,
            screen=replay(self.emulator, lines=scrollback.count, clear=False),
            scrollback_end=scrollback.end,
            used=screen.used,
            states=[(at, shown) for at, shown in self._states.items() if shown],
            in_flight=[(at, shown) for at, shown in self._in_flight.items() if shown],
        )

    def restore(self, state: ModelState) -> None:
        """Continue from a `dump`; the log must have the bytes from its position on."""
        self.position = state.position
        self.emulator.feed(state.screen)
        screen = self.emulator.settle()
        screen.scrollback.renumber(state.scrollback_end)
        screen.used = state.used
        self._states = dict(state.states)
        self._in_flight = dict(state.in_flight)

    def remember(self, position: int, *, in_flight: bool = False) -> None:
        """Remember the terminal's state at `position`, now or later, for a repaint."""
        # `in_flight`: a terminal stops there if its link breaks now. These states are many, and have their own bound.
        states = self._in_flight if in_flight else self._states
        most = _MOST_IN_FLIGHT if in_flight else _MOST_KEPT
        if position == self.position:
            states[position] = _shown_by(self.emulator)
        elif position > self.position:
            if position not in self._states and position not in self._in_flight:
                insort(self._ahead, position)
            states[position] = None
        elif shown := self._in_flight.get(position):
            states[position] = shown
        while len(states) > most:
            del states[next(iter(states))]

    def scrolled_since(self, position: int) -> int:
        """Return how many lines have scrolled off since `position`; too many if it is unknown."""
        return max(0, self.emulator.scrolled - self.shown_at(position).scrolled)

    def missed_since(self, position: int) -> int:
        """Return the number of lines that a terminal's scrollback lacks since `position`."""
        # A terminal that has shrunk since then has scrolled off rows itself, which do not count.
        shown = self.shown_at(position)
        scrolled_by_itself = 0 if shown.alternate else max(0, shown.row + 1 - self.emulator.height)
        return max(0, self.scrolled_since(position) - scrolled_by_itself)

    def shown_at(self, position: int) -> TerminalState:
        """Return the terminal's state at `position`, or the last remembered one before."""
        # So a repaint has rather too many lines than too few.
        known = {at: shown for at, shown in (self._in_flight | self._states).items() if shown and at <= position}
        return known[max(known)] if known else TerminalState()

    def _apply_resizes(self) -> None:
        while self._resizes and self._resizes[0][0] <= self.position:
            _, columns, rows = self._resizes.popleft()
            self.emulator.resize(columns, rows)


def _shown_by(emulator: Emulator) -> TerminalState:
    scrolled, open_rows, row = emulator.scroll_state()
    return TerminalState(
        scrolled=scrolled,
        alternate=emulator.alternate,
        stacks=emulator.stacks,
        row=row,
        open_rows=open_rows,
        columns=emulator.columns,
    )
