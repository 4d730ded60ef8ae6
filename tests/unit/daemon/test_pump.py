"""A key that interrupts discards the output that a program waits with, as the terminal does."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator

import pytest

from sesh.daemon.base.due import Agenda
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from tests.support.waiting import wait_until

OLD = b"old " * 500
LOCAL, CHARACTERS = 3, 6


@pytest.fixture
def pump() -> Iterator[Pump]:
    """A pump whose program has printed `OLD`, and waits."""
    pump = Pump(Agenda(), OutputLog(job=False), Lifecycle())
    master, slave = os.openpty()
    os.set_blocking(master, False)
    pump.pty = Pty(master, slave)
    os.write(slave, OLD)
    wait_until(lambda: pump.pty.readable() == len(OLD), "the output can be read")
    yield pump
    pump.close()


def change(pump: Pump, *, local: int = 0, characters: dict[int, bytes] | None = None) -> None:
    """Clear flags of the terminal, or set them; set characters."""
    modes = termios.tcgetattr(pump.pty.slave)
    modes[LOCAL] ^= local
    for index, character in (characters or {}).items():
        modes[CHARACTERS][index] = character
    termios.tcsetattr(pump.pty.slave, termios.TCSANOW, modes)


def read_to(pump: Pump, end: bytes) -> bytes:
    """Let the program go on; return what is read up to `end`."""
    pump.allowed = 1 << 20
    output = bytearray()

    def ended() -> bool:
        output.extend(pump.read())
        return output.endswith(end)

    wait_until(ended, f"{end!r} is read")
    return bytes(output)


@pytest.mark.parametrize("key", [b"\x03", b"\x1c", b"\x1a", b"keys\x03"])
def test_what_was_printed_before_a_key_that_interrupts_is_not_shown_behind_it(pump: Pump, key: bytes) -> None:
    """4 KB that the kernel keeps showed first, which takes 2 s over a link of 2 KB/s."""
    pump.type(key)
    pump.type(b"more")
    assert b"old" not in read_to(pump, b"more")


def test_a_second_key_does_not_discard_what_the_first_one_brought(pump: Pump) -> None:
    pump.type(b"\x03")
    wait_until(lambda: pump.pty.readable() == len(OLD + b"^C"), "the first one was echoed")
    os.write(pump.pty.slave, b"prompt ")
    wait_until(lambda: pump.pty.readable() == len(OLD + b"^Cprompt "), "the prompt can be read")
    pump.type(b"\x03")
    assert read_to(pump, b"^C").startswith(b"^Cprompt ")


def test_a_program_that_does_not_wait_loses_nothing(pump: Pump) -> None:
    pump.allowed = 1
    pump.type(b"\x03")
    assert read_to(pump, b"^C") == OLD + b"^C"


@pytest.mark.parametrize("flag", [termios.ISIG, termios.NOFLSH])
def test_a_terminal_that_keeps_its_output_keeps_all_of_it(pump: Pump, flag: int) -> None:
    change(pump, local=flag)
    pump.type(b"\x03")
    assert read_to(pump, b"^C") == OLD + b"^C"


def test_the_keys_are_those_of_the_terminal(pump: Pump) -> None:
    disabled = os.fpathconf(pump.pty.slave, "PC_VDISABLE").to_bytes(1, "big")
    change(pump, characters={termios.VINTR: b"\x07", termios.VSUSP: disabled})
    pump.type(b"\x03\x1a\0")
    assert read_to(pump, b"^@") == OLD + b"^C^Z^@"
    os.write(pump.pty.slave, OLD)
    wait_until(lambda: pump.pty.readable() == len(OLD), "the output can be read")
    pump.allowed = 0
    pump.type(b"\x07")
    assert read_to(pump, b"^G") == b"^G"
