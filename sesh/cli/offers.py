"""Words that a Tab offers for an argument or an option's value, each with its description."""

from __future__ import annotations

import os

from sesh import config, paths, wording
from sesh.errors import SeshError
from sesh.keynames import CHORDS
from sesh.names import natural
from sesh.remote import known
from sesh.remote.ssh import aliases
from sesh.schema import Summary
from sesh.store import listing

Offers = list[tuple[str, str]]

_TIMEOUT = 0.05
"""Seconds for the daemons here. A host is never asked: its sessions are those that it listed last."""
_LONGEST = 60
"""Columns of each part of a description."""
KEYS = ("C-c", "C-d", "C-z", "C-l", "C-\\", *CHORDS)
SHELLS = ("bash", "zsh", "fish")


def sessions(named_hosts: list[str], *, local: bool) -> Offers:
    """Return the sessions of the hosts of the line; without hosts those here, then those of known remotes."""
    if named_hosts:
        groups = config.load().hosts_of(named_hosts)
    else:
        groups = [] if local else _remotes()
    offers = [] if named_hosts else [(row["name"], _described(wording.state(row), row["cwd"])) for row in _here()]
    for host in groups:
        offers += [
            (row["name"], _described(str(row.get("state") or ""), row.get("cwd"), host))
            for row in sorted(known.sessions(host), key=lambda row: natural(row["name"]))
        ]
    return offers


def hosts() -> Offers:
    """Return groups, known remotes and hosts of ssh_config by name, with their `@`, each with its source."""
    settings = config.load()
    offers = [(name, "group: " + " ".join(f"@{host}" for host in members)) for name, members in settings.groups.items()]
    others = [(name, "config.toml") for name in settings.remotes if not config.is_pattern(name)]
    others += [(name, "known") for name in _remotes()] + [(name, "ssh_config") for name in aliases.aliases()]
    offers += sorted(others, key=lambda offer: natural(offer[0]))
    return [(f"@{name}", source) for name, source in offers]


def labels() -> Offers:
    """Return the labels of the sessions here, each with those that have it."""
    names: dict[str, list[str]] = {}
    for session in _here():
        for key, value in (session.get("labels") or {}).items():
            names.setdefault(f"{wording.plain(key)}={wording.plain(value)}", []).append(session["name"])
    return [(label, " ".join(bearers)[:_LONGEST]) for label, bearers in names.items()]


def variables() -> Offers:
    """Return the variables of the environment."""
    return [(f"{name}=", "") for name in sorted(os.environ)]


def _here() -> list[Summary]:
    try:
        return listing.summaries(_TIMEOUT)
    except (SeshError, OSError):
        return []


def _remotes() -> list[str]:
    return known.hosts() if paths.knows_remotes() else []


def _described(state: str, directory: str | None, host: str = "") -> str:
    words = (state, f"@{host}" if host else "", wording.at_home(wording.plain(directory or "")))
    return ", ".join(wording.cut(word, _LONGEST) for word in words if word)
