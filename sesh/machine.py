"""This machine: its system, name, file systems, limits, memory, terminals; and waiting for descriptors."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import os
import re
import select
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from sesh import programs

LINUX = sys.platform.startswith("linux")
LONGEST_SOCKET_PATH = 107 if LINUX else 103
"""Bytes of `sun_path`, less the closing NUL."""
_LOCAL_PEERCRED = 0x001


def peer_uid(peer: socket.socket) -> int:
    """Return the user at the other end of a Unix socket (SO_PEERCRED; LOCAL_PEERCRED on macOS). Raises OSError."""
    if LINUX:
        credentials = peer.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED: pid, uid, gid
    else:
        credentials = peer.getsockopt(0, _LOCAL_PEERCRED, 76)  # struct xucred: version, uid, …
    return int.from_bytes(credentials[4:8], sys.byteorder)


def longest_line(descriptor: int) -> int:
    """Bytes of a line that a terminal passes on to a program that reads lines; of a longer one it drops the rest."""
    return 4095 if LINUX else os.fpathconf(descriptor, "PC_MAX_CANON")


def window_size(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, width and height in pixels of a terminal, 0 if unknown (ioctl_tty(2), TIOCGWINSZ).

    Raises OSError if the descriptor is no terminal.
    """
    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def untaken(descriptor: int) -> bool:
    """Return whether the other end of a Unix socket has left bytes unread; False where the system does not tell."""
    try:
        return any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))  # of a socket it is SIOCOUTQ (unix(7))
    except OSError:
        return False


def content(path: str, most: int = -1) -> bytes:
    """Return the content of a file of /proc, as `read_proc`; empty if it is missing or not readable."""
    try:
        return read_proc(path, most)
    except OSError:
        return b""


def read_proc(path: str, most: int = -1) -> bytes:
    """Return the content of a file of /proc or /etc, at most `most` bytes. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return file.read(most) or b""


def printed(*words: str) -> str:
    """Return the stdout of a program, such as `ps` on systems without /proc. Raises OSError."""
    return subprocess.run(words, capture_output=True, text=True, env=programs.environment(), check=False).stdout


def device_number(rdev: int) -> int:
    """Return the number of a terminal, from its `st_rdev`: on Linux in the kernel's encoding (`tty_nr` of proc(5))."""
    if not LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """Return the device of the file system that holds the caller's terminals: a container has another one."""
    try:
        return os.stat("/dev/pts" if LINUX else "/dev").st_dev
    except OSError:
        return 0


def boot_id() -> str:
    """Return a text that changes with each start of the machine. Raises OSError if no descriptor is left."""
    if LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return printed("sysctl", "-n", "kern.bootsessionuuid").strip()


def name() -> str:
    """Return a name for this machine, to tell it from others that share the home directory.

    Raises OSError if no descriptor is left: with another name, its sessions would be another machine's.
    """
    return _read_text("/etc/machine-id") or os.uname().nodename


def _read_text(path: str) -> str:
    """Return the stripped text of a system's file, empty if it is missing or hidden. Raises OSError."""
    try:
        return read_proc(path).decode("ascii", "replace").strip()
    except (FileNotFoundError, PermissionError):
        return ""


_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.gluster", "fuse.sshfs")
"""The first letters of the names of network file systems."""
_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_OOM_SCORE = "/proc/self/oom_score_adj"
OOM_ROOM = 100
"""Preference of a session's program to its daemon when memory runs out: as if it had a tenth of it more."""
_SYSTEMD = "/run/systemd/system"
"""Directory that exists if systemd runs the machine: sd_booted(3)."""


def network_filesystem(path: str) -> str:
    """Return the kind of the network file system that holds a path; empty for a local one, or if unknown."""
    best, kind = "", ""
    real = os.path.realpath(path)
    for line in os.fsdecode(content("/proc/self/mountinfo")).splitlines():
        row = line.split(" ")
        point = row[4].replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, row[row.index("-", 6) + 1]
    return kind if kind.startswith(_NETWORK) else ""


def shutting_down() -> bool:
    """Return whether systemd is shutting the machine down or restarting it; waits a second at most."""
    if not (LINUX and os.path.isdir(_SYSTEMD)):
        return False
    state = programs.printed("systemctl", "is-system-running", timeout=1.0)  # `stopping`: systemctl(1)
    return (state or "").strip() == "stopping"


def yield_memory() -> None:
    """Have the kernel end this process, when memory runs out, rather than the one that started it (proc(5))."""
    score = _oom_score()
    if score is not None:
        _write_oom_score(min(1000, score + OOM_ROOM))


def outlive_programs() -> None:
    """Give this process the score that it would have if it was not started in a session."""
    score = oom_class()
    if score is not None:
        _write_oom_score(score)


def oom_class() -> int | None:
    """Return this process's score for when memory runs out, less what `yield_memory` has added in a session.

    Another score than 0 may be somebody's wish (systemd's DefaultOOMScoreAdjust=).
    """
    score = _oom_score()
    inside = score is not None and score >= OOM_ROOM and "SESH_SESSION" in os.environ
    return score - OOM_ROOM if score is not None and inside else score


def _oom_score() -> int | None:
    try:
        return int(content(_OOM_SCORE))
    except ValueError:
        return None


def _write_oom_score(score: int) -> None:
    with suppress(OSError), open(_OOM_SCORE, "wb", buffering=0) as file:  # /proc is hidden, or only root may lower it
        file.write(str(score).encode())


def give_back() -> None:
    """Give unused memory of the process back to the system (malloc_trim(3), if there is one)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def unread(descriptor: int) -> int:
    """Return the bytes in a pipe, or in a terminal, that its reader has not taken yet. Raises OSError."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def watch_directory(path: str) -> int:
    """Return a descriptor that becomes readable when a name appears in a directory (inotify); -1 if there is none."""
    if not LINUX:
        return -1
    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return -1
    if library.inotify_add_watch(descriptor, os.fsencode(path), _IN_CREATE | _IN_MOVED_TO) < 0:
        os.close(descriptor)
        return -1
    return descriptor


def has_terminfo(term: str, env: Mapping[str, str]) -> bool:
    """Return whether this host has a terminfo entry of that name for programs with these variables (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    home = env.get("HOME")
    folders = [env.get("TERMINFO"), home and os.path.join(home, ".terminfo"), *env.get("TERMINFO_DIRS", "").split(":")]
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    present = filter(None, (*folders, *_TERMINFO))
    return any(os.path.isfile(os.path.join(folder, entry)) for folder in present for entry in entries)


def logind_kills() -> bool:
    """Return whether logind kills a user's processes at logout; the last setting in the order of its files counts."""
    paths = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            paths += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    text = "\n".join(os.fsdecode(content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")


_LONGEST_POLL = 86_400_000.0
"""Milliseconds of one call of poll(2), which takes no more than 24 days."""
_MOST_CONNECTIONS = 256
_OTHER_DESCRIPTORS = 40
"""Descriptors that are left for files, pipes and links to hosts."""
_USUAL_LIMIT = 4096


def most_connections() -> int:
    return min(_MOST_CONNECTIONS, most_followed())


def most_followed() -> int:
    """Return the number of daemons to stay connected to: half of what this process may open (`ulimit -n`)."""
    limit = os.sysconf("SC_OPEN_MAX")
    return max(1, ((_USUAL_LIMIT if limit < 0 else limit) - _OTHER_DESCRIPTORS) // 2)


def polled(watched: Iterable[tuple[int, int]], deadline: float | None) -> list[int]:
    """Wait until descriptors are ready for their events; return those, none past the deadline (monotonic)."""
    poll = select.poll()
    for descriptor, events in watched:
        poll.register(descriptor, events)
    while True:
        left = None if deadline is None else min(max(0.0, deadline - time.monotonic()) * 1000, _LONGEST_POLL)
        ready = [descriptor for descriptor, _ in poll.poll(left)]
        if ready or (deadline is not None and time.monotonic() >= deadline):
            return ready


def check_audience(ready: list[int], audience: int) -> None:
    """Raise BrokenPipeError if `audience`, polled for no events, is ready: nobody reads it any more."""
    if audience in ready:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
