"""Processes of this machine: what they run, where, what they have open and listen at; the title of this one."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator

from sesh import identity, platform

_SO_ACCEPTCON = 1 << 16
"""The flag of listening sockets in /proc/net/unix."""
_LONGEST_COMMAND = 64 << 10
"""Bytes."""
_MOST_CHILDREN = 1000
_LONGEST_COMM = 15
"""Bytes of the name that the kernel keeps of a process (TASK_COMM_LEN, less the closing NUL)."""


def peer_pid(peer: socket.socket) -> int:
    """The process at the other end of a Unix socket; of a listening one, who called listen(2). Linux only."""
    return int.from_bytes(peer.getsockopt(1, 17, 12)[:4], sys.byteorder)  # SOL_SOCKET, SO_PEERCRED


def directory_of(pid: int) -> str:
    """The current directory of a process, empty if unknown."""
    if platform.LINUX:
        try:
            return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        except OSError:
            return ""
    listed = identity.printed("lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn")
    return next((line[1:] for line in listed.splitlines() if line.startswith("n")), "")


_DASHED = ("tcsh", "bsd-csh")
"""Programs that write a dash over the first letter of their own first word."""


def command_of(pid: int) -> list[str]:
    """The words that a process was started with, as many of them as 64 KiB hold; empty if unknown."""
    if platform.LINUX:
        words = identity.content(f"/proc/{pid}/cmdline", _LONGEST_COMMAND).rstrip(b"\0").split(b"\0")
        if words[0][:1] == b"-" and (name := _program(pid)) in _DASHED:
            words[0] = name.encode()
        return [word.decode("utf-8", "replace") for word in words] if words != [b""] else []
    return identity.printed("ps", "-o", "args=", "-p", str(pid)).split()


def _program(pid: int) -> str:
    """The name of the file that a process runs; empty if it is unknown."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def command_of_group(group: int, shell: int) -> list[str]:
    """The words of a process group's leader; if it has ended before the others, those of the first that goes on.

    `shell`: the process whose children the group's are. A pipe's first command is often the first to end.
    """
    if words := command_of(group):
        return words
    if platform.LINUX:
        children = identity.content(f"/proc/{shell}/task/{shell}/children").split()[:_MOST_CHILDREN]
        members = [int(pid) for pid in children if identity.stat_of(int(pid))[2:3] == [str(group)]]
    else:
        rows = [line.split() for line in identity.printed("ps", "-axo", "pid=,pgid=").splitlines()]
        members = [int(row[0]) for row in rows if row[1:] == [str(group)]]
    return next(filter(None, map(command_of, members)), [])


_title_room: list[tuple[int, int]] = []


def set_process_title(text: str) -> None:
    """Has `ps` show a text for this process in place of its arguments, which all users may read.

    The text overwrites the arguments in memory, cut to their length. If the system has no way, they stay.
    """
    title = text.encode()
    try:
        if not _title_room:
            _title_room.append(_argument_memory())
        address, size = _title_room[0]
        _overwrite(address, title[: size - 1].ljust(size, b"\0"))
        if platform.LINUX:
            with open("/proc/self/comm", "wb", buffering=0) as file:
                file.write(title[:_LONGEST_COMM])
    except (OSError, AttributeError, ValueError):
        return


def _argument_memory() -> tuple[int, int]:
    """The address and the size in bytes of this process's arguments in its memory. Raises ValueError if unknown."""
    if platform.LINUX:
        start, end = (int(field) for field in identity.stat_of("self")[45:47])  # arg_start, arg_end
    else:
        library = ctypes.CDLL(None)
        library._NSGetArgc.restype = ctypes.POINTER(ctypes.c_int)
        library._NSGetArgv.restype = ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))
        words = library._NSGetArgv()[0]
        start = end = words[0] or 0
        for index in range(library._NSGetArgc()[0]):
            if words[index] != end:
                break  # it lies elsewhere
            end += len(ctypes.string_at(words[index])) + 1
    if not start or end <= start:
        raise ValueError("unknown")
    return start, end - start


def _overwrite(address: int, data: bytes) -> None:
    """Writes into this process's memory; through /proc if there is one."""
    try:
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), data, address)
    except OSError:
        ctypes.memmove(address, data, len(data))


def own_processes() -> list[tuple[int, int, list[str]]]:
    """The caller's own processes, dead ones left out: (pid, parent's pid, arguments with the program)."""
    if not platform.LINUX:
        rows = [line.split(None, 2) for line in identity.printed("ps", "-xo", "pid=,ppid=,args=").splitlines()]
        return [(int(row[0]), int(row[1]), row[2].split()) for row in rows if len(row) == 3]
    processes = []
    for pid, fields in _living():
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.geteuid():
                processes.append((pid, int(fields[1]), command_of(pid)))
        except OSError:
            continue  # it ended just now
    return processes


def holders(path: str) -> dict[int, list[str]]:
    """The caller's own processes that have a file or directory open: arguments by pid. Empty without /proc."""
    path = os.path.realpath(path)
    return {pid: words for pid, _, words in own_processes() if path in open_paths(pid)}


def open_paths(pid: int) -> set[str]:
    """The files that a process has open, as in /proc/PID/fd; empty if that is not known."""
    opened = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                opened.add(os.readlink(f"/proc/{pid}/fd/{number}"))
            except FileNotFoundError:
                continue  # it was closed
    except OSError:
        return set()  # it has ended, or there is no /proc
    return opened


def _living(session: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The pid and the fields of `stat_of` of each process of this system that is not dead or hidden. Raises OSError.

    `session`: only those of a process session. No file is read of the others: a hundred daemons may look at once.
    """
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                if session is not None and os.getsid(int(entry)) != session:
                    continue
            except OSError:
                pass  # its file says whether it has ended
            try:
                fields = identity.fields_of(identity.read_proc(f"/proc/{entry}/stat", once=True))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or is hidden: another user's
            if len(fields) > 3 and fields[0] not in "ZX":
                yield int(entry), fields


def listening() -> dict[str, str]:
    """The paths of listening Unix sockets, by the text that the links in /proc/PID/fd have for them.

    Empty if the kernel does not tell. Several sockets may have listened at one path, one after the other.
    """
    sockets = {}
    for line in identity.content("/proc/net/unix").decode("utf-8", "surrogateescape").splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and int(words[3], 16) & _SO_ACCEPTCON and words[7][:1] == "/":
            sockets[f"socket:[{words[6]}]"] = words[7]
    return sockets


def groups_of_session(leader: int) -> list[int]:
    """The process groups of the session that `leader` leads, its own first, dead ones left out.

    A shell has to hear of its end before its job: otherwise it goes on with the next command of its line. It comes
    first by rule, as its number is the lowest only until the system's numbers begin again. Raises OSError if the system
    does not say: no process must be taken for a dead one because no descriptor is left to look at it.
    """
    groups: set[int] = set()
    if platform.LINUX:
        groups = {int(fields[2]) for _, fields in _living(leader) if fields[3] == str(leader)}
    else:
        for line in identity.printed("ps", "-axo", "pid=,pgid=,stat=").splitlines():
            pid, group, state = line.split()[:3]
            try:
                if state[0] != "Z" and os.getsid(int(pid)) == leader:
                    groups.add(int(group))
            except OSError:
                continue  # it has ended
    return sorted(groups, key=lambda group: (group != leader, group))
