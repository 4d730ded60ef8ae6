"""This machine: its system, name and boot, its file systems, terminals and logins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from sesh import programs

LINUX = sys.platform.startswith("linux")


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

    Raises OSError if no descriptor is left: with a fallback name, its sessions would seem to be another machine's.
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
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_SYSTEMD = "/run/systemd/system"  # exists if systemd is the init system: sd_booted(3)


def network_filesystem(path: str) -> str:
    """Return the type of the network file system of a path; empty for a local one, or if unknown."""
    best, kind = "", ""
    real = os.path.realpath(path)
    for line in os.fsdecode(content("/proc/self/mountinfo")).splitlines():
        row = line.split(" ")
        point = row[4].replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best = point
            kind = row[row.index("-", 6) + 1]
    return kind if kind.startswith(_NETWORK) else ""


def shutting_down() -> bool:
    """Return whether systemd is shutting the machine down; takes a second at most."""
    if not (LINUX and os.path.isdir(_SYSTEMD)):
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
    """Return whether logind kills a user's processes at logout; the last setting in its files counts."""
    paths = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            paths += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    text = "\n".join(os.fsdecode(content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")
