"""Updates the variables of a session's shells from its newest client.

The agent is a symbolic link at a fixed path. The other variables are in a file, one per line, which shells with
integration read before each prompt (`sesh shell-init`). The file is written only when a variable differs from the
program's own environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from sesh.daemon.base.facts import Facts
from sesh.desktop import install
from sesh.desktop import variables as desktop
from sesh.store import records
from sesh.system import files


def update(facts: Facts, changes: Mapping[str, str]) -> None:
    """Write changed variables to the file; ignore a failure, such as a full disk."""
    # What no client has changed is as in the daemon's own environment.
    before = {**{key: os.environ[key] for key in changes if os.environ.get(key)}, **facts.variables}
    # Do not unset a variable that no client has set: it may be the user's own.
    now = {**before, **{key: value for key, value in changes.items() if value or before.get(key)}}
    if now == before:
        return
    text = "".join(f"{key}={value}\n" for key, value in now.items())
    with suppress(OSError):
        files.write_whole(records.file_of(facts.id, "env"), text.encode("utf-8", "surrogateescape"))
        facts.update(replace(facts, variables=now))


def offer_browser(facts: Facts, *, can_open: bool) -> None:
    """Have programs open pages if the leader's desktop can; else unset the variables that make them try."""
    if facts.browser:
        changes = desktop.for_pages(os.environ, install.folder(), can_open=can_open)
        update(facts, {name: value for name, value in changes.items() if name not in facts.env})


def use_agent(facts: Facts, sockets: Iterable[str]) -> None:
    """Point the session's agent link at the first of `sockets` that exists."""
    link = records.file_of(facts.id, "agent")
    socket = next((socket for socket in sockets if socket and socket != link and os.path.exists(socket)), "")
    if socket:
        records.link_agent(facts.id, socket)
        update(facts, {"SSH_AUTH_SOCK": link})  # the shells may have been started without an agent
