"""The emulator behind the relay: it reads the log at its own pace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sesh.bounds import SCROLLBACK, scrollback_bytes
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import LARGEST, OutputLog
from sesh.stored import ModelState
from sesh.vt.emulator import Emulator
from sesh.vt.images import CELL_HEIGHT
from sesh.vt.modes import Stacks
from sesh.vt.render.replay import whole

Snapshot = tuple[int, bool, Stacks, int]
"""The number of scrolled lines, True for the alternate screen, what was pushed, and the cursor's row."""

PAUSE = 0.01
"""Seconds without output after which the emulator goes on: while a burst comes in, the relay has the processor."""
MOMENT = 64 << 10
"""Bytes that the emulator takes in a moment."""
LITTLE = 16 << 10
"""Bytes that wait for more, or until somebody looks: nothing wakes up for them."""
CATCH_UP_TIME = 0.05
"""Seconds that a request for the screen waits for the emulator; then it gets the screen at the emulator's position."""
LARGEST_REST = 4 << 20
"""Bytes of the log's last part that a checkpoint holds if the emulator has not come to it."""
STEP_TIME, SLICE = 0.008, 256 << 10
"""Seconds, and bytes, after which the emulator leaves the rest for the next step."""
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
        self.emulator = self._new(columns, rows)
        """The emulator at `position`."""
        self._resizes: deque[tuple[int, int, int]] = deque()
        """Positions, with the columns and rows from there on."""
        self._passed: deque[tuple[int, Snapshot]] = deque(maxlen=2048)
        """Positions that the emulator came to, and its state there."""
        self._marks: dict[int, Snapshot | None] = {}
        """Positions that `mark` was given, with the state there; None until the emulator comes to them."""

    def _new(self, columns: int, rows: int) -> Emulator:
        return Emulator(columns, rows, max_lines=self.max_lines, max_bytes=scrollback_bytes(self.max_lines))

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
        """Seconds that the emulator waits for a pause; none while the program waits for it."""
        return max(0.0, self._log.appended_at + PAUSE - time.monotonic()) if self.room > 0 else 0.0

    def resize(self, columns: int, rows: int, _width: int = 0, height: int = 0) -> None:
        """Changes the screen's size from the log's head on.

        Its height in pixels, 0 for unknown, is the measure of images from the emulator's position on.
        """
        self.columns, self.rows = columns, rows
        self.emulator.screen.cell_height = height // max(1, rows) or CELL_HEIGHT
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
        self.position = end
        taken = emulator.feed(self._log.bytes(start, end), STEP_TIME)
        self.position = start + taken
        self._passed.append((self.position, _snapshot(emulator)))
        if self.position in self._marks:
            self._marks[self.position] = self._passed[-1][1]
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

    def skip_ahead(self) -> None:
        """Goes on with the log's last part: the rest takes too long, as of sequences that each change the whole screen.

        Screen and scrollback lack the output in between; the clients' bytes do not.
        """
        start = self._last_part(LITTLE)
        if start > self.position:
            self._fault(f"the emulator was late and left {start - self.position} bytes of output out", None)
            self.position = start
            self.emulator.feed(_CANCEL)
            self._apply_resizes()

    def rest(self) -> bytes:
        """The output from the emulator's position on; of very much the last part. Nothing amid an image."""
        if self.in_image:
            return b""
        start = self._last_part(LARGEST_REST)
        return self._log.bytes(self.position) if start <= self.position else _CANCEL + self._log.bytes(start)

    def _last_part(self, size: int) -> int:
        """The position of the log's last bytes, where a line or a sequence begins."""
        start = self._log.head - size
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
        emulator, marks = self.emulator, self._marks.items()
        return {
            "position": self.position,
            "size": [self.columns, self.rows],
            "resizes": [list(resize) for resize in self._resizes],
            "marks": [(at, [state[0], state[1], list(state[2])] if state else None) for at, state in marks],
            "drawn": [emulator.columns, emulator.rows],
            "screen": b"".join(whole(emulator)).decode("latin-1"),
            "completed": emulator.scrollback.completed,
            "used": sorted(emulator.screen.used),
        }

    def restore(self, state: ModelState) -> None:
        """Goes on from what `dump` returned; the log must hold the bytes from its position on."""
        self.position = state["position"]
        self.columns, self.rows = state["size"]
        self._resizes = deque((start, columns, rows) for start, columns, rows in state["resizes"])
        self._marks = dict.fromkeys(position for position, _ in state["marks"])
        self.emulator = self._new(*state["drawn"])
        self.emulator.feed(state["screen"].encode("latin-1"))
        self.emulator.scrollback.renumber(state["completed"])
        self.emulator.screen.used = set(state["used"])
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
