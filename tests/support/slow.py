"""`@slow`: this machine behind a slow link, which can be stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.home import PROMPT, Home
from tests.support.processes import describe, marked
from tests.support.terminal import Terminal

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW_LINK = os.path.join(_ROOT, "bench", "slow_link.py")


class Slow:
    """The host `@slow` of a home: round trip in ms, bytes a second (0: unlimited)."""

    def __init__(self, home: Home, round_trip: int = 100, rate: int = 0, *, predict: str = "adaptive") -> None:
        self.home, self.round_trip = home, round_trip
        command = f"{sys.executable} {SLOW_LINK} {round_trip}" + (f" {rate}" if rate else "")
        settings = f'predict = "{predict}"\n[remotes.slow]\nvia = {json.dumps(command)}\n'
        home.write(".config/sesh/config.toml", settings)
        home.env["PATH"] = f"{os.path.dirname(sys.executable)}:{home.env['PATH']}"

    def attach(self, *options: str, name: str = "work") -> Terminal:
        """Attach a terminal to a session behind the link; return it at the prompt."""
        self.home.sesh("open", name)
        terminal = self.home.terminal("@slow", name, *options)
        terminal.wait_for(PROMPT)
        return terminal

    def _links(self) -> list[int]:
        return [pid for pid in marked("TEST_HOME", self.home.root) if "slow_link" in describe(pid)]

    def cut(self) -> None:
        """End the link; what is under way is lost."""
        for pid in self._links():
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing pass the link within the block."""
        links = self._links()
        for pid in links:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in links:
                with suppress(ProcessLookupError):  # sesh gave the link up meanwhile
                    os.kill(pid, signal.SIGCONT)
