"""Identities of processes, terminals and machines: pids with start times, devices, ids; and the reading of /proc."""

from __future__ import annotations

import os
import subprocess

from sesh import platform, programs


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


def stat_of(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, the state: the name before may hold blanks and brackets.

    Empty if there is no such process. A thread is `PID/task/TID`.
    """
    return fields_of(content(f"/proc/{pid}/stat"))


def fields_of(stat: bytes) -> list[str]:
    return stat.rpartition(b")")[2].decode("ascii", "replace").split()


def start_time(pid: int) -> str:
    """Return the start of a process, as a text to compare: a reused pid has another. Empty if it does not live."""
    if platform.LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return printed("ps", "-o", "lstart=", "-p", str(pid)).strip()


def controlling_tty(pid: int = 0) -> int:
    """Return the `device_number` of the controlling terminal of a process, else of the caller; 0 without one."""
    if platform.LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = printed("ps", "-o", "tty=", "-p", str(pid or os.getpid())).strip()
    try:
        return device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def session_starter() -> int:
    """Return the parent of the leader of the caller's process session; 0 if that is not known."""
    return parent_of(os.getsid(0))


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if that is not known."""
    parent = stat_of(pid)[1:2] if platform.LINUX else printed("ps", "-o", "ppid=", "-p", str(pid)).split()
    return int(parent[0]) if parent else 0


def device_number(rdev: int) -> int:
    """Return the number of a terminal, from its `st_rdev`: on Linux in the kernel's encoding (`tty_nr` of proc(5))."""
    if not platform.LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """Return the device of the file system that holds the caller's terminals: a container has another one."""
    try:
        return os.stat("/dev/pts" if platform.LINUX else "/dev").st_dev
    except OSError:
        return 0


def boot_id() -> str:
    """Return a text that changes with each start of the machine. Raises OSError if no descriptor is left."""
    if platform.LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return printed("sysctl", "-n", "kern.bootsessionuuid").strip()


def machine() -> str:
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
