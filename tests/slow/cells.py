"""The bench's table: where a session is, how its terminal reads, and what happens while it prints.

A cell is `here-1MB/s-larger`: a place, a pace, an event. `run` plays one and judges it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.fidelity.xterm import Step, Xterm
from tests.remote.via import Beside, ViaHost
from tests.slow.judge import Verdict, judge, lacking, numbers, said_in
from tests.slow.program import END, READY, Program, filling, numbered
from tests.slow.terminal import Pace, Seen, SlowTerminal
from tests.support import Home

SIZE, LARGER, SMALLER = (80, 24), (100, 30), (72, 16)
_SAID_WITHIN = 3.0  # seconds after the last line in which a line that says what was left out must show
_ECHO_WITHIN = 1.0  # seconds after a key; so many times as long where so many programs want each processor
_ENOUGH = 2.0  # seconds after all was printed; then what a terminal has taken is all that it gets
_REPLAY_ALL = "replay_lines = 1000000\nscrollback = 1000000\n"


@dataclass(frozen=True)
class Amount:
    """What is printed while something happens: numbered lines of 15 bytes; bytes of a fill."""

    lines: int
    fill: int


MANY, FEW = Amount(300_000, 1_000_000), Amount(120_000, 600_000)
"""The few, too, are more than a client may be behind before lines are left out: 1 MiB."""


class Scene:
    """One cell being played: the homes, the session's program, and the terminal that is judged."""

    def __init__(self, cell: Cell, home: Home, beside: Beside) -> None:
        self.cell, self.home = cell, home
        self.far: ViaHost | None = beside("box") if cell.place == "link" else None
        self.there: Home = self.far or home
        self.words = ["@box", "work"] if self.far else ["work"]
        for each in {id(home): home, id(self.there): self.there}.values():
            _prepend(each, cell.event.settings)
        self.program: Program
        self.terminal: SlowTerminal
        self._printed_at: float | None = None  # monotonic: when the program had printed its first part
        self.of_leader: list[Step] = []  # what another terminal took while it led; empty if none did

    def attach(self, *options: str, command: Sequence[str] | None = None, size: tuple[int, int] = SIZE) -> SlowTerminal:
        """Open a quick terminal with an attached client, or with a command."""
        columns, rows = size
        words = [] if command else [*self.words, *options]
        terminal = self.home.terminal(*words, command=command, kind=SlowTerminal, columns=columns, rows=rows)
        assert isinstance(terminal, SlowTerminal)
        return terminal

    def begin(self, program: Program) -> None:
        """Open the session, and attach the terminal that is judged."""
        self.program = program
        program.open("work")
        attach = " ".join(["sesh", *self.words])
        shell = ["sh", "-c", f"{attach}; echo GONE; read back; {attach}"]
        self.terminal = self.attach(command=shell if self.cell.event.returns else None)
        self.terminal.wait_for_bytes(READY)
        self.terminal.pace = self.cell.pace

    def wait(self, condition: Callable[[], object], what: str) -> None:
        self.terminal.wait_until(condition, what)

    def wait_for_event(self) -> None:
        """Wait until the terminal is behind: it has taken some, and stands still, if it is one that stops."""
        terminal, pace = self.terminal, self.terminal.pace
        self.wait(self._is_behind, f"{self.cell.event.begins_at:,} bytes in the terminal")
        self.wait(lambda: terminal.stopped_at is None or terminal.stopping >= pace.stop / 2, "half of the stop")

    def _is_behind(self) -> bool:
        """Tell whether the terminal has taken enough. It may never get so much: what is left out does not come."""
        if self._printed_at is None and self.program.printed(0):
            self._printed_at = time.monotonic()
        waited = 0.0 if self._printed_at is None else time.monotonic() - self._printed_at
        return self.terminal.taken >= self.cell.event.begins_at or waited > _ENOUGH

    def ping(self, word: str) -> None:
        """Type a line, and wait until the program's answer shows."""
        taken = self.terminal.taken
        self.terminal.type(f"{word}\n")
        self.terminal.wait_for_bytes(f"pong {word}".encode(), taken)


def _prepend(home: Home, settings: str) -> None:
    path = ".config/sesh/config.toml"
    try:
        with open(f"{home.path}/{path}", encoding="utf-8") as file:
            present = file.read()
    except FileNotFoundError:
        present = ""
    if settings:
        home.write(path, settings + present)


# -- what happens


def _nothing(scene: Scene) -> None:
    pass


def _to_and_fro(scene: Scene) -> None:
    terminal = scene.terminal
    taken = terminal.taken
    terminal.resize(*LARGER)
    scene.wait(lambda: terminal.taken >= taken + 100_000 or scene.program.printed(0), "100 KB more, or all printed")
    terminal.resize(*SIZE)


def _larger(scene: Scene) -> None:
    scene.terminal.resize(*LARGER)


def _smaller(scene: Scene) -> None:
    scene.terminal.resize(*SMALLER)


def _redraw(scene: Scene) -> None:
    """Continue the client, as `fg` does: it asks for a screen."""
    scene.terminal.signal(signal.SIGCONT)


def _brief_cut(scene: Scene) -> None:
    """Let 150 KB be printed while the link is down."""
    assert scene.far is not None
    scene.far.away()
    scene.program.go(1)
    scene.wait(lambda: scene.program.printed(1), "the output of the outage")
    scene.far.back()


def _long_cut(scene: Scene) -> None:
    """Let all that is left be printed while the link is down: more than the log holds."""
    assert scene.far is not None
    scene.far.away()
    scene.wait(lambda: scene.program.printed(0), "the output of the outage")
    scene.far.back()


def _return(scene: Scene) -> None:
    """Leave with the key, and come back at once in the same terminal."""
    taken = scene.terminal.taken
    scene.terminal.type(b"\x1c")
    scene.terminal.wait_for_bytes(b"GONE", taken)
    scene.terminal.type("\n")


def _second(scene: Scene) -> None:
    """Attach a client of another size, which leads then: the judged one shows a part until it types."""
    _join(scene)


def _onlooker(scene: Scene) -> None:
    """Attach a client of another size that only looks on."""
    _join(scene, "--read-only")


def _join(scene: Scene, *options: str) -> None:
    other = scene.attach(*options, size=LARGER)
    scene.terminal.companions.append(other)
    scene.wait(lambda: other.taken > 0, "the second client's screen")


def _leader(scene: Scene) -> None:
    """Attach a quick client, which leads."""
    other = scene.attach()
    scene.terminal.companions.append(other)
    scene.wait(Seen(other, READY), "the leader's screen")


def _take_lead(scene: Scene) -> None:
    scene.terminal.type("lead\n")


def _reload(scene: Scene) -> None:
    reload = scene.there.start("reload", "work")
    scene.wait(lambda: reload.poll() is not None, "the end of reload")
    assert reload.returncode == 0, reload.communicate()


@dataclass(frozen=True)
class Event:
    """What happens to a terminal while its session prints.

    `act` happens once the terminal has taken `begins_at` bytes, or halfway through its stop. `before`: what else is
    there before any output. `leaves_out`: lines may be left out, if one line says how many. `parts`: the numbers of
    lines that the program prints, if these are not many and a rest; the first and all that `act` lets go come before
    and while it acts, the last afterwards. `returns`: the terminal's program is a shell. `link`: needs a link.
    `viewed`: the terminal is not the size of the session, whose screen it shows until it types.
    """

    act: Callable[[Scene], None]
    before: Callable[[Scene], None] = _nothing
    leaves_out: bool = False
    begins_at: int = 200_000
    parts: tuple[int, ...] = ()
    settings: str = ""
    returns: bool = False
    link: bool = False
    viewed: bool = False


EVENTS = {
    "alone": Event(_nothing),
    "resized": Event(_to_and_fro),
    "larger": Event(_larger),
    "smaller": Event(_smaller),
    "redraw": Event(_redraw),
    "cut-150KB": Event(_brief_cut, link=True, parts=(6_000, 10_000, 2_000), begins_at=30_000),
    "cut-long": Event(_long_cut, link=True, leaves_out=True),
    "left": Event(_return, returns=True, leaves_out=True),
    "left-replay-all": Event(_return, returns=True, settings=_REPLAY_ALL),
    "second": Event(_second, leaves_out=True, viewed=True),
    "onlooker": Event(_onlooker),
    "spectator": Event(_take_lead, before=_leader, leaves_out=True),
    "reload": Event(_reload),
}
PACES = {
    "fast": Pace(),
    "1MB/s": Pace(rate=1_000_000),
    "stopped-1s": Pace(stop=1.0),
    "stopped-5s": Pace(stop=5.0),
}
PLACES = ("here", "link")
FILLS = {"alignments": "\x1b#8", "resets": "\x1bc"}
_GIVEN_UP = 2.0  # seconds without progress after which a leader is sent the screen, as one that does not lead


@dataclass(frozen=True)
class Cell:
    """One cell of the table. `fill`: what is printed in place of lines."""

    place: str
    reader: str
    happens: str
    fill: str = ""

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.place, self.reader, self.happens, self.fill)))

    @property
    def event(self) -> Event:
        return EVENTS[self.happens]

    @property
    def pace(self) -> Pace:
        return replace(PACES[self.reader], stops_at=self.event.begins_at)

    @property
    def may_leave_out(self) -> bool:
        """Whether lines may be missing, if one line says how many."""
        return self.event.leaves_out or self.pace.stop > _GIVEN_UP


LINES = [
    Cell(place, reader, happens)
    for place in PLACES
    for happens, event in EVENTS.items()
    if place == "link" or not event.link
    for reader in PACES
]
OF_FILLS = [
    Cell(place, reader, happens, fill)
    for place in PLACES
    for fill in FILLS
    for happens in ("alone", "larger")
    for reader in PACES
]
CELLS = {cell.name: cell for cell in (*LINES, *OF_FILLS)}
SHORT = (
    "here-1MB/s-resized",
    "here-stopped-1s-larger",
    "here-stopped-1s-redraw",
    "here-1MB/s-reload",
    "here-stopped-1s-left",
    "here-stopped-1s-spectator",
    "here-fast-second",
    "link-1MB/s-alone",
    "link-1MB/s-resized",
    "link-fast-cut-150KB",
    "link-fast-cut-long",
    "here-1MB/s-larger-alignments",
)
"""The cells that `make test` plays, with fewer lines."""


@dataclass(frozen=True)
class Outcome:
    """What a cell came to. `echo`: the seconds until a key's echo showed; 0 without a fill."""

    cell: Cell
    verdict: Verdict
    echo: float = 0.0

    @property
    def holds(self) -> bool:
        return self.verdict.holds


def run(cell: Cell, home: Home, beside: Beside, xterm: Xterm, amount: Amount = MANY) -> Outcome:
    """Play a cell, and judge its terminal; raises AssertionError if it gets stuck."""
    scene = Scene(cell, home, beside)
    if cell.fill:
        return _run_fill(scene, amount.fill)
    parts = cell.event.parts or (amount.lines, 2_000)
    scene.begin(numbered(scene.there, *parts))
    cell.event.before(scene)
    scene.program.go(0)
    scene.wait_for_event()
    cell.event.act(scene)
    scene.program.go(len(parts) - 1)
    _settle(scene, sum(parts))
    scene.program.close()
    terminal = scene.terminal
    count = sum(parts)
    text = xterm.text(*SIZE, *terminal.steps())
    said = said_in(terminal.raw)
    logged = numbers(scene.there.sesh("logs", "work", "1000000").stdout.splitlines()) if said else ()
    verdict = judge(text, count, said, logged=logged, may_leave_out=cell.may_leave_out, left=cell.event.returns)
    if scene.of_leader:
        of_leader = judge(xterm.text(*LARGER, *scene.of_leader), count, joined=True).faults
        verdict = replace(verdict, faults=(*verdict.faults, *(f"the leader's: {fault}" for fault in of_leader)))
    return Outcome(cell, verdict)


def _settle(scene: Scene, count: int) -> None:
    """Wait for the last line and for what sesh says; lead, and take away by a key what was said before and after that.

    The answer to the last key comes behind the screen that took the line away.
    """
    terminal, cell = scene.terminal, scene.cell
    terminal.wait_for_bytes(END)
    if cell.event.viewed:
        other = terminal.companions[0]
        scene.wait(Seen(other, END), "the last line in the terminal that leads")
        scene.of_leader = other.steps()
    elif cell.may_leave_out:
        _await_saying(terminal, count)
    scene.ping("1")
    if cell.may_leave_out:
        _await_saying(terminal, count)
    scene.ping("2")
    scene.ping("3")


def _await_saying(terminal: SlowTerminal, count: int) -> None:
    """Read until all that is lacking was said, but not for ever: that nothing is said is a fault to be reported."""
    until = time.monotonic() + _SAID_WITHIN
    while time.monotonic() < until and lacking(terminal.raw, count):
        while time.monotonic() < until and not terminal.pump(0.1):
            pass


def _run_fill(scene: Scene, size: int) -> Outcome:
    """Measure when the echo of a key that is typed during a fill shows."""
    cell = scene.cell
    scene.begin(filling(scene.there, FILLS[cell.fill], size))
    _echo(scene, "0")
    scene.program.go(0)
    scene.wait_for_event()
    cell.event.act(scene)
    seconds = _echo(scene, "1")
    allowed = _ECHO_WITHIN * _crowd()
    scene.program.close()
    late = (f"an echo came after {seconds:.2f} s, not within {allowed:.2f} s",) if seconds > allowed else ()
    return Outcome(cell, Verdict(0, 0, (), late), seconds)


def _crowd() -> float:
    """Return how many programs have wanted each processor in the last minute; 1 if fewer."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _echo(scene: Scene, word: str) -> float:
    """Return the seconds until the answer to a key shows, without those for which the terminal itself is to blame."""
    terminal = scene.terminal
    taken, begin = terminal.taken, time.monotonic()
    scene.ping(word)
    if terminal.stopped_at is not None:
        begin = max(begin, terminal.stopped_at + terminal.pace.stop)
    return max(0.0, time.monotonic() - begin - (terminal.taken - taken) / terminal.pace.rate)
