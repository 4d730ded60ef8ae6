"""The machine as daemons and `--doctor` need it: file systems, memory that runs out, systemd, inotify, terminfo."""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import re
import termios
from collections.abc import Mapping
from contextlib import suppress

from sesh import identity, platform, programs

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
    for line in os.fsdecode(identity.content("/proc/self/mountinfo")).splitlines():
        row = line.split(" ")
        point = row[4].replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, row[row.index("-", 6) + 1]
    return kind if kind.startswith(_NETWORK) else ""


def shutting_down() -> bool:
    """Return whether systemd is shutting the machine down or restarting it; waits a second at most."""
    if not (platform.LINUX and os.path.isdir(_SYSTEMD)):
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
        return int(identity.content(_OOM_SCORE))
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
    if not platform.LINUX:
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
    text = "\n".join(os.fsdecode(identity.content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")
