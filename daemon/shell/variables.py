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

from sesh import files
from sesh.daemon.base.facts import Facts
from sesh.store import records


def update(facts: Facts, changes: Mapping[str, str], *, renamed: bool = False) -> None:
    """Write changed variables to the file; ignore a failure, such as a full disk."""
    before = facts.variables
    if not before:  # the program has the daemon's own environment
        before = {key: os.environ[key] for key in changes if os.environ.get(key)}
        if not renamed and all(before.get(key, "") == value for key, value in changes.items()):
            return
    # Do not unset a variable that no client has set: it may be the user's own.
    known = {key: value for key, value in changes.items() if value or before.get(key)}
    now = {**before, **known, "SESH_SESSION": facts.name}
    if os.path.islink(link := records.file_of(facts.id, "agent")):
        now["SSH_AUTH_SOCK"] = link
    if now == before:
        return
    text = "".join(f"{key}={value}\n" for key, value in now.items())
    with suppress(OSError), files.masked(0o077):
        files.write_whole(records.file_of(facts.id, "env"), text.encode("utf-8", "surrogateescape"))
        facts.update(replace(facts, variables=now))


def use_agent(facts: Facts, sockets: Iterable[str]) -> None:
    """Point the session's agent link at the first of `sockets` that exists."""
    link = records.file_of(facts.id, "agent")
    socket = next((socket for socket in sockets if socket and socket != link and os.path.exists(socket)), "")
    if not socket:
        return
    is_first = not os.path.islink(link)
    records.link_agent(facts.id, socket)
    if is_first:  # the shells were started without SSH_AUTH_SOCK
        update(facts, {"SSH_AUTH_SOCK": link})
