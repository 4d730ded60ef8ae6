"""A slow terminal: a real PTY whose reader keeps to a pace, and a journal of what it took at which size."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from tests.fidelity.xterm import Step
from tests.support import Terminal

_PIECE = 4096  # bytes that a slow terminal takes at once; the kernel keeps about as many for it
_FAST_PIECE = 1 << 16


@dataclass(frozen=True)
class Pace:
    """How a terminal reads: at most `rate` bytes a second, and not at all for `stop` seconds once it has `stops_at`."""

    rate: float = inf
    stop: float = 0.0
    stops_at: int = 0


class SlowTerminal(Terminal):
    """A terminal that reads at its pace. `raw` has the bytes that it took, and `steps` what an emulator is fed.

    Whoever waits reads for this terminal and for its `companions`, each at its own pace. Nothing is drawn here.
    """

    def __init__(self, command: Sequence[str], *, pace: Pace | None = None, **options: Any) -> None:
        self.pace = pace or Pace()
        self.companions: list[SlowTerminal] = []
        self.stopped_at: float | None = None  # monotonic; None before the stop
        self._reads_at = 0.0  # monotonic
        self._sizes: list[tuple[int, int, int]] = []  # bytes taken by then, columns, rows
        super().__init__(command, **options)
        self.first_size = (self.glass.columns, self.glass.lines)

    # -- reading

    @property
    def taken(self) -> int:
        """The bytes that the terminal has taken."""
        return len(self.raw)

    @property
    def stopping(self) -> float:
        """The seconds since the terminal stopped, also after it went on; 0 before."""
        return 0.0 if self.stopped_at is None else time.monotonic() - self.stopped_at

    def pump(self, seconds: float = 0) -> bool:
        """Take one piece, and one for each companion, if the pace allows; return False if none came in `seconds`."""
        now = time.monotonic()
        every = [each for each in (self, *self.companions) if not each._over]
        ready = {each._master: each for each in every if each._reads_at <= now}
        next_at = min((each._reads_at for each in every if each._reads_at > now), default=inf)
        readable = select.select(list(ready), [], [], max(0.0, min(seconds, next_at - now)))[0]
        took = [ready[descriptor]._take() for descriptor in readable]
        return any(took)

    def _take(self) -> bool:
        try:
            data = os.read(self._master, _FAST_PIECE if self.pace.rate == inf else _PIECE)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody holds the other side any more
            data = b""
        self._over = not data
        self.raw += data
        now = time.monotonic()
        self._reads_at = max(now - 0.01, self._reads_at) + len(data) / self.pace.rate
        if self.pace.stop and self.stopped_at is None and self.taken >= self.pace.stops_at:
            self.stopped_at = now
            self._reads_at = now + self.pace.stop
        return bool(data)

    def wait_for_bytes(self, wanted: bytes, start: int = 0) -> None:
        """Wait until the bytes from `start` on contain `wanted`; each byte is searched once."""
        self.wait_until(Seen(self, wanted, start), f"{wanted!r} in the bytes")

    # -- the journal

    def resize(self, columns: int, rows: int, pixels: tuple[int, int] = (0, 0)) -> None:
        """Resize the window at once. What has not been taken yet is shown at the new size, as in a real terminal."""
        self._sizes.append((self.taken, columns, rows))
        self._resize(columns, rows, pixels)

    def steps(self) -> list[Step]:
        """Return the bytes taken, and the sizes between them."""
        out: list[Step] = []
        begin = 0
        for position, columns, rows in self._sizes:
            out += [bytes(self.raw[begin:position]), (columns, rows)]
            begin = position
        return [*out, bytes(self.raw[begin:])]

    def portrait(self) -> str:
        """Return the last bytes: nothing is drawn here."""
        return f"{' '.join(self.command)}, {self.taken:,} bytes taken, the last {bytes(self.raw[-300:])!r}"


class Seen:
    """A condition: a terminal has taken `wanted` after its first `start` bytes."""

    def __init__(self, terminal: SlowTerminal, wanted: bytes, start: int = 0) -> None:
        self._terminal, self._wanted, self._start = terminal, wanted, start
        self._found = False

    def __call__(self) -> bool:
        raw = self._terminal.raw
        self._found = self._found or raw.find(self._wanted, self._start) >= 0
        self._start = max(self._start, len(raw) - len(self._wanted) + 1)
        return self._found
