"""A program that prints known bytes, behind a link that breaks at random moments."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.remote.farm import SshHost
from tests.remote.via import ViaHost
from tests.support import Glass, Home, Terminal

# Writes the file `stream` to its terminal, up to the byte that the file `until` names, and its position to `at`.
# The pieces have all sizes, so that reads of the terminal end anywhere. Then the first key is its exit code.
_PLAYER = """
import os, random, sys, time, tty
tty.setraw(0)
data, at, lot = open("stream", "rb").read(), 0, random.Random(int(sys.argv[1]))
told, until = os.open("at", os.O_RDWR | os.O_CREAT), os.open("until", os.O_RDWR | os.O_CREAT)
while at < len(data):
    most = int(os.pread(until, 20, 0) or 0)
    while at < most:
        size = min(lot.choice((1, 7, 40, 200, 700)), most - at)
        os.write(1, data[at : at + size])
        at += size
        os.pwrite(told, b"%d" % at, 0)
        time.sleep(0.002)
    time.sleep(0.005)
sys.exit(os.read(0, 1)[0])
"""


@dataclass(frozen=True)
class Break:
    """A way in which a link breaks and comes back; `blow` causes it."""

    name: str
    blow: Callable[[Storm, int], None]


class Storm:
    """A terminal on a session of `far` that prints `data`, with breaks by `seed`."""

    def __init__(self, home: Home, far: SshHost | ViaHost, data: bytes, seed: int) -> None:
        self.far, self.data, self.random = far, data, Random(seed)
        self.expected = Glass(80, 24)
        self.story: list[str] = []
        """The breaks so far, each with its first and last byte."""
        self._fed = 0
        far.write("stream", data)
        far.write("until", "")
        far.write("at", "")
        far.write("player.py", _PLAYER)
        for name in ("until", "at"):
            os.chmod(os.path.join(far.home, name), 0o666)  # noqa: S103 (both users write it)
        program = ("--", far.python, "-ISB", "player.py", str(seed))
        self.terminal: Terminal = home.terminal("@box", "work", *program)
        self.terminal.wait_until(lambda: b"\x1b" in self.terminal.raw, "the session shows", timeout=20)

    # -- the program

    def allow(self, until: int) -> None:
        """Let the program print up to this byte."""
        with open(os.path.join(self.far.home, "until"), "r+b") as file:
            file.write(b"%-20d" % min(until, len(self.data)))

    @property
    def at(self) -> int:
        """The byte up to which the program has printed."""
        return int(self.far.read("at") or 0)

    def printed(self, until: int) -> None:
        """Wait until the program has printed up to this byte."""
        until = min(until, len(self.data))
        self.terminal.wait_until(lambda: self.at >= until, f"{until} bytes printed", timeout=30)

    # -- the judge

    def _right(self, until: int) -> list[str]:
        """Return the rows that the terminal has to show after so many bytes."""
        self.expected.feed(self.data[self._fed : until])
        self._fed = max(self._fed, until)
        return self.expected.rows()

    def shows(self, until: int) -> None:
        """Print up to this byte, and wait until the terminal shows exactly that."""
        until = min(until, len(self.data))
        self.allow(until)
        wanted = self._right(until)
        self.terminal.wait_until(
            lambda: self.terminal.screen() == wanted and self.terminal.cursor == self._cursor(),
            "\n".join(wanted),
            timeout=30,
        )

    def _cursor(self) -> tuple[int, int]:
        return self.expected.cursor.y, min(self.expected.cursor.x, 79)

    def judge(self) -> None:
        """Print all; check that the terminal has each line once, in order."""
        self.shows(len(self.data))
        self.terminal.wait_until(self.far.settled, "nothing is on its way", timeout=20)
        glass = self.terminal.glass
        wanted, found = self.expected.text().splitlines(), self.terminal.text().splitlines()
        differs = "\n".join(difflib.unified_diff(wanted, found, "printed", "shown", lineterm="", n=2))
        assert not differs, f"{differs}\nafter {self.story}"
        assert self._cells(glass) == self._cells(self.expected)
        assert (glass.cursor.y, glass.cursor.attrs) == (self.expected.cursor.y, self.expected.cursor.attrs)
        assert glass.alternate == self.expected.alternate
        assert glass.margins == self.expected.margins

    @staticmethod
    def _cells(glass: Glass) -> list[list[object]]:
        return [[glass.buffer[row][column] for column in range(glass.columns)] for row in range(glass.lines)]

    # -- what breaks

    def rounds(self, count: int, breaks: tuple[Break, ...] = ()) -> None:
        """Break the link `count` times, with each kind of break before any comes again."""
        deck: list[Break] = []
        moments = sorted(self.random.sample(range(1, len(self.data) - 1), 2 * count))
        for begins, ends in zip(moments[::2], moments[1::2], strict=True):
            self.allow(ends)
            self.printed(begins)
            deck = deck or self.random.sample(breaks or BREAKS, len(breaks or BREAKS))
            each = deck.pop()
            self.story.append(f"{each.name} {begins}..{ends}")
            each.blow(self, ends)
            if self.random.random() < 0.7:  # else the next break may come before the link is back
                self.shows(ends)

    def told(self) -> None:
        """Wait until the last row says that the link is lost."""
        self.terminal.wait_until(lambda: "Enter tries" in self.terminal.screen()[-1], "one line says so", timeout=20)


def _cut(storm: Storm, ends: int) -> None:
    storm.far.cut()


def _outage(storm: Storm, ends: int) -> None:
    storm.far.away()
    storm.printed(ends)
    storm.far.back()


def _told(storm: Storm, ends: int) -> None:
    """Bring the link back as soon as the last row says that it is lost."""
    storm.far.away()
    storm.told()
    storm.far.back()


def _long(storm: Storm, ends: int) -> None:
    storm.far.away()
    storm.told()
    storm.printed(ends)
    storm.far.back()


def _pause(storm: Storm, ends: int) -> None:
    """Hold everything back for a while, then let it pass."""
    storm.far.fall_silent()
    storm.printed(ends)
    storm.far.end_silence()


def _silence(storm: Storm, ends: int) -> None:
    """Stay silent until another link is tried, which gets no answer either."""
    links = len(storm.far.links())
    storm.far.fall_silent()
    storm.terminal.wait_until(lambda: len(storm.far.links()) > links, "another connection", timeout=20)
    storm.far.cut()
    storm.far.end_silence()


def _strand(storm: Storm, ends: int) -> None:
    links = len(storm.far.links())
    storm.far.strand()
    storm.terminal.wait_until(lambda: len(storm.far.links()) > links, "another connection", timeout=20)


CUT, OUTAGE, TOLD, LONG, PAUSE, SILENCE, _ = BREAKS = (
    Break("cut", _cut),
    Break("outage", _outage),
    Break("told", _told),
    Break("long", _long),
    Break("pause", _pause),
    Break("silence", _silence),
    Break("strand", _strand),
)
