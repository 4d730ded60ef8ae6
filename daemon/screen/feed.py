"""Feeds the output log to the emulator in idle moments, and notes what terminals show at the log's marks."""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.pty.output_log import MAX_LAG, OutputLog, Place
from sesh.schema.facts import SCROLLBACK
from sesh.text.sizes import Size, scrollback_bytes
from sesh.vt.emulator import SLICE, Emulator
from sesh.vt.grid import Used
from sesh.vt.images import CELL_HEIGHT
from sesh.vt.modes import Stacks
from sesh.vt.render.replay import replaying

PAUSE = 0.01  # seconds without output after which the emulator runs; in a burst, clients come first
SMALL_LAG = 64 << 10  # bytes of lag that the emulator catches up in a moment; for so few it does not run by itself
CATCH_UP_TIME = 0.05  # seconds for the emulator to catch up at a request
_UNTIMED = 1024  # seconds of output that the emulator may lag, so that the log need not remember more
STEP_TIME = 0.008  # seconds of one step of the emulator
PACK_AFTER = 2.0  # seconds after the emulator's last step until its scrollback is compressed
_MAX_STATES = 4096  # noted states; at the limit, the older half is dropped
_MAX_LEFT_STATES = 1024  # states of terminals that have left; the oldest is dropped
_LIBC = ctypes.CDLL(None)  # loaded once: each CDLL makes a class, which only the garbage collector frees


class TerminalState(NamedTuple):
    """The state of a terminal at a mark, where a later repaint starts."""

    first_line: int = 0  # the number of the first line that begins on its screen
    on_screen: int = 0  # the lines that begin on its screen above the cursor's
    alternate: bool = False
    stacks: Stacks = Stacks()  # pushed modes
    open_rows: int = 0  # rows above the screen that belong to its first line
    columns: int = 0

    @property
    def begun(self) -> int:
        """The number of the line in which the cursor is."""
        return self.first_line + self.on_screen

    def first_line_in(self, rows: int) -> int:
        """Return the number of the first line that a terminal with fewer rows shows of the same output."""
        return max(self.first_line, self.first_line + self.on_screen - rows + 1)


@dataclass
class FeedState:
    """What a reload keeps of a feed, which then has the session's size."""

    position: int  # in the log
    columns: int
    rows: int
    screen: bytes  # restores the emulator
    scrollback_end: int  # the number after the newest line that has scrolled off
    used: Used
    states: list[tuple[int, TerminalState]]  # by position
    left_states: list[tuple[int, TerminalState]]  # of terminals that have left

    @classmethod
    def nothing(cls) -> FeedState:
        """Return the state of a feed that has shown nothing."""
        return cls(0, 1, 1, b"", 0, Used(), [], [])


class ScreenFeed(Part):
    """Feeds the log to the emulator, which shows the screen at `position` of it."""

    def __init__(
        self, agenda: Agenda, log: OutputLog, size: Size, life: Lifecycle, faults: FaultLog, max_lines: int = SCROLLBACK
    ) -> None:
        super().__init__(agenda)
        self._log = log
        self._life = life
        self._faults = faults
        self._error_noted = False
        self.position = log.base
        self.columns, self.rows = size[:2]
        self.emulator = Emulator(self.columns, self.rows, max_lines=max_lines, max_bytes=scrollback_bytes(max_lines))
        self._resizes: deque[tuple[int, int, int]] = deque()
        self._states: dict[int, TerminalState] = {}  # by position
        self._most_states = _MAX_STATES  # above which some are dropped
        self._left_states: dict[int, TerminalState] = {}  # of terminals that have left
        self._pack_at = NEVER  # time (monotonic)
        # `due`: time (monotonic) at which the emulator should run, or its scrollback is to be compressed
        self.resize(size)

    @property
    def in_image(self) -> bool:
        return self.emulator.in_image and self._life.running

    @property
    def lag(self) -> int:
        """The bytes of output that the emulator has not parsed."""
        return self._log.head - self.position

    # -- in the turn

    def plan(self) -> None:
        """Plan when to act; called after output has come, and whenever else the answer changes."""
        lag = self._log.head - self.position
        if not lag or not self._must_run(lag):
            self.due = self._pack_at
        else:
            self.due = 0.0 if lag >= MAX_LAG else self._log.appended_at + PAUSE

    def _must_run(self, lag: int) -> bool:
        """Return whether the emulator lags by more than a moment, or at a resize, or at the session's end.

        Also if it lags by many seconds, however little was printed in them.
        """
        if lag > SMALL_LAG or self._resizes or not self._life.running:
            return True
        times = self._log.times
        return len(times) > _UNTIMED and times.count_from(self.position) > _UNTIMED

    def act(self, now: float) -> None:
        """Run the emulator for a few milliseconds, or compress a part of the scrollback."""
        if self.lag and self._must_run(self.lag):
            self.step()
        if self._pack_at <= now:
            self._pack_at = NEVER if self._pack() else 0.0
        self.plan()

    def step(self, end: int | None = None, seconds: float = STEP_TIME) -> None:
        """Feed the emulator one slice: for at most `seconds`, and up to position `end`."""
        self._apply_resizes()
        if not self.lag:
            return
        self._pack_at = time.monotonic() + PACK_AFTER
        start = self.position
        end = min(start + SLICE, self._log.head if end is None else end)
        if self._resizes:
            end = min(end, self._resizes[0][0])
        end = self._log.stops(start, end)
        for second, position in self._log.times.within(start, end)[:2]:
            if position > start:  # the next second's output begins here
                end = position
                break
            self.emulator.note_time(second)
        self.position = end  # first: if the emulator fails, skip the slice, as a retry could fail forever
        taken = self.emulator.feed(self._log.content(start, end), seconds)
        self.position = start + taken
        if self.emulator.last_error is not None and not self._error_noted:
            self._error_noted = True
            self._faults.note("a fault in the emulator, in one sequence", self.emulator.last_error)
        self._apply_resizes()
        self.note_state()

    def catch_up(self, seconds: float = CATCH_UP_TIME, position: int | None = None) -> bool:
        """Feed the emulator for at most `seconds`; return whether it has reached `position` (None: head)."""
        end = self._log.head if position is None else position
        until = time.monotonic() + seconds
        while self.position < end and time.monotonic() < until:
            self.step(end)
        self.plan()
        return self.position >= end

    def _pack(self) -> bool:
        """Compress the scrollback for `STEP_TIME`; return whether all of it is compressed."""
        until = time.monotonic() + STEP_TIME
        for _ in self.emulator.screen.scrollback.pack():
            if time.monotonic() >= until:
                return False
        with suppress(AttributeError):  # only some systems have malloc_trim(3)
            _LIBC.malloc_trim(0)  # glibc itself keeps the freed lines, which lie between others
        return True

    # -- sizes

    def resize(self, size: Size) -> None:
        """Change the screen's size from the log's head on; the height in pixels is for images."""
        self.columns, self.rows = size[:2]
        self._log.mark_resize()
        self.emulator.screen.cell_height = size[3] // max(1, self.rows) or CELL_HEIGHT  # 0 pixels are unknown
        if self._resizes and self._resizes[-1][0] == self._log.head:
            self._resizes.pop()  # no output came at that size
        self._resizes.append((self._log.head, self.columns, self.rows))
        if not self.lag:
            self._apply_resizes()
            self.note_state()
        self.plan()

    def apply_size(self) -> None:
        """Give the emulator the session's current size, even before it reaches the resize."""
        self._resizes.clear()
        self.emulator.resize(self.columns, self.rows)

    def _apply_resizes(self) -> None:
        while self._resizes and self._resizes[0][0] <= self.position:
            _, columns, rows = self._resizes.popleft()
            self.emulator.resize(columns, rows)

    # -- what terminals show

    def note_state(self) -> None:
        """Note the terminal's state at the emulator's position, if a terminal may stand there.

        At a resize this is the state after it: whoever has all output until then has resized its terminal as well.
        """
        places = [place for place in self._log.places if place.may_stand_at(self.position)]
        if not places:
            return
        state = self.state()
        self._states[self.position] = state
        if len(self._states) > self._most_states:
            self._drop_states()
        if not all(place.goes_on for place in places):
            self._keep_left(self.position, state)

    def _drop_states(self) -> None:
        """Drop the older half of the states at which no terminal stands."""
        places = self._log.places
        newest = list(self._states)[-_MAX_STATES // 2]
        self._states = {
            position: state
            for position, state in self._states.items()
            if position >= newest or any(place.spans(position) for place in places)
        }
        # A terminal that acknowledges rarely stands at thousands: they are not looked through at each key.
        self._most_states = max(_MAX_STATES, 2 * len(self._states))

    def keep_states(self, place: Place) -> None:
        """Keep the states of a terminal that leaves: it may come back after others have been noted in their place."""
        for position, state in self._states.items():
            if place.spans(position):
                self._keep_left(position, state)

    def _keep_left(self, position: int, state: TerminalState) -> None:
        self._left_states.pop(position, None)
        self._left_states[position] = state
        if len(self._left_states) > _MAX_LEFT_STATES:
            del self._left_states[next(iter(self._left_states))]

    def state(self) -> TerminalState:
        """Return the state of a terminal that shows what the emulator shows."""
        emulator = self.emulator
        scroll = emulator.scroll_state()  # amid bulk output, without parsing it
        return TerminalState(
            first_line=scroll.first_line,
            on_screen=scroll.on_screen,
            alternate=emulator.alternate,
            stacks=emulator.stacks,
            open_rows=scroll.open_rows,
            columns=emulator.columns,
        )

    def state_at(self, position: int) -> TerminalState:
        """Return the terminal's state at `position`, or the last noted one before."""
        state = self._states.get(position) or self._left_states.get(position)
        if state is not None:
            return state
        before = [at for at in (*self._states, *self._left_states) if at <= position]
        if not before:
            return TerminalState()  # when in doubt, a screen repeats lines rather than leaving some out
        nearest = max(before)
        return self._states.get(nearest) or self._left_states[nearest]

    def state_within(self, position: int, size: int, lines: int) -> TerminalState:
        """Return the state of a terminal that has `size` bytes of a frame, in which so many lines end.

        Lines that end need not scroll: the states at the marks around bound them.
        """
        state = self.state_at(position)
        later = [at for at in (*self._states, *self._left_states) if at >= position]
        if not size or not later or self._has_state(position):
            return state
        begun = self.state_at(position - size).begun + lines
        begun = max(state.begun, min(begun, self.state_at(min(later)).begun))
        return state._replace(first_line=begun - state.on_screen)

    def _has_state(self, position: int) -> bool:
        return position in self._states or position in self._left_states

    @property
    def first_line(self) -> int:
        """The number of the first line that begins on the screen; a window that grows takes lines back onto it."""
        return self.emulator.scroll_state().first_line

    def missed_since(self, state: TerminalState) -> int:
        """Return how many lines have left the screen since a terminal was in a state."""
        return max(0, self.first_line - state.first_line)

    # -- reload

    def dumping(self) -> Iterator[FeedState | None]:
        """Draw the emulator's present screen; yield None after each part of the work, then the state."""
        screen = self.emulator.screen
        drawn = replaying(self.emulator, lines=screen.scrollback.count, clear=False)
        states, left_states = list(self._states.items()), list(self._left_states.items())
        columns, rows = self.emulator.columns, self.emulator.height
        state = FeedState(self.position, columns, rows, b"", screen.scrollback.end, screen.used, states, left_states)
        while drawn.advance():
            yield None
        state.screen = drawn.finish()
        yield state

    def restore(self, state: FeedState) -> None:
        """Continue from a dump; the log must have the bytes from its position on."""
        self.position = state.position
        self.emulator.resize(state.columns, state.rows)
        self.emulator.feed(state.screen)
        screen = self.emulator.screen
        screen.scrollback.renumber(state.scrollback_end)
        screen.used = state.used
        self._states = dict(state.states)
        self._left_states = dict(state.left_states)
        self._resizes.clear()
        if (state.columns, state.rows) != (self.columns, self.rows):  # a resize came after the screen was drawn
            self._resizes.append((max(self.position, self._log.resized_at), self.columns, self.rows))
            self._apply_resizes()
