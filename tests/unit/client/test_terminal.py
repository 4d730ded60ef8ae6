"""The terminal is given back exactly as it was taken."""

from __future__ import annotations

import os
import select
import signal
import termios
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client import terminal as room
from sesh.client.terminal import RawTerminal
from sesh.system.descriptors import polled
from sesh.text.coding import shown_bytes

WATCHED = (
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
)


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """Master and slave of a new PTY."""
    master, slave = os.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def state(slave: int) -> list[object]:
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    return [
        termios.tcgetattr(slave),
        os.get_blocking(slave),
        wakeup,
        [signal.getsignal(number) for number in WATCHED],
        len(os.listdir("/dev/fd")),
    ]


def odd(slave: int) -> None:
    """Set attributes that differ from every default."""
    attributes = termios.tcgetattr(slave)
    attributes[0] |= termios.IXANY | termios.ICRNL
    attributes[1] &= ~termios.ONLCR
    attributes[3] &= ~termios.ECHOE
    attributes[6][termios.VINTR] = b"\x07"
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = b"\x05", b"\x03"
    termios.tcsetattr(slave, termios.TCSANOW, attributes)


@pytest.mark.parametrize("reopened", [True, False])
def test_r12_everything_comes_back(line: tuple[int, int], reopened: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, slave = line
    if not reopened:
        monkeypatch.setattr(os, "ttyname", lambda _: "/dev/null/none")
    odd(slave)
    before = state(slave)
    with RawTerminal(slave, slave) as terminal:
        assert termios.tcgetattr(slave) != before[0]
        assert (terminal.outbound == slave) is not reopened
        assert not os.get_blocking(terminal.outbound)
        assert os.get_blocking(slave) is reopened
    assert state(slave) == before


def test_r12_an_exception_gives_it_back_too(line: tuple[int, int]) -> None:
    _, slave = line
    before = state(slave)
    with pytest.raises(ZeroDivisionError), RawTerminal(slave, slave):
        raise ZeroDivisionError
    assert state(slave) == before


def test_what_was_typed_before_is_not_lost_and_enter_stays_enter(line: tuple[int, int]) -> None:
    """Enter that was typed before the board was shown moved the mark, as C-j does."""
    master, slave = line
    os.write(master, b"typed ahead\r")
    with RawTerminal(slave, slave) as terminal:
        os.write(master, b"\n")
        assert terminal.read(5) == b"typed"
        rest = b""
        while not rest.endswith(b"\n"):
            polled([(slave, select.POLLIN)], None)
            rest += terminal.read() or b""
        assert rest == b" ahead\r\n"


def test_signals_become_bytes_to_wait_for(line: tuple[int, int]) -> None:
    _, slave = line
    with RawTerminal(slave, slave) as terminal:
        assert terminal.take_signals() == set()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGWINCH)
        assert polled([(terminal.signals, select.POLLIN)], 0.0) == [terminal.signals]
        assert terminal.take_signals() == {signal.SIGTERM, signal.SIGWINCH}
        assert terminal.take_signals() == set()
        assert polled([(terminal.signals, select.POLLIN)], 0.0) == []


def test_a_signal_that_nobody_has_read_before_the_terminal_is_lent_is_not_lost(line: tuple[int, int]) -> None:
    """A client that was told to end asked for a login instead."""
    came = list[int]()
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with RawTerminal(*line) as terminal:
            os.kill(os.getpid(), signal.SIGTERM)
            with terminal.lent():
                assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_client_that_is_continued_before_it_has_stopped_does_not_stop(line: tuple[int, int]) -> None:
    """It stopped then, and nobody continued it."""
    _, slave = line
    with RawTerminal(slave, slave) as terminal:
        for number in (signal.SIGTSTP, signal.SIGCONT):
            os.kill(os.getpid(), number)
        assert terminal.take_signals() == {signal.SIGCONT}


def test_a_terminal_that_takes_nothing_is_waited_for_no_longer_than_said(line: tuple[int, int]) -> None:
    _, slave = line
    with RawTerminal(slave, slave) as terminal:
        assert not terminal.write_all(b"x" * 10_000_000, 0.2)
        assert terminal.write(b"more") == 0


@given(st.text("aé日本€\x1b[", max_size=30), st.sampled_from(["euc_jp", "iso8859-1"]), st.data())
def test_each_character_is_written_once_whatever_the_terminal_takes(
    text: str, coding: str, data: st.DataObject
) -> None:
    written = bytearray()
    master, slave = os.openpty()

    def take(_descriptor: int, block: bytes) -> int:
        count = data.draw(st.integers(min(1, len(block)), min(3, len(block))))
        written.extend(block[:count])
        return count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "own_coding", lambda: coding)
        patch.setattr(os, "write", take)
        terminal, waiting = RawTerminal(slave, slave), text.encode()
        while waiting:
            waiting = waiting[terminal.write(waiting) :]
    os.close(master)
    os.close(slave)
    assert written == shown_bytes(text.encode(), coding)


def test_a_character_whose_rest_was_dropped_takes_no_byte_of_what_follows(
    line: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    written, taken = bytearray(), [1]

    def take(_descriptor: int, block: bytes) -> int:
        count = taken.pop() if taken else len(block)
        written.extend(block[:count])
        return count

    monkeypatch.setattr(room, "own_coding", lambda: "euc_jp")
    monkeypatch.setattr(os, "write", take)
    terminal = RawTerminal(line[1], line[1])
    assert terminal.write("日".encode()) == 0
    assert terminal.write(b"\x1b[m") == 3
    assert written == "日".encode("euc_jp")[:1] + b"\x1b[m"
