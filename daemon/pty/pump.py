"""Moves bytes from the program's pty to the log, and input to the pty."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sesh.daemon.base.observers import Observers
from sesh.daemon.base.phase import Life
from sesh.daemon.pty.input_line import InputLine
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty, set_size
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.loop.loop import READ, WRITE, Loop
from sesh.text.sizes import Size
from sesh.vt.queries import Kind, QueryScanner, bounded

REOPEN_AFTER = 1.0  # seconds until a pty that was hung up is read again


class Pump:
    """Reads the program's pty into the log, and writes input to the pty."""

    def __init__(self, log: OutputLog, loop: Loop, life: Life) -> None:
        self.log = log
        self.life = life
        self._loop = loop
        self.on_output: Observers[[]] = Observers()  # called after bytes were appended to the log
        self.on_input: Observers[[]] = Observers()
        self.on_taken: Observers[[]] = Observers()  # called once the pty has taken input that it had no room for
        self.on_finding: Observers[[Kind, bytes, int]] = Observers()
        """Called with a finding's kind and body, and the position of its end, after it was sent."""
        self.pty = Pty()  # closed before the start and in an ended session
        self.paused = True  # the readers of the log lag, or the daemon's first turn has not come
        self.filter: Callable[[bytes], Iterable[bytes]] | None = None
        """Yields a block's visible pieces. The first `run` sets `RunQueue.filter`, which removes the shell's marks."""
        self.scanner = QueryScanner()
        self.unwritten = bytearray()  # input that the pty has not taken
        self.input_line = InputLine()
        self.stdin = StdinPipe(loop)

    @property
    def foreground(self) -> int:
        """The foreground's process group; 0 without one, or if the program has ended."""
        return self.pty.foreground() if self.life.running else 0

    def resize(self, size: Size) -> None:
        if self.pty.is_open:
            set_size(self.pty.descriptor, *size)

    def set_paused(self, *, paused: bool) -> None:
        if paused != self.paused:
            self.paused = paused
            self._watch_pty()

    def _watch_pty(self) -> None:
        if self.pty.is_open:
            hung_up = self._loop.timers.is_set(self._watch_pty)
            events = WRITE if self.unwritten else 0
            if not (self.paused or hung_up):
                events |= READ
            self._loop.watch(self.pty.descriptor, events, self._transfer)

    def _transfer(self, _descriptor: int, events: int) -> None:
        if events & WRITE:
            self._drain()
            self._watch_pty()
            if not self.unwritten:
                self.on_taken()
        if events & READ:
            self.read_output()

    def read_output(self) -> bool:
        """Read output and pass it on; return False if there was none."""
        block, hung_up = self.pty.read()
        if hung_up:  # by vhangup(2), as of login(1), which opens its terminal again
            self._loop.timers.set(self._watch_pty, REOPEN_AFTER)
            self._watch_pty()
        if block:
            self.append_output(block)
        return bool(block)

    def append_output(self, block: bytes) -> None:
        """Append the visible pieces of output to the log, and send each before other work."""
        pieces = (block,) if self.filter is None else self.filter(block)
        for piece in filter(None, pieces):
            start = self.log.head
            self.log.append(piece)
            self.on_output()
            for kind, body, end in bounded(self.scanner.scan(piece)):
                self.on_finding(kind, body, start + end)

    def append_unscanned(self, data: bytes) -> None:
        """Append bytes to the log unfiltered, such as held output, and send them."""
        if data:
            self.log.append(data)
            self.on_output()

    def type(self, data: bytes, *, by_person: bool = False, in_line: bool = True) -> None:
        """Type bytes. `by_person`: a person has typed them; `in_line`: they are part of a line."""
        if in_line:
            self.input_line.note_reader(self.pty)
        self.unwritten += data
        self._drain()
        if self.unwritten:
            self._watch_pty()
        if in_line:
            self.input_line.add(data, by_person=by_person)
        self.on_input()

    def _drain(self) -> None:
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

    def close(self) -> None:
        self.unwritten.clear()
        self._loop.timers.clear(self._watch_pty)
        self.stdin.close()
        self._loop.forget(self.pty.descriptor)
        self.pty.close()
