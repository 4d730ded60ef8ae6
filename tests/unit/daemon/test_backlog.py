"""What the emulator is behind with beyond memory lies in a file without a name, whole; where the disk takes none the
program waits."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sesh import paths, system
from sesh.daemon.pty import backlog, output_log
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen import model as models
from sesh.daemon.screen.model import Model
from sesh.vt.emulator import Emulator

MEMORY, MOVED, LARGEST = 20_000, 5_000, 100_000
LINE = b"a line with \x1b[3%dm colour \x1b[0m and a number %d\r\n"


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small bounds, and a directory that counts as a disk."""
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    monkeypatch.setattr(system, "on_local_disk", lambda _: True)
    monkeypatch.setattr(backlog, "RESERVE", 0)
    for name, value in (("IN_MEMORY", MEMORY), ("MOVED", MOVED), ("LARGEST", LARGEST)):
        monkeypatch.setattr(output_log, name, value)
    monkeypatch.setattr(models, "IN_MEMORY", MEMORY)


@pytest.fixture
def log() -> Iterator[OutputLog]:
    log = _log()
    yield log
    log.trim(log.head)


def _log(base: int = 0) -> OutputLog:
    log = OutputLog(base)
    log.on_disk, log.retained = True, 1000
    return log


def files() -> list[int]:
    """The descriptors of files without a name."""
    found = []
    for entry in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(entry))
        except OSError:
            continue  # that of the list itself
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            found.append(int(entry))
    return found


def fill(log: OutputLog, size: int) -> bytes:
    """Appends about `size` bytes; returns all that the log holds."""
    number = 0
    while log.head < size:
        log.append(LINE % (number % 8, number) * 100)  # a block of its own
        number += 1
    return log.bytes(log.base)


def test_a_file_that_a_killed_daemon_of_this_number_left_is_no_obstacle(log: OutputLog, tmp_path: Path) -> None:
    (tmp_path / f".unnamed.{os.getpid()}.sesh").touch()
    for number in range(2 * MEMORY // len(LINE)):
        log.append(LINE % (1, number))
    assert log.base < log.in_memory
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_no_name_and_is_only_the_users_and_gone_once_it_was_read(log: OutputLog, tmp_path: Path) -> None:
    before = files()
    log.append(bytes(MEMORY))
    assert files() == before
    for _ in range(4):
        log.append(bytes(8_000))
    (descriptor,) = set(files()) - set(before)
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == paths.OWN
    assert not os.get_inheritable(descriptor)
    assert os.listdir(tmp_path) == []
    assert log.base == 0
    assert MEMORY <= log.head - log.in_memory < MEMORY + MOVED + 8_000
    log.trim(log.head)
    assert files() == before
    assert log.base == log.in_memory


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 9_000)),
        st.tuples(st.just("trim"), st.integers(0, 100)),
        st.tuples(st.just("read"), st.integers(0, 100)),
    ),
    max_size=80,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.integers(0, 1 << 40))
def test_what_is_read_is_what_was_written_wherever_it_lies(steps: list[tuple[str, int]], base: int) -> None:
    log, written = _log(base), b""
    before = files()
    for number, (step, value) in enumerate(steps):
        position = log.base + value * (log.head - log.base) // 100
        if step == "append":
            if log.head - log.base + value <= LARGEST:  # as the program waits from there on
                block = bytes((number + index) & 0xFF for index in range(value))
                written += block
                log.append(block)
        elif step == "trim":
            log.trim(position)
        else:
            views = log.read(position, 30_000)
            assert b"".join(views) == written[position - base :][:30_000]
        assert log.bytes(log.base) == written[log.base - base :]
        assert log.head - log.in_memory < MEMORY + MOVED + 9_000
        sizes = [os.fstat(descriptor).st_size for descriptor in files() if descriptor not in before]
        assert all(size <= LARGEST for size in sizes)
    log.trim(log.head)
    assert files() == before


def test_the_file_is_a_ring_that_never_grows_beyond_its_bound(log: OutputLog) -> None:
    before = files()
    written, number = 0, 0
    while written < 10 * LARGEST:
        block = b"%08d" % number * 500
        log.append(block)
        written, number = written + len(block), number + 1
        log.trim(log.head - LARGEST * 3 // 4)
        assert log.bytes(log.base, log.base + 8).isdigit()
    (descriptor,) = set(files()) - set(before)
    assert os.fstat(descriptor).st_size <= LARGEST


@pytest.mark.parametrize("call", ["pwrite", "open"])
def test_a_disk_that_takes_nothing_keeps_all_in_memory_and_is_tried_again(
    log: OutputLog, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert log.most == LARGEST
    with monkeypatch.context() as fault:
        fault.setattr(os, call, full)
        written = fill(log, 40_000)
        assert log.most == MEMORY
    assert log.bytes(0) == written
    assert log.in_memory == log.base == 0
    now = time.monotonic() + 2
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert log.most == LARGEST
    log.append(b"more")
    assert log.in_memory > 0
    assert log.bytes(0) == written + b"more"


def test_a_write_that_fails_amid_a_move_loses_nothing(log: OutputLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write: Callable[[int, memoryview, int], int] = os.pwrite
    calls: list[int] = []

    def torn(descriptor: int, data: memoryview, offset: int) -> int:
        calls.append(offset)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return write(descriptor, data[: max(1, len(data) // 2)], offset)

    monkeypatch.setattr(os, "pwrite", torn)
    written = fill(log, 40_000)
    now = time.monotonic() + 2
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log.append(b"more")
    assert log.in_memory > 0
    assert log.bytes(0) == written + b"more"


def test_files_in_memory_take_none_of_it(log: OutputLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "on_local_disk", lambda _: False)
    before = files()
    fill(log, 40_000)
    assert files() == before
    assert log.most == MEMORY


def test_room_is_left_on_the_disk_for_others(log: OutputLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "RESERVE", 1 << 60)
    fill(log, 40_000)
    assert log.most == MEMORY
    assert log.in_memory == 0


def test_the_program_waits_only_where_the_disk_takes_no_more(log: OutputLog, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Model(log, 80, 24)
    while log.head < LARGEST - 9_000:
        log.append(bytes(4_000))
        assert behind.room > 0
    log.append(bytes(9_000))
    assert behind.room <= 0
    behind.reach(20_000, 10)
    assert behind.room > 0
    monkeypatch.setattr(log, "on_disk", False)
    assert behind.room <= 0


def test_the_screen_is_exact_once_the_emulator_has_read_the_file(log: OutputLog) -> None:
    log.retained = LARGEST
    written = fill(log, 80_000)
    assert log.in_memory > 0
    behind, at_once = Model(log, 80, 24), Emulator(80, 24, max_lines=behind_lines(), max_bytes=8 << 20)
    at_once.feed(written)
    while not behind.catch_up(1.0):
        log.trim(behind.position)
    assert behind.emulator.state() == at_once.state()


def behind_lines() -> int:
    return Model(OutputLog(), 80, 24).max_lines


def test_what_cannot_be_read_again_costs_the_emulator_that_part_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[str] = []
    log = OutputLog(fault=lambda line, _: faults.append(line))
    log.on_disk, log.retained = True, 1000
    fill(log, 80_000)
    log.append(b"\x1b[2J\x1b[Hthe end")
    behind = Model(log, 80, 24)

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    assert behind.catch_up(10)
    assert behind.emulator.text()[0] == "the end"
    assert behind.position == log.head
    assert "cannot be read again" in faults[0]
    log.trim(log.head)
