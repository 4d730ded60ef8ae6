"""Identities of processes, terminals and machines: pids with start times, devices, ids; and the reading of /proc."""

from __future__ import annotations

import os
import subprocess

from sesh import platform, programs


def content(path: str, most: int | None = None, *, once: bool = False) -> bytes:
    """The content of a file of /proc, as by `read_proc`; empty if it is missing or not readable."""
    try:
        return read_proc(path, most, once=once)
    except OSError:
        return b""


def read_proc(path: str, most: int | None = None, *, once: bool = False) -> bytes:
    """The content of a file of /proc or /etc, at most `most` bytes. Raises OSError.

    `once`: it is one short line, as `stat` and `syscall`, which the kernel hands over in one read.
    """
    # Not by open(), which asks four more things of the kernel: a daemon reads hundreds of these at a time.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if once:
            return os.read(descriptor, 4096)
        read = b""
        while (most is None or len(read) < most) and (block := os.read(descriptor, 65536)):
            read += block
        return read[:most]
    finally:
        os.close(descriptor)


def printed(*words: str) -> str:
    """The stdout of a program, such as `ps` on systems without /proc. Raises OSError."""
    return subprocess.run(words, capture_output=True, text=True, env=programs.environment(), check=False).stdout


def stat_of(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat from the third on, the state; the name before may hold blanks and parentheses.

    Empty if there is no such process. A thread is `PID/task/TID`.
    """
    return fields_of(content(f"/proc/{pid}/stat", once=True))


def fields_of(content: bytes) -> list[str]:
    return content.rpartition(b")")[2].decode("ascii", "replace").split()


def start_time(pid: int) -> str:
    """The start of a process, as a text to compare: a pid used again has another. Empty if it does not live."""
    if platform.LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return printed("ps", "-o", "lstart=", "-p", str(pid)).strip()


def controlling_tty(pid: int = 0) -> int:
    """The controlling terminal of a process, else of the caller, as `device_number` has it; 0 if there is none."""
    if platform.LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = printed("ps", "-o", "tty=", "-p", str(pid or os.getpid())).strip()
    try:
        return device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def session_starter() -> int:
    """The parent of the leader of the caller's process session, who had it call setsid(2); 0 if that is not known."""
    return parent_of(os.getsid(0))


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if that is not known."""
    parent = stat_of(pid)[1:2] if platform.LINUX else printed("ps", "-o", "ppid=", "-p", str(pid)).split()
    return int(parent[0]) if parent else 0


def device_number(rdev: int) -> int:
    """The number of a terminal, from its `st_rdev`: on Linux in the kernel's own encoding (`tty_nr` of proc(5))."""
    if not platform.LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """The device of the file system that holds the caller's terminals: a container has another one."""
    try:
        return os.stat("/dev/pts" if platform.LINUX else "/dev").st_dev
    except OSError:
        return 0


def boot_id() -> str:
    """A text that changes with each start of the machine. Raises OSError if no descriptor is left to read it."""
    if platform.LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return printed("sysctl", "-n", "kern.bootsessionuuid").strip()


def machine() -> str:
    """A name for this machine, to tell it from others that share the home directory.

    Raises OSError if no descriptor is left to read it: with another name, its sessions would be another machine's.
    """
    return _read_text("/etc/machine-id") or os.uname().nodename


def _read_text(path: str) -> str:
    """The stripped text of a system's file, empty if it is missing or hidden. Raises OSError."""
    try:
        return read_proc(path).decode("ascii", "replace").strip()
    except (FileNotFoundError, PermissionError):
        return ""
