"""Output that costs the emulator minutes: who attaches, types or asks is answered all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.support import Home, Result

Sesh = Callable[..., Result]

PROGRAM = """
import sys, tty
tty.setraw(0)
print("ready", end="", flush=True)
sys.stdin.buffer.read1(1)
sys.stdout.buffer.write({unit!r} * ({size} // len({unit!r})))
sys.stdout.buffer.write(b"\\x18\\x1b[?69l\\x1b[m\\x1b[2J\\x1b[Hend of it\\r\\n")
sys.stdout.flush()
while key := sys.stdin.buffer.read1(1):
    sys.stdout.buffer.write(b"[" + key + b"]")
    sys.stdout.flush()
"""


# Margins, the longest request and the largest picture take seconds each, in the same loops as the others.
@pytest.mark.parametrize(
    "unit",
    [
        b"x\x1b[1;1;100;300${",
        b"a\x1b[1000000000000000000b\x1b[31m",
        b"x\x1bc",
    ],
)
def test_one_who_attaches_behind_output_that_is_dear_sees_the_end_of_it_and_the_echo(
    sesh: Sesh, home: Home, unit: bytes
) -> None:
    program = home.write("program.py", PROGRAM.format(unit=unit, size=60_000))
    first = home.terminal("work", "--", sys.executable, program, columns=300, rows=100)
    first.wait_for("ready")
    first.type("g")
    first.wait_for_raw(b"end of it", timeout=60)
    first.type(b"\x1c")
    assert first.exit_code(timeout=60) == 0
    again = home.terminal("work", "--no-replay", columns=300, rows=100)
    again.wait_for("end of it", timeout=60)
    again.type("k")
    again.wait_for("[k]", timeout=60)
    assert sesh("--status", "work", timeout=60).code == 0
