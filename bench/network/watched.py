"""Clients on the stand's host, and the moments when their terminals show new output."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from bench.network.stand import Stand
from tests.support import wait_until

_COUNTS = "import time\nn = 0\nwhile True:\n    n += 1\n    print(f'#{n}#', flush=True)\n    time.sleep(0.25)\n"
_ECHOES = "import os, tty\ntty.setraw(0)\nn = 0\nwhile True:\n    print(f'#{n}#', flush=True, end='\\r\\n')\n"
_ECHOES += "    n += len(os.read(0, 1))\n"
_REQUEST_ID = re.compile(rb"#(\d+)#")
_TICK = 0.004


class Watched:
    """A client at a terminal, whose session counts keys, or prints four numbers a second."""

    def __init__(self, stand: Stand, name: str, *, quiet: bool = False) -> None:
        self._stand, self.name, self.quiet = stand, name, quiet
        python = stand.farm.ground.runtime.python
        far = stand.far
        done = far.sesh("open", name, "--", python, "-ISc", _ECHOES if quiet else _COUNTS)
        assert done.code == 0, done
        self.attach()

    def attach(self) -> None:
        """Attach, also after the client has ended."""
        self._newest, self._read = -1, 0
        self.terminal = self._stand.farm.home.terminal(f"@{self._stand.far.word}", self.name)
        self._wait_for(0)

    def _wait_for(self, number: int) -> None:
        terminal = self.terminal
        what = f"{self.name} shows {number}"
        wait_until(lambda: self.newest() >= number, what, timeout=40, pause=terminal.pump, portrait=terminal.portrait)

    def newest(self, wait: float = 0) -> int:
        """Return the highest number that the terminal has shown."""
        while self.terminal.pump(wait):
            wait = 0
        found = _REQUEST_ID.findall(self.terminal.raw, max(0, self._read - 20))
        self._read = len(self.terminal.raw)
        self._newest = max([self._newest, *(int(number) for number in found)])
        return self._newest

    def go_on(self) -> None:
        """Wait until the program's next number is shown."""
        wanted = self.newest() + 1
        if self.quiet:
            self.terminal.type("k")
        self._wait_for(wanted)

    def numbers(self) -> list[int]:
        """Return all numbers on the terminal, scrollback included, from the top."""
        return [int(number) for number in re.findall(r"#(\d+)#", self.terminal.text())]

    def close(self) -> None:
        self.terminal.close()
        self._stand.far.sesh("kill", self.name)


def watch(clients: Sequence[Watched], seconds: float) -> None:
    """Let so much time pass, and read what comes."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for client in clients:
            client.newest(min(_TICK, left))


def go_on(clients: Sequence[Watched]) -> None:
    """Wait until every terminal shows what the program prints now."""
    for client in clients:
        client.go_on()


def new_output(clients: Sequence[Watched], moment: float, patience: float) -> list[float]:
    """Return the seconds until each terminal shows a number that is new, at most `patience`."""
    seen = {client.name: client.newest() for client in clients}
    back: dict[str, float] = {}
    while len(back) < len(clients) and time.monotonic() < moment + patience:
        for client in clients:
            if client.name not in back and client.newest(_TICK) > seen[client.name]:
                back[client.name] = time.monotonic() - moment
            if client.terminal.ended():
                back.setdefault(client.name, patience)
    return [back.get(client.name, patience) for client in clients]
