"""This machine: system, name, boot, file systems, sockets, terminals, logins.

Only this module and `processes` check whether the system is Linux or macOS.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock

from sesh.system import programs

LINUX = sys.platform.startswith("linux")
BROWSER = "sesh-browser"
"""The shim for the variable BROWSER: no browser's name, and none that programs take for a text browser's."""
MAX_SOCKET_PATH = 107 if LINUX else 103  # bytes of `sun_path`, less the closing NUL
USES_LOGIN_SHELLS = not LINUX  # the shells of terminals are login shells
PEAK_UNIT = 1024 if LINUX else 1  # bytes in a unit of `ru_maxrss`
FLUSH_LEAVES_OUTPUT = LINUX  # a terminal that discards its output leaves what the pty's master can read already
_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_IPV4_IFADDR, _ROUTE, the same for IPv6
_AF_ROUTE = 17
_LOCAL_PEERCRED = 0x001
_PROCESS_ARGUMENTS = 1, 49  # CTL_KERN, KERN_PROCARGS2
_MAX_ARGUMENTS = 1 << 20  # bytes of macOS's ARG_MAX


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


def first_environment() -> bytes | None:
    """Return the variables that this process was given, each with a NUL behind it; None if that is not known."""
    try:
        return read_proc("/proc/self/environ") if LINUX else variables_within(_process_arguments())
    except (OSError, AttributeError):
        return None


def variables_within(arguments: bytes) -> bytes:
    """Return the variables in what macOS keeps of a process: a count, path, words, variables, all with NULs behind."""
    count = int.from_bytes(arguments[:4], sys.byteorder)
    behind_path = arguments[4:].partition(b"\0")[2].lstrip(b"\0")
    rest = behind_path.split(b"\0", count)
    strings = rest[count].split(b"\0") if len(rest) > count else []
    end = strings.index(b"") if b"" in strings else len(strings)  # behind it are strings of the dynamic linker
    return b"".join(each + b"\0" for each in strings[:end])


def _process_arguments() -> bytes:
    """Return what macOS keeps of the words and variables of this process. Raises OSError, AttributeError."""
    import ctypes  # noqa: PLC0415 - takes as long to load as half an interpreter, for few processes

    path = (ctypes.c_int * 3)(*_PROCESS_ARGUMENTS, os.getpid())
    content = ctypes.create_string_buffer(_MAX_ARGUMENTS)
    size = ctypes.c_size_t(len(content))
    if ctypes.CDLL(None).sysctl(path, 3, content, ctypes.byref(size), None, ctypes.c_size_t(0)):
        raise OSError("sysctl")
    return content.raw[: size.value]


def output(*words: str) -> str:
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


_masking = Lock()  # the umask is the process's: of two threads that change it, one would restore the other's


def umask() -> int:
    """Return the umask; on Linux (since 4.7) without changing it for a moment."""
    if match := re.search(rb"^Umask:\s*([0-7]+)$", content("/proc/self/status"), re.MULTILINE):
        return int(match[1], 8)
    with _masking:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


@contextmanager
def private_when_bound(opened: socket.socket) -> Iterator[None]:
    """Have bind(2) in the block make a Unix socket that no other user may use, from its first instant."""
    if LINUX:  # it gets the mode of its descriptor, less the umask
        os.fchmod(opened.fileno(), 0o600)
        yield
        return
    with _masking:
        before = os.umask(0o177)
        try:
            yield
        finally:
            os.umask(before)


def lock_holder(status: os.stat_result) -> int:
    """Return the pid of the process that holds a lock (flock(2)) on a file; 0 if that is not known. Linux only."""
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in os.fsdecode(content("/proc/locks")).splitlines():
        words = line.split()
        if words[1:2] == ["FLOCK"] and place in words and words[4].isdecimal():  # `-1`: of another container
            return int(words[4])
    return 0


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
    return output("sysctl", "-n", "kern.bootsessionuuid").strip()


def network() -> str:
    """Return what machines and containers have alike that share one loopback. Raises OSError."""
    return f"{boot_id()} {os.readlink('/proc/self/ns/net') if LINUX else ''}"


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


def brings_display(login: Mapping[str, str]) -> bool:
    """Return whether a login with these variables shows this machine's programs on the display of its person."""
    if not LINUX and not login.get("SSH_CONNECTION"):
        return True  # macOS: its clipboard and its browser need no variable
    return bool(login.get("DISPLAY") or login.get("WAYLAND_DISPLAY"))


def opens_pages(login: Mapping[str, str]) -> bool:
    """Return whether a login with these variables has a desktop that is likely to show a page.

    It is quick: which program shows the page is looked up when there is one (`sesh.desktop.tools`).
    """
    is_within = os.path.basename(login.get("BROWSER", "")) == BROWSER  # a session, whose client has the desktop
    needs_no_display = not login.get("SSH_CONNECTION") and any(map(login.get, ("WSL_DISTRO_NAME", "TERMUX_VERSION")))
    return is_within or needs_no_display or brings_display(login)


def logind_kills() -> bool:
    """Return whether logind kills a user's processes at logout, by the last setting."""
    paths = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            paths += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    text = "\n".join(os.fsdecode(content(path)) for path in paths)
    values = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "on", "1")
