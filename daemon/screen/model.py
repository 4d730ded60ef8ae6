"""The emulator behind the relay: it reads the log at its own pace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

from sesh import system
from sesh.bounds import SCROLLBACK, scrollback_bytes
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import LARGEST, OutputLog
from sesh.loop.timers import Timers
from sesh.stored import ModelState
from sesh.vt.emulator import Emulator
from sesh.vt.modes import Stacks
from sesh.vt.render.saved import Saved, restored, saved

Snapshot = tuple[int, bool, Stacks, int]
"""The number of scrolled lines, True for the alternate screen, what was pushed, and the cursor's row."""

BURST = 6 << 20
"""While output comes in, the emulator leaves the processor to the relay up to this lag."""
GAP = 0.005
"""Seconds without output after which it takes a step from there on."""
LULL = 0.03
"""Seconds without output after which a burst is over."""
OVERDUE, LIGHT = 0.1, 1 << 20
"""Seconds after which the emulator waits for no lull, and the bytes for each of them up to which output is no burst."""
MOMENT = 64 << 10
"""Bytes that the emulator takes in a moment."""
LITTLE = 16 << 10
"""Bytes that wait for more, or until somebody looks: nothing wakes up for them."""
CATCH_UP_TIME = 0.05
"""Seconds that a request for the screen waits for the emulator; then it gets the screen at the emulator's position."""
PACK_GAIN = 128 << 10
"""Bytes of new output that are worth packing."""
PACK_AFTER = 2.0
"""Seconds without output after which the output is packed."""

TOO_LONG, LAST_PART = 4.0, 0.5
"""Seconds of the emulator's work for which a client may have to wait. If more is left, as after sequences that each
change the whole screen, the emulator goes on with the log's last part, which takes the second number."""
LARGEST_REST = 4 << 20
"""Bytes of the log's last part that a checkpoint holds if the emulator has not come to it."""
STEP_TIME, SLICE = 0.008, 256 << 10
"""Seconds, and bytes, after which the emulator leaves the rest for the next step."""
_FADING = 0.9
"""Share of the older slices in `_fed` and `_spent` that each new one leaves."""
_CANCEL = b"\x18"
"""CAN ends a sequence that is not finished (ECMA-48 8.3.6)."""
_BOUNDARY = 4 << 10
"""Bytes in which a line feed or an escape is sought, to begin there."""
_MAX_MARKS = 256
_BRACKETED_PASTE = 2004


class Model:
    """A reader of the log that keeps the screen. Its state is always that of one position of the log.

    `fault` notes the first error of the emulator, and output that is left out. `max_lines`: of its scrollback.
    """

    def __init__(
        self,
        log: OutputLog,
        columns: int,
        rows: int,
        fault: Callable[[str, Exception | None], None] = lambda *_: None,
        max_lines: int = SCROLLBACK,
        life: Life | None = None,
    ) -> None:
        self._log, self.max_lines, self._life = log, max_lines, life or Life()
        self._fault, self._error_noted = fault, False
        self.position = log.base
        self.columns, self.rows = columns, rows
        self.emulator = Emulator(columns, rows, max_lines=max_lines, max_bytes=scrollback_bytes(max_lines))
        """The emulator at `position`."""
        self._resizes: deque[tuple[int, int, int]] = deque()
        """Positions, with the columns and rows from there on."""
        self._passed: deque[tuple[int, Snapshot]] = deque(maxlen=2048)
        """Positions that the emulator came to, and its state there."""
        self._marks: dict[int, Snapshot | None] = {}
        """Positions that `mark` was given, with the state there; None until the emulator comes to them."""
        self._behind_since: float | None = None
        """The time at which `overdue` first saw the emulator behind (monotonic); None while it is not."""
        self._fed, self._spent = 0.0, 0.0
        """Bytes of the last slices, and the processor time in seconds that they took; older ones count less."""

    @property
    def in_image(self) -> bool:
        """True if the emulator is amid an image that will go on."""
        return self.emulator.in_image and self._life.running

    @property
    def lag(self) -> int:
        """Bytes of the log that the emulator has not seen."""
        return self._log.head - self.position

    @property
    def full(self) -> bool:
        """True if the log holds as much as it may for an emulator that is behind."""
        return self._log.head - self._log.base >= LARGEST

    @property
    def room(self) -> int:
        """Bytes that may come until the program has to wait for the emulator."""
        return LARGEST - self.lag

    @property
    def waits_for_more(self) -> bool:
        """True if what the emulator has not seen is so little that it may wait for more, or for somebody who looks."""
        return self.lag <= (LITTLE if self._life.running else 0)

    def wait_time(self) -> float:
        """Seconds that the emulator may wait: while a burst comes in, the relay has the processor for itself."""
        if self.room <= 0 or (self.lag < BURST and self.overdue()):
            return 0.0
        pause = GAP if self.lag >= BURST else LULL
        return max(0.0, self._log.appended_at + pause - time.monotonic())

    def overdue(self) -> bool:
        """Returns whether output that is no burst, and never stops, has kept the emulator waiting."""
        now = time.monotonic()
        if self._behind_since is None:
            self._behind_since = now
        waited = now - self._behind_since
        return waited >= OVERDUE and self.lag <= waited * LIGHT

    def resize(self, columns: int, rows: int, width: int = 0, height: int = 0) -> None:
        """Changes the screen's size from the log's head on.

        Its size in pixels, 0 for unknown, is the measure of images from the emulator's position on.
        """
        self.columns, self.rows = columns, rows
        across, down = width // max(1, columns), height // max(1, rows)
        self.emulator.set_cell((across, down) if across and down else None)
        if self._resizes and self._resizes[-1][0] == self._log.head:
            self._resizes.pop()  # nothing was printed at the last size
        self._resizes.append((self._log.head, columns, rows))
        if not self.lag:
            self._apply_resizes()

    def step(self, end: int | None = None) -> None:
        """Feeds the emulator one slice, as long as it takes in a few milliseconds, up to position `end` at most.

        An error of the emulator costs that slice, so that it cannot block the program forever.
        """
        self._apply_resizes()
        if not self.lag:
            return
        emulator, start = self.emulator, self.position
        end = min(start + SLICE, self._log.head if end is None else end)
        # It has to come to these positions: the size changes there, or its state is to be remembered.
        for stop in (self._resizes[0][0] if self._resizes else end, *self._marks):
            if stop > start:
                end = min(end, stop)
        began = time.thread_time()
        self.position = end
        taken = emulator.feed(self._log.bytes(start, end), STEP_TIME)
        self.position = start + taken
        self._fed = self._fed * _FADING + taken
        self._spent = self._spent * _FADING + time.thread_time() - began
        self._passed.append((self.position, _snapshot(emulator)))
        if self.position in self._marks:
            self._marks[self.position] = self._passed[-1][1]
        if self.lag <= LITTLE:
            self._behind_since = None
        if emulator.last_error is not None and not self._error_noted:
            self._error_noted = True
            self._fault("a fault in the emulator, in one sequence", emulator.last_error)
        self._apply_resizes()

    def catch_up(self, seconds: float = CATCH_UP_TIME) -> bool:
        """Feeds the emulator for at most `seconds`, and returns whether it has seen all output then."""
        return self.reach(self._log.head, seconds)

    def reach(self, position: int, seconds: float) -> bool:
        """Feeds the emulator up to `position` at most, for at most `seconds`; returns whether it has come there."""
        until = time.monotonic() + seconds
        while self.position < position and time.monotonic() < until:
            self.step(position)
        self._apply_resizes()
        return self.position >= position

    @property
    def _pace(self) -> float:
        """Bytes that the emulator takes in a second of processor time; infinite while it has done little."""
        return self._fed / self._spent if self._spent > STEP_TIME else float("inf")

    def near(self, position: int) -> bool:
        """Returns whether the emulator's work up to `position` takes CATCH_UP_TIME at most, by its pace so far."""
        return position - self.position <= max(MOMENT, self._pace * CATCH_UP_TIME)

    def skip_ahead(self) -> bool:
        """Goes on with the log's last part if the whole rest would take the emulator too long; returns whether it did.

        Screen and scrollback lack the output in between; the clients' bytes do not.
        """
        if self.lag <= self._pace * TOO_LONG:
            return False
        start = self._last_part()
        if start <= self.position:
            return False
        self._fault(f"the emulator was late and left {start - self.position} bytes of output out", None)
        self.position = start
        self.emulator.feed(_CANCEL)
        self._apply_resizes()
        return True

    def rest(self) -> bytes:
        """The output from the emulator's position on; of more than it takes in a moment the last part, which nothing
        before it has to do with. Nothing amid an image."""
        if self.in_image:
            return b""
        start = self._last_part()
        return self._log.bytes(self.position) if start <= self.position else _CANCEL + self._log.bytes(start)

    def _last_part(self) -> int:
        """The position of the log's last part, where a line or a sequence begins."""
        start = self._log.head - max(LITTLE, int(min(self._pace * LAST_PART, LARGEST_REST)))
        if start <= self.position:
            return start
        block = self._log.bytes(start, start + _BOUNDARY)
        return start + min((index for index in (block.find(b"\n"), block.find(b"\x1b")) if index >= 0), default=0)

    def apply_size(self) -> None:
        """Gives the emulator the session's current size, even if it has not come to the last resize yet."""
        self._resizes.clear()
        emulator = self.emulator
        if (emulator.columns, emulator.rows) != (self.columns, self.rows):
            emulator.resize(self.columns, self.rows)

    def dump(self) -> ModelState:
        """The model as plain data. `marks`: the positions of `mark`, with None for a position still ahead."""
        return {
            "position": self.position,
            "size": [self.columns, self.rows],
            "resizes": [list(resize) for resize in self._resizes],
            "marks": [
                (position, [state[0], state[1], list(state[2])] if state else None)
                for position, state in self._marks.items()
            ],
            "emulator": dict(saved(self.emulator)),
        }

    def restore(self, state: ModelState) -> None:
        """Goes on from what `dump` returned; the log must hold the bytes from its position on."""
        self.position = state["position"]
        self.columns, self.rows = state["size"]
        self._resizes = deque((start, columns, rows) for start, columns, rows in state["resizes"])
        self._marks = dict.fromkeys(position for position, _ in state["marks"])
        self.emulator = restored(cast(Saved, state["emulator"]))
        for position, seen in state["marks"]:
            if seen is not None:
                scrolled, alternate, (main_flags, alternate_flags, titles) = seen
                self._marks[position] = scrolled, alternate, Stacks(main_flags, alternate_flags, tuple(titles)), 0

    def mark(self, position: int) -> None:
        """Remembers the state at `position`, the last one that was sent to a client which may come back."""
        if position == self.position:
            self._marks[position] = _snapshot(self.emulator)
        elif position > self.position:
            self._marks[position] = None
        while len(self._marks) > _MAX_MARKS:
            del self._marks[next(iter(self._marks))]

    def scrolled_since(self, position: int) -> int:
        """Number of lines that have scrolled off from `position` to the emulator's, or a few more."""
        state = self._state_at(position)
        return max(0, self.emulator.scrolled - (state[0] if state else 0))

    def missed_since(self, position: int) -> int:
        """Number of lines that a terminal lacks which shows the output up to `position`, and has the emulator's size.

        Where it became lower since, it has scrolled off rows above the cursor itself. Without a mark at the position
        that is not known, and they come again.
        """
        state = self._marks.get(position)
        own = max(0, state[3] + 1 - self.emulator.rows) if state and not state[1] else 0
        return max(0, self.scrolled_since(position) - own)

    def shown_at(self, position: int) -> tuple[bool, Stacks]:
        """True for the alternate screen at `position`, and the stacks of modes and titles there."""
        state = self._state_at(position)
        return state[1:3] if state else (False, Stacks())

    def _state_at(self, position: int) -> Snapshot | None:
        """The state at the last remembered position up to this one."""
        passed = (state for passed, state in reversed(self._passed) if passed <= position)
        return self._marks.get(position) or next(passed, None)

    def _apply_resizes(self) -> None:
        """Resizes the emulator if it has come to a position of a resize."""
        while self._resizes and self._resizes[0][0] <= self.position:
            _, columns, rows = self._resizes.popleft()
            self.emulator.resize(columns, rows)

    def pastes(self) -> bool:
        """Returns whether the program has asked for marks around pastes (bracketed paste, mode 2004)."""
        self.catch_up()
        return self.emulator.mode(_BRACKETED_PASTE) is True


def _snapshot(emulator: Emulator) -> Snapshot:
    return emulator.scrolled, emulator.alternate, emulator.stacks, emulator.cursor[0]


class Packer:
    """Compresses the scrollback once the output has gone quiet, and gives the memory that becomes free back to the
    system. Output alone arms its timer."""

    def __init__(self, log: OutputLog, model: Model, timers: Timers) -> None:
        self._log, self._model, self._timers = log, model, timers
        self._steps: Iterator[None] | None = None
        """The rest of the work on the scrollback, while that goes on."""
        self._due_at = PACK_GAIN
        """Sum of `log.head` and `model.position` from which on packing gains something."""

    def stir(self) -> None:
        """Pack after some time without output, if that gains anything."""
        if self._log.head + self._model.position > self._due_at:
            self._timers.ensure("pack", PACK_AFTER, self._pack_if_quiet)

    def _pack_if_quiet(self) -> None:
        left = self._log.appended_at + PACK_AFTER - time.monotonic()
        if left > 0 or self._model.lag:
            self._steps = None
            self._timers.set("pack", max(left, 1.0), self._pack_if_quiet)
            return
        if self._steps is None:
            self._steps = self._model.emulator.scrollback.pack()
        until = time.monotonic() + STEP_TIME
        for _ in self._steps:
            if time.monotonic() >= until:
                self._timers.set("pack", 0, self._pack_if_quiet)
                return
        self._steps = None
        self._due_at = self._log.head + self._model.position + PACK_GAIN
        system.give_back()
