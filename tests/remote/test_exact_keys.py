"""Keys over a link that breaks arrive once and in order, or sesh reports them."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.remote.farm import Farm, SshHost
from tests.remote.via import Beside, ViaHost
from tests.support import Glass, Home, Terminal, rounds

# Appends its input to the file `typed`, and echoes it if the argument is `echo`.
_RECORDER = """
import os, sys, tty
tty.setraw(0)
typed = os.open("typed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(1, b"begins ")
while True:
    keys = os.read(0, 65536)
    os.write(typed, keys)
    if sys.argv[1] == "echo":
        os.write(1, keys.replace(b"\\r", b"\\r\\n"))
"""


def recording(home: Home, far: SshHost | ViaHost, echo: bool, predict: str) -> Terminal:
    settings = Path(home.path, ".config/sesh/config.toml")
    remotes = settings.read_text() if settings.exists() else ""
    home.write(".config/sesh/config.toml", f'predict = "{predict}"\n{remotes}')
    far.write("recorder.py", _RECORDER)
    program = ("--", far.python, "-ISB", "recorder.py", "echo" if echo else "silent")
    terminal = home.terminal("@box", "work", *program)
    terminal.wait_for("begins")
    return terminal


class Typist:
    """Types numbered words as keys, bursts and pastes, and keeps them in `typed`."""

    def __init__(self, terminal: Terminal, far: SshHost | ViaHost, seed: int) -> None:
        self.terminal, self.far, self.random = terminal, far, Random(seed)
        self.typed = b""
        self._words = 0

    def some(self) -> None:
        """Type some words in one of these ways."""
        most = self.random.choice((1, 1, 5, 40, 400))
        words = b"".join(b"%d%s" % (self._words + more, self.random.choice((b" ", b"\r"))) for more in range(most))
        self._words += most
        self.typed += words
        if most == 1:
            for key in words:
                self.terminal.type(bytes([key]))
        else:
            self.terminal.type(words)

    def arrived(self) -> bool:
        return len(self._recorded()) >= len(self.typed)

    def _recorded(self) -> bytes:
        with open(os.path.join(self.far.home, "typed"), "rb") as file:
            return file.read()

    def judge(self) -> None:
        """Wait until all keys have arrived, and check that nothing else came."""
        self.terminal.wait_until(self.arrived, "all keys", timeout=30)
        self.terminal.wait_until(self.far.settled, "both sides are at rest")
        assert self._recorded() == self.typed


def shown(typed: bytes) -> Glass:
    """Return a terminal that shows these keys as the recorder echoes them."""
    glass = Glass(80, 24)
    glass.feed(b"begins " + typed.replace(b"\r", b"\r\n"))
    return glass


def same(terminal: Terminal, glass: Glass) -> bool:
    """Return whether two terminals show the same, even underlines, which betray guesses."""
    terminal.screen()
    cells = [
        [[each.buffer[row][column] for column in range(80)] for row in range(24)] for each in (terminal.glass, glass)
    ]
    return terminal.text() == glass.text() and cells[0] == cells[1]


@pytest.mark.long
@pytest.mark.timeout(rounds(120, 600))
@pytest.mark.parametrize(
    ("echo", "predict"),
    [
        (True, "always"),
        pytest.param(True, "adaptive", marks=pytest.mark.soak),
        pytest.param(False, "adaptive", marks=pytest.mark.soak),
    ],
    ids=["predicted", "echoed", "silent"],
)
def test_keys_arrive_once_and_in_order_through_many_cuts(home: Home, farm: Farm, echo: bool, predict: str) -> None:
    """Keys come before, during and after the loss of the link, and under the notice."""
    far = farm.host("box", proxied=True)
    typist = Typist(recording(home, far, echo, predict), far, 1)
    terminal, random = typist.terminal, typist.random
    ways = ("cut", "outage", "told", "silence", "strand")
    for way in random.sample(ways, len(ways)) * rounds(1, 4):
        typist.some()
        accepted = far.proxy.accepted
        if way in ("outage", "told"):
            far.proxy.refuse()
        if way == "strand":
            far.proxy.strand()
        elif way == "silence":
            far.proxy.silence()
        else:
            far.proxy.cut()
        typist.some()
        if way == "told":
            terminal.wait_until(lambda: "Enter tries" in terminal.screen()[-1], "one line says so", timeout=20)
            typist.some()
        elif way in ("silence", "strand"):
            terminal.wait_until(lambda accepted=accepted: far.proxy.accepted > accepted, "another connection has begun")  # type: ignore[misc]
            typist.some()
        if way == "silence":
            far.proxy.cut()
        far.proxy.restore()
        typist.some()
        if random.random() < 0.6:
            terminal.wait_until(typist.arrived, "all keys", timeout=30)
    typist.judge()
    wanted = shown(typist.typed if echo else b"")
    terminal.wait_until(lambda: same(terminal, wanted), "what was typed, and nothing else")


@pytest.mark.soak
def test_guesses_are_withdrawn_when_the_link_breaks(home: Home, beside: Beside) -> None:
    far = beside("box")
    typist = Typist(recording(home, far, True, "always"), far, 1)
    terminal = typist.terminal
    for word in ("one", "two", "three")[: rounds(1, 3)]:
        typist.typed += word.encode()
        terminal.type(word)
        terminal.wait_until(lambda: same(terminal, shown(typist.typed)), "the echo")
        before = shown(typist.typed).rows()
        far.fall_silent()
        terminal.type("ghost")
        typist.typed += b"ghost"
        terminal.wait_until(lambda: "Enter tries" in terminal.screen()[-1], "one line says so", timeout=20)
        assert terminal.screen()[:-1] == before[:-1]
        far.cut()
        far.end_silence()
        terminal.wait_until(lambda: same(terminal, shown(typist.typed)), "the echo")
    typist.judge()
