"""The variables that a new login renews: a session's shells take them from the client that attached last.

Each names something that ends with a login, or moves with it: a display and the right to use it, an agent, a ticket, an
editor's socket. The list is that of tmux's `update-environment`, and what editors put into the shells they start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sesh.errors import UsageError
from sesh.names import printable

NAMES = (
    "DISPLAY", "KRB5CCNAME", "MSYSTEM", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_CONNECTION", "WAYLAND_DISPLAY", "WINDOWID",
    "XAUTHORITY", "XDG_CURRENT_DESKTOP", "XDG_SESSION_DESKTOP", "XDG_SESSION_TYPE", "VSCODE_IPC_HOOK_CLI",
    "GIT_ASKPASS", "VSCODE_GIT_ASKPASS_MAIN", "VSCODE_GIT_ASKPASS_NODE", "VSCODE_GIT_IPC_HANDLE",
)  # fmt: skip
_MOST_RENEWED, _LONGEST_VALUE = 64, 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def check_variables(names: Iterable[str]) -> None:
    """Raise UsageError for a name that no variable to renew may have; those of sesh itself are not renewed."""
    if wrong := next((name for name in names if not _is_variable(name)), ""):
        raise UsageError(f"{printable(wrong)} is no name of a variable")


def _is_variable(name: str) -> bool:
    return _NAME.match(name) is not None and not name.startswith("SESH_")


def of(environment: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables of an environment that are renewed, with those named by a setting; empty where unset."""
    return {name: environment.get(name, "") for name in (*NAMES, *more)}


def checked(sent: object) -> dict[str, str]:
    """Return those of a peer's variables that may be written for shells."""
    if not isinstance(sent, dict):
        return {}
    return {
        name: value
        for name, value in list(sent.items())[:_MOST_RENEWED]
        if isinstance(name, str) and _is_variable(name) and isinstance(value, str)
        if len(value) <= _LONGEST_VALUE and (value.isprintable() or not value)
    }
