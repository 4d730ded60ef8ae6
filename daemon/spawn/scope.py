"""A systemd scope for a daemon that would otherwise end with the terminal or the login that it was started from."""

from __future__ import annotations

import os

from sesh.platform import LINUX


def own_scope() -> list[str]:
    """The words to put before a command so that it runs in a scope of its own; empty where it does not need one.

    It does in a `.scope`, which systemd stops when the terminal closes; but in a login's `session-N.scope` only if
    logind kills the user's processes at logout (`KillUserProcesses=yes`, logind.conf(5)).
    """
    if not LINUX or not os.path.exists(
        os.path.join(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere", "systemd/private")
    ):
        return []
    scope = _current_scope()
    if not scope.endswith(".scope") or (scope.startswith("session-") and not logind_kills()):
        return []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        runner = os.path.join(folder, "systemd-run")
        if os.access(runner, os.X_OK):
            return [runner, "--user", "--scope", "--quiet", "--collect", "--"]
    return []


def _current_scope() -> str:
    """The last part of this process's cgroup."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as lines:
            return lines.read().strip().rpartition("/")[2]
    except OSError:
        return ""


def logind_kills() -> bool:
    """Whether logind kills a user's processes at logout; the last setting in the order of its files counts."""
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
