"""Who reads a terminal: the system calls that the processes of its foreground sleep in.

`/proc/PID/syscall` names the call that a thread sleeps in, and its arguments. A daemon may read that of its descendants
(proc(5), and Yama's default), but not of a program that runs as another user. Linux only: no other system says which
descriptor a process reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum

from sesh import machine, processes

_READS = {"x86_64": (0, 19), "aarch64": (63, 65)}  # read(2) and readv(2), by the machine's name (syscalls(2))
_SELECTS = {"x86_64": (7, 23, 219, 232, 270, 271, 281, 441), "aarch64": (22, 72, 73, 128, 441)}
"""The same of poll, select, epoll_wait and their kin, and of restart_syscall, which Ctrl-Z and fg lead to."""
for _machine in ("riscv64", "loongarch64"):
    _READS[_machine], _SELECTS[_machine] = _READS["aarch64"], _SELECTS["aarch64"]
_MACHINE = os.uname().machine if machine.LINUX else ""

MOST_PROCESSES, MOST_THREADS = 64, 64  # of the foreground, and of each of them, that are examined
_CONTROLLING = 5 << 8


class Call(Enum):
    READ = "read"
    SELECT = "select"
    OTHER = "other"  # another call; or it runs
    UNKNOWN = "unknown"


def call_of(thread: str) -> tuple[Call, int, int]:
    """Return the call that a thread (`/proc/PID[/task/TID]`) sleeps in; of a read its descriptor and size."""
    if _MACHINE not in _READS:
        return Call.UNKNOWN, -1, 0
    try:
        words = machine.read_proc(f"{thread}/syscall").split()
    except OSError:
        return Call.UNKNOWN, -1, 0
    if len(words) < 4 or not words[0].isdigit():
        return Call.OTHER, -1, 0
    number = int(words[0])
    if number in _READS[_MACHINE]:
        return Call.READ, int(words[1], 16) & 0xFFFFFFFF, int(words[3], 16)
    return (Call.SELECT if number in _SELECTS[_MACHINE] else Call.OTHER), -1, 0


def reads_terminal(group: int, leader: int, device: int) -> bool | None:
    """Return whether a process of a terminal's foreground `group` is asleep in read(2) on that terminal.

    None if none is seen to be, and the kernel does not say what all of them sleep in. `leader`: of the session;
    `device`: the terminal's, as in `tty_nr`.
    """
    known = _MACHINE in _READS
    for pid in _members(group, leader):
        for thread in _threads(pid):
            call, descriptor, _ = call_of(f"/proc/{pid}/task/{thread}")
            if call == Call.READ and _is_terminal(pid, descriptor, device):
                return True
            known = known and call != Call.UNKNOWN
    return False if known else None


def runs(group: int, leader: int) -> bool:
    """Return whether a process of a terminal's foreground `group` has a processor, or waits for one."""
    return any(processes.stat_of(pid)[:1] == ["R"] for pid in _members(group, leader))


def _is_terminal(pid: int, descriptor: int, device: int) -> bool:
    try:
        number = machine.device_number(os.stat(f"/proc/{pid}/fd/{descriptor}").st_rdev)
    except OSError:
        return False
    return number in (device, _CONTROLLING)


def _members(group: int, leader: int) -> Iterator[int]:
    """Yield the living processes of a group.

    Goes from parent to child, from the group's leader on and then from the session's: the group's may have ended before
    the others, as the first command of a pipe does.
    """
    due, seen = [leader, group], set[int]()
    while due and len(seen) < MOST_PROCESSES:
        pid = due.pop()
        if pid in seen:
            continue
        seen.add(pid)
        fields = processes.stat_of(pid)
        if len(fields) > 2 and fields[0] not in "ZX" and fields[2] == str(group):
            yield pid
        for thread in _threads(pid):
            due += map(int, machine.content(f"/proc/{pid}/task/{thread}/children").split())


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")[:MOST_THREADS]
    except OSError:
        return []
