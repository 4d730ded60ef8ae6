"""One command that somebody has a live shell run: where it stands, and what it has printed so far.

The output of a command of `--run` on its way to who waits, while it still runs.

Only whole lines go, and only such as came before the shell was last seen to be away from its prompt: neither a prompt,
nor a trace of what is put around the command, can be among them. All else comes with the answer.
"""

from __future__ import annotations

import time
from collections import deque

from sesh import protocol
from sesh.daemon.shell import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.pty.pty import Pty
    from sesh.daemon.shell.shells import Shell
    from sesh.daemon.shell.wrapper import Wrapper

WAITING, TYPED, RUNNING, PROBED, DONE = range(5)
"""For its turn and the prompt; for the shell to begin; for the command; for the shell to tell its code; for nothing."""
_READLINE = b"\x1b[?2004h"
"""What bash writes before its prompt."""
LONGEST = 32 << 20
"""Bytes of output that are kept of a command: its end, where it writes more."""
_PLAIN = (
    "state", "token", "attempts", "asked_at", "turn_at", "typed_at", "began_at", "started", "duration", "cwd",
    "translated", "interrupted", "truncated", "nested_at", "output_at", "follows", "dropped",
)  # fmt: skip
"""What a successor takes over as it is."""


class Run:
    """A command, who waits for it (None: nobody any more), and its output as it came from the terminal."""

    def __init__(
        self, number: int, words: Sequence[str], connection: Connection | None, asked: int, *, wait: bool, key: str = ""
    ) -> None:
        self.number, self.words = number, list(words)
        self.key = key
        """By which somebody who comes back over a new link finds it."""
        self.connection = connection
        self.asked, self.wait = asked, wait
        self.state = WAITING
        self.token = ""
        self.attempts = 0
        self.asked_at = time.monotonic()
        self.turn_at = 0.0
        """When it became the next one."""
        self.typed_at = self.began_at = 0.0
        self.started = 0.0
        """Seconds since 1970."""
        self.duration: float | None = None
        self.cwd = ""
        self.shell: Shell | None = None
        self.wrapper: Wrapper | None = None
        self.translated = True
        """Whether the terminal made `\\r\\n` of each `\\n`."""
        self.interrupted = self.truncated = False
        self.nested_at = 0.0
        self.output_at = 0.0
        self.live: LiveOutput | None = None
        """How its output goes to who waits while it runs, where that is wanted, from its first byte on."""
        self.follows: int | None = None
        """So many bytes of its output who waits has already; None where all of it is wanted at the end."""
        self.dropped = 0
        self._blocks: deque[bytes] = deque()
        self._size = 0

    @property
    def total(self) -> int:
        """Bytes that it has written, as they came from the terminal."""
        return self.dropped + self._size

    def between(self, start: int, end: int) -> bytes:
        """What it wrote from one position to another, as far as that is still there."""
        found, at = [], self.dropped
        for block in self._blocks:
            if at + len(block) > start and at < end:
                found.append(block[max(0, start - at) : end - at])
            at += len(block)
        return b"".join(found)

    def place(self, count: int) -> int:
        """The position behind the first `count` bytes of its output, which end with a line, as `trickle` sends them."""
        at = sent = 0
        for line in b"".join(self._blocks).splitlines(keepends=True) if count else ():
            if sent >= count:
                break
            at += len(line)
            sent += len(line) - (self.translated and line.endswith(b"\r\n"))
        return at

    def begin(self) -> None:
        """What comes from now on is its output."""
        self.forget_output()
        if self.follows is not None:
            self.live = LiveOutput(self)

    def kept(self) -> tuple[dict[str, Any], bytes]:
        """What a successor needs to go on, and the output that is kept; shell, files and connection are apart."""
        return {word: getattr(self, word) for word in _PLAIN}, b"".join(self._blocks)

    def resume(self, kept: dict[str, Any], output: bytes) -> None:
        """Goes on where `kept` says."""
        for word, value in kept.items():
            setattr(self, word, value)
        self._blocks.append(output)
        self._size = len(output)

    def answer(self, code: int | None, *, ended: bool = True) -> tuple[bytes, dict[str, Any]]:
        """What who waits has not got yet of the output, and how it went."""
        facts = self.facts(code, timed_out=not ended)
        if self.live is None:
            return self.output(ended=ended), facts
        data = self.output(ended=ended, since=self.live.position)
        return data, {**facts, "from": self.live.sent, "truncated": self.live.lost}

    def wrote(self, piece: bytes) -> None:
        """Keeps a piece of its output."""
        self.output_at = time.monotonic()
        self._blocks.append(piece)
        self._size += len(piece)
        while self._size > LONGEST:
            gone = len(self._blocks.popleft())
            self._size -= gone
            self.dropped += gone
            self.truncated = True

    def forget_output(self) -> None:
        """What was printed until now was not the command's."""
        self._blocks.clear()
        self._size = self.dropped = 0
        self.truncated = False

    def output(self, *, ended: bool, since: int = 0) -> bytes:
        """What the command wrote, from a position on; a shell's trace of our own last words, which the token tells, is
        no part of it.
        """
        data = b"".join(self._blocks)[max(0, since - self.dropped) :]
        if ended and self.token:
            token = self.token.encode()
            while token in data[(at := data.rstrip(b"\r\n").rfind(b"\n") + 1) :]:
                data = data[:at]
        return data.replace(b"\r\n", b"\n") if self.translated else data

    def cut(self, prompt: bytes) -> None:
        """Takes the prompt away with which the shell came back; `prompt`: the last one that is known."""
        data = b"".join(self._blocks)
        at = len(data) - len(prompt)
        if not prompt or not data.endswith(prompt):
            at = data.rfind(_READLINE)
            if at < 0:
                at = data.rfind(b"\n") + 1
        self._blocks = deque([data[:at]])
        self._size = at

    def facts(self, code: int | None, *, timed_out: bool = False) -> dict[str, Any]:
        """How it went, for who waits for it."""
        began = self.began_at or self.asked_at
        spent = time.monotonic() - began if self.duration is None else self.duration
        return {
            "exit_code": code,
            "duration": round(spent, 3),
            "timed_out": timed_out,
            "truncated": self.truncated,
            "n": self.number,
        }


OFTEN = 4 << 20
"""Bytes after which the shell is looked at, however little time has passed."""
UNREAD = 4 << 20
"""Bytes that somebody who waits may have unread; one who has more is sent nothing until he reads."""


class LiveOutput:
    """What of one run has been sent: `sent` bytes, as they were sent. `since`: so many the connection has already."""

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run = run
        self.sent = since
        self.position = run.place(since)
        """The same in the output as it came from the terminal."""
        self._settled = self._seen = 0

    def kept(self) -> list[int]:
        """What a successor needs to go on."""
        return [self.sent, self.position, self._settled, self._seen]

    def resume(self, kept: list[int]) -> None:
        """Goes on where `kept` says."""
        self.sent, self.position, self._settled, self._seen = kept

    @property
    def due(self) -> bool:
        """Whether so much has come that the shell is to be looked at."""
        return self._run.total - self._seen > OFTEN

    @property
    def lost(self) -> bool:
        """Whether some of what was not sent is no longer there."""
        return self._run.dropped > self.position

    def look(self, pty: Pty) -> None:
        """The shell is not at its prompt now: what had come at the last look is the command's."""
        run = self._run
        self._settled, self._seen = self._seen, run.total
        if run.connection is None or run.connection.unsent > UNREAD or self.lost:
            return
        piece = run.between(self.position, self._settled)
        piece = piece[: piece.rfind(b"\n") + 1]
        ours = piece.find(run.token.encode())
        if ours >= 0:
            piece = piece[: piece.rfind(b"\n", 0, ours) + 1]
        self.position += len(piece)
        if run.translated and shells.translates(pty):
            piece = piece.replace(b"\r\n", b"\n")
        for at in range(0, len(piece), protocol.CHUNK):
            block = piece[at : at + protocol.CHUNK]
            run.connection.queue(protocol.numbered(protocol.OUTPUT, self.sent, block))
            self.sent += len(block)
