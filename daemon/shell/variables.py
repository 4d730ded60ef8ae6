"""Variables that a session's shells take over before each prompt, where they were told to (`sesh --shell-init`).

They stand in a file of the session's, a line each, which is there only where something differs from what the program
was started with: another display, another name of the session.
"""

from __future__ import annotations

import os

from sesh import paths
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
"""What leads to the screen of the person in front, of the newest client that sits on this machine."""
_LONGEST = 1024


def displays(told: object) -> dict[str, str]:
    """What a client's HELLO tells of its displays; an empty value where it has none."""
    if not isinstance(told, dict):
        return {}
    values = {key: told.get(key) for key in DISPLAYS}
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, str) and len(value) <= _LONGEST and (value.isprintable() or not value)
    }


def refresh(number: str, name: str, changes: Mapping[str, str], *, renamed: bool = False) -> None:
    """Puts down what has changed in session `number`; a disk that is full keeps nobody from attaching."""
    known = _read(number)
    if known is None:
        known = {key: os.environ.get(key, "") for key in DISPLAYS}  # the daemon's are the creator's
        if not renamed and all(known[key] == value for key, value in changes.items()):
            return
    now = {**known, **changes, "SSH_AUTH_SOCK": records.agent_path(number), "SESH_SESSION": name}
    if now == known:
        return
    try:
        with paths.masked(0o077):
            text = "".join(f"{key}={value}\n" for key, value in now.items())
            paths.write_whole(records.environment_path(number), text.encode("utf-8", "surrogateescape"))
    except OSError:
        return


def _read(number: str) -> dict[str, str] | None:
    try:
        with open(records.environment_path(number), encoding="utf-8", errors="surrogateescape") as lines:
            pairs = (line.rstrip("\n").partition("=") for line in lines)
            return {key: value for key, _, value in pairs}
    except OSError:
        return None
