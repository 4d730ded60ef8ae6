"""Programs that sesh runs by itself, by their names: no file of the current directory is ever taken for one of them;
and the user's shell.

What the user runs in a session is looked up as a shell does it (`daemon/spawn/environment`).
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping

from sesh.errors import LocalFault, Unreachable


def search_path() -> str:
    """PATH without empty entries (POSIX, XBD 8.3) and relative ones, which mean the current directory.

    If nothing is left it is the system's own.
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.isabs(folder)) or os.defpath


def environment() -> dict[str, str]:
    """This environment with `search_path` as PATH, in which `subprocess`, and the program itself, look up programs."""
    return {**os.environ, "PATH": search_path()}


def find(name: str) -> str | None:
    """The path of a program by its name in `search_path`, or by a path; None if it is not there."""
    folders = [""] if os.sep in name else search_path().split(os.pathsep)
    paths = (os.path.join(folder, name) for folder in folders)
    return next((path for path in paths if is_program(path)), None)


def cannot_run(name: str, error: OSError, hint: str = "") -> Unreachable:
    """The error of a program for a link that was not started. `hint`: if the program itself is what is wrong."""
    message = f"cannot run {name}: {error.strerror}"
    itself = isinstance(error, (FileNotFoundError, PermissionError))
    failure = Unreachable(message, hint=hint) if itself else LocalFault(message)
    failure.reason = message if itself else str(error.strerror)
    return failure


def printed(*words: str, timeout: float) -> str | None:
    """The stdout of a program, or else its stderr; None if it cannot be run, or takes longer than `timeout` seconds."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=environment(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout or done.stderr)


def shell(creator: Mapping[str, str]) -> str:
    """The user's shell: `$SHELL` if it is an absolute path to a program, else the one of passwd(5), else /bin/sh."""
    path = creator.get("SHELL", "")
    if os.path.isabs(path) and is_program(path):
        return path

    try:
        path = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        path = ""
    return path if os.path.isabs(path) and is_program(path) else "/bin/sh"


def is_program(path: str) -> bool:
    """Returns whether a path leads to a file that this process may execute. Never raises."""
    try:
        return os.path.isfile(path) and os.access(path, os.X_OK)
    except ValueError:
        return False  # it contains a NUL
