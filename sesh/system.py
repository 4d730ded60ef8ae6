"""The machine as daemons and `--doctor` need it: file systems, memory that runs out, systemd, inotify, terminfo."""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import termios
from collections.abc import Mapping

from sesh import identity, platform, programs

_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.gluster", "fuse.sshfs")
"""Beginnings of the names of network file systems."""
"""File systems that lie in memory."""
_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_OOM_SCORE = "/proc/self/oom_score_adj"
OOM_ROOM = 100
"""Preference of a session's program to its daemon when memory runs out: as if it had a tenth of it more."""
_SYSTEMD = "/run/systemd/system"
"""Directory that is there if systemd runs the machine: sd_booted(3)."""


def network_filesystem(path: str) -> str:
    """The kind of the network file system that holds a path, empty if it is a local one, or unknown."""
    kind = _filesystem(path)
    return kind if kind.startswith(_NETWORK) else ""


def _filesystem(path: str) -> str:
    """The kind of the file system that holds a path; empty if unknown."""
    best, kind = "", ""
    if platform.LINUX:
        rows = [
            line.split(" ") for line in identity.content("/proc/self/mountinfo").decode("utf-8", "replace").splitlines()
        ]
        mounts = [(row[4], row[row.index("-") + 1]) for row in rows if "-" in row[6:] and len(row) > 8]
    else:
        parted = [line.partition(" on ")[2].rpartition(" (") for line in identity.printed("mount").splitlines()]
        mounts = [(point, options.rstrip(")").split(",")[0]) for point, _, options in parted if point[:1] == "/"]
    real = os.path.realpath(path)
    for point, mounted in mounts:
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, mounted
    return kind


def shutting_down() -> bool:
    """Returns whether systemd is shutting the machine down or restarting it; waits a second at most."""
    if not (platform.LINUX and os.path.isdir(_SYSTEMD)):
        return False
    state = programs.printed("systemctl", "is-system-running", timeout=1.0)  # `stopping`: systemctl(1)
    return (state or "").strip() == "stopping"


def outlive_programs() -> None:
    """Gives this process the score that it would have if it was not started in a session; it must be allowed to."""
    score = oom_class()
    if score is not None and score != _oom_score():
        _write_oom_score(score)


def yield_memory() -> None:
    """Has the kernel end this process, when memory runs out, rather than the one that started it (proc(5))."""
    score = _oom_score()
    if score is not None:
        _write_oom_score(min(1000, score + OOM_ROOM))


def oom_class() -> int | None:
    """This process's score for when memory runs out, inside a session as outside: less what `yield_memory` has added.

    Inside is where SESH_SESSION is set; another score than 0 may be somebody's wish (systemd's DefaultOOMScoreAdjust=).
    """
    score = _oom_score()
    if score is None or score < OOM_ROOM or "SESH_SESSION" not in os.environ:
        return score
    return score - OOM_ROOM


def _oom_score() -> int | None:
    try:
        return int(identity.content(_OOM_SCORE)) if platform.LINUX else None
    except ValueError:
        return None


def _write_oom_score(score: int) -> None:
    try:
        descriptor = os.open(_OOM_SCORE, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(score).encode())
        finally:
            os.close(descriptor)
    except OSError:
        return  # /proc is hidden, or only root may lower it so far


def give_back() -> None:
    """Gives unused memory of the process back to the system (malloc_trim(3), if there is one)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def unread(descriptor: int) -> int:
    """Bytes in a pipe, or in a terminal, that its reader has not taken yet. Raises OSError."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def watch_directory(path: str) -> int:
    """A descriptor that becomes readable when a name appears in a directory (inotify); -1 if there is none."""
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
    """Returns whether this host has a terminfo entry of that name for programs with these variables (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    home = env.get("HOME")
    folders = [env.get("TERMINFO"), home and os.path.join(home, ".terminfo"), *env.get("TERMINFO_DIRS", "").split(":")]
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    present = filter(None, (*folders, *_TERMINFO))
    return any(os.path.isfile(os.path.join(folder, entry)) for folder in present for entry in entries)


def logind_kills() -> bool:
    """Returns whether logind kills a user's processes at logout; the last setting in the order of its files counts."""
    files = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            files += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    kills = False
    for path in files:
        try:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    key, _, value = line.partition("=")
                    if key.strip() == "KillUserProcesses":
                        kills = value.strip().lower() in ("yes", "true", "on", "1")
        except OSError:
            continue
    return kills
