"""Moves bytes from the program's pty to the log, and input to the pty.

In a locale whose coding is not UTF-8, both are converted here: beyond the pump all text is UTF-8.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.pty.input_line import InputLine
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import READ_LIMIT, Pty, set_size
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.system import platforms
from sesh.text.coding import Coding
from sesh.text.sizes import Size
from sesh.vt.queries import Kind, QueryScanner, ScannerState, bounded

UNCOUNTED = 0.04  # seconds after typing in which the kernel may report no unread bytes although there are some
REOPEN_AFTER = 1.0  # seconds until a pty that was hung up is read again


class Finding(NamedTuple):
    """A sequence in the output that is more than text: its kind and body, and the position of its end."""

    kind: Kind
    body: bytes
    position: int


@dataclass(frozen=True)
class PumpState:
    """What a reload keeps of a pump."""

    unwritten: bytes
    input_line: InputLine
    scanner: ScannerState


class Pump(Part):
    """Reads the program's pty into the log, and writes input to the pty."""

    def __init__(self, agenda: Agenda, log: OutputLog, life: Lifecycle, coding: Coding | None = None) -> None:
        super().__init__(agenda)
        self.coding = coding  # None for UTF-8
        self.log = log
        self.life = life
        self.pty = Pty()  # closed before the start and in an ended session
        self.allowed: float = 0  # bytes that the program may print until the next turn; none before the first one
        self.hung_up = False  # the pty, which is read again once this is `due` (monotonic)
        self.scanner = QueryScanner()
        self.unwritten = bytearray()  # input that the pty has not taken
        self._flushed = 0  # bytes of output from before a key that discards it, which are still to be read
        self.moved_at = 0.0  # time (monotonic) of the last output, or typed bytes, replies included
        self.input_line = InputLine()
        self.stdin = StdinPipe(agenda)

    @property
    def state(self) -> PumpState:
        """What a reload keeps; the descriptors are handed over beside it."""
        return PumpState(bytes(self.unwritten), self.input_line, self.scanner.state)

    @state.setter
    def state(self, state: PumpState) -> None:
        self.unwritten[:] = state.unwritten
        self.input_line = state.input_line
        self.scanner.state = state.scanner

    @property
    def foreground(self) -> int:
        """The foreground's process group; 0 without one, or if the program has ended."""
        return self.pty.foreground() if self.life.running else 0

    def act(self, _now: float) -> None:
        """Let the pty be read again."""
        self.due, self.hung_up = NEVER, False

    @property
    def wants_read(self) -> bool:
        """True unless the program must wait, because who reads its output lags, or its terminal was hung up."""
        return self.allowed > 0 and not self.hung_up

    def resize(self, size: Size) -> None:
        if self.pty.is_open:
            set_size(self.pty.descriptor, *size)

    # -- output

    @property
    def has_output(self) -> bool:
        """True if the program has printed what was not read."""
        return self.wants_read and self.pty.has_output()

    def read(self) -> bytes:
        """Return output of the program, at most as much as it may print now."""
        while self._flushed:
            block, _ = self.pty.read(self._flushed)
            self._flushed -= len(block) or self._flushed
        block, hung_up = self.pty.read(int(min(self.allowed, READ_LIMIT)))
        if hung_up:  # by vhangup(2), as of login(1), which opens its terminal again
            self.due, self.hung_up = time.monotonic() + REOPEN_AFTER, True
        self.allowed -= len(block)
        return block if self.coding is None else self.coding.to_utf8(block)

    def append(self, piece: bytes) -> list[Finding]:
        """Append visible output to the log; return what is found in it."""
        start = self.log.head
        self.append_unscanned(piece)
        scan = self.scanner.read(piece, start)
        if scan.effects:
            self.log.effects.add(scan.effects)
        return [Finding(*each) for each in bounded(scan.findings)] if scan.findings else []

    def append_unscanned(self, data: bytes) -> None:
        """Append bytes to the log, such as held output, in which nothing is looked for."""
        if data:
            self.log.append(data)
            self.moved_at = self.log.appended_at

    # -- input

    def type(self, data: bytes, *, counts: bool = True, drafts: bool = False) -> None:
        """Type bytes.

        `counts`: they belong to the unfinished line, unlike a reply or a line of sesh's own. `drafts`: they make that
        line a person's draft, which a text of `send` does not join.
        """
        if counts:
            self.input_line.note_reader(self.pty)
        if self.allowed <= 0:
            self._note_flush(data)
        self.unwritten += data if self.coding is None else self.coding.from_utf8(data)
        self.write_input()
        self.moved_at = time.monotonic()
        if data.endswith(b"\r"):
            self.input_line.entered_at = self.moved_at
        if counts:
            self.input_line.add(data, drafts=drafts)

    def _note_flush(self, keys: bytes) -> None:
        """Note the output that a key discards, of a program that waits: over a slow link it takes seconds to show.

        Linux discards what it holds itself, and leaves what the pty's master can read.
        """
        if not self._flushed and platforms.FLUSH_LEAVES_OUTPUT and self.pty.flushes_at(keys):
            self._flushed = self.pty.readable()

    def write_input(self) -> None:
        """Write as much input as the pty accepts."""
        try:
            if self.unwritten:
                del self.unwritten[: self.pty.write(self.unwritten)]
        except OSError:
            self.unwritten.clear()  # the pty is gone, or closed; SIGCHLD will report the program's end

    @property
    def line_begun(self) -> bool:
        return self.input_line.length(self.pty) > 0

    @property
    def unread(self) -> int:
        """The number of typed, unread bytes; at most 4,095 in the kernel count."""
        return len(self.unwritten) + self.pty.unread()

    @property
    def enter_unread(self) -> bool:
        """True if an Enter is on its way to a program that reads key by key: with what follows it would be a paste.

        It counts as read once the kernel has no unread bytes, and `UNCOUNTED` is over; the first look then forgets it.
        """
        line = self.input_line
        if line.entered_at is not None and not self.unread and time.monotonic() - line.entered_at > UNCOUNTED:
            line.entered_at = None
        return line.entered_at is not None and self.pty.raw()

    @property
    def text_unread(self) -> bool:
        """True if a program that reads key by key may not have read all that was typed."""
        uncounted = time.monotonic() - self.input_line.input_at <= UNCOUNTED
        return (uncounted or self.unread > 0) and self.pty.raw()

    def close(self) -> None:
        """Close the pty and the job's stdin."""
        self.unwritten.clear()
        self.due, self.hung_up = NEVER, False
        self.stdin.close()
        self.pty.close()
