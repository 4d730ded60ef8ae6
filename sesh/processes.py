"""Processes: their start, parent, terminal, command, directory and groups; the title of this one."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

from sesh import machine


def stat_of(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, the state: the name before may hold blanks and brackets.

    Empty if there is no such process. A thread is `PID/task/TID`.
    """
    return fields_of(machine.content(f"/proc/{pid}/stat"))


def fields_of(stat: bytes) -> list[str]:
    return stat.rpartition(b")")[2].decode("ascii", "replace").split()


def start_time(pid: int) -> str:
    """Return the start of a process, as a text to compare: a reused pid has another. Empty if it does not live."""
    if machine.LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return machine.printed("ps", "-o", "lstart=", "-p", str(pid)).strip()


def controlling_tty(pid: int = 0) -> int:
    """Return the `device_number` of the controlling terminal of a process, else of the caller; 0 without one."""
    if machine.LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = machine.printed("ps", "-o", "tty=", "-p", str(pid or os.getpid())).strip()
    try:
        return machine.device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def session_starter() -> int:
    """Return the parent of the leader of the caller's process session; 0 if that is not known."""
    return parent_of(os.getsid(0))


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if that is not known."""
    parent = stat_of(pid)[1:2] if machine.LINUX else machine.printed("ps", "-o", "ppid=", "-p", str(pid)).split()
    return int(parent[0]) if parent else 0


_SO_ACCEPTCON = 1 << 16
_LONGEST_COMMAND = 64 << 10
_LONGEST_COMM = 15
"""Bytes of the name that the kernel keeps of a process (TASK_COMM_LEN, less the closing NUL)."""


def peer_pid(peer: socket.socket) -> int:
    """Return the process at the other end of a Unix socket: of a listening one, that called listen(2). Linux only."""
    return int.from_bytes(peer.getsockopt(1, 17, 12)[:4], sys.byteorder)  # SOL_SOCKET, SO_PEERCRED


def directory_of(pid: int) -> str:
    """Return the current directory of a process, empty if unknown."""
    if machine.LINUX:
        try:
            return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        except OSError:
            return ""
    listed = machine.printed("lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn")
    return next((line[1:] for line in listed.splitlines() if line.startswith("n")), "")


def command_of(pid: int) -> list[str]:
    """Return the words that a process was started with, as many as 64 KiB hold; empty if unknown."""
    if machine.LINUX:
        words = machine.content(f"/proc/{pid}/cmdline", _LONGEST_COMMAND).rstrip(b"\0").split(b"\0")
        return [word.decode("utf-8", "replace") for word in words] if words != [b""] else []
    return machine.printed("ps", "-o", "args=", "-p", str(pid)).split()


def command_of_group(group: int, shell: int) -> list[str]:
    """Return the words of a process group's leader; if it has ended, those of the first child of `shell` in the group.

    A pipe's first command is often the first to end.
    """
    if words := command_of(group):
        return words
    if not machine.LINUX:
        return []
    children = map(int, machine.content(f"/proc/{shell}/task/{shell}/children").split())
    return next(filter(None, (command_of(pid) for pid in children if stat_of(pid)[2:3] == [str(group)])), [])


def set_process_title(text: str) -> None:
    """Have `ps` show a text for this process in place of its arguments, which all users may read. Linux only.

    The text overwrites the arguments in memory, cut to their length. If the system refuses, they stay.
    """
    title = text.encode()
    try:
        start, end = (int(field) for field in stat_of("self")[45:47])  # arg_start, arg_end
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), title[: end - start - 1].ljust(end - start, b"\0"), start)
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(title[:_LONGEST_COMM])
    except (OSError, ValueError):
        return


def own_processes() -> list[tuple[int, int, list[str]]]:
    """Return the caller's own living processes: (pid, parent's pid, arguments with the program)."""
    if not machine.LINUX:
        rows = [line.split(None, 2) for line in machine.printed("ps", "-xo", "pid=,ppid=,args=").splitlines()]
        return [(int(row[0]), int(row[1]), row[2].split()) for row in rows if len(row) == 3]
    processes = []
    for pid, fields in _living():
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.geteuid():
                processes.append((pid, int(fields[1]), command_of(pid)))
        except OSError:
            continue  # it ended just now
    return processes


def open_paths(pid: int) -> set[str]:
    """Return the files that a process has open, as in /proc/PID/fd; empty if that is not known."""
    opened = set()
    with suppress(OSError):  # it has ended, or there is no /proc
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # it was closed
                opened.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    return opened


def _living(session: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the pid and the fields of `stat_of` of each living process that is not hidden. Raises OSError.

    `session`: only those of a process session. No file is read of the others: a hundred daemons may look at once.
    """
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and session in (None, _session_of(int(entry))):
            try:
                fields = fields_of(machine.read_proc(f"/proc/{entry}/stat"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or is another user's
            if len(fields) > 3 and fields[0] not in "ZX":
                yield int(entry), fields


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def listening() -> dict[str, str]:
    """Return the paths of listening Unix sockets, by the text that the links in /proc/PID/fd have for them.

    Empty if the kernel does not tell. Several sockets may have listened at one path, one after the other.
    """
    sockets = {}
    for line in machine.content("/proc/net/unix").decode("utf-8", "surrogateescape").splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and int(words[3], 16) & _SO_ACCEPTCON and words[7][:1] == "/":
            sockets[f"socket:[{words[6]}]"] = words[7]
    return sockets


def groups_of_session(leader: int) -> list[int]:
    """Return the living process groups of the session that `leader` leads, its own first.

    A shell that is signalled after its job goes on with the next command of its line. Raises OSError if the system does
    not say: no process must be taken for a dead one because no descriptor is left to look at it.
    """
    if machine.LINUX:
        groups = {int(fields[2]) for _, fields in _living(leader)}
    else:
        rows = (line.split() for line in machine.printed("ps", "-axo", "pid=,pgid=,stat=").splitlines())
        groups = {int(row[1]) for row in rows if row[2][0] != "Z" and _session_of(int(row[0])) == leader}
    return sorted(groups, key=lambda group: (group != leader, group))
