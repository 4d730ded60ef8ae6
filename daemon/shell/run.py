"""One command of `--run`: its state, and what it has printed so far.

`LiveOutput` sends that output while the command still runs. It sends whole lines only, and only those that came before
the shell was last seen away from its prompt: neither a prompt nor a trace of the wrapper can be among them. The rest
comes with the answer.
"""

from __future__ import annotations

import time
from collections import deque

from sesh import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.pty.pty import Pty
    from sesh.daemon.shell.shells import Shell
    from sesh.daemon.shell.wrapper import Wrapper
    from sesh.errors import SeshError
    from sesh.schema import RunFacts

WAITING, TYPED, RUNNING, PROBED, DONE = range(5)
"""It waits: for its turn and the prompt; for the shell to begin; for the command; for the shell to report its code."""
_READLINE = b"\x1b[?2004h"
"""What bash writes before its prompt."""
MAX_OUTPUT = 32 << 20
"""Bytes of output that are kept of a command, the last ones."""
_DUMPED = (
    "state", "token", "attempts", "requested_at", "turn_at", "typed_at", "began_at", "started", "duration", "cwd",
    "translated", "interrupted", "truncated", "nested_at", "output_at", "follows", "dropped",
)  # fmt: skip


class Run:
    """A command, the connection that waits for it (None for none), and its output as it came from the terminal."""

    def __init__(
        self,
        number: int,
        words: Sequence[str],
        connection: Connection | None,
        request: int,
        *,
        wait: bool,
        key: str = "",
    ) -> None:
        self.number, self.words = number, list(words)
        self.key = key
        """What a client that reconnects finds it by."""
        self.connection = connection
        self.request, self.wait = request, wait
        self.state = WAITING
        self.token = ""
        self.attempts = 0
        self.requested_at = time.monotonic()
        self.turn_at = 0.0
        """When its turn came."""
        self.typed_at = self.began_at = 0.0
        self.started = 0.0
        """Seconds since 1970."""
        self.duration: float | None = None
        self.cwd = ""
        self.shell: Shell | None = None
        self.wrapper: Wrapper | None = None
        self.translated = True
        """Whether the terminal wrote `\\r\\n` for each `\\n`."""
        self.interrupted = self.truncated = False
        self.withdrawn: SeshError | None = None
        """The answer, should the shell not have begun with what was typed before its files were removed."""
        self.nested_at = 0.0
        self.output_at = 0.0
        self.live: LiveOutput | None = None
        """Sends its output while it runs, where that was requested; made at its first byte."""
        self.follows: int | None = None
        """How many bytes of its output the client has already; None where it wants all of it at the end."""
        self.dropped = 0
        self._blocks: deque[bytes] = deque()
        self._size = 0

    @property
    def total(self) -> int:
        """Bytes that it has written, counted as they came from the terminal."""
        return self.dropped + self._size

    def between(self, start: int, end: int) -> bytes:
        """What it wrote between two positions, as far as that is kept."""
        found, at = [], self.dropped
        for block in self._blocks:
            if at + len(block) > start and at < end:
                found.append(block[max(0, start - at) : end - at])
            at += len(block)
        return b"".join(found)

    def position_of(self, count: int) -> int:
        """The position behind the first `count` bytes of its output, which end with a line, as `LiveOutput` counts."""
        at = sent = 0
        for line in b"".join(self._blocks).splitlines(keepends=True) if count else ():
            if sent >= count:
                break
            at += len(line)
            sent += len(line) - (self.translated and line.endswith(b"\r\n"))
        return at

    def begin(self) -> None:
        """Its output begins now."""
        self.forget_output()
        if self.follows is not None:
            self.live = LiveOutput(self)

    def dump(self) -> tuple[dict[str, object], bytes]:
        """Its plain attributes and the output that is kept, without its shell, files and connection."""
        return {name: getattr(self, name) for name in _DUMPED}, b"".join(self._blocks)

    def restore(self, attributes: Mapping[str, object], output: bytes) -> None:
        """Goes on from what `dump` returned."""
        for name, value in attributes.items():
            setattr(self, name, value)
        self._blocks.append(output)
        self._size = len(output)

    def answer(self, code: int | None, *, ended: bool = True) -> tuple[bytes, RunFacts]:
        """The output that the client does not have yet, and the result."""
        result = self.result(code, timed_out=not ended)
        if self.live is None:
            return self.output(ended=ended), result
        data = self.output(ended=ended, since=self.live.position)
        return data, {**result, "from": self.live.sent, "truncated": self.live.lost}

    def add_output(self, piece: bytes) -> None:
        """Keeps a piece of its output."""
        self.output_at = time.monotonic()
        self._blocks.append(piece)
        self._size += len(piece)
        while self._size > MAX_OUTPUT:
            gone = len(self._blocks.popleft())
            self._size -= gone
            self.dropped += gone
            self.truncated = True

    def forget_output(self) -> None:
        """Drops what was printed until now: the command did not print it."""
        self._blocks.clear()
        self._size = self.dropped = 0
        self.truncated = False

    def output(self, *, ended: bool, since: int = 0) -> bytes:
        """What the command wrote from a position on, without a shell's trace (`set -x`) of the wrapper's last line."""
        data = b"".join(self._blocks)[max(0, since - self.dropped) :]
        if ended and self.token:
            token = self.token.encode()
            while token in data[(at := data.rstrip(b"\r\n").rfind(b"\n") + 1) :]:
                data = data[:at]
        return data.replace(b"\r\n", b"\n") if self.translated else data

    def cut(self, prompt: bytes) -> None:
        """Removes the prompt with which the shell came back; `prompt`: the last one that is known."""
        data = b"".join(self._blocks)
        at = len(data) - len(prompt)
        if not prompt or not data.endswith(prompt):
            at = data.rfind(_READLINE)
            if at < 0:
                at = data.rfind(b"\n") + 1
        self._blocks = deque([data[:at]])
        self._size = at

    def result(self, code: int | None, *, timed_out: bool = False) -> RunFacts:
        """The result, as the client gets it."""
        began = self.began_at or self.requested_at
        duration = time.monotonic() - began if self.duration is None else self.duration
        return {
            "exit_code": code,
            "duration": round(duration, 3),
            "timed_out": timed_out,
            "truncated": self.truncated,
            "n": self.number,
        }


CHECK_EVERY = 4 << 20
"""Bytes after which the shell is checked, however little time has passed."""
MAX_UNREAD = 4 << 20
"""Bytes that a client may leave unread before it is sent no more."""


class LiveOutput:
    """How much of a run's output has been sent: `sent` bytes. The client had `since` of them before."""

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run = run
        self.sent = since
        self.position = run.position_of(since)
        """The same place in the output as it came from the terminal."""
        self._safe = self._seen = 0

    def dump(self) -> list[int]:
        """All of it as plain data."""
        return [self.sent, self.position, self._safe, self._seen]

    def restore(self, values: list[int]) -> None:
        """Goes on from what `dump` returned."""
        self.sent, self.position, self._safe, self._seen = values

    @property
    def due(self) -> bool:
        """Whether so much has come that the shell is to be checked."""
        return self._run.total - self._seen > CHECK_EVERY

    @property
    def lost(self) -> bool:
        """Whether some of what was not sent is no longer kept."""
        return self._run.dropped > self.position

    def send(self, pty: Pty) -> None:
        """The shell is away from its prompt: sends what had come at the last call."""
        run = self._run
        self._safe, self._seen = self._seen, run.total
        if run.connection is None or run.connection.unsent > MAX_UNREAD or self.lost:
            return
        piece = run.between(self.position, self._safe)
        piece = piece[: piece.rfind(b"\n") + 1]
        ours = piece.find(run.token.encode())
        if ours >= 0:
            piece = piece[: piece.rfind(b"\n", 0, ours) + 1]
        self.position += len(piece)
        if run.translated and pty.translates():
            piece = piece.replace(b"\r\n", b"\n")
        for at in range(0, len(piece), protocol.CHUNK):
            block = piece[at : at + protocol.CHUNK]
            run.connection.queue(protocol.numbered(protocol.OUTPUT, self.sent, block))
            self.sent += len(block)
