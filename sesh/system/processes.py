"""Processes: start time, parent, terminal, directory, arguments, descriptors, groups of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from sesh.system import platforms
from sesh.system.clock import uptime


def stat_of(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty if it ended.

    `PID/task/TID` names a thread. The name before the state is skipped, since it may contain blanks and brackets.
    """
    return fields_of(platforms.content(f"/proc/{pid}/stat"))


def fields_of(stat: bytes) -> list[str]:
    return stat.rpartition(b")")[2].decode("ascii", "replace").split()


def _ps(pid: int, column: str) -> str:
    """Return what ps(1) prints of a process. Raises OSError."""
    return platforms.output("ps", "-o", f"{column}=", "-p", str(pid)).strip()


def start_time(pid: int) -> str:
    """Return a process's start time, to detect a reused pid; empty if it has ended."""
    if platforms.LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return _ps(pid, "lstart")


def image_of(pid: int) -> str:
    """Return what changes when a process executes another program, or the same again; empty if unknown."""
    fields = stat_of(pid) if platforms.LINUX else []
    return fields[25] if len(fields) > 25 else ""  # the bottom of its stack: 0 if it is another user's (proc(5))


def running_time(start: str) -> float:
    """Return the seconds since a `start_time`; 0 if unknown."""
    if not (platforms.LINUX and start):
        return 0.0
    return uptime() - int(start) / os.sysconf("SC_CLK_TCK")


def controlling_tty(pid: int = 0) -> int:
    """Return the `device_number` of a process's (default: this one's) controlling terminal; 0 without one."""
    if platforms.LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = _ps(pid or os.getpid(), "tty")
    try:
        return platforms.device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if unknown."""
    parent = stat_of(pid)[1:2] if platforms.LINUX else _ps(pid, "ppid").split()
    return int(parent[0]) if parent else 0


_SO_ACCEPTCON = 1 << 16
_MAX_COMMAND = 64 << 10
_MAX_COMM = 15
"""Bytes at which the kernel cuts a process name (TASK_COMM_LEN, less the closing NUL)."""


def directory_of(pid: int, *, quick: bool = False) -> str:
    """Return the current directory of a process; empty if unknown. `quick`: start no program."""
    if platforms.LINUX:
        try:
            return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        except OSError:
            return ""
    listed = "" if quick else platforms.output("lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn")
    return next((line[1:] for line in listed.splitlines() if line.startswith("n")), "")


def command_of(pid: int) -> list[str]:
    """Return the arguments of a process, program included, at most 64 KiB; empty if unknown."""
    if platforms.LINUX:
        words = platforms.content(f"/proc/{pid}/cmdline", _MAX_COMMAND).rstrip(b"\0").split(b"\0")
        return [word.decode("utf-8", "replace") for word in words] if words != [b""] else []
    return _ps(pid, "args").split()


def name_of(pid: int) -> str:
    """Return the name of a process's program, as ps(1) shows it; empty without /proc."""
    return platforms.content(f"/proc/{pid}/comm", _MAX_COMM).decode("utf-8", "replace").strip()


def command_of_group(group: int, shell: int) -> list[str]:
    """Return the arguments of a process group's leader, else of `shell`'s first child in it.

    The leader is the first command of a pipeline, and often the first to end.
    """
    if words := command_of(group):
        return words
    children = children_of(shell)
    return next(filter(None, (command_of(pid) for pid in children if stat_of(pid)[2:3] == [str(group)])), [])


def children_of(pid: int) -> list[int]:
    """Return the processes that a process without threads has started; empty without /proc."""
    return [*map(int, platforms.content(f"/proc/{pid}/task/{pid}/children").split())]


def of_session(leader: int, variable: str, value: str) -> list[int]:
    """Return the user's live processes of `leader`'s session, and those that have inherited an environment variable.

    A server that left the terminal still has the variable; only Linux tells of it.
    """
    wanted = f"{variable}={value}".encode()
    found = []
    for pid, _, _ in own_processes():
        if _session_of(pid) == leader or wanted in platforms.content(f"/proc/{pid}/environ").split(b"\0"):
            found.append(pid)
    return found


def set_process_title(text: str) -> None:
    """Replace this process's arguments, which all users can read, by a text for `ps`.

    Linux only. The text overwrites the arguments in memory, cut to their length; errors are ignored.
    """
    title = text.encode()
    try:
        start, end = (int(field) for field in stat_of("self")[45:47])  # arg_start, arg_end
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), title[: end - start - 1].ljust(end - start, b"\0"), start)
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(title[:_MAX_COMM])
    except (OSError, ValueError):
        return


def own_processes() -> list[tuple[int, int, list[str]]]:
    """Return the user's live processes: (pid, parent's pid, arguments, program included)."""
    if not platforms.LINUX:
        rows = [line.split(None, 2) for line in platforms.output("ps", "-xo", "pid=,ppid=,args=").splitlines()]
        return [(int(row[0]), int(row[1]), row[2].split()) for row in rows if len(row) == 3]
    processes = []
    for pid, fields in _living():
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.geteuid():
                processes.append((pid, int(fields[1]), command_of(pid)))
        except OSError:
            continue  # the process has just ended
    return processes


def open_paths(pid: int) -> set[str]:
    """Return the targets of the links in /proc/PID/fd; empty if unknown."""
    opened = set()
    with suppress(OSError):  # the process has ended, or there is no /proc
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # the descriptor was closed
                opened.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    return opened


def _living(session: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield pid and `stat_of` fields of live processes, or only a session's. Raises OSError.

    It reads no file of other sessions' processes, since a hundred daemons may scan at the same time.
    """
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and session in (None, _session_of(int(entry))):
            try:
                fields = fields_of(platforms.read_proc(f"/proc/{entry}/stat"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # the process has ended, or is another user's
            if len(fields) > 3 and fields[0] not in "ZX":
                yield int(entry), fields


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def listening() -> dict[str, str]:
    """Return the paths of listening Unix sockets by `socket:[INODE]`; empty if unknown.

    The keys are targets of the links in /proc/PID/fd. A path may occur several times: once it is removed, a new socket
    can be bound to it.
    """
    sockets = {}
    for line in platforms.content("/proc/net/unix").decode("utf-8", "surrogateescape").splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and int(words[3], 16) & _SO_ACCEPTCON and words[7][:1] == "/":
            sockets[f"socket:[{words[6]}]"] = words[7]
    return sockets


def groups_of_session(leader: int) -> list[int]:
    """Return the live process groups of `leader`'s session, the leader's own first.

    The order is for signals: a shell signalled after its job would start the next command of its line. Raises OSError
    if the groups are unknown, so that a lack of descriptors does not make a live process look dead.
    """
    if platforms.LINUX:
        groups = {int(fields[2]) for _, fields in _living(leader)}
    else:
        rows = (line.split() for line in platforms.output("ps", "-axo", "pid=,pgid=,stat=").splitlines())
        groups = {int(row[1]) for row in rows if row[2][0] != "Z" and _session_of(int(row[0])) == leader}
    return sorted(groups, key=lambda group: (group != leader, group))
