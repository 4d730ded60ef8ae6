"""The system calls that the foreground processes of a terminal sleep in: they tell whether one waits for a key.

`/proc/PID/syscall` names the system call that a thread sleeps in and its arguments. A daemon may read that of its
descendants (proc(5), and Yama's default), but not of a program that runs as another user. Linux only: no other system
says which descriptor a process reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from sys import byteorder

from sesh import identity, platform

READ, _POLL, _PPOLL, _SELECT, _EPOLL, _EPOLL2 = range(6)
_CALLS = {
    "x86_64": {
        0: READ, 19: READ, 7: _POLL, 219: _POLL, 271: _PPOLL, 23: _SELECT, 270: _SELECT, 232: _EPOLL, 281: _EPOLL,
        441: _EPOLL2,
    },
    "aarch64": {63: READ, 65: READ, 128: _POLL, 73: _PPOLL, 72: _SELECT, 22: _EPOLL, 441: _EPOLL2},
}  # fmt: skip
_CALLS["riscv64"] = _CALLS["loongarch64"] = _CALLS["aarch64"]
"""The calls that wait for descriptors, by the machine's name and their numbers (syscalls(2)). READ waits for one, the
others for several. 219 and 128 (restart_syscall) go on with one of poll, as after Ctrl-Z and fg."""

_KINDS = _CALLS.get(os.uname().machine) if platform.LINUX else None

MOST_PROCESSES, MOST_THREADS, MOST_DESCRIPTORS = 64, 64, 1024
"""Bounds of one look: processes of the foreground, threads of each, descriptors that one call waits for."""
PATIENT = 3.5
"""Seconds: a process that waits for less at a time goes on by itself, as a clock or a monitor does."""
ENDLESS = float("inf")
_IN = 0x0001 | 0x0040
"""POLLIN and POLLRDNORM: what asks for input (poll.h)."""
_INT = 0xFFFFFFFF
_OWN = ("anon_inode:[eventfd]", "anon_inode:[signalfd]")
"""Descriptors by which a process only wakes itself."""


class Foreground:
    """The foreground process group of a terminal at one moment.

    `reads`: True if one of its processes waits for nothing but a key. `polls`: if one waits for a key, whatever else it
    waits for. `runs`: True if one is on a processor, or waits for a disk. `ticks`: the processor time that they have
    used, in clock ticks. `members`: their pids. `told`: True if the kernel has said what they sleep in.
    """

    __slots__ = ("members", "polls", "reads", "runs", "ticks", "told")

    def __init__(self) -> None:
        self.reads = self.polls = self.runs = False
        self.told = True
        self.ticks = 0
        self.members: list[int] = []


def calls() -> dict[int, int] | None:
    """The kinds of the calls that wait for descriptors, by their numbers on this machine; None for an unknown one."""
    return _KINDS


def call_of(thread: str) -> list[int]:
    """The number of the call that a thread (`/proc/PID` or `/proc/PID/task/TID`) sleeps in, and its arguments.

    Empty while it runs. Raises OSError if the kernel does not tell.
    """
    words = identity.read_proc(f"{thread}/syscall", once=True).split()
    if not words or not words[0].lstrip(b"-").isdigit():
        return []
    return [int(words[0]), *[int(word, 16) for word in words[1:]]]


def foreground(group: int, leader: int, device: int) -> Foreground:
    """The process group in the foreground of the terminal `device` (as in `tty_nr`), in the session of `leader`."""
    summary = Foreground()
    summary.told = calls() is not None
    for pid, fields, threads in _members(group, leader):
        summary.members.append(pid)
        summary.ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        stats = {str(pid): fields}  # that of its first thread
        try:
            summary.reads = _waits_for_a_key(pid, threads, stats, device, summary) or summary.reads
        except OSError:
            summary.told = summary.told and not identity.stat_of(pid)  # one that has just ended has nothing to tell
    return summary


def _members(group: int, leader: int) -> Iterator[tuple[int, list[str], list[str]]]:
    """The living processes of a group, each with the fields of its `stat` from the state on, and its threads.

    Goes from parent to child, from the group's leader on and then from the session's: the group's may have ended before
    the others, as the first command of a pipe does.
    """
    due = [leader, group]
    seen: set[int] = set()
    while due and len(seen) < MOST_PROCESSES:
        pid = due.pop()
        if pid in seen:
            continue
        seen.add(pid)
        fields, threads = identity.stat_of(pid), _threads(pid)
        if len(fields) > 14 and fields[0] not in "ZX" and fields[2] == str(group):
            yield pid, fields, threads
        due += _children(pid, threads)


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")[:MOST_THREADS]
    except OSError:
        return []


def _children(pid: int, threads: list[str]) -> list[int]:
    children: list[int] = []
    for thread in threads:
        try:
            children += map(int, identity.read_proc(f"/proc/{pid}/task/{thread}/children").split())
        except OSError:
            continue
    return children


def _waits_for_a_key(
    pid: int, threads: list[str], stats: dict[str, list[str]], device: int, summary: Foreground
) -> bool:
    """Returns whether a thread of a process waits for the terminal, and none for anything else outside the process.

    `stats`: those of its threads that have been read.
    """
    reads = others = False
    descriptors = _Descriptors(pid, device)
    for thread in threads:
        fields = stats.get(thread) or identity.stat_of(f"{pid}/task/{thread}")
        if fields and fields[0] in "RD":
            summary.runs = others = True
            continue
        numbers, timeout = _awaited(pid, call_of(f"/proc/{pid}/task/{thread}"))
        kinds = {descriptors.kind(number) for number in numbers}
        others = others or _OTHER in kinds
        summary.polls = summary.polls or _TERMINAL in kinds
        reads = reads or (_TERMINAL in kinds and timeout >= PATIENT)
    return reads and not others


def _awaited(pid: int, call: list[int]) -> tuple[list[int], float]:
    """The descriptors that a call waits to read, and the seconds after which it returns anyway."""
    kind = _KINDS.get(call[0]) if _KINDS is not None and len(call) > 6 else None
    if kind is None:
        return [], ENDLESS
    first, second, third, fourth, fifth = call[1:6]
    if kind == READ:
        return [first & _INT], ENDLESS
    if kind == _POLL:
        return _polled(pid, first, second), _milliseconds(third)
    if kind == _PPOLL:
        return _polled(pid, first, second), _timespec(pid, third)
    if kind == _SELECT:
        return _selected(pid, first & _INT, second), _timespec(pid, fifth)
    return _in_epoll(pid, first & _INT), _timespec(pid, fourth) if kind == _EPOLL2 else _milliseconds(fourth)


def _milliseconds(argument: int) -> float:
    """The timeout of poll(2) and epoll_wait(2): an int, negative for none."""
    return ENDLESS if argument & 0x80000000 else (argument & _INT) / 1000


def _timespec(pid: int, address: int) -> float:
    """The timeout of ppoll(2) and pselect(2): seconds and nanoseconds, 8 bytes each; a null pointer for none."""
    if not address:
        return ENDLESS
    memory = _memory(pid, address, 16)
    return int.from_bytes(memory[:8], byteorder) + int.from_bytes(memory[8:], byteorder) / 1e9


def _memory(pid: int, address: int, size: int) -> bytes:
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    except (OverflowError, OSError):
        return b""  # no address: another call than it seemed to be
    finally:
        os.close(descriptor)


def _polled(pid: int, address: int, count: int) -> list[int]:
    """The descriptors of poll(2) that are to be read: `struct pollfd` is fd (4 bytes), events (2), revents (2)."""
    if not 0 < count <= MOST_DESCRIPTORS:
        return []
    memory = _memory(pid, address, 8 * count)
    rows = [memory[start : start + 8] for start in range(0, len(memory), 8)]
    pairs = [(int.from_bytes(row[:4], byteorder, signed=True), int.from_bytes(row[4:6], byteorder)) for row in rows]
    return [descriptor for descriptor, events in pairs if descriptor >= 0 and events & _IN]


def _selected(pid: int, count: int, address: int) -> list[int]:
    """The descriptors of select(2) that are to be read: a bit each, in words of the machine."""
    if not address or not 0 < count <= MOST_DESCRIPTORS:
        return []
    memory = _memory(pid, address, 8 * ((count + 63) // 64))
    bits = sum(int.from_bytes(memory[start : start + 8], byteorder) << 8 * start for start in range(0, len(memory), 8))
    return [descriptor for descriptor in range(count) if bits >> descriptor & 1]


def _in_epoll(pid: int, descriptor: int) -> list[int]:
    """The descriptors that an epoll instance watches for input (proc(5), fdinfo)."""
    lines = identity.read_proc(f"/proc/{pid}/fdinfo/{descriptor}").splitlines()
    rows = [line.split() for line in lines if line.startswith(b"tfd:")]
    return [int(row[1]) for row in rows[:MOST_DESCRIPTORS] if len(row) > 3 and int(row[3], 16) & _IN]


_TERMINAL, _SELF, _OTHER = range(3)
"""Targets of a descriptor: the terminal; the process itself; anything else."""


class _Descriptors:
    """The descriptors of a process whose terminal is `device`."""

    def __init__(self, pid: int, device: int) -> None:
        self._folder, self._device = f"/proc/{pid}/fd", device
        self._targets: list[str] = []
        """The targets of all descriptors; read once the process waits for a pipe."""

    def kind(self, descriptor: int) -> int:
        """The target of a descriptor: _TERMINAL, _SELF or _OTHER."""
        path = f"{self._folder}/{descriptor}"
        try:
            target = os.readlink(path)
            if target[:5] == "/dev/":
                device = os.stat(path).st_rdev
                controlling = os.major(device) == 5 and not os.minor(device)  # /dev/tty
                return _TERMINAL if controlling or identity.device_number(device) == self._device else _OTHER
        except (FileNotFoundError, PermissionError):
            return _OTHER
        if target[:5] == "pipe:":
            self._targets = self._targets or list(_links(self._folder))
            return _SELF if self._targets.count(target) > 1 else _OTHER  # with both ends it wakes itself
        return _SELF if target in _OWN else _OTHER


def _links(folder: str) -> Iterator[str]:
    for name in os.listdir(folder)[:MOST_DESCRIPTORS]:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue
