"""This machine: system, name, file systems, limits, memory, terminals; and polling of descriptors."""

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
LONGEST_SOCKET_PATH = 107 if LINUX else 103  # bytes of `sun_path`, less the closing NUL
_LOCAL_PEERCRED = 0x001


def peer_uid(peer: socket.socket) -> int:
    """Return the user at the other end of a Unix socket (SO_PEERCRED; LOCAL_PEERCRED on macOS). Raises OSError."""
    if LINUX:
        credentials = peer.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED: pid, uid, gid
    else:
        credentials = peer.getsockopt(0, _LOCAL_PEERCRED, 76)  # struct xucred: version, uid, …
    return int.from_bytes(credentials[4:8], sys.byteorder)


def longest_line(descriptor: int) -> int:
    """Return the most bytes of a line in canonical mode; a terminal drops the rest."""
    return 4095 if LINUX else os.fpathconf(descriptor, "PC_MAX_CANON")


def window_size(terminal: int) -> tuple[int, int, int, int]:
    """Return columns, rows, width and height in pixels of a terminal, 0 if unknown (ioctl_tty(2), TIOCGWINSZ).

    Raises OSError if the descriptor is not a terminal.
    """
    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def unread_by_peer(descriptor: int) -> bool:
    """Return whether the peer of a Unix socket has not read all bytes sent to it; False if unknown."""
    try:
        return any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))  # on a socket: SIOCOUTQ (unix(7))
    except OSError:
        return False


def content(path: str, most: int = -1) -> bytes:
    """Return the content of a file, as `read_proc`; empty if it is missing or unreadable."""
    try:
        return read_proc(path, most)
    except OSError:
        return b""


def read_proc(path: str, most: int = -1) -> bytes:
    """Return the content of a file of /proc or /etc, at most `most` bytes. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return file.read(most) or b""


def printed(*words: str) -> str:
    """Run a program, such as `ps` on systems without /proc, and return its stdout. Raises OSError."""
    return subprocess.run(words, capture_output=True, text=True, env=programs.environment(), check=False).stdout


def device_number(rdev: int) -> int:
    """Return the number of a terminal from its `st_rdev`; on Linux encoded as `tty_nr` of proc(5)."""
    if not LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """Return the device number of the file system of terminals, which differs between containers; 0 if unknown."""
    try:
        return os.stat("/dev/pts" if LINUX else "/dev").st_dev
    except OSError:
        return 0


def boot_id() -> str:
    """Return the id of this boot of the machine. Raises OSError if no descriptor is left."""
    if LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return printed("sysctl", "-n", "kern.bootsessionuuid").strip()


def name() -> str:
    """Return a name that distinguishes this machine from others that share the home directory.

    Raises OSError if no descriptor is left, since under a fallback name its sessions would seem another machine's.
    """
    return _read_text("/etc/machine-id") or os.uname().nodename


def _read_text(path: str) -> str:
    """Return the stripped text of a file of the system; empty if it is missing or hidden. Raises OSError."""
    try:
        return read_proc(path).decode("ascii", "replace").strip()
    except (FileNotFoundError, PermissionError):
        return ""


_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.gluster", "fuse.sshfs")
"""Prefixes of the types of network file systems."""
_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_OOM_SCORE = "/proc/self/oom_score_adj"
OOM_ROOM = 100
"""Added to `oom_score_adj` of a session's program, so that the kernel kills it before its daemon."""
_SYSTEMD = "/run/systemd/system"  # exists if systemd is the init system: sd_booted(3)


def network_filesystem(path: str) -> str:
    """Return the type of the network file system of a path; empty for a local one, or if unknown."""
    best, kind = "", ""
    real = os.path.realpath(path)
    for line in os.fsdecode(content("/proc/self/mountinfo")).splitlines():
        row = line.split(" ")
        point = row[4].replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, row[row.index("-", 6) + 1]
    return kind if kind.startswith(_NETWORK) else ""


def shutting_down() -> bool:
    """Return whether systemd is shutting the machine down; takes a second at most."""
    if not (LINUX and os.path.isdir(_SYSTEMD)):
        return False
    state = programs.printed("systemctl", "is-system-running", timeout=1.0)  # `stopping`: systemctl(1)
    return (state or "").strip() == "stopping"


def yield_memory() -> None:
    """Make the kernel kill this process before its parent when memory runs out (proc(5))."""
    score = _oom_score()
    if score is not None:
        _write_oom_score(min(1000, score + OOM_ROOM))


def outlive_programs() -> None:
    """Undo `yield_memory` for a process that was started in a session."""
    score = oom_class()
    if score is not None:
        _write_oom_score(score)


def oom_class() -> int | None:
    """Return this process's `oom_score_adj` without the `OOM_ROOM` that `yield_memory` added; None if unknown.

    It may differ from 0 by configuration (systemd's DefaultOOMScoreAdjust=).
    """
    score = _oom_score()
    if score is not None and score >= OOM_ROOM and "SESH_SESSION" in os.environ:
        return score - OOM_ROOM
    return score


def _oom_score() -> int | None:
    try:
        return int(content(_OOM_SCORE))
    except ValueError:
        return None


def _write_oom_score(score: int) -> None:
    with suppress(OSError), open(_OOM_SCORE, "wb", buffering=0) as file:  # /proc is hidden, or only root may lower it
        file.write(str(score).encode())


def trim_memory() -> None:
    """Return unused memory to the system (malloc_trim(3), where available)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def unread(descriptor: int) -> int:
    """Return the number of unread bytes in a pipe or terminal. Raises OSError."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def watch_directory(path: str) -> int:
    """Return a descriptor that becomes readable when an entry appears in a directory; -1 without inotify."""
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
    """Return whether this machine has the terminfo entry, for programs with this environment (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    home = env.get("HOME")
    folders = [env.get("TERMINFO"), home and os.path.join(home, ".terminfo"), *env.get("TERMINFO_DIRS", "").split(":")]
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    present = filter(None, (*folders, *_TERMINFO))
    return any(os.path.isfile(os.path.join(folder, entry)) for folder in present for entry in entries)


def logind_kills() -> bool:
    """Return whether logind kills a user's processes at logout; the last setting in its files counts."""
    paths = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            paths += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    text = "\n".join(os.fsdecode(content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")


_LONGEST_POLL = 86_400_000.0
"""Milliseconds of one poll(2), whose int holds at most 24 days; a longer wait polls again."""
_MOST_CONNECTIONS = 256
_OTHER_DESCRIPTORS = 40  # descriptors reserved for files, pipes and links
_USUAL_LIMIT = 4096


def most_connections() -> int:
    return min(_MOST_CONNECTIONS, most_followed())


def most_followed() -> int:
    """Return the number of daemons to stay connected to: half of the descriptor limit (`ulimit -n`)."""
    limit = os.sysconf("SC_OPEN_MAX")
    return max(1, ((_USUAL_LIMIT if limit < 0 else limit) - _OTHER_DESCRIPTORS) // 2)


def polled(watched: Iterable[tuple[int, int]], deadline: float | None) -> list[int]:
    """Wait for events; return the ready descriptors, or none after the deadline (monotonic)."""
    poll = select.poll()
    for descriptor, events in watched:
        poll.register(descriptor, events)
    while True:
        left = None if deadline is None else min(max(0.0, deadline - time.monotonic()) * 1000, _LONGEST_POLL)
        ready = [descriptor for descriptor, _ in poll.poll(left)]
        if ready or (deadline is not None and time.monotonic() >= deadline):
            return ready


def check_audience(ready: list[int], audience: int) -> None:
    """Raise BrokenPipeError if `audience`, polled without events, is ready: its reader is gone."""
    if audience in ready:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
