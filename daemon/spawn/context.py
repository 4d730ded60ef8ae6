"""The context of a process: what its forks inherit and could not change. Each context has a zygote of its own."""

from __future__ import annotations

import hashlib
import os
import resource
import sys

from sesh import about, identity, paths, platform, programs, system

_STATUS = (
    b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allowed:", b"THP_enabled",
)  # fmt: skip
_FILES = ("loginuid", "sessionid", "attr/current", "personality", "coredump_filter", "timerslack_ns")
_PRIORITIES = slice(37, 39)
"""The fields of `identity.stat_of` with the real-time priority and the policy."""


def zygote_path(*, scoped: bool) -> str:
    """Return the path of the socket of this context's zygote. Raises OSError.

    `scoped`: the zygote gets a control group of its own (`own_scope`), so this process's one does not count. Beside the
    context it names this installation, whose files an upgrade in place writes again, and this machine: others may share
    the directory.
    """
    installed, root = os.stat(about.__file__), os.stat("/")
    facts: list[object] = [
        *(about.__version__, os.path.abspath(about.__file__), installed.st_ino, installed.st_ctime_ns),
        *(sys.executable, sys.path, sys.flags, sys.getfilesystemencoding()),
        *(identity.machine(), root.st_dev, root.st_ino),
        *(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()), os.nice(0)),
        *(resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")),
        # What only Linux has; kernels differ in their files, and in who may read them.
        *(line for line in identity.content("/proc/self/status").splitlines() if line.startswith(_STATUS)),
        *(identity.content(f"/proc/self/{name}") for name in _FILES),
        *(scoped or identity.content("/proc/self/cgroup"), system.oom_class(), identity.stat_of("self")[_PRIORITIES]),
    ]
    if os.path.isdir("/proc/self/ns"):
        facts += [os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))]
    key = hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return os.path.join(paths.directory(), f".zygote.{key}")


def own_scope() -> list[str]:
    """Return the words before a command that give it a scope of its own; none if it does not need one.

    A process in a `.scope` needs one: systemd stops that scope when the terminal closes. In a login's `session-N.scope`
    it needs one only if logind kills the user's processes at logout (`KillUserProcesses=yes`, logind.conf(5)).
    In a delegated scope the kernel's end of one process for memory ends no other (`OOMPolicy=`, systemd.scope(5)).
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"
    if not platform.LINUX or not os.path.exists(os.path.join(runtime, "systemd/private")):
        return []
    scope = os.fsdecode(identity.content("/proc/self/cgroup")).strip().rpartition("/")[2]
    if not scope.endswith(".scope") or (scope.startswith("session-") and not system.logind_kills()):
        return []
    runner = programs.find("systemd-run")
    return [runner, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"] if runner else []
