"""The emulator behind the relay: it reads the log at its own pace."""

from __future__ import annotations

import re
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import LARGEST, OutputLog
from sesh.measures import SCROLLBACK, scrollback_bytes
from sesh.stored import ModelState
from sesh.vt.emulator import Emulator
from sesh.vt.images import CELL_HEIGHT
from sesh.vt.modes import Stacks
from sesh.vt.render.replay import whole

PAUSE = 0.01  # seconds without output after which the emulator works: the relay goes first in a burst
MOMENT = 64 << 10  # bytes that the emulator takes in a moment; for so few nothing wakes up
CATCH_UP_TIME = 0.05  # seconds that a request waits for the emulator; then it gets the screen as it is
STEP_TIME, SLICE = 0.008, 256 << 10  # seconds, and bytes, after which the emulator leaves the rest for the next step
_CANCEL = b"\x18"  # CAN ends a sequence that is not finished (ECMA-48 8.3.6)
_BOUNDARY = re.compile(rb"\n|\x1b")  # where output may be read from that was not read before
_MAX_MARKS = 1024


class Shown(NamedTuple):
    """The state of a terminal at a position: the lines that have scrolled off, pushed modes, the cursor's row.

    `open_rows`: of the newest line so many rows have scrolled off, and others not, on a terminal of `columns`.
    """

    scrolled: int = 0
    alternate: bool = False
    stacks: Stacks = Stacks()
    row: int = 0
    open_rows: int = 0
    columns: int = 0


class Model:
    """A reader of the log that keeps the screen; its state is that of one position of the log.

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
        self._resizes: deque[tuple[int, int, int]] = deque()
        self._marks: dict[int, Shown | None] = {}  # by position; None if the emulator has not come to it
        self._ahead: list[int] = []

    def _new(self, columns: int, rows: int) -> Emulator:
        return Emulator(columns, rows, max_lines=self.max_lines, max_bytes=scrollback_bytes(self.max_lines))

    @property
    def in_image(self) -> bool:
        return self.emulator.in_image and self._life.running

    @property
    def lag(self) -> int:
        return self._log.head - self.position

    def wait_time(self) -> float | None:
        """Return the seconds that the emulator waits for a pause, 0 while the program waits for it; None: until more
        comes, or somebody looks, as what it has not seen is little, and came at one size of the screen."""
        if self.lag <= (MOMENT if self._life.running and not self._resizes else 0):
            return None
        return max(0.0, self._log.appended_at + PAUSE - time.monotonic()) if self.lag < LARGEST else 0.0

    def resize(self, columns: int, rows: int, _width: int = 0, height: int = 0) -> None:
        """Change the screen's size from the log's head on.

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
        """Feed the emulator one slice, as long as it takes in a few milliseconds, up to position `end` at most.

        An error of the emulator costs that slice, so that it cannot block the program forever.
        """
        self._apply_resizes()
        if not self.lag:
            return
        emulator, start = self.emulator, self.position
        end = min(start + SLICE, self._log.head if end is None else end)
        # It has to come to these positions: the size changes there, or its state is to be remembered.
        while self._ahead and self._ahead[0] <= start:
            del self._ahead[0]
        end = min(end, self._resizes[0][0] if self._resizes else end, self._ahead[0] if self._ahead else end)
        self.position = end
        taken = emulator.feed(self._log.bytes(start, end), STEP_TIME)
        self.position = start + taken
        if self.position in self._marks:
            self._marks[self.position] = _shown_by(emulator)
        if emulator.last_error is not None and not self._error_noted:
            self._error_noted = True
            self._fault("a fault in the emulator, in one sequence", emulator.last_error)
        self._apply_resizes()

    def catch_up(self, seconds: float = CATCH_UP_TIME, position: int | None = None) -> bool:
        """Feed the emulator up to `position` (the log's head) for at most `seconds`; return whether it is there."""
        end, until = self._log.head if position is None else position, time.monotonic() + seconds
        while self.position < end and time.monotonic() < until:
            self.step(end)
        self._apply_resizes()
        return self.position >= end

    def skip_ahead(self) -> None:
        """Continue with the log's last part: the rest takes too long, as of sequences that each change all cells.

        Screen and scrollback lack the output in between; the clients' bytes do not.
        """
        start = self._log.head - MOMENT
        if start > self.position:
            boundary = _BOUNDARY.search(self._log.bytes(start))
            start += boundary.start() if boundary else 0
            self._fault(f"the emulator was late and left {start - self.position} bytes of output out", None)
            self.position = start
            self.emulator.feed(_CANCEL)
            self._apply_resizes()

    def apply_size(self) -> None:
        """Give the emulator the session's current size, even if it has not come to the last resize yet."""
        self._resizes.clear()
        self.emulator.resize(self.columns, self.rows)

    def dump(self) -> ModelState:
        """Return the model as plain data. `marks`: None for a position that the emulator has not come to."""
        emulator = self.emulator
        return {
            "position": self.position,
            "size": [self.columns, self.rows],
            "resizes": [list(resize) for resize in self._resizes],
            "marks": list(self._marks.items()),
            "drawn": [emulator.columns, emulator.rows],
            "screen": b"".join(whole(emulator)).decode("latin-1"),
            "completed": emulator.scrollback.completed,
            "used": sorted(emulator.screen.used),
        }

    def restore(self, state: ModelState) -> None:
        """Continue from the result of `dump`; the log must have the bytes from its position on."""
        self.position = state["position"]
        self.columns, self.rows = state["size"]
        self._resizes = deque((start, columns, rows) for start, columns, rows in state["resizes"])
        for at, shown in state["marks"]:
            if not shown:
                insort(self._ahead, at)
            self._marks[at] = Shown(shown[0], shown[1], Stacks(*shown[2]), *shown[3:]) if shown else None
        self.emulator = self._new(*state["drawn"])
        self.emulator.feed(state["screen"].encode("latin-1"))
        self.emulator.scrollback.renumber(state["completed"])
        self.emulator.screen.used = set(state["used"])

    def mark(self, position: int) -> None:
        """Remember the state at `position`, the last one that was sent to a client which may come back."""
        if position == self.position:
            self._marks[position] = _shown_by(self.emulator)
        elif position > self.position and position not in self._marks:
            self._marks[position] = None
            insort(self._ahead, position)
        while len(self._marks) > _MAX_MARKS:
            del self._marks[next(iter(self._marks))]

    def scrolled_since(self, position: int) -> int:
        """Return how many lines have scrolled off since `position`, or a few more."""
        return max(0, self.emulator.scrolled - self.shown_at(position).scrolled)

    def missed_since(self, position: int) -> int:
        """Return the number of lines that a terminal of the emulator's size lacks if it shows the output to `position`.

        Where it became lower since, it has scrolled off rows above the cursor itself. Without a mark at the position
        that is not known, and they come again.
        """
        shown = self._marks.get(position)
        own = max(0, shown.row + 1 - self.emulator.rows) if shown and not shown.alternate else 0
        return max(0, self.scrolled_since(position) - own)

    def shown_at(self, position: int) -> Shown:
        """Return the state of a terminal at a marked position; an empty one for any other."""
        return self._marks.get(position) or Shown()

    def _apply_resizes(self) -> None:
        while self._resizes and self._resizes[0][0] <= self.position:
            _, columns, rows = self._resizes.popleft()
            self.emulator.resize(columns, rows)


def _shown_by(emulator: Emulator) -> Shown:
    return Shown(
        emulator.scrolled,
        emulator.alternate,
        emulator.stacks,
        emulator.cursor[0],
        len(emulator.scrollback.open_rows),
        emulator.columns,
    )
