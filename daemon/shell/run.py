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
    "interrupted", "nested_at", "follows",
)  # fmt: skip
_DUMPED_OUTPUT = ("translated", "truncated", "output_at", "dropped")
"""Attributes that go over with `--reload`: of a run, and of its output."""


class Run:
    """A command, the connection that waits for it (None for none), and how far it is."""

    def __init__(
        self,
        number: int,
        words: Sequence[str],
        connection: Connection | None,
        request: int,
        *,
        wait: bool,
        key: str = "",
        follows: int | None = None,
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
        self.interrupted = False
        self.withdrawn: SeshError | None = None
        """The answer, should the shell not have begun with what was typed before its files were removed."""
        self.nested_at = 0.0
        """When another shell was first seen at its prompt; 0 for never."""
        self.output = RunOutput()
        self.live: LiveOutput | None = None
        """Sends its output while it runs, if that was requested; made at its first byte."""
        self.follows = follows
        """How many bytes of its output the client has already; None if it wants all of it at the end."""

    def begin(self) -> None:
        """Its output begins now."""
        self.output.forget()
        if self.follows is not None:
            self.live = LiveOutput(self)

    def remove_files(self) -> None:
        """Removes the files that the shell sources, if there are any."""
        if self.wrapper is not None:
            self.wrapper.remove()

    def respond(self, data: bytes, result: RunFacts) -> None:
        """Answers its client, if one waits."""
        if self.connection is not None:
            self.connection.respond(self.request, data, **result)
        self.connection = None

    def dump(self) -> tuple[dict[str, object], bytes]:
        """Its plain attributes and the output that is kept, without its shell, files and connection."""
        attributes = {name: getattr(self, name) for name in _DUMPED}
        attributes.update({name: getattr(self.output, name) for name in _DUMPED_OUTPUT})
        return attributes, self.output.between(0, self.output.total)

    def restore(self, attributes: Mapping[str, object], output: bytes) -> None:
        """Goes on from what `dump` returned."""
        for name, value in attributes.items():
            setattr(self.output if name in _DUMPED_OUTPUT else self, name, value)
        self.output.restore(output)

    def answer(self, code: int | None, *, ended: bool = True) -> tuple[bytes, RunFacts]:
        """The output that the client does not have yet, and the result."""
        result = self.result(code, timed_out=not ended)
        token = self.token if ended else ""
        if self.live is None:
            return self.output.text(token), result
        data = self.output.text(token, since=self.live.position)
        return data, {**result, "from": self.live.sent, "truncated": self.live.lost}

    def result(self, code: int | None, *, timed_out: bool = False) -> RunFacts:
        """The result, as the client gets it."""
        began = self.began_at or self.requested_at
        duration = time.monotonic() - began if self.duration is None else self.duration
        return {
            "exit_code": code,
            "duration": round(duration, 3),
            "timed_out": timed_out,
            "truncated": self.output.truncated,
            "n": self.number,
        }


class RunOutput:
    """What a command has printed, as it came from the terminal. Positions count from its first byte."""

    def __init__(self) -> None:
        self.translated = True
        """Whether the terminal wrote `\\r\\n` for each `\\n`."""
        self.truncated = False
        self.dropped = 0
        """Bytes at its beginning that are no longer kept."""
        self.output_at = 0.0
        """When the last of it came (monotonic)."""
        self._blocks: deque[bytes] = deque()
        self._size = 0

    @property
    def total(self) -> int:
        """The position behind its last byte."""
        return self.dropped + self._size

    def restore(self, kept: bytes) -> None:
        """Goes on with what was kept of it, and nothing else."""
        self._blocks = deque([kept])
        self._size = len(kept)

    def add(self, piece: bytes) -> None:
        """Keeps a piece of it."""
        self.output_at = time.monotonic()
        self._blocks.append(piece)
        self._size += len(piece)
        while self._size > MAX_OUTPUT:
            excess = len(self._blocks.popleft())
            self._size -= excess
            self.dropped += excess
            self.truncated = True

    def forget(self) -> None:
        """Drops what was printed until now: the command did not print it."""
        self.restore(b"")
        self.dropped = 0
        self.truncated = False

    def cut(self, prompt: bytes) -> None:
        """Removes the prompt with which the shell came back; `prompt`: the last one that was seen."""
        kept = b"".join(self._blocks)
        end = len(kept) - len(prompt)
        if not prompt or not kept.endswith(prompt):
            end = kept.rfind(_READLINE)
            if end < 0:
                end = kept.rfind(b"\n") + 1
        self.restore(kept[:end])

    def between(self, start: int, end: int) -> bytes:
        """The bytes between two positions, as far as they are kept."""
        pieces, position = [], self.dropped
        for block in self._blocks:
            if position + len(block) > start and position < end:
                pieces.append(block[max(0, start - position) : end - position])
            position += len(block)
        return b"".join(pieces)

    def position_of(self, count: int) -> int:
        """The position behind its first `count` bytes, which end with a line, as `LiveOutput` counts them."""
        position = sent = 0
        for line in b"".join(self._blocks).splitlines(keepends=True) if count else ():
            if sent >= count:
                break
            position += len(line)
            sent += len(line) - (self.translated and line.endswith(b"\r\n"))
        return position

    def text(self, token: str, *, since: int = 0) -> bytes:
        """What the command wrote from a position on, without a shell's trace (`set -x`) of the wrapper's last line.

        `token`: what that line would hold; empty for a command that has not ended.
        """
        data = self.between(since, self.total)
        while token and token.encode() in data[(end := data.rstrip(b"\r\n").rfind(b"\n") + 1) :]:
            data = data[:end]
        return data.replace(b"\r\n", b"\n") if self.translated else data


CHECK_EVERY = 4 << 20
"""Bytes after which the shell is checked, however little time has passed."""
MAX_UNREAD = 4 << 20
"""Bytes that a client may leave unread before it is sent no more."""


class LiveOutput:
    """How much of a run's output has been sent: `sent` bytes. The client had `since` of them before."""

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run = run
        self.sent = since
        self.position = run.output.position_of(since)
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
        return self._run.output.total - self._seen > CHECK_EVERY

    @property
    def lost(self) -> bool:
        """Whether some of what was not sent is no longer kept."""
        return self._run.output.dropped > self.position

    def send(self, pty: Pty) -> None:
        """The shell is away from its prompt: sends what had come at the last call."""
        run, output = self._run, self._run.output
        self._safe, self._seen = self._seen, output.total
        if run.connection is None or run.connection.unsent > MAX_UNREAD or self.lost:
            return
        piece = output.between(self.position, self._safe)
        piece = piece[: piece.rfind(b"\n") + 1]
        ours = piece.find(run.token.encode())
        if ours >= 0:
            piece = piece[: piece.rfind(b"\n", 0, ours) + 1]
        self.position += len(piece)
        if output.translated and pty.translates():
            piece = piece.replace(b"\r\n", b"\n")
        for start in range(0, len(piece), protocol.CHUNK):
            block = piece[start : start + protocol.CHUNK]
            run.connection.queue(protocol.numbered(protocol.OUTPUT, self.sent, block))
            self.sent += len(block)
