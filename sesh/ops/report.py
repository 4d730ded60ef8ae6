"""The report for an issue: versions, names of settings, checks, faults.

It has no value of a setting or variable, no host, no user. Names of sessions and the user's paths are left out of
messages.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator

from sesh import config, log, paths, reading
from sesh.about import __version__
from sesh.errors import Refused, SeshError
from sesh.names import printable
from sesh.reach import find
from sesh.remote import known
from sesh.schema import Finding, Report

_VARIABLES = ("SESH_", "XDG_", "NO_COLOR", "COLORTERM", "TERM")
"""Beginnings of the names of variables that change what sesh does."""
_LINES, _FAULTS = 20, 5
"""The last lines of the log, and of the faults of a session."""
_PATIENCE = 1.0
"""Seconds for a daemon to answer."""
_FACTS = ("reason", "step", "exit_code", "where", "tool")
"""The facts that are reported of an event of a link."""
_PATH = re.compile(r"~?/[^\s:;,'\"()]*")
_AT_HOST = re.compile(r"@[\w.:%+-]+")
_WORD = re.compile(r"[\w.+%-]+")
_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib", "/etc/", "/opt/", "/proc", "/dev", "/sys/", "/run/systemd", "/nix/")
_OWN = ("~/.sesh", "~/.config/sesh", "~/.local/bin", "~/.local/state/sesh", "~/.local/share/sesh")


def gather(checks: list[Finding]) -> Report:
    """The report; `checks`: the findings of `--doctor`."""
    names, remotes, settings = paths.names(), known.all(), config.load()
    machine = os.uname()
    private = {*names, *settings.groups, *settings.remotes, machine.nodename, os.path.basename(paths.home())}
    for remote in remotes:
        private |= {remote.host, remote.hostname, remote.user}

    def shortened_word(match: re.Match[str]) -> str:
        word = match[0].rstrip(".")
        return "…" if word in private or word.partition(".")[0] in private else match[0]

    def shorten(text: str) -> str:
        """Leaves names and paths out of a text."""
        return _WORD.sub(shortened_word, _AT_HOST.sub("@…", _PATH.sub(_shortened_path, text)))

    return {
        "version": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "system": f"{machine.sysname} {machine.release} {machine.machine}",
        "terminal": printable(os.environ.get("TERM") or "none"),
        "settings": settings.given,
        "variables": sorted(name for name in os.environ if name.startswith(_VARIABLES)),
        "sessions": len(names),
        "remotes": len(remotes),
        "checks": [{**row, "message": shorten(row["message"]), "remedy": None} for row in checks],
        "faults": [shorten(line) for name in names for line in _faults(name)],
        "log": [shorten(line) for line in _logged()],
    }


def _faults(name: str) -> list[str]:
    try:
        session = find.ask(name, "status", timeout=_PATIENCE)[0].get("session")
        return session.get("faults", [])[-_FAULTS:] if session else []
    except SeshError as error:
        return [] if error.code == "not_found" else [f"a daemon that is asked for its faults: {error.code}"]


def _logged() -> Iterator[str]:
    """The last lines of the log, without names of hosts and sessions in the lines of links."""
    try:
        content = reading.read_own(log.path(), log.LARGEST, whole=False) if log.path() else None
    except Refused:
        return
    for line in (content or b"").decode("utf-8", "replace").splitlines()[-_LINES:]:
        start, _, text = line.partition(": ")
        kind, _, rest = text.partition(" ")
        if start.endswith(" link") and rest[:1] == "{":
            yield f"{start}: {kind}{_facts(rest)}"
        elif kind == "unreachable:":  # its message names the host
            yield f"{start}: unreachable{rest[rest.rfind(' (') :] if rest.endswith(')') else ''}"
        else:
            yield line


def _facts(text: str) -> str:
    try:
        facts = json.loads(text)
    except ValueError:
        return ""  # it was cut
    return "".join(f" {key}={facts[key]}" for key in _FACTS if key in facts)


def _shortened_path(match: re.Match[str]) -> str:
    path, home = match[0], paths.home()
    if path == home or path.startswith(f"{home}/"):
        path = f"~{path[len(home) :]}"
    if path.startswith((*_SYSTEM, *_OWN)) or path == "/":
        return path
    return "~/…" if path[0] == "~" else "/…"
