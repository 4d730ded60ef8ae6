"""The bench itself: what a slow terminal takes without sesh, and what the emulator makes of it."""

from __future__ import annotations

import pytest

from tests.fidelity.xterm import Step, Xterm
from tests.slow.cells import LARGER, SIZE, SMALLER
from tests.slow.judge import NUMBERED, judge
from tests.slow.program import END
from tests.slow.terminal import Pace, SlowTerminal
from tests.support import Home

COUNT = 12_000  # more than the emulator keeps
OUTPUT = b"".join(f"{NUMBERED.format(number)}\r\n".encode() for number in range(1, COUNT + 1))


def test_the_emulator_tells_every_line_through_all_sizes(xterm: Xterm) -> None:
    half = len(OUTPUT) // 2
    steps: list[Step] = [OUTPUT[:half], LARGER, SMALLER, OUTPUT[half:], SIZE]
    assert judge(xterm.text(*SIZE, *steps), COUNT).holds


@pytest.mark.parametrize("erase", [b"\x1b[3J", b"\x1bc"])
def test_an_erased_scrollback_is_an_error(erase: bytes, xterm: Xterm) -> None:
    with pytest.raises(RuntimeError, match="erased"):
        xterm.text(*SIZE, OUTPUT, erase)


def test_a_terminal_that_stops_and_changes_takes_every_line_of_a_plain_program(home: Home, xterm: Xterm) -> None:
    program = f"seq -f 'line %08.0f' {COUNT} | cat; echo THE END; read word"
    terminal = home.terminal(command=["sh", "-c", program], kind=SlowTerminal)
    assert isinstance(terminal, SlowTerminal)
    terminal.pace = Pace(rate=1_000_000, stop=0.1, stops_at=50_000)
    terminal.wait_until(lambda: terminal.stopping, "the stop")
    terminal.resize(*LARGER)
    terminal.wait_for_bytes(END)
    assert terminal.taken == len(OUTPUT) + len("THE END\r\n")
    assert judge(xterm.text(*SIZE, *terminal.steps()), COUNT).holds
