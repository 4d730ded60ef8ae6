"""One command of `--run`: its state, and its output so far.

`LiveOutput` sends that output while the command still runs: only whole lines, and only those that came before the shell
was last seen away from its prompt. So neither a prompt nor a trace of the wrapper can be among them. The rest comes
with the answer.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.daemon.clients.connection import Connection
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.shell.shells import Shell
from sesh.daemon.shell.wrapper import Wrapper
from sesh.errors import SeshError
from sesh.schema import RunFacts

WAITING, TYPED, RUNNING, PROBED, DONE = range(5)
"""The states of a run, which waits for: its turn and the prompt; the shell; the command's end; its code; nothing."""
_READLINE = b"\x1b[?2004h"
"""The output of bash before its prompt, and of zsh behind it."""
MAX_OUTPUT = 32 << 20
"""Bytes of a command's output that are kept, the last ones."""


class Run:
    """A command, its state, and the connection that waits for it (None if none does)."""

    def __init__(self, words: list[str], connection: Connection | None, request: int, *, wait: bool, key: str) -> None:
        self.words, self.connection, self.request, self.wait = words, connection, request, wait
        self.key = key
        """The name by which a client that reconnects finds the run."""
        self.follows: int | None = None
        """Bytes of the output that the client has already; None if it wants all of it at the end."""
        self.number = 0
        self.state = WAITING
        self.token = ""
        self.attempts = 0
        self.requested_at = time.monotonic()
        self.turn_at = 0.0
        """The time at which its turn came (monotonic)."""
        self.typed_at = self.began_at = 0.0
        self.started = 0.0
        """Seconds since 1970."""
        self.duration: float | None = None
        self.cwd = ""
        self.shell: Shell | None = None
        self.wrapper: Wrapper | None = None
        self.interrupted = False
        self.withdrawn: SeshError | None = None
        """The error to answer with, if the shell turns out not to have begun before its files were removed."""
        self.nested_at = 0.0
        """The time at which another shell was first seen at its prompt (monotonic); 0 for none."""
        self.output = RunOutput()
        self.live: LiveOutput | None = None
        """Sends the output while the command runs, if that was requested."""

    def remove_files(self) -> None:
        """Removes the files that the shell sources, if there are any."""
        if self.wrapper is not None:
            self.wrapper.remove()

    def answer(self, code: int | None, *, ended: bool = True, reason: str = "") -> None:
        """Sends its client, if one waits, the output that it does not have yet, and the result."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        result, since = self.result(code, timed_out=not ended, reason=reason), 0
        if self.live is not None:
            result, since = {**result, "from": self.live.sent, "truncated": self.live.lost}, self.live.position
        connection.respond(self.request, self.output.text(self.token if ended else "", since=since), **result)

    def result(self, code: int | None, *, timed_out: bool = False, reason: str = "") -> RunFacts:
        """The result, as the client gets it; `reason`: that of the session's end, if it ended with the command."""
        began = self.began_at or self.requested_at
        duration = time.monotonic() - began if self.duration is None else self.duration
        facts: RunFacts = {
            "exit_code": code,
            "duration": round(duration, 3),
            "timed_out": timed_out,
            "truncated": self.output.base > 0,
            "n": self.number,
        }
        return {**facts, "session_ended": True, "reason": reason} if reason else facts


class RunOutput(OutputLog):
    """The output of a command, as it came from the terminal. Positions count from its first byte."""

    def __init__(self) -> None:
        super().__init__()
        self.translated = True
        """True if the terminal wrote `\\r\\n` for each `\\n`."""

    def add(self, piece: bytes) -> None:
        """Adds a piece; drops the oldest ones beyond MAX_OUTPUT."""
        self.append(piece)
        if self.head - self.base > MAX_OUTPUT:
            self.trim(self.head - MAX_OUTPUT)

    def cut(self, prompt: bytes) -> None:
        """Removes the prompt with which the shell came back; `prompt`: the last one that was seen."""
        output = self.bytes(self.base)
        end = len(output) - len(prompt)
        if not prompt or not output.endswith(prompt):
            end = output.rfind(_READLINE)
            if end < 0 or output.endswith(_READLINE):
                end = output.rfind(b"\n") + 1
        self.restore(self.base, output[:end])

    def position_of(self, count: int) -> int:
        """The position behind its first `count` bytes, which end with a line, as `LiveOutput` counts them."""
        position = sent = 0
        for line in self.bytes(self.base).splitlines(keepends=True) if count else ():
            if sent >= count:
                break
            position += len(line)
            sent += len(line) - (self.translated and line.endswith(b"\r\n"))
        return position

    def text(self, token: str, *, since: int = 0) -> bytes:
        """The command's output from a position on, without a shell's trace (`set -x`) of the wrapper's last line.

        `token`: the token in that line; empty for a command that has not ended.
        """
        data = self.bytes(since)
        while token and token.encode() in data[(end := data.rstrip(b"\r\n").rfind(b"\n") + 1) :]:
            data = data[:end]
        return data.replace(b"\r\n", b"\n") if self.translated else data


CHECK_EVERY = 4 << 20
"""Bytes after which the shell is checked, however little time has passed."""
MAX_UNREAD = 4 << 20
"""Bytes that a client may leave unread before it is sent no more."""


class LiveOutput:
    """The progress of a run's live output: `sent` bytes, of which the client had `since` before."""

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run = run
        self.sent = since
        self.position = run.output.position_of(since)
        """The position in the run's output up to which it was sent."""
        self.safe = self.seen = 0
        """The end of the output at the last two calls of `send`: up to the first of them it may be sent."""

    @property
    def due(self) -> bool:
        """True if the shell is to be checked because of the amount of output since the last check."""
        return self._run.output.head - self.seen > CHECK_EVERY

    @property
    def lost(self) -> bool:
        """True if output that was not sent is no longer kept."""
        return self._run.output.base > self.position

    def send(self, pty: Pty) -> None:
        """Sends the lines that had come at the last call; the shell is away from its prompt."""
        run, output = self._run, self._run.output
        self.safe, self.seen = self.seen, output.head
        if run.connection is None or run.connection.unsent > MAX_UNREAD or self.lost:
            return
        piece = output.bytes(self.position, self.safe)
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
