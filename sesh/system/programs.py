"""Programs that sesh runs itself, never from the current directory; the user's shell; renewed variables.

The program of a session is looked up as in a shell (`daemon/pty/program`). Renewed variables belong to a login: a
display and its authority, an agent, a ticket, an editor's socket; a later login replaces them. The list is tmux's
`update-environment` and the variables that editors set in their shells.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sesh.errors import Unreachable, UsageError
from sesh.names import printable
from sesh.schema.facts import LoginFacts


def search_path() -> str:
    """Return PATH without relative entries; the default path if none are left."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.isabs(folder)) or os.defpath


def environment() -> dict[str, str]:
    """Return the environment of this process with `search_path` as PATH."""
    return {**os.environ, "PATH": search_path()}


def find(name: str) -> str | None:
    """Return a program's path by `search_path`, unless `name` is a path; None if missing."""
    folders = [""] if os.sep in name else search_path().split(os.pathsep)
    paths = (os.path.join(folder, name) for folder in folders)
    return next((path for path in paths if is_program(path)), None)


def cannot_run(name: str, error: OSError, hint: str = "") -> Unreachable:
    """Return the error of a program for a link. `hint`: if missing or forbidden."""
    message = f"cannot run {name}: {error.strerror}"
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return Unreachable(message, hint=hint, reason=message)
    return Unreachable(message, reason=f"{error.strerror} here")


def start(argv: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """Start a program with Popen, by default in `environment`."""
    return subprocess.Popen(argv, env=environment() if env is None else env, **options)


def run(argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run a program without stdin. Raises OSError, and TimeoutExpired after killing it."""
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=timeout, check=False
    )


def printed(*words: str, timeout: float) -> str | None:
    """Return a program's stdout, else its stderr; None if it cannot run or exceeds `timeout`."""
    try:
        done = run(words, timeout)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout or done.stderr)


def shell(creator: Mapping[str, str]) -> str:
    """Return the user's shell: `$SHELL` if absolute and executable, else passwd(5)'s, else /bin/sh."""
    path = creator.get("SHELL", "")
    if os.path.isabs(path) and is_program(path):
        return path
    try:
        path = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        path = ""
    return path if os.path.isabs(path) and is_program(path) else "/bin/sh"


def is_program(path: str) -> bool:
    """Return whether a path is a file that this process may execute."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


RENEWED = (
    "DISPLAY", "KRB5CCNAME", "MSYSTEM", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_CONNECTION", "WAYLAND_DISPLAY", "WINDOWID",
    "XAUTHORITY", "XDG_CURRENT_DESKTOP", "XDG_SESSION_DESKTOP", "XDG_SESSION_TYPE", "VSCODE_IPC_HOOK_CLI",
    "GIT_ASKPASS", "VSCODE_GIT_ASKPASS_MAIN", "VSCODE_GIT_ASKPASS_NODE", "VSCODE_GIT_IPC_HANDLE",
)  # fmt: skip
_MAX_RENEWED, _MAX_VALUE = 64, 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def check_variables(names: Iterable[str]) -> None:
    """Raise UsageError for a name that cannot be renewed: invalid, or one of sesh's own."""
    if wrong := next((name for name in names if not _is_variable(name)), ""):
        raise UsageError(f"{printable(wrong)} is not the name of a variable")


def _is_variable(name: str) -> bool:
    return _NAME.match(name) is not None and not name.startswith("SESH_")


def login_facts(more: Iterable[str] = ()) -> LoginFacts:
    """Return this login's renewed variables and ssh agent, as keys of HELLO."""
    facts: LoginFacts = {"renewed": {name: os.environ.get(name, "") for name in (*RENEWED, *more)}}
    if agent := os.environ.get("SSH_AUTH_SOCK"):
        facts["auth_sock"] = agent
    return facts


def accepted_variables(sent: Mapping[str, str]) -> dict[str, str]:
    """Return a peer's renewed variables, without those that are unsafe for shells."""
    return {
        name: value
        for name, value in list(sent.items())[:_MAX_RENEWED]
        if _is_variable(name) and len(value) <= _MAX_VALUE and value.isprintable()
    }
