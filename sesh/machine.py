"""This machine and its processes: system, name, boot, file systems, sockets, terminals, logins.

No other module checks whether the system is Linux or macOS.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from sesh import programs
from sesh.system.clock import uptime

LINUX = sys.platform.startswith("linux")
LONGEST_SOCKET_PATH = 107 if LINUX else 103  # bytes of `sun_path`, less the closing NUL
USES_LOGIN_SHELLS = not LINUX  # the shells of terminals are login shells
PEAK_UNIT = 1024 if LINUX else 1  # bytes in a unit of `ru_maxrss`
_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_IPV4_IFADDR, _ROUTE, the same for IPv6
_AF_ROUTE = 17
_LOCAL_PEERCRED = 0x001


def content(path: str, most: int = -1) -> bytes:
    """Return the content of a file, as `read_proc`; empty if it is missing or unreadable."""
    try:
        return read_proc(path, most)
    except OSError:
        return b""


def read_proc(path: str, most: int = -1) -> bytes:
    """Return at most `most` bytes of a file of /proc or /etc. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return file.read(most) or b""


def _output(*words: str) -> str:
    """Run a program, such as `ps` without /proc, and return its stdout. Raises OSError."""
    return subprocess.run(words, capture_output=True, text=True, env=programs.environment(), check=False).stdout


def network_changes() -> socket.socket | None:
    """Return a socket that reports new addresses and routes (rtnetlink(7), route(4)), or None."""
    with suppress(OSError, AttributeError):
        if LINUX:
            changes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            changes.bind((0, _ADDRESSES_AND_ROUTES))
        else:
            changes = socket.socket(_AF_ROUTE, socket.SOCK_RAW, 0)
        changes.setblocking(False)
        return changes
    return None


def peer_uid(peer: socket.socket) -> int:
    """Return the uid of a Unix socket's peer. Raises OSError."""
    if LINUX:
        credentials = peer.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED: pid, uid, gid
    else:
        credentials = peer.getsockopt(0, _LOCAL_PEERCRED, 76)  # struct xucred: version, uid, …
    return int.from_bytes(credentials[4:8], sys.byteorder)


def peer_pid(peer: socket.socket) -> int:
    """Return the pid that a Unix socket's peer had at connect(2) or listen(2). Linux only."""
    return int.from_bytes(peer.getsockopt(1, 17, 12)[:4], sys.byteorder)  # SOL_SOCKET, SO_PEERCRED


def has_acl(path: str) -> bool:
    """Return whether a file has an ACL (acl(5)); its group bits are then a mask."""
    with suppress(OSError):  # the file system has no extended attributes
        return LINUX and "system.posix_acl_access" in os.listxattr(path, follow_symlinks=False)
    return False


def pty_path(descriptor: int) -> str:
    """Return the path of a pty's slave side. Raises OSError."""
    if LINUX:
        return f"/dev/pts/{int.from_bytes(fcntl.ioctl(descriptor, 0x80045430, bytes(4)), sys.byteorder)}"  # TIOCGPTN
    return bytes(fcntl.ioctl(descriptor, 0x40807453, bytes(128))).rstrip(b"\0").decode()  # TIOCPTYGNAME


def longest_line(descriptor: int) -> int:
    """Return the longest line of canonical mode in bytes; the terminal drops the rest."""
    return 4095 if LINUX else os.fpathconf(descriptor, "PC_MAX_CANON")


def device_number(rdev: int) -> int:
    """Return a terminal's number from its `st_rdev`; on Linux encoded as proc(5)'s `tty_nr`."""
    if not LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """Return the `st_dev` of the terminals' file system, different in each container; 0 if unknown."""
    try:
        return os.stat("/dev/pts" if LINUX else "/dev").st_dev
    except OSError:
        return 0


def boot_id() -> str:
    """Return the id of this boot. Raises OSError if no descriptor is left."""
    if LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return _output("sysctl", "-n", "kern.bootsessionuuid").strip()


def name() -> str:
    """Return a name that distinguishes this machine from others that share the home directory.

    Raises OSError if no descriptor is left: with a fallback name, its sessions would seem to be another machine's.
    """
    return _read_text("/etc/machine-id") or os.uname().nodename


def _read_text(path: str) -> str:
    """Return a system file's stripped text; empty if missing or hidden. Raises OSError."""
    try:
        return read_proc(path).decode("ascii", "replace").strip()
    except (FileNotFoundError, PermissionError):
        return ""


_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.gluster", "fuse.sshfs")
"""Prefixes of the types of network file systems."""
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_SYSTEMD = "/run/systemd/system"


def network_filesystem(path: str) -> str:
    """Return the type of a path's network file system, else nothing. Raises OSError."""
    device = os.stat(path).st_dev
    for row in map(str.split, os.fsdecode(content("/proc/self/mountinfo")).splitlines()):
        if row[2] == f"{os.major(device)}:{os.minor(device)}":
            kind = row[row.index("-", 6) + 1]
            return kind if kind.startswith(_NETWORK) else ""
    return ""


def has_systemd() -> bool:
    """Return whether systemd is the init system: sd_booted(3)."""
    return os.path.isdir(_SYSTEMD)


def shutting_down() -> bool:
    """Return whether systemd is shutting the machine down; takes a second at most."""
    if not has_systemd():
        return False
    state = programs.printed("systemctl", "is-system-running", timeout=1.0)  # `stopping`: systemctl(1)
    return (state or "").strip() == "stopping"


def has_terminfo(term: str, env: Mapping[str, str]) -> bool:
    """Return whether this machine has the terminfo entry, for programs with this environment (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    home = env.get("HOME")
    folders = [env.get("TERMINFO"), home and os.path.join(home, ".terminfo"), *env.get("TERMINFO_DIRS", "").split(":")]
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    present = filter(None, (*folders, *_TERMINFO))
    return any(os.path.isfile(os.path.join(folder, entry)) for folder in present for entry in entries)


def logind_kills() -> bool:
    """Return whether logind kills a user's processes at logout, by the last setting."""
    paths = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            paths += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    text = "\n".join(os.fsdecode(content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")


# -- processes


def stat_of(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty if it ended.

    `PID/task/TID` names a thread. The name before the state is skipped, since it may contain blanks and brackets.
    """
    return fields_of(content(f"/proc/{pid}/stat"))


def fields_of(stat: bytes) -> list[str]:
    return stat.rpartition(b")")[2].decode("ascii", "replace").split()


def _ps(pid: int, column: str) -> str:
    """Return what ps(1) prints of a process. Raises OSError."""
    return _output("ps", "-o", f"{column}=", "-p", str(pid)).strip()


def start_time(pid: int) -> str:
    """Return a process's start time, to detect a reused pid; empty if it has ended."""
    if LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return _ps(pid, "lstart")


def running_time(start: str) -> float:
    """Return the seconds since a `start_time`; 0 if unknown."""
    if not (LINUX and start):
        return 0.0
    return uptime() - int(start) / os.sysconf("SC_CLK_TCK")


def controlling_tty(pid: int = 0) -> int:
    """Return the `device_number` of a process's (default: this one's) controlling terminal; 0 without one."""
    if LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = _ps(pid or os.getpid(), "tty")
    try:
        return device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if unknown."""
    parent = stat_of(pid)[1:2] if LINUX else _ps(pid, "ppid").split()
    return int(parent[0]) if parent else 0


_SO_ACCEPTCON = 1 << 16
_LONGEST_COMMAND = 64 << 10
_LONGEST_COMM = 15
"""Bytes at which the kernel cuts a process name (TASK_COMM_LEN, less the closing NUL)."""


def directory_of(pid: int, *, quick: bool = False) -> str:
    """Return the current directory of a process; empty if unknown. `quick`: start no program."""
    if LINUX:
        try:
            return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        except OSError:
            return ""
    listed = "" if quick else _output("lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn")
    return next((line[1:] for line in listed.splitlines() if line.startswith("n")), "")


def command_of(pid: int) -> list[str]:
    """Return the arguments of a process, program included, at most 64 KiB; empty if unknown."""
    if LINUX:
        words = content(f"/proc/{pid}/cmdline", _LONGEST_COMMAND).rstrip(b"\0").split(b"\0")
        return [word.decode("utf-8", "replace") for word in words] if words != [b""] else []
    return _ps(pid, "args").split()


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
    return [*map(int, content(f"/proc/{pid}/task/{pid}/children").split())]


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
            file.write(title[:_LONGEST_COMM])
    except (OSError, ValueError):
        return


def own_processes() -> list[tuple[int, int, list[str]]]:
    """Return the user's live processes: (pid, parent's pid, arguments, program included)."""
    if not LINUX:
        rows = [line.split(None, 2) for line in _output("ps", "-xo", "pid=,ppid=,args=").splitlines()]
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
                fields = fields_of(read_proc(f"/proc/{entry}/stat"))
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
    for line in content("/proc/net/unix").decode("utf-8", "surrogateescape").splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and int(words[3], 16) & _SO_ACCEPTCON and words[7][:1] == "/":
            sockets[f"socket:[{words[6]}]"] = words[7]
    return sockets


def groups_of_session(leader: int) -> list[int]:
    """Return the live process groups of `leader`'s session, the leader's own first.

    The order is for signals: a shell signalled after its job would start the next command of its line. Raises OSError
    if the groups are unknown, so that a lack of descriptors does not make a live process look dead.
    """
    if LINUX:
        groups = {int(fields[2]) for _, fields in _living(leader)}
    else:
        rows = (line.split() for line in _output("ps", "-axo", "pid=,pgid=,stat=").splitlines())
        groups = {int(row[1]) for row in rows if row[2][0] != "Z" and _session_of(int(row[0])) == leader}
    return sorted(groups, key=lambda group: (group != leader, group))
