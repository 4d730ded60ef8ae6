"""What there is to choose from while a line is typed: sessions here and elsewhere, hosts, labels. It never waits long.

Sessions of another host come from what was known of it last; where that is not of this moment, a child asks for what is
now, and the next Tab shows it.
"""

from __future__ import annotations

import os
import time

from sesh.cli import tables
from sesh.cli.printing import plain
from sesh.errors import SeshError
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Offers = dict[str, str]

PATIENCE = 0.1
"""Seconds for the daemons here, and for a host of which nothing is known yet."""
FRESH = 5.0
"""Seconds for which what a host said last is taken for what it would say."""
_LONGEST = 60
_TICK = 0.01


def sessions(*, elsewhere: bool = True) -> Offers:
    """The sessions of this machine with what tells them apart; with `elsewhere` those of known remotes after them."""
    found = {each["name"]: _told(each) for each in _here()}
    if elsewhere:
        for word in remotes():
            for name, told in _cached(word).items():
                found.setdefault(name, told)
    return found


def sessions_on(host: str) -> Offers:
    """The sessions of one host, by what it said last; one that has said nothing yet is waited for a moment."""
    from sesh.ops import child
    from sesh.remote import known

    try:
        before = _modified(host)
        if time.time() - (before or 0.0) > FRESH and host in remotes() and not known.failed_recently(host):
            if before is None:
                known.record_names(host, [])
            else:
                os.utime(known.path_of(host, ".names"))
            marked = _modified(host)
            child.aside(["--complete", "--refresh", "--", host])
            deadline = time.monotonic() + PATIENCE
            while before is None and _modified(host) == marked and time.monotonic() < deadline:
                time.sleep(_TICK)
        return _cached(host)
    except (SeshError, OSError):
        return {}


def hosts() -> Offers:
    """Known remotes, the groups and remotes of the settings, the hosts of ssh_config: each with where it is from."""
    from sesh import config
    from sesh.remote.ssh import destination

    settings = config.load()
    found: Offers = {}
    for name, words in settings.groups.items():
        found[name] = "group: " + " ".join(f"@{word}" for word in words)
    for word in settings.remotes:
        found.setdefault(word, "config.toml")
    for word in remotes():
        found.setdefault(word, "known")
    for word in destination.aliases():
        found.setdefault(word, "ssh_config")
    return {f"@{word}": told for word, told in found.items()}


def labels() -> Offers:
    """The labels that sessions here bear."""
    found: dict[str, list[str]] = {}
    for each in _here():
        for key, value in (each.get("labels") or {}).items():
            found.setdefault(f"{plain(key)}={plain(value)}", []).append(each["name"])
    return {label: " ".join(names)[:_LONGEST] for label, names in found.items()}


def remotes() -> list[str]:
    """The known remotes, the one used last first; none where their files are not to be trusted."""
    from sesh.ops import caller
    from sesh.remote import known

    if caller.near() is not None or not os.path.isdir(known.directory()):
        return []
    try:
        return [each.host for each in known.all()]
    except SeshError:
        return []


def refresh(host: str) -> int:
    """Asks a host for its sessions, for the next Tab; nothing is said. The exit code."""
    from sesh.ops import lookup

    return 1 if any(isinstance(answer, SeshError) for _, answer in lookup.summaries([host])) else 0


def _here() -> list[dict[str, Any]]:
    try:
        return listing.summaries(PATIENCE)
    except (SeshError, OSError):
        return []


def _cached(host: str) -> Offers:
    from sesh.remote import known

    return {each["name"]: _told(each, host) for each in known.names(host)}


def _told(session: Mapping[str, Any], host: str | None = None) -> str:
    """State, host and directory, in a few words."""
    state = plain(session["state"]) if host is not None else tables.state(dict(session))
    return ", ".join(_filled([state, f"@{host}" if host else "", tables.at_home(plain(session.get("cwd") or ""))]))


def _filled(words: Iterable[str]) -> list[str]:
    return [tables.cut(word, _LONGEST) for word in words if word]


def _modified(host: str) -> float | None:
    """When a host's names were written, None where they never were."""
    from sesh.remote import known

    try:
        return os.lstat(known.path_of(host, ".names")).st_mtime
    except FileNotFoundError:
        return None
