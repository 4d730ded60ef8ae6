"""One command of `run`: its state, its output, and the request that waits for it."""

from __future__ import annotations

import time
from enum import IntEnum

from sesh.daemon.base.due import NEVER
from sesh.daemon.clients.connection import PeerConnection, PeerRequest
from sesh.daemon.pty.byte_log import ByteLog
from sesh.daemon.shell.history import Begun
from sesh.daemon.shell.run_marks import Wrapper
from sesh.errors import ExitCode, SeshError
from sesh.schema.facts import RunFacts
from sesh.wire import protocol

MAX_OUTPUT = 32 << 20  # bytes kept of a command's output, the last ones
MAX_UNREAD = 4 << 20  # unsent bytes at which a caller gets no more lines before the response


class RunState(IntEnum):
    """How far a command has come; `<` compares that.

    DUE ──────────typed──────────▶ TYPED ──mark B──▶ BEGUN ──mark C──▶ RUNNING ──mark E──▶ its response
     ▲ └─▶ PREPARING ──mark A──▶    │
     │    zsh   or none comes       │
     └──────────────────────────────┴──no mark: typed once more, then refused
    """

    DUE = 0  # queued, or active and waiting for a shell at its prompt
    PREPARING = 1  # a word is typed that, expanded in the line, keeps our lines out of the history
    TYPED = 2  # the line that sources its files is typed
    BEGUN = 3  # mark B: the shell has read the outer file
    RUNNING = 4  # mark C: the command runs


class Run:
    """A command of `run`; with `wait`, the response comes at its end."""

    def __init__(
        self, words: list[str], request: PeerRequest[RunFacts] | None, *, wait: bool, key: str, sent: int | None = None
    ) -> None:
        self.words = words
        self.request = request
        self.wait = wait
        self.key = key  # chosen by the caller, which finds its run by it after a reconnect
        self.sent = sent  # bytes of output that the caller has; None: send all output with the response
        self.times_out_at = NEVER  # time (monotonic)
        self.attempts = 0  # how often its files were written for a shell
        self.preparations = 0  # the keys that were tried to have zsh expand the word
        self.become(RunState.DUE)
        self.wrapper: Wrapper | None = None
        self.error: SeshError | None = None  # refuses a run that is prepared or typed, unless mark B comes all the same
        self.begun = Begun(0, words, "", 0.0, self.changed_at)
        self.output = RunOutput()

    @property
    def connection(self) -> PeerConnection | None:
        return self.request.connection if self.request is not None else None

    def become(self, state: RunState) -> None:
        self.state = state
        self.changed_at = time.monotonic()

    def text(self, since: int = 0) -> bytes:
        return self._without_trace(self.output.rest(since))

    def send_lines(self) -> None:
        """Send the caller new complete lines, unless `MAX_UNREAD` bytes are unsent."""
        connection = self.connection
        since = self.sent
        if connection is None or since is None or len(connection.unsent) > MAX_UNREAD or self.output.base > since:
            return
        lines = self.output.content(since)
        lines = self._without_trace(lines[: lines.rfind(b"\n") + 1])
        for start in range(0, len(lines), protocol.CHUNK):
            connection.queue(protocol.numbered(protocol.OUTPUT, since + start, lines[start : start + protocol.CHUNK]))
        self.sent = since + len(lines)

    def _without_trace(self, data: bytes) -> bytes:
        """Return the output without the trace (`set -x`) of the line that prints mark E."""
        token = data.find(self.wrapper.token.encode()) if self.wrapper is not None else -1
        return data if token < 0 else data[: data.rfind(b"\n", 0, token) + 1]

    def respond(self, facts: RunFacts) -> None:
        """Respond to a waiting request with the output that the caller lacks."""
        request = self.request
        self.request = None
        if request is None:
            return
        if self.sent is not None:
            facts = {**facts, "truncated": self.output.base > self.sent}
        request.respond(facts, self.text(self.sent or 0))

    def result(self, code: int | None, *, timed_out: bool = False, reason: str = "") -> RunFacts:
        """Return the caller's result; `reason` is why the session ended, if that ended the command."""
        facts: RunFacts = {
            "exit_code": ExitCode.TIMED_OUT if timed_out else code,
            "duration": self.begun.duration,
            "timed_out": timed_out,
            "truncated": self.output.base > 0,
            "n": self.begun.number,
        }
        return {**facts, "session_ended": True, "reason": reason} if reason else facts


class RunOutput(ByteLog):
    """The output of a command, with LF as line end, from position 0 on."""

    def __init__(self) -> None:
        super().__init__()
        self.appended_at = 0.0  # time (monotonic)
        self._return = b""  # a CR at the end of the last piece, which an LF may follow

    def add(self, piece: bytes, *, translated: bool) -> None:
        """Add output; drop the oldest above `MAX_OUTPUT`. `translated`: the terminal writes CR LF for LF."""
        piece = self._return + piece
        self._return = b""
        if translated:
            if piece.endswith(b"\r"):
                piece = piece[:-1]
                self._return = b"\r"
            piece = piece.replace(b"\r\n", b"\n")
        self.append(piece)
        self.appended_at = time.monotonic()
        if self.head - self.base > MAX_OUTPUT:
            self.trim(self.head - MAX_OUTPUT)

    def rest(self, since: int) -> bytes:
        return self.content(since) + self._return

    def end_line(self) -> None:
        """Drop the last line if it has no end."""
        self._return = b""
        output = self.content(self.base)
        self.restore(self.base, output[: output.rfind(b"\n") + 1])
