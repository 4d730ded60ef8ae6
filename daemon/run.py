"""One command that somebody has a live shell run: where it stands, and what it has printed so far."""

from __future__ import annotations

import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.daemon.peer import Peer
    from sesh.daemon.scaffold import Scaffold
    from sesh.daemon.shells import Shell

WAITING, TYPED, RUNNING, PROBED, DONE = range(5)
"""For its turn and the prompt; for the shell to begin; for the command; for the shell to tell its code; for nothing."""
_READLINE = b"\x1b[?2004h"
"""What bash writes before its prompt."""
LONGEST = 32 << 20
"""Bytes of output that are kept of a command: its end, where it writes more."""


class Run:
    """A command, who waits for it (None: nobody any more), and its output as it came from the terminal."""

    def __init__(self, number: int, words: Sequence[str], peer: Peer, asked: int, *, wait: bool, key: str = "") -> None:
        self.number, self.words = number, list(words)
        self.key = key
        """By which somebody who comes back over a new link finds it."""
        self.peer: Peer | None = peer
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
        self.scaffold: Scaffold | None = None
        self.translated = True
        """Whether the terminal made `\\r\\n` of each `\\n`."""
        self.interrupted = self.truncated = False
        self.nested_at = 0.0
        self.output_at = 0.0
        self._blocks: deque[bytes] = deque()
        self._size = 0

    def wrote(self, piece: bytes) -> None:
        """Keeps a piece of its output."""
        self.output_at = time.monotonic()
        self._blocks.append(piece)
        self._size += len(piece)
        while self._size > LONGEST:
            self._size -= len(self._blocks.popleft())
            self.truncated = True

    def forget_output(self) -> None:
        """What was printed until now was not the command's."""
        self._blocks.clear()
        self._size = 0
        self.truncated = False

    def output(self, *, ended: bool) -> bytes:
        """What the command wrote; a shell's trace of our own last words, which the token tells, is no part of it."""
        data = b"".join(self._blocks)
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
