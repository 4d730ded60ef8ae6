"""The variables that a session's shells take from its newest client: SSH agent, those that a login renews, the name.

The agent is a symbolic link at a fixed path. The rest is in a file, a line each, which shells with integration read
before each prompt (`sesh --shell-init`). The file exists only once something differs from the program's own
environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from sesh import files
from sesh.errors import Refused
from sesh.store import records

_LARGEST = 128 << 10


def update(session_id: str, name: str, changes: Mapping[str, str], *, renamed: bool = False) -> None:
    """Write the variables that have changed; if that fails, as on a full disk, they stay as they were."""
    path = records.environment_path(session_id)
    try:
        content = files.read_own(path, _LARGEST)
    except (OSError, Refused):
        content = None
    if content is not None:
        pairs = (line.partition("=") for line in content.decode("utf-8", "surrogateescape").split("\n") if line)
        before = {key: value for key, _, value in pairs}
    else:
        before = {key: os.environ.get(key, "") for key in changes}  # the daemon's are the creator's
        if not renamed and all(before.get(key) == value for key, value in changes.items()):
            return
    # A variable that no client has had may be the user's own: it is not unset.
    known = {key: value for key, value in changes.items() if value or before.get(key)}
    now = {**{key: value for key, value in before.items() if value or content}, **known, "SESH_SESSION": name}
    if os.path.islink(link := records.agent_path(session_id)):
        now["SSH_AUTH_SOCK"] = link
    if now == before:
        return
    try:
        with files.masked(0o077):
            text = "".join(f"{key}={value}\n" for key, value in now.items())
            files.write_whole(path, text.encode("utf-8", "surrogateescape"))
    except OSError:
        return


def use_agent(session_id: str, name: str, sockets: Iterable[str]) -> None:
    """Point the session's agent link at the first of these sockets that exists; leave it if none does.

    The shells get their first agent as a variable: they were created without it.
    """
    link = records.agent_path(session_id)
    socket = next((socket for socket in sockets if socket and socket != link and os.path.exists(socket)), "")
    if not socket:
        return
    is_first = not os.path.islink(link)
    records.link_agent(session_id, socket)
    if is_first:
        update(session_id, name, {"SSH_AUTH_SOCK": link})
