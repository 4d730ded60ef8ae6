"""What a process hands down to its children beside its environment: two that agree in it may be parents of the same."""

from __future__ import annotations

import os
import sys

from sesh import __version__
from sesh.kernel import LINUX

_STATUS = (b"Uid", b"Gid", b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allo")
_FILES = ("cgroup", "limits", "loginuid", "sessionid", "oom_score_adj", "timerslack_ns", "personality", "attr/current")


def surroundings() -> str:
    """A word for all of it, and for the sesh that runs; empty where the system does not tell.

    That is, of proc(5): user, groups and capabilities, seccomp, the processors allowed, control group, limits, audit
    session, security label, root and namespaces; scheduling; and the program's files, changed or not.
    """
    if not LINUX:
        return ""
    try:
        from _sha1 import sha1  # type: ignore[import-not-found]  # `hashlib` would load OpenSSL

        with open("/proc/self/status", "rb") as lines:
            told = [line for line in lines if line.startswith(_STATUS)]
        told += [_held(f"/proc/self/{name}") for name in _FILES]
        told += [os.fsencode(os.readlink(f"/proc/self/ns/{name}")) for name in sorted(os.listdir("/proc/self/ns"))]
        told.append(os.fsencode(os.readlink("/proc/self/root")))
        told.append(repr((os.nice(0), os.sched_getscheduler(0), _program())).encode("utf-8", "surrogateescape"))
    except (ImportError, OSError):
        return ""
    return str(sha1(b"\0".join(told)).hexdigest())


def _held(path: str) -> bytes:
    """A file's content; some are not there everywhere, or cannot be read where there is no such module."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        return str(error.errno).encode()


def _program() -> tuple[object, ...]:
    """The interpreter, the version, and the files that it loads, by their dates."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    dates = []
    for folder in (package, os.path.join(package, "daemon")):
        with os.scandir(folder) as entries:
            dates.append(
                sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name[-3:] == ".py")
            )
    return (__version__, sys.executable, sys.path, sys.getfilesystemencoding(), sys.flags, dates)
