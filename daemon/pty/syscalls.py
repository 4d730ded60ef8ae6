"""What the processes in the foreground of a terminal sleep in: whether one waits for a key, as the kernel tells.

`/proc/PID/syscall` names the system call that a thread sleeps in and its arguments. A daemon may read that of its
descendants (proc(5), and Yama's default), of a program that runs as another user it may not. Linux only: no other
system says which descriptor a process reads.
"""

from __future__ import annotations

import os
from sys import byteorder

from sesh import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READ, _READV, _POLL, _PPOLL, _SELECT, _PSELECT, _EPOLL, _EPOLL2, _AGAIN = range(9)
SEVERAL = range(_POLL, _AGAIN + 1)
"""The kinds of call that wait for several descriptors. _AGAIN goes on with one, as after Ctrl-Z and fg."""
_CALLS = {
    "x86_64": {
        0: READ, 19: _READV, 7: _POLL, 271: _PPOLL, 23: _SELECT, 270: _PSELECT, 232: _EPOLL, 281: _EPOLL,
        441: _EPOLL2, 219: _AGAIN,
    },
    "aarch64": {63: READ, 65: _READV, 73: _PPOLL, 72: _PSELECT, 22: _EPOLL, 441: _EPOLL2, 128: _AGAIN},
}  # fmt: skip
_CALLS["riscv64"] = _CALLS["loongarch64"] = _CALLS["aarch64"]
"""The numbers of the calls that wait for descriptors, by the machine's name (syscalls(2))."""

MOST_PROCESSES, MOST_THREADS, MOST_DESCRIPTORS = 64, 64, 1024
"""What is looked at: processes of the foreground, threads of each, descriptors that one call waits for."""
PATIENT = 3.5
"""Seconds: who waits for less at a time goes on by itself, as a clock or a monitor does."""
ENDLESS = float("inf")
_IN = 0x0001 | 0x0040
"""POLLIN and POLLRDNORM: what asks for input (poll.h)."""
_INT = 0xFFFFFFFF
_OWN = ("anon_inode:[eventfd]", "anon_inode:[signalfd]")
"""Descriptors by which a process only wakes itself."""


class Sleep:
    """What a thread sleeps in: the descriptors that it waits to read, and the seconds after which it wakes anyway."""

    __slots__ = ("descriptors", "timeout")

    def __init__(self, descriptors: list[int], timeout: float = ENDLESS) -> None:
        self.descriptors, self.timeout = descriptors, timeout


class Foreground:
    """The foreground process group of a terminal at one moment.

    `reads`: one of its processes waits for nothing but a key. `runs`: one is on a processor, or waits for a disk.
    `ticks`: the processor time that they have used. `members`: who they are. `told`: whether the kernel said what they
    sleep in.
    """

    __slots__ = ("members", "reads", "runs", "ticks", "told")

    def __init__(self) -> None:
        self.reads = self.runs = False
        self.told = True
        self.ticks = 0
        self.members: list[int] = []


def calls() -> dict[int, int] | None:
    """The numbers of the calls that wait for descriptors on this machine; None where they are not known."""
    return _CALLS.get(os.uname().machine) if platform.LINUX else None


def call_of(thread: str) -> list[int]:
    """The number of the call that a thread (`/proc/PID` or `/proc/PID/task/TID`) sleeps in, and its arguments.

    Empty while it runs. Raises OSError where the kernel does not tell.
    """
    words = platform.read_proc(f"{thread}/syscall").split()
    if not words or not words[0].lstrip(b"-").isdigit():
        return []
    return [int(words[0]), *(int(word, 16) for word in words[1:])]


def foreground(group: int, leader: int, device: int) -> Foreground:
    """Looks at the process group in the foreground of the terminal `device` (as in `tty_nr`), in `leader`'s session."""
    found = Foreground()
    found.told = calls() is not None
    for pid, fields in _members(group, leader):
        found.members.append(pid)
        found.ticks += sum(map(int, fields[11:15]))
        try:
            found.reads = _waits_for_a_key(pid, device, found) or found.reads
        except OSError:
            found.told = found.told and not platform.stat_of(pid)  # one that has just ended has nothing to tell
    return found


def _members(group: int, leader: int) -> Iterator[tuple[int, list[str]]]:
    """The processes of a group, with the fields of their `stat` from the state on; from parent to child, its leader's
    first. That may have ended before the others, as the first command of a pipe does.
    """
    due = [leader, group]
    seen: set[int] = set()
    while due and len(seen) < MOST_PROCESSES:
        pid = due.pop()
        if pid in seen:
            continue
        seen.add(pid)
        fields = platform.stat_of(pid)
        if len(fields) > 14 and fields[0] not in "ZX" and fields[2] == str(group):
            yield pid, fields
        due += _children(pid)


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")[:MOST_THREADS]
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    """The children of all threads of a process."""
    found: list[int] = []
    for thread in _threads(pid):
        try:
            found += map(int, platform.read_proc(f"/proc/{pid}/task/{thread}/children").split())
        except OSError:
            continue
    return found


def _waits_for_a_key(pid: int, device: int, found: Foreground) -> bool:
    """Whether a thread of a process waits for the terminal, and none for anything that is not of its own making."""
    reads = others = False
    descriptors = _Descriptors(pid, device)
    for thread in _threads(pid):
        place = f"/proc/{pid}/task/{thread}"
        fields = platform.stat_of(f"{pid}/task/{thread}")
        if fields and fields[0] in "RD":
            found.runs = others = True
            continue
        call = call_of(place)
        sleep = _sleep(pid, call) if call else None
        if sleep is None:
            continue
        kinds = {descriptors.kind(each) for each in sleep.descriptors} - {_SELF}
        others = others or _OTHER in kinds
        reads = reads or (_TERMINAL in kinds and sleep.timeout >= PATIENT)
    return reads and not others


def _sleep(pid: int, call: list[int]) -> Sleep | None:
    """What a call waits for; None for one that waits for no descriptor."""
    kind = (calls() or {}).get(call[0])
    if kind is None or len(call) < 7:
        return None
    first, second, third, fourth, fifth = call[1:6]
    if kind in (READ, _READV):
        return Sleep([first & _INT])
    if kind in (_POLL, _AGAIN):
        return Sleep(_polled(pid, first, second), _milliseconds(third))
    if kind == _PPOLL:
        return Sleep(_polled(pid, first, second), _timespec(pid, third))
    if kind in (_SELECT, _PSELECT):
        return Sleep(_selected(pid, first & _INT, second), _timespec(pid, fifth))
    return Sleep(_in_epoll(pid, first & _INT), _timespec(pid, fourth) if kind == _EPOLL2 else _milliseconds(fourth))


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
    rows = [memory[at : at + 8] for at in range(0, len(memory), 8)]
    found = [(int.from_bytes(row[:4], byteorder, signed=True), int.from_bytes(row[4:6], byteorder)) for row in rows]
    return [descriptor for descriptor, events in found if descriptor >= 0 and events & _IN]


def _selected(pid: int, count: int, address: int) -> list[int]:
    """The descriptors of select(2) that are to be read: a bit each, in words of the machine."""
    if not address or not 0 < count <= MOST_DESCRIPTORS:
        return []
    size = 8 * ((count + 63) // 64)
    memory = _memory(pid, address, size)
    bits = sum(int.from_bytes(memory[at : at + 8], byteorder) << 8 * at for at in range(0, len(memory), 8))
    return [descriptor for descriptor in range(count) if bits >> descriptor & 1]


def _in_epoll(pid: int, descriptor: int) -> list[int]:
    """The descriptors that an epoll instance watches for input (proc(5), fdinfo)."""
    lines = platform.read_proc(f"/proc/{pid}/fdinfo/{descriptor}").splitlines()
    rows = [line.split() for line in lines if line.startswith(b"tfd:")]
    return [int(row[1]) for row in rows[:MOST_DESCRIPTORS] if len(row) > 3 and int(row[3], 16) & _IN]


_TERMINAL, _SELF, _OTHER = range(3)
"""What a descriptor leads to: the terminal; the process itself; anything else."""


class _Descriptors:
    """What the descriptors of a process lead to."""

    def __init__(self, pid: int, device: int) -> None:
        self._pid, self._device = pid, device
        self._ends: dict[str, int] | None = None

    def kind(self, descriptor: int) -> int:
        """One of _TERMINAL, _SELF, _OTHER."""
        path = f"/proc/{self._pid}/fd/{descriptor}"
        try:
            target = os.readlink(path)
            if target[:5] == "/dev/":
                status = os.stat(path)
                number = platform.device_number(status.st_rdev)
                if number == self._device or (os.major(status.st_rdev) == 5 and not os.minor(status.st_rdev)):
                    return _TERMINAL
        except (FileNotFoundError, PermissionError):
            return _OTHER
        if target in _OWN or (target[:5] == "pipe:" and self._count(target) > 1):
            return _SELF
        return _OTHER

    def _count(self, pipe: str) -> int:
        """How many ends of a pipe the process has: with both it wakes itself."""
        if self._ends is None:
            self._ends = {}
            for each in _listed(f"/proc/{self._pid}/fd"):
                self._ends[each] = self._ends.get(each, 0) + 1
        return self._ends.get(pipe, 0)


def _listed(folder: str) -> Iterable[str]:
    for name in os.listdir(folder)[:MOST_DESCRIPTORS]:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue
