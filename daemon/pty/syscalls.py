"""Finds out by system calls what a foreground process waits for.

`/proc/PID/syscall` contains the number and arguments of a sleeping thread's system call. A daemon may read that of its
descendants (proc(5), and Yama's default), but not of another user's processes. Linux only: no other system reports the
descriptor that a process reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum

from sesh.system import platforms, processes

_READS = {"Linux x86_64": (0, 19), "Linux aarch64": (63, 65)}  # read(2) and readv(2): syscalls(2)
_SELECTS = {"Linux x86_64": (23, 270), "Linux aarch64": (72,)}
_EPOLLS = {"Linux x86_64": (232, 281, 441), "Linux aarch64": (22, 441)}
_POLLS = {"Linux x86_64": (7, 219, 271), "Linux aarch64": (73, 128)}
"""The variants of poll; and restart_syscall, as seen after Ctrl-Z and fg, which may be any of these calls."""
_MACHINE = "{0.sysname} {0.machine}".format(os.uname())

KNOWN = _MACHINE in _READS  # whether this system tells the call of a thread
MAX_PROCESSES = 64  # processes of the foreground that are examined
MAX_THREADS = 64  # threads of each process that are examined
CONTROLLING = 5 << 8  # the number of /dev/tty


class Call(Enum):
    READ = "read"
    SELECT = "select"
    EPOLL = "epoll"
    POLL = "poll"
    OTHER = "other"  # another call, or none: the thread runs
    UNKNOWN = "unknown"


def call_of(thread: str) -> tuple[Call, int, int]:
    """Return the call of a thread (`/proc/PID[/task/TID]`), with its first argument, and for READ the size.

    The first argument is the descriptor, and that of SELECT the number of descriptors; -1 if it has neither.
    """
    if not KNOWN:
        return Call.UNKNOWN, -1, 0
    try:
        words = platforms.read_proc(f"{thread}/syscall").split()
    except OSError:
        return Call.UNKNOWN, -1, 0
    if len(words) < 4 or not words[0].isdigit():
        return Call.OTHER, -1, 0
    number, first = int(words[0]), int(words[1], 16) & 0xFFFFFFFF
    if number in _READS[_MACHINE]:
        return Call.READ, first, int(words[3], 16)
    for call, numbers in ((Call.SELECT, _SELECTS), (Call.EPOLL, _EPOLLS)):
        if number in numbers[_MACHINE]:
            return call, first, 0
    return (Call.POLL if number in _POLLS[_MACHINE] else Call.OTHER), -1, 0


def reads_terminal(group: int, leader: int, device: int) -> bool | None:
    """Return whether a process of the foreground `group` sleeps in read(2) on the terminal.

    Return None if no such process was found, but some could not be examined. `leader`: of the session. `device`: the
    terminal's number, as in `tty_nr`.
    """
    known = KNOWN
    for pid in members(group, leader):
        for thread in threads(pid):
            call, descriptor, _ = call_of(f"/proc/{pid}/task/{thread}")
            if call == Call.READ and _is_terminal(pid, descriptor, device):
                return True
            known = known and call != Call.UNKNOWN
    return False if known else None


def runs(group: int, leader: int) -> bool:
    """Return whether a process of the foreground `group` is running or runnable."""
    return any(processes.stat_of(pid)[:1] == ["R"] for pid in members(group, leader))


def _is_terminal(pid: int, descriptor: int, device: int) -> bool:
    try:
        number = platforms.device_number(os.stat(f"/proc/{pid}/fd/{descriptor}").st_rdev)
    except OSError:
        return False
    return number in (device, CONTROLLING)


def members(group: int, leader: int) -> Iterator[int]:
    """Yield the living processes of a group."""
    # Walk the descendants of the group's leader, then those of the session's leader. The group's leader may have ended
    # before the other members, for example if it was the first command of a pipeline.
    pending = [leader, group]
    seen = set[int]()
    while pending and len(seen) < MAX_PROCESSES:
        pid = pending.pop()
        if pid in seen:
            continue
        seen.add(pid)
        fields = processes.stat_of(pid)
        if len(fields) > 2 and fields[0] not in "ZX" and fields[2] == str(group):
            yield pid
        for thread in threads(pid):
            pending += map(int, platforms.content(f"/proc/{pid}/task/{thread}/children").split())


def threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")[:MAX_THREADS]
    except OSError:
        return []
